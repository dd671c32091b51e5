"""The groups that a fit adds to the posterior, against SciPy; and the prediction of a new replicate."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from tworate.inference.data.observations import observe
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.specification import Specification
from tworate.inference.posterior.arviz_adapter import group, make_posterior
from tworate.inference.posterior.fit_target import FitTarget
from tworate.inference.posterior.fitting import complete
from tworate.inference.posterior.nutpie_adapter import STATISTICS, Trace
from tworate.inference.posterior.posterior_predictive import run_forward
from tworate.inference.posterior.sampling import SampledPosterior, SamplerSettings
from tworate.models import MeanField, OneRateSI
from tworate.simulate import Trajectories


@pytest.fixture
def data(make_trajectories):
    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=6, degree=None, replicates=3, rounds=20)
    return observe(Trajectories(table), "mean-field")


def completed(specification, data, n_draws=200):
    rng = np.random.default_rng(3)
    draws = {name: -2.0 + 0.3 * rng.normal(size=(2, n_draws, 1)) for name in specification.scalars}
    if specification.replicate_effects:
        draws["replicate_effect"] = rng.normal(size=(2, n_draws, len(data.paths)))
    trace = Trace(draws, {name: np.zeros((2, n_draws)) for name in STATISTICS})
    target = FitTarget(specification, data)
    posterior = target.posterior(trace)
    sampled = SampledPosterior(posterior, SamplerSettings(), target.summary(posterior), [])
    return complete(sampled, specification, data, seed=5)


@pytest.mark.parametrize("likelihood", ["beta-binomial", "negative-binomial"])
def test_log_prior_is_the_density_of_the_prior_in_units_of_the_data(data, likelihood):
    specification = Specification(OneRateSI, LIKELIHOODS[likelihood])
    posterior = completed(specification, data)
    draws, log_prior = group(posterior, "posterior"), group(posterior, "log_prior")
    rate = specification.scalars["beta"].prior
    # The prior is for rates per window. The rescaled distribution gives its density per unit of time.
    expected = stats.lognorm.logpdf(draws["beta"], rate.sigma, scale=rate.median / data.window)
    np.testing.assert_allclose(log_prior["beta"], expected, rtol=1e-12)
    other = specification.scalars["dispersion"]
    np.testing.assert_allclose(log_prior["dispersion"], other.distribution.logpdf(draws["dispersion"]), rtol=1e-12)


def test_log_likelihood_is_that_of_scipy(data):
    posterior = completed(Specification(OneRateSI, LIKELIHOODS["binomial"]), data)
    beta = group(posterior, "posterior")["beta"].to_numpy()[..., None]
    p = -np.expm1(-beta * (data.exposure_end - data.exposure_start))
    expected = stats.binom.logpmf(data.incidence, data.n_susceptible, p)
    np.testing.assert_allclose(group(posterior, "log_likelihood")["incidence"], expected, rtol=1e-9, atol=1e-9)
    observation = group(posterior, "observed_data")
    np.testing.assert_array_equal(observation["incidence"], data.incidence)
    assert posterior.attrs["closure"] == "mean-field"


def test_prior_draws_follow_the_prior_in_units_of_the_data(data):
    posterior = completed(Specification(OneRateSI, LIKELIHOODS["binomial"]), data)
    prior = Specification(OneRateSI, LIKELIHOODS["binomial"]).scalars["beta"].prior
    drawn = group(posterior, "prior")["beta"].to_numpy().ravel()
    law = stats.lognorm(prior.sigma, scale=prior.median / data.window)
    assert stats.kstest(drawn, law.cdf).pvalue > 1e-3


def test_an_unobserved_replicate_varies_as_a_new_one_does():
    # Two replicates have the factors e^±0.5 around their mean, and the sd is 0.5. The log-factor of a third one is
    # normal around the observed mean with variance sd² (1 + 1/2).
    n, sd = 4000, 0.5
    dims = ("chain", "draw")
    posterior = make_posterior(
        {"model": "one-rate", "likelihood": "binomial", "closure": "mean-field", "clock": "rounds"},
        posterior=xr.Dataset(
            {
                "beta": (dims, np.full((1, n), 0.1)),
                "replicate_sd": (dims, np.full((1, n), sd)),
                "replicate_effect": ((*dims, "replicate"), np.broadcast_to([1.0, -1.0], (1, n, 2))),
            },
            coords={"replicate": ["0", "1"]},
        ),
    )
    start = pd.Series({"trajectory": 7, "time": 0.0, "infected": 500_000, "population": 1_000_000})
    paths = run_forward(
        posterior, OneRateSI, start, np.array([0.0, 1.0]), 500_000, np.random.default_rng(1), n, label="7"
    )
    # Half of the population has shared, so the exposure of one round is 1/2. The factor follows from the rest.
    log_factor = np.log(-np.log((1.0 - paths[:, 1]) / 0.5) / (0.1 * 0.5))
    # The standard error of the sd of 4,000 draws is sd / sqrt(2 n). The randomness of the agents adds 0.6%.
    assert log_factor.std() == pytest.approx(sd * np.sqrt(1.5), rel=4 / np.sqrt(2 * n))
    assert log_factor.mean() == pytest.approx(0.0, abs=4 * sd * np.sqrt(1.5 / n))
    # An observed replicate keeps its own factor.
    observed_replicate = run_forward(
        posterior, OneRateSI, start, np.array([0.0, 1.0]), 500_000, np.random.default_rng(1), 400, label="0"
    )
    expected = 1.0 - 0.5 * np.exp(-0.1 * 0.5 * np.exp(0.5))
    assert observed_replicate[:, 1].mean() == pytest.approx(expected, abs=1e-4)


def test_draws_of_predictions_are_evenly_spaced_in_the_posterior(data):
    posterior = completed(Specification(OneRateSI, LIKELIHOODS["binomial"]), data, n_draws=1000)
    draws = group(posterior, "posterior_predictive")
    assert draws.sizes["chain"] * draws.sizes["draw"] == 250
    assert draws["draw"].to_numpy()[-1] == 999
