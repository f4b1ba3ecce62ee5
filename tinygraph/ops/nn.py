"""Neural network ops: activations, bias, dropout, normalisation."""

from __future__ import annotations

import numbers
from typing import Any

from tinygraph.arguments import either, flag, sequence, text
from tinygraph.defaults import name_scope
from tinygraph.dtypes import float32
from tinygraph.errors import DTypeError, GraphError, ShapeError
from tinygraph.families import check_dtypes, composite
from tinygraph.graph import Node
from tinygraph.op import Op, as_node
from tinygraph.ops.array import as_shape_node, dim_of, shape_of
from tinygraph.ops.axes import axes_kept, late_axes
from tinygraph.ops.broadcasting import broadcast_like, merged, reduce_sum, zeros_like
from tinygraph.ops.compare import (
    cast, equal, exact, in_float32, keep_where, logical_and, logical_not,
)
from tinygraph.ops.elementary import (
    abs_, exp, expm1, log1p, rsqrt, sigmoid_slope, sqrt, square, tail,
)
from tinygraph.ops.linalg import matmul
from tinygraph.ops.math import maximum, minimum, realdiv
from tinygraph.ops.random import random_uniform
from tinygraph.ops.reduce import dropped, group_size, known_axes, reduce_euclidean_norm, reduce_mean
from tinygraph.ops.reshaping import reshape
from tinygraph.ops.rules import alike, at_least_rank, equal_dims
from tinygraph.spec import SCALAR, Shape, Spec
from tinygraph.typing import AxisLike, ShapeLike, TensorLike

# ---------------------------------------------------------------- piecewise linear
# Where a slope jumps, the rules make TF1's choice: 0 for relu at 0 and for relu6 at 6, alpha for
# leaky_relu at 0.


def _slope(name: str, body: Any) -> Op:
    """The gradient of a piecewise linear op: linear in g, and with a gradient of 0 at x, as in TF1.

    By its parts alone it would have no gradient at x, whose comparisons have none.
    """
    slope: Op = composite(
        name, body,
        lambda h, y, g, x, **attrs: slope(h, x, **attrs),
        lambda h, y, g, x, **attrs: zeros_like(x),
        params=("gradients", "features"), infer=lambda g, x, **attrs: g,
        doc="What arrives at the input of a piecewise linear op.")
    return slope


relu_grad = _slope("ReluGrad", lambda g, x: keep_where(g, x > 0))
relu6_grad = _slope("Relu6Grad", lambda g, x: keep_where(g, logical_and(x > 0, x < 6)))
leaky_relu_grad = _slope("LeakyReluGrad",
    lambda g, x, alpha: keep_where(g, x > 0) + alpha * keep_where(g, logical_not(x > 0)))
relu = composite("Relu", lambda features: maximum(features, 0),
    lambda g, y, features: relu_grad(g, y), infer=alike("number"),
    doc="""max(features, 0), elementwise.

    >>> tg.nn.relu([-1.0, 0.0, 2.0]).eval()
    array([0., 0., 2.], dtype=float32)
    """)
relu6 = composite("Relu6", lambda features: minimum(maximum(features, 0), 6),
    lambda g, y, features: relu6_grad(g, y), infer=alike("number"),
    doc="""min(max(features, 0), 6), elementwise.

    >>> tg.nn.relu6([-1.0, 3.0, 7.0]).eval()
    array([0., 3., 6.], dtype=float32)
    """)
leaky_relu_op = composite("LeakyRelu",
    lambda x, alpha: (maximum if alpha <= 1 else minimum)(x, x * alpha),
    lambda g, y, x, alpha: leaky_relu_grad(g, x, alpha=alpha), infer=alike(),
    doc="x for x > 0, else alpha * x, elementwise.")


def leaky_relu(features: TensorLike, alpha: float = 0.2, name: str | None = None) -> Node:
    """`features` where positive, else alpha * features. Ints become float32. Maas et al., 2013.

    >>> tg.nn.leaky_relu([-1.0, 2.0]).eval()
    array([-0.2,  2. ], dtype=float32)
    """
    features = as_node(features, name="features")
    if features.dtype.is_integer:
        features = cast(features, float32)
    if not isinstance(alpha, numbers.Real):
        raise DTypeError(f"alpha is a number, not {alpha!r}")
    return leaky_relu_op(features, alpha=float(alpha), name=name)


# ---------------------------------------------------------------- smooth

# Klambauer et al., 2017: with these a layer keeps mean 0 and variance 1.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

elu = composite("Elu", lambda features: maximum(features, 0) + expm1(minimum(features, 0)),
    lambda g, y, features: g * exp(minimum(features, 0)), infer=alike(),
    doc="""`features` where positive, else exp(features) - 1. Clevert et al., 2015.

    >>> tg.nn.elu([-1.0, 0.0, 2.0]).eval().round(4)
    array([-0.6321,  0.    ,  2.    ], dtype=float32)
    """)
selu = composite("Selu",
    lambda x: SELU_SCALE * (maximum(x, 0) + SELU_ALPHA * expm1(minimum(x, 0))),
    lambda g, y, features: keep_where(g, logical_not(features < 0)) * SELU_SCALE
    + keep_where(g, features < 0) * (SELU_SCALE * SELU_ALPHA * exp(minimum(features, 0))),
    infer=alike(),
    doc="""scale * elu(features), times alpha below 0; scale is 1.0507, alpha 1.6733.

    >>> tg.nn.selu([-1.0, 1.0]).eval().round(4)
    array([-1.1113,  1.0507], dtype=float32)
    """)


# The numerator is e^x for x < 0, else 1. Of the forms with all digits in both tails the fastest is
# 1 / (1 + e^-x), 61 us for 100 x 784 float32 where this one takes 90, but its e^-x overflows and is
# of no use to the loss. (1 + tanh(x/2)) / 2 takes 50 us but has no digits left for x < -10.
sigmoid = composite("Sigmoid", lambda x: maximum(tail(x), cast(x > 0, x.dtype)) / (1 + tail(x)),
    lambda g, y, x: g * sigmoid_slope(x), infer=alike(),
    doc="""1 / (1 + exp(-x)), elementwise, without overflow.

    >>> tg.nn.sigmoid([-1000.0, 0.0, 1000.0]).eval()
    array([0. , 0.5, 1. ], dtype=float32)
    """)
softplus = composite("Softplus", lambda features: maximum(features, 0) + log1p(tail(features)),
    lambda g, y, features: g * sigmoid(features), infer=alike(),
    doc="""log(1 + exp(features)), elementwise, as max(features, 0) + log1p(exp(-|features|)).

    >>> tg.nn.softplus([-1000.0, 1000.0]).eval()
    array([   0., 1000.], dtype=float32)
    """)
log_sigmoid = composite("LogSigmoid", lambda x: minimum(x, 0) - log1p(tail(x)),
    lambda g, y, x: g * sigmoid(-x), infer=alike(),
    doc="""log(sigmoid(x)), elementwise, as min(x, 0) - log1p(exp(-|x|)).

    >>> tg.log_sigmoid([-1000.0, 1000.0]).eval()
    array([-1000.,     0.], dtype=float32)
    """)
softsign = composite("Softsign", lambda features: features / (1 + abs_(features)),
    lambda g, y, features: g / (1 + abs_(features)) / (1 + abs_(features)), infer=alike(),
    doc="""features / (1 + |features|), elementwise.

    >>> tg.nn.softsign([-1.0, 3.0]).eval()
    array([-0.5 ,  0.75], dtype=float32)
    """)

# ---------------------------------------------------------------- layers


def _bias_spec(value: Spec, bias: Spec, channels_first: bool) -> Spec:
    dtype = check_dtypes((value, bias), "number")
    if bias.shape.ndims not in (1, None):
        raise ShapeError(f"Shape must be rank 1 but is rank {bias.shape.ndims}")
    dims, (length,) = at_least_rank(value, 2), bias.shape.sizes or (None,)
    if dims is None:
        return Spec(value.shape, dtype)
    at = 1 if channels_first else len(dims) - 1
    return Spec(Shape.of((*dims[:at], equal_dims(dims[at], length), *dims[at + 1 :])), dtype)


def _bias_body(value: Node, bias: Node, channels_first: bool) -> Node:
    if channels_first:
        bias = reshape(bias, (-1,) + (1,) * (len(value.shape) - 2))
    return value + bias


bias_add_op = composite("BiasAdd", _bias_body,
    lambda g, y, value, bias, channels_first: g,
    lambda g, y, value, bias, channels_first:
        reduce_sum(g, (0, *range(2, len(g.shape)))) if channels_first else g,
    broadcasts=True, infer=_bias_spec,
    doc="value + bias along the channels' axis.")


def bias_add(
    value: TensorLike, bias: TensorLike, data_format: str | None = None, name: str | None = None
) -> Node:
    """Add a vector along the last axis, or along the second one for a data_format "NC...".

    Raises ShapeError where the bias is no vector, or not of that axis' size.

    >>> tg.nn.bias_add([[1.0, 2.0], [3.0, 4.0]], [10.0, 20.0]).eval()
    array([[11., 22.],
           [13., 24.]], dtype=float32)
    """
    form = "NHWC" if data_format is None else text(data_format, "data_format")
    if not (form.startswith("NC") or form.startswith("N") and form.endswith("C")):
        raise GraphError(f"data_format must be of the form `N...C` or `NC...`, not {form!r}")
    with name_scope(name, "BiasAdd", [value, bias]) as scope:
        value = as_node(value, name="input")
        bias = as_node(bias, value.dtype, name="bias", graph=value.graph)
        return bias_add_op(value, bias, channels_first=form.startswith("NC"), name=scope)


def xw_plus_b(
    x: TensorLike, weights: TensorLike, biases: TensorLike, name: str | None = None
) -> Node:
    """x @ weights + biases.

    >>> tg.nn.xw_plus_b([[1.0, 2.0]], [[1.0], [1.0]], [0.5]).eval()
    array([[3.5]], dtype=float32)
    """
    with name_scope(name, "xw_plus_b", [x, weights, biases]) as scope:
        return bias_add(matmul(x, weights), biases, name=scope)


def relu_layer(
    x: TensorLike, weights: TensorLike, biases: TensorLike, name: str | None = None
) -> Node:
    """relu(x @ weights + biases).

    >>> tg.nn.relu_layer([[1.0, -2.0]], [[1.0, 1.0], [1.0, 0.0]], [0.5, 0.0]).eval()
    array([[0., 1.]], dtype=float32)
    """
    with name_scope(name, "relu_layer", [x, weights, biases]) as scope:
        return relu(bias_add(matmul(x, weights), biases), name=scope)


# ---------------------------------------------------------------- dropout


def _rate(keep_prob: Any, rate: Any) -> tuple[Any, Any]:
    """(keep, rate), each a number or a scalar tensor; GraphError (a ValueError) if out of range."""
    if (keep_prob is None) == (rate is None):
        raise GraphError("dropout needs either a rate or a keep_prob")
    value, what = (keep_prob, "keep_prob") if rate is None else (rate, "rate")
    if isinstance(value, Node):
        if value.shape.ndims not in (0, None):
            raise ShapeError(f"{what} must be a scalar, not of shape {value.shape}")
    elif not isinstance(value, numbers.Real):
        raise GraphError(f"{what} must be a floating point number or Tensor (got {value!r})")
    elif not 0 <= float(value) <= 1 or float(value) == (0 if rate is None else 1):
        raise GraphError(
            f"{what} must be a scalar tensor or a float in the range "
            f"{'(0, 1]' if rate is None else '[0, 1)'}, got {float(value):g}")
    return (value, 1 - value) if rate is None else (1 - value, value)


def _noise_shape(x: Node, noise_shape: Any) -> Node:
    """The shape of the mask; a dimension of None is x's."""
    if noise_shape is None:
        return shape_of(x)
    if isinstance(noise_shape, Node):
        return noise_shape
    dims = [getattr(d, "value", d) for d in sequence(noise_shape, "noise_shape")]
    if any(d is None for d in dims) and x.shape.ndims not in (None, len(dims)):
        raise ShapeError(f"noise_shape {dims} takes dimensions from a tensor of shape {x.shape}")
    return as_shape_node([dim_of(x, i) if d is None else d for i, d in enumerate(dims)])


def dropout(
    x: TensorLike, keep_prob: TensorLike | None = None, noise_shape: ShapeLike = None,
    seed: int | None = None, name: str | None = None, rate: TensorLike | None = None,
) -> Node:
    """Zero each element with probability `rate`, and divide the others by keep_prob = 1 - rate.

    So the expected sum stays. The gradient passes through the elements that the same run kept.
    `noise_shape`, which broadcasts to x's shape, makes elements share their fate; `rate` and
    `keep_prob` may be scalar tensors. With keep_prob 1 the result is x itself.

    Raises GraphError (a ValueError) for ints and for rates out of range. Srivastava et al., 2014.

    >>> tg.nn.dropout(tg.ones([6]), keep_prob=0.5, seed=1).eval()
    array([0., 2., 0., 0., 2., 0.], dtype=float32)
    """
    keep, rate = _rate(keep_prob, rate)
    with name_scope(name, "dropout", [x]) as scope:
        x = as_node(x, name="x")
        if not x.dtype.is_floating:
            raise GraphError(
                "x has to be a floating point tensor since it's going to be scaled. "
                f"Got a {x.dtype.name} tensor instead.")
        keep, rate = _like(x, keep, "keep_prob"), _like(x, rate, "rate")
        for factor, nothing in ((keep, 1), (rate, 0)):
            if factor.spec.constant == nothing:
                factor.graph.use_value(factor, "dropout")
                return x
        drawn = random_uniform(_noise_shape(x, noise_shape), seed=seed, dtype=x.dtype)
        return keep_where(x / keep, broadcast_like(drawn >= rate, x), name=scope)


def _like(x: Node, value: Any, name: str) -> Node:
    """A number or tensor as a tensor of x's dtype."""
    value = value if isinstance(value, Node) else float(value)
    return as_node(value, x.dtype, name=name, graph=x.graph)


# ---------------------------------------------------------------- statistics, normalisation


def _centered(x: Node, axis: tuple[int, ...] | None) -> Node:
    return x - reduce_mean(x, axis, keepdims=True)


variance_op = composite("Variance",
    lambda x, axis: reduce_mean(square(_centered(x, axis)), axis, keepdims=True),
    lambda g, y, x, axis: g * _centered(x, axis) * (2 / group_size(x, y, axis, x.dtype)),
    doc="""mean((x - mean(x))²) over `axis`, whose dimensions stay as 1. Two passes: E[x²] - E[x]²
    would cancel. The rule needs no derivative of the mean, as the deviations add up to 0.
    """)


def moments(
    x: TensorLike, axes: AxisLike, shift: TensorLike | None = None, name: str | None = None,
    keep_dims: bool | None = None, keepdims: bool | None = None,
) -> tuple[Node, Node]:
    """The mean and the variance over `axes`; `shift` is for old programs and changes nothing.

    >>> mean, variance = tg.nn.moments(tg.constant([1.0, 2.0, 3.0, 4.0]), axes=[0])
    >>> print(mean.eval(), variance.eval())
    2.5 1.25
    """
    with name_scope(name, "moments", [x]):
        x = as_node(x, name="x")
        keepdims = either(keepdims, keep_dims, "'keep_dims' and 'keepdims'")
        keepdims = flag(keepdims, "keepdims", default=False)
        late = late_axes(axes)
        if late is not None:
            mean, variance = moments(merged(x, late), [0])
            if not keepdims:
                return mean, variance
            kept = axes_kept(shape_of(x), late)
            return reshape(mean, kept), reshape(variance, kept)
        wide = exact(x)
        axis = known_axes(axes, x)
        mean = reduce_mean(wide, axis, keepdims=True, name="mean")
        variance = variance_op(wide, axis=axis, name="variance")
        if not keepdims:
            mean, variance = dropped(mean, x, axis), dropped(variance, x, axis)
        return cast(mean, x.dtype), cast(variance, x.dtype)


def batch_normalization(
    x: TensorLike, mean: TensorLike, variance: TensorLike, offset: TensorLike | None,
    scale: TensorLike | None, variance_epsilon: TensorLike, name: str | None = None,
) -> Node:
    """scale * (x - mean) / sqrt(variance + variance_epsilon) + offset; Ioffe and Szegedy, 2015.

    `scale` and `offset` may be None. All broadcast against x.

    >>> tg.nn.batch_normalization(tg.constant([1.0, 3.0]), 2.0, 1.0, 0.5, 2.0, 0.0).eval()
    array([-1.5,  2.5], dtype=float32)
    """
    with name_scope(name, "batchnorm", [x, mean, variance, scale, offset]):
        x = as_node(x, name="x")
        variance = as_node(variance, None if isinstance(variance, Node) else x.dtype)
        wide, variance = exact(x), exact(variance)
        mean = exact(mean) if isinstance(mean, Node) else mean
        offset, scale = (exact(v) if isinstance(v, Node) else v for v in (offset, scale))
        inverse = rsqrt(variance + variance_epsilon)
        if scale is not None:
            inverse = inverse * scale
        shift = -inverse * mean
        if offset is not None:
            shift = shift + offset
        return cast(wide * cast(inverse, wide.dtype) + cast(shift, wide.dtype), x.dtype)


l2_loss = composite("L2Loss", in_float32(lambda t: reduce_sum(square(t)) / 2),
    lambda g, y, t: g * t, infer=lambda t: Spec(SCALAR, check_dtypes((t,), "float")),
    doc="""sum(t²) / 2.

    >>> print(tg.nn.l2_loss([3.0, 4.0]).eval())
    12.5
    """)


def l2_normalize(
    x: TensorLike, axis: AxisLike = None, epsilon: float = 1e-12, name: str | None = None,
    dim: AxisLike = None,
) -> Node:
    """x / sqrt(max(sum(x²), epsilon)), with the sum over `axis`; finite at 0, also its gradient.

    The squares leave no dtype's range: float16s are computed with in float32, others as by norm.

    >>> tg.nn.l2_normalize([3.0, 4.0]).eval()
    array([0.6, 0.8], dtype=float32)
    """
    with name_scope(name, "l2_normalize", [x]) as scope:
        x = as_node(x, name="x")
        wide = exact(x)
        size = reduce_euclidean_norm(wide, either(axis, dim, "'axis' and 'dim'"), keepdims=True)
        epsilon = exact(epsilon) if isinstance(epsilon, Node) else epsilon
        least = sqrt(maximum(as_node(epsilon, wide.dtype, "epsilon", x.graph), 0))
        if wide is x:
            return realdiv(x, maximum(size, least), name=scope)
        return cast(wide / maximum(size, least), x.dtype, name=scope)


def zero_fraction(value: TensorLike, name: str | None = None) -> Node:
    """The fraction of zeros, as a float32; NaN where there is nothing.

    >>> print(tg.nn.zero_fraction([0.0, 1.0, 0.0, 3.0]).eval())
    0.5
    """
    with name_scope(name, "zero_fraction", [value]):
        value = as_node(value, name="value")
        zero = as_node(0, value.dtype, name="zero", graph=value.graph)
        return reduce_mean(cast(equal(value, zero), float32), name="fraction")
