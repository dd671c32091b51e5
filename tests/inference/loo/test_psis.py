"""Vectorised leave-one-out: the numbers equal those of ArviZ, which computes one unit at a time."""

import warnings

import arviz as az
import numpy as np
import pytest
import xarray as xr

from tworate.inference.loo.psis import leave_one_out
from tworate.inference.posterior.arviz_adapter import HAS_TREES, make_posterior


def by_arviz(log_likelihood, efficiency):
    """Return expected log predictive density and Pareto k, of shape (n_units,), and the limit of k and p_loo."""
    draws = xr.DataArray(log_likelihood.reshape(4, -1, log_likelihood.shape[1]), dims=("chain", "draw", "unit"))
    posterior = make_posterior(posterior=xr.Dataset({"x": draws[..., 0]}), log_likelihood=xr.Dataset({"y": draws}))
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("ignore")
        result = az.loo(posterior, pointwise=True, var_name="y", reff=efficiency)
    if HAS_TREES:
        return result.elpd_i, result.pareto_k, result.good_k, result.p
    return result.loo_i, result.pareto_k, result.good_k, result.p_loo


def log_likelihoods(kind, rng, n_draws=2000, n_units=150):
    """Draw log-likelihoods that vary little, have heavy tails, or repeat as a sampler's draws do."""
    if kind == "light":
        return rng.normal(-3, 0.1, (n_draws, n_units))
    if kind == "heavy":
        # Tails become heavier from unit to unit: Pareto k from below 0 to above 1.
        return -rng.exponential(np.linspace(0.05, 1.6, n_units), (n_draws, n_units))
    if kind == "repeated":
        return rng.normal(-2, 0.3, (n_draws // 3, n_units))[rng.integers(0, n_draws // 3, n_draws)]
    if kind == "bounded":
        return -rng.uniform(1, 1.5, (n_draws, n_units))
    # A few draws have nearly all the weight. The weights of others underflow.
    return -rng.exponential(300.0, (n_draws, n_units))


KINDS = ["light", "heavy", "bounded"]
if not HAS_TREES:
    # Our rule is that of ArviZ 0: a draw that equals the cut-off belongs to the body. In ArviZ 1 it belongs to the
    # tail, and ArviZ 1 returns NaN where nearly all weights underflow.
    KINDS += ["repeated", "extreme"]


@pytest.mark.parametrize("kind", KINDS)
# The tails have exactly 240 and 120 draws, because ArviZ 1 rounds the length down, and we round it up as ArviZ 0 does.
@pytest.mark.parametrize("efficiency", [0.3125, 1.25])
def test_numbers_are_those_of_arviz(kind, efficiency):
    values = log_likelihoods(kind, np.random.default_rng(5))
    result = leave_one_out(values, efficiency)
    elpd, pareto_k, good_k, p_loo = by_arviz(values, efficiency)
    # The sums have thousands of terms and another order.
    np.testing.assert_allclose(result.pareto_k, pareto_k, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(result.elpd, elpd, rtol=1e-10)
    assert result.good_k == good_k
    assert (result.lpd - result.elpd).sum() == pytest.approx(p_loo, rel=1e-7, abs=1e-7)


def test_a_unit_with_equal_likelihood_under_all_draws_has_no_tail():
    values = np.full((1000, 3), -2.0)
    values[:, 1] = np.random.default_rng(1).normal(-2, 0.1, 1000)
    result = leave_one_out(values, 1.0)
    np.testing.assert_array_equal(np.isinf(result.pareto_k), [True, False, True])
    np.testing.assert_allclose(result.elpd[[0, 2]], -2.0, rtol=1e-13)


def test_weights_that_exceed_the_cut_off_by_rounding_only_are_no_tail():
    # Likelihoods of a billion agents have steps of 1e-6, and further differences that vanish in the exponential.
    rng = np.random.default_rng(2)
    steps = -2e-6 * rng.binomial(1, [0.5, 0.97, 1.0], (4000, 3)) + rng.normal(0, 1e-18, (4000, 3))
    result = leave_one_out(steps, 1.0)
    assert not np.isnan(result.pareto_k).any()
    np.testing.assert_allclose(result.elpd, 0.0, atol=1e-5)


def test_exact_where_weights_are_known():
    # y ~ N(θ, 1). The posterior and the leave-one-out predictive distribution are normal in closed form.
    rng = np.random.default_rng(2)
    y = rng.normal(0.4, 1, 12)
    theta = rng.normal(y.mean(), 12**-0.5, 200_000)
    values = -0.5 * np.log(2 * np.pi) - 0.5 * (y - theta[:, None]) ** 2
    others = (y.sum() - y) / 11
    exact = -0.5 * np.log(2 * np.pi * (1 + 1 / 11)) - 0.5 * (y - others) ** 2 / (1 + 1 / 11)
    result = leave_one_out(values, 1.0)
    # The estimate, smoothed or not, is nearly the reciprocal of the mean weight.
    weights = np.exp(-values)
    error = weights.std(axis=0) / weights.mean(axis=0) / np.sqrt(theta.size)
    assert np.all(np.abs(result.elpd - exact) < 4.5 * error)
