"""The error function in NumPy, which has none.

float64: W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23
(1969), with the coefficients of his CALERF; float32: a rational minimax fit of our own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# erf(x) = x R(x²) up to 15/32, erfc(x) = exp(-x²) R(x) up to 4,
# and exp(-x²) / x (1/sqrt(pi) - R(1/x²) / x²) above; highest power last but one, then the top one.
_NEAR = (
    (3.16112374387056560e00, 1.13864154151050156e02, 3.77485237685302021e02,
     3.20937758913846947e03, 1.85777706184603153e-1),
    (2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03,
     2.84423683343917062e03),
)
_MIDDLE = (
    (5.64188496988670089e-1, 8.88314979438837594e00, 6.61191906371416295e01,
     2.98635138197400131e02, 8.81952221241769090e02, 1.71204761263407058e03,
     2.05107837782607147e03, 1.23033935479799725e03, 2.15311535474403846e-8),
    (1.57449261107098347e01, 1.17693950891312499e02, 5.37181101862009858e02,
     1.62138957456669019e03, 3.29079923573345963e03, 4.36261909014324716e03,
     3.43936767414372164e03, 1.23033935480374942e03),
)
_FAR = (
    (3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4, 1.63153871373020978e-2),
    (2.56852019228982242e00, 1.87295284992346725e00, 5.27905102951428412e-1,
     6.05183413124413191e-2, 2.33520497626869185e-3),
)
_NEAR_END, _MIDDLE_END = 0.46875, 4.0
_ZERO_FROM = 32.0  # where erfc is 0: exp(-x²) is so from 28 on

# erf(x) / x as a ratio of polynomials in x², relative error 1.9e-8 for |x| below 3.9192, where the
# nearest float32 is 1; lowest power first.
_SINGLE_END = np.float32(3.9192)
_SINGLE = (
    (1.12837915, 0.190377145, 0.0527455241, 0.00376453658, 0.000284889846, 2.05073491e-06),
    (1.0, 0.502050094, 0.114097607, 0.0149670385, 0.00116233127, 3.8098769e-05),
)


def _ratio(x: np.ndarray, top: Sequence[float], bottom: Sequence[float]) -> np.ndarray:
    """Cody's quotient: monic denominator, the numerator's leading coefficient given last."""
    above, below = top[-1] * x, x.copy()
    for a, b in zip(top[:-2], bottom[:-1], strict=True):
        above += a
        above *= x
        below += b
        below *= x
    above += top[-2]
    below += bottom[-1]
    above /= below
    return above


def _exp_of_minus_square(x: np.ndarray) -> np.ndarray:
    """exp(-x²), with x² as the sum of an exact square and a small rest: no digit is lost."""
    near = np.trunc(x * 16.0) / 16.0
    return np.exp(-near * near) * np.exp((near - x) * (near + x))


def _erfc_tail(x: np.ndarray) -> np.ndarray:
    """erfc for x above 15/32."""
    x = np.minimum(x, _ZERO_FROM)
    result = np.empty_like(x)
    middle = x <= _MIDDLE_END
    result[middle] = _ratio(x[middle], *_MIDDLE)
    far = x[~middle]
    z = 1.0 / (far * far)
    result[~middle] = (1.0 / math.sqrt(math.pi) - z * _ratio(z, *_FAR)) / far
    result *= _exp_of_minus_square(x)
    return result


def _erf_double(x: np.ndarray, complement: bool) -> np.ndarray:
    """erf(x), or its complement 1 - erf(x)."""
    size = np.abs(x)
    result = np.empty_like(x)
    near = size <= _NEAR_END
    erf = x[near] * _ratio(size[near] * size[near], *_NEAR)
    result[near] = 1.0 - erf if complement else erf
    x, erfc = x[~near], _erfc_tail(size[~near])
    result[~near] = np.where(x < 0, 2.0 - erfc, erfc) if complement else np.copysign(1.0 - erfc, x)
    return result


def _erf_single(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, -_SINGLE_END, _SINGLE_END)
    square = x * x
    sums = []
    for coefficients in _SINGLE:
        total = square * np.float32(coefficients[-1])
        for c in coefficients[-2:0:-1]:
            total += np.float32(c)
            total *= square
        total += np.float32(coefficients[0])
        sums.append(total)
    x *= sums[0]
    x /= sums[1]
    return np.clip(x, -1.0, 1.0, out=x)


def erf_of(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The error function, 2/sqrt(pi) times the integral of exp(-t²) from 0 to x, within 6 ulp.

    >>> from tinygraph.kernels.special import erf_of
    >>> erf_of(np.array([0.5, 1.0]), np.empty(2))
    array([0.52049988, 0.84270079])
    """
    flat = np.reshape(x, -1)
    if flat.dtype == np.float64:
        return _stored(_erf_double(flat, complement=False), out)
    return _stored(_erf_single(flat.astype(np.float32, casting="safe", copy=False)), out)


def erfc_of(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """1 - erf(x), without cancellation for large x."""
    flat = np.reshape(x, -1).astype(np.float64, casting="safe", copy=False)
    return _stored(_erf_double(flat, complement=True), out)


def _stored(flat: np.ndarray, out: np.ndarray) -> np.ndarray:
    np.copyto(out, flat.reshape(out.shape), "same_kind")
    return out
