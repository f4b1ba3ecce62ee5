"""Random numbers and initializers; tests/test_random.py knows their values."""

import numpy as np

import tinygraph as tg
from cases import Case, f64, i32, positive

NOTE = "random"
REGISTRY = tg.registry


def rows_of(x):
    """Case wants a NumPy reference or a reason; a shuffle of equal rows has one."""
    return np.broadcast_to(x[:1], x.shape)


def orthonormal(x):
    q, r = np.linalg.qr(x)
    return q * np.sign(np.diagonal(r))


CASES = [
    Case("RandomUniform", lambda: tg.random_uniform([3, 4], seed=1), note=NOTE),
    Case("RandomUniform", lambda x: tg.random_uniform(tg.shape(x), -1.0, 1.0, tg.float64, seed=1),
         [i32(2, 3)], note="random, in the shape of a tensor"),
    Case("RandomUniform", lambda a, b: tg.random_uniform([4], a, b, tg.float64, seed=1),
         [f64(), positive()], note="random, fed bounds", grad=False, dtypes=()),
    Case("AddBelow", REGISTRY["AddBelow"], [f64(3, 2), f64(), np.array(9.0)],
         lambda x, low, high: x + low),
    Case("RandomUniformInt", lambda: tg.random_uniform([3, 4], 0, 9, tg.int32, seed=1), note=NOTE),
    Case("RandomUniformInt", lambda m: tg.random_uniform([5], 1, m, tg.int32),
         [np.array(9, np.int32)], note="random, a fed bound"),
    Case("RandomUniformInt", lambda: tg.random_uniform([], 4, 5, tg.int64), [],
         lambda: np.array(4), note="one number to choose from"),
    Case("RandomStandardNormal", lambda: tg.random_normal([3, 4], 1.0, 0.5), note=NOTE),
    Case("RandomStandardNormal",
         lambda mu, sigma: tg.random_normal(tg.shape(mu), mu, sigma, mu.dtype, seed=1),
         [f64(3, 2), positive(2)], note="random, fed parameters", grad=False, dtypes=()),
    Case("TruncatedNormal", lambda: tg.truncated_normal([3, 4], stddev=0.1, seed=2), note=NOTE),
    Case("RandomShuffle", lambda x: tg.random_shuffle(x, seed=1), [np.ones((4, 2))], rows_of,
         note="equal rows", grad=False),
    Case("RandomShuffle", lambda x: tg.random_shuffle(x), [i32()], lambda x: x, note="a scalar"),
    Case("Multinomial", lambda z: tg.multinomial(z, 5, seed=1), [f64(3, 4)], note=NOTE),
    Case("Multinomial", lambda z, x: tg.random.categorical(z, tg.size(x), tg.int32),
         [f64(3, 4), i32(2)], note="random, a computed number of samples"),
    Case("Orthogonalize", lambda x: REGISTRY["Orthogonalize"](x), [f64(4, 3)], orthonormal,
         grad=False, note="initializers only", dtypes=("float32",)),
    Case("TruncatedNormal", lambda: tg.glorot_normal_initializer(seed=1)([4, 3]),
         note="random, glorot normal"),
    Case("RandomUniform", lambda: tg.glorot_uniform_initializer(seed=1)([3, 3, 4, 2], tg.float64),
         note="random, glorot uniform"),
    Case("Orthogonalize", lambda: tg.orthogonal_initializer(seed=1)([2, 5]), note="random, wide"),
]
