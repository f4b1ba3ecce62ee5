"""Values that the graph was built with: a run may not feed others in their place.

A constant's value is known while building, and so is what follows from constants alone. Where a
shape, an axis or a formula is made of such a value, a run that fed another one would be wrong
without a word. All other constants may be fed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.errors import GraphError, TinygraphError
from tinygraph.spec import Spec

Node = Any  # of node.py, which stands below this file


class BuiltWith(dict):
    """The nodes whose values were used beside the graph, each with that use in words, or None.

    An attribute, for example, may be made of a value. Uses by shape rules are not listed here:
    they are looked for when somebody feeds the node, which is rare.
    """

    def check(self, node: Node) -> None:
        """Raise GraphError (a ValueError) for a node that may not be fed, and say why."""
        reason = self.reason(node)
        if reason is not None:
            raise GraphError(f"Tensor {node.name} may not be fed{reason}", node)

    def reason(self, node: Node) -> str | None:
        """Why a node may not be fed, None if it may: follow its value through the graph."""
        if node.spec.value is None:
            return self._words(node) if node in self else None
        without = {node: node.spec._replace(value=None)}  # specs, if the node's value is not known
        for x in node.graph.nodes[node.id :]:
            if any(y in without for y in x.inputs):
                inside = self._within(x, without)
                if inside is not None:
                    return inside
                spec = _known(x, [without.get(y, y.spec) for y in x.inputs])
                if spec is None or not _same_shape(spec, _known(x, [y.spec for y in x.inputs])):
                    return f": '{x.op_name}' (made at {x.where}) was built with its value"
                if not _same_value(spec, x.spec):
                    without[x] = spec
            if x in without and x in self:
                return self._words(x)
        return None

    @staticmethod
    def _within(node: Node, without: dict[Node, Spec]) -> str | None:
        """Why none of some nodes may be fed, if that is because of bodies of `node`."""
        for body in node.bodies:
            for x, formal in zip(reversed(node.inputs), reversed(body.inputs), strict=False):
                reason = body.graph.built_with.reason(formal) if x in without else None
                if reason is not None:
                    return reason
        return None

    def _words(self, node: Node) -> str:
        return "" if self[node] is None else f": {self[node]} was built with its value"


def _known(node: Node, specs: list[Spec]) -> Any:
    """The spec of a node whose inputs have these; None where its rule needs to know more."""
    try:
        return node.kind.inferred(specs, node.attrs)
    except (TinygraphError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return None  # a rule of a user's that does not do without


def _same_shape(a: Spec, b: Spec) -> bool:
    return a.shape == b.shape and all(map(_same_shape, a.items, b.items))


def _same_value(a: Spec, b: Spec) -> bool:
    if a.items:
        return all(map(_same_value, a.items, b.items))
    x, y = a.value, b.value
    return x is y or x is not None and y is not None and np.array_equal(x, y)
