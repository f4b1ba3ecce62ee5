"""Random numbers: each op draws from a stream of its own, which a Session keeps for it.

The stream is TensorFlow's (`philox.py`). With a seed of its own an op gives TF1's numbers. With
only the graph's seed it derives its own from its name, so that the same program gives the same
numbers in each session, whatever else is added to the graph. Without any seed no run repeats.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from tinygraph.arguments import integer, named
from tinygraph.defaults import get_default_graph, name_scope
from tinygraph.dtypes import DType, as_dtype, float16, float32, float64, int32, int64
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError
from tinygraph.families import elementwise
from tinygraph.graph import Node
from tinygraph.kernels.philox import Philox, seeds
from tinygraph.op import Op, as_node
from tinygraph.ops.arithmetic import add, multiply, subtract
from tinygraph.ops.array import as_shape_node, count_of, identity, shape_from
from tinygraph.ops.rules import check_rank
from tinygraph.spec import Shape, Spec
from tinygraph.typing import DTypeLike, ShapeLike, TensorLike

FLOATS, INTS = (float16, float32, float64), (int32, int64)

Seeds = tuple[int | None, int | None]  # the graph's, when the op was made, and the op's own


def _stream(name: str, seed: Seeds, **attrs: Any) -> Philox:
    return Philox(*seeds(*seed, default=zlib.crc32(name.encode())))


def _seeds(seed: int | None, what: str = "seed") -> Seeds:
    """What an op made now has for its `seed` attribute."""
    return _seed(get_default_graph().seed, "the graph's seed"), _seed(seed, what)


def _seed(seed: Any, what: str) -> int | None:
    """A seed as an int, since an op's attributes are static."""
    return None if seed is None else integer(seed, what)


# ---------------------------------------------------------------- the ops
# The kernel of a random op gets its stream as `state`; its attributes are static.


def _floats(name: str, method: str, **fields: Any) -> Op:
    """An op that fills a shape with floats, by a method of its stream."""

    def kernel(shape: Any, out: Any, *, state: Philox, dtype: Any, seed: Any) -> Any:
        return getattr(state, method)(out.shape, out.dtype, out=out)

    kernel.__name__ = f"draw_{method}"
    return Op(name, kernel, _float_spec, (None,), ("shape",), static=(0,), state=_stream, **fields)


def _draw_ints(
    shape: Any, low: Any, high: Any, out: Any, *, state: Philox, dtype: Any, seed: Any
) -> Any:
    return state.integers(out.shape, int(low), int(high), out.dtype, out=out)


def _float_spec(shape: Spec, dtype: DType, seed: Any) -> Spec:
    if dtype not in FLOATS:
        raise DTypeError(f"draws floats, not {dtype.name},")
    return Spec(shape_from(shape), dtype)


def _int_spec(shape: Spec, low: Spec, high: Spec, dtype: DType, seed: Any) -> Spec:
    for bound in (low, high):
        if bound.dtype is not dtype or bound.shape.ndims not in (0, None):
            raise DTypeError(f"the bounds must be scalars of dtype {dtype.name}, not {bound},")
    return Spec(shape_from(shape), dtype)


random_uniform_op = _floats("RandomUniform", "uniform",
    doc="Floats from [0, 1).")


def _add_below(x: Any, low: Any, high: Any, out: Any) -> Any:
    """x + low, but the number next to `high` where the sum is rounded up to `high`."""
    total, last = np.add(x, low), np.nextafter(high, low)
    kept = np.where(np.less_equal(low, high), np.minimum(total, last), np.maximum(total, last))
    return np.positive(kept, out=out)


add_below_op = elementwise("AddBelow", _add_below,
    lambda g, y, x, low, high: g, lambda g, y, x, low, high: g, None, accepts="float",
    params=("x", "minval", "maxval"), inplace=True,
    doc="x + minval, elementwise, and still inside of [minval, maxval) when rounded.")
random_uniform_int_op = Op("RandomUniformInt", _draw_ints, _int_spec, (None, None, None),
    ("shape", "minval", "maxval"), static=(0, 1, 2), state=_stream,
    doc="Ints from [minval, maxval).")
random_standard_normal_op = _floats("RandomStandardNormal", "normal",
    doc="Normal numbers of mean 0 and standard deviation 1.")
truncated_normal_op = _floats("TruncatedNormal", "truncated_normal",
    doc="Standard normal numbers, redrawn until between -2 and 2.")


def _shuffle(value: Any, *, state: Philox, seed: Any) -> Any:
    return value[state.permutation(len(value))] if value.ndim else np.array(value)


random_shuffle = Op("RandomShuffle", _shuffle, lambda value, seed: Spec(value.shape, value.dtype),
    (None,), ("value",), {"seed": (_seeds, None)}, state=_stream,
    doc="""The rows of `value`, which is all along its first axis, in a random order.

    >>> sorted(tg.random_shuffle([1, 2, 3]).eval().tolist())
    [1, 2, 3]
    """)


def _multinomial(
    logits: Any, num_samples: Any, out: Any, *, state: Philox, output_dtype: Any, seed: Any
) -> Any:
    if int(num_samples) < 0:
        raise InvalidArgumentError(f"num_samples should be nonnegative, got {num_samples}")
    if not logits.shape[1]:
        raise InvalidArgumentError("num_classes should be positive, got 0")
    return state.multinomial(logits, int(num_samples), out.dtype, out=out)


def _multinomial_spec(logits: Spec, num_samples: Spec, output_dtype: DType, seed: Any) -> Spec:
    if logits.dtype not in FLOATS or output_dtype not in INTS:
        raise DTypeError(f"{output_dtype.name} from {logits.dtype.name}: draws ints from floats,")
    check_rank(logits, 2, "logits")
    rows = logits.shape.sizes[0] if logits.shape.sizes else None
    return Spec(Shape.of((rows, count_of(num_samples, "num_samples"))), output_dtype)


multinomial_op = Op("Multinomial", _multinomial, _multinomial_spec, (None, None),
    ("logits", "num_samples"), static=(1,), state=_stream,
    doc="Classes drawn with probability softmax(logits).")

# ---------------------------------------------------------------- the public functions


def random_uniform(
    shape: ShapeLike, minval: TensorLike = 0, maxval: TensorLike | None = None,
    dtype: DTypeLike = float32, seed: int | None = None, name: str | None = None,
) -> Node:
    """Numbers drawn uniformly from [minval, maxval).

    `shape` may be a tensor, such as `tg.shape(x)`. `maxval` is 1 by default, and must be given for
    ints (GraphError). Floats let the gradient through to `minval` and `maxval`.

    >>> tg.random_uniform([3], seed=5).eval()
    array([0.38831127, 0.6636828 , 0.19191074], dtype=float32)
    """
    dtype = as_dtype(dtype)
    attrs: dict[str, Any] = {"dtype": dtype, "seed": _seeds(seed)}
    if dtype not in FLOATS + INTS:
        raise GraphError(f"Invalid dtype {dtype!r}: random_uniform makes floats, int32 or int64")
    if maxval is None and dtype.is_integer:
        raise GraphError(f"Must specify maxval for integer dtype {dtype!r}")
    with name_scope(name, "random_uniform", [shape, minval, maxval]) as scope:
        shape = as_shape_node(shape)
        maxval = 1 if maxval is None else maxval
        if dtype.is_floating and _is(minval, 0):
            drawn = random_uniform_op(shape, **attrs)
            return _affine(drawn, maxval, minval, ("max", "min"), scope)
        low = as_node(minval, dtype, name="min", graph=shape.graph)
        high = as_node(maxval, dtype, name="max", graph=shape.graph)
        if dtype.is_integer:
            return random_uniform_int_op(shape, low, high, **attrs, name=scope)
        drawn = random_uniform_op(shape, **attrs)
        scaled = multiply(drawn, subtract(high, low, name="sub"), name="mul")
        return add_below_op(scaled, low, high, name=scope)


def random_normal(
    shape: ShapeLike, mean: TensorLike = 0.0, stddev: TensorLike = 1.0, dtype: DTypeLike = float32,
    seed: int | None = None, name: str | None = None,
) -> Node:
    """Normally distributed numbers: mean + stddev * z, through which gradients flow to both.

    `shape` may be a tensor, such as `tg.shape(mean)`.

    >>> tg.random_normal([2], seed=5).eval().round(4)
    array([-1.1781, -0.7099], dtype=float32)
    """
    with name_scope(name, "random_normal", [shape, mean, stddev]) as scope:
        return _scaled(random_standard_normal_op, shape, mean, stddev, dtype, seed, scope)


def truncated_normal(
    shape: ShapeLike, mean: TensorLike = 0.0, stddev: TensorLike = 1.0, dtype: DTypeLike = float32,
    seed: int | None = None, name: str | None = None,
) -> Node:
    """Normally distributed numbers, redrawn until less than two `stddev` from `mean`.

    >>> bool(abs(tg.truncated_normal([100], stddev=0.1).eval()).max() < 0.2)
    True
    """
    with name_scope(name, "truncated_normal", [shape, mean, stddev]) as scope:
        return _scaled(truncated_normal_op, shape, mean, stddev, dtype, seed, scope)


def _scaled(op: Op, shape: Any, mean: Any, stddev: Any, dtype: Any, seed: Any, scope: str) -> Node:
    """What `op` draws, times `stddev`, plus `mean`."""
    drawn = op(as_shape_node(shape), dtype=as_dtype(dtype), seed=_seeds(seed))
    return _affine(drawn, stddev, mean, ("stddev", "mean"), scope)


def _is(value: Any, number: int) -> bool:
    return isinstance(value, int | float | np.number) and value == number


def _affine(x: Node, scale: Any, shift: Any, names: tuple[str, str], scope: str) -> Node:
    """x * scale + shift, called `scope`; no pass for the numbers 1 and 0, which change nothing.

    The compiler could not drop the latter by itself: -0.0 + 0.0 is 0.0.
    """
    scaled, shifted = not _is(scale, 1), not _is(shift, 0)
    if scaled:
        scale = as_node(scale, x.dtype, name=names[0], graph=x.graph)
        x = multiply(x, scale, name="mul" if shifted else scope)
    if shifted:
        return add(x, as_node(shift, x.dtype, name=names[1], graph=x.graph), name=scope)
    return x if scaled else identity(x, name=scope)


def multinomial(
    logits: TensorLike, num_samples: TensorLike, seed: int | None = None, name: str | None = None,
    output_dtype: DTypeLike | None = None,
) -> Node:
    """Classes drawn with probability softmax(logits), `num_samples` for each row of a matrix.

    The result has shape [rows, num_samples] and dtype int64, or `output_dtype`.

    >>> tg.multinomial([[0.0, 99.0]], 3).eval()
    array([[1, 1, 1]])
    """
    with name_scope(name, "multinomial", [logits]):
        logits = as_node(logits, name="logits")
        samples = as_node(num_samples, name="num_samples", graph=logits.graph)
        dtype = int64 if output_dtype is None else as_dtype(output_dtype)
        return multinomial_op(logits, samples, output_dtype=dtype, seed=_seeds(seed))


def categorical(
    logits: TensorLike, num_samples: TensorLike, dtype: DTypeLike | None = None,
    seed: int | None = None, name: str | None = None,
) -> Node:
    """`multinomial` under its newer name (TF: `tf.random.categorical`).

    >>> tg.random.categorical([[99.0, 0.0]], 3).eval()
    array([[0, 0, 0]])
    """
    return multinomial(logits, num_samples, seed, named(name, "categorical"), dtype)
