"""`tg.initializers`: what makes initial values, under TF's names (TF: `tf.initializers`)."""

# Made by tools/make_stubs.py; do not edit.

from tinygraph.variables.initializers import (
    Initializer as Initializer, constant_initializer as _constant,
    glorot_normal_initializer as _glorot_normal, glorot_uniform_initializer as _glorot_uniform,
    he_normal as he_normal, he_uniform as he_uniform, identity_initializer as _identity,
    lecun_normal as lecun_normal, lecun_uniform as lecun_uniform, ones_initializer as _ones,
    orthogonal_initializer as _orthogonal, random_normal_initializer as _random_normal,
    random_uniform_initializer as _random_uniform,
    truncated_normal_initializer as _truncated_normal,
    uniform_unit_scaling_initializer as _uniform_unit_scaling,
    variance_scaling_initializer as _variance_scaling, zeros_initializer as _zeros,
)

constant = _constant
glorot_normal = _glorot_normal
glorot_uniform = _glorot_uniform
identity = _identity
ones = _ones
orthogonal = _orthogonal
random_normal = _random_normal
random_uniform = _random_uniform
truncated_normal = _truncated_normal
uniform_unit_scaling = _uniform_unit_scaling
variance_scaling = _variance_scaling
zeros = _zeros
