"""The same elements in another shape: reshape, expand_dims, squeeze, transpose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.arguments import either, named, shown
from tinygraph.defaults import name_scope
from tinygraph.errors import GraphError, ShapeError
from tinygraph.function import arguments_of
from tinygraph.graph import Node
from tinygraph.op import Op
from tinygraph.ops.array import as_shape, shape_from, shape_of, static_ints, unless_reshaped
from tinygraph.ops.axes import late_axis, put_back
from tinygraph.ops.rules import Dims, ranked
from tinygraph.spec import Shape, Spec, normalize_axis
from tinygraph.typing import AxisLike, TensorLike

# ---------------------------------------------------------------- reshape


def _of_nothing(old: Any, new: Any) -> tuple[int, ...]:
    """The dims `new` with a value for the -1 where there is a 0 too: as in TF, what the dims of
    `old` that are not 0 leave.
    """
    old, known = math.prod(d for d in old if d), math.prod(d for d in new if d > 0)
    return tuple(int(old // known if d < 0 else d) for d in new)


def _reshape(x: np.ndarray, shape: Any) -> np.ndarray:
    if not np.size(x) and 0 in shape and -1 in shape:
        shape = _of_nothing(np.shape(x), shape)
    return np.reshape(x, shape)


def _reshape_spec(x: Spec, shape: Spec) -> Spec:
    wanted, constant = shape_from(shape), shape.constant
    if constant is not None and ((constant < -1).any() or (constant < 0).sum() > 1):
        raise ShapeError(f"dimensions are at least 0, and one may be -1, unlike in {constant}")
    size, dims = x.shape.num_elements(), wanted.sizes
    if size is None or dims is None:
        return Spec(wanted, x.dtype)
    product, holes = math.prod(d for d in dims if d is not None), dims.count(None)
    if holes == 1 and product and size % product == 0:
        dims = tuple(size // product if d is None else d for d in dims)
    elif holes == 1 and constant is not None and size == product == 0:
        dims = _of_nothing(x.shape.sizes, constant)
    elif size != product and (not holes or holes == 1 and constant is not None):
        raise ShapeError(
            f"Cannot reshape a tensor with {size} elements to shape {wanted} ({product} elements)")
    return Spec(Shape.of(dims), x.dtype)


reshape: Op = Op("Reshape", _reshape, _reshape_spec,
    (lambda g, y, x, s: reshape(g, shape_of(x)), None), {"tensor": None, "shape": as_shape},
    view="part", static=(1,), rewrite=unless_reshaped,
    doc="""The same elements in another shape; one dimension may be -1: what is left.

    >>> tg.reshape([1, 2, 3, 4], [2, -1]).eval()
    array([[1, 2],
           [3, 4]], dtype=int32)
    """)


# ---------------------------------------------------------------- expand_dims and squeeze


def _expanded(dims: Dims, axis: tuple[int, ...]) -> Dims:
    """`axis` are axes of the result, several at once, and may be negative."""
    total, rest = len(dims) + len(axis), iter(dims)
    axes = {normalize_axis(a, total) for a in axis}
    return tuple([1 if i in axes else next(rest) for i in range(total)])


expand_op = Op("ExpandDims", np.expand_dims, ranked(_expanded),
    (lambda g, y, x, axis: squeeze(g, axis=axis),), ("input",), view="part",
    doc="Dimensions of 1 inserted.")


def _squeezed(dims: Dims, axis: tuple[int, ...] | None) -> Dims | None:
    if axis is None:
        return None if None in dims else tuple([d for d in dims if d != 1])
    axes = {normalize_axis(a, len(dims)) for a in axis}
    for a in axes:
        if dims[a] not in (1, None):
            raise ShapeError(f"Can not squeeze dim[{a}], expected a dimension of 1, got {dims[a]}")
    return tuple([d for i, d in enumerate(dims) if i not in axes])


def _squeeze_dims(value: AxisLike, what: str) -> Any:
    return None if value is None else static_ints(value, what) or None


squeeze: Op = Op("Squeeze", np.squeeze, ranked(_squeezed),
    (lambda g, y, x, axis: reshape(g, shape_of(x)),), ("input",), view="part",
    attrs={"axis": (_squeeze_dims, None), "name": (named, None), "squeeze_dims": "axis"},
    doc="""Drop dimensions of 1: those in `axis`, or all.

    >>> tg.squeeze([[[1, 2]]]).eval()
    array([1, 2], dtype=int32)
    """)


def expand_dims(
    input: TensorLike, axis: AxisLike = None, name: str | None = None, dim: AxisLike = None
) -> Node:
    """Insert a dimension of 1 at `axis` of the result.

    >>> tg.expand_dims([1, 2], 1).eval().shape
    (2, 1)
    """
    with arguments_of("ExpandDims", input, name=name or "expand_dims"):
        axis = either(axis, dim, "'dim' and 'axis'")
        if axis is None:
            raise GraphError("expand_dims needs an axis")
        late = late_axis(axis)
        if late is not None:
            with name_scope(name, "ExpandDims", [input, late]):
                return put_back(expand_op(input, axis=(0,)), late)
        ints = static_ints(axis, "axis")
        if len(ints) != 1:
            raise ShapeError(f"axis must be one int, not {shown(axis)}")
    return expand_op(input, axis=ints, name=name)
