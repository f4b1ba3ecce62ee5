"""Public callables with hostile arguments let only documented errors through (fuzz/calls.py)."""

import pytest
from fuzz import bases, calls

import tinygraph as tg

CALLS = 2000


def test_every_public_callable_is_called():
    assert list(bases.without_a_call()) == []


def test_hostile_arguments_give_documented_errors_only():
    found = calls.findings(CALLS, seed=7)
    assert not found, "\n".join(map(str, found))


def test_most_valid_calls_are_valid():
    """Else the fuzzer would only ever see the first check."""
    made = [call for same in bases.every_call().values() for call in same]
    failed = []
    for call in made[::10]:
        with calls.in_a_graph():
            function, args, kwargs = call.make()
            if not call.name.startswith(("tg.datasets", "tg.viz", "operator")):
                try:
                    function(*args, **kwargs)
                except tg.errors.TinygraphError:
                    failed.append(call.name)
    assert len(failed) < 0.05 * len(made[::10]), failed


@pytest.mark.parametrize("error", [IndexError("x"), tg.errors.InternalError("x")])
def test_a_planted_error_is_found(error, monkeypatch):
    def broken(*_):
        raise error

    at = list(bases.every_call()).index("tg.floordiv")
    monkeypatch.setattr("tinygraph.ops.math.named", broken)
    found = [calls.finding(at + i * len(bases.every_call())) for i in range(5)]
    assert any(f is not None and f.error is error for f in found)
