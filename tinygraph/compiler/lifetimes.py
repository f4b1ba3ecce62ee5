"""Which values of a program are possibly the same array, and until when each array is needed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from functools import cached_property

from tinygraph.compiler.program import Program
from tinygraph.graph import Node
from tinygraph.op import const, item

Array = Node | str
"""An array's key is the node that makes it; for a variable's own array, the variable's name."""

END = math.inf  # later than any node


def bodies_of_output(node: Node) -> tuple[Program, ...]:
    """The bodies of an op of which the node is an output."""
    return node.inputs[0].bodies if node.kind is item else ()


def is_variables_array(node: Node) -> bool:
    """Whether a node's value is the array that a session keeps for a variable."""
    return node.kind.role == "variable" and not node.inputs


class Arrays:
    """Which values may be one array, in a program and in the bodies of its ops.

    Attributes
    ----------
    of
        `of[x]` are the arrays that the value of node x may be, or be a view of. These are several
        only for an output of an op with bodies; a constant, which nobody writes into, has none.
    returned_inputs
        For an output of an op with bodies: the op's inputs that a body may return unchanged.
    outer
        `outer[feed]` is the op's input that a body's feed stands for.
    lifetimes
        Maps the program, and each body, to its Lifetimes.
    """

    def __init__(self, program: Program):
        self.of: dict[Node, tuple[Array, ...]] = {}
        self.returned_inputs: dict[Array, tuple[Node, ...]] = {}
        self.outer: dict[Array, Node] = {}
        self.lifetimes: dict[Program, Lifetimes] = {}
        self._add(program)

    def _add(self, program: Program) -> None:
        for node in program.nodes:
            kind = node.kind
            if kind.role == "bodies":
                self._add_bodies(node)
            if kind is const:
                self.of[node] = ()
            elif is_variables_array(node):
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
            self.outer.update(zip(body.feeds, inputs, strict=True))

    def _add_output(self, node: Node) -> None:
        results = [body.results[node.attrs["index"]] for body in bodies_of_output(node)]
        arrays = self.of_all(results)
        inputs = dict.fromkeys(self.outer[a] for a in arrays if a in self.outer)
        computed = [a for a in arrays if a not in self.outer and a not in self.returned_inputs]
        self.of[node], self.returned_inputs[node] = (node, *computed), tuple(inputs)

    def of_all(self, nodes: Iterable[Node]) -> dict[Array, None]:
        """The arrays that these nodes' values may be, with those that bodies return unchanged."""
        arrays = dict.fromkeys([array for node in nodes for array in self.of[node]])
        queue = list(arrays) if self.returned_inputs else []
        for array in queue:  # the loop appends more
            for x in self.returned_inputs.get(array, ()):
                new = [array for array in self.of[x] if array not in arrays]
                arrays.update(dict.fromkeys(new))
                queue += new
        return arrays

    def with_outer(self, nodes: Iterable[Node]) -> set[Array]:
        """As `of_all`, and for a body's feeds also the arrays of the programs outside it."""
        all_arrays: set[Array] = set()
        while nodes:
            arrays = self.of_all(nodes)
            all_arrays.update(arrays)
            nodes = [self.outer[array] for array in arrays if array in self.outer]
        return all_arrays


class Lifetimes:
    """The id of the node that uses each array last; END if the program returns the array.

    Attributes
    ----------
    direct
        The last use of each array under its own name. If a body may return the array unchanged, it
        may also be an output of the body's op: uses of that output are not counted here.
    last
        Last uses by array, with those of such outputs.
    aliases
        How many such outputs an array has.
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
        self.last, self.aliases = dict(self.direct), Counter[Array]()
        for output in reversed(program.nodes) if arrays.returned_inputs else ():
            for x in arrays.returned_inputs.get(output, ()):
                for array in arrays.of[x]:
                    self.last[array] = max(self.last[array], self.last[output])
                    self.aliases[array] += 1

    @cached_property
    def uses(self) -> Counter[Node]:
        """How often each node is an input, or a new value of a variable (in a body: a result)."""
        program = self.program
        uses = Counter([x for node in program.nodes for x in node.inputs])
        uses.update(program.updates.values() or program.results)
        return uses
