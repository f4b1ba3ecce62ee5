"""Structures (TF: `tf.nest`): tensors in lists, tuples, namedtuples and dicts within others.

What stands for several tensors, such as IndexedSlices, is a structure of these.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from tinygraph.arguments import shown
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError
from tinygraph.node import CompositeTensor

DEEPEST = 64


def parts(structure: Any) -> list | None:
    """What a list, tuple, dict (in the order of its keys) or CompositeTensor holds; else None."""
    if isinstance(structure, Mapping):
        return [structure[key] for key in keys(structure)]
    if isinstance(structure, CompositeTensor):
        return list(structure.parts)
    return list(structure) if isinstance(structure, list | tuple) else None


def keys(structure: Mapping) -> list:
    """The keys of a dict in an order that is the same for all dicts of these keys."""
    try:
        return sorted(structure)
    except TypeError:  # of keys of several types
        return sorted(structure, key=lambda key: (type(key).__name__, repr(key)))


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
    if isinstance(structure, CompositeTensor):
        return type(structure)(*made)
    if hasattr(structure, "_make"):
        return structure._make(made)  # type: ignore[union-attr]
    return made if isinstance(structure, list) else tuple(made)


def places(structure: Any, path: str = "result") -> list[str]:
    """How each leaf is reached, in the order of `flatten`.

    >>> from tinygraph import nest
    >>> nest.places({"b": 1, "a": [2, (3,)]})
    ["result['a'][0]", "result['a'][1][0]", "result['b']"]
    """
    held = parts(structure)
    if held is None:
        return [path]
    at: Any = keys(structure) if isinstance(structure, Mapping) else range(len(held))
    return [
        place for key, part in zip(at, held, strict=True)
        for place in places(part, f"{path}[{key!r}]")
    ]


def check_same(one: Any, other: Any, names: tuple[str, str], path: str = "result") -> None:
    """Raise GraphError, or DTypeError for another type, where two structures differ, and say how.

    >>> from tinygraph import nest
    >>> nest.check_same([1, {"a": 2}], [1, {"b": 2}], ("f", "g"))
    Traceback (most recent call last):
    tinygraph.errors.GraphError: The two structures don't have the same nested structure: \
result[1] has the key 'a' only in f, the key 'b' only in g
    """
    a, b = parts(one), parts(other)
    if a is None and b is None:
        return
    places: Any = range(len(a or ()))
    error: type[Exception] = GraphError
    difference = ""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        places = keys(one)
        alone = [*_alone(one, other, names[0]), *_alone(other, one, names[1])]
        difference = f"has {', '.join(alone)}" if alone else ""
    elif a is None or b is None or len(a) != len(b) or _kind(one) is not _kind(other):
        difference = f"is {_words(one)} in {names[0]}, {_words(other)} in {names[1]}"
        error = DTypeError if a and b and len(a) == len(b) else GraphError
    if difference:
        raise error(f"The two structures don't have the same nested structure: {path} {difference}")
    for place, x, y in zip(places, a or (), b or (), strict=True):
        check_same(x, y, names, f"{path}[{place!r}]")


def _alone(one: Mapping, other: Mapping, name: str) -> list[str]:
    """The keys of one dict that another one has not."""
    return [f"the key {shown(key)} only in {name}" for key in keys(one) if key not in other]


def _words(structure: Any) -> str:
    held = parts(structure)
    if held is None:
        return shown(structure)
    if isinstance(structure, CompositeTensor):
        return f"{type(structure).__name__} of {len(held)} tensors"
    return f"a {type(structure).__name__} of {len(held)}"


def _kind(structure: Any) -> type:
    """What must agree: a namedtuple's own type; any dict may stand for any other."""
    for kind in (Mapping, list):
        if isinstance(structure, kind):
            return kind
    return type(structure)
