"""A run as the documentation tells it: which update follows which, and who reads what.

Written without the compiler's order of updates, to be held against it. Updates of one variable
follow one another (1) as dependencies demand, (2) else assigns before relative updates, (3) else in
the order of making. A relative update starts from what the one before it left. All else that reads
a variable sees its value before the run, unless a control dependency puts it after an update.
"""

from __future__ import annotations

from functools import cmp_to_key
from itertools import combinations
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph.body import roles_of
from tinygraph.compiler.program import Kernels, call_kernel
from tinygraph.compiler.lower import lower
from tinygraph.errors import InvalidArgumentError, ShapeError
from tinygraph.fetches import Fetched
from tinygraph.graph import Node, Operation
from tinygraph.node import ancestors
from tinygraph.op import item
from tinygraph.spec import Shape, Spec

from .programs import Built
from .ways import Outcome, checked, error_of, initial_values


class Undecided(Exception):
    """The rules leave it open, as where two of them demand the opposite."""


class ByTheRules:
    """Runs of a program, node by node, by the rules alone."""

    def __init__(self, built: Built, init: Operation):
        self.session = tg.Session(graph=built.graph)
        self.variables = initial_values(built, init)
        self.positions: dict[str, Any] = {}

    def run(self, fetches: list, feeds: dict) -> Outcome:
        try:
            run = Run(self, fetches, feeds)
            try:
                results = run.results()
            except ShapeError as error:  # of shapes that only the run knows
                raise InvalidArgumentError(str(error)) from None
        except Undecided:
            raise
        except Exception as error:  # noqa: BLE001  (whatever comes, it has to be the same)
            return Outcome([], dict(self.variables), error_of(error), str(error))
        return Outcome(results, dict(self.variables))


class Run:
    """One run: its updates in their order, and the values of nodes as they are asked for."""

    def __init__(self, way: ByTheRules, fetches: list, feeds: dict):
        self.way = way
        self.fetched = Fetched(way.session.graph, fetches)
        self.fed = checked(way.session, feeds)
        roots = [*self.fetched.tensors, *self.fetched.targets]
        self.needed = ancestors(roots, stop=self.fed)
        if any(node.bodies and [*roles_of(node)] for node in self.needed):
            raise Undecided  # what a branch does to it stands nowhere else yet
        self.after: dict[Node, set[Node]] = {}  # the updates and late reads before a node
        for node in self.needed:
            before: set[Node] = set()
            if node not in self.fed:
                before.update(*(self.after[x] for x in node.needs if x in self.after))
            self.after[node] = before | {node} if self._is_chained(node) else before
        self.chains: dict[Node, list[Node]] = {}
        for node in self.needed:
            if self._is_chained(node):
                self.chains.setdefault(node.inputs[0], []).append(node)
        self.chains = {v: self._ordered(chain) for v, chain in self.chains.items()}
        self.values: dict[Node, Any] = dict(self.fed)
        self.moved: dict[str, Any] = {}

    def _is_chained(self, node: Node) -> bool:
        return node not in self.fed and bool(node.kind.updates or node.kind.role == "latest")

    def _is_relative(self, node: Node) -> bool:
        """Whether it is computed from its variable's latest value."""
        return node.kind.role != "assign" or any(
            x.kind.role == "latest" and x.inputs[0] is node.inputs[0] for x in self.after[node]
        )

    def _ordered(self, chain: list[Node]) -> list[Node]:
        """The updates of a variable, and what reads its latest value, one after another."""

        def compared(a: Node, b: Node) -> int:
            if a in self.after[b] or b in self.after[a]:
                return -1 if a in self.after[b] else 1
            is_late = [self._is_relative(x) for x in (a, b)]
            if is_late[0] != is_late[1]:
                return -1 if is_late[1] else 1
            return a.id - b.id

        found = sorted(chain, key=cmp_to_key(compared))
        if any(compared(a, b) > 0 for a, b in combinations(found, 2)):
            raise Undecided
        return found

    def results(self) -> Any:
        for node in self.needed:
            if node.kind.role != "variable":
                self._value(node)
        new = {v.op_name: self._left_by(v, len(chain)) for v, chain in self.chains.items()}
        found = [self._read_last(node) for node in self.fetched.tensors]
        self.way.variables.update({name: np.array(value) for name, value in new.items()})
        self.way.positions.update(self.moved)
        return self.fetched.pack(iter([np.array(value) for value in found]))

    def _read_last(self, node: Node) -> Any:
        if node.kind.role == "variable" and node not in self.fed:
            return self._left_by(node, len(self.chains.get(node, ())))
        return self._value(node)

    def _left_by(self, variable: Node, count: int) -> Any:
        """A variable's value after the first updates of its chain."""
        for update in reversed(self.chains.get(variable, [])[:count]):
            if update.kind.updates:
                return self._value(update)
        return self.way.variables[variable.op_name]

    def _value(self, node: Node) -> Any:
        if node not in self.values:
            self.values[node] = None  # of a cycle, as where rule 2 is against dependencies
            self.values[node] = self._computed(node)
        elif self.values[node] is None and node.kind.role != "effect":
            raise Undecided
        return self.values[node]

    def _computed(self, node: Node) -> Any:
        kind = node.kind
        if kind.role == "effect":
            return None
        if node.bodies:
            return ()  # its outputs are computed one by one, each from what it needs
        if kind is item and node.inputs[0].bodies:
            choice = node.inputs[0]
            needed = set(node.needs)
            given = {x: self._input(choice, i, x)
                     for i, x in enumerate(choice.inputs) if x in needed}
            return self._evaluated(choice, [node], given)[0]
        inputs = [self._input(node, i, x) for i, x in enumerate(node.inputs)]
        if kind is item:
            return inputs[0][node.attrs["index"]]
        if kind.role == "latest":
            return inputs[0]
        if kind.updates:
            shapes = [node.inputs[0].shape, *(Shape.of(np.shape(a)) for a in inputs[1:])]
            kind.infer(*(Spec(s, x.dtype) for s, x in zip(shapes, node.inputs, strict=True)))
            with np.errstate(all="ignore"):
                if kind.name in ("AssignAdd", "AssignSub"):
                    return {"AssignAdd": np.add, "AssignSub": np.subtract}[kind.name](*inputs)
                return call_kernel(node, inputs) if kind.kernel else inputs[1]
        given = dict(zip(node.inputs, inputs, strict=True))
        results = self._evaluated(node, node.op.outputs, given)
        return results if node.spec.items else results[0]

    def _evaluated(self, node: Node, outputs: list[Node], given: dict[Node, Any]) -> list[Any]:
        """Outputs of a node on given values of its inputs."""
        specs = {x: Spec(Shape.of(np.shape(a)), x.dtype) for x, a in given.items()}
        controls, node.control_inputs = node.control_inputs, ()  # this node alone
        try:
            program = lower(outputs, (), specs, frozenset())
        finally:
            node.control_inputs = controls
        rule = Kernels({}, self.way.positions)
        results, _ = program.evaluate(given.values(), rule)
        self.moved.update(rule.moved)
        return results

    def _input(self, node: Node, position: int, x: Node) -> Any:
        if x in self.fed or x.kind.role != "variable":
            return self._value(x)
        chain = self.chains.get(x, [])
        if node.kind.updates and position == 0 or node.kind.role == "latest":
            return self._left_by(x, chain.index(node))
        before = set().union(*(self.after[c] for c in node.control_inputs))
        last = max((i for i, update in enumerate(chain) if update in before
                    and update.kind.updates), default=-1)
        return self._left_by(x, last + 1)
