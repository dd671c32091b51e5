"""Curves of many draws at once, against the solver with error control and against rounds computed by hand."""

import numpy as np

from tworate.models import MeanField, OneRateSI, RandomRegular, TwoRateSI
from tworate.models.curves import solve_curves

VALUES = {"beta_fast": np.array([1.2, 2.0]), "beta_slow": np.array([0.2, 0.3]), "weight_fast": np.array([0.5, 0.1])}


def test_runge_kutta_steps_follow_the_solver_with_error_control():
    times = np.linspace(0, 30, 301)
    exposure, prevalence = solve_curves(TwoRateSI.log_survival, VALUES, times, 0.995, RandomRegular(8), "continuous")
    for draw in range(2):
        model = TwoRateSI(**{name: values[draw] for name, values in VALUES.items()})
        # With steps of 0.1 and rates up to 2 the error of a step is at most (0.2)^5 / 120, and few steps contribute.
        np.testing.assert_allclose(prevalence[draw], model.solve(times, 0.005, RandomRegular(8)), atol=1e-5)
    assert np.all(np.diff(exposure, axis=1) > 0)


def test_rounds_by_hand():
    s0, beta, step = 0.9, 0.5, 2.0
    exposure, prevalence = solve_curves(
        OneRateSI.log_survival, {"beta": np.array([beta])}, np.array([0.0, 2.0, 4.0]), s0, MeanField(), "rounds"
    )
    first = step * (1 - s0)
    second = first + step * (1 - s0 * np.exp(-beta * first))
    np.testing.assert_allclose(exposure[0], [0.0, first, second], rtol=1e-14)
    np.testing.assert_allclose(prevalence[0], 1 - s0 * np.exp(-beta * np.array([0, first, second])), rtol=1e-14)


def test_solve_counts_the_same_rounds():
    times = np.array([3.0, 5.0, 7.0])
    prevalence = OneRateSI(0.5).solve(times, 0.1, MeanField(), clock="rounds")
    assert prevalence[2] == 1 - 0.9 * np.exp(-0.5 * (0.2 + 2 * (1 - 0.9 * np.exp(-0.5 * 0.2))))
