"""Cases of variables, their updates and placeholders; what they do to a session: test_state.py."""

import numpy as np

import tinygraph as tg
from cases import Case, f64

START = np.array([1.0, -2.0, 0.5])


CASES = [
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
    Case("InitializedValue", lambda x: tg.registry["InitializedValue"](x * 2.0, x) * x,
         [f64(3)], lambda x: 2 * x * x),
    Case("InitializedValue", lambda x: tg.initialized_value(tg.Variable(START)) * x, [f64(3)],
         lambda x: START * x, note="a variable's"),
    Case("LatestValue", lambda x: tg.latest_value(x * 2.0) * x, [f64(3)], lambda x: 2 * x * x),
    Case("PlaceholderWithDefault", lambda x: tg.placeholder_with_default(x, x.shape) * x,
         [f64(2, 3)], np.square),
    Case("PlaceholderWithDefault", lambda x: tg.placeholder_with_default(x, [None, 3]) * x,
         [f64(2, 3)], np.square, note="unknown dim"),
]  # fmt: skip
