"""Each test starts with an empty default graph and no default session."""

import pytest

import tinygraph as tg


@pytest.fixture(autouse=True)
def fresh_graph():
    tg.reset_default_graph()
