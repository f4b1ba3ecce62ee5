"""Structures (TF: `tf.nest`): tensors in lists, tuples, namedtuples and dicts within others.

What stands for several tensors, such as IndexedSlices, is a structure of these.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from tinygraph.arguments import shown
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError
from tinygraph.node import CompositeTensor, Node, Operation

DEEPEST = 64
SEQUENCES, MAPPINGS, MUTABLE = (list, tuple), (dict, Mapping), (dict, MutableMapping)
LEAVES = Node, Operation, int, float  # what most leaves are, for speed


def ordered(structure: Mapping) -> list:
    """The keys of a dict in an order that is the same for all dicts of these keys."""
    try:
        return sorted(structure)
    except TypeError:  # of keys of several types
        return sorted(structure, key=lambda key: (type(key).__name__, repr(key)))


def parts(structure: Any, order: Callable = ordered) -> list | None:
    """What a list, tuple, dict (its keys in `order`) or CompositeTensor holds; None for a leaf."""
    if isinstance(structure, SEQUENCES):
        return list(structure)
    if isinstance(structure, MAPPINGS):
        return [structure[key] for key in order(structure)]
    return list(structure.parts) if isinstance(structure, CompositeTensor) else None


def walk(
    structure: Any, leaf: Callable, what: str = "results", order: Callable = ordered,
    depth: int = DEEPEST,
) -> Callable[[Iterator], Any]:
    """Call `leaf` with each leaf; return a function that makes a like structure of other leaves.

    That function takes the other leaves from an iterator, each by what `leaf` returned for it:
    `next`, or another function of the iterator.

    >>> from tinygraph import nest
    >>> pack = nest.walk([1, {"a": (2,)}], lambda x: next)
    >>> pack(iter("xy"))
    ['x', {'a': ('y',)}]
    """
    held = parts(structure, order)
    if held is None:
        return leaf(structure)
    if not depth:
        raise InvalidArgumentError(f"{what} are lists nested too deep")
    takes = [
        leaf(part) if isinstance(part, LEAVES) else walk(part, leaf, what, order, depth - 1)
        for part in held
    ]
    return lambda leaves: _like(structure, [take(leaves) for take in takes], order)


def _like(structure: Any, held: list, order: Callable) -> Any:
    """A structure like `structure` that holds other parts, of its type where that can be."""
    if isinstance(structure, SEQUENCES):
        return (getattr(structure, "_make", None) or type(structure))(held)
    if isinstance(structure, CompositeTensor):
        return structure.of(held)
    result: Any = copy.copy(structure) if isinstance(structure, MUTABLE) else {}
    for key, part in zip(order(structure), held, strict=True):
        result[key] = part
    return result


def flatten(structure: Any, what: str = "results", order: Callable = ordered) -> list:
    """The leaves of a structure in order (TF: `tf.nest.flatten`).

    >>> from tinygraph import nest
    >>> nest.flatten({"b": 1, "a": [2, (3,)]})
    [2, 3, 1]
    """
    leaves: list = []
    walk(structure, leaves.append, what, order)
    return leaves


def pack(structure: Any, leaves: Iterable) -> Any:
    """A structure like `structure` of other leaves (TF: `tf.nest.pack_sequence_as`).

    >>> from tinygraph import nest
    >>> nest.pack({"b": 1, "a": [2, (3,)]}, "xyz")
    {'b': 'z', 'a': ['x', ('y',)]}
    """
    return walk(structure, lambda leaf: next)(iter(leaves))


def places(structure: Any, path: str = "result", order: Callable = ordered) -> list[str]:
    """How each leaf is reached, in the order of `flatten`; for tensors of one that of the one.

    >>> from tinygraph import nest
    >>> nest.places({"b": 1, "a": [2, (3,)]})
    ["result['a'][0]", "result['a'][1][0]", "result['b']"]
    """
    held = parts(structure, order)
    if held is None:
        return [path]
    if isinstance(structure, CompositeTensor):
        return [path] * len(held)
    keys = order(structure) if isinstance(structure, Mapping) else range(len(held))
    return [
        place for key, part in zip(keys, held, strict=True)
        for place in places(part, f"{path}[{key!r}]", order)
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
    keys: Any = range(len(a or ()))
    error: type[Exception] = GraphError
    difference = ""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = ordered(one)
        alone = [*_alone(one, other, names[0]), *_alone(other, one, names[1])]
        difference = f"has {', '.join(alone)}" if alone else ""
    elif a is None or b is None or len(a) != len(b) or _kind(one) is not _kind(other):
        difference = f"is {_words(one)} in {names[0]}, {_words(other)} in {names[1]}"
        error = DTypeError if a and b and len(a) == len(b) else GraphError
    if difference:
        raise error(f"The two structures don't have the same nested structure: {path} {difference}")
    for key, x, y in zip(keys, a or (), b or (), strict=True):
        check_same(x, y, names, f"{path}[{key!r}]")


def _alone(one: Mapping, other: Mapping, name: str) -> list[str]:
    """The keys of one dict that another one has not."""
    return [f"the key {shown(key)} only in {name}" for key in ordered(one) if key not in other]


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
