"""The random numbers of TensorFlow 1: Philox 4x32-10 in vectorised NumPy.

Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) is a keyed hash of a
counter: ten rounds of multiplications turn counter number i into four 32-bit words that look
random. There is no hidden state to carry along, so any part of the stream can be computed at
once, and NumPy computes thousands of counters side by side.

As in TensorFlow, the first seed is the key and the second one the counter's upper half; the lower
half counts. A run that makes n numbers moves the counter on by 256 * n, whatever it used.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from tinygraph.arguments import integer, sequence, shown
from tinygraph.errors import DTypeError, InvalidArgumentError

Array: TypeAlias = "np.ndarray[Any, Any]"
Shape: TypeAlias = Sequence[int]

DEFAULT_GRAPH_SEED = 87654321
RESERVED = 256  # counters that one run of an op sets aside per number it makes
HASHED = 1 << 14  # counters hashed at a time: the scratch below then stays in a cache of 1 MB

_WORD = 0xFFFFFFFF
_LOW, _HALF = np.uint64(_WORD), np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_MADE = (np.float16, np.float32, np.float64, np.int32, np.int64)
_WIDTHS = {np.dtype(t): 2 if np.dtype(t).itemsize == 8 else 4 for t in _MADE}  # per counter
_TINY = 1e-7  # keeps log(u) finite in Box-Muller


def seeds(
    graph_seed: int | None, op_seed: int | None, default: int
) -> tuple[int, int] | tuple[None, None]:
    """The pair of seeds of one random op, from the graph's seed and its own.

    `default` stands in for the op's own seed where only the graph has one; make it a hash of the
    op's name. Two Nones say that nothing was seeded: `Philox(None, None)` then asks the operating
    system. TF: `tf.get_seed`.

    >>> seeds(1, 2, default=9), seeds(1, None, default=9), seeds(None, 2, default=9)
    ((1, 2), (1, 9), (87654321, 2))
    >>> seeds(None, None, default=9), seeds(0, 0, default=9)
    ((None, None), (0, 2147483647))
    """
    if graph_seed is None and op_seed is None:
        return None, None
    largest = 2**31 - 1
    key = (DEFAULT_GRAPH_SEED if graph_seed is None else graph_seed) % largest
    own = (default if op_seed is None else op_seed) % largest
    # TensorFlow's kernels take (0, 0) for "not seeded", so its Python side never passes that.
    return (0, largest) if (key, own) == (0, 0) else (key, own)


class Philox:
    """TensorFlow 1.15's CPU random number generator, with the state of one op.

    Every method is one run of a TensorFlow op: it gives the next numbers that the op would give
    and moves on. Methods write into `out`, a C-contiguous array of the right shape and dtype, or
    make a new array. Uniform numbers equal TensorFlow's to the bit, normal ones to 1e-6.
    Several threads may use one generator.

    `position` is where it is: the two seeds and how far it has counted. Set to a position of
    another generator, it goes on as that one does.

    >>> random = Philox(87654321, 5)
    >>> random.uniform([3])
    array([0.38831127, 0.6636828 , 0.19191074], dtype=float32)
    >>> position = random.position
    >>> random.uniform([3])
    array([0.05274153, 0.0710547 , 0.80581987], dtype=float32)
    >>> position, random.position
    ((87654321, 5, 768), (87654321, 5, 1536))
    >>> other = Philox()
    >>> other.position = position
    >>> other.uniform([3])
    array([0.05274153, 0.0710547 , 0.80581987], dtype=float32)
    """

    __slots__ = ("_count", "_keys", "_lock", "_process", "_seeds", "_upper")

    def __init__(self, seed: int | None = None, seed2: int | None = None) -> None:
        self._count = 0  # of the next run: the counter's lower half, which never overflows
        self._lock = _thread.allocate_lock()
        self._process: int | None = None  # that which drew the seeds, where none are given
        if seed is None or seed2 is None:
            self._draw_seeds()
        else:
            self._set_seeds(seed, seed2)

    def __copy__(self) -> Philox:
        twin = Philox.__new__(Philox)
        twin._seeds, twin._upper, twin._keys = self._seeds, self._upper, self._keys
        twin._count, twin._process, twin._lock = self._count, self._process, self._lock
        return twin

    @property
    def position(self) -> tuple[int, int, int]:
        start = self._reserve(0)  # which draws a forked process its own seeds, if it has to
        return *self._seeds, start

    @position.setter
    def position(self, value: tuple[int, int, int]) -> None:
        parts = sequence(value, "a random position")
        if len(parts) != 3:
            raise InvalidArgumentError(f"a random position is three ints, not {shown(value)}")
        most = 2**64 - 1
        seed, seed2, count = (integer(part, "a random position's part", 0, most) for part in parts)
        self._set_seeds(seed, seed2)
        self._count = count
        if self._process is not None:  # the seeds are this process's own from now on
            self._process = os.getpid()

    def _set_seeds(self, seed: int, seed2: int) -> None:
        self._seeds = seed, seed2
        self._upper = np.uint64(seed2 & _WORD), np.uint64(seed2 >> 32 & _WORD)
        self._keys = [
            (np.uint64(seed + i * _W0 & _WORD), np.uint64((seed >> 32) + i * _W1 & _WORD))
            for i in range(10)
        ]

    def _draw_seeds(self) -> None:
        self._set_seeds(*(int.from_bytes(os.urandom(8), "little") for _ in range(2)))
        self._process = os.getpid()

    def uniform(self, shape: Shape, dtype: Any = np.float32, out: Array | None = None) -> Array:
        """Floats from [0, 1). TF: `random_uniform`."""
        return self._fill(_output(shape, dtype, out), _uniform)

    def integers(
        self, shape: Shape, low: int, high: int, dtype: Any = np.int32, out: Array | None = None
    ) -> Array:
        """Ints from [low, high). TF: `random_uniform` of an integer dtype.

        >>> Philox(1, 2).integers([4], 0, 100)
        array([99, 15,  2,  9], dtype=int32)
        """
        if low >= high:
            raise InvalidArgumentError(f"minval must be less than maxval, got {low} and {high}")
        out = _output(shape, dtype, out)
        return self._fill(out, lambda words, part: _integers(words, part, low, high - low))

    def normal(self, shape: Shape, dtype: Any = np.float32, out: Array | None = None) -> Array:
        """Standard normal numbers by Box and Muller's formula. TF: `random_normal`.

        >>> Philox(1, 2).normal([2]).round(5)
        array([-1.04678,  0.8397 ], dtype=float32)
        """
        return self._fill(_output(shape, dtype, out), _normal)

    def truncated_normal(
        self, shape: Shape, dtype: Any = np.float32, out: Array | None = None
    ) -> Array:
        """Standard normal numbers, redrawn until between -2 and 2. TF: `truncated_normal`.

        >>> bool(np.abs(Philox(1, 2).truncated_normal([1000])).max() < 2)
        True
        """
        out = _output(shape, dtype, out)
        width = _WIDTHS[out.dtype]
        start = self._reserve(RESERVED * out.size)
        for counters, part in _blocks(out, start, stride=RESERVED * width // 4):
            part[:] = self._truncated(counters, width, out.dtype).reshape(-1)[: part.size]
        return out

    def permutation(self, size: int) -> Array:
        """The order in which TF's `random_shuffle` takes `size` rows, by Fisher and Yates.

        >>> Philox(1, 2).permutation(5)
        array([4, 0, 2, 1, 3])
        """
        draws = max(size - 1, 0)
        words = self._sequence(draws, reserved=-(-draws // 4))
        jumps = words % np.arange(size, size - draws, -1, dtype=np.uint32)
        order = list(range(size))
        for i, j in enumerate((jumps + np.arange(draws)).tolist()):
            order[i], order[j] = order[j], order[i]
        return np.array(order, np.int64)

    def multinomial(
        self, logits: Array, num_samples: int, dtype: Any = np.int64, out: Array | None = None
    ) -> Array:
        """Samples of classes, a row for each row of `logits`. TF: `multinomial`.

        The stream is the one that TensorFlow uses on one thread; on several, it gives each
        thread's rows another stretch of the stream, so its numbers depend on the machine.

        >>> Philox(1, 2).multinomial(np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 99.0]]), 4)
        array([[1, 2, 1, 1],
               [2, 2, 2, 2]])
        """
        rows = logits.shape[0]
        out = _output((rows, num_samples), dtype, out)
        padded = -(-num_samples // 4) * 8  # a double takes two words
        uniform = np.empty(out.shape)
        words = self._sequence(2 * out.size, reserved=RESERVED * rows * padded)
        _uniform(words, uniform.reshape(-1))
        finite, lowest = np.isfinite(logits), np.finfo(logits.dtype).min
        top = np.max(logits, axis=1, keepdims=True, initial=lowest, where=finite)
        weights = np.exp(np.where(finite, logits, -np.inf).astype(np.float64) - top)
        cumulated = np.cumsum(weights, axis=1)
        for row, steps, u in zip(out, cumulated, uniform, strict=True):
            row[:] = np.searchsorted(steps, u * steps[-1], side="right")
        return out

    def _reserve(self, counters: int) -> int:
        """Set the next `counters` counters aside for one run, and give the first one."""
        with self._lock:
            if self._process not in (None, os.getpid()):  # a fork: it has to differ from its parent
                self._draw_seeds()
            start = self._count
            self._count += counters
        return start

    def _fill(self, out: Array, convert: Callable[[Array, Array], None]) -> Array:
        """Fill `out` from the stream, block by block: `convert(words, part)` writes a part."""
        start = self._reserve(RESERVED * out.size)
        for counters, part in _blocks(out, start, stride=1):
            convert(self._words(counters), part)
        return out

    def _sequence(self, words: int, reserved: int) -> Array:
        """The stream's next `words` words, from a run that reserves `reserved` counters."""
        start = self._reserve(reserved)
        counters = np.arange(start, start - (-words // 4), dtype=np.uint64)
        return self._words(counters).reshape(-1)[:words]

    def _words(self, counters: Array) -> Array:
        """Philox 4x32-10: four uint32 words for each counter. The time goes into this loop.

        Each word is the low half of a uint64, since a product's two halves are both needed.
        """
        c0, c1, c2, c3, p, q = np.empty((6, counters.size), np.uint64)
        np.bitwise_and(counters, _LOW, out=c0)
        np.right_shift(counters, _HALF, out=c1)
        c2[:], c3[:] = self._upper
        for k0, k1 in self._keys:
            np.multiply(c0, _M0, out=p)
            np.multiply(c2, _M1, out=q)
            np.right_shift(q, _HALF, out=c0)
            c0 ^= c1
            c0 ^= k0
            np.right_shift(p, _HALF, out=c2)
            c2 ^= c3
            c2 ^= k1
            p &= _LOW
            q &= _LOW
            c1, c3, p, q = q, p, c3, c1
        words = np.empty((counters.size, 4), np.uint32)
        for i, word in enumerate((c0, c1, c2, c3)):
            words[:, i] = word
        return words

    def _truncated(self, counters: Array, width: int, dtype: Any) -> Array:
        """Rows of `width` truncated normals; row i draws from `counters[i]` on until it is full."""
        rows = np.empty((counters.size, width), dtype)
        filled = np.zeros(counters.size, np.intp)
        open_rows = np.arange(counters.size)
        while open_rows.size:
            drawn = np.empty((open_rows.size, width), dtype)
            _normal(self._words(counters[open_rows]), drawn.reshape(-1))
            for column in drawn.T:
                kept = (np.abs(column) < 2) & (filled[open_rows] < width)
                at = open_rows[kept]
                rows[at, filled[at]] = column[kept]
                filled[at] += 1
            counters = counters + np.uint64(1)
            open_rows = open_rows[filled[open_rows] < width]
        return rows


def _output(shape: Shape, dtype: Any, out: Array | None) -> Array:
    if out is None:
        out = np.empty(shape, dtype)
    elif out.shape != tuple(shape) or out.dtype != dtype or not out.flags.c_contiguous:
        raise ValueError(
            f"out must be a C-contiguous {np.dtype(dtype)} array of shape {tuple(shape)}, "
            f"got {out.dtype} of shape {out.shape} with strides {out.strides}"
        )
    if out.dtype not in _WIDTHS:
        raise DTypeError(f"no random numbers of dtype {out.dtype}; choose from {[*_WIDTHS]}")
    return out


def _blocks(out: Array, start: int, stride: int) -> Iterator[tuple[Array, Array]]:
    """Parts of the flattened `out`, each with its counters: one for every group of numbers."""
    width = _WIDTHS[out.dtype]
    flat = out.reshape(-1)
    for first in range(0, out.size, HASHED * width):
        part = flat[first : first + HASHED * width]
        groups = np.arange(first // width, first // width - (-part.size // width), dtype=np.uint64)
        yield groups * np.uint64(stride) + np.uint64(start), part


def _uniform(words: Array, out: Array) -> None:
    """Random bits below a fixed exponent give a float in [1, 2); minus one, it is in [0, 1)."""
    words = words.reshape(-1)
    if out.dtype == np.float64:
        bits = words.view(np.uint64)[: out.size]
        bits = bits << _HALF | bits >> _HALF  # the first word is the more significant one
    else:
        bits = words.view(np.uint32)[: out.size].astype(f"u{out.itemsize}", copy=False)
    bits &= bits.dtype.type(2 ** np.finfo(out.dtype).nmant - 1)
    bits |= np.ones((), out.dtype).view(bits.dtype)
    np.subtract(bits.view(out.dtype), 1, out=out)


def _integers(words: Array, out: Array, low: int, count: int) -> None:
    """The words modulo `count`: slightly uneven for a large one, and so is TensorFlow."""
    bits = words.reshape(-1).view(f"u{out.itemsize}")[: out.size]
    unsigned = bits.dtype.type
    bits %= unsigned(count)
    bits += unsigned(low % 2 ** (8 * out.itemsize))  # wraps around where low is negative
    out[:] = bits.view(out.dtype)


def _normal(words: Array, out: Array) -> None:
    """Two uniform numbers give two normal ones: sqrt(-2 log u) times sin and cos of 2 pi v."""
    dtype = np.float64 if out.dtype == np.float64 else np.float32
    uniform = np.empty(words.nbytes // np.dtype(dtype).itemsize, dtype)
    _uniform(words, uniform)
    radius = np.sqrt(-2 * np.log(np.maximum(uniform[0::2], _TINY)))
    angle = np.multiply(uniform[1::2], 2 * np.pi, dtype=np.float64).astype(dtype)  # as TF rounds
    np.multiply(np.sin(angle), radius, out=uniform[0::2])
    np.multiply(np.cos(angle), radius, out=uniform[1::2])
    out[:] = uniform[: out.size]
