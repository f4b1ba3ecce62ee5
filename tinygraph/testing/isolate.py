"""One node on its own: its op on placeholders that are fed the values of a run."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import numpy as np

from tinygraph.gradients import vjp
from tinygraph.graph import Graph, Node
from tinygraph.node import ancestors
from tinygraph.op import Op, constant, item
from tinygraph.ops.placeholders import placeholder
from tinygraph.session import Session
from tinygraph.testing.twin import attrs_of, float_dtypes, node_of


class Isolated:
    """The op of `node` applied to a leaf for each input, so that x * x has two.

    The leaves keep the names and the lines of the inputs that they stand for. `ys` are the outputs,
    of which most ops have one.
    """

    def __init__(self, node: Node, values: Mapping[Node, np.ndarray]):
        self.node = node
        self.graph = Graph()
        self.session = Session(graph=self.graph)
        self.feeds: dict[Node, np.ndarray] = {}
        with self.graph.as_default():
            self.inputs = [self._leaf(x, np.asarray(values[x])) for x in node.inputs]
            self.y = node_of(node.kind(*self.inputs, name=node.op_name, **attrs_of(node)))
        self.ys = self.y.op.outputs
        for y in (self.y, *self.ys):
            y.origin = node.origin
        self.ends = {*self.inputs, *self.ys, self.y}

    def _leaf(self, x: Node, value: np.ndarray) -> Node:
        """A stand-in for an input: fed, or a constant where its value was known while building."""
        if not x.dtype.is_floating and x.spec.constant is not None:
            leaf = constant(value, x.op_name, self.graph)
        else:
            leaf = placeholder(x.dtype, x.shape, name=x.op_name)
            self.feeds[leaf] = value
        leaf.origin = x.origin
        return leaf

    def gradients(
        self, arriving: Mapping[Node, Node], wanted: Container[Node] | None = None
    ) -> list[Node | None]:
        """The gradients at the inputs by the op's rules, from those `arriving` at its outputs."""
        with self.graph.as_default():
            if self.y.spec.items:
                return vjp(self.y, [arriving.get(y) for y in self.ys], wanted)
            return vjp(self.y, arriving[self.y], wanted)


def input_name(kind: Op, position: int) -> str:
    """The op's name for an input."""
    names = tuple(kind.params)
    return names[position] if position < len(names) else f"input {position}"


def between(
    outputs: Sequence[Node], xs: Sequence[Node], leaves: Mapping[Node, np.ndarray]
) -> list[Node]:
    """The nodes with floats on paths from xs to outputs, without the xs."""
    reached = set(xs)
    path = []
    for node in ancestors(outputs, leaves, whole=True):
        if node not in leaves and float_dtypes(node) and not reached.isdisjoint(node.inputs):
            reached.add(node)
            path.append(node)
    return path


def values_along(
    session: Session, path: Sequence[Node], feeds: Mapping[Node, np.ndarray]
) -> dict[Node, np.ndarray]:
    """The value of each input of the nodes of a path."""
    inputs = [x for node in path if node.kind is not item for x in node.inputs]
    wanted = list(dict.fromkeys(inputs))
    return dict(zip(wanted, session.run(wanted, dict(feeds)), strict=True))
