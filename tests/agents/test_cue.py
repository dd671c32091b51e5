"""Prompts and decision tables that say how many others have shared."""

import numpy as np
import pytest

from tworate.agents import Elicitation, Persona, PromptTemplates, Question, decide, shipped_events
from tworate.common.cues import CUE_LABELS, CUE_WORDS
from tworate.errors import InputError

BEFORE = """A post in your feed:
"Soldiers and fighters of the Northern Shield Brigade exchanged fire for several hours on the road north of Okhad. \
Both sides withdrew before nightfall."
Battles (Armed clash) in Okhad, Varosia, 14 March 2025. Involved: Military Forces of Varosia, Northern Shield \
Brigade. Reported fatalities: 7.
You have seen this post at least 1 time before."""
AFTER = """

Do you share this post with your followers? Answer with one word: share or ignore."""
ANY = Elicitation(max_unparsable=1.0)
"""Random models hardly answer with an option."""


def user_message(cue, templates=None):
    question = Question(Persona("OCEAN"), shipped_events()[0], 2, True, cue)
    return (templates or PromptTemplates()).conversation(question)[1]["content"]


def test_without_cue_the_prompt_has_the_bytes_that_it_had_before_cues():
    # Cached answers are found by the prompt: a change of one byte asks every model anew.
    assert user_message(None) == BEFORE + AFTER


@pytest.mark.parametrize(
    ("cue", "sentence"),
    [
        (0, "1 of the accounts that you follow has shared it."),
        (1, "2 of the accounts that you follow have shared it."),
        (2, "3 or 4 of the accounts that you follow have shared it."),
        (3, "5 or more of the accounts that you follow have shared it."),
    ],
)
def test_cue_is_one_sentence_after_the_sighting(cue, sentence):
    assert user_message(cue) == f"{BEFORE} {sentence}{AFTER}"
    assert len(CUE_WORDS) == len(CUE_LABELS) == 4


def test_a_template_that_does_not_state_the_cue_is_refused_only_if_there_is_one(tmp_path, make_model):
    (tmp_path / "persona.jinja").write_text("I am {{ persona.code }}.")
    (tmp_path / "question.jinja").write_text("{{ event.notes }} {{ seen_before }}? {{ options | join(' or ') }}")
    templates, events = PromptTemplates(tmp_path), shipped_events()[:1]
    model = make_model()
    (table,) = decide(model, events, [Persona("OCEAN")], sightings=2, templates=templates, elicitation=ANY)
    assert table.probabilities.shape == (1, 2)
    with pytest.raises(InputError, match=r"question\.jinja: does not say how many others have shared"):
        decide(model, events, [Persona("OCEAN")], sightings=2, templates=templates, cue="sharers")
    (tmp_path / "question.jinja").write_text("{{ event.notes }} {{ sharers }}? {{ options | join(' or ') }}")
    assert "3 or 4?" in user_message(2, PromptTemplates(tmp_path))


def test_table_has_an_axis_for_the_cue_and_its_frame_a_column(make_model):
    events, personas = shipped_events()[:2], [Persona("OCEAN"), Persona("ocean", name="quiet")]
    model = make_model()
    tables = decide(model, events, personas, sightings=3, cue="sharers", elicitation=ANY)
    assert [table.cue for table in tables] == ["sharers"] * 2
    frame = tables[1].to_frame()
    assert list(frame.columns[4:7]) == ["qualifier", "sighting", "cue"]
    assert tables[1].probabilities.shape == tables[1].option_mass.shape == (2, 3, 4)
    for persona, sighting, cue in ((0, 2, 1), (1, 0, 3)):
        asked = Question(personas[persona], events[1], sighting + 1, sighting == 2, cue)
        p_share = model.share_probability([asked], elicitation=ANY).p_share[0]
        assert tables[1].probabilities[persona, sighting, cue] == pytest.approx(p_share, abs=1e-6)
        row = (frame["persona"] == personas[persona].code) & (frame["sighting"] == sighting + 1)
        row &= frame["cue"] == CUE_LABELS[cue]
        assert frame.loc[row, "p_share"].item() == tables[1].probabilities[persona, sighting, cue]
    assert len(np.unique(tables[0].probabilities)) == 24
    (plain,) = decide(model, events[:1], personas, sightings=3, elicitation=ANY)
    assert plain.cue == "none"
    assert "cue" not in plain.to_frame()


def test_an_unknown_cue_is_refused(make_model):
    with pytest.raises(InputError, match="cue 'likes' is unknown; choose one of none, sharers"):
        decide(make_model(), shipped_events()[:1], cue="likes")
