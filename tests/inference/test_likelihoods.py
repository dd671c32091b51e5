"""The likelihood kernel against SciPy where SciPy is exact, and against arithmetic of many digits where it is not."""

import mpmath
import numpy as np
import pytest
from scipy import stats

from tworate.inference.likelihoods import log_likelihood_and_gradient, pointwise_log_likelihood
from tworate.models.base import draw_incidence

CASES = [(0, 1), (1, 1), (3, 20), (20, 20), (0, 1000), (37, 1000), (999, 1000), (40_000, 1_000_000)]


def exact(k, n, log_escape, rho):
    """Beta-binomial log-probability without log C(n, k), by its definition, in mpmath's present precision."""
    q = mpmath.exp(log_escape)
    p, theta = 1 - q, mpmath.mpf(rho) / (1 - mpmath.mpf(rho))
    if theta == 0:
        return k * mpmath.log(p) + (n - k) * mpmath.log(q)

    def rising(a, m):
        return mpmath.loggamma(a + m) - mpmath.loggamma(a)

    return rising(p / theta, k) + rising(q / theta, n - k) - rising(1 / theta, n)


def value_and_gradient(k, n, log_escape, rho):
    total, gradient, slope = log_likelihood_and_gradient(
        np.array([log_escape]), rho, np.array([float(k)]), np.array([float(n)])
    )
    return total, gradient[0], slope


@pytest.mark.parametrize(("k", "n"), CASES)
@pytest.mark.parametrize("p", [1e-6, 0.01, 0.3, 0.9])
@pytest.mark.parametrize("rho", [1e-3, 0.02, 0.3])
def test_equals_scipy_beta_binomial(k, n, p, rho):
    phi = 1 / rho - 1
    log_escape = np.log1p(-p)
    expected = stats.betabinom.logpmf(k, n, p * phi, (1 - p) * phi)
    found = pointwise_log_likelihood(np.array([[log_escape]]), np.array([rho]), np.array([k]), np.array([n]))
    # SciPy's own differences of lgamma of size up to 1e7 limit the agreement for the largest case.
    assert found[0, 0] == pytest.approx(expected, rel=1e-9, abs=1e-8 if n < 10**5 else 1e-5)


@pytest.mark.parametrize(("k", "n"), CASES)
@pytest.mark.parametrize("p", [1e-9, 0.01, 0.5])
@pytest.mark.parametrize("rho", [0.0, 1e-300, 1e-17, 1e-12, 1e-7, 1e-4, 0.2])
def test_no_digits_are_lost_as_the_correlation_vanishes(k, n, p, rho):
    log_escape = float(np.log1p(-p))
    found, _, _ = value_and_gradient(k, n, log_escape, rho)
    with mpmath.workdps(350):
        expected = float(exact(k, n, log_escape, rho))
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-10)


def test_the_textbook_form_loses_them():
    # Why the kernel is written as it is: at ρ = 1e-14 SciPy's form is off by whole nats where the kernel is exact.
    k, n, p, rho = 37, 1000, 0.05, 1e-14
    phi = 1 / rho - 1
    textbook = stats.betabinom.logpmf(k, n, p * phi, (1 - p) * phi) - stats.binom.logpmf(k, n, p)
    kernel = value_and_gradient(k, n, np.log1p(-p), rho)[0] - value_and_gradient(k, n, np.log1p(-p), 0.0)[0]
    assert abs(textbook) > 0.01
    assert abs(kernel) < 1e-9


@pytest.mark.parametrize(("k", "n"), CASES[:-1])
@pytest.mark.parametrize("p", [1e-3, 0.3])
@pytest.mark.parametrize("rho", [1e-9, 1e-5, 0.01, 0.2])
def test_gradient_equals_exact_derivatives(k, n, p, rho):
    log_escape = float(np.log1p(-p))
    _, by_escape, by_rho = value_and_gradient(k, n, log_escape, rho)
    with mpmath.workdps(60):
        expected_escape = float(mpmath.diff(lambda x: exact(k, n, x, rho), log_escape))
        expected_rho = float(mpmath.diff(lambda r: exact(k, n, log_escape, r), rho))
    assert by_escape == pytest.approx(expected_escape, rel=1e-8, abs=1e-8)
    assert by_rho == pytest.approx(expected_rho, rel=1e-6, abs=1e-6)


def test_binomial_gradient_in_the_limit_and_its_slope_by_the_correlation():
    k, n, p = 12, 100, 0.2
    _, by_escape, by_rho = value_and_gradient(k, n, np.log1p(-p), 0.0)
    assert by_escape == pytest.approx((n - k) - k * (1 - p) / p)
    # First order in ρ: the score for overdispersion.
    expected = 0.5 * (k * (k - 1) / p + (n - k) * (n - k - 1) / (1 - p) - n * (n - 1))
    assert by_rho == pytest.approx(expected, rel=1e-10)
    tiny = (value_and_gradient(k, n, np.log1p(-p), 1e-9)[0] - value_and_gradient(k, n, np.log1p(-p), 0.0)[0]) / 1e-9
    assert tiny == pytest.approx(expected, rel=1e-3)


def test_impossible_observations_have_probability_zero():
    assert value_and_gradient(3, 10, 0.0, 0.01)[0] == -np.inf
    assert value_and_gradient(0, 10, 0.0, 0.01)[0] == 0.0
    assert value_and_gradient(3, 10, -1e5, 0.01)[0] == -np.inf


@pytest.mark.parametrize("rho", [0.0, 1e-4, 0.05])
def test_draws_follow_the_density_that_the_kernel_gives(rho, rng):
    # Chi-squared of 200,000 draws over the support, level 1e-4.
    n, p = 12, 0.3
    drawn = draw_incidence(np.full(200_000, n), np.full(200_000, p), rho, rng)
    counts = np.bincount(drawn, minlength=n + 1)
    log_p = pointwise_log_likelihood(
        np.full((1, n + 1), np.log1p(-p)), np.array([rho]), np.arange(n + 1), np.full(n + 1, n)
    )[0]
    expected = 200_000 * np.exp(log_p)
    assert expected.sum() == pytest.approx(200_000)
    keep = expected > 5
    statistic = ((counts - expected)[keep] ** 2 / expected[keep]).sum()
    assert stats.chi2.sf(statistic, keep.sum() - 1) > 1e-4
