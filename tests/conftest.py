"""Each test starts with an empty default graph and no default session."""

import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import settings

import tinygraph as tg


def pytest_addoption(parser):
    parser.addoption(
        "--without", metavar="PASS", choices=sorted(tg.Session.PASSES),
        help="run all sessions without this pass of the compiler, and leave out "
        "the tests that are about the passes themselves",
    )
    parser.addoption(
        "--thorough", action="store_true", help="100,000 damaged checkpoints, 200 killed saves"
    )
    parser.addoption(
        "--loops", action="store_true", help="run all sessions with compiled loops; as above"
    )


def pytest_configure(config):
    """Other passes by default: those of `Session(passes=...)` are a keyword's default."""
    passes = tg.Session.PASSES - {config.getoption("--without")}
    if config.getoption("--loops"):
        passes |= {"loops"}
    tg.Session.__init__.__kwdefaults__["passes"] = passes
    examples = 60 if passes == tg.Session.PASSES else 20
    settings.register_profile("seeded", deadline=None, derandomize=True, max_examples=examples)
    settings.load_profile("seeded")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--without") or config.getoption("--loops"):
        left_out = [item for item in items if item.get_closest_marker("default_passes")]
        items[:] = [item for item in items if item not in set(left_out)]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(autouse=True)
def fresh_graph():
    tg.reset_default_graph()
    before = np.geterr()
    yield
    assert np.geterr() == before  # or warnings would go unseen from here on
    tg.reset_default_graph()


@pytest.fixture
def sess():
    return tg.Session()


@pytest.fixture
def p():
    """A predicate that runs feed."""
    return tg.placeholder(tg.bool, [], name="p")


@pytest.fixture(scope="session")
def at_most():
    """`with at_most(size):` fails where what is done within takes more bytes at any time."""

    @contextmanager
    def limit(size):
        tracemalloc.start()
        try:
            yield
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak <= size

    return limit


@pytest.fixture(scope="session")
def planted():
    """`with planted(op, vjps):` gives a registered op other rules for a while."""

    @contextmanager
    def plant(op, vjps):
        right = op.vjps
        object.__setattr__(op, "vjps", vjps)  # an Op is frozen, and a copy would be a second one
        try:
            yield
        finally:
            object.__setattr__(op, "vjps", right)

    return plant
