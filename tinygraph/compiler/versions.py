"""Which value of a variable a node sees: each update in a run makes a new version."""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import count
from typing import NamedTuple

from tinygraph.errors import OverwrittenUpdateWarning
from tinygraph.node import Node
from tinygraph.origin import warn


class Version(NamedTuple):
    """A variable's value after `update`, a user's node; later versions have a higher `number`."""

    number: int
    update: Node
    value: Node


class Versions:
    """The versions of variables, from the updates that have been replayed so far.

    Parameters
    ----------
    feeds
        The fed nodes, whose values do not come from their inputs.

    Attributes
    ----------
    newest
        Maps each variable to its last version.
    after
        `after[node][variable]` is the variable's newest version among the updates that the node
        depends on, directly or not, by inputs and control inputs.
    sees
        Maps each node to the updates whose values it reads.
    """

    def __init__(self, feeds: Container[Node]):
        self.feeds = feeds
        self.newest: dict[Node, Version] = {}
        self.after: dict[Node, dict[Node, Version]] = {}
        self.sees: dict[Node, list[Node]] = {}
        self._numbers = count()

    def note_dependencies(self, node: Node) -> None:
        """Set `after` for a node, from that of its inputs."""
        if not self.newest:
            return
        earlier = [self.after[x] for x in node.inputs + node.control_inputs if x in self.after]
        if earlier:
            self.after[node] = earlier[0] if len(earlier) == 1 else _merged(earlier)

    def read(self, node: Node, position: int, variable: Node) -> Version | None:
        """The version that a node sees of its input at `position`, `variable`; None if none."""
        if sees_latest(node, position):
            version = self.newest.get(variable)
        elif node.kind.role == "initialized":
            initializer = variable.initializer.node  # type: ignore[attr-defined]
            version = self.after.get(initializer, {}).get(variable)
        else:
            earlier = [self.after[x] for x in node.control_inputs if x in self.after]
            version = max([v[variable] for v in earlier if variable in v], default=None)
        if version is not None and not is_replaced(node, position):
            self.sees.setdefault(node, []).append(version.update)
        return version

    def add(self, update: Node, variable: Node, role: str, value: Node) -> None:
        """Make `value`, from `update`, the newest version of a variable."""
        if role == "assign" and variable in self.newest:
            self._check_overwriting(update, variable)
        version = self.newest[variable] = Version(next(self._numbers), update, value)
        self.after[update] = {**self.after.get(update, {}), variable: version}

    def _check_overwriting(self, node: Node, variable: Node) -> None:
        """Warn if an assign overwrites an update that the assigned value does not depend on."""
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


def _merged(dicts: Iterable[dict[Node, Version]]) -> dict[Node, Version]:
    """One dict that has the newest version of each variable in `dicts`."""
    newest: dict[Node, Version] = {}
    for versions in dicts:
        for variable, version in versions.items():
            newest[variable] = max(version, newest.get(variable, version))
    return newest


def sees_latest(node: Node, position: int) -> bool:
    """Whether a node sees all updates so far of its input at `position`, a variable."""
    return node.kind.role == "latest" or node.kind.updates and position == 0


def is_replaced(node: Node, position: int) -> bool:
    """Whether a node gives its input at `position`, a variable, a new value without reading it."""
    return node.kind.role == "assign" and position == 0
