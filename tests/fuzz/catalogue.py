"""One way, or a few, to use each op: lines of a program that fit the values which it has so far.

A maker gets a `Draft` and returns an expression of its values' names, or None where none fits.
`EXACT` keeps small whole numbers whole, `SMOOTH` is what else there is for ordinary floats, `WILD`
takes any floats, nan and infinities too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Maker = Callable[[Any], "str | None"]
EXACT: list[Maker] = []
SMOOTH: list[Maker] = []
WILD: list[Maker] = []
BRANCHED: list[Maker] = []  # of branches.py


def exact(maker: Maker) -> Maker:
    """For all kinds of graphs."""
    EXACT.append(maker)
    SMOOTH.append(maker)
    WILD.append(maker)
    return maker


def smooth(maker: Maker) -> Maker:
    """For ordinary floats."""
    SMOOTH.append(maker)
    return maker


def floats(maker: Maker) -> Maker:
    """For floats, ordinary or not."""
    SMOOTH.append(maker)
    WILD.append(maker)
    return maker


# ---------------------------------------------------------------- element by element


def unary(template: str, kinds: str = "f") -> Maker:
    def maker(d):
        x = d.pick(kinds)
        return x and template.replace("{x}", x)

    maker.__name__ = template
    return maker


for _name in "negative abs sign square identity stop_gradient nn.relu".split():
    exact(unary(f"tg.{_name}({{x}})", "fi"))
for _name in "floor ceil rint round nn.relu6 is_nan is_finite is_inf".split():
    exact(unary(f"tg.{_name}({{x}})"))
for _name in (
    "exp expm1 sin cos atan sinh cosh tanh asinh erf erfc nn.elu nn.selu sigmoid nn.softplus "
    "nn.softsign log_sigmoid nn.leaky_relu"
).split():
    floats(unary(f"tg.{_name}({{x}})"))
for _name in "sqrt rsqrt reciprocal log log1p".split():
    smooth(unary(f"tg.{_name}(tg.abs({{x}}) + 0.5)"))
for _name in "tan asin acos atanh".split():
    smooth(unary(f"tg.{_name}(0.9 * tg.tanh({{x}}))"))
smooth(unary("tg.acosh(1.5 + tg.square({x}))"))
for _name in "sqrt rsqrt reciprocal log log1p tan asin acos atanh acosh".split():
    WILD.append(unary(f"tg.{_name}({{x}})"))
exact(unary("tg.logical_not({x})", "b"))
exact(unary("tg.nn.leaky_relu({x}, alpha=0.5)"))
exact(unary("tg.zeros_like({x})", "fib"))
exact(unary("tg.ones_like({x})", "fi"))
exact(unary("tg.check_numerics(tg.clip_by_value({x}, -8.0, 8.0), 'fine')"))
smooth(unary("tg.where(tg.is_nan({x}), tg.zeros_like({x}), {x})"))


def binary(template: str, kinds: str = "f") -> Maker:
    """Of two values that broadcast, or of one and a number on either side."""

    def maker(d):
        x, y = d.pair(kinds)
        return x and template.replace("{x}", x).replace("{y}", y)

    maker.__name__ = template
    return maker


for _name in (
    "tg.add({x}, {y})", "tg.subtract({x}, {y})", "tg.multiply({x}, {y})", "{x} + {y}", "{x} - {y}",
    "{x} * {y}", "tg.maximum({x}, {y})", "tg.minimum({x}, {y})", "tg.squared_difference({x}, {y})",
):
    exact(binary(_name, "fi"))
for _name in "equal not_equal less less_equal greater greater_equal".split():
    exact(binary(f"tg.{_name}({{x}}, {{y}})", "fi"))
for _name in "logical_and logical_or logical_xor".split():
    exact(binary(f"tg.{_name}({{x}}, {{y}})", "b"))
for _name in "floordiv floormod truncatediv truncatemod".split():
    exact(binary(f"tg.{_name}({{x}}, tg.abs({{y}}) + 1)", "i"))
for _name in "truncatemod floormod floordiv".split():
    smooth(binary(f"tg.{_name}({{x}}, tg.abs({{y}}) + 1.5)"))
for _name in (
    "{x} / (tg.abs({y}) + 0.5)", "tg.div_no_nan({x}, {y})", "tg.atan2({x}, {y})",
    "tg.pow(tg.abs({x}) + 0.5, tg.tanh({y}))", "tg.multiply_no_nan({x}, {y})",
):
    smooth(binary(_name))
for _name in (
    "{x} / {y}", "tg.div_no_nan({x}, {y})", "tg.multiply_no_nan({x}, {y})", "tg.atan2({x}, {y})",
    "tg.pow({x}, {y})",
):
    WILD.append(binary(_name))


@exact
def scaled(d):
    x = d.pick("f")
    return x and f"{x} * {d.choice(['2.0', '0.5', '-1.0', '1.0', '0.0'])}"


@exact
def shifted(d):
    x = d.pick("f")
    return x and d.choice(["1.0 + {}", "{} - 2.0", "0.0 + {}", "1.0 - {}", "{} - 0.0"]).format(x)


@exact
def divided(d):
    x = d.pick("f")
    return x and f"{x} / {d.choice(['2.0', '1.0', '-1.0', '0.5'])}"


@floats
def scaled_oddly(d):
    x = d.pick("f")
    how = d.choice(["0.1 * {}", "{} / 3.0", "-0.7 * (0.3 * {})", "{} * 1e-3 * 1e3"])
    return x and how.format(x)


@exact
def powered(d):
    x = d.pick("f")
    return x and f"{x} ** {d.choice([2, 1] if d.kind == 'special' else [2, 1, 0, 3])}"


@exact
def clipped(d):
    x = d.pick("fi")
    low, high = d.numbers(x, 2)
    return x and f"tg.clip_by_value({x}, {low}, {high})"


@exact
def added(d):
    xs = d.alike("fi", d.integer(2, 4))
    return xs and f"tg.add_n([{', '.join(xs)}])"


@exact
def cast(d):
    x = d.pick("bi" if d.kind == "special" else "fib")
    return x and f"tg.cast({x}, tg.{d.choice(['float32', 'float64', 'int32', 'int64'])})"


@exact
def cast_to_bool(d):
    x = d.pick("fi")
    return x and f"tg.cast({x}, tg.bool)"


@exact
def saturated(d):
    x = d.pick("i")
    return x and f"tg.saturate_cast({x}, tg.{d.choice(['uint8', 'int8', 'int32'])})"


@exact
def chosen(d):
    xs = d.alike("fib", 2)
    c = xs and d.choice(d.all("b", lambda a: a.shape == d.array(xs[0]).shape) or [""])
    return xs and f"tg.where({c or f'tg.equal({xs[0]}, {xs[0]})'}, {', '.join(xs)})"


@exact
def chosen_rows(d):
    xs = d.alike("fi", 2, lambda a: a.ndim > 1)
    c = xs and d.choice(d.all("b", lambda a: a.shape == d.array(xs[0]).shape[:1]) or [""])
    return c and f"tg.where({c}, {', '.join(xs)})"


# ---------------------------------------------------------------- reductions


def reduced(name: str, kinds: str = "f", template: str = "{x}") -> Maker:
    def maker(d):
        x = d.pick(kinds)
        if not x:
            return None
        rank = d.array(x).ndim
        keep = d.choice(["", "", ", keepdims=True"])
        x = template.replace("{x}", x)
        return f"tg.{name}({x}{d.choice(['', f', {d.axes(rank)}'])}{keep})"

    maker.__name__ = name
    return maker


for _name in "reduce_sum reduce_sum reduce_max reduce_min".split():
    exact(reduced(_name, "fi"))
exact(reduced("reduce_prod", "fi"))
exact(reduced("reduce_any", "b"))
exact(reduced("reduce_all", "b"))
exact(reduced("count_nonzero", "fib"))
for _name in "reduce_mean reduce_logsumexp reduce_euclidean_norm".split():
    floats(reduced(_name))


def along_axis(template: str, kinds: str = "fi", least: int = 1) -> Maker:
    def maker(d):
        x = d.pick(kinds, lambda a: a.ndim and min(a.shape) >= least)
        return x and template.replace("{x}", x).replace("{a}", d.axis(d.array(x).ndim))

    maker.__name__ = template
    return maker


exact(along_axis("tg.argmax({x}, {a})"))
exact(along_axis("tg.argmin({x}, {a}, output_type=tg.int32)"))
exact(along_axis("tg.cumsum({x}, {a})"))
exact(along_axis("tg.cumsum({x}, {a}, exclusive=True, reverse=True)"))
exact(along_axis("tg.cumprod({x}, {a})"))
exact(along_axis("tg.cumprod({x}, {a}, reverse=True)"))
for _name in "nn.softmax nn.log_softmax".split():
    floats(along_axis(f"tg.{_name}({{x}}, {{a}})", "f"))
floats(along_axis("tg.nn.moments({x}, [{a}])[1]", "f"))
floats(along_axis("tg.nn.moments({x}, [{a}], keep_dims=True)[0]", "f"))
smooth(along_axis("tg.nn.l2_normalize({x} + 0.25, {a})", "f"))
smooth(along_axis("tg.norm({x}, axis={a})", "f"))
smooth(along_axis("tg.norm({x} + 0.125, {o}, axis={a})".replace("{o}", "3"), "f"))
exact(along_axis("tg.norm({x}, 1, axis={a})", "f"))
exact(along_axis("tg.norm({x}, np.inf, axis={a})", "f"))
smooth(unary("tg.global_norm([{x}, 2.0 * {x}])"))
smooth(unary("tg.clip_by_norm({x}, 1.5)"))
smooth(unary("tg.clip_by_global_norm([{x}, 2.0 * {x}], 3.0)[0][1]"))
smooth(unary("tg.clip_by_average_norm({x}, 0.5)"))
exact(unary("tg.nn.l2_loss({x})"))
smooth(unary("tg.nn.zero_fraction({x})", "fi"))


@exact
def segments(d):
    x = d.pick("fi", lambda a: a.ndim and a.shape[0])
    if not x:
        return None
    rows = d.array(x).shape[0]
    if d.chance(0.5):
        return f"tg.segment_sum({x}, {sorted(d.ints(rows, 3))})"
    count = d.choice(["4", d.size(4, 6) or "5"])
    return f"tg.unsorted_segment_sum({x}, {d.index(rows, 4)}, {count})"


# ---------------------------------------------------------------- shapes


@exact
def reshaped(d):
    x = d.pick("fib")
    if not x:
        return None
    size = d.array(x).size
    other = d.pick("fib", lambda a: a.size == size)
    fits = [n for n in (1, 2, 3, 4, 6) if size and size % n == 0]
    ways = [f"tg.reshape({x}, [-1])", f"tg.reshape({x}, tg.shape({other}))"]
    ways += [f"tg.reshape({x}, [{n}, -1])" for n in fits]
    ways += [f"tg.reshape({x}, tg.concat([[1], tg.shape({x})], 0))"]
    return d.choice(ways)


@exact
def broadcast(d):
    x = d.pick("fib", lambda a: a.size < 30 and a.ndim < 3)
    if not x:
        return None
    shape = [d.integer(1, 3), *d.array(x).shape]
    return f"tg.broadcast_to({x}, {shape})"


@exact
def broadcast_like(d):
    x = d.pick("fi")
    y = x and d.pick("fib", lambda a: d.fits(x, a.shape))
    return y and f"tg.broadcast_to({x}, tg.shape({y}))"


@exact
def expanded(d):
    x = d.pick("fib", lambda a: a.ndim < 4)
    return x and f"tg.expand_dims({x}, {d.integer(-1, d.array(x).ndim)})"


@exact
def squeezed(d):
    x = d.pick("fib", lambda a: 1 in a.shape)
    if not x:
        return None
    one = d.array(x).shape.index(1)
    return d.choice([f"tg.squeeze({x})", f"tg.squeeze({x}, [{one}])"])


@exact
def transposed(d):
    x = d.pick("fib", lambda a: a.ndim)
    if not x:
        return None
    perm = [int(i) for i in d.rng.permutation(d.array(x).ndim)]
    return d.choice([f"tg.transpose({x})", f"tg.transpose({x}, {perm})"])


@exact
def measured(d):
    x = d.pick("fib")
    return x and d.choice(["tg.shape({})", "tg.size({})", "tg.rank({})"]).format(x)


@exact
def filled(d):
    x, y = d.pick("fib"), d.pick("fi", lambda a: not a.ndim)
    return x and d.choice([f"tg.fill(tg.shape({x}), {y or '2.0'})", f"tg.fill([2, 3], {y or 1})"])


@exact
def ensured(d):
    x = d.pick("fib")
    if not x:
        return None
    dims = [None if d.chance(0.5) else n for n in d.array(x).shape]
    return f"tg.ensure_shape({x}, {dims})"


@exact
def made(d):
    n = d.size(1, 4) or "3"
    return d.choice([f"tg.range({n})", f"tg.zeros([{n}, 2])", f"tg.ones([2, {n}])", f"tg.eye({n})",
                     f"tg.eye(2, {n}, dtype=tg.float64)", f"tg.range(0, {n} * 2, 2)",
                     f"tg.range({n}, -2, -1)", f"tg.one_hot(tg.range({n}), 3)"])


@smooth
def spaced(d):
    x = d.pick("f", lambda a: not a.ndim)
    return x and f"tg.linspace({x}, 2.0, {d.choice(['3', d.size(1, 4) or '4'])})"


# ---------------------------------------------------------------- parts


@exact
def sliced(d):
    x = d.pick("fib", lambda a: a.ndim)
    if not x:
        return None
    keys = []
    for n in d.array(x).shape[: d.integer(1, 3)]:
        low = d.integer(-n, n)
        keys.append(d.choice([":", "::-1", f"{low}:", f":{low}", "::2", f"{low}::-1"]))
        if n:
            keys[-1] = d.choice([keys[-1], str(d.integer(-n, n - 1))])
        k = d.size(0, n)
        if k:
            keys[-1] = d.choice([keys[-1], f":{k}", f"{k}:", *([k] if d.array(k) < n else [])])
    keys = d.choice([keys, ["tg.newaxis", *keys], [*keys, "..."]])
    return f"{x}[{', '.join(keys)}]"


@exact
def part(d):
    x = d.pick("fib", lambda a: a.ndim and a.size)
    if not x:
        return None
    shape = d.array(x).shape
    begin = [d.integer(0, n - 1) for n in shape]
    size = [d.choice([-1, d.integer(0, n - b)]) for n, b in zip(shape, begin, strict=True)]
    return f"tg.slice({x}, {begin}, {size})"


@exact
def gathered(d):
    x = d.pick("fib", lambda a: a.ndim and min(a.shape))
    if not x:
        return None
    axis = d.integer(0, d.array(x).ndim - 1)
    index = d.index(d.integer(1, 4), d.array(x).shape[axis])
    return f"tg.gather({x}, {index}, axis={axis})"


@exact
def gathered_by_tensor(d):
    x = d.pick("fib", lambda a: a.ndim and a.shape[0])
    i = d.pick("i")
    return x and i and f"tg.gather({x}, tg.floormod({i}, {d.array(x).shape[0]}))"


@exact
def gathered_nd(d):
    x = d.pick("fi", lambda a: a.ndim > 1 and min(a.shape))
    if not x:
        return None
    rows, columns = d.array(x).shape[:2]
    index = [[a, b] for a, b in zip(d.ints(3, rows), d.ints(3, columns), strict=True)]
    return f"tg.gather_nd({x}, {index})"


@exact
def scattered(d):
    x = d.pick("fi", lambda a: a.ndim and a.shape[0])
    if not x:
        return None
    rows, *rest = d.array(x).shape
    index = [[i] for i in d.ints(rows, 4)]
    return f"tg.scatter_nd({index}, {x}, {[4, *rest]})"


@exact
def masked(d):
    x = d.pick("fi", lambda a: a.ndim)
    m = x and d.pick("b", lambda m: m.ndim and m.shape == d.array(x).shape[: m.ndim])
    return f"tg.boolean_mask({x}, {m})" if m else x and f"{x}[{x} > {d.numbers(x, 1)[0]}]"


@exact
def found(d):
    x = d.pick("bi")
    return x and f"tg.where({x})"


@exact
def unique(d):
    x = d.pick("fi" if d.kind == "exact" else "i")
    y = x and f"tg.reshape({x}, [-1])"
    return x and d.choice([f"tg.unique({y}).y", f"tg.unique({y}).idx",
                           f"tg.setdiff1d({y}, {y}[:2]).out",
                           f"tg.setdiff1d({y}, {y}[1:]).idx",
                           f"tg.unique_with_counts({y}).count"])


@exact
def best(d):
    x = d.pick("fi", lambda a: a.ndim and a.shape[-1])
    if not x or d.kind == "special":
        return None
    n = d.array(x).shape[-1]
    k = d.choice([str(d.integer(1, n)), d.size(0, n) or "1"])
    return f"tg.nn.top_k({x}, {k}){d.choice(['.values', '.values', '.indices'])}"


@exact
def permuted(d):
    n = d.integer(1, 4)
    return f"tg.invert_permutation({[int(i) for i in d.rng.permutation(n)]})"


# ---------------------------------------------------------------- joining, padding


@exact
def joined(d):
    x = d.pick("fib", lambda a: a.ndim)
    if not x:
        return None
    shape, axis = d.array(x).shape, d.integer(0, d.array(x).ndim - 1)
    rest = (*shape[:axis], *shape[axis + 1 :])
    others = d.all(d.dtype(x), lambda a: a.ndim == len(shape)
                   and (*a.shape[:axis], *a.shape[axis + 1 :]) == rest)
    xs = [x, *(d.choice(others) for _ in range(d.integer(0, 2)))]
    place = d.choice([axis, axis - len(shape), f"tg.constant({axis})"])
    return f"tg.concat([{', '.join(xs)}], {place})"


@exact
def stacked(d):
    xs = d.alike("fib", d.integer(1, 3), lambda a: a.ndim < 4)
    return xs and f"tg.stack([{', '.join(xs)}], axis={d.integer(-1, d.array(xs[0]).ndim)})"


@exact
def unstacked(d):
    x = d.pick("fib", lambda a: a.ndim and a.shape[0])
    if not x:
        return None
    n = d.array(x).shape[0]
    return d.choice([f"tg.unstack({x}, num={n})[{d.integer(0, n - 1)}]",
                     f"tg.stack(tg.unstack({x}, num={n})[::-1])"])


@exact
def split(d):
    x = d.pick("fib", lambda a: a.ndim and a.shape[-1] > 1)
    if not x:
        return None
    n = d.array(x).shape[-1]
    k = d.integer(1, n - 1)
    late = d.size(0, n) or k
    return d.choice([f"tg.split({x}, [{k}, {n - k}], -1)[1]", f"tg.split({x}, [{k}, -1], -1)[0]",
                     f"tg.split({x}, {n}, -1)[{k}]",
                     f"tg.concat(tg.split({x}, {n}, -1)[::-1], -1)",
                     f"tg.concat(tg.split({x}, [{late}, -1], -1)[::-1], -1)"])


@exact
def padded(d):
    x = d.pick("fi", lambda a: a.ndim and a.size)
    if not x:
        return None
    shape = d.array(x).shape
    pads = [[d.integer(0, 2), d.integer(0, 2)] for _ in shape]
    near = [[d.integer(0, n - 1), d.integer(0, n - 1)] for n in shape]
    return d.choice([f"tg.pad({x}, {pads})", f"tg.pad({x}, {near}, 'REFLECT')",
                     f"tg.pad({x}, {near}, 'SYMMETRIC')",
                     f"tg.pad({x}, {pads}, constant_values={d.numbers(x, 1)[0]})"])


@exact
def tiled(d):
    x = d.pick("fib", lambda a: a.ndim and a.size < 20)
    return x and f"tg.tile({x}, {[d.integer(1, 2) for _ in d.array(x).shape]})"


@exact
def reversed_(d):
    x = d.pick("fib", lambda a: a.ndim)
    return x and f"tg.reverse({x}, [{d.integer(0, d.array(x).ndim - 1)}])"


@exact
def meshed(d):
    xs = d.alike("fi", 2, lambda a: a.ndim == 1)
    return xs and f"tg.meshgrid({xs[0]}, {xs[1]})[{d.integer(0, 1)}]"


@exact
def hot(d):
    x = d.pick("i", lambda a: a.ndim < 3)
    return x and d.choice([f"tg.one_hot({x}, 3)", f"tg.one_hot({x}, {d.size(0, 4) or 2}, axis=0)",
                           f"tg.sequence_mask(tg.minimum({x}, 5))",
                           f"tg.sequence_mask({x}, 4)"])


# ---------------------------------------------------------------- matrices


def of_matrix(template: str, kinds: str = "f") -> Maker:
    def maker(d):
        x = d.pick(kinds, lambda a: a.ndim > 1 and min(a.shape))
        return x and template.replace("{x}", x)

    maker.__name__ = template
    return maker


exact(of_matrix("tg.matrix_transpose({x})", "fi"))
exact(of_matrix("tg.matrix_diag_part({x})", "fi"))
exact(of_matrix("tg.matrix_band_part({x}, 1, 0)"))
exact(of_matrix("tg.matrix_set_diag({x}, tg.matrix_diag_part({x}) * 2)", "fi"))
exact(of_matrix("tg.trace({x})"))
exact(of_matrix("tg.matmul({x}, {x}, transpose_b=True)", "fi"))
exact(of_matrix("tg.matmul({x}, {x}, transpose_a=True)"))


def regular(d):
    """The inner product of a matrix with itself plus the unit matrix: positive definite."""
    x = d.pick("f", lambda a: a.ndim == 2 and min(a.shape))
    if not x or d.dtype_name(x) == "float16":
        return None
    n = d.array(x).shape[0]
    return f"(tg.matmul({x}, {x}, transpose_b=True) + tg.eye({n}, dtype={x}.dtype))"


for _name in "matrix_inverse matrix_determinant cholesky self_adjoint_eigvals".split():

    @smooth
    def solved(d, name=_name):
        x = regular(d)
        return x and f"tg.{name}({x})"


@smooth
def decomposed(d):
    """By what does not depend on the signs of vectors; of a matrix with different eigenvalues."""
    x = regular(d)
    return x and d.choice([
        f"tg.linalg.slogdet({x})[1]", f"tg.svd({x}, compute_uv=False)",
        f"(lambda s, u, v: tg.matmul(u * s, v, transpose_b=True))(*tg.svd({x}))",
        f"tg.square(tg.qr({x}).r)",
    ])


@smooth
def solved_for(d):
    x = regular(d)
    return x and f"tg.matrix_solve({x}, {x} * 2.0)"


@exact
def multiplied(d):
    x = d.pick("fi", lambda a: a.ndim > 1)
    if not x:
        return None
    columns, batch = d.array(x).shape[-1], d.array(x).shape[:-2]
    y = d.pick(d.dtype(x), lambda a: a.ndim > 1 and a.shape[-2] == columns
               and (not a.shape[:-2] or not batch or a.shape[:-2] == batch))
    z = d.pick(d.dtype(x), lambda a: a.ndim == 2 == d.array(x).ndim and a.shape[-1] == columns)
    if z and (not y or d.chance(0.5)):
        return f"tg.matmul({x}, {z}, transpose_b=True)"
    return y and d.choice([f"tg.matmul({x}, {y})", f"{x} @ {y}"])


@exact
def multiplied_and_added(d):
    found = multiplied(d)
    x = found and d.pick("f")
    return x and f"{x} + 2.0 * {found}" if found and "tg.matmul" in found else None


@exact
def contracted(d):
    x = d.pick("fi", lambda a: a.ndim == 2)
    y = x and d.pick(d.dtype(x), lambda a: a.ndim == 2 and a.shape[0] == d.array(x).shape[1])
    if not y:
        return x and d.choice([f"tg.einsum('ij->j', {x})", f"tg.einsum('ij,ij->i', {x}, {x})"])
    return d.choice([f"tg.einsum('ij,jk->ki', {x}, {y})", f"tg.tensordot({x}, {y}, 1)",
                     f"tg.einsum('ij,jk->k', {x}, {y})"])


@exact
def outer(d):
    x = d.pick("f", lambda a: a.ndim == 1)
    y = x and d.pick(d.dtype(x), lambda a: a.ndim == 1)
    return y and d.choice([f"tg.einsum('i,j->ij', {x}, {y})", f"tg.tensordot({x}, {y}, 0)"])


@exact
def diagonal(d):
    x = d.pick("fi", lambda a: a.ndim == 1 and a.size)
    y = f"tg.diag({x})"
    return x and d.choice([y, f"tg.matrix_diag({x})", f"tg.diag_part({y} + {y})"])


@exact
def crossed(d):
    xs = d.alike("fi", 2, lambda a: a.shape[-1:] == (3,))
    return xs and f"tg.cross({xs[0]}, {xs[1]})"


# ---------------------------------------------------------------- networks, losses


@exact
def biased(d):
    x = d.pick("fi", lambda a: a.ndim > 1)
    b = x and d.pick(d.dtype(x), lambda a: a.shape == d.array(x).shape[-1:])
    return b and f"tg.nn.bias_add({x}, {b})"


@smooth
def normalized(d):
    x = d.pick("f", lambda a: a.ndim > 1)
    b = x and d.pick(d.dtype(x), lambda a: a.shape == d.array(x).shape[-1:])
    return b and f"tg.nn.batch_normalization({x}, {b}, tg.square({b}), {b}, None, 0.1)"


def loss(template: str) -> Maker:
    def maker(d):
        xs = d.alike("f", 2, lambda a: a.ndim and a.shape[-1])
        return xs and template.format(t=xs[0], z=xs[1])

    maker.__name__ = template
    return maker


for _name in (
    "softmax_cross_entropy_with_logits_v2(labels=tg.nn.softmax({t}), logits={z})",
    "softmax_cross_entropy_with_logits(labels=tg.abs({t}), logits={z})",
    "softmax_cross_entropy_with_logits_v2(labels=tg.square({t}), logits={z})",
    "sigmoid_cross_entropy_with_logits(labels=tg.sigmoid({t}), logits={z})",
    "weighted_cross_entropy_with_logits(tg.sigmoid({t}), {z}, 2.5)",
):
    smooth(loss(f"tg.nn.{_name}"))


@smooth
def classified(d):
    x = d.pick("f", lambda a: a.ndim and a.size)
    if not x:
        return None
    *rows, classes = d.array(x).shape
    labels = np.reshape(d.ints(int(np.prod(rows)), classes), rows).tolist()
    how = d.choice(["tg.nn.sparse_softmax_cross_entropy_with_logits(labels={t}, logits={x})",
                    "tg.nn.in_top_k(tg.cast({x}, tg.float32), {t}, 1)"])
    if "in_top_k" in how and len(rows) != 1:
        return None
    return how.format(t=labels, x=x)


@smooth
def classified_in_part(d):
    """Losses of some rows: how many, only the run knows."""
    x = d.pick("f", lambda a: a.ndim == 2 and a.size)
    k = x and d.size(0, d.array(x).shape[0])
    if not k:
        return None
    rows, classes = d.array(x).shape
    t = f"tg.constant({d.ints(rows, classes)})[:{k}]"
    return f"tg.nn.sparse_softmax_cross_entropy_with_logits(labels={t}, logits={x}[:{k}])"


# ---------------------------------------------------------------- random numbers


@smooth
def drawn(d):
    seed = d.choice(["", f", seed={d.integer(1, 9)}"])
    x = d.pick("f")
    shape = d.choice([f"tg.shape({x})", "[2, 3]", f"[{d.size(1, 4) or 3}]"])
    return d.choice([f"tg.random_uniform({shape}{seed})", f"tg.random_normal({shape}{seed})",
                     f"tg.truncated_normal({shape}{seed})",
                     f"tg.random_uniform({shape}, 0, 5, tg.int32{seed})"])


@exact
def drawn_ints(d):
    return f"tg.random_uniform([{d.size(1, 4) or 3}], -3, 4, tg.{d.choice(['int32', 'int64'])})"


@exact
def shuffled(d):
    x = d.pick("fi", lambda a: a.ndim)
    return x and f"tg.random_shuffle({x}, seed=3)"


@smooth
def sampled(d):
    x = d.pick("f", lambda a: a.ndim == 2 and a.shape[1])
    return x and f"tg.multinomial({x}, {d.size(0, 3) or 2})"


@smooth
def dropped(d):
    x = d.pick("f", lambda a: a.ndim)
    rate = d.choice(["0.5", "rate=0.25", "0.5, noise_shape=[1]"])
    return x and f"tg.nn.dropout({x}, {rate}, seed=2)"


# ---------------------------------------------------------------- known only in part


@exact
def defaulted(d):
    x = d.pick("fi")
    if not x:
        return None
    shape = d.choice([[None if d.chance(0.5) else n for n in d.array(x).shape], None])
    return f"tg.placeholder_with_default({x}, {shape})"


@exact
def slope(d):
    """A gradient, as an op like others."""
    x = d.pick("f")
    y = x and d.pick("f")
    return y and f"slope({y}, {x})"
