"""The order of a run's nodes: which of a variable's updates comes first."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from tinygraph.body import roles_of
from tinygraph.graph import Node


def in_order(nodes: list[Node], feeds: Container[Node] = ()) -> list[Node]:
    """The nodes in an order in which each variable's updates may follow one another.

    As dependencies demand; else what replaces the variable's value comes before what starts from
    the value that earlier updates have left; else in the order of making. Where several variables
    would then wait for one another in a circle, all nodes are in the order of making.
    """
    chains: dict[Node, Roles] = {}  # by variable its updates, and what reads its latest value
    for node in nodes:
        kind = node.kind
        if (kind.updates or kind.role in ("latest", "bodies")) and node not in feeds:
            for variable, role in roles_of(node):
                chains.setdefault(variable, {})[node] = role
    several = list(filter(_have_several_updates, chains.values()))
    if not several:
        return nodes
    behind = _behind(nodes, feeds, [node for found in several for node in found])
    previous: dict[Node, list[Node]] = {}  # what a node comes after, besides what it needs
    for found in chains.values():
        ordered = _in_sequence(found, behind) if _have_several_updates(found) else list(found)
        for node, before in zip(ordered[1:], ordered, strict=False):
            previous.setdefault(node, []).append(before)
    for node in nodes:
        if node.kind.role == "initialized":
            ref: Any = node.inputs[0]
            if ref.initializer.node in behind:
                previous.setdefault(node, []).append(ref.initializer.node)
    return _after(nodes, feeds, previous)


Roles = dict[Node, str]  # of the nodes that update a variable or read its latest value


def _have_several_updates(roles: Roles) -> bool:
    return sum(role != "latest" for role in roles.values()) > 1


Bits = dict[Node, tuple[int, int]]


def _behind(nodes: Iterable[Node], feeds: Container[Node], members: list[Node]) -> Bits:
    """For each node its own bit, if it is one of `members`, and the bits of all that it needs."""
    own = {node: 1 << i for i, node in enumerate(members)}
    bits: Bits = {}
    for node in nodes:
        needed = 0
        if node not in feeds:
            for x in (*node.inputs, *node.control_inputs):
                one, others = bits.get(x, (0, 0))  # an input of an op may be of use to no one
                if one or others:
                    needed |= one | others
        bits[node] = own.get(node, 0), needed
    return bits


def _in_sequence(roles: Roles, bits: Bits) -> list[Node]:
    """A variable's updates, and what reads its latest value, one after another."""
    found = list(roles)
    latest = sum(bits[node][0] for node, role in roles.items() if role == "latest")
    assigns = [n for n, role in roles.items() if role == "assign" and not bits[n][1] & latest]
    if not 0 < len(assigns) < len(found):
        return found
    wanted = 0
    for node in assigns:
        wanted |= bits[node][0] | bits[node][1]
    early = [node for node in found if bits[node][0] & wanted]
    late = [node for node in found if not bits[node][0] & wanted]
    return [*_assigns_first(early, set(assigns), bits), *late]


def _assigns_first(early: list[Node], assigns: set[Node], bits: Bits) -> list[Node]:
    """The assigns and what they need of their own variable: an assign as soon as it can be."""
    if len(early) == len(assigns):
        return early
    ordered: list[Node] = []
    left, waiting = dict.fromkeys(early), sum(bits[node][0] for node in early)
    while left:
        ready = [node for node in left if not bits[node][1] & waiting]
        node = next((node for node in ready if node in assigns), ready[0])
        ordered.append(node)
        del left[node]
        waiting -= bits[node][0]
    return ordered


def _after(
    nodes: list[Node], feeds: Container[Node], previous: Mapping[Node, list[Node]]
) -> list[Node]:
    """The nodes, each after its `previous`, too; as they are where that goes round in a circle."""
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
