"""The posterior mode without sampling: against the most likely of many draws from the posterior, and closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from tworate import Trajectories
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.specification import Specification
from tworate.inference.posterior.fitting import observed
from tworate.inference.posterior.mode import log_likelihood_at_mode, log_likelihood_by_replicate
from tworate.models import MeanField, OneRateSI, RandomRegular, TwoRateSI
from tworate.models.structured import with_structure
from tworate.models.structures import get_structure

BINOMIAL = LIKELIHOODS["binomial"]


def test_one_rate_is_at_the_mode_of_its_density_in_closed_form(make_trajectories):
    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=1, degree=None, replicates=2)
    specification = Specification(OneRateSI, BINOMIAL)
    data = observed(Trajectories(table), "mean-field", specification)
    gained = data.exposure_end - data.exposure_start
    prior = OneRateSI.parameters()["beta"].distribution

    def log_likelihood(beta):
        return stats.binom.logpmf(data.incidence, data.n_susceptible, -np.expm1(-beta * gained))

    found = optimize.minimize_scalar(
        lambda x: -log_likelihood(np.exp(x)).sum() - prior.logpdf(np.exp(x) * data.window),
        bounds=(-4, 2), method="bounded", options={"xatol": 1e-10},
    )  # fmt: skip
    at_mode = log_likelihood_at_mode(specification, data)
    np.testing.assert_allclose(at_mode, log_likelihood(np.exp(found.x)), rtol=1e-4, atol=1e-4)
    assert at_mode.sum() == pytest.approx(log_likelihood(np.exp(found.x)).sum(), abs=1e-4)


@pytest.mark.parametrize("likelihood", ["binomial", "beta-binomial"])
@pytest.mark.parametrize("structure", [None, "ageing", "fading", "unreachable"])
def test_no_other_point_is_better(make_trajectories, structure, likelihood):
    table = make_trajectories(TwoRateSI(1.0, 0.2, 0.5), RandomRegular(8), seed=3, degree=8, replicates=3)
    model = TwoRateSI if structure is None else with_structure(TwoRateSI, get_structure(structure))
    specification = Specification(model, LIKELIHOODS[likelihood])
    data = observed(Trajectories(table), "edge-based", specification)
    found = log_likelihood_at_mode(specification, data).sum()
    # The truth, or a start near it, is no better: the mode does not depend on where the search begins.
    near = {"mean_rate": 0.6, "slow_over_fast": 0.2, "weight_fast": 0.5}
    again = log_likelihood_at_mode(specification, data, near).sum()
    assert abs(found - again) < 0.05
    plain = Specification(TwoRateSI, LIKELIHOODS[likelihood])
    below = log_likelihood_at_mode(plain, observed(Trajectories(table), "edge-based", plain), near).sum()
    # A structure adds a parameter at whose limit the model is plain. The prior takes little off there.
    assert found > below - 3


def test_an_observation_that_is_left_out_counts_nothing(make_trajectories):
    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=1, degree=None, replicates=1)
    specification = Specification(OneRateSI, BINOMIAL)
    data = observed(Trajectories(table), "mean-field", specification)
    data.weight[3] = 0.0
    assert log_likelihood_at_mode(specification, data)[3] == 0.0


def by_replicate(make_trajectories, rates):
    """Return the gain of a factor for each replicate over none."""
    tables = [
        make_trajectories(OneRateSI(rate), MeanField(), seed=i, degree=None, replicates=1).assign(trajectory=i)
        for i, rate in enumerate(rates)
    ]
    plain = Specification(OneRateSI, BINOMIAL)
    data = observed(Trajectories(pd.concat(tables)), "mean-field", plain)
    varying = Specification(OneRateSI, BINOMIAL, replicate_effects=True)
    return log_likelihood_by_replicate(varying, data).sum() - log_likelihood_at_mode(plain, data).sum()


def test_replicates_that_do_not_differ_gain_nothing_from_factors(make_trajectories):
    # Twice the gain, without what is taken off, is chi-squared with 19 degrees of freedom and 2 more terms are fitted.
    gain = by_replicate(make_trajectories, [0.4] * 20)
    assert abs(2 * (gain + 10) - 19) < 4 * np.sqrt(2 * 19)


def test_replicates_that_differ_gain_as_much_as_their_own_rates(make_trajectories):
    rates = 0.4 * np.exp(0.3 * np.random.default_rng(1).standard_normal(10))
    gain = by_replicate(make_trajectories, rates)
    alone = []
    plain = Specification(OneRateSI, BINOMIAL)
    for i, rate in enumerate(rates):
        table = make_trajectories(OneRateSI(rate), MeanField(), seed=i, degree=None, replicates=1)
        alone.append(log_likelihood_at_mode(plain, observed(Trajectories(table), "mean-field", plain)).sum())
    together = by_replicate(make_trajectories, rates[:1])
    assert together < 0.1
    tables = pd.concat(
        make_trajectories(OneRateSI(rate), MeanField(), seed=i, degree=None, replicates=1).assign(trajectory=i)
        for i, rate in enumerate(rates)
    )
    of_one_rate = log_likelihood_at_mode(plain, observed(Trajectories(tables), "mean-field", plain)).sum()
    # The prior of each own rate and the grid of factors, 5% apart, make small differences.
    assert gain == pytest.approx(sum(alone) - of_one_rate - 0.5 * 10, rel=0.02)
