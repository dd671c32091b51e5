"""Which structures are worth a fit, by the log-likelihood at their posterior modes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .verdict import GAIN

FloatArray = NDArray[np.float64]

_MARGIN = GAIN + 8.0
"""How far below the best a model is left out: a gain that counts, and by how much leave-one-out differs from this
log-likelihood. It takes off about the number of parameters, which is 10 at most."""
_STANDARD_ERRORS = 3.0
"""The same in standard errors of the difference; the verdict itself asks for 2."""


def worth_fitting(values: Mapping[str, FloatArray]) -> list[str]:
    """Return the names of the models that can be the best by leave-one-out, or as good as the best; the best first.

    Parameters
    ----------
    values : mapping of array, shape (n_units,)
        Log-likelihood of each unit at the mode of each model.
    """
    ranked = sorted(values, key=lambda name: -values[name].sum())
    best = values[ranked[0]]
    return [name for name in ranked if not _is_far_below(best, values[name])]


def can_help(values: FloatArray, plain: FloatArray) -> bool:
    """Return whether a structure can beat the plain model by the rule of the verdict."""
    return float((values - plain).sum()) > GAIN


def _is_far_below(best: FloatArray, other: FloatArray) -> bool:
    difference = best - other
    standard_error = np.sqrt(difference.size * difference.var())
    return bool(difference.sum() > max(_MARGIN, _STANDARD_ERRORS * standard_error))
