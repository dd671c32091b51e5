"""What is said about groups, and what is kept of it. Real answers are in tests/integration and tests/calibration."""

from dataclasses import replace

import numpy as np
import pytest

from tworate import compare, random_regular, spread
from tworate.analysis.group_answer import GroupAnswer, answer_groups, save_answers, saved_answers

BETWEEN = GroupAnswer(
    {"event": "A"}, "between", "two-rate", "one-rate", gain=90.0, dse=9.0, gain_with_groups=-0.1, dse_with_groups=0.5,
    rates=[{"group": "bots", "factor": 0.5, "low": 0.4, "high": 0.6}],
    between={"fall": 3.0, "factor": 2.5, "low": 2.0, "high": 2.9},
)  # fmt: skip


def test_sentences_say_where_the_second_rate_is_from_with_both_gains():
    assert BETWEEN.sentence.startswith("The second rate comes from the differences between groups")
    assert "gains 90.0 (dse = 9.0) without rates for groups, and -0.1 (dse = 0.5) with them." in BETWEEN.sentence
    assert BETWEEN.sentence.endswith("a factor of 2.5 (95% HDI 2 to 2.9) of it lies between groups.")
    within = replace(BETWEEN, answer="within", verdict_with_groups="two-rate", structure=["ageing"], between={})
    assert "does not come from the differences between groups alone" in within.sentence
    assert "beside ageing, a second rate remains." in within.sentence
    assert "rates still differ" in replace(within, verdict_with_groups="heterogeneous").sentence
    undecided = replace(BETWEEN, answer="undecided", reason="it failed", gain_with_groups=None, between={})
    assert undecided.sentence.endswith("once every group has a rate of its own: it failed.")


def test_answers_survive_a_file(tmp_path):
    answers = [BETWEEN, GroupAnswer({"event": "B"}, "nothing", "one-rate")]
    save_answers(answers, tmp_path)
    assert saved_answers(tmp_path) == answers
    assert saved_answers(tmp_path / "nowhere") == []


@pytest.mark.parametrize(("level", "p_share", "answer"), [("individual", 0.1, "nothing"), ("count", 0.03, "not asked")])
def test_nothing_is_fitted_where_there_is_nothing_to_ask_or_no_history(level, p_share, answer):
    network, members = random_regular(800, 8, seed=1), np.arange(800) % 2
    made = spread(
        network, [[0.1 if answer == "nothing" else 0.4], [p_share]], members, rounds=40, replicates=10, seed=2,
        histories=True, persona_groups=["people", "bots"],
    )  # fmt: skip
    comparison = compare(made, level=level, structures="none", seed=1)
    (given,) = answer_groups(comparison)
    assert (given.answer, given.verdict_with_groups) == (answer, "")
    assert given.verdict == comparison.verdict
    expected = "no second rate" if answer == "nothing" else "this comparison is of counts"
    assert expected in given.sentence
