"""What NumPy's own BLAS can do and NumPy doesn't offer: add to what is there, on so many threads.

`np.dot` has no way to add a product to an array, and a ufunc none to scale what it adds; BLAS has
`gemm` and `axpy`, and most libraries `axpby`, which scales both terms. They are called in the
library that NumPy itself has loaded, so that one pool of threads serves all products: two pools,
such as NumPy's and SciPy's, fight for the processor.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray
ROW_MAJOR, AS_IT_IS, TRANSPOSED = 101, 111, 112  # CBLAS's numbers


class Routines(NamedTuple):
    """The functions for a dtype; `axpby` is no part of the standard, and may be None."""

    gemm: Callable
    axpy: Callable
    axpby: Callable | None


def _library(kind: Callable[[Any], ctypes.CDLL]) -> ctypes.CDLL | None:
    """The library that NumPy has loaded, with all that this one needs."""
    try:
        return kind(sys.modules["numpy._core._multiarray_umath"].__file__)
    except (OSError, TypeError):
        return None


@functools.cache
def routines() -> dict[str, Routines]:
    """The routines by the dtype's character; empty where NumPy's BLAS can't be found."""
    library, choice, array = _library(ctypes.CDLL), ctypes.c_int, ctypes.c_void_p
    for names, size in (("scipy_cblas_%s64_", ctypes.c_int64), ("cblas_%s", ctypes.c_int32)):
        if hasattr(library, names % "sgemm"):
            by_dtype = {}
            for letter, kind, real in (("f", "s", ctypes.c_float), ("d", "d", ctypes.c_double)):
                gemm, axpy, axpby = [
                    getattr(library, names % (kind + name), None) for name in Routines._fields
                ]
                term, total = (size, real, array, size), (array, size)
                matrices = size, size, size, real, array, size, array, size, real, array, size
                by_dtype[letter] = Routines(
                    _typed(gemm, choice, choice, choice, *matrices), _typed(axpy, *term, *total),
                    _typed(axpby, *term, real, *total),
                )
            return by_dtype if _works(by_dtype) else {}
    return {}


def _typed(function: Any, *kinds: Any) -> Any:
    """A function of the library, told what it takes."""
    if function is not None:
        function.argtypes, function.restype = kinds, None
    return function


def _works(by_dtype: dict[str, Routines]) -> bool:
    """Whether the functions compute what their names say."""
    for letter, blas in by_dtype.items():
        a, b = np.arange(6, dtype=letter).reshape(2, 3), np.arange(12, dtype=letter).reshape(4, 3)
        c = np.ones((2, 4), letter)
        _product_call(blas.gemm, c, a, b.T, 2.0)()
        if not np.array_equal(c, 1 + 2 * (a @ b.T)):
            return False
        for beta in (1, 2) if blas.axpby else (1,):
            d = np.ones(6, letter)
            _scaled_call(blas, d, a.reshape(6), -3.0, beta)()
            if not np.array_equal(d, beta - 3 * a.ravel()):
                return False
    return True


def adding_product(c: Array, a: Array, b: Array, alpha: float) -> functools.partial:
    """The call that adds alpha * a @ b to the contiguous matrix c."""
    if alpha == 0:
        return _replacing(c, c + alpha * np.dot(a, b))
    return _product_call(routines()[c.dtype.char].gemm, c, a, b, alpha)


def adding_scaled(y: Array, x: Array, alpha: float, beta: float) -> functools.partial:
    """The call that makes beta * y + alpha * x of the contiguous array y."""
    if alpha == 0 or beta == 0:
        return _replacing(y, beta * y + alpha * x)
    return _scaled_call(routines()[y.dtype.char], y, x, alpha, beta)


def _replacing(y: Array, value: Array) -> functools.partial:
    """The call that makes `value` of y, for a factor of 0: BLAS skips what is times 0, even NaN."""
    return functools.partial(np.positive, value, out=y)


def _product_call(gemm: Callable, c: Array, a: Array, b: Array, alpha: float) -> functools.partial:
    (rows, columns), inner = c.shape, a.shape[1]
    a, how_a = _row_major(a)
    b, how_b = _row_major(b)
    call = functools.partial(
        gemm, ROW_MAJOR, how_a, how_b, rows, columns, inner,
        alpha, _address(a), a.shape[1] or 1, _address(b), b.shape[1] or 1,
        1.0, _address(c), columns or 1,
    )
    call.operands = c, a, b  # type: ignore[attr-defined]  # their memory must live
    return call


def _scaled_call(
    blas: Routines, y: Array, x: Array, alpha: float, beta: float
) -> functools.partial:
    x = np.ascontiguousarray(x)
    term, total = (y.size, alpha, _address(x), 1), (_address(y), 1)
    if beta == 1:
        call = functools.partial(blas.axpy, *term, *total)
    else:
        assert blas.axpby is not None
        call = functools.partial(blas.axpby, *term, beta, *total)
    call.operands = y, x  # type: ignore[attr-defined]
    return call


def _row_major(x: Array) -> tuple[Array, int]:
    if x.flags.c_contiguous:
        return x, AS_IT_IS
    if x.flags.f_contiguous:
        return x.T, TRANSPOSED
    return np.ascontiguousarray(x), AS_IT_IS


def _address(x: Array) -> int:
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(x))  # type: ignore[arg-type]  # x.ctypes: 1 us
    except (TypeError, ValueError):  # read-only, or empty
        return x.ctypes.data


# ---------------------------------------------------------------- threads


class Pool:
    """The threads of NumPy's OpenBLAS; their number is one for the whole process.

    `next(pool.setting(n))` makes it n until `next(pool.put_back)`. Each of the two is one call into
    C, which neither a signal nor another of Python's threads can split. Where runs in several
    threads overlap, the number is that of the run which began last, until any of them ends; after
    the last one it is what it was before all.
    """

    def __init__(self, count: Callable[[], int], set_count: Callable[[int], Any], core: str):
        self.count = count
        self.set_count = set_count
        self.core = core
        self._replaced: list[int] = []  # by the runs that go on, the process's own number first
        self.put_back = map(set_count, iter(self._replaced.pop, 0))

    def setting(self, threads: int) -> Iterator:
        replacing = map(self._replaced.append, iter(self.count, 0))
        return zip(replacing, map(self.set_count, repeat(threads)), strict=False)


@functools.cache
def pool() -> Pool | None:
    """The threads of NumPy's BLAS; None where that is no OpenBLAS, or can't be found."""
    library = _library(ctypes.PyDLL)  # which keeps Python's other threads out
    for names in ("scipy_openblas_%s64_", "openblas_%s64_", "openblas_%s"):
        parts = ("get_num_threads", "set_num_threads", "get_corename")
        functions = [getattr(library, names % part, None) for part in parts]
        if None not in functions:
            count, set_count, core = functions
            set_count.restype, core.restype = None, ctypes.c_char_p  # type: ignore[union-attr]
            return Pool(count, set_count, core().decode())  # type: ignore[arg-type, misc]
    return None


# ---------------------------------------------------------------- kernels


def add_product(c: Array, a: Array, b: Array, alpha: Array, out: Array) -> Array:
    """c + alpha * a @ b."""
    if c.dtype.char not in routines():
        return np.add(c, alpha * np.dot(a, b), out=out)
    adding_product(copied(c, out), a, b, alpha)()  # type: ignore[arg-type]
    return out


def add_scaled(y: Array, x: Array, alpha: Any, beta: Any, out: Array) -> Array:
    """beta * y + alpha * x."""
    blas = routines().get(y.dtype.char)
    if blas is None:
        return np.add(beta * y, alpha * x, out=out)
    if out is x:
        y, x, beta, alpha = x, y, alpha, beta
    out = copied(y, out)
    if blas.axpby is None and beta != 1:
        np.multiply(out, beta, out=out)
        beta = 1.0
    adding_scaled(out, x, alpha, beta)()
    return out


def copied(x: Array, out: Array) -> Array:
    """x in `out`, where it is already if the op is computed in place."""
    if out is not x:
        np.copyto(out, x)
    return out
