"""Truths in which something else changes the pace, and those that other programs make."""

import networkx as nx
import numpy as np
import pytest

from tworate.errors import InputError
from tworate.inference.calibration.data_generating_processes import OneRate
from tworate.inference.calibration.independent_processes import AgeingLoop, Sir, WhoAgeingLoop, WhoSir, trajectories_of
from tworate.inference.calibration.process_registry import DATA_GENERATING_PROCESSES, make_process
from tworate.inference.calibration.recovery_grids import GRIDS
from tworate.inference.calibration.structured_processes import (
    OneRateAgeing,
    OneRateFading,
    OneRateRhythm,
    OneRateShelfLife,
    Overstated,
    Unreachable,
    WhoPowerAgeing,
)
from tworate.models.structures import all_structures
from tworate.simulate import from_graph, make_network, random_regular

SETTINGS = {"rounds": 20, "replicates": 2, "seed": 3}


def test_two_rates_are_the_truth_only_where_agents_or_sightings_have_them():
    two = {name for name, truth in DATA_GENERATING_PROCESSES.items() if truth.two_rates}
    assert two == {"when"} | {name for name in DATA_GENERATING_PROCESSES if name.startswith("who")}
    named = {truth.structure for truth in DATA_GENERATING_PROCESSES.values()} - {None}
    assert named <= set(all_structures())
    assert named == {"ageing", "power-ageing", "rhythm", "shelf-life", "fading", "unreachable", "background"}
    # Neither model alone is right where something else changes the pace.
    for truth in (OneRateAgeing(0.6, 10), Unreachable(0.6, 0.3), Sir(0.6, 5), WhoPowerAgeing(0.6, 4, 0.5, 10)):
        assert truth.parameters(8, "rounds") == {}


@pytest.mark.parametrize(
    ("truth", "pace"),
    [
        (OneRateAgeing(0.6, 10), "ageing 10"),
        (WhoPowerAgeing(0.6, 4, 0.5, 10), "ageing power:10"),
        (OneRateRhythm(0.6, 24, 0.8), "rhythm 24:0.8"),
        (OneRateShelfLife(0.6, 5), "shelf life 5"),
        (OneRateFading(0.6, 5), "fading 5"),
    ],
)
def test_a_structure_is_the_pace_of_the_simulation(truth, pace):
    network = random_regular(200, 8, seed=1)
    data, again = (truth.spread(network, **SETTINGS, histories=True) for _ in range(2))
    assert set(data.table["pace"]) == {pace}
    assert data.table.equals(again.table) and data.histories is not None
    plain = OneRate(0.6).spread(network, **SETTINGS).table
    assert data.table["infected"].sum() < plain["infected"].sum()


def mean_and_error(truth, network, clock, replicates):
    """Return mean and standard error of the infected at some times."""
    data = truth.spread(network, rounds=16, replicates=replicates, clock=clock, seed=5).table
    infected = data.pivot(index="trajectory", columns="time", values="infected").to_numpy()[:, 4::4]
    return infected.mean(axis=0), infected.std(axis=0, ddof=1) / np.sqrt(replicates)


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
def test_independent_programs_agree_where_they_simulate_the_same(clock):
    # With 40 neighbours the probability 1 - exp(-rate g / k) of the loop is g (1 - exp(-rate / k)) up to 1%, which is
    # below the standard errors. In EoN a long duration leaves one rate.
    network = random_regular(300, 40, seed=1)
    ours, theirs = (OneRateAgeing(0.9, 6), AgeingLoop(0.9, 6)) if clock == "rounds" else (OneRate(0.6), Sir(0.6, 1e9))
    (mean, error), (other_mean, other_error) = (
        mean_and_error(truth, network, clock, n) for truth, n in ((ours, 200), (theirs, 60))
    )
    # Four dependent normal scores with 60 replicates: |z| > 4 occurs in about one of 2,000 (Bonferroni).
    assert np.abs((mean - other_mean) / np.hypot(error, other_error)).max() < 4
    # The negative control: without ageing, or with removal, the curve is another one.
    wrong = OneRate(0.9) if clock == "rounds" else Sir(0.6, 6)
    mean, error = mean_and_error(wrong, network, clock, 60)
    assert np.abs((mean - other_mean) / np.hypot(error, other_error)).max() > 8


def test_eon_removes_sharers_at_the_stated_rate():
    # In a pair, persuasion comes before removal with the probability β / (β + γ), here for rates of two classes.
    n = 4000
    network = from_graph(nx.Graph((2 * pair, 2 * pair + 1) for pair in range(n)), "pairs")
    rates = np.repeat(np.where(np.arange(n) < n // 2, 0.9, 0.1), 2)
    times = Sir(0.5, 4).share_times(network, rates, np.arange(0, 2 * n, 2), 1000, np.random.default_rng(1))
    assert np.all(times[::2] == 0)
    for rate in (0.9, 0.1):
        expected = rate / (rate + 1 / 4)
        found = np.isfinite(times[1::2][rates[1::2] == rate]).mean()
        assert abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / (n / 2))


def test_two_rates_of_independent_programs_are_those_of_who():
    for truth in (WhoSir(0.6, 4, 0.25, 5), WhoAgeingLoop(0.6, 4, 0.25, 10)):
        rates = truth.rates_of(400, np.random.default_rng(1))
        assert np.unique(rates).tolist() == pytest.approx([0.6 / 1.75, 4 * 0.6 / 1.75])
        assert rates.mean() == pytest.approx(0.6) and np.mean(rates > 0.6) == 0.25


def test_trajectories_of_times_are_those_of_the_simulation():
    for name, clock in (("random-regular", "rounds"), ("barabasi-albert", "continuous")):
        network = make_network(name, 200, 4, seed=1)
        data = OneRate(0.6).spread(network, **SETTINGS, clock=clock, histories=True)
        times = np.array([data.histories.share_times(number) for number in range(2)])
        made = trajectories_of(network, times, np.arange(21), clock, histories=True)
        columns = ["trajectory", "time", "infected", "population", "si_edges", "degree"]
        for column in [*columns, *(["degrees"] if "degrees" in data.table else [])]:
            assert made.table[column].tolist() == data.table[column].tolist(), column
        assert made.clock == data.clock == clock
        assert made.histories.n_shares == data.histories.n_shares


@pytest.mark.parametrize(
    ("truth", "clock"),
    [(Sir(0.6, 5), "continuous"), (AgeingLoop(0.6, 10), "rounds"), (WhoSir(1, 4, 0.5, 5), "continuous")],
)
def test_independent_programs_give_histories_and_the_same_for_the_same_seed(truth, clock):
    network = random_regular(200, 8, seed=1)
    one, two = (truth.spread(network, **SETTINGS, clock=clock, histories=True) for _ in range(2))
    other = truth.spread(network, **{**SETTINGS, "seed": 4}, clock=clock).table
    assert one.table.equals(two.table) and not one.table["infected"].equals(other["infected"])
    assert one.histories.table.equals(two.histories.table)
    assert one.histories.clock == clock and one.histories.ends.tolist() == [20, 20]
    assert one.histories.seeds(0).sum() == 5


def test_a_part_is_unreachable():
    data = Unreachable(3.0, 0.4).spread(random_regular(500, 8, seed=1), rounds=60, replicates=3, seed=1)
    # Everybody of the 300 others shares, and at most the five first sharers of the rest.
    end = data.table.loc[data.table["time"] == 60, "infected"]
    assert end.between(300, 305).all()


def test_an_overstated_population_is_that_of_the_report_only():
    complete = make_network("complete", 200, 2, seed=1)
    told = Overstated(0.6, 1.5).spread(complete, **SETTINGS)
    plain = OneRate(0.6).spread(complete, **SETTINGS)
    assert told.table["infected"].equals(plain.table["infected"])
    assert set(told.table["population"]) == {300} and set(told.table["degree"]) == {299}
    assert "si_edges" not in told.table and told.counts is None
    with pytest.raises(InputError, match="truth overstated: needs the network complete"):
        Overstated(0.6, 1.5).spread(random_regular(200, 8, seed=1), **SETTINGS)
    with pytest.raises(InputError, match="histories are recorded on a network with edges"):
        Overstated(0.6, 1.5).spread(complete, **SETTINGS, histories=True)


def test_truths_that_cannot_be_simulated_are_refused():
    regular = random_regular(200, 8, seed=1)
    with pytest.raises(InputError, match="truth sir: needs the clock continuous, not rounds"):
        Sir(0.6, 5).spread(regular, **SETTINGS)
    with pytest.raises(InputError, match="truth ageing-loop: needs a network with edges"):
        AgeingLoop(0.6, 5).spread(make_network("complete", 100, 2, seed=1), **SETTINGS)
    with pytest.raises(InputError, match="its agents are not alike; leave homophily out"):
        AgeingLoop(0.6, 5).spread(regular, **SETTINGS, homophily=0.2)
    with pytest.raises(InputError, match=r"unreachable = 1\.0 must be below 1"):
        make_process("unreachable", rate=0.6, unreachable=1.0)
    with pytest.raises(InputError, match=r"overstatement = 0\.5 must be at least 1"):
        make_process("overstated", rate=0.6, overstatement=0.5)


def test_the_grid_of_structures_has_one_and_two_rates_at_both_levels():
    grid = GRIDS["structures"]()
    truths = {cell.truth for cell in grid.cells}
    structured = {name for name, truth in DATA_GENERATING_PROCESSES.items() if truth.structure} - {"background"}
    assert truths == structured | {"one-rate", "who"}
    for cell in grid.cells:
        levels = {method.level for method in cell.methods}
        assert levels == ({"count"} if cell.truth == "overstated" else {"individual", "count"})
        drawn = cell.draw(1, 0)
        assert (drawn.agents, drawn.degree, drawn.replicates, drawn.rounds) == (1000, 8, 8, 40)
        if DATA_GENERATING_PROCESSES[cell.truth].two_rates:
            assert 4 <= drawn.truth.ratio <= 10
        if cell.truth.endswith("shelf-life"):
            assert drawn.truth.shelf_life % 1 == 0
