"""The PyMC model's density and gradient against SciPy and finite differences."""

import numpy as np
import pytest
from scipy import stats

from tworate.inference.data.observations import observe
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.predictor import predictor
from tworate.inference.likelihood.pymc_model import build_model
from tworate.inference.likelihood.specification import Specification
from tworate.models import GammaRateSI, OneRateSI, OnlineOfflineSI, RandomRegular, ReinforcedSI, TwoRateSI
from tworate.models.parameters import RATE_PRIOR
from tworate.simulate import Trajectories


@pytest.fixture(scope="module")
def trajectories(make_trajectories):
    table = make_trajectories(OneRateSI(0.5), RandomRegular(8), seed=1, degree=8, replicates=2, rounds=20)
    return Trajectories(table)


def observed(trajectories, specification):
    is_curve = specification.likelihood.kind == "trajectory"
    return observe(trajectories, "edge-based", specification.clock, whole_curve=is_curve)


def log_prior(name, value):
    """Compute the log-density of a scalar with SciPy on the scale that PyMC samples (log or logit)."""
    if name in ("beta", "mean_rate", "first_rate"):
        return stats.norm.logpdf(np.log(value), np.log(RATE_PRIOR.median), RATE_PRIOR.sigma)
    means = {"alpha": 0.5, "variation": 1.0, "replicate_sd": 0.5, "overdispersion": 1.0, "sd": 0.1}
    if name in means:
        return stats.expon.logpdf(value, scale=means[name]) + np.log(value)
    shape = {"weight_fast": (2, 2), "correlation": (1, 100)}.get(name, (1, 1))
    return stats.beta.logpdf(value, *shape) + np.log(value) + np.log1p(-value)


def log_likelihood(likelihood, prediction, dispersion, data):
    if likelihood == "normal":
        return stats.norm.logpdf(data.prevalence, prediction, dispersion).sum()
    if likelihood == "negative-binomial":
        r = 1 / dispersion
        return stats.nbinom.logpmf(data.incidence, r, r / (r + prediction)).sum()
    p = -np.expm1(prediction)
    if likelihood == "binomial":
        return stats.binom.logpmf(data.incidence, data.n_susceptible, p).sum()
    phi = 1 / dispersion - 1
    return stats.betabinom.logpmf(data.incidence, data.n_susceptible, p * phi, (1 - p) * phi).sum()


DISPERSION_IS = {"beta-binomial": "correlation", "negative-binomial": "overdispersion", "normal": "sd"}
CASES = [
    (OneRateSI, "beta-binomial", "continuous", True, {"beta": 9.0, "dispersion": 0.02, "replicate_sd": 0.3}),
    (
        TwoRateSI, "beta-binomial", "rounds", False,
        {"mean_rate": 10.0, "slow_over_fast": 0.3, "weight_fast": 0.6, "dispersion": 0.004},
    ),
    (ReinforcedSI, "binomial", "rounds", False, {"first_rate": 8.0, "first_over_later": 0.4, "p_later": 0.3}),
    (GammaRateSI, "negative-binomial", "rounds", False, {"beta": 10.0, "variation": 0.3, "dispersion": 0.2}),
    (
        OnlineOfflineSI, "normal", "rounds", True,
        {"beta": 10.0, "alpha": 0.1, "dispersion": 0.05, "replicate_sd": 0.2},
    ),
]  # fmt: skip


@pytest.fixture(scope="module", params=CASES, ids=[f"{m.name}-{lik}-{c}{'-effects' * e}" for m, lik, c, e, _ in CASES])
def case(request, trajectories):
    model, likelihood, clock, effects, point = request.param
    specification = Specification(model, LIKELIHOODS[likelihood], clock, effects)
    data = observed(trajectories, specification)
    built = build_model(specification, data)
    densities = built.compile_logp(mode="FAST_COMPILE"), built.compile_dlogp(mode="FAST_COMPILE")
    return specification, data, built, *densities, point


def unconstrained(built, values):
    """Return a point on the scale that PyMC samples."""
    point = {}
    for name, value in values.items():
        variable = built.rvs_to_values[built[name]]
        if variable.name.endswith("_log__"):
            value = np.log(value)
        elif variable.name.endswith("_logodds__"):
            value = np.log(value / (1 - value))
        point[variable.name] = np.asarray(value, dtype=float)
    return point


def test_density_is_prior_times_likelihood_up_to_a_constant(case):
    specification, data, built, density, _, point = case
    likelihood, formula = specification.likelihood.name, predictor(specification)
    effects = np.array([0.4, -1.1]) if specification.replicate_effects else None

    def expected(values, effects):
        total, factors = 0.0, None
        for name, value in values.items():
            total += log_prior(DISPERSION_IS[likelihood] if name == "dispersion" else name, value)
        if effects is not None:
            total += stats.norm.logpdf(effects).sum()
            factors = np.exp(values["replicate_sd"] * (effects - effects.mean()))
        prediction = formula.predict(formula.arrays(data), specification.model.from_coordinates(values), factors)
        return total + log_likelihood(likelihood, prediction, values.get("dispersion"), data)

    def computed(values, effects):
        extra = {} if effects is None else {"replicate_effect": effects}
        return float(density(unconstrained(built, {**values, **extra})))

    # Constants such as log C(n, k) are omitted, so only differences between two points must agree.
    other = {name: value * 1.3 for name, value in point.items()}
    moved = None if effects is None else effects + np.array([0.5, 0.2])
    difference = expected(point, effects) - expected(other, moved)
    assert computed(point, effects) - computed(other, moved) == pytest.approx(difference, rel=1e-8)


def test_wider_priors_are_those_of_scipy(trajectories):
    scales = {
        "mean_rate": stats.lognorm(2 * RATE_PRIOR.sigma, scale=RATE_PRIOR.median),
        "slow_over_fast": stats.beta(1, 1),
        "weight_fast": stats.beta(1.5, 1.5),
        "dispersion": stats.beta(1, 50.5),
        "replicate_sd": stats.expon(scale=1),
    }
    usual, wide = (Specification(TwoRateSI, LIKELIHOODS["beta-binomial"], "rounds", True, f) for f in (1.0, 2.0))
    assert set(scales) == set(wide.scalars)
    points = (
        {"mean_rate": 30.0, "slow_over_fast": 0.3, "weight_fast": 0.9, "dispersion": 0.03, "replicate_sd": 0.8},
        {"mean_rate": 5.0, "slow_over_fast": 0.7, "weight_fast": 0.4, "dispersion": 0.01, "replicate_sd": 0.2},
    )
    gains = []
    for specification in (usual, wide):
        built = build_model(specification, observed(trajectories, specification))
        density = built.compile_logp(mode="FAST_COMPILE")
        high, low = (float(density(unconstrained(built, {**p, "replicate_effect": [0.1, 0.2]}))) for p in points)
        gains.append(high - low)
    # The likelihood is the same in both. Constants cancel, as above.
    priors = usual.scalars
    expected = sum(
        (scales[n].logpdf(p[n]) - priors[n].distribution.logpdf(p[n])) * (1 if p is points[0] else -1)
        for p in points
        for n in scales
    )
    assert gains[1] - gains[0] == pytest.approx(expected, rel=1e-8)
    # The description of the posterior states the width of the prior.
    assert wide.described["weight_fast"].stated_prior == "beta(1.5, 1.5)"


def test_gradient_equals_finite_differences(case):
    *_, built, density, gradient, point = case
    effects = {"replicate_effect": [0.4, -1.1]} if "replicate_sd" in point else {}
    at = unconstrained(built, {**point, **effects})
    order = [variable.name for variable in built.value_vars]
    flat, ends = (
        np.concatenate([np.atleast_1d(at[name]) for name in order]),
        np.cumsum([at[name].size for name in order]),
    )

    def value(flat):
        parts = np.split(flat, ends[:-1])
        return float(density({name: part.reshape(at[name].shape) for name, part in zip(order, parts, strict=True)}))

    exact, h = gradient(at), 1e-3
    for i, slope in enumerate(exact):
        steps = [value(flat + j * h * (np.arange(flat.size) == i)) for j in (-2, -1, 1, 2)]
        fourth_order = (steps[0] - 8 * steps[1] + 8 * steps[2] - steps[3]) / (12 * h)
        # Errors: truncation, h⁴/30 times the fifth derivative (as large as the counts, 1000), and rounding, 1e-13 / h.
        assert slope == pytest.approx(fourth_order, rel=1e-7, abs=1e-7)


def test_sampled_scalars_are_those_of_the_specification_and_have_its_scale(case):
    specification, _, built, *_, point = case
    sampled = {variable.name for variable in built.free_RVs} - {"replicate_effect"}
    assert sampled == set(specification.scalars) == set(point)
    for name, spec in specification.scalars.items():
        at = unconstrained(built, {name: point[name]})
        assert spec.constrained(*at.values()) == pytest.approx(point[name], rel=1e-14)


def test_posterior_describes_parameters_coordinates_and_dispersion():
    two_rate = Specification(TwoRateSI, LIKELIHOODS["beta-binomial"], replicate_effects=True)
    assert list(two_rate.described) == [
        "beta_fast", "beta_slow", "weight_fast", "mean_rate", "slow_over_fast", "dispersion", "replicate_sd",
    ]  # fmt: skip
    assert two_rate.rates == ["beta_fast", "beta_slow", "mean_rate"]
    assert (two_rate.name, two_rate.n_parameters) == ("two-rate+replicates", 4)
    one_rate = Specification(OneRateSI, LIKELIHOODS["binomial"])
    assert list(one_rate.described) == one_rate.rates == ["beta"]
    assert (one_rate.name, one_rate.n_parameters) == ("one-rate", 1)
