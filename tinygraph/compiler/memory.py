"""Lifetimes to buffers: where each node of a program keeps its value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tinygraph.compiler.prepare import PREPARE
from tinygraph.compiler.program import Program
from tinygraph.graph import Node
from tinygraph.op import argument, const, item
from tinygraph.spec import Shape, Spec

SHARED = 1 << 16  # bytes from which arrays of different shapes and dtypes take turns in one memory

Lifetimes = dict[Node, "Node | None"]  # who uses a node last; None is who ran the program
Bases = dict[Node, tuple[Node, ...]]


class Memory:
    """The places of a program's values.

    `buffer[n]` is the number of the preallocated buffer that n is computed into. `specs[i]` is what
    buffer i looks like, and `room[i]` the first buffer that lies in the same memory, of which
    `size` has the bytes: large buffers take turns there, whatever they look like. `spare[n]` is the
    variable whose next value n is computed into, and `owner[n]` the one in whose own array n is
    computed, once the run can no longer fail. `fresh` nodes get a new array in each run, because
    the user keeps it. What is in none of these is a feed, a constant, a variable's value, a view,
    or an array that the kernel allocates.

    `bases[n]` are the nodes whose arrays n's value may be, or be a view of, and `last[n]` is who
    uses those of n last. `inner` has the memories of the programs that are bodies, `outside` what
    their feeds get, and `returned` the outputs that are a value within a body. For an output of an
    op with bodies, `names` has the variables whose own arrays it may be, and `before`, where it is
    a variable's new value, the value before it; `direct` is `last` without the uses of what a value
    only passes into as `before`. `held` are the feeds of a body that must last until the run's end.
    """

    def __init__(self):
        self.buffer: dict[Node, int] = {}
        self.specs: list[Spec] = []
        self.room: list[int] = []
        self.size: dict[int, int] = {}
        self.spare: dict[Node, Node] = {}
        self.owner: dict[Node, Node] = {}
        self.fresh: set[Node] = set()
        self.inplace: set[Node] = set()
        self.bases: Bases = {}
        self.last: Lifetimes = {}
        self.inner: dict[Program, Memory] = {}
        self.outside: dict[Node, Node] = {}
        self.names: dict[Node, set[str]] = {}
        self.returned: dict[Node, list[Node]] = {}
        self.before: dict[Node, Node] = {}
        self.direct: Lifetimes = {}
        self.held: set[Node] = set()

    def is_placed(self, node: Node) -> bool:
        """Whether the node has a place outside of the buffers."""
        return node in self.spare or node in self.owner or node in self.fresh

    def defers(self) -> bool:
        """Whether a body of it, or itself, leaves updates of variables' own arrays for the end."""
        return bool(self.owner) or any(memory.defers() for memory in self.inner.values())


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
    """Where a program and the bodies in it keep their values."""
    memory = _survey(program)
    if program.in_place and program.updates:
        ends = {*program.results, *program.updates.values()}
        kept = Counter(name for node in ends for name in _names(node, memory))
        changing = [
            (variable, node) for variable, node in program.updates.items()
            if kept[variable.op_name] == (variable.op_name in _names(node, memory))
        ]
        _update_in_place(program, memory, changing, set())
    for variable, node in program.updates.items():
        _place_update(program, memory, node, variable)
    _place_results(program, memory)
    _place_in_buffers(program, memory)
    return memory


def _survey(program: Program) -> Memory:
    """What may share arrays with what in a program and its bodies, and for how long."""
    memory = Memory()
    choices = [node for node in program.nodes if node.bodies]
    for node in choices:
        for body in node.bodies:
            memory.inner[body] = _survey(body)
            inputs = node.inputs[len(node.inputs) - len(body.feeds) :]
            memory.outside.update(zip(body.feeds, inputs, strict=True))
    for node in program.nodes if choices else ():
        for body in bodies_of_output(node):
            inner, i = memory.inner[body], node.attrs["index"]
            memory.names.setdefault(node, set()).update(_names(body.results[i], inner))
            for base in filter(_is_made, inner.bases[body.results[i]]):
                memory.returned.setdefault(base, []).append(node)
            if body.starts.get(i) in memory.outside:
                memory.before[node] = memory.outside[body.starts[i]]
    memory.bases = _bases(program, memory, {})
    memory.last = memory.direct = _last_uses(program, memory.bases)
    followers = Counter(memory.before.values())
    single = {y: x for y, x in memory.before.items() if followers[x] == 1}
    if single:
        memory.direct = _last_uses(program, _bases(program, memory, single))
    return memory


def bodies_of_output(node: Node) -> tuple[Program, ...]:
    """The bodies of an op of which the node is an output."""
    return node.inputs[0].bodies if node.kind is item else ()


def _bases(program: Program, memory: Memory, without: dict[Node, Node]) -> Bases:
    """The nodes whose arrays each value may be; an output of bodies may be what they are given."""
    bases: Bases = {}
    for node in program.nodes:
        if not node.kind.view:
            bases[node] = (node,)
        elif bodies := bodies_of_output(node):
            found = {node: None}
            for body in bodies:
                for base in memory.inner[body].bases[body.results[node.attrs["index"]]]:
                    found.update(dict.fromkeys(memory.returned.get(base, ())))
                    x = memory.outside.get(base)
                    if x is not None and without.get(node) is not x:
                        found.update(dict.fromkeys(bases[x]))
            bases[node] = tuple(found)
        else:
            bases[node] = bases[node.inputs[0]]
    return bases


def _names(node: Node, memory: Memory) -> set[str]:
    """The variables whose own arrays a value may be, or be a view of."""
    names: set[str] = set()
    for base in memory.bases[node]:
        names |= {base.op_name} if _is_own(base) else memory.names.get(base, set())
    return names


def _is_own(node: Node) -> bool:
    """Whether a node's value is the array that a session keeps for a variable."""
    return node.kind.role == "variable" and not node.inputs


def _is_made(node: Node) -> bool:
    """Whether a run makes the array of a value that is no view."""
    return node.kind not in (argument, const) and node.kind.role != "variable"


def _place_in_buffers(program: Program, memory: Memory) -> None:
    """One pass over the program; a buffer is free again after the last use of its value.

    What a body returns stays in its buffers, since whoever called it makes the user's copies.
    """
    bases, last = memory.bases, memory.last
    free: dict[Any, list[int]] = {}
    buffers: dict[tuple, int] = {}
    for node in program.nodes:
        taken = None
        if computed(node) and not memory.is_placed(node):
            taken = _taken_over(node, program, memory)
            if taken is not None:
                memory.buffer[node] = memory.buffer[taken]
                memory.inplace.add(node)
            else:
                pool = free.setdefault(_size(node.spec), [])
                memory.buffer[node] = _buffer(memory, buffers, pool, node.spec)
        used = {node: None}
        for x in node.inputs:
            for base in bases[x]:
                used[base] = None
        for base in used:
            if last[base] is node and base is not taken and base in memory.buffer:
                free[_size(base.spec)].append(memory.room[memory.buffer[base]])
    for body, inner in memory.inner.items():
        _place_in_buffers(body, inner)


def _size(spec: Spec) -> Any:
    """What free memory is found by; large values find what is less than twice their size."""
    size = spec.bytes
    return size.bit_length() if size >= SHARED else (spec.shape.sizes, spec.dtype)


def _buffer(memory: Memory, buffers: dict[tuple, int], pool: list[int], spec: Spec) -> int:
    """A buffer in a room of the pool, one that looks right if there is one, or in a new room."""
    look = spec.shape.sizes, spec.dtype
    for i in reversed(range(len(pool))):
        if (pool[i], look) in buffers:
            return buffers[pool.pop(i), look]
    room = pool.pop() if pool else len(memory.specs)
    memory.specs.append(Spec(Shape.of(spec.shape.sizes), spec.dtype))
    memory.room.append(room)
    memory.size[room] = max(memory.size.get(room, 0), spec.bytes)
    return buffers.setdefault((room, look), len(memory.specs) - 1)


def _last_uses(program: Program, bases: Bases) -> Lifetimes:
    last: Lifetimes = {}
    for node in program.nodes:
        last[node] = node
        for x in node.inputs:
            last[x] = node
            for base in bases[x]:
                last[base] = node
    for node in (*program.results, *program.updates.values()):
        last[node] = None
        for base in bases[node]:
            last[base] = None
    return last


# ---------------------------------------------------------------- the arrays of variables


def _update_in_place(
    program: Program, memory: Memory, updates: Iterable[tuple[Node, Node]], borrowed: set[Node]
) -> None:
    """Find the updates that change a variable's own array: what they read must last till the end.

    Such an update is one call of a C function, made when all else is done. So it needs no second
    array for the variable, but the arrays that it reads can't be used for anything else. Of bodies'
    outputs those may be such updates which are so for who runs the bodies; `borrowed` are the feeds
    that may be variables' arrays.
    """
    users = Counter(x for node in program.nodes for x in node.inputs)
    users.update(program.updates.values() or program.results)  # a run's results are copied later
    reads = {node for node in program.nodes if _is_own(node) or memory.names.get(node)} | borrowed
    inside: dict[Program, list[tuple[Node, Node]]] = {}
    for variable, node in updates:
        if users[node] > 1:
            continue
        for body in bodies_of_output(node):
            inside.setdefault(body, []).append((variable, body.results[node.attrs["index"]]))
        if node.kind not in PREPARE:
            continue
        old, *others = node.inputs
        held = {base for x in others for base in memory.bases[x]}
        kept = [x for x in held if x.kind not in (argument, const)]
        if (
            _is_own(old)
            and old.op_name == variable.op_name
            and not held & reads
            and _elements(kept) <= 2 * _elements([old])
        ):
            memory.owner[node] = variable
            memory.inplace.add(node)
            _hold(held, memory)
    for body, found in inside.items():
        inner = memory.inner[body]
        theirs = {x for x in body.feeds if not reads.isdisjoint(memory.bases[memory.outside[x]])}
        _update_in_place(body, inner, found, theirs)
        for feed in inner.held:
            _hold(memory.bases[memory.outside[feed]], memory)


def _hold(nodes: Iterable[Node], memory: Memory) -> None:
    """Have the arrays of nodes last until the run's end."""
    for x in nodes:
        memory.last[x] = memory.direct[x] = None
        if x.kind is argument:
            memory.held.add(x)


def _elements(nodes: Iterable[Node]) -> int:
    return sum(node.spec.shape.num_elements() or 0 for node in nodes)


def _takes_over(node: Node, x: Node, memory: Memory) -> bool:
    """Whether the node may be computed into the array that its input x was computed into."""
    return (
        memory.last[x] is node
        and x.spec.shape.sizes == node.spec.shape.sizes
        and x.spec.dtype is node.spec.dtype
        and not any(x in memory.bases[y] for y in node.inputs if y is not x)
    )


def _taken_over(node: Node, program: Program, memory: Memory) -> Node | None:
    if program.in_place:
        for position in node.kind.inplace:
            x = node.inputs[position]
            if x in memory.buffer and _takes_over(node, x, memory):
                return x
    return None


def _place_update(
    program: Program, memory: Memory, node: Node, variable: Node
) -> Node | None:
    """Compute a variable's new value straight into its spare array, and what leads to it too.

    Return the value, not computed here, at which that ends: it may lie in the spare array already.
    It is None where this overwrites the array and starts from something else.
    """
    while not memory.is_placed(node):
        if computed(node) and variable.shape.is_fully_defined():
            memory.spare[node] = variable
            x = _started_from(node, program, memory)
        elif _is_new_value(node):
            memory.spare[node] = variable
            x = _before_bodies(node, memory, variable)
        else:
            break
        if x is None or not program.in_place:
            return None
        if computed(x):
            memory.inplace.add(node)
        node = x
    return node


def _is_new_value(node: Node) -> bool:
    """Whether the node is what an op with bodies makes of a variable."""
    return any(node.attrs["index"] in body.starts for body in bodies_of_output(node))


def _started_from(node: Node, program: Program, memory: Memory) -> Node | None:
    """The input in whose array a node may be computed: the variable's value if it is one."""
    inputs = [node.inputs[position] for position in node.kind.inplace]
    found = [x for x in inputs if _takes_over(node, x, memory)]
    values = [x for x in found if program.starts and x.kind is argument or _is_new_value(x)]
    others = [x for x in found if computed(x) and x not in memory.spare]
    return next(reversed(values or others), None)


def _before_bodies(node: Node, memory: Memory, variable: Node) -> Node | None:
    """Have bodies compute a new value into the spare array; the value before, if it may lie there.

    That is if no one else needs it then: neither outside nor in the bodies.
    """
    made, i = node.inputs[0], node.attrs["index"]
    x = memory.before.get(node)
    for body in made.bodies:
        inner, result, start = memory.inner[body], body.results[i], body.starts[i]
        end = _place_update(body, inner, result, variable)
        is_kept = start not in inner.bases[result] and end is result
        if not (end is start or is_kept or start not in inner.last):
            x = None
    if x is None or memory.direct[x] is not made:
        return None
    return x if sum(x in memory.bases[y] for y in made.inputs) == 1 else None


def _place_results(program: Program, memory: Memory) -> None:
    for node in program.results:
        if computed(node) and node.spec.shape.sizes and not memory.is_placed(node):
            memory.fresh.add(node)
