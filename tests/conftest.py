"""Each test starts with an empty default graph and no default session."""

from contextlib import contextmanager

import pytest

import tinygraph as tg


@pytest.fixture(autouse=True)
def fresh_graph():
    tg.reset_default_graph()
    yield
    tg.reset_default_graph()


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
