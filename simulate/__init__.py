"""Who sees what: networks, the spreading process, and trajectories."""

from typing import TYPE_CHECKING, Any

from .trajectories import Trajectories, as_trajectories, read_trajectories

if TYPE_CHECKING:
    from .assignment import assortativity, make_alike
    from .network import CompleteNetwork, Network, from_graph, make_network, random_regular, read_network
    from .spreading import spread

__all__ = [
    "CompleteNetwork",
    "Network",
    "Trajectories",
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

    if name in ("CompleteNetwork", "Network", "from_graph", "make_network", "random_regular", "read_network"):
        return getattr(import_module(".network", __name__), name)
    if name in ("assortativity", "make_alike"):
        return getattr(import_module(".assignment", __name__), name)
    if name == "spread":
        return import_module(".spreading", __name__).spread
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
