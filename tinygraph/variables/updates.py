"""Updates of variables: assign and its kin, and the updates of some rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.arguments import ignored, shown
from tinygraph.errors import DTypeError, ShapeError
from tinygraph.families import check_dtypes, composite
from tinygraph.graph import Node
from tinygraph.op import as_node, as_variable, Op
from tinygraph.ops.arithmetic import add, subtract
from tinygraph.ops.indexed_slices import IndexedSlices
from tinygraph.spec import Spec, common_shape
from tinygraph.typing import TensorLike


def _assign_spec(ref: Spec, value: Spec) -> Spec:
    check_dtypes((ref, value), "any")
    if not ref.shape.is_compatible_with(value.shape):
        raise ShapeError(
            f"a variable of shape {ref.shape} keeps it, unless made with validate_shape=False, "
            f"and takes no value of shape {value.shape}"
        )
    return Spec(ref.shape.merge_with(value.shape), ref.dtype)


def _update(name: str, body: Callable[[Node, Node], Node], role: str, doc: str) -> Op:
    """An op that gives the variable `ref` the value that `body` computes from it and `value`."""
    return composite(
        name, body, None, None, params={"ref": "T", "value": "T"}, infer=_assign_spec,
        attrs={"use_locking": (ignored, None)}, role=role, doc=doc,
    )


assign_op = _update(
    "Assign", lambda ref, value: value, "assign", "value, which becomes the variable's.",
)
replace_op = _update(
    "Replace", lambda ref, value: value, "relative",
    """value, which becomes the variable's, and is known to follow the updates made before.

    Unlike `assign` it comes after them where no dependency says so, and overwrites none by mistake:
    it is for the formulas of optimizers and averages, whose values come from other slots.
    """,
)
assign_add = _update(
    "AssignAdd", add, "relative",
    """Add `value` to the variable `ref`, and be the sum.

    >>> w = tg.Variable(1.0)
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> print(sess.run(tg.assign_add(w, 2.0)))
    3.0
    """,
)
assign_sub = _update(
    "AssignSub", subtract, "relative",
    """Subtract `value` from the variable `ref`, and be the difference.

    >>> w = tg.Variable(1.0)
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> print(sess.run(tg.assign_sub(w, 2.0)))
    -1.0
    """,
)


def assign(
    ref: Node, value: TensorLike, validate_shape: bool | None = None,
    use_locking: bool | None = None, name: str | None = None,
) -> Node:
    """Give the variable `ref` a new value, and be that value.

    The value's shape must be the variable's, unless that was made with `validate_shape=False`. With
    it here, the variable's static shape forgets what is not also the value's.

    >>> w = tg.Variable(1.0)
    >>> update = tg.assign(w, 5.0)
    >>> sess = tg.Session()
    >>> print(sess.run(update), sess.run(w))
    5.0 5.0
    """
    ref = as_variable(ref)
    value = as_node(value, ref.dtype, "value", ref.graph)
    if validate_shape is False and value.shape != ref.shape:
        ref.spec = ref.spec._replace(shape=common_shape(ref.shape, value.shape))
    return assign_op(ref, value, name=name)


# ---------------------------------------------------------------- updates of rows


def rows_of(sparse_delta: Any) -> tuple[Node, Node]:
    """The indices and values of IndexedSlices."""
    if not isinstance(sparse_delta, IndexedSlices):
        raise DTypeError(f"sparse_delta is not IndexedSlices: {shown(sparse_delta)}")
    return sparse_delta.indices, sparse_delta.values
