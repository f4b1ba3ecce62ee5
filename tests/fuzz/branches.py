"""Conds, cases and switch_cases: branches are expressions of the catalogue, also of these."""

from __future__ import annotations

from typing import Any

from . import catalogue
from .catalogue import EXACT, SMOOTH, WILD, exact

DEEPEST = 2
FURTHER = [  # what a branch does to a value `y` that it has made
    "-y", "y * y", "y + y", "y * 2", "tg.stack([y, y * y])[1]", "tg.reduce_sum(y) - y",
    "tg.cond(tg.size(y) > 2, lambda: y + 1, lambda: y * y)",
]


def predicate(d: Any) -> str:
    """A bool scalar: fed, known, computed from sizes or from values."""
    how = d.choice(["fed", "fed", "known", "size", "size", "value", "old"])
    x = d.pick("fi")
    old = d.all("b", lambda a: a.ndim == 0)
    if how == "old" and old:
        return d.choice(old)
    if how == "size" and x:
        if d.array(x).ndim and d.chance(0.5):
            return f"tg.shape({x})[0] > {d.array(x).shape[0] + d.integer(-1, 1)}"
        return f"tg.size({x}) > {d.array(x).size + d.integer(-1, 1)}"
    if how == "value" and x and d.kind != "special":
        return f"tg.reduce_sum({x}) > 0"
    if how == "known":
        return f"tg.constant({d.chance(0.5)})"
    return d.scalar("bool")


def number(d: Any) -> str:
    """An int32 scalar."""
    x = d.pick("fib", lambda a: a.ndim)
    how = d.choice(["fed", "size", "old"])
    old = d.all("i", lambda a: a.ndim == 0 and a.dtype.name == "int32")
    if how == "old" and old:
        return d.choice(old)
    return f"tg.shape({x})[0] - 1" if how == "size" and x else d.scalar("int32")


def branch(d: Any, dtype: Any = None) -> tuple[str, Any] | None:
    """An expression of what there is, of a dtype if it matters, and this dtype."""
    for _ in range(4):
        maker = d.choice([*{"exact": EXACT, "smooth": SMOOTH}.get(d.kind, WILD), branched])
        text = maker(d)
        value = d.tried(text) if text else None
        if value is None:
            continue
        if value.dtype.kind in "fi" and d.chance(0.4):
            further = f"(lambda y: {d.choice(FURTHER)})({text})"
            text = further if d.tried(further) is not None else text
        if dtype is None or value.dtype == dtype:
            return text, value.dtype
        if "b" not in (dtype.kind, value.dtype.kind) and dtype.kind != "i":
            return f"tg.cast({text}, tg.{dtype.name})", dtype
    x = d.pick("fib" if dtype is None else dtype)
    if x is None and dtype is not None:
        return f"tg.zeros([2], tg.{dtype.name})", dtype
    return None if x is None else (x, d.dtype(x))


def alike(d: Any, count: int) -> list[str] | None:
    """Branches of one dtype."""
    first = branch(d)
    if first is None:
        return None
    others = [branch(d, first[1]) for _ in range(count - 1)]
    return [first[0], *(text for text, _ in others)]


def chosen_by(d: Any, branches: list[str]) -> str:
    """The op that chooses one of the branches, of which there are as many as it needs."""
    if len(branches) == 2:
        return f"tg.cond({predicate(d)}, lambda: {branches[0]}, lambda: {branches[1]})"
    *functions, last = [f"lambda: {text}" for text in branches]
    if d.chance(0.5):
        return f"tg.switch_case({number(d)}, [{', '.join(functions)}], default={last})"
    pairs = [f"({predicate(d)}, {function})" for function in functions]
    return f"tg.case([{', '.join(pairs)}], default={last})"


@exact
def branched(d):
    """One output, or one of a pair; its parts may be conds as well."""
    if d.depth >= DEEPEST:
        return None
    d.depth += 1
    try:
        count = d.choice([2, 2, 2, 3])
        first = alike(d, count)
        second = first and d.chance(0.3) and alike(d, count)
    finally:
        d.depth -= 1
    if not first:
        return None
    if not second:
        return chosen_by(d, first)
    pairs = [f"[{a}, {b}]" for a, b in zip(first, second, strict=True)]
    if d.depth == 0 and d.chance(0.7):  # both can then be used
        pair = d.pair_of_outputs(chosen_by(d, pairs))
        return pair and f"{pair}[{d.integer(0, 1)}]"
    return f"{chosen_by(d, pairs)}[{d.integer(0, 1)}]"


@exact
def other_output(d):
    pairs = [name for name in d.program.lines if name[0] == "m"]
    return d.choice([f"{name}[{i}]" for name in pairs for i in (0, 1)]) if pairs else None


def updated(d: Any, variable: str) -> str:
    """A cond whose branches update the variable, or one of them does."""
    array = d.array(variable)
    values = d.all(array.dtype, lambda a: a.shape == array.shape)

    def update() -> str:
        value = d.choice(values)
        how = d.choice(["assign", "assign_add", "assign_sub", "rows", "none", "more", "train"])
        if how == "rows" and array.ndim and array.size:
            rows = [d.integer(0, len(array) - 1) for _ in range(d.integer(1, 3))]
            return f"tg.scatter_add({variable}, {rows}, tg.gather({value}, {rows[::-1]}))"
        if how == "more" and d.depth < DEEPEST:
            d.depth += 1
            text = f"tg.cond({predicate(d)}, lambda: {update()}, lambda: {update()})"
            d.depth -= 1
            return text
        if how == "train" and array.dtype.kind == "f":
            rate = "tg.train.GradientDescentOptimizer(0.5)"
            step = f"{rate}.minimize(tg.reduce_sum({variable} * {value}), var_list=[{variable}])"
            return f"tg.tuple([tg.identity({variable})], control_inputs=[{step}])[0]"
        if how.startswith("assign"):
            further = d.choice(["{}", "{} * 2", "{} + {}"]).format(value, variable)
            return f"tg.{how}({variable}, {further})"
        return f"tg.identity({value})"

    return f"tg.cond({predicate(d)}, lambda: {update()}, lambda: {update()})"


catalogue.BRANCHED += [branched, branched, branched, other_output]
