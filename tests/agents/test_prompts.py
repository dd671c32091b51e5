import pytest

from tworate.agents import Persona, PromptTemplates, Question, shipped_events
from tworate.errors import InputError


@pytest.fixture
def event():
    return shipped_events()[1]


def test_question_says_event_sighting_and_options_in_the_order_asked(event):
    system, user = PromptTemplates().conversation(Question(Persona("OCEAN"), event, 3), ("ignore", "share"))
    assert system["role"] == "system"
    assert "very talkative" in system["content"]
    assert event.notes in user["content"]
    assert "Reported fatalities: 34." in user["content"]
    assert "\nYou have seen this post 2 times before.\n" in user["content"]
    assert user["content"].endswith("ignore or share.")


@pytest.mark.parametrize(
    ("sighting", "is_last", "sentence"),
    [
        (1, False, "You have not seen this post before."),
        (2, False, "You have seen this post 1 time before."),
        (5, True, "You have seen this post at least 4 times before."),
    ],
)
def test_sightings_in_words(event, sighting, is_last, sentence):
    _, user = PromptTemplates().conversation(Question(Persona("ocean"), event, sighting, is_last))
    assert sentence in user["content"]


CLOSING = "Answer as this person would."


@pytest.mark.parametrize(
    ("persona", "expected"),
    [
        (Persona("-----"), f"You are a person who uses social media. {CLOSING}"),
        (Persona("-----", "Born in Okhad."), f"You are a person who uses social media. Born in Okhad. {CLOSING}"),
    ],
)
def test_parts_that_a_persona_leaves_out_are_not_in_the_prompt(event, persona, expected):
    system, _ = PromptTemplates().conversation(Question(persona, event, 1))
    assert system["content"] == expected


def test_a_persona_is_described_by_adjectives_and_biography(event):
    persona = Persona("----n", "Born in Okhad.")
    system, _ = PromptTemplates(qualifier="a bit").conversation(Question(persona, event, 1))
    adjectives = ", ".join(persona.adjectives("a bit"))
    assert system["content"] == (
        f"You are a person who uses social media. You describe yourself like this: I am {adjectives}. "
        f"Born in Okhad. {CLOSING}"
    )


def test_an_unknown_qualifier_is_refused_at_once():
    with pytest.raises(InputError, match="qualifier 'rather'"):
        PromptTemplates(qualifier="rather")


def test_template_syntax_in_a_biography_is_text(event):
    system, _ = PromptTemplates().conversation(Question(Persona("-----", "{{ 7 * 7 }} {% x"), event, 1))
    assert "{{ 7 * 7 }} {% x" in system["content"]


def test_user_templates_are_used_and_their_errors_are_named(tmp_path, event):
    (tmp_path / "persona.jinja").write_text("I am {{ persona.code }}: {{ adjectives[0] }}.")
    (tmp_path / "question.jinja").write_text("{{ event.notes }}? {{ options | join('/') }}")
    question = Question(Persona("oceaN"), event, 1)
    system, user = PromptTemplates(tmp_path, qualifier="plain").conversation(question)
    assert system["content"] == "I am oceaN: introverted."
    assert user["content"] == f"{event.notes}? share/ignore"
    (tmp_path / "question.jinja").write_text("{{ evnt.notes }}")
    with pytest.raises(InputError, match="'evnt' is undefined"):
        PromptTemplates(tmp_path).conversation(question)
    (tmp_path / "question.jinja").write_text("line\n{% if %}")
    with pytest.raises(InputError, match=r"question.jinja, line 2"):
        PromptTemplates(tmp_path)
    (tmp_path / "question.jinja").unlink()
    with pytest.raises(InputError, match=r"question\.jinja is missing"):
        PromptTemplates(tmp_path)


def test_template_syntax_in_an_event_is_text(event):
    from dataclasses import replace

    _, user = PromptTemplates().conversation(Question(Persona("OCEAN"), replace(event, notes="{{ 7 * 7 }} {% x"), 1))
    assert "{{ 7 * 7 }} {% x" in user["content"]


@pytest.mark.parametrize(
    ("template", "message"),
    [(b"{{ event | nothing }}", "nothing"), (b"\xff", "is not UTF-8 text"), (b"{{ who }}", "who")],
)
def test_templates_that_cannot_be_used_are_refused(tmp_path, template, message):
    (tmp_path / "persona.jinja").write_text("I am {{ adjectives | join }}.")
    (tmp_path / "question.jinja").write_bytes(template)
    with pytest.raises(InputError, match=message):
        PromptTemplates(tmp_path).conversation(Question(Persona("OCEAN"), shipped_events()[0], 1))
