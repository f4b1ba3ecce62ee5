"""Elementwise arithmetic, and the operators of Node."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygraph.arguments import named
from tinygraph.defaults import name_scope
from tinygraph.dtypes import as_dtype, float16, float32, float64
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from tinygraph.families import check_dtypes, composite, elementwise
from tinygraph.graph import Node
from tinygraph.node import CompositeTensor
from tinygraph.op import Op, as_node, constant
from tinygraph.ops.arithmetic import (
    add, is_constant, multiply, multiply_no_nan, same_shape, subtract, without,
)
from tinygraph.ops.compare import (
    cast, cleared, greater, greater_equal, keep_where, less, less_equal, logical_and, logical_not,
    logical_or, logical_xor,
)
from tinygraph.ops.elementary import abs_, hypot, log, negative, rint, square
from tinygraph.ops.rules import alike
from tinygraph.spec import Spec, broadcast
from tinygraph.typing import DTypeLike, ShapeLike, TensorLike

Array = np.ndarray

# ---------------------------------------------------------------- division


def _nonzero(y: Array) -> None:
    """Ints have no infinity to stand for x / 0."""
    if not np.all(y):
        raise InvalidArgumentError("Integer division by zero")


def _floor_divide(x: Array, y: Array, out: Array) -> Array:
    if np.asarray(y).dtype.kind == "f":  # TF's floor(x / y): 10, not Python's 9, for 1 // 0.1
        return np.floor(np.divide(x, y, out=out), out=out)
    _nonzero(y)
    return np.floor_divide(x, y, out=out)


def _remainder(x: Array, y: Array, out: Array) -> Array:
    if np.asarray(y).dtype.kind != "f":
        _nonzero(y)
    return np.remainder(x, y, out=out)


def _truncate_divide(x: Array, y: Array, out: Array) -> Array:
    if np.asarray(y).dtype.kind == "f":
        return np.trunc(np.divide(x, y, out=out), out=out)
    _nonzero(y)
    inexact_negative = np.not_equal(np.less(x, 0), np.less(y, 0)) & np.not_equal(np.fmod(x, y), 0)
    quotient = np.floor_divide(x, y, out=out)
    return np.add(quotient, inexact_negative, out=out, dtype=np.asarray(y).dtype)


def _truncate_mod(x: Array, y: Array, out: Array) -> Array:
    if np.asarray(y).dtype.kind != "f":
        _nonzero(y)
    return np.fmod(x, y, out=out)


def _divide_unless_zero(x: Array, y: Array, out: Array) -> Array:
    nonzero = np.not_equal(y, 0)
    quotient = np.divide(x, y, out=out)
    return cleared(quotient, nonzero, out)


realdiv = elementwise("RealDiv", np.divide, lambda g, z, x, y: g / y,
    lambda g, z, x, y: g * (-z / y), accepts="float", rewrite=without(1),
    doc="""x / y for floats, elementwise.

    >>> tg.realdiv([1.0, 2.0], 4.0).eval()
    array([0.25, 0.5 ], dtype=float32)
    """)
floor_div = elementwise("FloorDiv", _floor_divide, None, None, inplace=True,
    doc="""floor(x / y), elementwise: -7 // 2 is -4. InvalidArgumentError for an int y of 0.

    >>> tg.floor_div([7, -7], 2).eval()
    array([ 3, -4], dtype=int32)
    """)
truncatediv = elementwise("TruncateDiv", _truncate_divide, None, None, inplace=True,
    doc="""x / y cut off towards 0, elementwise. InvalidArgumentError for an int y of 0.

    >>> tg.truncatediv([7, -7], 2).eval()
    array([ 3, -3], dtype=int32)
    """)


def _quotient(z: Node, x: Node, y: Node) -> Node:
    """The whole number in z = x - quotient * y; floor(x / y) may be another, as 10 for 1 / 0.1."""
    return rint((x - z) / y)


floormod = elementwise("FloorMod", _remainder, lambda g, z, x, y: g,
    lambda g, z, x, y: -g * _quotient(z, x, y), inplace=True,
    doc="""x - floor(x / y) y, elementwise, as Python's %: with the sign of y.

    InvalidArgumentError for an int y of 0.

    >>> tg.floormod([7, -7], 3).eval()
    array([1, 2], dtype=int32)
    """)
truncatemod = elementwise("TruncateMod", _truncate_mod, lambda g, z, x, y: g,
    lambda g, z, x, y: -g * _quotient(z, x, y), inplace=True,
    doc="""x - truncatediv(x, y) y, elementwise, as in C: with the sign of x.

    InvalidArgumentError for an int y of 0.

    >>> tg.truncatemod([7, -7], 3).eval()
    array([ 1, -1], dtype=int32)
    """)
div_no_nan: Op = elementwise("DivNoNan", _divide_unless_zero,
    lambda g, z, x, y: div_no_nan(g, y), lambda g, z, x, y: -div_no_nan(g, y) * z, accepts="float",
    inplace=True, attrs={"name": (named, None, "div_no_nan")},
    doc="""x / y, elementwise, but 0 where y is 0, also in the gradient.

    >>> tg.div_no_nan([1.0, 1.0], [2.0, 0.0]).eval()
    array([0.5, 0. ], dtype=float32)
    """)


def _common_dtype(x: Any, y: Any):
    """The dtype of the first of two operands that is a node, or of x as a constant."""
    node = next((v for v in (x, y) if isinstance(v, Node)), None)
    return (as_node(x) if node is None else node).dtype


def truediv(x: TensorLike, y: TensorLike, name: str | None = None) -> Node:
    """x / y as floats: ints become float64 first (8 and 16 bit ones float32), as in Python 3.

    >>> tg.truediv([1, 2], 4).eval()
    array([0.25, 0.5 ])
    """
    name = named(name, "truediv")
    dtype = _common_dtype(x, y)
    if not dtype.is_integer:
        return realdiv(x, y, name=name)
    to = float32 if dtype.size < 4 else float64
    with name_scope(name, values=[x, y]) as scope:
        x, y = (cast(as_node(value, dtype, name=key), to) for value, key in ((x, "x"), (y, "y")))
        return realdiv(x, y, name=scope)


divide = truediv


def div(x: TensorLike, y: TensorLike, name: str | None = None) -> Node:
    """x / y as in Python 2: rounded down for ints, true division for floats.

    >>> tg.div([7, -7], 2).eval()
    array([ 3, -4], dtype=int32)
    """
    return (floor_div if _common_dtype(x, y).is_integer else realdiv)(x, y, name=named(name, "div"))


def floordiv(x: TensorLike, y: TensorLike, name: str | None = None) -> Node:
    """floor(x / y), elementwise, for ints and floats; what `x // y` is.

    >>> tg.floordiv([7.0, -7.0], 2.0).eval()
    array([ 3., -4.], dtype=float32)
    """
    return floor_div(x, y, name=named(name, "floordiv"))


mod = floormod

# ---------------------------------------------------------------- powers


def _power(x: Array, y: Array, out: Array) -> Array:
    if np.size(y) == 1 and np.ndim(y) <= np.ndim(x) and np.all(np.equal(y, 2)):
        return np.square(x, out=out)
    return np.power(x, y, out=out)


def _power_rewrite(x: Node, y: Node) -> Node | None:
    if not same_shape(x, y):
        return None
    return square(x) if is_constant(y, 2) else x if is_constant(y, 1) else None


def _log_or_zero(x: Node) -> Node:
    """log(x), and 0 for x <= 0, with a gradient of 0 there too."""
    positive = x > 0
    return log(keep_where(x, positive) + cast(logical_not(positive), x.dtype))


pow_ = elementwise("Pow", _power,
    lambda g, z, x, y: multiply_no_nan(multiply_no_nan(x ** (y - 1), y), g),
    lambda g, z, x, y: multiply_no_nan(multiply_no_nan(z, _log_or_zero(x)), g),
    rewrite=_power_rewrite, inplace=True,
    doc="""x to the power y, elementwise.

    The gradients are y x^(y-1) and x^y log x, the latter 0 where x <= 0; where no gradient
    arrives, neither is NaN. Ints to negative powers raise InvalidArgumentError.

    >>> tg.pow([3.0, 4.0], [2.0, 0.5]).eval()
    array([9., 2.], dtype=float32)
    """)
atan2 = elementwise("Atan2", np.arctan2,
    lambda g, z, y, x: g * (x / hypot(x, y)) / hypot(x, y),
    lambda g, z, y, x: g * (-y / hypot(x, y)) / hypot(x, y), accepts="float",
    doc="""The angle of the point (x, y), elementwise, in [-π, π].

    >>> tg.atan2([1.0, 1.0], [1.0, 0.0]).eval()
    array([0.7853982, 1.5707964], dtype=float32)
    """)

# ---------------------------------------------------------------- the larger and the smaller

CLIP_SIZE = 1 << 10  # elements from which clip is faster; for 100 x 256 it takes a third

within_op = Op("Within", np.ndarray.clip,
    lambda x, low, high: Spec(x.shape, check_dtypes((x, low, high), "float")),
    (lambda g, y, x, low, high: keep_where(g, logical_and(x >= low, x <= high)), None, None),
    ("x", "low", "high"), inplace=(0,),
    doc="x, at least `low` and at most `high`, elementwise, for bounds that are constant scalars.")


def _bounded(*, least: bool) -> Callable[..., Node | None]:
    """The rewrite of a maximum or minimum with a number, which is the least or largest value."""

    def rewrite(x: Node, y: Node) -> Node | None:
        for a, bound in ((x, y), (y, x)):
            value, size = bound.spec.constant, a.spec.shape.num_elements()
            if value is not None and value.ndim == 0 and size is not None and size >= CLIP_SIZE:
                if a.dtype.is_floating and value == value:
                    end = np.array(math.inf if least else -math.inf, value.dtype)
                    other = constant(end)
                    return within_op(a, bound, other) if least else within_op(a, other, bound)
        return None

    return rewrite


maximum = elementwise("Maximum", np.maximum,
    lambda g, z, x, y: keep_where(g, x >= y), lambda g, z, x, y: keep_where(g, logical_not(x >= y)),
    rewrite=_bounded(least=True),
    doc="""The larger of x and y, elementwise; NaN if either is, then with the gradient to
    y. A tie's gradient goes to x.

    >>> tg.maximum([1.0, 2.0], 1.5).eval()
    array([1.5, 2. ], dtype=float32)
    """)
minimum = elementwise("Minimum", np.minimum,
    lambda g, z, x, y: keep_where(g, x <= y), lambda g, z, x, y: keep_where(g, logical_not(x <= y)),
    rewrite=_bounded(least=False),
    doc="""The smaller of x and y, elementwise; NaN if either is, then with the gradient to
    y. A tie's gradient goes to x.

    >>> tg.minimum([1.0, 2.0], 1.5).eval()
    array([1. , 1.5], dtype=float32)
    """)
clip_op = composite("ClipByValue", lambda t, low, high: maximum(minimum(t, high), low),
    lambda g, y, t, low, high: keep_where(g, logical_and(t >= low, t <= high)),
    lambda g, y, t, low, high: keep_where(g, logical_not(minimum(t, high) >= low)),
    lambda g, y, t, low, high: keep_where(g, logical_and(t > high, high >= low)),
    params=("t", "clip_value_min", "clip_value_max"), broadcasts=True,
    infer=lambda t, low, high: Spec(
        t.shape.merge_with(broadcast(t.shape, low.shape, high.shape)),
        check_dtypes((t, low, high), "number")),
    doc="max(min(t, clip_value_max), clip_value_min), elementwise.")


def clip_by_value(
    t: TensorLike, clip_value_min: TensorLike, clip_value_max: TensorLike, name: str | None = None
) -> Node:
    """Limit t to [clip_value_min, clip_value_max], elementwise; the bounds broadcast to t.

    The gradient passes at the bounds themselves. IndexedSlices stay IndexedSlices.

    >>> tg.clip_by_value([-1.0, 0.5, 2.0], 0.0, 1.0).eval()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    if isinstance(t, CompositeTensor):
        return t.with_values(clip_by_value(t.values, clip_value_min, clip_value_max, name))
    return clip_op(t, clip_value_min, clip_value_max, name=named(name, "clip_by_value"))


# ---------------------------------------------------------------- sums of many


def _add_n(*inputs: Array, out: Array) -> Array:
    if len(inputs) == 1:
        return np.positive(inputs[0], out=out)
    if inputs[0].dtype == np.float16:
        wide = np.empty(out.shape, np.float32)
        np.copyto(out, _add_n(inputs[0].astype(np.float32), *inputs[1:], out=wide), "same_kind")
        return out
    np.add(inputs[0], inputs[1], out=out)
    for x in inputs[2:]:
        np.add(out, x, out=out)
    return out


def _add_n_rewrite(*inputs: Node) -> Node | None:
    if not all(x.shape.is_fully_defined() for x in inputs) or inputs[0].dtype is float16:
        return None
    return functools.reduce(add, inputs)


add_n_op = Op("AddN", _add_n, alike("number"), lambda g, y, *inputs: [g] * len(inputs),
    rewrite=_add_n_rewrite,
    doc="The sum of tensors of one shape; float16 adds in float32.")


def add_n(inputs: Iterable[TensorLike], name: str | None = None) -> Node:
    """The sum of a list of tensors of one shape and dtype.

    >>> tg.add_n([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).eval()
    array([ 9., 12.], dtype=float32)
    """
    if not isinstance(inputs, list | tuple) or not inputs:
        raise GraphError("inputs must be a list of at least one tensor")
    dtype = next((x.dtype for x in inputs if isinstance(x, Node)), None)
    nodes = [as_node(x, dtype, name="inputs") for x in inputs]
    return nodes[0] if len(nodes) == 1 else add_n_op(*nodes, name=name)


def accumulate_n(
    inputs: Iterable[TensorLike], shape: ShapeLike = None, tensor_dtype: DTypeLike | None = None,
    name: str | None = None,
) -> Node:
    """The sum of a list of tensors of one shape and dtype, as `add_n`.

    >>> tg.accumulate_n([[1.0, 2.0], [3.0, 4.0]]).eval()
    array([4., 6.], dtype=float32)
    """
    total = add_n(inputs, name=named(name, "AccumulateNV2"))
    total.shape.assert_is_compatible_with(shape)
    if tensor_dtype is not None and total.dtype is not as_dtype(tensor_dtype):
        raise DTypeError(f"the inputs are {total.dtype.name}, not {as_dtype(tensor_dtype).name}")
    return total


def scalar_mul(scalar: TensorLike, x: TensorLike, name: str | None = None) -> Node:
    """A scalar times a tensor, or times IndexedSlices, which it stays.

    >>> tg.scalar_mul(2.0, [1.0, 2.0]).eval()
    array([2., 4.], dtype=float32)
    """
    if isinstance(x, CompositeTensor):
        return x.with_values(scalar_mul(scalar, x.values, name))
    x = as_node(x, name="x")
    scalar = as_node(scalar, x.dtype, name="scalar", graph=x.graph)
    if scalar.shape.ndims not in (0, None):
        raise ShapeError(f"Only scalar multiply works, not shape {scalar.shape}")
    return multiply(scalar, x, name=name)


# ---------------------------------------------------------------- operators


def _operator(method: str, function: Callable, name: str | None, reflects: bool = True) -> None:
    """Give Node the operator `method`, and its reflected form for `2 - x`."""

    def operator(self: Node, other: TensorLike) -> Node:
        return function(self, other, name=name)

    def reflected(self: Node, other: TensorLike) -> Node:
        return function(other, self, name=name)

    setattr(Node, f"__{method}__", operator)
    if reflects:
        setattr(Node, f"__r{method}__", reflected)


_ARITHMETIC: dict[str, Callable] = {
    "add": add, "sub": subtract, "mul": multiply, "truediv": truediv, "floordiv": floordiv,
    "mod": floormod, "pow": pow_, "and": logical_and, "or": logical_or, "xor": logical_xor,
}
_COMPARISONS: dict[str, Callable] = {
    "lt": less, "le": less_equal, "gt": greater, "ge": greater_equal,
}

for _method, _function in _ARITHMETIC.items():
    _operator(_method, _function, _method)
for _method, _function in _COMPARISONS.items():
    _operator(_method, _function, None, reflects=False)

Node.__neg__ = lambda self: negative(self)  # type: ignore[method-assign]
Node.__abs__ = lambda self: abs_(self)  # type: ignore[method-assign]
Node.__invert__ = lambda self: logical_not(self)  # type: ignore[method-assign]
