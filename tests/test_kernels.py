"""Users' kernels in a program: what they may do, what they must, and what they are told."""

import collections
import enum
import functools

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.op import Op, _registry
from tinygraph.spec import Shape, Spec

PASSES = tg.Session.PASSES


def run_kernel(kernel, name, **options):
    op = tg.elementwise(name, kernel, None, **options)
    x = tg.placeholder(tg.float32, [None])
    feed = np.arange(3, dtype=np.float32)
    value = tg.Session().run(op(x), {x: feed})
    assert feed.tolist() == [0.0, 1.0, 2.0]
    assert np.array_equal(tg.Session().run(op(tg.constant(feed))), value)
    return value


def test_a_kernel_that_ignores_out_still_counts():
    assert run_kernel(lambda x, out=None: x + 1, "IgnoresOutForTest").tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("family", ["elementwise", "record"])
def test_a_kernel_with_a_parameter_out_always_gets_an_array(family):
    """Of the result's shape and dtype: for constants, feeds, and sizes that only a run knows."""
    seen = []

    def kernel(x, out):
        seen.append(out)
        return np.add(x, 1, out=out)

    name = f"AlwaysOutFor{family}Test"
    op = (tg.elementwise(name, kernel, lambda g, y, x: g) if family == "elementwise" else
          Op(name, kernel, lambda x: Spec(x.shape, x.dtype), (lambda g, y, x: g,), ("x",)))
    assert op(tg.constant([1, 2])).spec.value.tolist() == [2, 3]  # while building
    x = tg.placeholder(tg.float32, [None])
    of_a_size = op(tg.boolean_mask(x, x > 1.0))
    fetches, feeds = [op(tg.constant([1.0])), op(x), of_a_size], {x: [1.0, 2.0, 3.0]}
    for passes in (PASSES, set()):
        values = tg.Session(passes=passes).run(fetches, feeds)
        assert [v.tolist() for v in values] == [[2.0], [2.0, 3.0, 4.0], [3.0, 4.0]]
    with tg.Session() as sess:
        source = sess.source(fetches[1:], feeds, functional=True)
    assert source.count("out=") == 2
    assert tg.testing.check_grads(op, [np.array([0.5, 2.0])]).derivatives == 4
    assert {out.shape for out in seen} == {(1,), (2,), (3,)}
    assert all(out.dtype.kind in "fic" and out.flags.c_contiguous for out in seen)


def test_a_kernel_gets_no_out_where_its_rule_never_tells_the_size():
    op = Op(
        "PositiveForTest", lambda x, out=None: x[x > 0.0],
        lambda x: Spec(Shape([None]), x.dtype), params=("x",),
    )
    x = tg.placeholder(tg.float32, [None])
    for value in everywhere(op(x * 2.0), {x: [1.0, -1.0, 3.0]}):
        assert value.tolist() == [2.0, 6.0]
    assert tg.Session().run(op(tg.constant([1.0, -1.0]))).tolist() == [1.0]
    assert "out" not in tg.Session().source(op(x), {x: [1.0]}, functional=True)


def test_a_kernel_that_needs_out_has_a_rule_that_tells_the_size():
    def kernel(x, out):
        return np.copyto(out, x) or out

    op = Op("SizelessForTest", kernel, lambda x: Spec(Shape([None]), x.dtype), params=("x",))
    pair = Op("PairForTest", kernel, lambda x: Spec.of_items([x, x]), params=("x",))
    with pytest.raises(tg.errors.DTypeError, match="PairForTest takes `out`, but it has several"):
        pair([1.0])
    complaint = "SizelessForTest takes `out`, but its shape rule never tells the size: leave `out`"
    with pytest.raises(tg.errors.DTypeError, match=complaint):
        op([1.0])
    x = tg.placeholder(tg.float32, [None])
    for y in (op(x), op(tg.boolean_mask(x, x > 0.0))):  # compiling, and a run, bring it to light
        with pytest.raises(tg.errors.OpError, match=complaint) as error:
            tg.Session().run(y, {x: [1.0]})
        assert "test_kernels.py" in str(error.value)


def test_a_kernel_without_out_allocates_its_result():
    def plus(number, x):
        return x + number

    class Plus:
        def __call__(self, x):
            return x + 1

    wrapped = functools.wraps(plus)(lambda *args: plus(1, *args))
    kernels = [lambda x: x + 1, functools.partial(plus, 1), Plus(), wrapped]
    for i, kernel in enumerate(kernels):
        try:
            assert run_kernel(kernel, f"NoOutForTest{i}").tolist() == [1.0, 2.0, 3.0]
        finally:
            del _registry[f"NoOutForTest{i}"]


@pytest.mark.parametrize(
    ("name", "kernel", "message"),
    [
        ("WrongDType", lambda x, out=None: x.astype(np.float64), r"made float64\[3\]"),
        ("WrongShape", lambda x, out=None: x[:2], r"made float32\[2\]"),
        ("Nothing", lambda x, out=None: None, "returned None"),
        ("Mutating", lambda x, out=None: np.add(x, 1, out=x), "read-only"),
    ],
)
def test_a_kernel_that_breaks_its_promise_is_named(name, kernel, message):
    op = tg.elementwise(name + "ForTest", kernel, None)
    feed = np.arange(3, dtype=np.float32)
    x = tg.placeholder_with_default(feed, [None])
    for y in (op(x), op(x * 2.0), op(tg.constant(feed))):
        for passes in (PASSES, set()):
            with pytest.raises(tg.errors.OpError, match=message):
                tg.Session(passes=passes).run(y, {x: feed})
    assert feed.tolist() == [0.0, 1.0, 2.0]


def test_a_kernel_is_named_whatever_it_raises():
    def kernel(x, out=None):
        raise RuntimeError("no such thing")

    op = tg.elementwise("RaisesForTest", kernel, None)
    for y in (op(tg.constant([1.0])), op(tg.placeholder_with_default([1.0], [1]))):
        with pytest.raises(tg.errors.InternalError, match=r"(?s)no such thing.*'RaisesForTest"):
            tg.Session().run(y)


def everywhere(fetch, feeds):
    """The values that the plain program, each pass alone and all of them compute."""
    choices = [set(), *({p} for p in sorted(PASSES)), PASSES]
    return [tg.Session(passes=passes).run(fetch, feeds) for passes in choices]


def test_a_kernel_may_use_out_before_it_has_read_its_inputs():
    def times_exp(x, out=None):
        out = np.exp(x, out=out)
        return np.multiply(out, x, out=out)

    x = tg.placeholder(tg.float32, [2], name="x")
    op = tg.elementwise("TimesExpForTest", times_exp, None)
    for value in everywhere(op(x * 1.5) * 2.0, {x: [1.0, 2.0]}):
        np.testing.assert_allclose(value, [13.445067, 120.513221], rtol=1e-6)


@pytest.mark.default_passes
def test_a_kernel_may_say_that_it_works_in_place():
    def add_one(x, out=None):
        return np.add(x, 1, out=out)

    x = tg.placeholder(tg.float32, [2])
    for name, options, out in (("", {}, "b1"), ("InPlace", {"inplace": True}, "b0")):
        op = tg.elementwise(f"AddOne{name}ForTest", add_one, None, **options)
        source = tg.Session().source(op(x * 1.5) * 2.0, {x: [1.0, 2.0]})
        assert f"    add_one(b0, out={out})" in source


def test_a_view_that_depends_on_values_is_taken_in_each_run():
    best = Op(
        "BestRowForTest", lambda x: x[int(np.argmax(x[:, 0]))],
        lambda x: Spec(Shape(x.shape.as_list()[1:]), x.dtype), params=("x",), view="part",
    )
    x = tg.placeholder(tg.float32, [3, 2])
    y = best(x * 2.0) + 1.0
    for value in everywhere(y, {x: [[1, 1], [5, 5], [2, 2]]}):
        assert value.tolist() == [11.0, 11.0]


def test_a_view_of_repeated_elements_may_change_their_dtype():
    bits = Op(
        "BitsForTest", lambda x: x.view(np.int32), lambda x: Spec(x.shape, tg.int32),
        params=("x",), view="part",
    )
    x = tg.placeholder(tg.float32, [])
    for value in everywhere(bits(tg.broadcast_to(x, [3])) + 0, {x: 3.0}):
        assert value.tolist() == [np.float32(3.0).view(np.int32)] * 3


class Color(enum.IntEnum):
    RED = 3


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, [1.5, np.nan, -np.inf]])
def test_a_static_value_may_be_nan_or_infinite(value):
    name = f"Shifted{np.size(value)}{np.sum(value)}ForTest"
    op = Op(
        name, lambda x, by, out=None: np.add(x, by, out=out), lambda x, by: x, params=("x", "by"),
        static=(1,),
    )
    x = tg.placeholder(tg.float32, [3])
    (found,) = {v.tobytes() for v in everywhere(op(x, value), {x: [0.0, 0.0, 0.0]})}
    by = np.broadcast_to(np.float32(value), 3)
    assert np.array_equal(np.frombuffer(found, np.float32), by, equal_nan=True)


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "attribute, number",
    [(Color.RED, 3), (Point(1, 2), 3), (slice(None, np.array(3)), 3), (np.float64(3), 3),
     ((1, (2.0, None, "a", True)), 2), (float("inf"), 1), (slice(1, 3), 2)],
)
def test_an_attribute_is_what_the_user_gave(attribute, number):
    found = []

    def kernel(x, how, out=None):
        found.append(how)
        return np.multiply(x, number, out=out)

    name = f"How{type(attribute).__name__}{number}ForTest"
    op = Op(name, kernel, lambda x, how: x, params=("x",))
    x = tg.placeholder(tg.float32, [2])
    assert tg.Session().run(op(x, how=attribute), {x: [1.0, 2.0]}).tolist() == [number, 2 * number]
    assert [type(each) for each in found] == [type(attribute)]
    assert repr(found[0]) == repr(attribute)


@pytest.mark.default_passes
def test_a_kernel_without_a_hash_compiles_under_every_pass():
    class Kernel:
        __hash__ = None

        def __call__(self, x, out=None):
            return np.add(x, 1, out=out)

    pytest.importorskip("numba")
    op = tg.elementwise("NoHashForTest", Kernel(), lambda g, y, x: g)
    x = tg.placeholder(tg.float32, [2])
    sess = tg.Session(passes=PASSES | {"loops"})
    assert sess.run(op(x) * 2.0 + 1.0, {x: [1.0, 2.0]}).tolist() == [5.0, 7.0]


def test_a_kernel_that_returns_its_input_keeps_nothing_of_it():
    returned = tg.elementwise("Returned", lambda x: x, lambda g, y, x: g)
    half = tg.elementwise("Half", lambda x: x[:], lambda g, y, x: g)
    x = tg.placeholder(tg.float32, [4])
    for op in (returned, half):
        a = x * 2.0
        kept = op(a)
        fetch = kept + 0.0 * (tg.exp(a) + 1.0)
        found = tg.Session().run(fetch, {x: [1.0, 2.0, 3.0, 4.0]})
        assert found.tolist() == [2.0, 4.0, 6.0, 8.0]
