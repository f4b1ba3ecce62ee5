"""Graph to graph: the user's nodes, replayed with the fed shapes into a smaller, concrete graph.

Replaying a node calls its op again, so its shape rule runs again, now on exact shapes. While that
happens `Trace.add` folds what is constant, merges what is equal, and asks each op for something
simpler to put in its place (`Op.rewrite`); for a composite that is its body.

Variables become plain values on the way. An update is the variable's new value, a read gets the
value that its place in the order of control dependencies entitles it to, and what is left has no
side effects but random streams: the order of its lines cannot matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np

from tinygraph.arguments import shown
from tinygraph.compiler.fits import Rule, fits, may_not_fit
from tinygraph.compiler.order import in_order
from tinygraph.errors import (
    DTypeError, InvalidArgumentError, OverwrittenUpdateWarning, TinygraphError,
)  # fmt: skip
from tinygraph.graph import Graph, Node, new_node
from tinygraph.node import ancestors
from tinygraph.interrupts import quietly
from tinygraph.op import Op, argument, bundle, const, item, repeated
from tinygraph.ops.array import ensure_shape
from tinygraph.origin import warn
from tinygraph.spec import Shape, Spec

PASSES = frozenset({"fold", "merge", "simplify", "scale", "fuse", "inplace"})
"""The optimisations, each of which can be left out; `simplify`, `scale` and `fuse` change rounding.
"""

PURE_PASSES = frozenset({"fold", "merge", "simplify"})
"""Those that know of no memory: what they leave is a program for any library of arrays."""

OPTIONAL_PASSES = frozenset({"loops"})
"""What can be added to them: `loops` needs numba, and compiles for a second or two."""

FOLD_LIMIT = 10 * 2**20  # bytes; as TF's, so that a plan doesn't hoard what is cheap to make


class Trace(Graph):
    """The graph being compiled. `user_node[n]` is the user's node that n helps to compute."""

    def __init__(self, passes: frozenset[str] = PASSES):
        super().__init__()
        self.passes = passes
        self.user_node: dict[Node, Node] = {}
        self.current: Node | None = None
        self.memo: dict[tuple, Node] = {}

    def add(self, kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec, name: Any) -> Node:
        key = self._key(kind, inputs, attrs)
        if key is not None and key in self.memo:
            return self.memo[key]
        if inputs and may_not_fit(kind, inputs):
            rule = Rule(kind, inputs, attrs)
            self.add(fits, rule.inputs, {"rule": rule}, spec, "")
        node = self._simpler(kind, inputs, attrs, spec)
        if node is None:
            node = new_node(kind, inputs, attrs, spec)
            node.graph, node.id = self, len(self.nodes)
            node.control_inputs = ()
            node.origin = node.forward = None
            assert self.current is not None
            node.op_name = self.current.op_name
            self.user_node[node] = self.current
            self.nodes.append(node)
        if key is not None:
            self.memo[key] = node
        return node

    def _key(self, kind: Op, inputs: tuple[Node, ...], attrs: dict) -> tuple | None:
        if kind.stateful or "merge" not in self.passes:
            return None
        if kind is const:
            value = attrs["value"]
            return (kind, value.dtype, value.shape, value.tobytes()) if value.size <= 1024 else None
        items = tuple(attrs.items())
        try:
            hash(items)
            text = repr(attrs) if attrs else ""
        except Exception:  # noqa: BLE001  (of a user's op, an attribute without a hash or a text)
            return None
        return kind, inputs, items, text

    def _simpler(self, kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec) -> Node | None:
        if kind is const or kind.stateful:
            return None
        if kind.rewrite is not None and ("simplify" in self.passes or kind.kernel is None):
            node = kind.rewrite(*inputs, **attrs)
            if node is not None:
                return node if isinstance(node, Node) else self._bundle(node)
        if "simplify" in self.passes and kind.view and not kind.repeats:
            x = inputs[0]  # a view of equal elements shows more of the same
            if _all_equal(x) and x.dtype is spec.dtype and spec.shape.is_fully_defined():
                return repeated(x.inputs[0], spec.shape)
        if "fold" not in self.passes:
            return None
        if spec.constant is not None:
            return self._const(spec.constant, spec)
        values = self._folded(kind, inputs, attrs, spec) if inputs and not kind.effect else None
        if values is None:
            return None
        if spec.items:
            return self._bundle(map(self._const, values, spec.items))
        return self._const(values[0], spec)

    def _bundle(self, nodes: Iterable[Node]) -> Node:
        """Nodes in place of an op with several outputs: the outputs are these nodes themselves."""
        values = tuple(nodes)
        return self.add(bundle, values, {}, Spec.of_items([x.spec for x in values]), "")

    def call_output(self, value: Node, output: Node) -> None:
        """Give what was made for one of several outputs the name of that output."""
        if self.user_node[value] is output.inputs[0] and not value.kind.stateful:
            self.user_node[value] = output
            value.op_name = output.name

    def _const(self, value: np.ndarray, spec: Spec) -> Node:
        exact = Spec(Shape.of(value.shape), spec.dtype, value)
        return self.add(const, (), {"value": value}, exact, "")

    def _folded(self, kind: Op, inputs, attrs: dict, spec: Spec) -> list[np.ndarray] | None:
        """The outputs of an op on constants, if there is one and they aren't too large."""
        if kind.kernel is None:
            return None
        arrays = []
        for node in inputs:
            array = node.spec.constant
            if array is None:
                return None
            arrays.append(array)
        outputs = spec.items or (spec,)
        if kind.repeats or spec.bytes > FOLD_LIMIT:
            return None
        if not all(output.shape.is_fully_defined() for output in outputs):
            return None
        try:
            made = quietly(kind.kernel, *arrays, **attrs)
        except Exception:  # noqa: BLE001  (the run will raise it, and name the node)
            return None
        values = list(map(np.array, made if spec.items else [made]))
        for value, output in zip(values, outputs, strict=True):
            if value.dtype != output.dtype.numpy or value.shape != output.shape.sizes:
                return None  # the run will complain
            value.flags.writeable = False
        return values


def _all_equal(node: Node) -> bool:
    """Whether the node repeats one scalar; what such a view shows is one again, of any shape."""
    return node.kind.repeats and node.inputs[0].spec.shape.sizes == ()


Compute = Callable[..., Any]


def call_kernel(node: Node, arrays: list[Any], **options: Any) -> Any:
    """What the node's kernel makes of `arrays`; `options` are its `out` and `state`."""
    static = node.kind.static
    operands = [as_static(x) if i in static else x for i, x in enumerate(arrays)]
    result = quietly(node.kind.kernel, *operands, **options, **node.attrs)
    if node.kind.effect:
        return result
    order: Any = "K" if node.kind.view else "C"  # as an `out` would be
    if node.spec.items:
        return tuple([np.asarray(x, order=order) for x in result])
    return np.asarray(result, order=order)


def stream_of(node: Node, position: Any = None) -> Any:
    """The random stream, or what else is its op's state, of a node: at its start or a position."""
    kind = node.kind
    stream = kind.state(name=node.op_name, **node.attrs)  # type: ignore[misc]
    if not hasattr(stream, "position"):
        raise DTypeError(f"the state of {kind.name} must have a position, unlike {shown(stream)}")
    if position is not None:
        stream.position = position
    return stream


def as_static(value: Any) -> Any:
    """An array as nested tuples of Python's numbers, or as a number: what kernels get as shapes."""
    return tuple(as_static(x) for x in value) if np.ndim(value) else np.asarray(value).item()


class Program:
    """A lowered subgraph: its nodes in order, what it returns and what it makes of variables.

    It is a pure function (variables, positions, feeds) -> (results, new variables, new positions),
    which `evaluate` defines.
    """

    def __init__(self, trace: Trace):
        self.trace = trace
        self.feeds: list[Node] = []
        self.results: list[Node] = []
        self.updates: dict[Node, Node] = {}  # the user's variable -> its new value
        self.nodes: list[Node] = []
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
        positions go by the names of the user's nodes; a stream without a position is at its start.
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
            elif node.kind.reads:
                values[node] = _kept(variables, node, values)
            elif node.kind is item:
                values[node] = values[node.inputs[0]][node.attrs["index"]]
            elif node.kind.state is not None:
                stream = stream_of(node, positions.get(node.op_name))
                values[node] = compute(node, arrays, state=stream)
                moved[node.op_name] = stream.position
            elif node.kind is not argument:
                values[node] = compute(node, arrays)
        new = {variable.op_name: values[node] for variable, node in self.updates.items()}
        return [values[node] for node in self.results], new, moved

    def draws(self) -> bool:
        """Whether it moves random streams on."""
        return any(node.kind.state is not None for node in self.nodes)

    def uses(self) -> Counter[Node]:
        """How often each value is an input, a result or an update."""
        uses = Counter(chain.from_iterable([node.inputs for node in self.nodes]))
        uses.update([*self.results, *self.updates.values()])
        return uses

    def prune(self) -> None:
        """Keep the nodes that results, updates, effects and random streams need, in order."""
        kept = [n for n in self.nodes if n.kind.stateful and not n.kind.reads or n.kind.effect]
        self.nodes = ancestors([*self.results, *self.updates.values(), *kept])

    def replace(self, replaced: Mapping[Node, Node], order: Iterable[Node]) -> None:
        """Put other nodes in place of some; `order` is one for all, old and new."""
        for place, node in enumerate(order):
            node.id = place
        self.results = [replaced.get(node, node) for node in self.results]
        self.updates = {v: replaced.get(node, node) for v, node in self.updates.items()}
        self.prune()


def _kept(variables: Mapping[str, Any], node: Node, values: Mapping[Node, Any]) -> Any:
    """What the session keeps for a variable, or the value of its input, if it has one."""
    if node.inputs:
        return variables.get(node.op_name, values[node.inputs[0]])
    return variables[node.op_name]


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


def lower(
    fetches: Iterable[Node],
    targets: Iterable[Node],
    feeds: Mapping[Node, Spec],
    passes: frozenset[str] = PASSES,
) -> Program:
    """Replay what `fetches` and `targets` need, given concrete specs for the fed nodes."""
    trace = Trace(passes)
    program = Program(trace)
    replay = _Replay(trace, feeds)
    with trace.as_default():
        fetches = list(fetches)
        for node in feeds:
            trace.current = node
            known = node.spec.value is None and node.spec.shape == feeds[node].shape
            spec = node.spec if known else feeds[node]
            replay.value[node] = trace.add(argument, (), {}, spec, "")
            program.feeds.append(replay.value[node])
        for node in in_order(ancestors([*fetches, *targets], stop=feeds), feeds):
            if node not in feeds:
                trace.current = node
                replay.step(node)
    program.updates = {v: replay.value[update] for v, update in replay.newest.items()}
    program.specs = {user: node.spec for user, node in replay.value.items()}
    program.results = [replay.final(node) for node in fetches]
    program.nodes = trace.nodes
    program.prune()
    return program


def _known_before(nodes: tuple[Node, ...], users: tuple[Node, ...]) -> bool:
    """Whether the specs say no more than those of the user's nodes, so that inferring won't."""
    for x, y in zip(nodes, users, strict=True):
        if x.spec is not y.spec:
            return False
    return True


class _Replay:
    """The state of a replay: each user's node's value, and each variable's values in order."""

    def __init__(self, trace: Trace, feeds: Mapping[Node, Spec]):
        self.trace = trace
        self.feeds = feeds
        self.value: dict[Node, Node] = {}
        self.newest: dict[Node, Node] = {}  # variable -> the last one of its updates so far
        self.sees: dict[Node, list[Node]] = {}  # node -> the updates that it reads the results of
        self.age: dict[Node, int] = {}  # update -> its place in the order of updates
        # node -> {variable: update}: the updates that this node comes after
        self.after: dict[Node, dict[Node, Node]] = {}

    def step(self, node: Node) -> None:
        kind = node.kind
        self._inherit(node)
        if kind.effect and kind.kernel is None:
            return
        if kind.latest:
            self.value[node] = self._read(node, 0, node.inputs[0])
            return
        inputs = tuple(
            [
                self._read(node, i, x) if x.kind.reads else self.value[x]
                for i, x in enumerate(node.inputs)
            ]
        )
        if kind.reads:  # a copy of a vague spec: what was built with a better one is inferred anew
            spec = node.spec if node.spec.shape.is_fully_defined() else Spec(*node.spec)
            value = self.trace.add(kind, inputs, node.attrs, spec, "")
        elif node.spec.shape.is_fully_defined() and _known_before(inputs, node.inputs):
            value = self.trace.add(kind, inputs, node.attrs, node.spec, "")
        else:
            value = self._applied(node, inputs)
        if kind.effect:
            return
        self.value[node] = self._with_static_shape(value, node)
        if kind is item:
            self.trace.call_output(value, node)
        if kind.updates:
            variable = node.inputs[0]
            if kind.updates == "assign" and variable in self.newest:
                self._check_overwriting(node, variable)
            self.newest[variable] = node
            self.age[node] = len(self.age)
            self.after[node] = {**self.after.get(node, {}), variable: node}

    def _applied(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        try:
            spec = node.kind.spec_of(inputs, node.attrs, node.op_name)
            return self.trace.add(node.kind, inputs, node.attrs, spec, "")
        except TinygraphError as error:  # shapes that only the feeds brought to light
            specs = dict(zip(node.inputs, (x.spec for x in inputs), strict=True))
            cause = error.__cause__ or error
            raise InvalidArgumentError(f"{cause}\n{describe(node, specs)}", node) from None

    def _with_static_shape(self, value: Node, node: Node) -> Node:
        """`value` with what the user's node knows more of its shape, which the run then checks."""
        if value.spec.shape.is_fully_defined():
            return value
        shape = value.spec.shape.merge_with(node.spec.shape)
        return value if shape == value.spec.shape else ensure_shape(value, shape)

    def _inherit(self, node: Node) -> None:
        """A node comes after the updates that any of its inputs come after."""
        if not self.age:
            return
        sources = [x for x in (*node.inputs, *node.control_inputs) if x in self.after]
        if len(sources) == 1:
            self.after[node] = self.after[sources[0]]
        elif sources:
            self.after[node] = self._newest(sources)

    def _newest(self, sources: Iterable[Node]) -> dict[Node, Node]:
        merged: dict[Node, Node] = {}
        for source in sources:
            for variable, update in self.after.get(source, {}).items():
                if variable not in merged or self.age[update] > self.age[merged[variable]]:
                    merged[variable] = update
        return merged

    def _read(self, node: Node, position: int, x: Node) -> Node:
        """The value of input `x` as `node` sees it; only for variables is there a choice."""
        if x in self.feeds:
            return self.value[x]
        kind = node.kind
        if kind.initialized and x.initializer.node not in self.age:  # type: ignore[attr-defined]
            return self._or_initial(x, self.value[node.inputs[1]])
        if not self.age:
            return self.value[x]
        if kind.initialized:
            update = x.initializer.node  # type: ignore[attr-defined]
        elif kind.latest or kind.updates and position == 0:
            update = self.newest.get(x)
        else:
            update = self._newest(node.control_inputs).get(x)
        if update is None:
            return self.value[x]
        if position or kind.updates != "assign":  # which replaces what it is given first
            self.sees.setdefault(node, []).append(update)
        return self.value[update]

    def _or_initial(self, variable: Node, initial: Node) -> Node:
        """The variable's value, or `initial` where the session has none."""
        user_node, self.trace.current = self.trace.current, variable
        value = self.trace.add(variable.kind, (initial,), variable.attrs, variable.spec, "")
        self.trace.current = user_node
        return value

    def _check_overwriting(self, node: Node, variable: Node) -> None:
        """Warn where an assign undoes an update, which has not gone into the assigned value."""
        update = self.newest[variable]
        stack, seen = [node], set()
        while stack:
            x = stack.pop()
            if x is update:
                return
            if x not in seen and x not in self.feeds:
                seen.add(x)
                stack += x.inputs[1:] if x is node else x.inputs
                stack += self.sees.get(x, ())
        warn(
            f"in one run, '{node.op_name}' (made at {node.where}) assigns '{variable.op_name}' a "
            f"value that was computed without the update '{update.op_name}' (made at "
            f"{update.where}): what that update gave '{variable.op_name}' is lost. If that is "
            f"meant, as by a reset, run '{update.op_name}' and '{node.op_name}' one after the "
            f"other, in two runs; else compute the value from '{variable.op_name}' within "
            f"tg.control_dependencies of '{update.op_name}'",
            OverwrittenUpdateWarning,
        )

    def final(self, node: Node) -> Node:
        """A node's value after the run, which for a variable is what its last update left."""
        return self.value[self.newest.get(node, node)]
