"""The lines of a source as records; a long function in parts, each a function itself.

Python's compiler takes 35 us a line for a function of 400,000 lines, and 3 GB; in parts 12 us.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from tinygraph.node import Node
from tinygraph.op import Op
from tinygraph.spec import Spec

PART = 1000  # lines
WORD = r"[^\W\d]\w*"
GOES_ON = " ", "else:", "elif "  # beginnings of lines that belong to the line before


class Value(NamedTuple):
    """What a program computes for a user's node: its name, op and spec in the program."""

    node: Node
    label: str
    kind: Op
    spec: Spec
    in_place: bool = False  # computed into the array of an input


class Line(NamedTuple):
    """A line of a source, and what it is for.

    Attributes
    ----------
    text
        Without the comment.
    purpose
        "call": it computes the value. "update": it prepares an update, which the commit makes.
        "allocation": it only makes an array, for the value. "return": it copies the results, of
        which `value` is the largest. "commit", "step": another statement. "": it is no
        statement of its own, such as `else:`.
    names
        The names that it assigns to.
    value
        What the line is for, if it is for one value.
    """

    text: str
    purpose: str = ""
    names: tuple[str, ...] = ()
    value: Value | None = None

    @property
    def computed(self) -> Value | None:
        """The value that the line helps to compute, as a comment beside it says."""
        return self.value if self.purpose in ("call", "update") else None


GAP = [Line("")] * 2


def functions(
    name: str, parameters: list[str], body: list[Line], unique: Callable[[str], str]
) -> list[list[Line]]:
    """A function with this body; one that is too long calls its parts, which come before it."""
    if len(body) <= PART:
        return [_function(name, parameters, body)]
    bodies = split(body)
    assigned = [{name for line in part for name in line.names} for part in bodies]
    part_of = {name: i for i, names in enumerate([parameters, *assigned]) for name in names}
    parts: list[list[Line]] = []
    calls: list[Line] = []
    needed: set[str] = set()  # by later parts
    for i in reversed(range(len(bodies))):
        part = bodies[i]
        words = {word for line in part for word in re.findall(WORD, line.text)}
        takes = sorted(word for word in words if part_of.get(word, len(bodies)) <= i)
        gives = sorted(needed & assigned[i])
        part_name = unique("part#")
        call = f"{part_name}({', '.join(takes)})"
        if not parts:
            call = f"return {call}"
        elif gives:
            names = f"({', '.join(gives)},)"
            part, call = [*part, Line(f"return {names}", "return")], f"{names} = {call}"
        parts.append(_function(part_name, takes, part))
        calls.append(Line(call))
        needed = needed - assigned[i] | set(takes)
    return [*parts[::-1], _function(name, parameters, calls[::-1])]


def split(lines: list[Line]) -> list[list[Line]]:
    """The lines in parts, none of which begins within an `if`."""
    parts: list[list[Line]] = []
    for line in lines:
        if not parts or len(parts[-1]) >= PART and not line.text.startswith(GOES_ON):
            parts.append([])
        parts[-1].append(line)
    return parts


def _function(name: str, parameters: list[str], body: list[Line]) -> list[Line]:
    head = Line(f"def {name}({', '.join(parameters)}):")
    lines = [Line(f"    {text}", what, names, value) for text, what, names, value in body]
    return [head, *lines]
