"""Norms of vectors and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.arguments import either, flag, named, number
from tinygraph.defaults import name_scope
from tinygraph.errors import GraphError
from tinygraph.families import check_dtypes, composite, reduced_shape
from tinygraph.graph import Node
from tinygraph.op import as_node
from tinygraph.ops.array import as_shape_node
from tinygraph.ops.axes import in_front, put_back, transpose
from tinygraph.ops.broadcasting import reduce_sum, spread
from tinygraph.ops.compare import cast, in_float32, keep_where, logical_not, not_equal
from tinygraph.ops.decompositions import self_adjoint_eig
from tinygraph.ops.elementary import abs_, is_finite, sign
from tinygraph.ops.linalg import matmul
from tinygraph.ops.math import div_no_nan, pow_
from tinygraph.ops.reduce import Axis, dropped, known_axes, reduce_euclidean_norm, reduce_max
from tinygraph.ops.reshaping import expand_op
from tinygraph.spec import Spec
from tinygraph.typing import AxisLike, TensorLike


@in_float32
def _p_norm_body(x: Node, p: float, axis: Axis, keepdims: bool) -> Node:
    """Of x over its largest element, as the powers of x itself may leave the dtype's range."""
    top = reduce_max(abs_(x), axis=axis, keepdims=True)
    scale = keep_where(top, is_finite(top)) + cast(logical_not(is_finite(top)), x.dtype)
    ratio = div_no_nan(abs_(x), scale)
    y = scale * pow_(reduce_sum(pow_(ratio, p), axis=axis, keepdims=True), 1 / p)
    return y if keepdims else dropped(y, x, axis)


def _p_norm_rule(g: Node, y: Node, x: Node, p: float, axis: Axis, keepdims: bool) -> Node:
    """sign(x) (|x| / y)^(p-1), and 0 for each x that is 0."""
    ratio = div_no_nan(abs_(x), spread(y, x, axis, keepdims))
    return spread(g, x, axis, keepdims) * keep_where(pow_(ratio, p - 1), not_equal(x, 0)) * sign(x)


p_norm_op = composite("PNorm", _p_norm_body, _p_norm_rule, params=("tensor",),
    infer=lambda x, p, axis, keepdims: Spec(
        reduced_shape(x.shape, axis, keepdims), check_dtypes((x,), "float")),
    doc="(Σ |tensor|^p)^(1/p) over axes; the gradient at 0 is 0.")


def norm(
    tensor: TensorLike, ord: int | float | str = "euclidean", axis: AxisLike = None,
    keepdims: bool | None = None, name: str | None = None, keep_dims: bool | None = None,
) -> Node:
    """The norm of the vectors along `axis`, of the matrices in two axes, or of all elements.

    `ord` is "euclidean", 1, 2, np.inf or any positive p for vectors; "euclidean", "fro", 1, 2 (the
    largest singular value) or np.inf for matrices. The gradient at 0 is 0.

    >>> print(tg.norm([3.0, 4.0]).eval(), tg.norm([3.0, -4.0], ord=1).eval())
    5.0 7.0
    """
    x = as_node(tensor, name="tensor")
    keep = flag(either(keepdims, keep_dims, "'keep_dims' and 'keepdims'"), "keepdims", False)
    axes = known_axes(axis, x)
    name = named(name, "norm")
    if axes is not None and (len(axes) not in (1, 2) or len(set(axes)) < len(axes)):
        raise GraphError(f"axis must be None, an int, or two different ints, not {axis!r}")
    if not isinstance(ord, str):
        ord = number(ord, "ord")
    of_matrices = axes is not None and len(axes) == 2
    if ord == "euclidean" or ord == ("fro" if of_matrices else 2):
        return reduce_euclidean_norm(x, axis=axes, keepdims=keep, name=name)
    if of_matrices:
        return _matrix_norm(x, ord, axes, keep, name)  # type: ignore[arg-type]
    if isinstance(ord, str) or not ord > 0:
        raise GraphError(f"'ord' must be a supported vector norm, got {ord}")
    if ord == 1:
        return reduce_sum(abs_(x), axis=axes, keepdims=keep, name=name)
    if ord == np.inf:
        return reduce_max(abs_(x), axis=axes, keepdims=keep, name=name)
    return p_norm_op(x, p=float(ord), axis=axes, keepdims=keep, name=name)


def _matrix_norm(x: Node, ord: Any, axes: tuple[int, ...], keepdims: bool, name: str) -> Node:
    """The largest sum of absolute values, of columns for 1 and of rows for inf; 2 is spectral."""
    if ord not in (1, 2, np.inf):
        raise GraphError(f"'ord' must be a supported matrix norm, got {ord}")
    with name_scope(name):
        if ord == 2:
            return _spectral_norm(x, axes, keepdims)
        summed, compared = axes if ord == 1 else axes[::-1]
        sums = reduce_sum(abs_(x), axis=(summed,), keepdims=True)
        largest = reduce_max(sums, axis=(compared,), keepdims=True)
        return largest if keepdims else dropped(largest, x, axes)


def _spectral_norm(x: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    """The largest singular value: |x v| for the eigenvector v of the largest eigenvalue of xᵀx."""
    if x.shape.ndims is not None:
        others = [i for i in range(x.shape.ndims) if i not in axes]
        x = transpose(x, [*others, *axes])
    elif set(axes) != {-1, -2}:  # a matrix and its transpose have the same singular values
        x = put_back(in_front(x, as_shape_node(list(axes)))[0], as_node(-1), 2)
    ratio = div_no_nan(x, reduce_max(abs_(x), axis=(-2, -1), keepdims=True))
    v = self_adjoint_eig(matmul(ratio, ratio, transpose_a=True))[1][..., -1:]
    y = reduce_euclidean_norm(matmul(x, v), axis=(-2, -1), keepdims=False)
    return expand_op(y, axis=tuple(sorted(axes))) if keepdims else y
