"""The compiler's passes, in the order in which they act.

A pass is one file and one line here; the compiler also works without it, unless it is in NEEDED.
Code for particular ops belongs in the file of a pass, not in the rest of the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from tinygraph.compiler.fits import check_fit
from tinygraph.compiler.fold import fold
from tinygraph.compiler.fuse import fuse
from tinygraph.compiler.loops import make_loops, numba
from tinygraph.compiler.merge import merge
from tinygraph.compiler.memory import work_in_place
from tinygraph.compiler.program import Program
from tinygraph.compiler.simplify import simplify
from tinygraph.compiler.trace import Make, Trace, expand
from tinygraph.errors import DTypeError, GraphError

RULES: dict[str, Callable[[Trace, Make], Make]] = {  # name -> what acts on each node as it is made
    "merge": merge,
    "check_fit": check_fit,  # knows EnsureShape
    "expand": expand,
    "simplify": simplify,  # knows BroadcastTo
    "fold": fold,
}
TRANSFORMS: dict[str, Callable[[Program], None]] = {  # name -> what then acts on programs
    "fuse": fuse,  # knows sums, products and quotients
    "loops": make_loops,  # knows Cast and the ops that choose between elements
    "inplace": work_in_place,  # knows, in prepare.py, the ops that add to a variable
}

NEEDED = frozenset({"check_fit", "expand"})
"""The passes that no session can leave out."""

OPTIONAL_PASSES = {"loops": numba}
"""The passes that a session has only if told so; each with a function that imports its package."""

PURE_PASSES = frozenset(RULES) - NEEDED
"""The passes that do not deal with memory: after them a program can run on any array library."""

PASSES = PURE_PASSES | TRANSFORMS.keys() - OPTIONAL_PASSES.keys()
"""The passes of a session by default; `simplify` and `fuse` change rounding."""


def check_passes(passes: Iterable[str]) -> frozenset[str]:
    """Check a session's argument `passes`, a set of names, and return it."""
    names = PASSES | OPTIONAL_PASSES.keys()
    words = ", ".join(sorted(names))
    if not isinstance(passes, set | frozenset | list | tuple):
        raise DTypeError(f"passes must be a set of names of {words}, not {passes!r}")
    unknown = [name for name in passes if name not in [*names]]
    if unknown:
        raise GraphError(f"no passes are called {', '.join(map(str, unknown))}; there are {words}")
    for name in OPTIONAL_PASSES.keys() & set(passes):
        OPTIONAL_PASSES[name]()
    return frozenset(passes)


def rules(passes: Container[str]) -> list[Callable[[Trace, Make], Make]]:
    """The rules of `passes`, and those in NEEDED."""
    return [rule for name, rule in RULES.items() if name in passes or name in NEEDED]


def transform(program: Program, passes: Container[str]) -> None:
    """Have `passes` act on a program and on the bodies in it."""
    for each in list(program.with_bodies()):
        for name, change in TRANSFORMS.items():
            if name in passes:
                change(each)
