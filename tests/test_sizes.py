"""Sizes that only a run knows: what an op's rule forbids for known ones, it forbids for them."""

import numpy as np
import pytest
from cases import every_case

import tinygraph as tg
from tinygraph.errors import InvalidArgumentError, TinygraphError
from tinygraph.op import Op
from tinygraph.spec import Shape, Spec

HIDDEN = Op(
    "HiddenSizes", lambda x: x, lambda x: Spec(Shape(None), x.dtype), (lambda g, y, x: g,), ("x",),
    view="part", doc="The same value, of unknown rank: as after what depends on values.",
)
OPEN = Op(
    "OpenSizes", lambda x: x, lambda x: Spec(Shape([None] * len(x.shape)), x.dtype),
    (lambda g, y, x: g,), ("x",), view="part", doc="The same value, of known rank.",
)

CASES = [case for case in every_case() if any(x.ndim for x in case.inputs) and case.numpy]


def mutations(case):
    """The inputs, with one of them one element shorter or longer along one axis, or of 1 there."""
    rng = np.random.default_rng(0)
    sizes = [
        (i, axis, size)
        for i, x in enumerate(case.inputs)
        for axis, n in enumerate(x.shape)
        if x.size
        for size in {1, n - 1, n + 1} - {n, 0, -1}
    ]
    for k in rng.permutation(len(sizes))[:3]:
        i, axis, size = sizes[k]
        inputs = list(case.inputs)
        inputs[i] = np.take(inputs[i], np.arange(size) % inputs[i].shape[axis], axis=axis)
        yield inputs


def flatten(made):
    return [y for item in made for y in flatten(item)] if isinstance(made, list | tuple) else [made]


def outcome(case, inputs, hide=None):
    """The values for these inputs, or the error; with their shapes known, or hidden by an op."""
    with tg.Graph().as_default() as graph:
        graph.seed = 1
        feeds = {tg.placeholder(x.dtype, x.shape): x for x in inputs}
        try:
            ys = flatten(case.build(*(hide(x) for x in feeds) if hide else feeds))
            sess = tg.Session()
            sess.run(tg.global_variables_initializer(), feeds)
            return sess.run(ys, feeds)
        except TinygraphError as error:
            return error


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_a_rule_holds_for_sizes_that_only_the_run_knows(case):
    hide = {"rank": HIDDEN, "dims": OPEN}.get(case.unknown)
    if hide is None:
        pytest.skip("has to know its shapes while building")
    for inputs in mutations(case):
        known, found = outcome(case, inputs), outcome(case, inputs, hide)
        shapes = [x.shape for x in inputs]
        if isinstance(known, Exception):
            assert isinstance(found, ValueError), f"{shapes} gave {found} in place of: {known}"
        else:
            assert not isinstance(found, Exception), f"{shapes}: {found}"
            for a, b in zip(known, found, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, err_msg=str(shapes))


def computed_sizes(n):
    """Functions of a fed size n, and the n for which each is refused, as it is for a known one."""
    x = tg.constant(np.arange(12, dtype=np.float32).reshape(4, 3))
    labels, w = tg.constant([1, 2, 0, 1]), tg.Variable([1.0, 2.0, 3.0])
    losses = tg.nn.sparse_softmax_cross_entropy_with_logits
    return {
        "sparse labels": (lambda: losses(labels=labels[:n], logits=x), 1),
        "masked labels": (lambda: losses(labels=labels[tg.range(4) < n], logits=x), 1),
        "in_top_k": (lambda: tg.nn.in_top_k(x, labels[:n], 1), 1),
        "bias_add": (lambda: tg.nn.bias_add(x, w[:n]), 1),
        "where": (lambda: tg.where(x > 2.0, x, x[:n]), 1),
        "add_n": (lambda: tg.add_n([x, x[:n]]), 1),
        "einsum": (lambda: tg.einsum("ij,ij->", x[:n], tg.transpose(x)[:, :n]), 2),
        "cholesky": (lambda: tg.cholesky(x[:n]), 1),
        "top_k, too many": (lambda: tg.nn.top_k(x, n).values, 5),
        "top_k, less than none": (lambda: tg.nn.top_k(x, n).values, -1),
        "reshape": (lambda: tg.reshape(x, tg.stack([n, 6])), -2),
        "assign": (lambda: w.assign(w[:n]), 1),
        "assign_add": (lambda: w.assign_add(w[:n]), 1),
    }


with tg.Graph().as_default():
    NAMES = list(computed_sizes(tg.constant(1)))


@pytest.mark.parametrize("name", NAMES)
def test_computed_sizes(name, sess):
    n = tg.placeholder(tg.int32, [], name="n")
    build, size = computed_sizes(n)[name]
    y = build()
    sess.run(tg.global_variables_initializer())
    with pytest.raises(InvalidArgumentError, match=r"made at .*test_sizes\.py"):
        sess.run(y, {n: size})


def test_a_check_is_made_only_where_a_run_decides(sess):
    x, n = tg.placeholder(tg.float32, [None, 3], name="x"), tg.placeholder(tg.int32, [])
    feed = {x: np.zeros((4, 3)), n: 2}
    assert "check_sizes(" not in sess.source(tg.nn.softmax(x) + tg.nn.relu(x[:1, :1]), feed)
    assert "check_sizes(" in sess.source(tg.nn.softmax(x[:n]), feed)
    assert "check_sizes(" not in sess.source(x[:n] * 2.0 + 1.0, feed)  # NumPy's rule


OPTIMIZERS = (
    lambda: tg.train.GradientDescentOptimizer(0.1), lambda: tg.train.MomentumOptimizer(0.1, 0.9),
    tg.train.AdamOptimizer, tg.train.AdadeltaOptimizer, lambda: tg.train.RMSPropOptimizer(0.1),
)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_a_gradient_has_its_variables_shape(make, sess):
    w, kept = tg.Variable([1.0, 1.0, 1.0]), tg.placeholder(tg.bool, [3])
    train = make().apply_gradients([(tg.boolean_mask([1.0, 2.0, 3.0], kept), w)])
    sess.run(tg.global_variables_initializer())
    sess.run(train, {kept: [True, True, True]})
    before = sess.run(w)
    with pytest.raises(InvalidArgumentError, match=r"\(1,\) and \(3,\)"):
        sess.run(train, {kept: [False, False, True]})
    np.testing.assert_array_equal(sess.run(w), before)


@pytest.mark.parametrize("function", [tg.tanh, tg.nn.elu, tg.cumsum])
def test_an_arriving_gradient_has_the_shape_of_its_tensor(function, sess):
    n, x = tg.placeholder(tg.int32, []), tg.constant([1.0, 2.0, 3.0])
    (g,) = tg.gradients(function(x), x, grad_ys=tg.ones([n]))
    assert sess.run(g, {n: 3}).shape == (3,)
    with pytest.raises(InvalidArgumentError, match="incompatible"):
        sess.run(g, {n: 1})


def test_what_a_rule_of_a_users_gives_has_the_inputs_shape(sess):
    op = tg.elementwise("MaskedRule", np.square, lambda g, y, x: tg.boolean_mask(g, x > 1.0))
    x = tg.constant([1.0, 2.0, 3.0])
    with pytest.raises(InvalidArgumentError, match="incompatible"):
        sess.run(tg.gradients(op(x), x)[0])
