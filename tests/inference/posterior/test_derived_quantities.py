"""What follows from a posterior, against closed forms."""

import numpy as np
import pytest

from tworate.inference.posterior.derived_quantities import time_to
from tworate.models import MeanField, OneRateSI, TwoRateSI
from tworate.models.curves import solve_curves


def test_time_to_a_level_of_the_logistic_curve_in_closed_form():
    beta, i0 = np.array([0.2, 0.5]), 0.01
    times = np.linspace(0, 60, 1201)
    _, prevalence = solve_curves(OneRateSI.log_survival, {"beta": beta}, times, 1 - i0, MeanField(), "continuous")
    for level in (0.5, 0.9):
        expected = (np.log(level / (1 - level)) - np.log(i0 / (1 - i0))) / beta
        # Linear interpolation within a step of 0.05 errs by step² |p''| / (8 p') = step² β |1 - 2p| / 8 at most.
        np.testing.assert_allclose(time_to(level, times, prevalence), expected, atol=0.05**2 * 0.5 / 8 + 1e-6)


def test_a_level_that_is_not_reached_takes_forever():
    values = {"beta_fast": np.array([1.0]), "beta_slow": np.array([0.0]), "weight_fast": np.array([0.6])}
    times = np.linspace(0, 200, 401)
    _, prevalence = solve_curves(TwoRateSI.log_survival, values, times, 0.99, MeanField(), "continuous")
    assert np.isfinite(time_to(0.5, times, prevalence))[0]
    assert time_to(0.9, times, prevalence)[0] == np.inf


def test_shares_by_rate_add_up_to_all_who_were_reached():
    model = TwoRateSI(1.2, 0.2, 0.5)
    derived = TwoRateSI.derived(model.values, 3.0)
    shares = [value for name, value in derived.items() if name.startswith("share")]
    assert sum(shares) == pytest.approx(1 - model.survival(3.0))
    assert derived["ratio β_fast/β_slow"] == pytest.approx(6.0)
