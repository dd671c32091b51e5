"""Ways to ask as factors of a study."""

import pytest

from tworate.agents import Elicitation
from tworate.analysis.study import make_study
from tworate.analysis.study.askings import askings_of
from tworate.analysis.study.plan import make_plan
from tworate.errors import InputError

PROMPTS = {
    "wordings": ["share/ignore", "letters:share/ignore"],
    "questions": ["standard", "survey"],
    "orders": ["share-first", "ignore-first"],
}
ONE = {"events": {"ids": ["VAR1"]}, "personas": {"profiles": ["OCEAN"]}}


def test_every_combination_is_a_condition_on_the_same_random_numbers():
    plan = make_plan(make_study({**ONE, "prompts": PROMPTS}))
    assert len(plan.conditions) == 8
    assert len({condition.settings.seed for condition in plan.conditions}) == 1
    assert len({condition.asking_label for condition in plan.conditions}) == 8
    row = plan.row(plan.conditions[-1])
    assert [row[name] for name in ("wording", "question", "order")] == [
        "letters:share/ignore", "survey", "ignore-first",
    ]  # fmt: skip
    assert plan.conditions[-1].columns["wording"] == "letters:share/ignore"
    assert "letters:share/ignore, survey, ignore-first" in plan.conditions[-1].label
    # Five sightings in one order.
    assert plan.prompts == 8 * 5


def test_a_study_without_factors_asks_as_before():
    (condition,) = make_plan(make_study(ONE)).conditions
    assert (condition.asking, condition.asking_label) == ({}, "")
    assert "wording" not in condition.columns


def test_scored_answers_have_no_temperature():
    factors = {"method": ["logits", "sample"], "temperature": [0.5, 1.0]}
    found = askings_of(Elicitation(), "very", "standard", factors)
    assert [(a.levels["method"], a.levels["temperature"]) for a in found] == [
        ("logits", 1.0), ("sample", 0.5), ("sample", 1.0),
    ]  # fmt: skip
    assert [asking.elicitation.temperature for asking in found] == [1.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ({"orders": ["first"]}, "order 'first': must be one of both, share-first, ignore-first"),
        ({"questions": ["survay"]}, "did you mean survey"),
        ({"wordings": ["share"]}, "give two options"),
        ({"orders": ["both", "both"]}, "given twice"),
        ({"order": ["both"]}, "orders"),
    ],
)
def test_levels_that_cannot_be_used_are_refused(prompts, message):
    with pytest.raises(InputError, match=message):
        make_plan(make_study({**ONE, "prompts": prompts}))
