"""A closure's formula as a table over the fall of the susceptible fraction: one fast look-up serves all closures."""

import math
from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...common.compiled import njit as kept_njit
from ...models.closures import Closure

FloatArray = NDArray[np.float64]

SIZE = 801
"""Number of rows of a table."""
_SCALE = 0.01
_STEP = math.log1p(40.0 / _SCALE) / (SIZE - 1)
"""The closure's formula is tabulated over `f = -log(s / s0)` from 0 to 40, evenly in `log(1 + f / scale)`. Rows are
dense at small f because exposure changes fast while hubs share, where degrees differ greatly. The error of cubic
interpolation is below 1e-9."""


def tabulated(formulas: Sequence[tuple[float, Closure]]) -> tuple[FloatArray, FloatArray]:
    """Tabulate exposure rates and their slopes. Each slope is given as the rise per row.

    Parameters
    ----------
    formulas : sequence of (float, Closure)
        Susceptible fraction at the start, and closure, of each table.

    Returns
    -------
    rates, rises : array, shape (n_formulas * SIZE,)
    """
    fallen = _SCALE * np.expm1(_STEP * np.arange(SIZE))
    rates, rises = [], []
    for susceptible0, formula in formulas:
        s = susceptible0 * np.exp(-fallen)
        rates.append(np.maximum(formula.exposure_rate(s, susceptible0), 0.0))
        rises.append(-np.asarray(formula.slope(s, susceptible0)) * (fallen + _SCALE) * _STEP)
    return np.concatenate(rates), np.concatenate(rises)


@njit(error_model="numpy", fastmath=False, forceinline=True)
def looked_up(log_g: float, rates: FloatArray, rises: FloatArray, first: int) -> tuple[float, float]:
    """Interpolate the exposure rate and its derivative by `log_g` (cubic Hermite) in the table at row `first`."""
    place = math.log1p(-log_g / _SCALE) / _STEP
    inside = (place >= 0.0) & (place <= SIZE - 1.001)
    clipped = place if inside else (0.0 if place < 0.0 else SIZE - 1.001)
    row = np.int64(clipped)
    f, low = clipped - row, first + row
    rise, begin, end = rates[low + 1] - rates[low], rises[low], rises[low + 1]
    square, cube = 3.0 * rise - 2.0 * begin - end, begin + end - 2.0 * rise
    rate = rates[low] + f * (begin + f * (square + f * cube))
    slope = (begin + f * (2.0 * square + 3.0 * f * cube)) / (_STEP * (log_g - _SCALE))
    # NaN stays NaN.
    return rate if log_g == log_g else log_g, slope if inside else 0.0


@kept_njit("models", "inference/likelihood", error_model="numpy", fastmath=False)
def exposure_rates(log_g: FloatArray, rates: FloatArray, rises: FloatArray) -> FloatArray:
    """Look up exposure rates in several tables.

    Parameters
    ----------
    log_g : array, shape (n, n_tables)
        Logarithm of the survival function.
    rates, rises : array, shape (n_tables * SIZE,)
        From :func:`tabulated`.
    """
    result = np.empty(log_g.shape)
    for i in range(log_g.shape[0]):
        for j in range(log_g.shape[1]):
            result[i, j] = looked_up(log_g[i, j], rates, rises, j * SIZE)[0]
    return result
