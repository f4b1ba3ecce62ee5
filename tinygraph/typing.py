"""What arguments may be: the types that signatures name, for readers, editors and type checkers.

While a program runs, each is a type that says only its name, so that nothing is imported for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NewType, TypeAlias

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import SupportsIndex

    import numpy as np

    from tinygraph.dtypes import DType
    from tinygraph.graph import Graph as Graph
    from tinygraph.node import CompositeTensor, Node, Operation
    from tinygraph.session import Session
    from tinygraph.spec import Dimension, Shape

ArrayLike: TypeAlias = "np.ndarray | np.generic | int | float | Sequence[ArrayLike]"
"""Numbers or bools: an array, one of them, or lists of these."""

TensorLike: TypeAlias = (
    "Node | CompositeTensor | np.ndarray | np.generic | int | float | Shape | Dimension"
    " | Sequence[TensorLike]"
)
"""What an op takes as an input: a tensor, or what `tg.convert_to_tensor` makes one of."""

DTypeLike: TypeAlias = "DType | np.dtype | type | str"
"""A dtype: `tg.float32`, `np.float32`, `"float32"` or `float`."""

ShapeLike: TypeAlias = "Shape | Node | SupportsIndex | Sequence[SupportsIndex | Node | None] | None"
"""A shape: None stands for what is not known, a tensor for what a run computes."""

AxisLike: TypeAlias = "SupportsIndex | Sequence[SupportsIndex] | Node | None"
"""One axis or several, counted from the end where negative; None for all, or for the default."""

FeedDict: TypeAlias = "Mapping[Any, Any] | None"
"""From tensors, or their names, to the arrays that a run shall take for them."""

Fetches: TypeAlias = (
    "Node | CompositeTensor | Operation | str | Sequence[Fetches] | Mapping[Any, Fetches]"
)
"""What a run computes: tensors and operations, or their names, in lists, tuples and dicts."""

PathLike: TypeAlias = "str | os.PathLike[str]"
"""Where a file is."""

SessionLike: TypeAlias = "Session | None"
"""The session to run in; None for the default one."""

if not TYPE_CHECKING:
    globals().update({name: NewType(name, Any) for name in __annotations__})
