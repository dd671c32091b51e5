"""Truths: simulated agents behave as the truth states."""

import numpy as np
import pytest
from scipy import stats

from tworate.errors import InputError
from tworate.inference.calibration.data_generating_processes import (
    Background,
    Gamma,
    OneRate,
    Reinforced,
    Varying,
    When,
    Who,
)
from tworate.inference.calibration.process_registry import make_process
from tworate.models import TwoRateSI
from tworate.simulate import make_network

ALL = (
    OneRate(0.6), Who(0.6, 4, 0.5), When(1.2, 0.6, 6), Gamma(0.6, 1.0), Background(0.6, 0.005),
    Reinforced(1.2, 0.2, 0.6), Varying(0.6, 0.3),
)  # fmt: skip


def first_round(truth, clock="rounds", agents=2000):
    """Return new sharers of the first round, in many replicates on a complete network, where all see the same."""
    network = make_network("complete", agents, 2, seed=1)
    table = truth.spread(network, rounds=1, replicates=400, clock=clock, seed=3).table
    infected = table.pivot(index="trajectory", columns="time", values="infected").to_numpy()
    return (infected[:, 1] - infected[:, 0]).astype(float)


@pytest.mark.parametrize(
    ("truth", "mean_rate", "outside"),
    [
        (OneRate(0.6), 0.6, 0.0),
        (Who(0.6, 4, 0.5), 0.6, 0.0),
        (When(1.2, 0.6, 6), 1.2 * 0.6, 0.0),
        (Gamma(0.6, 1.0), 0.6, 0.0),
        (Background(0.6, 0.005), 0.6, 0.005),
        (Reinforced(1.2, 0.2, 0.6), 1.2 * 0.2, 0.0),
    ],
)
def test_the_first_round_has_the_mean_rate(truth, mean_rate, outside):
    # Five of 2000 agents share at the start, so each susceptible agent shares at the mean rate times 5/1999. Repeated
    # sightings and the curvature of exp then change the mean by less than 0.5%, which is below the standard error.
    new = first_round(truth)
    expected = 1995 * (1 - (1 - outside) * np.exp(-mean_rate * 5 / 1999))
    error = new.std() / np.sqrt(new.size)
    assert abs(new.mean() - expected) < 4 * error
    # The test has power: an error of half the mean would be noticed.
    assert 0.5 * expected > 8 * error


def test_replicates_vary_as_much_as_they_are_meant_to():
    factors = Varying(0.6, 0.3).factors(4000, np.random.default_rng(5))
    # Kolmogorov-Smirnov test at a level of 0.1%.
    assert stats.kstest(np.log(factors), stats.norm(0, 0.3).cdf).pvalue > 0.001
    assert np.all(OneRate(0.6).factors(3, np.random.default_rng(5)) == 1)


def test_a_gamma_truth_keeps_mean_and_variance():
    # 64 classes lose only the variance within each class: below 3% in total at a coefficient of variation of 1.
    process = Gamma(0.6, 1.0).process(1e6, "continuous")
    rates = process.table[:, 0] * 1e6
    assert np.average(rates, weights=process.weights) == pytest.approx(0.6, rel=1e-9)
    assert 0.94 < np.average((rates / 0.6 - 1) ** 2, weights=process.weights) < 1


def test_parameters_of_who_and_when_are_those_of_the_two_rate_model():
    who = Who(rate=0.6, ratio=4, weight=0.25).parameters()
    assert who["beta_fast"] / who["beta_slow"] == pytest.approx(4)
    assert 0.25 * who["beta_fast"] + 0.75 * who["beta_slow"] == pytest.approx(0.6)
    when = When(rate=2.0, p_first=0.75, ratio=1.5).parameters()
    # The example of TwoRateSI.from_sightings.
    assert when == pytest.approx({"beta_fast": 2.0, "beta_slow": 1.0, "weight_fast": 0.5})


def test_the_same_seed_gives_the_same_data_on_any_network():
    for kind in ("random-regular", "barabasi-albert", "complete"):
        network = make_network(kind, 200, 4, seed=1)
        for truth in ALL:
            one, two, other = (truth.spread(network, rounds=8, replicates=2, seed=s).table for s in (4, 4, 5))
            assert one.equals(two), truth
            assert not one["infected"].equals(other["infected"]), truth


def test_bad_truths_are_refused():
    with pytest.raises(InputError, match="truth 'three' is unknown"):
        make_process("three")
    with pytest.raises(InputError, match="needs rate, not beta"):
        make_process("one-rate", beta=1.0)
    with pytest.raises(InputError, match=r"rate = -1\.0 must be a number of at least 0"):
        make_process("one-rate", rate=-1.0)


@pytest.mark.parametrize("degree", [3, 8])
def test_in_rounds_first_and_later_sightings_are_exactly_two_rates_of_neighbour_rounds(degree):
    truth = When(rate=1.4, p_first=0.7, ratio=5)
    visibility, later = -np.expm1(-1.4 / degree), 0.7 / 5
    seen = np.arange(0, 30)
    # An agent has not shared after M neighbour-rounds: it saw nothing, or neither its first sighting nor a later one
    # persuaded.
    plain = [
        (1 - visibility) ** m
        + sum(
            (1 - visibility) ** (first - 1) * visibility * (1 - 0.7) * (1 - visibility * later) ** (m - first)
            for first in range(1, m + 1)
        )
        for m in seen
    ]
    model = TwoRateSI(**truth.parameters(degree, "rounds"))
    np.testing.assert_allclose(model.survival(seen / degree), plain, rtol=1e-12)
    # With many neighbours and in continuous time the slow rate is that of sightings times the later probability.
    assert truth.parameters(1e7, "rounds")["beta_slow"] == pytest.approx(truth.parameters()["beta_slow"], rel=1e-6)
    assert truth.parameters(degree, "continuous") == truth.parameters()
