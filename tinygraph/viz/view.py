"""The boxes of a picture, each of one or more nodes, and the edges that join them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from tinygraph.graph import Graph, GraphKeys, Node
from tinygraph.node import Output
from tinygraph.op import const
from tinygraph.viz.scopes import GRADIENT, base
from tinygraph.viz.selection import SHAPE_INPUTS, Options, Selection, is_placeholder
from tinygraph.viz.words import (
    attribute_texts, count_text, flow_text, is_trainable, parameters_of, size_text, tells_nothing,
    value_text,
)

EFFECTS = {"Print", "PyFunc"}
"""Ops that act in each run, and draw no random numbers."""


@dataclass(eq=False)
class Box:
    """A node of the picture: one or more nodes of the graph."""

    key: str
    node: Node
    role: str
    title: str
    lines: list[str]
    scope: str
    training: bool = False
    partner: Node | None = None  # what a gradient or an update is drawn beside
    fill: str | None = None  # in place of the role's own


class Edge(NamedTuple):
    """A tensor, or the order of two operations, from box to box."""

    source: Box
    target: Box
    kind: str  # data, saved, state, control, shape or start
    flows: str  # the spec of what flows along it, and of several outputs which one


class View:
    """The boxes and edges that show `nodes`, of which `roots` were asked for by name."""

    def __init__(self, graph: Graph, nodes: list[Node], roots: list[Node], options: Options):
        self.selection = Selection(graph, nodes, roots, options)
        self.opened = self.selection.opened
        self.losses = self._losses(graph, roots)
        self.box_of: dict[Node, Box] = {}
        self.boxes = self._make_boxes()
        if options.depth is not None:
            self.boxes = self._collapsed(options.depth)
        self.edges = self._join()

    def drawn(self, node: Node) -> Box | None:
        """The box that a node is drawn in, or is drawn as, where it changes nothing."""
        return self.box_of.get(self.selection.passed.get(node, node))

    # ---------------------------------------------------------------- boxes

    def _losses(self, graph: Graph, roots: list[Node]) -> set[Node]:
        losses = {y for y in self.selection.seeds.values() if y.spec.shape.ndims == 0}
        losses.update(x for x in graph.get_collection(GraphKeys.LOSSES) if isinstance(x, Node))
        if not losses:
            scalars = [x for x in roots if x.spec.shape.ndims == 0 and x.dtype.is_floating]
            losses.update(scalars if len(scalars) == 1 and scalars[0].inputs else ())
        return {y.op.node for y in losses}

    def _make_boxes(self) -> list[Box]:
        boxes: list[Box] = []
        parts: dict[Node, list[Node]] = {}
        for node in self.selection.shown():
            owner = self.selection.owner.get(node)
            owner = node if owner is None else owner
            parts.setdefault(owner, []).append(node)
            if owner is node:
                boxes.append(self._box(node, parts[node]))
                self.box_of.update(dict.fromkeys(parts.pop(node), boxes[-1]))
        _tidy_scopes(boxes)
        return boxes

    def _box(self, node: Node, parts: list[Node]) -> Box:
        role, inputs = self._role(node), self.selection.inputs(node)
        title, lines = self._words(node, role)
        scope = self.opened.scope(node)
        if role == "update":
            variable = inputs[0].op_name
            updates = [x for x in parts if x.kind.updates]
            updated = dict.fromkeys(self.selection.inputs(x)[0].op_name for x in updates)
            lines.append(f"updates {variable}")
            slots = [name.removeprefix(f"{variable}/") for name in updated if name != variable]
            lines += [f"and {', '.join(slots)}"] if slots else []
            scope = scope.removesuffix(f"update_{variable}").rstrip("/")
        box = Box(f"n{self.opened.number(node)}", node, role, title, lines, scope,
                  node in self.selection.training)
        if role == "update":
            box.partner = inputs[0]
        elif box.training and not node.bodies:  # it comes last, above the gradient's branches
            box.partner = node.forward
        return box

    def _role(self, node: Node) -> str:
        kind = node.kind
        roles = {  # the first that holds
            "variable": kind.role == "variable",
            "placeholder": is_placeholder(node),
            "constant": kind is const,
            "group": kind.role == "effect",
            "update": kind.updates,
            "loss": node in self.losses,
            "choice": node.bodies,
            "gradient": node in self.selection.backward,
            "random": kind.stateful and kind.name not in EFFECTS,
        }
        return next((role for role, holds in roles.items() if holds), "op")

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
        if node in self.selection.seeds:
            y = self.selection.seeds[node]
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
        inputs = self.selection.inputs(node)
        names = tuple(node.kind.params) if len(node.kind.params) == len(inputs) else ()
        values = [value_text(x.spec) if x in self.selection.folded else None for x in inputs]
        return [
            f"{names[i]} = {value}" if names else value
            for i, value in enumerate(values) if value is not None
        ]

    def _known_ends(self, choice: Node) -> list[str]:
        """What branches give that has no box, as `false: 0`."""
        ends = [end for y in self.opened.outputs[choice] for end in self.opened.ends(y)]
        return [
            f"{title}: {value_text(x.spec) or x.kind.name}" for title, x in ends
            if x in self.selection.folded and not (x.dtype.is_bool and x.control_inputs)
        ]

    def _collapsed(self, depth: int) -> list[Box]:
        """The boxes with each scope of `depth` levels, if it has several, as one."""
        inside: dict[tuple[bool, str], list[Box]] = {}
        for box in self.boxes:
            levels = box.scope.split("/") if box.scope else []
            if len(levels) >= depth:
                inside.setdefault((box.training, "/".join(levels[:depth])), []).append(box)
        merged: dict[Box, Box] = {}
        for (training, scope), members in inside.items():
            if len(members) > 1:
                outer, _, title = scope.rpartition("/")
                role, first = "training" if training else "scope", members[0]
                partner = next((box.partner for box in members if box.partner is not None), None)
                whole = Box(first.key, first.node, role, title, _contents(members, scope), outer,
                            training, partner)
                merged.update(dict.fromkeys(members, whole))
        self.box_of = {node: merged.get(box, box) for node, box in self.box_of.items()}
        return list(dict.fromkeys(merged.get(box, box) for box in self.boxes))

    # ---------------------------------------------------------------- edges

    def _join(self) -> list[Edge]:
        selection, opened = self.selection, self.opened
        joined: dict[tuple[Box, Box], tuple[str, list[Node], list[str]]] = {}

        def add(source: Node, target: Box, kind: str, *branch: str) -> None:
            box = self.drawn(source)
            if box is None or box is target:
                return
            if kind == "data" and target.training and not box.training:
                is_updated = target.role == "update" and box.role == "variable"
                kind = "state" if is_updated else "saved"
            _, sources, titles = joined.setdefault((box, target), (kind, [], []))
            sources.append(source)
            titles.extend(branch)

        for node in selection.nodes:
            target = self.box_of.get(selection.passed[node] if node in opened.titles else node)
            if target is None:
                continue
            for title, x in opened.ends(node):
                add(x, target, "data", title)
                for y in x.control_inputs if x in selection.folded else ():
                    add(y, target, "control")
            if type(node) is Output:
                continue
            inputs, of_shapes = selection.inputs(node), SHAPE_INPUTS.get(node.kind.name, ())
            for i, x in enumerate(inputs):
                if i not in of_shapes:
                    add(x, target, "data")
                elif selection.constants or len(of_shapes) == len(inputs):
                    add(x, target, "shape")
            for x in node.control_inputs:
                add(x, target, "control")
            if node in selection.seeds:
                add(selection.seeds[node], target, "start")
        return [
            Edge(*ends, kind, flow_text(sources, titles, opened.alone))
            for ends, (kind, sources, titles) in joined.items()
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
