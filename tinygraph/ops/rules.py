"""What shape rules share: inputs that are alike, ranks, dimensions that are equal, ints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinygraph.errors import DTypeError, ShapeError
from tinygraph.families import check_dtypes
from tinygraph.spec import UNKNOWN, Shape, Spec

Dims = tuple[int | None, ...]


def ranked(
    rule: Callable[..., Iterable[int | None] | None], accepts: str = "any", least: int = 0
) -> Callable[..., Spec]:
    """The shape rule of an op for which `rule(*dims, **attrs)` tells the dims of the result.

    `rule` sees known ranks only: where the rank of an input is unknown, so is that of the result,
    and so it is if `rule` gives None. The inputs have `least` axes or more, and one dtype, of an
    accepted kind, which the result has too.

    >>> from tinygraph.ops.rules import ranked
    >>> swapped = ranked(lambda dims: (*dims[:-2], dims[-1], dims[-2]), least=2)
    >>> print(swapped(tg.placeholder(tg.float32, [5, None, 3]).spec))
    float32[5,3,?]
    """

    def infer(*specs: Spec, **attrs: Any) -> Spec:
        dtype, dims = check_dtypes(specs, accepts), [at_least_rank(x, least) for x in specs]
        result = None if None in dims else rule(*dims, **attrs)
        return Spec(UNKNOWN if result is None else Shape.of(tuple(result)), dtype)

    return infer


def alike(accepts: str = "float") -> Callable[..., Spec]:
    """The shape rule of an op whose inputs have one dtype and one shape, and so has the result.

    >>> from tinygraph.ops.rules import alike
    >>> known_in_part = [[None, 3], [2, None]]
    >>> print(alike()(*[tg.placeholder(tg.float32, shape).spec for shape in known_in_part]))
    float32[2,3]
    """
    return lambda *specs, **attrs: Spec(one_shape(specs), check_dtypes(specs, accepts))


def one_shape(specs: Iterable[Spec]) -> Shape:
    """What is known of the shape that all have."""
    shape = UNKNOWN
    for x in specs:
        shape = x.shape if shape is UNKNOWN else shape.merge_with(x.shape)
    return shape


def at_least_rank(x: Spec, rank: int) -> Dims | None:
    """The dims of x, of which there must be `rank` or more; None where the rank is unknown."""
    dims = x.shape.sizes
    if dims is not None and len(dims) < rank:
        raise ShapeError(f"Shape must be at least rank {rank} but is rank {len(dims)}")
    return dims


def equal_dims(a: int | None, b: int | None) -> int | None:
    """What is known of two dims that must be equal."""
    if a is not None and b is not None and a != b:
        raise ShapeError(f"Dimensions must be equal, but are {a} and {b}")
    return b if a is None else a


def check_ints(x: Spec, what: str) -> None:
    if not x.dtype.is_integer:
        raise DTypeError(f"{what} must be ints, not {x.dtype.name},")


def check_rank(x: Spec, rank: int, what: str) -> None:
    """That x is a scalar, a vector or a matrix: of rank 0, 1 or 2."""
    if x.shape.ndims not in (None, rank):
        kind = ("scalar", "vector", "matrix")[rank]
        raise ShapeError(f"{what} must be a {kind}, not of shape {x.shape},")
