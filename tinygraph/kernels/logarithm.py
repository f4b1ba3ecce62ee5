"""log(1 + x) in float32, as fast as log where NumPy's own is not.

NumPy computes float32 logarithms many at a time, but log(1 + x) only with AVX-512: without it,
78,400 of them take 755 us, where the formula below takes 190 and log by itself 130.
"""

from __future__ import annotations

import functools

import numpy as np

MANY = 1 << 10  # elements from which the formula's nine calls pay


@functools.cache
def _is_slow() -> bool:
    """Whether NumPy has this processor's instructions for log, but not for log1p."""
    def is_plain(name: str) -> bool:
        ways = np.lib.introspect.opt_func_info(func_name=f"^{name}$", signature="float32")
        ways_of_dtypes = ways.get(name, {})
        return all("baseline" in way["current"] for way in ways_of_dtypes.values())

    return is_plain("log1p") and not is_plain("log")


def log1p_of(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """x times log(u) / (u - 1) for u = 1 + x as it is rounded, which is exact to 3 units in the
    last place (Kahan; see N. Higham, "Accuracy and Stability of Numerical Algorithms", 1.14.1).
    """
    if x.dtype != np.float32 or x.size < MANY or not _is_slow():
        return np.log1p(x, out=out)
    u = np.add(x, 1)
    below = np.subtract(u, 1)
    unchanged = np.equal(below, 0) | np.equal(below, np.inf)  # tiny, or infinite
    ratio = np.divide(np.log(u, out=u), below, out=u)
    np.copyto(ratio, 1, where=unchanged)
    return np.multiply(x, ratio, out=out)
