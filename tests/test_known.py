"""What is known while building: a fed value counts, or is refused where the graph relies on it."""

import numpy as np
import pytest

import tinygraph as tg


X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

# From an int tensor to what is built with it. As a default that may be fed, its value is not known.
SHAPES = {
    "zeros": (lambda n: tg.zeros([n, 2]), lambda n: np.zeros((n, 2))),
    "fill": (lambda n: tg.fill([n], 7.0), lambda n: np.full(n, 7.0)),
    "range": (lambda n: tg.range(n), np.arange),
    "linspace": (lambda n: tg.linspace(0.0, 1.0, n), lambda n: np.linspace(0, 1, n)),
    "one_hot": (lambda n: tg.one_hot([0, 1], n), lambda n: np.arange(n) == [[0], [1]]),
    "eye": (lambda n: tg.eye(n), np.eye),
    "tile": (lambda n: tg.tile([1.0, 2.0], [n]), lambda n: np.tile([1.0, 2.0], n)),
    "reshape": (lambda n: tg.reshape(X, [n, -1]), lambda n: X.reshape(n, -1)),
    "slice": (lambda n: tg.constant(X)[:, :, :n], lambda n: X[:, :, :n]),
    "tg.slice": (lambda n: tg.slice(X, [0, 0, 0], tg.stack([2, 3, n])), lambda n: X[:, :, :n]),
    "pad": (lambda n: tg.pad([1.0], [[0, n]]), lambda n: np.pad([1.0], [[0, n]])),
    "top_k": (lambda n: tg.nn.top_k(X, n).values, lambda n: X[..., ::-1][..., :n]),
    "arithmetic": (lambda n: tg.zeros([(n + 1) * 2]), lambda n: np.zeros((n + 1) * 2)),
    "a cast": (lambda n: tg.zeros([tg.cast(n, tg.int64)]), np.zeros),
    "sequence_mask": (lambda n: tg.sequence_mask([1], n), lambda n: np.arange(n) < [[1]]),
    "broadcast_to": (lambda n: tg.broadcast_to(1.0, [n]), np.ones),
}
USES = {
    **SHAPES,
    "sum's axis": (lambda n: tg.reduce_sum(X, n), lambda n: X.sum(n)),
    "argmax' axis": (lambda n: tg.argmax(X, n), lambda n: X.argmax(n)),
    "concat's axis": (lambda n: tg.concat([X, X], n), lambda n: np.concatenate([X, X], n)),
    "gather's axis": (lambda n: tg.gather(X, [0], axis=n), lambda n: X.take([0], n)),
    "cumsum's axis": (lambda n: tg.cumsum(X, n), lambda n: X.cumsum(n)),
    "expand_dims' axis": (lambda n: tg.expand_dims(X, n), lambda n: np.expand_dims(X, n)),
    "reverse' axis": (lambda n: tg.reverse(X, tg.stack([n])), lambda n: np.flip(X, n)),
    "softmax' axis": (lambda n: tg.nn.softmax(X, n) * 0.0, lambda n: X * 0.0),
    "split's number": (lambda n: tg.split(X, n, axis=2)[0], lambda n: X[:, :, : 4 // n]),
    "one_hot's axis": (lambda n: tg.one_hot([0, 1], 2, axis=n), lambda n: np.eye(2)),
    "tensordot's axes": (lambda n: tg.tensordot(X, np.ones(4, np.float32), n), lambda n: X.sum(2)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_fed_default_counts(name, sess):
    build, right = SHAPES[name]
    n = tg.placeholder_with_default(2, [])
    y = build(n)
    for value in (2, 3):
        np.testing.assert_allclose(sess.run(y, {n: value}), right(value))
    np.testing.assert_allclose(sess.run(y), right(2))


@pytest.mark.parametrize("name", USES)
def test_a_constant_that_the_graph_was_built_with_is_not_fed(name, sess):
    build, right = USES[name]
    n = tg.constant(1, name="n")
    y = build(n)
    np.testing.assert_allclose(sess.run(y), right(1))
    assert not n.graph.is_feedable(n)
    message = r"Tensor n:0 may not be fed: .*test_known.py:\d+\)? was built with its value"
    with pytest.raises(ValueError, match=message):
        sess.run(y, {n: 2})


def test_every_other_constant_may_be_fed(sess):
    a, b, x = tg.constant([1, 2, 3]), tg.constant(2.0), tg.constant([1.0, 2.0, 3.0])
    y = tg.reshape(x * b, tg.shape(a)) + tg.cast(a, tg.float32)
    np.testing.assert_allclose(sess.run(y, {a: [4, 5, 6], b: 10.0}), [14.0, 25.0, 36.0])
    np.testing.assert_allclose(sess.run(y, {x: [0.0, 0.0, 1.0]}), [1.0, 2.0, 5.0])
    rows = tg.constant(2)
    total = rows + 1
    assert sess.run(total * 2, {rows: 5}) == 12
    assert sess.run(tg.gather([10, 20, 30], rows), {rows: 0}) == 10


def test_what_a_used_value_came_from_is_not_fed(sess):
    a, b = tg.constant(2, name="a"), tg.constant([0, 0, 0])
    n = a * tg.shape(b)[0]
    y = tg.zeros([n])
    graph = a.graph
    assert not graph.is_feedable(a) and not graph.is_feedable(n)
    assert graph.is_feedable(b)  # of which only the shape went into it
    assert sess.run(y, {b: [1, 2, 3]}).shape == y.shape
    with pytest.raises(ValueError, match=r"Tensor a:0 may not be fed: 'zeros"):
        sess.run(y, {a: 3})


def test_a_formula_made_simpler_by_a_number(sess):
    x, keep = tg.ones([4]), tg.constant(1.0)
    assert tg.nn.dropout(x, keep) is x
    with pytest.raises(ValueError, match=r"dropout at .* was built with its value"):
        sess.run(x, {keep: 0.5})
    half = tg.constant(0.5)
    np.testing.assert_allclose(sess.run(tg.nn.dropout(x, half), {half: 1.0}), np.ones(4))


def test_a_hyper_parameter_given_as_a_tensor_may_be_fed(sess):
    def trained(momentum, feed):
        w = tg.Variable(1.0)
        step = tg.train.RMSPropOptimizer(0.1, momentum=momentum).minimize(w * w)
        sess.run(tg.global_variables_initializer())
        for _ in range(3):
            sess.run(step, feed)
        return sess.run(w)

    fed, tensor = tg.constant(0.0), tg.constant(0.0)
    assert trained(fed, {fed: 0.9}) == trained(0.9, {})
    assert trained(tensor, {}) == trained(0.0, {})


def test_prevent_feeding(sess):
    x = tg.constant(1.0, name="x")
    x.graph.prevent_feeding(x)
    with pytest.raises(ValueError, match=r"Tensor x:0 may not be fed$"):
        sess.run(x, {x: 2.0})


def test_folding_stops_behind_a_fed_node(sess):
    a = tg.constant([2, 3])
    b = a + 1
    y = tg.reduce_sum(b * b)
    assert sess.run(y) == 25
    assert sess.run(y, {a: [0, 0]}) == 2
    assert sess.run(y, {b: [1, 2]}) == 5


def test_a_size_that_nobody_knows_may_be_fed(sess):
    x = tg.placeholder(tg.float32, [None, 3])
    rows, shape = tg.shape(x)[0], tg.shape(x)
    assert sess.run(tg.zeros([rows, 2]), {rows: 5}).shape == (5, 2)
    assert sess.run(tg.tile([[1.0, 2.0]], [rows, 1]), {rows: 3}).shape == (3, 2)
    table = tg.zeros(shape)
    assert table.shape.as_list() == [None, 3]
    with pytest.raises(ValueError, match="was built with its value"):
        sess.run(table, {shape: [5, 4]})
