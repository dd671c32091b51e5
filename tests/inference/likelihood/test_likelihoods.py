"""The likelihood kernels against SciPy where SciPy is exact, and against many-digit arithmetic elsewhere."""

import mpmath
import numpy as np
import pytest
from scipy import stats

from tworate.inference.likelihood.density_kernels import (
    BINOMIAL,
    NEGATIVE_BINOMIAL,
    NORMAL,
    log_likelihood_and_gradient,
)
from tworate.inference.likelihood.likelihoods import (
    LIKELIHOODS,
    draw_observations,
    pointwise_log_likelihood,
)

CASES = [(0, 1), (1, 1), (3, 20), (20, 20), (0, 1000), (37, 1000), (999, 1000), (40_000, 1_000_000)]
COUNTS = [(0, 1e-6), (0, 30.0), (1, 1e-6), (3, 0.2), (37, 30.0), (40_000, 39_000.0), (500, 1.0)]


def exact(k, n, log_escape, rho):
    """Compute the beta-binomial log-probability without log C(n, k) by definition, in mpmath's current precision."""
    q = mpmath.exp(log_escape)
    p, theta = 1 - q, mpmath.mpf(rho) / (1 - mpmath.mpf(rho))
    if theta == 0:
        return k * mpmath.log(p) + (n - k) * mpmath.log(q)

    def rising(a, m):
        return mpmath.loggamma(a + m) - mpmath.loggamma(a)

    return rising(p / theta, k) + rising(q / theta, n - k) - rising(1 / theta, n)


def exact_negative_binomial(k, mean, alpha):
    """Compute the negative binomial log-probability without log k!, as that of a gamma-Poisson mixture."""
    mean, alpha = mpmath.mpf(mean), mpmath.mpf(alpha)
    if alpha == 0:
        return k * mpmath.log(mean) - mean
    r = 1 / alpha
    return mpmath.loggamma(k + r) - mpmath.loggamma(r) + k * mpmath.log(mean / (r + mean)) - r * mpmath.log1p(mean / r)


def value_and_gradient(k, n, log_escape, rho):
    return one(BINOMIAL, k, log_escape, rho, n)


def one(family, observed, prediction, dispersion, size=0.0, weight=1.0):
    """Return the value of a single observation, and its derivatives by prediction and dispersion."""
    total, gradient, slope = log_likelihood_and_gradient(
        family,
        np.array([float(prediction)]),
        float(dispersion),
        np.array([float(observed)]),
        np.array([float(size)]),
        np.array([float(weight)]),
    )
    return total, gradient[0], slope


@pytest.mark.parametrize(("k", "n"), CASES)
@pytest.mark.parametrize("p", [1e-6, 0.01, 0.3, 0.9])
@pytest.mark.parametrize("rho", [1e-3, 0.02, 0.3])
def test_equals_scipy_beta_binomial(k, n, p, rho):
    phi = 1 / rho - 1
    log_escape = np.log1p(-p)
    expected = stats.betabinom.logpmf(k, n, p * phi, (1 - p) * phi)
    density = pointwise_log_likelihood(
        BINOMIAL, np.array([[log_escape]]), np.array([rho]), np.array([k]), np.array([n])
    )
    # SciPy subtracts lgamma values of size up to 1e7, which limits the agreement for the largest case.
    assert density[0, 0] == pytest.approx(expected, rel=1e-9, abs=1e-8 if n < 10**5 else 1e-5)


@pytest.mark.parametrize(("k", "n"), CASES)
@pytest.mark.parametrize("p", [1e-9, 0.01, 0.5])
@pytest.mark.parametrize("rho", [0.0, 1e-300, 1e-17, 1e-12, 1e-7, 1e-4, 0.2])
def test_no_digits_are_lost_as_the_correlation_vanishes(k, n, p, rho):
    log_escape = float(np.log1p(-p))
    value, _, _ = value_and_gradient(k, n, log_escape, rho)
    with mpmath.workdps(350):
        expected = float(exact(k, n, log_escape, rho))
    assert value == pytest.approx(expected, rel=1e-11, abs=1e-10)


def test_the_textbook_form_loses_digits_as_the_correlation_vanishes():
    # The reason for the kernel's form: at ρ = 1e-14 SciPy's error is large, and the kernel is exact.
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


@pytest.mark.parametrize(("k", "n", "p", "rho"), [
    # The kernel uses another formula where a probability is below eight times θ = ρ / (1 - ρ): near that limit,
    (5, 60, 0.0799, 0.01 / 1.01), (5, 60, 0.0801, 0.01 / 1.01), (50, 60, 0.9199, 0.01 / 1.01),
    # where even 1 is below it, where all agents do the same, and where hardly anybody shares.
    (5, 60, 0.3, 0.11), (5, 60, 0.3, 0.112), (3, 7, 0.4, 0.99), (7, 7, 0.4, 0.999), (2, 1000, 1e-15, 1e-3),
])  # fmt: skip
def test_all_branches_of_the_kernel_are_exact(k, n, p, rho):
    log_escape = float(np.log1p(-p))
    value, by_escape, by_rho = value_and_gradient(k, n, log_escape, rho)
    with mpmath.workdps(60):
        assert value == pytest.approx(float(exact(k, n, log_escape, rho)), rel=1e-12, abs=1e-12)
        expected_escape = float(mpmath.diff(lambda x: exact(k, n, x, rho), log_escape))
        expected_rho = float(mpmath.diff(lambda r: exact(k, n, log_escape, r), rho))
    assert by_escape == pytest.approx(expected_escape, rel=1e-9)
    assert by_rho == pytest.approx(expected_rho, rel=1e-8)


def test_an_observation_of_weight_zero_does_not_count_even_if_it_is_impossible():
    counts, sizes, escapes = np.array([3.0, 4.0]), np.array([10.0, 20.0]), np.array([0.0, -0.2])
    total, gradient, _ = log_likelihood_and_gradient(BINOMIAL, escapes, 0.01, counts, sizes, np.array([0.0, 1.0]))
    assert total == value_and_gradient(4, 20, -0.2, 0.01)[0]
    assert gradient[0] == 0.0


def test_impossible_observations_have_probability_zero():
    assert value_and_gradient(3, 10, 0.0, 0.01)[0] == -np.inf
    assert value_and_gradient(0, 10, 0.0, 0.01)[0] == 0.0
    assert value_and_gradient(3, 10, -1e5, 0.01)[0] == -np.inf
    assert one(NEGATIVE_BINOMIAL, 3, 0.0, 0.5)[0] == -np.inf
    # Zero sharers are certain at mean 0. The log-probability falls as the mean rises.
    assert one(NEGATIVE_BINOMIAL, 0, 0.0, 0.5)[:2] == (0.0, -1.0)


@pytest.mark.parametrize(("k", "mean"), COUNTS)
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 2.0, 50.0])
def test_equals_scipy_negative_binomial(k, mean, alpha):
    expected = stats.nbinom.logpmf(k, 1 / alpha, 1 / (1 + alpha * mean))
    density = pointwise_log_likelihood(
        NEGATIVE_BINOMIAL, np.array([[mean]]), np.array([alpha]), np.array([k]), np.array([0])
    )
    # SciPy subtracts lgamma values of size 4e5 at most, and subtracts a rounded probability from 1.
    limit = 1e-9 + 2 * k * np.finfo(float).eps / (alpha * mean)
    assert density[0, 0] == pytest.approx(expected, rel=1e-9, abs=limit)


@pytest.mark.parametrize(("k", "mean"), COUNTS)
@pytest.mark.parametrize("alpha", [0.0, 1e-300, 1e-17, 1e-12, 1e-7, 1e-4, 0.2, 30.0])
def test_no_digits_are_lost_as_the_overdispersion_vanishes(k, mean, alpha):
    # The tolerance is relative to the terms, as for the beta-binomial. The largest is k log(mean).
    value, by_mean, by_alpha = one(NEGATIVE_BINOMIAL, k, mean, alpha)
    with mpmath.workdps(350):
        expected = float(exact_negative_binomial(k, mean, alpha))
        slope = float((k - mpmath.mpf(mean)) / (mean * (1 + mpmath.mpf(alpha) * mean)))
    assert value == pytest.approx(expected, rel=1e-11, abs=1e-10)
    assert by_mean == pytest.approx(slope, rel=1e-13)
    if alpha > 1e-12:
        with mpmath.workdps(60):
            expected_alpha = float(mpmath.diff(lambda a: exact_negative_binomial(k, mean, a), alpha))
        assert by_alpha == pytest.approx(expected_alpha, rel=1e-8, abs=1e-8)


def test_negative_binomial_is_poisson_without_overdispersion_and_its_slope_the_score():
    k, mean = 12, 9.0
    value, by_mean, by_alpha = one(NEGATIVE_BINOMIAL, k, mean, 0.0)
    assert value == pytest.approx(stats.poisson.logpmf(k, mean) + float(mpmath.log(mpmath.factorial(k))), rel=1e-13)
    assert by_mean == pytest.approx(k / mean - 1)
    # First order in α: half of (k - μ)² - k.
    assert by_alpha == pytest.approx(0.5 * ((k - mean) ** 2 - k), rel=1e-10)


@pytest.mark.parametrize(("observed", "mean", "sd"), [(0.3, 0.31, 0.02), (0.5, 0.2, 1e-4), (0.0, 1.0, 3.0)])
def test_equals_scipy_normal(observed, mean, sd):
    density = pointwise_log_likelihood(NORMAL, np.array([[mean]]), np.array([sd]), np.array([observed]), np.array([0]))
    assert density[0, 0] == pytest.approx(stats.norm.logpdf(observed, mean, sd), rel=1e-13)
    total, by_mean, by_sd = one(NORMAL, observed, mean, sd)
    assert total == pytest.approx(density[0, 0] + 0.5 * np.log(2 * np.pi), rel=1e-13)
    z = (observed - mean) / sd
    assert (by_mean, by_sd) == pytest.approx((z / sd, (z**2 - 1) / sd), rel=1e-13)


FAMILIES = [
    pytest.param(BINOMIAL, [-0.05, -0.3, -2.0], 0.02, [3.0, 0.0, 20.0], id="binomial"),
    pytest.param(NEGATIVE_BINOMIAL, [3.0, 0.5, 40.0], 0.4, [3.0, 0.0, 20.0], id="negative-binomial"),
    pytest.param(NORMAL, [0.1, 0.4, 0.9], 0.05, [0.12, 0.3, 0.95], id="normal"),
]


@pytest.mark.parametrize(("family", "prediction", "dispersion", "observed"), FAMILIES)
def test_an_observation_of_weight_two_counts_twice_and_of_weight_zero_not_at_all(
    family, prediction, dispersion, observed
):
    prediction, observed, size = np.array(prediction), np.array(observed), np.full(3, 20.0)

    def likelihood(which, weight):
        return log_likelihood_and_gradient(
            family, prediction[which], dispersion, observed[which], size[which], np.array(weight)
        )

    total, gradient, slope = likelihood([0, 1, 2], [0.0, 2.0, 1.0])
    repeated, repeated_gradient, repeated_slope = likelihood([1, 1, 2], [1.0, 1.0, 1.0])
    assert (total, slope) == pytest.approx((repeated, repeated_slope), rel=1e-14)
    np.testing.assert_allclose(gradient, [0.0, 2 * repeated_gradient[0], repeated_gradient[2]], rtol=1e-14)
    # An observation of weight 0 may even be impossible.
    impossible = {BINOMIAL: 0.0, NEGATIVE_BINOMIAL: 0.0, NORMAL: np.inf}[family]
    assert one(family, 3.0, impossible, dispersion, 20.0, weight=0.0) == (0.0, 0.0, 0.0)
    assert one(family, 3.0, impossible, dispersion, 20.0)[0] == -np.inf


@pytest.mark.parametrize(("family", "prediction", "dispersion", "observed"), FAMILIES)
def test_densities_of_many_draws_equal_those_of_single_draws(family, prediction, dispersion, observed):
    prediction, observed = np.array([prediction, prediction[::-1]]), np.array(observed)
    size, spread = np.full(3, 20), np.array([dispersion, dispersion / 3])
    densities = pointwise_log_likelihood(family, prediction, spread, observed, size)
    totals = [
        log_likelihood_and_gradient(family, p, d, observed, size.astype(float), np.ones(3))[0]
        for p, d in zip(prediction, spread, strict=True)
    ]
    # Constants do not depend on the draw.
    assert np.diff(densities.sum(axis=1)) == pytest.approx(np.diff(totals), rel=1e-12)


def chi_squared(drawn, expected, n_draws):
    """Return the p-value of a chi-squared test of counts. Cells with few expected draws are pooled."""
    counts = np.bincount(drawn, minlength=expected.size)
    assert counts.size == expected.size
    keep = expected * n_draws > 5
    observed = np.append(counts[keep], counts[~keep].sum())
    mean = n_draws * np.append(expected[keep], 1 - expected[keep].sum())
    observed, mean = (x if mean[-1] > 5 else x[:-1] for x in (observed, mean))
    return stats.chi2.sf(((observed - mean) ** 2 / mean).sum(), observed.size - 1)


@pytest.mark.parametrize("rho", [0.0, 1e-4, 0.05])
def test_draws_of_the_binomial_follow_the_density_of_the_kernel(rho, rng):
    # Chi-squared of 200,000 draws over the support, level 1e-4.
    n, p = 12, 0.3
    log_escape = np.log1p(-p)
    drawn = draw_observations(BINOMIAL, np.full((200_000, 1), log_escape), np.full(200_000, rho), np.array([n]), rng)
    log_p = pointwise_log_likelihood(
        BINOMIAL, np.full((1, n + 1), log_escape), np.array([rho]), np.arange(n + 1), np.full(n + 1, n)
    )[0]
    assert np.exp(log_p).sum() == pytest.approx(1.0)
    assert chi_squared(drawn[:, 0], np.exp(log_p), 200_000) > 1e-4


@pytest.mark.parametrize("alpha", [0.0, 1e-12, 0.05, 3.0])
def test_draws_of_the_negative_binomial_follow_the_density_of_the_kernel(alpha, rng):
    n, mean = 400, 4.0
    drawn = draw_observations(
        NEGATIVE_BINOMIAL, np.full((200_000, 1), mean), np.full(200_000, alpha), np.array([0]), rng
    )
    log_p = pointwise_log_likelihood(
        NEGATIVE_BINOMIAL, np.full((1, n), mean), np.array([alpha]), np.arange(n), np.zeros(n)
    )[0]
    assert np.exp(log_p).sum() == pytest.approx(1.0)
    assert chi_squared(drawn[:, 0], np.exp(log_p), 200_000) > 1e-4


def test_draws_of_the_normal_follow_its_density(rng):
    mean, sd = np.tile([[0.2, 0.7]], (20_000, 1)), np.full(20_000, 0.1)
    drawn = draw_observations(NORMAL, mean, sd, np.zeros(2), rng)
    for column, centre in zip(drawn.T, (0.2, 0.7), strict=True):
        assert stats.kstest(column, stats.norm(centre, 0.1).cdf).pvalue > 1e-4


def test_likelihoods_describe_themselves():
    assert next(iter(LIKELIHOODS)) == "beta-binomial"
    for name, likelihood in LIKELIHOODS.items():
        assert likelihood.name == name
        assert likelihood.dispersion is None or likelihood.dispersion.stated_prior
    assert {name for name, x in LIKELIHOODS.items() if x.kind == "transition"} == {"beta-binomial", "binomial"}
    assert LIKELIHOODS["binomial"].dispersion is None
    assert LIKELIHOODS["normal"].observed == "prevalence"
