"""Ctrl-C at any moment leaves no scope, default or setting behind; how the blocks do it."""

import contextlib
import gc
import threading
import weakref

import numpy as np
import pytest
from fuzz import signals

import tinygraph as tg
from tinygraph.node import stacks
from tinygraph.interrupts import Stack, collector_paused, quietly

# ---------------------------------------------------------------- interrupts

WATCHED = ("__enter__", "__exit__", "__call__", "_begin", "begin_scope", "_load", "close")


class FirstTimes(signals.Moments):
    """Counts the moments; `first` has the number of the first one at each place that is watched."""

    def __init__(self):
        super().__init__()
        self.first = {}

    def __call__(self, frame, event, arg):
        before = self.count
        super().__call__(frame, event, arg)
        code = frame.f_code
        is_ours = tg.__path__[0] in code.co_filename
        if self.count > before and is_ours:
            if code.co_filename.endswith("interrupts.py") or code.co_name in WATCHED:
                self.first.setdefault((code, frame.f_lasti), before)
        return self


@pytest.mark.default_passes
@pytest.mark.parametrize("scene", ["build", "enter", "run"])
def test_an_interrupt_leaves_no_state_behind(scene):
    """At each place of the code that changes it for a while, and while the traceback is kept."""
    attack = signals.Attack(scene, held=True)
    places = FirstTimes()
    signals.traced(attack.kind().work, places)
    assert len(places.first) >= 3
    for number in places.first.values():
        attack.at_moment(number)
    assert not attack.faults, attack.report()


@pytest.mark.default_passes
@pytest.mark.parametrize("scene", ["differentiate", "compile"])
def test_interrupts_at_random_moments(scene):
    attack = signals.attack(scene, moments=2, signals=4, seed=1, held=True)
    assert not attack.faults, attack.report()


@pytest.mark.default_passes
def test_rows_are_updated_all_or_none():
    """In place, whenever in a run an interrupt comes."""
    scene = signals.SCENES["rows"]()
    source = scene.session.source(scene.fetches, {scene.ids: [3, 1, 3]})
    assert source.count("_rows(") == 2 and "table_new" not in source
    attack = signals.attack("rows", moments=100, signals=0, seed=2, held=True)
    assert not attack.faults, attack.report()


# ---------------------------------------------------------------- blocks


def test_the_innermost_open_block_counts():
    colors = Stack("white")
    with colors.pushed("red"):
        with colors.pushed("blue"):
            assert (colors.current(), colors.open_items()) == ("blue", ["red", "blue"])
        assert colors.current() == "red"
    assert colors.current() == "white"


def test_blocks_may_be_left_in_any_order():
    colors = Stack()
    red, blue = colors.pushed("red"), colors.pushed("blue")
    red.__enter__()
    blue.__enter__()
    red.__exit__(None, None, None)
    assert colors.current() == "blue"
    blue.__exit__(None, None, None)
    assert colors.current() is None


def test_a_block_may_be_entered_again_and_stacked():
    scope = tg.name_scope("a")
    with scope as first:
        pass
    with contextlib.ExitStack() as stack:
        second = stack.enter_context(scope)
        with tg.name_scope("b"):
            assert tg.constant(1.0, name="c").name == "a_1/b/c:0"
    assert (first, second) == ("a/", "a_1/")
    assert tg.constant(1.0, name="c").name == "c:0"


def test_a_block_that_fails_to_begin_is_not_open():
    with pytest.raises(ValueError):
        with tg.name_scope("not a name"):
            raise AssertionError("unreachable")
    with pytest.raises(TypeError):
        with tg.control_dependencies([3.0]):
            raise AssertionError("unreachable")
    assert tg.constant(1.0, name="c").name == "c:0"


def test_a_block_that_nothing_holds_is_left():
    graph = tg.Graph()
    entered = graph.as_default()
    entered.__enter__()
    assert tg.get_default_graph() is graph
    del entered
    assert tg.get_default_graph() is not graph


def test_a_graph_is_free_once_its_block_is_left():
    graph = tg.Graph()
    with graph.as_default():
        tg.constant(1.0)
    reference = weakref.ref(graph)
    del graph
    gc.collect()
    assert reference() is None


def test_entering_and_leaving_takes_no_memory():
    graph = tg.Graph()
    for _ in range(100):
        with graph.as_default(), graph.name_scope(None):
            pass
    assert len(stacks.graphs.entries) <= 1 and len(graph._blocks.entries) <= 1


def test_what_another_thread_sees_of_a_block():
    graph = tg.Graph()
    seen, inside, outside = [], threading.Event(), threading.Event()

    def other():
        seen.append(tg.get_default_graph() is graph)  # each thread has its own
        with graph.as_default():
            seen.append(tg.constant(1.0, name="c").name)
        inside.set()
        assert outside.wait(10)
        with graph.as_default():
            seen.append(tg.constant(1.0, name="c").name)

    thread = threading.Thread(target=other)
    with graph.as_default(), graph.name_scope("a"):
        thread.start()
        assert inside.wait(10)
        assert tg.constant(1.0, name="d").name == "a/d:0"
    outside.set()
    thread.join()
    assert seen == [False, "a/c:0", "c:0"]


def test_an_interactive_session_is_closed_by_another_thread():
    session = tg.InteractiveSession()
    thread = threading.Thread(target=session.close)
    thread.start()
    thread.join()
    assert tg.get_default_session() is None


def test_a_scope_of_another_graph_makes_that_the_default():
    graph = tg.Graph()
    with graph.as_default():
        x = tg.constant(1.0)
    with tg.name_scope("s", values=[x]):
        assert tg.get_default_graph() is graph
        assert tg.constant(2.0, name="c").name == "s/c:0"
    assert tg.get_default_graph() is not graph and graph.get_name_scope() == ""


# ---------------------------------------------------------------- for the time of a call


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_it_was(enabled):
    def work():
        assert not gc.isenabled()
        raise KeyboardInterrupt

    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(KeyboardInterrupt):
            collector_paused(work)
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


def test_numpys_error_state_is_as_it_was():
    def work():
        assert np.divide(1.0, 0.0) == np.inf
        quietly(np.divide, 1.0, 0.0)
        assert np.divide(1.0, 0.0) == np.inf
        raise KeyboardInterrupt

    x = tg.placeholder(tg.float32, [])
    with np.errstate(divide="raise", over="print"):
        before = np.geterr()
        with pytest.raises(KeyboardInterrupt):
            quietly(work)
        assert np.geterr() == before
        assert tg.Session().run(1.0 / x, {x: 0.0}) == np.inf
        assert np.geterr() == before
        with pytest.raises(FloatingPointError):
            np.divide(1.0, 0.0)
