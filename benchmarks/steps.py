"""Training steps: against their bare products, the same by hand, and the peers."""

from __future__ import annotations

from benchmarks import measure, models, problems
from benchmarks.lab import Lab, Target, Task, figure, spread
from tinygraph.console import say

TITLES = {
    "sgd": "Training steps with gradient descent (targets 1 and 2)",
    "adam": "Training steps with Adam (target 2)",
}
METHOD = """\
One step: feeds handed over as NumPy arrays, the update, the loss as a number. The upper line has
microseconds, of the best process and of the slowest; the lower one tinygraph's best by the best of
this column, and its target. "products" are the step's matrix products alone, "NumPy" is by hand.
"""
OWN = ("tinygraph", "products", "NumPy")
PRODUCTS = {"wide": 1.25, "deep": 1.25, "autoencoder": 1.5}
MANY = 1000  # from this batch size on, other targets hold


def report(
    lab: Lab, chosen: list[str], batches: list[int], optimizers: list[str], loops: bool
) -> None:
    for optimizer in optimizers:
        lab.heading(TITLES[optimizer])
        if optimizer == optimizers[0]:
            say(METHOD)
            if loops:
                say("tinygraph's elementwise ops are in loops that numba compiles.\n")
        others = [*OWN[1:], *(peer.title for peer in lab.peers)]
        say(f"{'model, batch':<18}{OWN[0]:<12}{cells(others)}")
        for model in chosen:
            if (model, optimizer) != ("denoising", "adam"):
                for batch in batches:
                    row(lab, model, batch, optimizer, loops)


def row(lab: Lab, model: str, batch: int, optimizer: str, loops: bool) -> None:
    what = {"model": model, "batch": batch, "optimizer": optimizer, "seconds": lab.seconds}
    tasks = {"own": Task("steps.own", {**what, "loops": loops})}
    if model != "denoising":  # which draws random numbers, each framework in its own way
        for peer in lab.peers:
            arguments = {**what, "framework": peer.framework}
            tasks[peer.title] = Task("peers.step_time", arguments, peer)
    found = lab.alternate(tasks)
    own = found.pop("own")
    times = {name: [result[name] for result in own] for name in OWN} | found
    frameworks = {peer.title: peer.framework for peer in lab.peers}
    title = f"{model}, {batch}"
    spreads, ratios = [], []
    for name, values in times.items():
        spreads.append(spread(values) if values else "failed")
        ratio = min(times["tinygraph"]) / min(values, default=float("nan"))
        target = aim(model, batch, optimizer, frameworks.get(name, name)) if values else None
        verdict = lab.judge(f"{title}, {optimizer}, to {name}", ratio, target) if target else ""
        ratios.append(f"{figure(ratio)} {verdict}" if values else "")
    say(f"{title:<18}{spreads[0]:<12}{cells(spreads[1:])}")
    say(f"{'':<30}{cells(ratios[1:])}")


def cells(texts: list[str]) -> str:
    return "".join(f"{text:<16}" for text in texts).rstrip()


def aim(model: str, batch: int, optimizer: str, other: str) -> Target | None:
    """What the ratio of tinygraph's time to another's shall be, if anything."""
    if optimizer == "adam":
        return Target("2", 1.0) if other == "jax" else None
    if other == "products" and model in PRODUCTS:
        return Target("1", PRODUCTS[model])
    if other == "jax":
        return Target("2", 1.1) if batch >= MANY else Target("2", 1.0, below=True)
    if other in ("torch", "tensorflow"):
        return Target("2", 1.0, below=True) if batch >= MANY else Target("2", 0.6)
    return None


# ---------------------------------------------------------------- in a process of its own


def own(
    model: str, batch: int, optimizer: str, seconds: float, loops: bool
) -> dict[str, float]:
    """Microseconds of the three forms that share NumPy's BLAS, and so one process."""
    step = models.step(model, batch, optimizer, loops)
    problems.check(model, batch, optimizer, step)
    forms = {
        "tinygraph": step,
        "products": problems.bare_products(model, batch),
        "NumPy": problems.by_hand(model, batch, optimizer),
    }
    return measure.best_times(forms, seconds)
