"""`tg.math`: the mathematical functions under TF's second names for them (TF: `tf.math`)."""

# Made by tools/make_stubs.py; do not edit.

from tinygraph import (
    abs as abs, acos as acos, acosh as acosh, add as add, argmax as argmax, argmin as argmin,
    asin as asin, asinh as asinh, atan as atan, atan2 as atan2, atanh as atanh, ceil as ceil,
    cos as cos, cosh as cosh, cumprod as cumprod, cumsum as cumsum, div_no_nan as _divide_no_nan,
    equal as equal, erf as erf, erfc as erfc, exp as exp, expm1 as expm1, floor as floor,
    floormod as floormod, greater as greater, greater_equal as greater_equal,
    invert_permutation as invert_permutation, is_finite as is_finite, is_inf as is_inf,
    is_nan as is_nan, less as less, less_equal as less_equal, log as log, log1p as log1p,
    log_sigmoid as log_sigmoid, logical_and as logical_and, logical_not as logical_not,
    logical_or as logical_or, logical_xor as logical_xor, maximum as maximum, minimum as minimum,
    floormod as _mod, multiply as multiply, multiply_no_nan as multiply_no_nan,
    negative as negative, not_equal as not_equal, pow as pow, reciprocal as reciprocal,
    reduce_all as reduce_all, reduce_any as reduce_any,
    reduce_euclidean_norm as reduce_euclidean_norm, reduce_logsumexp as reduce_logsumexp,
    reduce_max as reduce_max, reduce_mean as reduce_mean, reduce_min as reduce_min,
    reduce_prod as reduce_prod, reduce_sum as reduce_sum, rint as rint, rsqrt as rsqrt,
    segment_sum as segment_sum, sigmoid as sigmoid, sign as sign, sin as sin, sinh as sinh,
    sqrt as sqrt, square as square, squared_difference as squared_difference, subtract as subtract,
    tan as tan, tanh as tanh, unsorted_segment_sum as unsorted_segment_sum, Tensor,
)
from tinygraph.ops.elementary import round_ as _round
from tinygraph.ops.math import (
    accumulate_n as accumulate_n, add_n as add_n, truediv as _divide, floordiv as floordiv,
    scalar_mul as scalar_mul, truediv as truediv,
)
from tinygraph.ops.nn import l2_normalize as l2_normalize, zero_fraction as zero_fraction
from tinygraph.ops.reduce import count_nonzero as count_nonzero
from tinygraph.ops.selecting import top_k as top_k
from tinygraph.typing import AxisLike, TensorLike

def in_top_k(
    predictions: TensorLike,
    targets: TensorLike,
    k: TensorLike,
    name: str | None = None,
) -> Tensor:
    """Whether fewer than `k` predictions of a row are larger than that of its target.

    False for a target out of range and for a row with a prediction that is not finite.

    >>> tg.nn.in_top_k([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]], [2, 1], 2).eval()
    array([ True, False])
    """

def log_softmax(
    logits: TensorLike,
    axis: AxisLike = None,
    name: str | None = None,
    dim: AxisLike = None,
) -> Tensor:
    """logits - log(sum(exp(logits))) along `axis`, the last one by default.

    >>> tg.nn.log_softmax([0.0, 1e4]).eval()
    array([-10000.,      0.], dtype=float32)
    """

def softmax(
    logits: TensorLike,
    axis: AxisLike = None,
    name: str | None = None,
    dim: AxisLike = None,
) -> Tensor:
    """exp(logits) / sum(exp(logits)) along `axis`, the last one by default.

    >>> tg.nn.softmax([[0.0, 0.0], [1e4, 0.0]]).eval()
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """

def softplus(features: TensorLike, name: str | None = None) -> Tensor:
    """log(1 + exp(features)), elementwise, as max(features, 0) + log1p(exp(-|features|)).

    >>> tg.nn.softplus([-1000.0, 1000.0]).eval()
    array([   0., 1000.], dtype=float32)
    """

def softsign(features: TensorLike, name: str | None = None) -> Tensor:
    """features / (1 + |features|), elementwise.

    >>> tg.nn.softsign([-1.0, 3.0]).eval()
    array([-0.5 ,  0.75], dtype=float32)
    """

divide = _divide
divide_no_nan = _divide_no_nan
mod = _mod
round = _round
