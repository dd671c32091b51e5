"""Draws around the mode: against quadrature, and refused where the posterior is far from normal."""

import numpy as np
import pytest
from scipy import stats

from tworate import Trajectories
from tworate.inference.comparison.normal_approximation import approximated
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.specification import Specification
from tworate.inference.posterior.arviz_adapter import group
from tworate.inference.posterior.fitting import observed
from tworate.models import MeanField, OneRateSI, TwoRateSI
from tworate.models.structured import with_structure
from tworate.models.structures import get_structure

BINOMIAL = LIKELIHOODS["binomial"]


@pytest.fixture(scope="module")
def one_rate(make_trajectories):
    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=1, degree=None, replicates=1, population=200)
    return Trajectories(table)


def draws_of(data, model):
    specification = Specification(model, BINOMIAL)
    made = approximated(specification, observed(data, "mean-field", specification), seed=3)
    return made and group(made.posterior, "posterior"), made


def log_binomial(data, escape):
    return data.incidence * np.log1p(-escape) + (data.n_susceptible - data.incidence) * np.log(escape)


def test_one_rate_has_the_moments_of_its_exact_posterior(one_rate):
    draws, made = draws_of(one_rate, OneRateSI)
    data = observed(one_rate, "mean-field", Specification(OneRateSI, BINOMIAL))
    beta = np.linspace(0.2, 0.7, 4001)[:, None]
    gained = data.exposure_end - data.exposure_start
    prior = OneRateSI.parameters()["beta"].distribution.logpdf(beta[:, 0] * data.window)
    log_density = log_binomial(data, np.exp(-beta * gained)).sum(axis=1) + prior
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    mean = weight @ beta[:, 0]
    sd = np.sqrt(weight @ (beta[:, 0] - mean) ** 2)
    found = draws["beta"].to_numpy()
    assert found.shape == (4, 250)
    # The effective number of 2,000 weighted draws exceeds 1,500.
    assert abs(found.mean() - mean) < 4 * sd / np.sqrt(1500)
    assert abs(found.std() / sd - 1) < 4 / np.sqrt(2 * 1500)
    assert made.importance_k < 0.5 and made.problems == []


def test_a_part_near_its_limit_has_the_moments_of_its_exact_posterior(one_rate):
    """Nobody is unreachable, so the posterior falls from its limit exponentially and not as a normal one."""
    structure = get_structure("unreachable")
    draws, _ = draws_of(one_rate, with_structure(OneRateSI, structure))
    data = observed(one_rate, "mean-field", Specification(OneRateSI, BINOMIAL))
    beta = np.linspace(0.25, 0.65, 201)
    part = np.linspace(0.0, 0.08, 401)
    b, p = np.meshgrid(beta, part, indexing="ij")
    start, end = (
        p[..., None] + (1 - p[..., None]) * np.exp(-b[..., None] * exposure)
        for exposure in (data.exposure_start, data.exposure_end)
    )
    prior = OneRateSI.parameters()["beta"].distribution.logpdf(b * data.window)
    log_density = log_binomial(data, end / start).sum(axis=-1) + prior
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    for name, grid in (("beta", b), ("unreachable", p)):
        mean = (weight * grid).sum()
        sd = np.sqrt((weight * (grid - mean) ** 2).sum())
        found = draws[name].to_numpy()
        assert abs(found.mean() - mean) < 4 * sd / np.sqrt(800), name
        assert abs(found.std() / sd - 1) < 0.15, name
    assert stats.skew(draws["unreachable"].to_numpy().ravel()) > 1


def test_a_posterior_far_from_normal_is_left_to_the_sampler(make_trajectories):
    # Two equal rates: their share may be anything, and where it is 0 or 1 so may be one of the rates.
    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=2, degree=None)
    draws, _ = draws_of(Trajectories(table), with_structure(TwoRateSI, get_structure("ageing")))
    assert draws is None


def test_the_same_seed_gives_the_same_draws(one_rate):
    first, second = (draws_of(one_rate, OneRateSI)[0]["beta"].to_numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
