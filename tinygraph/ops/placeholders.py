"""Placeholders: the tensors that a run is fed."""

from __future__ import annotations

from typing import Any

from tinygraph.defaults import get_default_graph, graph_of
from tinygraph.dtypes import as_dtype
from tinygraph.errors import ShapeError
from tinygraph.families import composite
from tinygraph.graph import Node
from tinygraph.nest import flatten
from tinygraph.op import Op, const
from tinygraph.spec import Shape, Spec
from tinygraph.typing import DTypeLike, ShapeLike, TensorLike

placeholder_op = Op("Placeholder", None, lambda dtype, shape: Spec(shape, dtype), role="feed",
    doc="A value that a run is fed; made by `tg.placeholder`.")


def placeholder(dtype: DTypeLike, shape: ShapeLike = None, name: str | None = None) -> Node:
    """A tensor whose value each run gets from its `feed_dict`.

    `shape` may leave dimensions unknown (None), or the rank too.

    >>> x = tg.placeholder(tg.float32, [None, 2], name="x")
    >>> print(tg.Session().run(x * 2.0, {x: [[1.0, 2.0]]}))
    [[2. 4.]]
    """
    graph = get_default_graph()
    if graph.context.branch is None:
        return placeholder_op(dtype=as_dtype(dtype), shape=Shape(shape), name=name)
    with graph.outside():  # of the branches of conds, where runs can feed it
        return placeholder(dtype, shape, name)


def _default_spec(input: Spec, shape: Shape) -> Spec:
    if not input.shape.is_compatible_with(shape):
        raise ShapeError(f"the default has shape {input.shape}, which does not fit {shape}")
    return Spec(shape, input.dtype)


placeholder_with_default_op = composite("PlaceholderWithDefault", lambda input, shape: input,
    lambda g, y, input, shape: g, params=("input",), infer=_default_spec,
    doc="A value that a run may be fed; made by `tg.placeholder_with_default`.")


def placeholder_with_default(input: TensorLike, shape: ShapeLike, name: str | None = None) -> Node:
    """A tensor that may be fed, and else has the value of `input`.

    A branch of a cond makes it outside, where runs can feed it, unless it computes `input` itself.

    >>> keep = tg.placeholder_with_default(1.0, [])
    >>> sess = tg.Session()
    >>> print(sess.run(keep), sess.run(keep, {keep: 0.5}))
    1.0 0.5
    """
    graph = graph_of((input,))
    inner = made_inside(input, "input")
    if inner is not None and inner is input and inner.kind is const:
        input, inner = inner.attrs["value"], None
    if inner is None and graph.context.branch is not None:
        with graph.outside():
            return placeholder_with_default(input, shape, name)
    return placeholder_with_default_op(input, shape=Shape(shape), name=name)


def made_inside(value: Any, what: str) -> Node | None:
    """A node in `value`, which may be a list, that belongs to a branch that is being traced."""
    nodes = [x for x in flatten(value, what) if isinstance(x, Node)]
    return next((x for x in nodes if x.graph.is_inside(x)), None)
