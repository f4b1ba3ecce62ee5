"""The checker is checked: right rules pass, planted wrong ones are caught and named."""

import contextlib
import inspect
import re
import sys

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.families import composite, elementwise
from tinygraph.graph import Node
from tinygraph.op import Op, registry
from tinygraph.ops.array import stop_gradient
from tinygraph.spec import Shape, Spec
from tinygraph.testing import (
    GradientError,
    check_grads,
    compute_gradient,
    compute_gradient_error,
    numeric_gradient,
    numeric_jacobian,
)

rng = np.random.default_rng(0)
MATRIX, ROW = rng.uniform(0.5, 2, (3, 4)), rng.uniform(0.5, 2, 4)
SQUARE = MATRIX[:, :3]


def rules(name):
    return registry[name].vjps


def failure(y, inputs, **options) -> GradientError:
    with pytest.raises(GradientError) as caught:
        check_grads(y, inputs, **options)
    return caught.value


# ---------------------------------------------------------------- what is right passes


@pytest.mark.smoke
def test_right_rules_pass_with_digits_to_spare():
    report = check_grads(lambda x, y: tg.sin(x * y) / y + tg.exp(-x), [MATRIX, ROW], order=3)
    assert report.largest_error < 1e-13
    assert report.derivatives == 3 * (12 + 4)
    assert report.kinks == []


@pytest.mark.parametrize("shape", [(), (0, 3), (1, 1)])
def test_scalars_and_empty_arrays(shape):
    check_grads(lambda x: tg.exp(x) * x, [np.full(shape, 0.3)])


def test_several_outputs_and_inputs_that_are_not_floats():
    check_grads(lambda x, n: [x * x, n, tg.exp(x)], [ROW, np.arange(4)])


def test_a_kernel_that_returns_a_new_array_all_the_same():
    fresh = elementwise("TestFresh", lambda x, out=None: np.exp(x), lambda g, y, x: g * y)
    for dtype in (np.float64, np.float32):
        check_grads(fresh, [ROW.astype(dtype)])
        check_grads(lambda x: fresh(x * 2.0) * 2.0, [ROW.astype(dtype)])


def test_a_kernel_that_fails_is_named():
    def writes(x, out=None):
        x *= 2.0
        return np.exp(x, out=out)

    def narrows(x, out=None):
        return np.float32(x)

    for kernel_ in (writes, narrows):
        op = elementwise(f"TestKernel_{kernel_.__name__}", kernel_, lambda g, y, x: g * y)
        with pytest.raises(tg.errors.OpError) as caught:
            check_grads(lambda x: op(x) * 2.0, [ROW])  # noqa: B023
        assert f"in '{op.name}' (op: '{op.name}'), made at {__file__}" in str(caught.value)


def test_an_output_that_depends_on_nothing_fed():
    check_grads(lambda x: [x * x, tg.constant([1.0, 2.0], tg.float64)], [ROW])
    check_grads(lambda x, y: y * y, [ROW, ROW])
    for inert in (tg.floor, tg.stop_gradient, lambda x: 0.0 * tg.stop_gradient(x)):
        check_grads(inert, [np.array([0.3, 1.6])])


@pytest.mark.parametrize(
    "ignores",
    [
        lambda x, n: tg.constant([1.0, 2.0], tg.float64),
        lambda x, n: tg.random_normal([4], dtype=tg.float64, seed=3),
        lambda x, n: tg.cast(n, tg.float64),
    ],
)
def test_outputs_that_depend_on_no_input_are_an_error(ignores):
    with pytest.raises(tg.errors.GraphError, match="depends on a float input: 'x0'"):
        check_grads(ignores, [ROW, np.arange(4)])
    with pytest.raises(tg.errors.GraphError, match="depends on a float input: 'fed'"):
        check_grads(tg.constant(1.0) * 2.0, {tg.placeholder(tg.float32, name="fed"): 1.0})
    x = tg.placeholder(tg.float64)
    (nothing,) = numeric_gradient(tg.constant([1.0]), {x: 2.0})
    assert nothing == 0.0


@pytest.mark.parametrize("result", [3.0, None, np.ones(2), [], "y", lambda: None])
@pytest.mark.parametrize("check", [check_grads, numeric_jacobian, numeric_gradient])
def test_a_function_that_gives_no_tensor_is_an_error(check, result):
    with pytest.raises(TypeError, match="function must give a tensor or a list of them, not"):
        check(lambda x: result, [ROW])
    if not isinstance(result, list):
        with pytest.raises(TypeError, match="function must give a tensor or a list of them, not"):
            check(lambda x: [x, result], [ROW])


def test_an_input_that_feeds_two_places():
    check_grads(lambda x: x * x * tg.tanh(x) + x, [ROW])


def test_large_inputs_are_checked_along_random_directions():
    large = rng.normal(size=(60, 50))
    report = check_grads(lambda x: tg.tanh(x) * x, [large], order=1)
    assert report.derivatives < 50


def test_steps_shrink_where_the_function_bends_much():
    check_grads(lambda x: 1.0 / x, [np.array([2e-3, -5e-4])], order=1)


def test_values_of_very_different_size():
    check_grads(lambda x: tg.exp(x) + 1e6 * x, [np.array([-20.0, 0.0, 10.0])])


def test_a_tensor_with_a_feed_dict_and_variables():
    x = tg.placeholder(tg.float32, [None, 4], name="x")
    w = tg.Variable(ROW.astype(np.float32), name="w")
    y = tg.reduce_sum(tg.tanh(x * w), axis=0)
    size = len(tg.get_default_graph().nodes)
    with tg.Session() as sess:
        sess.run(w.initializer)
        check_grads(y, {x: MATRIX})
        check_grads(y, {x: MATRIX, w: 2 * ROW})
    assert len(tg.get_default_graph().nodes) == size, "the user's graph stays as it is"


def test_an_uninitialised_variable_is_an_error():
    w = tg.Variable(1.0)
    x = tg.placeholder(tg.float32)
    with pytest.raises(tg.errors.FailedPreconditionError):
        check_grads(w * x, {x: 1.0})


def test_an_unfed_placeholder_is_an_error():
    x, y = tg.placeholder(tg.float32), tg.placeholder(tg.float32)
    with pytest.raises(tg.errors.InvalidArgumentError, match="must feed"):
        check_grads(x * y, {x: 1.0})


def test_random_ops_keep_their_values():
    check_grads(lambda x: x * tg.random_normal([4], dtype=tg.float64, seed=3), [ROW])


def test_stop_gradient_counts_as_a_constant():
    check_grads(lambda x: x * tg.stop_gradient(tg.exp(x)), [ROW])


@pytest.mark.parametrize("shape", [None, [None, None], [3, None]])
def test_shapes_that_are_unknown_while_building(shape):
    x, y = tg.placeholder(tg.float64, shape), tg.placeholder(tg.float64)
    check_grads(tg.exp(x * y) * y, {x: MATRIX, y: ROW})


def test_arguments():
    with pytest.raises(ValueError, match="kinks"):
        check_grads(tg.exp, [ROW], kinks="ignore")
    with pytest.raises(TypeError, match="dict"):
        check_grads(tg.constant(1.0), [ROW])
    with pytest.raises(TypeError, match="must be a tensor"):
        check_grads(3.0, [ROW])
    with pytest.raises(TypeError, match="must be a tensor"):
        check_grads([], {})
    with pytest.raises(TypeError, match="nothing to differentiate"):
        check_grads(lambda n: n * n, [np.arange(3)])
    with pytest.raises(TypeError, match="list of arrays"):
        check_grads(tg.exp, ROW)
    with pytest.raises(TypeError, match="list of arrays"):
        check_grads(tg.exp, {"x": ROW})


def test_inf_and_nan_name_their_op():
    error = failure(lambda x: tg.exp(-1.0 * tg.log(x)) * 0.0, [np.array([0.0, 1.0])])
    assert "in 'Log' (op: 'Log')" in str(error)


def test_inputs_may_be_named():
    x = tg.placeholder(tg.float64, name="x")
    check_grads(x * x, {"x:0": 3.0})


# ---------------------------------------------------------------- what is wrong is caught


def kernel(a, b, out=None):
    return np.multiply(a, b, out=out)


def no_sum(a, b):
    return Spec(Shape(np.broadcast_shapes(a.shape.as_list(), b.shape.as_list())), a.dtype)


# An op that broadcasts, but doesn't say so: nobody sums its gradients.
unsummed = Op(
    "TestUnsummed", kernel, no_sum, (lambda g, z, a, b: g * b, lambda g, z, a, b: g * a),
    ("a", "b"),
)

cube = elementwise(
    "TestCube", lambda x, out=None: np.multiply(x * x, x, out=out), lambda g, y, x: g * 3.0 * x * x
)

mean = Op(
    "TestMean", lambda x: np.mean(x), lambda x: Spec(Shape([]), x.dtype),
    (lambda g, y, x: g * tg.ones_like(x) / 12.0,), ("x",),
)

SIGN, OFF = -1.0, 1 + 1e-6

# op, its rules when right -> wrong rules, what is computed, inputs, whose input, what is likely
MUTANTS = {
    "scale": (
        "Tanh", lambda f: (lambda g, y, x: f(g, y, x) * OFF,), tg.tanh, [MATRIX],
        0, "a constant factor: the rule gives 1.000001 times the derivative",
    ),
    "sign": (
        "Sub", lambda f, h: (f, lambda g, z, x, y: g), tg.subtract, [MATRIX, ROW],
        1, "the sign is wrong",
    ),
    "constant factor": (
        "Square", lambda f: (lambda g, y, x: g * x,), tg.square, [MATRIX],
        0, "a constant factor: the rule gives 0.5 times the derivative",
    ),
    "missing factor g": (
        "Exp", lambda f: (lambda g, y, x: y,), tg.exp, [MATRIX], 0, "a missing factor g",
    ),
    "missing factor y": (
        "Exp", lambda f: (lambda g, y, x: g,), tg.exp, [MATRIX],
        0, "the rule amounts to g, right is g * y",
    ),
    "wrong operand": (
        "Mul", lambda f, h: (f, lambda g, z, x, y: g * y), tg.multiply, [MATRIX, ROW],
        1, "the rule amounts to g * y, right is g * x",
    ),
    "x for x squared": (
        "TestCube", lambda f: (lambda g, y, x: g * 3.0 * x,), cube, [MATRIX],
        0, "the rule amounts to 3 * g * x, right is 3 * g * x**2",
    ),
    "1 / x missing": (
        "Log", lambda f: (lambda g, y, x: g,), tg.log, [MATRIX],
        0, "the rule amounts to g, right is g / x",
    ),
    "swapped": (
        "Mul", lambda f, h: (h, f), tg.multiply, [MATRIX, MATRIX[::-1].copy()],
        0, "it is the gradient of another input, y: are two rules swapped?",
    ),
    "dropped term": (
        "Tanh", lambda f: (lambda g, y, x: g,), tg.tanh, [MATRIX],
        0, "a missing term -1 * g * y**2",
    ),
    "none": ("Exp", lambda f: (None,), tg.exp, [MATRIX], 0, "missing entirely: the rule is None"),
    "zeros": (
        "Exp", lambda f: (lambda g, y, x: 0.0 * g,), tg.exp, [MATRIX], 0, "the rule gives zeros",
    ),
    "nan": (
        "Exp", lambda f: (lambda g, y, x: tg.log(-y),), tg.exp, [MATRIX], 0, "inf or NaN",
    ),
    "missing sum": (
        "TestUnsummed", lambda f, h: (f, h), unsummed, [MATRIX, ROW],
        1, "a missing sum over the broadcast axis 0: the rule gives shape (3, 4), "
        "the input has (4,)",
    ),
    "missing transpose, square": (
        "Transpose", lambda f: (lambda g, y, x, perm: g,), tg.transpose, [SQUARE],
        0, "a missing transpose, perm (1, 0)",
    ),
    "missing transpose": (
        "Transpose", lambda f: (lambda g, y, x, perm: g,), tg.transpose, [MATRIX],
        0, "a missing transpose, perm (1, 0): the rule gives shape (4, 3)",
    ),
    "missing reshape": (
        "Reshape", lambda f, h: (lambda g, y, x, s: g, None), lambda x: tg.reshape(x, [2, 6]),
        [MATRIX], 0, "a missing reshape to the shape of the input",
    ),
    "one sum too many": (
        "Exp",
        lambda f: (lambda g, y, x: tg.reduce_sum(g * y, 0, keepdims=True) * tg.ones_like(x),),
        tg.exp, [MATRIX], 0, "one sum too many, over axis 0",
    ),
    "not divided by n": (
        "TestMean", lambda f: (lambda g, y, x: g * tg.ones_like(x),), mean, [MATRIX],
        0, "the rule gives 12 times the derivative; 12 is the number of elements of x",
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_rule_is_caught_and_explained(mutant, planted):
    """Alone, and in the middle of a graph."""
    name, wrong, function, inputs, position, likely = MUTANTS[mutant]
    op = registry[name]
    if mutant != "missing sum":
        check_grads(function, inputs)
    with planted(op, wrong(*op.vjps)):
        alone = failure(function, inputs)
        within = failure(lambda *xs: function(*xs) / 0.5, inputs)
    for error in (alone, within):
        (finding,) = [f for f in error.findings if f.kind is op and f.position == position]
        assert likely in finding.likely
        assert likely in str(error)


@pytest.mark.parametrize("factor", [1 + 1e-6, 1 - 1e-6, 1 + 1e-7])
def test_a_small_factor_is_caught_in_a_deep_graph(factor, planted):
    def deep(x, w):
        for _ in range(10):
            x = tg.tanh(x * w) + 0.1 * x
        return tg.reduce_sum(x)

    def off(g, y, x):
        return g * (1 - y * y) * factor

    check_grads(deep, [MATRIX, ROW])
    with planted(registry["Tanh"], (off,)):
        error = failure(deep, [MATRIX, ROW], order=1)
    assert {f.kind.name for f in error.findings} == {"Tanh"}
    assert len(error.findings) == 10
    assert all(f"{factor:.9g} times" in f.likely for f in error.findings)


def test_the_report_names_the_node_and_the_users_line(planted):
    with planted(registry["Tanh"], (lambda g, y, x: g * y,)):
        x = tg.placeholder(tg.float32, [None, 4], name="x")
        with tg.name_scope("layer"):
            hidden = tg.tanh(x * 2.0, name="hidden")
            line = inspect.currentframe().f_lineno - 1
        error = failure(tg.reduce_sum(hidden * hidden), {x: MATRIX}, order=1)
    assert f"'layer/hidden' (op: 'Tanh'), made at {__file__}:{line}" in str(error)
    assert "Tanh: the rule for input 0 (x) is wrong" in str(error)
    assert error.op.name == "layer/hidden"
    assert isinstance(error, AssertionError)
    assert isinstance(error, tg.errors.TinygraphError)


def test_a_rule_that_raises_is_named(planted):
    def broken(g, y, x):
        return g * tg.constant([1.0, 2.0, 3.0], tg.float64)

    with planted(registry["Exp"], (broken,)):
        error = failure(lambda x: tg.exp(x) * 2.0, [MATRIX])
    (finding,) = error.findings
    assert finding.kind is registry["Exp"] and finding.what == "broken"
    assert "Dimensions must be equal" in finding.likely


@pytest.mark.parametrize("raised", [NameError, RuntimeError, AssertionError, NotImplementedError])
def test_whatever_a_rule_raises_is_diagnosed(planted, raised):
    def broken(g, y, x):
        raise raised("name 'yy' is not defined")

    with planted(registry["Exp"], (broken,)):
        error = failure(lambda x: tg.exp(x) * 2.0, [MATRIX])
    assert [(f.kind.name, f.what) for f in error.findings] == [("Exp", "broken")]
    assert f"{raised.__name__}: name 'yy' is not defined" in error.findings[0].likely


def test_of_two_rules_the_one_that_raises_is_named(planted):
    def broken(g, z, x, y):
        raise NameError("name 'yy' is not defined")

    with planted(registry["Mul"], (lambda g, z, x, y: g * x, broken)):
        error = failure(tg.multiply, [ROW, ROW[::-1].copy()])
    assert [(f.position, f.what) for f in error.findings] == [(0, "wrong"), (1, "broken")]


# ---------------------------------------------------------------- products of matrices

product = composite(
    "TestProduct", lambda a, b: tg.matmul(a, b),
    lambda g, y, a, b: tg.matmul(g, b, transpose_b=True),
    lambda g, y, a, b: tg.matmul(a, g, transpose_a=True),
)
LEFT, RIGHT = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
SQUARES = [rng.normal(size=(3, 3)), rng.normal(size=(3, 3))]

# wrong rule -> whose it is, on square matrices: what is likely
MATRIX_MUTANTS = {
    "b": (
        lambda g, y, a, b: tg.matmul(g, b), 0,
        "a missing transpose: the rule amounts to g @ b, right is g @ b.T",
    ),
    "a": (
        lambda g, y, a, b: tg.matmul(a, g), 1,
        "a missing transpose: the rule amounts to a @ g, right is a.T @ g",
    ),
    "order": (
        lambda g, y, a, b: tg.matmul(b, g), 0, "the rule amounts to b @ g, right is g @ b.T",
    ),
    "too many": (
        lambda g, y, a, b: tg.matmul(a, g, transpose_a=True, transpose_b=True), 1,
        "a transpose too many: the rule amounts to a.T @ g.T, right is a.T @ g",
    ),
    "factor": (
        lambda g, y, a, b: 0.5 * tg.matmul(g, b), 0,
        "a missing transpose: the rule amounts to 0.5 * g @ b, right is g @ b.T",
    ),
    "elementwise": (
        lambda g, y, a, b: g * b, 0, "the rule amounts to g * b, right is g @ b.T",
    ),
    "anything": (lambda g, y, a, b: tg.exp(g) - a, 0, "right is g @ b.T"),
}


@contextlib.contextmanager
def product_with(planted, wrong, position):
    right = product.vjps
    with planted(product, (wrong, right[1]) if position == 0 else (right[0], wrong)):
        yield


@pytest.mark.parametrize("mutant", MATRIX_MUTANTS)
@pytest.mark.parametrize("size", [3, 40])
def test_a_missing_transpose_in_a_product_of_matrices(mutant, size, planted):
    """Those of 40 x 40 are checked along random directions."""
    wrong, position, likely = MATRIX_MUTANTS[mutant]
    inputs = [rng.normal(size=(size, size)) for _ in range(2)]
    check_grads(product, inputs, order=1)
    with product_with(planted, wrong, position):
        error = failure(product, inputs, order=1)
    assert [(f.position, f.likely) for f in error.findings] == [(position, likely)]


@pytest.mark.parametrize("rows", [3, 90])
@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("position", [0, 1])
def test_a_missing_transpose_that_makes_the_rule_fail(rows, unknown, position, planted):
    """As with unknown shapes, where it fails in the run."""
    wrong = MATRIX_MUTANTS["ba"[position]][0]
    a, b = (tg.placeholder(tg.float64, [None, None] if unknown else s) for s in ([rows, 4], [4, 2]))
    with product_with(planted, wrong, position):
        error = failure(product(a, b), {a: rng.normal(size=(rows, 4)), b: RIGHT})
    (finding,) = error.findings
    assert (finding.what, finding.position) == ("broken", position)
    right = ("g @ b.T", "a.T @ g")[position]
    assert f"likely mistake: a missing transpose: right is {right}" in str(error)


def test_a_rule_that_fails_otherwise_says_nothing_of_transposes(planted):
    def broken(g, y, a, b):
        raise NameError("name 'yy' is not defined")

    with product_with(planted, broken, 0):
        error = failure(product, [LEFT, RIGHT])
    assert "transpose" not in str(error)


def test_a_missing_transpose_of_the_wrong_shape(planted):
    with product_with(planted, lambda g, y, a, b: tg.matmul(a, b) * g, 0):
        error = failure(product, [LEFT, RIGHT])
    assert "right is g @ b.T: the rule gives shape (3, 2), the input has (3, 4)" in str(error)


def test_a_missing_transpose_in_a_batch(planted):
    batch = [rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3, 3))]
    check_grads(product, batch)
    with product_with(planted, MATRIX_MUTANTS["b"][0], 0):
        error = failure(product, batch)
    assert "a missing transpose: the rule amounts to g @ b, right is g @ b.T" in str(error)


def test_a_report_has_lines_of_the_user_only(planted):
    with product_with(planted, MATRIX_MUTANTS["b"][0], 0):
        with pytest.raises(GradientError) as caught:
            check_grads(lambda a, b: product(a, b), [LEFT, RIGHT])
    lines = re.findall(r"made at (\S+):\d+", str(caught.value))
    assert len(lines) > 3 and set(lines) == {__file__}
    assert "'x0'" in caught.value.findings[0].likely or "'g'" in caught.value.findings[0].likely


def test_a_large_input_with_a_wrong_factor(planted):
    with planted(registry["Exp"], (lambda g, y, x: g * y * OFF,)):
        error = failure(tg.exp, [rng.normal(size=(50, 40))])
    assert "the rule gives 1.000001 times the derivative" in error.findings[0].likely


def test_a_rule_right_at_first_order_only(planted):
    """A stop_gradient does what it should; at fault is the rule that holds it."""
    with planted(registry["Exp"], (lambda g, y, x: g * stop_gradient(y),)):
        check_grads(tg.exp, [ROW], order=1)
        error = failure(tg.exp, [ROW], order=2)
    (finding,) = error.findings
    assert (finding.kind, finding.position) == (registry["Exp"], 0)
    assert finding.likely.startswith("a stop_gradient in the rule")
    assert "StopGradient" not in str(error)


def test_a_stray_stop_gradient_names_the_input_whose_rule_holds_it(planted):
    def held(g, z, x, y):
        return stop_gradient(g) * stop_gradient(x)

    with planted(registry["Mul"], (registry["Mul"].vjps[0], held)):
        error = failure(lambda x, y: tg.exp(x * y), [ROW, ROW[::-1].copy()])
    assert [(f.kind.name, f.position) for f in error.findings] == [("Mul", 1)]


def test_a_rule_of_a_rule_that_is_wrong_is_named(planted):
    """The rule's own ops are checked when the second derivative is off."""
    with planted(registry["Exp"], (lambda g, y, x: g * cube(y) / tg.square(y),)):
        with planted(cube, (lambda g, y, x: 0.5 * g * 3.0 * x * x,)):
            check_grads(tg.exp, [ROW], order=1)
            error = failure(tg.exp, [ROW], order=2)
    assert {f.kind for f in error.findings} == {cube}
    assert "for the gradient of 'Exp'" in str(error)


def test_a_composite_is_checked_against_its_body():
    wrong = composite("TestLogistic", lambda x: 1.0 / (1.0 + tg.exp(-x)), lambda g, y, x: g * y)
    error = failure(lambda x: tg.square(wrong(x)), [ROW])
    assert [f.kind for f in error.findings] == [wrong]


def test_ops_with_any_number_of_inputs(planted):
    op = registry["AddN"]

    def wrong(g, y, *xs):
        return [g, *[2.0 * g] * (len(xs) - 1)]

    check_grads(lambda a, b: op(a, b, a), [ROW, ROW[::-1]])
    with planted(op, wrong):
        error = failure(lambda a, b: op(a, b), [ROW, ROW[::-1]])
    assert [(f.kind, f.position) for f in error.findings] == [(op, 1)]


def sin_cos(rule, kernel=lambda x: (np.sin(x), np.cos(x))):
    """An op whose outputs are sin(x) and cos(x), with a rule and a kernel of one's choice."""
    name = f"TestSinCos{len(registry)}"
    two = lambda x: Spec.of_items([x, x])  # noqa: E731
    return Op(name, kernel, two, (rule,), ("x",))


def of_sin_cos(g, y, x):
    return g[0] * y[1] - g[1] * y[0]


def test_ops_with_several_outputs():
    op = sin_cos(of_sin_cos)
    report = check_grads(lambda x: op(tg.exp(x)), [ROW], order=3)
    assert report.largest_error < 1e-9
    check_grads(lambda x: op(x)[1] * x, [ROW])
    check_grads(lambda x: tg.nn.top_k(x * x, 2), [MATRIX])
    x = tg.placeholder(tg.float32, [None, 4])
    parts = tg.split(x * x, [1, 3], 1)
    check_grads(parts, {x: MATRIX})
    check_grads(tg.sin(parts[1]), {parts[1]: MATRIX[:, :3]})
    pair = composite(
        "TestPair", lambda x: [x * x, 2.0 * x], lambda g, y, x: g[0] * y[1] + 2.0 * g[1]
    )
    check_grads(pair, [ROW])


WRONG_OF_ONE = {
    "sign": (lambda g, y, x: g[0] * y[1] + g[1] * y[0], 1, "the sign is wrong"),
    "factor": (lambda g, y, x: g[0] * y[1] * (1 + 1e-6) - g[1] * y[0], 0, "1.000001 times"),
    "operand": (
        lambda g, y, x: g[0] * y[0] - g[1] * y[0], 0,
        "the rule amounts to g[0] * y[0], right is g[0] * y[1]",
    ),
    "forgotten": (lambda g, y, x: g[0] * y[1], 1, "the rule gives zeros"),
}


@pytest.mark.parametrize("mistake", WRONG_OF_ONE)
def test_a_rule_that_is_wrong_for_one_of_several_outputs(mistake):
    wrong, output, likely = WRONG_OF_ONE[mistake]
    op = sin_cos(wrong)
    error = failure(lambda x: tg.exp(tg.add_n(op(x))), [ROW])
    (finding,) = error.findings
    assert (finding.kind, finding.position, finding.output) == (op, 0, output)
    assert likely in finding.likely
    assert f"input 0 (x), from the gradient of output {output}, is wrong" in str(error)


def test_a_rule_that_is_wrong_for_several_outputs_together(planted):
    op = sin_cos(lambda g, y, x: of_sin_cos(g, y, x) + g[0] * g[1])
    (finding,) = failure(lambda x: tg.add_n(op(x)), [ROW], order=1).findings
    assert (finding.kind, finding.output) == (op, None)
    with planted(registry["Unpack"], (lambda g, y, x, num, axis: tg.stack([*g][::-1], axis),)):
        findings = failure(lambda x: tg.unstack(x), [ROW]).findings
    assert {(f.kind.name, f.output) for f in findings} == {("Unpack", i) for i in range(4)}


def test_an_output_that_loses_digits_is_named():
    far = np.float32(2e5 * np.pi)  # a whole number of turns, which leaves few digits
    kernel = lambda x: (np.sin(x), np.cos(x + far * (x.dtype == np.float32)))  # noqa: E731
    op = sin_cos(of_sin_cos, kernel)
    error = failure(lambda x: op(tg.cast(x, tg.float32)), [ROW], order=1)
    assert f"'{op.name}:1' in float32 is off" in str(error)
    assert [finding.kind for finding in error.findings] == [op]


def test_an_output_that_is_inf_is_named():
    op = sin_cos(of_sin_cos, lambda x: (np.sin(x), np.cos(x) / 0.0))
    with np.errstate(all="ignore"):
        error = failure(lambda x: tg.add_n(op(x)), [ROW])
    assert f"in '{op.name}:1' (op: '{op.name}')" in str(error)


def test_without_a_wrong_op_the_fault_is_in_their_combination(monkeypatch):
    monkeypatch.setattr(sys.modules["tinygraph.gradients"], "add_n_op", lambda *parts: parts[0])
    error = failure(lambda x: x * tg.exp(x), [ROW])
    assert error.findings == []
    assert "how they are combined" in str(error)


# ---------------------------------------------------------------- where a wrong rule is right

# op, its rules, and inputs at which these are right, whatever the order
DEGENERATE = {
    "5gx of squares of zeros": ("Square", (lambda g, y, x: 5.0 * g * x,), [np.zeros(3)]),
    "5gx of a square of 0": ("Square", (lambda g, y, x: 5.0 * g * x,), [np.float64(0)]),
    "5gx of many zeros": ("Square", (lambda g, y, x: 5.0 * g * x,), [np.zeros((20, 30))]),
    "y of a product of ones": ("Mul", (lambda g, z, *_: g * z,) * 2, [np.ones(3), np.ones(3)]),
    "y of a product of -1": ("Mul", (lambda g, z, *_: -g * z,) * 2, [-np.ones(3), -np.ones(3)]),
    "a product of equals": (
        "Mul", (lambda g, z, x, y: g * x, lambda g, z, x, y: g * y), [ROW, ROW],
    ),
    "a quotient by ones": (
        "RealDiv", (lambda g, z, x, y: g * y, lambda g, z, x, y: -g * x * y), [ROW[:3], np.ones(3)],
    ),
    "exp at 0": ("Exp", (lambda g, y, x: g * y * y,), [np.zeros(3)]),
    "tanh at 0": ("Tanh", (lambda g, y, x: g * (1 - 3.0 * y),), [np.zeros(3)]),
    "a missing transpose": (
        "TestProduct", (MATRIX_MUTANTS["b"][0], MATRIX_MUTANTS["a"][0]),
        [np.eye(3), np.ones((3, 3))],
    ),
    "float32": ("Square", (lambda g, y, x: 5.0 * g * x,), [np.zeros(3, np.float32)]),
}


@pytest.mark.smoke
@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("order", [1, 2])
def test_a_wrong_rule_that_is_right_at_the_given_point(case, order, planted):
    name, wrong, inputs = DEGENERATE[case]
    op = registry[name]
    assert check_grads(lambda *xs: op(*xs), inputs, order=order).beside
    with planted(op, wrong):
        error = failure(lambda *xs: op(*xs), inputs, order=order)
    assert {finding.kind for finding in error.findings} == {op}


def test_where_the_ops_on_the_path_are_right_by_chance(planted):
    with planted(registry["Square"], (lambda g, y, x: 5.0 * g * x,)):
        error = failure(lambda x: tg.exp(tg.square(x - 3.0)), [np.full(4, 3.0)], order=1)
    (finding,) = error.findings
    assert finding.likely == "a constant factor: the rule gives 2.5 times the derivative"
    assert "is wrong beside the given point, where it is right by chance" in str(error)


def test_variables_are_moved_too(planted):
    """As the scale of a layer, which begins at one."""
    x, scale = tg.placeholder(tg.float32), tg.Variable(tg.ones([4]))
    with tg.Session() as sess:
        sess.run(scale.initializer)
        with planted(registry["Mul"], (lambda g, z, x, y: g, registry["Mul"].vjps[1])):
            error = failure(x * scale, {x: ROW.astype(np.float32)})
        assert [f.position for f in error.findings] == [0]
        np.testing.assert_array_equal(sess.run(scale), 1.0)


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (tg.log, [1e-4, 1e-3, 1.0]),
        (tg.asin, [0.999, -0.999, 0.0]),
        (lambda x: tg.sqrt(x - 1.0), [1.01, 1.5]),
        (lambda x: tg.sqrt(1.0 - x), [0.99, -2.0]),
        (lambda x: tg.log(x) + tg.log1p(-x), [1e-3, 0.5, 0.999]),
        (lambda x: tg.cholesky(x), [[1.0, 0.99], [0.99, 1.0]]),
        (lambda x: tg.reduce_logsumexp(x), [1000.0, 1000.0, 0.0]),
        (lambda x: tg.exp(-1e8 * tg.square(x)), [0.0]),
        (lambda x: tg.gather(x, tg.cast(x[2] * 0.0, tg.int32)), [1.0, 0.5, 2.0]),
        (lambda x: tg.where(x > 0.5, x * x, x), [0.49, 0.51]),
        (lambda x: tg.boolean_mask(x * x, x > 0.5), [0.495, 0.3, 2.0]),
    ],
)
def test_the_point_beside_is_one_where_the_function_is_finite(function, x):
    assert check_grads(function, [np.array(x)]).beside


def test_where_there_is_no_point_beside_the_report_says_so():
    def island(x):
        return tg.sqrt(1e-14 - tg.square(x - 1.0))

    assert not check_grads(island, [np.ones(2)], order=1, step=1e-8).beside


def test_kinks_beside_the_point_are_passed_over():
    x = np.array([0.96, 0.3])
    x = x / (1 + 0.05 * np.random.default_rng(0).uniform(0.5, 1.5, 2))  # moved to a kink
    assert check_grads(lambda x: tg.abs(x - [0.96, 5.0]), [x]).kinks == []


# ---------------------------------------------------------------- kinks


def absolute(x, out=None):
    return np.abs(x, out=out)


sharp = elementwise("TestAbs", absolute, lambda g, y, x: tg.cast(x > 0.0, x.dtype) * 2.0 * g - g)
hinge = elementwise(
    "TestHinge", lambda x, out=None: np.maximum(x, 0, out=out),
    lambda g, y, x: g * tg.cast(x > 0.0, x.dtype),
)
step = elementwise("TestStep", lambda x, out=None: np.floor(x, out=out), None)


@pytest.mark.parametrize("op", [sharp, hinge, step], ids=lambda op: op.name)
def test_a_kink_is_reported_not_skipped(op):
    error = failure(lambda x: 3.0 * op(x * 2.0), [np.array([1.3, 0.0, -0.3])])
    assert "does not exist at [1]: a kink or a jump" in str(error)
    assert [(f.kind, f.what) for f in error.findings] == [(op, "kink")]
    report = check_grads(lambda x: op(x), [np.array([1.3, 0.0, -0.3])], kinks="report")
    assert len(report.kinks) >= 1
    assert all("[1]" in kink for kink in report.kinks)


def test_a_kink_where_both_sides_average_to_the_gradient():
    """Differences around abs at 0 give 0, which is its gradient in TF1; still there is none."""
    even = elementwise("TestEven", absolute, lambda g, y, x: 0.0 * g)
    error = failure(even, [np.array([0.0])])
    assert error.findings[0].what == "kink"


@pytest.mark.parametrize("distance", [1e-2, 1e-3, 1e-4, 2e-5])
@pytest.mark.parametrize("op", [sharp, hinge, step], ids=lambda op: op.name)
def test_near_a_kink_smaller_steps_are_taken(op, distance):
    check_grads(lambda x: 3.0 * op(x), [np.array([distance, -distance, 0.4])])


def test_a_wrong_rule_near_a_kink_is_caught(planted):
    with planted(hinge, (lambda g, y, x: g * tg.cast(x > 0.0, x.dtype) * OFF,)):
        error = failure(hinge, [np.array([1e-3])])
    assert error.findings[0].what == "wrong"


def test_a_wrong_rule_at_another_place_than_the_kink(planted):
    with planted(hinge, (lambda g, y, x: g * tg.cast(x > 0.0, x.dtype) * OFF,)):
        error = failure(hinge, [np.array([0.0, 1.0])], kinks="report")
    assert [f.what for f in error.findings] == ["wrong"]


# ---------------------------------------------------------------- float32, float16


def test_a_kernel_that_loses_digits_in_float32():
    def cancelling(x, out=None):
        return np.subtract(x + x.dtype.type(1e4), x.dtype.type(1e4), out=out)

    rough = elementwise("TestRough", cancelling, lambda g, y, x: g)
    check_grads(lambda x: rough(x), [ROW], rtol=1e-6)
    error = failure(lambda x: tg.exp(rough(x)), [ROW.astype(np.float32)], rtol=1e-6)
    assert [(f.kind, f.what) for f in error.findings] == [(rough, "rough")]
    assert "float32" in str(error)
    check_grads(lambda x: tg.exp(rough(x)), [ROW.astype(np.float32)], rtol=1e-6, precision=False)


def test_a_rule_that_overflows_in_float16():
    def squared_norm(g, y, x):
        return g * (1e3 * x) * (1e3 * x) / (1e3 * x) / 1e3 * 2.0

    rough = elementwise("TestOverflows", np.square, squared_norm)
    check_grads(lambda x: rough(x), [ROW])
    error = failure(lambda x: rough(x), [ROW.astype(np.float16)])
    assert error.findings[0].kind is rough


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_small_floats_are_checked_in_float64_first(dtype, planted):
    check_grads(lambda x: tg.tanh(x) * x, [MATRIX.astype(dtype)])
    with planted(registry["Tanh"], (lambda g, y, x: g * (1 - y * y) * OFF,)):
        failure(lambda x: tg.tanh(x) * x, [MATRIX.astype(dtype)])


# ---------------------------------------------------------------- numeric derivatives


def test_numeric_jacobian():
    a, b = numeric_jacobian(lambda x, y: x * y, [MATRIX, ROW])
    assert a.shape == (3, 4, 3, 4) and b.shape == (3, 4, 4)
    np.testing.assert_allclose(np.einsum("ijij->ij", a), np.broadcast_to(ROW, (3, 4)), rtol=1e-10)
    np.testing.assert_allclose(np.einsum("ijj->ij", b), MATRIX, rtol=1e-10)
    assert np.count_nonzero(np.abs(a) > 1e-9) == 12


def test_numeric_gradient_of_analytic_kernels_is_exact():
    """The complex step has no cancellation."""
    (found,) = numeric_gradient(lambda x: tg.exp(tg.tanh(x)), [MATRIX])
    y = np.tanh(MATRIX)
    np.testing.assert_allclose(found, np.exp(y) * (1 - y * y), rtol=1e-14)


def test_numeric_gradient_of_other_kernels():
    """abs is not analytic: differences."""
    (found,) = numeric_gradient(lambda x: sharp(x) * sharp(x), [-ROW], grad_y=ROW)
    np.testing.assert_allclose(found, -2 * ROW * ROW, rtol=1e-9)


def test_numeric_gradient_of_a_tensor():
    x, n = tg.placeholder(tg.float32), tg.placeholder(tg.int32)
    y = x * tg.cast(n, tg.float32)
    found, nothing = numeric_gradient(y, {x: 2.0, n: 3})
    np.testing.assert_allclose(found, 3.0, rtol=1e-10)
    assert nothing is None


# ---------------------------------------------------------------- TF1's functions

A, B = np.array([[0.5], [-1.25]]), np.array([2.0, 0.75])
BY_RULE = [[1.181568497569791, 0.685199888993507], [-1.0530948648593317, -1.1663893359535036]]
BY_TENTHS = [[1.1728902805007668, 0.683071790846842], [-1.0537460337966942, -1.164984820178974]]


def graph_of_two(dtype=tg.float64):
    x, w = tg.placeholder(dtype, [2, 1]), tg.placeholder(dtype, [2])
    return x, w, tg.reduce_sum(tg.tanh(x * w) * x, axis=0)


def test_compute_gradient_gives_the_numbers_of_tf115():
    x, w, y = graph_of_two()
    with tg.Session():
        pairs = compute_gradient(
            [x, w], [[2, 1], [2]], y, [2], x_init_value=[A, B], delta=0.1,
            extra_feed_dict={x: A, w: B},
        )
        error = compute_gradient_error(x, [2, 1], y, [2], A, 0.1, extra_feed_dict={w: B})
    np.testing.assert_allclose(pairs[0], (BY_RULE, BY_TENTHS), rtol=1e-12)
    np.testing.assert_allclose(pairs[1][0], np.diag([0.14654393959594486, 0.9384246876770841]))
    np.testing.assert_allclose(pairs[1][1], np.diag([0.1470252623388446, 0.9406067608887703]))
    np.testing.assert_allclose(error, 0.008678217069024274, rtol=1e-11)


def test_compute_gradient_of_a_variable_in_float32():
    w = tg.Variable([1.0, 2.0])
    with tg.Session():
        by_rule, by_differences = compute_gradient(
            w, (2,), tg.exp(w), (2,), init_targets=[w.initializer]
        )
        assert compute_gradient_error(w, (2,), tg.exp(w), (2,)) < 1e-2
    assert by_rule.dtype == by_differences.dtype == np.float32
    np.testing.assert_allclose(by_rule, by_differences, atol=1e-2)


def test_compute_gradient_says_what_it_needs():
    x, w, y = graph_of_two()
    with pytest.raises(ValueError, match="default session"):
        compute_gradient(x, [2, 1], y, [2])
    with tg.Session():
        with pytest.raises(ValueError, match="x_init_value has shape"):
            compute_gradient(x, [2, 1], y, [2], x_init_value=B)
        with pytest.raises(ValueError, match="no gradient"):
            compute_gradient(x, [2, 1], w * 2.0, [2])
        with pytest.raises(TypeError, match="need floats"):
            compute_gradient(tg.placeholder(tg.int32), [], y, [2])


def test_findings_hold_nodes():
    error = failure(lambda x: tg.exp(unsummed(x, tg.constant(MATRIX))), [ROW])
    assert all(isinstance(finding.node, Node) for finding in error.findings)
