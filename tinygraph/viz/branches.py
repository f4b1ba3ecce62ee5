"""Branches in pictures: the nodes of bodies stand among those of the graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tinygraph.body import taken_by_bodies
from tinygraph.graph import Graph, Node
from tinygraph.node import Output, ancestors
from tinygraph.viz.scopes import base, drawn_scope, scope_of


class Frame(NamedTuple):
    """Where the nodes of a branch are drawn, and the scopes that this path says already."""

    path: str
    omitted: tuple[str, ...] = ()


class Opened:
    """Nodes of a graph, and before an op with bodies those of its bodies, in topological order.

    `inputs` tells what a node takes where that is not in the node: in place of a formal input what
    it stands for, and as an output of an op with bodies the op and the outputs of these. `outputs`
    has the outputs by op, and `titles` for each of them what the branches are called there; in
    `alone` are the only outputs of their op. `frames` has the scopes of ops and of branches.
    """

    def __init__(self, graph: Graph, nodes: Iterable[Node], whole: bool):
        self.graph, self.whole = graph, whole
        self.nodes: list[Node] = []
        self.inputs: dict[Node, tuple[Node, ...]] = {}
        self.outputs: dict[Node, list[Node]] = {}
        self.titles: dict[Node, list[str]] = {}
        self.alone: set[Node] = set()
        self.frames: set[str] = set()
        self._stands_for: dict[Node, Node] = {}
        self._frames: dict[Graph, Frame] = {}
        self._paths: dict[Node, str] = {}  # of the ops with bodies
        self._numbers: dict[Node, int] = {}
        self._open(nodes)

    def scope(self, node: Node) -> str:
        """The scope to draw a node in."""
        if node in self._paths:
            return self._paths[node]
        frame = self._frames.get(node.graph)
        if frame is None:
            return drawn_scope(node)
        inner = drawn_scope(node, frame.omitted)
        return f"{frame.path}/{inner}" if inner else frame.path

    def number(self, node: Node) -> int:
        """A number of its own for each node."""
        return self._numbers.get(node, node.id)

    def ends(self, y: Node) -> Iterable[tuple[str, Node]]:
        """What each branch gives for an output of an op with bodies; nothing for other nodes."""
        return zip(self.titles.get(y, ()), self.inputs.get(y, ())[1:], strict=False)

    def _open(self, nodes: Iterable[Node]) -> None:
        nodes = list(nodes)
        used: dict[Node, list[Node]] = {}  # of the ops with bodies
        for y in nodes:
            if type(y) is Output and y.inputs[0].bodies:
                used.setdefault(y.inputs[0], []).append(y)
        for node in nodes:
            if node.bodies:
                self._open_bodies(node, used.get(node) or node.op.outputs)
            elif type(node) is not Output or node.inputs[0] not in used:
                self._append(node, self._real(node.inputs))

    def _open_bodies(self, choice: Node, outputs: list[Node]) -> None:
        bodies = choice.bodies
        taken = self._real(taken_by_bodies(choice))
        path = self.scope(choice) or base(choice.op_name)
        if path in self._paths.values():
            path += f"/{base(choice.op_name)}"
        said = tuple([scope_of(x.op_name) for x in (choice, choice.forward) if x is not None])
        titles = _titles(choice, len(bodies))
        for title, body in zip(titles, bodies, strict=True):
            self._stands_for.update(zip(body.inputs, taken, strict=True))
            self._frames[body.graph] = Frame(f"{path}/{title}", said)
            self.frames.add(f"{path}/{title}")
            ends = [body.outputs[y.attrs["index"]] for y in outputs]
            inside = ancestors([y for y in ends if y is not None])
            self._open([
                x for x in (body.graph.nodes if self.whole else inside)
                if x not in self._stands_for
            ])
        self._paths[choice] = path
        self.frames.add(path)
        self._append(choice, self._real(choice.inputs[: len(choice.inputs) - len(taken)]))
        table = list(zip(*[body.outputs for body in bodies], strict=True))
        several = sum(None not in ends for ends in table) > 1
        self.outputs[choice] = []
        for y in outputs:
            index = y.attrs["index"]
            if None in table[index]:  # what one branch gives to its gradient
                self._stands_for[y] = self._real([x for x in table[index] if x is not None])[0]
                continue
            self.outputs[choice].append(y)
            self.titles[y] = [f"{title} :{index}" if several else title for title in titles]
            if not several:
                self.alone.add(y)
            self._append(y, (choice, *self._real(table[index])))

    def _real(self, nodes: Iterable[Node]) -> tuple[Node, ...]:
        return tuple([self._stands_for.get(x, x) for x in nodes])

    def _append(self, node: Node, inputs: tuple[Node, ...]) -> None:
        if inputs != node.inputs:
            self.inputs[node] = inputs
        if node.graph is not self.graph:
            self._numbers[node] = len(self.graph.nodes) + len(self._numbers)
        self.nodes.append(node)


def _titles(choice: Node, count: int) -> list[str]:
    if choice.inputs[0].dtype.is_bool:
        return ["true", "false"]
    return [*map(str, range(count - 1)), "default"]
