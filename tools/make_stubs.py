"""Make the stubs, which are what editors and mypy read of the modules that gather names.

    python tools/make_stubs.py

A stub imports a function or a class from the file that defines it, where editors and mypy read its
signature. An op is a record, whose call they cannot know: its stub is a function of the same
parameters, types and docstring. What is public is said here, too: `public_modules`, `exported`.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import tinygraph as tg  # noqa: E402  (the one beside this file)
from tinygraph.op import Op  # noqa: E402

# What an op's call may name: where it is imported from.
NAMES = {
    "Any": "typing", "Operation": "tinygraph", "Tensor": "tinygraph", "Variable": "tinygraph",
    **{f"{name}Like": "tinygraph.typing" for name in ("Axis", "DType", "Shape", "Tensor")},
}
# The type of an argument whose converter gives this.
TAKES = {"DType": "DTypeLike", "Shape": "ShapeLike", "Node": "TensorLike"}
NONE_TOO = ("Any", "AxisLike", "ShapeLike")


# ---------------------------------------------------------------- what is public


def exported(module: ModuleType) -> dict[str, Any]:
    """A module's public names: its `__all__`, else those without underscore.

    Modules are among them only in the package itself, and where an `__all__` names them.
    """
    names = getattr(module, "__all__", None) or [name for name in dir(module) if name[0] != "_"]
    values = {name: getattr(module, name) for name in names}
    modules = module is tg or hasattr(module, "__all__")
    return {n: v for n, v in values.items() if modules or not isinstance(v, ModuleType)}


def public_modules() -> list[ModuleType]:
    """The modules for users, as they are reached from the package; the package is the first."""
    found = [tg]
    for module in found:
        for value in exported(module).values():
            if isinstance(value, ModuleType) and value not in found:
                found.append(value)
    return found


def gathers(module: ModuleType) -> bool:
    """Whether a module defines nothing itself, so that its names are not to be read in its file."""
    values = [x for x in exported(module).values() if not isinstance(x, ModuleType | Op)]
    return all(home(value)[0] != module.__name__ for value in values)


def home(value: Any) -> tuple[str, str]:
    """The module that defines a function, a class or a module, and its name there."""
    if isinstance(value, ModuleType):
        package, _, name = value.__name__.rpartition(".")
        return package, name
    if isinstance(value, Op):
        return "tinygraph.op", ""  # its module is that of its users
    module = getattr(value, "__module__", "tinygraph.op")  # the registry's, a dict
    names = vars(importlib.import_module(module)).items()
    return module, next((name for name, other in names if other is value), "")


# ---------------------------------------------------------------- the stubs


def stubs() -> dict[Path, str]:
    """The text of each stub. An op is spelt out in the first module that has it."""
    ops: dict[Op, tuple[str, str]] = {}
    return {
        Path(module.__file__ or "").with_suffix(".pyi"): stub(module, ops)
        for module in public_modules() if gathers(module)
    }


def stub(module: ModuleType, ops: dict[Op, tuple[str, str]]) -> str:
    names = exported(module)
    imports: dict[str, list[str]] = {}
    functions, others = [], []
    for name, value in names.items():
        if isinstance(value, Op) and value not in ops:
            ops[value] = module.__name__, name
            functions.append(function(name, value, "bool" in names))
            continue
        source, original = ops[value] if isinstance(value, Op) else home(value)
        if value is None:
            others.append(f"{name}: None")
        elif source == module.__name__ and original != name:
            others.append(f"{name} = {original}")
        elif name == original:
            imports.setdefault(source, []).append(f"{name} as {name}")
        else:
            imports.setdefault(source, []).append(f"{original} as _{name}")
            others.append(f"{name} = _{name}")
    if hasattr(module, "__version__"):
        others.append("__version__: str")
    used = re.findall(r"\w+", " ".join(text.split('"""')[0] for text in functions))
    for name, source in NAMES.items():
        if name in used and name not in names:
            imports.setdefault(source, []).append(name)
    lines = [f'"""{module.__doc__}"""', "", "# Made by tools/make_stubs.py; do not edit.", ""]
    for line in ("import builtins", "import tinygraph as tg"):
        lines += [line] * (line.split()[-1] in used)
    lines += [imported(source, found) for source, found in sorted(imports.items())]
    return "\n".join([*lines, *functions, *[""] * bool(others), *others, ""])


def imported(source: str, names: list[str]) -> str:
    line = f"from {source} import {', '.join(names)}"
    if len(line) <= 100:
        return line
    wrapped = textwrap.wrap(f"{', '.join(names)},".replace(" as ", "~~~~"), 96)
    return "\n    ".join([f"from {source} import (", *wrapped]).replace("~~~~", " as ") + "\n)"


def function(name: str, op: Op, shadowed: bool) -> str:
    """An op as the function that it is to its users; `bool` is a dtype where it is shadowed."""
    result = "Operation" if op.role == "effect" else "Tensor"
    if "of_items" in getattr(getattr(op.infer, "__code__", None), "co_names", ()):
        result = f"list[{result}]"
    given = [parameter(op, x) for x in inspect.signature(op).parameters.values()]
    if shadowed:
        given = [re.sub(r": bool\b", ": builtins.bool", x) for x in given]
    head = f"def {name}({', '.join(given)}) -> {result}:"
    if len(head) > 100:
        head = "\n    ".join([f"def {name}(", *[f"{x}," for x in given]]) + f"\n) -> {result}:"
    doc = inspect.cleandoc(op.doc).replace("\\", "\\\\")
    doc = textwrap.indent(f'"""{doc}{chr(10) * (chr(10) in doc)}"""', "    ")
    return f"\n{head}\n{doc}"


def parameter(op: Op, given: inspect.Parameter) -> str:
    default = "" if given.default is given.empty else f" = {given.default!r}"
    return f"{given.name}: {type_of(op, given)}{default}"


def type_of(op: Op, given: inspect.Parameter) -> str:
    """What an argument may be: what its converter takes, or gives; or the type of its default."""
    name = given.name
    while isinstance(op.attrs.get(name), str):  # a deprecated spelling
        name = op.attrs[name]
    convert = op.params[name] if name in op.params else op.attrs.get(name, (None,))[0]
    if name == "name" or name in op.params and not callable(convert):
        kind = "str" if name == "name" else "TensorLike"
        if name == next(iter(op.params), None) and (op.updates or op.role == "latest"):
            kind = "Variable"
    else:
        kinds = list(getattr(convert, "__annotations__", {}).values()) or ["Any"]
        kind = TAKES.get(kinds[-1], kinds[-1]) if kinds[0] == "Any" else kinds[0]
    if kind == "Any" and given.default not in (None, given.empty):
        kind = type(given.default).__name__
    optional = given.default is None and kind not in NONE_TOO and "None" not in kind
    return kind + " | None" * (optional or name == "name")


if __name__ == "__main__":
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
