"""float32 and float16: the graph in its own dtypes against its float64 twin."""

from __future__ import annotations

import numpy as np

from tinygraph.op import item
from tinygraph.testing.diagnose import Finding
from tinygraph.testing.isolate import Isolated, between, values_along
from tinygraph.testing.numeric import random_weights
from tinygraph.testing.twin import Twin, floats, weighted_gradients

# Relative to the largest element. The epsilons are 1.2e-7 and 9.8e-4; a chain of ops loses some
# tens of them, a formula that cancels loses thousands.
RTOL = {"float32": 1e-5, "float16": 5e-2}


def lost_digits(wide: Twin, narrow: Twin, seed: int = 0) -> tuple[str, list[Finding]]:
    """The value or first gradient that loses digits in `narrow`, in words; and the ops at fault."""
    text = _difference(wide, narrow, seed)
    if not text:
        return "", []
    path = between(narrow.ys, floats(narrow.xs), narrow.feeds)
    values = values_along(narrow.session, path, narrow.feeds)
    findings = []
    for node in path:
        if node.kind is item:
            continue
        alone = Isolated(node, values)
        widened = Twin(alone.ys, alone.feeds, alone.session)
        lost = _difference(widened, Twin(alone.ys, alone.feeds, alone.session, False), seed)
        if lost:
            findings.append(Finding(node, "rough", likely=lost))
    return text, findings


def _difference(wide: Twin, narrow: Twin, seed: int) -> str:
    """The first value or gradient that is off, in words; "" if none is."""
    values, names = _values(wide, seed)
    closes, _ = _values(narrow, seed)
    for name, right, close in zip(names, values, closes, strict=True):
        rtol = RTOL.get(close.dtype.name)
        if rtol is None or not right.size:
            continue
        largest = np.abs(right).max()
        off = np.abs(close.astype(np.float64) - right)
        if not (off <= rtol * largest + np.finfo(close.dtype).tiny).all():
            worst = np.where(np.isfinite(off), off, np.inf)
            at = np.unravel_index(int(np.argmax(worst)), off.shape)
            return (
                f"{name} in {close.dtype} is off by {off[at] / largest:.1e} of its largest element:"
                f" at {[int(i) for i in at]} it is {close[at]:.9g}, in float64 {right[at]:.9g}"
            )
    return ""


def _values(twin: Twin, seed: int) -> tuple[list[np.ndarray], list[str]]:
    """The outputs and their weighted gradients, and what to call them."""
    rng = np.random.default_rng(seed)
    ys, xs = floats(twin.ys), floats(twin.xs)
    outputs = [np.asarray(value) for value in twin.session.run(ys, twin.feeds)]
    arriving, grads = weighted_gradients(ys, xs)
    weights = [random_weights(value.shape, rng).astype(value.dtype) for value in outputs]
    feeds = {**twin.feeds, **dict(zip(arriving, weights, strict=True))}
    pairs = [(x, grad) for x, grad in zip(xs, grads, strict=True) if grad is not None]
    slopes = twin.session.run([grad for _, grad in pairs], feeds)
    names = [f"'{y.label}'" for y in ys]
    names += [f"the gradient with respect to '{x.op_name}'" for x, _ in pairs]
    return [*outputs, *map(np.asarray, slopes)], names
