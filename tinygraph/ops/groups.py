"""Operations without a value: groups of what a run does, and tensors that wait for one another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygraph.arguments import named, sequence
from tinygraph.defaults import control_dependencies as control_dependencies_of, name_scope
from tinygraph.dtypes import float32
from tinygraph.graph import Node, Operation
from tinygraph.nest import flatten
from tinygraph.op import Op
from tinygraph.ops.array import identity
from tinygraph.ops.indexed_slices import IndexedSlices
from tinygraph.spec import UNKNOWN, Spec
from tinygraph.typing import Fetches, TensorLike

no_op = Op("NoOp", None, lambda: Spec(UNKNOWN, float32), attrs={"name": (named, None)},
    role="effect",
    doc="""An operation that does nothing; a place for control dependencies.

    >>> tg.Session().run(tg.no_op())
    """)


def group(*inputs: Fetches | None, name: str | None = None) -> Operation:
    """An operation that runs all of `inputs`, which are tensors or operations.

    >>> v, w = tg.Variable(1.0), tg.Variable(2.0)
    >>> sess = tg.Session()
    >>> sess.run(tg.group(v.initializer, w.initializer))
    """
    with control_dependencies_of([x for x in flatten(inputs, "inputs") if x is not None]):
        return no_op(name=named(name, "group_deps"))


def tuple_(
    tensors: Iterable[TensorLike | None], name: str | None = None,
    control_inputs: Iterable[Node | Operation] | None = None,
) -> list:
    """The same tensors or IndexedSlices, each available only once all are (TF: `tf.tuple`).

    >>> a, b = tg.tuple([tg.constant(1.0), tg.constant(2.0)])
    >>> print(b.eval())
    2.0
    """
    tensors = sequence(tensors, "tensors")
    controls = [] if control_inputs is None else sequence(control_inputs, "control_inputs")
    with name_scope(named(name, "tuple")):
        gate = group([t for t in tensors if t is not None], controls)
        with control_dependencies_of([gate]):
            return [None if t is None else _same(t) for t in tensors]


def _same(t: Any) -> Any:
    return t.with_values(identity(t.values)) if isinstance(t, IndexedSlices) else identity(t)
