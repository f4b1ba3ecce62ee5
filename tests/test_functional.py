"""The functional source: for each op case it gives what the session does, and changes nothing."""

import copy
import re

import numpy as np
import pytest
from test_ops import RTOL, by_case, close, known

import tinygraph as tg
from tinygraph.compiler.functional import FunctionalSource
from tinygraph.compiler.program import Kernels
from tinygraph.compiler.lower import lower
from tinygraph.compiler.passes import PURE_PASSES
from tinygraph.interrupts import quietly
from tinygraph.spec import Shape, Spec


def functional(fetches, feeds):
    """The functional program of tensors, for these feeds."""
    specs = {x: Spec(Shape.of(np.shape(a)), x.dtype) for x, a in feeds.items()}
    operations = [y.node for y in fetches if isinstance(y, tg.Operation)]
    tensors = [y for y in fetches if not isinstance(y, tg.Operation)]
    return FunctionalSource(lower(tensors, operations, specs, PURE_PASSES))


@by_case
def test_it_equals_the_session(case):
    """Values, updates and random positions; what it is given stays as it is."""
    made = known(case)
    fetches = [y.op if y.kind.role == "effect" else y for y in made.fetches]
    step = functional(fetches, made.feeds).step
    with tg.Session(graph=made.graph, passes=PURE_PASSES) as sess:
        sess.run([v.initializer for v in made.graph.get_collection("variables")])
        before = sess.state
        given = copy.deepcopy(before)
        for value in before.variables.values():
            value.flags.writeable = False
        results, variables, positions = quietly(
            step, before.variables, before.positions, *made.feeds.values()
        )
        expected = sess.run([y for y in made.fetches if y.kind.role != "effect"], made.feeds)
        after = sess.state
    assert before == given
    for y, got, right in zip(made.ys, results, expected, strict=False):
        assert np.asarray(got).dtype == np.asarray(right).dtype, y
    rtol = RTOL["float64"] * case.slack
    for got, right in zip(results, expected, strict=True):
        close(got, right, rtol, case.op)
    assert variables.keys() <= after.variables.keys() and positions == after.positions
    for name, right in after.variables.items():
        close(variables.get(name, before.variables[name]), right, rtol, name)


def training():
    """Adam on a layer with dropout and noise, and its feed."""
    tg.set_random_seed(5)
    x = tg.placeholder(tg.float32, [None, 4], name="x")
    w = tg.Variable(tg.random_normal([4, 3]), name="w")
    hidden = tg.nn.dropout(tg.nn.relu(x @ w), 0.5)
    loss = tg.reduce_mean(tg.square(hidden + tg.random_uniform([8, 3])), name="loss")
    train = tg.train.AdamOptimizer(0.1).minimize(loss, global_step=tg.train.create_global_step())
    return [train, loss], {x: np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)}


def test_steps_are_calls_with_what_the_one_before_returned():
    fetches, feeds = training()
    step = functional(fetches, feeds).step
    with tg.Session(passes=PURE_PASSES) as sess:
        sess.run(tg.global_variables_initializer())
        variables, positions = sess.state.variables, {}
        for _ in range(5):
            (loss,), new, positions = step(variables, positions, *feeds.values())
            variables = {**variables, **new}
            close(loss, sess.run(fetches, feeds)[1], 1e-6, "loss")
        state = sess.state
    assert positions.items() <= state.positions.items()
    for name, value in state.variables.items():
        close(variables[name], value, 1e-5, name)


@pytest.mark.default_passes
def test_the_source_of_a_training_step():
    """It names variables and random ops by their own names, and each line's node and spec."""
    fetches, feeds = training()
    sess = tg.Session()
    source = sess.source(fetches, feeds, functional=True)
    lines = source.splitlines()
    assert "def step(variables, positions, x):" in lines
    assert source.count("out=") == source.count("out=np.empty(")  # no line writes into another's
    assert "    w = variables['w']" in source and "'global_step': t" in lines[-1]
    drawn = "'random_uniform/RandomUniform'), (8, 3), out=np.empty((8, 3), np.float32)"
    assert re.search(rf"= draw_uniform\w*\(positions.get\({re.escape(drawn)}", source)
    assigned = [line for line in lines if "#" in line and line.startswith("    ")]
    names = [line.split(" = ")[0] for line in assigned]
    assert len(set(names)) == len(names) > 20
    assert all(re.search(r"# \S+    (float32|int64|bool)\[[0-9,]*\]$", line) for line in assigned)
    assert source == sess.source(fetches, feeds, functional=True)
    with pytest.raises(TypeError, match="functional must be True or False"):
        sess.source(fetches, feeds, functional="yes")


@pytest.mark.parametrize("takes", [True, False])
def test_a_variable_without_a_value_is_not_among_the_new_ones(takes):
    """Where no branch gives it one: in the source as in the interpreter and the session."""
    p = tg.placeholder(tg.bool, [], name="p")
    v, w = tg.Variable(5.0, name="v"), tg.Variable(1.0, name="w")
    y = tg.cond(p, lambda: v.assign(7.0) + 0.0, lambda: tg.constant(1.0))
    fetches = [y, w.assign_add(2.0)]
    program = lower(fetches, (), {p: Spec(p.shape, p.dtype)}, PURE_PASSES)
    found = FunctionalSource(program).step({"w": np.float32(1.0)}, {}, np.bool_(takes))
    expected = {"w": 3.0, "v": 7.0} if takes else {"w": 3.0}
    assert found == ((7.0 if takes else 1.0, 3.0), expected, {})
    results, new = program.evaluate([np.bool_(takes)], Kernels({"w": np.float32(1.0)}, {}))
    assert (tuple(results), new, {}) == found
    with tg.Session() as sess:
        sess.run(w.initializer)
        sess.run(fetches, {p: takes})
        assert sess.state.variables == new


def test_a_long_program_is_written_in_parts():
    x = tg.placeholder(tg.float32, [2], name="x")
    y = x
    for _ in range(700):
        y = tg.sin(y) + tg.random_uniform([2])
    program = functional([y, y + 1.0], {x: np.ones(2, np.float32)})
    assert program.source.count("\ndef ") == 4
    (value, more), _, positions = program.step({}, {}, np.ones(2, np.float32))
    assert (more == value + 1).all() and len(positions) == 700


def test_a_users_kernel_keeps_its_promises():
    op = tg.elementwise("Spoils", lambda x, out=None: x.fill(0.0) or x, lambda g, y, x: g)
    x = tg.placeholder(tg.float32, [2])
    value = np.ones(2, np.float32)
    with pytest.raises(ValueError, match="read-only"):
        functional([op(x)], {x: value}).step({}, {}, value)
    assert value.tolist() == [1.0, 1.0]


def test_it_may_call_another_library():
    """Here one whose arrays are strings: what the program computes, as mathematics."""

    class Words:
        @staticmethod
        def add(x, y):
            return f"({x} + {y})"

        @staticmethod
        def tanh(x):
            return f"tanh{x}"

    x, y = (tg.placeholder(tg.float32, [2], name=name) for name in "xy")
    z = tg.tanh(x + y)
    specs = {node: Spec(node.shape, node.dtype) for node in (x, y)}
    program = FunctionalSource(
        lower([z], (), specs, PURE_PASSES), lambda n: vars(Words)[n.kind.name.lower()].__func__,
        Words, "words",
    )
    assert "t1 = words.tanh(t0)   # Tanh    float32[2]" in program.source
    assert program.step({}, {}, "a", "b")[0] == ("tanh(a + b)",)
