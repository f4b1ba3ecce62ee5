"""The graph: nodes, names and scopes, control dependencies, collections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from tinygraph.arguments import expect, flag, key as key_of, sequence, shown
from tinygraph.errors import DTypeError, FinalizedError, GraphError, NotFoundError
from tinygraph.interrupts import Block, Places, Stack, at_once, block
from tinygraph.known import BuiltWith
from tinygraph.node import CompositeTensor, Node, Operation, Output, new_node, stacks
from tinygraph.origin import close_names, place, user_line
from tinygraph.spec import Spec

_VALID_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\-/]*\Z")
_VALID_IN_SCOPE = re.compile(r"[A-Za-z0-9_.\-/]+\Z")


class GraphKeys:
    """The standard names of collections (TF: `tf.GraphKeys`).

    >>> tg.GraphKeys.TRAINABLE_VARIABLES
    'trainable_variables'
    """

    GLOBAL_VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    REGULARIZATION_LOSSES = "regularization_losses"
    LOSSES = "losses"
    SUMMARIES = "summaries"
    UPDATE_OPS = "update_ops"
    TRAIN_OP = "train_op"
    GLOBAL_STEP = "global_step"
    INIT_OP = "init_op"
    LOCAL_INIT_OP = "local_init_op"
    ACTIVATIONS = "activations"
    WEIGHTS = "weights"
    BIASES = "biases"


class Branch:
    """The nodes that a function makes while it is traced: a Body will take them."""

    def __init__(self, outer: Branch | None):
        self.outer = outer
        self.nodes: dict[Node, None] = {}


def _around(node: Node, branch: Branch | None) -> Branch | None:
    """The one among a branch and those around it that a node belongs to, if there is one."""
    while branch is not None and node not in branch.nodes:
        branch = branch.outer
    return branch


class Context(NamedTuple):
    """What `with` blocks say about the nodes that are made within them."""

    scope: str = ""
    controls: tuple[Node, ...] = ()
    forward: Node | None = None  # the node whose gradient is built
    variable_scope: Any = None  # variables/scopes.py's; None is the outermost
    branch: Branch | None = None  # the innermost one that is being traced


_OUTSIDE = Context()


class Graph:
    """Nodes in the order of their making, which is a topological order: inputs come first.

    A graph can be pickled, and copied by `copy.deepcopy`; a node of it brings all of it along.

    >>> graph = tg.Graph()
    >>> with graph.as_default():
    ...     with tg.name_scope("layer"):
    ...         a = tg.constant(1.0, name="a")
    >>> a.name, graph.get_tensor_by_name("layer/a:0") is a
    ('layer/a:0', True)
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.seed: int | None = None
        self.variable_store: Any = None  # variables/scopes.py keeps get_variable's variables here
        self.finalized = False
        self._by_name: dict[str, Node] = {}
        self._names_in_use: dict[str, int] = {}
        self._blocks = Stack(_OUTSIDE)
        self.built_with = BuiltWith()
        self.outputs: dict[Node, list[Node]] = {}  # of the nodes that have several
        self.inside = ""  # what this graph is a body of, such as a branch of a cond
        self._collections: dict[str, list] = {}

    def add(self, kind, inputs: tuple[Node, ...], attrs: dict, spec: Spec, name: Any) -> Node:
        """Append a node; `Op.__call__` is the way to make one.

        Without a name it is the next of the outputs of inputs[0], and called as that is.
        """
        if self.finalized:
            raise FinalizedError("Graph is finalized and cannot be modified.")
        node = new_node(kind, inputs, attrs, spec)
        node.graph = self
        node.id = len(self.nodes)
        scope, node.control_inputs, node.forward, _, branch = self._blocks.current()
        if name is None:
            node.op_name, node.control_inputs = inputs[0].op_name, ()
            branch = _around(inputs[0], branch)
        else:
            node.op_name = op_name = self._unique(name, scope, True)
            if op_name in self._by_name:  # which only a name that ends with "/" can lead to
                where = self._by_name[op_name].where
                raise GraphError(
                    f"Duplicate node name in graph: '{op_name}' (first made at {where})"
                )
        node.origin = user_line()
        self.nodes.append(node)
        if name is None:
            self.outputs.setdefault(inputs[0], []).append(node)
        else:
            self._by_name[op_name] = node
        if branch is not None:
            branch.nodes[node] = None
        return node

    # ---------------------------------------------------------------- names

    @property
    def context(self) -> Context:
        """What the open `with` blocks say about the nodes that are made now."""
        return self._blocks.current()

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """`name` in the current scope, made unique as TF1 does: `a`, `a_1`, `a_2`.

        A name that ends with "/" is a scope's own and stays as it is.
        """
        return self._unique(name, self.context.scope, mark_as_used)

    def _unique(self, name: str, scope: str, mark_as_used: bool) -> str:
        if not isinstance(name, str):
            raise DTypeError(f"name must be a string, not {shown(name)}")
        if name.endswith("/"):
            return _checked_name(name, _VALID_NAME)[:-1]
        full = f"{scope}/{name}" if scope else name
        key = full.lower()  # TF1 treats names as equal that differ in case only
        count = self._names_in_use.get(key, 0)
        if not count:  # a name that is in use is valid
            _checked_name(name, _VALID_IN_SCOPE if scope else _VALID_NAME)
        mark_as_used = mark_as_used is True or flag(mark_as_used, "mark_as_used")
        if mark_as_used:
            self._names_in_use[key] = count + 1
        if count:
            base = key
            while key in self._names_in_use:
                key = f"{base}_{count}"
                count += 1
            if mark_as_used:
                self._names_in_use[base] = count
                self._names_in_use[key] = 1
            full = f"{full}_{count - 1}"
        return full

    def name_scope(self, name: str | None) -> Block:
        """Prefix the names made inside; "a/" re-enters scope a, None or "" goes to the top."""
        return block(partial(self.begin_scope, name))

    def begin_scope(self, name: str | None) -> tuple[str, Places]:
        if name is not None and not isinstance(name, str):
            raise DTypeError(f"name must be a string or None, not {shown(name)}")
        outer, controls, forward, variables, branch = self._blocks.current()
        scope = self._unique(name, outer, True) if name else ""
        context = Context(scope, controls, forward, variables, branch)
        return scope + "/" if scope else "", self.places(context)

    def get_name_scope(self) -> str:
        return self.context.scope

    def places(self, context: Context, undo: Callable | None = None) -> Places:
        """For a block in which that is the context, and after which `undo` is called."""
        return ((self._blocks, context, undo),)

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation called `name`; KeyError when there is none."""
        if not isinstance(name, str):
            raise DTypeError(f"an operation's name is a string, not {name!r}")
        if ":" in name:
            raise GraphError(f"{name!r} names a tensor, not an operation: leave out the ':0'")
        return self._operation(name, f"operation {name!r}")

    def get_tensor_by_name(self, name: str) -> Node:
        """The tensor called `name`, such as "dense/MatMul:0"; KeyError when there is none."""
        if not isinstance(name, str):
            raise DTypeError(f"a tensor's name is a string, not {name!r}")
        op_name, colon, index = name.rpartition(":")
        if not colon:
            raise GraphError(f"{name!r} names an operation, not a tensor: write '{name}:0'")
        outputs = self._operation(op_name, f"tensor {name!r}").outputs
        if index not in map(str, range(len(outputs))):
            count = f"only {len(outputs)}" if outputs else "no"
            raise NotFoundError(
                f"the graph has no tensor {name!r}: the operation '{op_name}' has {count} "
                f"output{'s' * (len(outputs) != 1)}"
            )
        return outputs[int(index)]

    def as_graph_element(self, obj: Any, allow_tensor=True, allow_operation=True):
        """The tensor or operation of this graph that `obj`, a node or a name, stands for."""
        if isinstance(obj, str):
            get = self.get_tensor_by_name if ":" in obj else self.get_operation_by_name
            return self.as_graph_element(get(obj))
        node = obj.node if isinstance(obj, Operation) else obj
        if not isinstance(node, Node):
            raise DTypeError(f"{obj!r} is not a tensor, an operation or the name of one")
        if node.graph is not self:
            raise GraphError(belonging(node))
        return obj

    def _operation(self, name: str, what: str) -> Operation:
        if name in self._by_name:
            return Operation(self._by_name[name])
        close = close_names(name, self._by_name, 3)
        hint = f"; close names: {', '.join(close)}" if close else ""
        raise NotFoundError(f"the graph has no {what}{hint}")

    def get_operations(self) -> list[Operation]:
        return [Operation(node) for node in self.nodes if type(node) is not Output]

    # ---------------------------------------------------------------- what may be fed

    def use_value(self, node: Node, what: str) -> np.ndarray | None:
        """A node's value, for `what` the user builds, if it is known; then it may not be fed."""
        value = node.spec.constant
        if value is not None:
            self.built_with.setdefault(node, f"{what} at {place(user_line())}")
        return value

    def prevent_feeding(self, tensor: Node) -> None:
        """Mark a tensor as one that no run may feed (TF: same name)."""
        self.as_graph_element(expect(tensor, Node, "tensor", "a tensor"))
        self.built_with[tensor] = None

    def is_feedable(self, tensor: Node) -> bool:
        """Whether a run may feed the tensor, as the graph was not built with its value (TF: same).

        >>> rows = tg.constant(2)
        >>> x = tg.zeros([rows, 3])
        >>> x.graph.is_feedable(rows), x.graph.is_feedable(x)
        (False, True)
        """
        self.as_graph_element(tensor)
        return self.built_with.reason(tensor) is None

    # ---------------------------------------------------------------- control and gradients

    def control_dependencies(self, control_inputs: Iterable | None) -> Block:
        """Make the nodes made inside run after `control_inputs`; None lifts the outer blocks."""
        return block(partial(self._begin_dependencies, control_inputs))

    def _begin_dependencies(self, control_inputs: Iterable | None) -> tuple[None, Places]:
        if isinstance(control_inputs, Node | Operation):
            raise DTypeError(f"control_inputs is a list, such as [x], not {control_inputs!r}")
        if control_inputs is None:
            return None, self.places(self.context._replace(controls=()))
        items = sequence(control_inputs, "control_inputs")
        items = [x.values if isinstance(x, CompositeTensor) else x for x in items]
        added = [self.as_graph_element(item) for item in items]
        nodes = [item.node if isinstance(item, Operation) else item for item in added]
        controls = tuple(dict.fromkeys((*self.context.controls, *nodes)))
        return None, self.places(self.context._replace(controls=controls))

    def gradient_of(self, node: Node) -> Block:
        """Mark the nodes made inside as the gradient of `node`, under its name."""
        return block(partial(self._begin_gradient, node))

    def _begin_gradient(self, node: Node) -> tuple[None, Places]:
        expect(node, Node, "node", "a tensor")
        outer, controls, _, variables, branch = self._blocks.current()
        scope = self._unique(node.op_name + "_grad", outer, True)
        return None, self.places(Context(scope, controls, node, variables, branch))

    # ---------------------------------------------------------------- bodies

    def branch(self) -> Block:
        """Trace a function within a block, whose value, a Branch, gets the nodes.

        A graph that is a body takes nodes within such a block only: they will be taken out again.
        """
        return block(self._begin_branch)

    def _begin_branch(self) -> tuple[Branch, Places]:
        context = self.context
        branch = Branch(context.branch)
        return branch, self.places(context._replace(controls=(), branch=branch))

    def outside(self) -> Block:
        """Make nodes outside of all branches that are being traced, and of control dependencies.

        That is where variables belong (TF: `tf.init_scope`).
        """
        return block(lambda: (None, self.places(self.context._replace(controls=(), branch=None))))

    def is_inside(self, node: Node) -> bool:
        """Whether a node belongs to a branch that is being traced."""
        return _around(node, self.context.branch) is not None

    def split_off(
        self, moved: Mapping[Node, tuple[tuple, tuple]], formals: Iterable[Node]
    ) -> Graph:
        """Move nodes into a graph of their own, behind `formals`; names stay unique in both.

        `moved` has the inputs and control inputs that they get there.
        """
        graph = Graph()
        graph.seed, graph.inside = self.seed, "a branch of a cond that was never finished"
        graph._by_name, graph._names_in_use = self._by_name, self._names_in_use
        first = min([node.id for node in moved], default=len(self.nodes))
        kept = [node for node in self.nodes[first:] if node not in moved]
        graph.nodes = [*formals, *moved]
        tables = (self.outputs, graph.outputs), (self.built_with, graph.built_with)
        for table, own in tables:
            own.update((node, table[node]) for node in moved if node in table)
        at_once(
            map(setattr, moved, repeat("inputs"), [inputs for inputs, _ in moved.values()]),
            map(setattr, moved, repeat("control_inputs"), [nodes for _, nodes in moved.values()]),
            map(setattr, graph.nodes, repeat("graph"), repeat(graph)),
            map(setattr, [*graph.nodes, *kept], repeat("id"),
                [*range(len(graph.nodes)), *range(first, first + len(kept))]),
            map(self.nodes.__setitem__, [slice(first, None)], [kept]),
            *[map(table.__delitem__, own) for table, own in tables],
        )
        return graph

    # ---------------------------------------------------------------- collections

    def add_to_collection(self, name: str, value: object) -> None:
        self.get_collection_ref(name).append(value)

    def add_to_collections(self, names: str | Iterable[str], value: object) -> None:
        listed = [names] if isinstance(names, str) else sequence(names, "names")
        for name in dict.fromkeys(key_of(name, "name") for name in listed):
            self.add_to_collection(name, value)

    def get_collection(self, name: str, scope: str | None = None) -> list:
        """A copy of a collection; `scope`, a regular expression, filters by the start of names."""
        items = list(self._collections.get(key_of(name, "name"), ()))
        if scope is None:
            return items
        try:
            match = re.compile(expect(scope, str, "scope", "a string")).match
        except re.error as error:
            raise GraphError(f"scope {scope!r} is no regular expression: {error}") from None
        return [item for item in items if match(getattr(item, "name", ""))]

    def get_collection_ref(self, name: str) -> list:
        return self._collections.setdefault(key_of(name, "name"), [])

    def get_all_collection_keys(self) -> list[str]:
        return [name for name, items in self._collections.items() if items]

    def clear_collection(self, name: str) -> None:
        self._collections.pop(key_of(name, "name"), None)

    # ---------------------------------------------------------------- the default graph

    def as_default(self) -> Block:
        """Make this the default graph within a `with` block."""
        return stacks.graphs.pushed(self)

    def finalize(self) -> None:
        """Forbid further nodes: what makes nodes in a training loop then fails at its line."""
        self.finalized = True


def _checked_name(name: str, valid: re.Pattern) -> str:
    """A name as it is: one that could be anything else, such as code, never gets into a graph."""
    if not valid.match(name):
        raise GraphError(f"{name!r} is not a valid name: letters, digits and _ . - / only")
    return name


def belonging(node: Node) -> str:
    """Why a node cannot be used where somebody wants to, which is in another graph."""
    who = f"'{node.op_name}' (made at {node.where})"
    if not node.graph.inside:
        return f"{who} is of another graph"
    return (
        f"{who} belongs to {node.graph.inside}, and has a value only within it: have the branch "
        "return it, and use the result outside"
    )
