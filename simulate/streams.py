"""Random numbers inside compiled loops: each key has its own stream, independent of all others.

Functions that are compiled elsewhere contain the functions of this file. numba's cache would not notice a change here,
because it checks only the date of the file that contains the compiled function. This file holds a published algorithm,
which its test vectors protect from changes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..common.compiled import njit

_BUFFER = 512
_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_DROP = np.uint64(11)
_UNIT = 2.0**-53
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


class Stream(NamedTuple):
    """A stream of uniform random numbers.

    Parameters
    ----------
    words : array of uint64, shape (512,)
        Words drawn in advance.
    cursor : array of int64, shape (2,)
        Position of the next word, and the number of blocks drawn so far.
    key : array of uint64, shape (4,)
        The 32-bit words that determine the stream: two for the key, and two for the upper half of the counter.
    """

    words: NDArray[np.uint64]
    cursor: NDArray[np.int64]
    key: NDArray[np.uint64]


@njit("simulate", inline="always")
def _round(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64, np.uint64, np.uint64]:
    p0 = _M0 * c0
    p1 = _M1 * c2
    return (
        (p1 >> _SHIFT) ^ c1 ^ k0, p1 & _MASK, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & _MASK,
        (k0 + _W0) & _MASK, (k1 + _W1) & _MASK,
    )  # fmt: skip


@njit("simulate")
def philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Compute four random 32-bit words from a counter of four words and a key of two: Philox4x32-10.

    Notes
    -----
    Salmon, Moraes, Dror & Shaw (2011), doi:10.1145/2063384.2063405. Each word is stored in 64 bits, so that products do
    not overflow. The rounds are written out, so that the compiler computes several blocks in one instruction.
    """
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    return c0, c1, c2, c3


@njit("simulate")
def open_stream(key: NDArray[np.uint64]) -> Stream:
    """Return the stream that four 32-bit words determine."""
    return Stream(np.empty(_BUFFER, dtype=np.uint64), np.array([_BUFFER, 0], dtype=np.int64), key)


@njit("simulate")
def _refill(words: NDArray[np.uint64], block: np.uint64, key: NDArray[np.uint64]) -> None:
    k0, k1, c2, c3 = key[0], key[1], key[2], key[3]
    for i in range(_BUFFER // 2):
        counter = block + np.uint64(i)
        w0, w1, w2, w3 = philox(counter & _MASK, counter >> _SHIFT, c2, c3, k0, k1)
        words[2 * i] = (w0 << _SHIFT) | w1
        words[2 * i + 1] = (w2 << _SHIFT) | w3


@njit("simulate")
def uniform(stream: Stream) -> float:
    """Draw a number from [0, 1), a multiple of 2^-53."""
    position = stream.cursor[0]
    if position == _BUFFER:
        _refill(stream.words, np.uint64(stream.cursor[1]), stream.key)
        stream.cursor[1] += _BUFFER // 2
        position = 0
    stream.cursor[0] = position + 1
    return np.int64(stream.words[position] >> _DROP) * _UNIT


@njit("simulate")
def gamma(shape: float, stream: Stream) -> float:
    """Draw a gamma variate of scale 1 and shape at least 1: the time of the last of `shape` events of rate 1.

    Notes
    -----
    Marsaglia & Tsang (2000), doi:10.1145/358407.358414, with a normal variate by Box and Muller.
    """
    d = shape - 1.0 / 3.0
    while True:
        normal = np.sqrt(-2.0 * np.log(1.0 - uniform(stream))) * np.cos(2.0 * np.pi * uniform(stream))
        v = (1.0 + normal / np.sqrt(9.0 * d)) ** 3
        if v > 0.0 and np.log(1.0 - uniform(stream)) < 0.5 * normal**2 + d * (1.0 - v + np.log(v)):
            return d * v
