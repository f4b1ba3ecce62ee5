"""What a picture shows of a graph: which nodes, merged into which boxes, joined by which edges.

A graph as it is built is a hairball: constants, arithmetic on shapes, initialisers and the inner
life of optimizers outnumber the network. Here they are folded away, in a few passes over the nodes
in their order, which is topological: consumers are met before their inputs when going backwards.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from tinygraph.graph import Graph, GraphKeys, Node
from tinygraph.node import Output
from tinygraph.op import const, item
from tinygraph.viz.branches import Opened
from tinygraph.viz.scopes import GRADIENT, base, gradient_scope, is_seed, scope_of
from tinygraph.viz.words import (
    attribute_texts,
    count_text,
    flow_text,
    is_trainable,
    parameters_of,
    size_text,
    tells_nothing,
    value_text,
)

SHAPE_INPUTS = {"Shape": (0,), "Size": (0,), "Rank": (0,), "SumLike": (1,)}
"""The inputs of which an op takes the shape only."""

EFFECTS = {"Print", "PyFunc"}
"""Ops that act in each run, and draw no random numbers."""

FOLDED_SIZE = 16  # elements; a larger constant is data, and gets a box


class Options(NamedTuple):
    """What to draw that is hidden by default, or the other way round."""

    backward: bool = True
    constants: bool = False
    initializers: bool = False
    updates: bool = False
    depth: int | None = None


class Box:
    """A node of the picture: one or more nodes of the graph."""

    __slots__ = ("key", "node", "role", "title", "lines", "scope", "training", "partner", "fill")

    def __init__(
        self, key: str, node: Node, role: str, title: str, lines: list[str], scope: str
    ):
        self.key = key
        self.node = node
        self.role = role
        self.title = title
        self.lines = lines
        self.scope = scope
        self.training = False
        self.partner: Node | None = None  # what a gradient or an update is drawn beside
        self.fill: str | None = None  # in place of the role's own


class Edge(NamedTuple):
    """A tensor, or the order of two operations, from box to box."""

    source: Box
    target: Box
    kind: str  # data, saved, state, control, shape or start
    flows: str  # the spec of what flows along it, and of several outputs which one


class View:
    """The boxes and edges that show `nodes`, of which `roots` were asked for by name."""

    def __init__(self, graph: Graph, nodes: list[Node], roots: list[Node], options: Options):
        self.options = options
        self.opened = Opened(graph, nodes, whole=not roots)
        self.nodes = self.opened.nodes
        self.asked = roots
        self.roots = {root.op.node for root in roots}
        self.seeds: dict[Node, Node] = {}  # where backward passes start -> the loss
        self.backward: set[Node] = set()
        self.training: set[Node] = set()  # the backward passes, what follows, what only they use
        self.hidden: set[Node] = set()
        self.folded: set[Node] = set()
        self.passed: dict[Node, Node] = {}  # nodes that change nothing -> what they pass on
        self.owner: dict[Node, Node | None] = {}  # the parts of an update -> the update
        self._find_backward(graph)
        self._hide()
        self.constants = options.constants
        self._fold()
        if not self._shown() or any(self._is_bookkeeping(node) for node in self.roots):
            self.constants = True  # they are what is to be seen
            self._fold()
        self._gather_updates()
        self.losses = self._losses(graph)
        self.box_of: dict[Node, Box] = {}
        self.boxes = self._make_boxes()
        self.edges = self._join()

    def _inputs(self, node: Node) -> tuple[Node, ...]:
        return self.opened.inputs.get(node, node.inputs)

    def _needs(self, node: Node) -> tuple[Node, ...]:
        return (*self._inputs(node), *node.control_inputs)

    # ---------------------------------------------------------------- what is there

    def _find_backward(self, graph: Graph) -> None:
        """Mark what `gradients` has made, and all that depends on it."""
        scopes = {gradient_scope(node)[0] for node in self.nodes if node.forward is not None}
        under: dict[str, bool] = {"": False}
        for node in self.nodes:
            inside = node.forward is not None or _within(scope_of(node.op_name), scopes, under)
            if inside:
                self.backward.add(node)
            if inside or any(x in self.training for x in self._needs(node)):
                self.training.add(node)
        for choice, outputs in self.opened.outputs.items():
            if all(y in self.training for y in outputs):
                self.training.add(choice)
        for node in (*graph.nodes, *self.nodes):
            if node.forward is not None and is_seed(node):
                self.seeds[node] = node.forward

    def _hide(self) -> None:
        """Leave out initialisers, dead gradients and on demand the whole backward pass."""
        left_out = self._initializers() if self.whole and not self.options.initializers else set()
        used: set[Node] = set()
        needed = {y for y in self.seeds.values() if y not in self.training}
        outside = needed.copy()  # needed by something that is no part of the training
        derived = self.training.copy()
        applied = any(
            node not in self.backward and x in self.backward
            for node in self.nodes for x in self._inputs(node)
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

    @property
    def whole(self) -> bool:
        return not self.roots

    def _initializers(self) -> set[Node]:
        """The assignments of initial values, and the groups of these."""
        found = set()
        for node in self.nodes:
            if node.kind.role == "variable" and hasattr(node, "initializer"):
                found.add(node.initializer.node)
            elif node.kind.role == "effect" and node.control_inputs:
                if all(x in found for x in node.control_inputs):
                    found.add(node)
        return found

    # ---------------------------------------------------------------- what gets no box

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
            elif self.constants or _is_placeholder(node):
                continue
            elif node.kind is const:
                size = node.spec.shape.num_elements()
                if size is not None and size <= FOLDED_SIZE:
                    self.folded.add(node)
            elif self._passes_on(node):
                x = self._inputs(node)[0]
                self.passed[node] = self.passed.get(x, x)
            elif self._is_bookkeeping(node):
                self.folded.add(node)

    def _passes_on(self, node: Node) -> bool:
        """Whether it stands for its input: a variable's later value, or a sum or repetition where
        shapes differ, and they do not seem to.
        """
        if node.kind.role == "latest":
            return True
        if node.kind.name != "SumLike" and node.kind.view != "repeat":
            return False
        shape = node.spec.shape
        return shape.sizes is not None and shape == node.inputs[0].spec.shape

    def _is_bookkeeping(self, node: Node) -> bool:
        kind = node.kind
        inputs = self._inputs(node)
        acts = kind.stateful or kind.updates or kind.role == "effect" or node.bodies
        if acts or not inputs or node in self.seeds:
            return False
        read = SHAPE_INPUTS.get(kind.name, ())
        return all(i in read or self.passed.get(x, x) in self.folded for i, x in enumerate(inputs))

    def _gather_updates(self) -> None:
        """Merge what only one variable's update needs, such as the product with the rate, in it."""
        if self.options.updates:
            return
        mergeable = self.training - self.backward - self.roots
        for node in reversed(self.nodes):
            is_end = node in self.opened.titles
            if not (is_end or self._is_shown(node)) or node in self.backward:
                continue
            if node.kind.updates and is_trainable(self._inputs(node)[0]):
                self.owner[node] = node
            elif node not in self.training or node.kind.role == "effect" or _is_placeholder(node):
                continue
            elif node.kind.updates and self.owner.get(node) is None and node not in self.roots:
                self.folded.add(node)  # a slot's own update, such as Adam's powers of beta
                continue
            mine = self.owner.get(node.inputs[0] if is_end else node)
            for x in self._inputs(node):
                x = self.passed.get(x, x)
                if x.inputs and x in mergeable:
                    self.owner[x] = mine if self.owner.get(x, mine) is mine else None

    def _is_shown(self, node: Node) -> bool:
        return not (node in self.hidden or node in self.folded or node in self.passed)

    def _shown(self) -> list[Node]:
        return [node for node in self.nodes if self._is_shown(node)]

    # ---------------------------------------------------------------- boxes

    def _losses(self, graph: Graph) -> set[Node]:
        found = {y for y in self.seeds.values() if y.spec.shape.ndims == 0}
        found.update(x for x in graph.get_collection(GraphKeys.LOSSES) if isinstance(x, Node))
        if not found:
            scalars = [x for x in self.asked if x.spec.shape.ndims == 0 and x.dtype.is_floating]
            found.update(scalars if len(scalars) == 1 and scalars[0].inputs else ())
        return {y.op.node for y in found}

    def _make_boxes(self) -> list[Box]:
        boxes = []
        parts: dict[Node, list[Node]] = {}
        for node in self._shown():
            owner = self.owner.get(node)
            owner = node if owner is None else owner
            parts.setdefault(owner, []).append(node)
            if owner is node:
                boxes.append(self._box(node, parts[node]))
                self.box_of.update(dict.fromkeys(parts.pop(node), boxes[-1]))
        _tidy_scopes(boxes)
        return boxes if self.options.depth is None else self._collapsed(boxes, self.options.depth)

    def _box(self, node: Node, parts: list[Node]) -> Box:
        role = self._role(node)
        title, lines = self._words(node, role)
        scope = self.opened.scope(node)
        if role == "update":
            variable = self._inputs(node)[0].op_name
            updated = {self._inputs(x)[0].op_name: None for x in parts if x.kind.updates}
            lines.append(f"updates {variable}")
            slots = [name.removeprefix(f"{variable}/") for name in updated if name != variable]
            lines += [f"and {', '.join(slots)}"] if slots else []
            scope = scope.removesuffix(f"update_{variable}").rstrip("/")
        box = Box(f"n{self.opened.number(node)}", node, role, title, lines, scope)
        box.training = node in self.training
        if role == "update":
            box.partner = self._inputs(node)[0]
        elif box.training and not node.bodies:  # it comes last, above the gradient's branches
            box.partner = node.forward
        return box

    def _role(self, node: Node) -> str:
        kind = node.kind
        if kind.role == "variable":
            return "variable"
        if _is_placeholder(node):
            return "placeholder"
        if kind is const:
            return "constant"
        if kind.role == "effect":
            return "group"
        if kind.updates:
            return "update"
        if node in self.losses:
            return "loss"
        if node.bodies:
            return "choice"
        if node in self.backward:
            return "gradient"
        return "random" if kind.stateful and kind.name not in EFFECTS else "op"

    def _words(self, node: Node, role: str) -> tuple[str, list[str]]:
        """A box's title and the lines below it."""
        name = base(node.op_name)
        if role == "variable":
            trained = is_trainable(node)
            size = size_text(node, "parameter" if trained else "element")
            return name, [size if trained else f"{size}, not trained"]
        if role == "placeholder":
            default = value_text(node.inputs[0].spec) if node.inputs else None
            return name, ["placeholder" if default is None else f"placeholder, else {default}"]
        if role == "constant":
            value = value_text(node.spec)
            return name if value is None else f"{name} = {value}", []
        if role == "group":
            return name, []
        if node in self.seeds:
            y = self.seeds[node]
            start = base(y.op_name) if y.spec.shape.ndims else "loss"
            return f"∂{start}/∂{start} = 1", []
        if node.bodies:
            return node.kind.name, self._known_ends(node)
        named = not tells_nothing(name, node.kind.name)
        if role == "update":
            return name if named else node.kind.name, []
        lines = [f"“{name}”"] if named and node.forward is None else []
        return node.kind.name, lines + self._operands(node) + attribute_texts(node)

    def _operands(self, node: Node) -> list[str]:
        """The folded inputs that have a value, as `y = 0.5`."""
        inputs = self._inputs(node)
        names = tuple(node.kind.params) if len(node.kind.params) == len(inputs) else ()
        found = []
        for i, x in enumerate(inputs):
            value = value_text(x.spec) if x in self.folded else None
            if value is not None:
                found.append(f"{names[i]} = {value}" if names else value)
        return found

    def _known_ends(self, choice: Node) -> list[str]:
        """What branches give that has no box, as `false: 0`."""
        found = []
        for y in self.opened.outputs[choice]:
            for title, x in self.opened.ends(y):
                stands_for_op = x.dtype.is_bool and x.control_inputs
                if x in self.folded and not stands_for_op:
                    found.append(f"{title}: {value_text(x.spec) or x.kind.name}")
        return found

    def _collapsed(self, boxes: list[Box], depth: int) -> list[Box]:
        """The boxes with each scope of `depth` levels, if it has several, as one."""
        inside: dict[tuple[bool, str], list[Box]] = {}
        for box in boxes:
            parts = box.scope.split("/") if box.scope else []
            if len(parts) >= depth:
                inside.setdefault((box.training, "/".join(parts[:depth])), []).append(box)
        merged: dict[Box, Box] = {}
        for (training, scope), members in inside.items():
            if len(members) < 2:
                continue
            outer, _, title = scope.rpartition("/")
            role = "training" if training else "scope"
            whole = Box(
                members[0].key, members[0].node, role, title, _contents(members, scope), outer
            )
            whole.training = training
            whole.partner = next((box.partner for box in members if box.partner is not None), None)
            merged.update(dict.fromkeys(members, whole))
        for node, box in self.box_of.items():
            self.box_of[node] = merged.get(box, box)
        return list(dict.fromkeys(merged.get(box, box) for box in boxes))

    # ---------------------------------------------------------------- edges

    def _join(self) -> list[Edge]:
        kinds: dict[tuple[Box, Box], str] = {}
        flows: dict[tuple[Box, Box], list[Node]] = {}
        titles: dict[tuple[Box, Box], list[str]] = {}

        def add(source: Node, target: Box, kind: str, *branch: str) -> None:
            box = self.box_of.get(self.passed.get(source, source))
            if box is not None and box is not target:
                if kind == "data" and target.training and not box.training:
                    updated = target.role == "update" and box.role == "variable"
                    kind = "state" if updated else "saved"
                kinds.setdefault((box, target), kind)
                flows.setdefault((box, target), []).append(source)
                titles.setdefault((box, target), []).extend(branch)

        for node in self.nodes:
            target = self.box_of.get(self.passed[node] if node in self.opened.titles else node)
            if target is None:
                continue
            for title, x in self.opened.ends(node):
                add(x, target, "data", title)
                for y in x.control_inputs if x in self.folded else ():
                    add(y, target, "control")
            if type(node) is Output:
                continue
            shapes = SHAPE_INPUTS.get(node.kind.name, ())
            inputs = self._inputs(node)
            for i, x in enumerate(inputs):
                if i not in shapes:
                    add(x, target, "data")
                elif self.constants or len(shapes) == len(inputs):
                    add(x, target, "shape")
            for x in node.control_inputs:
                add(x, target, "control")
            if node in self.seeds:
                add(self.seeds[node], target, "start")
        return [
            Edge(*ends, kind, flow_text(flows[ends], titles[ends], self.opened.alone))
            for ends, kind in kinds.items()
        ]


# ---------------------------------------------------------------- boxes in their scopes


def _tidy_scopes(boxes: list[Box]) -> None:
    """Put a node that has a scope's name in that scope; give no frame to a lone gradient node."""
    sizes = Counter((box.training, box.scope) for box in boxes)
    for box in boxes:
        here, name = (box.training, box.scope), f"{box.scope}/{base(box.node.op_name)}".lstrip("/")
        outer, _, last = box.scope.rpartition("/")
        if last.startswith(GRADIENT) and sizes[here] == 1 and not box.node.bodies:
            box.scope = outer
            box.lines.insert(0, last)
        elif (box.training, name) in sizes and box.role in ("op", "random", "loss", "group"):
            box.scope = name
            box.lines = [line for line in box.lines if line != f"“{base(name)}”"]


def _contents(members: list[Box], scope: str) -> list[str]:
    """What a collapsed scope holds."""
    choices = [box.node for box in members if box.scope == scope and box.node.bodies]
    branches = [f"one of {len(node.bodies)} branches" for node in choices]
    size = parameters_of(box.node for box in members if is_trainable(box.node))
    ops = sum(box.role not in ("variable", "placeholder", "constant") for box in members)
    return [count_text(ops, "op"), *branches] + ([count_text(size, "parameter")] if size else [])


# ---------------------------------------------------------------- names and scopes


def _within(scope: str, scopes: set[str], known: dict[str, bool]) -> bool:
    """Whether a scope or one around it is in `scopes`; `known` keeps the answers."""
    path = []
    while scope not in known:
        if scope in scopes:
            known[scope] = True
            break
        path.append(scope)
        scope = scope_of(scope)
    for inner in path:
        known[inner] = known[scope]
    return known[scope]


def _is_placeholder(node: Node) -> bool:
    return node.kind.role == "feed" or node.kind.name == "PlaceholderWithDefault"
