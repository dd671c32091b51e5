"""The rule of the verdict, at and around its limits."""

import pytest

from tworate.inference.comparison.verdict import Doubt, VerdictInput, judge


def verdict(d, dse, **changes):
    base = {"n_observations": 400, "bad_k": {"one-rate": 0, "two-rate": 0}, "problems": {}, "closure": "recorded"}
    return judge(VerdictInput(elpd_diff=d, dse=dse, **{**base, **changes}))


@pytest.mark.parametrize(
    ("d", "dse", "name"),
    [
        (-3.0, 1.0, "one-rate"),
        (0.0, 0.0, "one-rate"),
        (3.7, 0.1, "one-rate"),
        (4.0, 0.1, "undecided"),
        (1.0, 1.5, "one-rate"),
        (1.0, 1.51, "undecided"),
        (-3.0, 4.0, "undecided"),
        (4.01, 2.0, "two-rate"),
        (4.01, 2.01, "undecided"),
        (30.0, 15.0, "undecided"),
        (30.0, 14.9, "two-rate"),
    ],
)
def test_thresholds(d, dse, name):
    assert verdict(d, dse).verdict == name
    assert verdict(d, dse).doubts == ()


def test_numbers_that_cannot_be_trusted_decide_nothing():
    diverged = {"problems": {"two-rate": ["3 divergent transitions"]}}
    for changes, doubt, reason in (
        (diverged, Doubt.SAMPLER, "for two-rate cannot be trusted: 3 divergent"),
        ({"bad_k": {"one-rate": 2, "two-rate": 0}}, Doubt.HIGH_PARETO_K, "2 of 400 increments under one-rate"),
        ({"n_observations": 3}, Doubt.FEW_INCREMENTS, "only 3 increments"),
        ({"n_later": 3}, Doubt.FEW_LATER_INCREMENTS, "only 3 increments begin"),
        ({"n_sharers": 9}, Doubt.FEW_SHARERS, "only 9 agents share"),
        ({"unit": "trajectory", "n_units": 4}, Doubt.FEW_TRAJECTORIES, "only 4 trajectories can be left out"),
    ):
        judgement = verdict(100.0, 1.0, **changes)
        assert judgement.verdict == "undecided"
        assert judgement.doubts == (doubt,)
        assert reason in judgement.reasons[0]
        assert "elpd_diff = 100.0" in judgement.reasons[-1]
    assert verdict(100.0, 1.0, n_observations=3, n_sharers=9).doubts == (Doubt.FEW_INCREMENTS, Doubt.FEW_SHARERS)


def test_two_rates_under_mean_field_carry_their_caveat():
    judgement = verdict(100.0, 1.0, closure="mean-field")
    assert judgement.verdict == "two-rate"
    assert any("mean-field" in reason for reason in judgement.reasons)
    assert len(verdict(100.0, 1.0).reasons) == 1


def test_two_rates_in_rounds_carry_a_caveat_where_the_clock_is_doubted():
    assert "synchronous rounds" in verdict(100.0, 1.0, doubted_clock=True).reasons[-1]
    assert not any("synchronous rounds" in reason for reason in verdict(-1.0, 1.0, doubted_clock=True).reasons)


def test_numbers_that_are_none_are_undecided():
    judgement = verdict(float("nan"), float("nan"))
    assert (judgement.verdict, judgement.doubts) == ("undecided", (Doubt.NOT_FINITE,))
    assert "not a number" in judgement.reasons[0]
