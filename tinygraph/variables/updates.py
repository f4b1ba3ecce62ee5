"""Updates of variables: assign and its kin, and the updates of some rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.arguments import shown
from tinygraph.errors import DTypeError, ShapeError
from tinygraph.families import check_dtypes, composite
from tinygraph.graph import Node
from tinygraph.op import Op, as_node
from tinygraph.ops.arithmetic import add, subtract
from tinygraph.ops.indexed_slices import IndexedSlices
from tinygraph.ops.scattering import scatter_add_op, scatter_sub_op, scatter_update_op
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
        name, body, None, None, params=("ref", "value"), infer=_assign_spec, role=role, doc=doc
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
assign_add_op = _update(
    "AssignAdd", add, "relative", "ref + value, which becomes the variable's value.",
)
assign_sub_op = _update(
    "AssignSub", subtract, "relative", "ref - value, which becomes the variable's value.",
)


def as_variable(ref: Any) -> Any:
    """`ref`, which must be a variable."""
    if not isinstance(ref, Node) or ref.kind.role != "variable":
        raise DTypeError(f"only a Variable can be updated, not {shown(ref)}")
    return ref


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


def assign_add(
    ref: Node, value: TensorLike, use_locking: bool | None = None, name: str | None = None,
) -> Node:
    """Add `value` to the variable `ref`, and be the sum.

    >>> w = tg.Variable(1.0)
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> print(sess.run(tg.assign_add(w, 2.0)))
    3.0
    """
    value = as_node(value, as_variable(ref).dtype, "value", ref.graph)
    return assign_add_op(ref, value, name=name)


def assign_sub(
    ref: Node, value: TensorLike, use_locking: bool | None = None, name: str | None = None,
) -> Node:
    """Subtract `value` from the variable `ref`, and be the difference.

    >>> w = tg.Variable(1.0)
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> print(sess.run(tg.assign_sub(w, 2.0)))
    -1.0
    """
    value = as_node(value, as_variable(ref).dtype, "value", ref.graph)
    return assign_sub_op(ref, value, name=name)


# ---------------------------------------------------------------- updates of rows


def rows_of(sparse_delta: Any) -> tuple[Node, Node]:
    """The indices and values of IndexedSlices."""
    if not isinstance(sparse_delta, IndexedSlices):
        raise DTypeError(f"sparse_delta is not IndexedSlices: {shown(sparse_delta)}")
    return sparse_delta.indices, sparse_delta.values


def _scattered(op: Op, ref: Any, indices: Any, updates: Any, name: str | None) -> Node:
    ref = as_variable(ref)
    indices = as_node(indices, name="indices", graph=ref.graph)
    return op(ref, indices, as_node(updates, ref.dtype, "updates", ref.graph), name=name)


def scatter_add(
    ref: Node, indices: TensorLike, updates: TensorLike, use_locking: bool | None = False,
    name: str | None = None,
) -> Node:
    """Add `updates` to the rows of the variable `ref` at `indices`, and be the variable's value.

    Indices may repeat; the updates of a row are then added up first, as `unsorted_segment_sum`
    adds. The other rows cost nothing, unless the same run needs the whole variable after the
    update: fetching it, or this tensor, copies it.

    Parameters
    ----------
    indices
        Ints, of any shape.
    updates
        A tensor of shape indices.shape + ref.shape[1:], or a scalar.

    Raises
    ------
    InvalidArgumentError
        in a run, for an index that is not in [0, ref.shape[0]); then no row is changed.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_add(w, [2, 0, 2], [10.0, 20.0, 30.0]))
    array([21.,  2., 43.], dtype=float32)
    """
    return _scattered(scatter_add_op, ref, indices, updates, name)


def scatter_sub(
    ref: Node, indices: TensorLike, updates: TensorLike, use_locking: bool | None = False,
    name: str | None = None,
) -> Node:
    """Subtract `updates` from the rows of the variable `ref` at `indices`; see `tg.scatter_add`.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_sub(w, [2], [10.0]))
    array([ 1.,  2., -7.], dtype=float32)
    """
    return _scattered(scatter_sub_op, ref, indices, updates, name)


def scatter_update(
    ref: Node, indices: TensorLike, updates: TensorLike, use_locking: bool | None = True,
    name: str | None = None,
) -> Node:
    """Make `updates` the rows of the variable `ref` at `indices`; see `tg.scatter_add`.

    Where indices repeat, the last update of a row counts.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_update(w, [2, 0], [10.0, 20.0]))
    array([20.,  2., 10.], dtype=float32)
    """
    return _scattered(scatter_update_op, ref, indices, updates, name)
