"""What a measuring process measures with: the clock, and the most memory it ever held.

Runs in the processes of the peers too, so it needs only the standard library, of old Pythons too.
"""

from __future__ import annotations

import importlib
import time

TURNS = 8  # of each form, in alternation


def best_times(forms, seconds):
    """{name: microseconds a call} of the functions `forms`, which take turns.

    Each gets `seconds` in all, and counts with its best turn; a first turn, not counted, warms up.
    """
    calls = {name: max(1, int(seconds / TURNS / warm(f, seconds))) for name, f in forms.items()}
    best = dict.fromkeys(forms, float("inf"))
    for _ in range(TURNS):
        for name, form in forms.items():
            best[name] = min(best[name], once(form, calls[name]) * 1e6)
    return best


def warm(form, seconds):
    """Call `form` for a turn's time; return the seconds of a quick call."""
    form()
    end = time.perf_counter() + seconds / TURNS
    best = once(form)
    while time.perf_counter() < end:
        best = min(best, once(form))
    return best


def once(form, calls=1):
    """Seconds a call, on average over `calls`."""
    start = time.perf_counter()
    for _ in range(calls):
        form()
    return (time.perf_counter() - start) / calls


def import_time(module):
    """Milliseconds that a fresh process takes to import a module."""
    start = time.perf_counter()
    importlib.import_module(module)
    return (time.perf_counter() - start) * 1e3


def peak_memory():
    """The most bytes this process has had in memory at once."""
    try:
        with open("/proc/self/status") as status:
            lines = dict(line.split(":", 1) for line in status)
        return int(lines["VmHWM"].split()[0]) * 1024
    except OSError:  # no Linux; there, but not on Linux, getrusage leaves out the parent process
        import resource
        import sys

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
