"""Every example in a docstring, in README and in docs/ does what it shows.

Each docstring and each page runs on a fresh default graph with an InteractiveSession installed, so
that `.eval()` works, and with the names `tg` and `np`.
"""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.op as op_module
from tinygraph.op import Op, registry

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCE = re.compile(r"^```(\{run\}|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


FLOAT = re.compile(r"(?<![\w.])[-+]?(\d+\.\d*|\.\d+)(e[-+]?\d+)?")


class NearlyEqual(doctest.OutputChecker):
    """Floats may differ in their last digits, which are the processor's and NumPy's."""

    def check_output(self, want, got, optionflags):
        if super().check_output(want, got, optionflags):
            return True
        texts = [re.sub(r"\s+", "", FLOAT.sub("#", text)) for text in (want, got)]
        if texts[0] != texts[1]:
            return False
        numbers = [[float(match[0]) for match in FLOAT.finditer(text)] for text in (want, got)]
        return np.allclose(*numbers, rtol=1e-5, atol=1e-6)


def modules():
    """Every module of the package, itself first."""
    yield tg
    for found in pkgutil.walk_packages(tg.__path__, "tinygraph."):
        yield importlib.import_module(found.name)


def docstring_examples():
    """One doctest per function, class, method and op that has examples."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for module in modules():
        yield from (test for test in finder.find(module) if test.examples)
    # An op is a record, not a function, so the finder passes it by.
    parser = doctest.DocTestParser()
    for op in registry.values():
        if ">>>" in (op.doc or ""):
            yield parser.get_doctest(op.doc, {}, f"op {op.name}", None, None)


@pytest.fixture(autouse=True)
def interactive_session():
    """A default session on a fresh graph; afterwards the ops that an example defined are gone."""
    tg.reset_default_graph()
    ops = dict(op_module._registry)
    session = tg.InteractiveSession()
    try:
        yield
    finally:
        session.close()
        op_module._registry.clear()
        op_module._registry.update(ops)
        tg.reset_default_graph()


def run(test):
    """Run one doctest; its report is the failure's message."""
    report = []
    test.globs.update(tg=tg, np=np)
    runner = doctest.DocTestRunner(NearlyEqual(), optionflags=FLAGS)
    runner.run(test, out=report.append, clear_globs=False)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("test", list(docstring_examples()), ids=lambda test: test.name)
def test_docstring(test):
    run(test)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page(page, tmp_path, monkeypatch, capsys):
    """The blocks of a page run in order and share their names, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    names = {"tg": tg, "np": np, "__name__": page.stem}
    for block in FENCE.finditer(text):
        line = text[: block.start()].count("\n") + 1
        code = re.sub(r"\A(:\w+:.*\n)+\n?", "", block[2])
        if ">>>" in code:
            test = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), line)
            run(test)
            names = test.globs
        else:
            exec(compile("\n" * line + code, str(page), "exec"), names)


def test_ops_are_found():
    assert registry and all(isinstance(op, Op) for op in registry.values())
