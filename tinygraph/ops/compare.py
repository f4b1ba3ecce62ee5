"""Comparisons, logic, and conversions between dtypes, element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.arguments import named
from tinygraph.dtypes import DType, as_dtype, bool_, float16, float32, float64, int32, int64
from tinygraph.errors import DTypeError
from tinygraph.families import check_dtypes, elementwise
from tinygraph.graph import Node
from tinygraph.node import CompositeTensor
from tinygraph.op import Op, as_node
from tinygraph.spec import Spec
from tinygraph.typing import DTypeLike, TensorLike

Array = np.ndarray

# ---------------------------------------------------------------- comparisons and logic


def _predicate(name: str, kernel: Callable, accepts: str, **fields: Any) -> Op:
    return elementwise(name, kernel, None, None, accepts=accepts, dtype=bool_, **fields)


equal = _predicate("Equal", np.equal, "any",
    doc="""x == y, elementwise; between tensors the operator == itself asks for identity.

    >>> tg.equal([1, 3], 3).eval()
    array([False,  True])
    """)
not_equal = _predicate("NotEqual", np.not_equal, "any",
    doc="""x != y, elementwise.

    >>> tg.not_equal([1, 3], 3).eval()
    array([ True, False])
    """)
less = _predicate("Less", np.less, "number",
    doc="""x < y, elementwise.

    >>> tg.less([1, 3], 3).eval()
    array([ True, False])
    """)
less_equal = _predicate("LessEqual", np.less_equal, "number",
    doc="""x <= y, elementwise.

    >>> tg.less_equal([1, 3], 3).eval()
    array([ True,  True])
    """)
greater = _predicate("Greater", np.greater, "number",
    doc="""x > y, elementwise.

    >>> tg.greater([1, 3], 2).eval()
    array([False,  True])
    """)
greater_equal = _predicate("GreaterEqual", np.greater_equal, "number",
    doc="""x >= y, elementwise.

    >>> tg.greater_equal([1, 3], 3).eval()
    array([False,  True])
    """)
logical_and = _predicate("LogicalAnd", np.logical_and, "bool",
    doc="""Whether both x and y, elementwise.

    >>> tg.logical_and([True, False], True).eval()
    array([ True, False])
    """)
logical_or = _predicate("LogicalOr", np.logical_or, "bool",
    doc="""Whether x or y or both, elementwise.

    >>> tg.logical_or([True, False], False).eval()
    array([ True, False])
    """)
logical_xor = _predicate("LogicalXor", np.logical_xor, "bool",
    doc="""Whether either x or y, not both, elementwise.

    >>> tg.logical_xor([True, False], True).eval()
    array([False,  True])
    """)
logical_not = elementwise("LogicalNot", np.logical_not, None, accepts="bool", dtype=bool_,
    doc="""Whether not x, elementwise.

    >>> tg.logical_not([True, False]).eval()
    array([False,  True])
    """)

# ---------------------------------------------------------------- where gradients stop

_BITS = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}


def cleared(x: Array, keep: Array, out: Array) -> Array:
    """x where `keep`, else 0: the bits times 1 or 0.

    Unlike `x * keep` that turns inf and NaN to 0 too; `np.where` branches, five times slower.
    """
    bits = _BITS.get(x.itemsize)
    if bits is None:  # the complex numbers of a gradient check
        np.copyto(out, np.where(keep, x, 0))
    else:
        np.multiply(x.view(bits), keep.view(np.int8), out=out.view(bits))
    return out


def _kept_spec(x: Spec, keep: Spec) -> Spec:
    check_dtypes((keep,), "bool")
    return Spec(x.shape.merge_with(keep.shape), x.dtype)


keep_where: Op = Op("KeepWhere", cleared, _kept_spec,
    (lambda g, y, x, keep: keep_where(g, keep), None), ("x", "keep"), inplace=(0,),
    doc="""x where `keep`, else 0, also where x is NaN or infinite; the shapes are equal.

    >>> tg.registry["KeepWhere"]([1.0, float("inf")], [True, False]).eval()
    array([1., 0.], dtype=float32)
    """)

# ---------------------------------------------------------------- cast


def _are_floats(*dtypes: DType) -> bool:
    return all(dtype.is_floating for dtype in dtypes)


def _cast(x: Array, out: Array, dtype: Any) -> Array:
    np.copyto(out, x, casting="unsafe")
    return out


cast_op = Op("Cast", _cast, lambda x, dtype: Spec(x.shape, dtype),
    (lambda g, y, x, dtype: cast(g, x.dtype) if _are_floats(x.dtype, dtype) else None,), ("x",),
    rewrite=lambda x, dtype: x if x.dtype is dtype else None,
    doc="Convert to another dtype.")


def cast(x: TensorLike, dtype: DTypeLike, name: str | None = None) -> Node:
    """Convert to another dtype; floats to ints are cut off towards zero.

    IndexedSlices stay IndexedSlices.

    >>> tg.cast([1.7, -1.7], tg.int32).eval()
    array([ 1, -1], dtype=int32)
    """
    if isinstance(x, CompositeTensor):
        return x.with_values(cast(x.values, dtype, name))
    x, dtype = as_node(x, name="x"), as_dtype(dtype)
    return x if x.dtype is dtype else cast_op(x, dtype=dtype, name=name)


def exact_dtype(dtype: DType) -> DType:
    """The dtype to compute in: float32 for float16, whose range, 6e-8 to 65,504, sums, counts and
    epsilons leave where the result does not.
    """
    return float32 if dtype is float16 else dtype


def exact(x: Node) -> Node:
    """`x` in the dtype to compute in."""
    return cast(x, exact_dtype(x.dtype))


def in_float32(function: Callable) -> Callable:
    """A composite's body or rule, which for float16 computes in float32."""

    def widened(*nodes: Node, **attrs: Any) -> Node:
        return cast(function(*map(exact, nodes), **attrs), nodes[0].dtype)

    return widened


def to_float(x: TensorLike, name: str | None = "ToFloat") -> Node:
    """Convert to float32.

    >>> tg.to_float([1, 2]).eval()
    array([1., 2.], dtype=float32)
    """
    return cast(x, float32, name=name)


def to_double(x: TensorLike, name: str | None = "ToDouble") -> Node:
    """Convert to float64.

    >>> tg.to_double([1, 2]).eval()
    array([1., 2.])
    """
    return cast(x, float64, name=name)


def to_int32(x: TensorLike, name: str | None = "ToInt32") -> Node:
    """Convert to int32, cutting off towards zero.

    >>> tg.to_int32([1.7, -1.7]).eval()
    array([ 1, -1], dtype=int32)
    """
    return cast(x, int32, name=name)


def to_int64(x: TensorLike, name: str | None = "ToInt64") -> Node:
    """Convert to int64, cutting off towards zero.

    >>> tg.to_int64([1.7, -1.7]).eval()
    array([ 1, -1])
    """
    return cast(x, int64, name=name)


def _saturate(x: Array, out: Array, dtype: Any) -> Array:
    low, high = as_dtype(dtype).min, as_dtype(dtype).max
    _cast(x, out, dtype)
    if x.dtype.kind == "f" and out.dtype.kind != "f":
        np.copyto(out, 0, where=np.isnan(x))
    np.copyto(out, low, where=np.less(x, low))
    # As a float32 the largest int32 is 2^31, the first value beyond: it is to be replaced too.
    np.copyto(out, high, where=np.greater_equal(x, high))
    return out


saturate_cast_op = Op("SaturateCast", _saturate, lambda x, dtype: Spec(x.shape, dtype),
    (lambda g, y, x, dtype: _saturate_rule(g, x, dtype),), ("value",),
    doc="Convert to another dtype; what is out of its range becomes its nearest value.")


def _saturate_rule(g: Node, x: Node, dtype: DType) -> Node | None:
    if not _are_floats(x.dtype, dtype):
        return None
    return keep_where(cast(g, x.dtype), logical_and(x >= dtype.min, x <= dtype.max))


def saturate_cast(value: TensorLike, dtype: DTypeLike, name: str | None = None) -> Node:
    """Convert to another dtype; what is out of its range becomes its nearest value, NaN 0.

    >>> tg.saturate_cast([-5.0, 1.7, 300.0], tg.uint8).eval()
    array([  0,   1, 255], dtype=uint8)
    """
    value, dtype = as_node(value, name="value"), as_dtype(dtype)
    if dtype.is_bool or value.dtype.is_bool:
        raise DTypeError(f"bools have no range to saturate: {value.dtype.name} to {dtype.name}")
    wide = dtype.min <= value.dtype.min and value.dtype.max <= dtype.max
    may_be_infinite = value.dtype.is_floating and not dtype.is_floating
    op = cast_op if wide and not may_be_infinite else saturate_cast_op
    return op(value, dtype=dtype, name=named(name, "saturate_cast"))
