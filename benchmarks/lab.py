"""What every group of rows works with: fresh processes that take turns, targets, a summary."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from tinygraph.console import say

ROOT = Path(__file__).resolve().parents[1]
FRAMEWORKS = {"jax": "JAX", "torch": "PyTorch", "tensorflow": "TF"}
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}


class Peer(NamedTuple):
    """A framework to compare with, and the interpreter that has it."""

    title: str
    framework: str
    python: str


class Task(NamedTuple):
    """A function of `benchmarks`, "module.function", for a fresh process to call."""

    function: str
    arguments: dict[str, Any]
    peer: Peer | None = None


class Target(NamedTuple):
    """What a measured value may be at most, or must stay below."""

    issue: str  # the number of the target in the issue that set it
    limit: float
    below: bool = False

    def met(self, value: float) -> bool:
        return value < self.limit if self.below else value <= self.limit

    def verdict(self, value: float) -> str:
        met = self.met(value)
        sign = ("<" if met else ">=") if self.below else ("<=" if met else ">")
        return f"{sign} {self.limit:.3g} {'ok' if met else 'NO'}"


class Failed(Exception):
    """A process that gave no result."""


@dataclass
class Lab:
    """The options of one run of the benchmarks, and what it has found."""

    processes: int
    seconds: float
    smoke: bool
    peers: list[Peer] = field(default_factory=list)
    results: list[dict] = field(default_factory=list)
    verdicts: list[dict] = field(default_factory=list)

    def alternate(self, tasks: Mapping[str, Task], factor: int = 1) -> dict[str, list[Any]]:
        """The results of each task, from one process after another that take turns.

        Where a process is quick, there may be `factor` times as many. A peer's task that fails
        has no results; its error is printed.
        """
        found: dict[str, list[Any]] = {name: [] for name in tasks}
        failed = set()
        for _ in range(self.processes * (1 if self.smoke else factor)):
            for name, task in tasks.items():
                if name in failed:
                    continue
                try:
                    result = ask(task)
                except Failed as error:
                    if task.peer is None:
                        raise
                    failed.add(name)
                    say(f"({name} fails here: {error})")
                    continue
                found[name].append(result)
                self.results.append(record(name, task, result))
        return found

    def judge(self, title: str, value: float, target: Target) -> str:
        """The verdict in words, kept for the summary; judged is the value as it is printed."""
        shown = float(figure(value))
        self.verdicts.append({
            "title": title, "value": value, **target._asdict(), "met": target.met(shown),
        })
        return target.verdict(shown)

    def row(
        self, title: str, values: list[float], unit: str, target: Target | None = None,
        remark: str = "",
    ) -> None:
        """Print a row of a group: the best of `values`, the spread or a remark, the verdict."""
        best = min(values)
        verdict = self.judge(title.strip(), best, target) if target else ""
        remark = remark or (spread(values) if len(values) > 1 else "")
        say(f"{title:<45}{figure(best):>9} {unit:<4}{remark:<22}{verdict}".rstrip())

    def once(self, task: Task) -> Any:
        """What one process finds of something that does not vary, as time does."""
        result = ask(task)
        self.results.append(record(task.function, task, result))
        return result

    def heading(self, text: str) -> None:
        say(f"\n{text}\n{'-' * len(text)}")

    def summary(self) -> None:
        """How many of the targets are met, and which are not."""
        if not self.verdicts:
            return
        self.heading("Summary")
        if self.smoke:
            say("One short process of each: this shows that the benchmarks work, and no speed.")
            return
        for issue in sorted({verdict["issue"] for verdict in self.verdicts}):
            rows = [verdict for verdict in self.verdicts if verdict["issue"] == issue]
            met = sum(verdict["met"] for verdict in rows)
            say(f"target {issue}: {met} of {len(rows)} met")
            for row in rows:
                if not row["met"]:
                    target = Target(row["issue"], row["limit"], row["below"])
                    value = figure(row["value"])
                    say(f"    {row['title']}: {value} {target.verdict(float(value))}")


def record(name: str, task: Task, result: Any) -> dict:
    """What --json writes of a process."""
    return {"name": name, "function": task.function, **task.arguments, "result": result}


def spread(values: list[float]) -> str:
    """From the best process to the slowest."""
    return "-".join(dict.fromkeys((figure(min(values)), figure(max(values)))))


def figure(value: float) -> str:
    """Three digits, as many as such measurements are good for."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ask(task: Task) -> Any:
    """Have a fresh process call the task's function; return what it returned."""
    python = task.peer.python if task.peer else sys.executable
    module, function = task.function.split(".")
    command = [python, "-m", "benchmarks.child", module, function, json.dumps(task.arguments)]
    environment = {**os.environ, **QUIET}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled in the first process
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    except OSError as error:  # no such interpreter
        raise Failed(str(error)) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise Failed(last if task.peer else f"{task}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def find_peers(frameworks: list[str], interpreters: list[str]) -> list[Peer]:
    """Those of the frameworks that the interpreters can import, each version once."""
    found: dict[str, Peer] = {}
    for python in interpreters:
        for framework in frameworks:
            task = Task("peers.versions", {"frameworks": [framework]}, Peer("", framework, python))
            try:
                versions = ask(task)
            except Failed as error:
                say(f"({python}: {error})")
                break
            for version in versions.values():
                title = f"{FRAMEWORKS[framework]} {'.'.join(version.split('.')[:2])}"
                found.setdefault(title, Peer(title, framework, python))
    return sorted(found.values(), key=lambda peer: frameworks.index(peer.framework))
