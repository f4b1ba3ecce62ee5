"""The passes that look at what becomes of a value: scalings gathered, sums with products fused."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tinygraph.compiler.program import Program
from tinygraph.graph import Node
from tinygraph.interrupts import quietly
from tinygraph.op import constant
from tinygraph.ops.accumulate import is_moderate
from tinygraph.spec import float32, float64


def fuse(program: Program) -> None:
    """Let each op see who uses its inputs, and put what it makes of that in its place."""
    if not any(node.kind.fuse for node in program.nodes):
        return
    trace = program.trace
    uses = program.uses()
    fused: dict[Node, Node] = {}
    order: list[Node] = []
    trace.memo.clear()  # an equal node may stand further down
    with trace.as_default():
        for node in program.nodes:
            made = len(trace.nodes)
            if not fused.keys().isdisjoint(node.inputs):
                node.inputs = tuple([fused.get(x, x) for x in node.inputs])
            if node.kind.fuse is not None:
                trace.current = trace.user_node[node]
                found = node.kind.fuse(*node.inputs, alone=lambda x: uses[x] == 1, **node.attrs)
                if found is not None:
                    fused[node] = found
            order += [*trace.nodes[made:], node]
    if fused:
        program.replace(fused, order)


def gather_scales(program: Program) -> None:
    """Scale a value once, where it is made, if all that is made of it is scaled alike.

    In a step of gradient descent the errors are multiplied by 1/n, and each gradient that linear
    ops make of them by the learning rate. With one factor for both, no gradient is.
    """
    multiples = {node: found for node in program.nodes if (found := _multiple(node))}
    carries = _carriers(program, multiples)
    wanted = _wanted(program, multiples, carries)
    if not wanted:
        return
    trace = program.trace
    scaled: set[Node] = set()  # those that now are `wanted` times what they were
    replaced: dict[Node, Node] = {}
    order: list[Node] = []
    trace.memo.clear()
    with trace.as_default():
        for node in program.nodes:
            made = len(trace.nodes)
            factor, source = multiples.get(node, (None, carries.get(node, node)))
            now = replaced.get(source, source)
            node.inputs = tuple([replaced.get(x, x) for x in node.inputs])
            if factor is not None and source in scaled:
                replaced[node] = now
            elif factor is not None and node in wanted:
                trace.current = trace.user_node[node]
                scale = constant(np.array(factor * wanted[node], node.dtype.numpy))
                replaced[node] = scale * now
            elif source not in scaled:
                wanted.pop(node, None)
            if node in wanted:
                scaled.add(node)
            order += [*trace.nodes[made:], node]
    program.replace(replaced, order)


def _multiple(node: Node) -> tuple[float, Node] | None:
    """The number and the node that a node is the product of.

    It is one if it is linear in one of its two inputs, and the other is a constant scalar.
    """
    if len(node.inputs) == 2 and node.dtype in (float32, float64):
        for i in node.kind.linear:
            number = node.inputs[1 - i].spec.constant
            if number is not None and number.ndim == 0:
                of_one = [number, number]
                of_one[i] = np.ones_like(number)
                factor = float(quietly(node.kind.kernel, *of_one))
                return (factor, node.inputs[i]) if is_moderate(factor) else None
    return None


def _carriers(program: Program, multiples: Iterable[Node]) -> dict[Node, Node]:
    """What a factor can be moved to from behind, and the input it moves on to: itself, to stay."""
    carries: dict[Node, Node] = {node: node for node in multiples}
    if carries:
        for node in program.nodes:
            found = [node.inputs[i] for i in _linear(node) if node.inputs[i] in carries]
            if len(found) == 1:
                carries.setdefault(node, found[0])
    return carries


def _wanted(
    program: Program, multiples: dict[Node, tuple[float, Node]], carries: dict[Node, Node]
) -> dict[Node, float]:
    """The factors that all users of a node multiply it by, or what they make of it."""
    asked: dict[Node, set[float | None]] = {node: set() for node in carries}
    wanted: dict[Node, float] = {}
    for node in (*program.results, *program.updates.values()):
        asked.get(node, set()).add(None)
    for node in reversed(program.nodes) if carries else ():
        factor = multiples[node][0] if node in multiples else 1.0
        if node in asked and len(asked[node]) == 1:
            (found,) = asked[node]
            if found is not None and is_moderate(factor * found):
                wanted[node] = found
        ask = factor * wanted.get(node, 1.0) if node in multiples else wanted.get(node)
        for i, x in enumerate(node.inputs):
            if x in asked:
                asked[x].add(ask if i in _linear(node) else None)
    return wanted


def _linear(node: Node) -> tuple[int, ...]:
    """The inputs in each of which the node is linear."""
    return (0,) if node.kind.view else node.kind.linear
