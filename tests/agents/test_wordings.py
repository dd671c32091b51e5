"""Wordings of the options, with and without labels, and the choice among them."""

from dataclasses import replace

import numpy as np
import pytest

from tworate.agents import Elicitation, LanguageModel, PromptTemplates, Wording, choose_wording, decide, parse_wordings
from tworate.agents.language_model import distinct_prompts
from tworate.agents.prompts import FRAMINGS
from tworate.agents.wordings import CANDIDATES
from tworate.errors import InputError, JobError


def test_wordings_are_read_and_written_alike():
    texts = ["share/ignore", "letters:share it/do not share it", "numbers:yes/no"]
    assert [str(wording) for wording in parse_wordings(texts)] == texts
    # A colon is part of a word unless it ends the name of labels.
    assert parse_wordings(["to: all/to: none"])[0] == Wording("to: all", "to: none")
    assert parse_wordings(["auto"]) == CANDIDATES


@pytest.mark.parametrize(
    ("texts", "message"),
    [(["auto", "a/b"], "leave the other wordings out"), (["letters:a/A"], "differ by more than case")],
)
def test_wordings_that_cannot_be_used_are_refused(texts, message):
    with pytest.raises(InputError, match=message):
        parse_wordings(texts)
    with pytest.raises(InputError, match="did you mean letters"):
        Elicitation(wordings=(("a", "b", "leters"),))


def test_a_label_means_the_option_beside_it(questions):
    wording = Wording("pass it on", "leave it", "letters")
    conversations, answers, rows = distinct_prompts(questions[:1], PromptTemplates(), [wording])
    for share_first, prompt in ((True, rows[0, 0, 0]), (False, rows[0, 1, 0])):
        text = conversations[prompt][1]["content"]
        first, second = ("pass it on", "leave it") if share_first else ("leave it", "pass it on")
        assert f"A ({first}) or B ({second})" in text
        assert answers[prompt] == (("A", "B") if share_first else ("B", "A"))
    alone, _, rows = distinct_prompts(questions[:1], PromptTemplates(), [wording], "ignore-first")
    assert (len(alone), rows.shape) == (1, (1, 1, 1))
    assert "A (leave it)" in alone[0][1]["content"]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_framings_have_the_same_content_in_other_words(framing, questions):
    question = questions[1]
    text = PromptTemplates(question=framing).conversation(question, ("yes", "no"))[1]["content"]
    for part in (question.event.notes, f"fatalities: {question.event.fatalities}", "3 times before", "yes or no"):
        assert part in text
    standard = PromptTemplates().conversation(question, ("yes", "no"))[1]["content"]
    assert (text == standard) == (framing == "standard")


def test_a_framing_that_is_unknown_and_a_template_without_labels_are_refused(tmp_path, questions):
    with pytest.raises(InputError, match="did you mean survey"):
        PromptTemplates(question="survay")
    (tmp_path / "persona.jinja").write_text("I am {{ adjectives | join }}")
    (tmp_path / "question.jinja").write_text("{{ event.notes }} {{ options | join }}")
    (tmp_path / "question-mine.jinja").write_text("{{ labels | join }} {{ options | join }}")
    with pytest.raises(InputError, match="use the variable `labels`"):
        PromptTemplates(tmp_path).conversation(questions[0], ("a", "b"), ("A", "B"))
    own = PromptTemplates(tmp_path, question="mine").conversation(questions[0], ("a", "b"), ("A", "B"))
    assert own[1]["content"] == "AB ab"


class Reader(LanguageModel):
    """Answers with known mass and order effect for each wording; letters have the least order effect."""

    name, fingerprint = "reader", "none"

    def score_answers(self, conversations, options, progress=None):
        scores = []
        for conversation, answers in zip(conversations, options, strict=True):
            text = conversation[1]["content"]
            kind = "letters" if answers[0] in "AB" else "numbers" if answers[0] in "12" else "words"
            mass = {"letters": 0.9, "numbers": 0.95, "words": 0.4}[kind]
            effect = {"letters": 0.1, "numbers": 2.0, "words": 0.0}[kind]
            first = text.rindex(answers[0]) < text.rindex(answers[1])
            log_odds = -1.0 + (effect if first else -effect)
            share = 1 / (1 + np.exp(-log_odds))
            scores.append(np.log([mass * share, mass * (1 - share)]))
        return scores

    def draw_answers(self, conversations, sampling, progress=None):
        raise NotImplementedError


def test_the_wording_with_enough_mass_and_least_order_effect_is_chosen(questions):
    events = [questions[0].event]
    chosen, trials = choose_wording(Reader(), events, Elicitation(wordings=CANDIDATES, choose=True))
    assert chosen.wordings[0].labels == "letters"
    assert not chosen.choose
    assert trials[0].wording == chosen.wordings[0]
    # The order changes the log-odds by twice its effect on either side of the mean.
    assert trials[0].order_effect == pytest.approx(0.2)
    table = decide(Reader(), events, elicitation=Elicitation(wordings=CANDIDATES, choose=True))[0]
    assert table.asked.wordings == chosen.wordings
    assert len(table.trials) == len(CANDIDATES)
    # Without a wording of enough mass, the one with the most mass is taken, whatever its order effect.
    words = [wording for wording in CANDIDATES if not wording.labels]
    few, _ = choose_wording(Reader(), events, Elicitation(wordings=(*words, CANDIDATES[5]), choose=True))
    assert few.wordings[0].labels == "numbers"


def test_scores_of_answers_that_name_no_option_are_refused_as_samples_are(questions):
    with pytest.raises(JobError, match=r"probability of 0\.6 \(at most 20% may\).*--wording auto"):
        Reader().share_probability(questions)
    elicited = Reader().share_probability(questions, elicitation=Elicitation(max_unparsable=0.65))
    np.testing.assert_allclose(elicited.option_mass, 0.4)


def test_one_order_has_no_order_effect_and_two_have_the_mean_of_both(questions):
    asked = Elicitation(wordings=(CANDIDATES[5],))
    both, first, last = (
        Reader().share_probability(questions[:1], elicitation=replace(asked, order=order))
        for order in ("both", "share-first", "ignore-first")
    )
    log_odds = [np.log(each.p_share / (1 - each.p_share)) for each in (both, first, last)]
    np.testing.assert_allclose(log_odds[0], (log_odds[1] + log_odds[2]) / 2)
    assert np.isnan(first.order_effect).all()
    np.testing.assert_allclose(both.order_effect, log_odds[1] - log_odds[2])


def test_what_remains_without_post_or_persona_is_taken_off(questions):
    """The model's log-odds are a sum of effects of its parts, so that each part can be taken off exactly."""

    class Sum(Reader):
        def score_answers(self, conversations, options, progress=None):
            log_odds = [
                -2.0 + 1.5 * ("very" in system["content"]) + 0.7 * ("N/A" not in user["content"])
                for system, user in conversations
            ]
            return [-np.logaddexp(0, [-value, value]) for value in log_odds]

    tables = {
        part: decide(Sum(), [questions[0].event], elicitation=Elicitation(calibrate=part))[0].probabilities
        for part in ("none", "post", "persona")
    }
    log_odds = {part: np.log(p / (1 - p)) for part, p in tables.items()}
    np.testing.assert_allclose(log_odds["none"], -2.0 + 1.5 + 0.7)
    np.testing.assert_allclose(log_odds["post"], 0.7)
    np.testing.assert_allclose(log_odds["persona"], 1.5)
