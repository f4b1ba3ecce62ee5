"""The pass that makes loops: an elementwise op absorbs those whose results only it needs."""

from __future__ import annotations


import numpy as np

from tinygraph.compiler.program import Program, Written
from tinygraph.compiler.text import literal
from tinygraph.graph import Node
from tinygraph.op import const
from tinygraph.ops.accumulate import add_scaled_op
from tinygraph.ops.compare import cast_op, keep_where
from tinygraph.ops.loop import (
    NAMES, SCALAR, Operand, compiled, layout_of, loop_op, loop_source,
)
from tinygraph.ops.math import within_op
from tinygraph.spec import Spec

# The ufuncs whose results IEEE arithmetic determines, but for the larger one of 0.0 and -0.0.
EXACT = {
    np.add, np.subtract, np.multiply, np.divide, np.square, np.sqrt, np.negative, np.absolute,
    np.maximum, np.minimum, np.greater, np.greater_equal, np.less, np.less_equal, np.equal,
    np.not_equal, np.logical_and, np.logical_or, np.logical_not,
}
ELEMENTS = {  # of other ops an element of the result, by the inputs' elements and its dtype
    add_scaled_op: "{3} * {0} + {2} * {1}",
    cast_op: "{type}({0})",
    keep_where: "{0} if {1} else {type}(0)",
    within_op: "np.minimum(np.maximum({0}, {1}), {2})",
}
TYPES = {"float32": "np.float32", "float64": "np.float64", "bool": "np.bool_"}


class Chain:
    """An op and those that it has absorbed, in order; `operands` is what they need from outside."""

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
        if not _fits(node):
            continue
        made = chains[node] = Chain(node)
        for x in dict.fromkeys(node.inputs):
            if x in chains and uses[x] == 1 and x.spec.shape == node.spec.shape:
                outside = {*made.operands, *chains[x].operands} - {x}
                if len(outside) <= len(NAMES):
                    made.absorb(chains[x])
                    absorbed.add(x)
    for node, made in chains.items():
        if node not in absorbed and len(made.nodes) > 1:
            _replace(node, made)
    program.written[loop_op] = Written(
        lambda operands, body, **_: loop_source("", operands, body), {"compiled": compiled}
    )
    program.prune()


def _fits(node: Node) -> bool:
    """Whether a loop can compute the node, from operands that it can go through."""
    spec = node.spec
    if not _form(node) or spec.dtype.name not in TYPES or not spec.shape.is_fully_defined():
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


def _form(node: Node) -> str:
    """An element of the node as an expression of its inputs' elements, {0}, {1}, ...; or ""."""
    kind = node.kind
    is_exact = isinstance(kind.kernel, np.ufunc) and kind.kernel in EXACT and not node.attrs
    if not is_exact:
        return ELEMENTS.get(kind, "")
    return f"np.{kind.kernel.__name__}({', '.join(f'{{{i}}}' for i in range(len(node.inputs)))})"


def _is_number(x: Node) -> bool:
    return x.kind is const and x.spec.shape.sizes == ()


def _replace(node: Node, made: Chain) -> None:
    """Turn `node` into the loop that computes it."""
    operands = tuple(
        Operand(name, layout_of(x.spec.shape, node.spec.shape) or SCALAR)
        for name, x in zip(NAMES, made.operands, strict=False)
    )
    element = {x: operand.element for x, operand in zip(made.operands, operands, strict=True)}
    body = []
    for i, part in enumerate(made.nodes):
        inputs = [_number(x.spec) if _is_number(x) else element[x] for x in part.inputs]
        attrs = {key: literal(value) for key, value in part.attrs.items()}
        value = _form(part).format(*inputs, type=TYPES[part.spec.dtype.name], **attrs)
        element[part] = "out[k]" if part is node else f"t{i}"
        body.append(f"{element[part]} = {value}")
    node.kind, node.inputs = loop_op, tuple(made.operands)
    node.attrs = {
        "operands": operands, "body": tuple(body), "shape": node.spec.shape,
        "dtype": node.spec.dtype,
    }


def _number(spec: Spec) -> str:
    assert spec.constant is not None
    return f"{TYPES[spec.dtype.name]}({literal(spec.constant.item())})"
