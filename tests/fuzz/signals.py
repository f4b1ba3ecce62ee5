"""Interrupts at every moment: is what a build or a run changes put back, and does the next work?

Python hands a signal to its handler between bytecodes: at the start of a function, after a call,
and when a loop goes round. These are the moments here. A trace function counts them and raises
KeyboardInterrupt at the n-th, so that each can be tried and found again; a timer's signal comes
whenever it does. A scene is some work of the library; after an interrupt of it

- what the interpreter, NumPy and the library keep in global places is as before (`State`),
- no session holds its lock, and its variables have their values from before or after, all of them,
- the same work can be done, and its results are those of a process that was never interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import dis
import functools
import gc
import inspect
import itertools
import signal
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy._core import arrayprint

import tinygraph as tg
from tinygraph.defaults import _global_graph
from tinygraph.node import stacks

MOMENTS = ("CALL", "RESUME", "JUMP_BACKWARD", "JUMP_ABSOLUTE")
CHECKS = {
    code
    for name, code in dis.opmap.items()
    if any(word in name for word in MOMENTS) and "NO_INTERRUPT" not in name
}
FEED = np.arange(6.0, dtype=np.float32).reshape(2, 3) - 2.5


# ---------------------------------------------------------------- what has to be put back


def state(graph: tg.Graph) -> dict[str, Any]:
    """What building and running may change for a while, by what to call it."""
    context = graph.context
    return {
        "the default graphs": [*map(id, (*stacks.graphs.open_items(), *_global_graph))],
        "the default sessions": [*map(id, stacks.sessions.open_items())],
        "the name scope": context.scope,
        "the variable scope": context.variable_scope,
        "the control dependencies": context.controls,
        "whose gradient is built": context.forward,
        "np.errstate": (np.geterr(), np.geterrcall()),
        "NumPy's printing options": np.get_printoptions(),
        "the arrays that NumPy is printing": [set(cell) for cell in _being_printed()],
        "the warnings' filters": list(warnings.filters),
        "the garbage collector": gc.isenabled(),
        "Python's limits": (sys.getrecursionlimit(), sys.getswitchinterval()),
    }


def _being_printed() -> Iterator[set]:
    """The sets that NumPy keeps against arrays within themselves; one left in prints as '...'."""
    for function in vars(arrayprint).values():
        if inspect.isfunction(function):
            kept = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
            if "repr_running" in kept:
                yield kept["repr_running"].cell_contents


def is_locked(session: tg.Session) -> bool:
    """Whether another thread would wait for the session."""
    free: list[bool] = []

    def attempt():
        free.append(session._lock.acquire(blocking=False))
        if free[0]:
            session._lock.release()

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return not free[0]


# ---------------------------------------------------------------- the scenes


def model(graph: tg.Graph) -> tuple[tg.Tensor, tg.Tensor]:
    """A little of all that building does: scopes, operands, lists, variables, composites."""
    with graph.as_default(), tg.variable_scope(None, "net"), tg.name_scope("part"):
        x = tg.placeholder(tg.float32, [None, 3], name="x")
        w = tg.get_variable("w", [3, 2], initializer=tg.constant_initializer(0.5))
        b = tg.Variable(lambda: tg.zeros([2]) + 0.25, name="b")
        with tg.control_dependencies([tg.no_op(), x]), tg.control_dependencies(None):
            h = tg.nn.relu(x @ w + b)
        rows = tg.stack([h[0], [1.0, 2.0], 3.0 * h[-1]])
        labels = tg.nn.softmax(rows[:, ::-1])
        loss = tg.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=rows)
        weight = tg.cond(h[0, 0] > 0.0, lambda: tg.norm(w), lambda: tg.reduce_sum(tg.tanh(w) * b))
        return x, tg.reduce_mean(loss) + tg.reduce_mean(tg.clip_by_norm(h, 2.0)) + weight


class Scene:
    """Some work to interrupt, in a graph and a session of its own."""

    def __init__(self):
        self.graph = tg.Graph()
        self.session: tg.Session | None = None

    def work(self) -> Any:
        """What is interrupted."""
        raise NotImplementedError

    def results(self, made: Any) -> Any:
        """What shows that the work, which made this, was done rightly."""
        return made

    def kept(self) -> tg.SessionState | None:
        """What the session keeps, but for random streams at their start, as of new programs."""
        if self.session is None:
            return None
        state = self.session.state
        moved = {name: place for name, place in state.positions.items() if place[-1]}
        return tg.SessionState(state.variables, moved)


def run_fresh(graph: tg.Graph, fetches: Any, feeds: dict) -> Any:
    with tg.Session(graph=graph) as session:
        session.run([v.initializer for v in graph.get_collection("variables")])
        return session.run(fetches, feeds)


class Build(Scene):
    def work(self):
        return model(self.graph)

    def results(self, made):
        x, loss = made
        return run_fresh(self.graph, loss, {x: FEED})


class Differentiate(Scene):
    def __init__(self):
        super().__init__()
        self.x, self.loss = model(self.graph)

    def work(self):
        with self.graph.as_default():
            variables = tg.trainable_variables()
            second = tg.gradients(tg.gradients(self.loss, self.x)[0] ** 2, variables)
            train = tg.train.AdamOptimizer(0.01).minimize(self.loss)
        return [*second, train, *variables]

    def results(self, made):
        return run_fresh(self.graph, made, {self.x: FEED})


class Trained(Scene):
    """A training step; its variables are reset before each attempt."""

    def __init__(self):
        super().__init__()
        self.x, self.loss = model(self.graph)
        with self.graph.as_default():
            optimizer = tg.train.MomentumOptimizer(tg.constant(0.1), 0.9)
            step = tg.Variable(0, trainable=False, name="global_step")
            self.train = optimizer.minimize(self.loss, global_step=step)
            self.noise = tg.reduce_sum(tg.nn.dropout(tg.ones([20]), 0.5, seed=1))
            self.session = tg.Session(graph=self.graph)
            self.session.run(tg.global_variables_initializer())
            self.fetches = [self.train, self.loss, *tg.trainable_variables(), self.noise]


class Compile(Trained):
    def work(self):
        return self.session.run(self.fetches, {self.x: FEED})


class Run(Trained):
    def __init__(self):
        super().__init__()
        self.session.run(self.fetches, {self.x: FEED})

    work = Compile.work


class Rows(Scene):
    """A step that changes rows of a table and of its slot in place, and another variable."""

    def __init__(self):
        super().__init__()
        with self.graph.as_default():
            self.ids = tg.placeholder(tg.int32, [3])
            table = tg.Variable(np.arange(8.0).reshape(4, 2), name="table")
            scale = tg.Variable(2.0, dtype=tg.float64, name="scale")
            loss = scale * tg.reduce_sum(tg.square(tg.gather(table, self.ids)))
            self.fetches = [tg.train.AdagradOptimizer(0.1).minimize(loss), loss]
            self.session = tg.Session(graph=self.graph)
            self.session.run(tg.global_variables_initializer())
            self.work()

    def work(self):
        return self.session.run(self.fetches, {self.ids: [3, 1, 3]})


class Explain(Trained):
    """Sources, profiles and pictures of a program."""

    def work(self):
        source = self.session.source(self.loss, {self.x: FEED})
        profile = self.session.profile(self.loss, {self.x: FEED}, runs=1)
        return source, len(profile.rows), tg.viz.to_dot(self.graph).source, None


class Enter(Trained):
    """Default sessions and graphs, entered and left."""

    def __init__(self):
        super().__init__()
        self.session.run(self.loss, {self.x: FEED})
        self.w = self.graph.get_collection("variables")[0]
        self.initializer = self.w.initializer

    def work(self):
        with self.session.as_default(), self.graph.as_default(), tg.name_scope("entered"):
            value = self.loss.eval({self.x: FEED})
        with tg.Session(graph=self.graph) as session:
            session.run(self.initializer)
            return value, session.run(self.w), None


SCENES = {kind.__name__.lower(): kind for kind in
          (Build, Differentiate, Compile, Run, Rows, Explain, Enter)}


# ---------------------------------------------------------------- interrupting


class Moments:
    """A trace function that counts the moments of what runs, and raises at one of them."""

    def __init__(self, at: int = -1, everywhere: bool = False):
        self.at = at
        self.count = 0
        self.place = ""
        self.everywhere = everywhere
        self._before: dict[Any, int] = {}  # frame -> the place of what it has just done

    def __call__(self, frame: Any, event: str, _: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "return":
            self._before.pop(frame, None)
        elif event == "opcode":
            code, place, before = frame.f_code, frame.f_lasti, self._before.get(frame)
            if self.everywhere or before is not None and _is_moment(code, before, place):
                if self.count == self.at:
                    self._before.clear()
                    self.place = f"{code.co_filename}:{frame.f_lineno} in {code.co_name}"
                    raise KeyboardInterrupt
                self.count += 1
            if dis.opname[code.co_code[place]] not in ("CACHE", "PRECALL"):
                self._before[frame] = place
        return self


@functools.cache
def _is_moment(code: Any, before: int, place: int) -> bool:
    """Whether Python looks for signals between two bytecodes.

    It raises what a handler raises at the first of the two, the trace function at the second: that
    is the same as long as both are within the same `try` and `with` blocks.
    """
    blocks = getattr(dis, "_parse_exception_table", lambda code: ())(code)
    same_blocks = all(
        (x.start <= before < x.end) == (x.start <= place < x.end) for x in blocks
    )
    return code.co_code[before] in CHECKS and same_blocks


@contextlib.contextmanager
def untold() -> Iterator[None]:
    """No callbacks are told of collections meanwhile: Python drops an interrupt within one."""
    callbacks, gc.callbacks[:] = gc.callbacks[:], []
    try:
        yield
    finally:
        gc.callbacks[:] = callbacks


@untold()
def traced(work: Callable[[], Any], moments: Callable) -> BaseException | None:
    """Do the work under the trace function; return the interrupt if there was one."""
    before = sys.gettrace()
    sys.settrace(moments)
    try:
        work()
    except KeyboardInterrupt as error:
        return error
    finally:
        sys.settrace(before)
    return None


def interrupted(work: Callable[[], Any], steps: int, within: str | None = None) -> bool:
    """Whether KeyboardInterrupt after so many bytecodes came before the work was done.

    `within`: of the function of that name.
    """
    left = itertools.count(steps, -1)

    def trace(frame: Any, event: str, _: Any) -> Any:
        if within is None or frame.f_code.co_name == within:
            frame.f_trace_opcodes = True
            if next(left) == 0:
                raise KeyboardInterrupt
        return trace

    with np.errstate():  # a trace, unlike a signal, gets between entering a block and its end
        return traced(work, trace) is not None


@untold()
def signalled(work: Callable[[], Any], delay: float) -> BaseException | None:
    """Do the work; after `delay` seconds a signal interrupts it, if it is still at it."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, delay)
            work()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt as error:
        return error
    finally:
        signal.signal(signal.SIGALRM, before)
    return None


def same(one: Any, other: Any) -> bool:
    """Whether two results are equal to the bit."""
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other if isinstance(one, str | int | None) else np.array_equal(one, other)


class Attack:
    """Interrupts one kind of scene, and collects what was wrong afterwards.

    `held`: the interrupt's traceback is kept while the state is looked at, as a notebook keeps it;
    generators that it holds alive have then not put back anything yet.
    """

    def __init__(self, name: str, held: bool = False, everywhere: bool = False):
        self.kind, self.name, self.held, self.everywhere = SCENES[name], name, held, everywhere
        scene = self.kind()
        before = scene.kept()
        start = time.perf_counter()
        made = scene.work()
        self.seconds = time.perf_counter() - start
        self.right = scene.results(made)
        self.whole = before, scene.kept()
        moments = Moments(everywhere=everywhere)
        traced(self.kind().work, moments)
        self.moments = moments.count
        self.faults: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def at_moment(self, number: int) -> None:
        moments = Moments(number, self.everywhere)
        self._attempt(lambda work: traced(work, moments), lambda: moments.place)

    def after(self, delay: float) -> None:
        self._attempt(lambda work: signalled(work, delay), lambda: f"after {delay:.6f} s")

    def _attempt(self, interrupt: Callable, place: Callable[[], str]) -> None:
        scene = self.kind()
        before = state(scene.graph)
        error = interrupt(scene.work)
        if not self.held and error is not None:
            error = error.with_traceback(None)
        wrong = [what for what, value in state(scene.graph).items() if value != before[what]]
        wrong += self._faults_of(scene) if not wrong else []
        for what in wrong:
            self.faults[what] += 1
            self.examples.setdefault(what, place())
        del error
        _reset(before, scene.graph)

    def _faults_of(self, scene: Scene) -> list[str]:
        if scene.session is not None and is_locked(scene.session):
            return ["the session's lock"]
        if scene.kept() not in self.whole:
            return ["the variables"]
        if scene.session is not None:
            scene.session.state = self.whole[0]
        again = scene.results(scene.work())
        return [] if same(again, self.right) else ["the next attempt's results"]

    def report(self) -> str:
        lines = [f"{what} ({count} times), first at {self.examples[what]}"
                 for what, count in self.faults.most_common()]
        return "\n".join(f"{self.name}: {line}" for line in lines)


def _reset(before: dict[str, Any], graph: tg.Graph) -> None:
    """Put back what was not, so that one fault is not found again and again."""
    gc.enable()
    np.seterr(**before["np.errstate"][0])
    np.set_printoptions(**before["NumPy's printing options"])
    for running in _being_printed():
        running.clear()
    stacks.graphs.clear()
    stacks.sessions.clear()


def attack(name: str, moments: int, signals: int, seed: int, **options: Any) -> Attack:
    """Interrupt a kind of scene at so many random moments, and by so many signals."""
    found = Attack(name, **options)
    rng = np.random.default_rng(seed)
    few = moments < found.moments
    for number in rng.choice(found.moments, moments, False) if few else range(found.moments):
        found.at_moment(int(number))
    for delay in rng.uniform(1e-6, 1.1 * found.seconds, signals):
        found.after(float(delay))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.signals", description=__doc__)
    parser.add_argument("--scenes", nargs="*", default=list(SCENES), choices=list(SCENES))
    parser.add_argument("--moments", type=int, default=200, help="of each scene, at random")
    parser.add_argument("--signals", type=int, default=50, help="of a timer, for each scene")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held", action="store_true", help="keep tracebacks, as notebooks do")
    parser.add_argument("--everywhere", action="store_true", help="at any bytecode at all")
    given = parser.parse_args()
    for name in given.scenes:
        found = attack(name, given.moments, given.signals, given.seed, held=given.held,
                       everywhere=given.everywhere)
        total = min(given.moments, found.moments) + given.signals
        print(f"{name}: {total} interrupts, of {found.moments} moments")
        if found.faults:
            print(found.report())


if __name__ == "__main__":
    main()
