"""Dtypes, as TF1 calls the types of a tensor's elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.arguments import shown, text
from tinygraph.errors import DTypeError
from tinygraph.kernels.casting import NAMES, limits
from tinygraph.typing import DTypeLike


class DType:
    """An element type, as `tf.DType`: `tg.float32`, `tg.int32`, `tg.bool`, ...

    >>> tg.float32.as_numpy_dtype, tg.float32.is_floating, tg.int8.max
    (<class 'numpy.float32'>, True, 127)
    >>> tg.float32 == np.float32
    True
    """

    __slots__ = ("name", "numpy", "is_floating", "is_integer", "is_bool", "min", "max")

    def __init__(self, name: str):
        if text(name, "name") not in NAMES:
            raise DTypeError(f"{name!r} is no dtype; there are {', '.join(NAMES)}")
        self.name = name
        self.numpy = np.dtype(name)
        self.is_floating = self.numpy.kind == "f"
        self.is_integer = self.numpy.kind in "iu"
        self.is_bool = self.numpy.kind == "b"
        self.min, self.max = limits(self.numpy)

    @property
    def as_numpy_dtype(self) -> type:
        return self.numpy.type

    @property
    def base_dtype(self) -> DType:
        return self

    @property
    def size(self) -> int:
        return self.numpy.itemsize

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self is other
        try:
            return other is not None and np.dtype(other) == self.numpy  # type: ignore[call-overload]
        except (TypeError, ValueError):
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tg.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __reduce__(self):
        return as_dtype, (self.name,)


DTYPES = {np.dtype(name): DType(name) for name in NAMES}
(
    float16, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool_,
) = DTYPES.values()


def for_kernel(attrs: dict[str, Any]) -> dict[str, Any]:
    """An op's attributes as its kernel gets them: dtypes are NumPy's, as sources spell them."""

    def plain(value: Any) -> Any:
        if isinstance(value, DType):
            return value.as_numpy_dtype
        return tuple([plain(x) for x in value]) if type(value) is tuple else value

    return {key: plain(value) for key, value in attrs.items()}


def as_dtype(value: DTypeLike) -> DType:
    """The DType for a DType, a NumPy dtype, a Python type or a name (TF: `tf.as_dtype`).

    >>> tg.as_dtype("float32"), tg.as_dtype(np.int64), tg.as_dtype(float)
    (tg.float32, tg.int64, tg.float32)
    """
    if isinstance(value, DType):
        return value
    if value is float or isinstance(value, str) and value == "float":  # TF1: single precision
        return float32
    try:
        if value is not None:  # which NumPy would take for float64
            return DTYPES[np.dtype(value).newbyteorder("=")]
        raise TypeError
    except (TypeError, ValueError, KeyError):  # of something that has a wrong `.dtype`: ValueError
        raise DTypeError(
            f"{shown(value)} is not a dtype that tinygraph has; it has {', '.join(NAMES)}"
        ) from None
