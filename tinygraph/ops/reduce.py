"""Reductions over axes, and what broadcasting needs to be undone."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.graph import Node
from tinygraph.op import Op, as_node, composite, reduction
from tinygraph.ops.array import (
    broadcast_like, expand_op, reshape, shape_of, size, static_ints,
)  # fmt: skip
from tinygraph.ops.math import cast
from tinygraph.spec import Shape, Spec, normalize_axis

Axis = tuple[int, ...] | None


def spread(g: Node, x: Node, axis: Axis, keepdims: bool) -> Node:
    """Undo a reduction's shape: `g`, one element for each reduced group of `x`, in x's shape."""
    if not keepdims and axis is not None:
        g = expand_op(g, axis=axis)
    return broadcast_like(g, x)


def _sum(x: np.ndarray, axis: Axis = None, keepdims: bool = False, out: Any = None) -> np.ndarray:
    return np.add.reduce(x, axis=axis, dtype=x.dtype, out=out, keepdims=keepdims)


sum_op = reduction(
    "Sum", _sum, lambda g, y, x, axis, keepdims: spread(g, x, axis, keepdims),
)  # fmt: skip


def axes_of(axis: Any, x: Node) -> Axis:
    """TF's `axis` argument as a tuple of ints, non-negative where the rank is known; None for all."""
    if axis is None:
        return None
    return tuple(normalize_axis(a, x.shape.ndims) for a in static_ints(axis, "axis"))


def reduce_sum(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Node:  # fmt: skip
    """The sum over `axis`, an int or ints, or over all axes.

    >>> tg.reduce_sum([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([4., 6.], dtype=float32)
    """
    x = as_node(input_tensor)
    axis = reduction_indices if axis is None else axis
    return sum_op(x, axis=axes_of(axis, x), keepdims=bool(keepdims or keep_dims), name=name)


# ---------------------------------------------------------------- undoing broadcasting


def _sum_like_kernel(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    lead = np.ndim(g) - np.ndim(x)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, d in enumerate(np.shape(x)) if d == 1 and np.shape(g)[i + lead] != 1
    )
    return np.reshape(_sum(g, axis=axes), np.shape(x)) if axes else g


def _sum_like_rewrite(g: Node, x: Node) -> Node | None:
    wide, narrow = g.spec.shape.dims, x.spec.shape.dims
    if wide is None or narrow is None or None in wide or None in narrow:
        return None
    if wide == narrow:
        return g
    lead = len(wide) - len(narrow)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, d in enumerate(narrow) if d == 1 and wide[i + lead] != 1
    )
    return reshape(sum_op(g, axis=axes, keepdims=False), narrow) if axes else reshape(g, narrow)


sum_like = Op(
    "SumLike", _sum_like_kernel, lambda g, x: Spec(x.shape, g.dtype),
    (lambda h, y, g, x: broadcast_like(h, g), None), ("g", "x"), dynamic=True,
    rewrite=_sum_like_rewrite,
    doc="Sum `g` over the axes along which `x` was broadcast, so that it has x's shape.",
)  # fmt: skip
