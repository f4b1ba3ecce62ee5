"""A program to Python source: one line per op, with its name and spec as the comment."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygraph.compiler.parts import GAP, Line, functions as in_functions, split
from tinygraph.compiler.program import KernelSource
from tinygraph.compiler.trace import user_node
from tinygraph.compiler.writer import Writer, written_out
from tinygraph.dtypes import as_dtype
from tinygraph.node import Node
from tinygraph.origin import is_foreign
from tinygraph.spec import Shape, Spec


class Code(Writer):
    """The source of a program, the objects that it names, and what each line computes.

    A `Routine` (routine.py) writes the lines of each function into it.
    """

    def __init__(self, begin_stream: Callable[[Node], None]):
        super().__init__()
        self.begin_stream = begin_stream
        self.lines: list[Line] = []
        self.head_lines = 0  # how many come before the functions
        self.bytes = 0  # of buffers, and of constants that the user didn't make
        self.functions: list[list[Line]] = []
        self._kernels: dict[tuple[str, ...], str] = {}  # lines of a kernel -> its name
        self._is_split = False
        self.pieces: list[str] = []
        self.source = ""

    def _constant(self, node: Node) -> str:
        value = node.attrs["value"]
        if value is not user_node(node).attrs.get("value"):
            self.bytes += value.nbytes
        return super()._constant(node)

    def kernel(self, node: Node, source: KernelSource) -> str:
        """The name of the node's kernel function; kernels with the same lines share one."""
        self.namespace |= source.names
        text = tuple(source.lines(**node.attrs))
        if text not in self._kernels:
            self._kernels[text] = self.unique(f"{node.kind.name.lower()}#")
        return self._kernels[text]

    def function(self, node: Node, kernel: Any) -> str:
        """The name in the source of a kernel, or of another function of the node's op."""
        if id(kernel) in self._functions:
            return self._functions[id(kernel)]
        name = str(getattr(kernel, "__name__", ""))
        if is_foreign(kernel) and node.kind.role != "effect":
            kernel = guarded(kernel, node)
        return self.function_name(kernel, node, name)

    # ---------------------------------------------------------------- lines

    def add(self, name: str, parameters: list[str], body: list[Line]) -> None:
        """Define a function, in parts if it is long; the one defined last stands last."""
        functions = in_functions(name, parameters, body, self.unique)
        self._is_split = self._is_split or len(functions) > 1
        self.functions += functions

    def assemble(self) -> None:
        """The source, in pieces to be compiled one by one; short programs are one piece."""
        kernels = [
            [Line(line.replace("def (", f"def {name}(")) for line in lines]
            for lines, name in self._kernels.items()
        ]
        head = split(self.head)
        pieces = [*head, *[[*GAP, *lines] for lines in (*kernels, *self.functions)]]
        if not head:
            del pieces[0][: len(GAP)]
        self.lines = [line for piece in pieces for line in piece]
        self.head_lines = sum(map(len, pieces[: -len(self.functions)]))
        self.pieces = written_out(pieces if self._is_split else [self.lines])
        self.source = "".join(self.pieces)


def guarded(kernel: Callable, node: Node) -> Callable:
    """A user's kernel, made to keep its promises: leave inputs alone, fill `out`, fit the spec."""
    spec, is_view = node.spec, node.kind.view

    def call(*arrays: np.ndarray, **options: Any) -> Any:
        inputs = [np.asarray(array).view() for array in arrays]
        for array in inputs:
            array.flags.writeable = False
        result, out = kernel(*inputs, **options), options.get("out")
        if result is None:
            raise TypeError("the kernel returned None; it must return its result")
        if result is out:
            return out
        if spec.items:
            if not isinstance(result, tuple | list) or len(result) != len(spec.items):
                raise TypeError(f"the kernel must return a tuple of {len(spec.items)} arrays")
            return tuple(map(partial(checked, inputs), result, spec.items))
        if out is None:
            return checked([] if is_view else inputs, result, spec)
        np.copyto(out, checked([], result, spec))
        return out

    return call


def checked(inputs: list[np.ndarray], result: Any, spec: Spec) -> Any:
    """`result` if it fits the spec; a copy of it if it shares memory with an input."""
    actual = Spec(Shape(np.shape(result)), as_dtype(np.asarray(result).dtype))
    if actual.dtype is not spec.dtype or not actual.shape.is_compatible_with(spec.shape):
        raise TypeError(f"the kernel made {actual}, but the op's shape rule says {spec}")
    shares = any(np.may_share_memory(result, x) for x in inputs)
    return np.array(result) if shares else result
