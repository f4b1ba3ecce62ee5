"""Pictures of graphs (`to_dot`) and of training (`plots`).

graphviz and matplotlib load when the first picture is drawn.
"""

# Made by tools/make_stubs.py; do not edit.

from tinygraph.viz import plots as plots
from tinygraph.viz.dot import (
    count_parameters as count_parameters, summary as summary, to_dot as to_dot,
)
from tinygraph.viz.picture import Picture as Picture
