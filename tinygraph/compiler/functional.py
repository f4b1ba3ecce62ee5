"""A program as the pure function that it is: source over any library, one assignment a node.

    def step(variables, positions, x):
        w = variables['w']   # w    float32[784,10]
        t0 = np.dot(x, w)    # MatMul    float32[100,10]
        return (t0,), {}, {}

Nothing in it allocates, overwrites or keeps: a library whose arrays never change can run it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import Any

import numpy as np

from tinygraph.compiler.codegen import guarded
from tinygraph.compiler.parts import GAP, functions as in_functions
from tinygraph.compiler.rewrite import Program, stream_of
from tinygraph.compiler.text import array_literal, identifier, literal
from tinygraph.compiler.writer import Writer, written_out
from tinygraph.graph import Node
from tinygraph.op import argument, const, item
from tinygraph.origin import is_foreign


def numpys(node: Node) -> Callable:
    """What computes a node in NumPy: its kernel."""
    kernel: Any = node.kind.kernel
    if node.kind.state is not None:
        return partial(_drawn, node)
    return guarded(kernel, node) if is_foreign(kernel) and not node.kind.effect else kernel


def _drawn(node: Node, position: Any, *arrays: Any, **attrs: Any) -> tuple[Any, Any]:
    """What a random op draws from its stream's position on, and the position after that."""
    stream = stream_of(node, position)
    return node.kind.kernel(*arrays, state=stream, **attrs), stream.position  # type: ignore[misc]


class Functional(Writer):
    """`step(variables, positions, *feeds) -> (results, new variables, new positions)`.

    `source` is its text, in which `namespace` says what the names stand for.

    Variables and positions are dicts by name; the new ones are those that the program changes.

    Parameters
    ----------
    program
        A lowered program without the passes that know of memory.
    function_of
        `function_of(node)` computes the node from arrays and attributes. Of a random op it takes
        the stream's position before them, or None for the start, and returns the new one, too.
    library, alias
        The module whose functions the source calls by their names, and what it calls the module.
    reserved
        Names that it must not use.
    """

    def __init__(
        self, program: Program, function_of: Callable[[Node], Callable] = numpys,
        library: Any = np, alias: str = "np", reserved: Iterable[str] = (),
    ):  # fmt: skip
        super().__init__()
        self.function_of, self.library, self.alias = function_of, library, alias
        self.namespace[alias] = library
        self._used.update(reserved)
        self._functions: dict[int, str] = {}  # by their identity; the namespace keeps them
        self._positions: dict[str, str] = {}
        for node in program.feeds:
            self._names[node] = self._unique(node.op_name.rpartition("/")[2])
        for node in program.nodes:
            if node.kind not in (argument, const):
                self._emit(node)
        results = ", ".join([self._name(node) for node in program.results])
        comma = "," * (len(program.results) == 1)
        new = {variable.op_name: self._name(node) for variable, node in program.updates.items()}
        self._line(f"return ({results}{comma}), {_dict(new)}, {_dict(self._positions)}")
        given = ["variables", "positions", *(self._names[node] for node in program.feeds)]
        functions = in_functions(given, self._body, self._unique)
        pieces = [[*GAP * bool(self._head or i), *lines] for i, lines in enumerate(functions)]
        self.source = "".join(written_out([self._head, *pieces]))

    @cached_property
    def step(self) -> Callable[..., tuple[tuple, dict[str, Any], dict[str, Any]]]:
        """The function that the source defines."""
        exec(compile(self.source, "<tinygraph functional program>", "exec"), self.namespace)
        return self.namespace["step"]

    def _emit(self, node: Node) -> None:
        kind = node.kind
        if kind.effect:
            self._line(self._call(node), node)
            return
        if kind.reads:
            name, value = self._unique(identifier(node.op_name)), self._kept(node)
        elif kind is item:
            name = self._unique("t#")
            value = f"{self._name(node.inputs[0])}[{node.attrs['index']}]"
        else:
            name, value = self._unique("t#"), self._call(node)
        self._line(f"{name} = {value}", node)
        if kind.state is not None:
            self._positions[node.op_name] = f"{name}[1]"
            name = f"{name}[0]"
        self._names[node] = name

    def _kept(self, node: Node) -> str:
        """A variable's value, or that of its input where it has none."""
        key = literal(node.op_name)
        if node.inputs:
            return f"variables.get({key}, {self._name(node.inputs[0])})"
        return f"variables[{key}]"

    def _call(self, node: Node) -> str:
        kind = node.kind
        parts = []
        if kind.state is not None:
            parts.append(f"positions.get({literal(node.op_name)})")
        for i, x in enumerate(node.inputs):
            value = x.spec.constant if i in kind.static else None
            parts.append(self._name(x) if value is None else array_literal(value))
        parts += [self._attribute(key, value) for key, value in node.attrs.items()]
        return f"{self._function(node)}({', '.join(parts)})"

    def _function(self, node: Node) -> str:
        function = self.function_of(node)
        if id(function) not in self._functions:
            name = getattr(function, "__name__", getattr(node.kind.kernel, "__name__", ""))
            name = identifier(name if str(name).isidentifier() else node.kind.name.lower())
            is_librarys = getattr(self.library, name, None) is function
            text = f"{self.alias}.{name}" if is_librarys else self._bind(name.strip("_"), function)
            self._functions[id(function)] = text
        return self._functions[id(function)]


def _dict(items: dict[str, str]) -> str:
    """A dict's display, of names and of what the source calls their values."""
    return "{" + ", ".join(f"{literal(key)}: {value}" for key, value in items.items()) + "}"
