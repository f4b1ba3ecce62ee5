"""The pass that looks at what becomes of a value: sums with products are fused."""

from __future__ import annotations

from tinygraph.compiler.program import Program
from tinygraph.graph import Node


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
