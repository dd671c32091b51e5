"""The parts of simulation-based calibration. The studies themselves are in tests/calibration."""

import numpy as np
import pandas as pd
import pytest

from tworate.inference.calibration.sbc import N_RANKS, Design, coverage, simulated_ranks, uniformity
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.specification import Specification
from tworate.models import OneRateSI


def test_uniform_ranks_pass_and_others_fail(rng):
    uniform = pd.DataFrame({"a": rng.integers(0, N_RANKS, 500)})
    narrow = pd.DataFrame({"a": np.clip(rng.normal(50, 15, 500), 0, 99).astype(int)})
    shifted = pd.DataFrame({"a": np.minimum(rng.integers(0, N_RANKS, 500) + 12, 99)})
    assert uniformity(uniform)["a"] > 1e-3
    assert uniformity(narrow)["a"] < 1e-9
    assert uniformity(shifted)["a"] < 1e-9


def test_p_values_are_uniform_themselves(rng):
    values = uniformity(pd.DataFrame(rng.integers(0, N_RANKS, (200, 400))))
    # 20 of 400 are expected below 0.05. A binomial exceeds 38 with probability 0.01%.
    assert 4 < (values < 0.05).sum() < 38


def test_coverage_counts_central_intervals():
    ranks = pd.DataFrame({"a": range(N_RANKS)})
    assert coverage(ranks, 0.9)["a"] == 0.9
    assert coverage(ranks, 0.5)["a"] == 0.5


@pytest.mark.integration
def test_one_rate_is_calibrated_and_without_dispersion_it_is_not():
    dispersed, plain = (Specification(OneRateSI, LIKELIHOODS[name]) for name in ("beta-binomial", "binomial"))
    # With more agents, ignoring their dependence does more harm.
    design = Design(population=2000, infected0=100, replicates=3)
    right = simulated_ranks(dispersed, 40, seed=1, design=design)
    wrong = simulated_ranks(dispersed, 40, seed=1, design=design, fitted=plain)
    # A binomial with n = 40 and p = 0.9 is below 0.7 with probability 0.02%.
    assert coverage(right, 0.9).min() >= 0.7
    assert uniformity(right).min() > 1e-4
    assert uniformity(wrong)["beta"] < 1e-4
    again = simulated_ranks(dispersed, 2, seed=1, design=design)
    pd.testing.assert_frame_equal(again, right.iloc[:2])
