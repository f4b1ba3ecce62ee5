"""Graphs and errors go through pickles and copies, or say why not."""

import concurrent.futures
import copy
import functools
import inspect
import multiprocessing
import pickle

import numpy as np
import pytest
from cases import every_case
from test_viz import in_little_stack

import tinygraph as tg
from tinygraph import errors
from tinygraph.datasets.fetch import DownloadError
from tinygraph.testing import GradientError


def pickled(thing, protocol=pickle.HIGHEST_PROTOCOL):
    return pickle.loads(pickle.dumps(thing, protocol))


WAYS = {
    "pickle": pickled,
    "protocol 0": functools.partial(pickled, protocol=0),
    "deepcopy": copy.deepcopy,
}
by_way = pytest.mark.parametrize("again", WAYS.values(), ids=WAYS)


def training():
    """A graph with variables, slots, random numbers, control inputs, scopes and collections."""
    graph = tg.Graph()
    with graph.as_default():
        tg.set_random_seed(3)
        x = tg.placeholder(tg.float32, [None, 4], name="x")
        with tg.variable_scope("layer", regularizer=tg.nn.l2_loss):
            w = tg.get_variable("w", [4, 2], constraint=tg.nn.relu)
        loss = tg.reduce_mean(tg.nn.dropout(tg.tanh(x[1:] @ w), rate=0.5), name="loss")
        with tg.control_dependencies([loss]):
            optimizer = tg.train.AdamOptimizer(0.1)
            train = optimizer.minimize(loss)
        tg.add_to_collection("mine", {"loss": loss, train: {w}})
        start = tg.global_variables_initializer()
    return {"graph": graph, "x": x, "w": w, "loss": loss, "train": train, "start": start}


def trained(parts):
    feeds = {parts["x"]: np.arange(20, dtype=np.float32).reshape(5, 4)}
    with tg.Session(graph=parts["graph"]) as sess:
        sess.run(parts["start"])
        losses = [sess.run([parts["loss"], parts["train"]], feeds)[0] for _ in range(3)]
        return [*losses, sess.run(parts["w"])]


def facts(node):
    """What is known of a node, in words and numbers."""
    attrs = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in node.attrs.items()}
    nodes = [[x.name for x in some] for some in (node.inputs, node.control_inputs)]
    value = None if node.spec.value is None else node.spec.value.tolist()
    forward = None if node.forward is None else node.forward.name
    return type(node), node.kind, repr(node), node.where, repr(attrs), nodes, repr(value), forward


# --- graphs ---


@pytest.mark.smoke
@by_way
def test_a_graph_comes_back_whole(again):
    parts = training()
    others = again(parts)
    graph, other = parts["graph"], others["graph"]
    assert other is not graph and others["loss"].graph is other
    assert list(map(facts, other.nodes)) == list(map(facts, graph.nodes))
    assert all(a is not b for a, b in zip(other.nodes, graph.nodes, strict=True))
    assert other.get_tensor_by_name("loss:0") is others["loss"]
    assert other.get_all_collection_keys() == graph.get_all_collection_keys()
    mine = other.get_collection("mine")
    assert mine == [{"loss": others["loss"], others["train"]: {others["w"]}}]
    assert others["w"].constraint is tg.nn.relu
    for found, expected in zip(trained(others), trained(parts), strict=True):
        np.testing.assert_array_equal(found, expected)


@by_way
def test_a_part_comes_with_its_graph(again):
    parts = training()
    for name in ("loss", "w", "train"):
        other = again(parts[name])
        assert type(other) is type(parts[name]) and other.name == parts[name].name
        assert len(other.graph.nodes) == len(parts["graph"].nodes)
    w = again(parts["w"])
    assert w.initializer in w.graph.get_operations() and w.initial_value.graph is w.graph
    one, two = again([parts["w"], parts["loss"]])
    assert one.graph is two.graph
    assert copy.copy(parts["w"]) is parts["w"] and copy.copy(parts["train"]) == parts["train"]
    with pytest.raises(errors.GraphError, match="use copy"):
        copy.copy(parts["graph"])


@by_way
def test_a_copy_is_built_on_like_the_graph(again):
    graph = tg.get_default_graph()
    with tg.variable_scope("a"), tg.control_dependencies([tg.no_op()]):
        tg.get_variable("w", [])
        other = again(graph)  # outside of all blocks
    for built in (graph, other):
        with built.as_default():
            two = tg.constant(2.0)
            assert (two.name, two.op.control_inputs) == ("Const:0", [])
            with pytest.raises(errors.GraphError, match="Variable a/w already exists"):
                with tg.variable_scope("a"):
                    tg.get_variable("w", [])
            with pytest.raises(ValueError, match="read-only"):
                two.op.get_attr("value")[...] = 3.0
    for constant in (node for node in other.nodes if node.op.type == "Const"):
        assert not constant.spec.value.flags.writeable


def test_every_op_comes_back():
    for case in every_case():
        case.build(*[tg.placeholder(x.dtype, x.shape) for x in case.inputs])
    graph = tg.get_default_graph()
    assert len(graph.nodes) > 2000
    assert list(map(facts, pickled(graph).nodes)) == list(map(facts, graph.nodes))


def test_a_chain_of_100_000_ops_is_pickled():
    y = tg.placeholder(tg.float32, [], name="x")
    for _ in range(100_000):
        y = tg.tanh(y)
    other = in_little_stack(lambda: pickled(y))
    assert other.name == y.name and len(other.graph.nodes) == 100_001


def test_an_op_that_is_not_known_there():
    with pytest.raises(errors.NotFoundError, match="no op is called 'Nowhere' here: import what"):
        pickle.loads(pickle.dumps(tg.registry["Tanh"], 0).replace(b"Tanh", b"Nowhere"))


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_session_says_why_not(copied):
    with pytest.raises(errors.DTypeError, match="neither pickled nor copied; pickle its graph"):
        copied(tg.Session())


# --- errors ---

KINDS = [
    kind for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, errors.TinygraphError)
]


@pytest.mark.parametrize("kind", [*KINDS, DownloadError, GradientError])
def test_every_error_is_pickled(kind):
    error = kind("in 'x':\ntwo lines")
    error.node = tg.constant(1.0)
    error.__notes__ = ["a note"]
    other = pickled(error)
    assert type(other) is kind and str(other) == str(error) == "in 'x':\ntwo lines"
    assert other.node is None and other.op is None and other.__notes__ == ["a note"]


def failing(step):
    """Run a graph in another process, which it fails in."""
    with tg.Graph().as_default():
        x = tg.placeholder(tg.float32, [None, 2], name="x")
        if step == "build":
            return x @ tg.ones([3, 3])
        if step == "check":
            wrong = tg.elementwise("SquareWrong", np.square, lambda g, y, x: g * x)
            return tg.testing.check_grads(lambda x: wrong(x), [np.array([0.5])])
        i = tg.placeholder(tg.int32, [], name="i")
        y = tg.gather([1.0, 2.0], i, name="chosen") + tg.Variable(1.0, name="w")
        with tg.Session() as sess:
            if step == "run":
                sess.run(tg.global_variables_initializer())
            return sess.run(y, {"feed": {}, "variables": {i: 1}, "run": {i: 2}}[step])


def test_errors_cross_a_process_boundary():
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        for step, kind, message in [
            ("build", errors.ShapeError, "'MatMul'"),
            ("feed", errors.InvalidArgumentError, "'i:0'"),
            ("variables", errors.FailedPreconditionError, "'w'"),
            ("run", errors.InvalidArgumentError, "'chosen'"),
            ("check", GradientError, "a constant factor"),
        ]:
            with pytest.raises(errors.TinygraphError, match=message) as caught:
                pool.submit(failing, step).result(timeout=60)
            assert type(caught.value) is kind and caught.value.node is None
