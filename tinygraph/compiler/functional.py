"""The source of a program as a pure function of any array library, one assignment per node.

    def step(variables, positions, x):
        w = variables['w']   # w    float32[784,10]
        t0 = np.dot(x, w)    # MatMul    float32[100,10]
        return (t0,), {}, {}

No line writes into an array that another line sees: a library whose arrays never change can run it,
too. This package's kernels get their `out` as a new array in the same line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import Any

import numpy as np

from tinygraph.body import unchanged
from tinygraph.compiler.codegen import guarded
from tinygraph.compiler.routine import body_name
from tinygraph.compiler.parts import GAP, Line, functions as in_functions
from tinygraph.compiler.program import Program, stream_of
from tinygraph.compiler.text import dict_display, identifier, literal, tuple_display
from tinygraph.compiler.writer import FunctionLines, Writer, written_out
from tinygraph.graph import Node
from tinygraph.op import argument, const, item
from tinygraph.origin import is_foreign


def numpy_function(node: Node) -> Callable:
    """The function that computes a node in NumPy: its kernel, or one that calls it."""
    kernel: Any = node.kind.kernel
    if node.kind.state is not None:
        return partial(_drawn, node)
    return guarded(kernel, node) if is_foreign(kernel) and node.kind.role != "effect" else kernel


def _drawn(node: Node, position: Any, *arrays: Any, **attrs: Any) -> tuple[Any, Any]:
    """The value that a random op draws from its stream at `position`, and the new position."""
    stream = stream_of(node, position)
    return node.kind.kernel(*arrays, state=stream, **attrs), stream.position  # type: ignore[misc]


class FunctionalSource(Writer):
    """`step(variables, positions, *feeds) -> (results, new variables, new positions)`.

    `source` is its text; `namespace` maps the names in it to objects.

    Variables and positions are dicts with names as keys; the new ones have those that the program
    changes. A variable that still has no value is left out, as in `Program.evaluate`.

    Parameters
    ----------
    program
        A lowered program on which no pass of TRANSFORMS has acted.
    function_of
        `function_of(node)` computes the node from arrays and attributes. For a random op its first
        argument is the stream's position, or None for the start, and it returns (value, new
        position).
    library, alias
        The module whose functions the source calls by their names, and its name in the source.
    reserved
        Names that the source must not use.
    """

    def __init__(
        self, program: Program, function_of: Callable[[Node], Callable] = numpy_function,
        library: Any = np, alias: str = "np", reserved: Iterable[str] = (),
    ):
        super().__init__()
        self.function_of, self.library, self.alias = function_of, library, alias
        self.namespace[alias] = library
        self._used.update(reserved)
        self._shared.update(reserved)
        self._pieces: list[list[Line]] = []
        self._define("step", program)
        pieces = [[*GAP * bool(self.head or i), *lines] for i, lines in enumerate(self._pieces)]
        self.source = "".join(written_out([self.head, *pieces]))

    def _define(self, name: str, program: Program, is_body: bool = False) -> None:
        """Write a program's function; a body's has variables' new values in its results."""
        function = _PureFunction(self)
        parameters = [
            function.named(node, node.op_name.rpartition("/")[2]) for node in program.feeds]
        for node in program.nodes:
            if node.kind not in (argument, const):
                function.emit(node)
        parts = [tuple_display([self[node] for node in program.results])]
        if not is_body:
            new = {variable.op_name: self[node] for variable, node in program.updates.items()}
            parts.append(_present(new, program))
        parts.append(dict_display(function.positions, function.moved))
        function.line(f"return {', '.join(parts)}")
        parameters = ["variables", "positions", *parameters]
        self._pieces += in_functions(name, parameters, function.lines, self.unique)

    @cached_property
    def step(self) -> Callable[..., tuple[tuple, dict[str, Any], dict[str, Any]]]:
        """The function that the source defines."""
        exec(compile(self.source, "<tinygraph functional program>", "exec"), self.namespace)
        return self.namespace["step"]

    def call(self, node: Node) -> str:
        """The call that computes a node."""
        kind = node.kind
        parts = []
        if node.bodies:
            return self._choice(node)
        if kind.state is not None:
            parts.append(f"positions.get({literal(node.op_name)})")
        parts += self.operands(node)
        if self.function_of is numpy_function and (out := self.new_output(node)):
            parts.append(f"out={out}")
        parts += [self.attribute(key, value) for key, value in node.attrs.items()]
        return f"{self.kernel_name(node)}({', '.join(parts)})"

    def _choice(self, node: Node) -> str:
        """Define functions for the bodies of an op; return the op's call with them."""
        bodies = node.bodies
        names = [self.unique(body_name(node).format(i)) for i in range(len(bodies))]
        for name, body in zip(names, bodies, strict=True):
            self._define(name, body, is_body=True)
        inputs = [self[x] for x in node.inputs]
        count = len(inputs) - len(bodies[0].feeds)
        parts = [*inputs[:count], "variables", "positions", *inputs[count:]]
        functions = f"bodies={tuple_display(names)}"
        return f"{self.kernel_name(node)}({', '.join([*parts, functions])})"

    def kernel_name(self, node: Node) -> str:
        """The name in the source of the function that computes a node."""
        function = self.function_of(node)
        name = str(getattr(function, "__name__", getattr(node.kind.kernel, "__name__", "")))
        return self.function_name(function, node, name, self.library, self.alias)


def _present(new: dict[str, str], program: Program) -> str:
    """The text of the dict of new values, without variables that still have no value."""
    text = dict_display(new)
    if any(node.kind is unchanged and node.op_name in new for node in program.all_nodes()):
        return f"{{name: value for name, value in {text}.items() if value is not None}}"
    return text


class _PureFunction(FunctionLines):
    """The lines of one function of a FunctionalSource, and the positions that it returns."""

    def __init__(self, source: FunctionalSource):
        super().__init__(source)
        self.source = source
        self.positions: dict[str, str] = {}  # stream's name -> expression
        self.moved: list[str] = []  # dicts of positions that bodies have returned

    def named(self, node: Node, wish: str) -> str:
        """Give a node's value a name."""
        name = self.source[node] = self.name(wish)
        return name

    def emit(self, node: Node) -> None:
        kind, source = node.kind, self.source
        if kind.role == "effect":
            self.line(source.call(node), node)
            return
        if kind.role == "variable":
            value, wish = self._variable_value(node), identifier(node.op_name)
        elif kind is item:
            value, wish = f"{source[node.inputs[0]]}[{node.attrs['index']}]", "t#"
        else:
            value, wish = source.call(node), "t#"
        name = self.assign(self.named(node, wish), value, node)
        if kind.state is not None:
            self.positions[node.op_name] = f"{name}[1]"
            source[node] = f"{name}[0]"
        elif node.bodies:
            self.moved.append(f"{name}[1]")
            source[node] = f"{name}[0]"

    def _variable_value(self, node: Node) -> str:
        """An expression for a variable's value or, if it has none, that of its input."""
        key = literal(node.op_name)
        if node.kind is unchanged:
            return f"variables.get({key})"
        if node.inputs:
            return f"variables.get({key}, {self.source[node.inputs[0]]})"
        return f"variables[{key}]"
