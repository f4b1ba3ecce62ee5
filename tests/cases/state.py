"""Cases of variables, their updates and placeholders; what they do to a session: test_state.py."""

from pathlib import Path

import numpy as np

import tinygraph as tg
from cases import Case, f64, i32, i64
from tinygraph.train.initializing import restore

START = np.array([1.0, -2.0, 0.5])
TABLE = np.array([[1.0, -2.0], [0.5, 0.25], [3.0, -1.0], [0.0, 4.0]])


def scattered(indices, updates, sign):
    table = TABLE.copy()
    np.add.at(table, indices, sign * updates)
    return table


def totals(rows, indices):
    return np.stack([rows[indices == i].sum(axis=0) for i in indices])


def replaced(indices, updates):
    table = TABLE.copy()
    table[indices] = updates
    return table


def squared(stateful):
    return lambda x: tg.py_func(np.square, [x], x.dtype, stateful)


def restored(graph):
    """The rows 0 1, 2 3, ..., 12 13, from a file."""
    path = Path(__file__).parents[1] / "golden/checkpoints/v2-parts"
    shape = tg.TensorShape([7, 2])
    with graph.as_default():
        return restore(prefix=str(path), tensor_name="rows", dtype=tg.float32, shape=shape)


CASES = [
    Case("RestoreV2", lambda x: tg.cast(restored(x.graph), x.dtype) * x, [f64(7, 2)],
         lambda x: np.arange(14.0).reshape(7, 2) * x),
    Case("Print", lambda x: tg.Print(x, [x], first_n=0), [f64(3)], lambda x: x),
    Case("PyFunc", squared(True), [f64(3)], np.square, grad=False),
    Case("PyFuncStateless", squared(False), [f64(3)], np.square, grad=False),
    Case("VariableV2", lambda x: tg.Variable(START) * x, [f64(2, 3)], lambda x: START * x),
    Case("VariableV2", lambda x: tg.Variable(START, validate_shape=False) * x, [f64(2, 3)],
         lambda x: START * x, note="unknown shape", dtypes=()),
    Case("Assign", lambda x: tg.Variable(START).assign(x), [f64(3)], lambda x: x, dtypes=()),
    Case("Replace", lambda x: tg.registry["Replace"](tg.Variable(START), x), [f64(3)], lambda x: x,
         dtypes=()),
    Case("AssignAdd", lambda x: tg.Variable(START).assign_add(x), [f64(3)], lambda x: START + x,
         dtypes=()),
    Case("AssignSub", lambda x: tg.Variable(START).assign_sub(x), [f64(3)], lambda x: START - x,
         dtypes=()),
    Case("ScatterAdd", lambda i, x: tg.scatter_add(tg.Variable(TABLE), i, x),
         [i32(5, high=4), f64(5, 2)], lambda i, x: scattered(i, x, 1), dtypes=()),
    Case("ScatterAdd", lambda i, x: tg.scatter_add(tg.Variable(TABLE), i, x),
         [i64(high=4), f64(2)], lambda i, x: scattered(i, x, 1), dtypes=()),
    Case("ScatterSub", lambda i, x: tg.scatter_sub(tg.Variable(TABLE), i, x),
         [i32(2, 3, high=4), f64(2, 3, 2)], lambda i, x: scattered(i, x, -1), dtypes=()),
    Case("ScatterSub", lambda i, x: tg.scatter_sub(tg.Variable(TABLE), i, x),
         [np.array([3, 0]), f64()], lambda i, x: scattered(i, x, -1), dtypes=(), note="a scalar"),
    Case("ScatterUpdate", lambda i, x: tg.scatter_update(tg.Variable(TABLE), i, x),
         [np.array([3, 0, 3]), f64(3, 2)], replaced, dtypes=()),
    Case("ScatterUpdate", lambda i, x: tg.scatter_update(tg.Variable(TABLE), i, x),
         [i32(0), f64(0, 2)], replaced, dtypes=(), note="nothing"),
    Case("RowTotals", lambda x, i: tg.registry["RowTotals"](x, i),
         [f64(5, 2), np.array([3, 0, 3, 9, 0])], lambda x, i: totals(x, i)),
    Case("RowTotals", lambda x, i: tg.registry["RowTotals"](x, i),
         [f64(3), np.array([7, 0, 3], np.int32)], lambda x, i: x),
    Case("InitializedValue", lambda x: tg.registry["InitializedValue"](x * 2.0, x) * x,
         [f64(3)], lambda x: 2 * x * x),
    Case("InitializedValue", lambda x: tg.initialized_value(tg.Variable(START)) * x, [f64(3)],
         lambda x: START * x, note="a variable's"),
    Case("LatestValue", lambda x: tg.latest_value(x * 2.0) * x, [f64(3)], lambda x: 2 * x * x),
    Case("PlaceholderWithDefault", lambda x: tg.placeholder_with_default(x, x.shape) * x,
         [f64(2, 3)], np.square),
    Case("PlaceholderWithDefault", lambda x: tg.placeholder_with_default(x, [None, 3]) * x,
         [f64(2, 3)], np.square, note="unknown dim"),
]
