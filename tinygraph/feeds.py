"""What may be fed: values for any tensors, each of the tensor's dtype and shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from tinygraph.arrays import to_array
from tinygraph.errors import DTypeError, GraphError, ShapeError, TinygraphError
from tinygraph.fetches import Fetched, node_of
from tinygraph.graph import Graph
from tinygraph.node import CompositeTensor, Node, Operation, ancestors
from tinygraph.spec import Shape, Spec

Feeds: TypeAlias = dict[Node, np.ndarray]
Pairs: TypeAlias = Iterable[tuple[Any, Any]]  # of a feed_dict's keys and values


def feeds_of(graph: Graph, feed_dict: Mapping) -> Feeds:
    """The arrays of a feed_dict by their nodes."""
    if type(feed_dict) is not dict and not isinstance(feed_dict, Mapping):
        raise DTypeError(f"feed_dict is a dict of tensors and their values, not {feed_dict!r}")
    feeds: Feeds = {}
    _add(graph, feeds, feed_dict.items())
    return feeds


def _add(graph: Graph, feeds: Feeds, pairs: Pairs) -> None:
    for key, value in pairs:
        is_ours = isinstance(key, Node) and key.graph is graph
        if not is_ours and isinstance(key, tuple | CompositeTensor):
            _add(graph, feeds, _pairs(key, value))
            continue
        node = key if is_ours else node_of(graph, key, "feed")
        if node in feeds:
            raise GraphError(f"'{node.name}' is fed twice, under two keys")
        as_it_is = type(value) is np.ndarray and value.dtype is node.spec.dtype.numpy
        if not as_it_is or not value.flags.c_contiguous:
            value = _converted(node, value)
        feeds[node] = value


def _pairs(key: tuple | CompositeTensor, values: Any) -> Pairs:
    """Several tensors, which are one key of a feed_dict, each with its own of their values.

    Of a composite no part is fed that is missing or that is known to have its value already: a
    dense_shape that is known cannot be fed, for the graph was built with it.
    """
    parts = key if isinstance(key, tuple) else key.parts
    if parts is not key and isinstance(values, tuple) and values and values[-1] is None:
        values = values[: len(parts)]
    if not isinstance(values, list | tuple) or len(values) != len(parts):
        raise GraphError(f"{len(parts)} tensors, {parts!r}, cannot be fed {values!r}")
    pairs = zip(parts, values, strict=True)
    return pairs if parts is key else [(x, value) for x, value in pairs if not _is_known(x, value)]


def _is_known(x: Node, value: Any) -> bool:
    constant = x.spec.constant
    return constant is not None and (value is None or np.array_equal(constant, value))


def _converted(node: Node, value: Any) -> np.ndarray:
    if isinstance(value, Node | Operation):
        raise DTypeError(
            f"the value fed for '{node.name}' is {value!r}, a part of the graph; feed Python "
            "numbers, lists or NumPy arrays (sess.run gives a tensor's value)"
        )
    try:
        return to_array(value, node.spec.dtype, by_value=True)
    except TinygraphError as error:
        raise type(error)(
            f"cannot feed '{node.name}' ({node.spec}, made at {node.where}): {error}"
        ) from None


def check_fed(node: Node, array: np.ndarray) -> None:
    """Raise an error where a node has no value, or one of another shape."""
    if node.kind.role == "effect":
        raise DTypeError(f"operation '{node.op_name}' has no value to be fed")
    if not node.spec.shape.is_compatible_with(array.shape):
        raise ShapeError(
            f"Cannot feed value of shape {array.shape} for Tensor '{node.name}', which has "
            f"shape '{node.spec.shape}' (made at {node.where})"
        )


def fed_specs(fetched: Fetched, feeds: Feeds) -> dict[Node, Spec]:
    """The specs of the feeds, which a program is compiled for; errors where the run cannot be."""
    for node, array in feeds.items():
        check_fed(node, array)
        node.graph.built_with.check(node)
    needed = ancestors([*fetched.tensors, *fetched.targets], stop=feeds)
    placeholders = [node for node in needed if node.kind.role == "feed" and node not in feeds]
    if placeholders:
        raise fetched.unfed(placeholders, feeds)
    return {node: Spec(Shape.of(a.shape), node.spec.dtype) for node, a in feeds.items()}
