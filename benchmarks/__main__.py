"""`python -m benchmarks`: measures tinygraph against its targets, its own size, and its peers.

A machine can be twice as slow for one process as for the next, for as long as that lives. So each
figure comes from several fresh processes, those of the things compared in alternation, each with
its best of several turns; what is compared is the best process of one with the best of the other,
and the spread from the best to the slowest stands beside it. What uses NumPy's BLAS shares one
process and takes turns there; each peer has a process to itself, so that no two pools of threads
fight. Before it is timed, each framework has to show the losses of the step by hand.

JAX, PyTorch and TensorFlow are taken along where they are found: in this interpreter, and in the
others that --with names, which need the framework and NumPy, but not tinygraph.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import tinygraph as tg
from benchmarks import beside, cores, growth, memory, overhead, problems, starting, steps
from benchmarks.lab import FRAMEWORKS, Lab, find_peers
from tinygraph.console import say
from tinygraph.kernels import blas

GROUPS = {
    "overhead": overhead, "growth": growth, "memory": memory, "import": starting,
    "cores": cores, "beside": beside,
}
# What makes OpenBLAS run other kernels than those that it finds for the processor.
FORCING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def main() -> None:
    args = options().parse_args()
    if args.smoke:
        args.batches, args.processes, args.seconds = [32], 1, 0.02
    interpreters = [*([] if args.smoke else [sys.executable]), *args.interpreters]
    peers = find_peers([name for name in FRAMEWORKS if name in args.peers], interpreters)
    lab = Lab(args.processes, args.seconds, args.smoke, peers)
    say(head(args, lab))
    if "steps" in args.only:
        steps.report(lab, args.models, args.batches, args.optimizers, args.loops)
    for name, group in GROUPS.items():
        if name in args.only:
            group.report(lab)
    lab.summary()
    if args.json:
        found = {"on": head(args, lab), "results": lab.results, "verdicts": lab.verdicts}
        args.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument

    def several(option: str, names: Iterable[str], metavar: str, about: str) -> None:
        text = f"{about}; of {', '.join(names)} (default: all)"
        add(option, nargs="*", choices=names, default=list(names), metavar=metavar, help=text)

    several("--only", ("steps", *GROUPS), "GROUP", "rows to measure")
    several("--models", problems.SIZES, "MODEL", "models of the training steps")
    several("--optimizers", steps.TITLES, "NAME", "optimizers of the training steps")
    several("--peers", FRAMEWORKS, "NAME", "frameworks to take along where they are found")
    add("--with", nargs="+", default=[], metavar="PYTHON", dest="interpreters",
        help="other interpreters to look for the peers in")
    add("--batches", nargs="+", type=count, default=[32, 100, 1000], metavar="N",
        help="batch sizes of the training steps (default: 32 100 1000)")
    add("--processes", type=count, default=5, metavar="N",
        help="fresh processes of each thing (default: 5)")
    add("--seconds", type=float, default=1.0, metavar="S",
        help="time for each form in a process, about (default: 1)")
    add("--loops", action="store_true",
        help="training steps with the pass `loops`, which needs numba")
    add("--json", type=Path, metavar="FILE", help="write what every process measured")
    add("--smoke", action="store_true", help="only see whether it works")
    return parser


def count(text: str) -> int:
    """A number of things, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {number}")
    return number


def head(args: argparse.Namespace, lab: Lab) -> str:
    lines = [
        f"tinygraph {tg.__version__}, NumPy {np.__version__}, Python {platform.python_version()}; "
        f"{os.cpu_count()} cores; fresh processes of each: {lab.processes}"
    ]
    lines += kernels()
    lines += [f"{peer.title}: {peer.python}" for peer in lab.peers]
    taken = {peer.framework for peer in lab.peers}
    missing = [FRAMEWORKS[name] for name in args.peers if name not in taken]
    if missing:
        lines.append(f"not compared with {', '.join(missing)}: not found (see --with)")
    return "\n".join(lines)


def kernels() -> list[str]:
    """Which kernels BLAS runs, on how many threads, and what has a hand in that."""
    pool = blas.pool()
    if pool is None:
        return ["BLAS is no OpenBLAS, or not found: its kernels are unknown"]
    lines = [f"BLAS: OpenBLAS's kernels for {pool.core}; threads of the process: {pool.count()}"]
    forced = [f"{name}={os.environ[name]}" for name in FORCING if name in os.environ]
    if forced:
        lines.append(f"forced by {', '.join(forced)}: not what NumPy's BLAS chooses by itself")
    return lines


if __name__ == "__main__":
    main()
