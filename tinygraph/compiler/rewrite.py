"""Graph to graph: the user's nodes, replayed with the fed shapes into a smaller, concrete graph.

Replaying a node calls its op again, so its shape rule runs again, now on exact shapes. While that
happens `Trace.add` folds what is constant, merges what is equal, and asks each op for something
simpler to put in its place (`Op.rewrite`); for a composite that is its body.

Variables become plain values on the way. An update is the variable's new value, a read gets the
value that its place in the order of control dependencies entitles it to, and what is left has no
side effects but random streams: the order of its lines cannot matter.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from tinygraph.body import Body, common, present, roles_of, taken_by_bodies, unchanged
from tinygraph.compiler.fits import misfit, of_static_shape
from tinygraph.compiler.order import in_order
from tinygraph.compiler.passes import PASSES, rules
from tinygraph.compiler.program import Program, describe
from tinygraph.compiler.trace import Trace
from tinygraph.dtypes import float32
from tinygraph.errors import InvalidArgumentError, OverwrittenUpdateWarning, TinygraphError
from tinygraph.node import Node, ancestors
from tinygraph.op import argument, const, item
from tinygraph.origin import warn
from tinygraph.spec import UNKNOWN, Spec


def lower(
    fetches: Iterable[Node],
    targets: Iterable[Node],
    feeds: Mapping[Node, Spec],
    passes: frozenset[str] = PASSES,
) -> Program:
    """Replay what `fetches` and `targets` need, given concrete specs for the fed nodes."""
    trace = Trace(rules(passes))
    program = Program(trace)
    fetches = list(fetches)
    targets = list(targets)
    needed = ancestors([*fetches, *targets], stop=feeds)
    replay = _Replay(trace, feeds, _outputs_in(needed, targets, feeds))
    with trace.as_default():
        for node in feeds:
            trace.current = node
            known = node.spec.value is None and node.spec.shape == feeds[node].shape
            spec = node.spec if known else feeds[node]
            replay.value[node] = trace.add(argument, (), {}, spec, "")
            program.feeds.append(replay.value[node])
        replay.steps(needed)
    replay.finish(program, [replay.final(node) for node in fetches])
    return program


def _outputs_in(
    nodes: list[Node], targets: Iterable[Node] = (), feeds: Container[Node] = ()
) -> dict[Node, set[int]]:
    """Which outputs of each node with bodies are needed: others need not be computed."""
    found: dict[Node, set[int]] = {}
    whole = [node for node in targets if node.bodies]
    for node in nodes:
        if node.kind is item and node.inputs[0].bodies and node not in feeds:
            found.setdefault(node.inputs[0], set()).add(node.attrs["index"])
        if node.control_inputs:
            whole += [x for x in node.control_inputs if x.bodies]
    for node in whole:
        found[node] = set(range(len(node.spec.items)))
    return found


def _updated_by(bodies: Iterable[Body], wanted: list[int]) -> set[int]:
    """The places of the inputs that any of the bodies updates for the wanted outputs."""
    updated: set[int] = set()
    for body in bodies:
        places = {x: i for i, x in enumerate(body.inputs)}
        ends = [body.outputs[i] for i in wanted]
        for node in ancestors([y for y in ends if y is not None]):
            pairs = roles_of(node)
            updated |= {places[x] for x, role in pairs if role != "latest" and x in places}
    return updated


def _known_before(nodes: tuple[Node, ...], users: tuple[Node, ...]) -> bool:
    """Whether the specs say no more than those of the user's nodes, so that inferring won't."""
    for x, y in zip(nodes, users, strict=True):
        if x.spec is not y.spec:
            return False
    return True


def _is_exact(spec: Spec) -> bool:
    if spec.items:
        return all(output.shape.is_fully_defined() for output in spec.items)
    return spec.shape.is_fully_defined()


class _Replay:
    """The state of a replay: each user's node's value, and each variable's values in order."""

    def __init__(self, trace: Trace, feeds: Mapping[Node, Spec], outputs: Mapping[Node, set[int]]):
        self.trace = trace
        self.feeds = feeds
        self.outputs = outputs
        self.value: dict[Node, Node] = {}
        self.left: dict[tuple[Node, Node], Node] = {}  # update, variable -> its new value
        self.begun: dict[Node, Node] = {}  # in a body: variable -> what updates before it left
        self.absent: dict[Node, str] = {}  # values that may be None -> the variable's name
        self.specs: dict[Node, Spec] = {}  # of the nodes of bodies
        self.newest: dict[Node, Node] = {}  # variable -> the last one of its updates so far
        self.sees: dict[Node, list[Node]] = {}  # node -> the updates that it reads the results of
        self.age: dict[Node, int] = {}  # update -> its place in the order of updates
        # node -> {variable: update}: the updates that this node comes after
        self.after: dict[Node, dict[Node, Node]] = {}

    def steps(self, nodes: list[Node]) -> None:
        for node in in_order(nodes, self.feeds):
            if node not in self.value:
                self.trace.current = node
                self.step(node)

    def finish(self, program: Program, results: list[Node]) -> None:
        """Give a program what it returns, and what that takes."""
        program.updates = {v: self._latest(v) for v in self.newest if self._changes(v)}
        program.specs = {user: node.spec for user, node in self.value.items()} | self.specs
        program.results = results
        program.nodes = self.trace.nodes
        program.prune()

    def step(self, node: Node) -> None:
        kind = node.kind
        self._inherit(node)
        if kind.role == "effect" and kind.kernel is None:
            return
        if kind.role == "latest":
            self.value[node] = self._read(node, 0, node.inputs[0])
            return
        if node.bodies:
            self._choose(node)
            return
        inputs = tuple(
            [
                self._read(node, i, x) if x.kind.role == "variable" else self.value[x]
                for i, x in enumerate(node.inputs)
            ]
        )
        try:
            value = of_static_shape(self._applied(node, inputs), node)
        except TinygraphError as error:  # of shapes that only the feeds brought to light
            value = self._misfit(node, inputs, error.__cause__ or error)
        self.value[node] = value
        if kind is item:
            self.trace.call_output(value, node)
        if kind.updates:
            self._update(node, node.inputs[0], kind.role, value)

    def _update(self, node: Node, variable: Node, role: str, value: Node) -> None:
        """Make a node's value that of a variable, for what comes after it."""
        if role == "assign" and variable in self.newest:
            self._check_overwriting(node, variable)
        self.newest[variable] = node
        self.left[node, variable] = value
        self.age.setdefault(node, len(self.age))
        self.after[node] = {**self.after.get(node, {}), variable: node}

    # ---------------------------------------------------------------- bodies

    def _choose(self, node: Node) -> None:
        """An op with bodies: its outputs, as far as they are needed, and variables' new values."""
        bodies = node.bodies
        taken = taken_by_bodies(node)
        index = [self.value[x] for x in node.inputs[: len(node.inputs) - len(taken)]]
        roles = dict(roles_of(node))
        plain = [self._seen(node, 1, x) if x in self.value else None for x in taken]
        latest = [self._latest(x) if x in roles and x in self.value else None for x in taken]
        wanted = sorted(self.outputs.get(node, ()))
        constants = [x.spec.constant for x in index]
        updated = set()
        if constants and all(value is not None for value in constants):
            updated = _updated_by(bodies, wanted)  # so is a variable by a body that leaves it alone
            numbers = tuple([lambda *_, i=i: i for i in range(len(bodies))])
            bodies = (bodies[node.kind.kernel(*constants, bodies=numbers)],)
        inner = [self._inner(body, plain, latest, wanted, len(bodies) == 1) for body in bodies]
        changed = [i for i in range(len(taken)) if any(part.changes_input(i) for part in inner)]
        outputs = self._joined(node, index, inner, changed)
        values = dict(zip(wanted, outputs, strict=False))
        found = [values.get(i) for i in range(len(node.spec.items))]  # None: nobody needs it
        pairs = zip(found, node.spec.items, strict=True)
        spec = Spec.of_items([own if x is None else x.spec for x, own in pairs])
        self.value[node] = self.trace.bundled(found, spec)
        left = dict(zip(changed, outputs[len(wanted) :], strict=True))
        for i in sorted(updated.union(changed)):
            if i in left:
                self._update(node, taken[i], roles[taken[i]], left[i])
            elif (value := latest[i]) is not None:
                self._update(node, taken[i], "", value)

    def _inner(
        self, body: Body, plain: list[Node | None], latest: list[Node | None], wanted: list[int],
        inline: bool,
    ) -> _Inner:
        """The replay of a body, within this program or as one of its own."""
        ends = [body.outputs[i] for i in wanted]
        needed = ancestors([y for y in ends if y is not None])
        trace = self.trace if inline else Trace(self.trace.rules, is_of_body=True)
        inner = _Inner(trace, _outputs_in(needed), body, ends)
        inner.absent = self.absent
        with trace.as_default():
            for formal, value, newest in zip(body.inputs, plain, latest, strict=True):
                trace.current = formal
                for inside, x in ((inner.value, value), (inner.begun, newest)):
                    if x is not None:
                        inside[formal] = x if inline else inner.taken(x)
                        if x in self.absent:
                            self.absent[inside[formal]] = self.absent[x]
            inner.steps(needed)
        self.specs |= {user: node.spec for user, node in inner.value.items()} | inner.specs
        return inner

    def _joined(
        self, node: Node, index: list[Node], inner: list[_Inner], updated: list[int]
    ) -> list[Node]:
        """The outputs of a body that stands here itself, or of the op on programs for bodies."""
        self.trace.current = node
        results = [part.results(updated) for part in inner]
        if inner[0].trace is self.trace:
            return [self.trace.blank() if y is None else y for y in results[0]]
        programs = [
            part.program(node, ends, updated) for part, ends in zip(inner, results, strict=True)
        ]
        needed = {node for program in programs for node in program.nodes}
        arguments = []
        for x in inner[0].arguments:
            theirs = [part.arguments[x] for part in inner]
            if not needed.isdisjoint(theirs):
                arguments.append(x)
                for program, y in zip(programs, theirs, strict=True):
                    program.feeds.append(y)
        alike = zip(*results, strict=True)
        spec = Spec.of_items([common([y.spec for y in ys if y is not None]) for ys in alike])
        attrs = {"bodies": tuple(programs)}
        made = self.trace.add(node.kind, (*index, *arguments), attrs, spec, "")
        items = enumerate(spec.items)
        outputs = [self.trace.add(item, (made,), {"index": i}, own, "") for i, own in items]
        for value, ys in zip(outputs, zip(*results, strict=True), strict=True):
            for y in ys:
                if y in self.absent:
                    self.absent[value] = self.absent[y]
        return outputs

    def _applied(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """The node's op on the inputs' values."""
        kind = node.kind
        if kind.role == "variable":
            # a copy of a vague spec: what was built with a better one is inferred anew
            spec = node.spec if node.spec.shape.is_fully_defined() else Spec(*node.spec)
        elif kind is item:
            spec = inputs[0].spec.items[node.attrs["index"]]
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
        """The value of input `x` as `node` sees it."""
        value = self._seen(node, position, x)
        is_replaced = node.kind.role == "assign" and position == 0
        return value if is_replaced else self._present(value)

    def _seen(self, node: Node, position: int, x: Node) -> Node:
        """The value of input `x` as `node` sees it; only for variables is there a choice."""
        if x in self.feeds or x.kind.role != "variable":
            return self.value[x]
        kind = node.kind
        if kind.role == "initialized" and x.initializer.node not in self.age:  # type: ignore[attr-defined]
            return self._or_initial(x, self.value[node.inputs[1]])
        if kind.role == "latest" or kind.updates and position == 0:
            if x in self.newest and kind.role != "assign":  # which replaces what it is given
                self.sees.setdefault(node, []).append(self.newest[x])
            return self._latest(x)
        if not self.age:
            return self.value[x]
        if kind.role == "initialized":
            update = x.initializer.node  # type: ignore[attr-defined]
        else:
            update = self._newest(node.control_inputs).get(x)
        if update is None:
            return self.value[x]
        self.sees.setdefault(node, []).append(update)
        return self.left[update, x]

    def _present(self, value: Node) -> Node:
        """A variable's value for who needs it, checked where a branch may leave it without one."""
        if value in self.absent:
            attrs = {"name": self.absent.pop(value)}
            self.trace.add(present, (value,), attrs, Spec(UNKNOWN, float32), "")
        return value

    def _changes(self, variable: Node) -> bool:
        """Whether updates give a variable another value, or at least another array."""
        return variable in self.newest and self._latest(variable) is not self.start(variable)

    def start(self, variable: Node) -> Node:
        """What a variable's updates start from."""
        return self.begun[variable] if variable in self.begun else self.value[variable]

    def _latest(self, variable: Node) -> Node:
        """What the updates so far have left of a variable."""
        if variable in self.newest:
            return self.left[self.newest[variable], variable]
        return self.start(variable)

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
        self.trace.current = node
        return self._present(self._latest(node)) if node in self.newest else self.value[node]


class _Inner(_Replay):
    """The replay of a body. `arguments` are what its own program takes, by the outer values."""

    def __init__(
        self, trace: Trace, outputs: Mapping[Node, set[int]], body: Body, ends: list[Node | None]
    ):
        super().__init__(trace, {}, outputs)
        self.body = body
        self.ends = ends
        self.arguments: dict[Node, Node] = {}
        self.own: dict[Node, Node] = {}

    def taken(self, x: Node) -> Node:
        """An outer value within the body's program, which reads variables and constants itself."""
        if x.kind is const or x.kind.role == "variable" and not x.inputs:
            if x not in self.own:
                self.trace.current = x.graph.user_node[x]  # type: ignore[attr-defined]
                self.own[x] = self.trace.add(x.kind, (), x.attrs, x.spec, "")
            return self.own[x]
        if x not in self.arguments:
            self.arguments[x] = self.trace.add(argument, (), {}, Spec(*x.spec), "")
        return self.arguments[x]

    def changes_input(self, i: int) -> bool:
        return self._changes(self.body.inputs[i])

    def results(self, updated: list[int]) -> list[Node | None]:
        """The outputs, None for those of other bodies, and the new values of updated variables."""
        outputs = [None if y is None else self._present(self.value[y]) for y in self.ends]
        return [*outputs, *[self._left(self.body.inputs[i]) for i in updated]]

    def _left(self, variable: Node) -> Node:
        """A variable's value after a body: there may be none, if the body does not update it."""
        value = self._latest(variable)
        if self._changes(variable) or value.kind.role != "variable":
            return value
        self.trace.current = self.trace.user_node[value]
        node = self.trace.add(unchanged, (), {}, value.spec, "")
        self.absent[node] = value.op_name
        return node

    def program(self, node: Node, results: list[Node | None], updated: list[int]) -> Program:
        """The program that the body is for an op with bodies."""
        self.trace.current = node
        program = Program(self.trace)
        with self.trace.as_default():
            self.finish(program, [self.trace.blank() if y is None else y for y in results])
        program.updates = {}  # which are among the results
        starts = [self.start(self.body.inputs[i]) for i in updated]
        program.starts = dict(enumerate(starts, start=len(self.ends)))
        return program
