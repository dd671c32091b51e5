"""Who sees what: networks, the spreading process, and trajectories."""

from typing import TYPE_CHECKING, Any

from .trajectories import Trajectories, as_trajectories, read_trajectories

if TYPE_CHECKING:
    from .assignment import assortativity, make_alike
    from .conversion import as_network, from_graph, read_network
    from .generators import make_network, random_regular
    from .network import AnyNetwork, CompleteNetwork, Network, NetworkSummary
    from .spreading import spread

_HOME = {
    "assortativity": "assignment",
    "make_alike": "assignment",
    "as_network": "conversion",
    "from_graph": "conversion",
    "read_network": "conversion",
    "make_network": "generators",
    "random_regular": "generators",
    "AnyNetwork": "network",
    "CompleteNetwork": "network",
    "Network": "network",
    "NetworkSummary": "network",
    "spread": "spreading",
}

__all__ = [
    "AnyNetwork",
    "CompleteNetwork",
    "Network",
    "NetworkSummary",
    "Trajectories",
    "as_network",
    "as_trajectories",
    "assortativity",
    "from_graph",
    "make_alike",
    "make_network",
    "random_regular",
    "read_network",
    "read_trajectories",
    "spread",
]


def __getattr__(name: str) -> Any:
    # networkx and numba are loaded by those who simulate, not by those who only compare.
    from importlib import import_module

    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
