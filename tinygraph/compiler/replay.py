"""A user's node replayed: its op is called once more, on exact shapes and on variables' values."""

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
    """What has become of a user's nodes so far.

    Parameters
    ----------
    trace
        The graph that the nodes are replayed into.
    outputs
        By op with bodies, which of its outputs are needed.
    feeds
        The fed nodes.

    Attributes
    ----------
    value
        By user's node its value, a node of the trace; of a variable the one before the run.
    begun
        In a body: by variable what the updates before the body have left.
    absent
        The values that may be None in a run, each with the name of the variable that then has none.
    specs
        Of the nodes of bodies within.
    """

    def __init__(
        self, trace: Trace, outputs: Mapping[Node, set[int]], feeds: Container[Node] = ()
    ):
        self.trace, self.outputs, self.feeds = trace, outputs, feeds
        self.versions = Versions(feeds)
        self.value: dict[Node, Node] = {}
        self.begun: dict[Node, Node] = {}
        self.absent: dict[Node, str] = {}
        self.specs: dict[Node, Spec] = {}

    def step(self, node: Node) -> None:
        """Replay a node without bodies."""
        kind = node.kind
        if kind.role == "effect" and kind.kernel is None:
            return
        inputs = tuple(
            [
                self._read(node, i, x) if x.kind.role == "variable" else self.value[x]
                for i, x in enumerate(node.inputs)
            ]
        )
        if kind.role == "latest":
            self.value[node] = inputs[0]
            return
        try:
            value = of_static_shape(self._applied(node, inputs), node)
        except TinygraphError as error:  # of shapes that only the feeds brought to light
            value = self._misfit(node, inputs, error.__cause__ or error)
        self.value[node] = value
        if kind is item:
            self.trace.call_output(value, node)
        if kind.updates:
            self.versions.add(node, node.inputs[0], kind.role, value)

    def _applied(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """The node's op on the inputs' values."""
        kind = node.kind
        if kind.role == "variable":
            # a copy of a vague spec: what was built with a better one is inferred anew
            spec = node.spec if node.spec.shape.is_fully_defined() else Spec(*node.spec)
        elif _is_exact(node.spec) and _known_before(inputs, node.inputs):
            spec = node.spec
        else:
            spec = kind.spec_of(inputs, node.attrs, node.op_name)
        return self.trace.add(kind, inputs, node.attrs, spec, "")

    def _misfit(self, node: Node, inputs: tuple[Node, ...], error: BaseException) -> Node:
        """What stands for a node that does not fit; only in a body, which need not run, may it."""
        if self.trace.is_of_body:
            return self.trace.add(misfit, (), {"message": str(error)}, Spec(*node.spec), "")
        specs = dict(zip(node.inputs, [x.spec for x in inputs], strict=True))
        raise InvalidArgumentError(f"{error}\n{describe(node, specs)}", node) from None

    # ---------------------------------------------------------------- variables

    def _read(self, node: Node, position: int, variable: Node) -> Node:
        value = self.seen(node, position, variable)
        return value if is_replaced(node, position) else self.present(value)

    def seen(self, node: Node, position: int, x: Node) -> Node:
        """The value of input `x` as `node` sees it; only for variables is there a choice."""
        if x in self.feeds or x.kind.role != "variable":
            return self.value[x]
        version = self.versions.read(node, position, x)
        if version is not None:
            return version.value
        if node.kind.role == "initialized":
            return self._or_initial(x, self.value[node.inputs[1]])
        return self.start(x) if sees_latest(node, position) else self.value[x]

    def present(self, value: Node) -> Node:
        """A variable's value for who needs it, checked where a branch may leave it without one."""
        if value in self.absent:
            attrs = {"name": self.absent.pop(value)}
            self.trace.add(present, (value,), attrs, Spec(UNKNOWN, float32), "")
        return value

    def _or_initial(self, variable: Node, initial: Node) -> Node:
        """The variable's value, or `initial` where the session has none."""
        user_node, self.trace.current = self.trace.current, variable
        value = self.trace.add(variable.kind, (initial,), variable.attrs, variable.spec, "")
        self.trace.current = user_node
        return value

    def start(self, variable: Node) -> Node:
        """What a variable's updates start from."""
        return self.begun[variable] if variable in self.begun else self.value[variable]

    def latest(self, variable: Node) -> Node:
        """What the updates so far have left of a variable."""
        version = self.versions.newest.get(variable)
        return self.start(variable) if version is None else version.value

    def changes(self, variable: Node) -> bool:
        """Whether updates give a variable another value, or at least another array."""
        version = self.versions.newest.get(variable)
        return version is not None and version.value is not self.start(variable)

    # ---------------------------------------------------------------- what comes of it

    def final(self, node: Node) -> Node:
        """A node's value after the run, which for a variable is what its last update left."""
        self.trace.current = node
        version = self.versions.newest.get(node)
        return self.value[node] if version is None else self.present(version.value)

    def all_specs(self) -> dict[Node, Spec]:
        return {user: node.spec for user, node in self.value.items()} | self.specs

    def finish(self, program: Program, results: list[Node]) -> None:
        """Give a program what it returns, and what that takes."""
        program.updates = {v: self.latest(v) for v in self.versions.newest if self.changes(v)}
        program.specs = self.all_specs()
        program.results = results
        program.nodes = self.trace.nodes
        program.prune()


def _known_before(nodes: tuple[Node, ...], users: tuple[Node, ...]) -> bool:
    """Whether the specs say no more than those of the user's nodes, so that inferring won't."""
    for x, y in zip(nodes, users, strict=True):  # all() takes twice as long
        if x.spec is not y.spec:
            return False
    return True


def _is_exact(spec: Spec) -> bool:
    if spec.items:
        return all(output.shape.is_fully_defined() for output in spec.items)
    return spec.shape.is_fully_defined()
