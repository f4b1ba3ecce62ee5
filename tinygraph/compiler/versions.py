"""Which value of a variable a node sees: each of a run's updates leaves another version."""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import count
from typing import NamedTuple

from tinygraph.errors import OverwrittenUpdateWarning
from tinygraph.node import Node
from tinygraph.origin import warn


class Version(NamedTuple):
    """The value that an update, a user's node, leaves of a variable; later ones have a higher age.
    """

    age: int
    update: Node
    value: Node


class Versions:
    """The versions of a run's variables, as far as the run has come.

    Parameters
    ----------
    feeds
        The fed nodes, whose values do not come from their inputs.

    Attributes
    ----------
    newest
        By variable the last version.
    after
        By node the newest versions, by variable, among those that it comes after. A node comes
        after all that any of its inputs comes after, control inputs included.
    sees
        By node the updates that left the versions which it reads.
    """

    def __init__(self, feeds: Container[Node]):
        self.feeds = feeds
        self.newest: dict[Node, Version] = {}
        self.after: dict[Node, dict[Node, Version]] = {}
        self.sees: dict[Node, list[Node]] = {}
        self._ages = count()

    def place(self, node: Node) -> None:
        """Find what a node comes after; its inputs have been placed."""
        if not self.newest:
            return
        known = [self.after[x] for x in node.inputs + node.control_inputs if x in self.after]
        if known:
            self.after[node] = known[0] if len(known) == 1 else _newest(known)

    def read(self, node: Node, position: int, variable: Node) -> Version | None:
        """What a node sees of its input in that position, a variable; None for no update's."""
        if sees_latest(node, position):
            version = self.newest.get(variable)
        elif node.kind.role == "initialized":
            initializer = variable.initializer.node  # type: ignore[attr-defined]
            version = self.after.get(initializer, {}).get(variable)
        else:
            known = [self.after[x] for x in node.control_inputs if x in self.after]
            version = max([v[variable] for v in known if variable in v], default=None)
        if version is not None and not is_replaced(node, position):
            self.sees.setdefault(node, []).append(version.update)
        return version

    def add(self, update: Node, variable: Node, role: str, value: Node) -> None:
        """Make what an update leaves the newest version of a variable."""
        if role == "assign" and variable in self.newest:
            self._check_overwriting(update, variable)
        version = self.newest[variable] = Version(next(self._ages), update, value)
        self.after[update] = {**self.after.get(update, {}), variable: version}

    def _check_overwriting(self, node: Node, variable: Node) -> None:
        """Warn where an assign undoes an update, which has not gone into the assigned value."""
        update = self.newest[variable].update
        stack, seen = [node], set()
        while stack:
            x = stack.pop()
            if x is update:
                return
            if x not in seen and x not in self.feeds:
                seen.add(x)
                stack += x.inputs[1:] if x is node else x.inputs
                stack += self.sees.get(x, ())
        warn(
            f"in one run, '{node.op_name}' (made at {node.where}) assigns '{variable.op_name}' a "
            f"value that was computed without the update '{update.op_name}' (made at "
            f"{update.where}): what that update gave '{variable.op_name}' is lost. If that is "
            f"meant, as by a reset, run '{update.op_name}' and '{node.op_name}' one after the "
            f"other, in two runs; else compute the value from '{variable.op_name}' within "
            f"tg.control_dependencies of '{update.op_name}'",
            OverwrittenUpdateWarning,
        )


def _newest(known: Iterable[dict[Node, Version]]) -> dict[Node, Version]:
    """By variable the newest one of several versions."""
    newest: dict[Node, Version] = {}
    for versions in known:
        for variable, version in versions.items():
            newest[variable] = max(version, newest.get(variable, version))
    return newest


def sees_latest(node: Node, position: int) -> bool:
    """Whether a node sees of the variable in that position what all updates so far have left."""
    return node.kind.role == "latest" or node.kind.updates and position == 0


def is_replaced(node: Node, position: int) -> bool:
    """Whether a node takes the variable in that position only to give it another value."""
    return node.kind.role == "assign" and position == 0
