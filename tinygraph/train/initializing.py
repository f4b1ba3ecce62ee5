"""Initial values from a checkpoint, for a part of a program that another one has trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygraph import arguments
from tinygraph.arguments import shown
from tinygraph.defaults import get_default_graph
from tinygraph.dtypes import as_dtype
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError
from tinygraph.io.checkpoint import open_checkpoint
from tinygraph.op import Op
from tinygraph.spec import Shape, Spec
from tinygraph.train.checkpoints import CheckpointReader, prefix_of
from tinygraph.typing import PathLike
from tinygraph.variables.updates import assign
from tinygraph.variables.variable import Variable


def _restored(*, prefix: str, tensor_name: str, dtype: type, shape: Shape) -> np.ndarray:
    checkpoint = open_checkpoint(prefix)
    try:
        value = checkpoint.read(tensor_name) if tensor_name in checkpoint.entries else None
    finally:
        checkpoint.close()
    if value is None or value.dtype != dtype or not shape.is_compatible_with(value.shape):
        was = Spec(shape, as_dtype(dtype))
        now = "not there" if value is None else f"{value.dtype}{[*value.shape]}"
        raise InvalidArgumentError(
            f"'{tensor_name}' in {prefix} was {was} when the graph was built, and is {now} now"
        )
    return value


restore = Op(
    "RestoreV2", _restored, lambda prefix, tensor_name, dtype, shape: Spec(shape, dtype),
    role="impure", doc="The value of a tensor in a checkpoint, which a run reads.",
)


def init_from_checkpoint(
    ckpt_dir_or_file: PathLike, assignment_map: Mapping[str, Variable | str]
) -> None:
    """Have variables take their initial values from a checkpoint (TF: same name).

    It replaces the variables' initializers, and is called before the initializer of all is made.
    The values are read when that runs.

    Parameters
    ----------
    ckpt_dir_or_file
        The prefix of a checkpoint, or a folder, for its latest one.
    assignment_map
        From a name in the checkpoint to a variable, or to the name of one that `get_variable` has
        made; or from a scope to a scope, with "/" at their ends, for all variables in it: "/" alone
        is the outermost one.

    Raises
    ------
    GraphError
        where the checkpoint lacks a tensor, or has it in another shape or dtype (a ValueError), or
        there is no such variable.

    >>> import tempfile
    >>> w = tg.get_variable("w", initializer=tg.constant([1.0, 2.0]))
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> path = tg.train.Saver().save(sess, tempfile.mkdtemp() + "/model")
    >>> with tg.variable_scope("copy"):
    ...     v = tg.get_variable("w", [2])
    >>> tg.train.init_from_checkpoint(path, {"/": "copy/"})
    >>> sess.run(tg.global_variables_initializer())
    >>> sess.run(v)
    array([1., 2.], dtype=float32)
    """
    prefix = prefix_of(ckpt_dir_or_file)
    reader = CheckpointReader(prefix)
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    pairs = list(_pairs(arguments.mapping(assignment_map, "assignment_map")))
    for name, variable in pairs:
        if name not in shapes:
            raise GraphError(f"Tensor {name} (for {variable.op_name}) is not found in {prefix}")
        if not variable.shape.is_compatible_with(shapes[name]) or variable.dtype != dtypes[name]:
            raise GraphError(
                f"Shape of variable {variable.name} ({variable.spec}) doesn't match with shape of "
                f"tensor {name} ({dtypes[name]}{shapes[name]}) from checkpoint reader."
            )
    for name, variable in pairs:
        graph = variable.graph
        with graph.as_default(), graph.outside():
            value = restore(
                prefix=prefix, tensor_name=name, dtype=variable.dtype, shape=variable.shape,
                name="checkpoint_initializer",
            )
            variable.initial_value, variable.initializer = value, assign(variable, value).op


def _pairs(assignment_map: Mapping[str, Any]) -> Iterator[tuple[str, Variable]]:
    """Each name in a checkpoint with the variable that it is for."""
    store = get_default_graph().variable_store
    variables = {} if store is None else store.variables
    for source, target in assignment_map.items():
        arguments.text(source, "a name in assignment_map")
        if isinstance(target, Variable):
            yield source, target
            continue
        if not isinstance(target, str):
            raise DTypeError(f"'{source}' is for a variable or its name, not {shown(target)}")
        if target in variables:
            yield source, variables[target]
            continue
        if not (source.endswith("/") and target.endswith("/")):
            raise GraphError(
                f"'{target}' is no variable that get_variable has made, and for scopes it should "
                f"be 'scope/': 'other_scope/', unlike '{source}': '{target}'"
            )
        scope, origin = target.removeprefix("/"), source.removeprefix("/")
        yield from (
            (origin + name.removeprefix(scope), variable)
            for name, variable in sorted(variables.items()) if name.startswith(scope)
        )
