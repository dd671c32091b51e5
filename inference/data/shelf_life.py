"""The shelf life of shares: which age fits best under one rate, and the exposure that it leaves."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...models.structures.fading import ShelfLife
from .individual import merge_memoryless
from .observations import Transitions

FloatArray = NDArray[np.float64]

_RATES = np.geomspace(1e-3, 1e4, 141)
"""Rates per window among which the likelihood of one rate is maximised; the next ones are 12% apart."""


def best_shelf_life(data: Transitions) -> float:
    """Return the shelf life of highest likelihood under one rate, among the upper ends of the bins of age.

    Parameters
    ----------
    data : Transitions
        Observations with their exposure in bins of age.
    """
    merged = merge_memoryless(data)
    ages = np.asarray(data.binned.bins.start + data.binned.bins.width)  # type: ignore[union-attr]
    return float(ages[np.argmax([_log_likelihood(merged, age) for age in ages])])


def within_shelf_life(data: Transitions, shelf_life: float) -> Transitions:
    """Return observations with the exposure to shares that are younger than the shelf life."""
    binned = data.binned
    if binned is None:
        return data
    weights = ShelfLife.weights(binned.bins, {"shelf_life": shelf_life})
    start, end = binned.start @ weights, binned.end @ weights
    gained = data.exposure_end - data.exposure_start
    part = (end - start) / np.where(gained > 0, gained, 1.0)
    return replace(data, exposure_start=start, exposure_end=end, exposure_rate=data.exposure_rate * part, binned=None)


def _log_likelihood(data: Transitions, shelf_life: float) -> float:
    """Return the maximum over rates of the log-likelihood of one rate, up to a constant."""
    visible = within_shelf_life(data, shelf_life)
    exposure = (visible.exposure_end - visible.exposure_start) / data.window
    n_new = data.weight * data.incidence
    n_others = data.weight * data.n_susceptible - n_new
    rows = n_new > 0
    log_share = np.log(-np.expm1(-np.outer(_RATES, np.maximum(exposure[rows], 1e-300))))
    return float((log_share @ n_new[rows] - _RATES * (exposure @ n_others)).max())
