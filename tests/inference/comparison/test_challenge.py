"""The rule by which rivals challenge a two-rate verdict, at and around its limits."""

import pytest

from tworate.inference.comparison.verdict import Rival, VerdictInput, challenge, judge


@pytest.mark.parametrize(
    ("d", "dse", "n_parameters", "challenged"),
    [
        (-20.0, 5.0, 2, False),
        (-20.0, 11.0, 2, True),  # within two standard errors, with fewer parameters
        (-20.0, 11.0, 3, False),  # the same with as many
        (-3.9, 0.1, 2, True),  # a tie by size
        (3.0, 0.1, 3, False),
        (9.0, 4.0, 3, True),  # better
        (9.0, 5.0, 3, False),  # better, but within two standard errors
    ],
)
def test_a_rival_challenges_when_it_is_better_or_as_good_with_fewer_parameters(d, dse, n_parameters, challenged):
    names, reasons = challenge([Rival("rival", d, dse, n_parameters)], 3)
    assert names == (["rival"] if challenged else [])
    assert len(reasons) == 1
    assert ("withstood" in reasons[0]) is not challenged


def test_a_rival_that_cannot_be_trusted_challenges_nobody_and_is_named():
    names, reasons = challenge([Rival("rival", 50.0, 1.0, 2, ["3 divergent transitions"])], 3)
    assert names == []
    assert "could not be judged: 3 divergent" in reasons[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n_later": 3}, "only 3 increments begin after some exposure"),
        ({"n_sharers": 4}, "only 4 agents share"),
        ({"unit": "trajectory", "n_units": 3}, "only 3 trajectories can be left out"),
        ({"unit": "trajectory", "n_units": 8, "bad_k": {"two-rate": 2}}, "2 of 8 trajectories under two-rate"),
    ],
)
def test_data_that_cannot_tell_are_undecided(changes, reason):
    base = {"elpd_diff": -1.0, "dse": 0.5, "n_observations": 40, "bad_k": {}, "problems": {}, "closure": "recorded"}
    judgement = judge(VerdictInput(**{**base, **changes}))
    assert judgement.verdict == "undecided"
    assert reason in judgement.reasons[0]
