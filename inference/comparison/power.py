"""Could the data have shown a second rate? The gain that two rates would have at the same exposures."""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ...models import TwoRateSI
from ...models.structured import with_structure
from ..data.observations import Transitions
from ..likelihood.predictor import predictor
from ..likelihood.specification import Specification
from ..posterior.fitting import draws_of
from .verdict import GAIN, STANDARD_ERRORS

RATIO, WEIGHT = 4.0, 0.5
"""The second rate that should have shown: a quarter of the fast one, and half of the agents have it."""
_COST = 1.0
"""Leave-one-out takes about so much off the gain, because two rates have more parameters."""
_FACTORS = np.geomspace(0.25, 2.0, 121)
"""Factors on the rate among which one rate is fitted best to what two rates would give."""


class ExpectedGain(NamedTuple):
    """Gain in elpd of two rates over one, were two rates the truth: its mean and standard deviation over data."""

    mean: float
    sd: float

    @property
    def is_found(self) -> bool:
        """Whether the rule would find two rates in at least half of such data."""
        return self.mean - _COST > max(GAIN, STANDARD_ERRORS * self.sd)

    @property
    def times_more(self) -> float:
        """How many times more such data the rule needs to find two rates in half of them."""
        if self.mean <= 0.0:
            return math.inf
        # The mean gain grows with the size of the data, its standard deviation with the root of it.
        half = 0.5 * STANDARD_ERRORS * self.sd
        return max(GAIN + _COST, (half + math.sqrt(half**2 + _COST * self.mean)) ** 2 / self.mean) / self.mean


def expected_gain(specification: Specification, posterior: Any, data: Transitions) -> ExpectedGain:
    """Compute the gain that two rates would have in these data, in the normal approximation.

    Parameters
    ----------
    specification : Specification
        One rate, possibly with a structure; with a transition likelihood.
    posterior : xarray.Dataset
        Its draws. Two rates have the same mean rate.
    data : Transitions
        The observations. Their exposure is kept.
    """
    one = {
        name: float(values.mean()) * (data.window if name in specification.rates else 1.0)
        for name, values in draws_of(specification.model, posterior).items()
    }
    two = replace(specification, model=with_structure(TwoRateSI, specification.model.structure))
    rates = two_rates_apart(one["beta"])
    others = {name: value for name, value in one.items() if name != "beta"}
    truth = _log_escape(two, {**others, **rates}, data)
    fitted = _log_escape(specification, {**others, "beta": one["beta"] * _FACTORS[:, None]}, data)
    size = data.weight * data.n_susceptible
    p_truth, p_fitted = -np.expm1(truth), np.maximum(-np.expm1(fitted), 1e-300)
    for_share = np.log(np.maximum(p_truth, 1e-300)) - np.log(p_fitted)
    for_none = truth - fitted
    gains = (p_truth * for_share + np.exp(truth) * for_none) @ size
    nearest = int(np.argmin(gains))
    variance = (p_truth * np.exp(truth) * (for_share[nearest] - for_none[nearest]) ** 2) @ size
    return ExpectedGain(float(gains[nearest]), float(np.sqrt(variance[0])))


def two_rates_apart(mean: Any) -> dict[str, Any]:
    """Return the parameters of the two rates that should have shown, given their mean."""
    fast = mean / (WEIGHT + (1.0 - WEIGHT) / RATIO)
    return {"beta_fast": fast, "beta_slow": fast / RATIO, "weight_fast": WEIGHT + 0.0 * mean}


def _log_escape(specification: Specification, values: dict[str, Any], data: Transitions) -> Any:
    """Return the log-probability of not sharing for each observation, shape (n_values, n_observations)."""
    formula = predictor(specification)
    columns = {name: np.atleast_2d(value) for name, value in values.items()}
    return np.minimum(formula.predict(formula.arrays(data), columns), 0.0)
