"""A program to Python source: one line per op, with its name and spec as the comment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.memory import Memory
from tinygraph.compiler.parts import GAP, Line, functions as in_functions, split
from tinygraph.compiler.rewrite import Program
from tinygraph.compiler.text import array_literal, comment, identifier, numpy_name
from tinygraph.compiler.writer import Writer, written_out
from tinygraph.graph import Node
from tinygraph.op import Op, argument, const, item
from tinygraph.ops.loop import compiled
from tinygraph.origin import is_foreign
from tinygraph.spec import Shape, Spec, as_dtype


class Computed(NamedTuple):
    """What a line of a program computes, and for which of the user's nodes."""

    node: Node
    kind: Op
    spec: Spec
    in_place: bool


class Code(Writer):
    """The source of a program, the objects that it names, and what each line computes."""

    def __init__(
        self, program: Program, memory: Memory, begin_stream: Callable[[Node], None],
        remark: str = "",
    ):  # fmt: skip
        super().__init__()
        self.program = program
        self.remark = remark
        self.memory = memory
        self.begin_stream = begin_stream
        self.namespace["compiled"] = compiled
        self.lines: dict[int, Computed] = {}
        self.allocations: dict[int, Computed] = {}  # the lines that only make arrays, and for what
        self.bytes = sum(memory.size.values())  # of the buffers and of the constants made here
        self._spares: dict[Node, str] = {}
        self._calls: list[str] = []  # the updates of variables' own arrays
        self._functions: dict[int, str] = {}  # by the identity of kernels, which their ops keep
        self._static: dict[Node, np.ndarray] = {}
        self._returned: set[Node] = set()
        self._written: dict[Node, str] = {}  # the functions that are written for nodes
        self._kernels: dict[tuple[str, ...], str] = {}  # their sources without a name
        self._arrays: dict[str, Node] = {}  # the text of a line that only makes arrays -> for what
        self._emit()
        self.pieces = self._assemble()
        self.source = "".join(self.pieces)

    # ---------------------------------------------------------------- the parts

    def _emit(self) -> None:
        if self.remark:
            self._line(comment(self.remark))
        for node in self.program.feeds:
            self._names[node] = self._unique(node.op_name.rpartition("/")[2])
        buffers = [self._unique("b#") for _ in self.memory.specs]
        self._allocate(buffers)
        for variable, node in self.program.updates.items():
            if node in self.memory.owner:
                continue
            name = self._unique(identifier(variable.op_name) + "_new")
            self._spares[variable] = name
            if variable.shape.is_fully_defined():
                dims, dtype = variable.shape.sizes, variable.dtype.name
                self._new(f"{name} = variables.new({variable.op_name!r}, {dims}, {dtype!r})", node)
        if self.program.draws():
            self._line("streams = variables.drawing()")
        for node in self.program.nodes:
            if node in self.memory.buffer:
                self._names[node] = buffers[self.memory.buffer[node]]
            self._emit_node(node)
        self._emit_updates()
        results = [self._result(node) for node in self.program.results]
        text = f"return ({', '.join(results)}{',' if len(results) == 1 else ''})"
        copied = [node for node in self.program.results if node not in self.memory.fresh]
        if copied:
            self._new(text, max(copied, key=lambda node: node.spec.bytes))
        else:
            self._line(text)

    def _emit_node(self, node: Node) -> None:
        kind = node.kind
        if kind in (argument, const):
            return
        if kind.written is not None:
            self._written[node] = self._write(node)
        if kind.reads:
            name = self._names[node] = self._unique(identifier(node.op_name))
            self._line(f"{name} = {self._kept(node)}", node)
        elif kind.effect:
            self._line(self._call(node), node)
        elif kind is item:
            name = self._names[node] = self._unique("v#")
            self._line(f"{name} = {self._name(node.inputs[0])}[{node.attrs['index']}]", node)
        elif node in self.memory.owner:
            self._names[node] = self._name(node.inputs[0])
            call = self._unique("update#")
            self._calls.append(call)
            self._line(f"{call} = {self._call(node, kind.prepare)}", node)
        elif node in self.memory.spare:
            self._names[node] = self._spares[self.memory.spare[node]]
            self._line(self._call(node, out=self._names[node]), node)
        elif node in self.memory.fresh:
            name = self._names[node] = self._unique("r#")
            dims, dtype = node.spec.shape.sizes, numpy_name(node.spec.dtype)
            self._new(f"{name} = np.empty({dims}, {dtype})", node)
            self._line(self._call(node, out=name), node)
        elif node in self.memory.buffer:
            self._line(self._call(node, out=self._names[node]), node)
        else:
            self._emit_allocating(node)

    def _kept(self, node: Node) -> str:
        """A variable's value; a copy where it may be that of the node's input."""
        if node.inputs:
            return f"np.array(variables.get({node.op_name!r}, {self._name(node.inputs[0])}))"
        return f"variables[{node.op_name!r}]"

    def _write(self, node: Node) -> str:
        """The name of the function that is the node's kernel, which equal ones share."""
        kind = node.kind
        assert kind.written is not None
        text = tuple(kind.written("", **node.attrs))
        if text not in self._kernels:
            self._kernels[text] = self._unique(f"{kind.name.lower()}#")
        return self._kernels[text]

    def _emit_allocating(self, node: Node) -> None:
        """A view, made once where what it views stays in place; else what the kernel allocates."""
        kind = node.kind
        name = self._names[node] = self._unique("v#" if kind.view else "d#")
        if kind.view and node.spec.shape.is_fully_defined() and not is_foreign(kind.kernel):
            try:
                view = self._view_once(node)
            except (MemoryError, ValueError):  # the run will raise it, and name the node
                view = None
            if view is not None:
                self._static[node] = view
                self._head.append((f"{name} = {self._call(node)}", node))
                return
        self._line(f"{name} = {self._call(node)}", node)

    def _view_once(self, node: Node) -> np.ndarray | None:
        base = node.inputs[0]
        array = base.spec.constant if base.kind is const else self._static.get(base)
        if base in self.memory.buffer:  # any array that looks like the buffer will do
            array = np.empty(base.spec.shape.as_list(), base.spec.dtype.numpy)  # type: ignore[arg-type]
        others = [
            x.spec.constant if x.kind is const or i in node.kind.static else None
            for i, x in enumerate(node.inputs[1:], start=1)
        ]
        if array is None or any(x is None for x in others):
            return None
        view = node.kind.kernel(array, *others, **node.attrs)
        return view if np.may_share_memory(view, array) else None

    def _emit_updates(self) -> None:
        for variable, name in self._spares.items():
            node = self.program.updates[variable]
            if self.memory.spare.get(node) is not variable:
                value = self._name(node)
                if variable.shape.is_fully_defined():
                    self._line(f"np.copyto({name}, {value})", node)
                else:
                    self._line(f"{name} = np.array({value})", node)
        draws = self.program.draws()
        if self.program.updates:
            pairs = ", ".join(f"{v.op_name!r}: {name}" for v, name in self._spares.items())
            moved = ["variables.moved(streams)"] * draws
            self._line(f"variables.commit({', '.join([f'{{{pairs}}}', *self._calls, *moved])})")
        elif draws:
            self._line("variables.streams.update(streams)")

    def _result(self, node: Node) -> str:
        name = self._name(node)
        if node in self.memory.fresh and node not in self._returned:
            self._returned.add(node)  # a second fetch of the same value gets a copy of its own
            return name
        if node.spec.shape.sizes == ():
            return f"{name}[()]"
        return f"{name}.copy()" if node.spec.shape.is_fully_defined() else f"np.array({name})[()]"

    # ---------------------------------------------------------------- one call

    def _call(self, node: Node, function: Callable | None = None, out: str | None = None) -> str:
        kind, function = node.kind, function or node.kind.kernel
        parts = []
        for i, x in enumerate(node.inputs):
            value = x.spec.constant if i in kind.static else None
            parts.append(self._name(x) if value is None else array_literal(value))
        if node in self._written:
            return f"{self._written[node]}({', '.join([*parts, str(out)])})"
        if out is not None:
            parts.append(f"out={out}")
        if kind.state is not None:
            self.begin_stream(self.program.trace.user_node[node])
            parts.append(f"state=streams[{node.op_name!r}]")
        parts += [self._attribute(key, value) for key, value in node.attrs.items()]
        return f"{self._function(node, function)}({', '.join(parts)})"

    def _function(self, node: Node, kernel: Any) -> str:
        """What the source calls a kernel, or another function of the node's op."""
        if id(kernel) in self._functions:  # a user's may have no hash
            return self._functions[id(kernel)]
        kind = node.kind
        name = str(getattr(kernel, "__name__", ""))
        if not name.isidentifier():
            name = kind.name.lower()
        name = identifier(name)
        if is_foreign(kernel) and not kind.effect:
            return self._bind(name.strip("_"), guarded(kernel, node))
        is_numpys = getattr(np, name, None) is kernel
        text = f"np.{name}" if is_numpys else self._bind(name.strip("_"), kernel)
        self._functions[id(kernel)] = text
        return text

    def _constant(self, node: Node) -> str:
        value = node.attrs["value"]
        if value is not self.program.trace.user_node[node].attrs.get("value"):
            self.bytes += value.nbytes
        return super()._constant(node)

    # ---------------------------------------------------------------- lines

    def _allocate(self, buffers: list[str]) -> None:
        """The buffers, and the memories that several of them take turns in."""
        rooms = self.memory.room
        lodgers = Counter(rooms)
        memories = {}
        largest: dict[int, Node] = {}
        for node, i in self.memory.buffer.items():
            if rooms[i] not in largest or node.spec.bytes > largest[rooms[i]].spec.bytes:
                largest[rooms[i]] = node
        for i, (name, spec) in enumerate(zip(buffers, self.memory.specs, strict=True)):
            dims, dtype, room = spec.shape.sizes, numpy_name(spec.dtype), rooms[i]
            if lodgers[room] == 1:
                text = f"{name} = np.empty({dims}, {dtype})"
                self._arrays[text] = largest[room]
            else:
                if room == i:
                    memories[room] = self._unique("m#")
                    size = self.memory.size[room]
                    text = f"{memories[room]} = np.empty({size}, np.uint8)"
                    self._arrays[text] = largest[room]
                    self._head.append((text, None))
                text = f"{name} = np.ndarray({dims}, {dtype}, {memories[room]})"
            self._head.append((text, None))

    def _new(self, text: str, node: Node) -> None:
        """A line that makes an array for the node, or several of which its is the largest."""
        self._arrays[text] = node
        self._line(text)

    def _assemble(self) -> list[str]:
        """The source in pieces, to be compiled one by one; short programs are one piece."""
        given = ["variables", *(self._names[node] for node in self.program.feeds)]
        head = split(self._head)
        written: list[list[Line]] = [
            [(line.replace("def (", f"def {name}("), None) for line in text]
            for text, name in self._kernels.items()
        ]
        functions = in_functions(given, self._body, self._unique)
        pieces = [*head, *written, *functions]
        pieces[len(head) :] = [[*GAP, *lines] for lines in pieces[len(head) :]]
        if not head:
            del pieces[0][: len(GAP)]
        lines = [line for piece in pieces for line in piece]
        for number, (text, node) in enumerate(lines, start=1):
            if node is not None and number > len(self._head):
                self.lines[number] = self._computed(node)
            elif text.lstrip() in self._arrays:
                self.allocations[number] = self._computed(self._arrays[text.lstrip()])
        if len(functions) == 1:
            pieces = [lines]
        return written_out(pieces)

    def _computed(self, node: Node) -> Computed:
        user = self.program.trace.user_node[node]
        return Computed(user, node.kind, node.spec, node in self.memory.inplace)


def guarded(kernel: Callable, node: Node) -> Callable:
    """A user's kernel, made to keep its promises: leave inputs alone, fill `out`, fit the spec."""
    spec, is_view = node.spec, node.kind.view

    def call(*arrays: np.ndarray, **options: Any) -> Any:
        inputs = [np.asarray(array).view() for array in arrays]
        for array in inputs:
            array.flags.writeable = False
        result, out = kernel(*inputs, **options), options.get("out")
        if result is None:
            raise TypeError("the kernel returned None; it must return its result")
        if result is out:
            return out
        if spec.items:
            if not isinstance(result, tuple | list) or len(result) != len(spec.items):
                raise TypeError(f"the kernel must return a tuple of {len(spec.items)} arrays")
            return tuple(map(partial(checked, inputs), result, spec.items))
        if out is None:
            return checked([] if is_view else inputs, result, spec)
        np.copyto(out, checked([], result, spec))
        return out

    return call


def checked(inputs: list[np.ndarray], result: Any, spec: Spec) -> Any:
    """A kernel's result, which fits the spec, or a copy where it shares memory with an input."""
    made = Spec(Shape(np.shape(result)), as_dtype(np.asarray(result).dtype))
    if made.dtype is not spec.dtype or not made.shape.is_compatible_with(spec.shape):
        raise TypeError(f"the kernel made {made}, but the op's shape rule says {spec}")
    shares = any(np.may_share_memory(result, x) for x in inputs)
    return np.array(result) if shares else result
