"""What all sources have in common: names, constants, lines with comments beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.parts import Line
from tinygraph.compiler.text import (
    RESERVED, array_literal, comment, identifier, literal, numpy_name,
)  # fmt: skip
from tinygraph.graph import Node
from tinygraph.op import const

COMMENT_COLUMN = 68  # at most; beside short lines the comments stand closer
SPELLED_OUT = 8  # elements of a constant


class Writer:
    """A source in the making; `namespace` has the objects that it names, `given` among them.

    Those are arrays, which the source cannot spell out.
    """

    def __init__(self):
        self.namespace: dict[str, Any] = {"np": np}
        self.given: dict[str, np.ndarray] = {}
        self._names: dict[Node, str] = {}
        self._used = set(RESERVED)
        self._counts: dict[str, int] = {}
        self._head: list[Line] = []
        self._body: list[Line] = []

    def _line(self, text: str, node: Node | None = None) -> None:
        self._body.append((text, node))

    def _attribute(self, key: str, value: Any) -> str:
        """`key=value`, the value spelled out or under a name of its own."""
        text = literal(value)
        if text is None:
            text = self._bind(key, value)
        return f"{key}={text}" if key == identifier(key) else f"**{{{literal(key)}: {text}}}"

    def _name(self, node: Node) -> str:
        if node not in self._names:
            assert node.kind is const, node
            self._names[node] = self._constant(node)
        return self._names[node]

    def _constant(self, node: Node) -> str:
        """A name for a constant, which the source spells out if it is short.

        A number is an array too: NumPy takes 0.3 us to make one of Python's numbers.
        """
        value = node.attrs["value"]
        is_number = value.ndim == 0 and value.dtype.kind in "iuf"
        dtype = numpy_name(node.spec.dtype)
        if is_number:
            number = array_literal(value)
            wish = number.removesuffix(".0").replace("-", "_minus_").replace("np.", "")
            name = self._bind("k" + wish.replace("+", ""), value)
        else:
            name = self._bind("c#", value)
        if is_number:
            text = f"{name} = np.array({number}, {dtype})"
        elif 0 < value.size <= SPELLED_OUT and np.isfinite(value).all():
            text = f"{name} = np.array({value.tolist()}, {dtype})"
        elif value.size and (value == 1).all():
            text = f"{name} = np.ones({value.shape}, {dtype})"
        else:
            self.given[name] = value
            text = f"# {name} is given"
        self._head.append((text, node))
        return name

    def _unique(self, wish: str) -> str:
        """`wish` as an identifier that is not taken yet: sum, sum_1, ...; of "v#" v0, v1, ..."""
        stem, between = identifier(wish.rstrip("#")), "" if wish.endswith("#") else "_"
        count = self._counts.get(wish, 0)
        name = stem if between and not count else f"{stem}{between}{count}"
        while name in self._used:
            count += 1
            name = f"{stem}{between}{count}"
        self._counts[wish] = count
        self._used.add(name)
        return name

    def _bind(self, wish: str, value: Any) -> str:
        """A name for an object that the source cannot spell out."""
        if self.namespace.get(wish) is value:
            return wish
        name = self._unique(wish)
        self.namespace[name] = value
        return name


def written_out(pieces: list[list[Line]]) -> list[str]:
    """The text of each piece, with the comments of all in one column."""
    widths = [len(text) for lines in pieces for text, node in lines if node is not None]
    column = min(max(widths, default=0), COMMENT_COLUMN)
    return ["".join(_commented(*line, column) + "\n" for line in piece) for piece in pieces]


def _commented(text: str, node: Node | None, column: int) -> str:
    if node is None:
        return text
    return f"{text:<{column}}  {comment(f'{node.label}    {node.spec}')}"
