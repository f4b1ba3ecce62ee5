"""The global step: the count of training steps, which decays and hooks go by."""

from __future__ import annotations

from typing import Any

from tinygraph.arguments import expect
from tinygraph.defaults import get_default_graph
from tinygraph.dtypes import int64
from tinygraph.errors import DTypeError, GraphError, NotFoundError, ShapeError
from tinygraph.graph import Graph, GraphKeys, Node
from tinygraph.session import Session
from tinygraph.spec import SCALAR
from tinygraph.variables.initializers import zeros_initializer
from tinygraph.variables.scopes import get_variable
from tinygraph.variables.variable import Variable


def _graph(graph: Any) -> Graph:
    if graph is None:
        return get_default_graph()
    return expect(graph, Graph, "graph", "a tg.Graph")


def get_global_step(graph: Graph | None = None) -> Node | None:
    """The graph's global step, or None (TF: `tf.train.get_global_step`).

    It is the one in the collection GLOBAL_STEP, else the tensor "global_step:0".

    >>> print(tg.train.get_global_step())
    None
    """
    graph = _graph(graph)
    steps = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(steps) > 1:
        raise GraphError(f"the collection '{GraphKeys.GLOBAL_STEP}' holds several: {steps}")
    try:
        step = steps[0] if steps else graph.get_tensor_by_name("global_step:0")
    except NotFoundError:
        return None
    assert_global_step(step)
    return step


def create_global_step(graph: Graph | None = None) -> Variable:
    """Make the global step, an int64 variable that starts at 0 (TF: `tf.train.create_global_step`).

    Raises GraphError (a ValueError) where the graph has one.

    >>> tg.train.create_global_step()
    <tg.Variable 'global_step:0' shape=() dtype=int64>
    """
    graph = _graph(graph)
    if get_global_step(graph) is not None:
        raise GraphError('"global_step" already exists.')
    with graph.as_default():
        return get_variable(
            GraphKeys.GLOBAL_STEP, [], int64, initializer=zeros_initializer(), trainable=False,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


def get_or_create_global_step(graph: Graph | None = None) -> Node:
    """The graph's global step, made where missing (TF: `tf.train.get_or_create_global_step`).

    >>> tg.train.get_or_create_global_step() is tg.train.get_or_create_global_step()
    True
    """
    step = get_global_step(graph)
    return create_global_step(graph) if step is None else step


def global_step(sess: Session, global_step_tensor: Node) -> int:
    """The value of the global step in a session, as an int (TF: `tf.train.global_step`).

    >>> step = tg.train.get_or_create_global_step()
    >>> sess = tg.Session()
    >>> sess.run(step.initializer)
    >>> tg.train.global_step(sess, step)
    0
    """
    expect(sess, Session, "sess", "a tg.Session")
    assert_global_step(global_step_tensor)
    return int(sess.run(global_step_tensor))


def assert_global_step(global_step_tensor: Node) -> None:
    """Raise DTypeError or ShapeError unless a tensor is an int scalar (TF: same name).

    >>> tg.train.assert_global_step(tg.train.get_or_create_global_step())
    """
    node = global_step_tensor
    if not isinstance(node, Node) or not node.dtype.is_integer:
        raise DTypeError(f'Existing "global_step" does not have integer type: {node!r}')
    if not node.shape.is_compatible_with(SCALAR):
        raise ShapeError(f'Existing "global_step" is not scalar: {node!r}')
