"""Graph to graph: the user's nodes, replayed with the fed shapes into a smaller, concrete graph.

Replaying a node calls its op again, so its shape rule runs again, now on exact shapes. While that
happens the passes' rules fold what is constant, merge what is equal and simplify; in place of a
composite its body is made.

Variables become plain values on the way. An update is the variable's new value, a read gets the
value that its place in the order of control dependencies entitles it to, and what is left has no
side effects but random streams: the order of its lines cannot matter.
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
    replay = Replay(trace, _outputs_in(needed, targets, feeds), feeds)
    with trace.as_default():
        for node in feeds:
            trace.current = node
            known = node.spec.value is None and node.spec.shape == feeds[node].shape
            spec = node.spec if known else feeds[node]
            replay.value[node] = trace.add(argument, (), {}, spec, "")
            program.feeds.append(replay.value[node])
        _run(replay, needed)
    replay.finish(program, [replay.final(node) for node in fetches])
    return program


def _run(replay: Replay, nodes: list[Node]) -> None:
    """Replay nodes, each variable's updates one after another."""
    for node in in_order(nodes, replay.feeds):
        if node not in replay.value:
            replay.trace.current = node
            replay.versions.place(node)
            if node.kind.role == "bodies":
                _choose(replay, node)
            else:
                replay.step(node)


# ---------------------------------------------------------------- ops with bodies


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


def _choose(replay: Replay, node: Node) -> None:
    """Replay an op with bodies: its outputs that are needed, and variables' new values.

    Where it is known which body is taken, its nodes stand in place of the op. A variable that
    another body updates then counts as updated by one that leaves it alone.
    """
    taken, roles = taken_by_bodies(node), dict(roles_of(node))
    index = [replay.value[x] for x in node.inputs[: len(node.inputs) - len(taken)]]
    plain = [replay.seen(node, 1, x) if x in replay.value else None for x in taken]
    latest = [replay.latest(x) if x in roles and x in replay.value else None for x in taken]
    wanted = sorted(replay.outputs.get(node, ()))
    bodies = _possible(node, index)
    is_known = len(bodies) == 1
    parts = [_Branch(replay, body, wanted, is_known) for body in bodies]
    for part in parts:
        part.run(plain, latest)
        replay.specs |= part.all_specs()
    changed = [i for i in range(len(taken)) if any(part.changes_input(i) for part in parts)]
    outputs = _joined(replay, node, index, parts, changed)
    needed = dict(zip(wanted, outputs, strict=False))
    values = [needed.get(i) for i in range(len(node.spec.items))]  # None: nobody needs it
    pairs = zip(values, node.spec.items, strict=True)
    spec = Spec.of_items([own if x is None else x.spec for x, own in pairs])
    replay.value[node] = replay.trace.bundled(values, spec)
    left = dict(zip(changed, outputs[len(wanted) :], strict=True))
    roles_in_all = [body.roles_in(wanted) for body in node.bodies] if is_known else []
    updated = {i for known in roles_in_all for i, role in known.items() if role != "latest"}
    for i in sorted(updated.union(changed)):
        x = taken[i]
        value, role = (left[i], roles[x]) if i in left else (replay.latest(x), "")
        replay.versions.add(node, x, role, value)


def _possible(node: Node, index: list[Node]) -> tuple[Body, ...]:
    """The bodies that may be taken: just one where the inputs that choose it are known."""
    constants = [x.spec.constant for x in index]
    if not constants or any(value is None for value in constants):
        return node.bodies
    numbers = tuple([lambda *_, i=i: i for i in range(len(node.bodies))])
    return (node.bodies[node.kind.kernel(*constants, bodies=numbers)],)


class _Branch(Replay):
    """The replay of a body: into the program around it, if it is known that the body is taken.

    Else into a program of its own. Then `inside` has what stands there for values around it.
    """

    def __init__(self, around: Replay, body: Body, wanted: list[int], is_known: bool):
        self.body = body
        self.ends = [body.outputs[i] for i in wanted]
        self.needed = ancestors([y for y in self.ends if y is not None])
        self.is_known = is_known
        trace = around.trace if is_known else Trace(around.trace.rules, is_of_body=True)
        super().__init__(trace, _outputs_in(self.needed))
        self.absent = around.absent
        self.inside: dict[Node, Node] = {}

    def run(self, plain: list[Node | None], latest: list[Node | None]) -> None:
        """Replay the body, whose inputs have values before the run and newest ones."""
        with self.trace.as_default():
            for formal, value, newest in zip(self.body.inputs, plain, latest, strict=True):
                self.trace.current = formal
                if value is not None:
                    self.value[formal] = self._within(value)
                if newest is not None:
                    self.begun[formal] = self._within(newest)
            _run(self, self.needed)

    def _within(self, x: Node) -> Node:
        """A value from around the body as its program has it, which reads variables itself."""
        if self.is_known:
            return x
        if x not in self.inside:
            if x.kind is const or x.kind.role == "variable" and not x.inputs:
                self.trace.current = user_node(x)
                self.inside[x] = self.trace.add(x.kind, (), x.attrs, x.spec, "")
            else:
                self.inside[x] = self.trace.add(argument, (), {}, Spec(*x.spec), "")
            if x in self.absent:
                self.absent[self.inside[x]] = self.absent[x]
        return self.inside[x]

    def changes_input(self, i: int) -> bool:
        return self.changes(self.body.inputs[i])

    def results(self, changed: list[int]) -> list[Node | None]:
        """The outputs, None for those of other bodies, and the new values of variables."""
        outputs = [None if y is None else self.present(self.value[y]) for y in self.ends]
        return [*outputs, *[self._left(self.body.inputs[i]) for i in changed]]

    def _left(self, variable: Node) -> Node:
        """A variable's value after the body: there may be none, if the body does not update it."""
        value = self.latest(variable)
        if self.changes(variable) or value.kind.role != "variable":
            return value
        self.trace.current = self.trace.user_node[value]
        node = self.trace.add(unchanged, (), {}, value.spec, "")
        self.absent[node] = value.op_name
        return node

    def program(self, node: Node, results: list[Node | None], changed: list[int]) -> Program:
        """The program that the body is for an op with bodies, which gets what variables become."""
        self.trace.current = node
        program = Program(self.trace)
        with self.trace.as_default():
            self.finish(program, [self.trace.blank() if y is None else y for y in results])
        program.updates = {}
        starts = [self.start(self.body.inputs[i]) for i in changed]
        program.starts = dict(enumerate(starts, start=len(self.ends)))
        return program


def _joined(
    replay: Replay, node: Node, index: list[Node], parts: list[_Branch], changed: list[int]
) -> list[Node]:
    """The outputs of the body that stands here itself, or of the op on programs for bodies."""
    trace, absent = replay.trace, replay.absent
    trace.current = node
    results = [part.results(changed) for part in parts]
    if parts[0].is_known:
        return [trace.blank() if y is None else y for y in results[0]]
    programs = [part.program(node, ys, changed) for part, ys in zip(parts, results, strict=True)]
    needed = {x for program in programs for x in program.nodes}
    arguments = []
    for x in parts[0].inside:
        theirs = [part.inside[x] for part in parts]
        if theirs[0].kind is argument and not needed.isdisjoint(theirs):
            arguments.append(x)
            for program, y in zip(programs, theirs, strict=True):
                program.feeds.append(y)
    alike = [[y for y in ys if y is not None] for ys in zip(*results, strict=True)]
    spec = Spec.of_items([common([y.spec for y in ys]) for ys in alike])
    attrs = {"bodies": tuple(programs)}
    made = trace.add(node.kind, (*index, *arguments), attrs, spec, "")
    outputs = [trace.add(item, (made,), {"index": i}, y, "") for i, y in enumerate(spec.items)]
    for value, ys in zip(outputs, alike, strict=True):
        for y in ys:
            if y in absent:
                absent[value] = absent[y]
    return outputs
