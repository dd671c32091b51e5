"""From trajectories to exposure, worked by hand on small cases."""

import numpy as np
import pandas as pd
import pytest

from tworate.errors import InputError
from tworate.inference.observations import choose_closure, observe
from tworate.simulate import Trajectories


def trajectories(**columns):
    base = {"trajectory": "a", "time": [0, 1, 2, 3], "infected": [2, 4, 4, 10], "population": 10}
    return Trajectories(pd.DataFrame({**base, **columns}))


def test_mean_field_exposure_adds_up_the_observed_prevalence():
    data = observe(trajectories(), "mean-field")
    np.testing.assert_allclose(data.exposure_start, [0.0, 0.2, 0.6])
    np.testing.assert_allclose(data.exposure_end, [0.2, 0.6, 1.0])
    np.testing.assert_array_equal(data.n_susceptible, [8, 6, 6])
    np.testing.assert_array_equal(data.incidence, [2, 0, 6])
    assert data.window == 3.0


def test_recorded_exposure_counts_edges_per_susceptible_agent():
    data = observe(trajectories(si_edges=[6, 9, 9, 0], degree=3), "recorded")
    np.testing.assert_allclose(np.diff([0, *data.exposure_end]), [6 / 24, 9 / 18, 9 / 18])


def test_edge_based_exposure_by_its_formula():
    data = observe(trajectories(degree=4), "edge-based")
    s = np.array([0.8, 0.6, 0.6])
    np.testing.assert_allclose(np.diff([0, *data.exposure_end]), 1 - np.sqrt(0.8 * s))


def test_time_steps_scale_exposure_and_window():
    data = observe(trajectories(time=[0, 10, 20, 30]), "mean-field")
    np.testing.assert_allclose(data.exposure_end, [2, 6, 10])
    assert data.window == 30.0


def test_a_trajectory_begins_when_somebody_has_shared_and_ends_when_nobody_is_left():
    data = observe(trajectories(infected=[0, 0, 5, 10], time=[3, 4, 5, 6]), "mean-field")
    np.testing.assert_array_equal(data.incidence, [5])
    np.testing.assert_array_equal(data.time_start, [0])
    np.testing.assert_array_equal(data.time, [6])
    saturated = observe(trajectories(infected=[2, 10, 10, 10]), "mean-field")
    assert saturated.size == 1


def test_trajectories_of_different_lengths_populations_and_degrees():
    table = pd.DataFrame(
        {
            "trajectory": list("aaabb"),
            "time": [0, 1, 2, 0, 1],
            "infected": [1, 2, 3, 10, 20],
            "population": [10, 10, 10, 100, 100],
            "degree": [4, 4, 4, 8, 8],
        }
    )
    data = observe(Trajectories(table), "edge-based")
    np.testing.assert_array_equal(data.path, [0, 0, 1])
    np.testing.assert_allclose(data.exposure_end[[0, 2]], [1 - 0.9, 1 - 0.9])
    np.testing.assert_allclose(data.exposure_end[1] - data.exposure_end[0], 1 - 0.9**0.5 * 0.8**0.5)


@pytest.mark.parametrize(
    ("columns", "name"),
    [({}, "mean-field"), ({"degree": 4}, "edge-based"), ({"degree": 4, "si_edges": [3, 4, 4, 0]}, "recorded")],
)
def test_default_closure_is_the_most_exact_that_the_data_allow(columns, name):
    assert choose_closure(trajectories(**columns))[0] == name


@pytest.mark.parametrize(
    ("closure", "message"),
    [("recorded", "needs the column si_edges and degree"), ("edge-based", "needs the column degree"), ("x", "unknown")],
)
def test_closures_that_the_data_do_not_allow_are_refused(closure, message):
    with pytest.raises(InputError, match=message):
        choose_closure(trajectories(), closure)


@pytest.mark.parametrize(
    ("columns", "closure", "message"),
    [
        ({"infected": [10, 10, 10, 10]}, "mean-field", "nobody is susceptible in any trajectory"),
        ({"infected": [0, 0, 0, 0]}, "mean-field", "no trajectory goes on after somebody has shared"),
        ({"infected": [2, 2, 2, 2]}, "mean-field", "nobody shares after the start"),
        (
            {"infected": [2, 4, 4, 9], "si_edges": [3, 5, 0, 2], "degree": 3},
            "recorded",
            "trajectory a somebody shares after time 2",
        ),
    ],
)
def test_data_without_information_are_refused(columns, closure, message):
    with pytest.raises(InputError, match=message):
        observe(trajectories(**columns), closure)


def test_what_the_process_does_not_provide_for_is_said():
    plain = observe(trajectories(), "mean-field")
    assert plain.cautions == ()
    assert plain.n_increments == plain.size == 3
    uneven = observe(trajectories(time=[0, 1, 2, 4]), "mean-field")
    assert "steps from 1 to 2" in uneven.cautions[0]
    late = observe(trajectories(infected=[0, 1, 3, 10]), "mean-field")
    assert "came from outside" in late.cautions[0]
    assert (late.size, late.n_increments) == (2, 3)
