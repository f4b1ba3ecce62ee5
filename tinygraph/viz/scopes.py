"""Names and scopes: in which frame of a picture a node is drawn."""

from __future__ import annotations

from tinygraph.graph import Node

GRADIENT = "∂ "  # before the name of an op: its gradient


def scope_of(name: str) -> str:
    return name.rpartition("/")[0]


def base(name: str) -> str:
    return name.rpartition("/")[2]


def gradient_scope(node: Node) -> tuple[str, str]:
    """The scope of the `gradients` call that made a node, and in it the forward op's name."""
    assert node.forward is not None
    forward = node.forward.op_name
    if is_seed(node):
        return scope_of(node.op_name), forward
    at = node.op_name.find(f"/{forward}_grad")
    return (node.op_name[:at], forward) if at > 0 else ("", node.op_name)


def drawn_scope(node: Node, omitted: tuple[str, ...] = ()) -> str:
    """The scope to draw a node in, within those `omitted`; that of a gradient mirrors the forward
    op's, that of a cond's gradient is called as the cond's scope.
    """
    if node.forward is None or is_seed(node):
        return _within(scope_of(node.op_name), omitted)
    outer, forward = gradient_scope(node)
    if node.forward.bodies:
        forward = scope_of(forward) or forward
    path = [_within(outer, omitted), _within(scope_of(forward), omitted), GRADIENT + base(forward)]
    return "/".join(part for part in path if part)


def _within(scope: str, omitted: tuple[str, ...]) -> str:
    """A scope's path from the innermost of some scopes that it is in."""
    around = [x for x in omitted if x and f"{scope}/".startswith(f"{x}/")]
    return scope[len(max(around, key=len)) :].lstrip("/") if around else scope


def is_seed(node: Node) -> bool:
    """Whether it is the gradient of a loss by itself, that `gradients` starts with."""
    return base(node.op_name).startswith("grad_ys")
