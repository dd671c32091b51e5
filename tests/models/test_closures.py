"""Closures against edge-based compartmental equations that are written out apart."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tworate.models import MeanField, OneRateSI, RandomRegular
from tworate.models.closures import recorded_exposure_rate


@pytest.mark.parametrize("degree", [3, 4, 8, 32])
def test_edge_based_closure_is_the_edge_based_system_of_one_rate(degree):
    # θ' = -b (θ - s0 θ^(k-1)), s = s0 θ^k with b = β/k: Miller, Slim & Volz (2012), without recovery.
    beta, s0, times = 0.8, 0.99, np.linspace(0, 25, 26)
    reference = solve_ivp(
        lambda _, theta: -(beta / degree) * (theta - s0 * theta ** (degree - 1)),
        (0, 25),
        [1.0],
        t_eval=times,
        rtol=1e-11,
        atol=1e-13,
    )
    prevalence = 1 - s0 * reference.y[0] ** degree
    np.testing.assert_allclose(OneRateSI(beta).solve(times, 1 - s0, RandomRegular(degree)), prevalence, atol=1e-8)


def test_edge_based_tends_to_mean_field_as_one_over_k():
    s, s0 = np.linspace(0.01, 0.99, 50), 0.99
    gaps = [np.abs(RandomRegular(k).exposure_rate(s, s0) - MeanField().exposure_rate(s, s0)).max() for k in (1e3, 1e6)]
    assert gaps[0] / gaps[1] == pytest.approx(1e3, rel=0.01)


def test_edge_based_exposure_starts_at_the_share_of_sharing_neighbours():
    assert RandomRegular(8).exposure_rate(0.9, 0.9) == pytest.approx(0.1)


def test_recorded_exposure_counts_edges_and_is_zero_without_susceptibles():
    rate = recorded_exposure_rate(np.array([24.0, 0.0]), np.array([8.0, 8.0]), np.array([10.0, 0.0]))
    np.testing.assert_array_equal(rate, [0.3, 0.0])
