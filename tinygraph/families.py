"""Functions that define ops of three kinds: elementwise, reduction and composite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygraph.arguments import flag
from tinygraph.dtypes import DType, bool_
from tinygraph.errors import DTypeError, GraphError
from tinygraph.graph import Graph, Node
from tinygraph.op import Op, argument
from tinygraph.spec import SCALAR, UNKNOWN, Shape, Spec, broadcast, normalize_axis

# ---------------------------------------------------------------- dtype rules of the families

_ACCEPTED: dict[str, tuple[str, str]] = {
    "float": ("f", "floats"),
    "int": ("iu", "ints"),
    "number": ("fiu", "numbers"),
    "bool": ("b", "bools"),
    "any": ("fiub", "anything"),
}


def check_dtypes(specs: tuple[Spec, ...], accepts: str) -> DType:
    """The one dtype of all `specs`, of an accepted kind; DTypeError else."""
    dtype = specs[0].dtype
    for spec in specs[1:]:
        if spec.dtype is not dtype:
            wider = max(dtype, spec.dtype, key=lambda d: (d.is_floating, not d.is_bool, d.size))
            raise DTypeError(
                f"dtypes differ: {dtype.name} and {spec.dtype.name} do not mix; "
                f"convert one, e.g. tg.cast(x, tg.{wider.name}),"
            )
    kinds, words = _ACCEPTED[accepts]
    if dtype.numpy.kind not in kinds:
        raise DTypeError(f"takes {words}, not {dtype.name},")
    return dtype


def _inputs_of(vjps: tuple[Callable | None, ...]) -> tuple[str, ...]:
    """The inputs' names, read off the parameters of a vjp: `lambda g, y, x: ...`."""
    for rule in vjps:
        code = getattr(rule, "__code__", None)
        if code is not None:
            names = code.co_varnames[2 : code.co_argcount]
            if len(names) >= len(vjps):
                return names[: len(vjps)]
    return ("x", "y", "z")[: len(vjps)]


# ---------------------------------------------------------------- families


def elementwise(
    name: str, kernel: Callable | None, *vjps: Callable | None,
    accepts: str = "number", dtype: DType | None = None, params: tuple[str, ...] = (),
    inplace: bool | None = None, **fields: Any,
) -> Op:
    """Define an op that works element by element, with broadcasting.

    `vjps` has one rule per input, which never mentions broadcasting. `accepts` is the kind of
    dtypes that it takes: "float", "int", "number", "bool" or "any". The result has the inputs'
    dtype, unless `dtype` is given. Pass `inplace=True` if the kernel may write into an
    input's array; for a ufunc this is the default. Further `fields` are those of `Op`.

    >>> cube = tg.elementwise("Cube", lambda x, out: np.multiply(x * x, x, out=out),
    ...                       lambda g, y, x: g * 3.0 * x * x)
    >>> x = tg.constant([1.0, 2.0])
    >>> tg.gradients(cube(x), x)[0].eval()
    array([ 3., 12.], dtype=float32)
    """

    def infer(*specs: Spec) -> Spec:
        input_dtype = check_dtypes(specs, accepts)
        shape = broadcast(*[spec.shape for spec in specs])
        same = shape is specs[0].shape and specs[0].value is None and dtype is None
        return specs[0] if same else Spec(shape, dtype or input_dtype)  # a graph has many

    inplace = flag(inplace, "inplace", default=isinstance(kernel, np.ufunc))
    names = params or _inputs_of(vjps)
    return Op(
        name, kernel, infer, vjps, dict.fromkeys(names, bool_ if accepts == "bool" else "T"),
        broadcasts=True,
        inplace=tuple(range(len(vjps))) if inplace and dtype is None else (), **fields,
    )


def reduced_shape(shape: Shape, axis: tuple[int, ...] | None, keepdims: bool) -> Shape:
    """The shape after reducing over `axis`, or over all axes for None."""
    dims = shape.sizes
    if axis is None:
        if not keepdims:
            return SCALAR
        return UNKNOWN if dims is None else Shape.of((1,) * len(dims))
    if dims is None:
        return UNKNOWN
    axes = {normalize_axis(a, len(dims)) for a in axis}
    if len(axes) < len(axis):
        raise GraphError(f"axis {axis} names an axis twice")
    if keepdims:
        return Shape.of(tuple(1 if i in axes else d for i, d in enumerate(dims)))
    return Shape.of(tuple(d for i, d in enumerate(dims) if i not in axes))


def reduction(
    name: str, kernel: Callable, vjp: Callable | None = None, *,
    accepts: str = "number", dtype: DType | None = None,
    rewrite: Callable[..., Node | None] | None = None, **fields: Any,
) -> Op:
    """Define an op that reduces over the attribute `axis`, a tuple or None for all axes.

    The kernel is `kernel(x, out, axis=None, keepdims=False)` and the rule
    `vjp(g, y, x, axis, keepdims)`. Further `fields` are those of `Op`.

    >>> def peak_to_peak(x, out, axis=None, keepdims=False):
    ...     return np.ptp(x, axis=axis, keepdims=keepdims, out=out)
    >>> ptp = tg.reduction("PeakToPeak", peak_to_peak)
    >>> ptp(tg.constant([[1.0, 5.0], [2.0, 3.0]]), axis=(1,)).eval()
    array([4., 1.], dtype=float32)
    """

    def infer(x: Spec, axis: tuple[int, ...] | None = None, keepdims: bool = False) -> Spec:
        input_dtype = check_dtypes((x,), accepts)
        return Spec(reduced_shape(x.shape, axis, keepdims), dtype or input_dtype)

    def simpler(x: Node, axis: tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
        rank = x.shape.ndims
        if axis and rank is not None and min(axis) < 0:  # so that axis=-1 and axis=1 merge
            return op(x, axis=tuple([a % rank for a in axis]), keepdims=keepdims)
        return None if rewrite is None else rewrite(x, axis, keepdims)

    op = Op(
        name, kernel, infer, (vjp,), {"input_tensor": bool_ if accepts == "bool" else None},
        rewrite=simpler, **fields,
    )
    return op


def composite(
    name: str, body: Callable[..., Node | Sequence[Node]], *vjps: Callable | None,
    params: Mapping[str, Any] | tuple[str, ...] = (),
    infer: Callable[..., Spec] | None = None, **fields: Any,
) -> Op:
    """Define an op whose body is written in other ops: one node, which the compiler expands.

    Unless `infer` is given, the shape rule builds the body in a scratch graph and takes its specs.
    Further `fields` are those of `Op`.

    >>> halve = tg.composite("Halve", lambda x: x * 0.5, lambda g, y, x: g * 0.5)
    >>> halve(tg.constant([1.0, 3.0])).eval()
    array([0.5, 1.5], dtype=float32)
    """

    def traced(*specs: Spec, **attrs: Any) -> Spec:
        scratch = Graph()
        with scratch.as_default():
            inputs = [scratch.add(argument, (), {}, spec, "x") for spec in specs]
            y = body(*inputs, **attrs)
            return y.spec if isinstance(y, Node) else Spec.of_items([output.spec for output in y])

    return Op(
        name, None, traced if infer is None else infer, vjps, params or _inputs_of(vjps),
        rewrite=body, **fields,
    )
