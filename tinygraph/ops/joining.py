"""Joining and taking apart: concat, stack, unstack, split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from tinygraph.arguments import integer, named, sequence
from tinygraph.defaults import name_scope
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from tinygraph.families import check_dtypes
from tinygraph.function import arguments_of
from tinygraph.graph import Node
from tinygraph.op import Op, as_node, as_nodes, first_node
from tinygraph.ops.array import dim_of, ensure_shape, identity, static_int, static_ints
from tinygraph.ops.axes import in_front, late_axes, late_axis, put_back
from tinygraph.ops.indexing import along, index_of, placed, slice_op
from tinygraph.ops.math import add_n_op
from tinygraph.ops.rules import alike
from tinygraph.spec import UNKNOWN, Shape, Spec, normalize_axis
from tinygraph.typing import AxisLike, TensorLike

# ---------------------------------------------------------------- concat


def _concat(*arrays: np.ndarray, out: Any, axis: int) -> np.ndarray:
    return np.concatenate(arrays, axis, out=out)


def _concatenated(*inputs: Spec, axis: int) -> Spec:
    if not inputs:
        raise ShapeError("there is nothing to concatenate")
    dtype = check_dtypes(inputs, "any")
    shapes = [x.shape.sizes for x in inputs if x.shape.sizes is not None]
    if not shapes:
        return Spec(UNKNOWN, dtype)
    if () in shapes:
        raise ShapeError("Can't concatenate scalars (use tg.stack instead)")
    axis = normalize_axis(axis, len(shapes[0]))
    shape = UNKNOWN
    for dims in shapes:
        shape = shape.merge_with([*dims[:axis], None, *dims[axis + 1 :]])
    sizes = [dims[axis] for dims in shapes]
    total = sum(sizes) if None not in sizes and len(shapes) == len(inputs) else None  # type: ignore
    dims = shape.sizes or ()
    return Spec(Shape.of((*dims[:axis], total, *dims[axis + 1 :])), dtype)


def _concat_vjps(g: Node, y: Node, *inputs: Node, axis: int) -> list[Node]:
    parts, start = [], 0
    for x in inputs:
        stop = start + dim_of(x, axis)
        parts.append(g[along(axis, slice(start, stop))])  # type: ignore[index]
        start = stop
    return parts


concat_op = Op("ConcatV2", _concat, _concatenated, _concat_vjps,
    doc="The inputs one after another.")


def concat(values: Iterable[TensorLike], axis: AxisLike, name: str | None = "concat") -> Node:
    """Join tensors one after another along an axis that they have.

    >>> tg.concat([[[1, 2]], [[3, 4], [5, 6]]], axis=0).eval()
    array([[1, 2],
           [3, 4],
           [5, 6]], dtype=int32)
    """
    if isinstance(values, int):
        raise DTypeError("concat takes the values first, then the axis")
    nodes = as_nodes(values if isinstance(values, list | tuple) else [values])
    with arguments_of(named(name, "concat"), *nodes):
        late = late_axis(axis)
        at = 0 if late is not None else static_int(axis, "axis")
    if late is not None:
        with name_scope(name, "concat", [*nodes, late]):
            return put_back(concat_op(*[in_front(x, late)[0] for x in nodes], axis=0), late)
    if len(nodes) == 1:
        with name_scope(name, "concat", nodes):
            return identity(nodes[0], name=name)
    return concat_op(*nodes, axis=at, name=name)


# ---------------------------------------------------------------- stack


def _stack(*arrays: np.ndarray, out: Any, axis: int) -> np.ndarray:
    return np.stack(arrays, axis, out=out)


def _stacked(*inputs: Spec, axis: int) -> Spec:
    if not inputs:
        raise ShapeError("there is nothing to stack")
    spec = alike("any")(*inputs)
    dims = spec.shape.sizes
    if dims is None:
        return spec
    axis = normalize_axis(axis, len(dims) + 1)
    return Spec(Shape.of((*dims[:axis], len(inputs), *dims[axis:])), spec.dtype)


pack_op = Op("Pack", _stack, _stacked,
    lambda g, y, *inputs, axis: [g[along(axis, i)] for i in range(len(inputs))],
    doc="The inputs side by side along a new axis.")


def stack(values: Iterable[TensorLike], axis: AxisLike = 0, name: str | None = "stack") -> Node:
    """Join tensors of one shape along a new axis.

    >>> tg.stack([[1, 2], [3, 4]], axis=1).eval()
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    values = sequence(values, "values")
    with arguments_of(named(name, "stack"), *values):
        at = static_int(axis, "axis")
    if at == 0 and first_node(values) is None:
        return as_node(values, name=name)
    return pack_op(*as_nodes(values), axis=at, name=name)


def parallel_stack(values: Iterable[TensorLike], name: str | None = "parallel_stack") -> Node:
    """`stack` along axis 0; TF fills it from several threads.

    >>> tg.parallel_stack([[1, 2], [3, 4]]).eval().shape
    (2, 2)
    """
    return pack_op(*as_nodes(values), axis=0, name=name)


# ---------------------------------------------------------------- unstack and split

MOST_PARTS = 1 << 20  # each is a node


def _parts_spec(x: Spec, axis: int, parts: list[tuple[int | None, ...]]) -> Spec:
    """The specs of parts along an axis, by what each has in place of that dimension."""
    dims = x.shape.sizes
    if dims is None:
        return Spec.of_items([Spec(UNKNOWN, x.dtype)] * len(parts))
    axis = normalize_axis(axis, len(dims))
    before, after = dims[:axis], dims[axis + 1 :]
    return Spec.of_items([Spec(Shape.of((*before, *part, *after)), x.dtype) for part in parts])


def _parts_rule(g: Any, x: Node, join: Op, axis: int, items: Sequence | None) -> Node:
    """The parts' gradients joined; where few arrive, zeros with these at the items of x's axis."""
    if items is None or None not in g.arrived:
        return join(*g, axis=axis)
    pairs = zip(g.arrived, items, strict=True)
    found = [placed(part, x, along(axis, item)) for part, item in pairs if part is not None]
    return found[0] if len(found) == 1 else add_n_op(*reversed(found))


class LazyOutputs(Sequence):
    """The outputs that a rewrite gives in place of an op with several.

    `make(i)` makes output i when it is asked for, since a program may use only a few of them.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, size: int, make: Callable[[int], Node]):
        self.size, self.make = size, make

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: Any) -> Any:
        return self.make(index)


def _parts_rewrite(x: Node, axis: int, items: Sequence | None) -> LazyOutputs | None:
    if items is None:
        return None
    return LazyOutputs(len(items), lambda i: slice_op(x, index=index_of(along(axis, items[i]))[0]))


def _known_dim(x: Node | Spec, axis: int) -> int | None:
    dims = x.shape.sizes
    return None if dims is None else dims[normalize_axis(axis, len(dims))]


def _unstacked(x: Spec, num: int, axis: int) -> Spec:
    dim = _known_dim(x, axis)
    if dim not in (None, num):
        raise ShapeError(f"Dimension must be {num} but is {dim}")
    return _parts_spec(x, axis, [()] * num)


def _unstack(x: np.ndarray, num: int, axis: int) -> tuple[np.ndarray, ...]:
    if x.shape[axis] != num:
        raise InvalidArgumentError(f"dimension {axis} must be {num} but is {x.shape[axis]}")
    return tuple(x[index_of(along(axis, i))[0]] for i in range(num))


unpack_op = Op("Unpack", _unstack, _unstacked,
    (lambda g, y, x, num, axis: _parts_rule(g, x, pack_op, axis, range(num)),), ("value",),
    view="part",
    rewrite=lambda x, num, axis:
        _parts_rewrite(x, axis, range(num) if _known_dim(x, axis) == num else None),
    doc="The `num` parts along an axis, without that axis.")


def unstack(
    value: TensorLike, num: int | None = None, axis: AxisLike = 0, name: str | None = "unstack"
) -> list[Node]:
    """Take apart along an axis: a list of `num` tensors without that axis.

    `num` is needed where the size of the dimension is unknown, and checked.

    >>> a, b = tg.unstack([[1, 2], [3, 4]])
    >>> b.eval()
    array([3, 4], dtype=int32)
    """
    value = as_node(value, name="value")
    with arguments_of(named(name, "unstack"), value):
        at = static_int(axis, "axis")
        if num is not None:
            num = integer(num, "num", least=0, most=MOST_PARTS)
        else:
            num = _known_dim(value, at)
            if num is None:
                raise ShapeError(f"Cannot infer num from shape {value.shape}; give num")
    return unpack_op(value, num=num, axis=at, name=name) if num else []


Sizes = int | tuple[int, ...]  # equal parts by their number, or each one's size


def _widths(sizes: Sizes, dim: int | None) -> list[int | None]:
    """The sizes of the parts of a dimension; one size may be -1: what is left."""
    if isinstance(sizes, int):
        if dim is not None and dim % sizes:
            raise ShapeError(f"Dimension size must be evenly divisible by {sizes} but is {dim}")
        return [None if dim is None else dim // sizes] * sizes
    if min(sizes) < -1 or sizes.count(-1) > 1:
        raise GraphError(f"sizes are at least 0, and one may be -1, unlike in {sizes}")
    if dim is None:
        return [None if size == -1 else size for size in sizes]
    left = dim - sum(size for size in sizes if size != -1)
    if left < 0 or left and -1 not in sizes:
        raise ShapeError(f"can't split axis of size {dim} into pieces of size {list(sizes)}")
    return [left if size == -1 else size for size in sizes]


def _spans(sizes: Sizes, dim: int) -> list[slice]:
    """Where each part of a dimension starts and stops."""
    ends = [0, *accumulate(_widths(sizes, dim))]
    return [slice(start, stop) for start, stop in pairwise(ends)]


def _split(x: np.ndarray, sizes: Sizes, axis: int) -> tuple[np.ndarray, ...]:
    return tuple(x[along(axis, span)] for span in _spans(sizes, x.shape[axis]))


def _splitted(x: Spec, sizes: Sizes, axis: int) -> Spec:
    return _parts_spec(x, axis, [(width,) for width in _widths(sizes, _known_dim(x, axis))])


def _split_items(x: Node, sizes: Sizes, axis: int) -> list[slice] | None:
    dim = _known_dim(x, axis)
    return None if dim is None else _spans(sizes, dim)


split_op = Op("Split", _split, _splitted,
    (lambda g, y, x, sizes, axis:
        _parts_rule(g, x, concat_op, axis, _split_items(x, sizes, axis)),), ("value",), view="part",
    rewrite=lambda x, sizes, axis: _parts_rewrite(x, axis, _split_items(x, sizes, axis)),
    doc="The parts along an axis: `sizes` equal ones, or one of each of these sizes.")


def _split_late_spec(x: Spec, sizes: Spec, axis: int, num: int) -> Spec:
    check_dtypes((sizes,), "int")
    if sizes.constant is None:
        return _parts_spec(x, axis, [(None,)] * num)
    return _splitted(x, tuple(sizes.constant.tolist()), axis)


split_late_op = Op("SplitV", lambda x, sizes, axis, num: _split(x, tuple(map(int, sizes)), axis),
    _split_late_spec, (lambda g, y, x, sizes, axis, num: concat_op(*g, axis=axis), None),
    ("value", "size_splits"), view="part", static=(1,),
    doc="The `num` parts along an axis of sizes that only a run knows.")


def split(
    value: TensorLike, num_or_size_splits: TensorLike, axis: AxisLike = 0, num: int | None = None,
    name: str | None = "split",
) -> list[Node]:
    """Take apart along an axis: a list of equal parts, or of parts of given sizes.

    One of the sizes may be -1: what is left. Raises ShapeError where the sizes do not fit.

    >>> a, b = tg.split([1, 2, 3, 4, 5], [2, 3])
    >>> b.eval()
    array([3, 4, 5], dtype=int32)
    """
    value = as_node(value, name="value")
    with arguments_of(named(name, "split"), value):
        late = late_axis(axis)
        if late is not None:
            with name_scope(name, "split", [value, late]):
                parts = split(in_front(value, late)[0], num_or_size_splits, 0, num)
                return [put_back(part, late) for part in parts]
        at = static_int(axis, "axis")
        sizes = late_axes(num_or_size_splits)
        if sizes is not None and sizes.shape.ndims != 0:
            return _split_late(value, sizes, at, num, name)
        counts = static_ints(num_or_size_splits, "num_or_size_splits")
        scalar = _is_scalar(num_or_size_splits)
        if scalar and not 1 <= counts[0] <= MOST_PARTS:
            raise GraphError(f"split makes 1 to {MOST_PARTS} parts, not {counts[0]}")
        if num is not None and integer(num, "num") != len(counts) and not scalar:
            raise ShapeError(f"num is {num}, but there are {len(counts)} sizes, {list(counts)}")
    widths: Sizes = counts[0] if scalar else counts
    return split_op(value, sizes=widths, axis=at, name=name) if counts else []


def _split_late(x: Node, sizes: Node, axis: int, num: Any, name: str | None) -> list[Node]:
    """Parts of sizes that only a run knows."""
    (count,) = sizes.shape.with_rank(1).as_list()
    if count is None:
        if num is None:
            raise ShapeError(f"Cannot infer num from shape {sizes.shape}; give num")
        count = integer(num, "num", least=0)
        sizes = ensure_shape(sizes, [count])
    return split_late_op(x, sizes, axis=axis, num=count, name=name) if count else []


def _is_scalar(value: Any) -> bool:
    if isinstance(value, Node):
        return value.shape.ndims == 0
    return not isinstance(value, list | tuple) and np.ndim(value) == 0
