"""Coverage of the decomposition, and error rates of the account. Takes minutes; `make calibrate` runs it."""

import numpy as np
import pytest
from scipy.special import expit

from tworate.inference.mechanisms.decision_counts import decision_counts
from tworate.inference.mechanisms.decomposition import Exposure, decompose
from tworate.inference.mechanisms.mechanism_models import fit_mechanism_model
from tworate.inference.mechanisms.mechanisms import explain
from tworate.inference.posterior.sampling import SamplerSettings
from tworate.simulate import random_regular, spread

pytestmark = pytest.mark.calibration

N_PERSONAS, N_SIGHTINGS = 8, 4


def drawn_table(rng):
    """Draw a decision table whose parts differ in size from data set to data set."""
    sd = np.abs(rng.normal(scale=[1.0, 1.0, 0.3]))
    return expit(
        rng.normal(-2.0, 0.5)
        + sd[0] * rng.normal(size=(N_PERSONAS, 1))
        + sd[1] * rng.normal(size=(1, N_SIGHTINGS))
        + sd[2] * rng.normal(size=(N_PERSONAS, N_SIGHTINGS))
    )


def simulated(table, seed):
    network = random_regular(400, 8, seed=seed)
    members = np.random.default_rng(seed).permutation(400) % len(table)
    return spread(network, table, members, rounds=40, replicates=5, seed=seed)


def test_ninety_percent_intervals_of_the_split_cover_over_200_data_sets():
    hits = dict.fromkeys(("fall", "who", "when"), 0)
    for seed in range(200):
        table = drawn_table(np.random.default_rng(seed))
        counts = decision_counts(simulated(table, seed))
        fit = fit_mechanism_model("both", counts, seed=seed, settings=SamplerSettings(), unit="cell", max_refits=0)
        exposure = Exposure(counts.reach, counts.visibility)
        # Sightings that nobody had are missing from the data, so the true table omits them too.
        truth = decompose(table[None, :, : counts.n_sightings], counts.shares, exposure)
        decline = decompose(fit.p_share, counts.shares, exposure)
        for part in hits:
            low, high = np.quantile(getattr(decline, part), [0.05, 0.95])
            hits[part] += low < getattr(truth, part)[0] < high
    coverage = {part: count / 200 for part, count in hits.items()}
    # A binomial with n = 200 and p = 0.9 leaves [0.825, 0.96] with probability 0.1%.
    assert all(0.825 <= value <= 0.96 for value in coverage.values()), coverage


@pytest.mark.parametrize("truth", ["neither", "who", "when", "both"])
def test_account_is_the_truth_over_40_data_sets(truth):
    who, when = np.array([[0.3], [0.1]]).repeat(4, axis=0), np.array([[0.25, 0.15, 0.1, 0.06]])
    tables = {
        "neither": np.full((N_PERSONAS, N_SIGHTINGS), 0.15),
        "who": who.repeat(N_SIGHTINGS, axis=1),
        "when": when.repeat(N_PERSONAS, axis=0),
        "both": who * when * 5,
    }
    accounts = [explain(simulated(tables[truth], seed), seed=seed)[0].account for seed in range(40)]
    # The rule is conservative: the target is that an absent part is included in at most 2%. Then 4 or more of 40 have
    # probability 0.8%. Parts as large as these are found.
    assert accounts.count(truth) >= 37, accounts
