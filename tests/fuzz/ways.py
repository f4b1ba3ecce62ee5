"""The ways to run a program: sessions, and the interpreter of what lowering makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph.compiler.program import Kernels, call_kernel
from tinygraph.compiler.lower import lower
from tinygraph.compiler.passes import PASSES, transform
from tinygraph.errors import (
    InternalError, InvalidArgumentError, OpError, ResourceExhaustedError, TinygraphError,
)
from tinygraph.feeds import check_fed, feeds_of
from tinygraph.fetches import Fetched
from tinygraph.graph import Node, Operation
from tinygraph.spec import Shape, Spec
from tinygraph.values import Variables

from .programs import Built


@dataclass
class Outcome:
    """What a run gave: results and variables, or an error's type."""

    results: list[Any] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    message: str = ""


class InSession:
    """A session, with some passes, its runs traced or not."""

    def __init__(self, built: Built, init: Operation, passes: frozenset[str], traced: str = ""):
        self.session = tg.Session(graph=built.graph, passes=passes)
        self.traced = traced
        if init.node.control_inputs and passes == PASSES and not traced:
            self.session.run(init)
        else:
            self.session._variables.update(initial_values(built, init))

    def run(self, fetches: list, feeds: dict) -> Outcome:
        try:
            results = self._run(fetches, feeds)
        except Exception as error:  # noqa: BLE001  (whatever comes, it has to be the same)
            return Outcome([], copied(self.session._variables), error_of(error), str(error))
        return Outcome(results, copied(self.session._variables))

    def _run(self, fetches: list, feeds: dict) -> Any:
        if self.traced == "trace":
            options = tg.RunOptions(trace_level=tg.RunOptions.FULL_TRACE)
            return self.session.run(fetches, feeds, options, tg.RunMetadata())
        if self.traced == "profile":
            self.session.profile(fetches, feeds, runs=1)
            return [None] * len(fetches)
        return self.session.run(fetches, feeds)


class Interpreted:
    """`Program.evaluate` of what lowering makes, without a compiler's passes or with some.

    adjust: what to do with the arrays that a kernel gets, and with what it returns.
    """

    def __init__(self, built: Built, init: Operation, passes: frozenset[str] = frozenset(),
                 adjust: Any = None):
        self.session = tg.Session(graph=built.graph)  # checks feeds, and has the values' places
        self.lowered = built.lowered
        self.passes = passes
        self.adjust = of_each(adjust or (lambda node, array: array))
        self.variables = Variables()
        self.positions: dict[str, Any] = {}
        self.kinds: set[str] = set()
        if init.node.control_inputs:
            self._run([init], {})

    def run(self, fetches: list, feeds: dict) -> Outcome:
        try:
            results = self._run(fetches, feeds)
        except Exception as error:  # noqa: BLE001  (as above)
            return Outcome([], copied(self.variables), error_of(error), str(error))
        return Outcome(results, copied(self.variables))

    def _run(self, fetches: list, feeds: dict) -> list[Any]:
        fetched = Fetched(self.session.graph, fetches)
        fed = checked(self.session, feeds)
        specs = {node: Spec(Shape.of(a.shape), node.spec.dtype) for node, a in fed.items()}
        program = self._lowered(fetched, specs)
        self.kinds |= {node.kind.name for node in program.nodes}

        def compute(node: Node, arrays: list, **state: Any) -> Any:
            arrays = [self.adjust(x, a) for x, a in zip(node.inputs, arrays, strict=True)]
            return self.adjust(node, call_kernel(node, arrays, **state))

        try:
            rule = Kernels(self.variables, self.positions, compute)
            results, new = program.evaluate(fed.values(), rule)
        except OpError:
            raise
        except ValueError as error:  # of a kernel
            raise InvalidArgumentError(str(error)) from error
        self.variables.update({name: np.array(value) for name, value in new.items()})
        self.positions.update(rule.moved)
        return fetched.pack(iter([np.array(value) for value in results]))

    def _lowered(self, fetched: Fetched, specs: dict[Node, Spec]) -> Any:
        """The program, which all interpreters of a graph share."""
        shapes = tuple((node, spec.shape.sizes) for node, spec in specs.items())
        key = (*fetched.tensors, None, *fetched.targets), shapes, self.passes
        if key not in self.lowered:
            program = lower(fetched.tensors, fetched.targets, specs, self.passes)
            transform(program, self.passes)
            self.lowered[key] = program
        return self.lowered[key]


def checked(session: tg.Session, feeds: dict) -> dict[Node, np.ndarray]:
    """The feeds as a session takes them, or refuses them."""
    fed = feeds_of(session.graph, feeds)
    for node, array in fed.items():
        check_fed(node, array)
        session.graph.built_with.check(node)
    return fed


def initial_values(built: Built, init: Operation) -> dict[str, np.ndarray]:
    return copied(Interpreted(built, init).variables)


def of_each(adjust: Any) -> Any:
    """The same for a node's value, be it an array, several in a tuple, or None of an effect."""

    def adjusted(node: Node, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple([adjust(node, array) for array in value])
        return None if value is None else adjust(node, value)

    return adjusted


def noise(seed: int) -> Any:
    """Each float of a kernel off by a random part of an ulp, in and out."""
    rng = np.random.default_rng(seed)

    def adjust(node: Node, array: np.ndarray) -> np.ndarray:
        if array.dtype.kind != "f" or node.kind.view:
            return array
        off = rng.uniform(-1, 1, array.shape) * np.finfo(array.dtype).eps
        with np.errstate(all="ignore"):
            return (array * (1 + off)).astype(array.dtype)

    return adjust


def widened(node: Node, array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def copied(values: Any) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in values.items()}


def error_of(error: Exception) -> str:
    """The type of an error; of a kernel's own, as a plan would raise it."""
    if isinstance(error, OpError | TinygraphError):
        return type(error).__name__
    if isinstance(error, MemoryError):
        return ResourceExhaustedError.__name__
    if isinstance(error, ValueError | IndexError | ArithmeticError):
        return InvalidArgumentError.__name__
    return InternalError.__name__


def way_name(passes: frozenset[str]) -> str:
    if passes == PASSES:
        return "Session()"
    missing = PASSES - passes
    return f"without {', '.join(sorted(missing))}" if len(missing) < 4 else (
        f"with {', '.join(sorted(passes)) or 'no passes'}")


def some_ways(rng: np.random.Generator, count: int) -> list[frozenset[str]]:
    """All passes, none, one left out, random ones."""
    names = sorted(PASSES)
    ways = [PASSES, frozenset()]
    for i in range(count - 2):
        ways.append(PASSES - {str(rng.choice(names))} if i % 2 == 0 else
                    frozenset(str(n) for n in names if rng.random() < 0.5))
    return ways
