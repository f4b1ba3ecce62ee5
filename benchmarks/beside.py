"""How steady a step's time is where another program keeps the cores busy.

BLAS's threads wait for each other by spinning. Where others take their cores away, a product on two
threads may take milliseconds in place of microseconds; one on one thread takes what it takes.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import quantiles

import numpy as np

import tinygraph as tg
from benchmarks import models
from benchmarks.lab import Lab, Target, Task
from tinygraph.console import say

METHOD = """\
The other program multiplies matrices of 1,000 x 1,000, with all its threads. The time that the
quickest quarter of the runs stays within: a short run can be done before the system takes its core
away, and then be as quick as alone, if it doesn't wait for a thread on another core.
"""
PRODUCTS, SIZE = 28, 128
LIMIT = 1.2
CHAIN, WIDE = f"{PRODUCTS} products of {SIZE} x {SIZE}", "wide, 100"
TARGETS = {CHAIN: LIMIT, f"{CHAIN}, threads=2": None, f"{WIDE}, threads=1": LIMIT, WIDE: None}
FEWEST = 5  # runs; with two threads, one may take half a second
OTHER = """\
import numpy, time
a = numpy.ones((1000, 1000), numpy.float32)
print(flush=True)
while time.monotonic() < {end}:
    a @ a
"""
AT_MOST = 600  # seconds that the other program lives, even if nobody stops it


def report(lab: Lab) -> None:
    lab.heading("Beside another program (target 7)")
    say(METHOD)
    found = lab.alternate({"beside": Task("beside.quarters", {"seconds": lab.seconds})})["beside"]
    for title, limit in TARGETS.items():
        alone, beside = ([process[title][i] for process in found] for i in range(2))
        lab.row(title, alone, "us")
        lab.row("    beside the other program", beside, "us")
        target = None if limit is None else Target("7", limit)
        lab.row(f"    {title}, by alone", [min(beside) / min(alone)], "", target)


# ---------------------------------------------------------------- in a process of its own


def quarters(seconds: float) -> dict[str, tuple[float, float]]:
    """Microseconds of each form's quickest quarter, alone and beside the other program."""
    forms = {
        CHAIN: chain(None),
        f"{CHAIN}, threads=2": chain(2),
        f"{WIDE}, threads=1": models.step("wide", 100, threads=1),
        WIDE: models.step("wide", 100),
    }
    alone = {title: of_runs(form, seconds) for title, form in forms.items()}
    with other_program():
        return {title: (alone[title], of_runs(form, seconds)) for title, form in forms.items()}


def chain(threads: int | None) -> Callable[[], np.ndarray]:
    with tg.Graph().as_default():
        x = y = tg.placeholder(tg.float32, [SIZE, SIZE])
        w = tg.Variable(np.eye(SIZE, dtype=np.float32))
        for _ in range(PRODUCTS):
            y = tg.nn.relu(y @ w)
        sess, feeds = tg.Session(threads=threads), {x: np.ones((SIZE, SIZE), np.float32)}
        sess.run(w.initializer)
        return lambda: sess.run(y, feeds)


def of_runs(form: Callable, seconds: float) -> float:
    form()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < FEWEST or time.perf_counter() < end:
        start = time.perf_counter()
        form()
        times.append(time.perf_counter() - start)
    return quantiles(times, n=4)[0] * 1e6


@contextmanager
def other_program() -> Iterator[None]:
    code = OTHER.format(end=time.monotonic() + AT_MOST)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            other.stdout.readline()  # it has begun
            yield
        finally:
            other.kill()
