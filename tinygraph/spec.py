"""What is known of a node before it runs: shapes with unknown parts, broadcasting, the Spec."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from tinygraph.arguments import integer, sequence, shown
from tinygraph.dtypes import DType
from tinygraph.errors import DTypeError, OutOfRangeError, ShapeError
from tinygraph.typing import ShapeLike

MAX_RANK = 64  # of NumPy's arrays
LARGEST_DIM = 2**63 - 1  # of an array


class Dimension:
    """One dimension of a shape, as `tf.Dimension`: an int or unknown, with arithmetic.

    >>> n = tg.Dimension(6)
    >>> n * 2, n // 4, int(n), tg.Dimension(None) + 1
    (Dimension(12), Dimension(1), 6, Dimension(None))
    """

    __slots__ = ("value",)

    def __init__(self, value: float | SupportsIndex | None):
        self.value = _dim(value)

    def __int__(self) -> int:
        if self.value is None:
            raise DTypeError("the dimension is unknown while building; use tg.shape(x) instead")
        return self.value

    __index__ = __int__

    def __repr__(self) -> str:
        return f"Dimension({self.value})"

    def __str__(self) -> str:
        return "?" if self.value is None else str(self.value)

    def __hash__(self) -> int:
        return hash(self.value)

    @staticmethod
    def _operator(function: Callable[[Any, Any], Any], gives_size: bool = True):
        """A method that applies `function` where both sides are known, and is unknown else."""

        def method(self: Dimension, other: Any):
            try:
                other = _dim(other)
            except (DTypeError, ShapeError):
                return NotImplemented
            try:
                unknown = self.value is None or other is None
                value = None if unknown else function(self.value, other)
            except ZeroDivisionError:
                raise ShapeError(f"{self!r} cannot be divided by 0") from None
            return Dimension(value) if gives_size else value

        return method

    __eq__, __ne__ = _operator(operator.eq, False), _operator(operator.ne, False)
    __lt__, __le__ = _operator(operator.lt, False), _operator(operator.le, False)
    __gt__, __ge__ = _operator(operator.gt, False), _operator(operator.ge, False)
    __add__ = __radd__ = _operator(operator.add)
    __mul__ = __rmul__ = _operator(operator.mul)
    __sub__ = _operator(operator.sub)
    __rsub__ = _operator(lambda a, b: b - a)
    __floordiv__ = _operator(operator.floordiv)
    __rfloordiv__ = _operator(lambda a, b: b // a)
    __mod__ = _operator(operator.mod)
    __rmod__ = _operator(lambda a, b: b % a)

    def is_compatible_with(self, other: SupportsIndex | None) -> bool:
        """Whether both may be the same size."""
        other = _dim(other)
        return self.value is None or other is None or self.value == other

    def assert_is_compatible_with(self, other: SupportsIndex | None) -> None:
        if not self.is_compatible_with(other):
            raise ShapeError(f"Dimensions {self} and {other} are not compatible")

    def merge_with(self, other: SupportsIndex | None) -> Dimension:
        """What both know together; ShapeError when they contradict each other."""
        self.assert_is_compatible_with(other)
        return Dimension(other) if self.value is None else self


def _dim(value: Any) -> int | None:
    """One dimension as an int, or None for unknown; TF also writes -1 for unknown in places."""
    if value is None:
        return None
    if isinstance(value, Dimension):
        return value.value
    if isinstance(value, float) and value.is_integer():  # as of 784 / 2, which TF takes too
        value = int(value)
    try:
        size = value.__index__()
        if not isinstance(size, int):
            raise TypeError
    except (AttributeError, TypeError):
        raise DTypeError(f"a dimension is an int or None, not {shown(value)}") from None
    if not 0 <= size <= LARGEST_DIM:
        raise ShapeError(f"a dimension is at least 0 and at most {LARGEST_DIM}, not {size}")
    return size


class Shape:
    """A shape of which the rank or some dimensions may be unknown, as `tf.TensorShape`.

    `sizes` is a tuple of ints and Nones, or None when even the rank is unknown; `dims` has a list
    of Dimensions in its place, as in TF.

    >>> shape = tg.TensorShape([None, 784])
    >>> print(shape, shape.ndims, shape[1].value, shape.is_fully_defined())
    (?, 784) 2 784 False
    >>> shape.merge_with([100, None]).as_list()
    [100, 784]
    """

    __slots__ = ("sizes",)
    sizes: tuple[int | None, ...] | None

    def __init__(self, dims: ShapeLike = None):
        if isinstance(dims, Shape):
            self.sizes = dims.sizes
        elif dims is None:
            self.sizes = None
        elif isinstance(dims, int | np.integer | Dimension):
            self.sizes = (_dim(dims),)
        else:
            self.sizes = tuple(map(_dim, sequence(dims, "shape")))

    @staticmethod
    def of(dims: tuple[int | None, ...] | None) -> Shape:
        """A Shape over `dims` as they are, unchecked: the way the shape rules make one."""
        shape = object.__new__(Shape)
        shape.sizes = dims
        return shape

    @property
    def dims(self) -> list[Dimension] | None:
        return None if self.sizes is None else [Dimension(size) for size in self.sizes]

    @property
    def ndims(self) -> int | None:
        return None if self.sizes is None else len(self.sizes)

    rank = ndims

    def is_fully_defined(self) -> bool:
        return self.sizes is not None and None not in self.sizes

    def num_elements(self) -> int | None:
        if self.sizes is None or None in self.sizes:
            return None
        size = 1
        for dim in self.sizes:
            size *= dim  # type: ignore[operator]
        return size

    def as_list(self) -> list[int | None]:
        if self.sizes is None:
            raise ShapeError("as_list() needs a known rank")
        return list(self.sizes)

    def is_compatible_with(self, other: ShapeLike) -> bool:
        """Whether one array could have both shapes."""
        other = Shape(other)
        if self.sizes is None or other.sizes is None:
            return True
        return len(self.sizes) == len(other.sizes) and all(
            a is None or b is None or a == b for a, b in zip(self.sizes, other.sizes, strict=True)
        )

    def assert_is_compatible_with(self, other: ShapeLike) -> None:
        if not self.is_compatible_with(other):
            raise ShapeError(f"Shapes {self} and {Shape(other)} are incompatible")

    def merge_with(self, other: ShapeLike) -> Shape:
        """What both know together; ShapeError when they contradict each other."""
        other = Shape(other)
        self.assert_is_compatible_with(other)
        if self.sizes is None or other.sizes is None:
            return other if self.sizes is None else self
        return Shape.of(
            tuple(b if a is None else a for a, b in zip(self.sizes, other.sizes, strict=True))
        )

    def concatenate(self, other: ShapeLike) -> Shape:
        other = Shape(other)
        unknown = self.sizes is None or other.sizes is None
        return Shape.of(None if unknown else self.sizes + other.sizes)  # type: ignore[operator]

    def with_rank(self, rank: int) -> Shape:
        rank = integer(rank, "rank", least=0, most=MAX_RANK)
        return self.merge_with([None] * rank)

    def __len__(self) -> int:
        if self.sizes is None:
            raise ShapeError("a shape of unknown rank has no length")
        return len(self.sizes)

    def __bool__(self) -> bool:
        return self.sizes is not None

    def __iter__(self) -> Iterator[Dimension]:
        return iter([Dimension(size) for size in self.as_list()])

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        if self.sizes is None:
            return Shape.of(None) if isinstance(key, slice) else Dimension(None)
        try:
            sizes: Any = self.sizes[key]
        except TypeError:
            raise DTypeError(f"a shape's index is an int or a slice, not {shown(key)}") from None
        except IndexError:
            raise OutOfRangeError(f"{self} has no dimension {key}") from None
        return Shape.of(sizes) if isinstance(key, slice) else Dimension(sizes)

    def __eq__(self, other: object) -> bool:
        if other is not None and not isinstance(other, Shape | tuple | list):
            return NotImplemented
        try:
            return self.sizes == Shape(other).sizes
        except (DTypeError, ShapeError):  # what is no shape
            return False

    def __hash__(self) -> int:
        return hash(self.sizes)

    def __str__(self) -> str:
        if self.sizes is None:
            return "<unknown>"
        inside = ", ".join("?" if size is None else str(size) for size in self.sizes)
        return f"({inside},)" if len(self.sizes) == 1 else f"({inside})"

    def __repr__(self) -> str:
        return f"TensorShape({self.dims})"

    def __reduce__(self):
        return Shape, (self.sizes,)


SCALAR, UNKNOWN = Shape.of(()), Shape.of(None)


class Spec(NamedTuple):
    """Shape and dtype of a node, and its value where that is known before any run.

    `value` is an ndarray, or, for the elements of a shape of which some are unknown, an object
    array with None in their places. The spec of an op with several outputs is `items`, a spec for
    each, and nothing else: `Spec.of_items`.

    >>> from tinygraph.spec import Spec
    >>> row = Spec(tg.TensorShape([3]), tg.float32)
    >>> print(Spec.of_items([row, row._replace(dtype=tg.int32)]))
    (float32[3], int32[3])
    """

    shape: Shape
    dtype: DType
    value: np.ndarray | None = None
    items: tuple[Spec, ...] = ()

    @staticmethod
    def of_items(items: Iterable[Spec]) -> Spec:
        """The spec of an op with several outputs, which as one has neither shape nor dtype."""
        return Spec(UNKNOWN, None, None, tuple(items))  # type: ignore[arg-type]

    @property
    def constant(self) -> np.ndarray | None:
        """The value, if all of it is known."""
        return None if self.value is None or self.value.dtype == object else self.value

    @property
    def bytes(self) -> int:
        """Of its arrays; 0 where the shape is unknown."""
        if self.items:
            return sum(item.bytes for item in self.items)
        return (self.shape.num_elements() or 0) * self.dtype.size

    def __str__(self) -> str:
        """`float32[100,256]`, as in the comments of a generated program."""
        if self.items:
            return f"({', '.join(map(str, self.items))})"
        if self.shape.sizes is None:
            return f"{self.dtype.name}[...]"
        dims = ",".join(["?" if d is None else str(d) for d in self.shape.sizes])
        return f"{self.dtype.name}[{dims}]"


def broadcast(*shapes: Shape) -> Shape:
    """The shape of an elementwise result under NumPy's rules; ShapeError when there is none.

    >>> from tinygraph.spec import broadcast
    >>> print(broadcast(tg.TensorShape([None, 3]), tg.TensorShape([5, 1, 1])))
    (5, ?, 3)
    """
    result = shapes[0].sizes
    for shape in shapes[1:]:
        dims = shape.sizes
        if result is None or dims is None:
            return UNKNOWN
        if not dims or dims == result:
            continue
        if not result:
            result = dims
            continue
        rank = max(len(result), len(dims))
        left = (1,) * (rank - len(result)) + result
        right = (1,) * (rank - len(dims)) + dims
        result = tuple(_broadcast_dim(a, b) for a, b in zip(left, right, strict=True))
    return shapes[0] if result is shapes[0].sizes else Shape.of(result)


def common_shape(*shapes: Shape) -> Shape:
    """What holds for arrays of any of the shapes.

    >>> from tinygraph.spec import common_shape
    >>> print(common_shape(tg.TensorShape([2, 3]), tg.TensorShape([5, 3])))
    (?, 3)
    """
    dims = shapes[0].sizes
    for shape in shapes[1:]:
        if dims is None or shape.sizes is None or len(dims) != len(shape.sizes):
            return UNKNOWN
        pairs = zip(dims, shape.sizes, strict=True)
        dims = tuple([a if a == b else None for a, b in pairs])
    return Shape.of(dims)


def _broadcast_dim(a: int | None, b: int | None) -> int | None:
    if a == b or b == 1:
        return a
    if a == 1:
        return b
    if a is None or b is None:
        return b if a is None else a
    raise ShapeError(f"Dimensions must be equal, but are {a} and {b}")


def normalize_axis(axis: Any, rank: int | None) -> int:
    """An axis as an int in [0, rank); negative ones stay as they are when the rank is unknown."""
    try:
        axis = axis.__index__()
    except AttributeError:
        raise DTypeError(f"axis must be an int, not {axis!r}") from None
    if rank is None:
        return axis
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} is out of range for a tensor of rank {rank}")
    return axis % rank
