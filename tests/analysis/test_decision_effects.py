"""Main effects of decision tables: exact for an additive rule, equal to differences of means, and special cases."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tworate.agents import (
    EVENT_TYPES,
    TRAITS,
    DecisionTable,
    Event,
    Persona,
    all_personas,
    decide,
    load_language_model,
    shipped_events,
)
from tworate.agents.decision_table import DIAGNOSTICS
from tworate.agents.embedded import rule
from tworate.agents.embedded.rule import share_probability
from tworate.analysis.decision_effects import fit_decision_effects
from tworate.analysis.report.decision_plots import plot_effects
from tworate.errors import InputError

# The rule counts decimal digits; for these numbers of fatalities they equal log10(1 + number).
EVENTS = [
    Event(f"E{number}", kind, "Something happened.", fatalities)
    for number, (kind, fatalities) in enumerate((kind, deaths) for kind in EVENT_TYPES for deaths in (0, 9, 99))
]


def table_of(event, personas, probability, sightings=5):
    values = np.array([[probability(persona, event, m) for m in range(1, sightings + 1)] for persona in personas])
    return DecisionTable(event, tuple(personas), values, **dict.fromkeys(DIAGNOSTICS, np.zeros_like(values)))


@pytest.fixture(scope="module")
def tables():
    return [table_of(event, all_personas(), share_probability) for event in EVENTS]


def effects_of(effects, term):
    rows = effects.table[effects.table["term"] == term]
    return dict(zip(rows["level"], rows["effect"], strict=True))


def test_an_additive_rule_is_recovered_exactly(tables):
    effects = fit_decision_effects(tables)
    for trait, effect in rule.TRAIT_EFFECTS.items():
        assert effects_of(effects, trait) == {"high": pytest.approx(effect)}
    types = rule.EVENT_TYPE_EFFECTS
    middle = np.mean(list(types.values()))
    assert effects_of(effects, "event type") == pytest.approx({name: types[name] - middle for name in types})
    assert effects_of(effects, "fatalities") == {"tenfold": pytest.approx(rule.FATALITY_EFFECT)}
    slope = rule.SIGHTING_EFFECT
    assert effects_of(effects, "sighting") == pytest.approx(
        {"1": -2 * slope, "2": -slope, "3": 0, "4": slope, "5 or more": 2 * slope}, abs=1e-9
    )
    assert effects.intercept == pytest.approx(rule.INTERCEPT + middle + 2 * slope)
    assert effects.r_squared == pytest.approx(1)
    assert effects.residual_sd == pytest.approx(0, abs=1e-9)
    assert effects.notes == ()
    np.testing.assert_allclose(effects.table["odds_ratio"], np.exp(effects.table["effect"].to_numpy()))


def test_effects_of_full_designs_are_differences_of_means_and_their_shares_add_up():
    rng = np.random.default_rng(3)
    noisy = [table_of(event, all_personas(), lambda *_: rng.uniform(0.05, 0.95)) for event in EVENTS]
    effects = fit_decision_effects(noisy)
    frames = [table.to_frame() for table in noisy]
    log_odds = np.concatenate([np.log(frame["p_share"] / (1 - frame["p_share"])) for frame in frames])
    codes = np.concatenate([frame["persona"] for frame in frames])
    sightings = np.concatenate([frame["sighting"] for frame in frames])
    for place, trait in enumerate(TRAITS):
        high = np.array([code[place].isupper() for code in codes])
        half = (log_odds[high].mean() - log_odds[~high].mean()) / 2
        assert effects_of(effects, trait)["high"] == pytest.approx(half)
    for level, effect in effects_of(effects, "sighting").items():
        assert effect == pytest.approx(log_odds[sightings == int(level[0])].mean() - log_odds.mean())
    # Every type has every number of fatalities, so the terms are orthogonal and their shares add up.
    shares = effects.table.groupby("term")["variance_share"].first()
    assert shares.sum() == pytest.approx(effects.r_squared)
    high = np.array([code[0].isupper() for code in codes])
    half = (log_odds[high].mean() - log_odds[~high].mean()) / 2
    assert shares["openness"] == pytest.approx(half**2 / log_odds.var())
    assert effects.residual_sd**2 == pytest.approx((1 - effects.r_squared) * log_odds.var())


def test_the_cue_is_an_effect_of_its_own():
    events, personas = EVENTS[::4], all_personas()
    values = [
        np.array(
            [[[share_probability(p, event, m, "very", cue) for cue in range(4)] for m in range(1, 4)] for p in personas]
        )
        for event in events
    ]
    cued = [
        DecisionTable(event, tuple(personas), table, **dict.fromkeys(DIAGNOSTICS, np.zeros_like(table)))
        for event, table in zip(events, values, strict=True)
    ]
    effects = fit_decision_effects(cued)
    steps = {"1": -1.5, "2": -0.5, "3-4": 0.5, "5+": 1.5}
    expected = {level: step * rule.CUE_EFFECT for level, step in steps.items()}
    assert effects_of(effects, "sharers") == pytest.approx(expected)
    assert effects_of(effects, "sighting")["1"] == pytest.approx(-rule.SIGHTING_EFFECT)
    assert effects.r_squared == pytest.approx(1)
    assert "sharers 5+" in [text.get_text() for text in plot_effects(effects).axes[0].get_yticklabels()]


def test_an_interaction_is_in_the_residual(tables):
    def interacting(persona, event, sighting):
        sign = 1 if persona.code[0].isupper() == persona.code[1].isupper() else -1
        log_odds = np.log(
            share_probability(persona, event, sighting) / (1 - share_probability(persona, event, sighting))
        )
        return 1 / (1 + np.exp(-log_odds - 0.4 * sign))

    effects = fit_decision_effects([table_of(event, all_personas(), interacting) for event in EVENTS])
    assert effects_of(effects, "openness")["high"] == pytest.approx(rule.TRAIT_EFFECTS["openness"])
    assert effects.residual_sd == pytest.approx(0.4)


def test_constant_and_collinear_terms_are_left_out_with_a_note(tables):
    one = fit_decision_effects(tables[4:5])
    assert one.notes == ("left out, since it does not vary here: event type, fatalities",)
    assert effects_of(one, "extraversion")["high"] == pytest.approx(0.8)
    two = fit_decision_effects([tables[0], tables[5]])
    assert len(two.notes) == 1
    assert "cannot be told apart from" in two.notes[0]
    assert two.notes[0].endswith(": fatalities")
    subset = [
        table_of(event, [Persona("O----"), Persona("o----"), Persona("-----")], share_probability) for event in EVENTS
    ]
    named = fit_decision_effects(subset)
    assert "conscientiousness, extraversion, agreeableness, neuroticism" in named.notes[0]
    assert effects_of(named, "openness")["high"] == pytest.approx(0.3)


def test_constant_tables_and_certain_decisions():
    personas = all_personas()
    flat = fit_decision_effects([table_of(event, personas, lambda *_: 0.3) for event in EVENTS])
    assert np.abs(flat.table["effect"]).max() < 1e-9
    assert json.loads(json.dumps(flat.to_json(), allow_nan=False))["r_squared"] is None
    assert "nothing varies" in flat.summary
    certain = fit_decision_effects(
        [table_of(event, personas, lambda p, *_: float(p.code[0] == "O")) for event in EVENTS]
    )
    assert certain.n_bounded == certain.n_cells
    assert effects_of(certain, "openness")["high"] == pytest.approx(np.log(1e6 - 1))


def test_tables_that_do_not_fit_together_are_refused(tables):
    with pytest.raises(InputError, match="there is no decision table"):
        fit_decision_effects([])
    other = replace(tables[1], personas=tables[1].personas[::-1])
    with pytest.raises(InputError, match="differ in their personas, sightings or cues"):
        fit_decision_effects([tables[0], other])


def test_figure_shows_every_effect_once(tables):
    effects = fit_decision_effects(tables)
    (axis,) = plot_effects(effects).axes
    drawn = [float(line.get_xdata()[0]) for line in axis.lines[1:]]
    assert drawn == pytest.approx(list(effects.table["effect"]))
    assert len(axis.get_yticklabels()) == len(effects.table)


def test_effects_of_the_embedded_model_are_those_of_its_rule():
    personas = [Persona(code) for code in ("OCEAN", "OCean", "OcEaN", "OceAn", "oCEan", "oCeAN", "ocEAn", "oceaN")]
    of_model = decide(load_language_model("embedded"), shipped_events(), personas, sightings=2)
    of_rule = [
        replace(
            table,
            probabilities=np.array([[share_probability(p, table.event, m) for m in (1, 2)] for p in personas]),
        )
        for table in of_model
    ]
    effects, expected = fit_decision_effects(of_model), fit_decision_effects(of_rule)
    # The rule is additive in traits and sightings: these effects equal its numbers; the others are a least-squares fit.
    assert expected.table["effect"][:5].tolist() == pytest.approx(list(rule.TRAIT_EFFECTS.values()))
    # 0.1 is the largest error of the model's log-odds on a built-in event, averaged over personas (see its card).
    np.testing.assert_allclose(effects.table["effect"].tolist(), expected.table["effect"].tolist(), atol=0.1)
    traits = slice(0, 5)
    np.testing.assert_allclose(effects.table["effect"][traits], expected.table["effect"][traits], atol=0.03)
    assert effects.r_squared > 0.98
