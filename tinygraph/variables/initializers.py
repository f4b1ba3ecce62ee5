"""Initializers: objects that make a variable's initial value from its shape.

Each is called as `init(shape, dtype=None, partition_info=None)`, as in TF1, and gives a tensor.
With a seed they give TF1's numbers; without one, numbers that depend on the variable's name.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.arguments import choice, flag, number, shown, text
from tinygraph.dtypes import DType, as_dtype, float32
from tinygraph.errors import DTypeError, GraphError, ShapeError, TinygraphError
from tinygraph.families import check_dtypes
from tinygraph.graph import Node
from tinygraph.op import Op
from tinygraph.ops.arithmetic import multiply
from tinygraph.ops.array import constant
from tinygraph.ops.axes import transpose
from tinygraph.ops.broadcasting import ones, zeros
from tinygraph.ops.random import random_normal, random_uniform, truncated_normal
from tinygraph.ops.reshaping import reshape
from tinygraph.spec import Shape, Spec
from tinygraph.typing import DTypeLike, ShapeLike, TensorLike

# The standard deviation of a standard normal distribution cut off at -2 and 2.
TRUNCATED_STDDEV = 0.87962566103423978


class Initializer:
    """Base of the initializers; a subclass defines `make(shape, dtype)`.

    >>> class halves_initializer(tg.initializers.Initializer):
    ...     def make(self, shape, dtype):
    ...         return tg.fill(shape, tg.constant(0.5, dtype))
    >>> tg.get_variable("h", [2], initializer=halves_initializer()).initial_value.eval()
    array([0.5, 0.5], dtype=float32)
    """

    dtype: Any = float32

    def __init__(self, dtype: DTypeLike = float32):
        self.dtype = as_dtype(dtype)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({arguments})"

    def __call__(
        self, shape: ShapeLike, dtype: DTypeLike | None = None, partition_info: Any = None,
    ) -> Node:
        dtype = as_dtype(self.dtype if dtype is None else dtype)
        if partition_info is None:
            return self.make(shape, dtype)
        if not hasattr(partition_info, "full_shape"):
            raise DTypeError(f"partition_info has no full_shape: {shown(partition_info)}")
        return self.part(shape, dtype, partition_info)

    def make(self, shape: ShapeLike, dtype: DType) -> Node:
        raise NotImplementedError

    def part(self, shape: ShapeLike, dtype: DType, info: Any) -> Node:
        """A part of `shape` of a variable of shape `info.full_shape`, from `info.var_offset` on."""
        return self.make(shape, dtype)


def _ints(shape: Any) -> list[int]:
    """A shape that has to be known as a list of ints."""
    dims = Shape(shape).as_list()
    if None in dims:
        raise ShapeError(f"an initializer needs to know the whole shape, not {Shape(shape)}")
    return dims  # type: ignore[return-value]


def _float(dtype: Any, error: type[TinygraphError] = DTypeError) -> DType:
    """A dtype of floats; as in TF1, a constructor raises a ValueError for any other."""
    dtype = as_dtype(dtype)
    if not dtype.is_floating:
        raise error(f"Expected floating point type, got {dtype.name}.")
    return dtype


# ---------------------------------------------------------------- constants


class zeros_initializer(Initializer):
    """Zeros.

    >>> tg.zeros_initializer()([2]).eval()
    array([0., 0.], dtype=float32)
    """

    def make(self, shape: ShapeLike, dtype: DType) -> Node:
        return zeros(shape, dtype)


class ones_initializer(Initializer):
    """Ones.

    >>> tg.ones_initializer()([2]).eval()
    array([1., 1.], dtype=float32)
    """

    def make(self, shape: ShapeLike, dtype: DType) -> Node:
        return ones(shape, dtype)


class constant_initializer(Initializer):
    """`value` everywhere; of several values, taken in C order, the last one fills up the shape.

    With `verify_shape`, `value` must have the variable's shape: DTypeError (a TypeError) else.

    >>> tg.constant_initializer([1.0, 2.0])([3]).eval()
    array([1., 2., 2.], dtype=float32)
    """

    def __init__(self, value: Any = 0, dtype: DTypeLike = float32, verify_shape: bool = False):
        if not np.isscalar(value) and not isinstance(value, list | tuple | np.ndarray):
            raise DTypeError(
                f"Invalid type for initial value: {type(value)} (expected a Python number, a "
                "list or tuple of them, or numpy.ndarray)."
            )
        self.value: Any = value
        self.dtype = as_dtype(dtype)
        self.verify_shape = flag(verify_shape, "verify_shape")

    def make(self, shape: ShapeLike, dtype: DType) -> Node:
        if self.verify_shape and tuple(_ints(shape)) != np.shape(self.value):
            raise DTypeError(
                f"Expected Tensor's shape: {tuple(_ints(shape))}, got {np.shape(self.value)}."
            )
        return constant(self.value, dtype, _ints(shape))


class identity_initializer(Initializer):
    """`gain` times the identity matrix.

    >>> tg.initializers.identity(2.0)([2, 2]).eval()
    array([[2., 0.],
           [0., 2.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0, dtype: DTypeLike = float32):
        self.gain, self.dtype = number(gain, "gain"), _float(dtype, GraphError)

    def make(self, shape: ShapeLike, dtype: DType) -> Node:
        dims = _ints(shape)
        if len(dims) != 2:
            raise ShapeError("Identity matrix initializer can only be used for 2D matrices.")
        return constant(np.eye(*dims, dtype=_float(dtype).numpy) * dtype.numpy.type(self.gain))

    def part(self, shape: ShapeLike, dtype: DType, info: Any) -> Node:
        starts = zip(info.var_offset, _ints(shape), strict=True)
        return self.make(info.full_shape, dtype)[tuple(slice(at, at + n) for at, n in starts)]


# ---------------------------------------------------------------- random numbers


class random_uniform_initializer(Initializer):
    """Numbers from [minval, maxval); maxval is 1 for floats and must be given for ints.

    >>> tg.random_uniform_initializer(-1.0, 1.0, seed=1)([2]).eval()
    array([-0.5219252,  0.8407991], dtype=float32)
    """

    def __init__(
        self, minval: TensorLike = 0, maxval: TensorLike | None = None, seed: int | None = None,
        dtype: DTypeLike = float32,
    ):
        self.minval, self.maxval, self.seed, self.dtype = minval, maxval, seed, as_dtype(dtype)

    def make(self, shape: ShapeLike, dtype: DType) -> Node:
        return random_uniform(shape, self.minval, self.maxval, dtype, self.seed)


class NormalInitializer(Initializer):
    """Base of the initializers by a normal distribution."""

    def __init__(
        self, mean: Any = 0.0, stddev: Any = 1.0, seed: int | None = None, dtype: Any = float32
    ):
        self.mean, self.stddev, self.seed = mean, stddev, seed
        self.dtype = _float(dtype, GraphError)


class random_normal_initializer(NormalInitializer):
    """Normally distributed numbers.

    >>> tg.random_normal_initializer(stddev=0.1, seed=1)([2]).eval().round(4)
    array([-0.0811,  0.1485], dtype=float32)
    """

    def make(self, shape: ShapeLike, dtype: DType) -> Node:
        return random_normal(shape, self.mean, self.stddev, _float(dtype), self.seed)


class truncated_normal_initializer(NormalInitializer):
    """Normally distributed numbers, redrawn until less than two `stddev` from `mean`.

    >>> tg.truncated_normal_initializer(stddev=0.1, seed=1)([2]).eval().round(4)
    array([-0.0811,  0.1485], dtype=float32)
    """

    def make(self, shape: ShapeLike, dtype: DType) -> Node:
        return truncated_normal(shape, self.mean, self.stddev, _float(dtype), self.seed)


def _fans(dims: list[int]) -> tuple[int, int]:
    """The numbers of inputs to an output and of outputs from an input, of a kernel's window too."""
    if len(dims) < 2:
        return (dims[0], dims[0]) if dims else (1, 1)
    window = math.prod(dims[:-2])
    return dims[-2] * window, dims[-1] * window


DISTRIBUTIONS = "normal", "uniform", "truncated_normal", "untruncated_normal"


class variance_scaling_initializer(Initializer):
    """Random weights of variance scale/n, so that a layer keeps the size of its signals.

    n is the number of inputs ("fan_in"), of outputs ("fan_out") or the mean of both ("fan_avg").
    `distribution` is "truncated_normal" (or "normal"), "untruncated_normal" or "uniform".

    >>> init = tg.variance_scaling_initializer(2.0, seed=1)
    >>> print(init([1000, 10]).eval().var().round(4))
    0.002
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal",
        seed: int | None = None, dtype: DTypeLike = float32,
    ):
        if number(scale, "scale") <= 0:
            raise GraphError(f"`scale` must be positive, not {scale}")
        self.scale, self.mode = scale, choice(mode, "mode", ("fan_in", "fan_out", "fan_avg"))
        distribution = text(distribution, "distribution").lower()
        self.distribution = choice(distribution, "distribution", DISTRIBUTIONS)
        self.seed, self.dtype = seed, _float(dtype, GraphError)

    def part(self, shape: ShapeLike, dtype: DType, info: Any) -> Node:
        return self.make(shape, dtype, info.full_shape)

    def make(self, shape: ShapeLike, dtype: DType, full_shape: Any = None) -> Node:
        """Weights of `shape`; of `full_shape`, if there is one, they have the variance."""
        fan_in, fan_out = _fans(_ints(shape if full_shape is None else full_shape))
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random_uniform(shape, -limit, limit, _float(dtype), self.seed)
        if self.distribution == "untruncated_normal":
            return random_normal(shape, 0.0, math.sqrt(variance), _float(dtype), self.seed)
        stddev = math.sqrt(variance) / TRUNCATED_STDDEV
        return truncated_normal(shape, 0.0, stddev, _float(dtype), self.seed)


class glorot_uniform_initializer(variance_scaling_initializer):
    """Uniform in ±sqrt(6 / (fan_in + fan_out)); Glorot and Bengio, 2010. The default of variables.

    >>> print(abs(tg.glorot_uniform_initializer()([100, 50]).eval()).max() <= 0.2)
    True
    """

    def __init__(self, seed: int | None = None, dtype: DTypeLike = float32):
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)


class glorot_normal_initializer(variance_scaling_initializer):
    """Truncated normal of variance 2 / (fan_in + fan_out); Glorot and Bengio, 2010.

    >>> print(tg.glorot_normal_initializer(seed=1)([100, 100]).eval().std().round(2))
    0.1
    """

    def __init__(self, seed: int | None = None, dtype: DTypeLike = float32):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, dtype)


def he_normal(seed: int | None = None) -> Initializer:
    """Truncated normal of variance 2 / fan_in, for relu; He et al., 2015.

    >>> print(tg.initializers.he_normal(seed=1)([200, 100]).eval().std().round(2))
    0.1
    """
    return variance_scaling_initializer(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed: int | None = None) -> Initializer:
    """Uniform in ±sqrt(6 / fan_in), for relu; He et al., 2015.

    >>> print(abs(tg.initializers.he_uniform()([150, 50]).eval()).max() <= 0.2)
    True
    """
    return variance_scaling_initializer(2.0, "fan_in", "uniform", seed)


def lecun_normal(seed: int | None = None) -> Initializer:
    """Truncated normal of variance 1 / fan_in; LeCun et al., 1998.

    >>> print(tg.initializers.lecun_normal(seed=1)([100, 100]).eval().std().round(2))
    0.1
    """
    return variance_scaling_initializer(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed: int | None = None) -> Initializer:
    """Uniform in ±sqrt(3 / fan_in); LeCun et al., 1998.

    >>> print(abs(tg.initializers.lecun_uniform()([75, 50]).eval()).max() <= 0.2)
    True
    """
    return variance_scaling_initializer(1.0, "fan_in", "uniform", seed)


class uniform_unit_scaling_initializer(Initializer):
    """Uniform in ±factor·sqrt(3 / n), with n the product of all dimensions but the last.

    >>> print(abs(tg.uniform_unit_scaling_initializer()([75, 50]).eval()).max() <= 0.2)
    True
    """

    def __init__(self, factor: float = 1.0, seed: int | None = None, dtype: DTypeLike = float32):
        self.factor, self.seed = number(factor, "factor"), seed
        self.dtype = _float(dtype, GraphError)

    def part(self, shape: ShapeLike, dtype: DType, info: Any) -> Node:
        return self.make(shape, dtype, info.full_shape)

    def make(self, shape: ShapeLike, dtype: DType, full_shape: Any = None) -> Node:
        dims = _ints(shape if full_shape is None else full_shape)
        limit = math.sqrt(3 / max(math.prod(dims[:-1]), 1.0)) * self.factor
        return random_uniform(shape, -limit, limit, _float(dtype), self.seed)


def _orthogonalize(x: np.ndarray) -> np.ndarray:
    """Q of x = QR, with the signs for which R's diagonal is positive: then Q is unique."""
    working = np.promote_types(x.dtype, np.float32)  # LAPACK has no float16
    q, r = np.linalg.qr(x.astype(working))
    return (q * np.sign(np.diagonal(r))).astype(x.dtype)


orthogonalize = Op("Orthogonalize", _orthogonalize,
    lambda x: Spec(x.shape, check_dtypes((x,), "float")), (None,), ("x",),
    doc="The orthonormal columns that Gram and Schmidt make of a matrix's.")


class orthogonal_initializer(Initializer):
    """`gain` times a random matrix with orthonormal columns, or rows where these are fewer.

    All dimensions but the last count as rows. Saxe et al., 2014.

    >>> w = tg.orthogonal_initializer(seed=1)([3, 2]).eval()
    >>> print((w.T @ w).round(3) + 0.0)
    [[1. 0.]
     [0. 1.]]
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None, dtype: DTypeLike = float32):
        self.gain, self.seed, self.dtype = number(gain, "gain"), seed, _float(dtype, GraphError)

    def make(self, shape: ShapeLike, dtype: DType) -> Node:
        dims = _ints(shape)
        if len(dims) < 2:
            raise ShapeError("The tensor to initialize must be at least two-dimensional")
        rows, columns = math.prod(dims[:-1]), dims[-1]
        tall = (max(rows, columns), min(rows, columns))
        q = orthogonalize(random_normal(tall, dtype=_float(dtype), seed=self.seed))
        if rows < columns:
            q = transpose(q)
        return multiply(self.gain, reshape(q, dims))
