"""`python -m tests.fuzz --graphs N --seed S`: random graphs by hand, any number of them.

`python -m tests.fuzz calls --calls N --seed S`: calls with hostile arguments.
"""

from __future__ import annotations

import argparse
import sys
import time

from . import calls
from .graphs import KINDS, attack


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--graphs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--ways", type=int, default=4, help="sessions for each graph")
    parser.add_argument("--stop", type=int, default=10**9, help="after so many faults")
    given = parser.parse_args()
    start, shown, found = time.perf_counter(), 0, None
    for found in attack(given.graphs, given.seed, tuple(given.kinds), given.ways):
        for seed, fault, program in found.faults[shown:]:
            print(f"\n# seed {seed}, {program.kind}: {fault}\n{program}", flush=True)
        shown = len(found.faults)
        if found.graphs % 500 == 0:
            print(f"{found.graphs} graphs, {shown} faults", file=sys.stderr, flush=True)
        if shown >= given.stop:
            break
    print(found)
    print(f"{time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    sys.exit(calls.main(sys.argv[2:]) if sys.argv[1:2] == ["calls"] else main())
