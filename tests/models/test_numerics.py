"""Means over a logistic curve, against quadrature."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit, logit

from tworate.models import MeanField, OneRateSI
from tworate.models.numerics import logistic_mean


@pytest.mark.parametrize(("start", "end"), [(0.1, 0.6), (0.02, 0.97), (0.7, 0.3)])
def test_the_mean_over_a_logistic_curve_is_that_of_quadrature(start, end):
    # In the logit's own time the curve moves at a constant pace.
    low, high = logit(start), logit(end)
    expected = quad(expit, low, high)[0] / (high - low)
    assert logistic_mean(np.array([start]), np.array([end]))[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.5), (0.5, 1.0), (0.3, 0.3), (0.0, 1.0)])
def test_at_the_ends_and_without_a_change_the_mean_is_that_of_a_line(start, end):
    assert logistic_mean(np.array([start]), np.array([end]))[0] == pytest.approx(0.5 * (start + end), rel=1e-12)


def test_one_path_is_simulated_by_default():
    paths = OneRateSI(0.4).simulate(
        range(5), population=100, infected0=5, closure=MeanField(), rng=np.random.default_rng(1)
    )
    assert paths.shape == (1, 5)
