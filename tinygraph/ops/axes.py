"""Axes that only a run knows: what an op does along them, it does along the first of a transpose.

A rule needs its axes to be written down. So the axes come to the front, where they are known:
`argmax(x, axis)` is `argmax(in_front(x, axis), 0)`, and what keeps its axis is put back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.arguments import ignored, named
from tinygraph.defaults import name_scope
from tinygraph.dtypes import int32
from tinygraph.errors import InvalidArgumentError, ShapeError
from tinygraph.families import check_dtypes
from tinygraph.graph import Node
from tinygraph.op import Op, as_node
from tinygraph.ops.array import are_ints, ensure_shape, rank, static_int, static_ints
from tinygraph.spec import UNKNOWN, Shape, Spec
from tinygraph.typing import AxisLike

# ---------------------------------------------------------------- the arguments


def late_axes(value: Any) -> Node | None:
    """The axes as a tensor if only a run knows them; None if they are known while building."""
    if value is None or type(value) is int or are_ints(value):  # the common cases
        return None
    if isinstance(value, list | tuple) and any(map(_is_late, value)):
        value = as_node(value, name="axis")
    return value if _is_late(value) else None


def _is_late(value: Any) -> bool:
    return isinstance(value, Node) and value.spec.constant is None


def late_axis(value: Any) -> Node | None:
    """One axis as a tensor if only a run knows it; None if it is known while building."""
    if not _is_late(value):
        return None
    if value.shape.ndims not in (None, 0):
        raise ShapeError(f"axis must be one int, unlike '{value.name}' of shape {value.shape}")
    return value if value.shape.ndims == 0 else ensure_shape(value, [])


def axis_of(value: AxisLike, what: str) -> Any:
    """One axis as an int, or as the tensor that only a run knows."""
    if type(value) is int:  # the common case
        return value
    late = late_axis(value)
    return static_int(value, what) if late is None else late


def first_axis(value: AxisLike, what: str) -> Any:
    """`axis_of` where no axis stands for the first one."""
    return 0 if value is None else axis_of(value, what)


def axes_of(value: AxisLike, what: str) -> Any:
    """Axes as a tuple of ints, None for all, or as the tensor that only a run knows."""
    if value is None:
        return None
    late = late_axes(value)
    return static_ints(value, what) if late is None else late


# ---------------------------------------------------------------- the order of axes


def _places(axes: np.ndarray, count: Any) -> list[int]:
    """The axes of a tensor with `count` of them as different ints from 0 on."""
    places = [int(axis) for axis in np.reshape(axes, -1)]
    for axis in places:
        if not -count <= axis < count:
            raise InvalidArgumentError(f"axis {axis} is out of range for a tensor of rank {count}")
    places = [axis % int(count) for axis in places]
    if len(set(places)) < len(places):
        raise InvalidArgumentError(f"axis {np.asarray(axes).tolist()} names an axis twice")
    return places


def _axes_first(axes: np.ndarray, count: Any) -> np.ndarray:
    first = _places(axes, count)
    return np.array([*first, *[i for i in range(int(count)) if i not in first]], np.int32)


def _axes_back(axis: np.ndarray, count: Any, moved: Any) -> np.ndarray:
    at, moved = _places(axis, count - moved + 1)[0], int(moved)
    others = list(range(moved, int(count)))
    return np.array([*others[:at], *range(moved), *others[at:]], np.int32)


def _axes_kept(shape: np.ndarray, axes: np.ndarray) -> np.ndarray:
    kept = np.array(shape, np.int32)
    kept[_places(axes, len(kept))] = 1
    return kept


def _axes_merged(shape: np.ndarray, axes: np.ndarray) -> np.ndarray:
    count = np.size(axes)
    return np.array([np.prod(shape[:count], dtype=np.int64), *shape[count:]], np.int32)


def _order_spec(axes: Spec, count: Spec, *moved: Spec) -> Spec:
    check_dtypes((axes,), "int")
    return Spec(Shape.of((None if count.constant is None else int(count.constant),)), int32)


def _kept_spec(shape: Spec, axes: Spec) -> Spec:
    check_dtypes((axes,), "int")
    return Spec(shape.shape, int32)


def _merged_spec(shape: Spec, axes: Spec) -> Spec:
    check_dtypes((axes,), "int")
    rank, count = shape.shape.num_elements(), axes.shape.num_elements()
    return Spec(Shape.of((None if rank is None or count is None else rank - count + 1,)), int32)


axes_first = Op("AxesFirst", _axes_first, _order_spec, (None, None), ("axes", "rank"),
    doc="The order of a tensor's axes in which `axes` come first, as a permutation.")
axes_back = Op("AxesBack", _axes_back, _order_spec, (None, None, None), ("axis", "rank", "moved"),
    doc="The order of axes that puts the first `moved` of them where `axis` was.")
axes_kept = Op("AxesKept", _axes_kept, _kept_spec, (None, None), ("shape", "axes"),
    doc="A shape with a dimension of 1 for each of `axes`.")

axes_merged = Op("AxesMerged", _axes_merged, _merged_spec, (None, None), ("shape", "axes"),
    doc="A shape with one dimension for the first ones, of which there are as many as `axes`.")

# ---------------------------------------------------------------- transposes


def _transposed(x: Spec, perm: tuple[int, ...] | None) -> Spec:
    dims = x.shape.sizes
    if perm is None:
        return Spec(Shape.of(None if dims is None else dims[::-1]), x.dtype)
    if sorted(perm) != list(range(len(perm))) or dims is not None and len(dims) != len(perm):
        raise ShapeError(f"perm {perm} does not permute the axes of a tensor of shape {x.shape}")
    if dims is None:
        return Spec(Shape.of((None,) * len(perm)), x.dtype)
    return Spec(Shape.of(tuple(dims[i] for i in perm)), x.dtype)


def _inverse(perm: tuple[int, ...] | None) -> tuple[int, ...] | None:
    return None if perm is None else tuple(int(i) for i in np.argsort(perm))


transpose: Op = Op("Transpose", lambda a, perm=None: a.transpose(perm), _transposed,
    (lambda g, y, a, perm: transpose(g, perm=_inverse(perm)),), ("a",), view="part",
    attrs={"perm": (axes_of, None, lambda op, order, a, name: in_order(a, order, name=name)),
           "name": (named, "transpose"), "conjugate": (ignored, False)},
    rewrite=lambda a, perm: a if perm is not None and perm == tuple(range(len(perm))) else None,
    doc="""The axes in the order `perm`, by default reversed.

    >>> tg.transpose([[1, 2, 3], [4, 5, 6]]).eval()
    array([[1, 4],
           [2, 5],
           [3, 6]], dtype=int32)
    """)


def _inverted(x: np.ndarray, out: Any) -> np.ndarray:
    numbers = np.arange(x.size, dtype=x.dtype)
    if not np.array_equal(np.sort(x), numbers):
        raise InvalidArgumentError(f"{x.tolist()} is not a permutation of 0 to {x.size - 1}")
    out[x] = numbers
    return out


invert_permutation = Op("InvertPermutation", _inverted,
    lambda x: Spec(x.shape.with_rank(1), check_dtypes((x,), "int")), (None,), ("x",),
    doc="""The permutation y with y[x[i]] = i.

    >>> tg.invert_permutation([2, 0, 1]).eval()
    array([1, 2, 0], dtype=int32)
    """)


def _ordered_spec(x: Spec, order: Spec) -> Spec:
    check_dtypes((order,), "int")
    dims = x.shape.sizes
    if dims is not None:
        order.shape.merge_with([len(dims)])
        return Spec(Shape.of((None,) * len(dims)), x.dtype)
    sizes = order.shape.sizes
    is_vector = sizes is not None and len(sizes) == 1 and sizes[0] is not None
    return Spec(Shape.of((None,) * sizes[0]) if is_vector else UNKNOWN, x.dtype)  # type: ignore


def _in_order(x: Node, order: Node) -> Node | None:
    known = order.spec.constant
    if known is None:
        return None
    return transpose(x, perm=tuple(int(i) for i in known))


in_order: Op = Op("TransposeBy", lambda x, order: x.transpose(tuple(int(i) for i in order)),
    _ordered_spec, (lambda g, y, x, order: in_order(g, invert_permutation(order)), None),
    ("a", "perm"), view="part", rewrite=_in_order,
    doc="The axes in an order that only a run knows.")


def in_front(x: Node, axes: Node) -> tuple[Node, Node]:
    """`x` with `axes` as its first ones, and the order that this is."""
    order = axes_first(axes, rank(x))
    return in_order(x, order), order


def along_front(x: Node, axes: Node, function: Callable[[Node], Node]) -> Node:
    """`function`, which keeps the shape, of `x` with `axes` as its first ones, put back."""
    front, order = in_front(x, axes)
    y = in_order(function(front), invert_permutation(order))
    y.set_shape(x.shape)
    return y


def along_late(op: Op, axes: Node, x: Any, name: str, **attrs: Any) -> Node:
    """An op that keeps the shape, along axes that only a run knows."""
    first = tuple(range(axes.shape.num_elements() or 0)) if axes.shape.ndims else 0
    with name_scope(name, values=[x, axes]):
        x = as_node(x, name=next(iter(op.params)))
        return along_front(x, axes, lambda front: op(front, axis=first, **attrs))


def put_back(y: Node, axis: Node, moved: Any = 1) -> Node:
    """`y` with its first `moved` axes where `axis` of the tensor was that it comes from."""
    return in_order(y, axes_back(axis, rank(y), moved))
