"""Ops with several outputs: one operation, and a tensor for each output."""

import pickle

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.op import registry
from tinygraph.spec import Spec

X = np.array([0.1, 0.2, 0.3])


def sin_cos(x):
    """An operation whose outputs are sin(x) and cos(x)."""
    if "SinCos" not in registry:
        tg.Op(
            "SinCos", lambda x: (np.sin(x), np.cos(x)), lambda x: Spec.of_items([x, x]),
            (lambda g, y, x: g[0] * y[1] - g[1] * y[0],), ("x",),
        )
    return registry["SinCos"](x)


def mean_and_rest(x):
    """A composite with several outputs: the mean of x, and x without it."""
    if "MeanAndRest" not in registry:
        tg.composite(
            "MeanAndRest", lambda x: (tg.reduce_mean(x), x - tg.reduce_mean(x)),
            lambda g, y, x: g[1] + (g[0] - tg.reduce_sum(g[1])) / 3.0,
        )
    return registry["MeanAndRest"](x)


@pytest.fixture
def x():
    return tg.placeholder(tg.float64, [3], name="x")


def test_the_outputs_have_tf1s_names(x):
    sine, cosine = sin_cos(x)
    graph = x.graph
    assert [sine.name, cosine.name] == ["SinCos:0", "SinCos:1"]
    assert graph.get_tensor_by_name("SinCos:1") is cosine
    assert cosine.op == sine.op == graph.get_operation_by_name("SinCos")
    assert sine.op.outputs == [sine, cosine]
    assert [op.name for op in graph.get_operations()] == ["x", "SinCos"]
    for name, held in ("SinCos:2", "2 outputs"), ("SinCos:-1", "2 outputs"), ("x:1", "1 output"):
        told = f"no tensor '{name}': the operation '{name.split(':')[0]}' has only {held}$"
        with pytest.raises(KeyError, match=told):
            graph.get_tensor_by_name(name)
    assert sin_cos(x)[1].name == "SinCos_1:1"


@pytest.mark.parametrize("passes", [tg.Session.PASSES, frozenset()], ids=["all", "none"])
@pytest.mark.parametrize("op", [sin_cos, mean_and_rest])
def test_values(op, passes, x):
    expected = {sin_cos: [np.sin(X), np.cos(X)], mean_and_rest: [0.2, X - 0.2]}[op]
    sess = tg.Session(passes=passes)
    for y, value in zip(op(x), expected, strict=True):
        np.testing.assert_allclose(sess.run(y, {x: X}), value, atol=1e-15)
    for both in op(x), op(x)[::-1], op(tg.constant(X)):
        assert len(sess.run(list(both), {x: X})) == 2


def test_gradients_add_up_output_by_output(x):
    sine, cosine = sin_cos(x)
    (first,) = tg.gradients([sine * cosine, cosine], x)
    (second,) = tg.gradients(first, x)
    (one,) = tg.gradients(cosine, x)
    values = tg.Session().run([first, second, one], {x: X})
    np.testing.assert_allclose(values[0], np.cos(2 * X) - np.sin(X), rtol=1e-14)
    np.testing.assert_allclose(values[1], -2 * np.sin(2 * X) - np.cos(X), rtol=1e-14)
    np.testing.assert_allclose(values[2], -np.sin(X), rtol=1e-14)
    mean, rest = mean_and_rest(x)
    (g,) = tg.gradients([2.0 * mean, rest * rest], x)
    np.testing.assert_allclose(tg.Session().run(g, {x: X}), 2 / 3 + 2 * (X - 0.2), rtol=1e-14)


def test_an_output_may_be_fed_and_stopped_at(x):
    sine, cosine = sin_cos(x)
    assert (tg.Session().run(cosine * 2.0, {cosine: X}) == X * 2).all()
    assert tg.gradients(cosine, x, stop_gradients=[cosine]) == [None]
    (g,) = tg.gradients(sine * cosine, x, stop_gradients=[cosine])
    np.testing.assert_allclose(tg.Session().run(g, {x: X}), np.cos(X) ** 2)


def test_the_kernel_runs_once_for_all_outputs(x):
    source = tg.Session().source(sin_cos(x) + sin_cos(x), {x: X})
    assert source.count("sincos(x)") == 1


def test_a_pickled_graph_has_its_outputs(x):
    sin_cos(x)
    graph = pickle.loads(pickle.dumps(x.graph))
    assert graph.get_tensor_by_name("SinCos:1") is graph.get_operation_by_name("SinCos").outputs[1]


def test_a_kernel_that_breaks_its_word_is_told_of(x):
    def kernel(x):
        return (x,) if kernel.short else (x, x.astype(np.float32))

    op = registry.get("Broken") or tg.Op(
        "Broken", kernel, lambda x: Spec.of_items([x, x]), params=("x",)
    )
    kernel.short = True
    with pytest.raises(tg.errors.InternalError, match="a tuple of 2 arrays"):
        tg.Session().run(op(x), {x: X})
    kernel.short = False
    with pytest.raises(tg.errors.InternalError, match=r"made float32.*says float64"):
        tg.Session().run(op(x), {x: X})


def test_an_output_is_its_own_array(x):
    op = registry.get("Same") or tg.Op(
        "Same", lambda x: (x, x), lambda x: Spec.of_items([x, x]), params=("x",)
    )
    fed = X.copy()
    first, second = tg.Session().run(op(x), {x: fed})
    first[0] = second[1] = 9.0
    assert fed.tolist() == X.tolist() and second[0] == X[0]


def test_the_checker_takes_them(x):
    report = tg.testing.check_grads(lambda x: sum(sin_cos(x)), [X], order=2)
    assert report.largest_error < 1e-9
    tg.testing.check_grads(mean_and_rest(x), {x: X})


def test_a_rule_sees_where_no_gradient_arrives(x):
    seen = []

    def rule(g, y, x):
        seen.append([part is None for part in g.arrived])
        zeros, given = g
        assert len(g) == 2 and g[1:] == [given] == g.arrived[1:]
        return zeros + given

    both = lambda x: Spec.of_items([x, x])  # noqa: E731
    op = tg.Op("Watched", lambda x: (x, x.copy()), both, (rule,), ("x",))
    (g,) = tg.gradients(op(x)[1], x)
    assert seen == [[True, False]]
    np.testing.assert_array_equal(tg.Session().run(g, {x: X}), np.ones(3))


def test_outputs_within_a_branch(x):
    y = tg.cond(x[0] > 0.0, lambda: sin_cos(x)[1], lambda: tg.nn.top_k(x, 3).values)
    (g,) = tg.gradients(y, x)
    for fed, expected in (X, -np.sin(X)), (-X, np.ones(3)):
        np.testing.assert_allclose(tg.Session().run(g, {x: fed}), expected, rtol=1e-14)


def test_a_rule_that_returns_an_inputs_spec_says_nothing_of_values():
    """Else the constant that is fed to the op would be taken for the op's result."""
    plus = registry.get("PlusOne") or tg.Op("PlusOne", lambda x: x + 1, lambda x: x, params=("x",))
    both = registry.get("PlusBoth") or tg.Op(
        "PlusBoth", lambda x: (x + 1, x * 2), lambda x: Spec.of_items([x, x]), params=("x",)
    )
    for start in ([3.0, 1.0], [3, 1]):
        x = tg.constant(start)
        for passes in (tg.Session.PASSES, ()):
            one, (two, three) = tg.Session(passes=passes).run([plus(x), both(x)])
            assert one.tolist() == two.tolist() == [4, 2] and three.tolist() == [6, 2]
    assert tg.zeros(both(tg.constant([1, 2]))[0]).shape.as_list() == [2, 3]


@pytest.mark.parametrize("passes", [tg.Session.PASSES, ()])
@pytest.mark.parametrize("start", [[3.0, 1.0], [3, 1]])
def test_a_kernel_of_constants_that_breaks_its_word_is_told_of(start, passes):
    op = registry.get("BrokenToo") or tg.Op(
        "BrokenToo", lambda x: (x, x, x), lambda x: Spec.of_items([x, x]), params=("x",)
    )
    for fetches in (op(tg.constant(start)), op(tg.constant(start))[1]):
        with pytest.raises(tg.errors.InternalError, match=r"(?s)a tuple of 2 arrays.*test_outputs"):
            tg.Session(passes=passes).run(fetches)


@pytest.mark.parametrize("result, message", [
    (lambda x: None, "returned None"),
    (lambda x: np.stack([x, x]), "a tuple of 2 arrays"),
    (lambda x: iter([x, x]), "a tuple of 2 arrays"),
    (lambda x: 3.0, "a tuple of 2 arrays"),
], ids=["None", "stacked", "iterator", "number"])
@pytest.mark.parametrize("start", [[3.0, 1.0], [3, 1]], ids=["floats", "ints"])
def test_a_kernel_must_return_a_tuple_for_constants_as_for_feeds(start, result, message):
    op = registry.get("NoTuple") or tg.Op(
        "NoTuple", lambda x, result: result(x), lambda x, result: Spec.of_items([x, x]),
        params=("x",),
    )
    constant = tg.constant(start)
    fed = tg.placeholder(constant.dtype, [2])
    for x in constant, fed:
        y = op(x, result=result)
        with pytest.raises(tg.errors.InternalError, match=f"(?s){message}.*NoTuple.*test_outputs"):
            tg.Session().run(y, {fed: start})


@pytest.mark.parametrize("rule, message", [
    (lambda g, y, x: g[2], "IndexError"),
    (lambda g, y, x: y[2], "IndexError"),
    (lambda g, y, x: g * 2.0, r"TypeError.*OutputGradients"),
    (lambda g, y, x: x * g, "takes g for a tensor"),
    (lambda g, y, x: tg.tanh(g), "takes g for a tensor"),
    (lambda g, y, x: np.ones(3) * g, "takes g for a tensor"),
    (lambda g, y, x: g.shape, r"AttributeError.*shape"),
    (lambda g, y, x: g.arrived[1] * 2.0, "NoneType"),
    (lambda g, y, x: g, "gives <gradients of 2 outputs> for its input 'x:0'"),
    (lambda g, y, x: y, "for its input 'x:0'"),
], ids=["g[2]", "y[2]", "g * 2", "x * g", "tanh", "ones", "shape", "None", "g", "y"])
@pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside"])
def test_a_rule_that_takes_g_for_a_tensor_is_told_of(rule, message, inside, x):
    op = registry.get("WrongRule") or tg.Op(
        "WrongRule", lambda x, rule: (x, x), lambda x, rule: Spec.of_items([x, x]),
        (lambda g, y, x, rule: rule(g, y, x),), ("x",),
    )
    make = lambda: op(x, rule=rule)[0]  # noqa: E731
    y = tg.cond(x[0] > 0.0, make, lambda: x) if inside else make()
    where = r"the gradient rule of '(cond/)?WrongRule' \(op: 'WrongRule', made at .*test_outputs.py"
    with pytest.raises(tg.errors.DTypeError, match=f"{where}.*{message}.*2.*write g\\[0\\]"):
        tg.gradients(y, x)


@pytest.mark.parametrize("result", [lambda x: [x, x], lambda x: None, lambda x: (x.shape, x.dtype)])
def test_a_shape_rule_must_return_a_spec(result, x):
    op = registry.get("NoSpec") or tg.Op(
        "NoSpec", None, lambda x, result: result(x), rewrite=lambda x, result: x, params=("x",)
    )
    message = r"must be a Spec \(of several: Spec.of_items\).*for 'NoSpec'.*float64.*outputs.py"
    with pytest.raises(tg.errors.DTypeError, match=message):
        op(x, result=result)


def test_each_output_has_a_spec(x):
    op = tg.Op("NoSpecs", None, lambda x: Spec.of_items([x, x.shape]), params=("x",))
    with pytest.raises(tg.errors.DTypeError, match="NoSpecs: 'Shape' object has no attribute"):
        op(x)
    op = tg.composite("NumberToo", lambda x: (x, 1.0), params=("x",))
    with pytest.raises(tg.errors.DTypeError, match="NumberToo: 'float' object has no attribute"):
        op(x)


def test_attributes_by_position_need_a_list_of_them(x):
    op = tg.Op("Scaled", lambda x, k: x * k, lambda x, k: x, params=("x",))
    message = "the name of 'Scaled' must be a string, not 2.0"
    with pytest.raises(tg.errors.DTypeError, match=message):
        op(x, 2.0)
    assert op(x, "named", k=2.0).name == "named:0"
