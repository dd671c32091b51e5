"""Coverage of intervals, and error rates of the verdict. Takes minutes; `make calibrate` runs it."""

import numpy as np
import pytest

from tworate import compare, fit
from tworate.models import RandomRegular, TwoRateSI
from tworate.simulate import random_regular, spread

pytestmark = pytest.mark.calibration

CLOSURE = RandomRegular(8)


def test_ninety_percent_intervals_cover_over_200_data_sets(make_trajectories):
    truth = TwoRateSI(beta_fast=1.0, beta_slow=0.2, weight_fast=0.5)
    hits = dict.fromkeys(truth.values, 0)
    for seed in range(200):
        table = make_trajectories(truth, CLOSURE, seed=1000 + seed, degree=8, replicates=4, rounds=30, dispersion=0.002)
        posterior = fit("two-rate", table, seed=seed)
        for name, value in truth.values.items():
            low, high = np.quantile(posterior.posterior[name], [0.05, 0.95])
            hits[name] += low < value < high
    coverage = {name: count / 200 for name, count in hits.items()}
    # A binomial with n = 200 and p = 0.9 leaves [0.825, 0.96] with probability 0.1%.
    assert all(0.825 <= value <= 0.96 for value in coverage.values()), coverage


@pytest.mark.parametrize("degree", [4, 8])
def test_one_rate_on_a_network_is_not_taken_for_two(degree):
    # Truth: one probability for every agent and sighting. The target is at most 2% false verdicts. Then 4 or more of 40
    # have probability 0.8%.
    verdicts = []
    for seed in range(40):
        network = random_regular(500, degree, seed=seed)
        trajectories = spread(network, [[0.5 / degree]], visibility=1.0, replicates=5, seed=seed)
        verdicts.append(compare(trajectories, seed=seed, structures="none").verdict)
    assert verdicts.count("two-rate") < 4, verdicts
    # The simpler model is also chosen, not only not rejected.
    assert verdicts.count("one-rate") >= 34, verdicts


def test_two_rates_four_times_apart_are_found():
    # Truth: half of the agents share with probability 0.12 at each sighting, half with 0.03.
    verdicts = []
    for seed in range(40):
        network = random_regular(500, 8, seed=seed)
        members = np.random.default_rng(seed).permutation(500) % 2
        trajectories = spread(network, [[0.12], [0.03]], members, visibility=1.0, replicates=5, seed=seed)
        verdicts.append(compare(trajectories, seed=seed, structures="none").verdict)
    # The target is the right verdict in 98%. Then fewer than 36 of 40 have probability 0.2%.
    assert verdicts.count("two-rate") >= 36, verdicts
