"""Pictures of graphs (`to_dot`) and of training (`plots`).

graphviz and matplotlib load when the first picture is drawn.
"""

from tinygraph.viz import plots
from tinygraph.viz.dot import count_parameters, summary, to_dot
from tinygraph.viz.picture import Picture

__all__ = ["Picture", "count_parameters", "plots", "summary", "to_dot"]
