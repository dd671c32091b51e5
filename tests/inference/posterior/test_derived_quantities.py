"""Derived quantities of a posterior, against closed forms."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tworate.inference.data.observations import observe
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.specification import Specification
from tworate.inference.posterior.arviz_adapter import make_posterior
from tworate.inference.posterior.derived_quantities import derive, time_to
from tworate.models import MeanField, OneRateSI, TwoRateSI
from tworate.models.curves import solve_curves
from tworate.simulate import Trajectories


def test_time_to_a_level_of_the_logistic_curve_in_closed_form():
    beta, i0 = np.array([0.2, 0.5]), 0.01
    times = np.linspace(0, 60, 1201)
    _, prevalence = solve_curves(OneRateSI.log_survival, {"beta": beta}, times, 1 - i0, MeanField(), "continuous")
    for level in (0.5, 0.9):
        expected = (np.log(level / (1 - level)) - np.log(i0 / (1 - i0))) / beta
        # Error of linear interpolation within a step of 0.05: at most step² |p''| / (8 p') = step² β |1 - 2p| / 8.
        np.testing.assert_allclose(time_to(level, times, prevalence), expected, atol=0.05**2 * 0.5 / 8 + 1e-6)


def test_the_time_to_a_level_that_is_not_reached_is_infinite():
    values = {"beta_fast": np.array([1.0]), "beta_slow": np.array([0.0]), "weight_fast": np.array([0.6])}
    times = np.linspace(0, 200, 401)
    _, prevalence = solve_curves(TwoRateSI.log_survival, values, times, 0.99, MeanField(), "continuous")
    assert np.isfinite(time_to(0.5, times, prevalence))[0]
    assert time_to(0.9, times, prevalence)[0] == np.inf


def test_shares_by_rate_sum_to_the_share_of_all_who_were_reached():
    model = TwoRateSI(1.2, 0.2, 0.5)
    derived = TwoRateSI.derived(model.values, 3.0)
    shares = [value for name, value in derived.items() if name.startswith("share")]
    assert sum(shares) == pytest.approx(1 - model.survival(3.0))
    assert derived["ratio β_fast/β_slow"] == pytest.approx(6.0)


@pytest.fixture
def logistic():
    """Well-mixed trajectories in continuous time. 50 of 1,000 agents have shared at the start."""
    times = np.linspace(0.0, 30.0, 61)
    infected = np.rint(1000 * OneRateSI(0.3).solve(times, 0.05, MeanField())).astype(int)
    table = pd.DataFrame({"trajectory": 0, "time": times, "infected": infected, "population": 1000})
    return observe(Trajectories(table), "mean-field", "continuous")


def derived(data, model, **draws):
    variables = {name: (("chain", "draw"), np.tile(values, (2, 1))) for name, values in draws.items()}
    specification = Specification(model, LIKELIHOODS["binomial"], "continuous")
    return derive(specification, make_posterior(posterior=xr.Dataset(variables)), data)


def test_derived_quantities_of_the_logistic_curve_in_closed_form(logistic):
    beta = np.linspace(0.25, 0.35, 101)
    table = derived(logistic, OneRateSI, beta=beta)
    i0 = 0.05
    for level in (0.5, 0.9):
        times = (np.log(level / (1 - level)) - np.log(i0 / (1 - i0))) / beta
        row = table.loc[f"time to {level:.0%} prevalence"]
        low, median, high = np.quantile(times, [0.025, 0.5, 0.975], method="inverted_cdf")
        # The tolerance is the error of linear interpolation within steps of 30/160.
        assert tuple(row[["low", "median", "high"]]) == pytest.approx((low, median, high), abs=2e-3)
        assert row["unit"] == "time"
    # i' / i = β (1 - i0) at the start: the force of infection β i0 acts on the susceptible fraction 1 - i0.
    growth = table.loc["initial growth rate of the prevalence"]
    assert growth["median"] == pytest.approx(np.median(beta) * (1 - i0), rel=1e-4)
    assert growth["unit"] == "1/time"


def test_quantities_of_the_model_itself_are_those_at_the_end_of_the_window(logistic):
    fast, slow, weight = np.full(50, 0.9), np.full(50, 0.1), np.full(50, 0.4)
    table = derived(logistic, TwoRateSI, beta_fast=fast, beta_slow=slow, weight_fast=weight)
    values = {"beta_fast": fast[:1], "beta_slow": slow[:1], "weight_fast": weight[:1]}
    grid = np.linspace(0.0, logistic.window, 3001)
    exposure, _ = solve_curves(TwoRateSI.log_survival, values, grid, 0.95, MeanField(), "continuous")
    expected = TwoRateSI.derived(values, exposure[:, -1])
    for name, value in expected.items():
        assert table.loc[name, "median"] == pytest.approx(float(np.ravel(value)[0]), rel=1e-4), name
