"""Sums, differences and products, element by element."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinygraph.families import elementwise
from tinygraph.graph import Node
from tinygraph.op import Op
from tinygraph.ops.compare import cleared
from tinygraph.ops.indexing import add_slice
from tinygraph.spec import broadcast

Array = np.ndarray

# ---------------------------------------------------------------- for rewrites


def is_constant(x: Node, number: float) -> bool:
    """Whether a node is known to be `number`, as one element; for rewrites."""
    value = x.spec.constant
    return value is not None and value.size == 1 and value.reshape(-1)[0] == number


def same_shape(x: Node, *others: Node) -> bool:
    """Whether x has the shape of the result of an elementwise op on x and `others`."""
    shape = broadcast(x.shape, *[other.shape for other in others])
    return shape.is_fully_defined() and shape == x.shape


def without(neutral: float) -> Callable[[Node, Node], Node | None]:
    """A rewrite that leaves out an op whose second operand changes no bit of the first."""
    return lambda x, y: x if is_constant(y, neutral) and same_shape(x, y) else None


def _multiply_rewrite(x: Node, y: Node) -> Node | None:
    if is_constant(y, 1) and same_shape(x, y):
        return x
    return y if is_constant(x, 1) and same_shape(y, x) else None


# ---------------------------------------------------------------- arithmetic

add = elementwise("Add", np.add, lambda g, z, x, y: g, lambda g, z, x, y: g, rewrite=add_slice,
    doc="""x + y, elementwise.

    >>> tg.add([1.0, 2.0], 3.0).eval()
    array([4., 5.], dtype=float32)
    """)
subtract = elementwise("Sub", np.subtract, lambda g, z, x, y: g, lambda g, z, x, y: -g,
    doc="""x - y, elementwise.

    >>> tg.subtract([1.0, 2.0], 3.0).eval()
    array([-2., -1.], dtype=float32)
    """)
multiply = elementwise("Mul", np.multiply, lambda g, z, x, y: g * y, lambda g, z, x, y: g * x,
    rewrite=_multiply_rewrite,
    doc="""x * y, elementwise.

    >>> tg.multiply([1.0, 2.0], 3.0).eval()
    array([3., 6.], dtype=float32)
    """)


def _squared_difference(x: Array, y: Array, out: Array) -> Array:
    return np.square(np.subtract(x, y, out=out), out=out)


squared_difference = elementwise("SquaredDifference", _squared_difference,
    lambda g, z, x, y: g * (2 * (x - y)), lambda g, z, x, y: g * (2 * (y - x)), inplace=True,
    doc="""(x - y)², elementwise.

    >>> tg.squared_difference([1.0, 2.0], 4.0).eval()
    array([9., 4.], dtype=float32)
    """)


def _times_unless_zero(x: Array, y: Array, out: Array) -> Array:
    """The product as it is, unless infinity times 0, or a NaN, has made a NaN in it."""
    nonzero = np.not_equal(y, 0) if out is y else None
    product = np.multiply(x, y, out=out)
    total = np.vdot(product, product)
    if total == total:
        return product
    return cleared(product, np.not_equal(y, 0) if nonzero is None else nonzero, out)


def _times_unless_zero_rewrite(x: Node, y: Node) -> Node | None:
    value = y.spec.constant
    return multiply(x, y) if value is not None and value.all() else None


multiply_no_nan: Op = elementwise("MulNoNan", _times_unless_zero,
    lambda g, z, x, y: multiply_no_nan(g, y), lambda g, z, x, y: multiply_no_nan(x, g),
    accepts="float", rewrite=_times_unless_zero_rewrite, inplace=True,
    doc="""x * y, elementwise, but 0 where y is 0, even if x is NaN or infinite.

    >>> tg.multiply_no_nan([2.0, float("inf")], [3.0, 0.0]).eval()
    array([6., 0.], dtype=float32)
    """)
