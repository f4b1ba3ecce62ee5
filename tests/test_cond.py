"""tg.cond, tg.case, tg.switch_case: results, mistakes and names, which are TF 1.15.5's."""

import collections
import types

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.errors import InvalidArgumentError, TinygraphError
from tinygraph.op import Op
from tinygraph.spec import UNKNOWN, Spec

Point = collections.namedtuple("Point", "x y")
c = tg.constant


def initialised():
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    return sess


def runs(fetches, p, which, feeds=None, sess=None):
    """What these fetches are in one run after another; `which` is a word of T and F."""
    sess = sess or initialised()
    return [sess.run(fetches, {p: letter == "T", **(feeds or {})}) for letter in which]


def plain(value):
    """Arrays and NumPy scalars as Python's own, which compare by value."""
    if isinstance(value, dict):
        return type(value)((key, plain(item)) for key, item in value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(plain, value))
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def after(first, make):
    with tg.control_dependencies([first]):
        return make()


seen = []  # by `note`, an op with an effect as a user may make it
note = Op(
    "NoteOfCond", seen.append, lambda x: Spec(UNKNOWN, tg.float32), (None,), ("x",),
    role="effect", doc="Keeps what it gets in a list.",
)


# ---------------------------------------------------------------- what comes out

STRUCTURES = {
    "tensor": (lambda a: a, 1.0, 2.0),
    "list": (lambda a: [a, a * 10.0], [1.0, 10.0], [2.0, 20.0]),
    "tuple": (lambda a: (a, c(7)), (1.0, 7), (2.0, 7)),
    "dict": (lambda a: {"b": a, "a": a * 10.0}, {"b": 1.0, "a": 10.0}, {"b": 2.0, "a": 20.0}),
    "namedtuple": (lambda a: Point(a, -a), Point(1.0, -1.0), Point(2.0, -2.0)),
    "nested": (
        lambda a: [a, {"k": (a, [a * 3.0])}], [1.0, {"k": (1.0, [3.0])}], [2.0, {"k": (2.0, [6.0])}]
    ),
    "list of one": (lambda a: [a], 1.0, 2.0),
    "tuple of one": (lambda a: (a,), 1.0, 2.0),
    "list of a list of one": (lambda a: [[a]], 1.0, 2.0),
    "dict of one": (lambda a: {"a": a}, {"a": 1.0}, {"a": 2.0}),
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", STRUCTURES)
def test_results_have_the_structure_of_the_branches(name, p):
    make, true, false = STRUCTURES[name]
    result = tg.cond(p, lambda: make(c(1.0)), lambda: make(c(2.0)))
    assert [plain(value) for value in runs(result, p, "TF")] == [true, false]


@pytest.mark.parametrize("make", [lambda a: [a], lambda a: (a,), lambda a: [[a]]])
def test_strict_keeps_lists_of_one(make, p):
    result = tg.cond(p, lambda: make(c(1.0)), lambda: make(c(2.0)), strict=True)
    assert [plain(value) for value in runs(result, p, "TF")] == [make(1.0), make(2.0)]


def test_a_list_of_one_and_a_tensor_agree_unless_strict(p):
    branches = (lambda: [c(1.0)]), (lambda: c(2.0))
    assert runs(tg.cond(p, *branches), p, "TF") == [1.0, 2.0]
    assert runs(tg.cond(p, lambda: (c(1.0),), branches[0]), p, "T") == [1.0]
    with pytest.raises(ValueError):
        tg.cond(p, *branches, strict=True)


def test_keys_of_dicts_may_stand_in_any_order(p):
    result = tg.cond(
        p, lambda: {"b": c(1.0), "a": c(2)}, lambda: {"a": c(4), "b": c(3.0)}
    )
    assert list(result) == ["b", "a"] and result["a"].dtype == tg.int32
    mixed = tg.cond(p, lambda: {"b": 1.0, 3: 2.0}, lambda: {3: 4.0, "b": 3.0})
    assert runs(mixed, p, "TF") == [{"b": 1.0, 3: 2.0}, {"b": 3.0, 3: 4.0}]
    assert [plain(value) for value in runs(result, p, "TF")] == [
        {"b": 1.0, "a": 2}, {"b": 3.0, "a": 4}
    ]
    ordered = collections.OrderedDict([("b", c(1.0)), ("a", c(2.0))])
    again = tg.cond(p, lambda: ordered, lambda: ordered)
    assert isinstance(again, collections.OrderedDict) and list(again) == ["b", "a"]
    lists = collections.defaultdict(list, {"b": c(1.0), "a": c(2.0)})
    assert tg.cond(c(True), lambda: lists, lambda: lists).default_factory is list


@pytest.mark.parametrize("value, dtype", [
    (1.0, tg.float32), (1, tg.int32), (True, tg.bool), (np.float64(1), tg.float64),
    (np.ones(3), tg.float64), (np.ones((2, 1), np.float16), tg.float16),
])
def test_numbers_and_arrays_become_tensors(value, dtype, p):
    result = tg.cond(p, lambda: value, lambda: value)
    assert result.dtype == dtype and result.shape == np.shape(value)
    np.testing.assert_array_equal(runs(result, p, "T")[0], value)


def test_a_variable_comes_out_as_a_tensor(p):
    v, w = tg.Variable([1.0, 2.0]), tg.Variable([3.0, 4.0])
    result = tg.cond(p, lambda: v, lambda: w)
    assert not isinstance(result, tg.Variable) and result.shape == [2]
    assert plain(runs(result, p, "TF")) == [[1.0, 2.0], [3.0, 4.0]]
    assert plain(runs(tg.cond(p, lambda: v, lambda: v + 1.0), p, "TF")) == [[1, 2], [2, 3]]


def test_operations_come_out_as_whether_the_first_branch_ran(p):
    v = tg.Variable(0.0)
    result = tg.cond(p, lambda: tg.group(v.assign_add(1.0)), tg.no_op)
    assert isinstance(result, tg.Tensor) and result.dtype == tg.bool and result.shape == []
    sess = initialised()
    assert runs(result, p, "FTF", sess=sess) == [False, True, False] and sess.run(v) == 1.0
    mixed = tg.cond(p, lambda: [tg.no_op(), c(1.0)], lambda: [False, c(2.0)])
    assert plain(runs(mixed, p, "TF")) == [[True, 1.0], [False, 2.0]]


SHAPES = [
    ([2], [3], [None]),
    ([1, 2], [1, 3], [1, None]),
    ([None, 3], [1, 3], [None, 3]),
    ([2, 3], [2, 3], [2, 3]),
    ([1, 2], [2], None),
    ([], [1], None),
    (None, [1, 2], None),
]


@pytest.mark.parametrize("one, other, merged", SHAPES)
def test_shapes_merge(one, other, merged, p):
    x, y = tg.placeholder(tg.float32, one), tg.placeholder(tg.float32, other)
    result = tg.cond(p, lambda: x, lambda: y * 2.0)
    if merged is None:
        assert result.shape.ndims is None
    else:
        assert result.shape.as_list() == merged
    sizes = [[5] if shape is None else [n or 4 for n in shape] for shape in (one, other)]
    arrays = [np.ones(size, np.float32) for size in sizes]
    feeds = dict(zip((x, y), arrays, strict=True))
    found = runs([result, tg.shape(result), result + 1.0], p, "TF", feeds)
    for (value, shape, more), array, factor in zip(found, arrays, (1, 2), strict=True):
        np.testing.assert_array_equal(value, array * factor)
        assert shape.tolist() == list(array.shape)
        np.testing.assert_array_equal(more, array * factor + 1.0)


def test_a_batch_of_any_size(p):
    x = tg.placeholder(tg.float32, [None, 2])
    w = tg.Variable([[1.0], [2.0]])
    y = tg.cond(p, lambda: x @ w, lambda: tg.reduce_sum(x, 1, keepdims=True))
    assert y.shape.as_list() == [None, 1]
    (g,) = tg.gradients(y, x)
    sess = initialised()
    for n in (3, 1, 0, 4):
        feeds = {x: np.ones((n, 2))}
        assert plain(runs([y, g], p, "TF", feeds, sess)) == [
            [[[3.0]] * n, [[1.0, 2.0]] * n], [[[2.0]] * n, [[1.0, 1.0]] * n]
        ]


# ---------------------------------------------------------------- errors while building

one, two = (lambda: c(1.0)), (lambda: c(2.0))
MISTAKES = {
    "a Python bool": (lambda p: tg.cond(True, one, two), "must not be a Python bool"),
    "no pred": (lambda p: tg.cond(None, one, two), "None|pred"),
    "an int": (lambda p: tg.cond(c(1), one, two), "bool"),
    "a number": (lambda p: tg.cond(1.0, one, two), "bool"),
    "a vector": (lambda p: tg.cond(c([True]), one, two), "pred.*scalar|rank 0"),
    "of some size": (lambda p: tg.cond(tg.placeholder(tg.bool, [None]), one, two), "pred|rank 0"),
    "no functions": (lambda p: tg.cond(p), "true_fn argument required"),
    "one function": (lambda p: tg.cond(p, one), "false_fn argument required"),
    "a tensor": (lambda p: tg.cond(p, c(1.0), two), "true_fn must be callable"),
    "a number as false_fn": (lambda p: tg.cond(p, one, 3), "false_fn must be callable"),
    "twice": (lambda p: tg.cond(p, one, two, fn1=one), "true_fn and fn1"),
    "twice false": (lambda p: tg.cond(p, one, two, fn2=one), "false_fn and fn2"),
    "None": (lambda p: tg.cond(p, lambda: None, two), r"true_fn \(.*\) must have a return value"),
    "None in false": (lambda p: tg.cond(p, one, lambda: None), r"false_fn \(.*\) must have"),
    "nothing": (lambda p: tg.cond(p, list, list), "at least one result"),
    "None within": (lambda p: tg.cond(p, lambda: [c(1.0), None], lambda: [c(1.0), None]),
                    r"true_fn \(.*py:\d+\) returns None as result\[1\]$"),
    "a function": (lambda p: tg.cond(p, lambda: one, lambda: two),
                   r"function.*, as result of true_fn \(.*py:\d+\)$"),
    "dtypes": (lambda p: tg.cond(p, lambda: [one(), c(1)], lambda: [one(), two()]),
               r"Outputs of true_fn \(.*py:\d+\) and false_fn \(.*py:\d+\) must have the same "
               r"type: result\[1\] is int32 \(.*\) and float32"),
    "an old name": (lambda p: tg.cond(p, fn1=one, fn2=3), "^fn2 must be callable, not 3"),
    "lengths": (lambda p: tg.cond(p, lambda: [c(1.0), c(2.0)], lambda: [c(1.0)]), "structure"),
    "a list and a tuple": (
        lambda p: tg.cond(p, lambda: [c(1.0), c(2.0)], lambda: (c(1.0), c(2.0))), "structure"
    ),
    "a namedtuple": (
        lambda p: tg.cond(p, lambda: Point(c(1.0), c(2.0)), lambda: (c(1.0), c(2.0))), "structure"
    ),
    "keys": (lambda p: tg.cond(p, lambda: {"a": c(1.0)}, lambda: {"b": c(1.0)}), "structure"),
    "nesting": (
        lambda p: tg.cond(p, lambda: [one(), [one(), two()]], lambda: [[one(), two()], one()]),
        "structure",
    ),
    "a key": (
        lambda p: tg.cond(p, lambda: [one(), {"a" * 99: two(), "b": one()}],
                          lambda: [one(), {"a" * 99: two()}]),
        r"result\[1\] has the key 'b' only in true_fn \(.*test_cond.py:\d+\)$",
    ),
    "keys within": (
        lambda p: tg.cond(p, lambda: {"k": {"a": one()}}, lambda: {"k": {"b": one(), 3: one()}}),
        r"result\['k'\] has the key 'a' only in true_fn .*, the key 3 only in false_fn .*, the "
        "key 'b' only in false_fn",
    ),
    "a list and a tensor": (
        lambda p: tg.cond(p, lambda: {"k": one()}, lambda: {"k": [one(), two()]}),
        r"result\['k'\] is <tg.Tensor .* in true_fn \(.*\), a list of 2 in false_fn",
    ),
    "dtypes of numbers": (lambda p: tg.cond(p, lambda: 1.0, lambda: 1), "float32.*int32"),
    "an operation": (lambda p: tg.cond(p, tg.no_op, one), "bool.*float32"),
    "a name": (lambda p: tg.cond(p, one, two, name="not a name"), "not a name"),
    "a number as a name": (lambda p: tg.cond(p, one, two, name=3), "name"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name, p):
    wrong, message = MISTAKES[name]
    with pytest.raises(TinygraphError, match=f"(?s){message}") as found:
        wrong(p)
    assert isinstance(found.value, TypeError | ValueError)
    tg.cond(p, one, two)
    assert c(1.0, name="after").name == "after:0"  # no scope is left open


def test_a_function_that_fails_or_wants_arguments(p):
    before = list(tg.get_default_graph().nodes)

    def fails():
        c(1.0)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        tg.cond(p, one, fails)
    with pytest.raises(TypeError, match="argument"):
        tg.cond(p, lambda x: x, two)
    assert c(1.0, name="after").name == "after:0"
    assert runs(tg.cond(p, one, two), p, "TF") == [1.0, 2.0]
    assert before == tg.get_default_graph().nodes[: len(before)]


def test_the_functions_are_called_once_each_and_in_order(p):
    calls = []
    tg.cond(p, lambda: calls.append("true") or 1.0, lambda: calls.append("false") or 2.0)
    tg.cond(c(True), lambda: calls.append("true") or 1.0, lambda: calls.append("false") or 2.0)
    assert calls == ["true", "false"] * 2


def test_the_old_names_of_the_functions(p):
    assert runs(tg.cond(p, fn1=one, fn2=two), p, "TF") == [1.0, 2.0]


# ---------------------------------------------------------------- predicates


@pytest.mark.parametrize("pred", [
    np.bool_(True), np.array(False), lambda: c(True), lambda: tg.Variable(False),
    lambda: tg.placeholder_with_default(True, []), lambda: c(2.0) > 3.0,
    lambda: tg.logical_not(tg.less(tg.Variable(1.0), 2.0)),
])
def test_predicates_of_all_kinds(pred):
    pred = pred() if isinstance(pred, types.FunctionType) else pred
    result = tg.cond(pred, one, two)
    sess = initialised()
    truth = sess.run(pred) if isinstance(pred, tg.Tensor) else pred
    assert sess.run(result) == (1.0 if truth else 2.0)


def test_a_constant_predicate_may_be_fed(sess):
    pred = c(True)
    result = tg.cond(pred, lambda: c(1.0) + 1.0, lambda: c(3.0))
    assert sess.run(result) == 2.0
    assert sess.run(result, {pred: False}) == 3.0
    assert sess.run(result, {pred: True}) == 2.0


def test_a_predicate_of_unknown_rank(sess):
    pred = tg.placeholder(tg.bool)
    result = tg.cond(pred, one, two)
    assert sess.run(result, {pred: True}) == 1.0 and sess.run(result, {pred: False}) == 2.0
    for wrong in ([True], [[True]], [True, False], []):
        with pytest.raises(ValueError, match=r"(?i)scalar|shape"):
            sess.run(result, {pred: np.array(wrong, bool)})


def test_a_predicate_that_is_computed(sess):
    x = tg.placeholder(tg.float32, [None])
    y = tg.cond(tg.reduce_sum(x) > 1.0, lambda: x / tg.reduce_sum(x), lambda: x)
    assert plain(sess.run(y, {x: [1.0, 3.0]})) == [0.25, 0.75]
    assert plain(sess.run(y, {x: [0.25, 0.5]})) == [0.25, 0.5]


def test_a_predicate_that_a_branch_uses_too(p):
    result = tg.cond(p, lambda: tg.logical_not(p), lambda: p)
    assert runs(result, p, "TF") == [False, False]


# ---------------------------------------------------------------- names


def test_names_are_tfs(p):
    x = tg.placeholder(tg.float32, [], name="x")
    names = []

    def branch():
        y = tg.add(x, 1.0, name="y")
        names.append((y.name, (x * 2.0).name, tg.get_default_graph().get_name_scope()))
        return y

    def inner():
        return tg.cond(p, branch, branch)

    results = [inner(), inner(), tg.cond(p, branch, branch, name="pick")]
    with tg.name_scope("s"):
        results.append(inner())
    results += [tg.cond(p, branch, branch, name="pick"), tg.cond(p, inner, inner)]
    scopes = ["cond", "cond_1", "pick", "s/cond", "pick_1", "cond_2"]
    assert [y.name for y in results] == [f"{scope}/Merge:0" for scope in scopes]
    inside = [*scopes[:-1], "cond_2/cond", "cond_2/cond_1"]
    assert names == [
        (f"{scope}/y{n}:0", f"{scope}/mul{n}:0", scope) for scope in inside for n in ("", "_1")
    ]


def test_scopes_within_branches(p):
    names = []

    def named(scope):
        def branch():
            with scope:
                y = c(1.0, name="y")
            names.append(y.name)
            return y

        return branch

    tg.cond(p, named(tg.name_scope("in")), named(tg.name_scope(None)))
    tg.cond(p, named(tg.variable_scope("vs")), named(tg.variable_scope("vs")))
    assert names == ["cond/in/y:0", "y:0", "cond_1/vs/y:0", "cond_1/vs_1/y:0"]


def test_names_of_several_results(p):
    results = tg.cond(p, lambda: [c(1.0), c(2), c(True)], lambda: [c(1.0), c(2), c(False)])
    assert len({y.name for y in results}) == 3
    graph = tg.get_default_graph()
    assert [graph.get_tensor_by_name(y.name) for y in results] == results
    assert tg.Session().run([y.name for y in results], {p: True}) == [1.0, 2, True]


# ---------------------------------------------------------------- variables made in a branch


def collected(key=tg.GraphKeys.GLOBAL_VARIABLES):
    return [v.name for v in tg.get_collection(key)]


@pytest.mark.parametrize("initializer", [
    None, tg.zeros_initializer(), tg.random_normal_initializer(seed=1), "outer",
])
def test_get_variable_in_a_branch(initializer, p):
    outer = c([3.0, 4.0], name="outer")

    def branch():
        if initializer == "outer":
            return tg.get_variable("w", initializer=outer) * 2.0
        return tg.get_variable("w", [2], initializer=initializer) * 2.0

    result = tg.cond(p, branch, lambda: c([0.0, 0.0]))
    assert collected() == ["w:0"] == collected(tg.GraphKeys.TRAINABLE_VARIABLES)
    (w,) = tg.global_variables()
    assert w.initializer.name == "w/Assign" and w.graph is tg.get_default_graph()
    sess = initialised()
    found = runs([result, w], p, "FT", sess=sess)
    np.testing.assert_array_equal(found[0][0], [0.0, 0.0])
    np.testing.assert_array_equal(found[1][0], 2.0 * found[0][1])


def test_branches_share_a_variable(p):
    def branch(reuse):
        with tg.variable_scope("dense", reuse=reuse):
            return tg.get_variable("w", [2], initializer=tg.ones_initializer())

    result = tg.cond(p, lambda: branch(False), lambda: branch(True) * 2.0)
    assert collected() == ["dense/w:0"]
    assert plain(runs(result, p, "TF")) == [[1.0, 1.0], [2.0, 2.0]]


@pytest.mark.parametrize("make, name, initial_value", [
    (lambda x: tg.Variable(lambda: c([1.0, 2.0])), "cond/Variable", "Initializer/Const"),
    (lambda x: tg.Variable([1.0, 2.0]), "cond/Variable", "initial_value"),
    (lambda x: tg.Variable(x), "cond/Variable", None),
    (lambda x: tg.Variable(lambda: x * 1.0, name="v"), "cond/v", "Initializer/mul"),
])
def test_a_variable_made_in_a_branch(make, name, initial_value, p):
    x = c([1.0, 2.0], name="x")
    made = []

    def branch():
        made.append(make(x))
        return made[0] * 2.0

    result = tg.cond(p, branch, lambda: c([0.0, 0.0]))
    assert (made[0].name, made[0].initializer.name) == (f"{name}:0", f"{name}/Assign")
    value = f"{name}/{initial_value}" if initial_value else "x"
    assert made[0].initial_value.name == f"{value}:0"
    outside = made[0] + 1.0
    sess = initialised()
    assert plain(runs([result, made[0], outside], p, "FT", sess=sess)) == [
        [[0.0, 0.0], [1.0, 2.0], [2.0, 3.0]], [[2.0, 4.0], [1.0, 2.0], [2.0, 3.0]]
    ]


def test_variables_are_lifted_out_of_nested_branches(p):
    def leaf():
        return tg.Variable([1.0], name="u") * 2.0

    def inner():
        return tg.cond(p, leaf, leaf)

    with tg.variable_scope("vs"):
        result = tg.cond(p, inner, inner)
    assert collected() == [
        "vs/cond/cond/u:0", "vs/cond/cond/u_1:0", "vs/cond/cond_1/u:0", "vs/cond/cond_1/u_1:0"
    ]
    assert plain(runs(result, p, "TF")) == [[2.0], [2.0]]


@pytest.mark.parametrize("make", [
    lambda: tg.Variable(c([1.0, 2.0])),
    lambda: tg.Variable(tg.random_normal([2], seed=1)),
    lambda: tg.get_variable("w", initializer=c([1.0, 2.0])),
])
def test_an_initial_value_from_inside_a_branch(make, p):
    with pytest.raises(ValueError, match=r"(?s)inside a control-flow construct.*lambda"):
        tg.cond(p, lambda: make() * 1.0, lambda: c([0.0, 0.0]))


def test_training_a_variable_made_in_a_branch(p):
    x = c([[1.0, 2.0]])

    def branch():
        return x @ tg.get_variable("w", [2, 1], initializer=tg.ones_initializer())

    loss = tg.reduce_sum(tg.cond(p, branch, lambda: c([[0.0]])))
    train = tg.train.GradientDescentOptimizer(0.1).minimize(loss)
    sess = initialised()
    (w,) = tg.trainable_variables()
    runs(train, p, "F", sess=sess)
    assert plain(sess.run(w)) == [[1.0], [1.0]]
    runs(train, p, "T", sess=sess)
    np.testing.assert_allclose(sess.run(w), [[0.9], [0.8]], rtol=1e-6)


# ---------------------------------------------------------------- case


def flags(*names):
    return [tg.placeholder(tg.bool, [], name=name) for name in names]


def chosen(result, preds, letters, sess=None):
    feeds = {pred: letter == "T" for pred, letter in zip(preds, letters, strict=True)}
    return (sess or initialised()).run(result, feeds)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("default", [False, True])
def test_case_takes_the_first_that_is_true(default, exclusive):
    preds = flags("a", "b", "d")
    calls = []

    def branch(number):
        return lambda: calls.append(number) or c(number)

    pairs = [(pred, branch(float(i + 1))) for i, pred in enumerate(preds)]
    result = tg.case(pairs, branch(9.0) if default else None, exclusive=exclusive)
    assert calls == [1.0, 2.0, 3.0, 9.0][: 4 if default else 3]
    for letters in ("TFF", "FTF", "FFT"):
        assert chosen(result, preds, letters) == letters.index("T") + 1.0
    for letters in ("TTF", "FTT", "TTT"):
        if exclusive:
            with pytest.raises(InvalidArgumentError, match=r"exclusive=True.* as True"):
                chosen(result, preds, letters)
        else:
            assert chosen(result, preds, letters) == letters.index("T") + 1.0
    if default:
        assert chosen(result, preds, "FFF") == 9.0
    else:
        with pytest.raises(InvalidArgumentError, match="None of conditions evaluated as True"):
            chosen(result, preds, "FFF")


def test_names_in_case():
    names = []

    def branch():
        names.append(c(1.0, name="k").name)
        return c(1.0)

    a, b = flags("a", "b")
    results = [tg.case([(a, branch), (b, branch)], branch), tg.case([(a, branch)], branch)]
    results.append(tg.case([(a, branch)], branch, name="pick"))
    assert [y.name for y in results] == [
        "case/cond/Merge:0", "case_1/cond/Merge:0", "pick/cond/Merge:0"
    ]
    assert names == [
        "case/cond/k:0", "case/cond/cond/k:0", "case/cond/cond/k_1:0",
        "case_1/cond/k:0", "case_1/cond/k_1:0", "pick/cond/k:0", "pick/cond/k_1:0",
    ]


def test_pairs_of_case_as_dicts_and_tuples(sess):
    z, b = flags("z", "b")
    branch = {z: one, b: two}
    three = lambda: c(3.0)  # noqa: E731
    both = {z: True, b: True}
    assert sess.run(tg.case(branch, three), both) == 2.0  # sorted by the names of the predicates
    ordered = collections.OrderedDict(branch)
    assert sess.run(tg.case(ordered, three), both) == 1.0
    assert sess.run(tg.case(tuple(branch.items()), three), both) == 1.0
    assert sess.run(tg.case([(z, lambda: [c(1.0)])], lambda: [c(2.0)]), both) == 1.0
    assert sess.run(tg.case([(z, lambda: [c(1.0)])], lambda: [c(2.0)], strict=True), both) == [1.0]


def test_one_pair_without_a_default(sess):
    (a,) = flags("a")
    result = tg.case([(a, one)])
    assert sess.run(result, {a: True}) == 1.0
    with pytest.raises(InvalidArgumentError, match="None of conditions evaluated as True"):
        sess.run(result, {a: False})


def test_updates_and_gradients_in_case():
    a, b = flags("a", "b")
    v = tg.Variable(0.0)
    x = tg.placeholder_with_default(2.0, [])
    updated = tg.case(
        [(a, lambda: v.assign_add(1.0)), (b, lambda: v.assign_add(10.0))],
        lambda: v.assign_add(100.0),
    )
    sess = initialised()
    found = [chosen(updated, (a, b), letters, sess) for letters in ("FF", "TF", "FT", "TT")]
    assert found == [100.0, 101.0, 111.0, 112.0]
    y = tg.case([(a, lambda: x * x), (b, lambda: x**3.0)], lambda: -x)
    (g,) = tg.gradients(y, x)
    assert [chosen(g, (a, b), letters) for letters in ("TF", "FT", "FF")] == [4.0, 12.0, -1.0]


@pytest.mark.parametrize("wrong, message", [
    (lambda a: tg.case(3, two), "list, tuple, or dict"),
    (lambda a: tg.case(iter([(a, one)]), two), "list, tuple, or dict"),
    (lambda a: tg.case([a], two), "2-tuple"),
    (lambda a: tg.case([(a, one, two)], two), "2-tuple"),
    (lambda a: tg.case([(True, one)], two), "pred must be a Tensor"),
    (lambda a: tg.case([(np.bool_(True), one)], two), "pred must be a Tensor"),
    (lambda a: tg.case([(c(1), one)], two), "type bool"),
    (lambda a: tg.case([(a, c(1.0))], two), "fn for pred a:0 must be callable"),
    (lambda a: tg.case([(a, one)], c(1.0)), "^default must be callable, not <tg.Tensor"),
    (lambda a: tg.case([(a, one), (~a, lambda: [one(), one()])], two),
     r"result is a list of 2 in fn for pred LogicalNot:0 \(.*py:\d+\), .*in default \(.*py:\d+\)$"),
    (lambda a: tg.case([(a, lambda: c(1)), (~a, one)], two),
     r"Outputs of fn for pred a:0 \(.*\) and fn for pred LogicalNot:0 \(.*int32.*float32"),
    (lambda a: tg.case([(a, one), (~a, lambda: [c(1.0), None])]),
     r"fn for pred LogicalNot:0 \(.*py:\d+\) returns None as result\[1\]$"),
    (lambda a: tg.case([], two), "pair"),
    (lambda a: tg.case([(a, one)], lambda: c(1)),
     r"Outputs of fn for pred a:0 \(.*py:\d+\) and default \(.*py:\d+\) .*float32.*int32"),
    (lambda a: tg.case([(a, one)], lambda: None), r"^default \(.*\) must have a return value"),
    (lambda a: tg.case([(tg.placeholder(tg.bool, [1]), one)], two), "scalar|rank 0"),
])
def test_mistakes_in_case(wrong, message):
    (a,) = flags("a")
    with pytest.raises(TinygraphError, match=f"(?s){message}"):
        wrong(a)


# ---------------------------------------------------------------- switch_case


@pytest.mark.parametrize("form", ["list", "tuple", "dict", "pairs"])
def test_forms_of_switch_case(form, sess):
    index = tg.placeholder(tg.int32, [])
    functions = [lambda number=number: c(number) for number in (0.0, 1.0, 2.0)]
    branches = {
        "list": functions, "tuple": tuple(functions), "dict": dict(enumerate(functions)),
        "pairs": [*enumerate(functions)][::-1],
    }[form]
    results = [tg.switch_case(index, branches), tg.switch_case(index, branches, lambda: c(9.0))]
    found = [sess.run(results, {index: i}) for i in (0, 1, 2, 3, -1, -2, 100)]
    assert found == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]] + [[2.0, 9.0]] * 4  # TF's


def test_results_and_shapes_of_switch_case(sess):
    index = tg.placeholder(tg.int32, [])
    result = tg.switch_case(index, [lambda: [c([1.0])], lambda: [c([1.0, 2.0])]])
    assert isinstance(result, list) and result[0].shape.as_list() == [None]
    assert plain(sess.run(result, {index: 1})) == [[1.0, 2.0]]
    result = tg.switch_case(index, [lambda: {"a": 1.0, "b": 2}, lambda: {"a": 3.0, "b": 4}])
    assert plain(sess.run(result, {index: 0})) == {"a": 1.0, "b": 2}
    assert tg.switch_case(index, [one, two], name="pick").name.startswith("pick/")
    assert tg.switch_case(index, [one]).name.startswith("switch_case")
    assert sess.run(tg.switch_case(index, [one]), {index: 7}) == 1.0


def test_gradients_of_switch_case():
    x, index = tg.placeholder(tg.float32, []), tg.placeholder(tg.int32, [])
    v = tg.Variable(1.0)
    y = tg.switch_case(index, [lambda: x * x * v, lambda: x * x * x, lambda: c(2.0)])
    first = tg.gradients(y, [x, v])
    (second,) = tg.gradients(first[0], x)
    assert tg.gradients(y, index) == [None]
    sess = initialised()
    found = [sess.run([y, *first, second], {index: i, x: 3.0}) for i in (0, 1, 2, -1)]
    assert found == [[9, 6, 9, 2], [27, 27, 0, 18], [2, 0, 0, 0], [2, 0, 0, 0]]  # TF's


def test_updates_and_variables_in_switch_case():
    index = tg.placeholder(tg.int32, [])
    v = tg.Variable(0.0)
    result = tg.switch_case(index, [
        lambda: v.assign_add(1.0), lambda: v.assign(10.0),
        lambda: tg.get_variable("w", initializer=lambda: c(5.0)) * 1.0,
    ])
    assert collected()[1:] == ["w:0"]
    sess = initialised()
    assert [sess.run(result, {index: i}) for i in (0, 0, 1, 0, 2)] == [1.0, 2.0, 10.0, 11.0, 5.0]
    assert sess.run(v) == 11.0


@pytest.mark.parametrize("wrong, message", [
    (lambda i: tg.switch_case(0, [one, two]), "branch_index must.* a Tensor"),
    (lambda i: tg.switch_case(c(0.0), [one]), "int"),
    (lambda i: tg.switch_case(c(True), [one]), "int"),
    (lambda i: tg.switch_case(c([0]), [one, two]), "scalar|rank 0"),
    (lambda i: tg.switch_case(i, []), "at least one item in branch_fns"),
    (lambda i: tg.switch_case(i, {}), "at least one item in branch_fns"),
    (lambda i: tg.switch_case(i, 3), "branch_fns must be a list, tuple, or dict"),
    (lambda i: tg.switch_case(i, [3]), "2-tuple"),
    (lambda i: tg.switch_case(i, [one, (1, two)]), "2-tuple"),
    (lambda i: tg.switch_case(i, {"a": one}), "int"),
    (lambda i: tg.switch_case(i, {0.0: one}), "int"),
    (lambda i: tg.switch_case(i, {0: 3}), "fn for key 0 must be callable"),
    (lambda i: tg.switch_case(i, [(1, one), (2, two)]), r"contiguous range .*\{1, ?2\}"),
    (lambda i: tg.switch_case(i, [(0, one), (0, two)]), r"contiguous range .*\{0, ?0\}"),
    (lambda i: tg.switch_case(i, [one], c(2.0)), "^default must be callable"),
    (lambda i: tg.switch_case(i, [one, lambda: c(1)]),
     r"Outputs of branch_fns\[0\] \(.*py:\d+\) and branch_fns\[1\] \(.*float32.*int32"),
    (lambda i: tg.switch_case(i, [(1, one), (0, two)], lambda: [c(1.0)]),
     r"structure.* in fn for key 0 \(.*\), a list of 1 in default \("),
    (lambda i: tg.switch_case(i, [one, lambda: None]), r"^branch_fns\[1\] \(.*return value"),
    (lambda i: tg.switch_case(i, [one], lambda: {"a": [one(), None]}),
     r"None values not supported: default \(.*py:\d+\) returns None as result\['a'\]\[1\]$"),
])
def test_mistakes_in_switch_case(wrong, message):
    with pytest.raises(TinygraphError, match=f"(?s){message}"):
        wrong(tg.placeholder(tg.int32, []))
