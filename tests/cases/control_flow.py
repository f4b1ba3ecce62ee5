"""Cases of cond, case and switch_case; what their branches do to a session: test_cond.py."""

import numpy as np

import tinygraph as tg
from cases import Case, f64

TRUE, FALSE = np.array(True), np.array(False)


def squared_or_tanh(pred, x, y):
    return tg.cond(pred, lambda: x * x * y, lambda: tg.tanh(x) * y)


def two_results(pred, x, y):
    return tg.cond(pred, lambda: [x * y, x], lambda: [y, tg.exp(x) * y])


def nested(pred, x):
    return tg.cond(
        pred,
        lambda: tg.cond(tg.reduce_sum(x) < 0.0, lambda: -x, lambda: x * x * x),
        lambda: tg.sin(x),
    )


def switched(index, x, y):
    return tg.switch_case(index, [lambda: x * y, lambda: y * y * x, lambda: tg.exp(x) * y])


CASES = [
    Case("If", squared_or_tanh, [TRUE, f64(3), f64(3)], lambda p, x, y: x * x * y, note="true"),
    Case("If", squared_or_tanh, [FALSE, f64(3), f64(3)],
         lambda p, x, y: np.tanh(x) * y, note="false"),
    Case("If", two_results, [TRUE, f64(2), f64(2)], lambda p, x, y: [x * y, x], note="two true"),
    Case("If", two_results, [FALSE, f64(2), f64(2)], lambda p, x, y: [y, np.exp(x) * y],
         note="two false"),
    Case("If", nested, [TRUE, f64(2, low=0.5)], lambda p, x: x**3, note="nested"),
    Case("If", nested, [TRUE, f64(2, high=-0.5)], lambda p, x: -x, note="nested false"),
    Case("Case", switched, [np.int32(0), f64(3), f64(3)], lambda i, x, y: x * y, note="first"),
    Case("Case", switched, [np.int32(1), f64(3), f64(3)], lambda i, x, y: y * y * x, note="second"),
    Case("Case", switched, [np.int32(-1), f64(3), f64(3)],
         lambda i, x, y: np.exp(x) * y, note="last"),
]
