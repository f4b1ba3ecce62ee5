"""One function of a program: the program itself, or a body of one of its ops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinygraph.body import unchanged
from tinygraph.compiler.codegen import Code
from tinygraph.compiler.memory import Memory, computed
from tinygraph.compiler.parts import Line
from tinygraph.compiler.prepare import PREPARE
from tinygraph.compiler.program import Program
from tinygraph.compiler.text import comment, dict_display, identifier, numpy_name, tuple_display
from tinygraph.compiler.trace import user_node
from tinygraph.node import Node
from tinygraph.op import argument, const, item
from tinygraph.origin import is_foreign


class Routine:
    """Writes the lines of one function into a Code; `emit` is the way to use it."""

    def __init__(self, code: Code, program: Program, memory: Memory):
        self.code = code
        self.program = program
        self.memory = memory
        self._new: dict[Node, str] = {}  # variable -> the array for its new value
        self._calls: list[str] = []  # the updates of variables' own arrays
        self._is_body = False
        self._static: dict[Node, np.ndarray] = {}
        self._returned: set[Node] = set()
        self._written: dict[Node, str] = {}  # the functions that are written for nodes
        self._body: list[Line] = []
        self._own: set[str] = set()  # names within the function
        self._counts: dict[str, int] = {}
        self._outputs: dict[Node, list[str]] = {}  # the names of several outputs
        self._used: dict[Node, set[int]] = {}  # and which of them there are nodes for
        for node in program.nodes:
            if node.kind is item:
                self._used.setdefault(node.inputs[0], set()).add(node.attrs["index"])

    def emit(self, remark: str = "") -> None:
        """Define `step`, which makes all new values of variables theirs when all is computed."""
        if remark:
            self._line(comment(remark))
        self.code.inplace |= {x for x, place in self.memory.place.items() if place.in_place}
        self._allocate()
        given = self._begin()
        if self.program.draws():
            self._line("streams = variables.drawing()")
        if any(self.memory.has(body, "own") for body in self.program.bodies()):
            self._calls.append("*updates")
            self._line("updates = []")
        self._nodes()
        self._commit()
        results = [self._copied(node) for node in self.program.results]
        copied = [node for node in self.program.results if self.memory.kind(node) != "fresh"]
        text = f"return {tuple_display(results)}"
        if copied:
            self._allocation(text, max(copied, key=lambda node: node.spec.bytes))
        else:
            self._line(text)
        self.code.add("step", ["variables", *given], self._body)

    def emit_body(self, name: str, arguments: list[str]) -> str:
        """Define a function of that name, which returns new values too; the call of it."""
        self._is_body = True
        self._begin()
        self._nodes()
        results = [self.code[node] for node in self.program.results]
        self._line(f"return {tuple_display(results)}")
        needs = {
            "variables": self._uses_variables(), "updates": self.memory.has(self.program, "own"),
            "streams": self.program.draws(),
        }
        shared = [name for name, is_needed in needs.items() if is_needed]
        needed = set(self.program.nodes)
        pairs = [
            (self.code[feed], argument)
            for feed, argument in zip(self.program.feeds, arguments, strict=True) if feed in needed
        ]
        self.code.add(name, [*shared, *[given for given, _ in pairs]], self._body)
        return f"{name}({', '.join([*shared, *[argument for _, argument in pairs]])})"

    def _uses_variables(self) -> bool:
        kinds = {node.kind for node in self.program.all_nodes()}
        reads = any(kind.role == "variable" for kind in kinds)
        return reads or self.memory.has(self.program, "spare")

    # ---------------------------------------------------------------- the parts

    def _begin(self) -> list[str]:
        """Names for what is given, buffers, and arrays for the new values of variables."""
        code = self.code
        for node in self.program.feeds:
            code[node] = self._local(node.op_name.rpartition("/")[2])
        for node in self.program.nodes:
            if self.memory.kind(node) != "spare" or not computed(node):
                continue
            variable = self.memory.place[node].owner
            if variable not in self._new:
                name = self._new[variable] = self._local(identifier(variable.op_name) + "_new")
                dims, dtype = variable.shape.sizes, variable.dtype.name
                text = f"{name} = variables.new({variable.op_name!r}, {dims}, {dtype!r})"
                self._allocation(text, node)
        return [code[node] for node in self.program.feeds]

    def _nodes(self) -> None:
        for node in self.program.nodes:
            if self.memory.kind(node) == "buffer":
                self.code[node] = self.code[self.memory.place[node].owner]
            self._emit_node(node)

    def _commit(self) -> None:
        moved = ["variables.moved(streams)"] * self.program.draws()
        if not self.program.updates:
            if moved:
                self._line("variables.streams.update(streams)")
            return
        names, is_new = {}, True
        for variable, node in self.program.updates.items():
            if self.memory.kind(node) == "own":
                continue
            name = self.code[node]
            is_there = computed(node) and self.memory.kind(node) == "spare"
            if not (is_there and self.memory.place[node].owner is variable):
                is_new = False
                name = self._local(identifier(variable.op_name) + "_new")
                self._line(f"{name} = variables.own({variable.op_name!r}, {self.code[node]})", node)
            names[variable.op_name] = name
        new = dict_display(names) if is_new else f"variables.changed({dict_display(names)})"
        self._line(f"variables.commit({', '.join([new, *self._calls, *moved])})")

    def _emit_node(self, node: Node) -> None:
        kind, code, place = node.kind, self.code, self.memory.kind(node)
        if kind in (argument, const):
            return
        if kind in self.program.written:
            self._written[node] = code.kernel(node, self.program.written[kind])
        if kind.role == "variable":
            name = code[node] = self._local(identifier(node.op_name))
            self._line(f"{name} = {self._kept(node)}", node)
        elif kind.role == "effect":
            self._line(self._call(node), node)
        elif kind is item:
            code[node] = self._outputs[node.inputs[0]][node.attrs["index"]]
        elif node.spec.items:
            target = self._target(node)
            if node.bodies:
                self._choose(node, target)
            else:
                self._line(f"{target}{self._call(node)}", node)
        elif place == "own":
            code[node] = code[node.inputs[0]]
            update = self._call(node, PREPARE[kind])
            if self._is_body:
                self._line(f"updates.append({update})", node)
            else:
                self._calls.append(self._local("update#"))
                self._line(f"{self._calls[-1]} = {update}", node)
        elif place == "spare":
            code[node] = self._new[self.memory.place[node].owner]
            self._line(self._call(node, out=code[node]), node)
        elif place == "fresh":
            name = code[node] = self._local("r#")
            dims, dtype = node.spec.shape.sizes, numpy_name(node.spec.dtype)
            self._allocation(f"{name} = np.empty({dims}, {dtype})", node)
            self._line(self._call(node, out=name), node)
        elif place == "buffer":
            self._line(self._call(node, out=code[node]), node)
        else:
            self._emit_allocating(node)

    def _kept(self, node: Node) -> str:
        """A variable's value; a copy where it may be that of the node's input."""
        if node.kind is unchanged:
            return f"variables.get({node.op_name!r})"
        if node.inputs:
            return f"np.array(variables.get({node.op_name!r}, {self.code[node.inputs[0]]}))"
        return f"variables[{node.op_name!r}]"

    def _target(self, node: Node) -> str:
        """What a line begins with that assigns several outputs, but those that nothing uses."""
        used = self._used.get(node, ())
        names = [self._local("v#") if i in used else "_" for i in range(len(node.spec.items))]
        self._outputs[node] = names
        targets = ", ".join(names) if len(names) > 1 else f"({''.join(names)},)"
        return f"{targets} = " if used else ""

    def _emit_allocating(self, node: Node) -> None:
        """A view, made once where what it views stays in place; else what the kernel allocates."""
        kind = node.kind
        if kind.view and node.spec.shape.is_fully_defined() and not is_foreign(kind.kernel):
            try:
                view = self._view_once(node)
            except (MemoryError, ValueError):  # the run will raise it, and name the node
                view = None
            if view is not None:
                self._static[node] = view
                name = self.code[node] = self.code.unique("v#")
                self.code.head.append((f"{name} = {self._call(node)}", node))
                return
        name = self.code[node] = self._local("v#" if kind.view else "d#")
        self._line(f"{name} = {self._call(node, out=self.code.new_output(node))}", node)

    def _view_once(self, node: Node) -> np.ndarray | None:
        base = node.inputs[0]
        array = base.spec.constant if base.kind is const else self._static.get(base)
        if self.memory.kind(base) == "buffer":  # any array that looks like the buffer will do
            array = np.empty(base.spec.shape.as_list(), base.spec.dtype.numpy)  # type: ignore[arg-type]
        others = [
            x.spec.constant if x.kind is const or i in node.kind.static else None
            for i, x in enumerate(node.inputs[1:], start=1)
        ]
        if array is None or any(x is None for x in others):
            return None
        view = node.kind.kernel(array, *others, **node.attrs)
        return view if np.may_share_memory(view, array) else None

    def _copied(self, node: Node) -> str:
        """What the user gets for a node's value."""
        name = self.code[node]
        if self.memory.kind(node) == "fresh" and node not in self._returned:
            self._returned.add(node)  # a second fetch of the same value gets a copy of its own
            return name
        if node.spec.shape.sizes == ():
            return f"{name}[()]"
        return f"{name}.copy()" if node.spec.shape.is_fully_defined() else f"np.array({name})[()]"

    # ---------------------------------------------------------------- calls

    def _call(self, node: Node, function: Callable | None = None, out: str | None = None) -> str:
        kind, function = node.kind, function or node.kind.kernel
        parts = self.code.operands(node)
        if node in self._written:
            return f"{self._written[node]}({', '.join([*parts, str(out)])})"
        if out is not None:
            parts.append(f"out={out}")
        if kind.state is not None:
            self.code.begin_stream(user_node(node))
            parts.append(f"state=streams[{node.op_name!r}]")
        parts += [self.code.attribute(key, value) for key, value in node.attrs.items()]
        return f"{self.code.function(node, function)}({', '.join(parts)})"

    def _choose(self, node: Node, target: str) -> None:
        """Call the body that a bool or a number chooses, each with what it takes."""
        index, *arguments = [self.code[x] for x in node.inputs]
        is_bool = node.inputs[0].spec.dtype.is_bool
        stem = body_name(node)
        *calls, last = [
            Routine(self.code, body, self.memory).emit_body(
                self.code.unique(stem.format(("true", "false")[i] if is_bool else i)), arguments
            )
            for i, body in enumerate(node.bodies)
        ]
        for i, call in enumerate(calls):
            self._line(f"{'el' * (i > 0)}if {index if is_bool else f'{index} == {i}'}:")
            self._line(f"    {target}{call}", node)
        if calls:
            self._line("else:")
        self._line(f"{'    ' * bool(calls)}{target}{last}", node)

    # ---------------------------------------------------------------- lines

    def _allocate(self) -> None:
        """The buffers, and the memory that several of them take turns in."""
        code = self.code
        for arena in self.memory.arenas:
            largest = max(arena, key=lambda node: node.spec.bytes)
            code.bytes += largest.spec.bytes
            if len(arena) > 1:
                name = code.unique("m#")
                self._once(f"{name} = np.empty({largest.spec.bytes}, np.uint8)", largest)
            for node in arena:
                dims, dtype = node.spec.shape.sizes, numpy_name(node.spec.dtype)
                code[node] = code.unique("b#")
                if len(arena) > 1:
                    self._once(f"{code[node]} = np.ndarray({dims}, {dtype}, {name})")
                else:
                    self._once(f"{code[node]} = np.empty({dims}, {dtype})", node)

    def _once(self, text: str, node: Node | None = None) -> None:
        """A line before the function; it may only make an array, for a node."""
        if node is not None:
            self.code.makes_arrays(text, node)
        self.code.head.append((text, None))

    def _local(self, wish: str) -> str:
        """A name for something within the function."""
        return self.code.local(wish, self._counts, self._own)

    def _line(self, text: str, node: Node | None = None) -> None:
        self._body.append((text, node))

    def _allocation(self, text: str, node: Node) -> None:
        """A line that only makes an array for the node."""
        self.code.makes_arrays(text, node)
        self._line(text)


def body_name(node: Node) -> str:
    """What the functions of a node's bodies are called, with {} for which body it is."""
    user, end = user_node(node).op.node, ""
    while user.forward is not None:
        user, end = user.forward, f"{end}_grad"
    return f"{user.op_name.rpartition('/')[0] or user.op_name}_{{}}{end}"
