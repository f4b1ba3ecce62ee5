"""Trace: the graph that the compiler builds; its rules may put other nodes in place of new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from tinygraph.dtypes import float32
from tinygraph.graph import Graph
from tinygraph.node import Node, new_node
from tinygraph.op import Op, bundle, const, item
from tinygraph.spec import SCALAR, Shape, Spec

Make = Callable[[Op, tuple[Node, ...], dict[str, Any], Spec], Node]
"""`make(kind, inputs, attrs, spec)` returns a node of a Trace: a new one, or one that is used
instead."""


def user_node(node: Node) -> Node:
    """The user's node that a node of a Trace helps to compute."""
    return node.graph.user_node[node]  # type: ignore[attr-defined]


class Trace(Graph):
    """The graph that the compiler builds from the nodes of a user's graph.

    `user_node[n]` is the user's node that n helps to compute. Each of `rules` is a function
    `rule(trace, make)`: it gets the next rule's `make` and returns a `make` of its own, which puts
    something in place of a node or calls the one it got. The innermost `make` makes a new node.
    """

    def __init__(self, rules: Iterable[Callable[[Trace, Make], Make]], is_of_body: bool = False):
        super().__init__()
        self.rules = list(rules)
        self.is_of_body = is_of_body
        self.user_node: dict[Node, Node] = {}
        self.current_user_node: Node | None = None  # the one that is being replayed
        self.restart()

    def name_scope(self, name: str | None) -> Any:
        """A context without effect: nodes of a trace have the names of users' nodes, without
        scopes.
        """
        return nullcontext(name)

    def restart(self) -> None:
        """Start the rules anew, so that the rule `merge`, which reuses equal nodes, reuses none of
        those made so far. They stay in the trace.
        """
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
        user_node = self.current_user_node
        assert user_node is not None
        node.op_name = user_node.op_name
        self.user_node[node] = user_node
        self.nodes.append(node)
        return node

    def bundled(self, values: Node | Sequence[Node | None], spec: Spec) -> Node:
        """`values` as one node: a node as it is, several outputs as a node of the op `bundle`."""
        if isinstance(values, Node):
            return values
        return self.add(bundle, (), {"values": values}, spec, "")

    def name_output(self, value: Node, output: Node) -> None:
        """Name `value`, which computes one of several outputs, after the user's `output`."""
        is_named = value.kind is item or value.kind.stateful
        if self.user_node[value] in (output, output.inputs[0]) and not is_named:
            self.user_node[value] = output
            value.op_name = output.name

    def constant(self, value: np.ndarray, spec: Spec) -> Node:
        """A constant of the dtype of `spec` that holds `value` itself, not a copy."""
        exact = Spec(Shape.of(value.shape), spec.dtype, value)
        return self.add(const, (), {"value": value}, exact, "")

    def blank(self) -> Node:
        """A zero, which a body returns for an output that only another body computes."""
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
