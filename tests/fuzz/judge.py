"""What differs between the ways to run a program, beyond what rounding does to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph.body import all_nodes
from tinygraph.compiler.passes import PASSES
from tinygraph.errors import TinygraphError
from tinygraph.graph import Node, Operation
from tinygraph.node import ancestors

from .draft import is_exact
from .programs import Built, Program, text_of
from .rules import ByTheRules, Undecided
from .ways import InSession, Interpreted, Outcome, noise, way_name, widened

ROUNDING = {"simplify", "fuse", "loops"}  # the passes that may change the last digits
NOISES = 3
LAX = 40.0


@dataclass
class Bounds:
    """How far each result of a run may be off: an array, or one of the words below."""

    values: list[Any]
    variables: dict[str, Any]


BITS, VALUE, ANYTHING = "to the bit", "equal, but for the signs of zeros", "not compared"


def tolerance(right: np.ndarray, others: list[np.ndarray], wide: Any) -> Any:
    """How far each element may be off; nan where its very class depends on rounding or range."""
    right = np.asarray(right)
    alike = [o for o in others if o.shape == right.shape and o.dtype == right.dtype]
    if len(alike) < len(others):
        return ANYTHING
    if right.dtype.kind != "f":
        same = np.logical_and.reduce([o == right for o in others])
        return np.where(same, 0.0, np.nan)
    with np.errstate(all="ignore"):
        numbers = [x.astype(np.float64) for x in (right, *others)]
        spread = np.max([np.abs(x - numbers[0]) for x in numbers[1:]], axis=0)
        info = np.finfo(right.dtype)
        allowed = LAX * (spread + info.eps * np.abs(numbers[0])) + 4 * float(info.tiny)
        sure = np.isfinite(numbers[0])
        allowed = np.where(sure, allowed, 0.0)
        if np.shape(wide) == right.shape:
            numbers.append(np.asarray(wide, np.float64))
        else:
            allowed = np.where(sure, allowed, np.nan)
        for x in numbers[1:]:
            allowed = np.where(classes(x) == classes(numbers[0]), allowed, np.nan)
    return allowed


def classes(x: np.ndarray) -> np.ndarray:
    """0 for a finite number, 1 for nan, 2 and 3 for infinities."""
    return np.select([np.isnan(x), x == np.inf, x == -np.inf], [1, 2, 3], 0)


def difference(got: Any, right: Any, allowed: Any) -> str:
    """What is wrong with a value, in words; "" if nothing is."""
    if allowed is ANYTHING or got is None or right is None:
        return "" if allowed is ANYTHING or got is right else f"{got} for {right}"
    got, right = np.asarray(got), np.asarray(right)
    if got.dtype != right.dtype or got.shape != right.shape:
        return f"{got.dtype}{got.shape} for {right.dtype}{right.shape}"
    if allowed is BITS:
        equal = got == right
        if got.dtype.kind == "f":
            both = np.isnan(got) & np.isnan(right)
            equal = both | equal & (np.signbit(got) == np.signbit(right))
    else:
        with np.errstate(all="ignore"):
            off = np.abs(got.astype(np.float64) - right.astype(np.float64))
            same = (got == right) | (classes(got) == classes(right)) & (classes(got) > 0)
            equal = same if allowed is VALUE else same | (off <= allowed) | np.isnan(allowed)
    if np.all(equal):
        return ""
    at = tuple(int(i) for i in np.argwhere(~equal)[0]) if got.ndim else ()
    return f"{got[at]!r} for {right[at]!r} at {list(at)}, {np.sum(~equal)} of {got.size}"


class Judge:
    """Runs a program in all ways and says what differs."""

    def __init__(self, program: Program, ways: list[frozenset[str]], traced: bool = False):
        self.program = program
        self.ways = ways
        self.traced = traced
        self.draws = False
        self.kinds: set[str] = set()
        self.user_kinds: set[str] = set()
        self.runs = self.errors = 0
        self.error_kinds: Counter[str] = Counter()

    def fault(self) -> str:
        """What is wrong, as "way: what"; "" if nothing is."""
        try:
            built = Built(self.program)
        except TinygraphError:
            return ""  # a shrunk program that is none
        except Exception as error:  # noqa: BLE001  (an error of another kind is a fault)
            return f"building: {type(error).__name__}: {error}"
        init = built.initializer()
        nodes = [*all_nodes(built.graph)]
        self.user_kinds = {node.kind.name for node in nodes}
        self.draws = any(node.kind.state for node in nodes)
        self.exact = "exact" in self.program.kind
        right = self._outcomes(built, Interpreted(built, init, adjust=self._watched))
        for outcome in right:
            self.runs += 1
            self.errors += bool(outcome.error)
            self.error_kinds[outcome.error] += bool(outcome.error)
            if outcome.error == "InternalError":
                return f"interpreter: InternalError: {outcome.message.splitlines()[0]}"
        found = self._misinferred(built, right) or self._told(built, right)
        found = found or self._own_values(built, init, right)
        found = found or self._against_rules(built, init, right)
        if found:
            return found
        bounds: list | None = None
        for passes in self.ways:
            got = self._outcomes(built, InSession(built, init, passes))
            name = way_name(passes)
            exact = not passes & ROUNDING
            if not exact and bounds is None:
                bounds = self._bounds(built, init, right)
            found = self._compared(name, got, right, all_of(BITS, right) if exact else bounds)
            if passes == PASSES and not found:  # the same program, but for its buffers
                bare = self._outcomes(built, Interpreted(built, init, passes))
                found = self._compared(f"{name}, interpreted", bare, got, all_of(BITS, got))
            if self.traced:
                found = found or self._traced(built, init, passes, got)
            if found:
                return found
        return ""

    def _watched(self, node: Node, array: np.ndarray) -> np.ndarray:
        """Note whether all is exact in an exact graph, as gradients need not be."""
        self.exact = self.exact and (array.dtype.kind != "f" or is_exact(array))
        return array

    def _outcomes(self, built: Built, way: Any) -> list[Outcome]:
        fetches = [built[name] for name in self.program.fetches]
        found = []
        for run in self.program.runs:
            feeds = {built[name]: array for name, array in run.items()}
            found.append(way.run(fetches, feeds))
        self.kinds |= getattr(way, "kinds", set())
        return found

    def _traced(self, built: Built, init: Operation, passes: frozenset[str], plain: list) -> str:
        """A run whose lines are clocked is a run: the same results, the same variables."""
        for how in ("trace", "profile"):
            got = self._outcomes(built, InSession(built, init, passes, how))
            bounds = all_of(BITS, plain)
            if how == "profile":  # has no results
                for bound in bounds:
                    bound.values = [ANYTHING] * len(bound.values)
            found = self._compared(f"{way_name(passes)}, {how}", got, plain, bounds)
            if found:
                return found
        return ""

    def _misinferred(self, built: Built, right: list[Outcome]) -> str:
        """What was known while building is so."""
        for i, (run, outcome) in enumerate(zip(self.program.runs, right, strict=True)):
            if outcome.error or any(name[0] != "x" for name in run):
                continue
            for name, value in zip(self.program.fetches, outcome.results, strict=True):
                node = built[name]
                if not isinstance(node, Node):
                    continue
                spec, value = node.spec, np.asarray(value)
                wrong = spec.dtype != value.dtype or not spec.shape.is_compatible_with(value.shape)
                if not wrong and spec.constant is not None:
                    floats = value.dtype.kind == "f"
                    wrong = not np.array_equal(spec.constant, value, equal_nan=floats)
                if wrong:
                    return f"inferred: {name} in run {i}: {spec} for {value.dtype}{value.shape}"
        return ""

    def _told(self, built: Built, right: list[Outcome]) -> str:
        """With feeds' shapes and defaults as they are in a run, written down, the same comes out.

        What is refused then while building is refused in the run too.
        """
        kinds = {node.kind for node in all_nodes(built.graph)}
        stateful = any(kind.role == "variable" or kind.state for kind in kinds)
        for i in {0} if stateful else {0, len(self.program.runs) - 1}:
            run, lines = dict(self.program.runs[i]), dict(self.program.lines)
            for name, array in list(run.items()):
                shape = list(array.shape)
                if "tg.placeholder(" in lines[name]:
                    lines[name] = f"{name} = tg.placeholder(tg.{array.dtype.name}, {shape})"
                elif name[0] == "d":
                    text = text_of(run.pop(name))
                    lines[name] = f"{name} = tg.placeholder_with_default({text}, {shape})"
                elif name[0] == "c":
                    lines[name] = f"{name} = tg.constant({text_of(run.pop(name))})"
            program = replace(self.program, lines=lines, runs=[run])
            if right[i].error in OF_FEEDS:
                continue
            told = Built()
            try:
                told.build(program)
            except TinygraphError as error:  # a gradient may need only the shape of what is refused
                # What else is fed may have any shape, and a branch that is not taken need not fit.
                fits = all(name[0] == "x" for name in run) and "lambda" not in lines[told.line]
                if fits and not right[i].error and self._needs(built, told.line, run):
                    return f"told: {type(error).__name__} for values in run {i}: {error}"
                continue
            fetches = [told[name] for name in program.fetches]
            feeds = {told[name]: array for name, array in run.items()}
            got = Interpreted(told, told.initializer()).run(fetches, feeds)
            got.variables.clear()
            if got.error in OF_FEEDS:  # a value fed for an op, of a shape that was not known
                continue
            if right[i].error and not got.error:  # of what is not computed where shapes are known
                continue
            # Where shapes are known, no sums undo what was not broadcast: 0.0 + -0.0 is 0.0.
            found = self._compared("told", [got], [right[i]], all_of(VALUE, [got]))
            if found:
                return found
        return ""

    def _needs(self, built: Built, name: str, run: dict) -> bool:
        """Whether a run computes the value of that name."""
        fetches = [built[fetch] for fetch in self.program.fetches]
        nodes = [x.node if isinstance(x, Operation) else x for x in (*fetches, built[name])]
        return name not in run and nodes.pop() in ancestors(nodes, stop={built[x] for x in run})

    def _against_rules(self, built: Built, init: Operation, right: list[Outcome]) -> str:
        """Updates in the order that the documentation gives them."""
        if not any(node.kind.updates for node in all_nodes(built.graph)):
            return ""
        try:
            got = self._outcomes(built, ByTheRules(built, init))
        except Undecided:
            return ""
        return self._compared("by the rules", got, right, all_of(BITS, right))

    def _own_values(self, built: Built, init: Operation, right: list[Outcome]) -> str:
        """Feeding ops the values that they have changes nothing, errors included.

        Sizes that only the run knows are then known before it: the ops' rules have to be the same.
        """
        updates = any(x.kind.updates or x.kind.state for x in all_nodes(built.graph))
        if updates or any(outcome.error for outcome in right[:1]):
            return ""
        names = [n for n in self.program.lines if n[0] == "n" and n not in self.program.fetches
                 and built[n].spec.value is None]
        if not names:
            return ""
        run = {built[name]: array for name, array in self.program.runs[0].items()}
        way = Interpreted(built, init)
        values = way.run([built[n] for n in names], run)
        if values.error:
            return ""
        fed = {**run, **{built[n]: v for n, v in zip(names, values.results, strict=True)}}
        got = way.run([built[n] for n in self.program.fetches], fed)
        # A view that is fed is no view any more, and a sum along its rows adds in another order.
        views = any(built[n].kind.view for n in names)
        bounds = self._bounds(built, init, right)[:1] if views else all_of(BITS, [got])
        return self._compared(OWN, [got], right[:1], bounds)

    def _bounds(self, built: Built, init: Operation, right: list[Outcome]) -> list[Bounds]:
        """The tolerances of each run; exact where the program is."""
        if self.exact:
            return all_of(VALUE, right)
        noisy = [self._outcomes(built, Interpreted(built, init, adjust=noise(i)))
                 for i in range(NOISES)]
        wide = self._outcomes(built, Interpreted(built, init, adjust=widened))
        bounds = []
        for i, outcome in enumerate(right):
            others = [run[i] for run in noisy]
            if any(o.error != outcome.error for o in others):
                bounds.append(None)
                continue
            values = []
            for j, value in enumerate(outcome.results):
                wider = wide[i].results[j] if not wide[i].error and not outcome.error else None
                values.append(BITS if value is None else
                              tolerance(value, [o.results[j] for o in others], wider))
            variables = {
                name: tolerance(value, [o.variables[name] for o in others],
                                wide[i].variables.get(name))
                for name, value in outcome.variables.items()
            }
            bounds.append(Bounds(values, variables))
        return bounds

    def _compared(self, way: str, got: list[Outcome], right: list[Outcome], bounds: list) -> str:
        for i, (g, r, b) in enumerate(zip(got, right, bounds, strict=True)):
            if b is None:
                continue  # whether it raises depends on rounding
            if g.error != r.error:
                text = (g.message or r.message).splitlines()[0]
                return f"{way}: {g.error or 'values'} for {r.error or 'values'} in run {i}: {text}"
            if r.error and self.draws:
                break  # how much a run has drawn when it fails depends on the order of its lines
            names = self.program.fetches if not r.error else []
            parts = [*zip(names, g.results, r.results, b.values, strict=True)]
            if g.variables.keys() == r.variables.keys() or way in ("told", OWN):
                parts += [(name, value, r.variables[name], b.variables.get(name, BITS))
                          for name, value in g.variables.items()]
            else:
                return f"{way}: variables {sorted(g.variables)} for {sorted(r.variables)}"
            for name, value, other, allowed in parts:
                found = difference(value, other, allowed)
                if found:
                    return f"{way}: {name} in run {i}: {found}"
        return ""


def all_of(allowed: str, outcomes: list[Outcome]) -> list[Bounds]:
    """The same for all results and variables."""
    return [Bounds([allowed] * len(o.results), dict.fromkeys(o.variables, allowed))
            for o in outcomes]


OF_FEEDS = ("GraphError", "ShapeError", "DTypeError")  # a run's own are of other types
OWN = "fed with their own values"
