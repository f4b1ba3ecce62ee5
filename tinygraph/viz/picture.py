"""A picture of a graph: DOT text, and what Graphviz makes of it."""

from __future__ import annotations

import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from tinygraph import arguments
from tinygraph.console import say
from tinygraph.errors import InvalidArgumentError, about_file

TEXT_FORMATS, IMAGE_FORMATS = (".dot", ".gv"), (".svg", ".png", ".pdf")
LAYOUT_LIMIT = 600  # nodes; beyond, Graphviz takes minutes for what nobody can read
NAMESPACES = {"": "http://www.w3.org/2000/svg", "xlink": "http://www.w3.org/1999/xlink"}
SVG = "{http://www.w3.org/2000/svg}"
PNG_RESOLUTION = 144  # dots per inch: sharp on a projector


class Picture:
    """A drawn graph; made by `tg.viz.to_dot`. A notebook shows it where Graphviz is installed.

    >>> picture = tg.viz.to_dot(tg.placeholder(tg.float32, [None, 2], name="x") * 2.0)
    >>> picture
    <tg.viz.Picture of 2 nodes, 0 parameters>
    >>> print(picture.source.splitlines()[0])
    digraph tinygraph {

    Attributes
    ----------
    source
        The DOT text.
    nodes
        How many nodes it draws.
    parameters
        How many trainable parameters the variables in it have.
    """

    def __init__(self, source: str, nodes: int, parameters: int):
        self.source = arguments.text(source, "source")
        self.nodes = arguments.integer(nodes, "nodes", least=0)
        self.parameters = arguments.integer(parameters, "parameters", least=0)

    def render(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture as the suffix says: .svg, .png, .pdf, or .dot (.gv) for the DOT text.

        Folders are made as needed. Where Graphviz cannot draw it, the DOT text is written beside
        and a hint printed, so a missing picture ends no program.

        Returns
        -------
        The path of the file that was written.

        Raises
        ------
        InvalidArgumentError
            for another suffix.

        >>> import tempfile
        >>> picture = tg.viz.to_dot(tg.constant(1.0) + 2.0)
        >>> picture.render(tempfile.mkdtemp() + "/sum.dot").name
        'sum.dot'
        """
        path = Path(arguments.path(path))
        suffix = path.suffix.lower()
        if suffix not in TEXT_FORMATS + IMAGE_FORMATS:
            endings = ", ".join(IMAGE_FORMATS + TEXT_FORMATS)
            raise InvalidArgumentError(f"a picture ends in one of {endings}, not '{path.name}'")
        if suffix in IMAGE_FORMATS:
            image, reason = self._image(suffix[1:])
            if image is not None:
                return _written(path, image)
            text = path.with_suffix(".dot")
            say(
                f"No picture: {reason}. Wrote {text} instead; where Graphviz is installed, "
                f"`dot -T{suffix[1:]} {text.name} -o {path.name}` draws it."
            )
            path = text
        return _written(path, self.source.encode())

    def _image(self, format: str) -> tuple[bytes | None, str]:
        """The drawn picture, or None and the reason why there is none."""
        if self.nodes > LAYOUT_LIMIT:
            return None, (
                f"{self.nodes:,} nodes are too many to lay out; draw fewer fetches, or fewer "
                "levels of scopes: to_dot(..., depth=1)"
            )
        source = self.source
        if format == "png":
            source = source.replace("{\n", f"{{\n  dpi={PNG_RESOLUTION};\n", 1)
        reasons = []
        for draw in (_graphviz, _pygraphviz):
            for text in (source, _unaligned(source)):
                image, reason = draw(text, format)
                if image is not None:
                    return _centred(image) if format == "svg" else image, ""
                reasons.append(reason)
        return None, reasons[0]

    def _repr_svg_(self) -> str | None:
        """SVG for a notebook, or None where Graphviz is missing."""
        image, _ = self._image("svg")
        return None if image is None else image.decode("utf-8")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: SVG, or where Graphviz is missing the hint and the DOT text."""
        image, reason = self._image("svg")
        if image is None:
            return {"text/plain": f"No picture: {reason}. Its DOT text:\n{self.source}"}
        return {"image/svg+xml": image.decode("utf-8"), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<tg.viz.Picture of {self.nodes:,} nodes, {self.parameters:,} parameters>"


def _written(path: Path, data: bytes) -> Path:
    with about_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return path


def _unaligned(source: str) -> str:
    """The DOT text without what stands at the same height: on rare graphs Graphviz fails on it."""
    return "\n".join(line for line in source.split("\n") if not line.startswith("  { rank=same"))


def _centred(svg: bytes) -> bytes:
    """The SVG with the texts of boxes anchored in their middle.

    Graphviz places the start of each line, by the widths of the fonts that it found; where the
    viewer's fonts are narrower or wider, that would shift the lines to one side.
    """
    for prefix, uri in NAMESPACES.items():
        ElementTree.register_namespace(prefix, uri)
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError:
        return svg
    for group in root.iter(SVG + "g"):
        kind = group.get("class")
        if kind in ("graph", "node"):
            inside = group.iter() if kind == "node" else group
            shapes: list[list[tuple[float, float]]] = []
            for element in inside:
                if element.tag == SVG + "text":
                    _anchor_in_middle(element, shapes[1:] if kind == "graph" else shapes)
                elif points := _outline(element):
                    shapes.append(points)
    return ElementTree.tostring(root, encoding="utf-8")


def _outline(element: ElementTree.Element) -> list[tuple[float, float]]:
    """The corners of a shape, or of the box around an ellipse."""
    if element.tag == SVG + "ellipse":
        x, y, rx, ry = (float(element.get(key, 0)) for key in ("cx", "cy", "rx", "ry"))
        return [(x - rx, y - ry), (x + rx, y + ry)]
    numbers = re.findall(r"-?[0-9.]+", element.get("points") or element.get("d") or "")
    return [(float(x), float(y)) for x, y in zip(numbers[::2], numbers[1::2], strict=False)]


def _anchor_in_middle(text: ElementTree.Element, shapes: list) -> None:
    """Centre a text on the last drawn of the shapes that it starts in."""
    x, y = float(text.get("x", 0)), float(text.get("y", 0))
    for points in reversed(shapes):
        (left, right), (top, bottom) = ((min(c), max(c)) for c in zip(*points, strict=True))
        if left - 1 <= x <= right and top <= y <= bottom and text.get("text-anchor") == "start":
            text.set("text-anchor", "middle")
            text.set("x", f"{(left + right) / 2:g}")


def _graphviz(source: str, format: str) -> tuple[bytes | None, str]:
    """Draw by the package graphviz, which calls the program `dot`."""
    try:
        import graphviz
    except ImportError:
        return None, "the package graphviz is missing (pip install tinygraph-autodiff[viz])"
    try:
        return graphviz.pipe("dot", format, source.encode(), quiet=True), ""
    except graphviz.ExecutableNotFound:
        return None, (
            "Graphviz's program `dot` is not installed (https://graphviz.org/download, or e.g. "
            "`apt install graphviz`, `brew install graphviz`)"
        )
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"Graphviz failed ({str(error).splitlines()[0]})"


def _pygraphviz(source: str, format: str) -> tuple[bytes | None, str]:
    """Draw by the package pygraphviz, where that is installed."""
    try:
        import pygraphviz
    except ImportError:
        return None, "the package pygraphviz is missing"
    try:
        return pygraphviz.AGraph(string=source).draw(format=format, prog="dot"), ""
    except (OSError, RuntimeError, ValueError) as error:
        return None, f"pygraphviz failed ({error})"
