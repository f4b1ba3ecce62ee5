"""Three directives that keep the docs true, by asking tinygraph itself at build time.

`{run}`        executes its code and shows it with what it printed
`catalogue`    the registered ops of one family, as a table
`public`       the reference of a module's public names

The last two write reStructuredText, so they stand inside `{eval-rst}`.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import io
import pkgutil
import re
from pathlib import Path
from typing import Any

import numpy as np
from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, NumpyDocstring
from sphinx.util import logging

import tinygraph as tg
from tinygraph.op import Op, registry
from tools.make_stubs import exported, public_modules

log = logging.getLogger(__name__)

# Pages define ops of their own; the catalogue is of those that come with the package.
OPS = {name: op for name, op in registry.items() if not name.startswith("_")}
TRAITS = ("broadcasts", "view", "stateful", "dynamic")


class Run(Directive):
    """Execute the code in its page's namespace and graph; any exception fails the build."""

    has_content = True
    option_spec = {"language": directives.unchanged}  # noqa: RUF012  (docutils' protocol)

    def run(self) -> list[nodes.Node]:
        page = self.state.document.settings.env.temp_data
        if "live" not in page:
            page["live"] = {"np": np, "tg": tg, "__name__": "page"}, tg.Graph()
        namespace, graph = page["live"]
        source = "\n".join(self.content)
        # As many empty lines as the page has above the code: then a node's line is the page's.
        above = self.lineno + len(self.options)
        code = compile("\n" * above + source, page_name(self), "exec")
        printed = io.StringIO()
        with graph.as_default(), contextlib.redirect_stdout(printed):
            exec(code, namespace)
        shown = [nodes.literal_block(source, source, language="python")]
        if text := printed.getvalue().rstrip():
            language = self.options.get("language", "text")
            shown.append(nodes.literal_block(text, text, language=language))
        return shown


def page_name(directive: Directive) -> str:
    env = directive.state.document.settings.env
    return env.docname + ".md"


class Generated(Directive):
    """A directive that writes reStructuredText."""

    def parse(self, lines: list[str]) -> list[nodes.Node]:
        container = nodes.Element()
        self.state.nested_parse(StringList(lines, "generated"), self.content_offset, container)
        return container.children


# ---------------------------------------------------------------- the op catalogue


def defined_ops() -> dict[Op, str]:
    """The module that defines each op: the one that holds it without having imported it."""
    homes: dict[Op, str] = {}
    for found in pkgutil.walk_packages(tg.__path__, "tinygraph."):
        module = importlib.import_module(found.name)
        imported = {
            alias.asname or alias.name
            for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for name, value in vars(module).items():
            if isinstance(value, Op) and name not in imported:
                homes.setdefault(value, found.name)
    return homes


HOMES = defined_ops()


def family(op: Op) -> str:
    """The module that defines an op; for one without a name of its own, that of its rules."""
    if op in HOMES:
        return HOMES[op]
    rules = op.vjps if isinstance(op.vjps, tuple) else (op.vjps,)
    functions = [f for f in (op.rewrite, *rules, op.kernel, op.infer) if f is not None]
    modules = [getattr(f, "__module__", None) or "" for f in functions]
    return next((name for name in modules if name.startswith("tinygraph.")), "tinygraph.op")


class Catalogue(Generated):
    """A table of the ops that some modules, named below `tinygraph`, define."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        modules = [f"tinygraph.{name}" for name in self.arguments[0].split()]
        ops = [op for module in modules for op in OPS.values() if family(op) == module]
        if not ops:
            raise self.error(f"{modules} define no op")
        catalogued(self.state.document.settings.env).update(op.name for op in ops)
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 20 14 44 11 11", ""]
        rows = [("op", "inputs", "what it is", "gradient", "traits"), *map(row, ops)]
        for cells in rows:
            lines += [f"   {'-' if i else '* -'} {cell}".rstrip() if not i else f"     - {cell}"
                      for i, cell in enumerate(cells)]
        return self.parse(lines)


def row(op: Op) -> tuple[str, ...]:
    first = inspect.cleandoc(op.doc).split("\n\n")[0].split(">>>")[0]
    traits = [trait for trait in TRAITS if getattr(op, trait)] + [op.role] * bool(op.role)
    if op.rewrite is not None and op.kernel is None:
        traits.append("composite")
    what = escape(" ".join(first.split()))
    return f"``{op.name}``", ", ".join(inputs(op)) or "none", what, gradient(op), ", ".join(traits)


def inputs(op: Op) -> tuple[str, ...]:
    if not op.params and callable(op.vjps):
        return ("any number",)
    return tuple(f"``{name}``" for name in op.params)


def gradient(op: Op) -> str:
    """Through which inputs the gradient goes."""
    if callable(op.vjps):
        return "all"
    if not any(op.vjps):
        return "none"
    if all(op.vjps):
        return "all" if len(op.vjps) > 1 else "yes"
    return ", ".join(f"``{name}``" for name, rule in zip(op.params, op.vjps, strict=False) if rule)


def catalogued(env: Any) -> set[str]:
    if not hasattr(env, "tinygraph_catalogued"):
        env.tinygraph_catalogued = set()
    return env.tinygraph_catalogued


# ---------------------------------------------------------------- the reference


class Public(Generated):
    """The public names of a module.

    All, or those defined in the parts named by `:from:`, or with `:new:` those that are not the
    package's own too.
    """

    required_arguments = 1
    option_spec = {"from": directives.unchanged, "new": directives.flag}  # noqa: RUF012  (docutils' protocol)

    def run(self) -> list[nodes.Node]:
        prefix = self.arguments[0]
        parts = self.options.get("from", "").split()
        known = [value for _, value in public_names("tinygraph")] if "new" in self.options else []
        found = [
            (name, value)
            for name, value in public_names(prefix)
            if (not parts or any(is_in(home(value), f"tinygraph.{part}") for part in parts))
            and value not in known
        ]
        if not found:
            raise self.error(f"{prefix} has no such public name")
        documented(self.state.document.settings.env).update(f"{prefix}.{name}" for name, _ in found)
        return self.parse([line for name, value in found for line in entry(prefix, name, value)])


def public_names(prefix: str) -> list[tuple[str, Any]]:
    """The functions, classes and ops that a module makes public."""
    return [
        (name, value)
        for name, value in exported(importlib.import_module(prefix)).items()
        if callable(value) and (isinstance(value, Op) or home(value).startswith("tinygraph."))
    ]


def home(value: Any) -> str:
    return family(value) if isinstance(value, Op) else getattr(value, "__module__", "")


def is_in(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def entry(prefix: str, name: str, value: Any) -> list[str]:
    if isinstance(value, Op):
        doc = restructured(inspect.cleandoc(value.doc).splitlines())
        head = [f".. py:function:: {name}{inspect.signature(value)}", f"   :module: {prefix}", ""]
        return [*head, *(f"   {line}" for line in doc), ""]
    if isinstance(value, type):
        return [f".. autoclass:: {prefix}.{name}", "   :members:", ""]
    return [f".. autofunction:: {prefix}.{name}", ""]


def documented(env: Any) -> set[str]:
    if not hasattr(env, "tinygraph_documented"):
        env.tinygraph_documented = set()
    return env.tinygraph_documented


# ---------------------------------------------------------------- docstrings


def escape(text: str) -> str:
    """Docstrings hold plain text with `code`: what else reST would read as markup is escaped."""
    code, plain = r"(`[^`]+`)", r"([*|]|(?<=\w)_(?!\w))"
    pieces = re.split(code, text.replace("``", "`"))
    return "".join(
        f"`{piece}`" if re.fullmatch(code, piece) else re.sub(plain, r"\\\1", piece)
        for piece in pieces
    )


def restructured(lines: list[str]) -> list[str]:
    """A docstring in NumPy's style as reStructuredText; doctests, up to an empty line, stay."""
    lines = lines.copy()
    in_example = False
    for i, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if not in_example:
            lines[i] = escape(line)
    return NumpyDocstring(lines, Config(napoleon_use_rtype=False)).lines()


def process_docstring(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    lines[:] = restructured(lines)


# ---------------------------------------------------------------- nothing is left out


def check_complete(app: Sphinx, env: Any) -> None:
    """Warn, which fails the build, when an op or a public name is on no page."""
    missing = sorted(set(OPS) - catalogued(env))
    if missing:
        families = sorted({family(OPS[name]) for name in missing})
        log.warning("ops in no catalogue: %s; defined in %s", missing, families)
    names: dict[int, list[str]] = {}
    for module in public_modules():
        for name, value in public_names(module.__name__):
            names.setdefault(id(value), []).append(f"{module.__name__}.{name}")
    missing = sorted(same[0] for same in names.values() if not documented(env).intersection(same))
    if missing:
        log.warning("public names without a reference: %s", missing)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("run", Run)
    app.add_directive("catalogue", Catalogue)
    app.add_directive("public", Public)
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("env-check-consistency", check_complete)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
