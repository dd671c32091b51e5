"""Who sees what: networks, the spreading process, and trajectories."""

from typing import TYPE_CHECKING, Any

from .trajectories import Trajectories, as_trajectories, read_trajectories

if TYPE_CHECKING:
    from .assignment import assortativity, make_alike
    from .interventions import Block, CounterMessage, ReduceVisibility, parse_intervention
    from .network import CompleteNetwork, Network, from_graph, make_network, random_regular, read_network
    from .process import Spread
    from .spreading import spread
    from .streaming import spread_to

_HOMES = {
    "assignment": ("assortativity", "make_alike"),
    "interventions": ("Block", "CounterMessage", "ReduceVisibility", "parse_intervention"),
    "network": ("CompleteNetwork", "Network", "from_graph", "make_network", "random_regular", "read_network"),
    "process": ("Spread",),
    "spreading": ("spread",),
    "streaming": ("spread_to",),
}

__all__ = [
    "Block",
    "CompleteNetwork",
    "CounterMessage",
    "Network",
    "ReduceVisibility",
    "Spread",
    "Trajectories",
    "as_trajectories",
    "assortativity",
    "from_graph",
    "make_alike",
    "make_network",
    "parse_intervention",
    "random_regular",
    "read_network",
    "read_trajectories",
    "spread",
    "spread_to",
]


def __getattr__(name: str) -> Any:
    # networkx and numba are loaded by those who simulate, not by those who only compare.
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
