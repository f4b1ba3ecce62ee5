"""The place of each node's value: in a buffer, a variable's array, or an array for the user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tinygraph.compiler.lifetimes import Array, Arrays, bodies_of_output, is_variables_array
from tinygraph.compiler.prepare import PREPARE
from tinygraph.compiler.program import Program
from tinygraph.graph import Node
from tinygraph.op import argument
from tinygraph.static import takes_out

SHARED_FROM = 1 << 16  # bytes; larger arrays share memory also if their shapes or dtypes differ

Arena = list[Node]
"""A block of memory that several buffers use in turn: a list of the nodes they were made for."""


class Place(NamedTuple):
    """The array that a node's value is computed into.

    Attributes
    ----------
    storage
        "buffer": an array that is made once. `owner` is the node that it was made for; others whose
        values are not needed at the same time use it in turn.
        "spare": the second array of the variable `owner`, which becomes its value at the run's end.
        "own": the array that is the value of the variable `owner`; it changes at the run's end.
        "fresh": a new array in each run, since the user keeps it.
    in_place
        Whether the array holds the value of an input, which is overwritten.
    """

    storage: str
    owner: Node
    in_place: bool = False


class Memory:
    """Where a program, and the bodies of its ops, compute their values.

    Attributes
    ----------
    place
        Maps nodes to places. Feeds, constants, variables' values, views, and arrays that a kernel
        allocates have none.
    arenas
        The blocks of memory that the buffers are in.
    """

    def __init__(self):
        self.place: dict[Node, Place] = {}
        self.arenas: list[Arena] = []

    def storage(self, node: Node) -> str:
        """The storage of a node's place; empty if it has none."""
        return self.place[node].storage if node in self.place else ""

    def has(self, program: Program, storage: str) -> bool:
        """Whether a node of the program, or of a body in it, has a place in this storage."""
        return any(self.storage(node) == storage for node in program.all_nodes())


def writes_out(node: Node) -> bool:
    """Whether a kernel writes the node's value into an array that it gets, `out`."""
    kind, spec = node.kind, node.spec
    has_out = kind.kernel is not None and takes_out(kind, spec)
    return has_out and spec.shape.is_fully_defined()


def work_in_place(program: Program) -> None:
    """The pass `inplace`: results may overwrite the arrays of inputs and of variables."""
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
        if writes_out(node) and node.spec.shape.sizes:
            memory.place.setdefault(node, Place("fresh", node))
    for each in program.with_bodies():
        planner.place_in_buffers(each)
    return memory


class _Planner:
    """Gives the nodes of a program their places, storage by storage."""

    def __init__(self, program: Program, memory: Memory):
        self.program = program
        self.memory, self.place = memory, memory.place
        self.arrays = Arrays(program)
        self.held: set[Array] = set()  # arrays that must last until the run's end

    def _is_last(self, node: Node, x: Node, last: Mapping[Array, float]) -> bool:
        """Whether the node uses x's arrays last, and no other input of it may be in them."""
        of = self.arrays.of
        for array in of[x]:
            if isinstance(array, Node):
                if last[array] != node.id or array in self.held:
                    return False
                if any(array in of[y] for y in node.inputs if y is not x):
                    return False
        return True

    def _may_overwrite(self, node: Node, x: Node, program: Program) -> bool:
        """Whether the node may be computed into the array of its input x."""
        last = self.arrays.lifetimes[program].last
        return program.in_place and self._is_last(node, x, last) and _alike(x, node)

    # ---------------------------------------------------------------- the arrays of variables

    def place_in_own_arrays(self) -> None:
        """Find updates that write into a variable's own array; keep what they read till the end.

        Such an update is one call of a C function, made when all else is done, so the variable
        needs no second array. But nothing else may return the variable's old value. What the update
        reads must not be in a variable's own array, and its memory isn't reused before the end.
        """
        program, arrays = self.program, self.arrays
        returns = *program.results, *program.updates.values()
        arrays_of = {node: arrays.with_outer([node]) for node in returns}
        returned = Counter(array for of_node in arrays_of.values() for array in of_node)
        updates = [
            (program, variable, node) for variable, node in program.updates.items()
            if returned[variable.op_name] == (variable.op_name in arrays_of[node])
        ]
        for each, variable, node in updates:  # the loop appends more
            if arrays.lifetimes[each].uses[node] > 1:
                continue
            for body in bodies_of_output(node):
                updates.append((body, variable, body.results[node.attrs["index"]]))
            if node.kind not in PREPARE:
                continue
            old, *others = node.inputs
            read = arrays.with_outer(others)
            local = [x for x in read if isinstance(x, Node) and x.graph is node.graph]
            if (
                is_variables_array(old) and old.op_name == variable.op_name
                and not any(isinstance(array, str) for array in read)
                and _elements(x for x in local if x.kind is not argument) <= 2 * _elements([old])
            ):
                self.place[node] = Place("own", variable, in_place=True)
                self.held |= read

    def place_new_value(self, program: Program, variable: Node, node: Node) -> Node | None:
        """Put a variable's new value into the variable's spare array, and also the earlier values
        that are overwritten in place to make it.

        Return the value that must be in the spare array before the program (a body) starts; None if
        no value must.
        """
        while node not in self.place:
            if writes_out(node) and variable.shape.is_fully_defined():
                x = self._starting_value(node, program)
            elif _is_new_value(node):
                x = self._place_in_bodies(node, variable, program)
            else:
                break
            self.place[node] = Place("spare", variable, in_place=x is not None and writes_out(x))
            if x is None:
                return None
            node = x
        return node

    def _starting_value(self, node: Node, program: Program) -> Node | None:
        """The input that the node may overwrite, preferably the variable's value so far."""
        inputs = [node.inputs[position] for position in reversed(node.kind.inplace)]
        values = [x for x in inputs if program.starts and x.kind is argument or _is_new_value(x)]
        for x in (*values, *inputs):
            if x not in self.place and (x in values or writes_out(x)):
                if self._may_overwrite(node, x, program):
                    return x
        return None

    def _place_in_bodies(self, node: Node, variable: Node, program: Program) -> Node | None:
        """Let bodies compute a new value into the spare array.

        Return the variable's value before the op, if that may be in the spare array, too: no body
        overwrites it before the body's own last use of it, and nothing else uses it during the op
        or later.
        """
        arrays, lifetimes = self.arrays, self.arrays.lifetimes
        chosen, i = node.inputs[0], node.attrs["index"]
        before: Node | None = None
        is_safe = program.in_place
        for body in chosen.bodies:
            result, start = body.results[i], body.starts[i]
            before = arrays.outer.get(start, before)
            needed = self.place_new_value(body, variable, result)
            is_elsewhere = start not in arrays.of_all([result]) and needed is result
            is_read = start in lifetimes[body].last
            is_safe = is_safe and (needed is start or is_elsewhere or not is_read)
        if before is None or not is_safe:
            return None
        life = lifetimes[program]
        others = [
            array for array in arrays.of[before]
            if life.aliases[array] > (before in arrays.returned_inputs[node])
        ]
        return before if not others and self._is_last(chosen, before, life.direct) else None

    # ---------------------------------------------------------------- buffers

    def place_in_buffers(self, program: Program) -> None:
        """Give the other nodes buffers, which are free again after their values' last use.

        A body's results stay in its buffers: the program around it makes the user's copies.
        """
        ending: dict[float, list[Node]] = {}  # a node's id -> the arrays that it uses last
        for array, end in self.arrays.lifetimes[program].last.items():
            if isinstance(array, Node):
                ending.setdefault(end, []).append(array)
        free: dict[Any, list[Arena]] = {}
        arenas: dict[Node, Arena] = {}  # the node that a buffer was made for -> its arena
        for node in program.nodes:
            x = None
            if node not in self.place and writes_out(node):
                x = self._overwritten(node, program)
                if x is None:
                    self.place[node] = self._buffer(node, free.setdefault(_key(node), []), arenas)
                else:
                    self.place[node] = self.place[x]._replace(in_place=True)
            for array in ending.get(node.id, ()):
                place = None if array is x or array in self.held else self.place.get(array)
                if place and place.owner in arenas:
                    free[_key(array)].append(arenas[place.owner])

    def _overwritten(self, node: Node, program: Program) -> Node | None:
        """The first input in whose buffer the node may be computed."""
        for position in node.kind.inplace:
            x = node.inputs[position]
            if self.memory.storage(x) == "buffer" and self._may_overwrite(node, x, program):
                return x
        return None

    def _buffer(self, node: Node, free: list[Arena], arenas: dict[Node, Arena]) -> Place:
        """A buffer in a free arena, at best one of this shape and dtype; else in a new arena."""
        for i in reversed(range(len(free))):
            for owner in free[i]:
                if _alike(owner, node):
                    del free[i]
                    return Place("buffer", owner)
        if free:
            arena = free.pop()
        else:
            arena = []
            self.memory.arenas.append(arena)
        arena.append(node)
        arenas[node] = arena
        return Place("buffer", node)


def _alike(x: Node, y: Node) -> bool:
    return x.spec.shape.sizes == y.spec.shape.sizes and x.spec.dtype is y.spec.dtype


def _key(node: Node) -> Any:
    """The key of free memory: shape and dtype; for large values the number of bits of the size."""
    spec, size = node.spec, node.spec.bytes
    return size.bit_length() if size >= SHARED_FROM else (spec.shape.sizes, spec.dtype)


def _elements(nodes: Iterable[Node]) -> int:
    return sum(node.spec.shape.num_elements() or 0 for node in nodes)


def _is_new_value(node: Node) -> bool:
    """Whether an op with bodies returns the node as a variable's new value."""
    bodies = bodies_of_output(node)
    return bool(bodies) and any(node.attrs["index"] in body.starts for body in bodies)
