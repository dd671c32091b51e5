"""What is made of nutpie's draws, against ArviZ's own ways."""

import dataclasses

import arviz as az
import numpy as np
import pytest

from tworate.inference.likelihood.compiled_density import constrain
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.specification import Specification
from tworate.inference.posterior import fitting
from tworate.inference.posterior.diagnostics import COLUMNS, DIVERGENT_LIMIT, diagnose, summarize
from tworate.inference.posterior.fitting import observed
from tworate.inference.posterior.sampling import STATISTICS, SamplerSettings, Sampling
from tworate.models import OneRateSI
from tworate.simulate import random_regular, spread


@pytest.fixture(scope="module")
def data():
    return spread(random_regular(200, 8, seed=1), [[0.1]], rounds=20, replicates=3, seed=2)


@pytest.mark.parametrize("effects", [False, True])
def test_draws_and_statistics_are_those_that_nutpie_gives_arviz(data, effects):
    specification = Specification(OneRateSI, LIKELIHOODS["beta-binomial"], "rounds", effects)
    transitions = observed(data, "recorded", specification)
    settings = SamplerSettings(chains=2, tune=60, draws=40).of(specification)
    found = Sampling(specification, transitions, seed=3, settings=settings).result()
    again = Sampling(specification, transitions, seed=3, settings=settings)
    again._running._return_raw_trace = False
    expected = again._running.wait()
    for name, spec in specification.scalars.items():
        values = constrain(spec, expected.posterior[name]) / (transitions.window if spec.is_rate else 1.0)
        np.testing.assert_array_equal(found.posterior[name], values)
    if effects:
        np.testing.assert_array_equal(found.posterior["replicate_effect"], expected.posterior["replicate_effect"])
        assert list(found.posterior["replicate"].values) == ["0", "1", "2"]
    for name in STATISTICS:
        np.testing.assert_array_equal(found.sample_stats[name], expected.sample_stats[name])
    assert found.posterior.sizes["draw"] == settings.draws


def test_thinned_draws_are_every_second_one_and_divergences_all(data):
    specification = Specification(OneRateSI, LIKELIHOODS["beta-binomial"])
    transitions = observed(data, "recorded", specification)
    # Few warm-up draws and long steps: some transitions diverge.
    every, thinned = (
        Sampling(specification, transitions, seed=4, settings=SamplerSettings(2, 4, draws, 0.05, thin)).result()
        for draws, thin in ((400, 1), (200, 2))
    )
    np.testing.assert_array_equal(thinned.posterior["beta"], every.posterior["beta"][:, 1::2])
    diverging = every.sample_stats["diverging"].to_numpy()
    assert diverging[:, 0::2].sum() > 0
    np.testing.assert_array_equal(thinned.sample_stats["diverging"], diverging[:, 0::2] | diverging[:, 1::2])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("good", None),
        ("a divergence", None),
        ("correlated", {"tune": 40, "draws": 400, "thin": 2, "target_accept": 0.8, "seed": 3}),
        ("diverging", {"tune": 40, "draws": 400, "thin": 2, "target_accept": 0.99, "seed": 3}),
        ("apart", {"tune": 40, "draws": 400, "thin": 1, "target_accept": 0.8, "seed": 4}),
    ],
)
def test_a_second_try_does_what_the_first_calls_for(first, second, monkeypatch):
    rng = np.random.default_rng(6)
    draws, diverging = rng.normal(size=(4, 400)), np.zeros((4, 400), dtype=bool)
    diverging.ravel()[: {"a divergence": 1, "diverging": 2}.get(first, 0)] = True
    if first == "correlated":
        # Of 4 × 400 draws, so many blocks of equal ones are worth a hundred.
        draws = np.repeat(rng.normal(size=(4, 25)), 16, axis=1)
        draws -= draws.mean(axis=1, keepdims=True)
    if first == "apart":
        draws[0] += 3.0
    begun = []

    class Scripted:
        """Sampling whose first draws are given, and whose second ones are good."""

        def __init__(self, specification, data, *, seed, settings):
            begun.append({**dataclasses.asdict(settings), "seed": seed})

        def result(self):
            values, stats = (draws, diverging) if len(begun) == 1 else (rng.normal(size=(4, 400)), 0 * diverging)
            return az.from_dict({"beta": values}, sample_stats={"diverging": stats})

    monkeypatch.setattr(fitting, "Sampling", Scripted)
    specification = Specification(OneRateSI, LIKELIHOODS["binomial"])
    found = fitting.Drawing(specification, None, seed=3, settings=SamplerSettings(tune=20, draws=400)).result()
    assert found.problems == []
    assert begun[1:] == ([] if second is None else [{"chains": 4, **second}])


def test_what_has_ended_can_be_aborted(data):
    specification = Specification(OneRateSI, LIKELIHOODS["beta-binomial"])
    transitions = observed(data, "recorded", specification)
    sampling = Sampling(specification, transitions, seed=3, settings=SamplerSettings(2, 20, 20).of(specification))
    sampling.result()
    sampling.abort()


def test_summary_is_that_of_arviz():
    rng = np.random.default_rng(4)
    # A chain that lies elsewhere, and one that hardly moves: R̂ and effective sizes far from the ideal.
    walk = np.cumsum(rng.standard_normal((4, 300)), axis=1) / 10 + np.array([[0.0], [0.0], [0.0], [3.0]])
    posterior = az.from_dict({"a": rng.gamma(2.0, size=(4, 300)), "b": walk, "effects": rng.normal(size=(4, 300, 2))})
    expected = az.summary(posterior, var_names=["a", "b"], hdi_prob=0.95, round_to="none")
    expected.columns = [{"hdi_2.5%": "hdi_low", "hdi_97.5%": "hdi_high"}.get(name, name) for name in expected.columns]
    found = summarize(posterior)
    assert list(found.index) == ["a", "b"]
    np.testing.assert_array_equal(found.to_numpy(), expected[list(COLUMNS)].to_numpy())


def test_few_divergent_transitions_are_tolerated_where_it_is_said():
    rng = np.random.default_rng(5)
    diverging = np.zeros((4, 1000), dtype=bool)
    draws = {"posterior": {"a": rng.normal(size=(4, 1000))}, "sample_stats": {"diverging": diverging}}
    said = []
    for number in (0, 1, 4, 5):
        diverging.ravel()[:number] = True
        posterior = az.from_dict(**draws)
        said.append((diagnose(posterior), diagnose(posterior, divergent_limit=DIVERGENT_LIMIT)))
    assert said[0] == ([], [])
    assert said[1] == (["1 divergent transition"], [])
    assert said[2] == (["4 divergent transitions"], [])
    assert said[3] == (["5 divergent transitions"], ["5 divergent transitions"])
