"""The table of op cases that every check of test_ops.py runs through, one module per family.

A family module holds a list `CASES`; `every_case()` collects them all. To add an op's case:

    Case("Tanh", lambda x: tg.tanh(x), [f64(3, 4)], np.tanh)
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Case:
    """One way to use an op, and what NumPy says about it.

    op: the registry name of the op that is exercised, publicly or on the way to a gradient.
    build: from nodes, one per input, to a node (or a list of nodes), through the public function.
    inputs: NumPy arrays, float64 where differentiable; each is fed through a placeholder.
    numpy: from arrays to the expected array (or list of arrays), with the dtype for ints and bools.
        None where no reference exists (random numbers): `note` then says why.
    grad, second: whether first and second derivatives are checked against numeric ones, for float
        inputs and float outputs. A gradient of None (floor) has to be a numeric zero, so that
        stop_gradient, whose gradient differs from its derivative on purpose, has grad=False.
    note: what is special about the case; also a part of the test's id.
    unknown: what may be unknown while building: "rank", "dims" (the rank must be known) or "".
    dtypes: the smaller float dtypes in which float64 inputs are tried as well; those that the op
        refuses with a DTypeError are passed over.
    slack: a factor on the tolerances, where conditioning costs digits; say why in `note`.
    """

    op: str
    build: Callable[..., Any]
    inputs: Sequence[np.ndarray] = ()
    numpy: Callable[..., Any] | None = None
    grad: bool = True
    second: bool = True
    note: str = ""
    unknown: str = "rank"
    dtypes: tuple[str, ...] = ("float32", "float16")
    slack: float = 1.0

    def __post_init__(self):
        arrays = tuple(np.array(x) for x in self.inputs)
        for array in arrays:
            array.flags.writeable = False
        object.__setattr__(self, "inputs", arrays)
        if self.unknown not in ("rank", "dims", ""):
            raise ValueError(f"unknown is 'rank', 'dims' or '', not {self.unknown!r}")
        if self.numpy is None and not self.note:
            raise ValueError(f"{self.op}: without a NumPy reference, the note must say why")

    def __repr__(self) -> str:
        shapes = ",".join("x".join(map(str, x.shape)) or "scalar" for x in self.inputs)
        return "-".join(part for part in (self.op, shapes, self.note.replace(" ", "_")) if part)


# ---------------------------------------------------------------- seeded inputs


@functools.cache
def _generator(module: str) -> np.random.Generator:
    """A stream of random numbers for each family, so that no family changes another's inputs."""
    return np.random.default_rng(zlib.crc32(module.encode()))


def _rng() -> np.random.Generator:
    return _generator(sys._getframe(2).f_globals["__name__"])


def f64(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Distinct float64 values across [low, high] in random order, none near a multiple of 0.5.

    So a case is far from ties and from the usual kinks (0, 1, 6; halves for round), as long as
    [low, high] has room for `shape`: neighbours are about (high - low) / size / 2 apart.
    """
    rng = _rng()
    size = int(np.prod(shape))
    step = (high - low) / max(size, 1)
    x = low + (np.arange(size) + rng.uniform(0.25, 0.75, size)) * step
    half = np.round(2 * x) / 2
    near = np.abs(x - half) < 0.02
    pushed = half + np.where(x < half, -0.02, 0.02) * (1 + rng.uniform(0, 0.5, size))
    return rng.permutation(np.where(near, pushed, x)).reshape(shape)


def positive(*shape: int, low: float = 0.3, high: float = 3.0) -> np.ndarray:
    """Distinct positive float64 values: for log, sqrt, divisors."""
    rng = _rng()
    size = int(np.prod(shape))
    x = low + (np.arange(size) + rng.uniform(0.25, 0.75, size)) * (high - low) / max(size, 1)
    return rng.permutation(x).reshape(shape)


def i32(*shape: int, low: int = 0, high: int = 10) -> np.ndarray:
    """int32 values in [low, high)."""
    return _rng().integers(low, high, shape).astype(np.int32)


def i64(*shape: int, low: int = 0, high: int = 10) -> np.ndarray:
    """int64 values in [low, high)."""
    return _rng().integers(low, high, shape)


def bools(*shape: int) -> np.ndarray:
    """Bools, as many True as False."""
    size = int(np.prod(shape))
    return _rng().permutation(np.arange(size) % 2 == 0).reshape(shape)


# ---------------------------------------------------------------- the table


@functools.cache
def every_case() -> tuple[Case, ...]:
    """The cases of all families in this folder, in the order of their files."""
    found: list[Case] = []
    for module in pkgutil.iter_modules(__path__):
        found += importlib.import_module(f"{__name__}.{module.name}").CASES
    return tuple(found)
