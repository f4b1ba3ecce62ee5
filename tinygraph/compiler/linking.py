"""Copies definitions from this package's files, with all that they need, into one file.

The kernels that an exported program calls are plain functions of NumPy. Their text is copied, and
so is the text of all that it names, down to imports. A function without such a text is refused.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import symtable
import sys
import textwrap
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tinygraph.compiler.text import literal

FUTURE = "from __future__ import annotations\n"
GRAPH_MODULES = {"tinygraph.defaults", "tinygraph.graph", "tinygraph.node", "tinygraph.op"}
NUMPY_MODULES = {"np": np, "np.linalg": np.linalg, "np.ndarray": np.ndarray}


class CannotLink(Exception):
    """Raised for a function whose source cannot stand alone."""


class Definitions:
    """`texts` maps names to their definitions, each after those that it needs."""

    def __init__(self, reserved: Iterable[str] = ()):
        self.texts: dict[str, str] = {}
        self._homes: dict[str, Any] = {"np": ("numpy", "np")}  # name -> (its module, name there)
        for name in reserved:  # both may use the same standard module
            self._homes[name] = (name, name) if name in sys.stdlib_module_names else None

    def function(self, function: Any, wish: str) -> str:
        """An expression for a function: NumPy's own, or one that is defined here."""
        numpy_text = _numpy_text(function)
        if numpy_text is not None:
            return numpy_text
        module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
        is_ours = module.startswith("tinygraph.")
        if not is_ours or not isinstance(function, types.FunctionType | type):
            raise CannotLink(f"{name or wish} is a function of {module or 'its own'}")
        if getattr(sys.modules.get(module), name, None) is function:
            self._global(module, name)
            return name
        if isinstance(function, type):
            raise CannotLink(f"{name} is a class within a function")
        return self._inner(function, module, wish)

    def _global(self, module: str, name: str) -> None:
        """Define `name` as a module has it."""
        home, own, text = _definition(module, name)
        if self._homes.get(name, (home, own)) != (home, own):
            raise CannotLink(f"two different things are called {name}")
        if name in self._homes:
            return
        self._homes[name] = home, own
        if own != name:  # imported under another name
            self._global(home, own)
            text = f"{name} = {own}"
        elif home.startswith("tinygraph."):
            self._needs(home, text)
        if text not in self.texts.values():
            self.texts[name] = text

    def _inner(self, function: types.FunctionType, module: str, wish: str) -> str:
        """Define a lambda or nested function, with the values of its closure's variables."""
        name = wish if function.__name__ == "<lambda>" else function.__name__
        while self._homes.get(name, function) is not function or hasattr(builtins, name):
            name += "_"
        if name not in self._homes:
            self._homes[name] = function
            own, text = _inner_text(function.__code__, module)
            cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
            free = {key: cell.cell_contents for key, cell in cells}
            defaults = [f"{k}={self._value(v, k)}" for k, v in free.items() if v is not function]
            self._needs(module, text, {*free, own})
            body = textwrap.indent(f"{text}\n\nreturn {own}", "    ")
            self.texts[name] = f"def {name}({', '.join(defaults)}):\n{body}\n\n\n{name} = {name}()"
        return name

    def _value(self, value: Any, name: str) -> str:
        text = literal(value)
        return self.function(value, name) if text is None else text

    def _needs(self, module: str, text: str, known: set[str] = frozenset()) -> None:  # type: ignore
        for name in _globals_of(text):
            if name not in known and not hasattr(builtins, name):
                self._global(module, name)


def _numpy_text(function: Any) -> str | None:
    """The text for a function of NumPy, such as "np.dot"; else None."""
    name, owner = str(getattr(function, "__name__", "")), getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{name}" if getattr(np, owner.__name__) is owner else None
    homes = [text for text, x in NUMPY_MODULES.items() if getattr(x, name, None) is function]
    return f"{homes[0]}.{name}" if homes else None


@functools.cache
def _globals_of(text: str) -> list[str]:
    """The names that a text needs from outside, not counting annotations."""
    return list(dict.fromkeys(_names_in(symtable.symtable(FUTURE + text, "", "exec"))))


def _names_in(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        is_own = symbol.is_assigned() if table.get_type() == "module" else not symbol.is_global()
        if symbol.is_referenced() and not is_own:
            yield symbol.get_name()
    for inner in table.get_children():
        if "annot" not in inner.get_name():  # as later Pythons call the annotations' own tables
            yield from _names_in(inner)


@functools.cache
def _text(module: str) -> str:
    try:
        return inspect.getsource(sys.modules[module])
    except (KeyError, OSError):  # it is empty, or came without its text
        return ""


@functools.cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_text(module))


@functools.cache
def _statements(module: str) -> dict[str, ast.stmt]:
    """Maps the names that a module defines to the statements that do."""
    by_name: dict[str, ast.stmt] = {}
    for statement in _tree(module).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            by_name[statement.name] = statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            by_name.update({x.asname or x.name: statement for x in statement.names})
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            one = isinstance(statement, ast.AnnAssign)
            targets = [statement.target] if one else statement.targets  # type: ignore[union-attr]
            for target in targets:
                names = [x.id for x in ast.walk(target) if isinstance(x, ast.Name)]
                by_name.update(dict.fromkeys(names, statement))
    return by_name


@functools.cache
def _definition(module: str, name: str) -> tuple[str, str, str]:
    """For a module's `name`: the module that defines it, its name there, and the text."""
    statement = _statements(module).get(name)
    if statement is None:
        raise CannotLink(f"{name} is defined nowhere in {module}")
    if module in GRAPH_MODULES:
        raise CannotLink(f"it needs {name} of {module}, which is for graphs")
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        decorators = [f"@{ast.unparse(x)}\n" for x in getattr(statement, "decorator_list", ())]
        text = ast.get_source_segment(_text(module), statement) or ""
        return module, name, "".join([*decorators, text])
    (alias,) = [x for x in statement.names if (x.asname or x.name) == name]
    home = getattr(statement, "module", alias.name) or ""
    if f"{home}.{alias.name}" in sys.modules:
        raise CannotLink(f"it needs the module {home}.{alias.name}")
    if home.startswith("tinygraph.") and isinstance(statement, ast.ImportFrom):
        return _definition(home, alias.name)
    if home.split(".")[0] not in {"numpy", *sys.stdlib_module_names}:
        raise CannotLink(f"{name} is the module {home}")
    kept = type(statement)(**{**vars(statement), "names": [alias]})
    return home, name, ast.unparse(kept)


@functools.cache
def _inner_text(code: types.CodeType, module: str) -> tuple[str, str]:
    """The name and the text, as a `def`, of a lambda or of a function within another one."""
    for tree in ast.walk(_tree(module)):
        if getattr(tree, "lineno", 0) != code.co_firstlineno:
            continue
        if isinstance(tree, ast.FunctionDef) and tree.name == code.co_name:
            text = ast.get_source_segment(_text(module), tree, padded=True) or ""
            return tree.name, textwrap.dedent(text)
        if isinstance(tree, ast.Lambda) and _is_of(tree, code):
            return "f", f"def f({ast.unparse(tree.args)}):\n    return {ast.unparse(tree.body)}"
    raise CannotLink(f"{code.co_name} of {module} has no text")


def _is_of(tree: ast.Lambda, code: types.CodeType) -> bool:
    """Whether a lambda's text is that of a code object; several may stand on one line."""
    constants = compile(ast.Expression(tree), "", "eval").co_consts
    codes = [x for x in constants if isinstance(x, types.CodeType)]
    code_of_tree = codes[-1]  # after those of defaults
    parts = "co_names", "co_varnames", "co_consts"
    return all(getattr(code_of_tree, part) == getattr(code, part) for part in parts)
