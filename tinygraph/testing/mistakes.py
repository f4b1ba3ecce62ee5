"""The likely mistake in a gradient rule, found by comparing a wrong gradient with the right one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress

import numpy as np

from tinygraph.ops.broadcasting import broadcast_axes

MATCH = 1e-8  # relative to the largest element; numeric derivatives are good to about 1e-10
NICE = [n / d for n in (1, 2, 3, 4) for d in (1, 2, 3, 4)]

Arrays = Mapping[str, np.ndarray]


def likely_mistake(
    by_rule: np.ndarray | None, right: np.ndarray, operands: Arrays, others: Arrays
) -> str:
    """The likely mistake that makes a rule give `by_rule`, not `right`; "" where none explains it.

    operands: what a rule may mention, by name: the gradient g first, the output y, the inputs.
    others: the right gradients of the other inputs.
    """
    if by_rule is None:
        return "missing entirely: the rule is None, but the output depends on this input"
    if not np.isfinite(by_rule).all():
        return "the rule gives inf or NaN where the derivative is finite"
    if by_rule.shape != right.shape:
        return _wrong_shape(by_rule, right, operands, others)
    if not by_rule.any():
        return "the rule gives zeros"
    return (
        _constant(by_rule, right, operands) or _of_another_input(by_rule, others)
        or _transposed(by_rule, right) or _summed(by_rule, right)
        or _product(by_rule, right, operands) or _factor(by_rule, right, operands)
        or _term(by_rule, right, operands) or right_is(right, operands)
    )


def right_is(right: np.ndarray, operands: Arrays) -> str:
    """The right gradient in words, where it is a product of g and an operand; else ""."""
    product = _as_product(right, operands)
    return f"right is {product}" if product else ""


def same(a: np.ndarray, b: np.ndarray, rtol: float = MATCH) -> bool:
    """Whether two arrays agree, relative to the largest element."""
    largest = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return a.shape == b.shape and bool((np.abs(a - b) <= rtol * largest).all())


def ratio(a: np.ndarray, b: np.ndarray) -> float:
    """The number c for which c * b comes closest to a."""
    norm = float(np.vdot(b, b))
    return float(np.vdot(b, a)) / norm if norm else 0.0


# ---------------------------------------------------------------- the shape is wrong


def _wrong_shape(by_rule: np.ndarray, right: np.ndarray, operands: Arrays, others: Arrays) -> str:
    shapes = f"the rule gives shape {by_rule.shape}, the input has {right.shape}"
    axes = _repeated_axes(by_rule.shape, right.shape)
    if axes and same(by_rule.sum(axis=axes).reshape(right.shape), right):
        return f"a missing sum over the broadcast axis {', '.join(map(str, axes))}: {shapes}"
    likely = _transposed(by_rule, right)
    if not likely and by_rule.size == right.size and same(by_rule.reshape(right.shape), right):
        likely = "a missing reshape to the shape of the input"
    if not likely and _of_another_input(by_rule, others):
        return _of_another_input(by_rule, others)
    likely = likely or _product(by_rule, right, operands) or right_is(right, operands)
    return f"{likely}: {shapes}" if likely else shapes


def _repeated_axes(wide: tuple[int, ...], narrow: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes that broadcasting `narrow` to `wide` repeats; None if it does not broadcast."""
    lead = len(wide) - len(narrow)
    if lead < 0 or any(b not in (1, a) for a, b in zip(wide[lead:], narrow, strict=True)):
        return None
    return broadcast_axes(wide, narrow)


def _permutations(x: np.ndarray) -> list[tuple[int, ...]]:
    return list(itertools.permutations(range(x.ndim)))[1:] if 2 <= x.ndim <= 4 else []


# ---------------------------------------------------------------- the values are wrong


def _constant(by_rule: np.ndarray, right: np.ndarray, operands: Arrays) -> str:
    factor = ratio(by_rule, right)
    match = min(MATCH, max(1e-2 * abs(factor - 1), 1e-11))  # so that 1 + 1e-6 stands out
    if not factor or not same(by_rule, factor * right, match):
        return ""
    if right.size == 1 and not (_is_nice(factor) or abs(factor - 1) < 1e-3):
        return ""  # any two numbers are multiples of each other
    if abs(factor + 1) < MATCH:
        return "the sign is wrong"
    text = f"a constant factor: the rule gives {factor:.9g} times the derivative"
    for name, x in operands.items():
        sizes = {"the number of elements": x.size}
        sizes |= {f"the size of axis {i}": size for i, size in enumerate(x.shape)}
        for what, size in sizes.items():
            if size > 2 and any(math.isclose(factor, f, rel_tol=1e-6) for f in (size, 1 / size)):
                return f"{text}; {size} is {what} of {name}"
    return text


def _is_nice(factor: float) -> bool:
    return any(math.isclose(abs(factor), nice, rel_tol=MATCH) for nice in NICE)


def _of_another_input(by_rule: np.ndarray, others: Arrays) -> str:
    for name, gradient in others.items():
        if same(by_rule, gradient):
            return f"it is the gradient of another input, {name}: are two rules swapped?"
    return ""


def _transposed(by_rule: np.ndarray, right: np.ndarray) -> str:
    for perm in _permutations(by_rule):
        if same(by_rule.transpose(perm), right):
            return f"a missing transpose, perm {perm}"
    return ""


def _summed(by_rule: np.ndarray, right: np.ndarray) -> str:
    if right.size > 1:
        for count in range(1, right.ndim + 1):
            for axes in itertools.combinations(range(right.ndim), count):
                total = np.broadcast_to(right.sum(axis=axes, keepdims=True), right.shape)
                if same(by_rule, total):
                    return f"one sum too many, over axis {', '.join(map(str, axes))}"
    return ""


def _product(by_rule: np.ndarray, right: np.ndarray, operands: Arrays) -> str:
    """Both are products of g and operands: the wrong operand, a missing or a needless factor."""
    amounts_to, is_right = _as_product(by_rule, operands), _as_product(right, operands)
    if not amounts_to or not is_right:
        return ""
    both = f"the rule amounts to {amounts_to}, right is {is_right}"
    if _untransposed(amounts_to) != _untransposed(is_right):
        return both
    missing = is_right.count(".T") - amounts_to.count(".T")
    kind = "a missing transpose: " if missing > 0 else "a transpose too many: " if missing else ""
    return kind + both


def _untransposed(product: str) -> str:
    """A product of matrices without its transposes and its numeric factor."""
    return product.replace(".T", "").rpartition(" * ")[2]


def _term(by_rule: np.ndarray, right: np.ndarray, operands: Arrays) -> str:
    missing = _as_product(right - by_rule, operands)
    return f"a missing term {missing}" if missing else ""


def _as_product(array: np.ndarray, operands: Arrays) -> str:
    """`array` as g times an operand, such as "2 * g * x", summed to its shape; "" if it is none."""
    for text, product in products(operands, array.shape):
        factor = ratio(array, product)
        if factor and same(array, factor * product) and (array.size > 1 or _is_nice(factor)):
            return text if abs(factor - 1) < MATCH else f"{factor:.9g} * {text}"
    return ""


def products(operands: Arrays, shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """The products of g and an operand that have a shape, or have it once they are summed."""
    for family in (_products_of_elements, _products_of_matrices):
        for text, product in family(operands):
            axes = _repeated_axes(product.shape, shape)
            if axes is not None:
                yield text, product.sum(axis=axes).reshape(shape)


def _products_of_matrices(operands: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    """g @ x, x @ g and these with transposes, for operands that are (batches of) matrices."""
    matrices = {
        k: x for k, x in operands.items()
        if x.ndim >= 2 and x.dtype.kind == "f" and np.isfinite(x).all()
    }
    g = next(iter(operands))
    pairs = [pair for k in matrices if k != g for pair in ((g, k), (k, g))]
    for pair in pairs if g in matrices else ():
        for transposed in itertools.product((False, True), repeat=2):
            a, b = (
                np.swapaxes(matrices[k], -1, -2) if flip else matrices[k]
                for k, flip in zip(pair, transposed, strict=True)
            )
            text = [k + ".T" * flip for k, flip in zip(pair, transposed, strict=True)]
            with suppress(ValueError):  # their shapes do not fit
                yield " @ ".join(text), np.matmul(a, b)


def _products_of_elements(operands: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    """g, g * x, g * x**2 and g / x."""
    g, arriving = next(iter(operands.items()))
    factors = {g: np.ones(())}
    for name, x in operands.items():
        if name != g and x.dtype.kind == "f":
            factors |= {f"{g} * {name}": x, f"{g} * {name}**2": x * x, f"{g} / {name}": _inverse(x)}
    for text, factor in factors.items():
        if np.isfinite(factor).all():
            with suppress(ValueError):  # their shapes do not fit
                yield text, arriving * factor


def _factor(by_rule: np.ndarray, right: np.ndarray, operands: Arrays) -> str:
    """The two differ, element by element, by an operand."""
    for name, x in operands.items():
        fits = x.dtype.kind == "f" and _repeated_axes(by_rule.shape, x.shape) is not None
        if by_rule.size > 1 and fits:
            for text, factor in {name: x, f"1 / {name}": _inverse(x)}.items():
                number = ratio(right, by_rule * factor) if np.isfinite(factor).all() else 0.0
                if number and same(right, number * by_rule * factor):
                    times = "" if abs(number - 1) < MATCH else f"{number:.9g} * "
                    return f"a missing factor {times}{text}"
    return ""


def _inverse(x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return 1 / x
