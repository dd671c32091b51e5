"""Leave-one-out over all units at once: the numbers of ArviZ, which goes through them one by one."""

import warnings

import arviz as az
import numpy as np
import pytest
import xarray as xr

from tworate.inference.loo.psis import leave_one_out
from tworate.inference.posterior.arviz_adapter import HAS_TREES, make_posterior


def by_arviz(log_likelihood, efficiency):
    """Expected log predictive density, and Pareto k, of shape (n_units,)."""
    draws = xr.DataArray(log_likelihood.reshape(4, -1, log_likelihood.shape[1]), dims=("chain", "draw", "unit"))
    held = make_posterior(posterior=xr.Dataset({"x": draws[..., 0]}), log_likelihood=xr.Dataset({"seen": draws}))
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("ignore")
        found = az.loo(held, pointwise=True, var_name="seen", reff=efficiency)
    if HAS_TREES:
        return found.elpd_i, found.pareto_k, found.good_k, found.p
    return found.loo_i, found.pareto_k, found.good_k, found.p_loo


def log_likelihoods(kind, rng, n_draws=2000, n_units=150):
    """Units whose log-likelihoods vary a little, have heavy tails, or repeat as draws of a sampler do."""
    if kind == "light":
        return rng.normal(-3, 0.1, (n_draws, n_units))
    if kind == "heavy":
        # Ever heavier: Pareto k from below 0 to above 1.
        return -rng.exponential(np.linspace(0.05, 1.6, n_units), (n_draws, n_units))
    if kind == "repeated":
        return rng.normal(-2, 0.3, (n_draws // 3, n_units))[rng.integers(0, n_draws // 3, n_draws)]
    if kind == "bounded":
        return -rng.uniform(1, 1.5, (n_draws, n_units))
    # A few draws give nearly all the weight, others none that a double can hold.
    return -rng.exponential(300.0, (n_draws, n_units))


KINDS = ["light", "heavy", "bounded"]
if not HAS_TREES:
    # Our rule is that of ArviZ 0: a draw that equals the cut-off belongs to the body. ArviZ 1 counts it to the tail,
    # and returns NaN where nearly all weights underflow.
    KINDS += ["repeated", "extreme"]


@pytest.mark.parametrize("kind", KINDS)
# Tails of 240 and 120 draws, exactly: ArviZ 1 rounds the length down, ArviZ 0 and we round it up.
@pytest.mark.parametrize("efficiency", [0.3125, 1.25])
def test_numbers_are_those_of_arviz(kind, efficiency):
    values = log_likelihoods(kind, np.random.default_rng(5))
    found = leave_one_out(values, efficiency)
    elpd, pareto_k, good_k, p_loo = by_arviz(values, efficiency)
    # Sums in another order: of thousands of terms.
    np.testing.assert_allclose(found.pareto_k, pareto_k, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.elpd, elpd, rtol=1e-10)
    assert found.good_k == good_k
    assert (found.lpd - found.elpd).sum() == pytest.approx(p_loo, rel=1e-7, abs=1e-7)


def test_a_unit_of_which_all_draws_say_the_same_has_no_tail():
    values = np.full((1000, 3), -2.0)
    values[:, 1] = np.random.default_rng(1).normal(-2, 0.1, 1000)
    found = leave_one_out(values, 1.0)
    np.testing.assert_array_equal(np.isinf(found.pareto_k), [True, False, True])
    np.testing.assert_allclose(found.elpd[[0, 2]], -2.0, rtol=1e-13)


def test_a_tail_that_differs_by_rounding_alone_is_none():
    # Likelihoods of a billion agents come in steps of 1e-6, and differ beyond by what exponentials do not tell apart.
    rng = np.random.default_rng(2)
    steps = -2e-6 * rng.binomial(1, [0.5, 0.97, 1.0], (4000, 3)) + rng.normal(0, 1e-18, (4000, 3))
    found = leave_one_out(steps, 1.0)
    assert not np.isnan(found.pareto_k).any()
    np.testing.assert_allclose(found.elpd, 0.0, atol=1e-5)


def test_exact_where_weights_are_known():
    # y ~ N(θ, 1), one unit of several; posterior and leave-one-out predictive are normal in closed form.
    rng = np.random.default_rng(2)
    y = rng.normal(0.4, 1, 12)
    theta = rng.normal(y.mean(), 12**-0.5, 200_000)
    values = -0.5 * np.log(2 * np.pi) - 0.5 * (y - theta[:, None]) ** 2
    others = (y.sum() - y) / 11
    exact = -0.5 * np.log(2 * np.pi * (1 + 1 / 11)) - 0.5 * (y - others) ** 2 / (1 + 1 / 11)
    found = leave_one_out(values, 1.0)
    # Smoothed or not, the estimate is all but the reciprocal of the mean weight.
    weights = np.exp(-values)
    error = weights.std(axis=0) / weights.mean(axis=0) / np.sqrt(theta.size)
    assert np.all(np.abs(found.elpd - exact) < 4.5 * error)
