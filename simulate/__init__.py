"""Simulation of spread: networks, the spreading process, and trajectories."""

from typing import TYPE_CHECKING, Any

from .reading.reader import as_trajectories, read, read_trajectories
from .trajectories import Trajectories

if TYPE_CHECKING:
    from .assignment import assortativity, make_alike
    from .contacts import ContactNetwork
    from .conversion import as_network, from_graph, read_network
    from .generators import make_network, random_regular
    from .histories import EventHistories
    from .interventions import Block, CounterMessage, MessageText, ReduceVisibility, parse_intervention
    from .network import AnyNetwork, CompleteNetwork, Network, NetworkSummary
    from .pace import Pace, parse_pace
    from .placement import place
    from .process import Spread
    from .reading.shares import read_histories
    from .spreading import spread
    from .streaming import spread_to

_HOME = {
    "assortativity": "assignment",
    "make_alike": "assignment",
    "ContactNetwork": "contacts",
    "as_network": "conversion",
    "from_graph": "conversion",
    "read_network": "conversion",
    "make_network": "generators",
    "random_regular": "generators",
    "EventHistories": "histories",
    "Block": "interventions",
    "CounterMessage": "interventions",
    "MessageText": "interventions",
    "ReduceVisibility": "interventions",
    "parse_intervention": "interventions",
    "AnyNetwork": "network",
    "CompleteNetwork": "network",
    "Network": "network",
    "NetworkSummary": "network",
    "Pace": "pace",
    "parse_pace": "pace",
    "place": "placement",
    "Spread": "process",
    "read_histories": "reading.shares",
    "spread": "spreading",
    "spread_to": "streaming",
}

__all__ = [
    "AnyNetwork",
    "Block",
    "CompleteNetwork",
    "ContactNetwork",
    "CounterMessage",
    "EventHistories",
    "MessageText",
    "Network",
    "NetworkSummary",
    "Pace",
    "ReduceVisibility",
    "Spread",
    "Trajectories",
    "as_network",
    "as_trajectories",
    "assortativity",
    "from_graph",
    "make_alike",
    "make_network",
    "parse_intervention",
    "parse_pace",
    "place",
    "random_regular",
    "read",
    "read_histories",
    "read_network",
    "read_trajectories",
    "spread",
    "spread_to",
]


def __getattr__(name: str) -> Any:
    # Only a simulation loads networkx and numba; a comparison does not need them.
    from importlib import import_module

    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
