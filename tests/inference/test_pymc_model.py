"""The PyMC model's density and gradient against SciPy and finite differences."""

import numpy as np
import pytest
from scipy import stats

from tworate.inference.likelihoods import LIKELIHOODS
from tworate.inference.observations import observe
from tworate.inference.pymc_model import build_model, posterior_names
from tworate.models import OneRateSI, RandomRegular, TwoRateSI
from tworate.models.parameters import RATE_PRIOR
from tworate.simulate import Trajectories


@pytest.fixture(scope="module")
def data(make_trajectories):
    table = make_trajectories(OneRateSI(0.5), RandomRegular(8), seed=1, degree=8, replicates=2, rounds=20)
    return observe(Trajectories(table), "edge-based")


def log_prior(name, value):
    """Log-density of a coordinate on the scale that PyMC samples (log or logit), by SciPy."""
    if name in ("beta", "mean_rate"):
        return stats.norm.logpdf(np.log(value), np.log(RATE_PRIOR.median), RATE_PRIOR.sigma)
    shape = {"slow_over_fast": (1, 1), "weight_fast": (2, 2), "dispersion": (1, 100)}[name]
    return stats.beta.logpdf(value, *shape) + np.log(value) + np.log1p(-value)


@pytest.mark.parametrize(
    ("model", "coordinates"),
    [
        (OneRateSI, {"beta": 9.0, "dispersion": 0.02}),
        (TwoRateSI, {"mean_rate": 10.0, "slow_over_fast": 0.3, "weight_fast": 0.6, "dispersion": 0.004}),
    ],
)
def test_density_is_prior_times_likelihood_up_to_a_constant(data, model, coordinates):
    pymc_model = build_model(model, data, LIKELIHOODS["beta-binomial"])
    density = pymc_model.compile_logp(mode="FAST_COMPILE")

    def pymc_density(values):
        point = {
            f"{name}_log__" if name in ("beta", "mean_rate") else f"{name}_logodds__": (
                np.log(value) if name in ("beta", "mean_rate") else np.log(value / (1 - value))
            )
            for name, value in values.items()
        }
        return float(density({key: np.asarray(value) for key, value in point.items()}))

    def expected(values):
        parameters = model.from_coordinates(values)
        p = -np.expm1(
            model.log_escape(
                # Rates are per window here, 20 rounds.
                (data.exposure_start / 20, data.exposure_end / 20),
                (data.time_start / 20, data.time_end / 20),
                parameters,
            )
        )
        phi = 1 / values["dispersion"] - 1
        likelihood = stats.betabinom.logpmf(data.incidence, data.n_susceptible, p * phi, (1 - p) * phi).sum()
        return likelihood + sum(log_prior(name, value) for name, value in values.items())

    # log C(n, k) does not depend on the parameters, so differences between two points must agree.
    other = {name: value * 1.3 for name, value in coordinates.items()}
    found = pymc_density(coordinates) - pymc_density(other)
    assert found == pytest.approx(expected(coordinates) - expected(other), rel=1e-8)


def test_gradient_equals_finite_differences(data):
    pymc_model = build_model(TwoRateSI, data, LIKELIHOODS["beta-binomial"])
    density = pymc_model.compile_logp(mode="FAST_COMPILE")
    gradient = pymc_model.compile_dlogp(mode="FAST_COMPILE")
    point = {name: np.asarray(value) for name, value in pymc_model.initial_point().items()}
    for i, name in enumerate(variable.name for variable in pymc_model.value_vars):
        step = 1e-5
        up, down = ({**point, name: point[name] + sign * step} for sign in (1, -1))
        assert gradient(point)[i] == pytest.approx((density(up) - density(down)) / (2 * step), rel=1e-5, abs=1e-5)


def test_posterior_names_hold_parameters_coordinates_and_dispersion():
    assert posterior_names(TwoRateSI, LIKELIHOODS["beta-binomial"]) == [
        "beta_fast", "beta_slow", "weight_fast", "mean_rate", "slow_over_fast", "dispersion",
    ]  # fmt: skip
    assert posterior_names(OneRateSI, LIKELIHOODS["binomial"]) == ["beta"]
