"""Coordinates of the conditions, against linear algebra and finite differences."""

import numpy as np
import pytest
from scipy import stats

from tworate.inference.hierarchical.geometry import conditions_at, conditions_gradient, inward, outward

N_CONDITIONS, N_COEFFICIENTS = 4, 2


@pytest.fixture(params=[1, 3])
def case(request, rng):
    n = request.param
    root = rng.normal(size=(N_CONDITIONS, n, n))
    precision = np.einsum("cij,ckj->cik", root, root)
    # One condition without information in its data, and one with very informative data.
    precision[0], precision[1] = 0.0, 1e6 * precision[1]
    return {
        "coordinates": rng.normal(size=(N_CONDITIONS, n)),
        "mean": rng.normal(size=(N_CONDITIONS, n)),
        "sd": np.exp(rng.normal(size=n)),
        "precision": precision,
        "information": np.einsum("cij,cj->ci", precision, rng.normal(size=(N_CONDITIONS, n))),
    }


def by_linear_algebra(mean, sd, precision, information):
    """Return mean, scale and log-Jacobian of a condition given the population, from the precision."""
    total = precision + np.diag(sd**-2.0)
    centre = np.linalg.solve(total, information + mean / sd**2)
    # R' of `1 + τΛτ` is an upper triangle: the scale is τ R⁻ᵀ.
    lower = np.linalg.cholesky(np.eye(sd.size) + sd[:, None] * precision * sd)
    scale = sd[:, None] * np.linalg.inv(lower).T
    np.testing.assert_allclose(scale @ scale.T @ total, np.eye(sd.size), atol=1e-8)
    return centre, scale, -0.5 * np.linalg.slogdet(total)[1]


def test_standard_normal_coordinates_are_the_conditional_distribution(case):
    theta, log_density = outward(**case)
    expected = 0.0
    for c in range(N_CONDITIONS):
        inputs = [case["mean"][c], case["sd"], case["precision"][c], case["information"][c]]
        centre, scale, log_jacobian = by_linear_algebra(*inputs)
        np.testing.assert_allclose(theta[c], centre + scale @ case["coordinates"][c], rtol=1e-8, atol=1e-10)
        expected += stats.norm.logpdf(theta[c], case["mean"][c], case["sd"]).sum() + log_jacobian
    assert log_density == pytest.approx(expected, rel=1e-10)


def test_without_data_they_are_the_usual_ones(case):
    theta, _ = outward(**case)
    np.testing.assert_allclose(theta[0], case["mean"][0] + case["sd"] * case["coordinates"][0], rtol=1e-14)


def test_inward_is_the_inverse(case):
    theta, _ = outward(**case)
    rest = {name: value for name, value in case.items() if name != "coordinates"}
    # With very informative data, a relative change of 1e-6 in θ is one unit of the coordinates.
    np.testing.assert_allclose(inward(theta, **rest), case["coordinates"], atol=1e-8)


def test_gradient_is_that_of_finite_differences(case, rng):
    n = case["sd"].size
    case["precision"][1] /= 1e6
    case["information"][1] /= 1e6
    design = rng.normal(size=(N_CONDITIONS, N_COEFFICIENTS))
    free = {
        "coordinates": case["coordinates"],
        "intercept": rng.normal(size=n),
        "coefficients": rng.normal(size=(N_COEFFICIENTS, n)),
        "sd": case["sd"],
    }
    fixed = (design, case["precision"], case["information"])
    by_theta, by_log_density = rng.normal(size=(n, N_CONDITIONS)), 1.7
    gradient = conditions_gradient(*free.values(), *fixed, by_theta, by_log_density)

    def value(values):
        theta, log_density = conditions_at(*values.values(), *fixed)
        return (theta * by_theta).sum() + by_log_density * log_density

    for (name, array), slope in zip(free.items(), gradient, strict=True):
        for index in np.ndindex(array.shape):
            step = np.zeros(array.shape)
            step[index] = 1e-5
            up, down = (value({**free, name: array + sign * step}) for sign in (1, -1))
            assert slope[index] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-6), (name, index)
