"""Bodies: closed graphs that an op keeps as an attribute, such as the branches of a cond."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from tinygraph.dtypes import float32
from tinygraph.errors import FailedPreconditionError
from tinygraph.graph import Graph
from tinygraph.node import Node, ancestors, new_node
from tinygraph.op import Op, argument
from tinygraph.spec import UNKNOWN, Spec, common_shape

ACTIONS = ("latest", "relative", "assign")  # roles of what acts on a variable, the weakest first

variable_argument = Op("_VariableArg", None, lambda: Spec(UNKNOWN, float32), role="variable",
    doc="A variable as an input of a body.")


unchanged = Op("_Unchanged", None, lambda: Spec(UNKNOWN, float32), role="variable",
    doc="""The value that a variable has, None if it has none. A body returns it for a variable that
    another body of the same op updates: in `tg.cond(p, lambda: v.assign(1.0), lambda: x)` the
    second branch returns v unchanged.
    """)


def uninitialized(name: str) -> FailedPreconditionError:
    """The error of a variable without a value."""
    return FailedPreconditionError(
        f"Attempting to use uninitialized value {name}; run its initializer first, "
        "e.g. sess.run(tg.global_variables_initializer())"
    )


def _present(value: Any, name: str) -> None:
    if value is None:
        raise uninitialized(name)


present = Op("_Present", _present, lambda value, name: Spec(UNKNOWN, float32), role="effect",
    doc="A check of a variable's value after bodies, which may have left it without one.")


class Body:
    """A closed graph: `outputs` as a function of `inputs`, which stand for what an op gets.

    What a function used from around it is an input as well. All bodies of an op have the same
    number of outputs. An output is None if only another body of the op computes it: the gradient of
    a cond, for example, uses values from within a branch, which the other branch has not.
    """

    def __init__(self, graph: Graph, inputs: list[Node], outputs: list[Node | None]):
        self.graph = graph
        self.inputs = inputs
        self.outputs = outputs
        self._needs: dict[Node, int] = {}

    def __repr__(self) -> str:
        ends = ["None" if y is None else y.name for y in self.outputs]
        return f"<Body {', '.join(x.name for x in self.inputs)} -> {', '.join(ends)}>"

    @cached_property
    def roles(self) -> dict[int, str]:
        """By the position of an input, a variable, what the body does to it."""
        return self.roles_in(range(len(self.outputs)))

    def roles_in(self, outputs: Iterable[int]) -> dict[int, str]:
        """By the position of an input, a variable, what these outputs need to be done to it."""
        place = {x: i for i, x in enumerate(self.inputs)}
        ends = [self.outputs[i] for i in outputs]
        nodes = ancestors([y for y in ends if y is not None])
        touched = [(place[x], role) for node in nodes for x, role in roles_of(node) if x in place]
        return _strongest(touched)

    def needs(self, index: int) -> int:
        """The places of the inputs that an output is computed from, a bit for each."""
        y = self.outputs[index]
        if y is None:
            return 0
        if y not in self._needs:  # all at once: outputs are many and need much the same
            bits = {x: 1 << i for i, x in enumerate(self.inputs)}
            ends = [y for y in self.outputs if y is not None]
            for node in ancestors(ends):
                mask = bits.get(node, 0)
                for x in node.needs:
                    mask |= bits.get(x, 0)
                bits[node] = mask
            self._needs = {y: bits[y] for y in ends}
        return self._needs[y]


def _strongest(touched: Iterable[tuple]) -> dict:
    """Of several roles, which come with keys, the strongest for each key."""
    found: dict = {}
    for key, role in touched:
        if key not in found or ACTIONS.index(role) > ACTIONS.index(found[key]):
            found[key] = role
    return found


def roles_of(node: Node) -> Iterable[tuple[Node, str]]:
    """The variables that a node updates, or reads the latest value of, each with what it does."""
    kind = node.kind
    if kind.role in ACTIONS:
        return ((node.inputs[0], kind.role),)
    if not node.bodies:
        return ()
    positions = _strongest(pair for body in node.bodies for pair in body.roles.items())
    inputs = taken_by_bodies(node)
    return [(inputs[i], role) for i, role in sorted(positions.items())]


def all_nodes(graph: Graph) -> Iterator[Node]:
    """The nodes of a graph and of all bodies in it, at any depth."""
    graphs = [graph]
    for part in graphs:
        for node in part.nodes:
            yield node
            graphs += [body.graph for body in node.bodies]


def taken_by_bodies(node: Node) -> tuple[Node, ...]:
    """The inputs of a node that its bodies take: the last ones."""
    count = len(node.bodies[0].inputs)
    return node.inputs[len(node.inputs) - count :]


def captured(nodes: Iterable[Node], outputs: Iterable[Node | None]) -> list[Node]:
    """What the nodes, and the outputs, need that is not among the nodes."""
    own = dict.fromkeys(nodes)
    needed = [x for node in own for x in node.inputs]
    needed += [y for y in outputs if y is not None]
    return [x for x in dict.fromkeys(needed) if x not in own]


def enclose(
    home: Graph, nodes: Iterable[Node], sources: Mapping[Node, Node],
    outputs: Iterable[Node | None], taken: Iterable[Node],
) -> Body:
    """Move nodes of a graph into a Body with a formal input for each of `taken`.

    The keys of `sources` are nodes that the moved ones use and that stay behind. Each has one of
    `taken` as its value: in the body the formal input for that one replaces it.
    """
    like = {outer: x for x, outer in sources.items()}
    formals = {outer: formal(like.get(outer, outer)) for outer in taken}
    stand_ins = {x: formals[outer] for x, outer in sources.items()}
    own = dict.fromkeys(nodes)
    moved = {
        node: (
            tuple([stand_ins.get(x, x) for x in node.inputs]),
            tuple([x for x in node.control_inputs if x in own]),
        )
        for node in own
    }
    graph = home.split_off(moved, formals.values())
    ends = [None if y is None else stand_ins.get(y, y) for y in outputs]
    return Body(graph, list(formals.values()), ends)


def formal(x: Node) -> Node:
    """A formal input that stands for x; it has no graph yet."""
    node = new_node(variable_argument if x.kind.role == "variable" else argument, (), {}, x.spec)
    node.op_name, node.origin = x.op_name, x.origin
    node.control_inputs, node.forward = (), None
    return node


def common(specs: list[Spec]) -> Spec:
    """What holds for each of several specs of one dtype; the value, too, if there is but one."""
    if len(specs) == 1:
        return specs[0]
    return Spec(common_shape(*[spec.shape for spec in specs]), specs[0].dtype)
