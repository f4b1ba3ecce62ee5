"""Rows of a tensor that has zeros elsewhere: what the gradient of a gather is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tinygraph.defaults import graph_of
from tinygraph.dtypes import DType, int64
from tinygraph.errors import DTypeError, GraphError, ShapeError
from tinygraph.function import arguments_of
from tinygraph.graph import Graph, Node, Operation
from tinygraph.node import CompositeTensor
from tinygraph.op import as_node
from tinygraph.ops.array import shape_from
from tinygraph.ops.compare import cast
from tinygraph.ops.gathering import gather_grad_op
from tinygraph.ops.joining import concat
from tinygraph.ops.math import add_n_op
from tinygraph.spec import UNKNOWN, Shape
from tinygraph.typing import TensorLike


class IndexedSlicesValue(NamedTuple):
    """What a `tg.IndexedSlices` fetches as: its parts' values, None for a missing dense_shape.

    >>> value = tg.Session().run(tg.IndexedSlices([2.0], [1]))
    >>> value.values, value.indices, value.dense_shape
    (array([2.], dtype=float32), array([1], dtype=int32), None)
    """

    values: np.ndarray
    indices: np.ndarray
    dense_shape: np.ndarray | None


class IndexedSlices(CompositeTensor):
    """The rows of a large tensor that are not zero, and where they are (TF: `tf.IndexedSlices`).

    It stands for zeros of `dense_shape` to which each values[i] is added at row indices[i]; indices
    may repeat. It is no `tg.Tensor`, and becomes one where an op takes a tensor; for that it needs
    a dense_shape. `tg.gradients` gives it for tensors that are only gathered from.

    Parameters
    ----------
    values
        The rows, a tensor of shape [n, ...].
    indices
        n ints.
    dense_shape
        The shape of the large tensor, a vector of ints, or None.

    Raises
    ------
    ShapeError, DTypeError
        for indices that are no vector of ints, and for shapes that don't fit one another.

    >>> slices = tg.IndexedSlices([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [2, 0, 2], [4, 2])
    >>> slices.dtype, slices.shape
    (tg.float32, TensorShape([Dimension(4), Dimension(2)]))
    >>> tg.convert_to_tensor(slices).eval()
    array([[3., 4.],
           [0., 0.],
           [6., 8.],
           [0., 0.]], dtype=float32)
    """

    __slots__ = ("values", "indices", "dense_shape")
    __array_ufunc__ = None  # an array has no sum with it

    values: Node
    indices: Node
    dense_shape: Node | None

    def __init__(
        self, values: TensorLike, indices: TensorLike, dense_shape: TensorLike | None = None
    ):
        graph = graph_of((values, indices, dense_shape))
        with arguments_of("IndexedSlices"):
            self.values = as_node(values, name="values", graph=graph)
            self.indices = as_node(indices, name="indices", graph=graph)
            self.dense_shape = None
            if dense_shape is not None:
                self.dense_shape = as_node(dense_shape, name="dense_shape", graph=graph)
            self._check()

    def _check(self) -> None:
        if not self.indices.dtype.is_integer:
            raise DTypeError(f"indices must be ints, not {self.indices.dtype.name}")
        if self.values.shape.ndims == 0:
            raise ShapeError("values must be rows, not a scalar")
        if not self.indices.shape.is_compatible_with(self.values.shape[:1]):
            raise ShapeError(
                f"indices must be a vector with an int for each row of the values, of shape "
                f"{self.values.shape}, not of shape {self.indices.shape}")
        if not self.values.shape[1:].is_compatible_with(self.shape[1:]):
            raise ShapeError(f"values of shape {self.values.shape} are no rows for {self.shape}")

    @property
    def parts(self) -> tuple[Node, ...]:  # type: ignore[override]
        shape = () if self.dense_shape is None else (self.dense_shape,)
        return self.values, self.indices, *shape

    def of(self, parts: list) -> IndexedSlices | IndexedSlicesValue:
        """The same of other parts: what a run gives for it, where they are values."""
        if isinstance(parts[0], Node):
            return IndexedSlices(*parts)
        return IndexedSlicesValue(*parts, *[None] * (3 - len(parts)))

    def as_tensor(self) -> Node:
        """The large tensor; a run checks the indices. GraphError without a dense_shape."""
        if self.dense_shape is None:
            raise GraphError(
                f"Tensor conversion requested for IndexedSlices without dense_shape: {self}")
        return gather_grad_op(self.values, self.indices, self.dense_shape, axis=0)

    @property
    def dtype(self) -> DType:  # type: ignore[override]
        return self.values.dtype

    @property
    def shape(self) -> Shape:
        """The static shape of the large tensor, as far as it is known."""
        return UNKNOWN if self.dense_shape is None else shape_from(self.dense_shape.spec)

    @property
    def name(self) -> str:
        """The name of the values."""
        return self.values.name

    @property
    def op(self) -> Operation:
        """The operation that computes the values."""
        return self.values.op

    @property
    def graph(self) -> Graph:
        return self.values.graph

    def with_values(self, values: Node) -> IndexedSlices:
        return IndexedSlices(values, self.indices, self.dense_shape)

    def __neg__(self) -> IndexedSlices:
        return self.with_values(-self.values)

    def __repr__(self) -> str:
        shape = "" if self.dense_shape is None else f", dense_shape={self.dense_shape}"
        return f"IndexedSlices(indices={self.indices}, values={self.values}{shape})"


def as_tensors(gradients: Iterable[Node | IndexedSlices | None]) -> list[Node | None]:
    """Gradients as tensors, also those that are slices."""
    return [None if g is None else as_node(g) for g in gradients]


def is_sparse(node: Node) -> bool:
    """Whether the node is zeros, with rows at some places."""
    return node.kind is gather_grad_op and node.attrs["axis"] == 0


def summands(g: Node) -> tuple[Node, ...]:
    """The parts of which a gradient is the sum."""
    return g.inputs if g.kind is add_n_op else (g,)


def as_slices(g: Node) -> Node | IndexedSlices:
    """A gradient as the rows of which it is made, if it is a sum of such; else as it is."""
    parts = summands(g)
    if not all(map(is_sparse, parts)):
        return g
    rows, places, shapes = zip(*[part.inputs for part in reversed(parts)], strict=True)
    if len(parts) == 1:
        return IndexedSlices(rows[0], places[0], shapes[0])
    if len({place.dtype for place in places}) > 1:
        places = tuple(cast(place, int64) for place in places)
    return IndexedSlices(concat(rows, 0), concat(places, 0), shapes[0])
