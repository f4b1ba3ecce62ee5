"""CRC-32C, the checksum of TensorFlow's files, in NumPy.

A message is a polynomial over GF(2), its first bit the highest power of x, and the checksum what
remains of it modulo P, which has degree 32. P divides x^6777 + x^484 + x^100 + 1. So what stands
before the last 6777 bits may be added, by XOR, to the bits 6293, 6677 and 6777 places further on,
and the message is as short as that. Over GF(2) a power of two, x -> x^8 or x^64, turns this into
the same rule for bytes and for words of 8 bytes: they are folded in this order, words, bytes, bits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

POLYNOMIAL = 0x82F63B78  # P without x^32; its highest power is the lowest bit, as in a message
ONES = 0xFFFFFFFF
SPAN = 6777
STRIDES = 6293, 6677, 6777  # 6777 - 484, 6777 - 100, 6777 - 0
WORD = 8


def crc32c(data: bytes | bytearray | memoryview | np.ndarray, crc: int = 0) -> int:
    """The CRC-32C of `data`, or of what has the checksum `crc`, followed by `data`.

    It is google-crc32c that computes it, where that is installed.

    >>> from tinygraph.io.crc32c import crc32c
    >>> hex(crc32c(b"123456789")), hex(crc32c(b"6789", crc32c(b"12345")))
    ('0xe3069283', '0xe3069283')
    """
    units = np.frombuffer(data, np.uint8)
    fast = _compiled()
    return _in_numpy(units, crc) if fast is None else fast(crc, units)


def masked(crc: int) -> int:
    """A checksum as it stands in a file; in turn a checksum over it is worth something.

    >>> from tinygraph.io.crc32c import masked
    >>> hex(masked(0xE3069283))
    '0xc78ab0e5'
    """
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & ONES


@cache
def _compiled() -> Callable[[int, np.ndarray], int] | None:
    """google-crc32c's function, if it is there, and not a slow one in Python."""
    try:
        import google_crc32c
    except ImportError:
        return None
    return google_crc32c.extend if google_crc32c.implementation == "c" else None


def _in_numpy(units: np.ndarray, crc: int) -> int:
    register = crc ^ ONES
    if units.size > SPAN * WORD:
        head = units.size % WORD
        register = _remainder(units[:head], register)
        words = np.frombuffer(units[head:], np.uint64)
        units, register = _folded(words, register).view(np.uint8), 0
    if units.size > SPAN:
        units, register = _folded(units, register), 0
    return _remainder(units, register) ^ ONES


def _folded(units: np.ndarray, register: int) -> np.ndarray:
    """The last SPAN units, with those before them added where they are to be added."""
    sums = np.zeros(2 * SPAN, units.dtype)  # what is added to the units from `start` on
    sums.view(np.uint8)[:4] = _bytes_of(register)
    last = units.size - SPAN
    for start in range(0, last, STRIDES[0]):
        count = min(STRIDES[0], last - start)
        done = sums[:count]
        done ^= units[start : start + count]
        for stride in STRIDES:
            sums[stride : stride + count] ^= done
        sums[:SPAN] = sums[count : count + SPAN]
        sums[SPAN:] = 0
    return sums[:SPAN] ^ units[last:]


def _remainder(units: np.ndarray, register: int) -> int:
    """The remainder of a message of bytes: the XOR of the powers of x that it has."""
    message = np.concatenate([units, np.zeros(4, np.uint8)])  # times x^32
    message[:4] ^= _bytes_of(register)
    bits = np.unpackbits(message, bitorder="little")
    if bits.size > SPAN:
        bits = _folded(bits, 0)
    powers = _powers()[SPAN - bits.size :]
    return int(np.bitwise_xor.reduce(powers[bits.view(bool)]))


def _bytes_of(register: int) -> np.ndarray:
    return np.frombuffer(register.to_bytes(4, "little"), np.uint8)


@cache
def _powers() -> np.ndarray:
    """x^6776, ..., x, 1 modulo P."""
    power, powers = 1 << 31, []
    for _ in range(SPAN):
        powers.append(power)
        power = power >> 1 ^ (POLYNOMIAL if power & 1 else 0)
    return np.array(powers[::-1], np.uint32)
