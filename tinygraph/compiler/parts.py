"""A long function in parts, each a function itself.

Python's compiler takes 35 us a line for a function of 400,000 lines, and 3 GB; in parts 12 us.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tinygraph.graph import Node

Line = tuple[str, "Node | None"]  # a line of the program, and the node that it computes

PART = 1000  # lines
GAP: list[Line] = [("", None), ("", None)]
ASSIGNED, WORD = r"^ *([\w, ()]+) = ", r"[^\W\d]\w*"
INNER = r" |else:|elif "  # what a line that belongs to the one before begins with


def functions(
    name: str, given: list[str], body: list[Line], unique: Callable[[str], str]
) -> list[list[Line]]:
    """A function with this body; one that is too long calls its parts, which come before it."""
    if len(body) <= PART:
        return [_function(name, given, body)]
    bodies = split(body)
    made = [_assigned(part) for part in bodies]
    place = {name: i for i, names in enumerate([given, *made]) for name in names}
    parts: list[list[Line]] = []
    calls: list[Line] = []
    needed: set[str] = set()  # by the parts that follow
    for i in reversed(range(len(bodies))):
        part, own = bodies[i], made[i]
        words = set(re.findall(WORD, _text(part)))
        takes = sorted(word for word in words if place.get(word, len(made)) <= i)
        gives = sorted(needed & own)
        own_name = unique("part#")
        call = f"{own_name}({', '.join(takes)})"
        if not parts:
            call = f"return {call}"
        elif gives:
            names = f"({', '.join(gives)},)"
            part, call = [*part, (f"return {names}", None)], f"{names} = {call}"
        parts.append(_function(own_name, takes, part))
        calls.append((call, None))
        needed = needed - own | set(takes)
    return [*parts[::-1], _function(name, given, calls[::-1])]


def split(lines: list[Line]) -> list[list[Line]]:
    parts: list[list[Line]] = []
    for line in lines:
        if not parts or len(parts[-1]) >= PART and not re.match(INNER, line[0]):
            parts.append([])
        parts[-1].append(line)
    return parts


def _assigned(lines: list[Line]) -> set[str]:
    targets = re.findall(ASSIGNED, _text(lines), re.MULTILINE)
    return {name for names in targets for name in re.findall(WORD, names)}


def _text(lines: list[Line]) -> str:
    return "\n".join([text for text, _ in lines])


def _function(name: str, parameters: list[str], body: list[Line]) -> list[Line]:
    head = f"def {name}({', '.join(parameters)}):"
    return [(head, None), *(("    " + text, node) for text, node in body)]
