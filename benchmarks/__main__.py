"""`python -m benchmarks`: times the models' training steps and prints ratios.

A machine can be twice as slow for one process as for the next, so only what one process measured
is compared: several fresh processes take turns, in each the three forms of a step alternate, and
each form counts with its best time in that process. The table gives the median ratio of the
processes and, behind it, the lowest and the highest.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

import tinygraph as tg
from benchmarks.models import MODELS

ROUNDS = 8  # in which the forms of a step alternate


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--batches", nargs="+", type=count, default=[32, 100, 1000])
    parser.add_argument("--processes", type=count, default=5, help="fresh processes (default 5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="a form in a process, about")
    parser.add_argument("--smoke", action="store_true", help="only see whether it works")
    parser.add_argument("--measure", metavar="JSON", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.smoke:
        args.batches, args.processes, args.seconds = [32], 1, 0.02
    if args.measure:
        print(json.dumps(measure(**json.loads(args.measure))))
    else:
        report(args)


def count(text: str) -> int:
    """A number of things, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {number}")
    return number


def report(args: argparse.Namespace) -> None:
    print(
        f"tinygraph {tg.__version__}, NumPy {np.__version__}, Python {platform.python_version()}, "
        f"{args.processes} processes\n"
    )
    if args.smoke:
        print("One short process: this shows that the benchmarks work, and no speed.\n")
    print(f"{'':<22}{'microseconds a step, best':^36}{'ratios, median (from-to)':^44}")
    print(f"{'model, batch':<22}{'tinygraph':>12}{'NumPy':>12}{'products':>12}"
          f"{'to NumPy':>22}{'to products':>22}")  # fmt: skip
    for model in args.models:
        for batch in args.batches:
            task = {"model": model, "batch": batch, "seconds": args.seconds}
            runs = [in_a_fresh_process(task) for _ in range(args.processes)]
            print(row(f"{model}, {batch}", runs), flush=True)
    runs = [
        in_a_fresh_process({"model": "overhead", "batch": 0, "seconds": args.seconds})
        for _ in range(args.processes)
    ]
    overhead = min(run["tinygraph"] for run in runs)
    print(f"\nsess.run(a + 1, {{a: 1.0}}): {overhead:.1f} microseconds")


def row(title: str, runs: list[dict[str, float]]) -> str:
    best = [min(run[form] for run in runs) for form in ("tinygraph", "numpy", "products")]
    times = "".join(f"{t:>12.0f}" for t in best)
    ratios = ""
    for other in ("numpy", "products"):
        values = sorted(run["tinygraph"] / run[other] for run in runs)
        text = f"{np.median(values):.2f} ({values[0]:.2f}-{values[-1]:.2f})"
        ratios += f"{text:>22}"
    return f"{title:<22}{times}{ratios}"


def in_a_fresh_process(task: dict) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks", "--measure", json.dumps(task)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measure(model: str, batch: int, seconds: float) -> dict[str, float]:
    """The best time of a step in each form, in microseconds."""
    if model == "overhead":
        a = tg.placeholder(tg.float32)
        b, sess = a + 1, tg.Session()
        return {"tinygraph": best_times([lambda: sess.run(b, {a: 1.0})], seconds)[0]}
    steps = MODELS[model](batch)
    if model != "denoising":  # whose random numbers differ
        for _ in range(3):
            np.testing.assert_allclose(steps.tinygraph(), steps.numpy(), rtol=1e-4)
    return dict(zip(steps._fields, best_times(list(steps), seconds), strict=True))


def best_times(forms: list[Callable], seconds: float) -> list[float]:
    """Microseconds a call; the forms take turns, and each counts with its best turn."""
    calls = [max(1, int(seconds / ROUNDS / once(form))) for form in forms]
    best = [float("inf")] * len(forms)
    for _ in range(ROUNDS):
        for i, form in enumerate(forms):
            best[i] = min(best[i], once(form, calls[i]) * 1e6)
    return best


def once(form: Callable, calls: int = 3) -> float:
    """Seconds a call, on average over `calls`."""
    start = time.perf_counter()
    for _ in range(calls):
        form()
    return (time.perf_counter() - start) / calls


if __name__ == "__main__":
    main()
