"""A program that reads the clock before and after each line, for the recording of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from time import perf_counter_ns
from typing import Any, NamedTuple

from tinygraph.compiler.parts import Line

READINGS = 200  # of the clock, the fastest of which is its cost


class Statement(NamedTuple):
    """A line of a program as text, which keeps no graph and no array alive."""

    source: str
    node: str = ""  # empty where the line belongs to no node
    op: str = ""
    inputs: tuple[str, ...] = ()
    where: str = ""
    output: str = ""
    bytes: int = 0
    in_place: bool = False


class Event(NamedTuple):
    """One execution of a line; times in microseconds, `start` from the beginning of the run."""

    line: int
    statement: Statement
    start: float
    time: float


class Recording(NamedTuple):
    """The readings of one run: (line, start, stop) in nanoseconds, as the lines were executed."""

    source: str
    statements: dict[int, Statement]
    readings: list[tuple[int, int, int]]
    start: int
    stop: int
    cost: int  # of reading the clock, which is in each line's time
    ticks: Sequence[int]  # around the updates that the commit makes
    updates: Mapping[int, list[int]]  # the commit's line -> those that prepared its updates

    def split(self) -> Iterator[tuple[int, int, int]]:
        """The readings, with the time of a commit given to the lines that prepared its updates."""
        for line, start, stop in self.readings:
            commits = line in self.updates
            lines = [line, *self.updates[line], line] if commits else [line]
            edges = [start, *self.ticks, stop] if commits else [start, stop]
            for x, (begun, ended) in zip(lines, pairwise(edges), strict=True):
                yield x, begun, ended


class Clocked:
    """A program that reads the clock around its lines; all else is shared with the plain one.

    Where the plain program has `np.exp(x, out=b0)` in line 7, this one has

        t_start = t_clock(); np.exp(x, out=b0); t_record((7, t_start, t_clock()))

    in its line 7. The updates that `variables.commit` is given, and makes at one stroke, have
    ticks of the clock between them. The functions begin after the first `head_lines` lines.
    """

    def __init__(
        self, source: str, lines: Sequence[Line], head_lines: int, filename: str, namespace: dict
    ):
        self.source = source
        self._mark = "t_"  # begins no name of the program
        while self._mark in source:
            self._mark = f"_{self._mark}"
        numbered = dict(enumerate(lines[head_lines:], start=head_lines + 1))
        timed = {i: line for i, line in numbered.items() if line.purpose}
        self.statements = {i: _statement(line) for i, line in timed.items()}
        prepared = [i for i, line in timed.items() if line.purpose == "update"]
        commits = [i for i, line in timed.items() if line.purpose == "commit"]
        self._updates = {i: prepared for i in commits if prepared}
        self._cost = min(-perf_counter_ns() + perf_counter_ns() for _ in range(READINGS))
        self._namespace = {**namespace, f"{self._mark}clock": perf_counter_ns}
        text = "\n" * head_lines + "\n".join([self._clocked(*item) for item in numbered.items()])
        exec(compile(text, filename, "exec"), self._namespace)  # our own source

    def _clocked(self, i: int, line: Line) -> str:
        """The text of a line, with the clock read around it."""
        if not line.purpose:
            return line.text
        text, mark = line.text.lstrip(), self._mark
        start = f"{line.text.removesuffix(text)}{mark}start = {mark}clock(); "
        if line.purpose == "return":
            value = text.removeprefix("return ")
            return f"{start}return {mark}returned({i}, {mark}start, ({value}))"
        if i in self._updates:
            values = text.removeprefix("variables.commit(")
            text = f"{mark}commit(variables, {len(self._updates[i])}, {values}"
        return f"{start}{text}; {mark}record(({i}, {mark}start, {mark}clock()))"

    def run(self, *arguments: Any) -> tuple[Any, Recording]:
        """The plain program's results, and the recording of the run."""
        readings: list[tuple[int, int, int]] = []
        ticks: list[int] = []
        # Reads the clock without a step of Python, in which a signal might split the commit.
        tick = partial(next, map(ticks.append, iter(perf_counter_ns, None)))

        def returned(line: int, start: int, value: Any) -> Any:
            readings.append((line, start, perf_counter_ns()))
            return value

        def commit(variables: Any, count: int, new: dict, *updates: partial) -> None:
            ticking = [call for update in updates[:count] for call in (update, tick)]
            variables.commit(new, tick, *ticking, *updates[count:])

        functions = {"record": readings.append, "returned": returned, "commit": commit}
        self._namespace.update({self._mark + name: value for name, value in functions.items()})
        start = perf_counter_ns()
        result = self._namespace["step"](*arguments)
        stop = perf_counter_ns()
        return result, Recording(
            self.source, self.statements, readings, start, stop, self._cost, ticks, self._updates
        )


def _statement(line: Line) -> Statement:
    text, value = line.text.strip(), line.computed
    if value is None:
        return Statement(text)
    node, _, kind, spec, in_place = value
    written = 0 if kind.view or kind.role in ("variable", "effect") else spec.bytes
    operation = node.op.node  # the node may be one of its outputs
    inputs = tuple(x.label for x in operation.inputs)
    return Statement(
        text, node.op_name, operation.kind.name, inputs, node.where, str(spec), written, in_place
    )
