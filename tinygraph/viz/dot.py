"""Graphs as pictures: the network, its parameters and the way its gradients take, for lectures.

The forward pass flows down on the left; the backward pass flows up on the right, each gradient
beside the op that it belongs to and each update beside its variable. Colours are of Okabe and
Ito's palette, which the colour-blind tell apart; borders and shapes say the same again in grey.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple

from tinygraph.arguments import choice, expect, flag, integer, sequence, shown, text
from tinygraph.compiler.profile import Profile
from tinygraph.defaults import get_default_graph
from tinygraph.errors import DTypeError, GraphError
from tinygraph.graph import Graph, Node, Operation
from tinygraph.nest import flatten
from tinygraph.node import ancestors
from tinygraph.typing import Fetches
from tinygraph.viz.heat import paint
from tinygraph.viz.picture import Picture
from tinygraph.viz.selection import Options
from tinygraph.viz.view import Box, Edge, View
from tinygraph.viz.words import allowed, count_text, is_trainable, parameters_of, shortened

DIRECTIONS = ("TB", "BT", "LR", "RL")
LARGE = 150  # boxes; from here on Graphviz is told to stop polishing after a few seconds
NESTED = 8  # levels of clusters; deeper scopes are spelt out only in tooltips
LONGEST = 44  # characters of a label's line


class Look(NamedTuple):
    """How a kind of box looks, as a node and in the legend."""

    legend: str
    fill: str
    line: str
    style: str = "rounded,filled"
    width: float = 1.0
    more: tuple[str, ...] = ()


LOOKS = {
    "placeholder": Look("placeholder", "#FFF3CC", "#8A6500", "filled", 1.2, ("shape=ellipse",)),
    "variable": Look("variable", "#CDE7F7", "#0072B2", "filled", 2.4),
    "constant": Look("constant", "#EEEEEE", "#AAAAAA", "filled", 1.0),
    "random": Look("random op", "#FFFFFF", "#333333", "rounded,filled,dashed", 1.6),
    "op": Look("op", "#FFFFFF", "#333333"),
    "choice": Look("choice of a branch", "#E9E3F5", "#5B4A8A", "filled", 1.6,
                   ("shape=invtrapezium",)),
    "scope": Look("scope of several ops", "#EBEBEB", "#999999", "rounded,filled", 1.6),
    "training": Look("scope of gradients and updates", "#F9E3D3", "#C98A5E", "rounded,filled", 1.6),
    "loss": Look("loss", "#F2D5E5", "#9C3B76", "rounded,filled", 1.6, ("peripheries=2",)),
    "gradient": Look("gradient op", "#F9C9A5", "#B34A00"),
    "update": Look("update of a variable", "#A9DCCA", "#00664A", "rounded,filled", 2.0),
    "group": Look("group", "#FFFFFF", "#777777", "rounded,filled,dotted", 1.4),
}
NAMED = ("placeholder", "variable", "group", "scope", "training")  # titled by name, not by type
ARROWS = {  # attributes of an edge, and what the legend says
    "data": ("", ""),
    "saved": ('color="#9A9A9A", penwidth=0.8', '<font color="#8A8A8A">→</font> kept for gradients'),
    "state": ('color="#00664A", dir=both', '<font color="#00664A">↔</font> read and updated'),
    "control": ("style=dashed", "⇢ control dependency"),
    "shape": ("style=dotted", "⇢ shape only"),
    "start": ("style=dashed", ""),
}
HEADER = """\
  graph [newrank=true, rankdir=%s, nodesep=0.3, ranksep=0.32, fontname="Helvetica", fontsize=12,
         fontcolor="#444444", labelloc=t, bgcolor=white, pad=0.2];
  node [shape=box, style="rounded,filled", fillcolor=white, color="#333333", height=0.32,
        margin="0.12,0.06", fontname="Helvetica", fontsize=12];
  edge [color="#333333", fontcolor="#444444", fontname="Helvetica", fontsize=10, arrowsize=0.7];"""
SCOPES = {  # the frames of the forward pass and of the training
    "f": 'style="rounded,filled"; fillcolor="#0000000A"; color="#BBBBBB"; labeljust=l;',
    "t": 'style="rounded,filled"; fillcolor="#D55E0012"; color="#D9A27C"; labeljust=l;',
}


def to_dot(
    graph: Graph | Fetches | None = None, *, title: str | None = None, backward: bool = True,
    constants: bool = False, initializers: bool = False, updates: bool = False,
    depth: int | None = None, direction: str = "TB", legend: bool = True,
    profile: Profile | None = None,
) -> Picture:
    """Draw a graph, or what some fetches need of it.

    Variables show their parameters, edges what flows along them, name scopes are frames, a
    composite op is one node, a cond a frame around one for each branch. What would hide the network
    is left out: small constants stand as `y = 0.5` in the op that takes them, and of an optimizer
    each update is one node.

    Parameters
    ----------
    graph
        A graph, the default one if None; or fetches as `Session.run` takes them: only what they
        need is drawn.
    title
        A title, above the number of parameters.
    backward
        Draw gradients and updates too.
    constants
        Draw constants and the arithmetic on shapes.
    initializers
        Draw initial values and initialisers; for fetches they are drawn if needed.
    updates
        Draw the ops and slots inside of each update.
    depth
        Draw a scope of so many levels as one node, 1 for the outermost; all levels open if None.
    direction
        Where the forward pass flows: "TB" down, "BT" up, "LR" right or "RL" left.
    legend
        Explain the kinds of nodes and edges, and the colours of a profile.
    profile
        Colour each node by its share of the time of a run, which `Session.profile` has measured,
        in place of its kind. A collapsed scope has the time of all nodes in it.

    Returns
    -------
    A `Picture`, with `render(path)`, which a notebook shows.

    >>> x = tg.placeholder(tg.float32, [None, 784], name="x")
    >>> w = tg.Variable(tg.zeros([784, 10]), name="w")
    >>> picture = tg.viz.to_dot(tg.matmul(x, w), title="A linear model")
    >>> picture
    <tg.viz.Picture of 3 nodes, 7,840 parameters>
    >>> "784×10 = 7,840 parameters" in picture.source, "float32[?,784]" in picture.source
    (True, True)
    """
    choice(direction, "direction", DIRECTIONS)
    shown_parts = {"backward": backward, "constants": constants, "initializers": initializers,
                   "updates": updates, "legend": legend}
    for what, value in shown_parts.items():
        flag(value, what)
    if depth is not None:
        integer(depth, "depth", least=1)
    if title is not None:
        text(title, "title")
    graph, roots = _roots(graph)
    nodes = ancestors(roots) if roots else graph.nodes
    view = View(graph, nodes, roots, Options(backward, constants, initializers, updates, depth))
    variables = [x for x in nodes if x.kind.role == "variable" and x in view.box_of]
    parameters = parameters_of(filter(is_trainable, variables))
    lines = ["digraph tinygraph {", HEADER % direction]
    lines += ["  nslimit=4;"] if len(view.boxes) > LARGE else []
    heat = paint(view, profile) if profile is not None else []
    lines += _caption(view, title, variables, parameters, legend, heat)
    lines += _parts(view, SCOPES | {"t": SCOPES["f"]} if heat else SCOPES)
    lines += [_edge(edge) for edge in view.edges]
    lines += _alignments(view)
    return Picture("\n".join([*lines, "}", ""]), len(view.boxes), parameters)


def count_parameters(variables: Graph | Node | Iterable[Node] | None = None) -> int:
    """The number of elements of `variables`, or of all trainable ones of a graph.

    `variables` is a variable or several, or a graph; the default graph if None.

    >>> w, b = tg.Variable(tg.zeros([784, 10])), tg.Variable(tg.zeros([10]))
    >>> tg.viz.count_parameters(), tg.viz.count_parameters([b])
    (7850, 10)
    """
    if variables is None or isinstance(variables, Graph):
        graph = get_default_graph() if variables is None else variables
        return parameters_of(filter(is_trainable, graph.nodes))
    items = [variables] if isinstance(variables, Node) else sequence(variables, "variables")
    for item in items:
        if not isinstance(item, Node) or item.kind.role != "variable":
            raise DTypeError(f"only variables have parameters, not {item!r}")
    return parameters_of(items)


def summary(graph: Graph | None = None) -> str:
    """The variables of a graph, or of the default one, as a table with their parameters.

    >>> w, b = tg.Variable(tg.zeros([784, 10]), name="w"), tg.Variable(tg.zeros([10]), name="b")
    >>> print(tg.viz.summary())
    variable  shape           parameters
    w         float32[784,10]      7,840
    b         float32[10]             10
    total                          7,850
    """
    graph = get_default_graph() if graph is None else expect(graph, Graph, "graph", "a tg.Graph")
    nodes = graph.nodes
    rows = [("variable", "shape", "parameters", "")]
    for x in nodes:
        if x.kind.role == "variable":
            size = x.spec.shape.num_elements()
            count = "?" if size is None else f"{size:,}"
            rows.append((x.op_name, str(x.spec), count, "" if is_trainable(x) else "  not trained"))
    rows.append(("total", "", f"{count_parameters(graph):,}", ""))
    names, shapes, counts = (max(len(row[i]) for row in rows) for i in range(3))
    return "\n".join(f"{a:{names}}  {b:{shapes}} {c:>{counts}}{d}" for a, b, c, d in rows)


# ---------------------------------------------------------------- what to draw


def _roots(fetches: Any) -> tuple[Graph, list[Node]]:
    """The graph, and the nodes that `fetches` name: none for a whole graph."""
    if fetches is None:
        return get_default_graph(), []
    if isinstance(fetches, Graph):
        return fetches, []
    roots: dict[Node, None] = {}
    for item in flatten(fetches, "fetches"):
        if isinstance(item, str):
            item = get_default_graph().as_graph_element(item)
        node = item.node if isinstance(item, Operation) else item
        if not isinstance(node, Node):
            raise DTypeError(f"cannot draw {shown(node)}: a graph, tensors or operations expected")
        roots[node] = None
    if not roots:
        raise GraphError("no fetches to draw")
    graph = next(iter(roots)).graph
    for node in roots:
        graph.as_graph_element(node)
    return graph, list(roots)


# ---------------------------------------------------------------- the parts of the text


def _caption(
    view: View, title: str | None, variables: list[Node], parameters: int, legend: bool,
    heat: list[str],
) -> Iterator[str]:
    """The graph's label: title, number of parameters and legend."""
    rows = [f'<font point-size="18"><b>{_text(title, 120)}</b></font>'] if title else []
    if parameters:
        count = sum(map(is_trainable, variables))
        words = f"{count_text(parameters, 'parameter')} in {count_text(count, 'variable')}"
        rows.append(f'<font point-size="13">{words}</font>')
    if legend:
        rows += heat + _legend(view, blank=bool(heat))
    if rows:
        table = "".join(f"<tr><td>{row}</td></tr>" for row in rows)
        yield f'  label=<<table border="0" cellspacing="2">{table}</table>>;'


def _legend(view: View, blank: bool) -> list[str]:
    roles, kinds = {box.role for box in view.boxes}, {edge.kind for edge in view.edges}
    cells = "".join(
        f'<td><table border="{max(1, round(look.width))}" cellborder="0" cellspacing="0" '
        f'cellpadding="4" color="{look.line}" bgcolor="{"#FFFFFF" if blank else look.fill}" '
        f'style="{_table_style(look)}">'
        f"<tr><td> {look.legend} </td></tr></table></td>"
        for role, look in LOOKS.items()
        if role in roles
    )
    rows = [f'<table border="0" cellspacing="4"><tr>{cells}</tr></table>'] if cells else []
    words = "&nbsp;" * 5
    words = words.join(text for kind, (_, text) in ARROWS.items() if kind in kinds and text)
    return [*rows, f'<font point-size="11">{words}</font>'] if words else rows


def _table_style(look: Look) -> str:
    """What a table can show of a node's style."""
    round_ = "rounded" in look.style or "shape=ellipse" in look.more
    dashes = next((x for x in ("dashed", "dotted") if x in look.style), "")
    return ",".join(filter(None, ["rounded" if round_ else "", dashes])) or "solid"


def _parts(view: View, frames: Mapping[str, str]) -> Iterator[str]:
    """The nodes in their scopes: the forward pass left of the training, if there is any."""
    parts = {"t": [box for box in view.boxes if box.training],
             "f": [box for box in view.boxes if not box.training]}
    frame = 'style=invis; label=""; margin=4;'
    both = bool(parts["t"])
    if both:
        yield f"  subgraph cluster_all {{ {frame}"  # without it, either part may come left
    for part, boxes in parts.items():
        keys = (f"cluster_{part}{i}" for i in count())
        lines = _scopes(boxes, keys, frames[part], view.opened.frames)
        yield from [f"  subgraph cluster_{part} {{ {frame}", *lines, "  }"] if both else lines
    if both:
        yield "  }"


def _scopes(
    boxes: list[Box], keys: Iterator[str], style: str, framed: set[str],
    path: tuple[str, ...] = (), around: str = "", indent: str = "  ",
) -> Iterator[str]:
    """The nodes of `boxes`, all in the scope `path`, as a cluster if they are several.

    A scope in `framed` is a cluster in any case. `around` is the scope of the innermost cluster,
    and each of `keys` is the name of one cluster.
    """
    scope = "/".join(path)
    is_cluster = scope != "" and (len(boxes) > 1 or scope in framed)
    if is_cluster:
        around = scope
        yield f"{indent}subgraph {next(keys)} {{"
        indent += "  "
        yield f"{indent}label=<{_text(path[-1])}>; {style}"
    inner: dict[tuple[str, ...], list[Box]] = {}
    for box in boxes:
        own = tuple(box.scope.split("/")[:NESTED]) if box.scope else ()
        if own == path:
            yield indent + _node(box, box.scope[len(around) :].strip("/"))
        else:
            inner.setdefault(own[: len(path) + 1], []).append(box)
    for deeper, members in inner.items():
        yield from _scopes(members, keys, style, framed, deeper, around, indent)
    if is_cluster:
        yield indent[2:] + "}"


def _node(box: Box, path: str) -> str:
    """A node; `path` is the part of its scope that no cluster shows."""
    look = LOOKS[box.role]
    title = f"{path}/{box.title}" if path and box.role in NAMED else box.title
    label = f"<b>{_text(title)}</b>" + "".join(
        f'<br/><font point-size="10">{_text(line)}</font>' for line in box.lines
    )
    if box.role == "constant":
        label = f'<font point-size="10">{_text(title)}</font>'
    attributes = [f"label=<{label}>", f'tooltip="{_quoted(_tooltip(box.node))}"']
    if box.role != "op" or box.fill is not None:
        attributes += [f'style="{look.style}"', f'fillcolor="{box.fill or look.fill}"',
                       f'color="{look.line}"', f"penwidth={look.width:g}", *look.more]
    return f"{box.key} [{', '.join(attributes)}];"


def _tooltip(node: Node) -> str:
    spec = "" if node.kind.role == "effect" else f", {shortened(str(node.spec), 3 * LONGEST)}"
    return f"{node.op_name}: {node.kind.name}{spec}"


def _edge(edge: Edge) -> str:
    """An edge; inside of the training turned round, so that gradients flow back up."""
    look, _ = ARROWS[edge.kind]
    source, target = edge.source, edge.target
    attributes = [look] if look else []
    if edge.kind == "data":
        attributes.append(f'label=" {edge.flows} "')
    turned = source.training and target.training
    if turned:
        attributes.append("dir=back")
    elif target.training and edge.kind in ("saved", "control", "shape"):
        attributes.append("constraint=false")
    else:
        attributes.append(f"weight={ {'variable': 1, 'placeholder': 2}.get(source.role, 8) }")
    if edge.kind != "start":
        attributes.append(f'tooltip="{_quoted(_tooltip(source.node))}"')
    first, second = (target, source) if turned else (source, target)
    return f"  {first.key} -> {second.key} [{', '.join(attributes)}];"


def _alignments(view: View) -> Iterator[str]:
    """What stands at the same height: a gradient and its op, an update and its variable."""
    taken = set()
    for box in view.boxes:
        partner = view.box_of.get(box.partner) if box.partner is not None else None
        if partner is not None and box.training and not partner.training and partner not in taken:
            taken.add(partner)
            yield f"  {{ rank=same; {partner.key}; {box.key}; }}"


# ---------------------------------------------------------------- escaping


def _line(text: Any) -> str:
    """Text on one line, of characters that XML allows."""
    return " ".join(allowed(str(text)).split())


def _text(text: Any, longest: int = LONGEST) -> str:
    """Text in a label, which is a kind of HTML; its middle left out where it would not fit."""
    line = shortened(_line(text), longest)
    # Graphviz puts the graph's name for \G, whatever is before it; a space of no width parts them.
    return html.escape(line).replace("\\", "\\\u200b") or "&nbsp;"


def _quoted(text: str) -> str:
    """Text between double quotes, where Graphviz reads entities and backslashes."""
    return html.escape(_line(text)).replace("\\", "\\\\")
