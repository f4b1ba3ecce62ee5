"""Program: what the compiler makes of a graph, a pure function; and its interpreter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from tinygraph.arguments import shown
from tinygraph.body import unchanged
from tinygraph.compiler.fits import new_out
from tinygraph.compiler.trace import Trace
from tinygraph.dtypes import for_kernel
from tinygraph.errors import DTypeError, InvalidArgumentError
from tinygraph.interrupts import quietly
from tinygraph.node import Node, ancestors
from tinygraph.op import Op, const, item
from tinygraph.spec import Spec


def call_kernel(node: Node, arrays: list[Any], **options: Any) -> Any:
    """Call the node's kernel on `arrays`; `options` are its `out` and `state`.

    A kernel that takes an `out` is always given one: a new array, if it is not among the options.
    """
    if "out" not in options:
        options |= new_out(node, arrays)
    static = node.kind.static
    operands = [as_static(x) if i in static else x for i, x in enumerate(arrays)]
    result = quietly(node.kind.kernel, *operands, **options, **for_kernel(node.attrs))
    if node.kind.role == "effect":
        return result
    order: Any = "K" if node.kind.view else "C"  # the layout of `out` arrays
    if node.spec.items:
        return tuple([np.asarray(x, order=order) for x in result])
    return np.asarray(result, order=order)


def stream_of(node: Node, position: Any = None) -> Any:
    """A new state for a node's op, such as a random stream: at `position`, or else at the start."""
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


class KernelSource(NamedTuple):
    """The source of an op's kernel, for a program that defines it itself."""

    lines: Callable[..., list[str]]  # lines(**attrs), without a name behind `def`
    names: dict[str, Any]  # the objects that the lines name


class Program:
    """A compiled subgraph: its nodes in order, its results and the variables' new values.

    `evaluate`, the only interpreter, computes each node by a function that it is given. With a
    `Kernels` as this function the program is a pure function: (variables, positions of random
    streams, feeds) -> (results, new variables, new positions).
    """

    def __init__(self, trace: Trace):
        self.trace = trace
        self.feeds: list[Node] = []
        self.results: list[Node] = []
        # in a body: index of a result that is a variable's new value -> the old value
        self.starts: dict[int, Node] = {}
        self.updates: dict[Node, Node] = {}  # the user's variable -> its new value
        self.nodes: list[Node] = []
        self.kernel_sources: dict[Op, KernelSource] = {}  # for the ops that a pass has made
        self.in_place = False  # set by the pass `inplace`: results may overwrite arrays
        self.specs: dict[Node, Spec] = {}  # user's node -> its spec, for the fed shapes

    def evaluate(
        self, feeds: Iterable[Any], rule: Callable[[Node, list[Any]], Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """The results for these feeds, and the new values of variables by name.

        `rule(node, values)` is the value of a node, from those of its inputs. A variable that had
        no value, and was given none by a branch (None), is left out.
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

    def with_bodies(self) -> Iterator[Program]:
        """This program and those of its nodes' bodies, at any depth."""
        yield self
        for body in self.bodies():
            yield from body.with_bodies()

    def all_nodes(self) -> Iterator[Node]:
        """Its nodes and those of bodies, at any depth."""
        return chain.from_iterable([program.nodes for program in self.with_bodies()])

    def draws(self) -> bool:
        """Whether a run changes the state of an op, such as a random stream."""
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
        """Replace nodes in results and updates; `order` has all nodes, old and new, in order."""
        for position, node in enumerate(order):
            node.id = position
        self.results = [replaced.get(node, node) for node in self.results]
        self.updates = {v: replaced.get(node, node) for v, node in self.updates.items()}
        self.prune()


class Kernels:
    """The `rule` of `evaluate` that computes nodes by their NumPy kernels, and overwrites no array.

    Parameters
    ----------
    variables, positions
        The values of variables and the positions of random streams, by the names of the user's
        nodes. A stream without a position is at its start, which is random without a seed.
    compute
        `compute(node, arrays)` calls a kernel; for an op with a state it gets the stream to draw
        from as `state=`.

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
            return self._variable_value(node, *arrays)
        if node.bodies:
            functions = tuple(map(self._function, node.bodies))
            return kind.kernel(*arrays, **{**node.attrs, "bodies": functions})
        if kind.state is None:
            return self.compute(node, arrays)
        stream = stream_of(node, self.moved.get(name, self.positions.get(name)))
        value = self.compute(node, arrays, state=stream)
        self.moved[name] = stream.position
        return value

    def _variable_value(self, node: Node, initial: Any = None) -> Any:
        """A variable's value in the session; without one, `initial` if the node allows that."""
        if node.inputs or node.kind is unchanged:
            return self.variables.get(node.op_name, initial)
        return self.variables[node.op_name]

    def _function(self, body: Program) -> Callable[..., tuple]:
        return lambda *feeds: tuple(body.evaluate(feeds, self)[0])


def _acts(node: Node) -> bool:
    """Whether a node has an effect or a state, or has a body with such a node."""
    kind = node.kind
    if kind.role == "bodies":
        return any(_acts(x) for body in node.bodies for x in body.nodes)
    return kind.stateful and kind.role not in ("feed", "variable")


def describe(node: Node, specs: Mapping[Node, Spec]) -> str:
    """A node and its inputs, and where the user made them, as text for errors."""
    operation = node.op.node
    lines = [f"  in '{node.label}' (op: '{operation.kind.name}'), made at {node.where}"]
    for x in operation.inputs:
        spec = specs.get(x, x.spec)
        lines.append(f"    input '{x.label}': {spec}, made at {x.where}")
    if node.forward is not None:
        forward = node.forward
        lines.append(f"    for the gradient of '{forward.op_name}', made at {forward.where}")
    return "\n".join(lines)
