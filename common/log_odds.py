"""The log-odds of probabilities, finite everywhere."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

BOUND = 1e-12
"""Probabilities nearer to 0 or 1 are taken to be as far from them as this."""


def log_odds(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the log-odds of probabilities, an array of the same shape.

    Examples
    --------
    >>> log_odds([0.5, 0.0]).round(2).tolist()
    [0.0, -27.63]
    """
    bounded = np.clip(np.asarray(probabilities, dtype=np.float64), BOUND, 1 - BOUND)
    return np.asarray(np.log(bounded) - np.log1p(-bounded))
