"""How to read a verdict: two plain sentences, what not to claim, and the next step, for every verdict."""

import re

import pytest

from tworate.analysis.report.reading import how_to_read
from tworate.inference import ConditionResult
from tworate.inference.comparison.verdict import Doubt


def result(verdict, level="count", doubts=(), **fields):
    return ConditionResult(
        condition={}, verdict=verdict, doubts=[doubt.name for doubt in doubts], reasons=["a reason"], challenged_by=[],
        elpd_diff=20.0, dse=5.0, closure="recorded", closure_reason="", likelihood="beta-binomial", clock="rounds",
        clock_reason="", unit="increment", n_observations=10, n_increments=10, models={}, posteriors={}, level=level,
        **fields,
    )  # fmt: skip


@pytest.mark.parametrize("level", ["count", "individual"])
@pytest.mark.parametrize("verdict", ["one-rate", "two-rate", "heterogeneous", "undecided", "my-model"])
def test_every_verdict_has_two_sentences_a_warning_and_a_step(verdict, level):
    reading = how_to_read(result(verdict, level))
    for text in (*reading.sentences, reading.not_said, reading.next_step):
        assert re.fullmatch(r"[A-Z].*\.", text)
    # Sentences for everyone have no words of statistics but the standard error.
    assert not re.search(r"elpd|posterior|Pareto|LOO|nats|prior|hazard", " ".join(reading.sentences))


def test_the_next_step_depends_on_what_the_data_have():
    assert how_to_read(result("two-rate"), has_counts=True).command.startswith("tworate explain")
    assert how_to_read(result("two-rate")).command == "tworate compare SHARES --network EDGES"
    assert how_to_read(result("two-rate", "individual")).command == ""
    explained = how_to_read(result("two-rate"), has_counts=True, is_explained=True)
    assert "Who or when" in explained.next_step
    assert how_to_read(result("heterogeneous", "individual")).command == "tworate plan FILE"


@pytest.mark.parametrize("doubt", [*Doubt, None])
def test_an_undecided_verdict_says_why_and_is_never_taken_for_no_difference(doubt):
    reading = how_to_read(result("undecided", doubts=[doubt] if doubt else []))
    assert "an open question is not an answer" in reading.not_said
    if doubt in (Doubt.TOO_EARLY, Doubt.FEW_SHARERS, Doubt.FEW_INCREMENTS, Doubt.FEW_LATER_INCREMENTS):
        assert reading.command == "tworate plan FILE"
        assert "Wait for more data" in reading.next_step


def test_the_gain_is_told_against_its_error_and_structures_in_words():
    reading = how_to_read(result("two-rate", structure=["unreachable"]))
    assert "4.0 times as large as its standard error, and 2 times are asked" in reading.sentences[1]
    assert "a part of the agents never shares" in reading.sentences[0]
