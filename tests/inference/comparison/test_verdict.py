"""The rule of the verdict, at and around its limits."""

import pytest

from tworate.inference.comparison.verdict import VerdictInput, judge


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
    assert verdict(d, dse)[0] == name


def test_numbers_that_cannot_be_trusted_decide_nothing():
    for changes, reason in (
        ({"problems": {"two-rate": ["3 divergent transitions"]}}, "for two-rate cannot be trusted: 3 divergent"),
        ({"bad_k": {"one-rate": 2, "two-rate": 0}}, "2 of 400 increments under one-rate"),
        ({"n_observations": 3}, "only 3 increments"),
    ):
        name, reasons = verdict(100.0, 1.0, **changes)
        assert name == "undecided"
        assert reason in reasons[0]
        assert "elpd_diff = 100.0" in reasons[-1]


def test_two_rates_under_mean_field_carry_their_caveat():
    name, reasons = verdict(100.0, 1.0, closure="mean-field")
    assert name == "two-rate"
    assert any("mean-field" in reason for reason in reasons)
    assert len(verdict(100.0, 1.0)[1]) == 1


def test_two_rates_in_rounds_carry_a_caveat_where_the_clock_is_doubted():
    assert "synchronous rounds" in verdict(100.0, 1.0, doubted_clock=True)[1][-1]
    assert "doubted_clock" not in str(verdict(-1.0, 1.0, doubted_clock=True)[1])
    assert not any("synchronous rounds" in reason for reason in verdict(-1.0, 1.0, doubted_clock=True)[1])


def test_numbers_that_are_none_are_undecided():
    name, reasons = verdict(float("nan"), float("nan"))
    assert name == "undecided"
    assert "not a number" in reasons[0]
