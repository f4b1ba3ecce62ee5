"""What may be fetched: tensors and operations, in lists, tuples and dicts of any depth."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from tinygraph.node import Node

REBOUND = (
    "Was the Python name of a tensor rebound to a result, as in "
    "`loss, _ = sess.run([loss, train])`? Give the result another name."
)


class Fetched:
    """The nodes of a fetch structure: tensors to return and operations only to run."""

    __slots__ = ("tensors", "targets")

    def __init__(self):
        self.tensors: list[Node] = []
        self.targets: list[Node] = []


def filled(fetch: Mapping, items: list, values) -> Mapping:
    """A mapping like `fetch`, of its type where that can be filled."""
    made = copy.copy(fetch) if isinstance(fetch, MutableMapping) else {}
    for key, part in items:
        made[key] = part(values)  # type: ignore[index]
    return made


def nothing(values) -> None:
    """What an operation fetches as."""


def bad_fetch(fetch: Any, whole: Any) -> str:
    if isinstance(fetch, np.ndarray | np.generic | float | int):
        return (
            f"Fetch argument {whole!r} has invalid type: {fetch!r} is a value, not a part of the "
            f"graph. {REBOUND}"
        )
    return f"Fetch argument {whole!r} has invalid type {type(fetch)}; it must be a node or a name"
