"""Posteriors from the draws of a run, second tries, and diagnostics."""

import arviz as az
import numpy as np
import pytest
import xarray as xr

from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.specification import Specification
from tworate.inference.posterior import sampling
from tworate.inference.posterior.arviz_adapter import HAS_TREES, group, make_posterior
from tworate.inference.posterior.diagnostics import COLUMNS, diagnose, summarize
from tworate.inference.posterior.fit_target import FitTarget, adapted, start_sampling
from tworate.inference.posterior.fitting import observed
from tworate.inference.posterior.nutpie_adapter import STATISTICS, NutpieRun, Trace
from tworate.inference.posterior.sampling import SamplerSettings, thinned
from tworate.models import OneRateSI
from tworate.simulate import random_regular, spread


@pytest.fixture(scope="module")
def data():
    return spread(random_regular(200, 8, seed=1), [[0.1]], rounds=20, replicates=3, seed=2)


@pytest.mark.parametrize("effects", [False, True])
def test_parameters_are_in_units_of_the_data(data, effects):
    specification = Specification(OneRateSI, LIKELIHOODS["beta-binomial"], "rounds", effects)
    transitions = observed(data, "recorded", specification)
    target = FitTarget(specification, transitions)
    settings = adapted(SamplerSettings(chains=2, tune=60, draws=40), specification)
    options = {"chains": 2, "tune": settings.tune, "draws": settings.draws, "target_accept": settings.target_accept}
    trace = NutpieRun(target.sampler_model(), max_tree_depth=7, low_rank=True, seed=3, **options).wait()
    posterior = target.posterior(trace)
    parameters = group(posterior, "posterior")
    for name, spec in specification.scalars.items():
        values = spec.constrained(trace.draws[name][:, :, 0]) / (transitions.window if spec.is_rate else 1.0)
        np.testing.assert_array_equal(parameters[name], values)
    if effects:
        np.testing.assert_array_equal(parameters["replicate_effect"], trace.draws["replicate_effect"])
        assert list(parameters["replicate"].values) == ["0", "1", "2"]
    for name in STATISTICS:
        np.testing.assert_array_equal(group(posterior, "sample_stats")[name], trace.statistics[name])
    assert dict(parameters.sizes)["draw"] == settings.draws


def test_thinning_keeps_every_second_draw_and_all_divergences():
    rng = np.random.default_rng(4)
    draws = {"beta": rng.normal(size=(2, 12, 1))}
    statistics = {name: rng.normal(size=(2, 12)) for name in STATISTICS}
    # Divergences at kept draws, at dropped draws, at both draws of a pair, and at neither.
    diverging = np.zeros((2, 12), dtype=bool)
    diverging[0, [1, 4, 6, 7]] = True
    statistics["diverging"] = diverging
    thinned_trace = thinned(Trace(draws, statistics), 2)
    np.testing.assert_array_equal(thinned_trace.draws["beta"], draws["beta"][:, 1::2])
    np.testing.assert_array_equal(thinned_trace.statistics["logp"], statistics["logp"][:, 1::2])
    expected = np.zeros((2, 6), dtype=bool)
    expected[0, [0, 2, 3]] = True
    np.testing.assert_array_equal(thinned_trace.statistics["diverging"], expected)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("good", None),
        ("a divergence", None),
        ("correlated", {"tune": 40, "draws": 800, "target_accept": 0.8, "seed": 3}),
        ("diverging", {"tune": 40, "draws": 800, "target_accept": 0.99, "seed": 3}),
        ("apart", {"tune": 40, "draws": 400, "target_accept": 0.8, "seed": 4}),
    ],
)
def test_the_settings_of_a_second_try_follow_from_the_problem_of_the_first(first, second, data, monkeypatch):
    rng = np.random.default_rng(6)
    draws, diverging = rng.normal(size=(4, 400)), np.zeros((4, 400), dtype=bool)
    diverging.ravel()[: {"a divergence": 1, "diverging": 2}.get(first, 0)] = True
    if first == "correlated":
        # 4 × 400 draws in blocks of 16 equal ones: the effective sample size is a hundred.
        draws = np.repeat(rng.normal(size=(4, 25)), 16, axis=1)
        draws -= draws.mean(axis=1, keepdims=True)
    if first == "apart":
        draws[0] += 3.0
    begun = []

    class Scripted:
        """A run with given draws in the first try and good draws in the second."""

        def __init__(self, model, **options):
            begun.append(options)

        def wait(self):
            values, stats = (draws, diverging) if len(begun) == 1 else (rng.normal(size=(4, 400)), 0 * diverging)
            thin = begun[-1]["draws"] // 400
            statistics = dict.fromkeys(STATISTICS, np.repeat(stats.astype(bool), thin, axis=1))
            # These draws are unconstrained: the rate is their exponential.
            return Trace({"beta": np.repeat(values, thin, axis=1)[:, :, None]}, statistics)

    monkeypatch.setattr(sampling, "NutpieRun", Scripted)
    specification = Specification(OneRateSI, LIKELIHOODS["binomial"])
    transitions = observed(data, "recorded", specification)
    run = start_sampling(specification, transitions, seed=3, settings=SamplerSettings(tune=20, draws=400))
    result = run.result()
    assert result.problems == []
    common = {"chains": 4, "max_tree_depth": 7, "low_rank": True}
    assert begun[1:] == ([] if second is None else [{**common, **second}])
    assert group(result.posterior, "posterior").sizes["draw"] == 400


def test_a_second_try_that_keeps_every_second_draw_counts_all_divergences(data, monkeypatch):
    tries = []

    class Scripted:
        """A run with divergences at draws that thinning drops."""

        def __init__(self, model, **options):
            tries.append(options["draws"])

        def wait(self):
            n = tries[-1]
            diverging = np.zeros((4, n), dtype=bool)
            diverging[:, 0:20:2] = True
            values = np.random.default_rng(n).normal(size=(4, n, 1))
            return Trace({"beta": values}, dict.fromkeys(STATISTICS, diverging))

    monkeypatch.setattr(sampling, "NutpieRun", Scripted)
    specification = Specification(OneRateSI, LIKELIHOODS["binomial"])
    transitions = observed(data, "recorded", specification)
    run = start_sampling(specification, transitions, seed=3, settings=SamplerSettings(tune=20, draws=400))
    assert run.result().problems == ["40 divergent transitions"]
    assert tries == [400, 800]


def test_summary_is_that_of_arviz():
    rng = np.random.default_rng(4)
    # Slow random walks, and one chain at another place: R̂ and effective sample sizes are far from ideal.
    walk = np.cumsum(rng.standard_normal((4, 300)), axis=1) / 10 + np.array([[0.0], [0.0], [0.0], [3.0]])
    draws = {"a": rng.gamma(2.0, size=(4, 300)), "b": walk, "effects": rng.normal(size=(4, 300, 2))}
    posterior = make_posterior(posterior=as_dataset(draws))
    options = {"ci_prob": 0.95, "ci_kind": "hdi"} if HAS_TREES else {"hdi_prob": 0.95}
    expected = az.summary(posterior, var_names=["a", "b"], round_to="none", **options)
    names = {"hdi_2.5%": "hdi_low", "hdi_97.5%": "hdi_high", "hdi95_lb": "hdi_low", "hdi95_ub": "hdi_high"}
    expected.columns = [names.get(name, name) for name in expected.columns]
    summary = summarize(posterior)
    assert list(summary.index) == ["a", "b"]
    np.testing.assert_array_equal(summary.to_numpy(), expected[list(COLUMNS)].to_numpy())


def test_few_divergent_transitions_are_tolerated():
    rng = np.random.default_rng(5)
    diverging = np.zeros((4, 1000), dtype=bool)
    problems = []
    for number in (0, 1, 4, 5):
        diverging.ravel()[:number] = True
        posterior = make_posterior(
            posterior=as_dataset({"a": rng.normal(size=(4, 1000))}), sample_stats=as_dataset({"diverging": diverging})
        )
        problems.append(diagnose(posterior))
    assert problems == [[], [], [], ["5 divergent transitions"]]


@pytest.mark.parametrize(("ess", "bad"), [(390.0, True), (410.0, False)])
def test_an_effective_sample_size_below_400_is_a_problem(ess, bad):
    rng = np.random.default_rng(6)
    posterior = make_posterior(
        posterior=as_dataset({"a": rng.normal(size=(4, 1000))}),
        sample_stats=as_dataset({"diverging": np.zeros((4, 1000), dtype=bool)}),
    )
    summary = summarize(posterior).assign(ess_bulk=ess)
    assert bool(diagnose(posterior, summary)) is bad


def as_dataset(values):
    """Convert arrays of shape (chain, draw, ...) to a dataset with ArviZ's names of dimensions."""
    names = ("chain", "draw", "effect")
    variables = {name: (names[: np.ndim(value)], value) for name, value in values.items()}
    return xr.Dataset(variables, coords={"chain": range(4), "draw": range(next(iter(values.values())).shape[1])})
