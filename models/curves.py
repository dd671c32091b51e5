"""Exposure and prevalence of a model over time under a closure."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .clock import Clock
from .closures import Closure
from .numerics import runge_kutta_step

FloatArray = NDArray[np.float64]


def checked_times(times: ArrayLike) -> FloatArray:
    """Return times as an array; raise a ValueError when they do not increase."""
    times = np.asarray(times, dtype=float)
    if times.ndim != 1 or times.size == 0 or not np.all(np.diff(times) > 0):
        raise ValueError("times must be a list of increasing numbers")
    return times


def susceptible_at_start(prevalence0: float) -> float:
    """Return the susceptible fraction at the start; raise a ValueError for a prevalence outside (0, 1)."""
    if not 0.0 < prevalence0 < 1.0:
        raise ValueError(f"prevalence0 = {prevalence0}: must lie between 0 and 1, both excluded")
    return 1.0 - prevalence0


def solve_curves(
    log_survival: Callable[[Any, Any, Mapping[str, Any]], Any],
    values: Mapping[str, FloatArray],
    times: FloatArray,
    susceptible0: float,
    closure: Closure,
    clock: Clock,
) -> tuple[FloatArray, FloatArray]:
    """Compute exposure and prevalence for many parameter draws at once, with one step from each time to the next.

    Parameters
    ----------
    log_survival : callable
        `log G` of exposure, time and parameter values, such as :meth:`tworate.models.SIModel.log_survival`.
    values : mapping of array, shape (n_draws,)
        Parameter values by name.
    times : array, shape (n_times,)
        Times from 0; the solution takes one step from each to the next.
    susceptible0 : float
        Susceptible fraction at time 0.
    closure : Closure
        Gives the exposure from the state.
    clock : {"rounds", "continuous"}
        The exact map of synchronous rounds, or Runge-Kutta steps, which the caller must make short.

    Returns
    -------
    exposure, prevalence : array, shape (n_draws, n_times)
    """
    n_draws = next(iter(values.values())).size
    exposure = np.zeros((n_draws, times.size))

    def rate(reached: Any, time: Any) -> Any:
        s = susceptible0 * np.exp(log_survival(reached, time, values))
        return np.maximum(closure.exposure_rate(s, susceptible0), 0.0)

    for i, step in enumerate(np.diff(times)):
        current = exposure[:, i]
        exposure[:, i + 1] = (
            current + step * rate(current, times[i])
            if clock == "rounds"
            else runge_kutta_step(rate, current, times[i], step)
        )
    columns = {name: value[:, None] for name, value in values.items()}
    return exposure, 1.0 - susceptible0 * np.exp(log_survival(exposure, times, columns))
