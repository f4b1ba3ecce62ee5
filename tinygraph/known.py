"""Values that the graph was built with: a run may not feed others in their place.

A constant's value is known while building, and so is what follows from constants alone. Where a
shape, an axis or a formula is made of such a value, a run that fed another one would be wrong
without a word. All other constants may be fed.
"""

from __future__ import annotations

from typing import Any

from tinygraph.errors import GraphError, TinygraphError
from tinygraph.spec import Spec

Node = Any  # a node of graph.py, which stands above this file


class BuiltWith(dict):
    """The nodes of a graph that may not be fed, and what was built with their values.

    That is a node, or words that say what and where, or None for `Graph.prevent_feeding`.
    """

    def add(self, node: Node, by: Node) -> None:
        """Add a node and those that its value was computed from."""
        stack = [node]
        while stack:
            x = stack.pop()
            if x not in self:
                self[x] = by
                stack += _sources(x)

    def add_inputs(self, node: Node) -> None:
        """Add the inputs of a node with whose values it was built: it would know less without."""
        known = [x for x in node.inputs if x.spec.value is not None]
        if _needs(node, known):
            alone = [x for x in known if _needs(node, [x])] if len(known) > 1 else known
            for x in alone or known:
                self.add(x, node)

    def check(self, node: Node) -> None:
        """Raise GraphError (a ValueError) for a node that may not be fed, and say why."""
        if node in self:
            by = self[node]
            if by is not None and not isinstance(by, str):
                by = f"'{by.op_name}' (made at {by.where})"
            reason = "" if by is None else f": {by} was built with its value"
            raise GraphError(f"Tensor {node.name} may not be fed{reason}", node)


def _sources(node: Node) -> list[Node]:
    """The inputs that a node's value comes from: not those of which only the shape counts."""
    known = [x for x in node.inputs if x.spec.value is not None]
    spec = _spec_without(node, known) if known else node.spec
    return known if spec is None or spec.value is None else []


def _needs(node: Node, inputs: list[Node]) -> bool:
    spec = _spec_without(node, inputs)
    return spec is None or spec.shape != node.spec.shape


def _spec_without(node: Node, unknown: list[Node]) -> Spec | None:
    """What would be known of a node if the values of some inputs were not; None if it can't be."""
    specs = [x.spec._replace(value=None) if x in unknown else x.spec for x in node.inputs]
    try:
        return node.kind.infer(*specs, **node.attrs)
    except (TinygraphError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return None  # a rule of a user's that does not do without
