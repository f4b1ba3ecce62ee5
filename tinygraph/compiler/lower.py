"""Lowering: the user's nodes are replayed, with the fed shapes, into a smaller, concrete graph.

Replaying a node calls its op again, so its shape rule runs again, now on exact shapes. While that
happens the passes' rules fold what is constant, merge what is equal and simplify; in place of a
composite its body is made.

Variables become plain values on the way. An update is the variable's new value, and a read gets the
value that its control dependencies prescribe. The new graph has no side effects on variables: the
order of its nodes does not matter to them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from tinygraph.body import Body, common, roles_of, taken_by_bodies, unchanged
from tinygraph.compiler.order import in_order
from tinygraph.compiler.passes import PASSES, rules
from tinygraph.compiler.program import Program
from tinygraph.compiler.replay import Replay
from tinygraph.compiler.trace import Trace, user_node
from tinygraph.node import Node, ancestors
from tinygraph.op import argument, const, item
from tinygraph.spec import Spec


def lower(
    fetches: Iterable[Node], targets: Iterable[Node], feeds: Mapping[Node, Spec],
    passes: frozenset[str] = PASSES,
) -> Program:
    """The program that computes `fetches`, and runs `targets` for their effects.

    `feeds` maps the fed nodes to the specs of their arrays.
    """
    trace = Trace(rules(passes))
    program = Program(trace)
    fetches = list(fetches)
    targets = list(targets)
    needed = ancestors([*fetches, *targets], stop=feeds)
    replay = Replay(trace, _outputs_in(needed, targets, feeds), feeds)
    with trace.as_default():
        for node in feeds:
            trace.current_user_node = node
            is_same = node.spec.value is None and node.spec.shape == feeds[node].shape
            spec = node.spec if is_same else feeds[node]
            replay.value[node] = trace.add(argument, (), {}, spec, "")
            program.feeds.append(replay.value[node])
        _replay_all(replay, needed)
    replay.finish(program, [replay.final(node) for node in fetches])
    return program


def _replay_all(replay: Replay, nodes: list[Node]) -> None:
    """Replay nodes, each variable's updates one after another."""
    for node in in_order(nodes, replay.feeds):
        if node not in replay.value:
            replay.trace.current_user_node = node
            replay.versions.note_dependencies(node)
            if node.kind.role == "bodies":
                _replay_bodies(replay, node)
            else:
                replay.step(node)


# ---------------------------------------------------------------- ops with bodies


def _outputs_in(
    nodes: list[Node], targets: Iterable[Node] = (), feeds: Container[Node] = ()
) -> dict[Node, set[int]]:
    """Maps each node with bodies to the positions of its outputs that are needed."""
    outputs: dict[Node, set[int]] = {}
    with_all_outputs = [node for node in targets if node.bodies]
    for node in nodes:
        if node.kind is item and node.inputs[0].bodies and node not in feeds:
            outputs.setdefault(node.inputs[0], set()).add(node.attrs["index"])
        if node.control_inputs:
            with_all_outputs += [x for x in node.control_inputs if x.bodies]
    for node in with_all_outputs:
        outputs[node] = set(range(len(node.spec.items)))
    return outputs


def _replay_bodies(replay: Replay, node: Node) -> None:
    """Replay an op with bodies: its outputs that are needed, and variables' new values.

    Where it is known which body runs, its nodes replace the op. A variable that only another body
    updates still gets a new version, which is its old value.
    """
    taken, roles = taken_by_bodies(node), dict(roles_of(node))
    selectors = [replay.value[x] for x in node.inputs[: len(node.inputs) - len(taken)]]
    seen = [replay.value_seen_by(node, 1, x) if x in replay.value else None for x in taken]
    newest = [replay.after_updates(x) if x in roles and x in replay.value else None for x in taken]
    wanted = sorted(replay.outputs.get(node, ()))
    bodies = _possible(node, selectors)
    is_known = len(bodies) == 1
    branches = [_Branch(replay, body, wanted, is_known) for body in bodies]
    for branch in branches:
        branch.replay(seen, newest)
        replay.specs |= branch.all_specs()
    changed = [i for i in range(len(taken)) if any(b.changes_input(i) for b in branches)]
    outputs = _joined(replay, node, selectors, branches, changed)
    needed = dict(zip(wanted, outputs, strict=False))
    values = [needed.get(i) for i in range(len(node.spec.items))]  # None: nobody needs it
    pairs = zip(values, node.spec.items, strict=True)
    spec = Spec.of_items([spec if x is None else x.spec for x, spec in pairs])
    replay.value[node] = replay.trace.bundled(values, spec)
    new_values = dict(zip(changed, outputs[len(wanted) :], strict=True))
    every_role = [body.roles_in(wanted) for body in node.bodies] if is_known else []
    updated = {i for role_of in every_role for i, role in role_of.items() if role != "latest"}
    for i in sorted(updated.union(changed)):
        x = taken[i]
        is_changed = i in new_values
        value = new_values[i] if is_changed else replay.after_updates(x)
        replay.versions.add(node, x, roles[x] if is_changed else "", value)


def _possible(node: Node, selectors: list[Node]) -> tuple[Body, ...]:
    """The bodies that may run: just one where `selectors`, the inputs that choose it, are known."""
    constants = [x.spec.constant for x in selectors]
    if not constants or any(value is None for value in constants):
        return node.bodies
    numbers = tuple([lambda *_, i=i: i for i in range(len(node.bodies))])
    return (node.bodies[node.kind.kernel(*constants, bodies=numbers)],)


class _Branch(Replay):
    """The replay of a body: into the outer trace, if it is known that this body will run.

    Else into a trace of its own; `inside` then maps outer values to the nodes that stand for them
    in it. An op's branches have the same keys in `inside`, in the same order.
    """

    def __init__(self, outer: Replay, body: Body, wanted: list[int], is_known: bool):
        self.body = body
        self.wanted_outputs = [body.outputs[i] for i in wanted]
        self.needed = ancestors([y for y in self.wanted_outputs if y is not None])
        self.is_known = is_known
        trace = outer.trace if is_known else Trace(outer.trace.rules, is_of_body=True)
        super().__init__(trace, _outputs_in(self.needed))
        self.maybe_absent = outer.maybe_absent
        self.inside: dict[Node, Node] = {}

    def replay(self, values: list[Node | None], newest: list[Node | None]) -> None:
        """Replay the body, given its inputs' values and, of variables, also their newest values."""
        with self.trace.as_default():
            for formal, value, latest in zip(self.body.inputs, values, newest, strict=True):
                self.trace.current_user_node = formal
                if value is not None:
                    self.value[formal] = self._within(value)
                if latest is not None:
                    self.at_begin[formal] = self._within(latest)
            _replay_all(self, self.needed)

    def _within(self, x: Node) -> Node:
        """The node that stands for an outer value x in the body's trace. The body reads variables
        itself: for a variable, as for a constant, it gets a node of its own, else an argument.
        """
        if self.is_known:
            return x
        if x not in self.inside:
            if x.kind is const or x.kind.role == "variable" and not x.inputs:
                self.trace.current_user_node = user_node(x)
                self.inside[x] = self.trace.add(x.kind, (), x.attrs, x.spec, "")
            else:
                self.inside[x] = self.trace.add(argument, (), {}, Spec(*x.spec), "")
            if x in self.maybe_absent:
                self.maybe_absent[self.inside[x]] = self.maybe_absent[x]
        return self.inside[x]

    def changes_input(self, i: int) -> bool:
        return self.changes(self.body.inputs[i])

    def results(self, changed: list[int]) -> list[Node | None]:
        """The outputs, None for those that only another body computes, and the new values of
        variables.
        """
        outputs = [
            None if y is None else self.check_present(self.value[y]) for y in self.wanted_outputs]
        return [*outputs, *[self._value_after(self.body.inputs[i]) for i in changed]]

    def _value_after(self, variable: Node) -> Node:
        """A variable's value after the body: there may be none, if the body does not update it."""
        value = self.after_updates(variable)
        if self.changes(variable) or value.kind.role != "variable":
            return value
        self.trace.current_user_node = self.trace.user_node[value]
        node = self.trace.add(unchanged, (), {}, value.spec, "")
        self.maybe_absent[node] = value.op_name
        return node

    def program(self, node: Node, results: list[Node | None], changed: list[int]) -> Program:
        """The body as a program, whose results include the new values of changed variables."""
        self.trace.current_user_node = node
        program = Program(self.trace)
        with self.trace.as_default():
            self.finish(program, [self.trace.blank() if y is None else y for y in results])
        program.updates = {}
        starts = [self.before_updates(self.body.inputs[i]) for i in changed]
        program.starts = dict(enumerate(starts, start=len(self.wanted_outputs)))
        return program


def _joined(
    replay: Replay, node: Node, selectors: list[Node], branches: list[_Branch], changed: list[int]
) -> list[Node]:
    """The outputs of the one known body, or else of a new op whose bodies are programs."""
    trace, maybe_absent = replay.trace, replay.maybe_absent
    trace.current_user_node = node
    results = [branch.results(changed) for branch in branches]
    if branches[0].is_known:
        return [trace.blank() if y is None else y for y in results[0]]
    programs = [b.program(node, ys, changed) for b, ys in zip(branches, results, strict=True)]
    needed = {x for program in programs for x in program.nodes}
    arguments = []
    for x in branches[0].inside:
        stand_ins = [branch.inside[x] for branch in branches]
        if stand_ins[0].kind is argument and not needed.isdisjoint(stand_ins):
            arguments.append(x)
            for program, y in zip(programs, stand_ins, strict=True):
                program.feeds.append(y)
    by_output = [[y for y in ys if y is not None] for ys in zip(*results, strict=True)]
    spec = Spec.of_items([common([y.spec for y in ys]) for ys in by_output])
    attrs = {"bodies": tuple(programs)}
    new_node = trace.add(node.kind, (*selectors, *arguments), attrs, spec, "")
    outputs = [trace.add(item, (new_node,), {"index": i}, y, "") for i, y in enumerate(spec.items)]
    for value, ys in zip(outputs, by_output, strict=True):
        for y in ys:
            if y in maybe_absent:
                maybe_absent[value] = maybe_absent[y]
    return outputs
