"""Changing the extent: slice, pad, tile, reverse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygraph.arguments import text
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from tinygraph.graph import Node, name_scope
from tinygraph.op import Op, as_node
from tinygraph.ops.array import shape, shape_from, shape_of, static_ints
from tinygraph.ops.axes import along_front, late_axes
from tinygraph.ops.broadcasting import ones_like, sum_like, sum_op, zeros_like
from tinygraph.ops.joining import stack
from tinygraph.spec import UNKNOWN, Shape, Spec, normalize_axis

# ---------------------------------------------------------------- slice


def _items(spec: Spec, rank: int | None, what: str) -> list[int | None]:
    """The ints of a vector as far as they are known; it has one for each of `rank` dimensions."""
    if not spec.dtype.is_integer and spec.shape.sizes != (0,):
        raise DTypeError(f"{what} must be ints, not {spec.dtype.name},")
    if spec.shape.ndims not in (None, 1):
        raise ShapeError(f"{what} must be a vector, not of rank {spec.shape.ndims}")
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
    found = [_cut_dim(*item) for item in zip(range(rank), dims, begins, sizes, strict=True)]
    return Spec(Shape.of(tuple(found)), x.dtype)


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


slice_ = Op(
    "Slice", _slice, _cut, (_slice_vjp, None, None), ("input_", "begin", "size"), view="part",
    static=(1, 2),
    doc="""The part of a tensor that starts at `begin` and has the shape `size`, or -1 for the rest.

    >>> tg.slice([[1, 2, 3], [4, 5, 6]], [0, 1], [2, -1]).eval()
    array([[2, 3],
           [5, 6]], dtype=int32)
    """,
)


# ---------------------------------------------------------------- pad


def _pads(paddings: Spec, rank: int | None) -> list[tuple[int | None, int | None]] | None:
    """What is known of the paddings: (before, after) for each dimension; None without a rank."""
    if not paddings.dtype.is_integer:
        raise DTypeError(f"paddings must be ints, not {paddings.dtype.name},")
    if not paddings.shape.is_compatible_with([rank, 2]):
        raise ShapeError(f"paddings must have shape ({rank}, 2), not {paddings.shape}")
    if paddings.value is not None:
        pads = [tuple(pair) for pair in paddings.value.tolist()]
        if any(n is not None and n < 0 for pair in pads for n in pair):
            raise ShapeError(f"Paddings must be non-negative, unlike in {pads}")
        return pads
    rank = _rank_of(paddings.shape) if rank is None else rank
    return None if rank is None else [(None, None)] * rank


def _resized(x: Spec, paddings: Spec, sign: int = 1) -> Spec:
    """The spec after padding, or with sign -1 before it."""
    pads = _pads(paddings, x.shape.ndims)
    if pads is None:
        return Spec(UNKNOWN, x.dtype)
    sizes = zip(x.shape.sizes or (None,) * len(pads), pads, strict=True)
    dims = tuple(None if d is None or None in p else d + sign * sum(p) for d, p in sizes)  # type: ignore
    return Spec(Shape.of(dims), x.dtype)


def _inner(paddings: Any, dims: Any) -> tuple[slice, ...]:
    """Where in the padded array the original is, which has shape `dims`."""
    if np.min(paddings, initial=0) < 0:
        raise InvalidArgumentError(f"Paddings must be non-negative, unlike in {paddings}")
    return tuple(slice(a, a + d) for (a, _), d in zip(paddings, dims, strict=True))


def _room(x: np.ndarray, paddings: Any, out: Any) -> tuple[np.ndarray, tuple[slice, ...]]:
    """Where the padded array goes, and where in it x does."""
    inner = _inner(paddings, x.shape)
    if out is None:
        out = np.empty([a + d + b for (a, b), d in zip(paddings, x.shape, strict=True)], x.dtype)
    return out, inner


def _pad(x: np.ndarray, paddings: Any, constant_values: Any = 0, out: Any = None) -> np.ndarray:
    out, inner = _room(x, paddings, out)
    out[...] = constant_values
    out[inner] = x
    return out


def _unpad(g: Node, x: Node, paddings: Node) -> Node:
    return slice_(g, paddings[:, 0], shape(x, out_type=paddings.dtype))  # type: ignore[index]


pad_op = Op(
    "Pad", _pad, _resized, (lambda g, y, x, p: _unpad(g, x, p), None), ("tensor", "paddings"),
    static=(1,), doc="Zeros around a tensor.",
)
pad_with_op: Op = Op(
    "PadV2", _pad, lambda x, p, c: _resized(x, p),
    (
        lambda g, y, x, p, c: _unpad(g, x, p), None,
        lambda g, y, x, p, c: sum_like(g * pad_with_op(zeros_like(x), p, ones_like(c)), c),
    ),
    ("tensor", "paddings", "constant_values"), static=(1,), doc="A constant around a tensor.",
)


def _edge(mode: str) -> int:
    """How many elements at each border a mirrored copy leaves out."""
    return 1 if mode == "REFLECT" else 0


def _mirrored(x: Spec, paddings: Spec, mode: str) -> Spec:
    spec = _resized(x, paddings)
    for dim, pair in zip(x.shape.sizes or (), _pads(paddings, x.shape.ndims) or (), strict=False):
        if dim is not None and any(n is not None and n > dim - _edge(mode) for n in pair):
            raise ShapeError(_too_wide(pair, dim, mode))
    return spec


def _too_wide(pair: Any, dim: int, mode: str) -> str:
    return f"paddings {tuple(pair)} are too wide to {mode.lower()} a dimension of {dim}"


def _mirrors(paddings: Any, inner: tuple[slice, ...], mode: str) -> Iterator[tuple[tuple, tuple]]:
    """Pairs of a border and the part that it mirrors, in the order that fills the corners."""
    edge = _edge(mode)
    for axis, ((a, b), part) in enumerate(zip(paddings, inner, strict=True)):
        if max(a, b) > part.stop - part.start - edge:
            raise InvalidArgumentError(_too_wide((a, b), part.stop - part.start, mode))
        last = part.stop - 1 - edge
        for border, source in (
            (slice(0, a), slice(2 * a + edge - 1, a + edge - 1, -1)),
            (slice(part.stop, part.stop + b), slice(last, last - b if last >= b else None, -1)),
        ):
            if border.start != border.stop:
                lead, rest = (slice(None),) * axis, inner[axis + 1 :]
                yield (*lead, border, *rest), (*lead, source, *rest)


def _mirror_pad(x: np.ndarray, paddings: Any, mode: str, out: Any = None) -> np.ndarray:
    out, inner = _room(x, paddings, out)
    out[inner] = x
    for border, source in _mirrors(paddings, inner, mode):
        out[border] = out[source]
    return out


def _mirror_pad_grad(g: np.ndarray, paddings: Any, mode: str) -> np.ndarray:
    """Each border added, in the reverse order, to the part that it mirrors."""
    inner = _inner(paddings, [d - a - b for (a, b), d in zip(paddings, g.shape, strict=True)])
    folded = np.array(g)
    for border, source in reversed(list(_mirrors(paddings, inner, mode))):
        folded[source] += folded[border]
    return folded[inner]


mirror_pad_op = Op(
    "MirrorPad", _mirror_pad, _mirrored,
    (lambda g, y, x, p, mode: mirror_pad_grad_op(g, p, mode=mode), None), ("tensor", "paddings"),
    static=(1,), doc="A tensor's own elements around it, mirrored at its borders.",
)
mirror_pad_grad_op: Op = Op(
    "MirrorPadGrad", _mirror_pad_grad, lambda g, p, mode: _resized(g, p, -1),
    (lambda h, y, g, p, mode: mirror_pad_op(h, p, mode=mode), None), ("g", "paddings"),
    static=(1,), doc="g, with its borders added to what they mirror.",
)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None,
    constant_values: Any = 0,
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


def _tile(x: np.ndarray, multiples: Any, out: Any = None) -> np.ndarray:
    if out is None:
        out = np.empty([d * m for d, m in zip(x.shape, multiples, strict=True)], x.dtype)
    wide, narrow = _interleaved(multiples, x.shape), _interleaved([1] * x.ndim, x.shape)
    out.reshape(wide)[...] = x.reshape(narrow)
    return out


def _interleaved(multiples: Any, dims: Any) -> list[int]:
    return [int(n) for pair in zip(multiples, dims, strict=True) for n in pair]


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


def _tile_grad(g: np.ndarray, multiples: Any, shape: Any, out: Any = None) -> np.ndarray:
    parts = g.reshape(_interleaved(multiples, shape))
    add_up: Any = sum_op.kernel
    return add_up(parts, axis=tuple(range(0, parts.ndim, 2)), out=out)


tile = Op(
    "Tile", _tile, _tiled,
    (lambda g, y, x, m: tile_grad_op(g, m, shape_of(x)), None), ("input", "multiples"), static=(1,),
    doc="""Repeat a tensor multiples[i] times along each dimension i.

    >>> tg.tile([[1, 2]], [2, 2]).eval()
    array([[1, 2, 1, 2],
           [1, 2, 1, 2]], dtype=int32)
    """,
)
tile_grad_op: Op = Op(
    "TileGrad", _tile_grad, lambda g, multiples, shape: Spec(shape_from(shape), g.dtype),
    (lambda h, y, g, m, shape: tile(h, m), None, None), ("g", "multiples", "shape"),
    static=(1, 2), doc="The sum of the repetitions.",
)


# ---------------------------------------------------------------- reverse


def _reversed(x: Spec, axis: tuple[int, ...]) -> Spec:
    axes = [normalize_axis(a, x.shape.ndims) for a in axis]
    if len(set(axes)) < len(axes):
        raise ShapeError(f"axis {axis} names an axis twice")
    return x._replace(value=None)


reverse_op: Op = Op(
    "ReverseV2", np.flip, _reversed, (lambda g, y, x, axis: reverse_op(g, axis=axis),), ("tensor",),
    view="part", rewrite=lambda x, axis: None if axis else x, doc="The elements in reverse order.",
)


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Node:
    """Reverse the order along the axes in `axis`.

    >>> tg.reverse([[1, 2], [3, 4]], [1]).eval()
    array([[2, 1],
           [4, 3]], dtype=int32)
    """
    late = late_axes(axis)
    if late is not None and late.shape.is_fully_defined():
        with name_scope(name, "ReverseV2", [tensor, late]):
            first = tuple(range(late.shape.num_elements() or 0))
            tensor = as_node(tensor, name="tensor")
            return along_front(tensor, late, lambda front: reverse_op(front, axis=first))
    return reverse_op(tensor, axis=static_ints(axis, "axis"), name=name)


reverse_v2 = reverse
