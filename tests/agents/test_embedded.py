"""The embedded model, compared with the rule in its model card."""

import dataclasses
import random
import re

import numpy as np
import pytest

from tworate.agents import (
    Elicitation,
    Persona,
    PromptTemplates,
    Question,
    all_personas,
    decide,
    inventory_items,
    load_language_model,
    probe_model,
    shipped_events,
)
from tworate.agents.embedded import FOLDER, WARNING
from tworate.agents.embedded import rule as rule_module
from tworate.agents.embedded.corpus import random_persona, random_question
from tworate.agents.embedded.rule import item_probabilities, share_probability
from tworate.agents.inventory import InventoryAnswers
from tworate.agents.probe import judge
from tworate.agents.prompts import FRAMINGS, OPTIONS
from tworate.agents.wordings import LABELS, Wording


@pytest.fixture(scope="module")
def embedded():
    return load_language_model("embedded")


def held_out_questions():
    """Return questions on shipped events and on random events of a new seed; training used neither."""
    rng, personas = random.Random("held out"), all_personas()
    questions = [random_question(rng, rng.choice(personas)) for _ in range(250)]
    for event in shipped_events():
        for _ in range(14):
            questions.append(Question(rng.choice(personas), event, rng.randint(1, 5)))
    return questions


def test_mean_absolute_error_on_held_out_prompts_is_at_most_a_hundredth(embedded):
    questions = held_out_questions()
    elicited = embedded.share_probability(questions)
    expected = [share_probability(q.persona, q.event, q.sighting) for q in questions]
    assert np.abs(elicited.p_share - expected).mean() <= 0.01
    assert elicited.option_mass.min() > 0.98


def test_every_part_of_the_rule_is_expressed(embedded):
    # Least squares of the model's log-odds on the terms of the rule: each coefficient is within 0.1 of the card.
    questions = held_out_questions()
    elicited = embedded.share_probability(questions)
    terms = np.array(
        [
            [1.0]
            + [1.0 if q.persona.levels[trait] else -1.0 for trait in rule_module.TRAIT_EFFECTS]
            + [float(q.event.event_type == name) for name in list(rule_module.EVENT_TYPE_EFFECTS)[1:]]
            + [float(min(len(str(q.event.fatalities)), 3) if q.event.fatalities else 0), float(min(q.sighting - 1, 4))]
            for q in questions
        ]
    )
    log_odds = np.log(elicited.p_share / (1 - elicited.p_share))
    coefficients = np.linalg.lstsq(terms, log_odds, rcond=None)[0]
    types = list(rule_module.EVENT_TYPE_EFFECTS.values())
    expected = [
        rule_module.INTERCEPT + types[0],
        *rule_module.TRAIT_EFFECTS.values(),
        *(effect - types[0] for effect in types[1:]),
        rule_module.FATALITY_EFFECT,
        rule_module.SIGHTING_EFFECT,
    ]
    np.testing.assert_allclose(coefficients, expected, atol=0.1)


@pytest.mark.parametrize("qualifier", list(rule_module.QUALIFIER_FACTORS))
def test_qualifiers_unspecified_traits_and_biographies_follow_the_rule(embedded, qualifier):
    rng = random.Random(f"held out {qualifier}")
    questions = [random_question(rng, random_persona(rng)) for _ in range(40)]
    elicited = embedded.share_probability(questions, PromptTemplates(qualifier=qualifier))
    expected = [share_probability(q.persona, q.event, q.sighting, qualifier) for q in questions]
    assert np.abs(elicited.p_share - expected).mean() <= 0.02
    assert elicited.option_mass.min() > 0.98


@pytest.mark.parametrize("qualifier", ["very", "a bit"])
def test_a_cue_follows_the_rule(embedded, qualifier):
    rng, personas = random.Random(f"held out cue {qualifier}"), all_personas()
    questions = [random_question(rng, rng.choice(personas), 1.0) for _ in range(80)]
    assert {question.cue for question in questions} == {0, 1, 2, 3}
    elicited = embedded.share_probability(questions, PromptTemplates(qualifier=qualifier))
    expected = [share_probability(q.persona, q.event, q.sighting, qualifier, q.cue) for q in questions]
    assert np.abs(elicited.p_share - expected).mean() <= 0.01
    assert elicited.option_mass.min() > 0.98
    # The effect of a bin is that of the card, beside everything else that the rule has.
    log_odds = np.log(elicited.p_share / (1 - elicited.p_share))
    without = [share_probability(q.persona, q.event, q.sighting, qualifier) for q in questions]
    rest = log_odds - np.log(np.array(without) / (1 - np.array(without)))
    slope, intercept = np.polyfit([q.cue for q in questions], rest, 1)
    assert slope == pytest.approx(rule_module.CUE_EFFECT, abs=0.03)
    assert intercept == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("text", ["", "This report has not been confirmed. Please wait before you pass it on."])
def test_a_message_follows_the_rule(embedded, text):
    rng, personas = random.Random("held out message"), all_personas()
    questions = [random_question(rng, rng.choice(personas), 0.5, 1.0) for _ in range(80)]
    if text:
        questions = [dataclasses.replace(question, message=text) for question in questions]
    elicited = embedded.share_probability(questions)
    expected = [share_probability(q.persona, q.event, q.sighting, "very", q.cue, q.message) for q in questions]
    assert np.abs(elicited.p_share - expected).mean() <= 0.015
    assert elicited.option_mass.min() > 0.98
    without = embedded.share_probability([dataclasses.replace(question, message="") for question in questions])
    effect = np.subtract(*(np.log(p / (1 - p)) for p in (elicited.p_share, without.p_share)))
    assert effect.mean() == pytest.approx(rule_module.MESSAGE_EFFECT, abs=0.05)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("labels", ["", *LABELS])
def test_every_framing_and_label_is_answered_by_the_rule(embedded, framing, labels):
    rng, personas = random.Random(f"held out {framing} {labels}"), all_personas()
    questions = [random_question(rng, rng.choice(personas), 0.5, 0.3) for _ in range(60)]
    elicited = embedded.share_probability(
        questions, PromptTemplates(question=framing), elicitation=Elicitation(wordings=(Wording(*OPTIONS, labels),))
    )
    expected = [share_probability(q.persona, q.event, q.sighting, "very", q.cue, q.message) for q in questions]
    assert np.abs(elicited.p_share - expected).mean() <= 0.015
    assert elicited.option_mass.min() > 0.98


def test_rule_scales_traits_by_the_qualifier_and_ignores_unspecified_traits():
    event = shipped_events()[0]

    def log_odds(code, qualifier, **more):
        p = share_probability(Persona(code, **more), event, 2, qualifier)
        return np.log(p / (1 - p))

    neutral = log_odds("-----", "very")
    for qualifier, factor in rule_module.QUALIFIER_FACTORS.items():
        effects = rule_module.TRAIT_EFFECTS
        expected = factor * (effects["extraversion"] - effects["neuroticism"])
        assert log_odds("--E-n", qualifier, biography="I keep bees.") - neutral == pytest.approx(expected)
    levels = list(rule_module.QUALIFIER_FACTORS.values())
    assert levels == sorted(levels)
    item = inventory_items()[5]
    assert item.keyed == -1
    assert item_probabilities(Persona("OC-AN"), item) == item_probabilities(Persona("-----"), item)
    low, high = (np.array(item_probabilities(Persona(code), item)) for code in ("--E--", "--e--"))
    np.testing.assert_allclose(low, high[::-1])
    # By hand from the card: log P(5) - log P(4) = 1.2 · (-1) · (-1) - 0.3 · (4 - 1).
    assert np.log(high[4] / high[3]) == pytest.approx(1.2 - 0.9)


def test_answers_to_the_inventory_follow_the_rule(embedded):
    probe = probe_model(embedded)
    assert probe.verdict == "expressed"
    assert probe.answers.option_mass.min() > 0.98
    probabilities = np.array([[item_probabilities(p, i) for i in inventory_items()] for p in all_personas()])
    ones = np.ones(probabilities.shape[:2])
    rule = judge("rule", InventoryAnswers(tuple(all_personas()), inventory_items(), probabilities, ones, 0 * ones))
    # The tolerance is a hundredth of the length of the scale.
    assert np.abs(probe.answers.scores - rule.answers.scores).mean() <= 0.04
    np.testing.assert_allclose(probe.effects, rule.effects, atol=0.1)
    for ours, theirs in zip(probe.traits, rule.traits, strict=True):
        assert ours.d == pytest.approx(theirs.d, rel=0.1)
        assert ours.alpha == pytest.approx(theirs.alpha, abs=0.02)


def test_decision_table_has_a_row_per_persona_and_a_column_per_sighting(embedded):
    (table,) = decide(embedded, shipped_events()[:1], sightings=3)
    assert table.probabilities.shape == (32, 3)
    frame = table.to_frame()
    assert list(frame.columns) == [
        "event", "event_type", "persona", "qualifier", "sighting", "p_share", "elicitation",
        "option_mass", "order_effect", "wording_effect", "unparsable", "standard_error",
    ]  # fmt: skip
    row = frame[(frame["persona"] == "OcEan") & (frame["sighting"] == 2)].iloc[0]
    codes = [persona.code for persona in table.personas]
    assert row["p_share"] == table.probabilities[codes.index("OcEan"), 1]


def test_card_states_the_rule_with_the_numbers_of_the_code():
    card = " ".join((FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8").split())
    assert "synthetic" in WARNING
    assert "evidence about nothing but the software" in card
    numbers = [rule_module.INTERCEPT, rule_module.FATALITY_EFFECT, rule_module.SIGHTING_EFFECT, rule_module.CUE_EFFECT]
    effects = {**rule_module.TRAIT_EFFECTS, **rule_module.EVENT_TYPE_EFFECTS}
    for number in numbers:
        assert f"{number:+.2f}".replace("-", "−") in card
    assert f"{rule_module.ITEM_EFFECT} · key · value · (k − 3) − {rule_module.ITEM_CURVATURE} · (k − 3)²" in card
    for name, factor in rule_module.QUALIFIER_FACTORS.items():
        assert f"{name} {factor:.1f}" in card
    for name, effect in effects.items():
        assert re.search(rf"{re.escape(name)} *\| *{re.escape(f'{effect:+.2f}'.replace('-', '−'))}", card)


def test_folder_is_small_and_holds_safetensors_only():
    assert sum(file.stat().st_size for file in FOLDER.iterdir() if file.is_file()) < 2_000_000
    assert not [file for file in FOLDER.iterdir() if file.suffix in (".bin", ".pt", ".pkl", ".pth")]
