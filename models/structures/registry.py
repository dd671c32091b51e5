"""The registry of structures: every structure that is defined in a file of this folder."""

from functools import cache

from ..discovery import classes_in, named
from .base import Structure


@cache
def all_structures() -> dict[str, type[Structure]]:
    """Return the structures by name, the simplest (fewest parameters) first."""
    return classes_in(__name__.rpartition(".")[0], Structure)


def get_structure(structure: str | type[Structure]) -> type[Structure]:
    """Return the structure of a name; a class is returned as it is.

    Raises
    ------
    ValueError
        When no structure has the name; the message suggests the nearest one.
    """
    return structure if isinstance(structure, type) else named(structure, all_structures(), "structure")
