"""`tg.random`: random values under TF's second names for them (TF: `tf.random`)."""

# Made by tools/make_stubs.py; do not edit.

from tinygraph import random_shuffle as _shuffle
from tinygraph.defaults import set_random_seed as set_random_seed
from tinygraph.ops.random import (
    categorical as categorical, multinomial as multinomial, random_normal as _normal,
    truncated_normal as truncated_normal, random_uniform as _uniform,
)

normal = _normal
shuffle = _shuffle
uniform = _uniform
