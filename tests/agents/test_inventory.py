"""The inventory: published items, prompts, and scores."""

import json
from importlib.resources import files

import numpy as np
import pytest
from scipy import stats

from tworate.agents import (
    TRAITS,
    Elicitation,
    LanguageModel,
    Persona,
    PromptTemplates,
    administer,
    inventory_items,
    load_language_model,
)
from tworate.agents.inventory import ANSWERS, item_conversation
from tworate.agents.language_model import NoLogProbabilitiesError
from tworate.errors import InputError, JobError

# Appendix of Donnellan et al. (2006): the items of each trait, and the reversed items.
PUBLISHED = {
    "extraversion": {1, 6, 11, 16},
    "agreeableness": {2, 7, 12, 17},
    "conscientiousness": {3, 8, 13, 18},
    "neuroticism": {4, 9, 14, 19},
    "openness": {5, 10, 15, 20},
}
REVERSED = {6, 7, 8, 9, 10, 15, 16, 17, 18, 19, 20}


class Scripted(LanguageModel):
    """A model whose answers are a function of the prompt."""

    name = fingerprint = "scripted"

    def __init__(self, answer):
        self.answer = answer

    def score_answers(self, conversations, options, progress=None):
        assert all(tuple(row_options) == ANSWERS for row_options in options)
        with np.errstate(divide="ignore"):
            return np.log([self.answer(system["content"], user["content"]) for system, user in conversations])

    def draw_answers(self, conversations, sampling, progress=None):
        rng = np.random.default_rng(sampling.seed)
        answers = [*(f"{answer}." for answer in ANSWERS), "I would rather not say"]
        mass = [self.answer(system["content"], user["content"]) for system, user in conversations]
        return [[answers[k] for k in rng.choice(6, sampling.samples, p=[*p, 1 - sum(p)])] for p in mass]


class Silent(Scripted):
    """A model that raises NoLogProbabilitiesError only when it is asked."""

    def score_answers(self, *_, **__):
        raise NoLogProbabilitiesError("none to be had")


class DeclaredSilent(Silent):
    """A model that declares in advance that it has no log-probabilities; asking for them is an error."""

    gives_log_probabilities = False

    def score_answers(self, *_, **__):
        raise AssertionError


def test_items_and_keys_are_those_published():
    items = inventory_items()
    assert [item.number for item in items] == list(range(1, 21))
    assert {trait: {item.number for item in items if item.trait == trait} for trait in TRAITS} == PUBLISHED
    assert {item.number for item in items if item.keyed == -1} == REVERSED
    assert {item.keyed for item in items} == {1, -1}
    data = json.loads(files("tworate.agents").joinpath("mini_ipip.json").read_text(encoding="utf-8"))
    assert "10.1037/1040-3590.18.2.192" in data["source"]


def test_an_item_is_asked_under_the_persona_with_the_scale_in_either_order():
    item, templates = inventory_items()[5], PromptTemplates(qualifier="extremely")
    up, down = (item_conversation(Persona("OCeAN"), item, templates, reverse=reverse) for reverse in (False, True))
    assert up[0] == down[0] == templates.persona_message(Persona("OCeAN"))
    assert "extremely silent" in up[0]["content"]
    assert '"I don\'t talk a lot."' in up[1]["content"]
    lines = up[1]["content"].splitlines()
    first = lines.index("1 = very inaccurate")
    scale = lines[first : first + 5]
    assert scale[4] == "5 = very accurate"
    assert down[1]["content"].splitlines() == [*lines[:first], *scale[::-1], *lines[first + 5 :]]


def test_answers_become_keyed_scores_with_both_orders_averaged():
    up, down = np.array([0.1, 0.0, 0.0, 0.1, 0.6]), np.array([0.0, 0.0, 0.4, 0.0, 0.0])
    model = Scripted(lambda _, user: up if user.index("1 = ") < user.index("5 = ") else down)
    answers = administer(model, [Persona("OCEAN"), Persona("ocean")])
    # By hand: the first order gives 1, 4, 5 with 1/8, 1/8, 6/8 of its mass 0.8; the second gives 3 with mass 0.4.
    np.testing.assert_allclose(answers.probabilities[0, 0], [1 / 16, 0, 1 / 2, 1 / 16, 3 / 8], atol=1e-12)
    mean = 1 / 16 + 3 / 2 + 4 / 16 + 15 / 8
    for column, item in enumerate(inventory_items()):
        assert answers.scores[1, column] == pytest.approx(mean if item.keyed == 1 else 6 - mean)
    np.testing.assert_allclose(answers.variances, 1 / 16 + 9 / 2 + 16 / 16 + 75 / 8 - mean**2)
    np.testing.assert_allclose(answers.option_mass, 0.6)
    np.testing.assert_allclose(answers.order_effect, (1 + 4 + 30) / 8 - 3)
    np.testing.assert_allclose(answers.scale_scores()[:, TRAITS.index("extraversion")], 3.0)


def test_table_has_one_row_per_persona_and_item():
    model = Scripted(lambda system, _: np.full(5, 0.2) if "very talkative" in system else [0, 0, 0, 0, 0.5])
    frame = administer(model, [Persona("OCEAN"), Persona("OCeAN")]).to_frame()
    assert len(frame) == 40
    quiet = frame[frame["persona"] == "OCeAN"].set_index("number")
    assert quiet.loc[1, "score"] == 5
    assert quiet.loc[6, "score"] == 1
    assert set(frame.loc[frame["persona"] == "OCEAN", "score"].round(12)) == {3.0}
    assert list(quiet["option_mass"].unique()) == [0.5]


def by_order(up, down):
    return lambda _, user: up if user.index("1 = ") < user.index("5 = ") else down


def test_sampled_frequencies_replace_probabilities_with_a_correct_standard_error():
    up, down = np.array([0.1, 0.0, 0.0, 0.2, 0.6]), np.array([0.3, 0.2, 0.4, 0.1, 0.0])
    model, personas = Scripted(by_order(up, down)), [Persona("OCEAN"), Persona("ocean")]
    exact = administer(model, personas)
    assert (exact.method, exact.unparsable.max(), exact.standard_error.max()) == ("logits", 0, 0)
    sampled = administer(model, personas, elicitation=Elicitation("sample", samples=2000))
    assert sampled.method == "sample"
    # 40 independent cells: deviations in units of their standard errors are a standard normal sample.
    z = ((sampled.scores - exact.scores) / sampled.standard_error).ravel()
    assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-3
    assert 0.7 < z.std() < 1.3
    np.testing.assert_allclose(sampled.probabilities, exact.probabilities, atol=5 * np.sqrt(0.25 / 4000))
    # In one order, a tenth of the answers is not a number: they lower the mass and count for no point of the scale.
    np.testing.assert_allclose(sampled.unparsable, 200, atol=5 * np.sqrt(180))
    np.testing.assert_allclose(sampled.option_mass, 1 - sampled.unparsable / 4000)
    np.testing.assert_allclose(sampled.order_effect, exact.order_effect, atol=0.2)
    frame = sampled.to_frame()
    assert set(frame["elicitation"]) == {"sample"}
    assert list(frame["unparsable"]) == list(sampled.unparsable.ravel())


def test_the_standard_error_of_one_answer_is_nan():
    model = Scripted(lambda *_: np.full(5, 0.2))
    assert np.isnan(
        administer(model, [Persona("OCEAN")], elicitation=Elicitation("sample", samples=1)).standard_error
    ).all()


@pytest.mark.parametrize("kind", [Silent, DeclaredSilent])
def test_answers_are_sampled_if_there_are_no_log_probabilities(kind):
    model = kind(lambda *_: np.array([0.0, 0.0, 0.0, 0.0, 1.0]))
    answers = administer(model, [Persona("OCEAN")], elicitation=Elicitation(samples=3))
    assert answers.method == "sample"
    np.testing.assert_array_equal(answers.probabilities[..., 4], 1)


def test_too_many_unparsable_answers_are_an_error_and_wordings_are_refused():
    model = Scripted(lambda *_: np.full(5, 0.1))
    with pytest.raises(
        JobError, match=r"begin with none of 1, 2, 3, 4, 5 \(at most 20% may\).*rather not say"
    ) as caught:
        administer(model, [Persona("OCEAN")], elicitation=Elicitation("sample", samples=50))
    assert "--wording" not in str(caught.value)
    administer(model, [Persona("OCEAN")], elicitation=Elicitation("sample", samples=50, max_unparsable=0.6))
    with pytest.raises(InputError, match="wordings apply only to decisions"):
        administer(model, [Persona("OCEAN")], elicitation=Elicitation(wordings=(("a", "b"),)))


def test_sampling_and_scoring_agree_on_the_embedded_model():
    model, personas = load_language_model("embedded"), [Persona("OCEAN"), Persona("oCeAn")]
    exact = administer(model, personas)
    sampled = administer(model, personas, elicitation=Elicitation("sample", samples=1000, max_tokens=1, seed=1))
    z = ((sampled.scores - exact.scores) / sampled.standard_error).ravel()
    assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-3
    assert sampled.option_mass == pytest.approx(exact.option_mass, abs=0.02)
