"""`tg.random`: random values under TF's second names for them (TF: `tf.random`)."""

from tinygraph.defaults import set_random_seed
from tinygraph.ops.random import (
    categorical, multinomial, random_normal as normal, random_shuffle as shuffle,
    random_uniform as uniform, truncated_normal,
)
