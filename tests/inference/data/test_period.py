"""The period of a rhythm is found where it is clear, and nowhere else."""

import numpy as np
import pytest

from tworate.inference.calibration.data_generating_processes import OneRate, Who
from tworate.inference.calibration.structured_processes import OneRateAgeing, OneRateShelfLife, WhoRhythm
from tworate.inference.data.individual import observe_histories
from tworate.inference.data.observations import observe
from tworate.inference.data.period import best_period
from tworate.models.structures import CALENDAR, get_structure
from tworate.simulate import random_regular


def periods(truth, clock, seed, rounds=40):
    data = truth.spread(
        random_regular(1000, 8, seed=seed), rounds=rounds, replicates=6, seed=seed, histories=True, clock=clock
    )
    by_agents = observe_histories(data.histories, clock, structure=get_structure("time-varying"))
    return [best_period(each, clock) for each in (by_agents, observe(data, "recorded", clock, axis=CALENDAR))]


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_period_that_is_seen_several_times_is_found_by_agents_and_by_counts(clock, seed):
    truth = WhoRhythm(rate=1.0, ratio=6.0, weight=0.5, period=6.0, amplitude=0.8)
    found = periods(truth, clock, seed)
    np.testing.assert_allclose(found, 6.0, rtol=1e-12 if clock == "rounds" else 0.06)


@pytest.mark.parametrize("clock", ["rounds", "continuous"])
@pytest.mark.parametrize(
    "truth",
    [
        OneRate(0.8),
        Who(0.6, 6.0, 0.5),
        OneRateAgeing(rate=0.8, time_constant=12.0),
        OneRateShelfLife(rate=0.8, shelf_life=5.0),
    ],
    ids=lambda truth: truth.name,
)
def test_where_there_is_no_rhythm_no_period_is_found(truth, clock):
    assert [periods(truth, clock, seed) for seed in (1, 2)] == [[None, None]] * 2


def test_too_few_bins_show_no_period():
    truth = WhoRhythm(rate=1.0, ratio=6.0, weight=0.5, period=6.0, amplitude=0.8)
    assert periods(truth, "rounds", 1, rounds=8) == [None, None]
