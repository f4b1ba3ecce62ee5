"""How the cost of an op grows with the graph: chains, diamonds and a wide fan-out."""

from __future__ import annotations

import math
import sys
import time

import tinygraph as tg
from benchmarks.lab import Lab, Target, Task, figure
from tinygraph.console import say

METHOD = """\
Microseconds a node of the graph that is built, added, compiled or run (constants and gradients are
nodes too), under a recursion limit of 200; "compile" is what a first run costs more than a second.
"""
SIZES = {"chain": (10_000, 100_000), "diamond": (30, 60), "fan-out": (50_000, 100_000)}
SMOKE = {"chain": (100, 1000), "diamond": (30, 60), "fan-out": (100, 200)}
TITLES = {
    "chain": "a chain of tanh",
    "diamond": "levels of y = y + y",
    "fan-out": "products of one node with numbers, and their sum",
}
RATIO = Target("4", 1.3)
COSTS = {"build": Target("4", 20), "compile": Target("4", 30)}
REPEATED = 3000  # nodes, so that short phases are timed more than once


def report(lab: Lab) -> None:
    lab.heading("Growth (target 4)")
    say(METHOD)
    for shape, sizes in (SMOKE if lab.smoke else SIZES).items():
        tasks = {str(n): Task("growth.own", {"shape": shape, "size": n}) for n in sizes}
        small, large = lab.alternate(tasks).values()
        say(f"{TITLES[shape]:<50}{sizes[0]:>9,}{sizes[1]:>9,}   ratio")
        for phase in large[0]:
            row(lab, shape, phase, *(min(r[phase] for r in found) for found in (small, large)))


def row(lab: Lab, shape: str, phase: str, small: float, large: float) -> None:
    title = f"{shape}, {phase}"
    ratio = f"{figure(large / small)} {lab.judge(f'{title}, ratio', large / small, RATIO)}"
    target = COSTS.get(phase.partition(",")[0]) if shape == "chain" else None
    cost = f"{figure(large)} {lab.judge(title, large, target)}" if target else ""
    line = f"    {phase:<46}{figure(small):>9}{figure(large):>9}   {ratio:<19}{cost}"
    say(line.rstrip())


# ---------------------------------------------------------------- in a process of its own


def own(shape: str, size: int) -> dict[str, float]:
    """Microseconds a node of each phase in the life of a graph."""
    sys.setrecursionlimit(200)
    lives = [life(shape, size) for _ in range(math.ceil(REPEATED / size))]
    return {phase: min(life[phase] for life in lives) * 1e6 for phase in lives[0]}


def life(shape: str, size: int) -> dict[str, float]:
    """Seconds a node of each phase."""
    with tg.Graph().as_default() as graph:
        start = time.perf_counter()
        x = tg.placeholder(tg.float32, [])
        y = built(shape, size, x)
        built_at, forward = time.perf_counter(), len(graph.get_operations())
        middle = time.perf_counter()
        (dx,) = tg.gradients(y, x)
        end, both = time.perf_counter(), len(graph.get_operations())
        sess = tg.Session()
        times = {
            "build": (built_at - start) / forward,
            "differentiate": (end - middle) / (both - forward),
        }
        for what, fetches, nodes in (("", y, forward), (", with its gradient", [y, dx], both)):
            first, later = runs(sess, fetches, {x: 0.5})
            times[f"compile{what}"] = (first - later) / nodes
            times[f"run{what}"] = later / nodes
    return times


def built(shape: str, size: int, x: tg.Tensor) -> tg.Tensor:
    y = x
    if shape == "chain":
        for _ in range(size):
            y = tg.tanh(y)
    elif shape == "diamond":
        for _ in range(size):
            y = y + y
    else:
        y = tg.add_n([x * float(i) for i in range(size)])
    return y


def runs(sess: tg.Session, fetches, feeds: dict) -> tuple[float, float]:
    """Seconds of the first run, and of the best of three more."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        sess.run(fetches, feeds)
        times.append(time.perf_counter() - start)
    return times[0], min(times[1:])
