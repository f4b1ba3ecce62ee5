"""The order of a run's nodes: which of a variable's updates comes first."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from tinygraph.body import roles_of
from tinygraph.graph import Node


def in_order(nodes: list[Node], feeds: Container[Node] = ()) -> list[Node]:
    """The nodes in an order in which each variable's updates may follow one another.

    Dependencies come first. Else a variable's assigns come before its relative updates. Else the
    order is that in which the nodes were made. If variables would then wait for one another in a
    circle, all nodes are in the order in which they were made.
    """
    chains: dict[Node, Roles] = {}
    for node in nodes:
        kind = node.kind
        if (kind.updates or kind.role in ("latest", "bodies")) and node not in feeds:
            for variable, role in roles_of(node):
                chains.setdefault(variable, {})[node] = role
    several = list(filter(_have_several_updates, chains.values()))
    if not several:
        return nodes
    bits = _dependencies(nodes, feeds, [node for roles in several for node in roles])
    previous: dict[Node, list[Node]] = {}  # node -> the nodes to come before it, besides its inputs
    for roles in chains.values():
        ordered = _in_sequence(roles, bits) if _have_several_updates(roles) else list(roles)
        for node, predecessor in zip(ordered[1:], ordered, strict=False):
            previous.setdefault(node, []).append(predecessor)
    for node in nodes:
        if node.kind.role == "initialized":
            ref: Any = node.inputs[0]
            if ref.initializer.node in bits:
                previous.setdefault(node, []).append(ref.initializer.node)
    return _after(nodes, feeds, previous)


Roles = dict[Node, str]  # node that updates a variable, or reads its latest value -> its role


def _have_several_updates(roles: Roles) -> bool:
    return sum(role != "latest" for role in roles.values()) > 1


Bits = dict[Node, tuple[int, int]]  # node -> (its own bit, the bits of all that it needs)


def _dependencies(nodes: Iterable[Node], feeds: Container[Node], members: list[Node]) -> Bits:
    """For each node two ints that are sets of `members`, one bit for each: the node itself (0 if it
    is no member), and the members that it depends on.
    """
    own_bits = {node: 1 << i for i, node in enumerate(members)}
    bits: Bits = {}
    for node in nodes:
        needed = 0
        if node not in feeds:
            for x in (*node.inputs, *node.control_inputs):
                own_bit, needed_bits = bits.get(x, (0, 0))  # x may be of unneeded outputs
                if own_bit or needed_bits:
                    needed |= own_bit | needed_bits
        bits[node] = own_bits.get(node, 0), needed
    return bits


def _in_sequence(roles: Roles, bits: Bits) -> list[Node]:
    """A variable's updates, and the nodes that read its latest value, in order."""
    nodes = list(roles)
    latest = sum(bits[node][0] for node, role in roles.items() if role == "latest")
    assigns = [n for n, role in roles.items() if role == "assign" and not bits[n][1] & latest]
    if not 0 < len(assigns) < len(nodes):
        return nodes
    wanted = 0
    for node in assigns:
        wanted |= bits[node][0] | bits[node][1]
    early = [node for node in nodes if bits[node][0] & wanted]
    late = [node for node in nodes if not bits[node][0] & wanted]
    return [*_assigns_first(early, set(assigns), bits), *late]


def _assigns_first(early: list[Node], assigns: set[Node], bits: Bits) -> list[Node]:
    """The assigns and the updates that they need, ordered: each assign as early as possible."""
    if len(early) == len(assigns):
        return early
    ordered: list[Node] = []
    remaining, waiting = dict.fromkeys(early), sum(bits[node][0] for node in early)
    while remaining:
        ready = [node for node in remaining if not bits[node][1] & waiting]
        node = next((node for node in ready if node in assigns), ready[0])
        ordered.append(node)
        del remaining[node]
        waiting -= bits[node][0]
    return ordered


def _after(
    nodes: list[Node], feeds: Container[Node], previous: Mapping[Node, list[Node]]
) -> list[Node]:
    """The nodes, each also after its `previous`; in their old order if that makes a cycle."""
    placed: dict[Node, None] = {}
    begun: set[Node] = set()
    own = set(nodes)
    for root in nodes:
        stack = [root]
        while stack:
            node = stack[-1]
            if node in begun:
                placed[stack.pop()] = None
                continue
            begun.add(node)
            needed = [] if node in feeds else [*node.inputs, *node.control_inputs]
            needed += previous.get(node, ())
            for x in needed:
                if x not in placed and x in own:
                    if x in begun:
                        return nodes
                    stack.append(x)
    return list(placed)
