"""The graph that a program is lowered into; its rules may put other nodes in place of new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygraph.dtypes import float32
from tinygraph.graph import Graph
from tinygraph.node import Node, new_node
from tinygraph.op import Op, bundle, const, item
from tinygraph.spec import SCALAR, Shape, Spec

Make = Callable[[Op, tuple[Node, ...], dict[str, Any], Spec], Node]
"""`make(kind, inputs, attrs, spec)` makes a node of a Trace, or finds what stands in its place."""


def user_node(node: Node) -> Node:
    """The user's node that a node of a Trace helps to compute."""
    return node.graph.user_node[node]  # type: ignore[attr-defined]


class Trace(Graph):
    """The graph being compiled. `user_node[n]` is the user's node that n helps to compute.

    Each of `rules` is a function `rule(trace, make)`, which returns a `make` of its own: it puts
    something in place of a node or calls the next rule's. The last one makes a new node.
    """

    def __init__(self, rules: Iterable[Callable[[Trace, Make], Make]], is_of_body: bool = False):
        super().__init__()
        self.rules = list(rules)
        self.is_of_body = is_of_body
        self.user_node: dict[Node, Node] = {}
        self.current: Node | None = None
        self.restart()

    def restart(self) -> None:
        """Let the rules forget what has been made; the nodes stay."""
        self._make: Make = self._new
        for rule in reversed(self.rules):
            self._make = rule(self, self._make)

    def add(self, kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec, name: Any) -> Node:
        return self._make(kind, inputs, attrs, spec)

    def _new(self, kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec) -> Node:
        node = new_node(kind, inputs, attrs, spec)
        node.graph, node.id = self, len(self.nodes)
        node.control_inputs = ()
        node.origin = node.forward = None
        assert self.current is not None
        node.op_name = self.current.op_name
        self.user_node[node] = self.current
        self.nodes.append(node)
        return node

    def bundled(self, values: Node | Sequence[Node | None], spec: Spec) -> Node:
        """A node, or several in place of an op with several outputs: these are the nodes then."""
        if isinstance(values, Node):
            return values
        return self.add(bundle, (), {"values": values}, spec, "")

    def call_output(self, value: Node, output: Node) -> None:
        """Give what was made for one of several outputs the name of that output."""
        is_named = value.kind is item or value.kind.stateful
        if self.user_node[value] in (output, output.inputs[0]) and not is_named:
            self.user_node[value] = output
            value.op_name = output.name

    def constant(self, value: np.ndarray, spec: Spec) -> Node:
        """A constant of the dtype of `spec`, which keeps `value` itself."""
        exact = Spec(Shape.of(value.shape), spec.dtype, value)
        return self.add(const, (), {"value": value}, exact, "")

    def blank(self) -> Node:
        """What a body returns for an output that only another body computes."""
        return self.constant(np.zeros((), np.float32), Spec(SCALAR, float32))


def expand(trace: Trace, make: Make) -> Make:
    """Make the body of a composite, an op without a kernel, in its place."""

    def expanded(kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec) -> Node:
        if kind.kernel is None and kind.rewrite is not None and not kind.stateful:
            body = kind.rewrite(*inputs, **attrs)
            if body is not None:
                return trace.bundled(body, spec)
        return make(kind, inputs, attrs, spec)

    return expanded
