"""Reductions over axes, and what broadcasting needs to be undone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.arguments import either, named
from tinygraph.dtypes import DType, int64
from tinygraph.families import check_dtypes, composite, reduced_shape, reduction
from tinygraph.graph import Node
from tinygraph.kernels.summation import Array, Axis, int_mean_over, norm_over
from tinygraph.op import as_node, constant
from tinygraph.ops.array import shape_of, size, static_ints, stop_gradient
from tinygraph.ops.axes import in_front
from tinygraph.ops.broadcasting import ones_like, over_axes, reduce_sum, spread
from tinygraph.ops.compare import (
    cast, greater, in_float32, keep_where, less, logical_not, not_equal,
)
from tinygraph.ops.cumulative import cumprod
from tinygraph.ops.elementary import exp, is_nan, log
from tinygraph.ops.joining import concat_op
from tinygraph.ops.math import div_no_nan, maximum
from tinygraph.ops.reshaping import reshape, squeeze
from tinygraph.spec import Spec
from tinygraph.typing import AxisLike, DTypeLike, TensorLike

# ---------------------------------------------------------------- groups of axes


def known_axes(axis: Any, x: Node) -> Axis:
    """TF's `axis` as a tuple of ints, non-negative where the rank is known; None for all axes.

    What is out of range stays as it is, for the op's shape rule to complain of.
    """
    if axis is None:
        return None
    rank = x.shape.ndims or 0
    return tuple(a + rank if -rank <= a < 0 else a for a in static_ints(axis, "axis"))


def grouped(x: Node, axes: Node) -> tuple[Node, Node, Node]:
    """`x` with `axes` in front, their sizes, and the sizes of the other axes."""
    front, _ = in_front(x, axes)
    dims: Any = shape_of(front)
    count = size(axes)
    return front, dims[:count], dims[count:]


def join(*vectors: Node) -> Node:
    """Vectors one after another."""
    return concat_op(*vectors, axis=0)


def group_size(x: Node, y: Node, axis: Axis, dtype: DType) -> Node:
    """How many elements of `x` make one of `y`, its reduction over `axis`, as a scalar."""
    dims = x.shape.sizes
    wanted = dims if dims is None or axis is None else [dims[a] for a in axis]
    if wanted is None or None in wanted:
        return cast(size(x) // maximum(size(y), 1), dtype)
    count = math.prod(wanted)  # type: ignore[arg-type]
    return constant(np.array(count, dtype.numpy), name="size", graph=x.graph)


# ---------------------------------------------------------------- mean


@in_float32
def _mean_body(x: Node, axis: Axis, keepdims: bool) -> Node:
    if x.dtype.is_integer:
        return int_mean_op(x, axis=axis, keepdims=keepdims)
    total = reduce_sum(x, axis=axis, keepdims=keepdims)
    return total / group_size(x, total, axis, x.dtype)


@in_float32
def _mean_rule(g: Node, y: Node, x: Node, axis: Axis, keepdims: bool) -> Node:
    return spread(g / group_size(x, y, axis, x.dtype), x, axis, keepdims)


int_mean_op = reduction("IntMean", int_mean_over, accepts="int", doc="The mean of ints, as an int.")


def _reduced_spec(accepts: str) -> Callable[..., Spec]:
    def infer(x: Spec, axis: Axis = None, keepdims: bool = False) -> Spec:
        return Spec(reduced_shape(x.shape, axis, keepdims), check_dtypes((x,), accepts))

    return infer


reduce_mean = composite("Mean", _mean_body, _mean_rule, params=("input_tensor",),
    infer=_reduced_spec("number"), attrs=over_axes(),
    doc="""The mean over `axis`, an int or ints, or over all axes; of ints it is an int, as in TF1.

    >>> tg.reduce_mean([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([2., 3.], dtype=float32)
    """)


# ---------------------------------------------------------------- max and min


FEW = 32  # columns; across so few NumPy takes 50 us for 1,000 rows, down the transpose 9


def _extreme(ufunc: np.ufunc, name: str, of_nothing: Callable[[Any], Any]) -> Callable:
    """The kernel of a maximum or minimum, which over nothing is the dtype's own limit."""

    def kernel(x: Array, out: Array, axis: Axis, keepdims: bool) -> Array:
        if x.ndim == 2 and axis == (1,) and 0 < x.shape[1] <= FEW:
            ufunc.reduce(np.ascontiguousarray(x.T), axis=0, out=out.reshape(-1))
            return out
        if x.size:
            return ufunc.reduce(x, axis=axis, out=out, keepdims=keepdims)
        start = of_nothing(np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype))
        return ufunc.reduce(x, axis=axis, out=out, keepdims=keepdims, initial=start)

    kernel.__name__ = name
    return kernel


def _extreme_rule(closer: Callable[[Node, Node], Node]) -> Callable:
    """The rule of Max, where `closer` is `less`, and of Min, where it is `greater`.

    The elements that equal the extreme get equal shares of its gradient. They are found as those
    for which `closer(x, extreme)` is false. That holds for all elements where the extreme is NaN;
    then the gradient of each is NaN.
    """

    @in_float32
    def rule(g: Node, y: Node, x: Node, axis: Axis, keepdims: bool) -> Node:
        ties = logical_not(closer(x, spread(y, x, axis, keepdims)))
        count = reduce_sum(cast(ties, x.dtype), axis=axis, keepdims=keepdims)
        share = g / count + keep_where(y, is_nan(y))
        return keep_where(spread(share, x, axis, keepdims), ties)

    return rule


reduce_max = reduction("Max",
    _extreme(np.maximum, "max_over", lambda limit: -limit if limit is np.inf else limit.min),
    _extreme_rule(less), attrs=over_axes(),
    doc="""The largest element over `axis`, an int or ints, or over all axes; NaN if there is one.

    Elements that tie share the gradient. Over nothing it is -inf, or the smallest int.

    >>> tg.reduce_max([[1.0, 4.0], [3.0, 2.0]], axis=0).eval()
    array([3., 4.], dtype=float32)
    """)
reduce_min = reduction("Min",
    _extreme(np.minimum, "min_over", lambda limit: limit if limit is np.inf else limit.max),
    _extreme_rule(greater), attrs=over_axes(),
    doc="""The smallest element over `axis`, an int or ints, or over all axes; NaN if there is one.

    Elements that tie share the gradient. Over nothing it is inf, or the largest int.

    >>> tg.reduce_min([[1.0, 4.0], [3.0, 2.0]], axis=0).eval()
    array([1., 2.], dtype=float32)
    """)


# ---------------------------------------------------------------- product


def prod_over(x: Array, out: Array, axis: Axis, keepdims: bool) -> Array:
    if x.dtype == np.float16:
        wide = np.empty(out.shape, np.float32)
        np.copyto(out, prod_over(x.astype(np.float32), wide, axis, keepdims), "same_kind")
        return out
    return np.multiply.reduce(x, axis=axis, dtype=x.dtype, out=out, keepdims=keepdims)


def _product_of_others(x: Node, axis: Axis) -> Node:
    """At each element the product of the others of its group, right at zeros too."""
    if axis is None:
        flat = reshape(x, [-1])
        return reshape(_product_of_others(flat, (0,)), shape_of(x))
    if not axis:
        return ones_like(x)
    here, *rest = axis
    before = cumprod(x, axis=here, exclusive=True, reverse=False)
    after = cumprod(x, axis=here, exclusive=True, reverse=True)
    if not rest:
        return before * after
    product = reduce_prod(x, axis=(here,), keepdims=True)
    return before * after * _product_of_others(product, tuple(rest))


reduce_prod = reduction("Prod", prod_over,
    lambda g, y, x, axis, keepdims: spread(g, x, axis, keepdims) * _product_of_others(x, axis),
    attrs=over_axes(),
    doc="""The product over `axis`, an int or ints, or over all axes.

    The gradient is right at zeros too.

    >>> tg.reduce_prod([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([3., 8.], dtype=float32)
    """)


# ---------------------------------------------------------------- any and all

reduce_any = reduction("Any", np.any, accepts="bool", attrs=over_axes(),
    doc="""Whether any of the bools is true, over `axis`, an int or ints, or over all axes.

    >>> tg.reduce_any([[True, False], [False, False]], axis=0).eval()
    array([ True, False])
    """)
reduce_all = reduction("All", np.all, accepts="bool", attrs=over_axes(),
    doc="""Whether all of the bools are true, over `axis`, an int or ints, or over all axes.

    >>> tg.reduce_all([[True, False], [True, True]], axis=0).eval()
    array([ True, False])
    """)


# ---------------------------------------------------------------- log-sum-exp and the norm


def _shifted_exp(x: Node, axis: Axis) -> tuple[Node, Node, Node]:
    """exp(x - m), its sum over `axis`, and m: the maximum, or 0 where that is -inf or NaN.

    Beside an infinite maximum the exponentials are 0, but 1 for each x that is infinite too.
    """
    top = reduce_max(x, axis=axis, keepdims=True)
    m = stop_gradient(keep_where(top, top > -math.inf))
    e = exp(keep_where(x - m, not_equal(x, math.inf)))
    return e, reduce_sum(e, axis=axis, keepdims=True), m


@in_float32
def _logsumexp_body(x: Node, axis: Axis, keepdims: bool) -> Node:
    _, total, m = _shifted_exp(x, axis)
    y = log(total) + m
    return y if keepdims else dropped(y, x, axis)


def dropped(y: Node, x: Node, axis: Axis) -> Node:
    """A reduction of x with keepdims, without the dims that it kept."""
    if axis is None:
        return reshape(y, [])
    return squeeze(y, axis=axis) if axis else y


@in_float32
def _logsumexp_rule(g: Node, y: Node, x: Node, axis: Axis, keepdims: bool) -> Node:
    """g softmax(x): exp(x - y) would be 1 for each of two equal numbers too large to add to."""
    e, total, _ = _shifted_exp(x, axis)
    return spread(g, x, axis, keepdims) * div_no_nan(e, total)


reduce_logsumexp = composite("LogSumExp", _logsumexp_body, _logsumexp_rule,
    params=("input_tensor",), infer=_reduced_spec("float"), attrs=over_axes("ReduceLogSumExp"),
    doc="""log Σ exp(input_tensor) over `axis`, an int or ints, or over all axes, without overflow.

    >>> print(tg.reduce_logsumexp([1000.0, 1000.0]).eval())
    1000.6931
    """)


reduce_euclidean_norm = reduction("EuclideanNorm", norm_over,
    lambda g, y, x, axis, keepdims:
        spread(g, x, axis, keepdims) * div_no_nan(x, spread(y, x, axis, keepdims)),
    accepts="float", attrs={key: over_axes()[key] for key in ("axis", "keepdims", "name")},
    doc="""√(Σ x²) over `axis`, an int or ints, or over all axes; the gradient at 0 is 0.

    >>> tg.reduce_euclidean_norm([[3.0, 4.0], [0.0, 0.0]], axis=1).eval()
    array([5., 0.], dtype=float32)
    """)


def count_nonzero(
    input_tensor: TensorLike | None = None, axis: AxisLike = None, keepdims: bool | None = None,
    dtype: DTypeLike = int64, name: str | None = None, reduction_indices: AxisLike = None,
    keep_dims: bool | None = None, input: TensorLike | None = None,
) -> Node:
    """How many elements are not 0, or are True, over `axis`, or over all axes.

    >>> tg.count_nonzero([[0, 1], [2, 3]], axis=0).eval()
    array([1, 2])
    """
    x = as_node(either(input_tensor, input, "'input_tensor' and 'input'"), name="input")
    counted = x if x.dtype.is_bool else not_equal(x, 0)
    name = named(name, "count_nonzero")
    given = cast(counted, int64), axis, keepdims, name, reduction_indices, keep_dims
    return cast(reduce_sum(*given), dtype)
