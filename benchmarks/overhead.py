"""What a run costs beside its kernels: the smallest run, a chain of scalars, rows of a table."""

from __future__ import annotations

import numpy as np

import tinygraph as tg
from benchmarks import measure
from benchmarks.lab import Lab, Target, Task

CHAIN = 1000
TABLE, ROWS = (100_000, 16), 64


def report(lab: Lab) -> None:
    lab.heading("Overhead (target 3)")
    tasks = {"tinygraph": Task("overhead.own", {"seconds": lab.seconds})}
    for peer in lab.peers:
        if peer.framework == "tensorflow":  # the only peer with a Session
            tasks[peer.title] = Task("peers.overhead", {"seconds": lab.seconds}, peer)
    found = lab.alternate(tasks)
    own = found.pop("tinygraph")
    single, chain = ([result[name] for result in own] for name in ("single", "chain"))
    lab.row("sess.run(a + 1, {a: 1.0})", single, "us", Target("3", 5))
    for title, values in found.items():
        lab.row(f"    the same in {title}", values, "us")
    lab.row(f"a chain of {CHAIN:,} scalar ops, an op", chain, "us", Target("3", 1))
    rows = [result["rows"] for result in own]
    lab.row(f"a step on {ROWS} rows of a table of {TABLE[0]:,}", rows, "us")


def own(seconds: float) -> dict[str, float]:
    """Microseconds of a run, of an op in a chain, and of a step that looks up rows of a table."""
    a = tg.placeholder(tg.float32)
    b = a + 1
    x = y = tg.placeholder(tg.float32, [])
    for _ in range(CHAIN // 2):
        y = y * 0.5 + 1.0
    table, ids = tg.Variable(tg.ones(TABLE)), tg.placeholder(tg.int32, [None])
    loss = tg.reduce_sum(tg.square(tg.nn.embedding_lookup(table, ids)))
    step = tg.train.GradientDescentOptimizer(0.1).minimize(loss)
    rows = np.random.default_rng(0).permutation(TABLE[0])[:ROWS].astype(np.int32)
    sess = tg.Session()
    sess.run(table.initializer)
    np.testing.assert_allclose(sess.run([b, y], {a: 1.0, x: 1.0}), [2.0, 2.0], rtol=1e-6)
    forms = {
        "single": lambda: sess.run(b, {a: 1.0}), "chain": lambda: sess.run(y, {x: 1.0}),
        "rows": lambda: sess.run(step, {ids: rows}),
    }
    times = measure.best_times(forms, seconds)
    return {"single": times["single"], "chain": times["chain"] / CHAIN, "rows": times["rows"]}
