"""Where a run's time goes: by node, beside the program's lines, and as a trace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from tinygraph.compiler.clocked import Event, Recording
from tinygraph.console import printable
from tinygraph.errors import DTypeError, about_file

SHOWN_ROWS, LONGEST_NAME = 30, 60
SHORTEST = 1e-3  # microseconds, the least total: a slow clock may show 0, and shares divide by it


class Row(NamedTuple):
    """What a node has cost in a run; see `Profile`."""

    node: str
    op: str
    where: str
    calls: int
    time: float
    share: float
    bytes: int
    in_place: bool


class Profile:
    """Where the time of a run went; made by `Session.profile`.

    `print(profile)` shows a table. Times are in microseconds.

    >>> x = tg.placeholder(tg.float32, [None, 3], name="x")
    >>> profile = tg.Session().profile(tg.tanh(x * 2.0), {x: np.ones((5, 3))})
    >>> sorted((row.node, row.op, row.calls, row.bytes) for row in profile.rows)
    [('Tanh', 'Tanh', 1, 60), ('mul', 'Mul', 1, 60)]
    >>> profile.total > sum(row.time for row in profile.rows)
    True

    Attributes
    ----------
    rows
        One for each node that the program computes, the costliest first, with the fields `node`
        (its name), `op` (its type), `where` (the user's file and line), `calls` (lines of the
        program executed for it), `time`, `share` (of the total), `bytes` (of the arrays that were
        computed, as far as their sizes are known in advance) and `in_place` (whether all were
        computed into an array that held one of their inputs).
    total
        The time of the run.
    program
        The time of the program's lines that belong to no node: they get the variables'
        arrays, copy results and commit updates.
    around
        The time outside of the program: checking feeds, finding the program, packing results.
    runs
        The number of runs of which this was the fastest.
    """

    def __init__(self, recording: Recording, runs: int = 1):
        start, stop, cost = recording.start, recording.stop, recording.cost
        self.runs = runs
        self.events = [
            Event(line, recording.statements[line], (a - start) / 1e3, max(b - a - cost, 0) / 1e3)
            for line, a, b in recording.split()
        ]
        self._source = recording.source
        self._span = (stop - start) / 1e3
        self.around = (recording.readings[0][1] - start + stop - recording.readings[-1][2]) / 1e3
        self.program = sum(event.time for event in self.events if not event.statement.node)
        spent = self.around + sum(event.time for event in self.events)
        self.total = max(spent, SHORTEST)
        self.rows = self._rows()

    def _rows(self) -> list[Row]:
        by_node: dict[str, list[Event]] = {}
        for event in self.events:
            if event.statement.node:
                by_node.setdefault(event.statement.node, []).append(event)
        rows = [self._row(events) for events in by_node.values()]
        return sorted(rows, key=lambda row: -row.time)

    def _row(self, events: list[Event]) -> Row:
        statement = events[0].statement
        lines = {event.line: event.statement for event in events}.values()
        written = [statement for statement in lines if statement.bytes]
        time = sum(event.time for event in events)
        return Row(
            statement.node, statement.op, statement.where, len(events), time, time / self.total,
            sum(statement.bytes for statement in written),
            bool(written) and all(statement.in_place for statement in written),
        )

    # ---------------------------------------------------------------- as text

    def table(self, rows: int | None = None) -> str:
        """The first `rows` rows, or all, as text; `str(profile)` shows 30."""
        cells: list[tuple[str, ...]]
        cells = [("node", "user's line", "calls", "us", "share", "bytes", "in place")]
        share = partial(_time_and_share, self.total)
        for row in self.rows[:rows]:
            numbers = f"{row.calls:,}", *share(row.time), f"{row.bytes:,}"
            place = "yes" if row.in_place else ""
            where = _line(os.path.basename(row.where))
            cells.append((_short(_line(row.node)), where, *numbers, place))
        rest = self.rows[len(cells) - 1 :]
        if rest:
            calls, time = sum(row.calls for row in rest), sum(row.time for row in rest)
            cells.append((f"{len(rest):,} more", "", f"{calls:,}", *share(time), "", ""))
        best = f", the fastest of {self.runs:,} runs" if self.runs > 1 else ""
        cells.append(("the program's other lines", "", "", *share(self.program), "", ""))
        cells.append(("outside of the program", "", "", *share(self.around), "", ""))
        cells.append((f"total{best}", "", "", *share(self.total), "", ""))
        return _aligned(cells)

    def __str__(self) -> str:
        return self.table(SHOWN_ROWS)

    def __repr__(self) -> str:
        return f"<tg.Profile of {len(self.rows):,} nodes, {self.total:,.1f} us>"

    @property
    def source(self) -> str:
        """The program with the time of each line, in microseconds, and its share in front."""
        times: dict[int, float] = {}
        for event in self.events:
            times[event.line] = times.get(event.line, 0.0) + event.time
        share = partial(_time_and_share, self.total)
        margin = {i: "{:>10} {:>6}  ".format(*share(time)) for i, time in times.items()}
        lines = enumerate(self._source.splitlines(), start=1)
        return "".join(f"{margin.get(i, ' ' * 19)}{line}".rstrip() + "\n" for i, line in lines)

    # ---------------------------------------------------------------- as a Chrome trace

    def chrome_trace(self) -> dict[str, Any]:
        """The run as a dict in Chrome's trace event format: one event per executed line.

        An event is named by its node; its arguments have the program's line, its
        result's spec, and the user's line.
        """
        place = {"pid": 0, "tid": 0}
        whole = {"name": "Session.run", "cat": "run", "ph": "X", "ts": 0.0, "dur": self._span}
        names = [("process_name", "tinygraph"), ("thread_name", "Session.run")]
        metadata: list[dict] = [
            {"name": key, "ph": "M", **place, "args": {"name": name}} for key, name in names
        ]
        return {"traceEvents": [*metadata, {**whole, **place}, *self._trace_events(place)]}

    def _trace_events(self, place: dict[str, int]) -> Iterator[dict[str, Any]]:
        for event in self.events:
            statement = event.statement
            yield {
                "name": statement.node or statement.source.partition("(")[0].strip(),
                "cat": statement.op or "program",
                "ph": "X",
                "ts": event.start,
                "dur": event.time,
                **place,
                "args": {key: value for key, value in statement._asdict().items() if value},
            }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the Chrome trace, which chrome://tracing and https://ui.perfetto.dev open."""
        import json

        folder = os.path.dirname(path)
        with about_file(path):
            if folder:
                os.makedirs(folder, exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                json.dump(self.chrome_trace(), file)


def check_profile(profile: Any) -> Profile:
    """`profile` itself; DTypeError if it isn't a Profile."""
    if not isinstance(profile, Profile):
        raise DTypeError(f"a profile is what sess.profile(...) returns, not {profile!r}")
    return profile


def _time_and_share(total: float, time: float) -> tuple[str, str]:
    return f"{time:,.1f}", f"{time / total:.1%}"


def _line(text: str) -> str:
    """A text on one line, with escapes for what the console cannot show."""
    return printable("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))


def _short(name: str) -> str:
    """The name with its middle left out where it is too long for a table."""
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}...{name[2 - half :]}"


def _aligned(rows: list[tuple[str, ...]]) -> str:
    """The cells in columns: text on the left, numbers on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligns = "<<>>>><"
    return "\n".join(
        "  ".join(f"{cell:{a}{w}}" for cell, a, w in zip(row, aligns, widths, strict=True)).rstrip()
        for row in rows
    )
