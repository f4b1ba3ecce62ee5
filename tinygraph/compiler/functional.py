"""A program as the pure function that it is: source over any library, one assignment a node.

    def step(variables, positions, x):
        w = variables['w']   # w    float32[784,10]
        t0 = np.dot(x, w)    # MatMul    float32[100,10]
        return (t0,), {}, {}

No line writes into an array that another one sees: a library whose arrays never change can run it
too. Kernels of this package's get their `out` as a new array in the same line.
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
from tinygraph.compiler.writer import Function, Writer, written_out
from tinygraph.graph import Node
from tinygraph.op import argument, const, item
from tinygraph.origin import is_foreign


def numpys(node: Node) -> Callable:
    """What computes a node in NumPy: its kernel."""
    kernel: Any = node.kind.kernel
    if node.kind.state is not None:
        return partial(_drawn, node)
    return guarded(kernel, node) if is_foreign(kernel) and node.kind.role != "effect" else kernel


def _drawn(node: Node, position: Any, *arrays: Any, **attrs: Any) -> tuple[Any, Any]:
    """What a random op draws from its stream's position on, and the position after that."""
    stream = stream_of(node, position)
    return node.kind.kernel(*arrays, state=stream, **attrs), stream.position  # type: ignore[misc]


class Functional(Writer):
    """`step(variables, positions, *feeds) -> (results, new variables, new positions)`.

    `source` is its text, in which `namespace` says what the names stand for.

    Variables and positions are dicts by name; the new ones are those that the program changes. A
    variable without a value that no branch gives one is not among them, as in `Program.evaluate`.

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
        """A function that is the program; a body returns new variables among its results."""
        text = _Function(self)
        given = [text.named(node, node.op_name.rpartition("/")[2]) for node in program.feeds]
        for node in program.nodes:
            if node.kind not in (argument, const):
                text.emit(node)
        parts = [tuple_display([self[node] for node in program.results])]
        if not is_body:
            new = {variable.op_name: self[node] for variable, node in program.updates.items()}
            parts.append(_present(new, program))
        parts.append(dict_display(text.positions, text.moved))
        text.line(f"return {', '.join(parts)}")
        given = ["variables", "positions", *given]
        self._pieces += in_functions(name, given, text.lines, self.unique)

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
        if self.function_of is numpys and (out := self.new_output(node)):
            parts.append(f"out={out}")
        parts += [self.attribute(key, value) for key, value in node.attrs.items()]
        return f"{self.function(node)}({', '.join(parts)})"

    def _choice(self, node: Node) -> str:
        """The call of an op with bodies, which are functions of all that it takes."""
        bodies = node.bodies
        names = [self.unique(body_name(node).format(i)) for i in range(len(bodies))]
        for name, body in zip(names, bodies, strict=True):
            self._define(name, body, is_body=True)
        inputs = [self[x] for x in node.inputs]
        count = len(inputs) - len(bodies[0].feeds)
        parts = [*inputs[:count], "variables", "positions", *inputs[count:]]
        functions = f"bodies={tuple_display(names)}"
        return f"{self.function(node)}({', '.join([*parts, functions])})"

    def function(self, node: Node) -> str:
        """What the source calls the function that computes a node."""
        function = self.function_of(node)
        name = str(getattr(function, "__name__", getattr(node.kind.kernel, "__name__", "")))
        return self.function_name(function, node, name, self.library, self.alias)


def _present(new: dict[str, str], program: Program) -> str:
    """The dict of new values, without those of variables that had none and that no branch gave."""
    text = dict_display(new)
    if any(node.kind is unchanged and node.op_name in new for node in program.all_nodes()):
        return f"{{name: value for name, value in {text}.items() if value is not None}}"
    return text


class _Function(Function):
    """The lines of one function of a Functional, and the positions that it returns."""

    def __init__(self, source: Functional):
        super().__init__(source)
        self.source = source
        self.positions: dict[str, str] = {}  # by stream
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
            value, wish = self._kept(node), identifier(node.op_name)
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

    def _kept(self, node: Node) -> str:
        """A variable's value, or that of its input where it has none."""
        key = literal(node.op_name)
        if node.kind is unchanged:
            return f"variables.get({key})"
        if node.inputs:
            return f"variables.get({key}, {self.source[node.inputs[0]]})"
        return f"variables[{key}]"
