"""Text for generated source: names, literals and comments, of which none can become code.

A program's source is executed, and some of its text comes from users: names of nodes, attributes,
kernels' names. All of that goes through the functions here.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygraph.dtypes import DType
from tinygraph.ops.indexing import Index

RESERVED = {
    "np", "step", "compiled", "variables", "positions", "streams", "updates", "slice",
    *keyword.kwlist,
}
"""Names that a program itself uses, and Python's keywords: no other name in it may hide them."""


def identifier(name: str) -> str:
    """`name` as a Python identifier in ASCII: `dense/kernel` to `dense_kernel`.

    Python normalizes other letters (Unicode's NFKC), which would change a name.
    """
    if name.isidentifier() and name.isascii() and not keyword.iskeyword(name):
        return name
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"_{name}" if name[:1].isdigit() or keyword.iskeyword(name) else name or "_"


def comment(text: str) -> str:
    """`text` as a comment on one line, with Python's escapes for what isn't printable ASCII."""
    is_plain = text.isascii() and text.isprintable()
    return "# " + (text if is_plain else ascii(text)[1:-1])


def literal(value: Any) -> str | None:
    """`value` as Python or NumPy spells it; None if it is no number, string, dtype or the like."""
    if isinstance(value, DType):
        return numpy_name(value)
    kind = type(value)
    if kind is float and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    if value is Ellipsis:
        return "..."
    if value is None or kind in (bool, int, float, str):
        return ascii(value)
    if kind is slice:
        parts = [literal(part) for part in (value.start, value.stop, value.step)]
        return None if None in parts else f"slice({', '.join(parts)})"  # type: ignore[arg-type]
    if kind not in (tuple, Index):  # a user's subclass may write itself as anything
        return None
    parts = [literal(item) for item in value]
    if None in parts:
        return None
    if kind is Index:
        return repr(value)
    return tuple_display(parts)  # type: ignore[arg-type]


def tuple_display(parts: Sequence[str]) -> str:
    """The text of a tuple, from the texts of its elements."""
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


def dict_display(items: Mapping[str, str], others: Iterable[str] = ()) -> str:
    """The text of a dict, from its values' texts; `others` are names of dicts to merge in."""
    parts = [f"{literal(key)}: {value}" for key, value in items.items()]
    return "{" + ", ".join([*parts, *[f"**{other}" for other in others]]) + "}"


def array_literal(value: np.ndarray) -> str:
    """The text of an array, with no more digits than its dtype needs: 0.9 for np.float32(0.9)."""
    text = literal(_shortened(value.tolist(), value.dtype))
    assert text is not None, value
    return text


def _shortened(value: Any, dtype: np.dtype) -> Any:
    if isinstance(value, list):
        return tuple(_shortened(x, dtype) for x in value)
    return shortest(value, dtype) if dtype.kind == "f" else value


def shortest(number: float, dtype: np.dtype) -> float:
    """The float with the fewest digits that is `number` in this dtype.

    NumPy's `str` would give them too. But it notes which arrays it is printing, and an interrupt
    may leave such a note behind; and in NumPy's legacy mode it drops digits.
    """
    return float(np.format_float_scientific(dtype.type(number)))


def numpy_name(dtype: DType) -> str:
    return "np.bool_" if dtype.is_bool else f"np.{dtype.name}"
