"""What holds the project together: the layer order, a doc for each name, README's word."""

import ast
import configparser
import inspect
import re
import subprocess
import sys
import tokenize
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import tinygraph as tg
from tools.make_stubs import exported, gathers, public_modules, stubs

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tinygraph"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# A file imports only from lines above its own. Files of one line form no cycle.
LAYERS = """
    typing
    errors
    console
    arguments
    files
    io
    interrupts
    kernels
    dtypes
    spec
    arrays
    static
    origin
    known
    node
    nest
    graph
    defaults
    pickling
    function
    op
    families
    body
    ops
    variables
    initializers
    nn
    random
    math
    linalg
    gradients
    branches
    control_flow
    config
    compiler
    timeline
    values
    export
    fetches
    feeds
    plans
    session
    train
    datasets
    viz
    testing
    __init__
""".split()

# Not needed by `import tinygraph`; these parts import them where they are used.
OPTIONAL = {
    "google_crc32c", "graphviz", "IPython", "matplotlib", "numba", "pooch", "pygraphviz", "tqdm",
}
MAY_IMPORT_LATE = {"compiler", "datasets", "io", "viz"}
SELDOM = {  # each would be a millisecond of the import; few programs, or only checkers, need it
    "difflib", "json", "tinygraph.compiler.clocked", "tinygraph.compiler.functional",
    "tinygraph.compiler.profile", "tinygraph.config", "tinygraph.export", "tinygraph.timeline",
    "tinygraph.typing",
}

LINES = 400
CORE_LINES = 3_850  # of the files that one reads to know what a run is; they may get fewer


def relative(path):
    return path.relative_to(ROOT).as_posix()


def layer(module):
    """The line of LAYERS that a module, or `tinygraph` itself, belongs to."""
    name = [*module.split("."), "__init__"][1]
    assert name in LAYERS, f"{module} is in no layer: give it a line in LAYERS"
    return LAYERS.index(name)


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


MODULES = {module_name(path) for path in SOURCES}


def imports(path):
    """(module, line, whether it waits: in a function or for a type checker) for each import.

    What typing.py imports for a checker is what all files may name, and counts as nothing.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = set()
    for node in ast.walk(tree):
        typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if typing or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            late.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        if path == PACKAGE / "typing.py" and id(node) in late:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, path)
            # `from tinygraph.ops import math` imports the module tinygraph.ops.math.
            names = [
                f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base
                for alias in node.names
            ]
        else:
            continue
        for name in names:
            yield name, node.lineno, id(node) in late


def absolute(node, path):
    """The module that a `from ... import` names, with its dots resolved."""
    if not node.level:
        return node.module
    package = path.relative_to(ROOT).parent.parts
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


# ---------------------------------------------------------------- the layers


@pytest.mark.smoke
@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_imports_only_from_layers_above_its_own(path):
    own = layer(module_name(path))
    wrong = [
        f"{relative(path)}:{line} imports {name}"
        for name, line, _ in imports(path)
        if name.split(".")[0] == "tinygraph" and layer(name) > own
    ]
    assert not wrong, "\n".join(wrong)


def test_of_the_compiler_only_passes_know_ops():
    """Others read the traits of an op's record; text.py spells out the attribute of an index."""
    compiler = PACKAGE / "compiler"
    found = {path.stem for path in compiler.glob("*.py")
             if any(name.startswith("tinygraph.ops.") for name, *_ in imports(path))}
    assert found == {"fits", "fuse", "loops", "prepare", "simplify", "text"}


def test_no_cycle():
    graph = {
        module_name(path): {name for name, _, _ in imports(path) if name in MODULES}
        for path in SOURCES
    }
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.smoke
@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_optional_dependencies_are_imported_late(path):
    part = path.relative_to(PACKAGE).parts[0]
    wrong = [
        f"{relative(path)}:{line} imports {name} late"
        for name, line, late in imports(path)
        if late and name not in SELDOM
        and not (part in MAY_IMPORT_LATE and name.split(".")[0] in OPTIONAL)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_numpy_is_the_one_dependency(path):
    allowed = {"numpy", "tinygraph", *sys.stdlib_module_names}
    wrong = [
        f"{relative(path)}:{line} imports {name}"
        for name, line, late in imports(path)
        if not late and name.split(".")[0] not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_import_loads_no_optional_dependency():
    code = "import sys, tinygraph; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert not OPTIONAL & set(loaded.stdout.split())


# ---------------------------------------------------------------- the files


def code_lines(path):
    """How many lines hold code: blank lines, comments and docstrings do not count."""
    strings = {
        line
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    nothing = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    with path.open("rb") as file:
        tokens = [
            token
            for token in tokenize.tokenize(file.readline)
            if token.type not in nothing | {tokenize.ENCODING, tokenize.ENDMARKER}
        ]
    used = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return len(used - strings)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_is_short_enough_to_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES


VAGUE = {"found", "given", "known", "made"}  # what of? in a long function nobody can tell


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_long_functions_have_no_vague_names(path):
    """In functions of more than five lines; a docstring does not count."""
    wrong = []
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef):
            body = function.body[bool(ast.get_docstring(function)) :] or function.body
            names = {x.arg for x in ast.walk(function) if isinstance(x, ast.arg)}
            names |= {x.id for x in ast.walk(function)
                      if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)}
            if names & VAGUE and body[-1].end_lineno - body[0].lineno >= 5:
                wrong.append(f"{relative(path)}:{function.lineno} {function.name}")
    assert not wrong, "\n".join(wrong)


def test_the_guide_through_the_core_counts_right():
    """A file's lines may change by a tenth, or by ten, before the guide has to be told."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|[ 0-9]+\| `([\w/.]+)` \| (\d+) \|", text, re.MULTILINE)
    listed = {PACKAGE / name: int(lines) for name, lines in rows}
    wrong = [
        f"{relative(path)} has {code_lines(path)} lines, not {lines}"
        for path, lines in listed.items()
        if abs(code_lines(path) - lines) > max(10, lines / 10)
    ]
    assert len(listed) > 30 and not wrong, "\n".join(wrong)
    total = int(re.search(r"That is ([\d,]+) lines", text)[1].replace(",", ""))
    assert total == sum(listed.values()) <= CORE_LINES
    order = [layer(module_name(path)) for path in listed]
    ahead = layer("tinygraph.nest")  # of which the compiler needs nothing, and a session all
    assert [x for x in order if x != ahead] == sorted(x for x in order if x != ahead)


def text_files():
    """The project's own text files, found without git so that an unpacked archive passes too."""
    folders = [ROOT / name for name in (".ci", "benchmarks", "docs", "examples", "tests")]
    found = [path for folder in [PACKAGE, *folders] for path in folder.rglob("*")]
    found += [path for path in ROOT.iterdir() if path.suffix in {".cfg", ".md", ".py", ".toml"}]
    kinds = {"", ".cfg", ".css", ".dot", ".in", ".md", ".py", ".rst", ".svg", ".toml", ".txt"}
    skipped = {"__pycache__", "_build"}
    return sorted(
        path
        for path in found
        if path.is_file() and path.suffix in kinds and not skipped & set(path.parts)
    )


def test_no_file_names_a_path_of_one_machine():
    local = re.compile(r"(?<![\w.:~}-])(/(home|mnt|opt|root|tmp|work|Users)/\w|[A-Z]:\\\w)")
    wrong = [
        f"{relative(path)}: {match[0]}"
        for path in text_files()
        for match in local.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not wrong, "\n".join(wrong)


# ---------------------------------------------------------------- the public names


def public_names():
    """(dotted name, object) for each public function, class and op."""
    for module in public_modules():
        for name, value in exported(module).items():
            if callable(value) and value.__module__.split(".")[0] == "tinygraph":
                yield f"{module.__name__}.{name}", value


def docs_of(value):
    """The docstrings of a public object: a class counts with its methods."""
    own = [value.__doc__ or ""]
    if isinstance(value, type):
        own += [member.__doc__ or "" for name, member in vars(value).items() if name[0] != "_"]
    return own


def test_every_public_name_says_what_it_is():
    silent = [name for name, value in public_names() if not docs_of(value)[0].strip()]
    assert not silent, f"without a docstring: {', '.join(silent)}"


def does_nothing(value):
    """Whether it is an exception, or a class that only holds constants."""
    if not isinstance(value, type):
        return False
    members = [member for name, member in vars(value).items() if name[0] != "_"]
    return issubclass(value, Exception) or all(isinstance(member, str) for member in members)


def test_docs_of_public_ops_name_their_subject_by_its_parameter():
    """No doc of a record speaks of x where no parameter is called so; `>>>` begins an example."""
    wrong = [
        f"{name}{inspect.signature(value)}"
        for name, value in public_names()
        if isinstance(value, tg.Op) and "x" not in inspect.signature(value).parameters
        and re.search(r"(?<![\w.])x(?!\w)", value.__doc__.split(">>>")[0])
    ]
    assert not wrong, f"their docs speak of an x: {', '.join(wrong)}"


def test_every_public_name_shows_an_example():
    without = [
        name
        for name, value in public_names()
        if not any(">>>" in doc for doc in docs_of(value)) and not does_nothing(value)
    ]
    assert not without, f"without a doctest: {', '.join(without)}"


# ---------------------------------------------------------------- the stubs

STUBS = stubs()
GATHERING = [module for module in public_modules() if gathers(module)]


def names_of_stub(text):
    """What a stub gives to who imports it: definitions, and `import ... as` the same name."""
    names = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            names.update(alias.name for alias in node.names if alias.asname == alias.name)
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            names.add(target.id)
    return names


def test_stubs_are_as_the_tool_makes_them():
    assert set(PACKAGE.rglob("*.pyi")) == STUBS.keys()
    stale = [relative(p) for p, text in STUBS.items() if p.read_text(encoding="utf-8") != text]
    assert not stale, f"run python tools/make_stubs.py: {', '.join(stale)} are not as it makes them"


@pytest.mark.parametrize("module", GATHERING, ids=lambda module: module.__name__)
def test_a_stub_has_the_names_of_its_module(module):
    """All of `dir()` without underscore; of a package's own files only those in its `__all__`."""
    names = {name for name in dir(module) if name[0] != "_"}
    files = {name for name in names if isinstance(getattr(module, name), type(tg))}
    hidden = set() if module is tg else files - {*getattr(module, "__all__", ())}
    stub = names_of_stub(STUBS[Path(module.__file__).with_suffix(".pyi")])
    assert stub - {"__version__"} == names - hidden


# ---------------------------------------------------------------- README and the metadata


@pytest.fixture(scope="module")
def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def config():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_readme_commands(readme, config):
    """The two commands are there, alone on a line, and what they name exists."""
    start = "python3 -m venv .venv && .venv/bin/pip install -e "
    commands = [line for line in readme.splitlines() if line.startswith("python3 -m venv")]
    assert commands == [
        start + "'.[examples]' && .venv/bin/python examples/mnist_mlp.py",
        start + "'.[test]' && .venv/bin/python -m pytest",
    ]
    assert (ROOT / "examples/mnist_mlp.py").is_file()
    assert {"docs", "examples", "test", "viz"} <= set(config["options.extras_require"])


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_to_files_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert not missing, f"{page} names files that are not there: {missing}"


def test_metadata(config):
    """The version has one source, the changelog knows it, and the Pythons agree."""
    assert config["metadata"]["version"] == "attr: tinygraph.__version__"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)[1]
    assert newest == tg.__version__
    classifiers = config["metadata"]["classifiers"]
    pythons = re.findall(r"Python :: (3\.\d+)$", classifiers, re.MULTILINE)
    assert config["options"]["python_requires"] == f">={pythons[0]}"
    assert "numpy" in config["options"]["install_requires"]
    assert len(config["options"]["install_requires"].split()) == 1
