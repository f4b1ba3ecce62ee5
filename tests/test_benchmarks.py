"""The benchmarks as an instrument: that they compare like with like, and count right.

Nothing here is timed: where a clock matters, it is one that the test winds.
"""

import ast
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import (
    __main__ as main, beside, child, cores, lab, measure, memory, models, problems, steps,
)
from benchmarks.lab import Failed, Lab, Peer, Target, Task

BENCHMARKS = Path(child.__file__).parent
IN_PEERS = ["__init__", "child", "measure", "peers", "problems"]
COMPARED = ["wide", "deep", "autoencoder"]


class Clock:
    """Stands in for the module `time`; a form made by `form` takes the next of its durations."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def form(self, *durations):
        left = list(durations)

        def call():
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return call


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(measure, "time", clock)
    return clock


# ---------------------------------------------------------------- like with like


@pytest.mark.parametrize("optimizer", problems.OPTIMIZERS)
@pytest.mark.parametrize("model", COMPARED)
def test_the_graph_computes_what_the_step_by_hand_does(model, optimizer):
    problems.check(model, 8, optimizer, models.step(model, 8, optimizer))


@pytest.mark.parametrize("optimizer", problems.OPTIMIZERS)
@pytest.mark.parametrize("model", COMPARED)
def test_the_check_notices_a_slightly_wrong_update(model, optimizer, monkeypatch):
    rates = {optimizer: {model: 1.1 * problems.RATES[optimizer][model]}}
    with monkeypatch.context() as patch:
        patch.setattr(problems, "RATES", rates)
        wrong = problems.by_hand(model, 8, optimizer)
    with pytest.raises(AssertionError, match="losses of the first steps"):
        problems.check(model, 8, optimizer, wrong)


@pytest.mark.parametrize("form", [models.step, problems.by_hand])
def test_the_denoising_model_learns(form):
    step = form("denoising", 8, "sgd")
    losses = [float(step()) for _ in range(100)]
    assert np.mean(losses[-10:]) < np.mean(losses[:10])


@pytest.mark.parametrize("name", IN_PEERS)
def test_what_peers_run_needs_neither_tinygraph_nor_a_new_python(name):
    source = (BENCHMARKS / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 7))  # TensorFlow 1.15's
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module
            found |= {f"{base}.{a.name}" if base == "benchmarks" else base for a in node.names}
    own = {name for name in found if name.split(".")[0] in ("benchmarks", "tinygraph")}
    assert own <= {f"benchmarks.{name}" for name in IN_PEERS}


# ---------------------------------------------------------------- clocks and bytes


def test_best_times_takes_the_best_turn_of_each_form(clock):
    forms = {"steady": clock.form(2.0), "varying": clock.form(*[5.0] * 5, 3.0, 4.0)}
    assert measure.best_times(forms, seconds=16.0) == {"steady": 2e6, "varying": 3e6}


def test_best_times_takes_turns(clock):
    order = []
    forms = {name: lambda name=name: order.append(name) for name in "ab"}
    clock.perf_counter = lambda: clock.now + len(order)
    measure.best_times(forms, seconds=measure.TURNS)
    assert "".join(order).endswith("ab" * measure.TURNS)


def test_memory_counts_what_is_kept_and_what_is_taken_meanwhile():
    kept = []

    def step():
        if not kept:
            kept.append(np.ones(300_000, np.uint8))
        np.ones(500_000, np.uint8)

    with memory.traced():
        takes = memory.taken(step)
    assert takes == pytest.approx(800_000, rel=0.02)  # and a few objects of Python's


def test_peak_memory_is_that_of_the_process_asked():
    few, many = (
        lab.ask(Task("problems.peak", {"model": "wide", "batch": n})) for n in (100, 20_000)
    )
    assert many - few >= 0.95 * 4 * 784 * (20_000 - 100)  # the pixels; what is under them varies


def test_a_handover_is_the_first_pass_after_a_product_by_the_next(clock, monkeypatch):
    monkeypatch.setattr(cores, "np", FakeNumPy(clock))
    assert cores.handed_over(np.ones((2, 3)), np.ones((3, 4))) == 6.0


class FakeNumPy:
    """NumPy in which a pass takes six times as long after a product as after another pass."""

    def __init__(self, clock):
        self.clock, self.read = clock, False

    def dot(self, x, w, out):
        self.clock.now += 100.0
        self.read = True

    def negative(self, x, out):
        self.clock.now += 6.0 if self.read else 1.0
        self.read = False


# ---------------------------------------------------------------- processes


@pytest.fixture
def asked(monkeypatch):
    """Answers in place of processes: what each task's `answer` says; the names, in order."""
    order = []

    def ask(task):
        order.append(task.function)
        if task.arguments.get("fails"):
            raise Failed("no such thing")
        return len(order)

    monkeypatch.setattr(lab, "ask", ask)
    return order


def test_processes_alternate(asked):
    a, b = Task("a", {}), Task("b", {"n": 1})
    found = Lab(3, 0.1, False).alternate({"one": a, "two": b})
    assert asked == ["a", "b"] * 3
    assert found == {"one": [1, 3, 5], "two": [2, 4, 6]}


def test_a_peer_that_fails_leaves_the_others_their_results(asked, capsys):
    peer = Peer("JAX 9", "jax", "python")
    tasks = {"own": Task("a", {}), "JAX 9": Task("b", {"fails": True}, peer)}
    assert Lab(2, 0.1, False).alternate(tasks) == {"own": [1, 3], "JAX 9": []}
    assert "(JAX 9 fails here: no such thing)" in capsys.readouterr().out
    with pytest.raises(Failed):
        Lab(2, 0.1, False).alternate({"own": Task("a", {"fails": True})})


def test_a_fresh_process_answers_or_says_why_not():
    versions = Task("peers.versions", {"frameworks": ["json", "no_such_framework"]})
    assert lab.ask(versions) == {"json": json.__version__}
    with pytest.raises(Failed, match="KeyError"):
        lab.ask(Task("problems.peak", {"model": "no such model", "batch": 1}))


def test_each_version_of_a_framework_is_taken_once(monkeypatch, capsys):
    has = {"p": {"jax": "0.9.1"}, "q": {"jax": "0.9.2", "torch": "2.5.1+cpu"}, "r": {"jax": "1.0"}}

    def ask(task):
        if task.peer.python not in has:
            raise Failed("no NumPy there")
        wanted = task.arguments["frameworks"]
        return {name: v for name, v in has[task.peer.python].items() if name in wanted}

    monkeypatch.setattr(lab, "ask", ask)
    peers = lab.find_peers(["jax", "torch"], ["p", "broken", "q", "r"])
    assert peers == [
        Peer("JAX 0.9", "jax", "p"), Peer("JAX 1.0", "jax", "r"), Peer("PyTorch 2.5", "torch", "q"),
    ]
    assert "(broken: no NumPy there)" in capsys.readouterr().out


def test_rounds_of_all_processes_are_told_apart_by_their_handover(monkeypatch, capsys):
    answers = iter([[[2.0, 800.0], [9.0, 1300.0]], [[8.0, 1200.0], [1.0, 900.0]]])
    monkeypatch.setattr(lab, "ask", lambda task: next(answers))
    cores.report(Lab(2, 0.1, False))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split()[-2:] == ["1", "900"]
    assert lines[-1].split()[-2:] == ["9", "1300"]


def test_what_is_measured_beside_another_program_is_held_against_its_time_alone(
    monkeypatch, capsys
):
    times = [[100.0, 130.0], [110.0, 115.0]]
    answers = iter([dict.fromkeys(beside.TARGETS, process) for process in times])
    monkeypatch.setattr(lab, "ask", lambda task: next(answers))
    work = Lab(2, 0.1, False)
    beside.report(work)
    assert [verdict["value"] for verdict in work.verdicts] == [1.15, 1.15]
    assert [verdict["title"] for verdict in work.verdicts] == [
        "28 products of 128 x 128, by alone", "wide, 100, threads=1, by alone",
    ]


def test_the_other_program_lives_as_long_as_it_is_needed(monkeypatch):
    made = []
    popen = beside.subprocess.Popen
    monkeypatch.setattr(
        beside.subprocess, "Popen", lambda *a, **b: made.append(popen(*a, **b)) or made[-1]
    )
    with pytest.raises(KeyError), beside.other_program():
        assert made[0].poll() is None
        raise KeyError
    assert made[0].poll() is not None


@pytest.mark.parametrize("name", main.FORCING)
def test_what_forces_blas_is_said(monkeypatch, name):
    for other in main.FORCING:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setattr(main.blas, "pool", lambda: main.blas.Pool(lambda: 2, int, "Zen"))
    assert main.kernels() == ["BLAS: OpenBLAS's kernels for Zen; threads of the process: 2"]
    monkeypatch.setenv(name, "Sandybridge")
    assert f"forced by {name}=Sandybridge: not what" in main.kernels()[-1]
    monkeypatch.setattr(main.blas, "pool", lambda: None)
    assert main.kernels() == ["BLAS is no OpenBLAS, or not found: its kernels are unknown"]


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    "value, target, words",
    [
        (1.25, Target("1", 1.25), "<= 1.25 ok"),
        (1.251, Target("1", 1.25), "<= 1.25 ok"),  # 1.25 is what the table shows
        (1.26, Target("1", 1.25), "> 1.25 NO"),
        (0.99, Target("2", 1.0, below=True), "< 1 ok"),
        (1.0, Target("2", 1.0, below=True), ">= 1 NO"),
    ],
)
def test_verdicts(value, target, words):
    work = Lab(1, 0.1, False)
    assert work.judge("row", value, target) == words
    assert work.verdicts[0]["met"] == words.endswith("ok")


def test_summary_counts_what_is_met_and_names_what_is_not(capsys):
    work = Lab(1, 0.1, False)
    work.row("quick", [4.0, 3.0], "us", Target("3", 5))
    work.row("slow", [7.0, 9.0], "us", Target("3", 5))
    work.summary()
    printed = capsys.readouterr().out
    assert "3 us  3-4" in printed
    assert "target 3: 1 of 2 met\n    slow: 7 > 5 NO\n" in printed


@pytest.mark.parametrize(
    "model, batch, optimizer, other, limit",
    [
        ("wide", 32, "sgd", "products", 1.25),
        ("autoencoder", 1000, "sgd", "products", 1.5),
        ("deep", 100, "sgd", "jax", 1.0),
        ("deep", 1000, "sgd", "jax", 1.1),
        ("wide", 100, "sgd", "torch", 0.6),
        ("wide", 1000, "sgd", "tensorflow", 1.0),
        ("wide", 1000, "adam", "jax", 1.0),
        ("wide", 32, "adam", "torch", None),
        ("wide", 32, "adam", "products", None),
        ("denoising", 32, "sgd", "products", None),
        ("wide", 32, "sgd", "NumPy", None),
    ],
)
def test_the_targets_are_the_issues(model, batch, optimizer, other, limit):
    target = steps.aim(model, batch, optimizer, other)
    assert (target and target.limit) == limit


def test_the_interpreter_of_a_task(monkeypatch):
    """A peer's tasks run in the peer's interpreter, all others in this one."""
    called = []

    class Done:
        returncode, stdout = 0, "noise\n1"

    monkeypatch.setattr(lab.subprocess, "run", lambda command, **_: called.append(command) or Done)
    assert lab.ask(Task("m.f", {})) == lab.ask(Task("m.f", {}, Peer("", "jax", "theirs"))) == 1
    assert [command[0] for command in called] == [sys.executable, "theirs"]
