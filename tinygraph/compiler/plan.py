"""A compiled program, ready to run, with what it takes to explain an error in it."""

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
from tinygraph.compiler.rewrite import lower
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

    What then removes it is a call into C: an interrupt of Python code would be lost there.
    """

    plan: weakref.ref[Plan]


class Plan:
    """`plan(variables, *feeds)` runs the program and returns the fetched values in order."""

    def __init__(self, program: Program, code: Code, around: Callable[[Callable], Callable]):
        self.source = code.source
        self.filename = f"<tinygraph program {next(_serial)}>"
        self.lines, self._first = code.lines, code.first
        self.specs = program.specs
        self.bytes = code.bytes
        self._first_line = {self.filename: 0}  # of what was compiled as that file, in `source`
        line = 0
        for i, piece in enumerate(code.pieces):
            filename = f"{self.filename[:-1]}, part {i}>" if len(code.pieces) > 1 else self.filename
            lines = Lines(piece.splitlines(keepends=True))
            lines.plan = weakref.ref(self, partial(linecache.cache.pop, filename))
            linecache.cache[filename] = (len(piece), None, lines, filename)
            self._first_line[filename] = line
            line += len(lines)
            try:
                exec(compile(piece, filename, "exec"), code.namespace)  # our own source
            except (MemoryError, ValueError) as error:  # of a buffer
                self._explain(error)
        self._namespace, self._around = code.namespace, around
        self.step = around(code.namespace.pop("step"))  # so that the plan is in no cycle

    def __call__(self, variables: Any, *feeds: np.ndarray) -> tuple:
        before = ERROR_STATE.get()
        try:
            ERROR_STATE.set(IGNORE)  # as in TF, 1/0 is inf without a warning
            return self.step(variables, *feeds)
        except Exception as error:  # noqa: BLE001  (raised again, with the node that it was)
            self._explain(error)
        finally:
            ERROR_STATE.set(before)

    @cached_property
    def clocked(self) -> Clocked:
        from tinygraph.compiler.clocked import Clocked

        return Clocked(self.source, self.lines, self._first, self.filename, self._namespace)

    def recorded(self, variables: Any, *feeds: np.ndarray) -> tuple[tuple, Recording]:
        """What a call returns, and when each line of the program ran."""
        try:
            return quietly(self._around(self.clocked.run), variables, *feeds)
        except Exception as error:  # noqa: BLE001  (as in a call)
            self._explain(error)

    def _explain(self, error: Exception) -> NoReturn:
        """Raise what went wrong as the error of the node whose line it was."""
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
        """The innermost line of the program that is for a value."""
        trace, found = error.__traceback__, None
        while trace is not None:
            first = self._first_line.get(trace.tb_frame.f_code.co_filename)
            if first is not None:
                line = self.lines[first + trace.tb_lineno - 1]
                found = line if line.value else found
            trace = trace.tb_next
        return found


def compile_plan(
    fetches: Iterable[Node],
    targets: Iterable[Node],
    feeds: Mapping[Node, Spec],
    begin_stream: Callable[[Node], None],
    passes: frozenset[str],
    threads: Threads,
) -> Plan:
    """Compile what `fetches` and `targets` need, for feeds of these specs; return the fetches."""

    def build() -> Plan:
        program = threads.fixed(lower)(fetches, targets, feeds, passes)  # it folds products too
        transform(program, passes)
        choice = threads.choose(program)
        code = Code(begin_stream)
        Routine(code, program, plan_memory(program)).emit(choice.remark)
        code.assemble()
        return Plan(program, code, choice.around)

    return collector_paused(build)
