"""Pickles and deep copies of graphs: a row for each node, so that nothing recurses over a graph.

A node, an operation or a variable alone comes with its graph, since it is nothing without.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tinygraph.errors import GraphError
from tinygraph.graph import Graph, Node, Operation


def _slots(graph: Graph) -> dict[type[Node], list[str]]:
    """By class what there is to keep of a node; its place in the graph is that of its row."""
    left_out = ("graph", "id", "origin", "__weakref__")
    return {
        kind: [slot for base in kind.__mro__ for slot in getattr(base, "__slots__", ())
               if slot not in left_out]
        for kind in set(map(type, graph.nodes))
    }


def _node_of(graph: Graph, id: int) -> Node:
    return graph.nodes[id]


def _blank_graph(node_classes: list[type[Node]]) -> Graph:
    """A graph of nodes that know their places only: rows refer to them before they are filled."""
    graph = Graph()
    for node_class in node_classes:
        node: Node = object.__new__(node_class)
        node.graph, node.id = graph, len(graph.nodes)
        graph.nodes.append(node)
    return graph


def _reduce_graph(graph: Graph) -> tuple:
    left_out = ("nodes", "_blocks")  # a copy starts outside of all `with` blocks
    fields = {k: v for k, v in vars(graph).items() if k not in left_out}
    slots = _slots(graph)
    rows = [_row(node, slots[type(node)]) for node in graph.nodes]
    return _blank_graph, ([type(node) for node in graph.nodes],), (fields, rows)


def _row(node: Node, slots: list[str]) -> tuple:
    origin = node.origin and (node.origin[0].co_filename, node.origin[1])
    return origin, *[getattr(node, slot, None) for slot in slots]


def _fill(graph: Graph, state: tuple[dict[str, Any], list[tuple]]) -> None:
    fields, rows = state
    vars(graph).update(fields)
    slots = _slots(graph)
    code_of = functools.cache(lambda filename: compile("", filename, "exec"))
    for node, (origin, *values) in zip(graph.nodes, rows, strict=True):
        node.origin = origin and (code_of(origin[0]), origin[1])
        for slot, value in zip(slots[type(node)], values, strict=True):
            setattr(node, slot, value)
        for array in (node.spec.value, *node.attrs.values()):
            if isinstance(array, np.ndarray):
                array.flags.writeable = False  # as those of constants were


def _refuse_copy(graph: Graph) -> None:
    raise GraphError("copy.copy() of a graph would share its nodes; use copy.deepcopy()")


for _class, _name, _method in (
    (Graph, "__reduce__", _reduce_graph),
    (Graph, "__setstate__", _fill),
    (Graph, "__copy__", _refuse_copy),
    (Node, "__reduce__", lambda node: (_node_of, (node.graph, node.id))),
    (Operation, "__reduce__", lambda operation: (Operation, (operation.node,))),
):
    setattr(_class, _name, _method)
