"""By how much the data narrow a prior: against known distributions."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from tworate.inference.posterior.arviz_adapter import make_posterior
from tworate.inference.posterior.diagnostics import UNLEARNED, prior_contraction

SHAPE = (4, 1000)


def contraction(draws, prior):
    def dataset(values):
        return xr.Dataset({"rate": (("chain", "draw"), values)})

    return prior_contraction(make_posterior(posterior=dataset(draws), prior=dataset(prior)))["rate"]


def test_a_posterior_that_is_its_prior_has_learned_nothing(rng):
    # The variance of 4,000 uniform ranks has a standard error of 1.4%, and 250 draws from the prior add about 6%.
    made = [contraction(rng.lognormal(size=SHAPE), rng.lognormal(size=(1, 250))) for _ in range(20)]
    assert abs(np.mean(made)) < 4 * 0.06 / np.sqrt(20)
    assert max(made) < UNLEARNED + 4 * 0.06


def test_a_point_is_learned_wholly(rng):
    assert contraction(np.ones(SHAPE), rng.lognormal(size=(1, 250))) == 1.0


def test_the_contraction_is_that_of_the_ranks_in_closed_form(rng):
    # Under a uniform prior ranks are the values: the variance of a beta distribution has a formula.
    found = contraction(rng.beta(8, 3, size=SHAPE), rng.random((1, 20_000)))
    assert found == pytest.approx(1 - 12 * stats.beta(8, 3).var(), abs=0.01)


def test_the_scale_of_a_parameter_does_not_matter(rng):
    draws, prior = rng.normal(1.0, 0.5, SHAPE), rng.normal(size=(1, 250))
    assert contraction(np.exp(draws), np.exp(prior)) == pytest.approx(contraction(draws, prior), abs=1e-12)


def test_a_posterior_at_both_ends_of_its_prior_is_below_0(rng):
    assert contraction(np.where(rng.random(SHAPE) < 0.5, -3.0, 3.0), rng.normal(size=(1, 250))) < -1.5
