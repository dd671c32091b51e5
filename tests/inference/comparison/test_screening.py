"""Which structures are worth a fit."""

import numpy as np

from tworate.inference.comparison.screening import can_help, worth_fitting

N = 400


def values(gain, spread, rng):
    """Return values of units whose sum exceeds that of zeros by a gain, and whose differences vary by a spread."""
    noise = rng.normal(size=N)
    return gain / N + spread * (noise - noise.mean())


def test_models_that_can_be_the_best_are_kept_the_best_first(rng):
    models = {"plain": np.zeros(N), "best": values(50, 0.1, rng), "near": values(45, 0.1, rng)}
    models["far"] = values(20, 0.1, rng)
    assert worth_fitting(models) == ["best", "near"]


def test_a_model_far_below_is_kept_where_the_difference_is_uncertain(rng):
    # The standard error of the difference is 0.1 and 1 times the root of 400: 2 and 20.
    assert worth_fitting({"best": np.zeros(N), "other": values(-30, 0.1, rng)}) == ["best"]
    assert worth_fitting({"best": np.zeros(N), "other": values(-30, 1.0, rng)}) == ["best", "other"]


def test_within_the_number_of_parameters_nothing_is_left_out():
    assert worth_fitting({"best": np.zeros(N), "other": np.full(N, -11.9 / N)}) == ["best", "other"]
    assert worth_fitting({"best": np.zeros(N), "other": np.full(N, -12.1 / N)}) == ["best"]


def test_a_structure_can_help_if_its_gain_would_count():
    assert not can_help(np.full(N, 3.9 / N), np.zeros(N))
    assert can_help(np.full(N, 4.1 / N), np.zeros(N))
