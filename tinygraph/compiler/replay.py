"""Replay: calls the op of each user's node again, on exact shapes and variables' values."""

from __future__ import annotations

from collections.abc import Container, Mapping

from tinygraph.body import present
from tinygraph.compiler.fits import misfit, of_static_shape
from tinygraph.compiler.program import Program, describe
from tinygraph.compiler.trace import Trace
from tinygraph.compiler.versions import Versions, is_replaced, sees_latest
from tinygraph.dtypes import float32
from tinygraph.errors import InvalidArgumentError, TinygraphError
from tinygraph.node import Node
from tinygraph.op import item
from tinygraph.spec import UNKNOWN, Spec


class Replay:
    """Replays a user's nodes into a trace, and has what became of them so far.

    Parameters
    ----------
    trace
        The graph that the nodes are replayed into.
    outputs
        Maps each op with bodies to the positions of its outputs that are needed.
    feeds
        The fed nodes.

    Attributes
    ----------
    value
        Maps each user's node to its value, a node of the trace; a variable to its value before the
        run.
    at_begin
        In a body: maps each variable to its value when the body begins.
    maybe_absent
        Maps each value that may be None in a run to the name of the variable that then has no
        value.
    specs
        Maps the user's nodes in inner bodies to their specs.
    """

    def __init__(
        self, trace: Trace, outputs: Mapping[Node, set[int]], feeds: Container[Node] = ()
    ):
        self.trace, self.outputs, self.feeds = trace, outputs, feeds
        self.versions = Versions(feeds)
        self.value: dict[Node, Node] = {}
        self.at_begin: dict[Node, Node] = {}
        self.maybe_absent: dict[Node, str] = {}
        self.specs: dict[Node, Spec] = {}

    def step(self, node: Node) -> None:
        """Replay a node without bodies."""
        kind = node.kind
        if kind.role == "effect" and kind.kernel is None:
            return
        inputs = tuple([
            self._checked_input(node, i, x) if x.kind.role == "variable" else self.value[x]
            for i, x in enumerate(node.inputs)
        ])
        if kind.role == "latest":
            self.value[node] = inputs[0]
            return
        try:
            value = of_static_shape(self._applied(node, inputs), node)
        except TinygraphError as error:  # the fed shapes do not fit
            value = self._misfit(node, inputs, error.__cause__ or error)
        self.value[node] = value
        if kind is item:
            self.trace.name_output(value, node)
        if kind.updates:
            self.versions.add(node, node.inputs[0], kind.role, value)

    def _applied(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """The node's op on the inputs' values."""
        kind = node.kind
        if kind.role == "variable":
            # a new Spec, so that `_same_specs` has the nodes inferred anew that read the variable
            spec = node.spec if node.spec.shape.is_fully_defined() else Spec(*node.spec)
        elif _is_exact(node.spec) and _same_specs(inputs, node.inputs):
            spec = node.spec
        else:
            spec = kind.spec_of(inputs, node.attrs, node.op_name)
        return self.trace.add(kind, inputs, node.attrs, spec, "")

    def _misfit(self, node: Node, inputs: tuple[Node, ...], error: BaseException) -> Node:
        """In a body, which may never run, return a node that fails when it runs; outside of bodies
        raise the error now.
        """
        if self.trace.is_of_body:
            return self.trace.add(misfit, (), {"message": str(error)}, Spec(*node.spec), "")
        specs = dict(zip(node.inputs, [x.spec for x in inputs], strict=True))
        raise InvalidArgumentError(f"{error}\n{describe(node, specs)}", node) from None

    # ---------------------------------------------------------------- variables

    def _checked_input(self, node: Node, position: int, variable: Node) -> Node:
        """The value of `variable` that `node` sees, which must not be None if `node` reads it."""
        value = self.value_seen_by(node, position, variable)
        return value if is_replaced(node, position) else self.check_present(value)

    def value_seen_by(self, node: Node, position: int, x: Node) -> Node:
        """The value of `x`, the input of `node` at `position`; a variable may have several."""
        if x in self.feeds or x.kind.role != "variable":
            return self.value[x]
        version = self.versions.read(node, position, x)
        if version is not None:
            return version.value
        if node.kind.role == "initialized":
            return self._or_initial(x, self.value[node.inputs[1]])
        return self.before_updates(x) if sees_latest(node, position) else self.value[x]

    def check_present(self, value: Node) -> Node:
        """`value`, with a check for the run if it may be None then."""
        if value in self.maybe_absent:
            attrs = {"name": self.maybe_absent.pop(value)}
            self.trace.add(present, (value,), attrs, Spec(UNKNOWN, float32), "")
        return value

    def _or_initial(self, variable: Node, initial: Node) -> Node:
        """The variable's value, or `initial` where the session has none."""
        trace = self.trace
        user_node, trace.current_user_node = trace.current_user_node, variable
        value = trace.add(variable.kind, (initial,), variable.attrs, variable.spec, "")
        trace.current_user_node = user_node
        return value

    def before_updates(self, variable: Node) -> Node:
        """A variable's value before the updates of the run or, in a body, of the body."""
        return self.at_begin[variable] if variable in self.at_begin else self.value[variable]

    def after_updates(self, variable: Node) -> Node:
        """A variable's value after the updates so far."""
        version = self.versions.newest.get(variable)
        return self.before_updates(variable) if version is None else version.value

    def changes(self, variable: Node) -> bool:
        """Whether updates give a variable another value, or at least another array."""
        version = self.versions.newest.get(variable)
        return version is not None and version.value is not self.before_updates(variable)

    # ---------------------------------------------------------------- results

    def final(self, node: Node) -> Node:
        """A node's value after the run: for a variable, its value after the last update."""
        self.trace.current_user_node = node
        version = self.versions.newest.get(node)
        return self.value[node] if version is None else self.check_present(version.value)

    def all_specs(self) -> dict[Node, Spec]:
        """The specs that the user's nodes, also those in bodies, have when replayed."""
        return {user: node.spec for user, node in self.value.items()} | self.specs

    def finish(self, program: Program, results: list[Node]) -> None:
        """Fill in a program's results, updates, specs and nodes."""
        program.updates = {
            v: self.after_updates(v) for v in self.versions.newest if self.changes(v)}
        program.specs = self.all_specs()
        program.results = results
        program.nodes = self.trace.nodes
        program.prune()


def _same_specs(nodes: tuple[Node, ...], users: tuple[Node, ...]) -> bool:
    """Whether the specs are those of the user's nodes: the op's spec then is the user's, too."""
    for x, y in zip(nodes, users, strict=True):  # all() takes twice as long
        if x.spec is not y.spec:
            return False
    return True


def _is_exact(spec: Spec) -> bool:
    if spec.items:
        return all(output.shape.is_fully_defined() for output in spec.items)
    return spec.shape.is_fully_defined()
