"""`Session.state`: all that a session keeps, out and in, to the bit and all at once."""

import copy
import itertools
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from fuzz.signals import interrupted
from test_random import forks, sent_by_a_fork

import tinygraph as tg

ROOT = Path(__file__).resolve().parents[1]


def training(seed=3):
    """A step of Adam on a small network with dropout; what it needs, and what to compare."""
    tg.reset_default_graph()
    tg.set_random_seed(seed)
    rng = np.random.default_rng(1)
    x = tg.placeholder(tg.float32, [None, 4], name="x")
    with tg.variable_scope("layer"):
        w = tg.get_variable("w", [4, 3])
        b = tg.get_variable("b", [3], initializer=tg.zeros_initializer())
    hidden = tg.nn.dropout(tg.tanh(x @ w + b), 0.5)
    loss = tg.reduce_mean(tg.square(hidden + tg.random_normal(tg.shape(hidden), stddev=0.1)))
    train = tg.train.AdamOptimizer(0.01).minimize(loss)
    return [train, loss], {x: rng.normal(size=(8, 4)).astype(np.float32)}


def steps(sess, fetches, feeds, count):
    return [sess.run(fetches, feeds)[1].tobytes().hex() for _ in range(count)]


PROGRAM = """
import pickle, sys
sys.path.insert(0, "tests")
import tinygraph as tg
from test_session_state import steps, training
fetches, feeds = training(seed=None if sys.argv[1] == "None" else 3)
with tg.Session() as sess:
    sess.state = pickle.loads(sys.stdin.buffer.read())
    losses = steps(sess, fetches, feeds, 40)
    sys.stdout.buffer.write(pickle.dumps((losses, sess.state)))
"""


@pytest.mark.parametrize("seed", [3, None])
def test_training_goes_on_to_the_bit(seed):
    """100 steps at once, and 60, with 40 more in another session, also of another process."""
    fetches, feeds = training(seed)
    with tg.Session() as sess:
        sess.run(tg.global_variables_initializer())
        steps(sess, fetches, feeds, 60)
        state = sess.state
        pickled = pickle.dumps(state)
        expected = steps(sess, fetches, feeds, 40)
        last = sess.state
    assert state != last and pickle.loads(pickled) == state == copy.deepcopy(state)
    with tg.Session() as sess:
        sess.state = state
        assert sess.state == state
        assert steps(sess, fetches, feeds, 40) == expected and sess.state == last
        sess.state = state  # where plans and streams are there already
        assert steps(sess, fetches, feeds, 40) == expected and sess.state == last
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(seed)], cwd=ROOT, input=pickled, check=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert pickle.loads(found.stdout) == (expected, last)


def test_a_state_is_a_copy():
    w = tg.Variable([1.0, 2.0])
    with tg.Session() as sess:
        sess.run(w.initializer)
        state = sess.state
        state.variables["Variable"][:] = 7.0
        assert sess.run(w).tolist() == [1.0, 2.0]
        sess.state = state
        state.variables["Variable"][:] = 8.0
        assert sess.run(w).tolist() == [7.0, 7.0]
        sess.run(w.assign_add([1.0, 1.0]))  # into the array that was the first value's
        assert state.variables["Variable"].tolist() == [8.0, 8.0]


def test_what_has_no_value_in_a_state_has_none_after_it():
    v, w = tg.Variable(1.0, name="v"), tg.Variable(2.0, name="w")
    with tg.Session() as sess:
        empty = sess.state
        sess.run(v.initializer)
        before = sess.state
        assert list(before.variables) == ["v"] and not empty.variables
        sess.run([w.initializer, v.assign_add(5.0)])
        sess.state = before
        assert sess.state == before and sess.run(v) == 1.0
        with pytest.raises(tg.errors.FailedPreconditionError, match="uninitialized value w"):
            sess.run(w)
        sess.run(w.initializer)
        sess.state = empty
        assert sess.state == empty
        with pytest.raises(tg.errors.FailedPreconditionError, match="uninitialized value v"):
            sess.run(v)
        sess.run(tg.global_variables_initializer())
        assert sess.run([v, w]) == [1.0, 2.0]


def random_ops(seed):
    """Values of each kind of random op, in a branch too, and of a variable; its initializer."""
    tg.reset_default_graph()
    w = tg.get_variable("w", [3], initializer=tg.random_normal_initializer(seed=seed))
    drawn = [
        tg.random_uniform([3], seed=seed), tg.random_uniform([3], 0, 99, tg.int32, seed=seed),
        tg.truncated_normal([3], seed=seed), tg.random_shuffle(tg.range(9), seed=seed),
        tg.multinomial(tg.zeros([1, 9]), 4, seed=seed), tg.nn.dropout(tg.ones([9]), 0.5, seed=seed),
        tg.cond(w[0] > 9.0, lambda: w + 0.0, lambda: tg.random_normal([3], seed=seed)),
    ]
    return w, drawn


ANY_MOMENT = """
import pickle, sys
sys.path.insert(0, "tests")
import tinygraph as tg
from test_session_state import random_ops, rest
w, drawn = random_ops(None)
for state, ran in pickle.load(sys.stdin.buffer):
    with tg.Session() as sess:
        sess.state = state
        print(rest(sess, w, drawn, ran))
"""


def rest(sess, w, drawn, ran):
    """What is left of a program of which `ran` steps are done."""
    fetches = [w.initializer, drawn[::2], drawn, w.assign_add(drawn[0]), [w, drawn]]
    values = [repr(sess.run(fetch)) for fetch in fetches[ran:]]
    return "".join(values).replace("\n", "")


@pytest.mark.parametrize("seed", [3, None])
def test_a_state_of_any_moment_is_gone_on_from(seed):
    """Random ops that have run and others that have not, seeded or not, here and elsewhere."""
    w, drawn = random_ops(seed)
    taken = []
    for ran in range(5):
        with tg.Session() as sess:
            for fetch in [w.initializer, drawn[::2], drawn, w.assign_add(drawn[0])][:ran]:
                sess.run(fetch)
            taken.append((sess.state, ran, rest(sess, w, drawn, ran)))
    for state, ran, expected in taken:
        with tg.Session() as sess:
            sess.state = state
            assert sess.state == state and rest(sess, w, drawn, ran) == expected
            sess.state = state  # where each op has run
            assert rest(sess, w, drawn, ran) == expected
    if seed is None:
        given = pickle.dumps([(state, ran) for state, ran, _ in taken])
        found = subprocess.run(
            [sys.executable, "-c", ANY_MOMENT], cwd=ROOT, input=given, check=True,
            capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert found.stdout.decode().splitlines() == [expected for *_, expected in taken]


def branches():
    """A cond whose branches draw, read and update, at two depths; its feeds, one a branch."""
    tg.set_random_seed(3)
    x = tg.placeholder(tg.float32, [4], name="x")
    choice = tg.placeholder(tg.bool, [], name="choice")
    w = tg.Variable(tg.ones([4]), name="w")

    def deeper():
        positive = tg.reduce_sum(x) > 0.0
        return tg.cond(positive, lambda: x + tg.random_normal([4]), lambda: w.assign_add(x) + 0.0)

    y = tg.cond(choice, lambda: tg.nn.dropout(x * w * tg.Variable(2.0), 0.5), deeper, name="cond")
    ones = np.ones(4, np.float32)
    return y, [{x: ones, choice: True}, {x: ones, choice: False}, {x: -ones, choice: False}]


def test_random_ops_and_variables_of_branches():
    y, feeds = branches()
    with tg.Session() as sess:
        sess.run(tg.global_variables_initializer())
        for fed in feeds:
            sess.run(y, fed)
        state = sess.state
        assert len(state.positions) == 2 and len(state.variables) == 2
        expected = [sess.run(y, fed).tobytes() for fed in feeds * 2]
        last = sess.state
    with tg.Session() as sess:
        sess.state = pickle.loads(pickle.dumps(state))
        assert [sess.run(y, fed).tobytes() for fed in feeds * 2] == expected
        assert sess.state == last != state


def test_a_graph_that_has_grown():
    """What is new is as in a new session, also where it was not."""
    v = tg.Variable(1.0, name="v")
    with tg.Session() as sess:
        sess.run(v.initializer)
        state = sess.state
        w = tg.Variable(v.initialized_value() + 5.0, name="w")
        seeded, free = tg.random_uniform([2], seed=1), tg.random_uniform([2])
        sess.run(tg.global_variables_initializer())
        first, other = sess.run([seeded, free])
        sess.run(w.assign_add(1.0))
        for session in (sess, tg.Session()):
            session.state = state
            assert session.state.variables == {"v": 1.0}
            session.run(w.initializer)
            assert session.run([v, w]) == [1.0, 6.0]
            again, another = session.run([seeded, free])
            assert (again == first).all() and (another != other).any()


def test_a_state_that_does_not_fit_changes_nothing():
    """The error names all that is wrong."""
    tg.Variable([1.0, 2.0], name="kernel")
    tg.Variable(tg.zeros([3]), name="bias")
    tg.Variable(0, name="count")
    step = tg.Variable(0, name="step")
    tg.random_uniform([2], seed=1, name="noise")
    with tg.Session() as sess:
        sess.run(tg.global_variables_initializer())
        sess.run(["noise:0", step.assign_add(5)])
        before = sess.state
        wrong = tg.SessionState(
            {"kernle": np.zeros(2, np.float32), "kernel": np.zeros(2), "bias": np.zeros(4, "f4"),
             "count": 1},
            {"noise": (1, 2, 3), "noise/RandomUniform": (1, -2, 3)},
        )
        with pytest.raises(tg.errors.InvalidArgumentError) as error:
            sess.state = wrong
        lines = str(error.value).splitlines()
        for line, words in zip(
            lines,
            ["nothing has changed", "'kernle' is no variable of the graph, but 'kernel' is one",
             "'noise' is no random op", "'kernel' (float32[2], made at", "is float32[3]",
             "'count' (int32[], made at", "'noise/RandomUniform' (made at"],
            strict=True,
        ):
            assert words in line or words == "is float32[3]" and "float32[4] in the state" in line
        assert sess.state == before
        for nonsense in ({}, None, [before]):
            with pytest.raises(TypeError, match=r"must be a tg\.SessionState"):
                sess.state = nonsense
    with pytest.raises(TypeError, match="variables must be a dict"):
        tg.SessionState([1], {})
    with pytest.raises(TypeError, match="each name in positions must be a string"):
        tg.SessionState({}, {1: (1, 2, 3)})
    for attempt in (lambda: sess.state, lambda: setattr(sess, "state", before)):
        with pytest.raises(tg.errors.FailedPreconditionError, match="closed"):
            attempt()


@pytest.mark.parametrize(
    "position", [(1, 2), (1, 2, 2**64), (1, 2, "3"), 5, "abc", (1.0, 2, 3), (True, 2, 3)]
)
def test_a_position_is_three_ints(position):
    tg.random_uniform([2], name="noise")
    with pytest.raises(tg.errors.InvalidArgumentError, match=r"'noise/RandomUniform' \(made at"):
        tg.Session().state = tg.SessionState({}, {"noise/RandomUniform": position})


def test_no_state_within_a_run():
    sess = tg.Session()
    errors = []

    def kernel(x, out=None):
        for attempt in (lambda: sess.state, lambda: setattr(sess, "state", before)):
            try:
                attempt()
            except tg.errors.FailedPreconditionError as error:
                errors.append(str(error))
        return np.positive(x, out=out)

    before = sess.state
    op = tg.elementwise("AsksForTheState", kernel, None)
    x = tg.placeholder(tg.float32, [2])
    sess.run(op(x), {x: [1.0, 2.0]})
    assert len(errors) == 2 and "a run within a run" in errors[0]


def test_threads_see_whole_states():
    """While one thread updates two variables together, and draws, others take states."""
    v, w = tg.Variable(0, name="v"), tg.Variable(0, name="w")
    noise = tg.random_uniform([1], seed=1, name="noise")
    step = tg.group(v.assign_add(1), w.assign_add(1), noise)
    done, torn = threading.Event(), []
    with tg.Session() as sess:
        sess.run(tg.global_variables_initializer())
        sess.run(step)

        def look():
            while not done.is_set():
                state = sess.state
                count = state.positions["noise/RandomUniform"][-1] // 256
                if not state.variables["v"] == state.variables["w"] == count:
                    torn.append(state)

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(300):
            sess.run(step)
        done.set()
        for thread in threads:
            thread.join()
    assert not torn


@pytest.mark.default_passes
def test_an_interrupt_leaves_one_state_or_the_other():
    """At each bytecode of setting a state; each has a value for a variable that the other lacks."""
    v, w = tg.Variable(tg.zeros([2]), name="v"), tg.Variable(tg.zeros([2]), name="w")
    late = tg.Variable(tg.zeros([2]), name="late")
    step = tg.group(v.assign_add([1.0, 1.0]), w.assign_add([1.0, 1.0]), late.initializer)
    noise = tg.random_uniform([1], seed=1, name="noise")
    sess = tg.Session()
    sess.run([v.initializer, w.initializer])
    sess.run(noise)
    old = sess.state
    sess.run([step, noise])
    new = sess.state
    del new.variables["w"]
    seen = set()
    for count in itertools.count(1):
        sess.state = old
        if not interrupted(lambda: setattr(sess, "state", new), count):
            break
        state = sess.state
        assert state in (old, new), f"torn after {count} bytecodes"
        seen.add(state == new)
    assert seen == {False, True}


@forks
@pytest.mark.parametrize("restored", [False, True])
def test_a_forked_process_goes_on_only_from_a_state_that_it_sets_itself(restored):
    """Where nothing is seeded: else it draws numbers of its own."""
    noise = tg.random_uniform([8], name="noise")
    with tg.Session() as sess:
        state = sess.state
        sess.state = state

        def work():
            if restored:
                sess.state = state
            else:
                taken = sess.state
                sess.run(noise)
                sess.state = taken  # which has to be this process's own
            return sess.run(noise).tobytes()

        theirs = sent_by_a_fork(work)
        assert (sess.run(noise).tobytes() == theirs) == restored
