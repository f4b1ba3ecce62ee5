"""Calls every public callable with hostile arguments: only documented errors may come out.

    python -m tests.fuzz.calls --calls 100000

takes valid calls (`bases.py`), replaces an argument or two by hostile values (`hostile.py`), and
runs what was built. Call number i of a seed is always the same: `--only i` repeats it.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import io
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph.node import stacks
from tinygraph.op import _registry

from .bases import Call, every_call
from .hostile import hostile

SECONDS = 5.0  # for one call, before it counts as hanging
MEMORY = 2 << 30  # bytes that all calls together may add
PACKAGE = os.path.dirname(os.path.abspath(tg.__file__)) + os.sep
SHAPES = [(), (0,), (1,), (3,), (2, 3), (3, 0), (1, 1), (2, 3, 2)]  # of what is fed
FLOATS = (0.0, -0.0, 1.0, -2.5, 0.5, 6e4, float("inf"), -float("inf"), float("nan"))
HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


@dataclass(frozen=True)
class Finding:
    """An error that is not documented."""

    number: int
    call: str
    error: BaseException

    @property
    def place(self) -> str:
        """The innermost line of tinygraph that the error went through, and its type."""
        frames = traceback.extract_tb(self.error.__traceback__)
        inner = list(filter(_is_ours, frames))
        at = f"{inner[-1].filename.removeprefix(PACKAGE)}:{inner[-1].lineno}" if inner else ""
        return f"{type(self.error).__name__} at {at or 'the call'}"

    def __str__(self) -> str:
        text = str(self.error).split("\n", 1)[0][:160]
        return f"call {self.number}: {self.call}\n    {self.place}: {text}"


class Hangs(BaseException):
    """A call that takes longer than SECONDS."""


def is_documented(error: BaseException) -> bool:
    """Whether `error` may come out: tinygraph's own, or one that never reached tinygraph.

    Of the latter kind is Python's TypeError for a call with too few arguments, or NumPy's where
    both operands are NumPy's; and what a function raises that the call was given.
    """
    if isinstance(error, tg.errors.InternalError):
        return False
    if isinstance(error, tg.errors.TinygraphError):
        return True
    frames = traceback.extract_tb(error.__traceback__)
    return isinstance(error, Exception) and (
        frames[-1].filename.startswith(HERE) or not any(map(_is_ours, frames))
    )


def _is_ours(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(PACKAGE)


# ---------------------------------------------------------------- one call


def _mutated(call: Call, rng: np.random.Generator) -> tuple[str, Any, list, dict]:
    function, args, kwargs = call.make()
    texts = {}
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        slots: list = [*range(len(args)), *kwargs]
        absent = _absent(function, args, kwargs)
        if absent and (not slots or rng.random() < 0.2):
            slots = absent
        if not slots:
            break
        slot = slots[rng.integers(len(slots))]
        texts[slot], value = hostile(rng)
        holder: Any = args if isinstance(slot, int) else kwargs
        inside = holder[slot] if isinstance(slot, int) or slot in kwargs else None
        if isinstance(inside, list) and inside and rng.random() < 0.3:
            at = int(rng.integers(len(inside)))
            value = [*inside[:at], value, *inside[at + 1 :]]
            texts[slot] = f"[..., {texts[slot]}, ...]"
        elif isinstance(inside, dict) and inside and rng.random() < 0.5:
            value = {**inside, next(iter(inside)): value}
            texts[slot] = f"{{...: {texts[slot]}}}"
        holder[slot] = value
    text = ", ".join(f"{slot}={text}" for slot, text in texts.items())
    return f"{call.name}({text})", function, args, kwargs


def _absent(function: Any, args: list, kwargs: dict) -> list[str]:
    """The parameters that the call leaves out."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return [name for name in named[len(args) :] if name not in kwargs]


def _tensors(value: Any, depth: int = 3) -> Iterator[Any]:
    if isinstance(value, tg.Tensor | tg.Operation | tg.IndexedSlices):
        yield value
    elif isinstance(value, list | tuple) and depth:
        for item in value:
            yield from _tensors(item, depth - 1)


def _attempt(function: Any, args: list, kwargs: dict, rng: np.random.Generator) -> None:
    """Call, look at what comes out, and run it; with its gradients, now and then."""
    result = function(*args, **kwargs)
    if hasattr(result, "__enter__") and not isinstance(result, tg.Session):
        with result:
            pass
    elif hasattr(result, "__next__"):
        list(islice(result, 3))
    repr(result)
    fetches = [t for t in _tensors(result) if t.graph is tg.get_default_graph()]
    if not fetches:
        return
    floats = [t for t in fetches if isinstance(t, tg.Tensor) and t.dtype.is_floating]
    if floats and rng.random() < 0.3:
        graph = floats[0].graph
        sources = [n for n in graph.nodes if n.dtype.is_floating and not n.inputs][:4]
        fetches += [g for g in tg.gradients(floats, sources) if g is not None]
    sess = tg.Session()
    try:
        sess.run([v.initializer for v in tg.get_default_graph().get_collection("variables")])
    except tg.errors.TinygraphError:
        return
    sess.run(fetches)
    sess.run(fetches, _odd_feeds(rng))


def _odd_feeds(rng: np.random.Generator) -> dict:
    """Values of other shapes and sizes for what may be fed."""
    feeds = {}
    for node in tg.get_default_graph().nodes:
        if node.kind.name == "PlaceholderWithDefault" and rng.random() < 0.5:
            shape = SHAPES[rng.integers(len(SHAPES))]
            if not node.shape.is_compatible_with(shape):
                shape = tuple(int(rng.integers(4)) if d is None else d for d in node.shape.sizes)
            numbers = FLOATS if node.dtype.is_floating else (0, 1)
            if node.dtype.is_integer:
                numbers = (0, 1, 2, 3, 3, node.dtype.min, node.dtype.max)
            feeds[node] = rng.choice(numbers, shape).astype(node.dtype.as_numpy_dtype)
    return feeds


def finding(number: int, seed: int = 0) -> Finding | None:
    """Make call `number`; what it did that is not documented."""
    rng = np.random.default_rng([seed, number])
    calls = list(every_call().values())
    same = calls[number % len(calls)]
    call = same[rng.integers(len(same))]
    ops, text = set(_registry), call.name
    with in_a_graph(), warnings.catch_warnings(), _silent(), _Caught() as caught:
        warnings.simplefilter("error")
        text, function, args, kwargs = _mutated(call, rng)
        with _at_most(SECONDS):
            _attempt(function, args, kwargs, rng)
    for name in set(_registry) - ops:
        del _registry[name]
    error = caught.error
    return None if error is None or is_documented(error) else Finding(number, text, error)


@contextlib.contextmanager
def in_a_graph() -> Iterator[None]:
    """A default graph of its own; sessions and graphs that stay open within are left out."""
    try:
        with tg.Graph().as_default():
            yield
    finally:
        for stack in (stacks.graphs, stacks.sessions):
            stack.clear()


class _Caught:
    """Keeps the error that ends a `with` block."""

    error: BaseException | None = None

    def __enter__(self) -> _Caught:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        self.error = error
        return isinstance(error, Exception | Hangs)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()):
        yield


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise Hangs(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def confined() -> Iterator[None]:
    """Work in a folder that goes away, with a bound on memory, and leave the sessions as found."""
    import resource

    os.environ["TINYGRAPH_MNIST"] = str(tg.datasets.mnist.SAMPLE)  # not the network
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    folder = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
            os.chdir(folder)


# ---------------------------------------------------------------- many calls


def findings(calls: int, seed: int = 0) -> list[Finding]:
    """What `calls` hostile calls found."""
    every_call()
    with confined():
        found = [finding(number, seed) for number in range(calls)]
    return [f for f in found if f is not None]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz.calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="repeat one call, with its traceback")
    options = parser.parse_args(arguments)
    if options.only is not None:
        every_call()
        with confined():
            found = finding(options.only, options.seed)
        if found is not None:
            print(found)
            traceback.print_exception(found.error)
        return found is not None
    found = findings(options.calls, options.seed)
    places = Counter(f.place for f in found)
    examples = {f.place: f for f in reversed(found)}
    for place, count in places.most_common():
        print(f"{count:6} {place}\n{examples[place]}")
    print(f"{options.calls} calls, {len(found)} findings in {len(places)} places")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
