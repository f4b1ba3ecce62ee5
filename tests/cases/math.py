"""Elementwise arithmetic, functions, comparisons, logic and casts."""

from __future__ import annotations

import math
import operator

import numpy as np

import tinygraph as tg
from cases import Case, bools, f64, i32, i64, positive
from tinygraph.op import registry

erf, erfc = np.vectorize(math.erf, [float]), np.vectorize(math.erfc, [float])
unit = {"low": -0.9, "high": 0.9}

# ---------------------------------------------------------------- functions of one variable

FUNCTIONS = [
    Case("Neg", tg.negative, [f64(3, 4)], np.negative),
    Case("Neg", tg.negative, [i32(3, low=-5)], np.negative, note="int32"),
    Case("Neg", lambda x: tg.negative(-x), [f64(3)], lambda x: x, note="twice"),
    Case("Abs", tg.abs, [f64(3, 4)], np.abs),
    Case("Abs", abs, [i32(4, low=-5)], np.abs, note="int32"),
    Case("Sign", tg.sign, [f64(3, 4)], np.sign),
    Case("Sign", tg.sign, [i32(5, low=-2, high=3)], np.sign, note="int32"),
    Case("Sign", tg.sign, [np.array([0.0, np.nan, -0.0])], lambda x: np.zeros(3), grad=False,
         note="NaN"),
    Case("Square", tg.square, [f64(3, 4)], np.square),
    Case("Square", tg.square, [i32(5, low=-5)], np.square, note="int32"),
    Case("Sqrt", tg.sqrt, [positive(3, 4)], np.sqrt),
    Case("Rsqrt", tg.rsqrt, [positive(3, 4)], lambda x: 1 / np.sqrt(x)),
    Case("Reciprocal", tg.reciprocal, [positive(3, 4)], np.reciprocal),
    Case("Exp", tg.exp, [f64(3, 4)], np.exp),
    Case("Exp", tg.exp, [np.array(0.3)], np.exp, note="scalar"),
    Case("Exp", tg.exp, [np.zeros((0, 3))], np.exp, note="empty"),
    Case("Expm1", tg.expm1, [f64(3, 4)], np.expm1),
    Case("Log", tg.log, [positive(3, 4)], np.log),
    Case("Log1p", tg.log1p, [f64(3, 4, low=-0.9)], np.log1p),
    Case("Sin", tg.sin, [f64(3, 4)], np.sin),
    Case("Cos", tg.cos, [f64(3, 4)], np.cos),
    Case("Tan", tg.tan, [f64(3, 4, low=-1.2, high=1.2)], np.tan),
    Case("Asin", tg.asin, [f64(3, 4, **unit)], np.arcsin, dtypes=("float32",)),
    Case("Acos", tg.acos, [f64(3, 4, **unit)], np.arccos, dtypes=("float32",)),
    Case("Atan", tg.atan, [f64(3, 4)], np.arctan),
    Case("Sinh", tg.sinh, [f64(3, 4)], np.sinh),
    Case("Cosh", tg.cosh, [f64(3, 4)], np.cosh),
    Case("Tanh", tg.tanh, [f64(3, 4)], np.tanh),
    Case("SechSquared", lambda x: registry["SechSquared"](x, tg.tanh(x)), [f64(3, 4, high=20.0)],
         lambda x: 1 / np.cosh(x)**2, grad=False, note="what TanhSlope becomes"),
    Case("TanhSlope", registry["TanhSlope"], [f64(3, 4)], lambda x: 1 / np.cosh(x)**2),
    Case("SigmoidSlope", registry["SigmoidSlope"], [f64(3, 4)], lambda x: 0.25 / np.cosh(x / 2)**2),
    Case("Asinh", tg.asinh, [f64(3, 4)], np.arcsinh),
    Case("Acosh", tg.acosh, [positive(3, 4, low=1.3)], np.arccosh),
    Case("Atanh", tg.atanh, [f64(3, 4, **unit)], np.arctanh, dtypes=("float32",)),
    Case("Erf", tg.erf, [f64(3, 4)], erf),
    Case("Erf", tg.erf, [f64(40, low=-7.0, high=7.0)], erf, note="far out"),
    Case("Erfc", tg.erfc, [f64(3, 4)], erfc),
    Case("Erfc", tg.erfc, [f64(40, low=-7.0, high=7.0)], erfc, dtypes=("float32",),
         note="far out"),
    Case("Floor", tg.floor, [f64(3, 4)], np.floor),
    Case("Ceil", tg.ceil, [f64(3, 4)], np.ceil),
    Case("Rint", tg.rint, [f64(3, 4)], np.rint),
    Case("Round", tg.round, [f64(3, 4)], np.rint),
    Case("Round", tg.round, [np.array([-1.5, -0.5, 0.5, 1.5, 2.5])],
         lambda x: np.array([-2.0, -0.0, 0.0, 2.0, 2.0]), grad=False, note="halves"),
    Case("Round", lambda x: tg.round(tg.round(x) + 0.25), [f64(4)], np.rint, note="again"),
]

SPECIAL = np.array([0.0, -1.5, np.inf, -np.inf, np.nan])
KINDS = [
    Case("IsNan", tg.is_nan, [SPECIAL], np.isnan),
    Case("IsInf", tg.is_inf, [SPECIAL], np.isinf),
    Case("IsFinite", tg.is_finite, [SPECIAL], np.isfinite),
]

# ---------------------------------------------------------------- arithmetic


def truncated(x, y):
    return np.trunc(x / y)


def floats_and_ints(op, build, numpy, low=-9):
    """An op of two operands: equal shapes, broadcasting, a scalar, ints."""
    x, y = f64(2, 3), positive(2, 3)
    yield Case(op, build, [x, y], numpy)
    yield Case(op, build, [f64(2, 1, 3), positive(4, 1)], numpy, note="broadcast")
    yield Case(op, build, [f64(2, 3), positive()], numpy, note="scalar")
    yield Case(op, lambda x: build(x, 1.7), [f64(2, 3)], lambda x: numpy(x, 1.7), note="number")
    yield Case(op, build, [i32(2, 3, low=low), i32(2, 3, low=1)], numpy, note="int32")


def python_mod(x, y):
    return x - np.floor(x / y) * y


def quotient(x, y):
    return np.divide(x, y, out=np.zeros(np.broadcast(x, y).shape), where=y != 0)


def product(x, y):
    return np.multiply(x, y, out=np.zeros(np.shape(x)), where=y != 0)


ARITHMETIC = [
    *floats_and_ints("Add", tg.add, np.add),
    *floats_and_ints("Sub", tg.subtract, np.subtract),
    *floats_and_ints("Mul", tg.multiply, np.multiply),
    *floats_and_ints("SquaredDifference", tg.squared_difference, lambda x, y: (x - y) ** 2),
    *floats_and_ints("RealDiv", tg.divide, np.divide),
    *floats_and_ints("FloorDiv", tg.floordiv, lambda x, y: np.floor(x / y).astype(x.dtype)),
    *floats_and_ints("FloorMod", tg.mod, lambda x, y: python_mod(x, y).astype(x.dtype)),
    *floats_and_ints("TruncateDiv", tg.truncatediv, lambda x, y: truncated(x, y).astype(x.dtype)),
    *floats_and_ints("TruncateMod", tg.truncatemod, np.fmod),
    *floats_and_ints("Maximum", tg.maximum, np.maximum),
    *floats_and_ints("Minimum", tg.minimum, np.minimum),
    Case("FloorDiv", tg.floordiv, [i32(20, low=-9), -i32(20, low=1)], np.floor_divide,
         note="negative divisors"),
    Case("FloorMod", tg.floormod, [i32(20, low=-9), -i32(20, low=1)], np.mod,
         note="negative divisors"),
    Case("TruncateDiv", tg.truncatediv, [i64(20, low=-9), -i64(20, low=1)],
         lambda x, y: truncated(x, y).astype(x.dtype), note="negative divisors"),
    Case("TruncateMod", tg.truncatemod, [i64(20, low=-9), -i64(20, low=1)], np.fmod,
         note="negative divisors"),
    Case("RealDiv", tg.realdiv, [f64(2, 3), positive(3)], np.divide, note="realdiv"),
    Case("RealDiv", tg.div, [f64(2, 3), positive(3)], np.divide, note="div"),
    Case("FloorDiv", tg.div, [i32(9, low=-9), i32(9, low=1)], np.floor_divide, note="div"),
    Case("RealDiv", tg.truediv, [i64(6), i64(6, low=1)], np.divide, note="int64"),
    Case("RealDiv", lambda x: tg.truediv(tg.cast(x, tg.int8), 4), [i32(6)],
         lambda x: (x / 4).astype(np.float32), note="int8"),
    Case("DivNoNan", tg.div_no_nan, [f64(2, 3), positive(3)], np.divide),
    Case("DivNoNan", tg.div_no_nan, [f64(4), np.array([0.0, 1.5, 0.0, -2.5])], quotient,
         grad=False, note="zeros"),
    Case("MulNoNan", registry["MulNoNan"], [f64(2, 3), positive(3)], np.multiply),
    Case("MulNoNan", registry["MulNoNan"], [np.array([np.inf, np.nan, 2.5]),
         np.array([0.0, 0.0, 2.0])], product, grad=False, note="infinite times zero"),
    Case("Hypot", registry["Hypot"], [f64(2, 3), positive(3)], np.hypot),
    Case("Atan2", tg.atan2, [f64(2, 3), positive(3)], np.arctan2, dtypes=("float32",)),
    Case("Atan2", tg.atan2, [f64(2, 3), -positive(3)], np.arctan2, dtypes=("float32",),
         note="behind"),
]

POWERS = [
    Case("Pow", tg.pow, [positive(2, 3), f64(2, 3)], np.power),
    Case(
        "Pow", tg.pow, [positive(2, 1, 3, low=0.5, high=2.0), f64(4, 1)], np.power, note="broadcast"
    ),
    Case("Pow", lambda x: x**2, [f64(3)], np.square, note="squared"),
    Case("Pow", lambda x: x**1, [f64(3)], lambda x: x, note="to the first"),
    Case("Pow", lambda x: x**3, [f64(3)], lambda x: x**3, note="cubed"),
    Case("Pow", lambda x: x**0.5, [positive(3)], np.sqrt, note="root"),
    Case("Pow", lambda x: x**-1, [positive(3)], lambda x: 1 / x, note="inverted"),
    Case("Pow", lambda x: x**2, [np.array([0.0, 1.5])], np.square, note="squared at 0"),
    Case("Pow", lambda x: 2.0**x, [f64(3)], lambda x: 2**x, note="of a number"),
    Case("Pow", tg.pow, [i32(4, low=-4), i32(4, high=4)], np.power, note="int32"),
]

# ---------------------------------------------------------------- in between

BETWEEN = [
    Case("ClipByValue", lambda x: tg.clip_by_value(x, -1.0, 0.5), [f64(3, 4)],
         lambda x: np.clip(x, -1, 0.5)),
    Case("ClipByValue", tg.clip_by_value,
         [f64(2, 3, low=-9, high=9), f64(3, high=-0.5), positive(2, 1)],
         lambda t, low, high: np.clip(t, low, high), note="bounds with gradients"),
    Case("ClipByValue", lambda x: tg.clip_by_value(x, 2, 7), [i32(5)],
         lambda x: np.clip(x, 2, 7), note="int32"),
    Case("ClipByValue", lambda x: tg.clip_by_value(x, 1.0, -1.0), [f64(3)], np.ones_like,
         note="bounds crossed"),
    Case("Within", lambda x: registry["Within"](x, np.float64(-0.5), np.float64(1)), [f64(3, 4)],
         lambda x: np.clip(x, -0.5, 1.0)),
    Case("Relu6", tg.nn.relu6, [f64(100, 90, low=-9, high=9)], lambda x: np.clip(x, 0, 6),
         note="large: with clip"),
    Case("AddScaled", registry["AddScaled"], [f64(3, 4), f64(3, 4), f64(), f64()],
         lambda y, x, alpha, beta: beta * y + alpha * x),
    Case("AddScaled", registry["AddScaled"], [f64(0, 3), f64(0, 3), f64(), np.float64(1)],
         lambda y, x, alpha, beta: y + alpha * x, note="empty"),
    Case("KeepWhere", registry["KeepWhere"], [f64(3, 4), bools(3, 4)],
         lambda x, keep: np.where(keep, x, 0)),
    Case("KeepWhere", registry["KeepWhere"], [np.array([np.inf, np.nan, 1.0]),
         np.array([False, False, True])], lambda x, keep: np.array([0.0, 0.0, 1.0]), grad=False,
         note="infinite"),
]

# ---------------------------------------------------------------- comparisons, logic, casts


def compared(op, build, numpy):
    yield Case(op, build, [i32(3, 4, high=3), i32(4, high=3)], numpy)
    yield Case(op, build, [SPECIAL, SPECIAL[::-1].copy()], numpy, note="special values")


PREDICATES = [
    *compared("Equal", tg.equal, np.equal),
    *compared("NotEqual", tg.not_equal, np.not_equal),
    *compared("Less", tg.less, np.less),
    *compared("LessEqual", tg.less_equal, np.less_equal),
    *compared("Greater", tg.greater, np.greater),
    *compared("GreaterEqual", tg.greater_equal, np.greater_equal),
    Case("Equal", tg.equal, [bools(4), bools(4)], np.equal, note="bools"),
    Case("NotEqual", tg.not_equal, [bools(4), bools(4)], np.not_equal, note="bools"),
    Case("LogicalAnd", tg.logical_and, [bools(4, 1), bools(6)], np.logical_and),
    Case("LogicalOr", tg.logical_or, [bools(4, 1), bools(6)], np.logical_or),
    Case("LogicalXor", tg.logical_xor, [bools(4, 1), bools(6)], np.logical_xor),
    Case("LogicalNot", tg.logical_not, [bools(4)], np.logical_not),
]

WILD = np.array([-1e10, -5.5, -0.2, 0.7, 99.9, 300.0, 1e10, np.inf])
CASTS = [
    Case("Cast", lambda x: tg.cast(x, tg.float32), [f64(3)], lambda x: x.astype(np.float32),
         note="to float32"),
    Case("Cast", lambda x: tg.cast(tg.cast(x, tg.float32), tg.float64) * x, [np.arange(4.0)],
         np.square, note="and back"),
    Case("Cast", tg.to_int32, [f64(6)], lambda x: x.astype(np.int32), note="to int32"),
    Case("Cast", tg.to_int64, [f64(6)], lambda x: x.astype(np.int64), note="to int64"),
    Case("Cast", tg.to_double, [i32(6)], lambda x: x.astype(np.float64), note="to float64"),
    Case("Cast", tg.to_float, [bools(6)], lambda x: x.astype(np.float32), note="from bool"),
    Case("Cast", lambda x: tg.cast(x, tg.bool), [i32(6, high=2)], lambda x: x != 0,
         note="to bool"),
    Case("Cast", lambda x: tg.cast(x, tg.uint8), [i32(6, low=-9, high=500)],
         lambda x: x.astype(np.uint8), note="around"),
    Case("SaturateCast", lambda x: tg.saturate_cast(x, tg.uint8), [WILD],
         lambda x: np.array([0, 0, 0, 0, 99, 255, 255, 255], np.uint8), dtypes=("float32",)),
    Case("SaturateCast", lambda x: tg.saturate_cast(x, tg.int32), [WILD],
         lambda x: np.array([-(2**31), -5, 0, 0, 99, 300, 2**31 - 1, 2**31 - 1], np.int32),
         dtypes=("float32",), note="int32"),
    Case("SaturateCast", lambda x: tg.saturate_cast(x, tg.uint8), [i64(6, low=-300, high=600)],
         lambda x: np.clip(x, 0, 255).astype(np.uint8), note="from int64"),
    Case("SaturateCast", lambda x: tg.cast(tg.saturate_cast(x, tg.float16), tg.float64),
         [np.array([1.0, 1e6, -1e6])], lambda x: np.array([1.0, 65504.0, -65504.0]), grad=False,
         dtypes=(), note="to float16"),
    Case("SaturateCast", lambda x: tg.cast(tg.saturate_cast(x, tg.float32), tg.float64) * x,
         [np.arange(4.0)], np.square, note="to float32 and back"),
    Case("Cast", lambda x: tg.saturate_cast(x, tg.int64), [i32(6, low=-9)],
         lambda x: x.astype(np.int64), note="saturated in vain"),
]

# ---------------------------------------------------------------- sums of many, operators


def operators(method, numpy, x, y):
    """x + y, x + 2, 2 + x of one operator."""
    function = getattr(operator, method)
    name = registry_name[method]
    number, dtype = y.flat[0].item(), numpy(x, y).dtype
    note = f"{method} {x.dtype}"
    yield Case(name, function, [x, y], numpy, note=note)
    yield Case(
        name,
        lambda x: function(x, number),
        [x],
        lambda x: numpy(x, number).astype(dtype),
        note=f"{note} a number",
    )
    yield Case(mirrored.get(name, name), lambda y: function(number, y), [y],
               lambda y: numpy(number, y).astype(dtype), note=f"a number {note}")


# Python turns 3 < x into x > 3.
mirrored = {
    "Less": "Greater", "LessEqual": "GreaterEqual", "Greater": "Less", "GreaterEqual": "LessEqual",
}
registry_name = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "truediv": "RealDiv", "floordiv": "FloorDiv",
    "mod": "FloorMod", "pow": "Pow", "lt": "Less", "le": "LessEqual", "gt": "Greater",
    "ge": "GreaterEqual", "and_": "LogicalAnd", "or_": "LogicalOr", "xor": "LogicalXor",
}

OPERATORS = [
    *operators("add", np.add, f64(3), f64(3)),
    *operators("sub", np.subtract, f64(3), f64(3)),
    *operators("mul", np.multiply, f64(3), f64(3)),
    *operators("truediv", np.divide, positive(3), positive(3)),
    *operators("truediv", np.divide, i32(3, low=1), i32(3, low=1)),
    *operators("floordiv", np.floor_divide, i32(3, low=1), i32(3, low=1)),
    *operators("mod", np.mod, i32(3, low=1), i32(3, low=1)),
    *operators("pow", np.power, positive(3), positive(3)),
    *operators("lt", np.less, i32(5), i32(5)),
    *operators("le", np.less_equal, i32(5), i32(5)),
    *operators("gt", np.greater, i32(5), i32(5)),
    *operators("ge", np.greater_equal, i32(5), i32(5)),
    *operators("and_", np.logical_and, bools(4), bools(4)),
    *operators("or_", np.logical_or, bools(4), bools(4)),
    *operators("xor", np.logical_xor, bools(4), bools(4)),
    Case("LogicalNot", operator.invert, [bools(4)], np.logical_not, note="~"),
    Case("Mul", lambda x: np.arange(3.0) * x, [f64(3)], lambda x: np.arange(3) * x,
         note="an array times"),
    Case("AddN", lambda x, y, z: tg.add_n([x, y, z]), [f64(2, 3), f64(2, 3), f64(2, 3)],
         lambda x, y, z: x + y + z),
    Case("AddN", lambda x: tg.add_n([x, x]), [f64(2, 3)], lambda x: 2 * x, note="one twice"),
    Case("AddN", lambda x, y: tg.accumulate_n([x, y], [2]), [i32(2), i32(2)], np.add,
         note="accumulate_n"),
    Case("AddN", registry["AddN"], [f64(2)], lambda x: x, note="of one"),
    Case("Mul", lambda x: tg.scalar_mul(3.0, x), [f64(2)], lambda x: 3 * x, note="scalar_mul"),
]

CASES = [
    *FUNCTIONS, *KINDS, *ARITHMETIC, *POWERS, *BETWEEN, *PREDICATES, *CASTS, *OPERATORS,
]
