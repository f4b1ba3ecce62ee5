"""Changing the extent: slice, pad, tile, reverse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.arguments import text
from tinygraph.dtypes import int64
from tinygraph.errors import GraphError, InvalidArgumentError, ShapeError
from tinygraph.families import composite
from tinygraph.graph import Node
from tinygraph.op import Op, as_node
from tinygraph.ops.array import shape, shape_from, shape_of, size, static_ints
from tinygraph.ops.axes import along_late, late_axes
from tinygraph.ops.broadcasting import broadcast_to, ones_like, sum_like, zeros_like
from tinygraph.ops.gathering import gather, gather_grad_op
from tinygraph.ops.joining import stack
from tinygraph.ops.reshaping import reshape
from tinygraph.ops.rules import check_ints, check_rank
from tinygraph.spec import UNKNOWN, Shape, Spec, normalize_axis
from tinygraph.typing import AxisLike, TensorLike

# ---------------------------------------------------------------- slice


def _items(spec: Spec, rank: int | None, what: str) -> list[int | None]:
    """The ints of a vector as far as they are known; it has one for each of `rank` dimensions."""
    if spec.shape.sizes != (0,):  # [] by itself is of floats
        check_ints(spec, what)
    check_rank(spec, 1, what)
    sizes = spec.shape.sizes
    length = rank if sizes is None or sizes[0] is None else sizes[0]
    if rank is not None and length != rank:
        raise ShapeError(f"{what} has {length} elements for a tensor of rank {rank}")
    return [None] * (length or 0) if spec.value is None else spec.value.tolist()


def _rank_of(*shapes: Shape) -> int | None:
    """The rank of a tensor that vectors with one element for each dimension tell."""
    known = [s.sizes[0] for s in shapes if s.sizes]
    return next((rank for rank in known if rank is not None), None)


def _cut(x: Spec, begin: Spec, size: Spec) -> Spec:
    rank = x.shape.ndims
    rank = _rank_of(begin.shape, size.shape) if rank is None else rank
    begins, sizes = _items(begin, rank, "begin"), _items(size, rank, "size")
    if rank is None:
        return Spec(UNKNOWN, x.dtype)
    dims = x.shape.sizes or (None,) * rank
    cut = [_cut_dim(*item) for item in zip(range(rank), dims, begins, sizes, strict=True)]
    return Spec(Shape.of(tuple(cut)), x.dtype)


def _cut_dim(axis: int, dim: int | None, begin: int | None, size: int | None) -> int | None:
    if begin is not None and (begin < 0 or dim is not None and begin > dim):
        raise ShapeError(f"Expected begin[{axis}] in [0, {dim}], got {begin}")
    left = None if dim is None or begin is None else dim - begin
    if size is None:
        return None
    if size < -1 or left is not None and size > left:
        raise ShapeError(f"Expected size[{axis}] in [0, {left}], got {size}")
    return left if size == -1 else size


def _slice(x: np.ndarray, begin: Any, size: Any) -> np.ndarray:
    sizes = [_cut_dim(*item) for item in zip(range(x.ndim), x.shape, begin, size, strict=True)]
    return x[(*(slice(b, b + s) for b, s in zip(begin, sizes, strict=True)), ...)]  # type: ignore


def _slice_vjp(g: Node, y: Node, x: Node, begin: Node, size: Node) -> Node:
    after = shape(x, out_type=begin.dtype) - begin - shape(y, out_type=begin.dtype)  # type: ignore
    return pad(g, stack([begin, after], axis=1))


slice_ = Op("Slice", _slice, _cut, (_slice_vjp, None, None), ("input_", "begin", "size"),
    view="part", static=(1, 2),
    doc="""The part of a tensor that starts at `begin` and has the shape `size`, or -1 for the rest.

    >>> tg.slice([[1, 2, 3], [4, 5, 6]], [0, 1], [2, -1]).eval()
    array([[2, 3],
           [5, 6]], dtype=int32)
    """)


# ---------------------------------------------------------------- pad


def _pads(paddings: Spec, rank: int | None) -> list[tuple[int | None, int | None]] | None:
    """What is known of the paddings: (before, after) for each dimension; None without a rank."""
    check_ints(paddings, "paddings")
    if not paddings.shape.is_compatible_with([rank, 2]):
        raise ShapeError(f"paddings must have shape ({rank}, 2), not {paddings.shape}")
    if paddings.value is not None:
        pads = [tuple(pair) for pair in paddings.value.tolist()]
        if any(n is not None and n < 0 for pair in pads for n in pair):
            raise ShapeError(f"Paddings must be non-negative, unlike in {pads}")
        return pads
    rank = _rank_of(paddings.shape) if rank is None else rank
    return None if rank is None else [(None, None)] * rank


def _resized(x: Spec, paddings: Spec) -> Spec:
    pads = _pads(paddings, x.shape.ndims)
    if pads is None:
        return Spec(UNKNOWN, x.dtype)
    sizes = zip(x.shape.sizes or (None,) * len(pads), pads, strict=True)
    dims = tuple(None if d is None or None in p else d + sum(p) for d, p in sizes)  # type: ignore
    return Spec(Shape.of(dims), x.dtype)


def _pad(x: np.ndarray, paddings: Any, constant_values: Any = 0, *, out: Any) -> np.ndarray:
    if np.min(paddings, initial=0) < 0:
        raise InvalidArgumentError(f"Paddings must be non-negative, unlike in {paddings}")
    out[...] = constant_values
    out[tuple([slice(a, a + d) for (a, _), d in zip(paddings, x.shape, strict=True)])] = x
    return out


def _unpad(g: Node, x: Node, paddings: Node) -> Node:
    return slice_(g, paddings[:, 0], shape(x, out_type=paddings.dtype))  # type: ignore[index]


pad_op = Op("Pad", _pad, _resized, (lambda g, y, x, p: _unpad(g, x, p), None),
    ("tensor", "paddings"), static=(1,),
    doc="Zeros around a tensor.")
pad_with_op: Op = Op("PadV2", _pad, lambda x, p, c: _resized(x, p),
    (lambda g, y, x, p, c: _unpad(g, x, p), None,
     lambda g, y, x, p, c: sum_like(g * pad_with_op(zeros_like(x), p, ones_like(c)), c)),
    ("tensor", "paddings", "constant_values"), static=(1,),
    doc="A constant around a tensor.")


def _mirror_places(shape: Any, paddings: Any, mode: str) -> np.ndarray:
    sizes = zip(shape, paddings, strict=True)
    axes = [np.pad(np.arange(d), pair, mode.lower()) for d, pair in sizes]  # type: ignore
    return np.arange(math.prod(shape)).reshape(shape)[np.ix_(*axes)]


def _mirrored(x: Spec, paddings: Spec, mode: str) -> Spec:
    spec, edge = _resized(x, paddings), mode == "REFLECT"  # which leaves the border itself out
    for dim, pair in zip(x.shape.sizes or (), _pads(paddings, x.shape.ndims) or (), strict=False):
        if dim is not None and any(n is not None and n > dim - edge for n in pair):
            raise ShapeError(
                f"paddings {tuple(pair)} are too wide to {mode.lower()} a dimension of {dim}")
    return spec


mirror_places = Op("MirrorPlaces", _mirror_places,
    lambda shape, p, mode: _mirrored(Spec(shape_from(shape), int64), p, mode), (None, None),
    ("shape", "paddings"), static=(0, 1),
    doc="Which element of a tensor of that shape, made flat, each one is after mirroring.")


def _mirror_rule(g: Node, y: Node, x: Node, p: Node, mode: str) -> Node:
    places = mirror_places(shape_of(x), p, mode=mode)
    return reshape(gather_grad_op(g, places, [size(x)], axis=0), shape_of(x))


mirror_pad_op = composite("MirrorPad",
    lambda x, p, mode: gather(reshape(x, [-1]), mirror_places(shape_of(x), p, mode=mode)),
    _mirror_rule, None, params=("tensor", "paddings"), infer=_mirrored, static=(1,),
    doc="A tensor's own elements around it, mirrored at its borders.")


def pad(
    tensor: TensorLike, paddings: TensorLike, mode: str = "CONSTANT", name: str | None = None,
    constant_values: TensorLike = 0,
) -> Node:
    """Add paddings[i, 0] elements before and paddings[i, 1] after along each dimension i.

    They are `constant_values`, or with mode "REFLECT" a mirror image without the border, with
    "SYMMETRIC" one with it.

    >>> tg.pad([1, 2, 3], [[1, 2]]).eval()
    array([0, 1, 2, 3, 0, 0], dtype=int32)
    >>> tg.pad([1, 2, 3], [[1, 2]], "REFLECT").eval()
    array([2, 1, 2, 3, 2, 1], dtype=int32)
    """
    kind = text(mode, "mode").upper()
    if kind in ("REFLECT", "SYMMETRIC"):
        return mirror_pad_op(tensor, paddings, mode=kind, name=name)
    if kind != "CONSTANT":
        raise GraphError(f"Unknown padding mode: {mode}; known are CONSTANT, REFLECT, SYMMETRIC")
    if isinstance(constant_values, int | float | np.number) and constant_values == 0:
        return pad_op(tensor, paddings, name=name)
    tensor = as_node(tensor, name="tensor")
    value = as_node(constant_values, tensor.dtype, name="constant_values", graph=tensor.graph)
    return pad_with_op(tensor, paddings, value, name=name)


# ---------------------------------------------------------------- tile


def _tiled(x: Spec, multiples: Spec) -> Spec:
    rank = x.shape.ndims
    counts = _items(multiples, rank, "multiples")
    if any(count is not None and count < 0 for count in counts):
        raise ShapeError(f"multiples must be at least 0, unlike in {counts}")
    if rank is None:
        rank = _rank_of(multiples.shape)
        return Spec(UNKNOWN if rank is None else Shape.of((None,) * rank), x.dtype)
    pairs = zip(x.shape.sizes or (), counts, strict=True)
    dims = (None if d is None or m is None else d * m for d, m in pairs)
    return Spec(Shape.of(tuple(dims)), x.dtype)


def _interleaved(x: Node, multiples: Any) -> Node:
    """The shape in which each dimension of x has one before it, for how often it is repeated."""
    dims = shape(x, out_type=multiples.dtype)
    return reshape(stack([multiples, dims], axis=1), [-1])


def _tile_body(x: Node, multiples: Node) -> Node:
    apart = reshape(x, _interleaved(x, ones_like(multiples)))
    repeated = broadcast_to(apart, _interleaved(x, multiples))
    return reshape(repeated, shape(x, out_type=multiples.dtype) * multiples)


def _tile_rule(g: Node, y: Node, x: Node, multiples: Node) -> Node:
    parts = reshape(g, _interleaved(x, multiples))
    return reshape(sum_like(parts, reshape(x, _interleaved(x, ones_like(multiples)))), shape_of(x))


tile = composite("Tile", _tile_body, _tile_rule, None, params=("input", "multiples"), infer=_tiled,
    static=(1,),
    doc="""Repeat a tensor multiples[i] times along each dimension i.

    >>> tg.tile([[1, 2]], [2, 2]).eval()
    array([[1, 2, 1, 2],
           [1, 2, 1, 2]], dtype=int32)
    """)


# ---------------------------------------------------------------- reverse


def _reversed(x: Spec, axis: tuple[int, ...]) -> Spec:
    axes = [normalize_axis(a, x.shape.ndims) for a in axis]
    if len(set(axes)) < len(axes):
        raise ShapeError(f"axis {axis} names an axis twice")
    return x._replace(value=None)


def _reversed_axes(value: AxisLike, what: str) -> Any:
    """Axes; a tensor that only a run knows must at least say how many."""
    late = late_axes(value)
    return static_ints(value, what) if late is None or not late.shape.is_fully_defined() else late


reverse: Op = Op("ReverseV2", np.flip, _reversed, (lambda g, y, x, axis: reverse(g, axis=axis),),
    ("tensor",), view="part", attrs={"axis": (_reversed_axes, ..., along_late)},
    rewrite=lambda x, axis: None if axis else x,
    doc="""Reverse the order along the axes in `axis`.

    >>> tg.reverse([[1, 2], [3, 4]], [1]).eval()
    array([[2, 1],
           [4, 3]], dtype=int32)
    """)

reverse_v2 = reverse
