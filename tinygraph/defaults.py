"""The default graph of a thread, and TF1's functions that work on it."""

from __future__ import annotations

from collections.abc import Iterable


from tinygraph.arguments import integer, sequence
from tinygraph.errors import GraphError
from tinygraph.graph import Graph, belonging
from tinygraph.interrupts import Block, Places, block
from tinygraph.node import CompositeTensor, Node, stacks

_global_graph = [Graph()]


def get_default_graph() -> Graph:
    """The graph that ops without a node among their inputs go to (TF: same name).

    >>> tg.constant(1.0).graph is tg.get_default_graph()
    True
    """
    return stacks.graphs.current() or _global_graph[0]


def graph_of(inputs: tuple) -> Graph:
    """The graph of the tensors among `inputs`, which must be one; without any, the default one."""
    first = None
    for x in inputs:
        if not isinstance(x, Node):
            if not isinstance(x, CompositeTensor):
                continue
            x = x.values
        if first is None:
            first = x
        elif x.graph is not first.graph:
            for y in (first, x):
                if y.graph.inside:
                    raise GraphError(belonging(y))
            raise GraphError(
                f"'{first.op_name}' (made at {first.where}) and '{x.op_name}' (made at "
                f"{x.where}) are of different graphs"
            )
    if first is None:
        return get_default_graph()
    graph = first.graph
    if graph.inside and graph.context.branch is None:
        raise GraphError(belonging(first))
    return graph


def reset_default_graph() -> None:
    """Start a new global default graph; GraphError within a `graph.as_default()` block.

    >>> def start_anew():
    ...     tg.reset_default_graph()
    ...     return len(tg.get_default_graph().nodes)
    """
    if stacks.graphs.current() is not None:
        raise GraphError("reset_default_graph() does not work inside a `with graph.as_default()`")
    _global_graph[0] = Graph()


def name_scope(name: str | None, default_name: str | None = None, values: Iterable = ()) -> Block:
    """Prefix the names made inside a `with` block (TF: `tf.name_scope`).

    Within the block, the graph of the tensors among `values` is the default one.

    >>> with tg.name_scope("encoder"):
    ...     print(tg.constant(1.0, name="c").name)
    encoder/c:0
    """
    values = () if values is None else sequence(values, "values")
    if name is None and default_name is None and values:
        raise GraphError("name_scope needs a name or a default_name")
    graph = graph_of(tuple(values))
    name = default_name if name is None else name
    if graph is get_default_graph():
        return graph.name_scope(name)

    def begin() -> tuple[str, Places]:
        stacks.graphs.current()
        scope, places = graph.begin_scope(name)
        return scope, ((stacks.graphs, graph, None), *places)

    return block(begin)


def control_dependencies(control_inputs: Iterable | None) -> Block:
    """Make what is built inside run after `control_inputs` (TF: `tf.control_dependencies`).

    >>> w = tg.Variable(1.0)
    >>> with tg.control_dependencies([w.assign_add(1.0)]):
    ...     after = tg.identity(w)
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> print(sess.run(after))
    2.0
    """
    return get_default_graph().control_dependencies(control_inputs)


def add_to_collection(name: str, value: object) -> None:
    """Append `value` to the default graph's collection `name` (TF: same name).

    >>> tg.add_to_collection("mine", 1)
    >>> tg.get_collection("mine")
    [1]
    """
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: str | Iterable[str], value: object) -> None:
    """Append `value` to each of the collections `names` (TF: same name).

    >>> tg.add_to_collections(["these", "those"], 1)
    >>> tg.get_collection("those")
    [1]
    """
    get_default_graph().add_to_collections(names, value)


def get_collection(key: str, scope: str | None = None) -> list:
    """A copy of the default graph's collection `key` (TF: same name).

    `scope`, a regular expression, keeps the items whose names it matches from the start.

    >>> w = tg.Variable(1.0, name="layer/w")
    >>> tg.get_collection(tg.GraphKeys.TRAINABLE_VARIABLES, scope="layer/")
    [<tg.Variable 'layer/w:0' shape=() dtype=float32>]
    """
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: str) -> list:
    """The default graph's collection `key` itself (TF: same name).

    >>> tg.get_collection_ref("mine").append(1)
    >>> tg.get_collection("mine")
    [1]
    """
    return get_default_graph().get_collection_ref(key)


def set_random_seed(seed: int | None) -> None:
    """Set the default graph's seed, from which each random op derives its own (TF: same name).

    >>> tg.set_random_seed(1)
    >>> x = tg.random_uniform([2])
    >>> bool(np.all(tg.Session().run(x) == tg.Session().run(x)))
    True
    """
    get_default_graph().seed = None if seed is None else integer(seed, "seed")
