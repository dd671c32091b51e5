"""Pooling of sampled decisions: noise is taken off, differences of personas stay, as statistics over many tables."""

import numpy as np
import pytest
from scipy import stats

from tworate.agents import Elicitation, LanguageModel, decide, shipped_events
from tworate.agents.shrinkage import shrink

N_PERSONAS, N_SIGHTINGS = 32, 5


def sampled(probabilities, n, rng):
    """Return log-odds and standard errors of n answers in each of two orders."""
    counts = rng.binomial(n, probabilities, size=(2, *np.shape(probabilities)))
    log_odds = np.log((counts + 0.5) / (n - counts + 0.5)).mean(axis=0)
    variance = (1 / (counts + 0.5) + 1 / (n - counts + 0.5)).sum(axis=0) / 4
    return log_odds, np.sqrt(variance)


@pytest.mark.parametrize(("p", "n"), [(0.3, 20), (0.05, 20), (0.3, 100)])
def test_noise_alone_is_taken_off_and_rarely_called_a_difference(p, n):
    rng = np.random.default_rng(1)
    false, left = 0, []
    for _ in range(200):
        log_odds, sd = sampled(np.full((N_PERSONAS, N_SIGHTINGS), p), n, rng)
        pooled = shrink(log_odds, sd)
        false += pooled.p_value <= 0.05
        left.append(pooled.log_odds.std() / log_odds.std())
    # A test of level 5%: more than 20 of 200 would happen once in a thousand such studies.
    assert stats.binom.sf(false - 1, 200, 0.05) > 1e-3
    assert np.mean(left) < 0.3


def test_real_differences_stay_and_errors_become_smaller():
    rng = np.random.default_rng(2)
    pooled_error, raw_error, sds, found = [], [], [], 0
    for _ in range(60):
        truth = -1 + rng.normal(0, 0.7, (N_PERSONAS, 1)) - 0.2 * np.arange(N_SIGHTINGS)
        log_odds, sd = sampled(1 / (1 + np.exp(-truth)), 20, rng)
        pooled = shrink(log_odds, sd)
        found += pooled.p_value <= 0.05
        sds.append(pooled.persona_sd)
        pooled_error.append(np.mean((pooled.log_odds - truth) ** 2))
        raw_error.append(np.mean((log_odds - truth) ** 2))
    assert found == 60
    # Half an answer is added to each option, which draws the estimates together a little.
    assert 0.5 < np.mean(sds) < 0.75
    assert np.mean(pooled_error) < 0.5 * np.mean(raw_error)


def test_the_estimate_is_the_posterior_mean_of_the_model():
    """Against the joint normal distribution of all cells and their noise, written out as one matrix."""
    rng = np.random.default_rng(3)
    sd = rng.uniform(0.2, 0.6, (6, 3))
    values = rng.normal(0, 1, (6, 1)) + rng.normal(0, 0.3, (6, 3)) + rng.normal(size=(6, 3)) * sd
    pooled = shrink(values, sd)
    same = np.kron(np.eye(6), np.ones((3, 3)))
    prior = pooled.persona_sd**2 * same + pooled.cell_sd**2 * np.eye(18)
    covariance = prior + np.diag(sd.ravel() ** 2)
    design = np.tile(np.eye(3), (6, 1))
    inverse = np.linalg.inv(covariance)
    information = design.T @ inverse @ design
    mean = np.linalg.solve(information, design.T @ inverse @ values.ravel())
    expected = design @ mean + prior @ inverse @ (values.ravel() - design @ mean)
    np.testing.assert_allclose(pooled.log_odds.ravel(), expected, atol=1e-8)
    left = design - prior @ inverse @ design
    variance = np.diag(prior - prior @ inverse @ prior) + np.diag(left @ np.linalg.inv(information) @ left.T)
    np.testing.assert_allclose(pooled.sd.ravel() ** 2, variance, atol=1e-8)


def test_one_persona_and_one_sighting():
    assert np.isnan(shrink(np.ones((1, 5)), np.ones((1, 5))).p_value)
    one = shrink(np.linspace(-2, 2, 9)[:, None], np.full((9, 1), 0.1))
    assert one.persona_sd == pytest.approx(np.linspace(-2, 2, 9).std(ddof=1), abs=0.1)


class Alike(LanguageModel):
    """All personas share with one probability."""

    name, fingerprint = "alike", "none"

    def score_answers(self, conversations, options, progress=None):
        return [np.log([0.3, 0.7])] * len(conversations)

    def draw_answers(self, conversations, sampling, progress=None):
        rng = np.random.default_rng(sampling.seed)
        return [["share" if u < 0.3 else "ignore" for u in rng.random(sampling.samples)] for _ in conversations]


def test_sampled_tables_are_pooled_before_they_are_used():
    asked = Elicitation("sample", samples=20, seed=4)
    (pooled,) = decide(Alike(), shipped_events()[:1], elicitation=asked)
    (raw,) = decide(Alike(), shipped_events()[:1], elicitation=Elicitation("sample", samples=20, seed=4, shrink=False))
    assert pooled.probabilities.std() < 0.4 * raw.probabilities.std()
    assert raw.pooled is None
    np.testing.assert_allclose(pooled.to_frame()["p_sampled"], raw.probabilities.ravel())
    assert "p_sampled" not in raw.to_frame()
    (scored,) = decide(Alike(), shipped_events()[:1])
    assert scored.pooled is None
