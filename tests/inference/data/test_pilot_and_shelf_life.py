"""The quick fit of one rate, and the shelf life of highest likelihood: against fine grids, brute force, the truth."""

from functools import partial

import numpy as np
import pytest
from scipy import optimize

from tworate.inference.calibration.structured_processes import WhoShelfLife
from tworate.inference.data.exposure_bins import BinnedExposure, agent_bins, bin_layout
from tworate.inference.data.individual import agent_exposure, contact_scale, observe_histories
from tworate.inference.data.observations import observe
from tworate.inference.data.pilot import pilot_weights
from tworate.inference.data.shelf_life import best_shelf_life, shelf_life_weighting
from tworate.inference.data.weighting import weighted
from tworate.models import OneRateSI, TwoRateSI
from tworate.models.structures import AGE, ELAPSED, Bins, get_structure
from tworate.simulate import CompleteNetwork, Pace, random_regular, spread

ROUNDS, DEGREE, TAU, SHELF = 25, 8, 6.0, 6


def simulated(pace, probability, seed):
    return spread(
        random_regular(1500, DEGREE, seed=1), [[probability]], rounds=ROUNDS, replicates=2, visibility=0.5,
        initial_sharers=20, seed=seed, pace=pace, histories=True,
    ).histories  # fmt: skip


def agents_in_bins(histories, axis):
    """Return the bins, the exposure of sharers in their interval, and the exposure that all others escaped."""
    layout, gained, escaped = bin_layout(axis, "rounds", 0.0, float(ROUNDS)), [], []
    exposure, _ = agent_exposure(histories, "rounds")
    for number in range(histories.n_trajectories):
        rows = exposure.path == number
        scale = contact_scale(histories.network_of(number), "edges")
        before, last = agent_bins(histories, number, layout, 1.0, exposure.agent[rows], scale)
        shared = exposure.shared[rows]
        gained.append(last[shared])
        escaped += [before, last[~shared]]
    return layout.bins, np.concatenate(gained), np.concatenate(escaped).sum(axis=0)


PILOTS = {
    "ageing": (Pace(ageing=TAU), ELAPSED, "ageing_rate"),
    "fading": (Pace(fading=TAU), AGE, "fading_rate"),
}


@pytest.fixture(scope="module", params=PILOTS)
def piloted(request):
    pace, axis, rate = PILOTS[request.param]
    histories = simulated(pace, 0.16, seed=2)
    bins, gained, escaped = agents_in_bins(histories, axis)
    scaled = BinnedExposure(axis, bins, gained[:0], gained[:0]).scaled(float(ROUNDS))
    structure = get_structure(request.param)
    weights = pilot_weights(structure, scaled, gained, np.ones(len(gained)), escaped, float(ROUNDS))
    return structure, rate, bins, gained, escaped, weights


def log_posterior(structure, rate, bins, gained, escaped, log_beta, log_rate):
    """Logarithm of the posterior density of the rates, which are per round; their priors are per window."""
    beta, fall = np.exp(log_beta), np.exp(log_rate)
    weights = beta * np.exp(-fall * bins.at)
    log_likelihood = np.log(-np.expm1(-(gained @ weights))).sum() - escaped @ weights
    priors = (OneRateSI.parameters()["beta"], beta), (structure.parameters()[rate], fall)
    return log_likelihood + sum(float(spec.distribution.logpdf(value * ROUNDS)) for spec, value in priors)


def test_the_quick_fit_is_the_mode_of_the_posterior_and_within_errors_of_the_truth(piloted):
    structure, rate, bins, gained, escaped, weights = piloted
    found = -np.log(weights[-1]) / bins.at[-1]
    np.testing.assert_allclose(weights, np.exp(-found * bins.at), rtol=1e-9)
    density = partial(log_posterior, structure, rate, bins, gained, escaped)

    def profile(log_rate):
        """Return the largest density over β: its logarithm is smooth and has one maximum."""
        return -optimize.minimize_scalar(lambda x: -density(x, log_rate), bounds=(-6, 6), method="bounded").fun

    # The standard error from the curvature of the profile.
    at, step = np.log(found), 0.05
    ends = [profile(at + shift) for shift in (-step, 0.0, step)]
    error = step / np.sqrt(-(ends[0] - 2 * ends[1] + ends[2]))
    # No point of a fine grid is better than the fit, which ends where a step gains less than 2e-9 of 3,000 nats.
    grid = at + error * np.linspace(-3, 3, 25)
    assert max(profile(x) for x in grid) < ends[1] + 1e-4
    # A point 1e-5 nats below the top has a slope of up to sqrt(2e-5)/error, 0.1. Without the priors it would be 0.8.
    assert abs(profile(at + 1e-3) - profile(at - 1e-3)) / 2e-3 < 0.2
    # By chance, a normal score exceeds 4 in one of 16,000 runs.
    assert abs(at + np.log(TAU)) < 4 * error
    # The data tell the rate within 10%, and are far from no structure: more than 100 nats.
    assert error < 0.1
    assert ends[1] - profile(-20.0) > 100


def test_rows_with_a_count_are_as_many_equal_rows(piloted):
    structure, _, bins, gained, escaped, weights = piloted
    axis = structure.axis
    rows, counts = np.unique(gained, axis=0, return_counts=True)
    assert len(rows) < len(gained)
    scaled = BinnedExposure(axis, bins, gained[:0], gained[:0]).scaled(float(ROUNDS))
    again = pilot_weights(structure, scaled, rows, counts.astype(float), escaped, float(ROUNDS))
    # The search ends where a step gains less than 1e-5 nats, which is 0.005 of a standard error of 0.07 in log-rate.
    np.testing.assert_allclose(np.log(again), np.log(weights), rtol=4e-4, atol=1e-12)


def test_the_unit_of_time_does_not_matter(piloted):
    structure, _, bins, gained, escaped, weights = piloted
    scaled = Bins(*(np.asarray(values) / ROUNDS for values in bins))
    hours = pilot_weights(structure, scaled, 60 * gained, np.ones(len(gained)), 60 * escaped, 60.0 * ROUNDS)
    np.testing.assert_allclose(np.log(hours), np.log(weights), rtol=4e-4, atol=1e-12)


def test_a_pilot_without_a_structure_in_the_data_finds_next_to_none():
    histories = simulated(None, 0.08, seed=3)
    bins, gained, escaped = agents_in_bins(histories, ELAPSED)
    scaled = BinnedExposure(ELAPSED, bins, gained[:0], gained[:0]).scaled(float(ROUNDS))
    weights = pilot_weights(get_structure("ageing"), scaled, gained, np.ones(len(gained)), escaped, float(ROUNDS))
    # An ageing of 0 is at the end of its support. By curvature its standard error is 0.0037 a round, over 25 rounds.
    assert weights.min() > np.exp(-4 * 0.0037 * ROUNDS)
    assert np.all(np.diff(weights) <= 0)


def largest(log_likelihood):
    """Return the largest log-likelihood over rates, by a bounded search on the log scale."""
    found = optimize.minimize_scalar(lambda x: -log_likelihood(np.exp(x)), bounds=(-8, 8), method="bounded")
    return -found.fun


def seen_by_agents(histories, age):
    """Return what each agent saw before its last round and in it, and whether it shared then; seeds are left out."""
    rows = []
    for number in range(histories.n_trajectories):
        network, times = histories.network_of(number), histories.share_times(number)
        source = np.repeat(np.arange(network.n_agents), np.diff(network.indptr))
        exposure = np.zeros((network.n_agents, ROUNDS))
        for t in range(ROUNDS):
            ages = t - times[source]
            # An agent sees shares that are younger than the age, and a thousandth of others.
            visible = np.where(ages >= 0, np.where(ages < age, 1.0, 0.001), 0.0)
            exposure[:, t] = np.bincount(network.indices, visible, network.n_agents) / DEGREE
        for agent in np.flatnonzero(~histories.seeds(number)):
            last = int(min(times[agent], ROUNDS))
            rows.append((exposure[agent, : last - 1].sum(), exposure[agent, last - 1], np.isfinite(times[agent])))
    return np.array(rows).T


def brute_force_of_agents(histories, age):
    """Log-likelihood of one rate."""
    before, last, shared = seen_by_agents(histories, age)
    shared = shared.astype(bool)
    escaped = before.sum() + last[~shared].sum()
    return largest(lambda rate: np.log(-np.expm1(-rate * last[shared])).sum() - rate * escaped)


def brute_force_of_two_rates(histories, age):
    """Log-likelihood of two rates, by a search without derivatives."""
    before, last, shared = seen_by_agents(histories, age)
    rows, counts = np.unique(np.stack([before, last, shared]), axis=1, return_counts=True)

    def cost(point):
        fast, slow, weight = np.exp(point[0]), np.exp(point[1]), 1 / (1 + np.exp(-point[2]))
        escape = [
            weight * np.exp(-fast * seen) + (1 - weight) * np.exp(-slow * seen) for seen in (rows[0], rows[0] + rows[1])
        ]
        return -counts @ np.log(np.where(rows[2] == 1, escape[0] - escape[1], escape[1]))

    return -optimize.minimize(cost, [0.0, -2.0, 0.0], method="Nelder-Mead", options={"fatol": 1e-4}).fun


def test_the_shelf_life_of_agents_is_found_and_agrees_with_brute_force():
    histories = simulated(Pace(shelf_life=SHELF), 0.1, seed=4)
    data = observe_histories(histories, "rounds", structure=get_structure("shelf-life"))
    assert best_shelf_life(data, OneRateSI) == SHELF
    by_age = [brute_force_of_agents(histories, age) for age in range(1, ROUNDS + 1)]
    assert 1 + int(np.argmax(by_age)) == SHELF
    # It is no matter of chance: the next best is far less likely.
    assert by_age[SHELF - 1] - max(by_age[SHELF - 2], by_age[SHELF]) > 5


def counted(pace, seed):
    return spread(
        CompleteNetwork(2000), [[0.5]], rounds=ROUNDS, replicates=3, visibility=0.8 / 2000, initial_sharers=20,
        seed=seed, pace=pace,
    )  # fmt: skip


def brute_force_of_counts(trajectories, age):
    """Log-likelihood of one rate: susceptible agents see the part of all that shared within the last rounds."""
    rows = []
    for _, table in trajectories.table.groupby("trajectory"):
        infected, population = table["infected"].to_numpy(), table["population"].to_numpy()
        new = np.diff(infected, prepend=0)
        for t in range(len(infected) - 1):
            visible = sum(new[t - a] * (1.0 if a < age else 0.001) for a in range(t + 1))
            rows.append((visible / population[t], population[t] - infected[t], new[t + 1]))
    exposure, susceptible, shared = np.array(rows).T
    return largest(
        lambda rate: (shared * np.log(-np.expm1(-rate * exposure)) - rate * exposure * (susceptible - shared)).sum()
    )


def test_the_shelf_life_of_counts_is_found_and_agrees_with_brute_force():
    trajectories = counted(Pace(shelf_life=SHELF), seed=5)
    data = observe(trajectories, "mean-field", axis=AGE)
    assert best_shelf_life(data, OneRateSI) == SHELF
    by_age = [brute_force_of_counts(trajectories, age) for age in range(1, ROUNDS + 1)]
    assert 1 + int(np.argmax(by_age)) == SHELF
    assert by_age[SHELF - 1] - max(by_age[SHELF - 2], by_age[SHELF]) > 5


def test_the_shelf_life_of_two_rates_is_found_and_agrees_with_brute_force():
    histories = spread(
        random_regular(1000, DEGREE, seed=1), [[0.2], [0.04]], np.arange(1000) % 2, rounds=ROUNDS, replicates=2,
        initial_sharers=20, seed=9, pace=Pace(shelf_life=SHELF), histories=True,
    ).histories  # fmt: skip
    data = observe_histories(histories, "rounds", structure=get_structure("shelf-life"))
    assert best_shelf_life(data, TwoRateSI) == SHELF
    by_age = [brute_force_of_two_rates(histories, age) for age in range(SHELF - 2, SHELF + 3)]
    assert SHELF - 2 + int(np.argmax(by_age)) == SHELF


def test_counts_of_two_rates_look_like_a_shorter_shelf_life_of_one_rate():
    data = [
        observe(WhoShelfLife(rate=0.6, ratio=5.0, weight=0.5, shelf_life=SHELF).spread(
            random_regular(1000, DEGREE, seed=seed), rounds=40, replicates=8, seed=seed
        ), "recorded", axis=AGE)
        for seed in range(2)
    ]  # fmt: skip
    assert [best_shelf_life(each, TwoRateSI) for each in data] == [SHELF] * 2
    assert max(best_shelf_life(each, OneRateSI) for each in data) < SHELF


@pytest.mark.parametrize("seed", [6, 8])
def test_without_a_shelf_life_in_the_data_the_longest_is_nearly_as_likely_as_the_best(seed):
    # With the second seed it is the best.
    trajectories = counted(None, seed=seed)
    best = best_shelf_life(observe(trajectories, "mean-field", axis=AGE), OneRateSI)
    by_age = [brute_force_of_counts(trajectories, age) for age in range(1, ROUNDS + 1)]
    assert best == 1 + int(np.argmax(by_age))
    # Twice the gain of one more parameter is chi-squared with one degree of freedom, whose quantile at 0.995 is 8; the
    # maximum over some ages is of little more.
    assert by_age[int(best) - 1] - by_age[-1] < 4


def test_exposure_within_a_shelf_life_is_that_to_younger_shares():
    trajectories = counted(None, seed=7)
    data = observe(trajectories, "mean-field", axis=AGE)
    visible = weighted(data, shelf_life_weighting(3.0))
    assert visible.binned is None
    row = 0
    for _, table in trajectories.table.groupby("trajectory"):
        infected = table["infected"].to_numpy()
        new, total = np.diff(infected, prepend=0), 0.0
        for t in range(len(infected) - 1):
            if infected[t] == 2000:
                break
            assert visible.exposure_start[row] == pytest.approx(total, rel=1e-12, abs=1e-15)
            seen = sum(new[t - a] * (1.0 if a < 3 else 0.001) for a in range(t + 1)) / 2000
            total += seen
            assert visible.exposure_end[row] == pytest.approx(total, rel=1e-12)
            # The rate at the start of the round is what is seen in it.
            assert visible.exposure_rate[row] == pytest.approx(seen, rel=1e-9)
            row += 1
    assert row == data.size
    assert weighted(visible, shelf_life_weighting(2.0)) is visible
