"""How many of BLAS's threads a run takes, and that the process has its own number back after it."""

import itertools
import signal
import threading

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.compiler import threads as choice
from tinygraph.kernels import blas

pool = blas.pool()
needs_pool = pytest.mark.skipif(pool is None, reason="NumPy's BLAS is no OpenBLAS")
OWN = 2  # of the process, in these tests


@pytest.fixture(autouse=True)
def own():
    """A number of threads to put back that differs from what the tests ask for."""
    if not pool:
        yield
        return
    before = pool.count()
    pool.set_count(OWN)
    yield
    after = pool.count()
    pool.set_count(before)
    assert after == OWN


def ones(*dims):
    """What is not known while compiling."""
    return tg.random_uniform(dims, 1.0, 1.0)


def counting(seen):
    """A user's op that notes the number of threads."""

    def kernel(x, out=None):
        seen.append(pool.count())
        return np.positive(x, out=out)

    return tg.elementwise(f"Counting{id(seen)}", kernel, None)


# ---------------------------------------------------------------- threads=


@needs_pool
@pytest.mark.parametrize("threads", [1, 3, np.int64(1)])
@pytest.mark.parametrize("by_config", [False, True])
def test_a_session_runs_on_the_number_of_threads_that_it_was_told(threads, by_config):
    seen = []
    y = counting(seen)(ones(2))
    config = tg.ConfigProto(intra_op_parallelism_threads=threads)
    sess = tg.Session(config=config) if by_config else tg.Session(threads=threads)
    sess.run(y)
    sess.profile(y, runs=1)
    tg.Session().run(y)
    assert seen == [threads, threads, OWN] and pool.count() == OWN
    word = "1 thread," if threads == 1 else "3 threads,"
    assert f"# BLAS takes {word} as the session was told\n" in sess.source(y)


@needs_pool
def test_what_is_folded_while_compiling_is_computed_on_that_number_too():
    seen = []
    tg.Session(threads=1).run(counting(seen)(tg.ones([2])))
    assert seen == [1] and pool.count() == OWN


@needs_pool
def test_threads_count_before_the_config_and_a_config_of_0_leaves_the_choice():
    seen = []
    y = counting(seen)(ones(2))
    tg.Session(config=tg.ConfigProto(intra_op_parallelism_threads=3), threads=1).run(y)
    tg.Session(config=tg.ConfigProto()).run(y)
    sess = tg.InteractiveSession(threads=3)
    y.eval()
    sess.close()
    assert seen == [1, OWN, 3]


@needs_pool
def test_a_run_that_fails_puts_the_number_back():
    def broken(x, out=None):
        raise ValueError("boom")

    y = tg.elementwise("BrokenOnAThread", broken, None)(ones(2))
    with pytest.raises(tg.errors.InvalidArgumentError, match="boom"):
        tg.Session(threads=1).run(y)
    assert pool.count() == OWN


@needs_pool
def test_runs_of_several_sessions_nest_and_overlap():
    seen, inner = [], []
    sess, one = tg.Session(threads=3), tg.Session(threads=1)
    deep = counting(inner)(ones(2))

    def kernel(x, out=None):
        one.run(deep)
        seen.append(pool.count())
        return np.positive(x, out=out)

    sess.run(tg.elementwise("RunsAnotherSession", kernel, None)(ones(2)))
    assert inner == [1] and seen == [3] and pool.count() == OWN


@needs_pool
def test_the_number_is_put_back_after_runs_that_overlap():
    """The first to begin ends first, and a later one doesn't put back what that had set."""
    begun = [threading.Event(), threading.Event()]
    may_end = [threading.Event(), threading.Event()]

    def waiting(i):
        def kernel(x, out=None):
            begun[i].set()
            assert may_end[i].wait(10)
            return np.positive(x, out=out)

        return tg.elementwise(f"Waiting{i}", kernel, None)(ones(2))

    nodes = [waiting(i) for i in range(2)]
    workers = [threading.Thread(target=tg.Session(threads=1).run, args=(y,)) for y in nodes]
    for i in range(2):
        workers[i].start()
        assert begun[i].wait(10)
    for i in range(2):
        may_end[i].set()
        workers[i].join()
        assert pool.count() == (1 if i == 0 else OWN)


@needs_pool
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_an_interrupt_at_any_moment_puts_the_number_back():
    x = tg.placeholder(tg.float32, [2, 2])
    y, feed = x @ x, {x: np.ones((2, 2), np.float32)}
    sess = tg.Session(threads=1)
    sess.run(y, feed)
    rng = np.random.default_rng(0)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    interrupted = 0
    try:
        for delay in rng.uniform(1e-5, 6e-5, 300):
            with np.errstate():
                try:
                    signal.setitimer(signal.ITIMER_REAL, delay)
                    for _ in itertools.repeat(None):
                        sess.run(y, feed)
                except KeyboardInterrupt:
                    interrupted += 1
            assert pool.count() == OWN
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted == 300


@pytest.mark.parametrize(
    "threads, error",
    [(0, ValueError), (-1, ValueError), (1 << 40, ValueError), (1.0, TypeError), ("2", TypeError),
     (True, TypeError), ([1], TypeError)],
)
def test_what_is_no_number_of_threads(threads, error):
    with pytest.raises(error, match="threads must be") as caught:
        tg.Session(threads=threads)
    assert isinstance(caught.value, tg.errors.TinygraphError)


def test_another_blas_is_left_alone_and_said(monkeypatch):
    monkeypatch.setattr(blas, "pool", lambda: None)
    x = tg.placeholder(tg.float32, [128, 128])
    with pytest.warns(tg.errors.ThreadsWarning, match="isn't an OpenBLAS") as caught:
        sess = tg.Session(threads=1)
    assert [warning.filename for warning in caught] == [__file__]
    assert "BLAS" not in sess.source(x @ x, {x: np.ones((128, 128))})
    assert sess.run(x @ x, {x: np.ones((128, 128))})[0, 0] == 128


# ---------------------------------------------------------------- ConfigProto


def test_a_config_takes_what_tf1_programs_set():
    config = tg.ConfigProto(
        inter_op_parallelism_threads=1, allow_soft_placement=True, log_device_placement=False,
        device_count={"GPU": 0}, gpu_options=tg.GPUOptions(per_process_gpu_memory_fraction=0.5),
    )
    config.gpu_options.allow_growth = True
    config.graph_options.optimizer_options.global_jit_level = tg.OptimizerOptions.ON_1
    assert config.gpu_options.per_process_gpu_memory_fraction == 0.5
    assert tg.ConfigProto().gpu_options.allow_growth is False
    whole = tg.ConfigProto(intra_op_parallelism_threads=True, allow_soft_placement=2)
    assert repr(whole) == (
        "<tg.ConfigProto intra_op_parallelism_threads=1 allow_soft_placement=True>"
    )
    assert repr(tg.ConfigProto(device_count=None, gpu_options=None)) == "<tg.ConfigProto>"
    assert tg.Session(config=config).run(tg.constant(1.0)) == 1.0


@pytest.mark.parametrize(
    "make, error",
    [(lambda: tg.ConfigProto(threads=1), ValueError),
     (lambda: tg.ConfigProto(intra_op_parallelism_threads="1"), TypeError),
     (lambda: tg.ConfigProto(gpu_options=tg.GraphOptions()), TypeError),
     (lambda: tg.GPUOptions(per_process_gpu_memory_fraction=10**400), ValueError),
     (lambda: setattr(tg.ConfigProto(), "intra_op_threads", 1), AttributeError),
     (lambda: tg.Session(config=tg.ConfigProto(intra_op_parallelism_threads=-1)), ValueError),
     (lambda: tg.Session(config={"intra_op_parallelism_threads": 1}), TypeError)],
)
def test_what_is_no_config(make, error):
    with pytest.raises(error):
        make()


# ---------------------------------------------------------------- the session's own choice


def source(y, feeds=None):
    return tg.Session().source(y, feeds)


ONE, PROCESS = "BLAS takes 1 thread:", "BLAS takes as many threads as the process has"


@needs_pool
@pytest.mark.parametrize(
    "make, remark",
    [(lambda: ones(10, 10) @ ones(10, 10), None),
     (lambda: ones(80, 80) @ ones(80, 80), None),  # OpenBLAS takes one of itself
     (lambda: ones(81, 81) @ ones(81, 80), ONE),
     (lambda: ones(128, 128) @ ones(128, 128), ONE),
     (lambda: ones(129, 128) @ ones(128, 128), PROCESS),
     (lambda: [ones(129, 128) @ ones(128, 128), ones(82, 80) @ ones(80, 80)], PROCESS),
     (lambda: ones(50, 82, 80) @ ones(50, 80, 80), ONE),  # each of a batch is a product
     (lambda: tg.einsum("bij,bjk->bik", ones(50, 82, 80), ones(50, 80, 80)), ONE),
     (lambda: tg.einsum("ij,kj->ki", ones(129, 128), ones(128, 128)), PROCESS),
     (lambda: tg.tensordot(ones(129, 128), ones(128, 128), 1), PROCESS),
     (lambda: tg.reduce_sum(ones(1000, 600), 0), ONE),
     (lambda: tg.matrix_inverse(ones(100, 100)), ONE),
     (lambda: tg.cholesky(ones(200, 200)), PROCESS),
     (lambda: tg.tanh(ones(2000, 2000)), None)],
)
def test_the_choice_by_shapes(make, remark):
    text = source(make())
    assert (remark or "") in text and text.count("# BLAS") == bool(remark)


@needs_pool
def test_sizes_that_only_the_run_knows_may_be_large():
    x = tg.placeholder(tg.float32, [None, 128])
    part = tg.boolean_mask(x, tg.placeholder(tg.bool, [None], name="mask"))
    feeds = {x: np.ones((100, 128)), "mask:0": np.ones(100, bool)}
    assert PROCESS in source(part @ ones(128, 128), feeds)


@needs_pool
def test_a_users_op_may_multiply_large_matrices():
    op = tg.elementwise("MayMultiply", lambda x, out=None: np.positive(x, out=out), None)
    assert PROCESS in source(op(ones(128, 128) @ ones(128, 128)))
    assert "BLAS" not in source(op(ones(128, 128)))


@pytest.fixture
def fake(monkeypatch):
    """Threads that are only counted: the numbers asked for, in order; BLAS has one."""
    numbers = [OWN]
    made = blas.Pool(lambda: numbers[-1], numbers.append, "Fake")
    monkeypatch.setattr(blas, "pool", lambda: made)
    if pool:
        pool.set_count(1)
    yield numbers
    if pool:
        pool.set_count(OWN)


@pytest.mark.parametrize("n, numbers", [(10, [OWN]), (128, [OWN, 1, OWN]), (200, [OWN])])
def test_a_run_takes_one_thread_where_the_source_says_so(fake, n, numbers):
    tg.Session().run(ones(n, n) @ ones(n, n))
    assert fake == numbers


# ---------------------------------------------------------------- the notice


@pytest.fixture
def clock(monkeypatch):
    """`clock(*durations)`: the seconds that the next runs take."""
    readings = []

    def read():
        return readings.pop(0)

    def wind(*durations):
        now = 0.0
        for duration in durations:
            readings.extend([now, now + duration])
            now += duration

    monkeypatch.setattr(choice, "perf_counter", read)
    yield wind
    assert not readings


def runs(sess, y, count):
    for _ in range(count):
        sess.run(y)


def test_runs_that_stay_slow_are_told_of_once(fake, clock):
    y, z = ones(200, 200) @ ones(200, 200), ones(201, 200) @ ones(200, 200)
    sess = tg.Session()
    clock(*[0.03, 0.01] * 10, *[0.05] * (choice.RUNS - 1))
    runs(sess, y, 20 + choice.RUNS - 1)
    clock(0.06)
    with pytest.warns(tg.errors.ThreadsWarning, match="took 60 ms, .* best one 10 ms") as caught:
        sess.run(y)
    assert [warning.filename for warning in caught] == [__file__]
    clock(*[0.06] * 100, 0.01, *[0.06] * 100)
    runs(sess, y, 100)
    runs(sess, z, 101)


@pytest.mark.parametrize(
    "durations",
    [[0.5, *[0.01] * 100],  # the first run finds nothing in the caches
     [0.01, 3600.0, *[0.01] * 50, 3600.0],  # the machine slept
     [0.01] + [0.039] * 100,  # a slower processor
     [0.01] + [0.05, 0.02] * 100,
     [1e-5] + [9e-4] * 100],  # what is so short may lie in the caches, or not
)
def test_ordinary_runs_are_not_told_of(fake, clock, durations):
    clock(*durations)
    runs(tg.Session(), ones(200, 200) @ ones(200, 200), len(durations))


@pytest.mark.parametrize("n, threads", [(128, None), (200, 1), (10, 2)])
def test_programs_on_one_thread_are_not_timed(fake, clock, n, threads):
    runs(tg.Session(threads=threads), ones(n, n) @ ones(n, n), 3)


def test_programs_whose_runs_differ_are_not_timed(fake, clock):
    some = tg.boolean_mask(ones(200, 200), tg.random_uniform([200]) > 0.5) @ ones(200, 200)
    own = tg.elementwise("MayTakeLong", lambda x, out=None: np.positive(x, out=out), None)
    runs(tg.Session(), [some, own(ones(200, 200) @ ones(200, 200))], 3)
    runs(tg.Session(), own(ones(200, 200) @ ones(200, 200)), 3)
    runs(tg.Session(), some, 3)


def test_a_process_of_one_thread_is_not_timed(fake, clock):
    fake.append(1)
    runs(tg.Session(), ones(200, 200) @ ones(200, 200), 3)
