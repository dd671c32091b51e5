"""One rate that slows down is not taken for two, and two rates beside a structure are found."""

import numpy as np
import pytest

from tworate import compare, load_comparison, random_regular, spread
from tworate.inference import forecast, predict_curves
from tworate.inference.calibration.recovery_grids import structures
from tworate.simulate import Pace

pytestmark = pytest.mark.integration


def simulated(table, pace, members=None):
    network = random_regular(600, degree=8, seed=1)
    return spread(
        network, table, members, visibility=1.0, rounds=30, replicates=6, pace=pace, histories=True, seed=2
    )  # fmt: skip


@pytest.fixture(scope="module")
def ageing():
    return simulated([[0.15]], Pace(ageing=12))


def test_a_post_that_ages_is_one_rate_with_ageing_at_both_levels(ageing, tmp_path):
    names = ("ageing", "unreachable")
    for level in ("individual", "count"):
        comparison = compare(ageing, level=level, structures=names, seed=1)
        (result,) = comparison.conditions
        assert (result.verdict, result.structure, result.selected) == ("one-rate", ["ageing"], "one-rate+ageing")
        assert "ageing with a half-life of" in result.reasons[0]
        # Without structures the same data are taken for rates that differ.
        plain = result.models["two-rate"].elpd.pointwise - result.models["one-rate"].elpd.pointwise
        assert plain.sum() > 4
        rate = comparison.posteriors["one-rate+ageing"].posterior["ageing_rate"]
        assert abs(float(rate.mean()) - 1 / 12) < 4 * float(rate.std())
        # The pace is part of what is predicted.
        bands = predict_curves(comparison.posteriors["one-rate+ageing"], ageing, seed=1, n_times=4)
        seen = ageing.table.groupby("time")["infected"].mean().to_numpy()[[10, 20, 30]] / 600
        assert np.all((bands["q2.5"][1:] <= seen) & (seen <= bands["q97.5"][1:]))
    comparison.save(tmp_path)
    again = load_comparison(tmp_path).conditions[0]
    assert (again.structure, again.selected, again.compared) == (result.structure, result.selected, result.compared)
    assert again.models["one-rate+ageing"].specification == result.models["one-rate+ageing"].specification


@pytest.mark.calibration
def test_shares_that_are_seen_for_a_time_are_one_rate_with_that_shelf_life():
    data = simulated([[0.08]], Pace(shelf_life=5))
    (result,) = compare(data, structures=("shelf-life", "unreachable"), seed=1).conditions
    assert (result.verdict, result.structure) == ("one-rate", ["shelf-life"])
    assert result.models["one-rate+shelf-life"].specification.shelf_life == 5.0
    assert "seen for 5 only" in result.reasons[0]


@pytest.mark.calibration
def test_a_forecast_goes_on_at_the_pace_of_the_structure(ageing):
    early = ageing.table[ageing.table["time"] <= 15].drop(columns=["si_edges"])
    comparison = compare(early, "one-rate+ageing", seed=1)
    bands = forecast(comparison.posteriors["one-rate+ageing"], early, until=30, seed=1)
    last = bands[bands["time"] == 30].set_index("trajectory")
    seen = ageing.table[ageing.table["time"] == 30].set_index("trajectory")["infected"] / 600
    assert ((last["q2.5"] <= seen) & (seen <= last["q97.5"])).mean() >= 5 / 6


def test_two_rates_are_found_beside_ageing():
    members = np.random.default_rng(3).permutation(600) % 2
    data = simulated([[0.25], [0.025]], Pace(ageing=15), members)
    (result,) = compare(data, structures=("ageing", "unreachable"), seed=1).conditions
    assert (result.verdict, result.structure) == ("two-rate", ["ageing"])
    assert result.selected == "two-rate+ageing"


@pytest.mark.calibration
@pytest.mark.integration
def test_a_part_that_is_never_reached_is_not_a_second_rate_by_counts_on_a_network():
    # The error of the closure had looked like a slow rate of a thousandth of the fast one.
    cell = next(cell for cell in structures().cells if cell.label == "structures: unreachable")
    data_set = cell.draw(77, 0)
    (result,) = compare(data_set.simulate(), seed=data_set.seed, level="count").conditions
    assert (result.verdict, list(result.structure)) == ("one-rate", ["unreachable"])
    assert result.elpd_diff > 4
    assert "less than 1/50 of the fast one" in result.reasons[0]


@pytest.mark.calibration
@pytest.mark.integration
def test_a_small_gain_beside_a_pace_in_steps_is_undecided_by_counts_on_a_network():
    cell = next(cell for cell in structures().cells if cell.label == "structures: rhythm")
    data_set = cell.draw(77, 3)
    (result,) = compare(data_set.simulate(), seed=data_set.seed, level="count").conditions
    assert result.verdict == "undecided"
    assert "counts need 10, because a pace in steps is not exact" in result.reasons[0]
