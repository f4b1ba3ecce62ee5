"""What both generators of source code share: names, constants, lines with comments."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from tinygraph.compiler.fits import SizeCheck
from tinygraph.compiler.parts import Line, Value
from tinygraph.compiler.text import (
    RESERVED, array_literal, comment, identifier, literal, numpy_name,
)
from tinygraph.compiler.trace import user_node
from tinygraph.graph import Node
from tinygraph.op import const
from tinygraph.static import is_numpys, is_sized, takes_out

COMMENT_COLUMN = 68  # at most; beside short lines the comments stand closer
SPELLED_OUT = 8  # elements, up to which the source spells a constant out


class Writer:
    """Source code that is being written: its names, and the lines that come first.

    `namespace` maps names to objects; `large_constants` are the arrays it doesn't spell out.
    """

    def __init__(self):
        self.namespace: dict[str, Any] = {"np": np}
        self.large_constants: dict[str, np.ndarray] = {}
        self.head: list[Line] = []
        self._names: dict[Node, str] = {}
        self._functions: dict[int, str] = {}  # id(function) -> name; not every function has a hash
        self._used = set(RESERVED)
        self._shared = set(RESERVED)  # of these the names that all functions see
        self._counts: dict[str, int] = {}

    def __setitem__(self, node: Node, name: str) -> None:
        """Set the name of a node's value."""
        self._names[node] = name

    def __getitem__(self, node: Node) -> str:
        """The name of a node's value; a constant gets one when it is first asked for."""
        if node not in self._names:
            assert node.kind is const, node
            self._names[node] = self._constant(node)
        return self._names[node]

    def _constant(self, node: Node) -> str:
        """A name for a constant, which the source spells out if it is short.

        Numbers become arrays, too: NumPy needs 0.3 us to convert a Python number at each use.
        """
        value = node.attrs["value"]
        is_number = value.ndim == 0 and value.dtype.kind in "iuf"
        dtype = numpy_name(node.spec.dtype)
        if is_number:
            number = array_literal(value)
            preferred = number.removesuffix(".0").replace("-", "_minus_").replace("np.", "")
            name = self.bind("k" + preferred.replace("+", ""), value)
        else:
            name = self.bind("c#", value)
        if is_number:
            text = f"{name} = np.array({number}, {dtype})"
        elif 0 < value.size <= SPELLED_OUT and np.isfinite(value).all():
            text = f"{name} = np.array({value.tolist()}, {dtype})"
        elif value.size and (value == 1).all():
            text = f"{name} = np.ones({value.shape}, {dtype})"
        else:
            self.large_constants[name] = value
            text = f"# {name} is given"
        self.head.append(line_for(node, text))
        return name

    def unique(self, preferred: str) -> str:
        """A name that no function uses for anything else."""
        name = unused_name(preferred, self._counts, self._used, ())
        self._used.add(name)
        self._shared.add(name)
        return name

    def bind(self, preferred: str, value: Any) -> str:
        """A name for an object that the source cannot spell out."""
        if self.namespace.get(preferred) is value:
            return preferred
        name = self.unique(preferred)
        self.namespace[name] = value
        return name

    def function_name(
        self, function: Any, node: Node, name: str, library: Any = np, alias: str = "np"
    ) -> str:
        """A function's name in the source: its library's, such as np.dot, or else `name`."""
        if id(function) not in self._functions:
            name = identifier(name if name.isidentifier() else node.kind.name.lower())
            is_librarys = getattr(library, name, None) is function
            text = f"{alias}.{name}" if is_librarys else self.bind(name.strip("_"), function)
            self._functions[id(function)] = text
        return self._functions[id(function)]

    def operands(self, node: Node) -> list[str]:
        """The arguments of a kernel's call: names, or literals for known shapes and sizes."""
        parts = []
        for i, x in enumerate(node.inputs):
            value = x.spec.constant if i in node.kind.static else None
            parts.append(self[x] if value is None else array_literal(value))
        return parts

    def new_output(self, node: Node) -> str | None:
        """An expression for a new array that the node's kernel has to be given for its result."""
        kind, spec = node.kind, node.spec
        if not takes_out(kind, spec) or is_numpys(kind.kernel):
            return None
        if spec.shape.is_fully_defined():
            shape = str(spec.shape.sizes)
        elif kind.broadcasts:
            wide = [self[x] for x in dict.fromkeys(node.inputs) if x.shape.sizes != ()]
            one = len(wide) == 1
            shape = f"np.shape({wide[0]})" if one else f"np.broadcast({', '.join(wide)}).shape"
        elif not is_sized(kind, [x.spec for x in node.inputs], spec):
            return None
        else:  # only the shape rule tells the size
            check = SizeCheck(kind, node.inputs, node.attrs)
            return f"{self.bind('new#', check.new)}({', '.join([self[x] for x in check.inputs])})"
        return f"np.empty({shape}, {numpy_name(spec.dtype)})"

    def attribute(self, key: str, value: Any) -> str:
        """`key=value`, the value spelled out or under a name of its own."""
        text = literal(value)
        if text is None:
            text = self.bind(key, value)
        return f"{key}={text}" if key == identifier(key) else f"**{{{literal(key)}: {text}}}"


class FunctionLines:
    """The lines of one function of a source, and its local names."""

    def __init__(self, writer: Writer):
        self.writer = writer
        self.lines: list[Line] = []
        self._local: set[str] = set()
        self._counts: dict[str, int] = {}

    def name(self, preferred: str) -> str:
        """A name for something within the function; other functions may have it too."""
        name = unused_name(preferred, self._counts, self.writer._shared, self._local)
        self.writer._used.add(name)
        self._local.add(name)
        return name

    def line(
        self, text: str, node: Node | None = None, purpose: str = "",
        names: tuple[str, ...] = (), in_place: bool = False,
    ) -> None:
        """Add a line: it computes `node`, or is a step of none, unless `purpose` says otherwise."""
        if node is None:
            self.lines.append(Line(text, purpose or "step", names))
        else:
            self.lines.append(line_for(node, text, purpose or "call", names, in_place))

    def assign(
        self, name: str, value: str, node: Node | None = None, purpose: str = "",
        in_place: bool = False,
    ) -> str:
        """Add a line that gives a name a value; return the name."""
        self.line(f"{name} = {value}", node, purpose, (name,), in_place)
        return name


def line_for(
    node: Node, text: str, purpose: str = "call", names: tuple[str, ...] = (),
    in_place: bool = False,
) -> Line:
    """A line for a node of a program."""
    value = Value(user_node(node), node.label, node.kind, node.spec, in_place)
    return Line(text, purpose, names, value)


def unused_name(
    preferred: str, counts: dict[str, int], taken: Container[str], local: Container[str]
) -> str:
    """`preferred` as an identifier not used yet: sum, sum_1, ...; from "v#" v0, v1, ..."""
    stem, between = identifier(preferred.rstrip("#")), "" if preferred.endswith("#") else "_"
    count = counts.get(preferred, 0)
    name = stem if between and not count else f"{stem}{between}{count}"
    while name in taken or name in local:
        count += 1
        name = f"{stem}{between}{count}"
    counts[preferred] = count
    return name


def written_out(pieces: list[list[Line]]) -> list[str]:
    """The text of each piece, with the comments of all in one column."""
    widths = [len(line.text) for lines in pieces for line in lines if line.computed]
    column = min(max(widths, default=0), COMMENT_COLUMN)
    return ["".join([_commented(line, column) for line in piece]) for piece in pieces]


def _commented(line: Line, column: int) -> str:
    value = line.computed
    if value is None:
        return f"{line.text}\n"
    return f"{line.text:<{column}}  {comment(f'{value.label}    {value.spec}')}\n"
