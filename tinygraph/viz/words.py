"""What the boxes of a picture say."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

import numpy as np

from tinygraph.graph import Node
from tinygraph.node import Output
from tinygraph.spec import Spec

SHOWN_SIZE = 6  # elements of a value that is spelt out
MOST_PLACES = 4  # outputs that an edge lists
SHOWN_TYPES = (bool, int, float, str, np.float64)  # a user's subclass may write itself as anything
FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML


def allowed(text: str) -> str:
    """`text` of characters that XML allows; no picture can hold another."""
    return FORBIDDEN.sub("\ufffd", text)


def shortened(text: str, longest: int) -> str:
    """`text` with its middle left out where it is longer."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half + 1 :]}"


def count_text(count: int, noun: str) -> str:
    """`1 parameter`, `200,704 parameters`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def is_trainable(node: Node) -> bool:
    return node.kind.role == "variable" and getattr(node, "trainable", False)


def parameters_of(nodes: Iterable[Node]) -> int:
    """How many elements the variables among `nodes` have in all."""
    variables = [node for node in nodes if node.kind.role == "variable"]
    return sum(node.spec.shape.num_elements() or 0 for node in variables)


def size_text(variable: Node, noun: str) -> str:
    """A variable's `784×256 = 200,704 parameters`."""
    dims, size = variable.spec.shape.sizes, variable.spec.shape.num_elements()
    if dims is None or size is None:
        return f"{noun}s of shape {variable.spec.shape}"
    words = count_text(size, noun)
    return f"{'×'.join(map(str, dims))} = {words}" if len(dims) > 1 else words


def value_text(spec: Spec) -> str | None:
    """A small known value, as `0.5` or `[-1, 784]`; None for others."""
    value = spec.constant
    if value is None or value.ndim > 1 or value.size > SHOWN_SIZE:
        return None
    texts = [f"{x:g}" if isinstance(x, float | np.floating) else str(x) for x in value.flat]
    return f"[{', '.join(texts)}]" if value.ndim else texts[0]


def flow_text(sources: list[Node], branches: list[str], alone: Container[Node]) -> str:
    """What flows along an edge, as `float32[?,3]`; of several outputs also which, as `:1 int32[3]`;
    at the end of a branch also whose result it is, as `true int32[3]`.

    An output in `alone` is not one of several.
    """
    if branches:
        return f"{', '.join(dict.fromkeys(branches))} {sources[0].spec}"
    several = [x for x in sources if type(x) is Output and x not in alone]
    outputs = sorted({x.attrs["index"]: x for x in several}.items())
    if not outputs:
        return str(sources[0].spec)
    alike: dict[str, list[str]] = {}
    for i, x in outputs:
        alike.setdefault(str(x.spec), []).append(f":{i}")
    return ", ".join(f"{_listed(places)} {spec}" for spec, places in alike.items())


def _listed(places: list[str]) -> str:
    few = places if len(places) <= MOST_PLACES else [places[0], "…", places[-1]]
    return " ".join(few)


def attribute_texts(node: Node) -> list[str]:
    """The attributes that say how an op works, as `axis = 1`."""
    texts = []
    for key, value in node.attrs.items():
        parts = value if isinstance(value, tuple) else (value,)
        if key == "seed":  # which says when it draws what, not what it is
            continue
        if value is True:
            texts.append(key)
        elif value is not False and all(type(x) in SHOWN_TYPES for x in parts):
            texts.append(f"{key} = {tuple(parts) if len(parts) != 1 else parts[0]}")
    return texts


def tells_nothing(name: str, kind: str) -> bool:
    """Whether a node's name tells no more than its op's type, as "add_1" for Add."""
    stem, _, number = name.rpartition("_")
    plain = (stem if stem and number.isdigit() else name).replace("_", "").lower()
    return plain in ("truediv", "xwplusb") or len(plain) > 1 and plain in kind.lower()
