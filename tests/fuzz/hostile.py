"""What no argument should be: values of wrong types, shapes, sizes and graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

import tinygraph as tg


class Anything:
    """An object of a class that tinygraph knows nothing of."""


def _generator() -> Iterator[int]:
    yield from range(3)


def _foreign() -> tg.Tensor:
    with tg.Graph().as_default():
        return tg.constant([1.0, 2.0])


def _cyclic() -> list:
    items: list = [1.0]
    items.append(items)
    return items


def _deep() -> list:
    nested: list = []
    for _ in range(100):
        nested = [nested]
    return nested


# Values that stay the same wherever they are used.
PLAIN = [
    None, True, False, 0, 1, 2, 3, -1, -2, 7, 2**31, -(2**31) - 1, 2**33, 2**63, 2**70, -(2**70),
    0.0, 1.5, -1.0, 1e300, float("nan"), float("inf"), -float("inf"), 1j,
    "", "x", "no", "float32", "a b", "é\n", "x:0", "/", "a/", "SAME", b"ab", bytearray(b"ab"),
    (), (1,), (0, 0), (-1,), (1, 2, 3), (2**40,), (2**40, 2**40), (2**70,), (None,), (None, 2),
    (1.5,), ("a",), (True, False), (float("nan"),), range(3), slice(1, None), Ellipsis,
    NotImplemented, int, str, float, object, Anything, np, np.float32, ValueError("x"),
    np.float64(2.5), np.int64(3), np.int8(-1), np.bool_(True), np.str_("x"), np.complex64(1j),
    np.datetime64("2020-01-01"), np.dtype("int32"), np.dtype("U3"), np.add,
]

# Values that are made anew for each call: mutable ones, and parts of the call's graph.
MADE: dict[str, Callable] = {
    "[]": list,
    "[[]]": lambda: [[]],
    "[1, [2, 3]]": lambda: [1, [2, 3]],
    "[[1, 2], [3]]": lambda: [[1, 2], [3]],
    "[None]": lambda: [None],
    "['a']": lambda: ["a"],
    "[0]": lambda: [0],
    "[0, 1]": lambda: [0, 1],
    "[[0], [1]]": lambda: [[0], [1]],
    "[2**70]": lambda: [2**70],
    "[-1.5]": lambda: [-1.5],
    "[nan]": lambda: [float("nan")],
    "[{}]": lambda: [{}],
    "[1, 'a', None]": lambda: [1, "a", None],
    "cyclic list": _cyclic,
    "deep list": _deep,
    "{}": dict,
    "{'a': 1}": lambda: {"a": 1},
    "{0: 1.0}": lambda: {0: 1.0},
    "set()": lambda: set(),
    "{1, 2}": lambda: {1, 2},
    "frozenset": lambda: frozenset([1]),
    "Anything()": Anything,
    "generator": _generator,
    "iterator": lambda: iter([1.0]),
    "lambda: 1.0": lambda: lambda: 1.0,
    "lambda x: x": lambda: lambda x: x,
    "lambda *_, **__: None": lambda: lambda *_, **__: None,
    "lambda *_, **__: 'a'": lambda: lambda *_, **__: "a",
    "object array": lambda: np.array([1, None], object),
    "string array": lambda: np.array(["a", "b"]),
    "masked array": lambda: np.ma.masked_array([1.0, 2.0], [True, False]),
    "complex array": lambda: np.array([1j]),
    "record array": lambda: np.zeros(2, [("a", "f4")]),
    "date array": lambda: np.array(["2020-01-01"], "M8[D]"),
    "empty array": lambda: np.zeros((0, 3)),
    "array [2, 3]": lambda: np.ones((2, 3), np.float32),
    "array of int64": lambda: np.array([2**40, -1]),
    "array of bool": lambda: np.array([True, False, True]),
    "0-d array": lambda: np.array(2.5),
    "16-d array": lambda: np.zeros((1,) * 16),
    "big endian": lambda: np.arange(3, dtype=">i4"),
    "float tensor": lambda: tg.constant(np.ones((2, 3), np.float32)),
    "double tensor": lambda: tg.constant(np.ones(3)),
    "half scalar": lambda: tg.constant(1.5, tg.float16),
    "int scalar": lambda: tg.constant(1),
    "negative scalar": lambda: tg.constant(-5),
    "large scalar": lambda: tg.constant(2**40),
    "int vector": lambda: tg.constant([2, 3]),
    "uint8 tensor": lambda: tg.constant([200, 1], tg.uint8),
    "bool tensor": lambda: tg.constant([True, False, True]),
    "empty tensor": lambda: tg.zeros([0, 3]),
    "fed int": lambda: tg.placeholder_with_default(2, []),
    "fed negative": lambda: tg.placeholder_with_default(-3, []),
    "fed vector": lambda: tg.placeholder_with_default([2, 1], [None]),
    "fed float": lambda: tg.placeholder_with_default(np.float32(1.5), None),
    "list with a tensor": lambda: [tg.constant(1), 2],
    "ragged list with a tensor": lambda: [tg.constant([1, 2]), [3]],
    "unfed": lambda: tg.placeholder(tg.float32),
    "foreign tensor": _foreign,
    "operation": lambda: tg.no_op(),
    "tensor's operation": lambda: tg.constant(1.0).op,
    "variable": lambda: tg.Variable([1.0, 2.0]),
    "int variable": lambda: tg.Variable(3),
    "graph": lambda: tg.Graph(),
    "session": lambda: tg.Session(),
    "scope": lambda: tg.get_variable_scope(),
    "unknown shape": lambda: tg.TensorShape(None),
    "shape (?, 2)": lambda: tg.TensorShape([None, 2]),
    "unknown dimension": lambda: tg.Dimension(None),
    "dimension": lambda: tg.Dimension(3),
    "dtype int32": lambda: tg.int32,
    "dtype bool": lambda: tg.bool,
    "initializer": lambda: tg.zeros_initializer(),
    "optimizer": lambda: tg.train.AdamOptimizer(),
}


def hostile(rng: np.random.Generator) -> tuple[str, object]:
    """A hostile value and what to call it."""
    at = int(rng.integers(len(PLAIN) + len(MADE)))
    if at < len(PLAIN):
        return repr(PLAIN[at]), PLAIN[at]
    name = list(MADE)[at - len(PLAIN)]
    return name, MADE[name]()
