"""The order of a run's nodes: which of a variable's updates comes first."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from tinygraph.graph import Node, ancestors


def in_order(nodes: list[Node], feeds: Container[Node] = ()) -> list[Node]:
    """Nodes of a graph, in an order in which each variable's updates may follow one another.

    Dependencies come first; what they leave open, all that replaces a variable's value does before
    what is computed from the value that earlier updates have left, and that in the order of making.
    Where that is against the dependencies of several variables, all is in the order of making.
    """
    chains: dict[Node, list[Node]] = {}
    for node in nodes:
        if (node.kind.updates or node.kind.latest) and node not in feeds:
            chains.setdefault(node.inputs[0], []).append(node)
    several = (v for v, found in chains.items() if sum(bool(x.kind.updates) for x in found) > 1)
    chains = {variable: chains[variable] for variable in several}
    if not chains:
        return nodes
    replacing = _replacing(nodes, feeds, chains)
    previous: dict[Node, Node] = {}  # what a node comes after, besides what it needs
    for found in chains.values():
        ordered = _in_sequence(found, feeds, replacing)
        previous.update(zip(ordered[1:], ordered, strict=False))
    return _after(nodes, feeds, previous)


def _replacing(
    nodes: Iterable[Node], feeds: Container[Node], variables: Iterable[Node]
) -> set[Node]:
    """The assigns whose values are not computed from the latest value of their own variable."""
    bits = {variable: 1 << i for i, variable in enumerate(variables)}
    latest: dict[Node, int] = {}  # the variables whose latest values are behind a node, as bits
    found = set()
    for node in nodes:
        latest[node] = 0
        if node in feeds:
            continue
        for x in (*node.inputs, *node.control_inputs):
            latest[node] |= latest[x]
        own = bits.get(node.inputs[0], 0) if node.kind.latest or node.kind.updates else 0
        if node.kind.latest:
            latest[node] |= own
        elif node.kind.updates == "assign" and not latest[node] & own:
            found.add(node)
    return found


def _in_sequence(found: list[Node], feeds: Container[Node], replacing: set[Node]) -> list[Node]:
    """The updates of a variable, and what reads its latest value, one after another."""
    assigns = [node for node in found if node in replacing]
    if not 0 < len(assigns) < len(found):
        return found
    needed = set(ancestors(assigns, stop=feeds))
    early = [node for node in found if node in needed]
    late = [node for node in found if node not in needed]
    ordered = [] if len(early) > len(assigns) else early
    behind = {node: set(ancestors([node], stop=feeds)) for node in early} if not ordered else {}
    while len(ordered) < len(early):  # an assign waits for what it needs alone
        left = set(early).difference(ordered)
        ready = [node for node in early if node in left and behind[node] & left == {node}]
        ordered.append(next((node for node in ready if node in replacing), ready[0]))
    return ordered + late


def _after(nodes: list[Node], feeds: Container[Node], previous: Mapping[Node, Node]) -> list[Node]:
    """The nodes, each after its `previous`, too; as they are where that goes round in a circle."""
    placed: dict[Node, None] = {}
    begun: set[Node] = set()
    for root in nodes:
        stack = [root]
        while stack:
            node = stack[-1]
            if node in begun:
                placed[stack.pop()] = None
                continue
            begun.add(node)
            needed = [] if node in feeds else [*node.inputs, *node.control_inputs]
            needed += [previous[node]] if node in previous else []
            for x in needed:
                if x not in placed:
                    if x in begun:
                        return nodes
                    stack.append(x)
    return list(placed)
