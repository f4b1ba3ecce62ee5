"""`tg.math`: the mathematical functions under TF's second names for them (TF: `tf.math`)."""

from tinygraph.ops.arithmetic import add, multiply, multiply_no_nan, squared_difference, subtract
from tinygraph.ops.axes import invert_permutation
from tinygraph.ops.broadcasting import reduce_sum
from tinygraph.ops.compare import (
    equal, greater, greater_equal, less, less_equal, logical_and, logical_not, logical_or,
    logical_xor, not_equal,
)
from tinygraph.ops.cumulative import cumprod, cumsum, segment_sum, unsorted_segment_sum
from tinygraph.ops.elementary import (
    abs_ as abs, acos, acosh, asin, asinh, atan, atanh, ceil, cos, cosh, erf, erfc, exp, expm1,
    floor, is_finite, is_inf, is_nan, log, log1p, negative, reciprocal, rint, round_ as round,
    rsqrt, sign, sin, sinh, sqrt, square, tan, tanh,
)
from tinygraph.ops.losses import log_softmax, softmax
from tinygraph.ops.math import (
    accumulate_n, add_n, atan2, div_no_nan as divide_no_nan, divide, floordiv, floormod, maximum,
    minimum, mod, pow_ as pow, scalar_mul, truediv,
)
from tinygraph.ops.nn import l2_normalize, log_sigmoid, sigmoid, softplus, softsign, zero_fraction
from tinygraph.ops.reduce import (
    count_nonzero, reduce_all, reduce_any, reduce_euclidean_norm, reduce_logsumexp, reduce_max,
    reduce_mean, reduce_min, reduce_prod,
)
from tinygraph.ops.selecting import argmax, argmin, in_top_k, top_k
