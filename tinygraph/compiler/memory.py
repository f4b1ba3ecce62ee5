"""Where each node of a program keeps its value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tinygraph.compiler.lifetimes import Array, Arrays, bodies_of_output, is_own
from tinygraph.compiler.prepare import PREPARE
from tinygraph.compiler.program import Program
from tinygraph.graph import Node
from tinygraph.op import argument, const

SHARED = 1 << 16  # bytes from which arrays of different shapes and dtypes take turns in one memory

Arena = list[Node]
"""A block of memory in which several buffers take turns, called by the nodes they were made for."""


class Place(NamedTuple):
    """The array that a node's value is computed into.

    Attributes
    ----------
    kind
        "buffer": an array that is made once. `owner` is the node that it was made for; others whose
        values are not needed at the same time use it in turn.
        "spare": the second array of the variable `owner`, which becomes its value at the run's end.
        "own": the array that is the value of the variable `owner`; it changes at the run's end.
        "fresh": a new array in each run, since the user keeps it.
    in_place
        Whether the value of one of the node's inputs stands there before.
    """

    kind: str
    owner: Node
    in_place: bool = False


class Memory:
    """Where a program, and the bodies of its ops, compute their values.

    Attributes
    ----------
    place
        By node. What has no place is a feed, a constant, a variable's value, a view, or an array
        that the kernel allocates.
    arenas
        The memory that the buffers are in.
    """

    def __init__(self):
        self.place: dict[Node, Place] = {}
        self.arenas: list[Arena] = []

    def kind(self, node: Node) -> str:
        """The kind of a node's place; empty if it has none."""
        return self.place[node].kind if node in self.place else ""

    def has(self, program: Program, kind: str) -> bool:
        """Whether a node of the program, or of a body in it, has a place of this kind."""
        return any(self.kind(node) == kind for node in program.all_nodes())


def computed(node: Node) -> bool:
    """Whether a kernel writes the node's value into an array that it is handed."""
    kind = node.kind
    return not (
        kind in (argument, const)
        or kind.role == "variable"
        or kind.view
        or kind.dynamic
        or kind.role == "effect"
        or node.spec.items
        or not node.spec.shape.is_fully_defined()
    )


def work_in_place(program: Program) -> None:
    """The pass `inplace`: results may take over the arrays of inputs and of variables."""
    program.in_place = True


def plan_memory(program: Program) -> Memory:
    """Where a program and the bodies of its ops keep their values."""
    memory = Memory()
    planner = _Planner(program, memory)
    if program.in_place and program.updates:
        planner.place_in_own_arrays()
    for variable, node in program.updates.items():
        planner.place_new_value(program, variable, node)
    for node in program.results:
        if computed(node) and node.spec.shape.sizes:
            memory.place.setdefault(node, Place("fresh", node))
    for part in program.with_bodies():
        planner.place_in_buffers(part)
    return memory


class _Planner:
    """Gives the nodes of a program their places, kind by kind."""

    def __init__(self, program: Program, memory: Memory):
        self.program = program
        self.memory, self.place = memory, memory.place
        self.arrays = Arrays(program)
        self.held: set[Array] = set()  # what must last until the run's end

    def _is_last(self, node: Node, x: Node, last: Mapping[Array, float]) -> bool:
        """Whether nobody needs x's arrays after the node, and the node knows them as x only."""
        of = self.arrays.of
        for array in of[x]:
            if isinstance(array, Node):
                if last[array] != node.id or array in self.held:
                    return False
                if any(array in of[y] for y in node.inputs if y is not x):
                    return False
        return True

    def _may_overwrite(self, node: Node, x: Node, program: Program) -> bool:
        """Whether the node may be computed into the array where its input x stands."""
        last = self.arrays.lifetimes[program].last
        return program.in_place and self._is_last(node, x, last) and _look(x) == _look(node)

    # ---------------------------------------------------------------- the arrays of variables

    def place_in_own_arrays(self) -> None:
        """Find the updates that change a variable's own array: what they read must last till then.

        Such an update is one call of a C function, made when all else is done, so the variable
        needs no second array. But no one else may return the variable's old value. What the update
        reads can be no variable's own array, and may be used for nothing else before the end.
        """
        program, arrays = self.program, self.arrays
        returns = *program.results, *program.updates.values()
        ends = {node: arrays.behind([node]) for node in returns}
        returned = Counter(array for behind in ends.values() for array in behind)
        updates = [
            (program, variable, node) for variable, node in program.updates.items()
            if returned[variable.op_name] == (variable.op_name in ends[node])
        ]
        for part, variable, node in updates:  # more follow while it runs
            if arrays.lifetimes[part].uses[node] > 1:
                continue
            for body in bodies_of_output(node):
                updates.append((body, variable, body.results[node.attrs["index"]]))
            if node.kind not in PREPARE:
                continue
            old, *others = node.inputs
            read = arrays.behind(others)
            made = [x for x in read if isinstance(x, Node) and x.graph is node.graph]
            if (
                is_own(old) and old.op_name == variable.op_name
                and not any(isinstance(array, str) for array in read)
                and _elements(x for x in made if x.kind is not argument) <= 2 * _elements([old])
            ):
                self.place[node] = Place("own", variable, in_place=True)
                self.held |= read

    def place_new_value(self, program: Program, variable: Node, node: Node) -> Node | None:
        """Compute a variable's new value into its spare array, and in place what leads to it.

        Return the value, not computed here, that has to stand in the spare array already; None if
        whatever stands there is overwritten.
        """
        while node not in self.place:
            if computed(node) and variable.shape.is_fully_defined():
                x = self._started_from(node, program)
            elif _is_new_value(node):
                x = self._place_in_bodies(node, variable, program)
            else:
                break
            self.place[node] = Place("spare", variable, in_place=x is not None and computed(x))
            if x is None:
                return None
            node = x
        return node

    def _started_from(self, node: Node, program: Program) -> Node | None:
        """The input that the node may overwrite: the variable's value so far if it is one."""
        inputs = [node.inputs[position] for position in reversed(node.kind.inplace)]
        values = [x for x in inputs if program.starts and x.kind is argument or _is_new_value(x)]
        for x in (*values, *inputs):
            if x in values or computed(x):
                if x not in self.place and self._may_overwrite(node, x, program):
                    return x
        return None

    def _place_in_bodies(self, node: Node, variable: Node, program: Program) -> Node | None:
        """Have bodies compute a new value into the spare array.

        Return the value before, if it may stand there too: no body writes into the array before it
        needs that value, and nobody else needs it, neither at that time nor afterwards.
        """
        arrays, lifetimes = self.arrays, self.arrays.lifetimes
        chosen, i = node.inputs[0], node.attrs["index"]
        before: Node | None = None
        is_safe = program.in_place
        for body in chosen.bodies:
            result, start = body.results[i], body.starts[i]
            before = arrays.given.get(start, before)
            end = self.place_new_value(body, variable, result)
            is_left = start not in arrays.within([result]) and end is result
            is_needed = start in lifetimes[body].last
            is_safe = is_safe and (end is start or is_left or not is_needed)
        if before is None or not is_safe:
            return None
        life = lifetimes[program]
        others = [
            array for array in arrays.of[before]
            if life.heirs[array] > (before in arrays.handed[node])
        ]
        return before if not others and self._is_last(chosen, before, life.direct) else None

    # ---------------------------------------------------------------- buffers

    def place_in_buffers(self, program: Program) -> None:
        """Give what has no place yet buffers, which are free again after their values' last use.

        What a body returns stays in its buffers, since whoever called it makes the user's copies.
        """
        ending: dict[float, list[Node]] = {}  # arrays, by the node that is the last to need them
        for array, end in self.arrays.lifetimes[program].last.items():
            if isinstance(array, Node):
                ending.setdefault(end, []).append(array)
        free: dict[Any, list[Arena]] = {}
        arenas: dict[Node, Arena] = {}  # by the node that a buffer was made for
        for node in program.nodes:
            x = None
            if node not in self.place and computed(node):
                x = self._overwritten(node, program)
                if x is None:
                    self.place[node] = self._buffer(node, free.setdefault(_size(node), []), arenas)
                else:
                    self.place[node] = self.place[x]._replace(in_place=True)
            for array in ending.get(node.id, ()):
                place = None if array is x or array in self.held else self.place.get(array)
                if place and place.owner in arenas:
                    free[_size(array)].append(arenas[place.owner])

    def _overwritten(self, node: Node, program: Program) -> Node | None:
        """The first input in whose buffer the node may be computed."""
        for position in node.kind.inplace:
            x = node.inputs[position]
            if self.memory.kind(x) == "buffer" and self._may_overwrite(node, x, program):
                return x
        return None

    def _buffer(self, node: Node, pool: list[Arena], arenas: dict[Node, Arena]) -> Place:
        """A buffer in an arena of the pool, one that looks right if it can be; or a new arena."""
        for i in reversed(range(len(pool))):
            for owner in pool[i]:
                if _look(owner) == _look(node):
                    del pool[i]
                    return Place("buffer", owner)
        if pool:
            arena = pool.pop()
        else:
            arena = []
            self.memory.arenas.append(arena)
        arena.append(node)
        arenas[node] = arena
        return Place("buffer", node)


def _look(node: Node) -> tuple:
    return node.spec.shape.sizes, node.spec.dtype


def _size(node: Node) -> Any:
    """What free memory is found by; large values find what is less than twice their size."""
    size = node.spec.bytes
    return size.bit_length() if size >= SHARED else _look(node)


def _elements(nodes: Iterable[Node]) -> int:
    return sum(node.spec.shape.num_elements() or 0 for node in nodes)


def _is_new_value(node: Node) -> bool:
    """Whether the node is what an op with bodies makes of a variable."""
    return any(node.attrs["index"] in body.starts for body in bodies_of_output(node))
