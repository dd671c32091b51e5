"""Structures: what changes the pace of a spread besides heterogeneous rates. Each combines with every SI model."""

from .background import Background
from .base import AGE, CALENDAR, ELAPSED, FRACTION, NEIGHBOUR_AXES, NEIGHBOUR_BINS, PHASE, SHARERS, Bins, Structure
from .registry import all_structures, get_structure

__all__ = [
    "AGE",
    "CALENDAR",
    "ELAPSED",
    "FRACTION",
    "NEIGHBOUR_AXES",
    "NEIGHBOUR_BINS",
    "PHASE",
    "SHARERS",
    "Background",
    "Bins",
    "Structure",
    "all_structures",
    "get_structure",
]
