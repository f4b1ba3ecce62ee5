"""The pass that makes loops: an elementwise op absorbs elementwise inputs that nothing else needs.

NumPy computes `(a + b) * c` in two passes over memory, each with a result; a loop that numba
compiles does it in one. A loop has only ops whose results IEEE arithmetic determines, so that it
gives NumPy's bits, except the sign of a zero from maximum or minimum; and weighted sums, which BLAS
may round once, not twice. NumPy's exp, log and tanh have no faster substitute anyway.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.fuse import add_scaled_op
from tinygraph.compiler.program import KernelSource, Program
from tinygraph.compiler.text import literal
from tinygraph.errors import MissingPackageError
from tinygraph.graph import Node
from tinygraph.op import Op, const
from tinygraph.ops.compare import cast_op, keep_where
from tinygraph.ops.math import within_op
from tinygraph.spec import Shape, Spec

Array = np.ndarray

# ---------------------------------------------------------------- the source of a loop

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
    """The decorator of loops: compiled by numba, once for all functions with the same code."""
    return _compiled(_ByCode(function.__code__))


class _ByCode:
    """A function's code, as a key: equal for functions that do the same."""

    def __init__(self, code: types.CodeType):
        self.code = code
        constants = repr(code.co_consts)  # as text, since 0.0 == -0.0
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
    *arrays: Array, out: Array, operands: tuple[Operand, ...], body: tuple[str, ...], **spec: Any
) -> Array:
    """The loop as Python runs it; programs have the compiled one."""
    namespace: dict[str, Any] = {"np": np, "compiled": lambda function: function}
    exec("\n".join(loop_source("loop", operands, body)), namespace)  # our own source
    namespace["loop"](*arrays, out)
    return out


loop_op = Op("Loop", _interpreted, lambda *inputs, shape, dtype, **loop: Spec(shape, dtype),
    lambda g, y, *inputs, **attrs: [None] * len(inputs),
    doc="""Several elementwise ops at once, made by the pass `loops`. Never computed in place: the
    compiled loop would find that its arrays overlap, and use no vector instructions.""")


# ---------------------------------------------------------------- the pass

# The ufuncs whose results IEEE arithmetic determines, but for the larger one of 0.0 and -0.0.
EXACT = {
    np.add, np.subtract, np.multiply, np.divide, np.square, np.sqrt, np.negative, np.absolute,
    np.maximum, np.minimum, np.greater, np.greater_equal, np.less, np.less_equal, np.equal,
    np.not_equal, np.logical_and, np.logical_or, np.logical_not,
}
ELEMENTS = {  # op -> an element of its result, from the inputs' elements {0}, ... and its {type}
    add_scaled_op: "{3} * {0} + {2} * {1}",
    cast_op: "{type}({0})",
    keep_where: "{0} if {1} else {type}(0)",
    within_op: "np.minimum(np.maximum({0}, {1}), {2})",
}
TYPES = {"float32": "np.float32", "float64": "np.float64", "bool": "np.bool_"}


class Chain:
    """An op and the ops that it has absorbed; `operands` are their inputs from outside."""

    def __init__(self, node: Node):
        self.nodes = [node]
        self.operands = dict.fromkeys(x for x in node.inputs if not _is_number(x))

    def absorb(self, other: Chain) -> None:
        self.nodes = list(dict.fromkeys([*other.nodes, *self.nodes]))
        inside = set(self.nodes)
        outside = [*other.operands, *self.operands]
        self.operands = dict.fromkeys(x for x in outside if x not in inside)


def make_loops(program: Program) -> None:
    """Put a Loop in place of each chain of two elementwise ops or more."""
    uses = program.uses()
    chains: dict[Node, Chain] = {}
    absorbed: set[Node] = set()
    for node in program.nodes:
        if not _is_loopable(node):
            continue
        chain = chains[node] = Chain(node)
        for x in dict.fromkeys(node.inputs):
            if x in chains and uses[x] == 1 and x.spec.shape == node.spec.shape:
                outside = {*chain.operands, *chains[x].operands} - {x}
                if len(outside) <= len(NAMES):
                    chain.absorb(chains[x])
                    absorbed.add(x)
    for node, chain in chains.items():
        if node not in absorbed and len(chain.nodes) > 1:
            _replace(node, chain)
    program.kernel_sources[loop_op] = KernelSource(
        lambda operands, body, **_: loop_source("", operands, body), {"compiled": compiled}
    )
    program.prune()


def _is_loopable(node: Node) -> bool:
    """Whether a loop can compute the node, from operands that it can go through."""
    spec = node.spec
    if not _formula(node) or spec.dtype.name not in TYPES or not spec.shape.is_fully_defined():
        return False
    if None in map(literal, node.attrs.values()):
        return False
    return bool(spec.shape.sizes) and all(
        x.spec.dtype.name in TYPES
        and layout_of(x.spec.shape, spec.shape) is not None
        and _is_contiguous(x)
        for x in node.inputs
    )


def _is_contiguous(x: Node) -> bool:
    if x.kind is const:
        return x.attrs["value"].flags.c_contiguous
    return not (x.kind.view or x.kind.dynamic)


def _formula(node: Node) -> str:
    """An element of the node as an expression of its inputs' elements, {0}, {1}, ...; or ""."""
    kind = node.kind
    is_exact = isinstance(kind.kernel, np.ufunc) and kind.kernel in EXACT and not node.attrs
    if not is_exact:
        return ELEMENTS.get(kind, "")
    return f"np.{kind.kernel.__name__}({', '.join(f'{{{i}}}' for i in range(len(node.inputs)))})"


def _is_number(x: Node) -> bool:
    return x.kind is const and x.spec.shape.sizes == ()


def _replace(node: Node, chain: Chain) -> None:
    """Turn `node` into the loop that computes it."""
    operands = tuple(
        Operand(name, layout_of(x.spec.shape, node.spec.shape) or SCALAR)
        for name, x in zip(NAMES, chain.operands, strict=False)
    )
    element = {x: operand.element for x, operand in zip(chain.operands, operands, strict=True)}
    body = []
    for i, inner in enumerate(chain.nodes):
        inputs = [_number(x.spec) if _is_number(x) else element[x] for x in inner.inputs]
        attrs = {key: literal(value) for key, value in inner.attrs.items()}
        value = _formula(inner).format(*inputs, type=TYPES[inner.spec.dtype.name], **attrs)
        element[inner] = "out[k]" if inner is node else f"t{i}"
        body.append(f"{element[inner]} = {value}")
    node.kind, node.inputs = loop_op, tuple(chain.operands)
    node.attrs = {
        "operands": operands, "body": tuple(body), "shape": node.spec.shape,
        "dtype": node.spec.dtype,
    }


def _number(spec: Spec) -> str:
    assert spec.constant is not None
    return f"{TYPES[spec.dtype.name]}({literal(spec.constant.item())})"
