"""tinygraph: a static computational graph with gradients, in the style of TensorFlow 1.

Build a graph of placeholders, variables and ops, ask for gradients as more graph, and run it:

>>> x = tg.placeholder(tg.float32, name="x")
>>> y = x * x
>>> sess = tg.Session()
>>> print(sess.run([y, tg.gradients(y, x)[0]], feed_dict={x: 3.0}))
[np.float32(9.0), np.float32(6.0)]
"""

# Made by tools/make_stubs.py; do not edit.

import builtins
import tinygraph as tg
from tinygraph import (
    datasets as datasets, errors as errors, initializers as initializers, linalg as linalg,
    math as math, nn as nn, random as random, testing as testing, timeline as timeline,
    train as train, viz as viz,
)
from tinygraph.compiler.profile import Profile as Profile
from tinygraph.config import (
    ConfigProto as ConfigProto, GPUOptions as GPUOptions, GraphOptions as GraphOptions,
    OptimizerOptions as OptimizerOptions,
)
from tinygraph.control_flow import case as case, cond as cond, switch_case as switch_case
from tinygraph.defaults import (
    add_to_collection as add_to_collection, add_to_collections as add_to_collections,
    control_dependencies as control_dependencies, get_collection as get_collection,
    get_collection_ref as get_collection_ref, get_default_graph as get_default_graph,
    name_scope as name_scope, reset_default_graph as reset_default_graph,
    set_random_seed as set_random_seed,
)
from tinygraph.dtypes import (
    DType as DType, as_dtype as as_dtype, bool_ as _bool, float16 as float16, float32 as float32,
    float64 as float64, int16 as int16, int32 as int32, int64 as int64, int8 as int8,
    uint16 as uint16, uint32 as uint32, uint64 as uint64, uint8 as uint8,
)
from tinygraph.families import (
    composite as composite, elementwise as elementwise, reduction as reduction,
)
from tinygraph.gradients import UnconnectedGradients as UnconnectedGradients, gradients as gradients
from tinygraph.graph import Graph as Graph, GraphKeys as GraphKeys
from tinygraph.node import (
    Operation as Operation, Node as _Tensor, get_default_session as get_default_session,
)
from tinygraph.op import Op as Op, registry as registry
from tinygraph.ops.array import (
    constant as constant, convert_to_tensor as convert_to_tensor, rank as rank, shape as shape,
    size as size,
)
from tinygraph.ops.broadcasting import (
    ones as ones, ones_like as ones_like, zeros as zeros, zeros_like as zeros_like,
)
from tinygraph.ops.clip import (
    clip_by_average_norm as clip_by_average_norm, clip_by_global_norm as clip_by_global_norm,
    clip_by_norm as clip_by_norm, global_norm as global_norm,
)
from tinygraph.ops.compare import (
    cast as cast, saturate_cast as saturate_cast, to_double as to_double, to_float as to_float,
    to_int32 as to_int32, to_int64 as to_int64,
)
from tinygraph.ops.decompositions import (
    qr as qr, self_adjoint_eig as self_adjoint_eig, self_adjoint_eigvals as self_adjoint_eigvals,
    svd as svd,
)
from tinygraph.ops.effects import Assert as Assert, Print as Print, py_func as py_func
from tinygraph.ops.elementary import round_ as _round
from tinygraph.ops.groups import group as group, tuple_ as _tuple
from tinygraph.ops.indexed_slices import (
    IndexedSlices as IndexedSlices, IndexedSlicesValue as IndexedSlicesValue,
)
from tinygraph.ops.indexing import boolean_mask as boolean_mask, strided_slice as strided_slice
from tinygraph.ops.joining import (
    concat as concat, parallel_stack as parallel_stack, split as split, stack as stack,
    unstack as unstack,
)
from tinygraph.ops.linalg import (
    einsum as einsum, matmul as matmul, matrix_transpose as matrix_transpose,
    tensordot as tensordot,
)
from tinygraph.ops.making import (
    meshgrid as meshgrid, one_hot as one_hot, range_ as _range, sequence_mask as sequence_mask,
)
from tinygraph.ops.math import (
    accumulate_n as accumulate_n, add_n as add_n, clip_by_value as clip_by_value, div as div,
    truediv as _divide, floordiv as floordiv, scalar_mul as scalar_mul, truediv as truediv,
)
from tinygraph.ops.matrix import eye as eye, trace as trace
from tinygraph.ops.norms import norm as norm
from tinygraph.ops.padding import pad as pad
from tinygraph.ops.placeholders import (
    placeholder as placeholder, placeholder_with_default as placeholder_with_default,
)
from tinygraph.ops.random import (
    multinomial as multinomial, random_normal as random_normal, random_uniform as random_uniform,
    truncated_normal as truncated_normal,
)
from tinygraph.ops.reduce import count_nonzero as count_nonzero
from tinygraph.ops.reshaping import expand_dims as expand_dims
from tinygraph.ops.selecting import (
    setdiff1d as setdiff1d, unique as unique, unique_with_counts as unique_with_counts,
    where as where,
)
from tinygraph.session import InteractiveSession as InteractiveSession, Session as Session
from tinygraph.spec import Dimension as Dimension, Shape as _TensorShape
from tinygraph.timeline import RunMetadata as RunMetadata, RunOptions as RunOptions
from tinygraph.typing import AxisLike, DTypeLike, ShapeLike, TensorLike
from tinygraph.values import SessionState as SessionState
from tinygraph.variables.initializers import (
    constant_initializer as constant_initializer,
    glorot_normal_initializer as glorot_normal_initializer,
    glorot_uniform_initializer as glorot_uniform_initializer, ones_initializer as ones_initializer,
    orthogonal_initializer as orthogonal_initializer,
    random_normal_initializer as random_normal_initializer,
    random_uniform_initializer as random_uniform_initializer,
    truncated_normal_initializer as truncated_normal_initializer,
    uniform_unit_scaling_initializer as uniform_unit_scaling_initializer,
    variance_scaling_initializer as variance_scaling_initializer,
    zeros_initializer as zeros_initializer,
)
from tinygraph.variables.scopes import (
    AUTO_REUSE as AUTO_REUSE, VariableScope as VariableScope,
    get_local_variable as get_local_variable, get_variable as get_variable,
    get_variable_scope as get_variable_scope, variable_scope as variable_scope,
)
from tinygraph.variables.updates import assign as assign
from tinygraph.variables.variable import (
    Variable as Variable, global_variables as global_variables,
    global_variables_initializer as global_variables_initializer,
    initialized_value as initialized_value, local_variables as local_variables,
    local_variables_initializer as local_variables_initializer,
    trainable_variables as trainable_variables, variables_initializer as variables_initializer,
)
from typing import Any

def abs(x: TensorLike, name: str | None = None) -> Tensor:
    """|x|, elementwise; the gradient at 0 is 0.

    >>> tg.abs([1.0, -2.0]).eval()
    array([1., 2.], dtype=float32)
    """

def acos(x: TensorLike, name: str | None = None) -> Tensor:
    """The inverse of the cosine, elementwise; NaN outside [-1, 1].

    >>> tg.acos([0.0, 1.0]).eval()
    array([1.5707964, 0.       ], dtype=float32)
    """

def acosh(x: TensorLike, name: str | None = None) -> Tensor:
    """The inverse of the hyperbolic cosine, elementwise; NaN below 1.

    >>> tg.acosh([1.0, 2.0]).eval()
    array([0.       , 1.316958], dtype=float32)
    """

def add(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x + y, elementwise.

    >>> tg.add([1.0, 2.0], 3.0).eval()
    array([4., 5.], dtype=float32)
    """

def argmax(
    input: TensorLike,
    axis: AxisLike = None,
    name: str | None = None,
    dimension: AxisLike = None,
    output_type: DTypeLike = tg.int64,
) -> Tensor:
    """The index of the largest element along `axis`, by default 0; the first of a tie.

    InvalidArgumentError when the axis is empty.

    >>> tg.argmax([[1.0, 9.0, 3.0], [4.0, 5.0, 5.0]], axis=1).eval()
    array([1, 1])
    """

def argmin(
    input: TensorLike,
    axis: AxisLike = None,
    name: str | None = None,
    dimension: AxisLike = None,
    output_type: DTypeLike = tg.int64,
) -> Tensor:
    """The index of the smallest element along `axis`, by default 0; the first of a tie.

    InvalidArgumentError when the axis is empty.

    >>> tg.argmin([[1.0, 9.0, 3.0], [4.0, 5.0, 5.0]], axis=1).eval()
    array([0, 0])
    """

def asin(x: TensorLike, name: str | None = None) -> Tensor:
    """The inverse of the sine, elementwise; NaN outside [-1, 1].

    >>> tg.asin([0.0, 1.0]).eval()
    array([0.       , 1.5707964], dtype=float32)
    """

def asinh(x: TensorLike, name: str | None = None) -> Tensor:
    """The inverse of the hyperbolic sine, elementwise.

    >>> tg.asinh([0.0, 1.0]).eval()
    array([0.       , 0.8813736], dtype=float32)
    """

def assign_add(
    ref: Variable,
    value: TensorLike,
    use_locking: Any = None,
    name: str | None = None,
) -> Tensor:
    """Add `value` to the variable `ref`, and be the sum.

    >>> w = tg.Variable(1.0)
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> print(sess.run(tg.assign_add(w, 2.0)))
    3.0
    """

def assign_sub(
    ref: Variable,
    value: TensorLike,
    use_locking: Any = None,
    name: str | None = None,
) -> Tensor:
    """Subtract `value` from the variable `ref`, and be the difference.

    >>> w = tg.Variable(1.0)
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> print(sess.run(tg.assign_sub(w, 2.0)))
    -1.0
    """

def atan(x: TensorLike, name: str | None = None) -> Tensor:
    """The inverse of the tangent, elementwise.

    >>> tg.atan([0.0, 1.0]).eval()
    array([0.       , 0.7853982], dtype=float32)
    """

def atan2(y: TensorLike, x: TensorLike, name: str | None = None) -> Tensor:
    """The angle of the point (x, y), elementwise, in [-π, π].

    >>> tg.atan2([1.0, 1.0], [1.0, 0.0]).eval()
    array([0.7853982, 1.5707964], dtype=float32)
    """

def atanh(x: TensorLike, name: str | None = None) -> Tensor:
    """The inverse of the hyperbolic tangent, elementwise; NaN outside [-1, 1].

    >>> tg.atanh([0.0, 0.5]).eval()
    array([0.        , 0.54930615], dtype=float32)
    """

def broadcast_to(input: TensorLike, shape: TensorLike, name: str | None = None) -> Tensor:
    """Repeat along dimensions of 1, as elementwise ops do by themselves.

    >>> tg.broadcast_to([1, 2], [2, 2]).eval()
    array([[1, 2],
           [1, 2]], dtype=int32)
    """

def ceil(x: TensorLike, name: str | None = None) -> Tensor:
    """The smallest whole number that is not below x, elementwise.

    >>> tg.ceil([1.5, -1.5]).eval()
    array([ 2., -1.], dtype=float32)
    """

def check_numerics(tensor: TensorLike, message: str, name: str | None = None) -> Tensor:
    """The same tensor; a run raises InvalidArgumentError where it has an Inf or a NaN.

    >>> tg.check_numerics([1.0, 2.0], "weights").eval()
    array([1., 2.], dtype=float32)
    """

def cholesky(input: TensorLike, name: str | None = None) -> Tensor:
    """The lower triangular L with L @ Lᵀ = input, for a batch of positive definite matrices.

    What is decomposed is (input + inputᵀ)/2, so that the gradient is symmetric, as in TF. (TF reads
    the lower triangle only, which makes a difference for a matrix that is not symmetric.)
    InvalidArgumentError when a matrix is not positive definite.

    >>> tg.cholesky([[4.0, 2.0], [2.0, 5.0]]).eval()
    array([[2., 0.],
           [1., 2.]], dtype=float32)
    """

def cos(x: TensorLike, name: str | None = None) -> Tensor:
    """The cosine, elementwise.

    >>> tg.cos([0.0, 1.0]).eval()
    array([1.       , 0.5403023], dtype=float32)
    """

def cosh(x: TensorLike, name: str | None = None) -> Tensor:
    """The hyperbolic cosine, elementwise.

    >>> tg.cosh([0.0, 1.0]).eval()
    array([1.       , 1.5430807], dtype=float32)
    """

def cross(a: TensorLike, b: TensorLike, name: str | None = None) -> Tensor:
    """The cross product of vectors of length 3, the last dimension of tensors of one shape.

    >>> tg.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).eval()
    array([0., 0., 1.], dtype=float32)
    """

def cumprod(
    x: TensorLike,
    axis: AxisLike = 0,
    exclusive: builtins.bool = False,
    reverse: builtins.bool = False,
    name: str | None = None,
) -> Tensor:
    """The running product along `axis`: from the end if `reverse`, without the element
    itself if `exclusive`. The gradient is right at zeros too.

    >>> tg.cumprod([2.0, 3.0, 4.0]).eval()
    array([ 2.,  6., 24.], dtype=float32)
    """

def cumsum(
    x: TensorLike,
    axis: AxisLike = 0,
    exclusive: builtins.bool = False,
    reverse: builtins.bool = False,
    name: str | None = None,
) -> Tensor:
    """The running sum along `axis`: from the end if `reverse`, without the element itself
    if `exclusive`. Floats add up in float64.

    >>> tg.cumsum([1.0, 2.0, 3.0]).eval()
    array([1., 3., 6.], dtype=float32)
    >>> tg.cumsum([1.0, 2.0, 3.0], exclusive=True, reverse=True).eval()
    array([5., 3., 0.], dtype=float32)
    """

def diag(diagonal: TensorLike, name: str | None = None) -> Tensor:
    """A tensor of shape s + s with `diagonal`, of shape s, at [i, ..., i, ...], zero elsewhere.

    >>> tg.diag([1, 2]).eval()
    array([[1, 0],
           [0, 2]], dtype=int32)
    """

def diag_part(input: TensorLike, name: str | None = None) -> Tensor:
    """The elements at [i, ..., i, ...] of a tensor of shape s + s; the reverse of diag.

    >>> tg.diag_part([[1, 2], [3, 4]]).eval()
    array([1, 4], dtype=int32)
    """

def div_no_nan(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x / y, elementwise, but 0 where y is 0, also in the gradient.

    >>> tg.div_no_nan([1.0, 1.0], [2.0, 0.0]).eval()
    array([0.5, 0. ], dtype=float32)
    """

def ensure_shape(x: TensorLike, shape: ShapeLike, name: str | None = None) -> Tensor:
    """The same value, with what is known of its shape; a run fails where it differs.

    >>> x = tg.placeholder(tg.float32)
    >>> tg.ensure_shape(x, [None, 3]).shape
    TensorShape([Dimension(None), Dimension(3)])
    """

def equal(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x == y, elementwise; between tensors the operator == itself asks for identity.

    >>> tg.equal([1, 3], 3).eval()
    array([False,  True])
    """

def erf(x: TensorLike, name: str | None = None) -> Tensor:
    """The error function 2/√π ∫₀ˣ exp(-t²) dt, elementwise.

    >>> tg.erf([0.0, 1.0]).eval()
    array([0.       , 0.8427008], dtype=float32)
    """

def erfc(x: TensorLike, name: str | None = None) -> Tensor:
    """1 - erf(x), elementwise, exact for large x too.

    >>> tg.erfc([0.0, 5.0]).eval()
    array([1.0000000e+00, 1.5374598e-12], dtype=float32)
    """

def exp(x: TensorLike, name: str | None = None) -> Tensor:
    """e to the power x, elementwise.

    >>> tg.exp([0.0, 1.0]).eval()
    array([1.       , 2.7182817], dtype=float32)
    """

def expm1(x: TensorLike, name: str | None = None) -> Tensor:
    """exp(x) - 1, elementwise, exact for small x too.

    >>> tg.expm1([0.0, 1e-10]).eval()
    array([0.e+00, 1.e-10], dtype=float32)
    """

def fill(dims: TensorLike, value: TensorLike, name: str | None = None) -> Tensor:
    """A tensor of shape `dims` with `value` everywhere.

    >>> tg.fill([2, 2], 7).eval()
    array([[7, 7],
           [7, 7]], dtype=int32)
    """

def floor(x: TensorLike, name: str | None = None) -> Tensor:
    """The largest whole number that is not above x, elementwise.

    >>> tg.floor([1.5, -1.5]).eval()
    array([ 1., -2.], dtype=float32)
    """

def floor_div(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """floor(x / y), elementwise: -7 // 2 is -4. InvalidArgumentError for an int y of 0.

    >>> tg.floor_div([7, -7], 2).eval()
    array([ 3, -4], dtype=int32)
    """

def floormod(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x - floor(x / y) y, elementwise, as Python's %: with the sign of y.

    InvalidArgumentError for an int y of 0.

    >>> tg.floormod([7, -7], 3).eval()
    array([1, 2], dtype=int32)
    """

def gather(
    params: TensorLike,
    indices: TensorLike,
    validate_indices: Any = None,
    name: str | None = None,
    axis: AxisLike = None,
    batch_dims: int = 0,
) -> Tensor:
    """The slices of `params` at `indices` along `axis` (0 by default).

    The shape is params.shape[:axis] + indices.shape + params.shape[axis + 1:]. A negative index is
    an InvalidArgumentError of the run, like one that is too large. Along axis 0 the gradient of
    `params` is sparse: see `tg.gradients`.

    >>> tg.gather([10, 20, 30], [2, 0, 2]).eval()
    array([30, 10, 30], dtype=int32)
    """

def gather_nd(
    params: TensorLike,
    indices: TensorLike,
    name: str | None = None,
    batch_dims: int = 0,
) -> Tensor:
    """params[indices[..., 0], indices[..., 1], ...]: elements, or slices.

    There are slices where `indices` has fewer columns than `params` axes.

    >>> tg.gather_nd([[1, 2], [3, 4]], [[0, 1], [1, 0]]).eval()
    array([2, 3], dtype=int32)
    """

def greater(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x > y, elementwise.

    >>> tg.greater([1, 3], 2).eval()
    array([False,  True])
    """

def greater_equal(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x >= y, elementwise.

    >>> tg.greater_equal([1, 3], 3).eval()
    array([False,  True])
    """

def identity(input: TensorLike, name: str | None = None) -> Tensor:
    """The same value, as a new node: a name, or a place for control dependencies.

    >>> tg.identity([1.0, 2.0], name="out").eval()
    array([1., 2.], dtype=float32)
    """

def invert_permutation(x: TensorLike, name: str | None = None) -> Tensor:
    """The permutation y with y[x[i]] = i.

    >>> tg.invert_permutation([2, 0, 1]).eval()
    array([1, 2, 0], dtype=int32)
    """

def is_finite(x: TensorLike, name: str | None = None) -> Tensor:
    """Whether x is neither NaN nor infinite, elementwise.

    >>> tg.is_finite([1.0, float("inf")]).eval()
    array([ True, False])
    """

def is_inf(x: TensorLike, name: str | None = None) -> Tensor:
    """Whether x is inf or -inf, elementwise.

    >>> tg.is_inf([1.0, float("inf")]).eval()
    array([False,  True])
    """

def is_nan(x: TensorLike, name: str | None = None) -> Tensor:
    """Whether x is not a number, elementwise.

    >>> tg.is_nan([1.0, float("nan")]).eval()
    array([False,  True])
    """

def latest_value(ref: Variable, name: str | None = None) -> Tensor:
    """The value of a variable that the updates made before it have left, in the same run.

    An update that is computed from it follows those updates, as `assign_add` does, where the
    variable by itself would stand for its value before the run: it is for the formulas of
    optimizers and averages.

    >>> m = tg.Variable(1.0)
    >>> half = [m.assign(0.5 * tg.latest_value(m)) for _ in range(2)]
    >>> sess = tg.Session()
    >>> sess.run(m.initializer)
    >>> _ = sess.run(half)
    >>> print(sess.run(m))
    0.25
    """

def less(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x < y, elementwise.

    >>> tg.less([1, 3], 3).eval()
    array([ True, False])
    """

def less_equal(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x <= y, elementwise.

    >>> tg.less_equal([1, 3], 3).eval()
    array([ True,  True])
    """

def lin_space(
    start: TensorLike,
    stop: TensorLike,
    num: TensorLike,
    name: str | None = None,
) -> Tensor:
    """`num` numbers from `start` to `stop`, both included, at equal distances.

    >>> tg.linspace(0.0, 1.0, 5).eval()
    array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """

def log(x: TensorLike, name: str | None = None) -> Tensor:
    """The natural logarithm, elementwise; -inf at 0, NaN below.

    >>> tg.log([1.0, 0.0]).eval()
    array([  0., -inf], dtype=float32)
    """

def log1p(x: TensorLike, name: str | None = None) -> Tensor:
    """log(1 + x), elementwise, exact for small x too.

    >>> tg.log1p([0.0, 1e-10]).eval()
    array([0.e+00, 1.e-10], dtype=float32)
    """

def log_sigmoid(x: TensorLike, name: str | None = None) -> Tensor:
    """log(sigmoid(x)), elementwise, as min(x, 0) - log1p(exp(-|x|)).

    >>> tg.log_sigmoid([-1000.0, 1000.0]).eval()
    array([-1000.,     0.], dtype=float32)
    """

def logical_and(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """Whether both x and y, elementwise.

    >>> tg.logical_and([True, False], True).eval()
    array([ True, False])
    """

def logical_not(x: TensorLike, name: str | None = None) -> Tensor:
    """Whether not x, elementwise.

    >>> tg.logical_not([True, False]).eval()
    array([False,  True])
    """

def logical_or(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """Whether x or y or both, elementwise.

    >>> tg.logical_or([True, False], False).eval()
    array([ True, False])
    """

def logical_xor(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """Whether either x or y, not both, elementwise.

    >>> tg.logical_xor([True, False], True).eval()
    array([False,  True])
    """

def matrix_band_part(
    input: TensorLike,
    num_lower: TensorLike,
    num_upper: TensorLike,
    name: str | None = None,
) -> Tensor:
    """Matrices with `num_lower` diagonals below the main one and `num_upper` above it, all if
    negative, and else zeros.

    >>> tg.matrix_band_part([[1, 2], [3, 4]], -1, 0).eval()
    array([[1, 0],
           [3, 4]], dtype=int32)
    """

def matrix_determinant(input: TensorLike, name: str | None = None) -> Tensor:
    """The determinant of each matrix in a batch; its gradient needs matrices with an inverse.

    >>> print(tg.matrix_determinant([[2.0, 1.0], [0.0, 4.0]]).eval())
    8.0
    """

def matrix_diag(diagonal: TensorLike, name: str | None = 'diag') -> Tensor:
    """Square matrices with `diagonal`, which may be a batch, on their diagonals.

    >>> tg.matrix_diag([1, 2]).eval()
    array([[1, 0],
           [0, 2]], dtype=int32)
    """

def matrix_diag_part(input: TensorLike, name: str | None = 'diag_part') -> Tensor:
    """The main diagonals of matrices, which may be a batch.

    >>> tg.matrix_diag_part([[1, 2, 3], [4, 5, 6]]).eval()
    array([1, 5], dtype=int32)
    """

def matrix_inverse(
    input: TensorLike,
    adjoint: builtins.bool = False,
    name: str | None = None,
) -> Tensor:
    """The inverse of each matrix in a batch, transposed if `adjoint`.

    InvalidArgumentError when a matrix is singular.

    >>> tg.matrix_inverse([[2.0, 0.0], [0.0, 4.0]]).eval()
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """

def matrix_set_diag(
    input: TensorLike,
    diagonal: TensorLike,
    name: str | None = 'set_diag',
) -> Tensor:
    """The matrices in `input` with their main diagonals replaced by `diagonal`.

    >>> tg.matrix_set_diag([[1, 2], [3, 4]], [7, 8]).eval()
    array([[7, 2],
           [3, 8]], dtype=int32)
    """

def matrix_solve(
    matrix: TensorLike,
    rhs: TensorLike,
    adjoint: builtins.bool = False,
    name: str | None = None,
) -> Tensor:
    """The y with matrix @ y = rhs, or with matrixᵀ @ y = rhs if `adjoint`, for each of a batch.

    `rhs` holds columns, and has the rank of `matrix`. InvalidArgumentError for a singular matrix.

    >>> tg.matrix_solve([[2.0, 0.0], [0.0, 4.0]], [[2.0], [2.0]]).eval()
    array([[1. ],
           [0.5]], dtype=float32)
    """

def maximum(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """The larger of x and y, elementwise; NaN if either is, then with the gradient to
    y. A tie's gradient goes to x.

    >>> tg.maximum([1.0, 2.0], 1.5).eval()
    array([1.5, 2. ], dtype=float32)
    """

def minimum(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """The smaller of x and y, elementwise; NaN if either is, then with the gradient to
    y. A tie's gradient goes to x.

    >>> tg.minimum([1.0, 2.0], 1.5).eval()
    array([1. , 1.5], dtype=float32)
    """

def multiply(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x * y, elementwise.

    >>> tg.multiply([1.0, 2.0], 3.0).eval()
    array([3., 6.], dtype=float32)
    """

def multiply_no_nan(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x * y, elementwise, but 0 where y is 0, even if x is NaN or infinite.

    >>> tg.multiply_no_nan([2.0, float("inf")], [3.0, 0.0]).eval()
    array([6., 0.], dtype=float32)
    """

def negative(x: TensorLike, name: str | None = None) -> Tensor:
    """-x, elementwise.

    >>> tg.negative([1.0, -2.0]).eval()
    array([-1.,  2.], dtype=float32)
    """

def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing; a place for control dependencies.

    >>> tg.Session().run(tg.no_op())
    """

def not_equal(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x != y, elementwise.

    >>> tg.not_equal([1, 3], 3).eval()
    array([ True, False])
    """

def pow(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x to the power y, elementwise.

    The gradients are y x^(y-1) and x^y log x, the latter 0 where x <= 0; where no gradient
    arrives, neither is NaN. Ints to negative powers raise InvalidArgumentError.

    >>> tg.pow([3.0, 4.0], [2.0, 0.5]).eval()
    array([9., 2.], dtype=float32)
    """

def random_shuffle(value: TensorLike, seed: int | None = None, name: str | None = None) -> Tensor:
    """The rows of `value`, which is all along its first axis, in a random order.

    >>> sorted(tg.random_shuffle([1, 2, 3]).eval().tolist())
    [1, 2, 3]
    """

def realdiv(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x / y for floats, elementwise.

    >>> tg.realdiv([1.0, 2.0], 4.0).eval()
    array([0.25, 0.5 ], dtype=float32)
    """

def reciprocal(x: TensorLike, name: str | None = None) -> Tensor:
    """1 / x, elementwise.

    >>> tg.reciprocal([4.0, 0.5]).eval()
    array([0.25, 2.  ], dtype=float32)
    """

def reduce_all(
    input_tensor: TensorLike,
    axis: AxisLike = None,
    keepdims: builtins.bool | None = None,
    name: str | None = None,
    reduction_indices: AxisLike = None,
    keep_dims: builtins.bool | None = None,
) -> Tensor:
    """Whether all of the bools are true, over `axis`, an int or ints, or over all axes.

    >>> tg.reduce_all([[True, False], [True, True]], axis=0).eval()
    array([ True, False])
    """

def reduce_any(
    input_tensor: TensorLike,
    axis: AxisLike = None,
    keepdims: builtins.bool | None = None,
    name: str | None = None,
    reduction_indices: AxisLike = None,
    keep_dims: builtins.bool | None = None,
) -> Tensor:
    """Whether any of the bools is true, over `axis`, an int or ints, or over all axes.

    >>> tg.reduce_any([[True, False], [False, False]], axis=0).eval()
    array([ True, False])
    """

def reduce_euclidean_norm(
    input_tensor: TensorLike,
    axis: AxisLike = None,
    keepdims: builtins.bool | None = None,
    name: str | None = None,
) -> Tensor:
    """√(Σ x²) over `axis`, an int or ints, or over all axes; the gradient at 0 is 0.

    >>> tg.reduce_euclidean_norm([[3.0, 4.0], [0.0, 0.0]], axis=1).eval()
    array([5., 0.], dtype=float32)
    """

def reduce_logsumexp(
    input_tensor: TensorLike,
    axis: AxisLike = None,
    keepdims: builtins.bool | None = None,
    name: str | None = None,
    reduction_indices: AxisLike = None,
    keep_dims: builtins.bool | None = None,
) -> Tensor:
    """log Σ exp(input_tensor) over `axis`, an int or ints, or over all axes, without overflow.

    >>> print(tg.reduce_logsumexp([1000.0, 1000.0]).eval())
    1000.6931
    """

def reduce_max(
    input_tensor: TensorLike,
    axis: AxisLike = None,
    keepdims: builtins.bool | None = None,
    name: str | None = None,
    reduction_indices: AxisLike = None,
    keep_dims: builtins.bool | None = None,
) -> Tensor:
    """The largest element over `axis`, an int or ints, or over all axes; NaN if there is one.

    Elements that tie share the gradient. Over nothing it is -inf, or the smallest int.

    >>> tg.reduce_max([[1.0, 4.0], [3.0, 2.0]], axis=0).eval()
    array([3., 4.], dtype=float32)
    """

def reduce_mean(
    input_tensor: TensorLike,
    axis: AxisLike = None,
    keepdims: builtins.bool | None = None,
    name: str | None = None,
    reduction_indices: AxisLike = None,
    keep_dims: builtins.bool | None = None,
) -> Tensor:
    """The mean over `axis`, an int or ints, or over all axes; of ints it is an int, as in TF1.

    >>> tg.reduce_mean([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([2., 3.], dtype=float32)
    """

def reduce_min(
    input_tensor: TensorLike,
    axis: AxisLike = None,
    keepdims: builtins.bool | None = None,
    name: str | None = None,
    reduction_indices: AxisLike = None,
    keep_dims: builtins.bool | None = None,
) -> Tensor:
    """The smallest element over `axis`, an int or ints, or over all axes; NaN if there is one.

    Elements that tie share the gradient. Over nothing it is inf, or the largest int.

    >>> tg.reduce_min([[1.0, 4.0], [3.0, 2.0]], axis=0).eval()
    array([1., 2.], dtype=float32)
    """

def reduce_prod(
    input_tensor: TensorLike,
    axis: AxisLike = None,
    keepdims: builtins.bool | None = None,
    name: str | None = None,
    reduction_indices: AxisLike = None,
    keep_dims: builtins.bool | None = None,
) -> Tensor:
    """The product over `axis`, an int or ints, or over all axes.

    The gradient is right at zeros too.

    >>> tg.reduce_prod([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([3., 8.], dtype=float32)
    """

def reduce_sum(
    input_tensor: TensorLike,
    axis: AxisLike = None,
    keepdims: builtins.bool | None = None,
    name: str | None = None,
    reduction_indices: AxisLike = None,
    keep_dims: builtins.bool | None = None,
) -> Tensor:
    """The sum over `axis`, an int or ints, or over all axes; float16 adds in float32.

    >>> tg.reduce_sum([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([4., 6.], dtype=float32)
    """

def reshape(tensor: TensorLike, shape: ShapeLike, name: str | None = None) -> Tensor:
    """The same elements in another shape; one dimension may be -1: what is left.

    >>> tg.reshape([1, 2, 3, 4], [2, -1]).eval()
    array([[1, 2],
           [3, 4]], dtype=int32)
    """

def reverse(tensor: TensorLike, axis: AxisLike, name: str | None = None) -> Tensor:
    """Reverse the order along the axes in `axis`.

    >>> tg.reverse([[1, 2], [3, 4]], [1]).eval()
    array([[2, 1],
           [4, 3]], dtype=int32)
    """

def rint(x: TensorLike, name: str | None = None) -> Tensor:
    """The nearest whole number, elementwise; halves go to the even one.

    >>> tg.rint([0.5, 1.5, 2.4]).eval()
    array([0., 2., 2.], dtype=float32)
    """

def rsqrt(x: TensorLike, name: str | None = None) -> Tensor:
    """1 / sqrt(x), elementwise; inf at 0.

    >>> tg.rsqrt([4.0, 0.25]).eval()
    array([0.5, 2. ], dtype=float32)
    """

def scatter_add(
    ref: Variable,
    indices: TensorLike,
    updates: TensorLike,
    use_locking: builtins.bool = False,
    name: str | None = None,
) -> Tensor:
    """Add `updates` to the variable `ref`'s rows at `indices`, and be the variable's value.

    Indices may repeat; the updates of a row are then added up first, as `unsorted_segment_sum`
    adds. The other rows cost nothing, unless the same run needs the whole variable after the
    update: fetching it, or this tensor, copies it.

    Parameters
    ----------
    indices
        Ints, of any shape.
    updates
        A tensor of shape indices.shape + ref.shape[1:], or a scalar.

    Raises
    ------
    InvalidArgumentError
        in a run, for an index that is not in [0, ref.shape[0]); then no row is changed.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_add(w, [2, 0, 2], [10.0, 20.0, 30.0]))
    array([21.,  2., 43.], dtype=float32)
    """

def scatter_nd(
    indices: TensorLike,
    updates: TensorLike,
    shape: TensorLike,
    name: str | None = None,
) -> Tensor:
    """Zeros of `shape`, with `updates` added at `indices`; the reverse of gather_nd.

    Floats add up as in `unsorted_segment_sum`.

    >>> tg.scatter_nd([[1], [3], [1]], [1.0, 2.0, 4.0], [5]).eval()
    array([0., 5., 0., 2., 0.], dtype=float32)
    """

def scatter_sub(
    ref: Variable,
    indices: TensorLike,
    updates: TensorLike,
    use_locking: builtins.bool = False,
    name: str | None = None,
) -> Tensor:
    """Subtract `updates` from the variable `ref`'s rows at `indices`; see `tg.scatter_add`.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_sub(w, [2], [10.0]))
    array([ 1.,  2., -7.], dtype=float32)
    """

def scatter_update(
    ref: Variable,
    indices: TensorLike,
    updates: TensorLike,
    use_locking: builtins.bool = True,
    name: str | None = None,
) -> Tensor:
    """Make `updates` the variable `ref`'s rows at `indices`; see `tg.scatter_add`.

    Where indices repeat, the last update of a row counts.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_update(w, [2, 0], [10.0, 20.0]))
    array([20.,  2., 10.], dtype=float32)
    """

def segment_sum(data: TensorLike, segment_ids: TensorLike, name: str | None = None) -> Tensor:
    """y[k] = the sum of the data[i] with segment_ids[i] = k, for ids that increase.
    Floats add up as in `unsorted_segment_sum`.

    >>> tg.segment_sum([1.0, 2.0, 3.0], [0, 0, 2]).eval()
    array([3., 0., 3.], dtype=float32)
    """

def sigmoid(x: TensorLike, name: str | None = None) -> Tensor:
    """1 / (1 + exp(-x)), elementwise, without overflow.

    >>> tg.nn.sigmoid([-1000.0, 0.0, 1000.0]).eval()
    array([0. , 0.5, 1. ], dtype=float32)
    """

def sign(x: TensorLike, name: str | None = None) -> Tensor:
    """-1, 0 or 1, elementwise; 0 for NaN.

    >>> tg.sign([3.0, -2.0, 0.0]).eval()
    array([ 1., -1.,  0.], dtype=float32)
    """

def sin(x: TensorLike, name: str | None = None) -> Tensor:
    """The sine, elementwise.

    >>> tg.sin([0.0, 1.0]).eval()
    array([0.       , 0.8414710], dtype=float32)
    """

def sinh(x: TensorLike, name: str | None = None) -> Tensor:
    """The hyperbolic sine, elementwise.

    >>> tg.sinh([0.0, 1.0]).eval()
    array([0.       , 1.1752012], dtype=float32)
    """

def slice(
    input_: TensorLike,
    begin: TensorLike,
    size: TensorLike,
    name: str | None = None,
) -> Tensor:
    """The part of a tensor that starts at `begin` and has the shape `size`, or -1 for the rest.

    >>> tg.slice([[1, 2, 3], [4, 5, 6]], [0, 1], [2, -1]).eval()
    array([[2, 3],
           [5, 6]], dtype=int32)
    """

def sqrt(x: TensorLike, name: str | None = None) -> Tensor:
    """The square root, elementwise; NaN below 0. The gradient at 0 is inf,
    but 0 where none arrives.

    >>> tg.sqrt([4.0, 2.0]).eval()
    array([2.       , 1.4142135], dtype=float32)
    """

def square(x: TensorLike, name: str | None = None) -> Tensor:
    """x², elementwise.

    >>> tg.square([3.0, -2.0]).eval()
    array([9., 4.], dtype=float32)
    """

def squared_difference(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """(x - y)², elementwise.

    >>> tg.squared_difference([1.0, 2.0], 4.0).eval()
    array([9., 4.], dtype=float32)
    """

def squeeze(
    input: TensorLike,
    axis: AxisLike = None,
    name: str | None = None,
    squeeze_dims: AxisLike = None,
) -> Tensor:
    """Drop dimensions of 1: those in `axis`, or all.

    >>> tg.squeeze([[[1, 2]]]).eval()
    array([1, 2], dtype=int32)
    """

def stop_gradient(input: TensorLike, name: str | None = None) -> Tensor:
    """The same value, which gradients take for a constant.

    >>> x = tg.constant(3.0)
    >>> print(tg.gradients(x * tg.stop_gradient(x), x)[0].eval())
    3.0
    """

def subtract(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x - y, elementwise.

    >>> tg.subtract([1.0, 2.0], 3.0).eval()
    array([-2., -1.], dtype=float32)
    """

def tan(x: TensorLike, name: str | None = None) -> Tensor:
    """The tangent, elementwise.

    >>> tg.tan([0.0, 1.0]).eval()
    array([0.       , 1.5574077], dtype=float32)
    """

def tanh(x: TensorLike, name: str | None = None) -> Tensor:
    """The hyperbolic tangent, elementwise.

    >>> tg.tanh([0.0, 1.0]).eval()
    array([0.       , 0.7615942], dtype=float32)
    """

def tile(input: TensorLike, multiples: TensorLike, name: str | None = None) -> Tensor:
    """Repeat a tensor multiples[i] times along each dimension i.

    >>> tg.tile([[1, 2]], [2, 2]).eval()
    array([[1, 2, 1, 2],
           [1, 2, 1, 2]], dtype=int32)
    """

def transpose(
    a: TensorLike,
    perm: AxisLike = None,
    name: str | None = 'transpose',
    conjugate: builtins.bool = False,
) -> Tensor:
    """The axes in the order `perm`, by default reversed.

    >>> tg.transpose([[1, 2, 3], [4, 5, 6]]).eval()
    array([[1, 4],
           [2, 5],
           [3, 6]], dtype=int32)
    """

def truncatediv(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x / y cut off towards 0, elementwise. InvalidArgumentError for an int y of 0.

    >>> tg.truncatediv([7, -7], 2).eval()
    array([ 3, -3], dtype=int32)
    """

def truncatemod(x: TensorLike, y: TensorLike, name: str | None = None) -> Tensor:
    """x - truncatediv(x, y) y, elementwise, as in C: with the sign of x.

    InvalidArgumentError for an int y of 0.

    >>> tg.truncatemod([7, -7], 3).eval()
    array([ 1, -1], dtype=int32)
    """

def unsorted_segment_sum(
    data: TensorLike,
    segment_ids: TensorLike,
    num_segments: TensorLike,
    name: str | None = None,
) -> Tensor:
    """y[k] = the sum of the data[i] with segment_ids[i] = k; negative ids are left out.

    Floats add up in float64 where more than 256 meet, and those of float16 always.
    `segment_ids` has the shape of the first dimensions of `data`. InvalidArgumentError when an id
    is num_segments or more.

    >>> tg.unsorted_segment_sum([1.0, 2.0, 3.0], [1, 0, 1], 2).eval()
    array([2., 4.], dtype=float32)
    """

Tensor = _Tensor
TensorShape = _TensorShape
bool = _bool
divide = _divide
linspace = lin_space
mod = floormod
newaxis: None
range = _range
reverse_v2 = reverse
round = _round
test = testing
tuple = _tuple
__version__: str
