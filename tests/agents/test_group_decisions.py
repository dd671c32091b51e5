"""Decision tables over the rows of several groups, against the tables of each language model alone."""

import numpy as np
import pytest

from tworate.agents import (
    Elicitation,
    Group,
    GroupMixture,
    LanguageModel,
    Persona,
    as_mixture,
    decide,
    decide_groups,
    shipped_events,
)
from tworate.agents.trust import judge_models
from tworate.errors import InputError

EVENTS = shipped_events()[:2]
FIRST, SECOND = [Persona("OCEAN"), Persona("ocean")], [Persona("ocean"), Persona("OceaN"), Persona("oCeaN")]


class Made(LanguageModel):
    """A model whose log-odds depend on the persona and the sighting, and which counts what it is asked."""

    fingerprint = "none"

    def __init__(self, name, *, level=-1.0, persona=1.0, mass=1.0):
        self.name, self.level, self.persona, self.mass, self.n_asked = name, level, persona, mass, 0

    def score_answers(self, conversations, options, progress=None):
        self.n_asked += len(conversations)
        values = [
            self.level + self.persona * ("very extraverted" in system["content"]) - 0.001 * len(user["content"])
            for system, user in conversations
        ]
        return [np.log(self.mass) - np.logaddexp(0, [-value, value]) for value in values]

    def draw_answers(self, conversations, sampling, progress=None):
        raise AssertionError("not sampled")


def mixture():
    return GroupMixture(
        [
            Group("first", 2, personas=as_mixture(FIRST)),
            Group("bots", 1, p_share=(0.04,)),
            Group("second", 2, "other", as_mixture(SECOND)),
            Group("again", 1, personas=as_mixture(SECOND)),
            Group("measured", 1, p_share=(0.3, 0.1)),
        ]
    )


def models():
    return {"": Made("one"), "other": Made("two", level=-2.0)}


@pytest.mark.parametrize("cue", ["none", "sharers"])
def test_rows_are_those_of_each_model_alone_and_given_probabilities(cue):
    asked = models()
    decided = decide_groups(mixture(), asked, EVENTS, cue=cue)
    assert list(decided.by_model) == ["one", "two"]
    for number, table in enumerate(decided.tables):
        assert table.event == EVENTS[number]
        assert table.personas == mixture().personas
        assert table.cue == cue
        alone = {
            place: decide(model, EVENTS, personas, cue=cue)[number]
            for place, (model, personas) in enumerate([(Made("one"), FIRST), (Made("two", level=-2.0), SECOND),
                                                       (Made("one"), SECOND)])
        }  # fmt: skip
        for rows, expected in ((slice(0, 2), alone[0]), (slice(3, 6), alone[1]), (slice(6, 9), alone[2])):
            np.testing.assert_allclose(table.probabilities[rows], expected.probabilities)
            np.testing.assert_allclose(table.order_effect[rows], expected.order_effect)
            np.testing.assert_allclose(table.by_prompt[:, :, rows], expected.by_prompt)
        # Given probabilities are the same for every cue.
        given = table.probabilities.reshape(10, 5, -1)
        assert np.all(given[2] == 0.04)
        assert np.all(given[9, 0] == 0.3)
        assert np.all(given[9, 1:] == 0.1)
        for row in (2, 9):
            assert np.all(table.standard_error[row] == 0)
            assert np.all(table.option_mass[row] == 1)
    # Both groups of a model share its answers: no persona is asked about twice.
    personas = len({*FIRST, *SECOND})
    assert asked[""].n_asked == personas * 2 * 5 * 2 * (1 if cue == "none" else 4)


def test_more_given_sightings_than_are_asked_keep_the_last_answer():
    groups = GroupMixture([Group("people", 1, personas=as_mixture(FIRST)), Group("x", 1, p_share=(0.3, 0.2, 0.1))])
    table = decide_groups(groups, {"": Made("one")}, EVENTS[:1], sightings=2).tables[0]
    short = decide(Made("one"), EVENTS[:1], FIRST, sightings=2)[0]
    assert table.probabilities.shape == (3, 3)
    np.testing.assert_allclose(table.probabilities[:2, :2], short.probabilities)
    np.testing.assert_array_equal(table.probabilities[:2, 2], table.probabilities[:2, 1])
    assert table.probabilities[2].tolist() == [0.3, 0.2, 0.1]


def test_the_frame_says_group_model_and_method():
    frame = decide_groups(mixture(), models(), EVENTS[:1]).tables[0].to_frame()
    by_group = frame.drop_duplicates(["group", "name"]).set_index("name")
    assert by_group.loc["second: ocean", ["group", "model", "persona", "elicitation"]].tolist() == [
        "second", "two", "ocean", "logits",
    ]  # fmt: skip
    assert by_group.loc["bots", ["group", "model", "persona", "elicitation"]].tolist() == ["bots", "", "-----", "given"]


def test_without_a_language_model_nobody_is_asked_and_nothing_is_judged():
    groups = GroupMixture([Group("bots", 1, p_share=(0.0,)), Group("loud", 1, p_share=(1.0,))])
    decided = decide_groups(groups, {}, EVENTS[:1], elicitation=Elicitation(order="share-first"))
    assert decided.by_model == {}
    assert decided.tables[0].probabilities.tolist() == [[0.0] * 5, [1.0] * 5]
    assert np.isfinite(decided.tables[0].by_prompt).all()
    trust = judge_models(decided.by_model, {})
    assert trust.trustworthy
    assert trust.to_json() == {}


def test_models_that_are_missing_or_called_the_same_are_refused():
    with pytest.raises(InputError, match="group second: its language model 'other' was not loaded"):
        decide_groups(mixture(), {"": Made("one")}, EVENTS)
    other = Made("one")
    other.fingerprint = "other"
    with pytest.raises(InputError, match="two different language models are called one"):
        decide_groups(mixture(), {"": Made("one"), "other": other}, EVENTS)


def test_every_language_model_is_judged_on_its_own_and_only_by_its_own_rows():
    bad = {"": Made("good"), "other": Made("bad", persona=0.0)}
    decided = decide_groups(mixture(), bad, EVENTS)
    trust = judge_models(decided.by_model, {})
    # The embedding in a population with bots of another probability does not make personas differ.
    assert trust.by_model["good"].trustworthy
    assert not trust.trustworthy
    assert trust.sentence.startswith("The decisions of bad cannot be trusted: personas hardly differ")
    assert trust.sentence.endswith("Those of good can, as far as these checks go.")
    content = trust.to_json()
    assert content["decisions"] == "not trustworthy"
    assert all(reason.startswith("bad: ") for reason in content["reasons"])
    assert {check["what"].split(":")[0] for check in content["checks"]} == {"good", "bad"}
    assert len(content["personas"]) == len(content["by_prompt"][0]["log_odds"]) == 4 + 3
    # With one language model the judgement is that of a run without groups.
    alone = GroupMixture([Group("people", 1, personas=as_mixture(FIRST)), Group("bots", 1, p_share=(0.5,))])
    one = judge_models(decide_groups(alone, {"": Made("good")}, EVENTS).by_model, {})
    assert one.to_json() == judge_models({"x": decide(Made("good"), EVENTS, FIRST)}, {}).to_json()
    assert one.to_json()["personas"] == ["OCEAN", "ocean"]
