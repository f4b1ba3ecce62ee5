"""Structures (TF: `tf.nest`): tensors in lists, tuples, namedtuples and dicts within others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from tinygraph.arguments import shown
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError

DEEPEST = 64


def parts(structure: Any) -> list | None:
    """What a list, tuple or dict holds, a dict's in the order of its keys; None for all else."""
    if isinstance(structure, Mapping):
        return [structure[key] for key in keys(structure)]
    return list(structure) if isinstance(structure, list | tuple) else None


def keys(structure: Mapping) -> list:
    """The keys of a dict, sorted if they can be."""
    try:
        return sorted(structure)
    except TypeError:
        return list(structure)


def flatten(structure: Any, depth: int = DEEPEST) -> list:
    """The leaves of a structure in order (TF: `tf.nest.flatten`).

    >>> from tinygraph import nest
    >>> nest.flatten({"b": 1, "a": [2, (3,)]})
    [2, 3, 1]
    """
    held = parts(structure)
    if held is None:
        return [structure]
    if not depth:
        raise InvalidArgumentError("the lists are nested too deep")
    return [leaf for part in held for leaf in flatten(part, depth - 1)]


def pack(structure: Any, leaves: Iterator) -> Any:
    """A structure like `structure` of other leaves (TF: `tf.nest.pack_sequence_as`).

    >>> from tinygraph import nest
    >>> nest.pack({"b": 1, "a": [2, (3,)]}, iter("xyz"))
    {'b': 'z', 'a': ['x', ('y',)]}
    """
    held = parts(structure)
    if held is None:
        return next(leaves)
    made = [pack(part, leaves) for part in held]
    if isinstance(structure, Mapping):
        by_key = dict(zip(keys(structure), made, strict=True))
        kind = OrderedDict if isinstance(structure, OrderedDict) else dict
        return kind((key, by_key[key]) for key in structure)
    if hasattr(structure, "_make"):
        return structure._make(made)  # type: ignore[union-attr]
    return made if isinstance(structure, list) else tuple(made)


def check_same(one: Any, other: Any, names: tuple[str, str]) -> None:
    """Raise GraphError, or DTypeError for another type, where two structures differ."""
    a, b = parts(one), parts(other)
    if (a is None) != (b is None) or a is not None and b is not None and len(a) != len(b):
        error: type[Exception] = GraphError
    elif a is not None and _kind(one) is not _kind(other):
        error = DTypeError
    elif isinstance(one, Mapping) and set(one) != set(other):
        error = GraphError
    else:
        for x, y in zip(a or (), b or (), strict=True):
            check_same(x, y, names)
        return
    raise error(
        f"The two structures don't have the same nested structure: {names[0]} has {shown(one)}, "
        f"{names[1]} {shown(other)}"
    )


def _kind(structure: Any) -> type:
    """What must agree: a namedtuple's own type; any dict may stand for any other."""
    for kind in (Mapping, list):
        if isinstance(structure, kind):
            return kind
    return type(structure)
