"""A compiled program, ready to run; its errors name the node whose line failed."""

from __future__ import annotations

import itertools
import linecache
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tinygraph.arrays import no_memory
from tinygraph.compiler.codegen import Code
from tinygraph.compiler.memory import plan_memory
from tinygraph.compiler.parts import Line
from tinygraph.compiler.passes import transform
from tinygraph.compiler.program import Program, describe
from tinygraph.compiler.lower import lower
from tinygraph.compiler.routine import Routine
from tinygraph.compiler.threads import Threads
from tinygraph.errors import (
    InternalError, InvalidArgumentError, OpError, ResourceExhaustedError,
)
from tinygraph.graph import Node
from tinygraph.interrupts import ERROR_STATE, IGNORE, collector_paused, quietly
from tinygraph.spec import Spec

if TYPE_CHECKING:
    from tinygraph.compiler.clocked import Clocked, Recording

_serial = itertools.count()


class Lines(list):
    """A program's source for `linecache`, which keeps it until the plan is gone.

    The weak reference's callback that removes it is a C function, `dict.pop`: in one written in
    Python, a KeyboardInterrupt would be lost.
    """

    plan: weakref.ref[Plan]


class Plan:
    """`plan(variables, *feeds)` runs the program and returns the fetched values in order."""

    def __init__(self, program: Program, code: Code, wrap: Callable[[Callable], Callable]):
        self.source = code.source
        self.filename = f"<tinygraph program {next(_serial)}>"
        self.lines, self._head_lines = code.lines, code.head_lines
        self.specs = program.specs
        self.bytes = code.bytes
        self._lines_before = {self.filename: 0}  # file name -> lines of `source` before that file
        line = 0
        for i, piece in enumerate(code.pieces):
            filename = f"{self.filename[:-1]}, part {i}>" if len(code.pieces) > 1 else self.filename
            lines = Lines(piece.splitlines(keepends=True))
            lines.plan = weakref.ref(self, partial(linecache.cache.pop, filename))
            linecache.cache[filename] = (len(piece), None, lines, filename)
            self._lines_before[filename] = line
            line += len(lines)
            try:
                exec(compile(piece, filename, "exec"), code.namespace)  # our own source
            except (MemoryError, ValueError) as error:  # a buffer is too large
                self._explain(error)
        self._namespace, self._wrap = code.namespace, wrap
        self.step = wrap(code.namespace.pop("step"))  # popped: its globals would refer to it

    def __call__(self, variables: Any, *feeds: np.ndarray) -> tuple:
        before = ERROR_STATE.get()
        try:
            ERROR_STATE.set(IGNORE)  # as in TF, 1/0 is inf without a warning
            return self.step(variables, *feeds)
        except Exception as error:  # noqa: BLE001  (raised again, naming the node)
            self._explain(error)
        finally:
            ERROR_STATE.set(before)

    @cached_property
    def clocked(self) -> Clocked:
        from tinygraph.compiler.clocked import Clocked

        return Clocked(self.source, self.lines, self._head_lines, self.filename, self._namespace)

    def recorded(self, variables: Any, *feeds: np.ndarray) -> tuple[tuple, Recording]:
        """A call's results, and a recording of when each line of the program ran."""
        try:
            return quietly(self._wrap(self.clocked.run), variables, *feeds)
        except Exception as error:  # noqa: BLE001  (as in a call)
            self._explain(error)

    def _explain(self, error: Exception) -> NoReturn:
        """Raise `error` as an OpError that names the node whose line failed."""
        line = self._at_fault(error)
        if line is None or line.value is None:
            raise error
        node, spec = line.value.node, line.value.spec
        is_too_large = not line.computed or spec.bytes > sys.maxsize
        if isinstance(error, OpError):
            kind: type[OpError] = type(error)
        elif isinstance(error, MemoryError) or is_too_large and isinstance(error, ValueError):
            kind = ResourceExhaustedError
        elif isinstance(error, ValueError | IndexError | ArithmeticError):
            kind = InvalidArgumentError
        else:
            kind = InternalError
        message = str(error) or type(error).__name__
        if kind is ResourceExhaustedError:
            message = f"{no_memory(repr(node.op_name), spec)} ({message})"
        raise kind(f"{message}\n{describe(node, self.specs)}", node) from error

    def _at_fault(self, error: Exception) -> Line | None:
        """The innermost line of the program in the traceback that is for a value."""
        frame, failed = error.__traceback__, None
        while frame is not None:
            before = self._lines_before.get(frame.tb_frame.f_code.co_filename)
            if before is not None:
                line = self.lines[before + frame.tb_lineno - 1]
                failed = line if line.value else failed
            frame = frame.tb_next
        return failed


def compile_plan(
    fetches: Iterable[Node],
    targets: Iterable[Node],
    feeds: Mapping[Node, Spec],
    begin_stream: Callable[[Node], None],
    passes: frozenset[str],
    threads: Threads,
) -> Plan:
    """A Plan that computes what `fetches` and `targets` need, for feeds of these specs."""

    def build() -> Plan:
        # with the threads asked for: folding computes products
        program = threads.with_asked_threads(lower)(fetches, targets, feeds, passes)
        transform(program, passes)
        choice = threads.choose(program)
        code = Code(begin_stream)
        Routine(code, program, plan_memory(program)).emit(choice.remark)
        code.assemble()
        return Plan(program, code, choice.wrap)

    return collector_paused(build)
