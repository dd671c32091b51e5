"""Draws of new sharers: mean and variance of the beta-binomial in closed form."""

import numpy as np
import pytest

from tworate.models.incidence import draw_incidence


@pytest.mark.parametrize("rho", [0.0, 1e-13, 0.05, 0.4])
def test_draws_have_the_mean_and_variance_of_the_beta_binomial(rho):
    n, p, size = 40, 0.3, 200_000
    drawn = draw_incidence(np.full(size, n), p, rho, np.random.default_rng(1))
    variance = n * p * (1 - p) * (1 + (n - 1) * rho)
    assert drawn.mean() == pytest.approx(n * p, abs=5 * np.sqrt(variance / size))
    # The standard error of a variance is about sqrt(2 / size) of it, more for heavy tails: twice as much is allowed.
    assert drawn.var() == pytest.approx(variance, rel=10 * np.sqrt(2 / size))


def test_certain_shares_are_certain_whatever_the_dispersion():
    rng = np.random.default_rng(2)
    assert draw_incidence(np.array([7, 7]), np.array([0.0, 1.0]), 0.3, rng).tolist() == [0, 7]
