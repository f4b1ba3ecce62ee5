"""Cases of the ops that make, rearrange, join, take apart and choose."""

from __future__ import annotations

import numpy as np

import tinygraph as tg
from cases import Case, bools, f64, i32, i64
from tinygraph.op import registry
from tinygraph.ops.indexing import Index

INF, NAN = np.inf, np.nan
s_ = np.s_


# ---------------------------------------------------------------- references in plain NumPy


def same(x):
    return x


def at(index, *shape):
    """Zeros with g at [index]."""

    def scattered(g):
        out = np.zeros(shape, g.dtype)
        out[index] = g
        return out

    return scattered


def added_at(g, indices, shape, axis=0):
    out = np.zeros(shape, g.dtype)
    np.add.at(out, (slice(None),) * (axis % len(shape)) + (indices,), g)
    return out


def scattered_nd(indices, updates, shape):
    out = np.zeros(shape, updates.dtype)
    np.add.at(out, tuple(np.moveaxis(indices, -1, 0)), updates)
    return out


def one_hot(indices, depth, on=1.0, off=0.0, axis=-1, dtype=np.float32):
    hot = indices[..., None] == np.arange(depth)
    return np.moveaxis(np.where(hot, on, off).astype(dtype), -1, axis)


def largest(x, k):
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k].astype(np.int32)
    return [np.take_along_axis(x, order, -1), order]


def in_top_k(predictions, targets, k):
    """TensorFlow's loop."""
    found = []
    for row, target in zip(predictions, targets, strict=True):
        fits = 0 <= target < len(row) and np.isfinite(row).all()
        found.append(bool(fits and sum(row > row[target]) < k))
    return np.array(found)


def set_diagonal(x, diagonal):
    out = x.copy()
    for i in range(diagonal.shape[-1]):
        out[..., i, i] = diagonal[..., i]
    return out


def diagonal_tensor(x):
    out = np.zeros(x.shape * 2)
    for i in np.ndindex(x.shape):
        out[i + i] = x[i]
    return out


def band(x, lower, upper):
    out = x.copy()
    for i, j in np.ndindex(x.shape[-2:]):
        if lower >= 0 and i - j > lower or upper >= 0 and j - i > upper:
            out[..., i, j] = 0
    return out


def unique(x):
    y = list(dict.fromkeys(x.tolist()))
    return [np.array(y, x.dtype), np.array([y.index(v) for v in x.tolist()], np.int32)]


# ---------------------------------------------------------------- array.py

SHAPES = [
    Case("Identity", lambda x: tg.identity(x), [f64(2, 3)], same),
    Case("StopGradient", lambda x: tg.stop_gradient(x), [f64(2, 3)], same, grad=False),
    Case("Shape", lambda x: tg.shape(x), [f64(2, 3)], lambda x: np.array([2, 3], np.int32)),
    Case("Shape", lambda x: tg.shape(x, out_type=tg.int64), [f64()],
         lambda x: np.zeros(0, np.int64)),
    Case("Size", lambda x: tg.size(x), [f64(2, 3)], lambda x: np.int32(6)),
    Case("Size", lambda x: tg.size(x, out_type=tg.int64), [f64(0, 3)], lambda x: np.int64(0)),
    Case("Rank", lambda x: tg.rank(x), [f64(2, 3)], lambda x: np.int32(2)),
    Case("Rank", lambda x: tg.rank(x), [i32()], lambda x: np.int32(0)),
    Case("Reshape", lambda x: tg.reshape(x, [3, -1]), [f64(2, 3)], lambda x: x.reshape(3, 2)),
    Case("Reshape", lambda x: tg.reshape(x, [-1]), [f64()], lambda x: x.reshape(1)),
    Case("Reshape", lambda x: tg.reshape(x, []), [f64(1, 1)], lambda x: x.reshape(()),
         note="to a scalar"),
    Case("Reshape", lambda x: tg.reshape(x, [4, 0]), [f64(0, 3)], lambda x: x.reshape(4, 0)),
    Case("Reshape", lambda x: tg.reshape(tg.transpose(x), [-1]), [f64(2, 3)],
         lambda x: x.T.reshape(-1), note="of a view"),
    Case("Reshape", lambda x, y: tg.reshape(x, tg.shape(y)), [f64(2, 3), f64(3, 2, 1)],
         lambda x, y: x.reshape(3, 2, 1), note="computed shape"),
    Case("EnsureShape", lambda x: tg.ensure_shape(x, [None, 3]), [f64(2, 3)], same),
    Case("ExpandDims", lambda x: tg.expand_dims(x, 1), [f64(2, 3)], lambda x: x[:, None]),
    Case("ExpandDims", lambda x: tg.expand_dims(x, -1), [f64()], lambda x: x[None]),
    Case("ExpandDims", lambda x: tg.expand_dims(x, dim=0), [i32(2)], lambda x: x[None]),
    Case("Squeeze", lambda x: tg.squeeze(x), [f64(1, 3, 1)], lambda x: x[0, :, 0]),
    Case("Squeeze", lambda x: tg.squeeze(x, [-1]), [f64(1, 3, 1)], lambda x: x[..., 0],
         note="axis"),
    Case("Squeeze", lambda x: tg.squeeze(x, squeeze_dims=[0, 2]), [f64(1, 3, 1)],
         lambda x: x[0, :, 0], note="axes"),
    Case("Transpose", lambda x: tg.transpose(x), [f64(2, 3, 4)], lambda x: x.transpose()),
    Case("TransposeBy", registry["TransposeBy"], [f64(2, 3, 4), np.array([1, 2, 0], np.int32)],
         lambda x, perm: x.transpose(perm)),
    Case("SameSizes", lambda dims: registry["SameSizes"](dims, [2, 3]),
         [np.array([2, 3], np.int32)], lambda dims: dims),
    Case("AxesFirst", lambda axes: registry["AxesFirst"](axes, 4),
         [np.array([2, -4], np.int32)], lambda axes: np.array([2, 0, 1, 3], np.int32)),
    Case("AxesBack", lambda axis: registry["AxesBack"](axis, 5, 2),
         [np.array(-2, np.int32)], lambda axis: np.array([2, 3, 0, 1, 4], np.int32)),
    Case("AxesMerged", registry["AxesMerged"], [i32(3, low=2), np.array([2, 0], np.int32)],
         lambda shape, axes: np.array([shape[0] * shape[1], shape[2]], np.int32)),
    Case("AxesKept", registry["AxesKept"], [i32(3, low=2), np.array([0, -1], np.int32)],
         lambda shape, axes: np.array([1, shape[1], 1], np.int32)),
    Case("Transpose", lambda x: tg.transpose(x, [1, 2, 0]), [f64(2, 3, 4)],
         lambda x: x.transpose(1, 2, 0), note="perm"),
    Case("Fill", lambda x: tg.fill([2, 3], x), [f64()], lambda x: np.full((2, 3), x)),
    Case("Fill", lambda x: tg.fill([], x), [f64()], same, note="scalar"),
    Case("Fill", lambda x, y: tg.fill(tg.shape(y), x), [f64(), f64(2, 0)],
         lambda x, y: np.zeros((2, 0)), note="computed shape"),
    Case("Fill", lambda x: [tg.zeros_like(x), tg.ones_like(x, tg.int32)], [f64(2, 3)],
         lambda x: [np.zeros((2, 3)), np.ones((2, 3), np.int32)], grad=False,
         note="zeros and ones like"),
    Case("Fill", lambda: [tg.zeros([50, 40]), tg.ones([2000], tg.bool), tg.zeros([])], [],
         lambda: [np.zeros((50, 40)), np.ones(2000, bool), np.zeros(())], note="large"),
    Case("BroadcastTo", lambda x: tg.broadcast_to(x, [2, 3]), [f64(3)],
         lambda x: np.tile(x, (2, 1))),
    Case("BroadcastTo", lambda x: tg.broadcast_to(x, [4, 2, 3]), [f64(2, 1)],
         lambda x: np.broadcast_to(x, (4, 2, 3))),
    Case("BroadcastTo", lambda x: tg.broadcast_to(x, [0, 2]), [f64()], lambda x: np.zeros((0, 2))),
]

# ---------------------------------------------------------------- indexing.py, gathering.py


def indexed(key, *shape, note=""):
    return Case("StridedSlice", lambda x: x[key], [f64(*shape)], lambda x: x[key],
                note=note or str(key))


def nd_case(indices, *shape, note=""):
    return Case("GatherNd", lambda x, i: tg.gather_nd(x, i), [f64(*shape), indices],
                lambda x, i: x[tuple(np.moveaxis(i, -1, 0))], note=note)


PARTS = [
    *[indexed(key, 3, 4, 2) for key in (
        1, -1, s_[1:], s_[::2], s_[::-1], s_[5:9], ..., None, s_[1, 2, 0], s_[..., 0],
        s_[0, ..., ::-1], s_[None, -1, ..., None], s_[1:3, ::-2, -1], s_[:0:-1, 3::-2],
        s_[:, :, 1:1], s_[-2:, 1:-1], (), s_[2:0:-1],
    )],
    indexed(..., note="scalar"),
    indexed(None, note="scalar new axis"),
    Case("StridedSlice", lambda x: x[1:], [i32(4)], lambda x: x[1:]),
    Case("StridedSlice", lambda x: x[1:][::-1][0], [f64(4, 2)], lambda x: x[3], note="of slices"),
    Case("StridedSlice", lambda x: x[tg.shape(x)[0] - 1, 1 : tg.rank(x)], [f64(3, 4)],
         lambda x: x[2, 1:2], note="computed bounds"),
    Case("StridedSlice",
         lambda x: tg.strided_slice(x, [0, 3, 7], [2, 0, 9], [1, -2, 5], 1, 2, 0, 4),
         [f64(3, 4)], lambda x: x[:2, 3::-2, None], note="masks"),
    Case("StridedSlice", lambda x: tg.strided_slice(x, [9, 1], [9, 2], None, 0, 0, 1, 0, 2),
         [f64(3, 4)], lambda x: x[..., 1], note="ellipsis and shrink masks"),
    Case("StridedSliceGrad", lambda g: registry["StridedSliceGrad"](
        g, [3, 4], index=Index(s_[1:, ..., ::2])), [f64(2, 2)], at(s_[1:, ::2], 3, 4)),
    Case("StridedSliceGrad", lambda g: registry["StridedSliceGrad"](
        g, [3, 4], index=Index(s_[1, ..., -1])), [f64()], at(s_[1, -1], 3, 4)),
    Case("AddSlice", lambda x, g: registry["AddSlice"](x, g, index=Index(s_[1:, ..., ::2])),
         [f64(3, 4), f64(2, 2)], lambda x, g: x + at(s_[1:, ::2], 3, 4)(g)),
    Case("StridedSliceGrad", lambda x: tg.gradients([x[0] * x[1, 0], x[1:]], x)[0], [f64(2, 3)],
         lambda x: np.stack([np.full(3, x[1, 0]), [1 + x[0].sum(), 1, 1]]), note="sum of slices"),
    Case("GatherV2", lambda x, i: tg.gather(x, i), [f64(4, 2), i32(5, high=4)], lambda x, i: x[i]),
    Case("GatherV2", lambda x, i: tg.gather(x, i), [f64(4), i64(2, 3, high=4)], lambda x, i: x[i]),
    Case("GatherV2", lambda x, i: tg.gather(x, i, axis=1), [f64(2, 4, 3), i32(high=4)],
         lambda x, i: x[:, i], note="axis 1"),
    Case("GatherV2", lambda x, i: tg.gather(x, i, axis=-1), [f64(2, 3, 4), i32(2, 3, high=4)],
         lambda x, i: x[..., i], note="last axis"),
    Case("GatherV2", lambda x, i: tg.gather(x, i), [f64(0, 3), i32(0)], lambda x, i: x),
    Case("GatherV2", lambda x, i: tg.gather(x, i, axis=1), [f64(3, 4, 2), i32(5, high=4)],
         lambda x, i: x[:, i], note="middle axis"),
    Case("GatherV2", lambda x, i: tg.gather(tg.transpose(x), i), [f64(2, 4), i32(5, high=4)],
         lambda x, i: x.T[i], note="of a view"),
    Case("GatherV2", lambda x, i: tg.nn.embedding_lookup([x], i), [f64(4, 2), i32(3, high=4)],
         lambda x, i: x[i], note="embedding_lookup"),
    Case("GatherGrad", lambda g, i: registry["GatherGrad"](g, i, [4, 2], axis=0),
         [f64(5, 2), i32(5, high=4)], lambda g, i: added_at(g, i, (4, 2))),
    Case("GatherGrad", lambda g, i: registry["GatherGrad"](g, i, [2, 4, 3], axis=1),
         [f64(2, 2, 5, 3), i32(2, 5, high=4)], lambda g, i: added_at(g, i, (2, 4, 3), 1)),
    nd_case(np.array([[0, 1], [2, 0], [0, 1]], np.int32), 3, 2),
    nd_case(np.array([[1], [1]]), 3, 2),
    nd_case(np.array([[[0, 1], [1, 2]]], np.int32), 2, 3, 2),
    Case("GatherNd", lambda x: tg.gather_nd(x, np.zeros((2, 0), np.int32)), [f64(3)],
         lambda x: np.stack([x, x]), note="whole"),
    Case("ScatterNd", lambda i, x: tg.scatter_nd(i, x, [5]),
         [np.array([[1], [3], [1]], np.int32), f64(3)], lambda i, x: scattered_nd(i, x, 5)),
    Case("ScatterNd", lambda i, x: tg.scatter_nd(i, x, [2, 3, 2]),
         [np.array([[[0, 1], [1, 2]]]), f64(1, 2, 2)], lambda i, x: scattered_nd(i, x, (2, 3, 2))),
    Case("BooleanMask", lambda x, m: tg.boolean_mask(x, m), [f64(4, 2), bools(4)],
         lambda x, m: x[m], unknown="dims"),
    Case("BooleanMask", lambda x, m: tg.boolean_mask(x, m), [f64(4, 2), bools(4, 2)],
         lambda x, m: x[m], unknown="dims"),
    Case("BooleanMask", lambda x, m: tg.boolean_mask(x, m, axis=1), [f64(3, 2, 4), bools(2, 4)],
         lambda x, m: x[:, m], note="axis 1", unknown="dims"),
    Case("BooleanMask", lambda x: x[x > 0.0], [f64(3, 4)], lambda x: x[x > 0], note="x[mask]"),
    Case("BooleanMask", lambda x: tg.boolean_mask(x, [False, False]), [f64(2, 3)],
         lambda x: x[:0], note="none"),
    Case("BooleanMaskGrad", lambda g: registry["BooleanMaskGrad"](
        g, [True, False, True], [2, 3], axis=1), [f64(2, 2)], at(s_[:, ::2], 2, 3)),
]

# ---------------------------------------------------------------- joining.py, padding.py

JOINS = [
    *[Case("ConcatV2", lambda *xs, a=axis: tg.concat(xs, a), [f64(2, 1), f64(2, 3), f64(2, 0)],
           lambda *xs: np.concatenate(xs, 1), note=f"axis {axis}") for axis in (1, -1)],
    Case("ConcatV2", lambda x, y: tg.concat([x, y, x], axis=0), [f64(2, 3), f64(1, 3)],
         lambda x, y: np.concatenate([x, y, x])),
    Case("ConcatV2", lambda x: tg.concat([x, [[7, 8, 9]]], 0), [i32(2, 3)],
         lambda x: np.concatenate([x, np.array([[7, 8, 9]], np.int32)])),
    Case("Identity", lambda x: tg.concat([x], 0), [f64(2, 3)], same, note="concat of one"),
    *[Case("Pack", lambda *xs, a=axis: tg.stack(xs, a), [f64(2, 3), f64(2, 3), f64(2, 3)],
           lambda *xs, a=axis: np.stack(xs, a), note=f"axis {axis}") for axis in (0, 1, -1)],
    Case("Pack", lambda x, y: tg.stack([x, y, 1.0]), [f64(), f64()],
         lambda x, y: np.stack([x, y, 1.0]), note="scalars"),
    Case("Pack", lambda x, y: tg.parallel_stack([x, y]), [i32(2), i32(2)],
         lambda x, y: np.stack([x, y]), note="parallel"),
    Case("Pack", lambda x: tg.reshape(x, [tg.shape(x)[1], -1]), [f64(2, 3)],
         lambda x: x.reshape(3, 2), note="a shape"),
    *[Case("Unpack", lambda x, a=axis: tg.unstack(x, num=3, axis=a), [f64(3, 2, 3)],
           lambda x, a=axis: list(np.moveaxis(x, a, 0)), note=f"axis {axis}") for axis in (0, -1)],
    Case("Unpack", lambda x: tg.unstack(x)[1] * tg.unstack(x)[0], [f64(2)],
         lambda x: x[1] * x[0], unknown=""),
    Case("Split", lambda x: tg.split(x, 2), [f64(4, 3)], lambda x: np.split(x, 2)),
    Case("Split", lambda x: tg.split(x, 3, axis=-1)[1], [f64(4, 3)], lambda x: x[:, 1:2],
         note="last axis"),
    Case("Split", lambda x: tg.split(x, [1, 0, 3], 0), [f64(4, 2)],
         lambda x: [x[:1], x[:0], x[1:]], note="sizes"),
    Case("Split", lambda x: tg.split(x, [1, -1, 2], -1), [f64(2, 5)],
         lambda x: [x[:, :1], x[:, 1:3], x[:, 3:]], note="the rest"),
    Case("Split", lambda x: tg.split(x, 1), [f64(2, 3)], lambda x: [x], note="one part"),
    Case("SplitV", lambda x, sizes: tg.split(x, sizes, 1, num=3),
         [f64(2, 9), np.array([2, -1, 3], np.int64)],
         lambda x, sizes: [x[:, :2], x[:, 2:6], x[:, 6:]]),
    Case("SplitV", lambda x, sizes: tg.split(x, sizes, num=2)[1],
         [f64(5, 2), np.array([2, 3], np.int32)],
         lambda x, sizes: x[2:], note="one of two", unknown=""),
    Case("Slice", lambda x: tg.slice(x, [1, 0], [2, -1]), [f64(3, 4)], lambda x: x[1:3]),
    Case("Slice", lambda x: tg.slice(x, np.array([0, 1]), np.array([1, 2])), [f64(3, 4)],
         lambda x: x[:1, 1:3], note="int64"),
    Case("Slice", lambda x: tg.slice(x, [3], [0]), [f64(3)], lambda x: x[:0], note="empty"),
    Case("Slice", lambda x: tg.slice(x, [0, 1], [tg.shape(x)[0], 1]), [f64(3, 2)],
         lambda x: x[:, 1:], note="computed size"),
    Case("Pad", lambda x: tg.pad(x, [[1, 2], [0, 1]]), [f64(2, 3)],
         lambda x: np.pad(x, [[1, 2], [0, 1]])),
    Case("Pad", lambda x: tg.pad(x, [[0, 2]]), [i32(3)], lambda x: np.pad(x, [[0, 2]])),
    Case("Pad", lambda x: tg.pad(x, np.zeros((0, 2), int)), [f64()], same, note="nothing"),
    Case("PadV2", lambda x, c: tg.pad(x, [[1, 2], [0, 1]], constant_values=c), [f64(2, 3), f64()],
         lambda x, c: np.pad(x, [[1, 2], [0, 1]], constant_values=c)),
    Case("PadV2", lambda x: tg.pad(x, [[1, 0]], constant_values=3), [i32(3)],
         lambda x: np.pad(x, [[1, 0]], constant_values=3)),
    *[Case("MirrorPad", lambda x, p=pads, m=mode: tg.pad(x, p, m), [f64(3, 4)],
           lambda x, p=pads, m=mode: np.pad(x, p, m.lower()), note=f"{mode} {pads}")
      for mode in ("REFLECT", "symmetric") for pads in ([[1, 2], [2, 1]], [[0, 2], [3, 0]])],
    Case("MirrorPad", lambda x: tg.pad(x, [[2, 1]], "SYMMETRIC"), [f64(2)],
         lambda x: np.pad(x, [[2, 1]], "symmetric"), note="all"),
    Case("MirrorPad", lambda x: tg.pad(x, np.zeros((0, 2), int), "REFLECT"), [f64()], same,
         note="nothing"),
    Case("MirrorPlaces", lambda: registry["MirrorPlaces"]([2, 2], [[1, 0], [0, 1]], mode="REFLECT"),
         [], lambda: np.array([[2, 3, 2], [0, 1, 0], [2, 3, 2]])),
    Case("Tile", lambda x: tg.tile(x, [2, 3]), [f64(2, 3)], lambda x: np.tile(x, [2, 3])),
    Case("Tile", lambda x: tg.tile(x, [0]), [f64(3)], lambda x: x[:0], note="nothing"),
    Case("Tile", lambda x: tg.tile(x, []), [f64()], same),
    Case("ReverseV2", lambda x: tg.reverse(x, [0, -1]), [f64(2, 3, 4)], lambda x: x[::-1, :, ::-1]),
    Case("ReverseV2", lambda x: tg.reverse_v2(x, []), [f64(2)], same, note="no axis"),
]

# ---------------------------------------------------------------- making.py, diagonals.py

MAKING = [
    Case("Range", lambda: [tg.range(5), tg.range(2, 10, 3), tg.range(5, 0, -2)], [],
         lambda: [np.arange(5, dtype=np.int32), np.array([2, 5, 8], np.int32),
                  np.array([5, 3, 1], np.int32)]),
    Case("Range", lambda: tg.range(0.0, 1.0, 0.25), [], lambda: np.arange(0, 1, 0.25),
         note="floats"),
    Case("Range", lambda: tg.range(3, dtype=tg.int64), [], lambda: np.arange(3), note="dtype"),
    Case("Range", lambda x: tg.range(tg.shape(x)[0]), [f64(3, 2)],
         lambda x: np.arange(3, dtype=np.int32)),
    Case("Range", lambda n: tg.range(n, 7), [i64(low=2, high=5)], lambda n: np.arange(n, 7)),
    Case("LinSpace", lambda a, b: tg.linspace(a, b, 5), [f64(), f64()],
         lambda a, b: np.linspace(a, b, 5)),
    Case("LinSpace", lambda a, b: tg.lin_space(a, b, 1), [f64(), f64()], lambda a, b: a[None],
         note="one"),
    *[Case("OneHot", lambda i, on, off, a=axis: tg.one_hot(i, 3, on, off, axis=a),
           [i32(2, 4, low=-1, high=4), f64(), f64()],
           lambda i, on, off, a=axis: one_hot(i, 3, on, off, a, on.dtype), note=f"axis {axis}")
      for axis in (-1, 0, 1)],
    Case("OneHot", lambda i: tg.one_hot(i, 3), [i64(high=3)], lambda i: one_hot(i, 3)),
    Case("OneHot", lambda i: tg.one_hot(i, 3, dtype=tg.int32), [i32(4, high=3)],
         lambda i: one_hot(i, 3, dtype=np.int32)),
    Case("OneHot", lambda i: tg.one_hot(i, 2, True, False), [i32(0)],
         lambda i: np.zeros((0, 2), bool)),
    Case("Range", lambda n: tg.sequence_mask(n), [i32(2, 3, high=4)],
         lambda n: np.arange(n.max()) < n[..., None], note="sequence_mask"),
    Case("Range", lambda n: tg.sequence_mask(n, 5, tg.float32), [i64(3, high=7)],
         lambda n: (np.arange(5) < n[..., None]).astype(np.float32), note="sequence_mask maxlen"),
    *[Case("BroadcastTo", lambda x, y, z, k=kind: tg.meshgrid(x, y, z, indexing=k),
           [f64(2), f64(3), f64(1)], lambda x, y, z, k=kind: np.meshgrid(x, y, z, indexing=k),
           note=f"meshgrid {kind}") for kind in ("xy", "ij")],
]

DIAGONALS = [
    Case("MatrixDiag", lambda x: tg.matrix_diag(x), [f64(2, 3)],
         lambda x: x[..., None] * np.eye(3)),
    Case("MatrixDiag", lambda x: tg.matrix_diag(x), [f64(0)], lambda x: np.zeros((0, 0))),
    *[Case("MatrixDiagPart", lambda x: tg.matrix_diag_part(x), [f64(*shape)],
           lambda x: np.diagonal(x, 0, -2, -1)) for shape in ((3, 3), (2, 3), (2, 3, 2))],
    *[Case("MatrixSetDiag", lambda x, d: tg.matrix_set_diag(x, d), [f64(*shape), f64(*part)],
           set_diagonal)
      for shape, part in (((3, 3), (3,)), ((2, 3), (2,)), ((2, 3, 2), (2, 2)), ((3, 1), (1,)))],
    *[Case("MatrixBandPart", lambda x, n=numbers: tg.matrix_band_part(x, *n), [f64(2, 3, 4)],
           lambda x, n=numbers: band(x, *n), note=str(numbers))
      for numbers in ((0, 1), (-1, 0), (1, -1), (0, 0))],
    Case("Diag", lambda x: tg.diag(x), [f64(3)], diagonal_tensor),
    Case("Diag", lambda x: tg.diag(x), [f64(2, 3)], diagonal_tensor),
    Case("DiagPart", lambda x: tg.diag_part(x), [f64(3, 3)], np.diagonal),
    Case("DiagPart", lambda x: tg.diag_part(x), [f64(2, 3, 2, 3)],
         lambda x: x.reshape(6, 6).diagonal().reshape(2, 3)),
]

# ---------------------------------------------------------------- selecting.py

TIES = np.array([[1.0, 5.0, 5.0, 2.0], [4.0, 9.0, 9.0, 9.0]])
PREDICTIONS = np.array([[0.1, 0.5, 0.5], [1, NAN, 0], [INF, 1, 2], [1, 2, 3], [1, 2, 3], [3, 2, 1]])
TARGETS = np.array([2, 0, 0, 9, -1, 1], np.int32)

CHOICES = [
    Case("Select", lambda c, x, y: tg.where(c, x, y), [bools(3, 4), f64(3, 4), f64(3, 4)],
         np.where),
    Case("Select", lambda c, x, y: tg.where(c, x, y), [bools(3), f64(3, 4), f64(3, 4)],
         lambda c, x, y: np.where(c[:, None], x, y), note="rows"),
    Case("Select", lambda c, x, y: tg.where(c, x, y), [bools(), f64(3), f64(3)], np.where,
         note="scalar"),
    Case("Select", lambda c, x, y: tg.where(c, x * 2.0, y * 3.0), [bools(3), f64(3), f64(3)],
         lambda c, x, y: np.where(c, 2 * x, 3 * y), note="in place"),
    Case("Select", lambda c, x: tg.where(c, x, [1, 2, 3]), [bools(3), i32(3)],
         lambda c, x: np.where(c, x, np.array([1, 2, 3], np.int32))),
    Case("Where", lambda c: tg.where(c), [bools(2, 3)], np.argwhere),
    Case("Where", lambda c: tg.where(c), [i32(6, high=2)], np.argwhere),
    Case("TopKV2", lambda x: tg.nn.top_k(x, 2), [f64(3, 4)], lambda x: largest(x, 2)),
    Case("TopKV2", lambda x: list(tg.nn.top_k(x)), [f64(4)], lambda x: largest(x, 1)),
    Case("TopKV2", lambda x: tg.nn.top_k(x, 3), [TIES], lambda x: largest(x, 3), note="ties",
         grad=False),
    Case("TopKV2", lambda x: tg.nn.top_k(x, 3), [i32(2, 3, 4)], lambda x: largest(x, 3)),
    Case("TopKV2", lambda x: tg.nn.top_k(x, 0).indices, [f64(2, 3)],
         lambda x: np.zeros((2, 0), np.int32), note="none"),
    Case("TakeAlongRows", lambda x: registry["TakeAlongRows"](x, [[2, 0], [1, 3]]), [f64(2, 4)],
         lambda x: x[[[0, 0], [1, 1]], [[2, 0], [1, 3]]]),
    Case("TopKGrad", lambda g: registry["TopKGrad"](g, [[2, 0], [1, 3]], [2, 4]), [f64(2, 2)],
         at(([[0, 0], [1, 1]], [[2, 0], [1, 3]]), 2, 4)),
    *[Case("InTopKV2", lambda p, t, k=k: tg.nn.in_top_k(p, t, k), [PREDICTIONS, TARGETS],
           lambda p, t, k=k: in_top_k(p, t, k), note=f"k {k}") for k in (0, 1, 2, 3)],
    Case("InTopKV2", lambda p, t: tg.nn.in_top_k(p, t, 2), [f64(0, 3), i32(0)],
         lambda p, t: np.zeros(0, bool), note="nothing"),
    Case("Unique", lambda x: tg.unique(x), [i32(9, high=4)], unique),
    Case("Unique", lambda x: tg.unique(x, tg.int64).idx, [i32(9, high=4)],
         lambda x: unique(x)[1].astype(np.int64), note="int64"),
    Case("UniqueWithCounts", lambda x: tg.unique_with_counts(x), [i32(9, high=4)],
         lambda x: [*unique(x), np.array([list(x).count(v) for v in unique(x)[0]], np.int32)]),
    Case("UniqueWithCounts", lambda x: tg.unique_with_counts(x, tg.int64), [i32(0)],
         lambda x: [x, np.zeros(0, np.int64), np.zeros(0, np.int64)], note="nothing"),
    Case("ListDiff", lambda x: tg.setdiff1d(x, [1, 3]), [np.array([1, 2, 3, 2, 5], np.int32)],
         lambda x: [np.array([2, 2, 5], np.int32), np.array([1, 3, 4], np.int32)]),
    Case("ListDiff", lambda x, y: tg.setdiff1d(x, y, tg.int64).idx, [i32(5), i32(3)],
         lambda x, y: np.flatnonzero(~np.isin(x, y))),
    Case("InvertPermutation", lambda x: tg.invert_permutation(x), [np.array([2, 0, 1], np.int32)],
         lambda x: np.argsort(x).astype(np.int32)),
]

CASES = [
    Case("ShapedLike", lambda x, y: registry["ShapedLike"](x, y), [f64(2, 3), f64(2, 3)],
         lambda x, y: x), *SHAPES, *PARTS, *JOINS, *MAKING, *DIAGONALS, *CHOICES]
