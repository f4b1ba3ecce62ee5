"""Elementwise arithmetic, comparisons and logic, with the operators of Node."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.errors import InvalidArgumentError
from tinygraph.graph import Node
from tinygraph.op import Op, as_node, check_dtypes, composite, constant, elementwise
from tinygraph.ops.array import zeros_like
from tinygraph.spec import DType, Spec, as_dtype, bool_, broadcast

# ---------------------------------------------------------------- arithmetic


def is_constant(x: Node, number: float) -> bool:
    """Whether a node is known to be `number` throughout; for rewrites."""
    value = x.spec.constant
    return value is not None and value.size == 1 and value.reshape(-1)[0] == number


def _same(x: Node, *others: Node) -> bool:
    """Whether x has the shape and dtype of the result of an op on x and `others`."""
    shape = broadcast(x.shape, *[other.shape for other in others])
    return shape.is_fully_defined() and shape == x.shape


def _add_rewrite(x: Node, y: Node) -> Node | None:
    if is_constant(y, 0) and _same(x, y) and not np.signbit(y.spec.value).any():  # type: ignore[arg-type]
        return None if x.dtype.is_floating else x  # -0.0 + 0.0 is 0.0
    return None


def _multiply_rewrite(x: Node, y: Node) -> Node | None:
    if is_constant(y, 1) and _same(x, y):
        return x
    return y if is_constant(x, 1) and _same(y, x) else None


add = elementwise(
    "Add", np.add, lambda g, z, x, y: g, lambda g, z, x, y: g,
    doc="""x + y, elementwise.

    >>> tg.add([1.0, 2.0], 3.0).eval()
    array([4., 5.], dtype=float32)
    """,
)  # fmt: skip
subtract = elementwise(
    "Sub", np.subtract, lambda g, z, x, y: g, lambda g, z, x, y: -g,
    doc="""x - y, elementwise.

    >>> tg.subtract([1.0, 2.0], 3.0).eval()
    array([-2., -1.], dtype=float32)
    """,
)  # fmt: skip
multiply = elementwise(
    "Mul", np.multiply, lambda g, z, x, y: g * y, lambda g, z, x, y: g * x,
    rewrite=_multiply_rewrite,
    doc="""x * y, elementwise.

    >>> tg.multiply([1.0, 2.0], 3.0).eval()
    array([3., 6.], dtype=float32)
    """,
)  # fmt: skip
divide_float = elementwise(
    "RealDiv", np.divide, lambda g, z, x, y: g / y, lambda g, z, x, y: -g * z / y,
    accepts="float", doc="x / y for floats, elementwise.",
)  # fmt: skip
negative = elementwise(
    "Neg", np.negative, lambda g, y, x: -g,
    doc="""-x, elementwise.

    >>> tg.negative([1.0, -2.0]).eval()
    array([-1.,  2.], dtype=float32)
    """,
)  # fmt: skip
square = elementwise(
    "Square", np.square, lambda g, y, x: g * 2 * x,
    doc="""x², elementwise.

    >>> tg.square([3.0, -2.0]).eval()
    array([9., 4.], dtype=float32)
    """,
)  # fmt: skip
exp = elementwise(
    "Exp", np.exp, lambda g, y, x: g * y, accepts="float",
    doc="""e to the power x, elementwise.

    >>> tg.exp([0.0, 1.0]).eval()
    array([1.       , 2.7182817], dtype=float32)
    """,
)  # fmt: skip
log = elementwise(
    "Log", np.log, lambda g, y, x: g / x, accepts="float",
    doc="""Natural logarithm, elementwise; -inf at 0.

    >>> tg.log([1.0, 0.0]).eval()
    array([  0., -inf], dtype=float32)
    """,
)  # fmt: skip
tanh = elementwise(
    "Tanh", np.tanh, lambda g, y, x: g * (1 - y * y), accepts="float",
    doc="""Hyperbolic tangent, elementwise.

    >>> tg.tanh([0.0, 1.0]).eval()
    array([0.       , 0.7615942], dtype=float32)
    """,
)  # fmt: skip

greater = elementwise(
    "Greater", np.greater, None, None, dtype=bool_,
    doc="""x > y, elementwise, as bools.

    >>> tg.greater([1, 3], 2).eval()
    array([False,  True])
    """,
)  # fmt: skip


def truediv(x: Any, y: Any, name: str | None = None) -> Node:
    """x / y as floats: ints become float64 first (8 and 16 bit ones float32), as in Python 3.

    >>> tg.truediv([1, 2], 4).eval()
    array([0.25, 0.5 ])
    """
    x = as_node(x, y.dtype if isinstance(y, Node) else None, name="x")
    y = as_node(y, x.dtype, name="y")
    if x.dtype.is_integer:
        to = "float32" if x.dtype.size < 4 else "float64"
        x, y = cast(x, to), cast(y, to)
    return divide_float(x, y, name=name or "truediv")


divide = truediv

# ---------------------------------------------------------------- cast


def _cast(x: np.ndarray, dtype: Any, out: np.ndarray | None = None) -> np.ndarray:
    if out is None:
        return np.asarray(x).astype(as_dtype(dtype).numpy)
    np.copyto(out, x, casting="unsafe")
    return out


cast_op = Op(
    "Cast", _cast, lambda x, dtype: Spec(x.shape, dtype),
    (lambda g, y, x, dtype: cast(g, x.dtype) if x.dtype.is_floating and dtype.is_floating else None,),
    ("x",), rewrite=lambda x, dtype: x if x.dtype is dtype else None,
)  # fmt: skip


def cast(x: Any, dtype: Any, name: str | None = None) -> Node:
    """Convert to another dtype; floats to ints are cut off towards zero.

    >>> tg.cast([1.7, -1.7], tg.int32).eval()
    array([ 1, -1], dtype=int32)
    """
    x, dtype = as_node(x), as_dtype(dtype)
    return x if x.dtype is dtype and name is None else cast_op(x, dtype=dtype, name=name)


# ---------------------------------------------------------------- operators


def _overload(method: str, function: Any, name: str) -> None:
    def operator(self: Node, other: Any) -> Node:
        return function(self, other, name=name)

    def reflected(self: Node, other: Any) -> Node:
        return function(as_node(other, self.dtype, name=name + "/x", graph=self.graph), self, name=name)

    setattr(Node, f"__{method}__", operator)
    if method in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"):
        setattr(Node, f"__r{method}__", reflected)


for _method, _function, _name in [
    ("add", add, "add"),
    ("sub", subtract, "sub"),
    ("mul", multiply, "mul"),
    ("truediv", truediv, "truediv"),
    ("gt", greater, "Greater"),
]:
    _overload(_method, _function, _name)

Node.__neg__ = lambda self: negative(self, name="Neg")  # type: ignore[attr-defined]


def _add_n(*inputs: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    out = np.array(inputs[0]) if out is None else out
    np.copyto(out, inputs[0])
    for x in inputs[1:]:
        np.add(out, x, out=out)
    return out


def _add_n_spec(*inputs: Spec) -> Spec:
    shape = inputs[0].shape
    for spec in inputs[1:]:
        shape = shape.merge_with(spec.shape)
    return Spec(shape, check_dtypes(inputs, "number"))


add_n_op = Op("AddN", _add_n, _add_n_spec, lambda g, y, *inputs: [g] * len(inputs))
