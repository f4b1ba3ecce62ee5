"""Control flow: cond, case and switch_case, which run one of several branches.

A branch is traced once, into a Body. The op takes what any of the branches uses from around it;
its value are the outputs of the branch that is taken.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tinygraph import nest
from tinygraph.arguments import flag, shown
from tinygraph.branches import branching, case_op, if_op
from tinygraph.body import captured, enclose
from tinygraph.defaults import control_dependencies, name_scope
from tinygraph.dtypes import float32
from tinygraph.errors import (
    DTypeError, GraphError, InvalidArgumentError, ShapeError, TinygraphError,
)
from tinygraph.graph import Graph
from tinygraph.node import Node, Operation
from tinygraph.op import Op, as_node
from tinygraph.ops.array import constant, ensure_shape
from tinygraph.origin import place
from tinygraph.spec import UNKNOWN, Spec
from tinygraph.typing import TensorLike


def _check_preds(preds: Any, *, exclusive: bool, some: bool) -> None:
    if some and not np.any(preds):
        raise InvalidArgumentError("None of conditions evaluated as True")
    if exclusive and np.count_nonzero(preds) > 1:
        values = np.asarray(preds, int).tolist()
        raise InvalidArgumentError(
            f"exclusive=True: more than 1 conditions evaluated as True: {values}"
        )


one_true = Op("OneTrue", _check_preds, lambda preds, exclusive, some: Spec(UNKNOWN, float32),
    params=("preds",), role="effect", doc="A check of the predicates of `tg.case`.")


# ---------------------------------------------------------------- tracing


class _Function(NamedTuple):
    """A branch's function, and what errors call it."""

    name: str
    call: Callable
    label: str  # the name and the line where the function was written


def _function(name: str, function: Any) -> _Function:
    """What the user gave as `name`, which must be a function."""
    if not callable(function):
        raise DTypeError(f"{name} must be callable, not {shown(function)}")
    code = getattr(function, "__code__", None)  # which a partial has not
    label = f"{name} ({place((code, code.co_firstlineno))})" if code else name
    return _Function(name, function, label)


class _Traced:
    """What a branch's function has made, and the structure and the leaves of its result."""

    def __init__(self, graph: Graph, function: _Function, pivot: bool, strict: bool):
        self.name, self.label = function.name, function.label
        with graph.branch() as branch:
            result = function.call()
            if result is None:
                raise GraphError(f"{self.label} must have a return value.")
            self.structure = result if strict else _unpacked(result)
            leaves = nest.flatten(self.structure)
            self.outputs = [self._output(i, x, pivot, graph) for i, x in enumerate(leaves)]
        self.nodes: dict[Node, None] = branch.nodes

    def _output(self, i: int, x: Any, pivot: bool, graph: Graph) -> Node:
        """A leaf of the result as a tensor; for an operation whether the branch is the true one."""
        if isinstance(x, Operation):
            with graph.control_dependencies([x]):
                return constant(pivot)
        if x is None:
            where = nest.places(self.structure)[i]
            raise GraphError(f"None values not supported: {self.label} returns None as {where}")
        try:
            return as_node(x)
        except TinygraphError as error:
            where = nest.places(self.structure)[i]
            raise type(error)(f"{error}, as {where} of {self.label}", error.node) from None


def _unpacked(result: Any) -> Any:
    """The one element of a list or tuple of one (TF: what `strict=False` does)."""
    return result[0] if isinstance(result, list | tuple) and len(result) == 1 else result


def _with_branches(kind: Op, index: Node, traced: list[_Traced], name: str) -> Any:
    """The op on the traced branches, and its outputs in the structure of the first one's result."""
    graph, first = index.graph, traced[0]
    for other in traced[1:]:
        _check_alike(first, other)
    needed = {x: part for part in traced for x in captured(part.nodes, part.outputs)}
    for x, part in needed.items():
        graph.as_graph_element(x)
        for other in traced:
            if x in other.nodes:
                raise GraphError(
                    f"'{x.op_name}' (made at {x.where}) is inside the branch of {other.name}, and "
                    f"{part.name} cannot use it"
                )
    controls = [
        x for part in traced for node in part.nodes for x in node.control_inputs
        if x not in part.nodes
    ]
    taken = list(needed)
    same = dict(zip(taken, taken, strict=True))
    bodies = [enclose(graph, part.nodes, same, part.outputs, taken) for part in traced]
    with graph.control_dependencies(list(dict.fromkeys(controls))):
        outputs = branching(kind, index, taken, bodies, name)
    return nest.pack(first.structure, outputs)


def _check_alike(first: _Traced, other: _Traced) -> None:
    """Raise an error where two branches' results cannot be those of one op."""
    labels = first.label, other.label
    nest.check_same(first.structure, other.structure, labels)
    if not first.outputs:
        raise GraphError(f"{labels[0]} and {labels[1]} must return at least one result.")
    for i, (x, y) in enumerate(zip(first.outputs, other.outputs, strict=True)):
        if x.dtype is not y.dtype:
            raise GraphError(
                f"Outputs of {labels[0]} and {labels[1]} must have the same type: "
                f"{nest.places(first.structure)[i]} is {x.dtype.name} ('{x.name}', made at "
                f"{x.where}) and {y.dtype.name} ('{y.name}', made at {y.where})"
            )


# ---------------------------------------------------------------- the public functions


def cond(
    pred: TensorLike, true_fn: Callable | None = None, false_fn: Callable | None = None,
    strict: bool = False, name: str | None = None, fn1: Callable | None = None,
    fn2: Callable | None = None,
) -> Any:
    """The result of `true_fn()` if `pred` is true in a run, else that of `false_fn()` (TF: same).

    Both functions are called once, while building. What they make happens only in runs that take
    their branch: also updates, random draws and effects, if the results need them, and errors,
    such as shapes that do not fit what is fed. What they use from around them is computed in any
    case. Variables and placeholders that they make are made outside; all else belongs to the
    branch, and only what is returned can be used from outside.

    Parameters
    ----------
    pred
        A bool tensor, a scalar.
    true_fn, false_fn
        Functions without parameters. They return tensors, IndexedSlices, numbers or operations, or
        structures of these, alike in structure and dtypes; shapes may differ. Where a function
        returns an operation, `cond` returns a bool tensor: whether the true branch was taken.
    strict
        Whether a list or tuple of one tensor stays one.
    fn1, fn2
        Deprecated names of the functions.

    Raises
    ------
    DTypeError, GraphError
        (a TypeError, a ValueError) for a pred that is no bool scalar tensor; where the branches'
        results differ in structure or dtype.

    >>> x = tg.placeholder(tg.float32, [])
    >>> y = tg.cond(x > 0.0, lambda: tg.sqrt(x), lambda: tg.constant(0.0))
    >>> (slope,) = tg.gradients(y, x)
    >>> sess = tg.Session()
    >>> [[float(value) for value in sess.run([y, slope], {x: at})] for at in (4.0, -1.0)]
    [[2.0, 0.25], [0.0, 0.0]]
    >>> count = tg.Variable(0)
    >>> counted = tg.cond(x > 0.0, lambda: tg.group(count.assign_add(1)), tg.no_op)
    >>> sess.run(count.initializer)
    >>> [bool(sess.run(counted, {x: at})) for at in (4.0, -1.0)]
    [True, False]
    """
    on_true = _one_of(true_fn, fn1, "true_fn", "fn1")
    on_false = _one_of(false_fn, fn2, "false_fn", "fn2")
    if isinstance(pred, bool):
        raise DTypeError("pred must not be a Python bool")
    return _cond(pred, on_true, on_false, flag(strict, "strict"), name)


def _cond(
    pred: Any, on_true: _Function, on_false: _Function, strict: bool, name: str | None = None
) -> Any:
    with name_scope(name, "cond", [pred]):
        index = _scalar(as_node(pred, name="pred"), "pred", "bool")
        traced = [
            _Traced(index.graph, function, function is on_true, strict)
            for function in (on_true, on_false)
        ]
        result = _with_branches(if_op, index, traced, "Merge")
    return result if strict else _unpacked(result)


def _one_of(function: Any, old: Any, name: str, old_name: str) -> _Function:
    if old is not None:
        if function is not None:
            raise DTypeError(f"cond(): {name} and {old_name} may not be set simultaneously.")
        function, name = old, old_name
    if function is None:
        raise DTypeError(f"cond(): {name} argument required")
    return _function(name, function)


def _scalar(index: Node, what: str, dtype: str) -> Node:
    """The tensor that chooses a branch; a shape that only the run knows is checked there."""
    if index.dtype.name != dtype:
        raise DTypeError(f"{what} must be a tensor of {dtype}, not {shown(index)}")
    if not index.shape.is_compatible_with([]):
        raise ShapeError(f"{what} must be a scalar, not of shape {index.shape}")
    return index if index.shape.ndims == 0 else ensure_shape(index, [])


def case(
    pred_fn_pairs: Mapping[Node, Callable] | Iterable[tuple[TensorLike, Callable]],
    default: Callable | None = None, exclusive: bool = False, strict: bool = False,
    name: str | None = "case",
) -> Any:
    """The result of the function beside the first predicate that is true in a run (TF: same).

    Parameters
    ----------
    pred_fn_pairs
        A list or dict of pairs: a bool scalar tensor and a function without parameters. A dict
        that is no OrderedDict goes by the names of the predicates.
    default
        The function for runs in which no predicate is true, which are errors without it.
    exclusive
        Whether two predicates that are true are an error.
    strict
        As in `tg.cond`, of which this is made.

    Raises
    ------
    InvalidArgumentError
        in a run, for predicates of which too many are true, or none is.

    >>> x = tg.constant(3.0)
    >>> tg.case([(x < 1.0, lambda: x), (x < 5.0, lambda: x * x)], default=lambda: -x).eval()
    np.float32(9.0)
    """
    pairs = _pairs(pred_fn_pairs, "pred_fn_pairs")
    if isinstance(pred_fn_pairs, dict) and not isinstance(pred_fn_pairs, OrderedDict):
        pairs.sort(key=lambda pair: getattr(pair[0], "name", ""))
    if not pairs:
        raise GraphError("case needs at least one pair of a predicate and a function")
    functions = []
    for pred, function in pairs:
        if not isinstance(pred, Node):
            raise DTypeError(f"pred must be a Tensor, got: {shown(pred)}")
        if not pred.dtype.is_bool:
            raise DTypeError(f"pred must be Tensor of type bool: {pred.name}")
        functions.append(_function(f"fn for pred {pred.name}", function))
    if default is not None:
        functions.append(_function("default", default))
    strict, exclusive = flag(strict, "strict"), flag(exclusive, "exclusive")
    preds = [pred for pred, _ in pairs]
    with name_scope(name, "case", preds):
        checks = [one_true(as_node(preds), exclusive=exclusive, some=default is None)]
        chosen = functions[-1]
        for pred, function in reversed([*zip(preds, functions[:-1], strict=False)]):
            chosen = function._replace(call=partial(_cond, pred, function, chosen, strict))
        with control_dependencies(checks if exclusive or default is None else []):
            return chosen.call()


def switch_case(
    branch_index: TensorLike,
    branch_fns: Mapping[int, Callable] | Sequence[Callable | tuple[int, Callable]],
    default: Callable | None = None, name: str | None = "switch_case",
) -> Any:
    """The result of the function of a number in a run (TF: `tf.switch_case`).

    Parameters
    ----------
    branch_index
        An int32 scalar tensor.
    branch_fns
        A list of functions without parameters, or a dict or pairs of their numbers, 0 to n - 1,
        and the functions.
    default
        The function for all other numbers; if None the last one of `branch_fns`.

    Their results are alike in structure and dtypes, and lists of one tensor stay lists; else the
    branches are as those of `tg.cond`.

    >>> i = tg.placeholder(tg.int32, [])
    >>> y = tg.switch_case(i, [lambda: tg.constant(10), lambda: tg.constant(20)])
    >>> sess = tg.Session()
    >>> [int(sess.run(y, {i: number})) for number in (0, 1, 7)]
    [10, 20, 20]
    """
    if not isinstance(branch_index, Node):
        raise DTypeError(f"branch_index must be a Tensor, got {type(branch_index)}")
    functions = _numbered(branch_fns)
    if default is not None:
        functions.append(_function("default", default))
    with name_scope(name, "switch_case", [branch_index]):
        index = _scalar(branch_index, "branch_index", "int32")
        traced = [_Traced(index.graph, function, True, True) for function in functions]
        return _with_branches(case_op, index, traced, "indexed_case")


def _numbered(branch_fns: Any) -> list[_Function]:
    """The functions in the order of their numbers."""
    if isinstance(branch_fns, list | tuple) and all(map(callable, branch_fns)):
        functions, called = dict(enumerate(branch_fns)), "branch_fns[{}]"
    else:
        called = "fn for key {}"
        pairs = _pairs(branch_fns, "branch_fns")
        for key, _ in pairs:
            if not isinstance(key, int):
                raise DTypeError(f"key must be a Python `int`, got {type(key)}")
        functions = dict(pairs)
        if sorted(functions) != list(range(len(pairs))):
            raise GraphError(
                f"branch indices (keys) must form contiguous range of [0 to {len(pairs)}) but "
                f"found {{{', '.join(str(key) for key, _ in pairs)}}}"
            )
    if not functions:
        raise GraphError("Must provide at least one item in branch_fns")
    return [_function(called.format(key), functions[key]) for key in sorted(functions)]


def _pairs(items: Any, what: str) -> list[tuple[Any, Any]]:
    """The pairs that a list, tuple or dict holds."""
    if isinstance(items, Mapping):
        return list(items.items())
    if not isinstance(items, list | tuple):
        raise DTypeError(f"{what} must be a list, tuple, or dict, not {shown(items)}")
    for pair in items:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise DTypeError(f"Each entry in {what} must be a 2-tuple, not {shown(pair)}")
    return list(items)
