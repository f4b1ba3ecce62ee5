"""Joining and taking apart: concat, stack, unstack, split."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.arguments import integer, sequence
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from tinygraph.graph import Node, name_scope
from tinygraph.op import Op, as_node, as_nodes, check_dtypes, first_node
from tinygraph.ops.array import (
    arguments_of, dim_of, ensure_shape, identity, static_int, static_ints,
)  # fmt: skip
from tinygraph.ops.axes import in_front, late_axes, late_axis, put_back
from tinygraph.ops.indexing import along, index_of, placed, slice_op
from tinygraph.spec import UNKNOWN, Shape, Spec, int32, normalize_axis

# ---------------------------------------------------------------- concat


def _concat(*arrays: np.ndarray, axis: int, out: Any = None) -> np.ndarray:
    return np.concatenate(arrays, axis, out=out)


def _concatenated(*inputs: Spec, axis: int) -> Spec:
    if not inputs:
        raise ShapeError("there is nothing to concatenate")
    dtype = check_dtypes(inputs, "any")
    known = [x.shape.sizes for x in inputs if x.shape.sizes is not None]
    if not known:
        return Spec(UNKNOWN, dtype)
    if () in known:
        raise ShapeError("Can't concatenate scalars (use tg.stack instead)")
    axis = normalize_axis(axis, len(known[0]))
    shape = UNKNOWN
    for dims in known:
        shape = shape.merge_with([*dims[:axis], None, *dims[axis + 1 :]])
    sizes = [dims[axis] for dims in known]
    total = sum(sizes) if None not in sizes and len(known) == len(inputs) else None  # type: ignore
    dims = shape.sizes or ()
    return Spec(Shape.of((*dims[:axis], total, *dims[axis + 1 :])), dtype)


def _concat_vjps(g: Node, y: Node, *inputs: Node, axis: int) -> list[Node]:
    parts, start = [], 0
    for x in inputs:
        stop = start + dim_of(x, axis)
        parts.append(g[along(axis, slice(start, stop))])  # type: ignore[index]
        start = stop
    return parts


concat_op = Op(
    "ConcatV2", _concat, _concatenated, _concat_vjps, doc="The inputs one after another.",
)  # fmt: skip


def concat(values: Any, axis: Any, name: str = "concat") -> Node:
    """Join tensors one after another along an axis that they have.

    >>> tg.concat([[[1, 2]], [[3, 4], [5, 6]]], axis=0).eval()
    array([[1, 2],
           [3, 4],
           [5, 6]], dtype=int32)
    """
    if isinstance(values, int):
        raise DTypeError("concat takes the values first, then the axis")
    nodes = as_nodes(values if isinstance(values, list | tuple) else [values])
    with arguments_of(name, *nodes):
        late = late_axis(axis)
        at = 0 if late is not None else static_int(axis, "axis")
    if late is not None:
        with name_scope(name, values=[*nodes, late]):
            return put_back(concat_op(*[in_front(x, late)[0] for x in nodes], axis=0), late)
    if len(nodes) == 1:
        with name_scope(name, values=nodes):
            return identity(nodes[0], name=name)
    return concat_op(*nodes, axis=at, name=name)


# ---------------------------------------------------------------- stack


def _stack(*arrays: np.ndarray, axis: int, out: Any = None) -> np.ndarray:
    return np.stack(arrays, axis, out=out)


def _stacked(*inputs: Spec, axis: int) -> Spec:
    if not inputs:
        raise ShapeError("there is nothing to stack")
    dtype = check_dtypes(inputs, "any")
    shape = UNKNOWN
    for x in inputs:
        shape = shape.merge_with(x.shape)
    if shape.sizes is None:
        return Spec(UNKNOWN, dtype)
    axis = normalize_axis(axis, len(shape.sizes) + 1)
    dims = (*shape.sizes[:axis], len(inputs), *shape.sizes[axis:])
    return Spec(Shape.of(dims), dtype)


pack_op = Op(
    "Pack", _stack, _stacked,
    lambda g, y, *inputs, axis: [g[along(axis, i)] for i in range(len(inputs))],
    doc="The inputs side by side along a new axis.",
)  # fmt: skip


def stack(values: Any, axis: Any = 0, name: str = "stack") -> Node:
    """Join tensors of one shape along a new axis.

    >>> tg.stack([[1, 2], [3, 4]], axis=1).eval()
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    values = sequence(values, "values")
    with arguments_of(name, *values):
        at = static_int(axis, "axis")
    if at == 0 and first_node(values) is None:
        return as_node(values, name=name)
    return pack_op(*as_nodes(values), axis=at, name=name)


def parallel_stack(values: Any, name: str = "parallel_stack") -> Node:
    """`stack` along axis 0; TF fills it from several threads.

    >>> tg.parallel_stack([[1, 2], [3, 4]]).eval().shape
    (2, 2)
    """
    return pack_op(*as_nodes(values), axis=0, name=name)


# ---------------------------------------------------------------- unstack and split

MOST_PARTS = 1 << 20  # each is a node


def _unstacked(x: Spec, num: int, axis: int, i: int) -> Spec:
    dims = x.shape.sizes
    if dims is None:
        return Spec(UNKNOWN, x.dtype)
    axis = normalize_axis(axis, len(dims))
    if dims[axis] not in (None, num):
        raise ShapeError(f"Dimension must be {num} but is {dims[axis]}")
    return Spec(Shape.of((*dims[:axis], *dims[axis + 1 :])), x.dtype)


def _unstack(x: np.ndarray, num: int, axis: int, i: int) -> np.ndarray:
    if x.shape[axis] != num:
        raise InvalidArgumentError(f"dimension {axis} must be {num} but is {x.shape[axis]}")
    return x[index_of(along(axis, i))[0]]


unpack_op = Op(
    "Unpack", _unstack, _unstacked, (lambda g, y, x, num, axis, i: placed(g, x, along(axis, i)),),
    ("value",), view=True,
    rewrite=lambda x, num, axis, i: (
        slice_op(x, index=index_of(along(axis, i))[0]) if x.shape.is_fully_defined() else None
    ),
    doc="Part i of `num` along an axis, without that axis.",
)  # fmt: skip


def unstack(value: Any, num: int | None = None, axis: Any = 0, name: str = "unstack") -> list[Node]:
    """Take apart along an axis: a list of `num` tensors without that axis.

    `num` is needed where the size of the dimension is unknown, and checked.

    >>> a, b = tg.unstack([[1, 2], [3, 4]])
    >>> b.eval()
    array([3, 4], dtype=int32)
    """
    value = as_node(value, name="value")
    with arguments_of(name, value):
        at = static_int(axis, "axis")
        if num is not None:
            num = integer(num, "num", least=0, most=MOST_PARTS)
        else:
            dims = value.shape.sizes
            num = None if dims is None else dims[normalize_axis(at, len(dims))]
            if num is None:
                raise ShapeError(f"Cannot infer num from shape {value.shape}; give num")
    return [unpack_op(value, num=num, axis=at, i=i, name=name) for i in range(num)]


Sizes = int | tuple[int, ...]  # equal parts by their number, or each one's size


def _span(sizes: Sizes, i: int, dim: int) -> tuple[int, int]:
    """Where part i of a dimension starts and stops; one size may be -1: what is left."""
    if isinstance(sizes, int):
        if dim % sizes:
            raise ShapeError(f"Dimension size must be evenly divisible by {sizes} but is {dim}")
        return dim // sizes * i, dim // sizes * (i + 1)
    left = dim - sum(size for size in sizes if size != -1)
    if left < 0 or left and -1 not in sizes:
        raise ShapeError(f"can't split axis of size {dim} into pieces of size {list(sizes)}")
    widths = [left if size == -1 else size for size in sizes]
    return sum(widths[:i]), sum(widths[: i + 1])


def _split(x: np.ndarray, sizes: Sizes, axis: int, i: int) -> np.ndarray:
    return x[along(axis, slice(*_span(sizes, i, x.shape[axis])))]


def _splitted(x: Spec, sizes: Sizes, axis: int, i: int) -> Spec:
    dims = x.shape.sizes
    if dims is None:
        return Spec(UNKNOWN, x.dtype)
    axis = normalize_axis(axis, len(dims))
    if dims[axis] is not None:
        start, stop = _span(sizes, i, dims[axis])  # type: ignore[arg-type]
        size = stop - start
    else:
        size = None if isinstance(sizes, int) or sizes[i] == -1 else sizes[i]  # type: ignore
    return Spec(Shape.of((*dims[:axis], size, *dims[axis + 1 :])), x.dtype)


def _split_vjp(g: Node, y: Node, x: Node, sizes: Sizes, axis: int, i: int) -> Node:
    width = dim_of(g, axis)
    if isinstance(sizes, int):
        start = i * width
    elif -1 in sizes[:i]:
        start = dim_of(x, axis) - sum(sizes[i:])
    else:
        start = sum(sizes[:i])
    return placed(g, x, along(axis, slice(start, start + width)))


def _split_rewrite(x: Node, sizes: Sizes, axis: int, i: int) -> Node | None:
    dims = x.shape.sizes
    if dims is None or dims[axis] is None:
        return None
    start, stop = _span(sizes, i, dims[axis])  # type: ignore[arg-type]
    return slice_op(x, index=index_of(along(axis, slice(start, stop)))[0])


split_op = Op(
    "Split", _split, _splitted, (_split_vjp,), ("value",), view=True, rewrite=_split_rewrite,
    doc="Part i along an axis, of `sizes` equal parts or of parts of these sizes.",
)  # fmt: skip


def _split_ends(sizes: np.ndarray, dim: Any) -> np.ndarray:
    spans = [_span(tuple(sizes.tolist()), i, int(dim)) for i in range(len(sizes))]
    return np.array([0, *[stop for _, stop in spans]], np.int32)


def _split_ends_spec(sizes: Spec, dim: Spec) -> Spec:
    check_dtypes((sizes,), "int")
    (count,) = sizes.shape.with_rank(1).as_list()
    return Spec(Shape.of((None if count is None else count + 1,)), int32)


split_ends = Op(
    "SplitEnds", _split_ends, _split_ends_spec, (None, None), ("sizes", "dim"), dynamic=True,
    doc="Where parts of these sizes begin and end along a dimension, of which they take all.",
)  # fmt: skip


def split(
    value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None, name: str = "split"
) -> list[Node]:
    """Take apart along an axis: a list of equal parts, or of parts of given sizes.

    One of the sizes may be -1: what is left. Raises ShapeError where the sizes do not fit.

    >>> a, b = tg.split([1, 2, 3, 4, 5], [2, 3])
    >>> b.eval()
    array([3, 4, 5], dtype=int32)
    """
    value = as_node(value, name="value")
    with arguments_of(name, value):
        late = late_axis(axis)
        if late is not None:
            with name_scope(name, values=[value, late]):
                parts = split(in_front(value, late)[0], num_or_size_splits, 0, num)
                return [put_back(part, late) for part in parts]
        at = static_int(axis, "axis")
        sizes = late_axes(num_or_size_splits)
        if sizes is not None and sizes.shape.ndims != 0:
            return _split_late(value, sizes, at, num, name)
        given = static_ints(num_or_size_splits, "num_or_size_splits")
        scalar = _is_scalar(num_or_size_splits)
        if scalar and not 1 <= given[0] <= MOST_PARTS:
            raise GraphError(f"split makes 1 to {MOST_PARTS} parts, not {given[0]}")
        if num is not None and integer(num, "num") != len(given) and not scalar:
            raise ShapeError(f"num is {num}, but there are {len(given)} sizes, {list(given)}")
        if min(given, default=0) < -1 or given.count(-1) > 1:
            raise GraphError(f"sizes are at least 0, and one may be -1, unlike in {given}")
    widths: Sizes = given[0] if scalar else given
    count = given[0] if scalar else len(given)
    return [split_op(value, sizes=widths, axis=at, i=i, name=name) for i in range(count)]


def _split_late(x: Node, sizes: Node, axis: int, num: Any, name: str) -> list[Node]:
    """Parts of sizes that only a run knows, as slices."""
    dims = sizes.shape.sizes
    if dims is None or dims[0] is None:
        if num is None:
            raise ShapeError(f"Cannot infer num from shape {sizes.shape}; give num")
        sizes = ensure_shape(sizes, [integer(num, "num", least=0)])
    count = sizes.shape.as_list()[0]
    with name_scope(name, values=[x, sizes]):
        ends = split_ends(sizes, dim_of(x, axis))
        return [x[along(axis, slice(ends[i], ends[i + 1]))] for i in range(count)]  # type: ignore


def _is_scalar(value: Any) -> bool:
    if isinstance(value, Node):
        return value.shape.ndims == 0
    return not isinstance(value, list | tuple) and np.ndim(value) == 0
