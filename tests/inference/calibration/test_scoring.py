"""Scores of a data set with a known truth, with a scripted comparison."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from tworate.errors import InputError
from tworate.inference.calibration import scoring
from tworate.inference.calibration.data_generating_processes import OneRate, Who
from tworate.inference.comparison.comparison import Comparison
from tworate.inference.comparison.results import ConditionResult, ModelResult
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.specification import Specification
from tworate.inference.loo.loo import Elpd
from tworate.inference.posterior.arviz_adapter import group, make_posterior
from tworate.inference.posterior.fitting import observed, predicted_draws
from tworate.inference.posterior.posteriors import Posteriors
from tworate.models import GammaRateSI, OneRateSI, TwoRateSI
from tworate.simulate import random_regular

HOW = {
    "likelihood": "binomial",
    "closure": None,
    "prior_scale": 1.0,
    "level": "count",
    "structures": "default",
    "seed": 1,
}
BINOMIAL = LIKELIHOODS["binomial"]
MODELS = {
    "one-rate": Specification(OneRateSI, BINOMIAL),
    "two-rate": Specification(TwoRateSI, BINOMIAL),
    "gamma-rate": Specification(GammaRateSI, BINOMIAL),
}


@pytest.fixture(scope="module")
def data():
    network = random_regular(300, 8, seed=1)
    make = OneRate(rate=0.6).spread
    return [make(network, rounds=25, replicates=3, seed=seed) for seed in (2, 3)]


def posterior_of(specification, data, rng):
    """Return draws about fixed values, with the log-likelihood of the data under them."""
    centres = {"beta": 0.6, "beta_fast": 0.7, "beta_slow": 0.5, "weight_fast": 0.5, "heterogeneity": 0.1}
    draws = xr.Dataset(
        {
            name: (("chain", "draw"), centres.get(name, 0.3) * np.exp(0.02 * rng.normal(size=(2, 100))))
            for name in specification.model.parameters()
        },
        coords={"chain": range(2), "draw": range(100)},
    )
    seen = observed(data, "recorded", specification)
    log_escape, _ = predicted_draws(specification, draws, seen)
    pointwise = stats.binom.logpmf(seen.incidence, seen.n_susceptible, -np.expm1(log_escape))
    held = xr.Dataset({"incidence": (("chain", "draw", "observation"), pointwise.reshape(2, 100, -1))})
    return make_posterior(posterior=draws, log_likelihood=held), seen.size


def result_of(data, **changes):
    rng, models, posteriors = np.random.default_rng(4), {}, {}
    for number, (name, specification) in enumerate(MODELS.items()):
        posteriors[name], n = posterior_of(specification, data, rng)
        elpd = Elpd(np.full(n, -1.0 - 0.1 * number), np.zeros(n), 0.7, 1.0)
        empty = pd.DataFrame()
        models[name] = ModelResult(specification, elpd, 0.5, empty, empty, [], rival=name == "gamma-rate")
    fields = {
        "condition": {}, "verdict": "one-rate", "doubts": [], "reasons": ["because"], "challenged_by": [],
        "elpd_diff": -7.0, "dse": 0.5, "closure": "recorded", "closure_reason": "", "likelihood": "binomial",
        "clock": "rounds", "clock_reason": "", "unit": "increment", "n_observations": n, "n_increments": n,
        "models": models, "posteriors": Posteriors(posteriors),
    }  # fmt: skip
    return ConditionResult(**{**fields, **changes})


def scored(data, monkeypatch, process=None, **changes):
    result = result_of(data[0], **changes)
    monkeypatch.setattr(scoring, "compare", lambda *_, **__: Comparison([result], data[0], [], 1))
    return result, scoring.compared(process or OneRate(rate=0.6), *data, "rounds", **HOW)


def test_rows_hold_the_verdict_and_all_that_it_was_drawn_from(data, monkeypatch):
    _, row = scored(data, monkeypatch, structure=["ageing"], challenged_by=["gamma-rate"])
    assert (row["verdict"], row["structure"], row["challenged_by"]) == ("one-rate", "ageing", "gamma-rate")
    assert (row["sides_diff"], row["sides_dse"], row["reason"]) == (-7.0, 0.5, "because")
    # The plain models differ by 0.1 per unit.
    assert row["elpd_diff"] == pytest.approx(-0.1 * row["n_observations"])
    assert row["dse"] == pytest.approx(0.0, abs=1e-9)
    # The rival's difference from two rates is 0.1 per unit.
    assert row["rival_diff_gamma-rate"] == pytest.approx(-0.1 * row["n_observations"])


@pytest.mark.parametrize(("doubts", "trusted"), [([], True), (["SAMPLER"], False)])
def test_numbers_are_trusted_unless_the_verdict_doubts_them(data, monkeypatch, doubts, trusted):
    # The wording of the reasons must not matter: it may change.
    _, row = scored(data, monkeypatch, doubts=doubts, reasons=["for what they are worth"])
    assert row["trusted"] is trusted


def test_fresh_data_are_scored_by_the_draws_that_have_not_seen_them(data, monkeypatch):
    result, row = scored(data, monkeypatch)
    differences = []
    for name in ("one-rate", "two-rate"):
        fresh = observed(data[1], "recorded", MODELS[name])
        log_escape, _ = predicted_draws(MODELS[name], group(result.posteriors[name], "posterior"), fresh)
        pmf = stats.binom.pmf(fresh.incidence, fresh.n_susceptible, -np.expm1(log_escape))
        differences.append(np.log(pmf.mean(axis=0)))
    difference = differences[1] - differences[0]
    assert row["fresh_diff"] == pytest.approx(difference.sum())
    assert row["fresh_dse"] == pytest.approx(np.sqrt(difference.size) * difference.std())
    assert np.isfinite([row["elpd_diff_trajectory"], row["dse_trajectory"]]).all()


def test_parameters_of_the_true_model_are_scored_by_their_intervals(data, monkeypatch):
    result, row = scored(data, monkeypatch)
    draws = group(result.posteriors["one-rate"], "posterior")["beta"].to_numpy().ravel()
    assert row["beta_true"] == 0.6
    assert row["beta_mean"] == pytest.approx(draws.mean())
    low, high = np.quantile(draws, [0.05, 0.95])
    assert row["beta_covered"] == (low <= 0.6 <= high)
    _, row = scored(data, monkeypatch, process=Who(rate=0.6, ratio=8, weight=0.5))
    assert row["beta_fast_true"] > row["beta_slow_true"]
    assert not row["beta_slow_covered"]


def test_data_that_tell_nothing_are_a_row_of_their_own(data, monkeypatch):
    def refuse(*_, **__):
        raise InputError("nobody shares")

    monkeypatch.setattr(scoring, "compare", refuse)
    row = scoring.compared(OneRate(rate=0.6), *data, "rounds", **HOW)
    assert (row["verdict"], row["trusted"], row["reason"]) == ("undecided", False, "nobody shares")
