"""The random numbers of compiled loops against published test vectors and a plain implementation."""

import numpy as np
import pytest
from numba import njit
from scipy import stats

from tworate.simulate.streams import gamma, open_stream, philox, uniform

# Known-answer tests of Random123 1.14, file kat_vectors, philox4x32-10: counter, key, output.
VECTORS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text):
    return [int(word, 16) for word in text.split()]


def plain_philox(counter, key):
    (a, b, c, d), (k, j) = counter, key
    for _ in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (right >> 32) ^ b ^ k, right % 2**32, (left >> 32) ^ d ^ j, left % 2**32
        k, j = (k + 0x9E3779B9) % 2**32, (j + 0xBB67AE85) % 2**32
    return [a, b, c, d]


@njit
def drawn(key, number):
    stream = open_stream(key)
    numbers = np.empty(number)
    for i in range(number):
        numbers[i] = uniform(stream)
    return numbers


@pytest.mark.parametrize(("counter", "key", "output"), VECTORS)
def test_known_answers(counter, key, output):
    assert list(philox(*(np.uint64(w) for w in words(counter + " " + key)))) == words(output)
    assert plain_philox(words(counter), words(key)) == words(output)


def test_a_stream_counts_blocks_beyond_its_buffer():
    key = [5, 6, 7, 2**32 - 1]
    expected = []
    for block in range(1500):
        a, b, c, d = plain_philox([block, 0, *key[2:]], key[:2])
        expected += [((a << 32 | b) >> 11) / 2**53, ((c << 32 | d) >> 11) / 2**53]
    assert drawn(np.array(key, dtype=np.uint64), 3000).tolist() == expected


def test_numbers_are_uniform_and_streams_are_unrelated():
    keys = [np.array(key, dtype=np.uint64) for key in ([1, 2, 3, 4], [1, 2, 3, 5], [2, 2, 3, 4])]
    one, another, third = (drawn(key, 200_000) for key in keys)
    assert one.min() >= 0.0 and one.max() < 1.0
    # Six tests with a joint level of 1e-3.
    for sample in (one, another, third):
        assert stats.kstest(sample, "uniform").pvalue > 1e-3 / 6
    for x, y in ((one, another), (one, third), (one[1:], one[:-1])):
        assert stats.pearsonr(x, y).pvalue > 1e-3 / 6


@njit
def drawn_gamma(key, shape, number):
    stream = open_stream(key)
    numbers = np.empty(number)
    for i in range(number):
        numbers[i] = gamma(shape, stream)
    return numbers


@pytest.mark.parametrize("shape", [1.0, 2.5, 32.0])
def test_gamma_variates_have_their_distribution(shape):
    sample = drawn_gamma(np.array([7, 8, 9, 10], dtype=np.uint64), shape, 100_000)
    # Three tests with a joint level of 1e-3.
    assert stats.kstest(sample, stats.gamma(shape).cdf).pvalue > 1e-3 / 3


def test_a_gamma_variate_of_another_shape_is_detected():
    sample = drawn_gamma(np.array([7, 8, 9, 10], dtype=np.uint64), 32.2, 100_000)
    assert stats.kstest(sample, stats.gamma(32.0).cdf).pvalue < 1e-3
