"""Counter-messages that language models read: files, prompts, and decision tables."""

import numpy as np
import pytest

from tworate.agents import (
    Persona,
    PromptTemplates,
    Question,
    decide,
    load_language_model,
    read_message,
    shipped_events,
)
from tworate.agents.message import LONGEST
from tworate.agents.prompts import FRAMINGS, default_templates
from tworate.errors import InputError

TEXT = "Nobody has confirmed this report."


def test_a_message_is_one_line(tmp_path):
    file = tmp_path / "note.txt"
    file.write_text("\ufeffNobody  has\nconfirmed\tthis report.\n", encoding="utf-8")
    assert read_message(file) == TEXT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"caf\xe9", "is not UTF-8 text"),
        (b"a\x1bb", "control character"),
        (b"a" * (LONGEST + 1), "2,001 characters; a counter-message has at most 2,000"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    file = tmp_path / "note.txt"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        read_message(file)
    assert str(file) in str(refused.value)


def test_a_file_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.txt: the counter-message cannot be read"):
        read_message(tmp_path / "none.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_message(tmp_path)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_every_framing_states_the_message_and_nothing_else_changes(framing):
    templates = PromptTemplates(question=framing)
    question = Question(Persona("OCEAN"), shipped_events()[0], 2, cue=1)
    plain = templates.conversation(question)
    read = templates.conversation(Question(question.persona, question.event, 2, cue=1, message=TEXT))
    assert read[0] == plain[0]
    before, after = (conversation[1]["content"].splitlines() for conversation in (plain, read))
    added = [line for line in after if line not in before]
    assert added == [f'A note is attached to this post: "{TEXT}"']
    assert [line for line in after if line not in added] == before


def test_a_template_without_the_message_is_refused(tmp_path):
    for name in ("persona", "question"):
        (tmp_path / f"{name}.jinja").write_text("{{ options[0] }} {{ options[1] }}" if name == "question" else "You.")
    templates = PromptTemplates(tmp_path)
    model = load_language_model("embedded")
    with pytest.raises(InputError, match="does not state a counter-message"):
        decide(model, shipped_events()[:1], [Persona("OCEAN")], templates=templates, message=TEXT)


def test_decisions_with_a_message_are_those_of_the_prompts_that_state_it():
    model, event, personas = load_language_model("embedded"), shipped_events()[0], [Persona("OCEAN"), Persona("ocean")]
    (table,) = decide(model, [event], personas, sightings=2, message=TEXT)
    questions = [
        Question(persona, event, sighting, is_last=sighting == 2, message=TEXT)
        for persona in personas
        for sighting in (1, 2)
    ]
    alone = model.share_probability(questions, default_templates()).p_share
    np.testing.assert_allclose(table.probabilities.ravel(), alone, rtol=1e-6)
    assert table.message == TEXT
    assert set(table.to_frame()["message"]) == {TEXT}
    (plain,) = decide(model, [event], personas, sightings=2)
    assert "message" not in plain.to_frame()
