"""How many of BLAS's threads a program runs on: one, where no product gains enough from several.

OpenBLAS's threads wait for each other by spinning. Where another program keeps the cores busy, one
of them spins until the system lets the other go on, which may take milliseconds for each product:
the gain from several threads has to be worth it. The choice is by shapes alone, never by a clock,
for one thread and two round differently.

Products of n x n by n x n in float32, in microseconds, with OpenBLAS 0.3.31 on two cores: alone,
and beside another process that multiplies all the time, measured twice, in two processes.

       n   multiply-adds   alone: one thread, two   beside: one thread, two
      80         512,000                17     17
      96         884,736                27     20               28, 29   22, 15600
     128       2,097,152                58     39               67, 74   60, 61
     160       4,096,000               107     67             113, 169   73, 227
     256      16,777,216               410    233             866, 890   7350, 10400
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from tinygraph.arguments import expect, integer
from tinygraph.compiler.program import Program
from tinygraph.errors import ThreadsWarning
from tinygraph.graph import Node
from tinygraph.kernels import blas
from tinygraph.origin import is_foreign, warn

if TYPE_CHECKING:  # imported only by programs that use it
    from tinygraph.config import ConfigProto

SINGLE_BELOW = 1 << 19  # multiply-adds below which OpenBLAS takes one thread itself
WORTH_ABOVE = 1 << 21  # multiply-adds up to which two threads gain 20 us at most
MAX_THREADS = 1 << 10  # threads; OpenBLAS is built for 64 or 128
SLOW, LATE, RUNS = 4, 1e-3, 16  # slow: over 4 times the best plus 1 ms; after so many, warn

# ---------------------------------------------------------------- the work of a product


def _size(x: Node, *axes: int) -> float:
    """How many elements x has, or has along some axes; infinity where only the run knows."""
    dims = x.spec.shape.sizes
    chosen = dims if dims is None or not axes else [dims[i] for i in axes]
    return math.inf if chosen is None or None in chosen else math.prod(chosen)  # type: ignore[arg-type]


def _product_work(a: Node, b: Node) -> float:
    """Multiply-adds for two matrices; for batches, those of one pair, as BLAS gets them."""
    return _size(a, -2, -1) * _size(b, -1)


def _einsum_work(node: Node) -> float:
    terms = node.attrs["equation"].replace("->", ",").split(",")
    size: dict[str, float] = {}
    for x, term in zip(node.inputs, terms, strict=False):
        size.update((letter, _size(x, i)) for i, letter in enumerate(term))
    return math.prod(n for letter, n in size.items() if not all(letter in t for t in terms))


def _decomposition_work(node: Node) -> float:
    return max(_size(node.inputs[0], -2), _size(node.inputs[0], -1)) ** 3


WORK: dict[str, Callable[[Node], float]] = {
    "Dot": lambda node: _product_work(*node.inputs),
    "BatchDot": lambda node: _product_work(*node.inputs),
    "AddProduct": lambda node: _product_work(*node.inputs[1:3]),
    "Einsum": _einsum_work,
    "Sum": lambda node: _size(node.inputs[0]),
    "TimesVector": lambda node: max(map(_size, node.inputs)),
    # OpenBLAS takes several threads for it already from some 10,000 elements on.
    "AddScaled": lambda node: 8 * _size(node.inputs[0]),
    "Cholesky": _decomposition_work,
    "MatrixDeterminant": _decomposition_work,
    "MatrixInverse": _decomposition_work,
    "MatrixSolve": _decomposition_work,
    "Orthogonalize": _decomposition_work,
    "SelfAdjointEigV2": _decomposition_work,
}
"""Multiply-adds of a call of BLAS or LAPACK, for the ops that make such calls."""


def largest_work(program: Program) -> float:
    """The multiply-adds of the program's largest product; 0 where it has none."""
    nodes = program.all_nodes()
    return max([WORK[n.kind.name](n) for n in nodes if n.kind.name in WORK], default=0)


# ---------------------------------------------------------------- the choice


class Choice(NamedTuple):
    """How a program shall run, and the remark in its source that says so."""

    remark: str = ""
    wrap: Callable[[Callable], Callable] = lambda function: function


class Threads:
    """How many threads BLAS takes for the programs of one session.

    The user may have asked for a number, by `Session(threads=)` or else by its `config`.
    """

    def __init__(self, threads: int | None, config: ConfigProto | None):
        if config is not None:
            asked = _configured(config)
            threads = asked if threads is None else threads
        self.asked = None if threads is None else _checked(threads)
        self._told = False

    def with_asked_threads(self, function: Callable) -> Callable:
        """`function` on the threads that were asked for, if any."""
        pool = None if self.asked is None else blas.pool()
        if pool is None or self.asked is None:
            return function
        return with_threads(pool, self.asked, function)

    def choose(self, program: Program) -> Choice:
        work, threads = largest_work(program), self.asked
        if threads is None and work < SINGLE_BELOW or not work and not _has_foreign(program):
            return Choice()
        pool = blas.pool()
        if pool is None:
            return Choice()
        if threads is not None:
            remark = f"BLAS takes {threads} thread{'s' * (threads > 1)}, as the session was told"
        elif work <= WORTH_ABOVE and not _has_foreign(program):
            threads, remark = 1, "BLAS takes 1 thread: no product is large enough for several"
        else:
            remark = "BLAS takes as many threads as the process has: a product may gain from them"
        watched = work > WORTH_ABOVE and (threads or pool.count()) > 1 and _is_steady(program)

        def wrap(function: Callable) -> Callable:
            function = function if threads is None else with_threads(pool, threads, function)
            return self._watching(function) if watched else function

        return Choice(remark, wrap)

    def _watching(self, function: Callable) -> Callable:
        """`function`, with one warning in a session if most of its runs are slow.

        One slow run is not enough: the machine may have slept, or swapped its memory out.
        """
        best, slow = math.inf, 0

        def call(*arguments: Any) -> Any:
            nonlocal best, slow
            start = perf_counter()
            values = function(*arguments)
            took = perf_counter() - start
            if took > SLOW * best + LATE:
                slow += 1
                if slow >= RUNS and not self._told:
                    self._tell(took, best)
            elif took < best:
                best = took
            elif slow:
                slow -= 1
            return values

        return call

    def _tell(self, took: float, best: float) -> None:
        self._told = True
        warn(
            f"a run took {took * 1e3:.3g} ms, the program's best one {best * 1e3:.3g} ms. Where "
            "other programs keep the cores busy, BLAS's threads wait for each other; "
            "Session(threads=1) is steadier then",
            ThreadsWarning,
        )


def _configured(config: Any) -> int | None:
    from tinygraph.config import ConfigProto

    expect(config, ConfigProto, "config", "a tg.ConfigProto")
    return config.intra_op_parallelism_threads or None


def _checked(threads: Any) -> int:
    number = integer(threads, "threads", 1, MAX_THREADS)
    if blas.pool() is None:
        warn(
            "NumPy's BLAS isn't an OpenBLAS that tinygraph finds: the number of its threads stays "
            "as it is; the library's own environment variable sets it", ThreadsWarning,
        )
    return number


def _has_foreign(program: Program) -> bool:
    """Whether there are users' kernels or functions, which may multiply matrices of any size."""
    nodes = list(program.all_nodes())
    functions = [kind.kernel for kind in {node.kind for node in nodes}]
    functions += [x for node in nodes for x in node.attrs.values() if callable(x)]
    return any(map(is_foreign, functions))


def _is_steady(program: Program) -> bool:
    """Whether each run does the same: no sizes depend on values, and no kernels are users'."""
    nodes = [node for node in program.nodes if not node.spec.items]
    return all(node.spec.shape.is_fully_defined() for node in nodes) and not _has_foreign(program)


def with_threads(pool: blas.Pool, threads: int, function: Callable) -> Callable:
    """`function` on so many of BLAS's threads; their number is put back however the call ends.

    Python handles signals when a call of C has ended, or when a function of Python's begins. So no
    signal is handled between `try` and the first `next`, or between `function` and the second.
    """
    set_threads, put_back = pool.setting(threads), pool.put_back

    def call(*arguments: Any) -> Any:
        try:
            next(set_threads)
            return function(*arguments)
        finally:
            next(put_back)

    return call
