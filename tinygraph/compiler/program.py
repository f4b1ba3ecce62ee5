"""A lowered subgraph as a pure function, and its one interpreter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from tinygraph.arguments import shown
from tinygraph.body import unchanged
from tinygraph.compiler.fits import fresh
from tinygraph.compiler.trace import Trace
from tinygraph.dtypes import for_kernel
from tinygraph.errors import DTypeError, InvalidArgumentError
from tinygraph.interrupts import quietly
from tinygraph.node import Node, ancestors
from tinygraph.op import Op, const, item
from tinygraph.spec import Spec


def call_kernel(node: Node, arrays: list[Any], **options: Any) -> Any:
    """What the node's kernel makes of `arrays`; `options` are its `out` and `state`.

    A kernel that takes an `out` is always given one: a new array, if it is not among the options.
    """
    if "out" not in options:
        options |= fresh(node, arrays)
    static = node.kind.static
    operands = [as_static(x) if i in static else x for i, x in enumerate(arrays)]
    result = quietly(node.kind.kernel, *operands, **options, **for_kernel(node.attrs))
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
    which `evaluate` defines, the one interpreter.
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
        self, feeds: Iterable[Any], rule: Callable[[Node, list[Any]], Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """The results for these feeds, and the new values of variables by name.

        `rule(node, values)` is the value of a node, from those of its inputs. A variable without a
        value that no branch gives one, None, is not among the new ones.
        """
        values = dict(zip(self.feeds, feeds, strict=True))
        for node in self.nodes:
            if node not in values:
                values[node] = rule(node, [values[x] for x in node.inputs])
        new = {variable.op_name: values[node] for variable, node in self.updates.items()}
        present = {name: value for name, value in new.items() if value is not None}
        return [values[node] for node in self.results], present

    def bodies(self) -> Iterator[Program]:
        """The programs that are its nodes' bodies."""
        return chain.from_iterable(
            [node.bodies for node in self.nodes if node.kind.role == "bodies"])

    def all(self) -> Iterator[Program]:
        """It and the programs of its nodes' bodies, at any depth."""
        yield self
        for body in self.bodies():
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


class Kernels:
    """The rule of NumPy: a node's value is what its kernel makes of arrays; nothing is overwritten.

    Parameters
    ----------
    variables, positions
        The values of variables and the positions of random streams, by the names of the user's
        nodes. A stream without a position is at its start, which is anywhere if nothing is seeded.
    compute
        `compute(node, arrays)` calls a kernel; that of an op with a state gets `state=` too, the
        stream to draw from.

    Attributes
    ----------
    moved
        The new positions of the streams that have been drawn from.
    """

    def __init__(
        self, variables: Mapping[str, Any], positions: Mapping[str, Any],
        compute: Callable[..., Any] = call_kernel,
    ):
        self.variables, self.positions, self.compute = variables, positions, compute
        self.moved: dict[str, Any] = {}

    def __call__(self, node: Node, arrays: list[Any]) -> Any:
        kind, name = node.kind, node.op_name
        if kind is const:
            return node.attrs["value"]
        if kind is item:
            return arrays[0][node.attrs["index"]]
        if kind.role == "variable":
            return self._kept(node, *arrays)
        if node.bodies:
            functions = tuple(map(self._function, node.bodies))
            return kind.kernel(*arrays, **{**node.attrs, "bodies": functions})
        if kind.state is None:
            return self.compute(node, arrays)
        stream = stream_of(node, self.moved.get(name, self.positions.get(name)))
        value = self.compute(node, arrays, state=stream)
        self.moved[name] = stream.position
        return value

    def _kept(self, node: Node, initial: Any = None) -> Any:
        """What the session keeps for a variable, or what it would be given first, if anything."""
        if node.inputs or node.kind is unchanged:
            return self.variables.get(node.op_name, initial)
        return self.variables[node.op_name]

    def _function(self, body: Program) -> Callable[..., tuple]:
        return lambda *feeds: tuple(body.evaluate(feeds, self)[0])


def _acts(node: Node) -> bool:
    """Whether a node of a program does more than to give its value; so may one of a body."""
    kind = node.kind
    if kind.role == "bodies":
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
