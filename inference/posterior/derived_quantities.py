"""Quantities derived from a posterior, with intervals: times, growth, and who was reached by which rate."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...models.curves import solve_curves
from ..data.observations import Transitions
from ..likelihood.specification import Specification
from .arviz_adapter import Posterior, group
from .fitting import draws_of

FloatArray = NDArray[np.float64]

_DRAWS = 400
"""Number of draws for which curves are solved."""
_WINDOWS = 3
"""Length of the solved curves, in observed windows."""
_STEPS = 160
"""Number of steps per observed window in continuous time."""
_MAX_STEPS = 1000
"""Maximum number of steps per observed window, for data with very short rounds."""


def derive(specification: Specification, posterior: Posterior, data: Transitions) -> pd.DataFrame:
    """Compute derived quantities of a fit for the deterministic curve that starts as the first trajectory did.

    Parameters
    ----------
    specification : Specification
        What was fitted.
    posterior : Posterior
        The fit.
    data : Transitions
        The data of the fit.

    Returns
    -------
    pandas.DataFrame
        Index: quantity. Columns: `median`, `low`, `high` (95% interval) and `unit`. A time is infinite where the curve
        does not reach the level within three times the observed window.
    """
    draws = draws_of(specification.model, group(posterior, "posterior"))
    total = next(iter(draws.values())).size
    chosen = np.linspace(0, total - 1, min(total, _DRAWS)).astype(int)
    values = {name: value[chosen] for name, value in draws.items()}
    s0, formula = float(data.susceptible0[0]), data.formulas[0]
    # In rounds the step is the typical step of the data.
    steps = data.time_end - data.time_start
    step = float(np.median(steps)) if specification.clock == "rounds" else data.window / _STEPS
    step = max(step, data.window / _MAX_STEPS)
    times = np.arange(0.0, _WINDOWS * data.window + step, step)
    exposure, prevalence = solve_curves(
        specification.model.log_survival, values, times, s0, formula, specification.clock
    )
    x0 = float(formula.exposure_rate(s0, s0))
    instant = 1e-6 * data.window
    force = -specification.model.log_escape((0.0, x0 * instant), (0.0, instant), values) / instant
    quantities: dict[str, tuple[FloatArray, str]] = {
        "time to 50% prevalence": (time_to(0.5, times, prevalence), "time"),
        "time to 90% prevalence": (time_to(0.9, times, prevalence), "time"),
        "initial growth rate of the prevalence": (np.asarray(force * s0 / (1.0 - s0)), "1/time"),
    }
    at_end = np.array([np.interp(data.window, times, row) for row in exposure])
    for name, value in specification.model.derived(values, at_end).items():
        quantities[name] = (np.asarray(value), "")
    rows = {}
    for name, (value, unit) in quantities.items():
        # Order statistics without interpolation: times can be infinite, and interpolation between infinities is NaN.
        low, median, high = np.quantile(value, [0.025, 0.5, 0.975], method="inverted_cdf")
        rows[name] = {"median": median, "low": low, "high": high, "unit": unit}
    return pd.DataFrame.from_dict(rows, orient="index")


def time_to(level: float, times: FloatArray, prevalence: FloatArray) -> FloatArray:
    """Return the first time at which each curve reaches a level; infinite where it does not.

    Curves have shape (n_draws, n_times).
    """
    reached = prevalence >= level
    after = reached.argmax(axis=1)
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(prevalence))
    low, high = prevalence[rows, before], prevalence[rows, after]
    share = np.divide(level - low, high - low, out=np.zeros_like(low), where=high > low)
    crossing = times[before] + np.clip(share, 0.0, 1.0) * (times[after] - times[before])
    return np.where(reached.any(axis=1), crossing, np.inf)
