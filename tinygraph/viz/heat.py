"""Colours by time: where in a graph a run has spent it."""

from __future__ import annotations

from tinygraph.compiler.profile import Profile, check_profile
from tinygraph.node import Output
from tinygraph.viz.view import View

STOPS = ((255, 255, 255), (255, 242, 191), (254, 201, 116), (246, 143, 80), (231, 96, 58))
"""From no time to the most: black text stays readable on the strongest."""

SAID = 0.0005  # the share that is not "0.0%"


def paint(view: View, profile: Profile) -> list[str]:
    """Colour the boxes by their share of the run and say it in them; return the legend's rows."""
    times = {row.node: row.time for row in check_profile(profile).rows}
    heat = dict.fromkeys(view.boxes, 0.0)
    for node in view.selection.nodes:
        box = view.drawn(node)
        if box is not None and type(node) is not Output:  # whose time is its operation's
            heat[box] += times.get(node.op_name, 0.0)
    hottest = max(heat.values(), default=0.0)
    for box, time in heat.items():
        box.fill = colour(time / hottest if hottest else 0.0)
        if time / profile.total >= SAID:
            box.lines.append(f"{microseconds(time)}, {time / profile.total:.1%}")
    return _legend(profile.total, hottest, sum(heat.values()))


def colour(part: float) -> str:
    """The colour of a part, from 0 to 1, of the hottest; its root, so that small ones show too."""
    place = part**0.5 * (len(STOPS) - 1)
    i = min(int(place), len(STOPS) - 2)
    mixed = (a + (b - a) * (place - i) for a, b in zip(STOPS[i], STOPS[i + 1], strict=True))
    return "#{:02X}{:02X}{:02X}".format(*map(round, mixed))


def microseconds(time: float) -> str:
    return f"{time:,.0f} µs" if time >= 100 else f"{time:.1f} µs"


def _legend(total: float, hottest: float, drawn: float) -> list[str]:
    words = f"{microseconds(total)} a run, {drawn / total:.0%} of it in these nodes"
    steps = [i / (len(STOPS) - 1) for i in range(len(STOPS))]
    cells = "".join(
        f'<td bgcolor="{colour(step**2)}" width="54">{step**2 * hottest / total:.1%}</td>'
        for step in steps
    )
    table = f'<table border="0" cellborder="1" cellspacing="0" color="#999999"><tr>{cells}</tr>'
    return [
        f'<font point-size="13">{words}</font>',
        f'<font point-size="11" color="#000000">{table}</table></font>',
    ]
