"""Constants, identities, shapes, and arrays made from a shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.arguments import either, flag, named, sequence, shown
from tinygraph.arrays import no_memory, shape_array, to_array
from tinygraph.defaults import graph_of, name_scope
from tinygraph.dtypes import DType, as_dtype, int32
from tinygraph.errors import (
    DTypeError, InvalidArgumentError, ResourceExhaustedError, ShapeError, TinygraphError,
)
from tinygraph.families import composite
from tinygraph.graph import Node
from tinygraph.op import Op, as_node, constant as const_node
from tinygraph.ops.rules import check_rank
from tinygraph.spec import SCALAR, UNKNOWN, Dimension, Shape, Spec
from tinygraph.typing import DTypeLike, ShapeLike, TensorLike


def convert_to_tensor(
    value: TensorLike, dtype: DTypeLike | None = None, name: str | None = None,
    preferred_dtype: DTypeLike | None = None, dtype_hint: DTypeLike | None = None,
) -> Node:
    """`value` as a tensor: itself, or a constant; a list with tensors in it is stacked.

    Without `dtype`, it has the hinted one if that loses nothing.

    >>> tg.convert_to_tensor([1.0, 2.0]).eval()
    array([1., 2.], dtype=float32)
    """
    hint = either(dtype_hint, preferred_dtype, "'preferred_dtype' and 'dtype_hint'")
    if dtype is None and hint is not None:
        try:
            return as_node(value, as_dtype(hint), named(name, "Const"))
        except (DTypeError, InvalidArgumentError):
            pass
    return as_node(value, None if dtype is None else as_dtype(dtype), named(name, "Const"))


def constant(
    value: TensorLike, dtype: DTypeLike | None = None, shape: ShapeLike = None,
    name: str | None = "Const", verify_shape: bool = False,
) -> Node:
    """A constant; a single value, or the last one of a short list, fills up `shape`.

    With `verify_shape`, the value must have the shape instead.

    Raises DTypeError or InvalidArgumentError where `value` does not fit `dtype`, ShapeError where
    it has more elements than `shape`.

    >>> tg.constant([1, 2, 3], shape=[2, 2]).eval()
    array([[1, 2],
           [3, 3]], dtype=int32)
    """
    array = to_array(value, None if dtype is None else as_dtype(dtype))
    if shape is not None:
        dims = tuple(int(size) for size in Shape(shape))
        size = math.prod(dims)
        if flag(verify_shape, "verify_shape") and array.shape != dims:
            raise ShapeError(f"the value has shape {array.shape}, not {dims}")
        if array.size > size or not array.size and size:
            raise ShapeError(f"{array.size} values do not make a constant of shape {dims}")
        flat = array.reshape(-1)
        try:
            array = np.concatenate([flat, np.repeat(flat[-1:], size - flat.size)]).reshape(dims)
        except (MemoryError, ValueError, OverflowError):  # NumPy has all three for "too large"
            spec = Spec(Shape.of(dims), as_dtype(array.dtype))
            raise ResourceExhaustedError(no_memory(f"the constant {name!r}", spec)) from None
    return const_node(array, name=name)


# ---------------------------------------------------------------- identity

identity = Op("Identity", lambda x: x, lambda x: x, (lambda g, y, x: g,), ("input",), view="part",
    rewrite=lambda x: x,
    doc="""The same value, as a new node: a name, or a place for control dependencies.

    >>> tg.identity([1.0, 2.0], name="out").eval()
    array([1., 2.], dtype=float32)
    """)


stop_gradient = Op("StopGradient", lambda x: x, lambda x: x, (None,), ("input",), view="part",
    rewrite=lambda x: x,
    doc="""The same value, which gradients take for a constant.

    >>> x = tg.constant(3.0)
    >>> print(tg.gradients(x * tg.stop_gradient(x), x)[0].eval())
    3.0
    """)

# ---------------------------------------------------------------- shapes


def _fitting(sizes: Any, out_type: Any) -> np.ndarray:
    """Sizes as an array of ints of a dtype that they fit."""
    dtype = as_dtype(out_type)
    if any(size is not None and size > dtype.max for size in np.reshape(sizes, -1).tolist()):
        raise InvalidArgumentError(
            f"{dtype.name} is too small for a size of {sizes}; give out_type=tg.int64")
    return np.array(sizes, dtype.numpy)


def _shape_spec(x: Spec, out_type: DType) -> Spec:
    dims, value = x.shape.sizes, None
    if dims is not None:
        value = np.array(dims, dtype=object) if None in dims else _fitting(dims, out_type)
    return Spec(Shape.of((x.shape.ndims,)), out_type, value)


def _number_spec(number: int | None, dtype: DType) -> Spec:
    return Spec(SCALAR, dtype, None if number is None else _fitting(number, dtype))


shape_op = Op("Shape", lambda x, out_type: _fitting(np.shape(x), out_type), _shape_spec, (None,),
    ("input",),
    doc="The shape, as a vector.")
size_op = Op("Size", lambda x, out_type: _fitting(np.size(x), out_type),
    lambda x, out_type: _number_spec(x.shape.num_elements(), out_type), (None,), ("input",),
    doc="The number of elements.")
rank_op = Op("Rank", lambda x: np.array(np.ndim(x), np.int32),
    lambda x: _number_spec(x.shape.ndims, int32), (None,), ("input",),
    doc="The number of dimensions, as an int32 scalar.")


def _of_shape(op: Op, input: Any, name: str | None, **attrs: Any) -> Node:
    """`op` of a shape; as in TF1 a constant, which needs no feed, where that is known."""
    with name_scope(name, op.name, [input]) as scope:
        x = as_node(input, name="input")
        constant = op.infer(x.spec, **attrs).constant
        if constant is not None:
            return const_node(constant, name=scope, graph=graph_of((x,)))
        return op(x, name=scope, **attrs)


def shape(input: TensorLike, name: str | None = None, out_type: DTypeLike = int32) -> Node:
    """The shape, as a vector of ints that a run knows even where the graph doesn't.

    >>> x = tg.placeholder(tg.float32, [None, 3])
    >>> tg.shape(x).eval({x: np.zeros((5, 3))})
    array([5, 3], dtype=int32)
    """
    return _of_shape(shape_op, input, name, out_type=as_dtype(out_type))


def size(input: TensorLike, name: str | None = None, out_type: DTypeLike = int32) -> Node:
    """The number of elements, as an int scalar.

    >>> print(tg.size([[1.0, 2.0, 3.0]]).eval())
    3
    """
    return _of_shape(size_op, input, name, out_type=as_dtype(out_type))


def rank(input: TensorLike, name: str | None = None) -> Node:
    """The number of dimensions, as an int32 scalar.

    >>> print(tg.rank([[1.0, 2.0]]).eval())
    2
    """
    return _of_shape(rank_op, input, name)


def shape_from(spec: Spec) -> Shape:
    """The Shape that the value of an int vector stands for, as far as it is known."""
    dims = spec.shape.sizes
    if dims == (0,):  # may be a float: [] by itself is
        return SCALAR
    if not spec.dtype.is_integer:
        raise DTypeError(f"a shape is made of ints, not {spec.dtype.name},")
    if dims is not None and len(dims) != 1:
        raise ShapeError(f"a shape is a vector of ints, not of rank {len(dims)},")
    if spec.value is None:
        return UNKNOWN if dims is None or dims[0] is None else Shape.of((None,) * dims[0])
    return Shape.of(tuple(None if d is None or d < 0 else int(d) for d in spec.value.reshape(-1)))


def count_of(spec: Spec, what: str, least: int | None = 0) -> int | None:
    """The int that a scalar stands for, where it is known: how many there are of something."""
    if not spec.dtype.is_integer:
        raise DTypeError(f"{what} must be an int, not {spec.dtype.name}")
    check_rank(spec, 0, what)
    if spec.constant is None:
        return None
    count = int(spec.constant)
    if least is not None and count < least:
        raise ShapeError(f"{what} must be at least {least}, not {count}")
    return count


def unless_reshaped(x: Node, shape: Node) -> Node | None:
    """`x` where `shape` is known to be the one that it has: what then needs no op."""
    dims = x.spec.shape
    return x if dims.is_fully_defined() and dims == shape_from(shape.spec) else None


def shape_of(x: Node) -> Node:
    """The shape of `x` for gradient rules: a constant where it is known while building."""
    dims: Any = x.spec.shape.sizes
    if dims is not None and None not in dims:
        dtype = np.int32 if max(dims, default=0) <= int32.max else np.int64
        return const_node(np.array(dims, dtype), name="Shape", graph=graph_of((x,)))
    return shape_op(x, out_type=int32)


def as_shape(value: ShapeLike) -> Any:
    """A shape, given as numbers, Dimensions or nodes, as what an op takes for an int vector."""
    if isinstance(value, Shape):
        return shape_array(value)
    if isinstance(value, int | np.integer | Dimension):
        value = [value]
    elif not isinstance(value, Node | np.ndarray):
        value = sequence(value, "shape")
    elif isinstance(value, np.ndarray) and value.ndim != 1:
        raise ShapeError(f"a shape is a vector of ints, not of rank {value.ndim}")
    return np.zeros(0, np.int32) if isinstance(value, list) and not value else value


def as_shape_node(value: ShapeLike) -> Node:
    """A shape, given as numbers, Dimensions or nodes, as an int vector node."""
    return as_node(as_shape(value), name="shape")


def dim_of(x: Node, axis: int) -> Any:
    """One dimension of `x`: an int where it is known while building, else a node."""
    dims = x.spec.shape.sizes
    known = None if dims is None else dims[axis]
    return shape_op(x, out_type=int32)[axis] if known is None else known


def _sizes(value: ShapeLike, what: str) -> tuple[int | None, ...] | None:
    return Shape(value).sizes


def _ensure(x: np.ndarray, shape: tuple[int | None, ...] | None) -> np.ndarray:
    if not Shape(np.shape(x)).is_compatible_with(shape):
        raise InvalidArgumentError(f"a shape of {np.shape(x)} is not what was expected: {shape}")
    return x


ensure_shape = Op("EnsureShape", _ensure,
    lambda x, shape: x._replace(shape=x.shape.merge_with(shape)),
    (lambda g, y, x, shape: g,), ("x",), view="part", attrs={"shape": (_sizes, ...)},
    rewrite=lambda x, shape: x if x.shape.is_fully_defined() else None,
    doc="""The same value, with what is known of its shape; a run fails where it differs.

    >>> x = tg.placeholder(tg.float32)
    >>> tg.ensure_shape(x, [None, 3]).shape
    TensorShape([Dimension(None), Dimension(3)])
    """)


like_op = composite("ShapedLike", lambda x, other: x, lambda h, y, x, other: h, None,
    params=("x", "other"), infer=lambda x, other: Spec(x.shape.merge_with(other.shape), x.dtype),
    doc="""x, which must have the shape of another tensor, such as a gradient that of its variable.
    The compiler leaves it out where it knows the shapes.
    """)


def like(x: Node, other: Node) -> Node:
    """`x`, which has the shape of `other`: a run checks what is not known while building."""
    known = x.shape == other.shape and other.shape.is_fully_defined()
    return x if known else like_op(x, other)


# ---------------------------------------------------------------- arguments


def static_int(value: Any, what: str) -> int:
    """One int that has to be known while building."""
    if type(value) is int:  # the common case
        return value
    ints = static_ints(value, what)
    if value.shape.ndims if isinstance(value, Node) else np.ndim(value):
        raise ShapeError(f"{what} must be one int, not {shown(value)}")
    return ints[0]


_INT = frozenset({int})


def are_ints(value: Any) -> bool:
    """Whether `value` is a list or a tuple of Python's ints, bools excepted."""
    return type(value) in (list, tuple) and _INT.issuperset(map(type, value))


def static_ints(value: Any, what: str) -> tuple[int, ...]:
    """An int or ints that have to be known while building, as a tuple."""
    if type(value) is int:  # the common cases
        return (value,)
    if are_ints(value):
        return tuple(value)
    if isinstance(value, Node):
        constant = value.graph.use_value(value, what)
        if constant is None:
            raise ShapeError(
                f"{what} must be known while building, unlike '{value.name}' (made at "
                f"{value.where}); give Python ints or constants, or make the shapes known that it "
                "is computed from")
        value = constant
    elif isinstance(value, list | tuple) and any(isinstance(x, Node | Dimension) for x in value):
        value = [static_int(x, what) for x in value]
    elif isinstance(value, Dimension):
        value = int(value)
    try:
        array = to_array(value)
    except TinygraphError as error:
        raise type(error)(f"{what} must be an int or ints: {error}") from None
    if array.dtype.kind not in "iu" and array.size:
        raise DTypeError(f"{what} must be an int or ints, not {shown(value)}")
    if array.ndim > 1:
        raise ShapeError(f"{what} must be an int or a list of ints, not {shown(value)}")
    return tuple(int(x) for x in array.reshape(-1))
