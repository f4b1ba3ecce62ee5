"""What may be fetched: tensors and operations, in lists, tuples and dicts of any depth."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import numpy as np

from tinygraph import nest
from tinygraph.errors import (
    DTypeError, GraphError, InvalidArgumentError, NotFoundError, TinygraphError,
)
from tinygraph.graph import Graph
from tinygraph.node import Node, Operation, ancestors
from tinygraph.origin import close_names

REBOUND = (
    "Was the Python name of a tensor rebound to a result, as in "
    "`loss, _ = sess.run([loss, train])`? Give the result another name."
)
VALUES = np.ndarray | np.generic | float | int


class Fetched:
    """The tensors that a run returns, and the operations, `targets`, that it only runs.

    `pack` takes the tensors' values from an iterator and gives what the run returns, a structure
    like that of the fetches; for a single tensor it is `next`.
    """

    __slots__ = ("graph", "pack", "targets", "tensors", "whole")

    pack: Callable

    def __init__(self, graph: Graph, whole: Any):
        self.graph, self.whole = graph, whole
        self.targets: list[Node] = []
        if isinstance(whole, Node) and whole.graph is graph:  # as in most runs
            self.tensors, self.pack = [whole], next
        else:
            self.tensors = []
            self.pack = nest.walk(whole, self._add, "fetches", list)

    def _add(self, fetch: Any) -> Callable:
        """Add one tensor or operation; return how its place in the structure is filled."""
        if not isinstance(fetch, Node | Operation | str):
            raise DTypeError(self._not_fetchable(fetch))
        if isinstance(fetch, Node) and fetch.graph is self.graph:
            self.tensors.append(fetch)
            return next
        node = node_of(self.graph, fetch, "fetch")
        if isinstance(fetch, str) and ":" in fetch:
            self.tensors.append(node)
            return next
        self.targets.append(node)
        return _nothing

    def _not_fetchable(self, fetch: Any) -> str:
        words = f"Fetch argument {self.whole!r} has invalid type"
        if isinstance(fetch, VALUES):
            return f"{words}: {fetch!r} is a value, not a part of the graph. {REBOUND}"
        return f"{words} {type(fetch)}; it must be a node or a name"

    def unfed(self, placeholders: list[Node], feeds: Container[Node]) -> InvalidArgumentError:
        """The error that names all placeholders without a value, and which fetch needs each."""
        leaves = nest.flatten(self.whole, "fetches", list)
        roots = [[node_of(self.graph, leaf, "fetch")] for leaf in leaves]
        needs = [set(ancestors(root, feeds)) for root in roots]
        paths = nest.places(self.whole, "fetches", list)
        fed = [node.name for node in feeds]  # type: ignore[attr-defined]
        lines = [f"You must feed a value for placeholder tensor{'s' * (len(placeholders) > 1)}"]
        for node in placeholders:
            whose = ", ".join(p for p, needed in zip(paths, needs, strict=True) if node in needed)
            lines.append(f"  '{node.name}' ({node.spec}, made at {node.where}), for {whose}")
            for name in close_names(node.name, fed, 1):
                lines.append(f"    a tensor of a close name, '{name}', is fed")
        lines.append(f"  fed: {', '.join(map(repr, fed)) or 'nothing'}")
        return InvalidArgumentError("\n".join(lines), placeholders[0])


def _nothing(values: Any) -> None:
    """What an operation fetches as."""


def node_of(graph: Graph, item: Any, purpose: str) -> Node:
    """The node that a node, an operation or a name stands for, to "fetch" it or to "feed" it."""
    try:
        element = graph.as_graph_element(item)
    except TinygraphError as error:
        kind = DTypeError if purpose == "feed" else type(error)  # both as TF1
        kind = GraphError if kind is NotFoundError else kind
        hint = f". {REBOUND}" if isinstance(item, VALUES) else ""
        raise kind(f"cannot {purpose} {item!r}: {error}{hint}") from None
    if not isinstance(element, Operation):
        return element
    if purpose == "feed":
        has_value = element.node.kind.role != "effect"
        hint = f"; its tensor is '{element.node.name}'" if has_value else ""
        raise DTypeError(
            f"cannot feed {item!r}: it is an operation or the name of one, which has no value{hint}"
        )
    return element.node
