"""Exposure from trajectories, computed by hand on small cases."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tworate.errors import InputError
from tworate.inference.data.observations import choose_clock, choose_closure, network_formula, observe
from tworate.models import DegreeDistribution, MeanField, RandomRegular
from tworate.simulate import Trajectories, as_trajectories
from tworate.simulate.contacts import ContactNetwork
from tworate.simulate.histories import EventHistories


def trajectories(**columns):
    base = {"trajectory": "a", "time": [0, 1, 2, 3], "infected": [2, 4, 4, 10], "population": 10}
    return Trajectories(pd.DataFrame({**base, **columns}))


def test_the_clock_is_that_of_the_simulation_where_it_is_recorded():
    def recorded(*clocks):
        return replace(trajectories(), record={"spreads": [{"clock": clock} for clock in clocks]})

    assert choose_clock(trajectories()) == ("rounds", "times are whole numbers in equal steps")
    assert choose_clock(recorded("continuous", "continuous")) == ("continuous", "that of the simulation")
    assert choose_clock(recorded("continuous"), "rounds") == (
        "rounds",
        "asked for; that of the simulation was continuous",
    )
    assert choose_clock(recorded("continuous"), "continuous") == ("continuous", "asked for")
    # Two clocks, no clock and an unknown clock do not decide.
    for unknown in (recorded("continuous", "rounds"), recorded(None), recorded("sidereal"), recorded()):
        assert choose_clock(unknown)[0] == "rounds"
    with pytest.raises(InputError, match="clock 'sidereal' is unknown; choose one of rounds, continuous"):
        choose_clock(trajectories(), "sidereal")


@pytest.mark.parametrize(
    ("times", "clock", "reason"),
    [
        ([0, 1, 2, 3], "rounds", "whole numbers in equal steps"),
        ([0, 7, 14, 21], "rounds", "whole numbers in equal steps"),
        ([0, 1, 2, 4], "continuous", "not evenly spaced (steps from 1 to 2)"),
        ([0, 1 / 3, 2 / 3, 1], "continuous", "not whole numbers"),
        ([0.5, 1.5, 2.5, 3.5], "continuous", "not whole numbers"),
    ],
)
def test_without_a_record_the_clock_is_what_times_look_like(times, clock, reason):
    chosen, why = choose_clock(trajectories(time=times))
    assert chosen == clock
    assert reason in why


def test_shares_that_never_coincide_are_in_continuous_time():
    edges = pd.DataFrame({"source": np.arange(30), "target": (np.arange(30) + 1) % 30})
    network = ContactNetwork.of_edges(edges)

    def clock_of(times):
        shares = pd.DataFrame({"agent": np.arange(len(times)), "time": times})
        return choose_clock(as_trajectories(EventHistories(shares, network)))

    assert clock_of(np.arange(20)) == ("continuous", "hardly any two agents share at the same time")
    assert clock_of(np.arange(20) // 2) == ("rounds", "times are whole numbers")
    assert clock_of(np.arange(20) / 7) == ("continuous", "times are not whole numbers")


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


def test_edge_based_exposure_of_unequal_degrees_is_that_of_their_distribution():
    data = observe(trajectories(degree=4.2, degrees="3:4 5:6"), "edge-based")
    closure = DegreeDistribution((3, 5), (0.4, 0.6))
    s = np.array([0.8, 0.6, 0.6])
    np.testing.assert_allclose(data.exposure_rate, closure.exposure_rate(s, 0.8), rtol=1e-14)
    np.testing.assert_allclose(data.elasticity, closure.elasticity(s, 0.8), rtol=1e-14)
    np.testing.assert_allclose(np.diff([0, *data.exposure_end]), data.exposure_rate, rtol=1e-14)
    assert data.formulas == (closure,)
    assert data.closure == "edge-based"


def test_the_end_of_a_spread_is_left_out_where_degrees_differ():
    # Half of 100 agents have one neighbour. Once the other half has shared, hardly any path leads to them.
    columns = {"trajectory": "a", "time": range(5), "infected": [5, 40, 70, 90, 92], "population": 100, "degree": 3.0}
    data = observe(Trajectories(pd.DataFrame({**columns, "degrees": "1:50 5:50"})), "edge-based")
    closure = DegreeDistribution((1, 5), (0.5, 0.5))
    rate = closure.exposure_rate(np.array([0.95, 0.6, 0.3, 0.1]), 0.95)
    assert rate[2] > 0.5 * rate.max() > rate[3]
    np.testing.assert_allclose(data.exposure_rate, rate[:3])
    assert "2 agents shared when exposure" in data.cautions[0]
    # The formula of equal degrees never falls, and a whole curve keeps every increment.
    assert observe(Trajectories(pd.DataFrame(columns)), "edge-based").size == 4
    curve = observe(Trajectories(pd.DataFrame({**columns, "degrees": "1:50 5:50"})), "edge-based", whole_curve=True)
    assert curve.size == 4
    assert curve.cautions == ()


def test_the_end_begins_at_half_of_the_peak_of_the_exposure():
    closure = DegreeDistribution((1, 5), (0.5, 0.5))
    susceptible = np.linspace(0.95, 0.05, 9001)
    rate = closure.exposure_rate(susceptible, 0.95)
    peak = int(np.argmax(rate))
    after = peak + int(np.argmax(rate[peak:] < 0.5 * rate[peak]))
    population = 100_000
    # States: the start, the peak, just below or just above half of the peak, and the end.
    for shift, size in ((5, 2), (-5, 3)):
        states = [0.95, susceptible[peak], susceptible[after + shift], 0.05]
        infected = [round(population * (1.0 - s)) for s in states]
        columns = {"trajectory": "a", "time": range(4), "infected": infected, "population": population, "degree": 3.0}
        data = observe(Trajectories(pd.DataFrame({**columns, "degrees": f"1:{population // 2} 5:{population // 2}"})),
                       "edge-based")  # fmt: skip
        assert data.size == size


def test_agents_without_neighbours_do_not_stop_the_comparison():
    # A tenth of the agents has no neighbours. Exposure is 0 in the formula once only they are susceptible.
    columns = {"trajectory": "a", "time": range(4), "infected": [5, 50, 93, 95], "population": 100, "degree": 3.6}
    data = observe(Trajectories(pd.DataFrame({**columns, "degrees": "0:10 4:90"})), "edge-based")
    assert data.size < 3
    assert "(1 increment, left out)" in data.cautions[0]


def test_trajectories_on_different_networks_have_different_formulas():
    a = trajectories(degree=4.2, degrees="3:4 5:6").table
    b = a.assign(trajectory="b", degree=4.0, degrees="3:5 5:5")
    data = observe(Trajectories(pd.concat([a, b])), "edge-based")
    assert data.formulas == (DegreeDistribution((3, 5), (0.4, 0.6)), DegreeDistribution((3, 5), (0.5, 0.5)))
    for path, formula in enumerate(data.formulas):
        rates = formula.exposure_rate(np.array([0.8, 0.6, 0.6]), 0.8)
        np.testing.assert_allclose(data.exposure_rate[data.path == path], rates, rtol=1e-13)
    assert list(data.paths["trajectory"]) == ["a", "b"]
    np.testing.assert_allclose(data.susceptible0, 0.8)


def test_recorded_exposure_moves_by_the_formula_of_its_network():
    edges = [6, 9, 9, 0]
    plain = observe(trajectories(si_edges=edges, degree=3), "recorded", "continuous")
    assert plain.formulas == (RandomRegular(3),)
    np.testing.assert_allclose(plain.elasticity, 1 - 2 / 3)
    np.testing.assert_allclose(plain.exposure_rate, [6 / 24, 9 / 18, 9 / 18])
    uneven = observe(trajectories(si_edges=edges, degree=4.2, degrees="3:4 5:6"), "recorded")
    assert uneven.formulas == (DegreeDistribution((3, 5), (0.4, 0.6)),)
    # The mean degree alone does not determine a formula.
    assert observe(trajectories(si_edges=edges, degree=4.2), "recorded").formulas == (MeanField(),)


def test_prevalence_follows_a_logistic_curve_between_times_in_continuous_time():
    # By hand: logit rises linearly from b to a, so the mean is log((1-a)/(1-b)) / (logit a - logit b). The mean is the
    # prevalence itself where nothing happens, and the mean of the ends where an end is 1.
    data = observe(trajectories(time=[0, 1, 2, 4]), "mean-field", "continuous")
    means = [np.log(0.8 / 0.6) / np.log((0.4 / 0.6) / (0.2 / 0.8)), 0.4, 0.7]
    np.testing.assert_allclose(data.exposure_end, np.cumsum(means * np.array([1, 1, 2])), rtol=1e-14)
    np.testing.assert_allclose(data.exposure_start, [0, *data.exposure_end[:-1]])
    np.testing.assert_allclose(data.exposure_rate, [0.2, 0.4, 0.4])
    np.testing.assert_array_equal(data.elasticity, 1.0)
    np.testing.assert_array_equal(data.time_end, [1, 2, 4])
    # Uneven steps need no caution in continuous time.
    assert data.cautions == ()


def test_a_whole_curve_keeps_increments_without_transitions():
    table = {"time": range(6), "infected": [0, 2, 4, 4, 10, 10]}
    assert observe(trajectories(**table), "mean-field").size == 3
    curve = observe(trajectories(**table), "mean-field", whole_curve=True)
    np.testing.assert_array_equal(curve.incidence, [2, 0, 6, 0])
    np.testing.assert_allclose(curve.prevalence, [0.4, 0.4, 1.0, 1.0])
    np.testing.assert_array_equal(curve.weight, 1.0)
    # The unit of time of the priors is the same for both kinds of likelihood.
    assert curve.window == 3.0


EDGES = [3, 4, 4, 0]


@pytest.mark.parametrize(
    ("columns", "name", "reason"),
    [
        ({}, "mean-field", "no column degree; on a network this can hide or imitate a second rate"),
        ({"degree": 4.2}, "mean-field", "a mean of unequal or too few neighbours, and there is no column degrees;"),
        ({"degree": 1}, "mean-field", "unequal or too few neighbours"),
        ({"degree": 4}, "edge-based", "have a degree but no count"),
        ({"degree": 4.0}, "edge-based", "have a degree but no count"),
        ({"degree": 4.2, "degrees": "3:4 5:6"}, "edge-based", "have degrees but no count"),
        ({"degrees": "3:4 5:6"}, "edge-based", "have degrees but no count"),
        ({"degrees": "3:4 5:6", "si_edges": EDGES}, "edge-based", "have degrees but no count"),
        ({"degree": 4, "si_edges": EDGES}, "recorded", "record the susceptible-sharer edges"),
        ({"degree": 4.2, "si_edges": EDGES}, "recorded", "record the susceptible-sharer edges"),
    ],
)
def test_default_closure_is_the_most_exact_that_the_data_allow(columns, name, reason):
    chosen, why = choose_closure(trajectories(**columns))
    assert chosen == name
    assert reason in why
    assert choose_closure(trajectories(**columns), name) == (name, "asked for")


@pytest.mark.parametrize(
    ("columns", "closure", "message"),
    [
        ({}, "recorded", "needs the columns si_edges and degree"),
        ({"degree": 4}, "recorded", "needs the columns si_edges and degree"),
        ({}, "edge-based", "needs the column degree"),
        ({"degree": 4.2}, "edge-based", "a whole number of at least 2, the same for all agents"),
        ({}, "x", "unknown"),
    ],
)
def test_closures_that_the_data_do_not_allow_are_refused(columns, closure, message):
    with pytest.raises(InputError, match=message):
        choose_closure(trajectories(**columns), closure)


@pytest.mark.parametrize(
    ("row", "closure", "formula"),
    [
        ({"degree": 4.0}, "edge-based", RandomRegular(4.0)),
        ({"degree": 4.2}, "edge-based", MeanField()),
        ({"degree": 4.0}, "mean-field", MeanField()),
        ({"degree": 4.0}, "recorded", RandomRegular(4.0)),
        ({"degree": 4.2, "degrees": "5:6 3:4"}, "recorded", DegreeDistribution((3, 5), (0.4, 0.6))),
        ({}, "recorded", MeanField()),
    ],
)
def test_formula_of_a_network(row, closure, formula):
    assert network_formula(row, closure) == formula


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


def test_features_that_the_process_does_not_describe_give_cautions():
    plain = observe(trajectories(), "mean-field")
    assert plain.cautions == ()
    assert plain.n_increments == plain.size == 3
    uneven = observe(trajectories(time=[0, 1, 2, 4]), "mean-field")
    assert "steps from 1 to 2" in uneven.cautions[0]
    late = observe(trajectories(infected=[0, 1, 3, 10]), "mean-field")
    assert "came from outside" in late.cautions[0]
    assert (late.size, late.n_increments) == (2, 3)


def test_trajectories_without_recorded_edges_are_taken_by_formula_with_the_others():
    rows = [(label, time, 2 + 3 * time, 20, 4, 6) for label in "ab" for time in range(4)]
    table = pd.DataFrame(rows, columns=["trajectory", "time", "infected", "population", "degree", "si_edges"])
    last = table["trajectory"] == "b"
    some = table.assign(si_edges=table["si_edges"].where(~last))
    name, reason = choose_closure(Trajectories(some))
    assert (name, reason) == ("edge-based", "the data have a degree but si_edges is empty for 1 of 2 trajectories")
    with pytest.raises(InputError, match="the recorded closure needs the columns si_edges and degree"):
        choose_closure(Trajectories(some), "recorded")
    mixed = table.drop(columns="si_edges").assign(degree=table["degree"].where(~last))
    name, reason = choose_closure(Trajectories(mixed))
    assert name == "edge-based"
    assert reason.endswith("without a degree, 1 of 2 trajectories are taken for fully mixed")
    assert observe(Trajectories(mixed), name).formulas == (RandomRegular(4.0), MeanField())
    # Each trajectory has the exposure that it has alone.
    alone = [observe(Trajectories(mixed[~last]), "edge-based"), observe(Trajectories(table[last]), "mean-field")]
    together = observe(Trajectories(mixed), name).exposure_end
    np.testing.assert_allclose(together, np.concatenate([each.exposure_end for each in alone]))
