"""The plans that a session keeps: as many as have been of use lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from tinygraph.compiler.plan import Plan
from tinygraph.errors import GraphGrowthWarning
from tinygraph.feeds import Feeds
from tinygraph.graph import Graph
from tinygraph.origin import warn

PLANS_KEPT = 64  # at most, the latest used
BYTES_KEPT = 256 * 2**20  # of all plans' buffers and constants together,
LATEST_KEPT = 4  # but so many of any size: to train, to evaluate, to predict ...
GROWTH_TOLERATED = 16  # runs in a row before which one line had added nodes


class Plans(OrderedDict[tuple, Plan]):
    """Plans by fetches, feeds and the shapes of these, the latest used last."""

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph
        self.orders: dict[tuple, tuple] = {}  # fetches and feeds in any order -> a plan's key
        self._graph_size = len(graph.nodes)
        self._growths, self._grown_at, self._warned = 0, "", False

    def planned(self, key: tuple, feeds: Feeds, compiled: Callable[[], Plan]) -> tuple[Plan, Feeds]:
        """A plan for what has none under `key`, and the feeds in its order.

        The plan of the same feeds in another order will do; else one is compiled.
        """
        first = len(key) - len(feeds)
        unordered = (*key[:first], frozenset(key[first:]))
        other = self.orders.get(unordered)
        if other is not None and other in self:
            self.move_to_end(other)
            return self[other], {node: feeds[node] for node, _ in other[first:]}
        self._watch_growth()
        plan = compiled()
        self[key], self.orders[unordered] = plan, key
        self._evict()
        return plan, feeds

    def _evict(self) -> None:
        """Drop the plans that were not used for longest."""
        size = sum(plan.bytes for plan in self.values())
        while len(self) > PLANS_KEPT or len(self) > LATEST_KEPT and size > BYTES_KEPT:
            size -= self.popitem(last=False)[1].bytes
        if len(self.orders) > len(self):
            self.orders = {order: key for order, key in self.orders.items() if key in self}

    def _watch_growth(self) -> None:
        """Warn, once, when one line keeps adding nodes between runs: a loop that builds."""
        size, before = len(self.graph.nodes), self._graph_size
        self._graph_size = size
        if not self or size <= before:
            return
        newest = self.graph.nodes[-1]
        self._growths = self._growths + 1 if newest.where == self._grown_at else 1
        self._grown_at = newest.where
        if self._growths == GROWTH_TOLERATED and not self._warned:
            self._warned = True
            warn(
                f"the graph grew between each of {GROWTH_TOLERATED} runs, each of which had to be "
                f"compiled anew; the newest node, '{newest.op_name}', was made at {newest.where}. "
                "Build the graph before the loop; graph.finalize() finds what adds to it",
                GraphGrowthWarning,
            )

    def clear(self) -> None:
        super().clear()
        self.orders.clear()
