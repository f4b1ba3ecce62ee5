"""Cases of ops/clip.py."""

import numpy as np

import tinygraph as tg
from cases import Case, f64


def clipped(x, limit, axis=None):
    norm = np.sqrt(np.sum(x * x, axis=axis, keepdims=axis is not None))
    return x * (limit / np.maximum(norm, limit))


CASES = [
    Case(
        "GlobalNorm",
        lambda x, y, z: tg.global_norm([x, y, z]),
        [f64(2, 3), f64(), f64(4)],
        lambda x, y, z: np.sqrt(np.sum(x * x) + y * y + np.sum(z * z)),
    ),
    Case(
        "GlobalNorm",
        lambda x: tg.global_norm([x]),
        [np.zeros((2, 0))],
        lambda x: np.float64(0.0),
        grad=False,
        note="empty",
    ),
    Case(
        "GlobalNorm",
        lambda x: tg.clip_by_norm(x, 1.5),
        [f64(2, 3)],
        lambda x: clipped(x, 1.5),
        note="clip_by_norm",
    ),
    Case(
        "GlobalNorm",
        lambda x: tg.clip_by_average_norm(x, 0.25),
        [f64(2, 3)],
        lambda x: clipped(x, 0.25 * 6),
        note="clip_by_average_norm",
    ),
    Case(
        "GlobalNorm",
        lambda x, y: tg.clip_by_global_norm([x, y], 1.0)[0],
        [f64(2, 3), f64(4)],
        lambda x, y: [v / np.sqrt(np.sum(x * x) + np.sum(y * y)) for v in (x, y)],
        note="clip_by_global_norm",
    ),
    Case(
        "CheckClipNorm",
        lambda x, limit: tg.clip_by_norm(x, limit),
        [f64(3, 4), np.array(1.5)],
        lambda x, limit: clipped(x, limit),
        note="a fed limit",
    ),
    Case(
        "CheckNumerics",
        lambda x: tg.check_numerics(x, "x"),
        [f64(3, 4)],
        lambda x: x,
    ),
    Case(
        "CheckNumerics",
        lambda x: tg.clip_by_norm(x, 1.5, axes=[1]),
        [f64(3, 4)],
        lambda x: clipped(x, 1.5, axis=1),
        note="clip_by_norm over an axis",
        unknown="dims",
    ),
]
