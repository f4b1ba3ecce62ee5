"""What plans hold, what a training step needs, and the most memory of a process that trains."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

import tinygraph as tg
from benchmarks import measure, models, problems
from benchmarks.lab import Lab, Target, Task, figure

LAYERS = 50
STEPS = 50  # of training, before the peak is read
OTHER_PLANS = 200  # more than a session keeps
MEGA = 1e6


def report(lab: Lab) -> None:
    lab.heading("Memory (target 5)")
    size = {"batch": 64 if lab.smoke else 16384, "units": 64}
    buffers = lab.once(Task("memory.forward", size))
    title = f"forward pass of {LAYERS} layers, by one activation"
    lab.row(title, [buffers], "", Target("5", 3))
    for model in ("wide", "deep", "autoencoder"):
        for batch in [32] if lab.smoke else [100, 1000]:
            row(lab, model, batch)
    size = {"plans": OTHER_PLANS, "batch": 16 if lab.smoke else 1000}
    held = lab.once(Task("memory.evicted", size))
    title = f"held after {OTHER_PLANS} plans, by after {OTHER_PLANS // 2}"
    lab.row(title, [held["all"] / held["half"]], "", Target("5", 1.1))
    title = f"held after sess.close(), by after {OTHER_PLANS // 2}"
    lab.row(title, [held["closed"] / held["half"]], "", Target("5", 0.01))
    peaks(lab, {"model": "wide", "batch": 100})


def row(lab: Lab, model: str, batch: int) -> None:
    """A training step, by its activations and the gradients of its largest layer."""
    found = lab.once(Task("memory.training", {"model": model, "batch": batch}))
    takes, needs, copies = (found[name] / MEGA for name in ("takes", "needs", "copies"))
    title = f"training step of {model}, {batch}"
    lab.row(title, [takes / needs], "", Target("5", 1), f"{takes:.2f} of {needs:.2f} MB")
    lab.row("    second copies of the variables", [copies / needs], "", remark=f"{copies:.2f} MB")


def peaks(lab: Lab, what: dict) -> None:
    """The most memory of a process that trains, above one that has NumPy and the data."""
    tasks = {"data": Task("problems.peak", what), "tinygraph": Task("memory.peak", what)}
    for peer in lab.peers:
        arguments = {**what, "framework": peer.framework}
        tasks[f"{peer.title}'s data"] = Task("problems.peak", what, peer)
        tasks[f"{peer.title}, imported"] = Task("peers.peak", {**arguments, "steps": 0}, peer)
        tasks[peer.title] = Task("peers.peak", {**arguments, "steps": STEPS}, peer)
    found = lab.alternate(tasks)
    own = above(found["tinygraph"], found["data"])
    lab.row("process that trains, above NumPy and data", own, "MB")
    for peer in lab.peers:
        data = found[f"{peer.title}'s data"]
        imported, trained = (found[title] for title in (f"{peer.title}, imported", peer.title))
        if not trained or not imported:
            continue
        peak = above(trained, data)
        remark = f"{figure(min(above(imported, data)))} MB by its import"
        lab.row(f"    the same with {peer.title}", peak, "MB", remark=remark)
        if peer.framework == "torch":
            title = f"    tinygraph by {peer.title}"
            lab.row(title, [min(own) / min(peak)], "", Target("5", 1 / 3, below=True))


def above(peaks: list[int], baseline: list[int]) -> list[float]:
    return [(peak - min(baseline)) / MEGA for peak in peaks]


# ---------------------------------------------------------------- in a process of its own


def forward(batch: int, units: int) -> float:
    """What the forward pass of a deep network needs, in units of one activation."""
    rng = np.random.default_rng(0)
    with tg.Graph().as_default():
        x = tg.placeholder(tg.float32, [None, units])
        weights = rng.normal(0, np.sqrt(2 / units), (LAYERS, units, units)).astype(np.float32)
        parts = [(tg.Variable(w), tg.Variable(np.zeros(units, np.float32))) for w in weights]
        variables = [variable for part in parts for variable in part]
        total = tg.reduce_sum(tg.nn.relu(models.layers(x, variables)))
        sess = tg.Session()
        sess.run(tg.global_variables_initializer())
        pixels = rng.random((batch, units), dtype=np.float32)
        with traced():
            return taken(lambda: sess.run(total, {x: pixels})) / pixels.nbytes


def training(model: str, batch: int) -> dict[str, float]:
    """Bytes that a training step takes, and what its activations and one layer's gradients need.

    Some of what it takes outlives the plan: the second copies of the variables, which the session
    computes new values into.
    """
    sizes = problems.SIZES[model]
    activations = batch * sum(sizes[1:])
    gradients = []
    for i in range(len(sizes) - 1):
        errors = sizes[i + 1] + (sizes[i] if i else 0)  # the pixels get none
        gradients.append(sizes[i] * sizes[i + 1] + sizes[i + 1] + batch * errors)
    sess, fetches, feeds = models.training(model, batch)
    with traced():
        takes = taken(lambda: sess.run(fetches, feeds))
        pixels = next(iter(feeds))
        for n in range(OTHER_PLANS):
            sess.run(pixels, {pixels: np.empty((n, sizes[0]), np.float32)})
        gc.collect()
        return {"takes": takes, "needs": 4 * (activations + max(gradients)), "copies": arrays()}


def evicted(plans: int, batch: int) -> dict[str, float]:
    """Bytes of the arrays held while a session gets feeds of ever other shapes."""
    batches = list(range(batch, batch + plans))
    random.Random(0).shuffle(batches)
    with tg.Graph().as_default():
        x = tg.placeholder(tg.float32, [None, 256])
        total = tg.reduce_sum(tg.nn.relu(tg.matmul(x, tg.ones([256, 256])) + 1.0))
    sess, held = tg.Session(graph=x.graph), {}
    with traced():
        for i, n in enumerate(batches, start=1):
            sess.run(total, {x: np.ones((n, 256), np.float32)})
            if i in (plans // 2, plans):
                held["half" if i == plans // 2 else "all"] = arrays()
        sess.close()
        return {**held, "closed": arrays()}


def peak(model: str, batch: int) -> int:
    step = models.step(model, batch)
    for _ in range(STEPS):
        step()
    return measure.peak_memory()


def taken(step: Callable[[], object]) -> float:
    """Bytes of arrays that a step keeps for the next one, and of all it takes on top meanwhile.

    To be called while `traced`.
    """
    step()
    step()
    kept = arrays()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    step()
    return kept + tracemalloc.get_traced_memory()[1] - before


@contextmanager
def traced() -> Iterator[None]:
    """With tracemalloc on, which knows NumPy's arrays."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def arrays() -> int:
    """Bytes in NumPy's arrays that were made since tracing began."""
    only = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([only]).traces)
