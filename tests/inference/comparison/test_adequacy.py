"""Adequacy: against SciPy, exact leave-one-out and loops; right for the model of the data, and not for another."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from tworate.inference.calibration.data_generating_processes import OneRate, Who
from tworate.inference.comparison.adequacy import (
    MAX_BINS,
    MIN_EXPECTED,
    Adequacy,
    adequacy,
    agents_in_bins,
    in_bins,
    merged,
    ranks,
    sample_crps,
    uniformity,
)
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.specification import Specification
from tworate.inference.loo.psis import leave_one_out, smoothed_weights
from tworate.inference.posterior.fitting import observed
from tworate.models import OneRateSI, RandomRegular, TwoRateSI
from tworate.models.structured import with_structure
from tworate.models.structures import get_structure
from tworate.simulate import Trajectories, random_regular

BINOMIAL = LIKELIHOODS["binomial"]
ONE = Specification(OneRateSI, BINOMIAL)
TWO_RATES = TwoRateSI(1.2, 0.2, 0.5)


def around(rng=None, sd=0.0, **values):
    """Return draws of parameters around values."""
    noise = np.exp(sd * rng.normal(size=(2, 200))) if rng is not None else np.ones((2, 2))
    return xr.Dataset({name: (("chain", "draw"), value * noise) for name, value in values.items()})


def counts(model, seed, replicates=4, rounds=25):
    times = np.arange(rounds)
    rng = np.random.default_rng(seed)
    infected = model.simulate(
        times, population=1000, infected0=10, closure=RandomRegular(8), rng=rng, replicates=replicates
    )
    label = np.repeat(np.arange(replicates), rounds)
    table = {"trajectory": label, "time": np.tile(times, replicates), "infected": infected.ravel(), "population": 1000}
    return observed(Trajectories(pd.DataFrame(table).assign(degree=8)), "edge-based", ONE)


def mle(data):
    """Return the rate of the highest likelihood, on a grid, and its standard error."""
    rates = np.linspace(0.05, 1.5, 2000)
    exposure = data.exposure_end - data.exposure_start
    log_escape = -rates[:, None] * exposure
    log_p = np.log(-np.expm1(log_escape))
    misfit = -(data.incidence * log_p + (data.n_susceptible - data.incidence) * log_escape).sum(axis=1)
    return rates[misfit.argmin()], 1 / np.sqrt(data.incidence.sum())


def test_weights_give_the_elpd_of_leave_one_out():
    rng = np.random.default_rng(1)
    values = -rng.exponential(np.linspace(0.05, 1.2, 100), (1500, 100))
    weights = smoothed_weights(values, 0.8)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0)
    elpd = np.log((weights * np.exp(values)).sum(axis=0))
    np.testing.assert_allclose(elpd, leave_one_out(values, 0.8).elpd, rtol=1e-10)


def test_ranks_and_scores_are_those_of_exact_leave_one_out():
    # y ~ N(θ, 1) with a flat prior: the prediction of one of 12 by the others is normal in closed form.
    rng, size = np.random.default_rng(3), 12
    y = rng.normal(0.4, 1, size)
    theta = rng.normal(y.mean(), size**-0.5, (40_000, 1))
    weights = smoothed_weights(-0.5 * (y - theta) ** 2, 1.0)
    predicted = rng.normal(theta, 1.0, (theta.size, size))
    sd = np.sqrt(1 + 1 / (size - 1))
    z = (y - (y.sum() - y) / (size - 1)) / sd
    # The standard error of a share of 40,000 draws is 0.0025, and weights add to it.
    np.testing.assert_allclose(ranks(predicted, weights, y, rng), stats.norm.cdf(z), atol=0.012)
    exact = sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - np.pi**-0.5)
    np.testing.assert_allclose(sample_crps(predicted, weights, y), exact, atol=0.02)


def test_ranks_are_uniform_for_any_number_of_draws_and_discrete_data():
    rng = np.random.default_rng(4)
    predicted, y = rng.binomial(3, 0.3, (7, 20_000)), rng.binomial(3, 0.3, 20_000)
    pit = ranks(predicted, np.full(predicted.shape, 1 / 7), y, rng)
    assert stats.kstest(pit, "uniform").pvalue > 1e-3


def test_crps_of_equal_weights_is_the_double_sum():
    rng = np.random.default_rng(5)
    x, y = rng.poisson(4, (30, 3)), np.array([0, 4, 9])
    pairs = np.abs(x[:, None] - x[None]).mean(axis=(0, 1))
    expected = np.abs(x - y).mean(axis=0) - 0.5 * pairs
    np.testing.assert_allclose(sample_crps(x, np.full(x.shape, 1 / 30), y), expected)


def test_p_values_of_uniform_ranks_are_uniform_and_small_for_others():
    rng = np.random.default_rng(6)
    p_values = [uniformity(rng.uniform(size=60)) for _ in range(1000)]
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3
    # Shifted, too narrow and too wide.
    for other in (rng.beta(2, 1, 100), rng.beta(3, 3, 100), rng.beta(0.4, 0.4, 100)):
        assert uniformity(other) < 1e-3


def test_bins_hold_enough_and_their_statistic_is_chi_squared():
    rng = np.random.default_rng(7)
    at, n, p = np.repeat(np.arange(40.0), 3), 500, np.tile(np.linspace(0.01, 0.2, 40), 3)
    expected, variance = n * p, n * p * (1 - p)
    p_values = []
    for _ in range(400):
        binned = in_bins(at, rng.binomial(n, p), expected, variance)
        p_values.append(binned.p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3
    assert 5 <= len(binned.low) <= MAX_BINS
    assert sum(binned.expected) == pytest.approx(expected.sum())
    assert min(binned.expected) >= 0.5 * expected.sum() / MAX_BINS
    assert set(merged(np.full(5, MIN_EXPECTED / 20))) == {0}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counts_of_one_rate_are_described_by_one_rate_and_those_of_two_are_not(seed):
    rng = np.random.default_rng(seed)
    for truth in (OneRateSI(0.7), TWO_RATES):
        data = counts(truth, seed)
        rate, error = mle(data)
        found = adequacy(ONE, around(rng, error, beta=rate), data, seed=1)
        assert set(found.p_values) == {"pit", "exposure", "time"}
        assert found.p_value == pytest.approx(min(1.0, 3 * min(found.p_values.values())))
        assert len(found.pit) == data.size
        assert sum(found.bins["time"].observed) == data.incidence.sum()
        if truth is TWO_RATES:
            assert not found.is_adequate
            assert found.p_value < 1e-10
            assert found.in_words.startswith("is not adequate: the misfit is largest at ")
            assert found.coverage90 < 0.8
        else:
            assert found.is_adequate
            assert found.in_words.startswith("describes the data adequately (p = ")
            # 96 increments: 0.83 is more than two standard errors below 0.9.
            assert found.coverage90 > 0.82


def test_few_data_of_the_model_are_hardly_ever_rejected():
    # 60 data sets: at most 4 rejections have a probability of 0.99 or more if a model is rejected in 2% of them.
    rejected = 0
    for seed in range(60):
        data = counts(OneRateSI(0.7), seed, replicates=2)
        rate, error = mle(data)
        rejected += not adequacy(ONE, around(np.random.default_rng(seed), error, beta=rate), data, seed=1).is_adequate
    assert rejected <= 4


def test_a_free_hazard_that_beats_a_model_makes_it_inadequate():
    found = Adequacy(0.4, {"pit": 0.4}, 1.0, 0.5, 0.9, "at times 1 to 2: 8 shared, 9 expected", {}, [], 9.0, 3.0)
    assert not found.is_adequate
    assert "a free hazard gains 9.0, dse = 3.0" in found.in_words
    assert Adequacy(0.4, {"pit": 0.4}, 1.0, 0.5, 0.9, "", {}, [], 9.0, 5.0).is_adequate


def test_it_is_saved_in_plain_numbers():
    found = adequacy(ONE, around(beta=0.7), counts(OneRateSI(0.7), 1), seed=1)
    again = Adequacy.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    assert found.to_dict()["adequate"] is True


def individual(truth, structure=None, clock="rounds"):
    data = truth.spread(random_regular(400, 8, seed=1), rounds=25, replicates=2, clock=clock, seed=1, histories=True)
    model = with_structure(OneRateSI, structure)
    specification = Specification(model, BINOMIAL, clock, level="individual")
    return specification, observed(data, "", specification)


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_agents_in_bins_are_those_of_a_loop_over_their_intervals(clock):
    specification, data = individual(OneRate(0.8), clock=clock)
    binned = agents_in_bins(specification, around(beta=0.8), data)
    # For one rate the hazard in a bin is the rate times the exposure there.
    for low, high, observed_there, expected_there in zip(
        binned.low, binned.high, binned.observed, binned.expected, strict=True
    ):
        expected = shares = 0.0
        for start, end, n, shared in zip(
            data.exposure_start, data.exposure_end, data.n_susceptible, data.incidence, strict=True
        ):
            gained = 0.8 * max(min(end, high) - max(start, low), 0.0)
            expected += n * gained
            shares += shared * gained / -np.expm1(-0.8 * (end - start))
        assert expected_there == pytest.approx(expected, rel=1e-6)
        assert observed_there == pytest.approx(shares, rel=1e-5)


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_agents_of_one_rate_are_described_by_one_rate_and_those_of_two_are_not(clock):
    for truth, rate, adequate in ((OneRate(0.8), 0.8, True), (Who(1.2, 6.0, 0.5), 0.7, False)):
        specification, data = individual(truth, clock=clock)
        found = adequacy(specification, around(np.random.default_rng(1), 0.03, beta=rate), data, seed=1)
        assert list(found.bins) == ["exposure"]
        assert found.pit == []
        assert found.is_adequate == adequate
        assert "at exposures of " in found.worst


def test_exposure_in_bins_is_weighted_as_the_structure_weights_it():
    specification, data = individual(OneRate(0.8), get_structure("ageing"))
    # Hardly any ageing: the bins are those without a structure.
    slow = agents_in_bins(specification, around(beta=0.8, ageing_rate=1e-9), data)
    fast = agents_in_bins(specification, around(beta=0.8, ageing_rate=0.5), data)
    total = (data.n_susceptible * (data.exposure_end - data.exposure_start)).sum()
    assert sum(slow.expected) == pytest.approx(0.8 * total, rel=1e-6)
    assert slow.high[-1] > 2 * fast.high[-1]
