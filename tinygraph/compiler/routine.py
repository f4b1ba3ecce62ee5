"""Writes one function of the source: the program's own, or that of a body of one of its ops."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tinygraph.body import unchanged
from tinygraph.compiler.codegen import Code
from tinygraph.compiler.memory import Memory, writes_out
from tinygraph.compiler.parts import Line
from tinygraph.compiler.prepare import PREPARE
from tinygraph.compiler.program import Program
from tinygraph.compiler.text import comment, dict_display, identifier, numpy_name, tuple_display
from tinygraph.compiler.trace import user_node
from tinygraph.compiler.writer import FunctionLines, line_for
from tinygraph.node import Node
from tinygraph.op import argument, const, item
from tinygraph.origin import is_foreign


class Routine(FunctionLines):
    """Writes the lines of one function into a Code; `emit` is the way to use it."""

    def __init__(self, code: Code, program: Program, memory: Memory):
        super().__init__(code)
        self.code = code
        self.program = program
        self.memory = memory
        self._new: dict[Node, str] = {}  # variable -> the array for its new value
        self._updates: list[str] = []  # names of the prepared updates of variables' own arrays
        self._is_body = False
        self._lasting_views: dict[Node, np.ndarray] = {}  # those made once
        self._handed_out: set[Node] = set()  # "fresh" arrays that the user gets
        self._written: dict[Node, str] = {}  # node -> its kernel's name in the source
        self._outputs: dict[Node, list[str]] = {}  # node -> the names of its outputs
        self._used: dict[Node, set[int]] = {}  # and the indices of those that are used
        for node in program.nodes:
            if node.kind is item:
                self._used.setdefault(node.inputs[0], set()).add(node.attrs["index"])

    def emit(self, remark: str = "") -> None:
        """Define `step`, which at its end gives all variables their new values at once."""
        if remark:
            self.lines.append(Line(comment(remark)))
        self._allocate()
        parameters = self._begin()
        if self.program.draws():
            self.line("streams = variables.drawing()", names=("streams",))
        deferred = any(self.memory.has(body, "own") for body in self.program.bodies())
        if deferred:
            self.line("updates = []", names=("updates",))
        self._nodes()
        self._commit(["*updates"] * deferred)
        results = tuple_display([self._result_for_user(node) for node in self.program.results])
        to_copy = [node for node in self.program.results if self.memory.storage(node) != "fresh"]
        largest_copy = max(to_copy, key=lambda node: node.spec.bytes, default=None)
        self.line(f"return {results}", largest_copy, "return")
        self.code.add("step", ["variables", *parameters], self.lines)

    def emit_body(self, name: str, arguments: list[str]) -> str:
        """Define a body's function, which also returns new values of variables; return its call."""
        self._is_body = True
        self._begin()
        self._nodes()
        results = tuple_display([self.code[node] for node in self.program.results])
        self.line(f"return {results}", purpose="return")
        uses = {
            "variables": self._uses_variables(), "updates": self.memory.has(self.program, "own"),
            "streams": self.program.draws(),
        }
        common = [name for name, is_used in uses.items() if is_used]
        nodes = set(self.program.nodes)
        pairs = [
            (self.code[feed], argument)
            for feed, argument in zip(self.program.feeds, arguments, strict=True) if feed in nodes
        ]
        self.code.add(name, [*common, *[parameter for parameter, _ in pairs]], self.lines)
        return f"{name}({', '.join([*common, *[argument for _, argument in pairs]])})"

    def _uses_variables(self) -> bool:
        kinds = {node.kind for node in self.program.all_nodes()}
        reads = any(kind.role == "variable" for kind in kinds)
        return reads or self.memory.has(self.program, "spare")

    # ---------------------------------------------------------------- the parts

    def _begin(self) -> list[str]:
        """Name the feeds, write lines that get arrays for new values; return the feeds' names."""
        code = self.code
        for node in self.program.feeds:
            code[node] = self.name(node.op_name.rpartition("/")[2])
        for node in self.program.nodes:
            place = self.memory.place.get(node)
            if place is None or place.storage != "spare" or not writes_out(node):
                continue
            variable = place.owner
            if variable not in self._new:
                dims, dtype = variable.shape.sizes, variable.dtype.name
                self._new[variable] = self.assign(
                    self.name(identifier(variable.op_name) + "_new"),
                    f"variables.new({variable.op_name!r}, {dims}, {dtype!r})", node, "allocation",
                )
        return [code[node] for node in self.program.feeds]

    def _nodes(self) -> None:
        for node in self.program.nodes:
            self._emit_node(node)

    def _commit(self, deferred: list[str]) -> None:
        """Write the line that commits all new values, and the `deferred` updates of bodies."""
        stream_update = ["variables.moved(streams)"] * self.program.draws()
        if not self.program.updates:
            if stream_update:
                self.line("variables.streams.update(streams)")
            return
        names, all_in_spares = {}, True
        for variable, node in self.program.updates.items():
            place = self.memory.place.get(node)
            storage, owner = (place.storage, place.owner) if place else ("", None)
            if storage == "own":
                continue
            key, name = variable.op_name, self.code[node]
            if not (writes_out(node) and storage == "spare" and owner is variable):
                all_in_spares = False
                name = self.name(identifier(key) + "_new")
                self.assign(name, f"variables.own({key!r}, {self.code[node]})", node)
            names[key] = name
        new = dict_display(names) if all_in_spares else f"variables.changed({dict_display(names)})"
        arguments = ", ".join([new, *self._updates, *deferred, *stream_update])
        self.line(f"variables.commit({arguments})", purpose="commit")

    def _emit_node(self, node: Node) -> None:
        kind, code, place = node.kind, self.code, self.memory.place.get(node)
        if kind in (argument, const):
            return
        if kind in self.program.kernel_sources:
            self._written[node] = code.kernel(node, self.program.kernel_sources[kind])
        if kind.role == "variable":
            code[node] = self.assign(self.name(identifier(node.op_name)), self._kept(node), node)
        elif kind.role == "effect":
            self.line(self._call(node), node)
        elif kind is item:
            code[node] = self._outputs[node.inputs[0]][node.attrs["index"]]
        elif node.spec.items:
            self._emit_outputs(node)
        elif place is None:
            self._emit_allocating(node)
        elif place.storage == "own":
            code[node] = code[node.inputs[0]]
            update = self._call(node, PREPARE[kind])
            if self._is_body:
                self.line(f"updates.append({update})", node, in_place=True)
            else:
                name = self.assign(self.name("update#"), update, node, "update", in_place=True)
                self._updates.append(name)
        else:
            if place.storage == "buffer":
                code[node] = code[place.owner]
            elif place.storage == "spare":
                code[node] = self._new[place.owner]
            else:
                dims, dtype = node.spec.shape.sizes, numpy_name(node.spec.dtype)
                empty = f"np.empty({dims}, {dtype})"
                code[node] = self.assign(self.name("r#"), empty, node, "allocation")
            self.line(self._call(node, out=code[node]), node, in_place=place.in_place)

    def _kept(self, node: Node) -> str:
        """A variable's value as an expression; a copy if it may be the initial value."""
        if node.kind is unchanged:
            return f"variables.get({node.op_name!r})"
        if node.inputs:
            return f"np.array(variables.get({node.op_name!r}, {self.code[node.inputs[0]]}))"
        return f"variables[{node.op_name!r}]"

    def _emit_outputs(self, node: Node) -> None:
        """Write the line of an op with several outputs; outputs that nothing uses get no name."""
        used = self._used.get(node, ())
        names = [self.name("v#") if i in used else "_" for i in range(len(node.spec.items))]
        self._outputs[node] = names
        targets = ", ".join(names) if len(names) > 1 else f"({''.join(names)},)"
        target = f"{targets} = " if used else ""
        for condition, call in self._choice(node) if node.bodies else [("", self._call(node))]:
            if condition:
                self.lines.append(Line(condition))
            text = f"{'    ' * bool(condition)}{target}{call}"
            self.line(text, node, names=tuple([name for name in names if name != "_"]))

    def _emit_allocating(self, node: Node) -> None:
        """Write the line of a view, which is made once if its base array stays the same; or of a
        node whose kernel allocates its value.
        """
        kind = node.kind
        if kind.view and node.spec.shape.is_fully_defined() and not is_foreign(kind.kernel):
            try:
                view = self._view_once(node)
            except (MemoryError, ValueError):  # the run will raise it, and name the node
                view = None
            if view is not None:
                self._lasting_views[node] = view
                name = self.code[node] = self.code.unique("v#")
                self.code.head.append(line_for(node, f"{name} = {self._call(node)}"))
                return
        call = self._call(node, out=self.code.new_output(node))
        self.code[node] = self.assign(self.name("v#" if kind.view else "d#"), call, node)

    def _view_once(self, node: Node) -> np.ndarray | None:
        base = node.inputs[0]
        array = base.spec.constant if base.kind is const else self._lasting_views.get(base)
        if self.memory.storage(base) == "buffer":  # only shape and dtype matter here
            array = np.empty(base.spec.shape.as_list(), base.spec.dtype.numpy)  # type: ignore[arg-type]
        others = [
            x.spec.constant if x.kind is const or i in node.kind.static else None
            for i, x in enumerate(node.inputs[1:], start=1)
        ]
        if array is None or any(x is None for x in others):
            return None
        view = node.kind.kernel(array, *others, **node.attrs)
        return view if np.may_share_memory(view, array) else None

    def _result_for_user(self, node: Node) -> str:
        """An expression for the array that the user gets."""
        name = self.code[node]
        if self.memory.storage(node) == "fresh" and node not in self._handed_out:
            self._handed_out.add(node)  # a second fetch of the same value gets a copy of its own
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

    def _choice(self, node: Node) -> Iterator[tuple[str, str]]:
        """For each body, the `if` line that chooses it, by a bool or number, and its call."""
        index, *arguments = [self.code[x] for x in node.inputs]
        is_bool, last = node.inputs[0].spec.dtype.is_bool, len(node.bodies) - 1
        stem = body_name(node)
        for i, body in enumerate(node.bodies):
            name = self.code.unique(stem.format(("true", "false")[i] if is_bool else i))
            call = Routine(self.code, body, self.memory).emit_body(name, arguments)
            test = f"{'el' * (i > 0)}if {index if is_bool else f'{index} == {i}'}:"
            yield (test if i < last else "else:") * (last > 0), call

    # ---------------------------------------------------------------- lines

    def _allocate(self) -> None:
        """Write lines that allocate the buffers, and the arenas that several of them share."""
        code = self.code
        for arena in self.memory.arenas:
            largest = max(arena, key=lambda node: node.spec.bytes)
            code.bytes += largest.spec.bytes
            if len(arena) > 1:
                name = code.unique("m#")
                memory = f"{name} = np.empty({largest.spec.bytes}, np.uint8)"
                code.head.append(line_for(largest, memory, "allocation"))
            for node in arena:
                dims, dtype = node.spec.shape.sizes, numpy_name(node.spec.dtype)
                code[node] = code.unique("b#")
                array = f"np.empty({dims}, {dtype})"
                if len(arena) > 1:
                    array = f"np.ndarray({dims}, {dtype}, {name})"
                code.head.append(line_for(node, f"{code[node]} = {array}", "allocation"))


def body_name(node: Node) -> str:
    """The name of the functions of a node's bodies, with {} for the body's number."""
    user, end = user_node(node).op.node, ""
    while user.forward is not None:
        user, end = user.forward, f"{end}_grad"
    return f"{user.op_name.rpartition('/')[0] or user.op_name}_{{}}{end}"
