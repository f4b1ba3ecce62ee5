"""A random program as text, one line a value: so it can be built again, shrunk and shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph.graph import Graph, Node, Operation

NAME = re.compile(r"\b[a-z]\d+\b")
HEAD = """\
import numpy as np
from numpy import inf, nan

import tinygraph as tg


def slope(y, x):
    g = tg.gradients(y, x)[0]
    return tg.zeros_like(x) if g is None else tg.convert_to_tensor(g)


graph = tg.get_default_graph()
graph.seed = 7
"""


def slope(y: Node, x: Node) -> Node:
    """The gradient of y with respect to x, zeros where there is none."""
    g = tg.gradients(y, x)[0]
    return tg.zeros_like(x) if g is None else tg.convert_to_tensor(g)


def text_of(array: Any) -> str:
    """An array as Python reads it; of numbers that all have their own digits."""
    array = np.asarray(array)
    values = f"np.array({array.tolist()!r}, np.{array.dtype.name})"
    return values if array.size else f"np.zeros({array.shape}, np.{array.dtype.name})"


@dataclass
class Program:
    """Lines that each define a value or an operation, what to fetch, and what to feed in each run.

    values: what each name was while the program was made; only a hint, for shrinking.
    """

    kind: str
    lines: dict[str, str] = field(default_factory=dict)  # name -> "name = expression"
    fetches: list[str] = field(default_factory=list)
    runs: list[dict[str, np.ndarray]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def needs(self, names: Iterable[str]) -> set[str]:
        """The names that these need to be defined, themselves included."""
        found, stack = set(), list(names)
        while stack:
            name = stack.pop()
            if name in self.lines and name not in found:
                found.add(name)
                stack += NAME.findall(self.lines[name])
        return found

    def without(self, **changes: Any) -> Program:
        """A part of it: with other fetches, fewer runs; lines that nothing needs are left out."""
        smaller = replace(self, **changes)
        needed = smaller.needs(smaller.fetches)
        lines = {name: text for name, text in smaller.lines.items() if name in needed}
        runs = [{x: a for x, a in run.items() if x in lines} for run in smaller.runs]
        return replace(smaller, lines=lines, runs=runs)

    def __str__(self) -> str:
        runs = ["".join(f"    {x}: {text_of(a)},\n" for x, a in run.items()) for run in self.runs]
        runs = [f"{{\n{run}}}" if run else "{}" for run in runs]
        return (
            HEAD + "\n".join(self.lines.values())
            + f"\nfetches = [{', '.join(self.fetches)}]\n"
            + "".join(f"feeds{i} = {run}\n" for i, run in enumerate(runs))
            + "for passes in (tg.Session.PASSES, frozenset()):\n"
            + "    sess = tg.Session(passes=passes)\n"
            + "    sess.run(tg.global_variables_initializer())\n"
            + "".join(f"    print(sess.run(fetches, feeds{i}))\n" for i in range(len(runs)))
        )


class Built:
    """A program's graph, and what its names stand for."""

    def __init__(self, program: Program | None = None):
        self.graph = Graph()
        self.graph.seed = 7
        self.lowered: dict[Any, Any] = {}  # what has been made of it: see ways.py
        self.names: dict[str, Any] = {
            "tg": tg, "np": np, "nan": np.nan, "inf": np.inf, "slope": slope,
        }
        if program is not None:
            self.build(program)

    def build(self, program: Program) -> None:
        for self.line, text in program.lines.items():  # the name that is being built
            self.add(text)

    def add(self, text: str) -> None:
        with self.graph.as_default():
            exec(compile(text, "<fuzz>", "exec"), self.names)  # our own text

    def __getitem__(self, name: str) -> Node | Operation:
        return self.names[name]

    def initializer(self) -> Operation:
        with self.graph.as_default():
            return tg.global_variables_initializer()


def shrunk(program: Program, fails: Callable[[Program], bool], patience: int = 400) -> Program:
    """A smaller program that still fails: fewer runs, fetches and lines, inputs in place of ops."""
    left = [patience]

    def still(smaller: Program) -> bool:
        left[0] -= 1
        return left[0] > 0 and fails(smaller)

    changed = True
    while changed and left[0] > 0:
        changed = False
        for candidate in _smaller(program):
            if still(candidate):
                program, changed = candidate, True
                break
    return program


def _smaller(program: Program) -> Iterable[Program]:
    for i in range(len(program.runs)):
        if len(program.runs) > 1:
            yield program.without(runs=program.runs[:i] + program.runs[i + 1 :])
    if len(program.fetches) > 1:
        half = len(program.fetches) // 2
        yield program.without(fetches=program.fetches[:half])
        yield program.without(fetches=program.fetches[half:])
        for i in range(len(program.fetches)):
            yield program.without(fetches=program.fetches[:i] + program.fetches[i + 1 :])
    for i, run in enumerate(program.runs):
        for x in run:
            if "tg.placeholder(" not in program.lines[x]:
                fewer = {y: a for y, a in run.items() if y != x}
                yield program.without(runs=[*program.runs[:i], fewer, *program.runs[i + 1 :]])
    for name in program.fetches:  # its inputs in its place
        for x in dict.fromkeys(NAME.findall(program.lines[name].partition("=")[2])):
            if x in program.lines and x[0] != "m" and x not in program.fetches:
                yield program.without(fetches=[x if y == name else y for y in program.fetches])
    for name, text in reversed(program.lines.items()):
        value = program.values.get(name)
        simple = "tg.placeholder(" in text or "tg.constant(" in text or "tg.Variable(" in text
        if value is not None and not simple:
            lines = {**program.lines, name: f"{name} = tg.constant({text_of(value)})"}
            yield program.without(lines=lines)
            lines[name] = f"{name} = tg.placeholder(tg.{value.dtype.name}, {list(value.shape)})"
            runs = [{**run, name: run.get(name, value)} for run in program.runs]
            yield program.without(lines=lines, runs=runs)
