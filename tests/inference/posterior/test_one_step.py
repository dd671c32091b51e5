"""Predictions one step ahead, against plain loops over agents and the data of a known model."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tworate.inference.posterior.fitting import fit
from tworate.inference.posterior.one_step import MAX_BINS, _intervals, _numbers, has_steps, predict_steps
from tworate.inference.posterior.posterior_predictive import predict_curves
from tworate.models import RandomRegular, TwoRateSI
from tworate.simulate import Trajectories, random_regular, spread

N_AGENTS, DEGREE, ROUNDS, REPLICATES = 200, 8, 15, 3


@pytest.fixture(scope="module", params=["rounds", "continuous"])
def histories(request):
    network = random_regular(N_AGENTS, DEGREE, seed=1)
    data = spread(
        network, [[0.25]], rounds=ROUNDS, replicates=REPLICATES, visibility=0.5, seed=3, histories=True,
        clock=request.param,
    )  # fmt: skip
    return data, fit("one-rate", data, seed=1)


def expected_by_a_loop(data, beta, edges):
    """Add up, agent by agent, the probabilities to share in each interval given the shares of the others."""
    histories, expected = data.histories, np.zeros(len(edges) - 1)
    for number in range(histories.n_trajectories):
        network = histories.network_of(number)
        times = histories.share_times(number) - histories.starts[number]
        for j in range(N_AGENTS):
            neighbours = [i for i in range(N_AGENTS) if j in network.indices[network.indptr[i] : network.indptr[i + 1]]]
            for step, (low, high) in enumerate(itertools.pairwise(edges)):
                end = min(high, times[j]) if data.clock == "continuous" else high
                if times[j] <= low:
                    continue
                gained = sum(max(0.0, end - max(low, times[i])) for i in neighbours if times[i] < end)
                hazard = beta * gained / DEGREE
                expected[step] += -np.expm1(-hazard) if data.clock == "rounds" else hazard
    return expected


def test_agents_share_as_a_plain_loop_expects(histories):
    data, posterior = histories
    steps = predict_steps(posterior, data, seed=1)
    beta = float(posterior.posterior["beta"].mean())
    edges = np.concatenate([[0.0], steps["time"].to_numpy()])
    expected = expected_by_a_loop(data, beta, edges)
    # The median of hundreds of draws of a sum; in continuous time a compensator, which is a little larger.
    error = np.sqrt(np.maximum(expected, 1.0))
    assert np.all(np.abs(steps["q50"] - expected) < 0.6 * error + 0.5)
    assert steps["q50"].sum() == pytest.approx(expected.sum(), rel=0.06)
    table = data.table.groupby("trajectory")["infected"]
    assert steps["observed"].sum() == (table.last() - table.first()).sum()


def test_bands_hold_the_data_of_the_right_model_and_not_those_of_another(histories):
    data, posterior = histories
    steps = predict_steps(posterior, data, seed=1)
    inside = (steps["observed"] >= steps["q2.5"]) & (steps["observed"] <= steps["q97.5"])
    assert inside.mean() > 0.8
    slow = posterior.copy()
    slow["posterior"] = posterior.posterior.assign(beta=posterior.posterior["beta"] / 3)
    missed = predict_steps(slow, data, seed=1)
    assert (missed["observed"] > missed["q97.5"]).mean() > 0.25
    assert missed["observed"].sum() > 2 * missed["q50"].sum()


def test_counts_are_predicted_by_what_the_fit_holds(make_trajectories):
    table = make_trajectories(TwoRateSI(1.2, 0.2, 0.5), RandomRegular(16), seed=2, degree=16, replicates=4, rounds=30)
    data = Trajectories(table)
    posterior = fit("two-rate", data, seed=1)
    steps = predict_steps(posterior, data, seed=1)
    at = posterior.constant_data["time_end"].to_numpy()
    drawn = posterior.posterior_predictive["incidence"].to_numpy().reshape(-1, at.size)
    for row in steps.itertuples():
        assert np.median(drawn[:, at == row.time].sum(axis=1)) == row.q50
    new = table.groupby("trajectory")["infected"].diff().groupby(table["time"]).sum()
    np.testing.assert_array_equal(steps["observed"], new.loc[steps["time"]])
    # The right model predicts steps; one rate does not, though it is fitted to the same data.
    inside = (steps["observed"] >= steps["q2.5"]) & (steps["observed"] <= steps["q97.5"])
    wrong = predict_steps(fit("one-rate", data, seed=1), data, seed=1)
    missed = (wrong["observed"] < wrong["q2.5"]) | (wrong["observed"] > wrong["q97.5"])
    assert inside.mean() > 0.8
    assert missed.mean() > 0.3


def test_whole_curves_have_no_steps(make_trajectories):
    table = make_trajectories(TwoRateSI(1.2, 0.2, 0.5), RandomRegular(16), seed=2, degree=16, replicates=2, rounds=20)
    assert not has_steps(fit("one-rate", Trajectories(table), likelihood="normal", seed=1))


def test_many_times_are_added_up_in_equal_intervals():
    rng = np.random.default_rng(1)
    ends = np.sort(rng.uniform(0, 10, 500))
    times, number = _intervals(ends)
    assert times.size <= MAX_BINS
    assert np.all(ends <= times[number] + 1e-12)
    assert np.all(times[number] - ends <= 10 / MAX_BINS + 1e-9)
    few, place = _intervals(np.array([1.0, 2.0, 1.0]))
    assert (few.tolist(), place.tolist()) == ([1.0, 2.0], [0, 1, 0])


def test_sums_of_events_have_their_mean_and_variance():
    rng = np.random.default_rng(2)
    p = rng.uniform(0.0, 0.3, 400)
    mean, variance = np.full((2000, 1), p.sum()), np.full((2000, 1), (p * (1 - p)).sum())
    drawn = _numbers(mean, variance, rng)
    assert drawn.mean() == pytest.approx(p.sum(), abs=4 * np.sqrt(variance[0, 0] / drawn.size))
    assert drawn.var() == pytest.approx(variance[0, 0], rel=0.08)
    assert np.all(_numbers(np.zeros((5, 1)), np.zeros((5, 1)), rng) == 0)


def test_a_forward_simulation_in_rounds_has_no_stairs(histories):
    data, posterior = histories
    bands = predict_curves(posterior, data, seed=1)
    if data.clock == "rounds":
        # The grid has a point between rounds: it lies on the line between those of the rounds.
        assert not np.isclose(bands["time"].diff().dropna().iloc[0], 1.0)
        middle = bands["q50"].diff().dropna()
        assert (middle.iloc[5:40] == 0).mean() < 0.5
    assert isinstance(bands, pd.DataFrame)
