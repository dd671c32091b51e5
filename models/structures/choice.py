"""Which structures a comparison asks: names, or one word for several."""

from collections.abc import Sequence

from .registry import all_structures, get_structure

REPLICATES, CONTINUOUS = "replicates", "continuous"
"""Structures that are no class of their own: a random factor of each replicate, and continuous time in the place of
rounds. The reverse of the second is none: one rate in rounds does not look like two in continuous time."""
NONE, DEFAULT, ALL = "none", "default", "all"
"""Structures by one word: none; those that the data can tell, where one rate does not suffice; these in any case."""


def check_structure_names(names: Sequence[str]) -> None:
    """Raise a ValueError when there is no such structure or word, or a word does not stand alone."""
    words = [name for name in names if name in (NONE, DEFAULT, ALL)]
    if words and len(names) > 1:
        raise ValueError(f"structures: {words[0]!r} stands alone; leave the other names out")
    for name in names:
        if name in (*words, REPLICATES, CONTINUOUS) or name in all_structures():
            continue
        try:
            get_structure(name)
        except ValueError as error:
            raise ValueError(f"{error}, {REPLICATES}, {CONTINUOUS}") from error
