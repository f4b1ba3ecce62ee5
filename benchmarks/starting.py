"""What comes before the first result: the import, and the first run of a graph."""

from __future__ import annotations

import time

import numpy as np

import tinygraph as tg
from benchmarks.lab import Lab, Target, Task

OPS = 1000


def report(lab: Lab) -> None:
    lab.heading("Starting (target 6)")
    modules = ("numpy", "tinygraph")
    tasks = {name: Task("measure.import_time", {"module": name}) for name in modules}
    times = lab.alternate(tasks, factor=4)
    for name in modules:
        lab.row(f"import {name}", times[name], "ms")
    ratio = min(times["tinygraph"]) / min(times["numpy"])
    lab.row("import tinygraph, by import numpy", [ratio], "", Target("6", 1.3))
    found = lab.alternate({"first": Task("starting.first_run", {})})["first"]
    first, lines = [ms for ms, _ in found], found[0][1]
    remark = f"constants included; {lines:,} lines"
    title = f"first run of a graph of {OPS:,} operations"
    lab.row(title, first, "ms", Target("6", 50, below=True), remark)


def first_run() -> tuple[float, int]:
    """Milliseconds of the first run in a process, of many ops of several kinds, and its lines."""
    x = y = tg.placeholder(tg.float32, [None, 16])
    cycle = [
        tg.tanh, tg.square, lambda y: y * 0.5, lambda y: y + 1.0, tg.sqrt, tg.sigmoid,
        lambda y: tg.maximum(y, 0.1), lambda y: 1.0 - y,
    ]
    while len(x.graph.get_operations()) < OPS:
        for op in cycle:
            y = op(y)
    sess, feeds = tg.Session(), {x: np.ones((32, 16), np.float32)}
    start = time.perf_counter()
    sess.run(y, feeds)
    took = time.perf_counter() - start
    return took * 1e3, len(sess.source(y, feeds).splitlines())
