"""Random graphs, held several ways against one another; by hand more: python -m tests.fuzz."""

from __future__ import annotations

import numpy as np
import pytest
from fuzz.graphs import KINDS, attack

from tinygraph.compiler import memory, merge, passes
from tinygraph.op import const

pytestmark = pytest.mark.default_passes

GRAPHS = 150


def first_fault(graphs, **options):
    for found in attack(graphs, seed=2026, **options):
        if found.faults:
            return found
    return found


def test_all_ways_to_run_a_graph_agree():
    """Sessions with and without passes, the interpreter, what is fed and what is written down."""
    found = first_fault(GRAPHS, ways=3)
    assert not found.faults, "\n".join(map(str, found.faults[0]))
    assert found.runs > 2 * GRAPHS and found.errors < found.runs / 10
    assert set(found.kinds) == set(KINDS)
    assert len(found.ops) > 120, sorted(found.ops)
    assert found.ops["If"] > 30 and found.ops["Case"] > 3


# ---------------------------------------------------------------- planted faults


def test_a_buffer_taken_too_early_is_found(monkeypatch):
    is_last = memory._Planner._is_last

    def hasty(planner, node, x, last):
        return planner.memory.storage(x) == "buffer" or is_last(planner, node, x, last)

    monkeypatch.setattr(memory._Planner, "_is_last", hasty)
    found = first_fault(100, kinds=("exact",), ways=2)
    assert "Error" not in found.faults[0][1], found.faults[0][1]


def test_nodes_merged_that_differ_are_found(monkeypatch):
    key = merge._key
    monkeypatch.setattr(merge, "_key", lambda kind, inputs, attrs: key(
        kind, inputs, attrs if kind is const else {}))
    assert first_fault(100, kinds=("exact", "smooth"), ways=2).faults


def test_a_wrong_factor_is_found(monkeypatch):
    fuse = passes.TRANSFORMS["fuse"]

    def off(program):
        fuse(program)
        for node in program.nodes:
            value = node.attrs.get("value")
            if node.kind is const and value.dtype == np.float32 and value.size == 1:
                node.attrs = {"value": value * np.float32(1 + 1e-4)}

    monkeypatch.setitem(passes.TRANSFORMS, "fuse", off)
    assert first_fault(100, kinds=("smooth",), ways=2).faults
