"""The log-density of the mechanism models against PyMC's, and draws from it against quadrature."""

import itertools
import warnings

import numpy as np
import pymc as pm
import pytest
from scipy.optimize import approx_fprime
from scipy.special import expit
from scipy.stats import binom, halfnorm, norm

from tworate.inference.loo.loo import Elpd
from tworate.inference.mechanisms.decision_counts import DecisionCounts
from tworate.inference.mechanisms.mechanism_density import (
    MEAN_PRIOR,
    SD_PRIOR,
    Layout,
    buffer_of,
    effects_of,
    log_density,
    widened,
)
from tworate.inference.mechanisms.mechanism_models import MECHANISM_MODELS, MechanismFit, fit_mechanism_model
from tworate.inference.posterior.sampling import SamplerSettings

DECISIONS = np.array([[40.0, 25.0, 60.0], [35.0, 30.0, 0.0], [50.0, 20.0, 10.0], [9.0, 200.0, 80.0]])
SHARED = np.array([[10.0, 3.0, 2.0], [20.0, 15.0, 0.0], [1.0, 0.0, 1.0], [9.0, 90.0, 11.0]])


CUED_DECISIONS = np.random.default_rng(4).integers(0, 60, (4, 3, 2)).astype(float)
CUED_SHARED = np.floor(CUED_DECISIONS * np.random.default_rng(5).uniform(0.05, 0.5, CUED_DECISIONS.shape))


def data_of(layout):
    """Return decisions and new sharers of the shape of a layout."""
    return (DECISIONS, SHARED) if len(layout.shape) == 2 else (CUED_DECISIONS, CUED_SHARED)


def pymc_model(layout):
    """Return the model as one would write it in PyMC."""
    n_personas, n_sightings = layout.shape[:2]
    decisions, shared = data_of(layout)
    cued = len(layout.shape) == 3
    with pm.Model() as model:
        log_odds = pm.Normal("mean_logit", *MEAN_PRIOR) * np.ones(layout.shape)
        sd = {part: pm.HalfNormal(f"sd_{part}", SD_PRIOR[part]) for part in layout.parts}
        for part in layout.parts:
            if part == "persona":
                effect = pm.ZeroSumNormal(part, sd[part], shape=n_personas)[:, None]
            elif part == "sighting":
                effect = pm.ZeroSumNormal(part, sd[part], shape=n_sightings)[None, :]
            elif part == "cue":
                effect = pm.ZeroSumNormal(part, sd[part], shape=layout.shape[2])[None, None, :]
            else:
                effect = pm.ZeroSumNormal(part, sd[part], shape=(n_personas, n_sightings), n_zerosum_axes=2)
            log_odds = log_odds + (effect[:, :, None] if cued and part != "cue" else effect)
        pm.Binomial("shared", n=decisions.astype(int), logit_p=log_odds, observed=shared.astype(int))
    return model


def free_numbers(layout, buffer, point):
    """Return the free numbers of each part that a point stands for, and the log-Jacobian of scaling them."""
    sizes = [layout.size(part) for part in MECHANISM_MODELS["all"]]
    information = dict(
        zip(MECHANISM_MODELS["all"], np.split(buffer[-sum(sizes) :], np.cumsum(sizes)[:-1]), strict=True)
    )
    free, jacobian = {}, 0.0
    for number, (part, place) in enumerate(layout.slices().items()):
        scale = 1.0 / np.sqrt(np.exp(-2.0 * point[1 + number]) + information[part])
        free[part] = scale * point[place]
        jacobian += np.log(scale).sum()
    return free, jacobian


def log_posterior(layout, buffer, point):
    """Compute it plainly: binomial decisions under the table of a point, priors, and the Jacobian."""
    effects = effects_of(layout, buffer, point[None])
    free, jacobian = free_numbers(layout, buffer, point)
    decisions, shared = data_of(layout)
    total = binom.logpmf(shared, decisions, effects["p_share"][0]).sum() + norm.logpdf(point[0], *MEAN_PRIOR) + jacobian
    for number, part in enumerate(layout.parts):
        sd = effects[f"sd_{part}"][0]
        assert sd == pytest.approx(np.exp(point[1 + number]))
        total += halfnorm.logpdf(sd, scale=SD_PRIOR[part]) + point[1 + number] + norm.logpdf(free[part], scale=sd).sum()
    return total


WITHOUT_CUE = [name for name, parts in MECHANISM_MODELS.items() if "cue" not in parts]
LAYOUTS = [Layout(DECISIONS.shape, MECHANISM_MODELS[name]) for name in WITHOUT_CUE]
LAYOUTS += [Layout(CUED_DECISIONS.shape, parts) for parts in MECHANISM_MODELS.values()]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_density_is_binomial_decisions_with_priors_and_has_its_gradient(layout):
    buffer = buffer_of(layout, *data_of(layout))
    rng = np.random.default_rng(1)
    differences = []
    for _ in range(4):
        point = rng.normal(scale=0.7, size=layout.n_dim)
        gradient = np.empty(layout.n_dim)
        differences.append(log_density(point, gradient, buffer) - log_posterior(layout, buffer, point))
        slope = approx_fprime(point, lambda at: log_density(at, np.empty(layout.n_dim), buffer), 1e-6)
        np.testing.assert_allclose(gradient, slope, atol=2e-3, rtol=2e-5)
    # They differ by a constant.
    np.testing.assert_allclose(differences, differences[0], atol=1e-8)


@pytest.mark.parametrize("shape", [DECISIONS.shape, CUED_DECISIONS.shape])
def test_it_is_that_of_the_pymc_model_in_other_coordinates(shape):
    layout = Layout(shape, MECHANISM_MODELS["both" if len(shape) == 2 else "all"])
    buffer = buffer_of(layout, *data_of(layout))
    model = pymc_model(layout)
    with warnings.catch_warnings():
        # PyTensor advises to install a compiler, which is not needed here.
        warnings.simplefilter("ignore")
        theirs_of = model.compile_fn(model.logp(), mode="FAST_COMPILE")
    rng = np.random.default_rng(1)
    differences = []
    for _ in range(4):
        point = rng.normal(scale=0.7, size=layout.n_dim)
        free, jacobian = free_numbers(layout, buffer, point)
        values = {"mean_logit": point[0]}
        for number, part in enumerate(layout.parts):
            values[f"sd_{part}_log__"] = point[1 + number]
            shape = (layout.shape[0] - 1, layout.shape[1] - 1) if part == "interaction" else -1
            values[f"{part}_zerosum__"] = free[part].reshape(shape)
        differences.append(log_density(point, np.empty(layout.n_dim), buffer) - float(theirs_of(values)) - jacobian)
    np.testing.assert_allclose(differences, differences[0], atol=1e-8)


def test_effects_sum_to_zero_and_are_as_long_as_what_they_are_made_of():
    free = np.random.default_rng(2).normal(size=(3, 4, 5))
    wide = widened(widened(free, 2), 1)
    np.testing.assert_allclose([wide.sum(axis=1), wide.sum(axis=1)], 0.0, atol=1e-12)
    np.testing.assert_allclose(wide.sum(axis=2), 0.0, atol=1e-12)
    np.testing.assert_allclose((wide**2).sum(axis=(1, 2)), (free**2).sum(axis=(1, 2)), rtol=1e-12)


def counts_of(decisions, shared):
    """Return counts with these numbers by trajectory, persona and sighting."""
    n_paths, n_personas, n_sightings = decisions.shape
    where = np.array(list(itertools.product(range(n_paths), range(n_personas), range(n_sightings)))).T
    return DecisionCounts(
        tuple("abcdef"[:n_personas]), n_sightings, where[1], where[2], where[0], decisions.ravel(), shared.ravel(),
        np.full(n_personas, 1 / n_personas), 5.0, 0.0, tuple(str(n) for n in range(n_paths)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def small():
    return counts_of(np.array([[[30, 12]], [[25, 20]], [[28, 16]]]), np.array([[[9, 1]], [[6, 3]], [[10, 1]]]))


def leave_out(chances, weight, data, unit):
    """Return the exact log predictive density of each unit given the others, and the variation of its density."""
    log_pmf = binom.logpmf(data.new_sharers, data.decisions, chances[:, 0, data.sighting])
    units = data.trajectory if unit == "trajectory" else np.arange(data.persona.size)
    mean, variation = [], []
    for number in range(units.max() + 1):
        others = weight * np.exp(log_pmf[:, units != number].sum(axis=1))
        density = np.exp(log_pmf[:, units == number].sum(axis=1))
        mean.append((others * density).sum() / others.sum())
        variation.append(np.sqrt((others * density**2).sum() / others.sum() / mean[-1] ** 2 - 1))
    return np.log(mean), np.array(variation)


@pytest.mark.parametrize("unit", ["cell", "trajectory"])
@pytest.mark.parametrize("name", ["neither", "when"])
def test_posterior_and_leave_one_out_are_those_of_quadrature(small, name, unit):
    mean = np.linspace(-4.0, 2.0, 81)
    if name == "neither":
        chances = np.repeat(expit(mean)[:, None, None], 2, axis=2)
        weight = norm.pdf(mean, *MEAN_PRIOR)
    else:
        # Two sightings have one free number. Their effects are 1 / sqrt(2) and -1 / sqrt(2) times that.
        log_sd, number = np.linspace(-6.0, 2.5, 43), np.linspace(-5.0, 5.0, 81)
        at, spread, free = (grid.ravel() for grid in np.meshgrid(mean, np.exp(log_sd), number, indexing="ij"))
        effect = spread * free / np.sqrt(2.0)
        chances = expit(at[:, None] + effect[:, None] * np.array([1.0, -1.0]))[:, None, :]
        weight = norm.pdf(at, *MEAN_PRIOR) * halfnorm.pdf(spread, scale=SD_PRIOR["sighting"]) * spread * norm.pdf(free)
    settings = SamplerSettings(chains=4, tune=500, draws=2000)
    fit = fit_mechanism_model(name, small, seed=1, settings=settings, unit=unit, max_refits=6)
    assert fit.problems == []
    decisions, shared = small.totals()
    posterior = weight * np.exp(binom.logpmf(shared, decisions, chances).sum(axis=(1, 2)))
    posterior /= posterior.sum()
    draws = fit.p_share[:, 0]
    expected = (posterior[:, None] * chances[:, 0]).sum(axis=0)
    sd = np.sqrt((posterior[:, None] * (chances[:, 0] - expected) ** 2).sum(axis=0))
    # Tolerances are in units of the Monte-Carlo standard error: at least 1000 of the 8000 draws are effective, and half
    # as many when they are weighted.
    assert np.all(np.abs(draws.mean(axis=0) - expected) < 4 * sd / np.sqrt(1000))
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=4 / np.sqrt(2 * 1000))
    left, variation = leave_out(chances, weight, small, unit)
    assert np.all(np.abs(fit.elpd.pointwise - left) < 4 * variation / np.sqrt(500))


def test_what_psis_cannot_be_trusted_for_is_left_out_exactly(small):
    settings = SamplerSettings(chains=2, tune=300, draws=1000)
    # One cell has nearly all the data, so without it the posterior differs much.
    lone = counts_of(np.array([[[400, 6]], [[3, 5]]]), np.array([[[200, 1]], [[0, 1]]]))
    by_psis = fit_mechanism_model("when", lone, seed=1, settings=settings, unit="cell", max_refits=0)
    exact = fit_mechanism_model("when", lone, seed=1, settings=settings, unit="cell", max_refits=4)
    assert by_psis.elpd.high_k_units.size > 0
    assert exact.elpd.high_k_units.size == 0
    assert exact.elpd.n_refitted == by_psis.elpd.high_k_units.size
    others = ~np.isin(np.arange(4), by_psis.elpd.high_k_units)
    np.testing.assert_array_equal(exact.elpd.pointwise[others], by_psis.elpd.pointwise[others])


def test_a_unit_that_psis_cannot_weigh_counts_for_what_it_cannot_exceed():
    elpd = Elpd(np.array([-3.0, -9.0, -4.0]), np.array([0.2, 0.9, np.nan]), good_k=0.7, p_loo=1.0)
    fit = MechanismFit("who", None, None, elpd, np.array([-2.5, -6.0, -3.5]), [])
    # Only the unit of high Pareto k is bounded. The refitted unit (NaN) is exact.
    np.testing.assert_array_equal(fit.bound, [-3.0, -6.0, -4.0])
    np.testing.assert_array_equal(elpd.pointwise, [-3.0, -9.0, -4.0])
