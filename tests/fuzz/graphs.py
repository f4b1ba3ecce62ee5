"""Random graphs, held several ways against one another.

The kinds: `exact` computes with small whole numbers, and halves, so that no order of adding rounds
and results are equal to the bit. `smooth` computes with ordinary floats, `special` with nan,
infinities, zeros of both signs, 1e30 and denormals as well. `stateful` has variables, updates,
optimizers and control dependencies, and several runs in a row; `traced` compares profiled runs.
A third of them draw conds, cases and switch_cases as well; with state, branches that update.

The ways: `Session()`; sessions without passes, without each pass, with random ones; and the
interpreter `Program.evaluate` of what lowering makes. Without the passes that round otherwise
(simplify, scale, fuse) a session has the interpreter's bits. With them a result may be off by what
rounding does to it, which is measured: the interpreter runs again with each operand and result of
each kernel off by a random part of an ulp (Monte Carlo arithmetic; Parker 1997), and what comes of
an element is its tolerance, times `LAX`. An int or bool that noise changes is not compared, nor
whether a float is nan or infinite, where noise or computing in float64 changes that.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .draft import random_program
from .judge import Judge
from .programs import Program, shrunk
from .ways import some_ways, way_name

KINDS = ("exact", "smooth", "special", "stateful", "traced")


@dataclass
class Findings:
    """What many graphs have shown."""

    graphs: int = 0
    runs: int = 0
    errors: int = 0
    refused: int = 0
    ops: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    error_kinds: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str, Program]] = field(default_factory=list)

    def __str__(self) -> str:
        errors = ", ".join(f"{n} {kind}" for kind, n in self.error_kinds.most_common() if n)
        return "\n".join([
            f"{self.graphs} graphs ({', '.join(f'{n} {k}' for k, n in self.kinds.items())}), "
            f"{self.runs} runs, of which {self.errors} raised ({errors}), "
            f"{len(self.faults)} faults",
            f"{len(self.ops)} kinds of ops: "
            + ", ".join(f"{name} {count}" for name, count in sorted(self.ops.items())),
        ])


def judge_seed(seed: int, kind: str, ways: int) -> tuple[Judge, str]:
    """One graph: what was run, and what was wrong."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of updates that are lost
        program, _ = random_program(rng, kind)
        judge = Judge(program, some_ways(rng, ways), kind == "traced")
        return judge, judge.fault()


def shorter(judge: Judge, fault: str) -> tuple[str, Program]:
    """The fault's smallest program: the same way, the same kind of difference."""
    way = fault.partition(":")[0].partition(", ")[0]
    ways = [w for w in judge.ways if way_name(w).startswith(way)] or judge.ways[:1]
    label = _label(fault)

    def fails(program: Program) -> bool:
        return _label(Judge(program, ways, judge.traced).fault()) == label

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        small = shrunk(judge.program, fails)
        return Judge(small, ways, judge.traced).fault() or fault, small


def _label(fault: str) -> str:
    """The way, and whether values or errors differ."""
    way, _, what = fault.partition(":")
    return f"{way}: {what.split(' in run')[0].strip().split(' ')[0][:1]}" if fault else ""


def attack(
    graphs: int, seed: int, kinds: tuple[str, ...] = KINDS, ways: int = 4
) -> Iterator[Findings]:
    """So many graphs, the kinds in turn; yields what has been found so far after each."""
    found = Findings()
    for i in range(graphs):
        kind = kinds[i % len(kinds)]
        judge, fault = judge_seed(seed + i, kind, ways)
        found.graphs += 1
        found.kinds[kind] += 1
        found.runs += judge.runs
        found.errors += judge.errors
        found.error_kinds += judge.error_kinds
        found.ops.update(judge.kinds | judge.user_kinds)
        if fault:
            text, small = shorter(judge, fault)
            found.faults.append((seed + i, text, small))
        yield found
