"""The random number generator against numbers recorded from TensorFlow 1.15.5."""

import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygraph.kernels import philox
from tinygraph.kernels.philox import RESERVED, Philox, seeds

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("tf115.json").read_text())
PLAIN = ("random_uniform", "random_normal", "truncated_normal")
MAKE = dict(zip(PLAIN, (Philox.uniform, Philox.normal, Philox.truncated_normal), strict=True))
FLOATS = (np.float16, np.float32, np.float64)


def reference(counter, key):
    """Philox 4x32-10 as in the paper, in Python ints: one block of four words."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def generator(case):
    return Philox(*seeds(case["graph_seed"], case["kwargs"]["seed"], default=0))


def cases(*ops):
    found = [case for case in GOLDEN["random"] if case["op"] in ops]
    return pytest.mark.parametrize("case", found, ids=lambda c: f"{c['op']}-{c['graph_seed']}")


# ---------------------------------------------------------------- against the definition


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_the_known_answers_of_the_paper(counter, key, words):
    assert tuple(reference(counter, key)) == words
    random = Philox(key[0] | key[1] << 32, counter[2] | counter[3] << 32)
    found = random._words(np.array([counter[0] | counter[1] << 32], np.uint64))
    np.testing.assert_array_equal(found, [words])


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 10))
def test_words_equal_the_reference(seed, seed2, start):
    found = Philox(seed, seed2)._words(np.arange(5, dtype=np.uint64) + np.uint64(start))
    key, upper = (seed % 2**32, seed >> 32), (seed2 % 2**32, seed2 >> 32)
    for i, words in enumerate(found.tolist()):
        assert words == reference(((start + i) % 2**32, (start + i) >> 32, *upper), key)


# ---------------------------------------------------------------- against TensorFlow


def affine(case, drawn, parameters):
    """What TensorFlow makes of standard numbers."""
    if case["op"] == "random_uniform":
        low, high = map(drawn.dtype.type, (*parameters, *(0, 1)[len(parameters) :]))
        return drawn * (high - low) + low
    named = {"mean": 0, "stddev": 1} | dict(zip(("mean", "stddev"), parameters, strict=False))
    mean, stddev = (case["kwargs"].get(key, value) for key, value in named.items())
    return drawn * drawn.dtype.type(stddev) + drawn.dtype.type(mean)


@cases(*PLAIN)
def test_successive_runs_equal_tensorflow(case):
    """Uniform numbers to the bit, normal ones to 1e-6: logarithm and sine are another library's."""
    random, (shape, *parameters), dtype = generator(case), case["args"], np.dtype(case["dtype"])
    for expected in case["out"]:
        if dtype.kind == "i":
            found = random.integers(shape, *parameters, dtype)
        else:
            found = MAKE[case["op"]](random, shape, dtype)
            found = affine(case, found, parameters)
        assert found.dtype == case["dtype"]
        if case["op"] == "random_uniform":
            np.testing.assert_array_equal(found, np.array(expected, case["dtype"]))
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@cases("random_shuffle")
def test_shuffles_equal_tensorflow(case):
    random, rows = generator(case), np.array(case["args"][0]["value"], case["dtype"])
    for expected in case["out"]:
        found = rows[random.permutation(len(rows))]
        np.testing.assert_array_equal(found, np.array(expected, case["dtype"]))


@cases("multinomial")
def test_multinomial_samples_equal_tensorflow(case):
    logits, num_samples = case["args"]
    random, logits = generator(case), np.array(logits["value"], logits["tensor"])
    for expected in case["out"]:
        found = random.multinomial(logits, num_samples, case["dtype"])
        assert found.dtype == case["dtype"]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("case", GOLDEN["large"], ids=lambda c: f"{c['op']}-{c['dtype']}")
def test_large_arrays_equal_what_tensorflow_fills_with_several_threads(case):
    random = Philox(*seeds(case["graph_seed"], case["seed"], default=0))
    for expected, crc32 in zip(case["out"], case["crc32"], strict=True):
        found = MAKE[case["op"]](random, [case["size"]], case["dtype"])
        if case["op"] == "random_uniform":
            assert zlib.crc32(found.tobytes()) == crc32
        np.testing.assert_allclose(found[:: case["every"]], expected, rtol=1e-6, atol=1e-6)


# ---------------------------------------------------------------- the state


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_run_moves_on_by_256_counters_per_number(make, dtype):
    random = Philox(1, 2)
    make(random, [3, 5], dtype)
    assert random.position == (1, 2, RESERVED * 15)
    skipped = Philox(1, 2)
    skipped.position = (1, 2, RESERVED * 15)
    np.testing.assert_array_equal(make(random, [7], dtype), make(skipped, [7], dtype))


def test_a_run_of_nothing_moves_nothing():
    random = Philox(1, 2)
    assert random.uniform([0, 3]).shape == (0, 3)
    assert random.permutation(0).tolist() == [] and random.permutation(1).tolist() == [0]
    assert random.multinomial(np.zeros((2, 3)), 0).shape == (2, 0)
    assert random.position == (1, 2, 0)


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_longer_run_begins_like_a_shorter_one(make, dtype):
    """Also where the length is no multiple of a group, and across a block's end."""
    longest = 4 * philox.HASHED + 5
    long = make(Philox(3, 4), [longest], dtype)
    for size in (1, 2, 3, 6, 4 * philox.HASHED - 1, 4 * philox.HASHED + 1):
        np.testing.assert_array_equal(make(Philox(3, 4), [size], dtype), long[:size])


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (5, 7)])
def test_out_equals_a_fresh_array(make, dtype, shape):
    out = np.full(shape, 9, dtype)
    assert make(Philox(5, 6), shape, dtype, out=out) is out
    np.testing.assert_array_equal(out, make(Philox(5, 6), shape, dtype))


def test_out_of_integers_and_classes():
    out = np.empty((3, 3), np.int64)
    assert Philox(5, 6).integers((3, 3), -4, 9, np.int64, out=out) is out
    np.testing.assert_array_equal(out, Philox(5, 6).integers((3, 3), -4, 9, np.int64))
    logits = np.zeros((3, 4), np.float32)
    assert Philox(5, 6).multinomial(logits, 3, out=out) is out
    np.testing.assert_array_equal(out, Philox(5, 6).multinomial(logits, 3))


def test_the_inputs_are_not_changed():
    logits = np.array([[0.0, -np.inf, np.nan, 1.0]])
    before = logits.copy()
    Philox(1, 2).multinomial(logits, 5)
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize(
    "out",
    [np.empty(4, np.float32), np.empty((2, 3)), np.empty((3, 2), np.float32).T],
    ids=["shape", "dtype", "strides"],
)
def test_a_wrong_out_is_refused(out):
    with pytest.raises(ValueError, match="C-contiguous float32 array of shape"):
        Philox(1, 2).uniform((2, 3), np.float32, out=out)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(TypeError, match="uint8"):
        Philox(1, 2).uniform([2], np.uint8)
    with pytest.raises(ValueError, match="minval must be less than maxval"):
        Philox(1, 2).integers([2], 5, 5, np.int32)


def test_threads_share_a_generator_without_repeating_numbers():
    random = Philox(7, 8)
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda _: random.uniform([100], np.float64), range(64)))
    alone = Philox(7, 8)
    expected = [alone.uniform([100], np.float64) for _ in range(64)]
    assert sorted(p[0] for p in parts) == sorted(p[0] for p in expected)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.sort(np.concatenate(expected)))


# ---------------------------------------------------------------- seeds


def test_seeds_as_in_tensorflow():
    assert seeds(None, 7, default=1) == (87654321, 7)
    assert seeds(5, None, default=1) == (5, 1)
    assert seeds(5, 7, default=1) == (5, 7)
    assert seeds(0, 0, default=1) == (0, 2**31 - 1)
    assert seeds(2**31 - 1, 2**31 + 4, default=1) == (0, 5)
    assert seeds(-1, 3, default=1) == (2**31 - 2, 3)
    assert seeds(None, None, default=1) == (None, None)


def test_unseeded_generators_differ():
    first, second = (Philox(*seeds(None, None, default=1)) for _ in range(2))
    assert (first.uniform([4]) != second.uniform([4])).any()


def test_seeded_generators_differ_by_either_seed():
    found = [Philox(*pair).uniform([8]).tobytes() for pair in ((1, 2), (1, 3), (2, 2), (2, 1))]
    assert len(set(found)) == 4


# ---------------------------------------------------------------- statistics

# The seeds are fixed, so these bounds of five standard errors never fail by chance.
SIZE = 200_000


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_statistics(dtype):
    x = Philox(11, 12).uniform([SIZE], dtype).astype(np.float64)
    assert 0 <= x.min() and x.max() < 1
    step = 2.0 ** -np.finfo(dtype).nmant  # numbers lie at the left ends of steps
    assert abs(x.mean() + step / 2 - 0.5) < 5 / np.sqrt(12 * SIZE)
    counts = np.histogram(x, 16, (0, 1))[0]
    assert np.abs(counts - SIZE / 16).max() < 5 * np.sqrt(SIZE / 16)
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 5 / np.sqrt(SIZE)


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_statistics(dtype):
    x = Philox(11, 12).normal([SIZE], dtype).astype(np.float64)
    error = 5 / np.sqrt(SIZE)
    assert abs(x.mean()) < error
    assert abs(x.var() - 1) < np.sqrt(2) * error
    assert abs((x**3).mean()) < np.sqrt(15) * error
    assert abs((x**4).mean() - 3) < np.sqrt(96) * error
    assert abs(np.mean(np.abs(x) < 1) - 0.6826895) < error


@pytest.mark.parametrize("dtype", FLOATS)
def test_truncated_normal_statistics(dtype):
    x = Philox(11, 12).truncated_normal([SIZE], dtype).astype(np.float64)
    assert np.abs(x).max() < 2
    assert abs(x.mean()) < 5 / np.sqrt(SIZE)
    assert abs(x.var() - 0.7737413) < 5 / np.sqrt(SIZE)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integers_take_each_value_equally_often(dtype):
    x = Philox(11, 12).integers([SIZE], -3, 7, dtype)
    values, counts = np.unique(x, return_counts=True)
    np.testing.assert_array_equal(values, np.arange(-3, 7))
    assert np.abs(counts - SIZE / 10).max() < 5 * np.sqrt(SIZE / 10)


def test_integers_up_to_the_limits():
    for dtype in (np.int32, np.int64):
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        x = Philox(1, 2).integers([1000], low, high, dtype)
        assert (x < 0).any() and (x > 0).any() and np.abs(x.astype(float)).max() > 0.99 * high


@given(st.integers(0, 200), st.integers(0, 2**31))
def test_a_permutation_has_each_index_once(size, seed):
    order = Philox(seed, 1).permutation(size)
    np.testing.assert_array_equal(np.sort(order), np.arange(size))


def test_multinomial_frequencies():
    p = np.array([[0.1, 0.2, 0.7], [0.5, 0.0, 0.5]])
    with np.errstate(divide="ignore"):
        logits = np.log(p)
    x = Philox(11, 12).multinomial(logits, SIZE)
    for row, probability in zip(x, p, strict=True):
        found = np.bincount(row, minlength=3) / SIZE
        assert np.abs(found - probability).max() < 5 * 0.5 / np.sqrt(SIZE)
