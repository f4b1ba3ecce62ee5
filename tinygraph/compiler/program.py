"""A lowered subgraph as a pure function, and its one interpreter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from tinygraph.arguments import shown
from tinygraph.body import unchanged
from tinygraph.compiler.trace import Trace
from tinygraph.errors import DTypeError, InvalidArgumentError
from tinygraph.interrupts import quietly
from tinygraph.node import Node, ancestors
from tinygraph.op import Op, argument, const, item
from tinygraph.spec import Spec

Compute = Callable[..., Any]


def call_kernel(node: Node, arrays: list[Any], **options: Any) -> Any:
    """What the node's kernel makes of `arrays`; `options` are its `out` and `state`."""
    static = node.kind.static
    operands = [as_static(x) if i in static else x for i, x in enumerate(arrays)]
    result = quietly(node.kind.kernel, *operands, **options, **node.attrs)
    if node.kind.role == "effect":
        return result
    order: Any = "K" if node.kind.view else "C"  # as an `out` would be
    if node.spec.items:
        return tuple([np.asarray(x, order=order) for x in result])
    return np.asarray(result, order=order)


def stream_of(node: Node, position: Any = None) -> Any:
    """The random stream, or what else is its op's state, of a node: at its start or a position."""
    kind = node.kind
    if kind.state is None:
        raise InvalidArgumentError(
            f"the body of the composite {kind.name} draws random numbers or prints, and only an op "
            f"of the graph has a state: do it outside, and hand values on\n{describe(node, {})}",
            node,
        )
    stream = kind.state(name=node.op_name, **node.attrs)  # type: ignore[misc]
    if not hasattr(stream, "position"):
        raise DTypeError(f"the state of {kind.name} must have a position, unlike {shown(stream)}")
    if position is not None:
        stream.position = position
    return stream


def as_static(value: Any) -> Any:
    """An array as nested tuples of Python's numbers, or as a number: what kernels get as shapes."""
    return tuple(as_static(x) for x in value) if np.ndim(value) else np.asarray(value).item()


class Written(NamedTuple):
    """How the source of a program defines the kernels of an op, and what they name in it."""

    lines: Callable[..., list[str]]  # of the node's attributes; the function has no name yet
    names: dict[str, Any]


class Program:
    """A lowered subgraph: its nodes in order, what it returns and what it makes of variables.

    It is a pure function (variables, positions, feeds) -> (results, new variables, new positions),
    which `evaluate` defines.
    """

    def __init__(self, trace: Trace):
        self.trace = trace
        self.feeds: list[Node] = []
        self.results: list[Node] = []
        # in a body: where a result is the value of a variable, its value before
        self.starts: dict[int, Node] = {}
        self.updates: dict[Node, Node] = {}  # the user's variable -> its new value
        self.nodes: list[Node] = []
        self.written: dict[Op, Written] = {}
        self.in_place = False  # whether results may take over arrays: the pass `inplace`
        self.specs: dict[Node, Spec] = {}  # what became of the specs of the user's nodes

    def evaluate(
        self,
        variables: Mapping[str, Any],
        positions: Mapping[str, Any],
        feeds: Iterable[Any],
        compute: Compute | None = None,
    ) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        """The results, and the new values of variables and new positions of random streams.

        Node by node, without any buffers, and nothing that it is given changes. Variables and
        positions go by the names of the user's nodes; a stream without a position is at its start,
        which is anywhere if nothing is seeded. A variable without a value that no branch gives one
        is not among the new ones.
        `compute(node, arrays)` is the value of a node, by default its kernel's; for an op with a
        state it is called with `state=`, the stream to draw from.
        """
        compute = compute or call_kernel
        values = dict(zip(self.feeds, feeds, strict=True))
        moved: dict[str, Any] = {}
        for node in self.nodes:
            arrays = [values[x] for x in node.inputs]
            if node.kind is const:
                values[node] = node.attrs["value"]
            elif node.kind.role == "variable":
                values[node] = _kept(variables, node, values)
            elif node.kind is item:
                values[node] = values[node.inputs[0]][node.attrs["index"]]
            elif node.bodies:
                values[node] = self._chosen(node, arrays, variables, positions, compute, moved)
            elif node.kind.state is not None:
                stream = stream_of(node, positions.get(node.op_name))
                values[node] = compute(node, arrays, state=stream)
                moved[node.op_name] = stream.position
            elif node.kind is not argument:
                values[node] = compute(node, arrays)
        new = {
            variable.op_name: values[node] for variable, node in self.updates.items()
            if values[node] is not None
        }
        return [values[node] for node in self.results], new, moved

    @staticmethod
    def _chosen(
        node: Node, arrays: list[Any], variables: Mapping[str, Any], positions: Mapping[str, Any],
        compute: Compute, moved: dict[str, Any],
    ) -> tuple:
        """The value of an op with bodies: its kernel calls those that it chooses."""

        def function(body: Program) -> Callable[..., tuple]:
            def call(*feeds: Any) -> tuple:
                now = {**positions, **moved}
                results, _, drawn = body.evaluate(variables, now, feeds, compute)
                moved.update(drawn)
                return tuple(results)

            return call

        functions = tuple(map(function, node.bodies))
        return node.kind.kernel(*arrays, **{**node.attrs, "bodies": functions})

    def all(self) -> Iterator[Program]:
        """It and the programs of its nodes' bodies, at any depth."""
        yield self
        for node in self.nodes:
            if node.bodies:
                for body in node.bodies:
                    yield from body.all()

    def all_nodes(self) -> Iterator[Node]:
        """Its nodes and those of bodies."""
        return chain.from_iterable([part.nodes for part in self.all()])

    def draws(self) -> bool:
        """Whether it moves random streams on."""
        kinds = {node.kind for node in self.all_nodes()}
        return any(kind.state is not None for kind in kinds)

    def uses(self) -> Counter[Node]:
        """How often each value is an input, a result or an update."""
        uses = Counter(chain.from_iterable([node.inputs for node in self.nodes]))
        uses.update([*self.results, *self.updates.values()])
        return uses

    def prune(self) -> None:
        """Keep the nodes that results, updates, effects and random streams need, in order."""
        kept = [node for node in self.nodes if _acts(node)]
        self.nodes = ancestors([*self.results, *self.updates.values(), *kept], whole=True)

    def replace(self, replaced: Mapping[Node, Node], order: Iterable[Node]) -> None:
        """Put other nodes in place of some; `order` is one for all, old and new."""
        for place, node in enumerate(order):
            node.id = place
        self.results = [replaced.get(node, node) for node in self.results]
        self.updates = {v: replaced.get(node, node) for v, node in self.updates.items()}
        self.prune()


def _kept(variables: Mapping[str, Any], node: Node, values: Mapping[Node, Any]) -> Any:
    """What the session keeps for a variable, or the value of its input, if it has one."""
    if node.kind is unchanged:
        return variables.get(node.op_name)
    if node.inputs:
        return variables.get(node.op_name, values[node.inputs[0]])
    return variables[node.op_name]


def _acts(node: Node) -> bool:
    """Whether a node of a program does more than to give its value; so may one of a body."""
    kind = node.kind
    if node.bodies:
        return any(_acts(x) for body in node.bodies for x in body.nodes)
    return kind.stateful and kind.role not in ("feed", "variable")


def describe(node: Node, specs: Mapping[Node, Spec]) -> str:
    """Which op it is, on what, and who made it, for an error message."""
    operation = node.op.node
    lines = [f"  in '{node.label}' (op: '{operation.kind.name}'), made at {node.where}"]
    for x in operation.inputs:
        spec = specs.get(x, x.spec)
        lines.append(f"    input '{x.label}': {spec}, made at {x.where}")
    if node.forward is not None:
        forward = node.forward
        lines.append(f"    for the gradient of '{forward.op_name}', made at {forward.where}")
    return "\n".join(lines)
