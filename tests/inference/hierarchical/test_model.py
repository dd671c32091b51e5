"""The hierarchical model: its density against SciPy, in plain coordinates and in the sampler's, and compiled."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, gammaln

from tworate.errors import InputError
from tworate.inference.hierarchical import population_density as program
from tworate.inference.hierarchical.condition_observations import ConditionLikelihood
from tworate.inference.hierarchical.geometry import inward
from tworate.inference.hierarchical.hierarchical import build_hierarchical, study_of
from tworate.inference.hierarchical.hierarchical_model import build_hierarchical as build
from tworate.inference.hierarchical.quantities import LOG_RATIO_SD
from tworate.inference.likelihood.compiled_density import packed
from tworate.models.parameters import RATE_PRIOR
from tworate.tests.inference.likelihood.test_compiled_density import call

SMALL = {"n_traits": 2, "agents": 100, "rounds": 12}


@pytest.fixture(scope="module")
def data(make_study):
    conditions, trajectories, _ = make_study(seed=3, **SMALL)
    return conditions, trajectories


def at(model, values):
    """Return the log-density without the Jacobians of PyMC's own transforms, at named values of the variables."""
    names = [value.name for value in model.value_vars]
    logp = model.compile_fn(model.logp(jacobian=False), inputs=model.value_vars, mode="FAST_COMPILE")
    return float(logp({name: values[name.split("_log")[0] if name not in values else name] for name in names}))


def test_density_is_prior_times_likelihood_by_scipy(data, rng):
    """Compute everything by SciPy, for two rates with dispersion. Rates are per window."""
    conditions, trajectories = data
    study = study_of(conditions, trajectories)
    model = build_hierarchical(conditions, trajectories)
    n_conditions, n_coefficients = study.design.matrix.shape
    slow_below, dispersion, sd = 0.8, 0.01, np.array([0.2, 0.3, 0.4])
    intercept = np.array([np.log(12.0), np.log(12.0) - slow_below, 0.3])
    coefficient = 0.1 * rng.normal(size=(n_coefficients, 3))
    mean = intercept + study.design.matrix @ coefficient
    theta = mean + sd * rng.normal(size=(n_conditions, 3))
    expected = (
        stats.norm.logpdf(intercept[0], np.log(RATE_PRIOR.median), RATE_PRIOR.sigma)
        + stats.halfnorm.logpdf(slow_below, scale=LOG_RATIO_SD)
        + stats.norm.logpdf(intercept[2])
        + stats.beta.logpdf(dispersion, 1, 100)
        + stats.norm.logpdf(coefficient).sum()
        + stats.halfnorm.logpdf(sd, scale=0.5).sum()
        + stats.norm.logpdf(theta, mean, sd).sum()
    )
    total = 0.0
    for c, observed in enumerate(study.observations.each()):
        fast, slow, weight = *np.exp(theta[c, :2]), expit(theta[c, 2])
        before, after = (
            weight * np.exp(-fast * exposure / observed.window)
            + (1 - weight) * np.exp(-slow * exposure / observed.window)
            for exposure in (observed.exposure_start, observed.exposure_end)
        )
        p, spread = 1.0 - after / before, (1.0 - dispersion) / dispersion
        terms = stats.betabinom.logpmf(observed.incidence, observed.n_susceptible, p * spread, (1 - p) * spread)
        log_likelihood = ConditionLikelihood(study.specification, observed)(theta[c][None], np.array([dispersion]))
        assert log_likelihood[0] == pytest.approx(terms.sum(), rel=1e-9)
        # The model's density leaves out constants: binomial coefficients.
        n, k = observed.n_susceptible, observed.incidence
        total += (terms - gammaln(n + 1) + gammaln(k + 1) + gammaln(n - k + 1)).sum()
    values = {
        "intercept_beta_fast": intercept[0],
        "log_ratio_log__": np.log(slow_below),
        "intercept_weight_fast": intercept[2],
        "dispersion_logodds__": np.log(dispersion / (1 - dispersion)),
        "coefficient": coefficient,
        "sd_between_log__": np.log(sd),
        "condition": theta,
    }
    # SciPy's beta-binomial is a difference of large logarithms, which loses digits.
    assert at(model, values) == pytest.approx(expected + total, rel=1e-8)


@pytest.mark.parametrize(
    ("model_name", "clock"),
    [
        ("one-rate", "rounds"),
        ("two-rate", "rounds"),
        # PyTensor takes long to compile the flow between two observations.
        pytest.param("two-rate", "continuous", marks=pytest.mark.calibration),
    ],
)
def test_in_the_samplers_coordinates_it_is_the_same_density_times_the_jacobian(data, rng, model_name, clock):
    conditions, trajectories = data
    study = study_of(conditions, trajectories, model=model_name, clock=clock)
    plain, informed = build(study, informed=False), build(study)
    n_coefficients, n = study.design.matrix.shape[1], len(study.quantities)
    sd, coefficient = np.exp(rng.normal(-1.0, 0.5, n)), 0.2 * rng.normal(size=(n_coefficients, n))
    values = {
        "dispersion_logodds__": -5.0,
        "coefficient": coefficient,
        "sd_between_log__": np.log(sd),
        "intercept_beta": 2.2,
        "intercept_beta_fast": 2.5,
        "log_ratio_log__": -0.1,
        "intercept_weight_fast": 0.2,
    }
    intercept = np.array([2.2] if n == 1 else [2.5, 2.5 - np.exp(-0.1), 0.2])
    mean = intercept + study.design.matrix @ coefficient
    theta = mean + sd * rng.normal(size=mean.shape)
    approximation = study.approximation
    coordinates = inward(theta, mean, sd, approximation.precision, approximation.information)
    precision = approximation.precision + np.diag(sd**-2.0)
    log_jacobian = -0.5 * np.linalg.slogdet(precision)[1].sum()
    expected = at(plain, {**values, "condition": theta}) + log_jacobian
    assert at(informed, {**values, "coordinates": coordinates}) == pytest.approx(expected, rel=1e-10)


def test_compiled_density_is_that_of_pymc_on_other_data_than_it_was_compiled_with(data, make_study, rng):
    settings = {"model": "one-rate", "likelihood": "binomial"}
    compiled = program.compiled_density(study_of(*data, **settings))
    conditions, trajectories, _ = make_study(seed=4, n_traits=1, centre=(0.0,), between=(0.1,), agents=80, rounds=15)
    study = study_of(conditions, trajectories, **settings)
    model = build(study)
    density, slope = (make(mode="FAST_COMPILE") for make in (model.compile_logp, model.compile_dlogp))
    shapes = program.shapes_of(study)
    buffer = packed(study.arrays())
    for _ in range(3):
        parts = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        named = {value.name: parts[value.name.removesuffix("_log__")] for value in model.value_vars}
        point = np.concatenate([np.ravel(part) for part in parts.values()])
        status, value, gradient = call(compiled, point, buffer)
        assert status == 0
        assert value == pytest.approx(float(density(named)), rel=1e-12)
        np.testing.assert_allclose(gradient, slope(named), rtol=1e-9, atol=1e-9)
        # The gradient also agrees with finite differences.
        direction = rng.normal(size=point.size)
        up, down = (call(compiled, point + sign * 1e-5 * direction, buffer)[1] for sign in (1, -1))
        assert gradient @ direction == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-3)


def test_approximation_is_near_the_likelihood_where_the_conditions_lie(data, rng):
    study = study_of(*data)
    approximation = study.approximation
    weight = approximation.sd**-2.0
    mean = approximation.intercept + study.design.matrix @ approximation.coefficients
    for c, observed in enumerate(study.observations.each()):
        likelihood = ConditionLikelihood(study.specification, observed)
        variance = np.linalg.inv(approximation.precision[c] + np.diag(weight))
        centre = variance @ (approximation.information[c] + weight * mean[c])
        points = rng.multivariate_normal(centre, variance, 100)
        quadratic = approximation.constant[c] + points @ approximation.information[c]
        quadratic -= 0.5 * np.einsum("kq,qr,kr->k", points, approximation.precision[c], points)
        difference = likelihood(points, np.full(100, approximation.dispersion)) - quadratic
        # With this spread of importance weights two thirds of the points are effective. The log-likelihood itself is in
        # the hundreds.
        assert difference.std() < 0.6
        assert abs(np.median(difference)) < 0.6


def test_conditions_of_one_rate_leave_the_approximation_positive(make_study):
    # All agents are alike: the data determine only one combination of the fast rate, the slow rate and the weight.
    conditions, trajectories, _ = make_study(seed=5, centre=(0.0,), between=(0.1,), **SMALL)
    study = study_of(conditions, trajectories)
    approximation = study.approximation
    size = np.linalg.eigvalsh(approximation.precision)
    assert np.all(size >= -1e-9 * size[:, -1:])
    assert np.all(np.isfinite(approximation.information))
    assert np.all((approximation.sd > 0) & (approximation.sd < 5))


def test_keys_tell_specifications_and_sources_apart(data, monkeypatch):
    specifications = [
        study_of(*data, **settings).specification
        for settings in ({}, {"model": "one-rate"}, {"likelihood": "binomial"}, {"clock": "continuous"})
    ]
    keys = [program.key(specification) for specification in specifications]
    assert len(set(keys)) == len(keys)
    monkeypatch.setattr(program, "source_digest", lambda *folders: "other sources")
    assert program.key(specifications[0]) != keys[0]


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({}, {"model": "gamma-rate"}, "one-rate or two-rate"),
        ({}, {"likelihood": "normal"}, "likelihood of increments"),
        ({"condition": 0}, {}, "comes twice"),
        ({"condition": lambda table: table["condition"] + 1}, {}, "no trajectory"),
        ({}, {"terms": ["mood"]}, "no column 'mood'"),
    ],
)
def test_what_does_not_fit_together_is_refused(data, change, settings, message):
    conditions, trajectories = data
    with pytest.raises(InputError, match=message):
        study_of(conditions.assign(**change), trajectories, **settings)


def test_trajectories_of_unknown_conditions_are_refused(data):
    conditions, trajectories = data
    with pytest.raises(InputError, match="condition = 7, but the conditions have no such row"):
        study_of(conditions[:-1], trajectories)
    with pytest.raises(InputError, match="has no column 'condition'"):
        study_of(conditions, trajectories.table.drop(columns="condition").assign(run=trajectories.table["condition"]))
