"""The embedded model against the rule that its card states."""

import random
import re

import numpy as np
import pytest

from tworate.agents import Question, all_personas, decide, load_language_model, shipped_events
from tworate.agents.embedded import FOLDER, WARNING
from tworate.agents.embedded import rule as rule_module
from tworate.agents.embedded.corpus import random_question
from tworate.agents.embedded.rule import share_probability


@pytest.fixture(scope="module")
def embedded():
    return load_language_model("embedded")


def held_out_questions():
    """Shipped events, which training never saw, and random ones from a seed that it did not use."""
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
    # Least squares of the model's log-odds on the rule's own terms: each coefficient within 0.1 of what the card says.
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
    found = np.linalg.lstsq(terms, log_odds, rcond=None)[0]
    types = list(rule_module.EVENT_TYPE_EFFECTS.values())
    said = [
        rule_module.INTERCEPT + types[0],
        *rule_module.TRAIT_EFFECTS.values(),
        *(effect - types[0] for effect in types[1:]),
        rule_module.FATALITY_EFFECT,
        rule_module.SIGHTING_EFFECT,
    ]
    np.testing.assert_allclose(found, said, atol=0.1)


def test_decision_table_has_a_row_a_persona_and_a_column_a_sighting(embedded):
    (table,) = decide(embedded, shipped_events()[:1], sightings=3)
    assert table.probabilities.shape == (32, 3)
    frame = table.to_frame()
    assert list(frame.columns) == [
        "event", "event_type", "persona", "sighting", "p_share", "option_mass", "order_effect",
    ]  # fmt: skip
    row = frame[(frame["persona"] == "OcEan") & (frame["sighting"] == 2)].iloc[0]
    codes = [persona.code for persona in table.personas]
    assert row["p_share"] == table.probabilities[codes.index("OcEan"), 1]


def test_card_states_the_rule_with_the_numbers_of_the_code():
    card = " ".join((FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8").split())
    assert "synthetic" in WARNING
    assert "evidence about nothing but the software" in card
    numbers = [rule_module.INTERCEPT, rule_module.FATALITY_EFFECT, rule_module.SIGHTING_EFFECT]
    effects = {**rule_module.TRAIT_EFFECTS, **rule_module.EVENT_TYPE_EFFECTS}
    for number in numbers:
        assert f"{number:+.2f}".replace("-", "−") in card
    for name, effect in effects.items():
        assert re.search(rf"{re.escape(name)} *\| *{re.escape(f'{effect:+.2f}'.replace('-', '−'))}", card)


def test_folder_is_small_and_holds_safetensors_only():
    assert sum(file.stat().st_size for file in FOLDER.iterdir() if file.is_file()) < 2_000_000
    assert not [file for file in FOLDER.iterdir() if file.suffix in (".bin", ".pt", ".pkl", ".pth")]
