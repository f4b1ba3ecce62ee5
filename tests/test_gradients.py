"""gradients(): accumulation, stops, unknown shapes, higher order, scale."""

import numpy as np
import pytest

import tinygraph as tg


def value(node, feed=None):
    return tg.Session().run(node, feed)


def test_paths_add_up():
    x = tg.constant(3.0)
    y = x * x + x
    assert value(tg.gradients(y, x)) == [7.0]
    assert value(tg.gradients([y, x * 2.0], [x])) == [9.0]
    assert value(tg.gradients([y, y], [x])) == [14.0]


def test_the_gradient_of_a_node_on_the_way():
    x = tg.constant(3.0)
    h = x * x
    y = h * 2.0
    assert value(tg.gradients(y, [x, h, y])) == [12.0, 2.0, 1.0]


def test_no_path_is_none_or_zeros():
    x, y = tg.constant([1.0, 2.0]), tg.constant(1.0)
    assert tg.gradients(y * 2.0, x) == [None]
    (zero,) = tg.gradients(y * 2.0, x, unconnected_gradients=tg.UnconnectedGradients.ZERO)
    assert value(zero).tolist() == [0.0, 0.0]


def test_grad_ys_and_stop_gradients():
    x = tg.constant([1.0, 2.0])
    y = x * x
    assert value(tg.gradients(y, x, grad_ys=[[10.0, 100.0]])[0]).tolist() == [20.0, 400.0]
    assert value(tg.gradients(y * x, x, stop_gradients=[y])[0]).tolist() == [1.0, 4.0]
    with pytest.raises(ValueError, match="grad_ys"):
        tg.gradients(y, x, grad_ys=[None, None])
    with pytest.raises(ValueError, match="shape"):
        tg.gradients(y, x, grad_ys=[[1.0]])


def test_stop_gradient():
    x = tg.constant(3.0)
    assert value(tg.gradients(x * tg.stop_gradient(x), x)) == [3.0]
    assert tg.gradients(tg.stop_gradient(x), x) == [None]


def test_what_has_no_gradient():
    x = tg.constant(3.0)
    i = tg.constant(3)
    assert tg.gradients(i * 2, i) == [None]
    with pytest.raises(TypeError, match="floats"):
        tg.gradients(x > 0.0, x)
    assert tg.gradients(tg.cast(tg.cast(x, tg.int32), tg.float32), x) == [None]
    with pytest.raises(TypeError):
        tg.gradients(3.0, x)
    with pytest.raises(ValueError):
        tg.gradients([], x)


@pytest.mark.parametrize("shape", [[2, 3], [None, 3], None])
@pytest.mark.parametrize("other", [(3,), (2, 1), (), (1, 1, 3), (4, 2, 3)])
def test_broadcasting_is_undone_whatever_is_known(shape, other):
    rng = np.random.default_rng(0)
    a = tg.placeholder(tg.float64, shape)
    b = tg.placeholder(tg.float64, None if shape is None else other)
    loss = tg.reduce_sum(a * b * b)
    x, y = rng.normal(size=(2, 3)), rng.normal(size=other)
    da, db = tg.Session().run(tg.gradients(loss, [a, b]), {a: x, b: y})
    wide = np.broadcast_shapes(x.shape, y.shape)
    full = np.broadcast_to(2 * x * y, wide)
    lead = tuple(range(len(wide) - y.ndim))
    kept = tuple(i for i, d in enumerate(y.shape) if d == 1)
    expected = full.sum(axis=lead).sum(axis=kept, keepdims=True)
    np.testing.assert_allclose(db, expected, rtol=1e-12)  # sums of a few float64
    assert da.shape == x.shape and db.shape == y.shape


def test_gradients_of_gradients():
    x = tg.placeholder(tg.float64)
    y = tg.exp(x * x)
    for _ in range(3):
        (y,) = tg.gradients(y, x)
    z = 0.7
    third = (8 * z**3 + 12 * z) * np.exp(z * z)
    assert value(y, {x: z}) == pytest.approx(third, rel=1e-12)


def test_backward_nodes_know_their_forward_node():
    x = tg.placeholder(tg.float32, [3], name="x")
    with tg.name_scope("layer"):
        y = tg.tanh(x)
    (g,) = tg.gradients(y, x)
    assert g.forward is y and g.name.startswith("gradients/layer/Tanh_grad/")
    assert x.forward is None and y.forward is None


def test_custom_elementwise_op_in_one_call():
    swish = tg.elementwise(
        "SwishForTest",
        lambda x, out=None: np.divide(x, 1 + np.exp(-x), out=out),
        lambda g, y, x: g * (y + (1 - y) / (1 + tg.exp(-x))),
        accepts="float",
    )
    x = tg.constant([0.5, -2.0], tg.float64)
    y = swish(x)
    s = 1 / (1 + np.exp(-np.array([0.5, -2.0])))
    np.testing.assert_allclose(value(y), np.array([0.5, -2.0]) * s, rtol=1e-15)
    assert y.op.type == "SwishForTest" and value(tg.gradients(y, x))[0].shape == (2,)
    with pytest.raises(ValueError, match="exists already"):
        tg.elementwise("SwishForTest", np.tanh, None)


def test_diamonds_and_fan_outs_stay_linear():
    x = tg.placeholder(tg.float64)
    y = x
    for _ in range(60):
        y = y + y
    before = len(x.graph.nodes)
    (g,) = tg.gradients(y, x)
    assert len(x.graph.nodes) - before < 60 * 4
    assert value(g, {x: 1.0}) == 2.0**60
    branches = [x * 1.0 for _ in range(2000)]
    assert value(tg.gradients(tg.add_n(branches), x), {x: 1.0}) == [2000.0]
