"""tg.Print, tg.Assert and tg.py_func, also within branches; what is printed is TF 1.15.5's."""

import pickle
import re
import runpy

import numpy as np
import pytest
from test_cond import after, c, runs

import tinygraph as tg
from tinygraph.compiler.functional import FunctionalSource
from tinygraph.compiler.program import Kernels
from tinygraph.compiler.lower import lower
from tinygraph.compiler.passes import PURE_PASSES
from tinygraph.errors import FailedPreconditionError, InternalError, InvalidArgumentError


@pytest.fixture
def x():
    return tg.placeholder(tg.float32, [None], name="x")


def lines(capsys):
    return capsys.readouterr().err.splitlines()


# ---------------------------------------------------------------- Print


EIGHT = np.arange(8).reshape(2, 2, 2)
FLOATS = [1.5, 0.1, 1 / 3, 1e-7, 1e7, 123456789.0, np.nan, np.inf, -np.inf]
TEXTS = {
    "scalar": ([np.float32(3.0)], {}, "[3]"),
    "several": ([3, "abc", np.array([True, False])], {"message": "m"}, "m[3][abc][1 0]"),
    "rows": ([[[1.0, 2.0], [3.5, 1e10]]], {"message": "at: "}, "at: [[1 2][3.5...]...]"),
    "more than three": ([np.arange(10)], {}, "[0 1 2...]"),
    "three": ([np.arange(3)], {}, "[0 1 2]"),
    "all": ([np.arange(5)], {"summarize": -1}, "[0 1 2 3 4]"),
    "none": ([EIGHT], {"summarize": 0}, "[...]"),
    "one": ([EIGHT], {"summarize": 1}, "[[[0...]]...]"),
    "a part": ([EIGHT], {"summarize": 5}, "[[[0 1][2 3]][[4...]]...]"),
    "whole": ([EIGHT], {"summarize": 8}, "[[[0 1][2 3]][[4 5][6 7]]]"),
    "empty": ([np.zeros((2, 0))], {}, "[]"),
    "float32": ([np.float32(FLOATS)], {"summarize": 9},
                "[1.5 0.1 0.333333343 1e-07 1e+07 123456792 nan inf -inf]"),
    "float64": ([np.float64(FLOATS[:6])], {"summarize": 9},
                "[1.5 0.1 0.33333333333333331 1e-07 10000000 123456789]"),
    "float16": ([np.float16([0.1])], {}, "[0.0999755859]"),
    "bytes": ([np.uint8([200]), np.int8([-3])], {}, "[200][-3]"),
    "plain values": ([3, "a", [1, 2]], {}, "[3][a][1 2]"),
    "nothing": ([], {"message": "here"}, "here"),
    "hostile": (['"\\n#'], {"message": "'\"{}%s"}, "'\"{}%s[\"\\n#]"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_printed(name, sess, capsys):
    data, options, text = TEXTS[name]
    assert sess.run(tg.Print(7.0, data, **options)) == 7.0
    assert lines(capsys) == [text]


def test_print_is_its_input(sess, x, capsys):
    y = tg.Print(x, [x], name="show")
    assert (y.name, y.op.type, y.dtype, y.shape.as_list()) == ("show:0", "Print", x.dtype, [None])
    (slope,) = tg.gradients(y * y, x)
    np.testing.assert_array_equal(sess.run(y * 2.0, {x: [1.0, 2.0]}), [2.0, 4.0])
    np.testing.assert_array_equal(sess.run(slope, {x: [1.0, 2.0]}), [2.0, 4.0])
    assert lines(capsys) == ["[1 2]", "[1 2]"]
    sess.run(x * 1.0, {x: [1.0]})
    assert lines(capsys) == []
    named = tg.Print([1], [2]).op.inputs
    assert [node.name for node in named] == ["Print/input:0", "Print/data_0:0"]


def test_equal_prints_all_print(sess, capsys):
    x = tg.placeholder_with_default(2.0, [])
    sess.run(tg.Print(x, [x], "same") + tg.Print(x, [x], "same"))
    assert lines(capsys) == ["same[2]", "same[2]"]


def test_first_n_counts_in_each_session_and_for_each_node(sess, capsys):
    fails = tg.placeholder_with_default(False, [])
    y, z = (tg.Print(1.0, [text], first_n=n) for text, n in (("y", 2), ("z", 1)))
    check = tg.Assert(tg.logical_not(fails), ["no"])
    with pytest.raises(InvalidArgumentError):
        sess.run([y, check], {fails: True})
    assert lines(capsys) == ["[y]"]
    before = sess.state
    for _ in range(3):
        sess.run([y, z])
    assert sorted(lines(capsys)) == ["[y]", "[y]", "[z]"]  # a run that failed does not count
    sess.state = before
    sess.run(z)
    tg.Session().run(z)
    assert lines(capsys) == ["[z]", "[z]"]


def test_a_print_without_first_n_leaves_the_state_alone(sess, capsys):
    y = tg.Print(1.0, ["y"])
    before = sess.state
    sess.run(y)
    assert lines(capsys) == ["[y]"] and sess.state == before


# ---------------------------------------------------------------- Assert


def test_assert(sess, x):
    check = tg.Assert(tg.reduce_all(x > 0.0), ["x is", x, 3], summarize=2, name="positive")
    assert (check.name, check.type, check.outputs) == ("positive", "Assert", [])
    assert sess.run(check, {x: [1.0]}) is None
    with pytest.raises(InvalidArgumentError) as caught:
        sess.run(check, {x: [1.0, -1.0, 2.0]})
    first, second, *_ = str(caught.value).splitlines()
    assert first == "assertion failed: [x is] [1 -1...] [3]"
    assert re.fullmatch(r"  in 'positive' \(op: 'Assert'\), made at .*test_effects.py:\d+", second)
    assert caught.value.op == check


def test_what_waits_for_an_assert_fails_with_it(sess, x):
    w = tg.Variable(1.0)
    sess.run(w.initializer)
    check = tg.Assert(tg.reduce_all(x > 0.0), [x])
    y = after(check, lambda: tg.log(x))
    step = after(check, lambda: w.assign_add(1.0))
    for fetch in (y, step):
        sess.run(fetch, {x: [1.0]})
        with pytest.raises(InvalidArgumentError, match=r"assertion failed: \[-1\]"):
            sess.run(fetch, {x: [-1.0]})
    assert sess.run(w) == 2.0


def test_a_condition_that_is_known_fails_in_the_run_as_in_tf(sess):
    check = tg.Assert(tg.less(2, 1), ["a", 3])
    with pytest.raises(InvalidArgumentError, match=r"assertion failed: \[a\] \[3\]"):
        sess.run(check)
    sess.run(tg.Assert(True, ["a"]))


def test_mistakes(sess, x):
    for call in (
        lambda: tg.Assert(x, ["a"]), lambda: tg.Assert(3, ["a"]), lambda: tg.Assert(True, x),
        lambda: tg.Assert(True, None), lambda: tg.Print(x, x), lambda: tg.Print(x, None),
        lambda: tg.Print(x, [x], message=3), lambda: tg.Print(x, [x], first_n="a"),
        lambda: tg.py_func(3, [x], tg.float32), lambda: tg.py_func(abs, x, tg.float32),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="at least one"):
        tg.Assert(True, [])
    with pytest.raises(ValueError, match="must be a scalar, not of shape"):
        tg.Assert([True], ["a"])
    some = tg.placeholder(tg.bool)
    with pytest.raises(InvalidArgumentError, match=r"must be a scalar, not of shape \(1,\)"):
        sess.run(tg.Assert(tg.py_func(np.copy, [some], tg.bool), ["a"]), {some: [True]})


# ---------------------------------------------------------------- py_func


def test_py_func(sess, x):
    y = tg.py_func(lambda a: a * 2, [x], tg.float32)
    assert (y.name, y.op.type, y.shape.ndims) == ("PyFunc:0", "PyFunc", None)
    np.testing.assert_array_equal(sess.run(y + 1.0, {x: [1.0, 2.0]}), [3.0, 5.0])
    assert tg.gradients(y, x) == [None]
    two = tg.py_func(lambda a: (a, np.int64(3)), [x], [tg.float32, tg.int64], stateful=False)
    assert [t.name for t in two] == ["PyFuncStateless:0", "PyFuncStateless:1"]
    assert sess.run(two, {x: [1.0]}) == [[1.0], 3]
    (one,) = tg.py_func(lambda a: a, [x], [tg.float32])
    assert sess.run(one, {x: [1.0]}) == [1.0]
    assert sess.run(tg.py_func(lambda: 3.0, [], tg.float64)) == 3.0
    assert sess.run(tg.py_func(lambda a: a.dtype.name == "int32", [3], tg.bool))


def test_py_func_without_outputs(sess, x):
    got = []
    op = tg.py_func(got.append, [x], [])
    assert isinstance(op, tg.Operation)
    assert sess.run(op, {x: [1.0]}) is None
    assert sess.run(after(op, lambda: x * 2.0), {x: [3.0]}) == 6.0
    assert [a.tolist() for a in got] == [[1.0], [3.0]]


def test_the_arrays_are_the_functions_own(sess, x):
    kept = []

    def keep(a):
        a += 1.0
        kept.append(a)
        return a

    h = x * 2.0
    y = tg.py_func(keep, [h], tg.float32)
    z = tg.py_func(lambda a: kept[-1].fill(9.0) or a, [y], tg.float32)
    first = sess.run([h, y, z], {x: [1.0, 2.0]})
    second = sess.run([h, y, z], {x: [5.0, 5.0]})
    kept[0].fill(-1.0)
    assert [a.tolist() for a in first] == [[2.0, 4.0], [3.0, 5.0], [3.0, 5.0]]
    assert [a.tolist() for a in second] == [[10.0, 10.0], [11.0, 11.0], [11.0, 11.0]]


def test_equal_calls_are_one_only_if_stateless(sess, x):
    calls = []

    def count(a):
        calls.append(a)
        return a

    for stateful, times in ((True, 2), (False, 1)):
        one, other = (tg.py_func(count, [x], tg.float32, stateful) for _ in range(2))
        calls.clear()
        sess.run([one + other], {x: [1.0]})
        assert len(calls) == times
    calls.clear()
    constant = tg.py_func(count, [1.0], tg.float32)
    sess.run(constant), sess.run(constant)
    assert len(calls) == 2


def fails(a):
    raise RuntimeError("my text")


def nested(a):
    with pytest.raises(FailedPreconditionError, match="within a run"):
        tg.get_default_session().run(tg.no_op())
    return a


BAD = {
    "dtype": (lambda a: a.astype(np.float64), "0-th value returned by .* is float64, but expects"),
    "a number": (lambda a: 3.0, "is float64, but expects float32"),
    "two": (lambda a: (a, a), "returns 2 values, but expects to see 1 values"),
    "a list": (lambda a: [3.0, 4.0], "returns 2 values"),
    "None": (lambda a: None, "returns 0 values"),
    "an object": (lambda a: object(), "is object, but expects float32"),
    "division": (lambda a: 1 / 0, "division by zero"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_a_function_may_not_return(name, sess, x):
    y = tg.py_func(BAD[name][0], [x], tg.float32, name="mine")
    with pytest.raises(InvalidArgumentError, match=BAD[name][1]) as caught:
        sess.run(y, {x: [1.0]})
    assert "in 'mine' (op: 'PyFunc'), made at" in str(caught.value)


def test_errors_of_the_function_are_the_cause(sess, x):
    with pytest.raises(InternalError, match=r"my text\n  in 'PyFunc'") as caught:
        sess.run(tg.py_func(fails, [x], tg.float32), {x: [1.0]})
    assert type(caught.value.__cause__) is RuntimeError
    with sess.as_default():
        assert sess.run(tg.py_func(nested, [x], tg.float32), {x: [1.0]}) == [1.0]


# ---------------------------------------------------------------- within branches


def acting(kind, text, x, got):
    """x, after one of the three has happened: what happens is in `got` or in what is printed."""
    if kind == "Print":
        return tg.Print(x, [text])
    if kind == "Assert":
        return after(tg.Assert(x > 0.0, [text]), lambda: tg.identity(x))
    return tg.py_func(lambda a: got.append(text) or a, [x], tg.float32)


def happened(kind, capsys, got, run):
    try:
        run()
    except InvalidArgumentError as error:
        got += re.findall(r"assertion failed: \[(\w+)\]", str(error))
    if kind == "Print":
        got += [line.strip("[]") for line in lines(capsys)]
    found = sorted(got)
    got.clear()
    return found


@pytest.mark.parametrize("kind", ["Print", "Assert", "py_func"])
def test_effects_happen_in_the_branch_that_is_taken(kind, p, sess, capsys):
    x, got = tg.placeholder(tg.float32, []), []
    q = tg.placeholder(tg.bool, [])

    def act(text):
        return acting(kind, text, x, got)

    y = tg.cond(p, lambda: tg.cond(q, lambda: act("deep"), lambda: act("other")), lambda: act("no"))
    outside = act("outside")
    z = tg.cond(p, lambda: outside, lambda: x * 2.0)
    for at, text in (((True, True), "deep"), ((True, False), "other"), ((False, True), "no")):
        feeds = {x: -1.0, **dict(zip((p, q), at, strict=True))}
        assert happened(kind, capsys, got, lambda f=feeds: sess.run(y, f)) == [text]
        assert happened(kind, capsys, got, lambda f=feeds: sess.run(z, f)) == ["outside"]


def test_an_operation_of_a_branch(p, sess):
    x, got = tg.placeholder(tg.float32, []), []
    check = tg.cond(p, lambda: tg.Assert(x > 0.0, [x]), tg.no_op)
    call = tg.cond(p, lambda: tg.py_func(got.append, [x], []), tg.no_op)
    runs([check, call], p, "F", {x: -1.0}, sess)
    runs(call, p, "T", {x: 2.0}, sess)
    with pytest.raises(InvalidArgumentError, match=r"assertion failed: \[-1\]"):
        runs(check, p, "T", {x: -1.0}, sess)
    assert got == [2.0]


def test_first_n_within_a_branch(p, sess, capsys):
    y = tg.cond(p, lambda: tg.Print(1.0, ["taken"], first_n=2), lambda: c(0.0))
    runs(y, p, "FTFTTT", sess=sess)
    assert lines(capsys) == ["[taken]", "[taken]"]


# ---------------------------------------------------------------- the forms of a program


def three(x):
    check = tg.Assert(tg.reduce_all(x > 0.0), [x])
    shown = tg.Print(x, [x], first_n=1)
    return after(check, lambda: shown * 2.0)


def test_evaluate_and_the_functional_source(p, capsys):
    x = tg.placeholder(tg.float32, [2])
    called = tg.py_func(lambda a: a + 1.0, [x], tg.float32)
    y = tg.cond(p, lambda: three(called), lambda: x)
    feeds = {node: node.spec for node in (p, x)}
    program = lower([y], [], feeds, PURE_PASSES)

    def interpreted(variables, positions, feeds):
        rule = Kernels(variables, positions)
        return *program.evaluate(feeds, rule), rule.moved

    for run in (interpreted, lambda *args: FunctionalSource(program).step(*args[:2], *args[2])):
        good, bad = np.float32([0.0, 1.0]), np.float32([-9.0, 1.0])
        (value,), _, moved = run({}, {}, [np.array(True), good])
        np.testing.assert_array_equal(value, [2.0, 4.0])
        assert list(moved.values()) == [1] and lines(capsys) == ["[1 2]"]
        run({}, moved, [np.array(True), good])
        run({}, {}, [np.array(False), good])
        assert lines(capsys) == []
        with pytest.raises(InvalidArgumentError, match="assertion failed"):
            run({}, {}, [np.array(True), bad])


def test_an_exported_module_prints_and_checks(sess, tmp_path, capsys):
    x = tg.placeholder(tg.float32, [2], name="x")
    sess.export(three(x), [x], tmp_path / "model.py")
    run = runpy.run_path(tmp_path / "model.py")["run"]
    for _ in range(2):
        np.testing.assert_array_equal(run([1.0, 2.0]), [2.0, 4.0])
    assert lines(capsys) == ["[1 2]"]
    with pytest.raises(ValueError, match=r"assertion failed: \[1 -2\]"):
        run([1.0, -2.0])
    called = tg.py_func(np.copy, [x], tg.float32)
    with pytest.raises(InvalidArgumentError, match="func of PyFunc is a Python function"):
        sess.export(called, [x], tmp_path / "other.py")


def test_profile_pictures_and_pickles(sess, x, capsys):
    y = tg.py_func(np.copy, [three(x)], tg.float32, name="copied")
    assert "copied" in str(sess.profile(y, {x: [1.0]}))
    assert "copied" in tg.viz.to_dot(tg.get_default_graph()).source
    again = pickle.loads(pickle.dumps(tg.get_default_graph()))
    assert tg.Session(graph=again).run("copied:0", {"x:0": [1.0]}) == [2.0]
    assert lines(capsys)[-1] == "[1]"


def test_gradients_are_checked_through_a_print_and_stop_at_a_function(capsys):
    def model(x):
        factor = tg.py_func(lambda a: np.float32(a), [x], tg.float32, stateful=False)
        return tg.cast(factor, x.dtype) * tg.Print(x * x, ["x"], first_n=0)

    tg.testing.check_grads(model, [np.array([1.0, 2.0])])


def test_a_composite_keeps_no_count(sess, x):
    shown = tg.composite("ShownComposite", lambda x: tg.Print(x, ["a"]), lambda g, y, x: g)
    with pytest.raises(InvalidArgumentError, match="ShownComposite draws random numbers or prints"):
        sess.run(shown(x), {x: [1.0]})
