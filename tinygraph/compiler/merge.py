"""The pass that merges: an op on the same inputs with the same attributes is computed once."""

from __future__ import annotations

from typing import Any

from tinygraph.compiler.trace import Make, Trace
from tinygraph.node import Node
from tinygraph.op import Op, const
from tinygraph.spec import Spec

LARGEST = 1024  # elements of a constant; larger ones are never merged


def merge(trace: Trace, make: Make) -> Make:
    """Make a node only if none is equal to it."""
    nodes: dict[tuple, Node] = {}

    def merged(kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec) -> Node:
        key = _key(kind, inputs, attrs)
        if key is None:
            return make(kind, inputs, attrs, spec)
        node = nodes.get(key)
        if node is None:
            node = nodes[key] = make(kind, inputs, attrs, spec)
        return node

    return merged


def _key(kind: Op, inputs: tuple[Node, ...], attrs: dict[str, Any]) -> tuple | None:
    """A key that equal nodes share; None for a node that is never merged."""
    if kind.stateful:
        return None
    if kind is const:
        value = attrs["value"]
        return (kind, value.dtype, value.shape, value.tobytes()) if value.size <= LARGEST else None
    if not attrs:
        return kind, inputs
    items = tuple(attrs.items())
    try:
        hash(items)
        text = repr(attrs)  # tells 1 from True, and 0.0 from -0.0
    except Exception:  # noqa: BLE001  (a user's attribute that has no hash or no repr)
        return None
    return kind, inputs, items, text
