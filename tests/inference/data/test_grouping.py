"""Groups of agents of nearly equal exposures: exact where there are few, and harmless to posteriors where not."""

from dataclasses import replace

import numpy as np
import pytest

from tworate.inference.calibration.data_generating_processes import Who
from tworate.inference.data import grouping
from tworate.inference.data.individual import merge_memoryless, observe_histories
from tworate.models import GammaRateSI, OneRateSI, OnlineOfflineSI, TwoRateSI
from tworate.simulate import make_network, spread

TRUTH = Who(rate=0.6, ratio=4, weight=0.5)


def test_few_distinct_values_are_kept_apart_exactly():
    exposure, shared = np.array([0.5, 0.25, 0.5, 0.5]), np.array([1, 0, 1, 0])
    types, equal = grouping.group({"exposure": exposure}, exact=[shared])
    assert equal
    assert types[0] == types[2]
    assert len(set(types)) == 3


def test_many_values_are_binned_in_order(monkeypatch):
    monkeypatch.setattr(grouping, "MAX_EXACT", 10)
    exposure = np.random.default_rng(1).exponential(size=40_000)
    shared = np.arange(40_000) % 2
    types, equal = grouping.group({"exposure": exposure}, exact=[shared])
    assert not equal
    # Twice as many agents in a group as 300 bins are made for give 2^(1/4) times as many bins.
    assert 400 < types.max() + 1 <= 2 * round(300 * 2**0.25)
    order = np.argsort(exposure[shared == 1])
    assert np.all(np.diff(types[shared == 1][order]) >= 0)


def simulated(network, clock):
    process = TRUTH.process(network.mean_degree, clock)
    members = np.random.default_rng(1).permutation(np.arange(network.n_agents) % 2).astype(np.int32)
    return spread(
        network, process.table, members, rounds=40, replicates=10, visibility=process.visibility, clock=clock, seed=2,
        histories=True,
    ).histories  # fmt: skip


def log_likelihood(data, model, values):
    exposure, time = (data.exposure_start, data.exposure_end), (data.time_start, data.time_end)
    log_escape = model.log_escape(exposure, time, values)
    with np.errstate(divide="ignore"):
        shares = np.where(data.incidence > 0, np.log(-np.expm1(log_escape)), 0.0)
    return float((data.incidence * shares + (data.n_susceptible - data.incidence) * log_escape).sum())


@pytest.mark.parametrize(
    ("network", "clock", "model", "values"),
    [
        ("barabasi-albert", "continuous", TwoRateSI, TRUTH.parameters()),
        ("barabasi-albert", "continuous", GammaRateSI, dict(zip(GammaRateSI.parameters(), (0.6, 0.5), strict=True))),
        ("barabasi-albert", "continuous", OnlineOfflineSI, {"beta": 0.5, "alpha": 0.02}),
        # With many neighbours there are too many whole numbers of neighbour-rounds.
        ("erdos-renyi", "rounds", TwoRateSI, TRUTH.parameters()),
        ("erdos-renyi", "rounds", OnlineOfflineSI, {"beta": 0.5, "alpha": 0.02}),
    ],
)
def test_bins_do_not_move_a_posterior(network, clock, model, values, monkeypatch):
    histories = simulated(make_network(network, 1000, 64 if network == "erdos-renyi" else 8, seed=1), clock)
    binned = observe_histories(histories, clock, by_time=model.uses_time())
    monkeypatch.setattr(grouping, "MAX_EXACT", 10**9)
    exact = observe_histories(histories, clock, by_time=model.uses_time())
    assert binned.size < exact.size / 2
    names, centre = list(values), np.array(list(values.values()))

    def at(data, point):
        return log_likelihood(data, model, dict(zip(names, point, strict=True)))

    # The posterior is nearly normal: its covariance is the inverse of the curvature.
    step, n = 1e-3 * centre, centre.size
    curvature = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            shifts = [
                a * b * at(exact, centre + a * step * (np.arange(n) == i) + b * step * (np.arange(n) == j))
                for a in (1, -1)
                for b in (1, -1)
            ]
            curvature[i, j] = sum(shifts) / (4 * step[i] * step[j])
    scales = np.linalg.cholesky(np.linalg.inv(-curvature))
    # Along each direction a shift of the log-likelihood by d per standard deviation moves the mean by d of them.
    for direction in scales.T:
        error = [at(binned, point) - at(exact, point) for point in (centre + direction / 2, centre - direction / 2)]
        assert abs(error[0] - error[1]) < 0.02


@pytest.mark.parametrize(
    ("clock", "model", "values"),
    [
        ("rounds", OneRateSI, {"beta": 0.7}),
        ("continuous", OneRateSI, {"beta": 0.7}),
        ("rounds", OnlineOfflineSI, {"beta": 0.5, "alpha": 0.02}),
    ],
)
def test_merged_observations_have_the_same_likelihood_but_for_a_constant(clock, model, values):
    histories = simulated(make_network("random-regular", 300, 8, seed=1), clock)
    data = observe_histories(
        histories, clock, by_time=model.uses_time(), kept_apart=np.arange(histories.n_trajectories)
    )
    merged = merge_memoryless(data)
    assert merged.size < data.size / 10
    assert merged.n_susceptible.sum() == data.n_susceptible.sum()
    assert list(np.unique(merged.path)) == list(np.unique(data.path))
    other = {name: 1.3 * value for name, value in values.items()}
    found, expected = (log_likelihood(d, model, other) - log_likelihood(d, model, values) for d in (merged, data))
    assert found == pytest.approx(expected, rel=1e-9)
    # Leaving one agent out takes it from the merged observations too.
    row = int(np.flatnonzero(data.incidence == 0)[0])
    weight = data.weight.copy()
    weight[row] -= 1 / data.n_susceptible[row]
    assert merge_memoryless(replace(data, weight=weight)).n_susceptible.sum() == data.n_susceptible.sum() - 1
