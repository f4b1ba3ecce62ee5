"""`x[...]`: ints, slices, ellipsis and new axes, known while building or not."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from tinygraph.arguments import integer, named, sequence
from tinygraph.dtypes import bool_
from tinygraph.errors import DTypeError, ShapeError
from tinygraph.function import arguments_of
from tinygraph.graph import Node
from tinygraph.kernels.blas import copied
from tinygraph.op import Op, as_node
from tinygraph.ops.array import shape_from, shape_of, static_int
from tinygraph.spec import MAX_RANK, UNKNOWN, Dimension, Shape, Spec, normalize_axis
from tinygraph.typing import AxisLike, TensorLike

newaxis = None

# ---------------------------------------------------------------- the index


class Index(tuple):
    """An index as NumPy takes it, of ints, slices, one Ellipsis and None for a new axis.

    It has a hash, which slices lack before Python 3.12, and its repr is Python. In place of an int
    that only a run knows stands a name: "i0" for the first such int, and so on.

    >>> from tinygraph.ops.indexing import Index
    >>> Index((0, slice(1, None), Ellipsis))
    np.s_[0, 1:, ...]
    """

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"np.s_[{', '.join(_spelled(item) for item in self)}]"


def _spelled(item: Any) -> str:
    if not isinstance(item, slice):
        return "..." if item is Ellipsis else repr(item)
    start, stop, step = ("" if x is None else repr(x) for x in (item.start, item.stop, item.step))
    return f"{start}:{stop}" + (f":{step}" if step else "")


def index_of(key: Any) -> tuple[Index, list[Node]]:
    """What stands in `x[key]` as an Index, and the nodes that its names stand for."""
    nodes: list[Node] = []

    def entry(item: Any) -> Any:
        if isinstance(item, slice):
            parts = (item.start, item.stop, item.step)
            return slice(*[None if part is None else entry(part) for part in parts])
        if item is None or item is Ellipsis:
            return item
        if not isinstance(item, Node):
            return _an_int(item)
        if not item.dtype.is_integer or item.shape.ndims:
            raise DTypeError(_not_an_index(item))
        nodes.append(item)
        return f"i{len(nodes) - 1}"

    items = key if isinstance(key, tuple) else (key,)
    index = [entry(item) for item in items]
    return Index(index if Ellipsis in index else (*index, Ellipsis)), nodes


def _an_int(item: Any) -> int:
    if isinstance(item, int | np.integer | Dimension) and not isinstance(item, bool):
        return operator.index(item)
    if isinstance(item, np.ndarray) and item.ndim == 0 and item.dtype.kind in "iu":
        return int(item)
    raise DTypeError(_not_an_index(item))


def _not_an_index(item: Any) -> str:
    return (
        "Only integers, slices (`:`), ellipsis (`...`), tg.newaxis (`None`) and scalar int tensors "
        f"are valid indices, not {item!r}; for several ints use tg.gather, for bools "
        "tg.boolean_mask")


def _known(index: Index, values: Sequence[Any]) -> Index:
    """The index with the ints that are known in place of their names."""

    def entry(item: Any) -> Any:
        if isinstance(item, slice):
            return slice(entry(item.start), entry(item.stop), entry(item.step))
        if not isinstance(item, str):
            return item
        value = values[int(item[1:])]
        return item if value is None else operator.index(value)

    return Index(entry(item) for item in index)


# ---------------------------------------------------------------- the op and its gradient


def _sliced(x: Spec, *bounds: Spec, index: Index) -> Spec:
    return Spec(_indexed(x.shape, _known(index, [b.constant for b in bounds])), x.dtype)


def _indexed(shape: Shape, index: Index) -> Shape:
    if index.count(Ellipsis) > 1:
        raise ShapeError("an index has one ellipsis (...) at most")
    if shape.sizes is None:
        return UNKNOWN
    taken = sum(item is not None and item is not Ellipsis for item in index)
    rest = len(shape.sizes) - taken
    if rest < 0:
        raise ShapeError(f"{taken} indices for a tensor of rank {len(shape.sizes)}")
    source = iter(enumerate(shape.sizes))
    dims: list[int | None] = []
    for item in index:
        if item is None:
            dims.append(1)
        elif item is Ellipsis:
            dims += [dim for _, dim in islice(source, rest)]
        elif isinstance(item, slice):
            dims.append(_slice_length(item, next(source)[1]))
        else:
            _check_int(item, *next(source))
    return Shape.of(tuple(dims))


def _slice_length(item: slice, dim: int | None) -> int | None:
    parts = (item.start, item.stop, item.step)
    if item.step == 0:
        raise ShapeError("the step of a slice must not be 0")
    if item.start is None and item.stop is None and item.step in (None, 1, -1):
        return dim
    if dim is None or any(isinstance(part, str) for part in parts):
        return None
    return len(range(*item.indices(dim)))


def _check_int(item: int | str, axis: int, dim: int | None) -> None:
    if isinstance(item, int) and dim is not None and not -dim <= item < dim:
        raise ShapeError(f"slice index {item} of dimension {axis} out of bounds: its size is {dim}")


def _getitem(x: np.ndarray, *bounds: np.ndarray, index: Any) -> np.ndarray:
    return x[tuple(_known(index, bounds)) if bounds else index]


def _simpler_slice(x: Node, *bounds: Node, index: Index) -> Node | None:
    values = [b.spec.constant for b in bounds]
    if bounds and all(value is not None for value in values):
        return slice_op(x, index=_known(index, values))
    return x if all(item in (Ellipsis, slice(None)) for item in index) else None


slice_op = Op("StridedSlice", _getitem, _sliced,
    lambda g, y, x, *bounds, index:
        [slice_grad_op(g, shape_of(x), *bounds, index=index), *[None] * len(bounds)],
    view="part", rewrite=_simpler_slice,
    doc="x[index], where `bounds` are ints that a run knows.")


def _slice_grad(g: np.ndarray, shape: Any, *bounds: np.ndarray, out: Any, index: Any):
    out.fill(0)
    out[tuple(_known(index, bounds)) if bounds else index] = g
    return out


slice_grad_op: Op = Op("StridedSliceGrad", _slice_grad,
    lambda g, shape, *bounds, index: Spec(shape_from(shape), g.dtype),
    lambda h, y, g, shape, *bounds, index:
        [slice_op(h, *bounds, index=index), *[None] * (1 + len(bounds))], static=(1,),
    doc="Zeros of a shape, with g at [index].")


def _add_slice(x: np.ndarray, g: np.ndarray, *bounds: np.ndarray, out: Any, index: Any):
    part = _getitem(copied(x, out), *bounds, index=index)
    np.add(part, g, out=part)
    return out


add_slice_op = Op("AddSlice", _add_slice, lambda x, g, *bounds, index: x._replace(value=None),
    lambda h, y, x, g, *bounds, index:
        [h, slice_op(h, *bounds, index=index), *[None] * len(bounds)], inplace=(0,),
    doc="x with g added at [index].")


def add_slice(x: Node, y: Node) -> Node | None:
    """What the compiler puts for x + y where one of them is a slice's gradient.

    The gradient of n slices then is one array of zeros and n additions to parts of it.
    """
    for whole, part in ((x, y), (y, x)):
        if part.kind is slice_grad_op and whole.spec.shape == part.spec.shape:
            g, _, *bounds = part.inputs
            return add_slice_op(whole, g, *bounds, index=part.attrs["index"])
    return None


# ---------------------------------------------------------------- masks


def _masked(x: Spec, mask: Spec, axis: int) -> Spec:
    if not mask.dtype.is_bool:
        raise DTypeError(f"the mask must be bools, not {mask.dtype.name}; tg.cast(mask, tg.bool)")
    dims, holes = x.shape.sizes, mask.shape.sizes
    if holes == ():
        raise ShapeError("the mask must not be a scalar")
    if holes is None or dims is None:
        return Spec(UNKNOWN, x.dtype)
    axis = normalize_axis(axis, len(dims))
    end = axis + len(holes)
    if not x.shape[axis:end].is_compatible_with(mask.shape):
        raise ShapeError(f"a mask of shape {mask.shape} on dimensions {x.shape[axis:end]}")
    return Spec(Shape.of((*dims[:axis], None, *dims[end:])), x.dtype)


def _mask(x: np.ndarray, mask: np.ndarray, axis: int) -> np.ndarray:
    return x[(slice(None),) * (axis % x.ndim) + (mask,)]


def _mask_grad(g: np.ndarray, mask: Any, shape: Any, out: Any, axis: int) -> np.ndarray:
    out.fill(0)
    out[(slice(None),) * (axis % out.ndim) + (mask,)] = g
    return out


mask_op = Op("BooleanMask", _mask, _masked,
    (lambda g, y, x, mask, axis: mask_grad_op(g, mask, shape_of(x), axis=axis), None),
    {"tensor": None, "mask": bool_},
    doc="The elements where the mask is True.")
mask_grad_op: Op = Op("BooleanMaskGrad", _mask_grad,
    lambda g, mask, shape, axis: Spec(shape_from(shape), g.dtype),
    (lambda h, y, g, mask, shape, axis: mask_op(h, mask, axis=axis), None, None),
    ("g", "mask", "shape"), static=(2,),
    doc="Zeros of a shape, with g where the mask is True.")


def boolean_mask(
    tensor: TensorLike, mask: TensorLike, name: str | None = "boolean_mask", axis: AxisLike = None
) -> Node:
    """The elements, or slices from `axis` on, where `mask` is True; their number a run decides.

    The rank of the mask must be known: ShapeError else.

    >>> tg.boolean_mask([1, 2, 3], [True, False, True]).eval()
    array([1, 3], dtype=int32)
    """
    with arguments_of("BooleanMask", tensor, name=name):
        at = static_int(0 if axis is None else axis, "axis")
        if isinstance(mask, Node) and mask.shape.ndims is None:
            raise ShapeError(f"the mask '{mask.name}' must have a known rank, as [None] tells one")
    return mask_op(tensor, mask, axis=at, name=name)


# ---------------------------------------------------------------- what calls them


def getitem(x: Node, key: Any, name: str = "strided_slice") -> Node:
    """x[key], as NumPy's basic indexing; also with scalar int tensors, or one bool mask.

    Raises ShapeError where an int is known to be out of range; else the run finds out.

    >>> x = tg.constant([[1, 2, 3], [4, 5, 6]])
    >>> x[1:, ::-1].eval()
    array([[6, 5, 4]], dtype=int32)
    """
    if isinstance(key, Node | np.ndarray) and key.dtype == np.bool_:
        return mask_op(x, key, axis=0, name="boolean_mask")
    with arguments_of(name, x):
        index, bounds = index_of(key)
    return slice_op(x, *bounds, index=index, name=name)


Node.__getitem__ = getitem  # type: ignore[assignment, method-assign]


def along(axis: int, item: Any) -> tuple:
    """The key that takes `item` along one axis, which may be negative, and all of the others."""
    if not -MAX_RANK <= axis < MAX_RANK:
        raise ShapeError(f"axis {axis} is out of range for a tensor of any rank")
    if axis >= 0:
        return (*[slice(None)] * axis, item)
    return (Ellipsis, item, *[slice(None)] * (-axis - 1))


def placed(g: Node, x: Node, key: Any) -> Node:
    """Zeros in the shape of `x`, with `g` at [key]: what x[key] has for a gradient."""
    index, bounds = index_of(key)
    return slice_grad_op(g, shape_of(x), *bounds, index=index)


def elements_of(value: Any, what: str) -> list:
    """A vector as a list of ints and scalar nodes; its length must be known."""
    if not isinstance(value, Node):
        return sequence(value, what)
    constant = value.graph.use_value(value, what)
    if constant is not None and constant.ndim == 1:
        return [int(x) for x in constant]
    dims = value.shape.sizes
    if dims is None or len(dims) != 1 or dims[0] is None:
        raise ShapeError(f"{what} must be a vector of known length, unlike '{value.name}' "
                         f"(made at {value.where})")
    return [value[i] for i in range(dims[0])]  # type: ignore[index]


def strided_slice(
    input_: TensorLike, begin: TensorLike, end: TensorLike, strides: TensorLike | None = None,
    begin_mask: int = 0, end_mask: int = 0, ellipsis_mask: int = 0, new_axis_mask: int = 0,
    shrink_axis_mask: int = 0, var: Node | None = None, name: str | None = None,
) -> Node:
    """input_[begin[0]:end[0]:strides[0], ...], where bit i of a mask changes what item i means.

    `begin_mask` and `end_mask` leave out the bound, `ellipsis_mask` makes it `...`,
    `new_axis_mask` a new axis, `shrink_axis_mask` the int begin[i]. `var` is not supported.

    >>> tg.strided_slice([1, 2, 3, 4], [0], [-1], [2]).eval()
    array([1, 3], dtype=int32)
    """
    x, name = as_node(input_, name="input"), named(name, "StridedSlice")
    begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask = (
        integer(mask, "a mask", least=0)
        for mask in (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask))
    with arguments_of(name, x):
        begins, ends = elements_of(begin, "begin"), elements_of(end, "end")
        steps = [1] * len(begins) if strides is None else elements_of(strides, "strides")
        if not len(begins) == len(ends) == len(steps):
            raise ShapeError(f"{len(begins)} begins, {len(ends)} ends and {len(steps)} strides")
    key = []
    for i, bounds in enumerate(zip(begins, ends, steps, strict=True)):
        bit = 1 << i
        start = None if begin_mask & bit else bounds[0]
        stop = None if end_mask & bit else bounds[1]
        item = bounds[0] if shrink_axis_mask & bit else slice(start, stop, bounds[2])
        key.append(... if ellipsis_mask & bit else None if new_axis_mask & bit else item)
    return getitem(x, tuple(key), name=name)
