"""How far apart the cores are, and what a training step costs by that.

A product leaves its operands in the caches of all cores that computed it. Whoever writes to them
next has to take each line of memory back from there. That is quick between cores which share a
cache, and several times slower between two chips; a host may move a virtual machine's cores from
one to the other at any time.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from benchmarks import measure, models
from benchmarks.lab import Lab, Task, figure
from tinygraph.console import say

METHOD = """\
The handover is a pass over an array that a product has just read, with all cores, by the same pass
once more. It tells how far apart the cores are. Medians of rounds of a few milliseconds each, and
of the best step in each, in microseconds.
"""
MODEL, BATCH = "autoencoder", 100
STEPS, HANDOVERS = 30, 21


def report(lab: Lab) -> None:
    lab.heading("Cores")
    say(METHOD)
    found = lab.alternate({"cores": Task("cores.rounds", {"seconds": lab.seconds})})["cores"]
    rounds = sorted(each for process in found for each in process)
    quarter = max(1, len(rounds) // 4)
    say(f"{f'of {len(rounds)} rounds':<30}{'handover':<12}step of {MODEL}, {BATCH}")
    for title, some in (("nearest", rounds[:quarter]), ("farthest", rounds[-quarter:])):
        handovers, steps = zip(*some, strict=True)
        title = f"    the {title} quarter"
        say(f"{title:<30}{figure(median(handovers)):<12}{figure(median(steps))}")


# ---------------------------------------------------------------- in a process of its own


def rounds(seconds: float) -> list[tuple[float, float]]:
    """A handover and the microseconds of a step, again and again."""
    step = models.step(MODEL, BATCH)
    x, w = np.ones((100, 784), np.float32), np.ones((784, 256), np.float32)
    found: list[tuple[float, float]] = []
    measure.warm(step, seconds)
    end = time.perf_counter() + seconds
    while not found or time.perf_counter() < end:
        handover = handed_over(x, w)
        found.append((handover, min(measure.once(step) for _ in range(STEPS)) * 1e6))
    return found


def handed_over(x: np.ndarray, w: np.ndarray) -> float:
    """The time of a pass over `x` after a product has read it, by that of a pass after a pass."""
    product = x @ w
    firsts, seconds = [], []
    for _ in range(HANDOVERS):
        np.dot(x, w, out=product)
        for times in (firsts, seconds):
            times.append(measure.once(lambda: np.negative(x, out=x)))
    return median(firsts) / median(seconds)
