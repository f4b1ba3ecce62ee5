"""Lifetimes to buffers: where each node of a program keeps its value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any

from tinygraph.compiler.program import Program
from tinygraph.graph import Node
from tinygraph.op import argument, const
from tinygraph.spec import Shape, Spec

SHARED = 1 << 16  # bytes from which arrays of different shapes and dtypes take turns in one memory

Lifetimes = dict[Node, "Node | None"]  # who uses a node last; None is who ran the program


class Memory:
    """The places of a program's values.

    `buffer[n]` is the number of the preallocated buffer that n is computed into. `specs[i]` is what
    buffer i looks like, and `room[i]` the first buffer that lies in the same memory, of which
    `size` has the bytes: large buffers take turns there, whatever they look like. `spare[n]` is the
    variable whose next value n is computed into, and `owner[n]` the one in whose own array n is
    computed, once the run can no longer fail. `fresh` nodes get a new array in each run, because
    the user keeps it. What is in none of these is a feed, a constant, a variable's value, a view,
    or an array that the kernel allocates. `bases[n]` are the nodes whose arrays n's value may be,
    or be a view of. `inner` has the memories of the programs that are bodies.
    """

    def __init__(self):
        self.buffer: dict[Node, int] = {}
        self.specs: list[Spec] = []
        self.room: list[int] = []
        self.size: dict[int, int] = {}
        self.spare: dict[Node, Node] = {}
        self.owner: dict[Node, Node] = {}
        self.fresh: set[Node] = set()
        self.bases: dict[Node, tuple[Node, ...]] = {}
        self.inplace: set[Node] = set()
        self.inner: dict[Program, Memory] = {}

    def is_placed(self, node: Node) -> bool:
        """Whether the node has a place outside of the buffers."""
        return node in self.spare or node in self.owner or node in self.fresh


def computed(node: Node) -> bool:
    """Whether a kernel writes the node's value into an array that it is handed."""
    kind = node.kind
    return not (
        kind in (argument, const)
        or kind.reads
        or kind.view
        or kind.dynamic
        or kind.effect
        or node.spec.items
        or not node.spec.shape.is_fully_defined()
    )


def plan_memory(program: Program, is_body: bool = False) -> Memory:
    """One pass over the program; a buffer is free again after the last use of its value.

    What a body returns stays in its buffers, since whoever called it makes the user's copies.
    """
    memory = Memory()
    bases = memory.bases
    for node in program.nodes:
        if node.kind.view:
            bases[node] = bases[node.inputs[0]]
        else:
            bases[node] = _bases(node, memory) if node.kind.bodies else (node,)
    last = _last_uses(program, memory)
    if not is_body:
        _update_in_place(program, memory, last)
    _place_updates(program, memory, last)
    if not is_body:
        _place_results(program, memory)
    free: dict[Any, list[int]] = {}
    buffers: dict[tuple, int] = {}
    for node in program.nodes:
        taken = None
        if computed(node) and not memory.is_placed(node):
            taken = _taken_over(node, program, memory, last)
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
    return memory


def _bases(node: Node, memory: Memory) -> tuple[Node, ...]:
    """The nodes whose arrays the value of an op with bodies may be: its own, or some inputs'."""
    bases = {node: None}
    for body in node.attrs[node.kind.bodies]:
        inner = memory.inner[body] = plan_memory(body, is_body=True)
        returned = {base for y in body.results for base in inner.bases[y]}
        for x, feed in zip(node.inputs[-len(body.feeds) :], body.feeds, strict=False):
            if feed in returned:
                bases.update(dict.fromkeys(memory.bases[x]))
    return tuple(bases)


def returned_variables(node: Node, memory: Memory) -> set[str]:
    """The variables whose own arrays the value of an op with bodies may be."""
    names: set[str] = set()
    for body in node.attrs[node.kind.bodies] if node.kind.bodies else ():
        inner = memory.inner[body]
        for base in (base for y in body.results for base in inner.bases[y]):
            names |= {base.op_name} if base.kind.reads else returned_variables(base, inner)
    return names


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


def _last_uses(program: Program, memory: Memory) -> Lifetimes:
    last: Lifetimes = {}
    for node in program.nodes:
        last[node] = node
        for x in node.inputs:
            last[x] = node
            for base in memory.bases[x]:
                last[base] = node
    for node in (*program.results, *program.updates.values()):
        last[node] = None
        for base in memory.bases[node]:
            last[base] = None
    return last


def _update_in_place(program: Program, memory: Memory, last: Lifetimes) -> None:
    """Find the updates that change a variable's own array: what they read must last till the end.

    Such an update is one call of a C function, made when all else is done. So it needs no second
    array for the variable, but the arrays that it reads can't be used for anything else.
    """
    if "inplace" not in program.trace.passes or not program.updates:
        return
    users = Counter(x for node in program.nodes for x in node.inputs)
    users.update(program.updates.values())
    reads = {node for node in program.nodes if node.kind.reads and not node.inputs}
    choices = [node for node in program.nodes if node.kind.bodies]
    choosing = {node: returned_variables(node, memory) for node in choices}
    ends = [*program.results, *program.updates.values()]
    bases = [base for node in ends for base in memory.bases[node]]
    returned_names = set(chain.from_iterable(choosing.get(base, ()) for base in bases))
    reads.update(node for node, names in choosing.items() if names)
    for variable, node in program.updates.items():
        if node.kind.prepare is None or users[node] > 1:
            continue
        old, *others = node.inputs
        held = {base for x in others for base in memory.bases[x]}
        kept = [x for x in held if x.kind not in (argument, const)]
        if (
            old in reads
            and old.op_name == variable.op_name
            and last[memory.bases[old][0]] is not None
            and variable.op_name not in returned_names
            and not held & reads
            and _elements(kept) <= 2 * _elements([old])
        ):
            memory.owner[node] = variable
            memory.inplace.add(node)
            for x in kept:
                last[x] = None


def _elements(nodes: Iterable[Node]) -> int:
    return sum(node.spec.shape.num_elements() or 0 for node in nodes)


def _takes_over(node: Node, x: Node, memory: Memory, last: Lifetimes) -> bool:
    """Whether the node may be computed into the array that its input x was computed into."""
    return (
        last[x] is node
        and x.spec.shape.sizes == node.spec.shape.sizes
        and x.spec.dtype is node.spec.dtype
        and not any(x in memory.bases[y] for y in node.inputs if y is not x)
    )


def _taken_over(
    node: Node, program: Program, memory: Memory, last: Lifetimes
) -> Node | None:
    if "inplace" in program.trace.passes:
        for position in node.kind.inplace:
            x = node.inputs[position]
            if x in memory.buffer and _takes_over(node, x, memory, last):
                return x
    return None


def _place_updates(program: Program, memory: Memory, last: Lifetimes) -> None:
    """Compute a variable's new value straight into its spare array, and what leads to it too."""
    for variable, node in program.updates.items():
        if not computed(node) or memory.is_placed(node) or not variable.shape.is_fully_defined():
            continue
        memory.spare[node] = variable
        while "inplace" in program.trace.passes:
            found = [
                x
                for x in (node.inputs[p] for p in node.kind.inplace)
                if computed(x) and x not in memory.spare and _takes_over(node, x, memory, last)
            ]
            if not found:
                break
            memory.inplace.add(node)
            node = found[-1]
            memory.spare[node] = variable


def _place_results(program: Program, memory: Memory) -> None:
    for node in program.results:
        if computed(node) and node.spec.shape.sizes and not memory.is_placed(node):
            memory.fresh.add(node)
