"""Repeating elements, and adding up what was repeated: fill, broadcast_to, sum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.arguments import flag, named
from tinygraph.defaults import name_scope
from tinygraph.dtypes import as_dtype, float32
from tinygraph.errors import ShapeError
from tinygraph.families import reduction
from tinygraph.graph import Node
from tinygraph.kernels.summation import DIRECT, ONES, Array, Axis, sum_over
from tinygraph.op import Op, as_node, constant
from tinygraph.ops.array import as_shape, shape_from, shape_of, unless_reshaped
from tinygraph.ops.axes import axes_kept, axes_merged, axes_of, in_front, transpose
from tinygraph.ops.reshaping import expand_op, reshape
from tinygraph.ops.rules import Dims, check_rank, equal_dims, ranked
from tinygraph.spec import Shape, Spec, broadcast
from tinygraph.typing import DTypeLike, ShapeLike, TensorLike

# ---------------------------------------------------------------- fill, zeros and ones


def _fill(dims: Any, value: Any, out: np.ndarray) -> np.ndarray:
    np.copyto(out, value)
    return out


def _fill_spec(dims: Spec, value: Spec) -> Spec:
    check_rank(value, 0, "the value")
    return Spec(_whole_shape(dims), value.dtype)


def _whole_shape(dims: Spec) -> Shape:
    """The shape that `dims` stands for, where -1 has no meaning."""
    if dims.constant is not None and (dims.constant < 0).any():
        raise ShapeError(f"a dimension is at least 0, unlike in {dims.constant}")
    return shape_from(dims)


fill = Op("Fill", _fill, _fill_spec,
    (None, lambda g, y, dims, value: sum_like(g, value)), ("dims", "value"), static=(0,),
    rewrite=lambda dims, value: broadcast_to(value, dims),  # a view needs no memory
    doc="""A tensor of shape `dims` with `value` everywhere.

    >>> tg.fill([2, 2], 7).eval()
    array([[7, 7],
           [7, 7]], dtype=int32)
    """)


def _filled(shape: Any, number: int, dtype: Any, name: str) -> Node:
    return fill(as_shape(shape), np.array(number, as_dtype(dtype).numpy), name=name)


def _filled_like(tensor: Any, number: int, dtype: Any, name: str) -> Node:
    with name_scope(name, values=[tensor]) as scope:
        tensor = as_node(tensor, name="tensor")
        return _filled(shape_of(tensor), number, tensor.dtype if dtype is None else dtype, scope)


SMALL = 1000  # elements; as in TF, zeros and ones of fewer are plain constants


def _constant_if_small(shape: Any, number: int, dtype: Any, name: str) -> Node:
    dims = as_shape(shape)
    if isinstance(dims, list | tuple):  # TF takes 784 / 2 here, which is a float
        dims = [int(d) if isinstance(d, float) and d.is_integer() else d for d in dims]
    if not isinstance(dims, Node) and all(isinstance(d, int | np.integer) for d in dims):
        sizes: Any = Shape(dims).as_list()
        if math.prod(sizes) < SMALL:
            return constant(np.full(sizes, number, as_dtype(dtype).numpy), name=name)
    return _filled(dims, number, dtype, name)


def zeros(shape: ShapeLike, dtype: DTypeLike = float32, name: str | None = None) -> Node:
    """Zeros; `shape` may hold tensors.

    >>> tg.zeros([2]).eval()
    array([0., 0.], dtype=float32)
    """
    return _constant_if_small(shape, 0, dtype, named(name, "zeros"))


def ones(shape: ShapeLike, dtype: DTypeLike = float32, name: str | None = None) -> Node:
    """Ones; `shape` may hold tensors.

    >>> tg.ones([2], tg.int32).eval()
    array([1, 1], dtype=int32)
    """
    return _constant_if_small(shape, 1, dtype, named(name, "ones"))


def zeros_like(
    tensor: TensorLike, dtype: DTypeLike | None = None, name: str | None = None,
    optimize: bool = True,
) -> Node:
    """Zeros in the shape of `tensor`.

    >>> tg.zeros_like([1.0, 2.0]).eval()
    array([0., 0.], dtype=float32)
    """
    return _filled_like(tensor, 0, dtype, named(name, "zeros_like"))


def ones_like(
    tensor: TensorLike, dtype: DTypeLike | None = None, name: str | None = None,
    optimize: bool = True,
) -> Node:
    """Ones in the shape of `tensor`.

    >>> tg.ones_like([1.0, 2.0]).eval()
    array([1., 1.], dtype=float32)
    """
    return _filled_like(tensor, 1, dtype, named(name, "ones_like"))


# ---------------------------------------------------------------- broadcast_to


def _broadcast_to_spec(x: Spec, shape: Spec) -> Spec:
    target = _whole_shape(shape)
    if target.is_fully_defined() and broadcast(x.shape, target) != target:
        if x.shape.is_fully_defined():
            raise ShapeError(f"{x.shape} does not broadcast to {target}")
    if x.shape.sizes and target.sizes and len(x.shape.sizes) <= len(target.sizes):
        own = (None,) * (len(target.sizes) - len(x.shape.sizes)) + x.shape.sizes
        dims = zip(target.sizes, own, strict=True)
        target = Shape.of(tuple(n if d is None and n != 1 else d for d, n in dims))
    return Spec(target, x.dtype)


broadcast_to: Op = Op("BroadcastTo", lambda x, shape: np.broadcast_to(x, tuple(shape)),
    _broadcast_to_spec, (lambda g, y, x, shape: sum_like(g, x), None), ("input", "shape"),
    view="repeat", static=(1,), rewrite=unless_reshaped,
    doc="""Repeat along dimensions of 1, as elementwise ops do by themselves.

    >>> tg.broadcast_to([1, 2], [2, 2]).eval()
    array([[1, 2],
           [1, 2]], dtype=int32)
    """)


def broadcast_like(x: Node, like: Node) -> Node:
    """`x` in the shape of `like`."""
    if x.shape.is_fully_defined() and x.spec.shape == like.spec.shape:
        return x
    return broadcast_to(x, shape_of(like))


# ---------------------------------------------------------------- sum


def _product_dims(a: Dims, b: Dims) -> Dims:
    """The dims of a product of matrices and vectors: over the last axis of a and the first of b."""
    equal_dims(a[-1], b[0])
    return *a[:-1], *b[1:]


_product_spec = ranked(_product_dims, "number", least=1)


def _swapped(x: Node) -> Node:
    return transpose(x, perm=(1, 0))


dot_op: Op = Op("Dot", np.dot, _product_spec,
    (lambda g, y, a, b: dot_op(g, _swapped(b)), lambda g, y, a, b: dot_op(_swapped(a), g)),
    ("a", "b"),
    doc="The product of two matrices; what MatMul is once its transposes are views.")
times_vector_op = Op("TimesVector", np.dot, _product_spec, (None, None), ("a", "b"),
    doc="A matrix or a vector times a vector, or a vector times a matrix: what sums become.")


def _sum_by_product(x: Node, axis: Axis, keepdims: bool) -> Node | None:
    """The sum of a vector or of a matrix' rows or columns as a product with ones."""
    dims = x.shape.sizes
    rank = 0 if dims is None else len(dims)
    axis = tuple(range(rank)) if axis is None else axis
    if rank not in (1, 2) or len(axis) != 1 or None in dims or x.dtype.numpy not in ONES:  # type: ignore[operator]
        return None
    n = dims[axis[0]]  # type: ignore[index]
    if not 0 < n <= DIRECT or keepdims and rank == 1:  # type: ignore[operator]
        return None
    of_rows = axis[0] in (rank - 1, -1)
    shape = (n,) if not keepdims else (n, 1) if of_rows else (1, n)
    ones = constant(np.ones(shape, x.dtype.numpy))  # type: ignore[arg-type]
    return (dot_op if keepdims else times_vector_op)(*(x, ones) if of_rows else (ones, x))


def merged(x: Node, axes: Node) -> Node:
    """`x` with `axes`, which only a run knows, in front and made one."""
    front, _ = in_front(x, axes)
    return reshape(front, axes_merged(shape_of(front), axes))


def _reduced_late(op: Op, axes: Node, x: Any, name: str, keepdims: bool) -> Node:
    """The op over axes that only a run knows: over the first one, which they all become."""
    with name_scope(name, values=[x, axes]) as scope:
        x = as_node(x, name="input_tensor")
        flat = merged(x, axes)
        if not keepdims:
            return op(flat, axis=(0,), name=scope)
        return reshape(op(flat, axis=(0,)), axes_kept(shape_of(x), axes), name=scope)


def _keeps(value: bool | None, what: str) -> bool:
    return flag(value, what, default=False)


def over_axes(name: str | None = None) -> dict[str, Any]:
    """The parameters of TF's reductions, and the name of their nodes if it is not the op's."""
    return {
        "axis": (axes_of, None, _reduced_late), "keepdims": (_keeps, None),
        "name": (named, None, name), "reduction_indices": "axis", "keep_dims": "keepdims",
    }


reduce_sum = reduction("Sum", sum_over,
    lambda g, y, x, axis, keepdims: spread(g, x, axis, keepdims), attrs=over_axes(),
    rewrite=_sum_by_product,
    doc="""The sum over `axis`, an int or ints, or over all axes; float16 adds in float32.

    >>> tg.reduce_sum([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([4., 6.], dtype=float32)
    """)


def spread(g: Node, x: Node, axis: Axis, keepdims: bool) -> Node:
    """Undo a reduction's shape: `g`, one element for each reduced group of `x`, in x's shape."""
    if not keepdims and axis is not None:
        g = expand_op(g, axis=axis)
    return broadcast_like(g, x)


# ---------------------------------------------------------------- undoing broadcasting


def broadcast_axes(wide: tuple[int, ...], narrow: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of `wide` along which `narrow` was repeated."""
    lead = len(wide) - len(narrow)
    repeated = (i + lead for i, d in enumerate(narrow) if d == 1 and wide[i + lead] != 1)
    return (*range(lead), *repeated)


def _sum_like_kernel(g: Array, x: Array) -> Array:
    axes = broadcast_axes(g.shape, x.shape)
    total = np.empty([d for i, d in enumerate(g.shape) if i not in axes], g.dtype)
    return sum_over(g, total, axes, False).reshape(x.shape)


def _sum_like_rewrite(g: Node, x: Node) -> Node | None:
    if not (g.shape.is_fully_defined() and x.shape.is_fully_defined()):
        return None
    narrow = x.shape.sizes
    axes = broadcast_axes(g.shape.sizes, narrow)  # type: ignore[arg-type]
    return reshape(reduce_sum(g, axis=axes, keepdims=False), narrow) if axes else reshape(g, narrow)


sum_like: Op = Op("SumLike", _sum_like_kernel, lambda g, x: Spec(x.shape, g.dtype),
    (lambda h, y, g, x: broadcast_like(h, g), None), ("g", "x"), rewrite=_sum_like_rewrite,
    doc="Sum `g` over the axes along which `x` was broadcast, so that it has x's shape.")
