"""tinygraph: a static computational graph with gradients, in the style of TensorFlow 1.

Build a graph of placeholders, variables and ops, ask for gradients as more graph, and run it:

>>> x = tg.placeholder(tg.float32, name="x")
>>> y = x * x
>>> sess = tg.Session()
>>> print(sess.run([y, tg.gradients(y, x)[0]], feed_dict={x: 3.0}))
[np.float32(9.0), np.float32(6.0)]
"""

import gc as _gc
import importlib as _importlib

from tinygraph import pickling as _pickling

__version__ = "0.1.0"

_collecting = _gc.isenabled()
try:
    _gc.disable()  # all that the imports make stays
    from tinygraph import errors
    from tinygraph.defaults import (
        add_to_collection, add_to_collections, control_dependencies, get_collection,
        get_collection_ref, get_default_graph, name_scope, reset_default_graph, set_random_seed,
    )
    from tinygraph.dtypes import (
        DType, as_dtype, bool_ as bool, float16, float32, float64, int8, int16, int32, int64, uint8,
        uint16, uint32, uint64,
    )
    from tinygraph.spec import Dimension, Shape as TensorShape
    from tinygraph.graph import Graph, GraphKeys, Node as Tensor, Operation
    from tinygraph.node import get_default_session
    from tinygraph.function import publish as _publish
    from tinygraph.op import Op, registry
    from tinygraph.families import composite, elementwise, reduction
    from tinygraph.ops.arithmetic import (
        add, multiply, multiply_no_nan, squared_difference, subtract,
    )
    from tinygraph.ops.array import (
        constant, convert_to_tensor, ensure_shape, identity, rank, shape, size, stop_gradient,
    )
    from tinygraph.ops.axes import invert_permutation, transpose
    from tinygraph.ops.broadcasting import (
        broadcast_to, fill, ones, ones_like, reduce_sum, zeros, zeros_like,
    )
    from tinygraph.ops.clip import (
        check_numerics, clip_by_average_norm, clip_by_global_norm, clip_by_norm, global_norm,
    )
    from tinygraph.ops.compare import (
        cast, equal, greater, greater_equal, less, less_equal, logical_and, logical_not, logical_or,
        logical_xor, not_equal, saturate_cast, to_double, to_float, to_int32, to_int64,
    )
    from tinygraph.ops.cumulative import cumprod, cumsum, segment_sum, unsorted_segment_sum
    from tinygraph.ops.decompositions import (
        cholesky, qr, self_adjoint_eig, self_adjoint_eigvals, svd,
    )
    from tinygraph.ops.diagonals import (
        diag, diag_part, matrix_band_part, matrix_diag, matrix_diag_part, matrix_set_diag,
    )
    from tinygraph.ops.effects import Assert, Print, py_func
    from tinygraph.ops.elementary import (
        abs_ as abs, acos, acosh, asin, asinh, atan, atanh, ceil, cos, cosh, erf, erfc, exp, expm1,
        floor, is_finite, is_inf, is_nan, log, log1p, negative, reciprocal, rint, round_ as round,
        rsqrt, sign, sin, sinh, sqrt, square, tan, tanh,
    )
    from tinygraph.ops.gathering import gather, gather_nd, scatter_nd
    from tinygraph.ops.groups import group, no_op, tuple_ as tuple
    from tinygraph.ops.indexed_slices import IndexedSlices, IndexedSlicesValue
    from tinygraph.ops.indexing import boolean_mask, strided_slice
    from tinygraph.ops.joining import concat, parallel_stack, split, stack, unstack
    from tinygraph.ops.linalg import einsum, matmul, matrix_transpose, tensordot
    from tinygraph.ops.making import (
        lin_space, linspace, meshgrid, one_hot, range_ as range, sequence_mask,
    )
    from tinygraph.ops.math import (
        accumulate_n, add_n, atan2, clip_by_value, div, div_no_nan, divide, floor_div, floordiv,
        floormod, maximum, minimum, mod, pow_ as pow, realdiv, scalar_mul, truediv, truncatediv,
        truncatemod,
    )
    from tinygraph.ops.matrix import (
        cross, eye, matrix_determinant, matrix_inverse, matrix_solve, trace,
    )
    from tinygraph.ops.nn import log_sigmoid, sigmoid
    from tinygraph.ops.norms import norm
    from tinygraph.ops.padding import pad, reverse, reverse_v2, slice_ as slice, tile
    from tinygraph.ops.placeholders import placeholder, placeholder_with_default
    from tinygraph.ops.random import (
        multinomial, random_normal, random_shuffle, random_uniform, truncated_normal,
    )
    from tinygraph.ops.reduce import (
        count_nonzero, reduce_all, reduce_any, reduce_euclidean_norm, reduce_logsumexp, reduce_max,
        reduce_mean, reduce_min, reduce_prod,
    )
    from tinygraph.ops.reshaping import expand_dims, reshape, squeeze
    from tinygraph.ops.selecting import argmax, argmin, setdiff1d, unique, unique_with_counts, where
    from tinygraph.variables.initializers import (
        constant_initializer, glorot_normal_initializer, glorot_uniform_initializer,
        ones_initializer, orthogonal_initializer, random_normal_initializer,
        random_uniform_initializer, truncated_normal_initializer, uniform_unit_scaling_initializer,
        variance_scaling_initializer, zeros_initializer,
    )
    from tinygraph.ops.scattering import scatter_add, scatter_sub, scatter_update
    from tinygraph.variables.updates import assign, assign_add, assign_sub
    from tinygraph.variables.variable import (
        Variable, global_variables, global_variables_initializer, initialized_value, latest_value,
        local_variables, local_variables_initializer, trainable_variables, variables_initializer,
    )
    from tinygraph.variables.scopes import (
        AUTO_REUSE, VariableScope, get_local_variable, get_variable, get_variable_scope,
        variable_scope,
    )
    from tinygraph.gradients import UnconnectedGradients, gradients
    from tinygraph.control_flow import case, cond, switch_case
    from tinygraph.session import InteractiveSession, Session
    from tinygraph.values import SessionState
    from tinygraph import initializers, linalg, math, nn, random

    for _module, _names in (
        ("tinygraph", globals()), *((x.__name__, vars(x)) for x in (nn, linalg, random, math)),
    ):
        _publish(_module, _names)
finally:
    if _collecting:
        _gc.enable()

newaxis = None

_MODULES = {"errors", "initializers", "linalg", "math", "nn", "random"}
_ON_FIRST_USE = {
    "datasets": "datasets", "test": "testing", "testing": "testing", "timeline": "timeline",
    "train": "train", "viz": "viz",
    **dict.fromkeys(["ConfigProto", "GPUOptions", "GraphOptions", "OptimizerOptions"], "config"),
    "Profile": "compiler.profile", "RunMetadata": "timeline", "RunOptions": "timeline",
}


def __getattr__(name: str):
    """Load what not every program needs when it is first asked for."""
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'tinygraph' has no attribute {name!r}")
    module = _importlib.import_module(f"tinygraph.{_ON_FIRST_USE[name]}")
    found = globals()[name] = getattr(module, name) if name[0].isupper() else module
    return found


def __dir__():
    """What is public: of the package's modules only those named above."""
    modules = {name for name, value in globals().items() if type(value) is type(_gc)}
    return sorted({*globals(), *_ON_FIRST_USE} - (modules - {*_MODULES, *_ON_FIRST_USE}))
