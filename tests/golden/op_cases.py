"""The table of cases that `record_tf115.py` runs in TensorFlow 1.15, in replay.py's notation.

Where tinygraph means to differ from TensorFlow there is no case: pow at 0, the norm at 0, labels
that do not sum to one, float32 values so small that TensorFlow flushes them to zero, and
gradients that TensorFlow gets wrong (matrix_inverse with adjoint, softmax losses by labels that
broadcast).
"""

import functools

import numpy as np

INF, NAN = float("inf"), float("nan")

# ---------------------------------------------------------------- notation


SAME = object()


def tensor(dtype, value, shape=SAME, dims=None):
    """A placeholder fed `value`, with its shape, another static shape or, for None, no rank.

    `dims` is the shape of a value without elements.
    """
    mark = {"tensor": dtype, "value": value}
    if shape is not SAME:
        mark["shape"] = shape
    if dims is not None:
        mark["dims"] = dims
    return mark


f32 = functools.partial(tensor, "float32")
f64 = functools.partial(tensor, "float64")
i32 = functools.partial(tensor, "int32")
i64 = functools.partial(tensor, "int64")
boolean = functools.partial(tensor, "bool")
ELLIPSIS, NEWAXIS = {"mark": "ellipsis"}, {"mark": "newaxis"}


def dtype(name):
    return {"dtype": name}


def items(*keys):
    """A tuple, as the index of x[1, 2]."""
    return {"tuple": list(keys)}


def part(*bounds):
    """A slice; part(1, 3) is 1:3."""
    return {"slice": list(slice(*bounds).__reduce__()[1])}


def wave(*shape):
    """Distinct values of both signs between -2 and 2, none near a kink or a tie."""
    i = np.arange(1, int(np.prod(shape)) + 1)
    return np.round(2 * np.sin(2.3 * i), 2).reshape(shape).tolist()


def positive(*shape):
    return np.round(np.abs(wave(*shape)) + 0.1, 2).tolist()


# ---------------------------------------------------------------- the ops


def case(op, *args, **kwargs):
    """A case; `then` has the arguments of the call of what the op returns."""
    then = kwargs.pop("then", None)
    entry = {"op": op, "args": list(args), "then": then, "kwargs": kwargs}
    return {key: value for key, value in entry.items() if value}


def elementwise():
    for op in "negative abs sign square sin cos tanh floor ceil round exp expm1 sinh cosh".split():
        yield case(op, f32(wave(2, 3)))
    for op in "tan atan erf".split():
        yield case(op, f32([-1.2, -0.3, 0.0, 0.4, 1.1]))
    for op in "asin acos".split():
        yield case(op, f32([-0.9, -0.3, 0.0, 0.4, 0.8]))
    for op in "sqrt rsqrt log log1p reciprocal".split():
        yield case(op, f32(positive(2, 3)))
    for op in "abs sign floor ceil round sin exp sqrt log tanh sigmoid erf".split():
        yield case(op, f64([0.0, 0.25, 1.0, 2.5]))
    yield from kinks()
    yield from binary()
    yield from predicates()


def kinks():
    yield case("abs", f32([-1.0, 0.0, 2.0]))
    yield case("sign", f32([-2.5, 0.0, 3.0]))
    yield case("sqrt", f32([0.0, 1.0, 4.0]))
    yield case("rsqrt", f32([0.25, 1.0, INF]))
    yield case("log", f32([0.0, 1.0, INF]))
    yield case("log1p", f32([-1.0, 0.0, 1e-7]))
    yield case("expm1", f32([0.0, 1e-7, -1e-7]))
    yield case("exp", f64([-INF, -1000.0, 0.0, 700.0]))
    yield case("tanh", f64([-INF, -400.0, 0.0, 1e-9, 400.0, INF]))
    yield case("sigmoid", f64([-1000.0, -20.0, 0.0, 20.0, 1000.0]))
    yield case("reciprocal", f32([0.5, -4.0, INF]))
    yield case("round", f32([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.51]))
    yield case("floor", f32([-1.5, -1.0, -0.0, 0.5]))
    yield case("ceil", f32([-1.5, -1.0, 0.0, 0.5]))
    for op in "negative abs sign square".split():
        yield case(op, i32([-3, 0, 4]))
    yield case("round", i32([-3, 0, 4]))
    for op in "maximum minimum".split():
        yield case(op, f32([1.0, 2.0, 3.0]), f32([1.0, 3.0, 2.0]))
        yield case(op, f32([[1.0], [2.0]]), f32([1.0, 2.0, 3.0]))
        yield case(op, i32([1, 5]), i32([3, 2]))
    yield case("clip_by_value", f32([-1.0, 0.0, 0.5, 1.0, 2.0]), 0.0, 1.0)
    yield case("clip_by_value", i32([-1, 0, 5, 10]), 0, 6)


def binary():
    for op in "add subtract multiply divide truediv squared_difference floordiv mod".split():
        yield case(op, f32(wave(2, 3)), f32([[1.5, -2.5, 0.7], [-0.4, 3.0, 0.9]]))
        yield case(op, f32(wave(2, 1, 3)), f32([[1.5], [-0.7]]))
        yield case(op, i32([-7, -6, 7, 9]), i32([2, 3, -2, 4]))
    for op in "add multiply divide".split():
        yield case(op, f32(wave(2, 3), [None, 3]), f32(wave(3)))
        yield case(op, f32(wave(2, 3), [None, None]), f32(1.25))
    for op in "div floor_div truncatediv floormod truncatemod".split():
        yield case(op, i32([-7, -6, 7, 9]), i32([2, 3, -2, 4]))
    yield case("div", f32([1.0, -3.0]), f32([2.0, 4.0]))
    yield case("div_no_nan", f32([1.0, 0.0, 3.0]), f32([2.0, 0.0, 0.0]))
    yield case("divide", f32([1.0, -1.0, 2.0]), f32([0.0, 0.0, INF]))
    yield case("divide", i64([1, 2]), i64([2, 3]))
    yield case("pow", f32([0.5, 1.5, 2.0]), f32([2.0, 0.5, -3.0]))
    yield case("pow", f32([[0.5], [2.0]]), f32([3.0, -1.0]))
    yield case("pow", f32([-2.0, -0.5]), f32([3.0, 2.0]))
    yield case("pow", i32([2, -3, 5]), i32([10, 3, 0]))
    yield case("atan2", f32([1.0, -1.0, 0.5, -0.5]), f32([1.0, 2.0, -1.0, -3.0]))
    yield case("add_n", [f32(wave(2, 2)), f32(positive(2, 2)), f32(wave(2, 2))])
    yield from operators()


def operators():
    x, y = f32([1.5, -2.0, 4.0]), f32([0.5, 3.0, -1.5])
    for op in "add sub mul truediv floordiv mod".split():
        yield case(f"Tensor.__{op}__", x, y)
        yield case(f"Tensor.__{op}__", x, 2)
        yield case(f"Tensor.__r{op}__", x, 3)
    yield case("Tensor.__pow__", f32([1.5, 2.0]), 2)
    yield case("Tensor.__rpow__", f32([1.5, 2.0]), 2)
    yield case("Tensor.__neg__", x)
    yield case("Tensor.__abs__", x)
    yield case("Tensor.__matmul__", f32(wave(2, 3)), f32(wave(3, 2)))
    yield case("Tensor.__rmatmul__", f32(wave(3, 2)), {"array": "float32", "value": wave(2, 3)})
    for op in "lt le gt ge".split():
        yield case(f"Tensor.__{op}__", f32([1.0, 2.0, 3.0]), 2)
    yield case("Tensor.__truediv__", i32([7, -7]), i32([2, 2]))
    yield case("Tensor.__truediv__", i32([7, -7]), 2)
    yield case("Tensor.__floordiv__", i32([7, -7]), 2)
    yield case("Tensor.__mod__", i32([7, -7]), 3)
    yield case("Tensor.__pow__", i32([7, -7]), 2)
    yield case("Tensor.__add__", f32([1.0]), {"array": "float64", "value": [2.5]})
    yield case("Tensor.__add__", i32([1]), {"array": "int64", "value": [2]})
    for op in "and or xor".split():
        yield case(f"Tensor.__{op}__", boolean([True, True, False]), boolean([True, False, False]))
    yield case("Tensor.__invert__", boolean([True, False]))


def predicates():
    x, y = f32([1.0, 2.0, NAN, INF]), f32([1.0, 3.0, NAN, -INF])
    for op in "equal not_equal less less_equal greater greater_equal".split():
        yield case(op, x, y)
        yield case(op, i32([[1], [2]]), i32([1, 2]))
    yield case("equal", boolean([True, False]), boolean([True, True]))
    for op in "logical_and logical_or logical_xor".split():
        yield case(op, boolean([[True], [False]]), boolean([True, False]))
    yield case("logical_not", boolean([True, False]))
    for op in "is_nan is_inf is_finite".split():
        yield case(op, f32([0.0, NAN, INF, -INF]))
    yield case("where", boolean([True, False, True]), f32([1.0, 2.0, 3.0]), f32([4.0, 5.0, 6.0]))
    yield case("where", boolean([True, False]), f32(wave(2, 3)), f32(positive(2, 3)))
    yield case("where", boolean([[True, False], [True, True]]))
    yield case("where", boolean([True, False]), i32([1, 2]), i32([3, 4]))
    for source in (f32([-1.7, 0.0, 2.9]), i32([-1, 0, 2]), boolean([True, False])):
        for target in "float32 float64 int32 int64 bool".split():
            yield case("cast", source, dtype(target))
    yield case("cast", i32([-1, 300]), dtype("uint8"))


def reductions():
    x = f32(wave(2, 3))
    axes = [{}, {"axis": 0}, {"axis": -1}, {"axis": [0, 1]}, {"axis": [1]}, {"axis": []}]
    for op in "reduce_sum reduce_mean reduce_max reduce_min reduce_prod reduce_logsumexp".split():
        for kwargs in [*axes, {"axis": 1, "keepdims": True}, {"keepdims": True}]:
            yield case(op, x, **kwargs)
        yield case(op, f32(wave(2, 3, 2), [None, 3, None]), axis=[0, 2], keepdims=True)
    for op in "reduce_sum reduce_mean reduce_max reduce_min reduce_prod".split():
        yield case(op, i32([[1, 2, 4], [3, -5, 6]]))
        yield case(op, i32([[1, 2, 4], [3, -5, 6]]), axis=0)
        yield case(op, f64(wave(3, 2)), axis=0)
    for values in ([1, 2], [-1, -2]):
        yield case("reduce_mean", i32(values))
    for op in "reduce_max reduce_min".split():
        yield case(op, f32([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]), axis=1)
        yield case(op, f32([2.0, 2.0, 1.0, 1.0]))
    yield case("reduce_prod", f32([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0], [1.0, 2.0, 4.0]]), axis=1)
    yield case("reduce_sum", f32([], dims=[0, 3]), axis=0)
    yield case("reduce_prod", f32([], dims=[0, 3]), axis=0)
    yield case("reduce_max", f32([], dims=[0, 3]), axis=0)
    yield case("reduce_sum", f32([], dims=[0]))
    yield case("reduce_logsumexp", f64([[1000.0, 1000.0], [-1000.0, 0.0]]), axis=1)
    yield case("reduce_logsumexp", f64([-INF, 0.0]))
    for op in "reduce_any reduce_all".split():
        for kwargs in [*axes[:5], {"axis": 1, "keepdims": True}]:
            yield case(op, boolean([[True, False, True], [True, False, False]]), **kwargs)
    for op in "argmax argmin".split():
        ties = f32([[1.0, 3.0, 3.0], [1.0, 5.0, 0.0]])
        yield case(op, ties)
        yield case(op, ties, axis=1)
        yield case(op, ties, axis=-1, output_type=dtype("int32"))
        yield case(op, i32([4, 9, 9, 4]))
    yield from cumulative()


def cumulative():
    yield case("cumsum", f32(wave(4)))
    for exclusive in (False, True):
        for reverse in (False, True):
            yield case("cumsum", f32(wave(2, 3)), axis=1, exclusive=exclusive, reverse=reverse)
    yield case("cumsum", i32([[1, 2], [3, 4]]), axis=-2)


def linear_algebra():
    a, b = f32(wave(2, 3)), f32(positive(3, 4))
    at, bt = f32(wave(3, 2)), f32(positive(4, 3))
    yield case("matmul", a, b)
    yield case("matmul", at, b, transpose_a=True)
    yield case("matmul", a, bt, transpose_b=True)
    yield case("matmul", at, bt, transpose_a=True, transpose_b=True)
    yield case("matmul", f32(wave(2, 3), [None, 3]), f32(wave(3, 1), [3, None]))
    yield case("matmul", f64(wave(2, 3)), f64(wave(3, 2)))
    yield case("matmul", i32([[1, 2], [3, 4]]), i32([[5], [6]]))
    yield case("matmul", f32(wave(2, 2, 3)), f32(wave(2, 3, 2)))
    yield case("matmul", f32(wave(2, 3, 2)), f32(wave(2, 2, 3)), transpose_a=True, transpose_b=True)
    yield case("matmul", f32(wave(2, 2, 3), [None, 2, 3]), f32(wave(2, 2, 3)), transpose_b=True)
    yield case("matmul", f32(wave(2, 1, 2, 3)), f32(wave(3, 3, 1)))
    for shape in ([3, 3], [2, 4], [2, 3, 2]):
        yield case("svd", f64(wave(*shape)), compute_uv=False)
    cube, square = f32(wave(2, 3, 2)), f32(wave(3, 2))
    for axes, left, right in (
        (0, [2], [3]),
        (1, [2, 3], [3, 2]),
        (2, [2, 3, 2], [3, 2, 4]),
        ([[0], [1]], [3, 2], [2, 3, 2]),
        ([[1, 2], [0, 1]], [2, 3, 2], [3, 2]),
        ([1, 0], [2, 3], [3, 2]),
    ):
        yield case("tensordot", f32(wave(*left)), f32(positive(*right)), axes=axes)
    for equation, left, right in (
        ("ij,jk->ik", [2, 3], [3, 2]),
        ("ij,kj->ik", [2, 3], [4, 3]),
        ("bij,bjk->bik", [2, 2, 3], [2, 3, 2]),
        ("i,j->ij", [2], [3]),
        ("i,i->", [3], [3]),
        ("ij,ij->i", [2, 3], [2, 3]),
        ("ijk,kl->ijl", [2, 2, 3], [3, 2]),
        ("bij,jb->bi", [2, 2, 3], [3, 2]),
        ("ij,jk->ki", [2, 3], [3, 2]),
    ):
        yield case("einsum", equation, f32(wave(*left)), f32(positive(*right)))
    for perm in (None, [1, 0]):
        yield case("transpose", square, **({} if perm is None else {"perm": perm}))
    yield case("transpose", cube)
    yield case("transpose", cube, [2, 0, 1])
    yield case("transpose", f32(wave(2, 3), [None, 3]))
    yield from diagonals()
    yield from solvers()
    yield from norms()


def diagonals():
    yield case("diag", f32([1.0, 2.0, 3.0]))
    yield case("diag_part", f32(wave(3, 3)))
    yield case("matrix_diag", f32(wave(2, 2)))
    yield case("matrix_diag_part", f32(wave(2, 3, 3)))
    yield case("matrix_diag_part", f32(wave(2, 3)))
    yield case("trace", f32(wave(3, 3)))
    yield case("trace", f32(wave(2, 2, 2)))


def solvers():
    regular, definite = [[2.0, 1.0], [-1.0, 3.0]], [[4.0, 1.0], [1.0, 3.0]]
    yield case("linalg.slogdet", f64([regular, definite]))
    yield case("linalg.slogdet", f64(regular[::-1], [None, None]))
    yield case("matrix_inverse", f64(regular))
    yield case("matrix_inverse", f64([regular, definite]))
    # An array, for its value alone: TensorFlow's gradient forgets about `adjoint`.
    yield case("matrix_inverse", {"array": "float64", "value": regular}, adjoint=True)
    yield case("cholesky", f64(definite))
    yield case("cholesky", f64([definite, [[2.0, -1.0], [-1.0, 2.0]]]))
    yield case("cholesky", f64([[4.0, 1.0, 0.5], [1.0, 3.0, -0.5], [0.5, -0.5, 2.0]]))


def norms():
    x = f32(wave(2, 3))
    yield case("norm", x)
    for kind in ("euclidean", 1, 2, 3, INF):
        yield case("norm", x, ord=kind, axis=1)
        yield case("norm", x, ord=kind, axis=0, keepdims=True)
    for kind in ("euclidean", "fro", 1, INF):
        yield case("norm", f32(wave(2, 2, 3)), ord=kind, axis=[1, 2])
    yield case("norm", f32(wave(2, 2, 3)), ord=1)


def arrays():
    x, cube = f32(wave(2, 3)), f32(wave(2, 1, 3))
    for shape in ([3, 2], [-1], [6, -1], [1, 2, 3, 1]):
        yield case("reshape", x, shape)
    yield case("reshape", f32(wave(2, 3), [None, 3]), [-1, 1])
    yield case("reshape", f32(wave(2, 3)), i32([3, 2]))
    for axis in (0, 1, -1):
        yield case("expand_dims", x, axis)
    for kwargs in ({}, {"axis": 1}, {"axis": [1]}, {"axis": [-2]}):
        yield case("squeeze", cube, **kwargs)
    yield case("squeeze", f32(wave(2, 1, 3), [None, 1, 3]), axis=1)
    for axis in (0, 1, -1):
        yield case("concat", [x, f32(positive(2, 3))], axis)
        yield case("stack", [x, f32(positive(2, 3))], axis=axis)
    yield case("concat", [f32(wave(2, 2), [None, 2]), f32(wave(1, 2)), f32(wave(2, 2))], 0)
    yield case("concat", [i32([1]), i32([2, 3])], axis=0)
    yield case("stack", [f32(1.0), f32(2.0)])
    for axis in (0, 1, -1):
        yield case("unstack", x, axis=axis)
    yield case("unstack", f32(wave(2, 3), [None, 3]), num=2)
    yield case("split", f32(wave(4, 2)), 2)
    yield case("split", x, [1, 2], 1)
    yield case("split", x, 3, axis=-1)
    yield case("slice", f32(wave(3, 4)), [1, 0], [2, -1])
    yield case("slice", f32(wave(3, 4)), [0, 1], [1, 2])
    yield case("slice", f32(wave(3, 4), [None, 4]), i32([1, 1]), i32([1, 3]))
    yield from indexing()
    yield from rearranging()
    yield from gathering()
    yield from sources()


def indexing():
    x = f32(wave(3, 4, 2))
    for index in (
        0, -1, part(1, None), part(None, None, 2), part(None, None, -1), part(-2, None),
        part(5, 9), ELLIPSIS, NEWAXIS, items(1, 2), items(1, 2, 0), items(part(None), 1),
        items(ELLIPSIS, 0), items(0, ELLIPSIS), items(ELLIPSIS, NEWAXIS),
        items(part(None), NEWAXIS), items(0, ELLIPSIS, part(None, None, -1)),
        items(NEWAXIS, -1, ELLIPSIS, NEWAXIS),
        items(part(1, 3), part(None, None, 2), -1), items(part(None, 0, -1), part(3, None, -2)),
        items(part(None), part(None), part(1, 1)),
    ):
        yield case("Tensor.__getitem__", x, index)
    yield case("Tensor.__getitem__", f32(wave(3, 2), [None, 2]), items(part(None), 1))
    yield case("Tensor.__getitem__", f32(wave(3, 2), [None, 2]), part(1, None))
    yield case("Tensor.__getitem__", f32(wave(3, 2), [None, 2]), 0)
    yield case("Tensor.__getitem__", f32(wave(3, 2)), i32(1))
    yield case("Tensor.__getitem__", f32(wave(4)), items(part(i32(1), i32(3))))
    yield case("Tensor.__getitem__", i32([1, 2, 3]), part(0, 2))


def rearranging():
    x = f32(wave(2, 3))
    yield case("pad", x, [[1, 2], [0, 1]])
    yield case("pad", x, [[1, 0], [2, 0]], constant_values=2.5)
    for mode in ("REFLECT", "SYMMETRIC", "CONSTANT"):
        yield case("pad", x, [[1, 1], [2, 1]], mode=mode)
    yield case("pad", f32(wave(2, 3), [None, 3]), [[0, 0], [1, 1]])
    yield case("tile", x, [2, 1])
    yield case("tile", x, [1, 3])
    yield case("tile", f32(wave(2)), [3])
    yield case("reverse", x, [0])
    yield case("reverse", x, [0, -1])


def gathering():
    x, cube = f32(wave(3, 2)), f32(wave(2, 3, 2))
    yield case("gather", x, i32([2, 0, 2]))
    yield case("gather", x, i32(1))
    yield case("gather", x, i64([[0, 1], [1, 1]]))
    yield case("gather", x, [1, 1, 0], axis=1)
    yield case("gather", cube, i32([2, 0]), axis=1)
    yield case("gather", cube, i32([[1, 0], [0, 0]]), axis=-1)
    yield case("gather", i32([5, 6, 7]), [2, 1])
    yield case("gather", f32(wave(3, 2), [None, 2]), i32([2, 0], [None]))
    yield case("gather_nd", x, i32([[0, 1], [2, 0], [0, 1]]))
    yield case("gather_nd", x, i32([[1], [1]]))
    yield case("gather_nd", cube, i32([[[0, 1], [1, 2]]]))
    yield case("scatter_nd", i32([[1], [3], [1]]), f32([1.0, 2.0, 4.0]), [5])
    yield case("scatter_nd", i32([[0, 1], [1, 0]]), f32([1.0, 2.0]), [2, 2])
    yield case("scatter_nd", i32([[2], [0]]), f32(wave(2, 3)), [3, 3])
    yield case("boolean_mask", f32(wave(3)), boolean([True, False, True]))
    yield case("boolean_mask", x, [True, False, True])
    yield case("boolean_mask", x, boolean([[True, False], [False, False], [True, True]]))
    yield case("boolean_mask", x, [False, True], axis=1)
    yield case("nn.top_k", f32([[1.0, 5.0, 5.0, 2.0], [4.0, 3.0, 2.0, 9.0]]), k=2)
    yield case("nn.top_k", f32([3.0, 1.0, 2.0]))
    yield case("nn.top_k", i32([3, 1, 2]), k=3)
    yield case("unique", f32([1.0, NAN, 1.0, NAN, 0.0, -0.0]))
    yield case("unique", i32([7, 3, 7]), out_idx=dtype("int64"))
    yield case("unique_with_counts", i32([7, 3, 7, 7], [None]))
    yield case("unique_with_counts", f64([0.5, 1.5, 0.5]), out_idx=dtype("int64"))
    yield case("setdiff1d", f32([1.0, NAN, 0.0, 2.0, 2.0]), f32([NAN, -0.0]))
    yield case("setdiff1d", i32([1, 2, 3]), i32([2], [None]), index_dtype=dtype("int64"))
    predictions = f32([[0.1, 0.5, 0.3], [0.4, 0.4, 0.2], [0.6, 0.3, 0.1]])
    for k in (1, 2, 3):
        yield case("nn.in_top_k", predictions, i32([1, 1, 2]), k)


def sources():
    for kwargs in (
        {},
        {"on_value": 5.0, "off_value": -1.0},
        {"axis": 0},
        {"dtype": dtype("int32")},
        {"axis": -1, "dtype": dtype("float64")},
    ):
        yield case("one_hot", i32([0, 2, -1, 7]), 3, **kwargs)
    yield case("one_hot", i64([[0], [1]]), 2)
    yield case("one_hot", i32([0, 1], [None]), 2, on_value=True, off_value=False)
    yield case("range", 5)
    yield case("range", 2, 10, 3)
    yield case("range", 5, 0, -2)
    yield case("range", 0.0, 1.0, 0.25)
    yield case("range", 3, dtype=dtype("float64"))
    yield case("range", i32(4))
    yield case("linspace", 0.0, 10.0, 5)
    yield case("linspace", 1.0, 2.0, 1)
    yield case("fill", [2, 3], 7.5)
    yield case("fill", [2], 4)
    yield case("fill", i32([2, 1]), f32(3.0))
    for op in "zeros ones".split():
        yield case(op, [2, 2])
        yield case(op, [3], dtype=dtype("int32"))
        yield case(op, [2], dtype=dtype("bool"))
        yield case(op, [])
        yield case(op + "_like", f32(wave(2, 2)))
        yield case(op + "_like", f32(wave(2, 2), [None, 2]))
        yield case(op + "_like", f32(wave(2, 2)), dtype=dtype("int64"))
    x = f32(wave(2, 3), [None, 3])
    for op in "shape size rank".split():
        yield case(op, x)
        yield case(op, f32(1.0))
    yield case("shape", x, out_type=dtype("int64"))
    yield case("size", x, out_type=dtype("int64"))
    yield case("identity", x)
    yield case("stop_gradient", x)
    for value in (1, 1.5, True, [1, 2], [[1.0], [2.0]], {"array": "float64", "value": [1.0]}):
        yield case("constant", value)
    yield case("constant", 7, dtype=dtype("float32"), shape=[2, 2])
    yield case("constant", [1, 2], dtype=dtype("float64"))


def networks():
    for op in "relu relu6 elu selu softplus softsign sigmoid tanh leaky_relu".split():
        yield case("nn." + op, f32(wave(2, 3)))
    yield case("nn.relu", f32([-1.0, 0.0, 2.0]))
    yield case("nn.relu6", f32([-1.0, 0.0, 3.0, 6.0, 7.0]))
    yield case("nn.leaky_relu", f32([-2.0, 0.0, 2.0]))
    yield case("nn.leaky_relu", f32([-2.0, 0.0, 2.0]), alpha=0.05)
    yield case("nn.elu", f32([-30.0, -1.0, 0.0, 1.0]))
    yield case("nn.selu", f32([-30.0, -1.0, 0.0, 1.0]))
    yield case("nn.softsign", f32([-3.0, 0.0, 1.0]))
    yield case("nn.softplus", f64([-1000.0, -30.0, 0.0, 30.0, 1000.0]))
    yield case("nn.relu", i32([-1, 0, 2]))
    yield case("log_sigmoid", f32(wave(2, 3)))
    yield case("log_sigmoid", f64([-1000.0, -30.0, 0.0, 30.0, 1000.0]))
    for op in "softmax log_softmax".split():
        yield case("nn." + op, f32(wave(2, 3)))
        yield case("nn." + op, f32(wave(2, 3)), axis=0)
        yield case("nn." + op, f32(wave(2, 2, 2), [None, 2, None]), axis=1)
        yield case("nn." + op, f32(wave(3)))
        yield case("nn." + op, f64([[1e4, 0.0], [-1e4, 1e4], [1e4, 1e4]]))
    yield case("nn.bias_add", f32(wave(2, 3)), f32(wave(3)))
    yield case("nn.bias_add", f32(wave(2, 2, 2, 3), [None, 2, 2, 3]), f32(wave(3)))
    yield case("nn.xw_plus_b", f32(wave(2, 3)), f32(positive(3, 2)), f32(wave(2)))
    yield case("nn.l2_loss", f32(wave(2, 3)))
    yield case("nn.l2_normalize", f32(wave(2, 3)))
    yield case("nn.l2_normalize", f32(wave(2, 3)), axis=1)
    yield case("nn.l2_normalize", f32([[0.0, 0.0], [3.0, 4.0]]), axis=1)
    yield case("nn.l2_normalize", f32(wave(2, 3)), axis=[0, 1], epsilon=100.0)
    for axes, keep in (([0], False), ([0, 1], False), ([1], True)):
        yield case("nn.moments", f32(wave(3, 2)), axes, keep_dims=keep)
    yield case("nn.moments", f32(wave(3, 2), [None, 2]), [0])
    x, mean, variance = f32(wave(3, 2)), f32([0.1, -0.2]), f32([0.5, 1.5])
    offset, scale = f32([0.3, 0.1]), f32([1.2, 0.8])
    yield case("nn.batch_normalization", x, mean, variance, offset, scale, 0.001)
    yield case("nn.batch_normalization", x, mean, variance, None, scale, 0.1)
    yield case("nn.batch_normalization", x, mean, variance, None, None, 0.001)
    yield from losses()
    yield from clipping()
    yield from unknown_rank()


def unknown_rank():
    x = f32(wave(2, 3), None)
    for op in "square reduce_sum reduce_max nn.relu nn.softmax transpose shape rank".split():
        yield case(op, x)
    yield case("add", x, f32(wave(3)))
    yield case("add", x, f32(wave(2, 3), [None, 3]))
    yield case("matmul", x, f32(wave(3, 2)))
    yield case("reduce_mean", x, axis=1, keepdims=True)
    yield case("reshape", x, [3, 2])
    yield case("concat", [x, f32(wave(2, 3))], axis=0)
    yield case("expand_dims", x, 0)
    yield case("gather", x, i32([1, 0]))
    yield case("Tensor.__getitem__", x, 0)
    yield case("nn.bias_add", x, f32(wave(3)))
    yield case("nn.sigmoid_cross_entropy_with_logits", labels=f32(positive(2, 3)), logits=x)


def losses():
    logits, labels = f32(wave(2, 3)), f32([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])
    for op in ("nn.softmax_cross_entropy_with_logits_v2", "nn.softmax_cross_entropy_with_logits"):
        yield case(op, labels=labels, logits=logits)
        yield case(op, labels=f32([[[0.4, 0.6], [1.0, 0.0]]]), logits=f32(wave(1, 2, 2)))
        yield case(op, labels=f64([[1.0, 0.0], [0.0, 1.0]]), logits=f64([[1e4, -1e4], [1e4, -1e4]]))
    yield case(
        "nn.softmax_cross_entropy_with_logits_v2",
        labels=f32([[0.5, 1.0], [0.5, 0.0]]), logits=f32(wave(2, 2)), axis=0,
    )
    yield case(
        "nn.softmax_cross_entropy_with_logits_v2",
        labels=f32([[0.2, 0.8], [1.0, 0.0]], [None, 2]), logits=f32(wave(2, 2), [None, 2]),
    )
    op = "nn.sparse_softmax_cross_entropy_with_logits"
    yield case(op, labels=i32([2, 0]), logits=logits)
    yield case(op, labels=i64([2, 0], [None]), logits=f32(wave(2, 3), [None, 3]))
    yield case(op, labels=i32([[1, 0]]), logits=f32(wave(1, 2, 2)))
    yield case(op, labels=i32(1), logits=f32(wave(3)))
    yield case(op, labels=i32([0, 1]), logits=f64([[1e4, -1e4], [1e4, -1e4]]))
    op = "nn.sigmoid_cross_entropy_with_logits"
    yield case(op, labels=f32([[0.0, 1.0, 0.3], [1.0, 0.5, 0.0]]), logits=logits)
    yield case(op, labels=f64([0.0, 1.0, 0.0, 1.0, 0.5]), logits=f64([1e3, 1e3, -1e3, -1e3, 0.0]))
    yield case(op, labels=f32(positive(2, 2), [None, 2]), logits=f32(wave(2, 2), [None, 2]))
    op = "nn.weighted_cross_entropy_with_logits"
    yield case(op, labels=f32([0.0, 1.0, 0.3]), logits=f32([1.5, -0.5, 0.7]), pos_weight=2.0)
    yield case(op, labels=f64([0.0, 1.0, 1.0]), logits=f64([1e3, 1e3, -1e3]), pos_weight=f64(0.5))


def clipping():
    yield case("clip_by_norm", f32(wave(2, 3)), 1.5)
    yield case("clip_by_norm", f32(wave(2, 3)), 100.0)
    yield case("clip_by_norm", f32(wave(2, 3)), 1.0, axes=[1])
    yield case("global_norm", [f32(wave(2, 2)), f32(wave(3))])
    yield case("clip_by_global_norm", [f32(wave(2, 2)), f32(wave(3))], 1.5)
    yield case("clip_by_global_norm", [f32(wave(2, 2)), f32(wave(3))], 100.0)


def initializers():
    yield case("zeros_initializer", then=[[2, 2]])
    yield case("ones_initializer", then=[[3], dtype("float64")])
    yield case("constant_initializer", 2.5, then=[[2, 2]])
    yield case("constant_initializer", [1.0, 2.0, 3.0, 4.0], then=[[2, 2]])
    yield case("random_uniform_initializer", -2.0, 2.0, seed=3, then=[[2, 3]])
    yield case("random_uniform_initializer", seed=3, then=[[5], dtype("float64")])
    yield case("random_normal_initializer", 1.0, 0.5, seed=3, then=[[2, 3]])
    yield case("truncated_normal_initializer", stddev=0.1, seed=3, then=[[3, 3]])
    for op in "glorot_uniform_initializer glorot_normal_initializer".split():
        yield case(op, seed=4, then=[[4, 3]])
        yield case(op, seed=4, then=[[2, 2, 3, 4]])
        yield case(op, seed=4, then=[[5]])
    for op in "he_normal he_uniform lecun_normal lecun_uniform".split():
        yield case("initializers." + op, seed=5, then=[[4, 3]])
    for mode in ("fan_in", "fan_out", "fan_avg"):
        for distribution in ("truncated_normal", "untruncated_normal", "uniform"):
            yield case(
                "variance_scaling_initializer",
                scale=2.0, mode=mode, distribution=distribution, seed=6, then=[[4, 2]],
            )
    for shape in ([3, 3], [4, 2], [2, 4], [2, 2, 3]):
        yield case("orthogonal_initializer", seed=7, then=[shape])
    yield case("orthogonal_initializer", gain=1.5, seed=7, then=[[3, 2], dtype("float64")])


def decays():
    for step in (0, 3, 10, 25):
        now = i32(step)
        yield case("train.exponential_decay", 0.1, now, 10, 0.5)
        yield case("train.exponential_decay", 0.1, now, 10, 0.5, staircase=True)
        yield case("train.polynomial_decay", 0.1, now, 10)
        yield case("train.polynomial_decay", 0.1, now, 10, end_learning_rate=0.02, power=0.5)
        yield case("train.polynomial_decay", 0.1, now, 10, power=2.0, cycle=True)
        yield case("train.cosine_decay", 0.1, now, 20)
        yield case("train.cosine_decay", 0.1, now, 20, alpha=0.25)
        yield case("train.piecewise_constant", now, [3, 10], [1.0, 0.5, 0.1])
    for step in (2, 4, 11):
        yield case("train.piecewise_constant", i64(step), [3, 10], [1.0, 0.5, 0.1])


def op_cases():
    """The whole table."""
    families = (elementwise, reductions, linear_algebra, arrays, networks, initializers, decays)
    return [entry for family in families for entry in family()]


# ---------------------------------------------------------------- random ops


def seeded():
    for seed in (5, 0, 2**31 + 9):
        for dt in ("float32", "float64"):
            yield case("random_uniform", [2, 3], dtype=dtype(dt), seed=seed)
            yield case("random_normal", [7], dtype=dtype(dt), seed=seed)
            yield case("truncated_normal", [7], dtype=dtype(dt), seed=seed)
    yield case("random_uniform", [], seed=1)
    yield case("random_uniform", [5], -2.0, 3.0, seed=1)
    yield case("random_normal", [5], 2.0, 0.5, seed=1)
    yield case("truncated_normal", [5], mean=-1.0, stddev=3.0, seed=1)
    yield case("truncated_normal", [60], seed=2)
    for dt in ("int32", "int64"):
        yield case("random_uniform", [7], 0, 10, dtype=dtype(dt), seed=3)
        yield case("random_uniform", [7], -5, 2**31 - 6, dtype=dtype(dt), seed=3)
    yield case("random_shuffle", i32(list(range(11))), seed=4)
    yield case("random_shuffle", f32(wave(5, 2)), seed=4)
    yield case("random_shuffle", i32([1]), seed=4)
    yield case("multinomial", f32([[0.0, 1.0, 2.0], [0.5, 0.5, -1.0]]), 6, seed=5)
    yield case("multinomial", f64([[0.0, -INF, 1.0, 0.3]]), 5, seed=5)
    yield case("multinomial", f32([[0.0, 1.0]]), 3, seed=5, output_dtype=dtype("int32"))
    ones = f32([[1.0] * 6] * 4)
    yield case("nn.dropout", ones, keep_prob=0.5, seed=6)
    yield case("nn.dropout", ones, rate=0.25, seed=6)
    yield case("nn.dropout", ones, keep_prob=0.5, noise_shape=[4, 1], seed=6)


def random_cases():
    """Each op with a seed, in a graph without and with one, to be run three times."""
    return [dict(entry, graph_seed=seed, runs=3) for entry in seeded() for seed in (None, 11)]
