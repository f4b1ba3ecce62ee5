"""A chain of elementwise ops as one loop over their elements, for numba to compile.

NumPy computes `(a + b) * c` in two passes over memory, each with a result; a compiled loop does it
in one. Only what IEEE arithmetic determines goes into a loop, so that it gives the same bits as
NumPy, up to the sign of a largest or smallest zero; and weighted sums, which BLAS may round once.
NumPy's exp, log and tanh have no faster substitute anyway.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygraph.errors import MissingPackageError
from tinygraph.op import Op
from tinygraph.spec import DType, Shape, Spec

Array = np.ndarray

FULL, ROW, COLUMN, SCALAR = "full", "row", "column", "scalar"
NAMES = "abcdefgh"  # of a loop's operands; with more of them LLVM makes no vector instructions


class Operand(NamedTuple):
    """How a loop over the elements k = columns * i + j of its result goes through an operand."""

    name: str
    layout: str

    @property
    def element(self) -> str:
        """The operand's element for the result's element k, in row i and column j."""
        index = {FULL: "[k]", ROW: "[j]", COLUMN: "[i]", SCALAR: ""}
        return self.name + index[self.layout]


def layout_of(shape: Shape, result: Shape) -> str | None:
    """The layout of an operand of this shape; None if it is none of the four."""
    dims, whole = shape.sizes, result.sizes
    if dims is None or whole is None:
        return None
    if dims == whole:
        return FULL
    if dims == ():
        return SCALAR
    if dims[-1:] == whole[-1:] and set(dims[:-1]) <= {1}:
        return ROW
    return COLUMN if dims == (*whole[:-1], 1) else None


def loop_source(name: str, operands: tuple[Operand, ...], body: tuple[str, ...]) -> list[str]:
    """The lines of `name(*operands, out)`, which computes `body` for each element of out."""
    parameters = ", ".join([*(x.name for x in operands), "out"])
    lines = ["@compiled", f"def {name}({parameters}):"]
    for x in operands:
        lines.append(f"    {x.name} = {x.name}{'[()]' if x.layout == SCALAR else '.ravel()'}")
    lines.append("    out = out.ravel()")
    rows = next((f"out.size // {x.name}.size" for x in operands if x.layout == ROW), None)
    if rows is None:
        rows = next((f"{x.name}.size" for x in operands if x.layout == COLUMN), None)
    if rows is None:
        return [*lines, "    for k in range(out.size):", *("        " + line for line in body)]
    lines += [
        f"    rows = {rows}",
        "    columns = out.size // rows if rows else 0",
        "    for i in range(rows):",
        "        for j in range(columns):",
        "            k = columns * i + j",
    ]
    return [*lines, *("            " + line for line in body)]


def compiled(function: Callable) -> Callable:
    """The decorator of loops: the function compiled by numba, once for all that read alike."""
    return _compiled(_ByCode(function.__code__))


class _ByCode:
    """A function's code, equal to any that does the same."""

    def __init__(self, code: types.CodeType):
        self.code = code
        constants = repr(code.co_consts)  # unlike themselves not equal for 0.0 and -0.0
        self.key = (code.co_code, constants, code.co_names, code.co_varnames)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByCode) and self.key == other.key


@functools.lru_cache(maxsize=1024)
def _compiled(loop: _ByCode) -> Callable:
    # without the program's globals, or a loop would keep a plan's buffers alive
    function = types.FunctionType(loop.code, {"np": np})
    return numba().njit(nogil=True, error_model="numpy")(function)


def numba() -> Any:
    """The package; MissingPackageError without it."""
    try:
        import numba
    except ImportError:
        raise MissingPackageError(
            "compiled loops need numba: pip install 'tinygraph-autodiff[loops]'"
        ) from None
    return numba


def _interpreted(
    *arrays: Array, operands: tuple[Operand, ...], body: tuple[str, ...], shape: Shape,
    dtype: DType, out: Array | None = None,
) -> Array:
    """The loop as Python runs it; programs have the compiled one."""
    if out is None:
        out = np.empty(shape.as_list(), dtype.numpy)  # type: ignore[arg-type]
    namespace: dict[str, Any] = {"np": np, "compiled": lambda function: function}
    exec("\n".join(loop_source("loop", operands, body)), namespace)  # our own source
    namespace["loop"](*arrays, out)
    return out


loop_op = Op(
    "Loop", _interpreted, lambda *inputs, operands, body, shape, dtype: Spec(shape, dtype),
    lambda g, y, *inputs, **attrs: [None] * len(inputs),
    doc="""Several elementwise ops at once, made by the pass `loops`. Never computed in place: the
    compiled loop would find that its arrays overlap, and use no vector instructions.""",
)
