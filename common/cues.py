"""The social cue of a decision: how many neighbours have shared, in bins."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

CUES = ("none", "sharers")
"""What agents are told about others: nothing, or how many of those whom they follow have shared."""

CUE_MEANINGS = {"sharers": "how many of their neighbours have shared (1, 2, 3 or 4, 5 or more)"}
"""Cues in words, for reports; reports say nothing where agents see nothing."""

CUE_STARTS = (1, 2, 3, 5)
"""Smallest number of sharers in each bin; the last bin has no end."""

CUE_LABELS = ("1", "2", "3-4", "5+")
"""Names of the bins in tables."""

NO_CUE = "none"
"""Name of the bin in rows of counts that are about no decision."""

CUE_WORDS = ("1", "2", "3 or 4", "5 or more")
"""The bins in the words of prompts."""


def check_cue(cue: str) -> None:
    """Raise an InputError when a cue is unknown."""
    if cue not in CUES:
        raise InputError(f"cue {cue!r} is unknown; choose one of {', '.join(CUES)}")


def cue_of(n_sharers: ArrayLike) -> NDArray[np.int64]:
    """Return the bin of each number of neighbours that have shared; none counts as one.

    An agent whom only the outside world has shown the post may have no neighbour that has shared.

    Examples
    --------
    >>> cue_of([0, 1, 2, 3, 4, 5, 90]).tolist()
    [0, 0, 1, 2, 2, 3, 3]
    """
    return np.maximum(np.searchsorted(CUE_STARTS, np.asarray(n_sharers), side="right") - 1, 0).astype(np.int64)
