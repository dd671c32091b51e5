"""Exposure in bins: against plain loops, enumeration of all histories, and agents that are not grouped."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tworate.inference.data import individual
from tworate.inference.data.clustering import cluster, equal_rows, group_means
from tworate.inference.data.exposure_bins import MAX_BINS, active_until, agent_bins, bin_layout
from tworate.inference.data.individual import (
    agent_exposure,
    contact_scale,
    interval_of_share,
    merge_memoryless,
    observe_histories,
)
from tworate.inference.data.observations import observe
from tworate.inference.data.shelf_life import shelf_life_weighting
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.predictor import predictor
from tworate.inference.likelihood.specification import Specification
from tworate.models import OneRateSI, TwoRateSI
from tworate.models.structured import with_structure
from tworate.models.structures import AGE, CALENDAR, ELAPSED, PHASE, get_structure
from tworate.models.structures.base import AXES, NEIGHBOUR_AXES, NEIGHBOUR_BINS, SHARERS
from tworate.simulate import Pace, Trajectories, random_regular, spread
from tworate.simulate.contacts import ContactNetwork
from tworate.simulate.histories import EventHistories

BINOMIAL = LIKELIHOODS["binomial"]
CLOCKS = ("rounds", "continuous")
PERIOD = 3.0


def small_histories(clock, seed):
    """Return three trajectories on a directed, weighted network of eight agents, which start at different times."""
    rng = np.random.default_rng(seed)
    pairs = [(i, j) for i, j in itertools.product(range(8), repeat=2) if i != j]
    edges = pd.DataFrame(rng.permutation(pairs)[:24], columns=["source", "target"])
    edges["weight"] = rng.uniform(0.2, 3.0, len(edges))
    network = ContactNetwork.of_edges(edges, agents=range(8))
    tables = []
    for label, start in enumerate((2.0, 0.0, 5.0)):
        n_shares = 6 - label
        later = rng.integers(1, 7, n_shares) if clock == "rounds" else rng.uniform(0.0, 7.0, n_shares)
        times = start + np.concatenate([[0.0], later])
        agents = rng.permutation(8)[: times.size]
        tables.append(pd.DataFrame({"trajectory": label, "agent": network.labels[agents], "time": times}))
    return EventHistories(pd.concat(tables, ignore_index=True), network, 13.0, clock)


def overlaps_of_bins(clock, axis, bins, low, high, start, shared, first, span):
    """Return how long each bin of an axis saw what was shown from `low` to `high`, by the definition of the axis."""
    found = np.zeros(len(bins.at))
    if axis == PHASE and clock == "rounds":
        # A round is in the bin that has its place.
        for t in range(int(low), int(high)):
            found[np.abs((t / PERIOD - bins.at + 0.5) % 1.0 - 0.5).argmin()] += 1.0
        return found
    for number, (left, width) in enumerate(zip(bins.start, bins.width, strict=True)):
        if axis == PHASE:
            cycles = range(int(low // PERIOD) - 1, int(high // PERIOD) + 2)
            pieces = [(PERIOD * (cycle + left), PERIOD * (cycle + left + width)) for cycle in cycles]
        elif axis == CALENDAR:
            pieces = [(first + span * left, first + span * (left + width))]
        else:
            origin = shared if axis == AGE else start
            pieces = [(origin + left, origin + left + width)]
        found[number] = sum(max(min(high, right) - max(low, at), 0.0) for at, right in pieces)
    return found


@pytest.mark.parametrize("contact", ["edges", "fraction"])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("clock", CLOCKS)
def test_bins_of_agents_are_those_of_a_plain_loop(clock, axis, contact):
    data = small_histories(clock, seed=4)
    network, exposure = data.network_of(0), agent_exposure(data, clock, contact)[0]
    back, scale = interval_of_share(data, clock), contact_scale(network, contact)
    first, last = (
        (0.0, float((data.ends - data.starts).max()))
        if axis in (ELAPSED, AGE)
        else (data.starts.min(), data.ends.max())
    )
    layout = bin_layout(axis, clock, first, last, PERIOD)
    assert layout.n_bins > 2
    for number in range(data.n_trajectories):
        rows = exposure.path == number
        agents, times = exposure.agent[rows], data.share_times(number)
        before, gained = agent_bins(data, number, layout, back, agents, scale)
        expected = np.zeros((2, agents.size, layout.n_bins))
        for row, agent in enumerate(agents):
            own_end = min(times[agent], data.ends[number])
            decided = own_end - back if np.isfinite(times[agent]) else own_end
            for j in range(network.n_agents):
                for edge in range(network.indptr[j], network.indptr[j + 1]):
                    if network.indices[edge] != agent or times[j] >= own_end:
                        continue
                    for part, (low, high) in enumerate(((times[j], decided), (max(decided, times[j]), own_end))):
                        seen = overlaps_of_bins(
                            clock, axis, layout.bins, low, high, data.starts[number], times[j], first, last - first
                        )
                        expected[part, row] += network.weights[edge] * seen / scale[agent]
        # Ends of bins are rounded, at most to 1e-14 of a time of size 10; weights add up to 10.
        np.testing.assert_allclose(before, expected[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(gained, expected[1], rtol=0, atol=1e-12)
        np.testing.assert_allclose(before.sum(axis=1), exposure.before[rows], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(gained.sum(axis=1), exposure.gained[rows], rtol=1e-9, atol=1e-12)
        # In rounds the interval of a share is one round: one place on an axis of time.
        if clock == "rounds" and axis != AGE:
            assert np.all((gained > 0).sum(axis=1) <= 1)
    assert exposure.agent.size > 10


@pytest.mark.parametrize("axis", NEIGHBOUR_AXES)
@pytest.mark.parametrize("clock", CLOCKS)
def test_bins_by_sharing_neighbours_are_those_of_a_plain_loop(clock, axis):
    data = small_histories(clock, seed=4)
    network, exposure = data.network_of(0), agent_exposure(data, clock)[0]
    back, scale = interval_of_share(data, clock), contact_scale(network, "edges")
    layout = bin_layout(axis, clock, 0.0, 1.0)
    seen_bins = np.zeros(layout.n_bins)
    for number in range(data.n_trajectories):
        rows = exposure.path == number
        agents, times = exposure.agent[rows], data.share_times(number)
        before, gained = agent_bins(data, number, layout, back, agents, scale)
        expected = np.zeros((2, agents.size, layout.n_bins))
        for row, agent in enumerate(agents):
            own_end = min(times[agent], data.ends[number])
            decided = own_end - back if np.isfinite(times[agent]) else own_end
            followed = [
                (times[j], network.weights[edge])
                for j in range(network.n_agents)
                for edge in range(network.indptr[j], network.indptr[j + 1])
                if network.indices[edge] == agent
            ]
            # Between two moments at which anything changes, everything is constant.
            moments = sorted({t for t, _ in followed if t < own_end} | {decided, own_end})
            for low, high in itertools.pairwise(moments):
                sharing = [weight for t, weight in followed if t <= low]
                if sharing:
                    value = len(sharing) if axis == SHARERS else len(sharing) / len(followed)
                    place = sum(value >= end for end in NEIGHBOUR_BINS[axis]) - 1
                    expected[int(low >= decided), row, place] += sum(sharing) * (high - low) / scale[agent]
        np.testing.assert_allclose(before, expected[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(gained, expected[1], rtol=0, atol=1e-12)
        np.testing.assert_allclose(before.sum(axis=1), exposure.before[rows], rtol=1e-12, atol=1e-12)
        seen_bins += before.sum(axis=0)
    assert (seen_bins > 0).sum() >= 3


def test_a_neighbour_that_shares_within_the_instant_of_a_share_counts_from_its_own_share_on():
    network = ContactNetwork.of_edges(pd.DataFrame({"source": [0, 1], "target": [2, 2]}), agents=range(3))
    # An instant is 1e-7 of the window of 10, and the second agent shares half of it before the third.
    shares = pd.DataFrame({"agent": [0, 1, 2], "time": [0.0, 5.0, 5.0 + 5e-7]})
    data = EventHistories(shares, network, 10.0, "continuous")
    back, scale = interval_of_share(data, "continuous"), np.ones(3)
    assert back == pytest.approx(1e-6)
    for axis in AXES:
        layout = bin_layout(axis, "continuous", 0.0, 10.0, PERIOD)
        before, gained = agent_bins(data, 0, layout, back, np.array([2]), scale)
        # Times of size 5 are rounded to 1e-15.
        assert before.sum() == pytest.approx(5.0 - 5e-7, abs=1e-14)
        assert gained.sum() == pytest.approx(1e-6 + 5e-7, abs=1e-14)


def test_each_round_has_a_bin_where_there_are_few_of_them():
    for axis in (ELAPSED, AGE):
        layout = bin_layout(axis, "rounds", 0.0, 12.0)
        np.testing.assert_array_equal(layout.bins.at, np.arange(12))
        np.testing.assert_array_equal(layout.bins.width, np.ones(12))
    calendar = bin_layout(CALENDAR, "rounds", 3.0, 13.0)
    np.testing.assert_array_equal(calendar.edges, np.arange(3, 14))
    np.testing.assert_allclose(calendar.bins.at, np.arange(10) / 10, atol=1e-15)
    np.testing.assert_allclose(calendar.bins.width, 0.1, atol=1e-15)


@pytest.mark.parametrize("axis", AXES[:2])
@pytest.mark.parametrize("max_bins", [16, 40])
def test_many_rounds_share_bins_of_whole_rounds_at_the_mean_of_their_rounds(axis, max_bins):
    layout = bin_layout(axis, "rounds", 0.0, 333.0, max_bins=max_bins)
    assert layout.n_bins == max_bins
    assert (layout.edges[0], layout.edges[-1]) == (0.0, 333.0)
    np.testing.assert_array_equal(layout.edges % 1, 0)
    unit = 333.0 if axis == CALENDAR else 1.0
    for number in range(max_bins):
        rounds = np.arange(layout.edges[number], layout.edges[number + 1])
        assert layout.bins.at[number] * unit == pytest.approx(rounds.mean(), abs=1e-12)
    # Even bins are 333/max_bins wide, up to the rounding of both ends.
    assert np.ptp(np.diff(layout.edges)) <= 1


def test_ages_keep_a_bin_for_each_of_the_first_rounds():
    for max_bins in (16, 40):
        layout = bin_layout(AGE, "rounds", 0.0, 333.0, max_bins=max_bins)
        assert 12 < layout.n_bins <= max_bins
        np.testing.assert_array_equal(layout.edges[:13], np.arange(13))
        assert layout.edges[-1] == 333.0
        width = np.diff(layout.edges)
        assert np.all(width >= 1)
        np.testing.assert_array_equal(layout.bins.at, layout.edges[:-1] + (width - 1) / 2)


@pytest.mark.parametrize("axis", [ELAPSED, CALENDAR, AGE])
def test_bins_in_continuous_time_cover_the_window_and_lie_at_their_middle(axis):
    layout = bin_layout(axis, "continuous", 1.5, 9.0)
    low, high = (0.0, 1.0) if axis == CALENDAR else (0.0, 7.5)
    assert layout.n_bins == MAX_BINS
    assert layout.bins.start[0] == pytest.approx(low, abs=1e-15)
    ends = layout.bins.start + layout.bins.width
    assert ends[-1] == pytest.approx(high, rel=1e-14)
    np.testing.assert_allclose(layout.bins.start[1:], ends[:-1], rtol=1e-13)
    np.testing.assert_allclose(layout.bins.at, (layout.bins.start + ends) / 2, rtol=1e-13)
    # Bins of age are narrow near 0; those of time are equal.
    assert (layout.bins.width[0] < 0.05 * layout.bins.width[-1]) == (axis == AGE)


@pytest.mark.parametrize("period", [2.0, 2.4, 7.5, 24.0, 24.5, 100.0, 30 * np.pi])
@pytest.mark.parametrize("clock", CLOCKS)
def test_each_time_is_in_the_bin_of_its_place_in_the_period(clock, period):
    layout = bin_layout(PHASE, clock, 3.0, 231.0, period)
    step = np.diff(layout.edges)
    assert layout.edges[0] <= 3.0
    assert layout.edges[-1] >= 231.0
    assert layout.n_bins <= MAX_BINS
    # In rounds the place is that of the start of the round, in continuous time that of the middle of a short cell.
    place = ((layout.edges[:-1] + (0.0 if clock == "rounds" else 0.5) * step) / period) % 1.0
    n_places = np.unique(np.round(place, 9) % 1.0).size
    for number in np.unique(layout.bin_of_cell):
        # The weight is that of the mean place. A place that is rounded to just below a whole period is that of 0.
        away = (place[layout.bin_of_cell == number] - layout.bins.at[number] + 0.5) % 1.0 - 0.5
        assert away.mean() == pytest.approx(0.0, abs=1e-9)
        # Where there are not too many places, each has a bin of its own, and the sum over bins is exact.
        assert np.ptp(away) < (1e-9 if n_places <= MAX_BINS else 1 / MAX_BINS + 1e-9)


def counts(times=(3, 4, 5, 7, 8), second=(0, 2, 3, 6)):
    a = {"trajectory": "a", "time": times, "infected": [5, 20, 80, 300, 450], "population": 1000}
    b = {"trajectory": "b", "time": second, "infected": [10, 35, 90, 800], "population": 1000}
    return Trajectories(pd.concat([pd.DataFrame(a), pd.DataFrame(b)]))


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("clock", CLOCKS)
def test_bins_of_counts_add_up_to_the_exposure_and_are_those_of_a_loop(clock, axis):
    data = observe(counts(), "mean-field", clock, axis=axis, period=PERIOD)
    plain = observe(counts(), "mean-field", clock)
    binned = data.binned
    assert plain.binned is None
    np.testing.assert_array_equal(data.exposure_end, plain.exposure_end)
    np.testing.assert_allclose(binned.start.sum(axis=1), data.exposure_start, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(binned.end.sum(axis=1), data.exposure_end, rtol=1e-12)
    for path in (0, 1):
        own = np.flatnonzero(data.path == path)
        # Sums over all intervals are rounded, to 1e-16 of an exposure of size 1.
        np.testing.assert_allclose(binned.start[own[0]], 0.0, atol=1e-15)
        np.testing.assert_allclose(binned.start[own[1:]], binned.end[own[:-1]], rtol=1e-12, atol=1e-15)
    if axis == AGE:
        return
    # An interval is in one bin: that of its start in rounds, of its middle in continuous time.
    at = data.time_start if clock == "rounds" else (data.time_start + data.time_end) / 2
    since = at if axis == ELAPSED else at + np.where(data.path == 0, 3.0, 0.0)
    # The first time of the data is 0. At 7, before the last interval, 99% of all shares before it have happened.
    place = {ELAPSED: since, CALENDAR: np.minimum(since / 7.0, 1.0), PHASE: (since % PERIOD) / PERIOD}[axis]
    assert binned.until == (7.0 if axis == CALENDAR else None)
    added = binned.end - binned.start
    for row in range(data.size):
        (number,) = np.flatnonzero(added[row] > 0)
        assert binned.bins.at[number] == pytest.approx(place[row], abs=1e-12)


def test_many_times_of_counts_share_bins_at_their_mean():
    times = np.cumsum(np.random.default_rng(1).uniform(0.2, 1.0, 90))
    infected = np.linspace(10, 900, 90).astype(int)
    table = pd.DataFrame({"trajectory": 0, "time": times, "infected": infected, "population": 1000})
    for axis in (ELAPSED, CALENDAR, PHASE):
        data = observe(Trajectories(table), "mean-field", "continuous", axis=axis, period=PERIOD)
        binned, middle = data.binned, (times[1:] + times[:-1]) / 2
        assert len(binned.bins.at) <= MAX_BINS
        number = (binned.end - binned.start).argmax(axis=1)
        place = (middle % PERIOD) / PERIOD if axis == PHASE else middle - times[0]
        span = 1.0 if axis == PHASE else times[-1] - times[0]
        unit = binned.until - times[0] if axis == CALENDAR else 1.0
        for one in np.unique(number):
            own = place[number == one]
            assert np.ptp(own) <= span / MAX_BINS * (1 + 1e-9)
            at = own.mean() / unit
            assert binned.bins.at[one] == pytest.approx(min(at, 1.0) if axis == CALENDAR else at, rel=1e-12)
        np.testing.assert_allclose(binned.end.sum(axis=1), data.exposure_end, rtol=1e-12)


def test_the_pace_is_followed_until_nearly_all_have_shared():
    assert active_until(np.arange(100.0)) == 98.0
    assert active_until(np.arange(100.0)[::-1]) == 98.0
    assert active_until(np.array([0.0, 1.0, 2.0, 50.0]), np.array([10, 500, 489, 1])) == 2.0
    assert active_until(np.array([3.0, 3.0, 4.0]), np.array([500, 499, 1])) == 4.0


def test_agents_see_at_the_same_pace_after_nearly_all_have_shared(simulated):
    data = observe_histories(simulated, "rounds", structure=get_structure("time-varying"))
    times = simulated.shares["time"].to_numpy(dtype=float)
    assert data.binned.until == active_until(times)
    edges = np.arange(data.binned.bins.at.size)
    np.testing.assert_allclose(data.binned.bins.at, np.minimum(edges / data.binned.until, 1.0))


def test_ages_of_counts_in_rounds_are_those_of_the_incidence():
    # Mean-field: each susceptible sees the agents that shared a rounds ago with the weight new(t - a) / N.
    infected = {"a": [5, 9, 30, 31, 90, 200, 350], "b": [2, 2, 7, 30, 31]}
    tables = [
        pd.DataFrame({"trajectory": name, "time": 4 + np.arange(len(n)), "infected": n, "population": 500})
        for name, n in infected.items()
    ]
    data = observe(Trajectories(pd.concat(tables)), "mean-field", axis=AGE)
    np.testing.assert_array_equal(data.binned.bins.at, np.arange(6))
    row = 0
    for n in infected.values():
        new, total = np.diff(n, prepend=0), np.zeros(6)
        for t in range(len(n) - 1):
            np.testing.assert_allclose(data.binned.start[row], total, rtol=1e-12, atol=1e-15)
            for age in range(t + 1):
                total[age] += new[t - age] / 500
            np.testing.assert_allclose(data.binned.end[row], total, rtol=1e-12, atol=1e-15)
            row += 1
    assert row == data.size


def test_ages_of_counts_in_continuous_time_are_counted_from_the_middle_of_an_interval():
    infected, times = [4, 10, 30, 60], np.array([1.0, 1.5, 2.0, 2.5])
    table = pd.DataFrame({"trajectory": 0, "time": times, "infected": infected, "population": 100})
    data = observe(Trajectories(table), "mean-field", "continuous", axis=AGE)
    gained = data.exposure_end - data.exposure_start
    # In the third interval, of middle 2.25: 4 agents shared at 1, 6 at 1.25, and 20 at 1.75. Ages in steps of 0.5.
    expected = gained[2] * np.array([0.0, 20.0, 10.0]) / 30
    np.testing.assert_allclose((data.binned.end - data.binned.start)[2], expected, rtol=1e-12)
    np.testing.assert_allclose(data.binned.bins.at, [0.25, 0.75, 1.25], rtol=1e-14)


def test_ages_of_counts_in_continuous_time_are_those_of_uneven_intervals():
    infected, times = [4, 10, 30, 60, 70], np.array([0.0, 3.0, 4.0, 5.0, 6.0])
    table = pd.DataFrame({"trajectory": 0, "time": times, "infected": infected, "population": 100})
    data = observe(Trajectories(table), "mean-field", "continuous", axis=AGE)
    gained = data.exposure_end - data.exposure_start
    # Agents shared at 0, 1.5, 3.5 and 4.5. In the second interval, of middle 3.5, ages are 3.5 and 2; in the fourth, of
    # middle 5.5, they are 5.5, 4, 2 and 1. The steps are as long as their median, 1.
    expected = [gained[1] * np.array([0, 0, 6, 4, 0, 0]) / 10, gained[3] * np.array([0, 30, 20, 0, 6, 4]) / 60]
    np.testing.assert_allclose((data.binned.end - data.binned.start)[[1, 3]], expected, rtol=1e-12, atol=1e-15)


# What each structure weights is written again here, in the unit of time of the data.
FORMULAS = {
    "ageing": ({"ageing_rate": 0.4}, lambda t, age, until: np.exp(-0.4 * t)),
    "power-ageing": ({"ageing_rate": 0.9}, lambda t, age, until: 1 / (1 + 0.9 * t)),
    "fading": ({"fading_rate": 0.7}, lambda t, age, until: np.exp(-0.7 * age)),
    "rhythm": (
        {"cos_1": 0.8, "sin_1": -0.3, "cos_2": 0.2, "sin_2": 0.4},
        lambda t, age, until: np.exp(
            sum(
                a * np.cos(2 * np.pi * h * t / PERIOD) + b * np.sin(2 * np.pi * h * t / PERIOD)
                for h, a, b in ((1, 0.8, -0.3), (2, 0.2, 0.4))
            )
        ),
    ),
    # Coefficients on a straight line are a pace that grows evenly: by 3 in twelve intervals, until most shared.
    "time-varying": (
        {f"log_pace_{number + 1}": 0.25 * (number - 7) for number in range(15)},
        lambda t, age, until: np.exp(3.0 * min(t / until, 1.0) - 0.25 * 6),
    ),
}


def log_likelihoods(data, model, values):
    """Log-likelihood of each observation: binomial terms."""
    specification = Specification(model, BINOMIAL, level="individual")
    how = predictor(specification)
    per_window = {
        name: np.array([[value * (data.window if name in specification.rates else 1.0)]])
        for name, value in values.items()
    }
    log_escape = how.predict(how.arrays(data), per_window)[0]
    k, n = data.weight * data.incidence, data.weight * data.n_susceptible
    with np.errstate(divide="ignore"):
        share = np.where(k > 0, np.log(-np.expm1(log_escape)), 0.0)
    return k * share + (n - k) * log_escape


def weighted_exposures(data, number, weight, rounds):
    """Exposure of each agent until the start of each round, by a loop over edges; shape (n_agents, rounds + 1)."""
    network, times, start = data.network_of(number), data.share_times(number), data.starts[number]
    every_share = np.sort(data.shares["time"].to_numpy(dtype=float))
    until = every_share[int(np.ceil(0.99 * every_share.size)) - 1]
    total = np.zeros((network.n_agents, rounds + 1))
    for t in range(rounds):
        total[:, t + 1] = total[:, t]
        for j in np.flatnonzero(times <= start + t):
            for edge in range(network.indptr[j], network.indptr[j + 1]):
                amount = 1.0 if network.weights is None else network.weights[edge]
                seen = amount * weight(float(t), start + t - times[j], until) / network.mean_weight_in
                total[network.indices[edge], t + 1] += seen
    return total


def of_all_agents(data, model, values, weight, rounds):
    """Log-likelihood of histories in rounds: each agent that is no seed, from its own weighted exposure."""
    total = 0.0
    one = model(**values)
    for number in range(data.n_trajectories):
        exposure, times = weighted_exposures(data, number, weight, rounds), data.share_times(number)
        for agent in np.flatnonzero(~data.seeds(number)):
            if np.isfinite(times[agent]):
                t = int(times[agent] - data.starts[number])
                before, end = exposure[agent, t - 1], exposure[agent, t]
                chance = float(one.survival(before) - one.survival(end))
                if chance == 0.0:
                    return -np.inf
                total += np.log(chance)
            else:
                total += np.log(float(one.survival(exposure[agent, rounds])))
    return total


EDGES = pd.DataFrame({"source": [0, 0, 1, 2, 3, 3, 4], "target": [1, 2, 3, 3, 4, 0, 2]})


@pytest.mark.parametrize("model", [OneRateSI, TwoRateSI], ids=["one-rate", "two-rate"])
@pytest.mark.parametrize("name", ["ageing", "fading"])
def test_probabilities_of_all_histories_of_a_small_network_sum_to_one(name, model):
    """Every history of four agents over three rounds: who shares in which round, or never."""
    network, structure = ContactNetwork.of_edges(EDGES, agents=range(5)), get_structure(name)
    own, weight = FORMULAS[name]
    values = {"beta": 0.8} if model is OneRateSI else {"beta_fast": 1.7, "beta_slow": 0.2, "weight_fast": 0.4}
    both, total, by_observations = with_structure(model, structure), 0.0, 0
    for times in itertools.product((1, 2, 3, np.inf), repeat=4):
        shares = [(0, 0), *[(agent, time) for agent, time in enumerate(times, 1) if np.isfinite(time)]]
        data = EventHistories(pd.DataFrame(shares, columns=["agent", "time"]), network, 3.0, "rounds")
        expected = of_all_agents(data, model, values, weight, 3)
        total += np.exp(expected)
        if np.isfinite(expected) and len(shares) > 1:
            found = log_likelihoods(observe_histories(data, "rounds", structure=structure), both, {**values, **own})
            # Sums over bins are rounded, to 1e-15 of an exposure of size 1.
            assert found.sum() == pytest.approx(expected, rel=1e-12)
            by_observations += 1
    assert total == pytest.approx(1.0, rel=1e-12)
    assert by_observations > 20


@pytest.fixture(scope="module")
def simulated():
    members = np.random.default_rng(1).integers(0, 2, 120)
    return spread(
        random_regular(120, 6, seed=1), [[0.35], [0.08]], members, rounds=12, replicates=2, visibility=0.5, seed=2,
        histories=True,
    ).histories  # fmt: skip


def times_more(values, factor):
    return {name: factor * value for name, value in values.items()}


@pytest.mark.parametrize("name", FORMULAS)
def test_observations_of_one_rate_have_the_likelihood_of_single_agents_exactly_in_rounds(name, simulated):
    structure = get_structure(name)
    data = observe_histories(simulated, "rounds", structure=structure, period=PERIOD)
    exposure, _ = agent_exposure(simulated, "rounds")
    assert data.size < 2 * exposure.agent.size
    own, weight = FORMULAS[name]
    model = with_structure(OneRateSI, structure)
    for beta in (0.1, 0.9, 3.0):
        found = log_likelihoods(data, model, {"beta": beta, **own})
        expected = of_all_agents(simulated, OneRateSI, {"beta": beta}, weight, 12)
        # Exposures are rounded to 1e-15; the logarithm of a small probability enlarges this.
        assert found.sum() == pytest.approx(expected, rel=1e-11)
    # The negative control: without the weight it is another likelihood.
    plain = of_all_agents(simulated, OneRateSI, {"beta": 0.9}, lambda t, age, until: 1.0, 12)
    assert abs(log_likelihoods(data, model, {"beta": 0.9, **own}).sum() - plain) > 1.0


@pytest.mark.parametrize("period", [2.4, 7.5, 24.5])
def test_a_rhythm_whose_period_is_no_whole_number_of_rounds_is_exact_too(period, simulated):
    structure = get_structure("rhythm")
    data = observe_histories(simulated, "rounds", structure=structure, period=period)
    own = {"cos_1": 0.9, "sin_1": 0.2, "cos_2": 0.0, "sin_2": 0.0}

    def weight(t, age, until):
        return np.exp(0.9 * np.cos(2 * np.pi * t / period) + 0.2 * np.sin(2 * np.pi * t / period))

    found = log_likelihoods(data, with_structure(OneRateSI, structure), {"beta": 0.7, **own}).sum()
    assert found == pytest.approx(of_all_agents(simulated, OneRateSI, {"beta": 0.7}, weight, 12), rel=1e-11)


@pytest.mark.parametrize("name", ["ageing", "fading"])
def test_two_rates_see_each_agent_too(name, simulated):
    structure = get_structure(name)
    data = observe_histories(simulated, "rounds", structure=structure)
    own, weight = FORMULAS[name]
    values = {"beta_fast": 1.6, "beta_slow": 0.2, "weight_fast": 0.5}
    found = log_likelihoods(data, with_structure(TwoRateSI, structure), {**values, **own}).sum()
    assert found == pytest.approx(of_all_agents(simulated, TwoRateSI, values, weight, 12), rel=1e-11)


def test_a_shelf_life_leaves_the_exposure_to_younger_shares(simulated):
    structure = get_structure("shelf-life")
    data = observe_histories(simulated, "rounds", weighting=shelf_life_weighting(3.0))
    assert data.binned is None
    for beta in (0.3, 1.2):
        found = log_likelihoods(data, with_structure(OneRateSI, structure), {"beta": beta})
        expected = of_all_agents(
            simulated, OneRateSI, {"beta": beta}, lambda t, age, until: 1.0 if age < 3 else 0.001, 12
        )
        assert found.sum() == pytest.approx(expected, rel=1e-11)


def test_structures_that_do_not_weight_exposure_have_no_bins(simulated):
    plain = observe_histories(simulated, "rounds")
    data = observe_histories(simulated, "rounds", structure=get_structure("unreachable"))
    assert data.binned is None
    np.testing.assert_array_equal(data.exposure_end, plain.exposure_end)


@pytest.mark.parametrize("name", ["ageing", "fading"])
@pytest.mark.parametrize("clock", CLOCKS)
def test_grouped_agents_keep_sums_of_exposure_and_their_own_rows(clock, name, monkeypatch):
    monkeypatch.setattr(individual, "MAX_TYPES", 30)
    data = spread(
        random_regular(200, 6, seed=3), [[0.3]], rounds=20, replicates=2, visibility=0.7, seed=4, clock=clock,
        pace=Pace(fading=3), histories=True,
    ).histories  # fmt: skip
    exposure, _ = agent_exposure(data, clock)
    rows = observe_histories(data, clock, structure=get_structure(name))
    units, n = rows.units, exposure.agent.size
    assert units.row_before.size < n / 2
    np.testing.assert_array_equal(units.agent, exposure.agent)
    size = rows.n_susceptible.astype(float)
    waiting, event = rows.incidence == 0, rows.incidence > 0
    assert size[event].sum() == exposure.shared.sum()
    # What agents waited for adds up; the mean gain is that of the logarithms, so that densities keep their sum.
    assert (size[waiting] * rows.exposure_end[waiting]).sum() == pytest.approx(exposure.before.sum(), rel=1e-12)
    np.testing.assert_allclose(rows.binned.end.sum(axis=1), rows.exposure_end, rtol=1e-12)
    gained = (rows.binned.end - rows.binned.start).sum(axis=1)[event]
    assert (size[event] * np.log(gained)).sum() == pytest.approx(
        np.log(exposure.gained[exposure.shared]).sum(), rel=1e-9
    )
    # Agents of a type agree in whether they share.
    has_event = units.row_event[units.type_of_agent] >= 0
    np.testing.assert_array_equal(has_event, exposure.shared)


@pytest.mark.parametrize("name", ["ageing", "power-ageing", "rhythm", "time-varying"])
def test_one_rate_is_exact_in_however_few_groups(name, simulated, monkeypatch):
    # Agents that wait add up, and agents that share are kept apart by what they saw, and when.
    structure, (own, weight) = get_structure(name), FORMULAS[name]
    many = observe_histories(simulated, "rounds", structure=structure, period=PERIOD)
    monkeypatch.setattr(individual, "MAX_TYPES", 1)
    few = observe_histories(simulated, "rounds", structure=structure, period=PERIOD)
    assert few.size < 0.6 * many.size
    model = with_structure(OneRateSI, structure)
    expected = of_all_agents(simulated, OneRateSI, {"beta": 0.9}, weight, 12)
    assert log_likelihoods(few, model, {"beta": 0.9, **own}).sum() == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("clock", CLOCKS)
def test_merged_observations_have_the_same_likelihood_but_for_a_constant(clock, name):
    structure = get_structure(name)
    histories = spread(
        random_regular(120, 6, seed=1), [[0.3]], rounds=12, replicates=2, visibility=0.5, seed=2, clock=clock,
        histories=True,
    ).histories  # fmt: skip
    data = observe_histories(histories, clock, structure=structure, period=PERIOD)
    merged = merge_memoryless(data)
    assert merged.size < 0.7 * data.size
    assert merged.n_susceptible.sum() == data.n_susceptible.sum()
    # An exact time's instant adds 1e-7 to an exposure of size 1, which is rounded to 1e-16.
    exact = 1e-12 if clock == "rounds" else 1e-8
    np.testing.assert_allclose(merged.binned.end.sum(axis=1), merged.exposure_end, rtol=exact)
    own, model = FORMULAS[name][0], with_structure(OneRateSI, structure)
    first, second = ({"beta": 0.7, **own}, {"beta": 1.1, **times_more(own, 0.6)})
    found, expected = (
        log_likelihoods(d, model, second).sum() - log_likelihoods(d, model, first).sum() for d in (merged, data)
    )
    assert found == pytest.approx(expected, rel=exact)
    assert abs(found) > 1.0


def test_groups_never_mix_what_is_kept_apart():
    rng = np.random.default_rng(1)
    features, fixed = rng.normal(size=(500, 3)), rng.integers(0, 7, 500)
    for n_groups in (1, 7, 20, 300):
        groups = cluster(features, fixed, n_groups)
        assert groups.min() == 0
        number = groups.max() + 1
        np.testing.assert_array_equal(np.unique(groups), np.arange(number))
        # No fewer than are kept apart, and as many as asked for unless nothing varies.
        assert number == max(n_groups, 7)
        for one in range(number):
            assert np.unique(fixed[groups == one]).size == 1


def within(features, groups):
    return float(((features - group_means(features, groups)[groups]) ** 2).sum())


def test_more_groups_never_vary_more_until_all_are_alone():
    features = np.random.default_rng(2).gamma(0.3, size=(300, 4))
    fixed = np.zeros(300, dtype=np.int64)
    varied = [within(features, cluster(features, fixed, n)) for n in (1, 2, 4, 8, 16, 32, 64, 128, 250)]
    assert varied[0] == pytest.approx(300 * features.var(axis=0).sum())
    assert np.all(np.diff(varied) < 0)
    # A quarter of the agents in groups leaves next to nothing of the variance.
    assert varied[6] < 0.1 * varied[0]
    alone = cluster(features, fixed, 300)
    np.testing.assert_array_equal(np.sort(alone), np.arange(300))


def test_groups_end_where_nothing_varies_any_more():
    fixed = np.array([0, 0, 1, 1, 1])
    constant = cluster(np.full((5, 2), 0.1), fixed, 100)
    assert [set(constant[fixed == one]) for one in (0, 1)] == [{0}, {1}]
    # Copies of seven agents: seven groups, however many are asked for.
    features = np.random.default_rng(3).normal(size=(7, 2))[np.arange(210) % 7]
    groups = cluster(features, np.zeros(210, dtype=np.int64), 100)
    np.testing.assert_array_equal(groups, groups[np.arange(210) % 7])
    assert groups.max() == 6


def test_means_of_groups_keep_sums():
    rng = np.random.default_rng(4)
    values, groups = rng.gamma(1.0, size=(90, 5)), np.arange(90) % 8
    means = group_means(values, groups)
    assert means.shape == (8, 5)
    np.testing.assert_allclose(np.bincount(groups) @ means, values.sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(means[3], values[3::8].mean(axis=0), rtol=1e-13)


def test_equal_rows_have_one_number():
    rows = np.array([[0.1, 0.2], [0.1, 0.3], [0.1, 0.2], [0.2, 0.1]])
    numbers = equal_rows(rows)
    assert numbers[0] == numbers[2]
    assert len(set(numbers)) == 3
