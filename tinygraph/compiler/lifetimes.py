"""Which values of a program may be one array, and until when each array is needed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from functools import cached_property

from tinygraph.compiler.program import Program
from tinygraph.graph import Node
from tinygraph.op import const, item

Array = Node | str
"""An array is called by the node that makes it; a variable's own array by the variable's name."""

END = math.inf  # later than any node


def bodies_of_output(node: Node) -> tuple[Program, ...]:
    """The bodies of an op of which the node is an output."""
    return node.inputs[0].bodies if node.kind is item else ()


def is_own(node: Node) -> bool:
    """Whether a node's value is the array that a session keeps for a variable."""
    return node.kind.role == "variable" and not node.inputs


class Arrays:
    """Which values may be one array, in a program and in the bodies of its ops.

    Attributes
    ----------
    of
        `of[x]` are the arrays that the value of node x may be, or be a view of. These are several
        only for an output of an op with bodies; a constant, which nobody writes into, has none.
    handed
        What else such an output may be: `handed[output]` are the inputs of the op that a body may
        return as they are.
    given
        `given[feed]` is the input of the op with bodies that a body gets as this feed.
    lifetimes
        By program, until when it needs its arrays.
    """

    def __init__(self, program: Program):
        self.of: dict[Node, tuple[Array, ...]] = {}
        self.handed: dict[Array, tuple[Node, ...]] = {}
        self.given: dict[Array, Node] = {}
        self.lifetimes: dict[Program, Lifetimes] = {}
        self._add(program)

    def _add(self, program: Program) -> None:
        for node in program.nodes:
            kind = node.kind
            if kind.role == "bodies":
                self._add_bodies(node)
            if kind is const:
                self.of[node] = ()
            elif is_own(node):
                self.of[node] = (node.op_name,)
            elif not kind.view:
                self.of[node] = (node,)
            elif bodies_of_output(node):
                self._add_output(node)
            else:
                self.of[node] = self.of[node.inputs[0]]
        self.lifetimes[program] = Lifetimes(program, self)

    def _add_bodies(self, node: Node) -> None:
        for body in node.bodies:
            self._add(body)
            inputs = node.inputs[len(node.inputs) - len(body.feeds) :]
            self.given.update(zip(body.feeds, inputs, strict=True))

    def _add_output(self, node: Node) -> None:
        results = [body.results[node.attrs["index"]] for body in bodies_of_output(node)]
        arrays = self.within(results)
        handed = dict.fromkeys(self.given[a] for a in arrays if a in self.given)
        made = [a for a in arrays if a not in self.given and a not in self.handed]
        self.of[node], self.handed[node] = (node, *made), tuple(handed)

    def within(self, nodes: Iterable[Node]) -> dict[Array, None]:
        """The arrays that nodes of one program may be, with what bodies hand on, in order."""
        found = dict.fromkeys([array for node in nodes for array in self.of[node]])
        arrays = list(found) if self.handed else []
        for array in arrays:  # more follow while it runs
            for x in self.handed.get(array, ()):
                new = [array for array in self.of[x] if array not in found]
                found.update(dict.fromkeys(new))
                arrays += new
        return found

    def behind(self, nodes: Iterable[Node]) -> set[Array]:
        """The arrays that nodes may be, with what a body gets from the programs around it."""
        found: set[Array] = set()
        while nodes:
            arrays = self.within(nodes)
            found.update(arrays)
            nodes = [self.given[array] for array in arrays if array in self.given]
        return found


class Lifetimes:
    """When a program uses each array last, as the id of the node that does; END if it returns it.

    Attributes
    ----------
    direct
        By array. An output that may be the array, but goes by another name, does not count.
    last
        By array, with all uses of such outputs.
    heirs
        By array, how many outputs of ops with bodies may be it.
    """

    def __init__(self, program: Program, arrays: Arrays):
        self.program = program
        self.direct: dict[Array, float] = {}
        for node in program.nodes:
            self.direct[node] = node.id
            for x in node.inputs:
                for array in arrays.of[x]:
                    self.direct[array] = node.id
        for node in (*program.results, *program.updates.values()):
            self.direct.update(dict.fromkeys(arrays.of[node], END))
        self.last, self.heirs = dict(self.direct), Counter[Array]()
        for output in reversed(program.nodes) if arrays.handed else ():
            for x in arrays.handed.get(output, ()):
                for array in arrays.of[x]:
                    self.last[array] = max(self.last[array], self.last[output])
                    self.heirs[array] += 1

    @cached_property
    def uses(self) -> Counter[Node]:
        """How often each node is an input, or a new value of a variable (in a body: a result)."""
        program = self.program
        uses = Counter(x for node in program.nodes for x in node.inputs)
        uses.update(program.updates.values() or program.results)
        return uses
