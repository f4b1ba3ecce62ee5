"""What a wrong gradient looks like, compared with the right one: the likely mistake in the rule."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np

MATCH = 1e-8  # relative; numeric derivatives are good to about 1e-10


def likely_mistake(
    given: np.ndarray | None,
    right: np.ndarray,
    operands: Mapping[str, np.ndarray],
    others: Mapping[str, np.ndarray],
) -> str:
    """The simplest change that turns `given`, what a rule gives, into `right`; "" if none is known.

    operands: by name what a rule may mention: g, the output and the inputs.
    others: the right gradients of the other inputs.
    """
    if given is None:
        return "missing entirely: the rule is None, but the output depends on this input"
    if not np.isfinite(given).all() and np.isfinite(right).all():
        return "the rule gives inf or NaN where the derivative is finite"
    if given.shape != right.shape:
        return _wrong_shape(given, right, others)
    if same(given, np.zeros_like(given)):
        return "the rule gives zeros"
    return (
        _constant(given, right, operands)
        or _other_input(given, others)
        or _transposed(given, right)
        or _summed(given, right)
        or _factor(given, right, operands)
        or _term(given, right, operands)
    )


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays agree as well as numeric derivatives can."""
    if a.shape != b.shape:
        return False
    largest = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return bool((np.abs(a - b) <= MATCH * largest).all())


def _wrong_shape(given: np.ndarray, right: np.ndarray, others: Mapping[str, np.ndarray]) -> str:
    shapes = f"the rule gives shape {given.shape}, the input has {right.shape}"
    lead = given.ndim - right.ndim
    if lead >= 0:
        axes = (*range(lead), *(
            i + lead
            for i, (a, b) in enumerate(zip(given.shape[lead:], right.shape, strict=True))
            if a != b and b == 1
        ))  # fmt: skip
        total = given.sum(axis=axes)
        if total.size == right.size and same(total.reshape(right.shape), right):
            return f"a missing sum over the broadcast axis {_listed(axes)}: {shapes}"
    for perm in _permutations(given):
        if same(given.transpose(perm), right):
            return f"a transpose is missing (perm {perm}): {shapes}"
    if given.size == right.size and same(given.reshape(right.shape), right):
        return f"a reshape to the input's shape is missing: {shapes}"
    return _other_input(given, others) or shapes


def _constant(given: np.ndarray, right: np.ndarray, operands: Mapping[str, np.ndarray]) -> str:
    norm = float(np.vdot(right, right))
    factor = float(np.vdot(given, right)) / norm if norm else 0.0
    if not factor or not _within(given, factor * right, abs(factor - 1.0)):
        return ""
    if same(np.array(factor), np.array(-1.0)):
        return "the sign is wrong"
    text = f"a constant factor: the rule gives {factor:.9g} times the derivative"
    for name, x in operands.items():
        for i, size in enumerate((x.size, *x.shape)):
            if size > 1 and any(math.isclose(factor, f, rel_tol=1e-6) for f in (size, 1 / size)):
                what = f"the number of elements of {name}" if i == 0 else f"axis {i - 1} of {name}"
                return f"{text} ({size} is the size of {what})" if i else f"{text} ({size} is {what})"
    return text


def _within(a: np.ndarray, b: np.ndarray, deviation: float) -> bool:
    """Whether a and b agree, to well below a deviation that is itself in question."""
    limit = max(min(MATCH, 1e-2 * deviation), 1e-11)
    return bool((np.abs(a - b) <= limit * np.abs(b).max(initial=0.0)).all())


def _other_input(given: np.ndarray, others: Mapping[str, np.ndarray]) -> str:
    for name, gradient in others.items():
        if same(given, gradient):
            return f"it is the gradient of another input, {name}: are the rules swapped?"
    return ""


def _permutations(x: np.ndarray) -> list[tuple[int, ...]]:
    return list(itertools.permutations(range(x.ndim)))[1:] if 2 <= x.ndim <= 4 else []


def _transposed(given: np.ndarray, right: np.ndarray) -> str:
    for perm in _permutations(given):
        if same(given.transpose(perm), right):
            return f"a transpose is missing (perm {perm})"
    return ""


def _summed(given: np.ndarray, right: np.ndarray) -> str:
    """Summed over an axis and spread again; or the reverse, a sum left out and one item taken."""
    for count in range(1, right.ndim + 1):
        for axes in itertools.combinations(range(right.ndim), count):
            if right.size > 1 and same(given, np.broadcast_to(right.sum(axes, keepdims=True), right.shape)):
                return f"one sum too many, over axis {_listed(axes)}"
    return ""


def _factor(given: np.ndarray, right: np.ndarray, operands: Mapping[str, np.ndarray]) -> str:
    for name, x in operands.items():
        try:
            factor = np.broadcast_to(x, right.shape)
        except ValueError:
            continue
        constant = ""
        for what, a, b in (("missing", given * factor, right), ("too many", given, right * factor)):
            norm = float(np.vdot(a, a))
            scale = float(np.vdot(a, b)) / norm if norm else 0.0
            if scale and same(a * scale, b):
                number = "" if same(np.array(scale), np.ones(())) else f"{scale:.6g} * "
                constant = f"a factor {number if what == 'missing' else ''}{name} is {what}"
                if what == "too many" and number:
                    constant += f" (and one of {scale:.6g} missing)"
                return constant
    return ""


def _term(given: np.ndarray, right: np.ndarray, operands: Mapping[str, np.ndarray]) -> str:
    """A term that is a multiple of g, or of g times an operand."""
    difference = right - given
    g = operands.get("g", np.ones(()))
    for name, x in {"": np.ones(()), **operands}.items():
        try:
            term = np.broadcast_to(g * x, right.shape)
        except ValueError:
            continue
        norm = float(np.vdot(term, term))
        scale = float(np.vdot(term, difference)) / norm if norm and name != "g" else 0.0
        if scale and same(term * scale, difference):
            number = "" if same(np.array(scale), np.ones(())) else f"{scale:.6g} * "
            return f"a term {number}g{' * ' + name if name else ''} is missing"
    return ""


def _listed(axes: tuple[int, ...]) -> str:
    return ", ".join(map(str, axes))
