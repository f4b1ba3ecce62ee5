"""Functions of one variable, element by element."""

from __future__ import annotations

import math

import numpy as np

from tinygraph.dtypes import bool_
from tinygraph.families import composite, elementwise
from tinygraph.graph import Node
from tinygraph.kernels import special
from tinygraph.kernels.logarithm import log1p_of
from tinygraph.op import Op, as_node
from tinygraph.ops.arithmetic import multiply_no_nan
from tinygraph.ops.broadcasting import zeros_like
from tinygraph.ops.rules import alike
from tinygraph.typing import TensorLike

# ---------------------------------------------------------------- signs, squares and roots


def sign_or_zero(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """-1, 0 or 1; as in TF, 0 for NaN."""
    if x.dtype.kind != "f":
        return np.sign(x, out=out)
    nan = np.isnan(x)
    np.sign(x, out=out)
    np.copyto(out, 0, where=nan)
    return out


def reciprocal_root(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    return np.reciprocal(np.sqrt(x, out=out), out=out)


def unless_zero(g: Node, slope: Node) -> Node:
    """g * slope, and 0 where g is 0, even if the slope is infinite there: as in TF's kernels."""
    return multiply_no_nan(slope, g)


negative: Op = elementwise("Neg", np.negative, lambda g, y, x: -g,
    rewrite=lambda x: x.inputs[0] if x.kind is negative else None,
    doc="""-x, elementwise.

    >>> tg.negative([1.0, -2.0]).eval()
    array([-1.,  2.], dtype=float32)
    """)
abs_: Op = elementwise("Abs", np.absolute, lambda g, y, x: g * sign(x),
    rewrite=lambda x: abs_(x.inputs[0]) if x.kind is negative else None,
    doc="""|x|, elementwise; the gradient at 0 is 0.

    >>> tg.abs([1.0, -2.0]).eval()
    array([1., 2.], dtype=float32)
    """)
sign: Op = elementwise("Sign", sign_or_zero, lambda g, y, x: zeros_like(x), inplace=True,
    doc="""-1, 0 or 1, elementwise; 0 for NaN.

    >>> tg.sign([3.0, -2.0, 0.0]).eval()
    array([ 1., -1.,  0.], dtype=float32)
    """)
square = elementwise("Square", np.square, lambda g, y, x: g * (2 * x),
    doc="""x², elementwise.

    >>> tg.square([3.0, -2.0]).eval()
    array([9., 4.], dtype=float32)
    """)
sqrt = elementwise("Sqrt", np.sqrt, lambda g, y, x: unless_zero(g, 0.5 / y), accepts="float",
    doc="""The square root, elementwise; NaN below 0. The gradient at 0 is inf,
    but 0 where none arrives.

    >>> tg.sqrt([4.0, 2.0]).eval()
    array([2.       , 1.4142135], dtype=float32)
    """)
rsqrt = elementwise("Rsqrt", reciprocal_root,
    lambda g, y, x: unless_zero(unless_zero(g, y), -0.5 * y * y), accepts="float", inplace=True,
    doc="""1 / sqrt(x), elementwise; inf at 0.

    >>> tg.rsqrt([4.0, 0.25]).eval()
    array([0.5, 2. ], dtype=float32)
    """)
reciprocal = elementwise("Reciprocal", np.reciprocal,
    lambda g, y, x: unless_zero(unless_zero(g, y), -y), accepts="float",
    doc="""1 / x, elementwise.

    >>> tg.reciprocal([4.0, 0.5]).eval()
    array([0.25, 2.  ], dtype=float32)
    """)

# ---------------------------------------------------------------- exponentials and logarithms

exp = elementwise("Exp", np.exp, lambda g, y, x: g * y, accepts="float",
    doc="""e to the power x, elementwise.

    >>> tg.exp([0.0, 1.0]).eval()
    array([1.       , 2.7182817], dtype=float32)
    """)
expm1 = elementwise("Expm1", np.expm1, lambda g, y, x: g * exp(x), accepts="float",
    doc="""exp(x) - 1, elementwise, exact for small x too.

    >>> tg.expm1([0.0, 1e-10]).eval()
    array([0.e+00, 1.e-10], dtype=float32)
    """)
log = elementwise("Log", np.log, lambda g, y, x: g / x, accepts="float",
    doc="""The natural logarithm, elementwise; -inf at 0, NaN below.

    >>> tg.log([1.0, 0.0]).eval()
    array([  0., -inf], dtype=float32)
    """)
log1p = elementwise("Log1p", log1p_of, lambda g, y, x: g / (1 + x), accepts="float", inplace=True,
    doc="""log(1 + x), elementwise, exact for small x too.

    >>> tg.log1p([0.0, 1e-10]).eval()
    array([0.e+00, 1.e-10], dtype=float32)
    """)


def tail(x: Node) -> Node:
    """e^-|x|, at most 1: the one exponential behind sigmoid, softplus and their losses.

    They are all written with it, so that a loss, its gradient and the prediction share it.
    """
    return exp(-abs_(x))


# With y = sigmoid(x) it is y (1 - y), which is 0 as soon as y rounds to 1: from 17 on in float32.
# The rule is the composite's own since the derivative of |x| at 0 would be lost in a third one.
sigmoid_slope: Op = composite("SigmoidSlope", lambda x: tail(x) / square(1 + tail(x)),
    lambda g, y, x: -g * y * tanh(0.5 * x), infer=alike(),
    doc="""The derivative e^-x / (1 + e^-x)² of the sigmoid, elementwise, with all digits in both
    tails.
    """)

# ---------------------------------------------------------------- circular and hyperbolic functions

hypot: Op = elementwise("Hypot", np.hypot, lambda g, z, x, y: g * (x / z),
    lambda g, z, x, y: g * (y / z), accepts="float",
    doc="√(x² + y²), elementwise; the squares can't overflow.")

sin = elementwise("Sin", np.sin, lambda g, y, x: g * cos(x), accepts="float",
    doc="""The sine, elementwise.

    >>> tg.sin([0.0, 1.0]).eval()
    array([0.       , 0.8414710], dtype=float32)
    """)
cos: Op = elementwise("Cos", np.cos, lambda g, y, x: -g * sin(x), accepts="float",
    doc="""The cosine, elementwise.

    >>> tg.cos([0.0, 1.0]).eval()
    array([1.       , 0.5403023], dtype=float32)
    """)
tan = elementwise("Tan", np.tan, lambda g, y, x: g * (1 + y * y), accepts="float",
    doc="""The tangent, elementwise.

    >>> tg.tan([0.0, 1.0]).eval()
    array([0.       , 1.5574077], dtype=float32)
    """)
asin = elementwise("Asin", np.arcsin, lambda g, y, x: g / sqrt((1 - x) * (1 + x)), accepts="float",
    doc="""The inverse of the sine, elementwise; NaN outside [-1, 1].

    >>> tg.asin([0.0, 1.0]).eval()
    array([0.       , 1.5707964], dtype=float32)
    """)
acos = elementwise("Acos", np.arccos, lambda g, y, x: -g / sqrt((1 - x) * (1 + x)), accepts="float",
    doc="""The inverse of the cosine, elementwise; NaN outside [-1, 1].

    >>> tg.acos([0.0, 1.0]).eval()
    array([1.5707964, 0.       ], dtype=float32)
    """)
atan = elementwise("Atan", np.arctan, lambda g, y, x: g / hypot(x, 1) / hypot(x, 1),
    accepts="float",
    doc="""The inverse of the tangent, elementwise.

    >>> tg.atan([0.0, 1.0]).eval()
    array([0.       , 0.7853982], dtype=float32)
    """)
sinh = elementwise("Sinh", np.sinh, lambda g, y, x: g * cosh(x), accepts="float",
    doc="""The hyperbolic sine, elementwise.

    >>> tg.sinh([0.0, 1.0]).eval()
    array([0.       , 1.1752012], dtype=float32)
    """)
cosh: Op = elementwise("Cosh", np.cosh, lambda g, y, x: g * sinh(x), accepts="float",
    doc="""The hyperbolic cosine, elementwise.

    >>> tg.cosh([0.0, 1.0]).eval()
    array([1.       , 1.5430807], dtype=float32)
    """)


def _sech_squared(x: np.ndarray, y: np.ndarray, out: np.ndarray) -> np.ndarray:
    """1 - y², or where that has few digits left 4 e^-2|x| / (1 + e^-2|x|)²."""
    np.subtract(1, np.multiply(y, y, out=out), out=out)
    few = out < 2.0**-6
    count = np.count_nonzero(few)
    if count > x.size // 8:  # then picking them takes longer than computing all
        out[...] = _sech_squared_of_tails(x)
    elif count:
        at = np.flatnonzero(few)
        np.put(out, at, _sech_squared_of_tails(np.take(x, at)))
    return out


def _sech_squared_of_tails(x: np.ndarray) -> np.ndarray:
    tails = np.exp(-2 * np.sign(x.real) * x)  # |x|, but analytic
    return 4 * tails / np.square(1 + tails)


sech_squared = elementwise("SechSquared", _sech_squared, None, None, params=("x", "y"),
    accepts="float",
    doc="1 - y² for y = tanh(x), with digits also where y rounds to 1; what TanhSlope becomes.")
tanh_slope: Op = composite("TanhSlope", lambda x: sech_squared(x, tanh(x)),
    lambda g, y, x: g * (-2 * y * tanh(x)), infer=alike(),
    doc="The derivative 1 - tanh(x)² of tanh, elementwise; it shares tanh(x) with what has it.")
tanh: Op = elementwise("Tanh", np.tanh, lambda g, y, x: g * tanh_slope(x), accepts="float",
    doc="""The hyperbolic tangent, elementwise.

    >>> tg.tanh([0.0, 1.0]).eval()
    array([0.       , 0.7615942], dtype=float32)
    """)
asinh = elementwise("Asinh", np.arcsinh, lambda g, y, x: g / cosh(y), accepts="float",
    doc="""The inverse of the hyperbolic sine, elementwise.

    >>> tg.asinh([0.0, 1.0]).eval()
    array([0.       , 0.8813736], dtype=float32)
    """)
acosh = elementwise("Acosh", np.arccosh, lambda g, y, x: g / sinh(y), accepts="float",
    doc="""The inverse of the hyperbolic cosine, elementwise; NaN below 1.

    >>> tg.acosh([1.0, 2.0]).eval()
    array([0.       , 1.316958], dtype=float32)
    """)
atanh = elementwise("Atanh", np.arctanh, lambda g, y, x: g / ((1 - x) * (1 + x)), accepts="float",
    doc="""The inverse of the hyperbolic tangent, elementwise; NaN outside [-1, 1].

    >>> tg.atanh([0.0, 0.5]).eval()
    array([0.        , 0.54930615], dtype=float32)
    """)

# ---------------------------------------------------------------- the error function

_ERF_SLOPE = 2 / math.sqrt(math.pi)

erf = elementwise("Erf", special.erf_of, lambda g, y, x: g * (_ERF_SLOPE * exp(-x * x)),
    accepts="float", inplace=True,
    doc="""The error function 2/√π ∫₀ˣ exp(-t²) dt, elementwise.

    >>> tg.erf([0.0, 1.0]).eval()
    array([0.       , 0.8427008], dtype=float32)
    """)
erfc = elementwise("Erfc", special.erfc_of, lambda g, y, x: g * (-_ERF_SLOPE * exp(-x * x)),
    accepts="float", inplace=True,
    doc="""1 - erf(x), elementwise, exact for large x too.

    >>> tg.erfc([0.0, 5.0]).eval()
    array([1.0000000e+00, 1.5374598e-12], dtype=float32)
    """)

# ---------------------------------------------------------------- rounding

floor = elementwise("Floor", np.floor, None, accepts="float",
    doc="""The largest whole number that is not above x, elementwise.

    >>> tg.floor([1.5, -1.5]).eval()
    array([ 1., -2.], dtype=float32)
    """)
ceil = elementwise("Ceil", np.ceil, None, accepts="float",
    doc="""The smallest whole number that is not below x, elementwise.

    >>> tg.ceil([1.5, -1.5]).eval()
    array([ 2., -1.], dtype=float32)
    """)
rint = elementwise("Rint", np.rint, None, accepts="float",
    doc="""The nearest whole number, elementwise; halves go to the even one.

    >>> tg.rint([0.5, 1.5, 2.4]).eval()
    array([0., 2., 2.], dtype=float32)
    """)
round_op = elementwise("Round", np.rint, None, accepts="float",
    doc="The nearest whole number, elementwise; halves go to the even one.")


def round_(x: TensorLike, name: str | None = None) -> Node:
    """The nearest whole number, elementwise; halves go to the even one, and ints stay.

    >>> tg.round([0.5, 1.5, 2.4]).eval()
    array([0., 2., 2.], dtype=float32)
    """
    x = as_node(x, name="x")
    return x if x.dtype.is_integer else round_op(x, name=name)


# ---------------------------------------------------------------- kinds of numbers

is_nan = elementwise("IsNan", np.isnan, None, accepts="float", dtype=bool_,
    doc="""Whether x is not a number, elementwise.

    >>> tg.is_nan([1.0, float("nan")]).eval()
    array([False,  True])
    """)
is_inf = elementwise("IsInf", np.isinf, None, accepts="float", dtype=bool_,
    doc="""Whether x is inf or -inf, elementwise.

    >>> tg.is_inf([1.0, float("inf")]).eval()
    array([False,  True])
    """)
is_finite = elementwise("IsFinite", np.isfinite, None, accepts="float", dtype=bool_,
    doc="""Whether x is neither NaN nor infinite, elementwise.

    >>> tg.is_finite([1.0, float("inf")]).eval()
    array([ True, False])
    """)
