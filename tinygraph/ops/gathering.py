"""Choosing elements by number or by a mask: gather, scatter, boolean_mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.arguments import ignored, integer, named
from tinygraph.defaults import name_scope
from tinygraph.errors import GraphError, InvalidArgumentError, ShapeError
from tinygraph.graph import Node
from tinygraph.kernels.summation import add_at
from tinygraph.op import as_node, Op
from tinygraph.ops.array import rank, shape_from, shape_of, size
from tinygraph.ops.axes import first_axis, in_front, put_back
from tinygraph.ops.joining import concat
from tinygraph.ops.reshaping import reshape
from tinygraph.ops.rules import at_least_rank, check_ints
from tinygraph.spec import UNKNOWN, Shape, Spec, normalize_axis
from tinygraph.typing import TensorLike

# ---------------------------------------------------------------- gather


def check_range(indices: np.ndarray, size: int) -> None:
    """Raise InvalidArgumentError unless each index, an intp, is in [0, size)."""
    if indices.size and np.maximum.reduce(indices.view(np.uintp), axis=None) >= size:
        at = np.argwhere((indices < 0) | (indices >= size))[0]
        place = f"[{','.join(map(str, at))}]" if at.size else ""
        raise InvalidArgumentError(f"indices{place} = {indices[tuple(at)]} is not in [0, {size})")


def _gather(params: np.ndarray, indices: Any, out: Any, axis: int) -> np.ndarray:
    indices = np.asarray(indices).astype(np.intp, copy=False)
    check_range(indices, params.shape[axis])
    return params.take(indices, axis, out, "clip")  # "raise" would buffer out


def _gathered(params: Spec, indices: Spec, axis: int) -> Spec:
    check_ints(indices, "indices")
    dims, at = at_least_rank(params, 1), indices.shape.sizes
    if dims is None or at is None:
        return Spec(UNKNOWN, params.dtype)
    axis = normalize_axis(axis, len(dims))
    return Spec(Shape.of((*dims[:axis], *at, *dims[axis + 1 :])), params.dtype)


def _no_batch_dims(value: int, what: str) -> Any:
    if integer(value, what):
        raise GraphError(f"it does without {what}")
    return ...


def _gather_late(op: Op, axis: Node, params: Any, indices: Any, name: str) -> Node:
    """gather along an axis that only a run knows."""
    with name_scope(name, values=[params, indices, axis]):
        front, _ = in_front(as_node(params, name="params"), axis)
        indices = as_node(indices, name="indices", graph=front.graph)
        return put_back(op(front, indices, axis=0), axis, rank(indices))


gather: Op = Op("GatherV2", _gather, _gathered,
    (lambda g, y, x, i, axis: _gather_rule(g, x, i, axis), None), ("params", "indices"),
    attrs={"validate_indices": (ignored, None), "name": (named, None),
           "axis": (first_axis, None, _gather_late), "batch_dims": (_no_batch_dims, 0)},
    doc="""The slices of `params` at `indices` along `axis` (0 by default).

    The shape is params.shape[:axis] + indices.shape + params.shape[axis + 1:]. A negative index is
    an InvalidArgumentError of the run, like one that is too large. Along axis 0 the gradient of
    `params` is sparse: see `tg.gradients`.

    >>> tg.gather([10, 20, 30], [2, 0, 2]).eval()
    array([30, 10, 30], dtype=int32)
    """)


def _gather_rule(g: Node, x: Node, i: Node, axis: int) -> Node:
    """Zeros like x, with the slices of g added at i; along axis 0 they are rows at a vector."""
    if axis == 0 and i.shape.ndims != 1:
        rows = concat([size(i)[None], shape_of(x)[1:]], axis=0)
        g, i = reshape(g, rows), reshape(i, [-1])
    return gather_grad_op(g, i, shape_of(x), axis=axis)


def _size(dims: Any) -> int:
    return int(np.prod(dims, dtype=np.int64))


def _gather_grad(g: np.ndarray, indices: Any, shape: Any, out: Any, axis: int) -> np.ndarray:
    out.fill(0)
    axis %= out.ndim
    places = np.asarray(indices).astype(np.intp, copy=False)
    check_range(places, out.shape[axis])
    sizes = _size(out.shape[:axis]), out.shape[axis], _size(out.shape[axis + 1 :])
    add_at(out.reshape(sizes), places, g)
    return out


def _gather_grad_spec(g: Spec, indices: Spec, shape: Spec, axis: int) -> Spec:
    check_ints(indices, "indices")
    target = shape_from(shape)
    if target.sizes is not None and indices.shape.sizes is not None:
        axis = normalize_axis(axis, len(target.sizes))
        expected = target[:axis].concatenate(indices.shape).concatenate(target[axis + 1 :])
        if not g.shape.is_compatible_with(expected):
            raise ShapeError(f"the slices have shape {g.shape}, not {expected}")
    return Spec(target, g.dtype)


gather_grad_op: Op = Op("GatherGrad", _gather_grad, _gather_grad_spec,
    (lambda h, y, g, i, shape, axis: gather(h, i, axis=axis), None, None),
    ("g", "indices", "shape"), static=(2,),
    doc="Zeros of a shape, with each slice of g added at its index; many add up in float64.")


def embedding_lookup(
    params: TensorLike, ids: TensorLike, partition_strategy: str = "mod", name: str | None = None,
    validate_indices: bool = True, max_norm: TensorLike | None = None,
) -> Node:
    """The rows of `params` at `ids`; one table only. The gradient is sparse, as that of `gather`.

    >>> tg.nn.embedding_lookup([[1.0, 2.0], [3.0, 4.0]], [1]).eval()
    array([[3., 4.]], dtype=float32)
    """
    if isinstance(params, list | tuple) and all(isinstance(table, Node) for table in params):
        if len(params) != 1:
            raise GraphError(f"embedding_lookup takes one table, not {len(params)}")
        params = params[0]
    if max_norm is not None:
        raise GraphError("embedding_lookup does without max_norm")
    return gather(params, ids, axis=0, name=named(name, "embedding_lookup"))


# ---------------------------------------------------------------- gather_nd and scatter_nd


def _flat_places(indices: np.ndarray, dims: Sequence[int]) -> np.ndarray:
    """Where in an array of shape `dims`, made flat, the tuples in indices[..., :] point to."""
    wrong = ((indices < 0) | (indices >= np.array(dims, np.int64))).any(axis=-1)
    if wrong.any():
        at = np.argwhere(wrong)[0]
        raise InvalidArgumentError(
            f"indices[{','.join(map(str, at))}] = {indices[tuple(at)].tolist()} does not index "
            f"into shape {list(dims)}")
    steps = [_size(dims[i + 1 :]) for i in range(len(dims))]
    return indices.astype(np.intp) @ np.array(steps, np.intp)


def _gather_nd(params: np.ndarray, indices: Any, out: Any) -> np.ndarray:
    indices = np.asarray(indices)
    depth = indices.shape[-1]
    places = _flat_places(indices, params.shape[:depth])
    rows = np.reshape(params, (_size(params.shape[:depth]), *params.shape[depth:]))
    return np.take(rows, places, axis=0, out=out, mode="clip")


def _depth(indices: Spec) -> int | None:
    """The length of the tuples in indices[..., :]."""
    check_ints(indices, "indices")
    dims = at_least_rank(indices, 1)
    return None if dims is None else dims[-1]


def _gathered_nd(params: Spec, indices: Spec) -> Spec:
    depth, dims = _depth(indices), params.shape.sizes
    if depth is None or dims is None:
        return Spec(UNKNOWN, params.dtype)
    if depth > len(dims):
        raise ShapeError(f"indices of {depth} ints for a tensor of rank {len(dims)}")
    return Spec(Shape.of((*indices.shape.sizes[:-1], *dims[depth:])), params.dtype)  # type: ignore


def _gather_nd_rule(g: Node, x: Node, i: Node) -> Node:
    """Zeros like x, with g added at i; where these are whole rows, as the gradient of gather."""
    if i.shape.ndims == 2 and i.shape.as_list()[1] == 1:
        return _gather_rule(g, x, reshape(i, [-1]), axis=0)
    return scatter_nd(i, g, shape_of(x))


gather_nd: Op = Op("GatherNd", _gather_nd, _gathered_nd,
    (lambda g, y, x, i: _gather_nd_rule(g, x, i), None), ("params", "indices"),
    attrs={"name": (named, None), "batch_dims": (_no_batch_dims, 0)},
    doc="""params[indices[..., 0], indices[..., 1], ...]: elements, or slices.

    There are slices where `indices` has fewer columns than `params` axes.

    >>> tg.gather_nd([[1, 2], [3, 4]], [[0, 1], [1, 0]]).eval()
    array([2, 3], dtype=int32)
    """)


def _scatter_nd(indices: Any, updates: np.ndarray, shape: Any, out: Any) -> np.ndarray:
    indices = np.asarray(indices)
    out.fill(0)
    depth = indices.shape[-1]
    places = _flat_places(indices, out.shape[:depth])
    add_at(out.reshape(1, _size(out.shape[:depth]), _size(out.shape[depth:])), places, updates)
    return out


def _scattered(indices: Spec, updates: Spec, shape: Spec) -> Spec:
    depth, target = _depth(indices), shape_from(shape)
    if depth is not None and target.sizes is not None:
        if depth > len(target.sizes):
            raise ShapeError(f"indices of {depth} ints for a shape of rank {len(target.sizes)}")
        expected = Shape.of((*indices.shape.sizes[:-1], *target.sizes[depth:]))  # type: ignore
        if not updates.shape.is_compatible_with(expected):
            raise ShapeError(f"updates have shape {updates.shape}, not {expected}")
    return Spec(target, updates.dtype)


scatter_nd: Op = Op("ScatterNd", _scatter_nd, _scattered,
    (None, lambda g, y, i, x, shape: gather_nd(g, i), None), ("indices", "updates", "shape"),
    static=(2,),
    doc="""Zeros of `shape`, with `updates` added at `indices`; the reverse of gather_nd.

    Floats add up as in `unsorted_segment_sum`.

    >>> tg.scatter_nd([[1], [3], [1]], [1.0, 2.0, 4.0], [5]).eval()
    array([0., 5., 0., 2., 0.], dtype=float32)
    """)
