"""The compiler's passes, in the order in which they act.

A pass is one file and one line here: without them the compiler works as before. What a pass knows
of ops by name stands in its file; the rest of the compiler knows none.
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

RULES: dict[str, Callable[[Trace, Make], Make]] = {  # which act on each node as it is made
    "merge": merge,
    "check_fit": check_fit,  # knows EnsureShape
    "expand": expand,
    "simplify": simplify,  # knows BroadcastTo
    "fold": fold,
}
TRANSFORMS: dict[str, Callable[[Program], None]] = {  # which then act on the program and its bodies
    "fuse": fuse,  # knows sums, products and quotients
    "loops": make_loops,  # knows Cast and what chooses between elements
    "inplace": work_in_place,  # knows, in prepare.py, what adds to a variable
}

NEEDED = frozenset({"check_fit", "expand"})
"""Those that no session can leave out."""

OPTIONAL_PASSES = {"loops": numba}
"""Those that a session has only if told so, and what raises an error where a package is missing."""

PURE_PASSES = frozenset(RULES) - NEEDED
"""Those that know of no memory: what they leave is a program for any library of arrays."""

PASSES = PURE_PASSES | TRANSFORMS.keys() - OPTIONAL_PASSES.keys()
"""Those of a session by default; `simplify` and `fuse` change rounding."""


def check_passes(passes: Iterable[str]) -> frozenset[str]:
    """A session's argument `passes`, a set of names."""
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
    """What `passes` do to each node as it is made."""
    return [rule for name, rule in RULES.items() if name in passes or name in NEEDED]


def transform(program: Program, passes: Container[str]) -> None:
    """Have `passes` act on a program and on the bodies in it."""
    for part in list(program.all()):
        for name, change in TRANSFORMS.items():
            if name in passes:
                change(part)
