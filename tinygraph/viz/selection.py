"""Which nodes of a graph a picture shows, and what becomes of the others.

A graph as it is built is a hairball: constants, arithmetic on shapes, initialisers and the inner
life of optimizers outnumber the network. Here they are folded away, in a few passes over the nodes
in their order, which is topological: consumers are met before their inputs when going backwards.
"""

from __future__ import annotations

from typing import NamedTuple

from tinygraph.graph import Graph, Node
from tinygraph.op import const, item
from tinygraph.ops.placeholders import placeholder_with_default_op
from tinygraph.viz.branches import Opened
from tinygraph.viz.scopes import gradient_scope, is_seed, scope_of
from tinygraph.viz.words import is_trainable

SHAPE_INPUTS = {"Shape": (0,), "Size": (0,), "Rank": (0,), "SumLike": (1,)}
"""The inputs of which an op takes the shape only."""

FOLDED_SIZE = 16  # elements; a larger constant is data, and gets a box


class Options(NamedTuple):
    """What to draw that is hidden by default, or the other way round."""

    backward: bool = True
    constants: bool = False
    initializers: bool = False
    updates: bool = False
    depth: int | None = None


class Selection:
    """The parts that the nodes of a graph play in its picture, of which `roots` were asked for.

    `hidden` nodes are left out; `folded` ones have no box of their own. `passed` has, for a node
    that changes nothing, the node that it passes on, and `owner`, for a part of one variable's
    update, that update. `seeds` has the losses by the nodes where their gradients start, `backward`
    what `gradients` made, and `training` besides all that depends on it or is needed by it alone.
    """

    def __init__(self, graph: Graph, nodes: list[Node], roots: list[Node], options: Options):
        self.options, self.whole = options, not roots
        self.opened = Opened(graph, nodes, self.whole)
        self.nodes = self.opened.nodes
        self.roots = {root.op.node for root in roots}
        self.backward: set[Node] = set()
        self.training: set[Node] = set()
        self.hidden: set[Node] = set()
        self.folded: set[Node] = set()
        self.passed: dict[Node, Node] = {}
        self.owner: dict[Node, Node | None] = {}
        self.seeds: dict[Node, Node] = {
            node: node.forward for node in (*graph.nodes, *self.nodes)
            if node.forward is not None and is_seed(node)
        }
        self._find_backward()
        self._hide()
        self.constants = options.constants
        self._fold()
        if not self.shown() or any(map(self._is_bookkeeping, self.roots)):
            self.constants = True  # they are what is to be seen
            self._fold()
        if not options.updates:
            self._gather_updates()

    def inputs(self, node: Node) -> tuple[Node, ...]:
        return self.opened.inputs.get(node, node.inputs)

    def is_shown(self, node: Node) -> bool:
        return not (node in self.hidden or node in self.folded or node in self.passed)

    def shown(self) -> list[Node]:
        return [node for node in self.nodes if self.is_shown(node)]

    def _needs(self, node: Node) -> tuple[Node, ...]:
        return (*self.inputs(node), *node.control_inputs)

    def _find_backward(self) -> None:
        """Mark what `gradients` has made, and all that depends on it."""
        scopes = {gradient_scope(node)[0] for node in self.nodes if node.forward is not None}
        prefixes = tuple(f"{scope}/" for scope in scopes if scope)
        for node in self.nodes:
            if node.forward is not None or f"{scope_of(node.op_name)}/".startswith(prefixes):
                self.backward.add(node)
                self.training.add(node)
            elif any(x in self.training for x in self._needs(node)):
                self.training.add(node)
        for choice, outputs in self.opened.outputs.items():
            if all(y in self.training for y in outputs):
                self.training.add(choice)

    def _hide(self) -> None:
        """Leave out initialisers, dead gradients and on demand the whole backward pass."""
        left_out = self._initializers() if self.whole and not self.options.initializers else set()
        used: set[Node] = set()  # by what is hidden
        needed = {y for y in self.seeds.values() if y not in self.training}
        outside = needed.copy()  # needed by something that is no part of the training
        derived = self.training.copy()
        applied = any(
            node not in self.backward and x in self.backward
            for node in self.nodes for x in self.inputs(node)
        )
        for node in reversed(self.nodes):
            unused = node in used and node not in needed and not is_trainable(node)
            dead = self.whole and applied and node in self.backward and node not in needed
            hidden = node in left_out or (unused or dead) and node not in self.roots
            if hidden or node in derived and not self.options.backward:
                self.hidden.add(node)
                mine = node in self.backward  # what it takes from the forward pass stays
                used.update(x for x in self._needs(node) if not mine or x in self.backward)
                continue
            if node in needed and node not in outside and not is_trainable(node):
                self.training.add(node)
            if node not in self.training or node in self.backward:
                outside.update(self._needs(node))
            needed.update(self._needs(node))

    def _initializers(self) -> set[Node]:
        """The assignments of initial values, and the groups of these."""
        initial: set[Node] = set()
        for node in self.nodes:
            if node.kind.role == "variable" and hasattr(node, "initializer"):
                initial.add(node.initializer.node)
            elif node.kind.role == "effect" and node.control_inputs:
                if initial.issuperset(node.control_inputs):
                    initial.add(node)
        return initial

    def _fold(self) -> None:
        """Find constants and what is computed from them, from shapes or from slots alone."""
        self.folded.clear()
        self.passed.clear()
        for node in self.nodes:
            if node.kind is item:  # the operation has a box, its outputs have none
                self.passed[node] = node.inputs[0]
            elif node in self.hidden or node in self.roots:
                continue
            elif node.kind.role == "variable":
                if node in self.training and not self.options.updates:
                    self.folded.add(node)  # an optimizer's slot
            elif self.constants or is_placeholder(node):
                continue
            elif node.kind is const:
                size = node.spec.shape.num_elements()
                if size is not None and size <= FOLDED_SIZE:
                    self.folded.add(node)
            elif self._passes_on(node):
                x = self.inputs(node)[0]
                self.passed[node] = self.passed.get(x, x)
            elif self._is_bookkeeping(node):
                self.folded.add(node)

    def _passes_on(self, node: Node) -> bool:
        """Whether it stands for its input: a variable's later value, or a sum or repetition where
        shapes differ, and they do not seem to.
        """
        if node.kind.name != "SumLike" and node.kind.view != "repeat":
            return node.kind.role == "latest"
        shape = node.spec.shape
        return shape.sizes is not None and shape == node.inputs[0].spec.shape

    def _is_bookkeeping(self, node: Node) -> bool:
        """Whether it is computed from shapes and from what is folded alone."""
        kind, inputs = node.kind, self.inputs(node)
        acts = kind.stateful or kind.updates or kind.role == "effect" or node.bodies
        if acts or not inputs or node in self.seeds:
            return False
        of_shapes = SHAPE_INPUTS.get(kind.name, ())
        others = [x for i, x in enumerate(inputs) if i not in of_shapes]
        return all(self.passed.get(x, x) in self.folded for x in others)

    def _gather_updates(self) -> None:
        """Merge what only one variable's update needs, such as the product with the rate, in it."""
        mergeable = self.training - self.backward - self.roots
        for node in reversed(self.nodes):
            is_end = node in self.opened.titles
            if not (is_end or self.is_shown(node)) or node in self.backward:
                continue
            if node.kind.updates and is_trainable(self.inputs(node)[0]):
                self.owner[node] = node
            elif node not in self.training or node.kind.role == "effect" or is_placeholder(node):
                continue
            elif node.kind.updates and self.owner.get(node) is None and node not in self.roots:
                self.folded.add(node)  # a slot's own update, such as Adam's powers of beta
                continue
            mine = self.owner.get(node.inputs[0] if is_end else node)
            for x in self.inputs(node):
                x = self.passed.get(x, x)
                if x.inputs and x in mergeable:
                    self.owner[x] = mine if self.owner.get(x, mine) is mine else None


def is_placeholder(node: Node) -> bool:
    return node.kind.role == "feed" or node.kind is placeholder_with_default_op
