"""Parsing of answers, and agreement of sampling and scoring."""

import numpy as np
import pytest
from scipy import stats
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from tworate.agents import (
    Elicitation,
    LanguageModel,
    all_personas,
    load_language_model,
    parse_wordings,
    shipped_events,
)
from tworate.agents.answer_reading import parse_answer
from tworate.agents.elicitation import Scored, count_answers, summarise
from tworate.agents.prompts import Question
from tworate.errors import InputError, JobError

OPTIONS = ("share", "ignore")


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ("share", 0), (" Ignore.", 1), ("**Share**", 0), ('"ignore" - because', 1), ("SHARE\nit", 0),
        ("sharing", None), ("I would share", None), ("shareholder", None), ("", None), ("no", None),
        ("not ignore", None), ("<think> share", None),
    ],
)  # fmt: skip
def test_answers_are_read_from_their_beginning(answer, place):
    assert parse_answer(answer, OPTIONS) == place


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ("4", 3), ("4 = moderately accurate", 3), ("**2**, I think", 1), ("5/5", 4), ("3.", 2), ("1,\nsince", 0),
        ("4.5", None), ("3,5", None), ("45", None), ("0", None), ("I say 4", None), ("four", None),
    ],
)  # fmt: skip
def test_a_number_is_read_whole(answer, place):
    assert parse_answer(answer, "12345") == place


def test_longer_option_that_fits_is_read():
    options = ("pass it on", "pass")
    assert [parse_answer(answer, options) for answer in ("Pass  it on!", "pass", "pass it")] == [0, 1, 1]


@pytest.mark.parametrize("text", ["share", "share/", "a/b/c", "/", "Share/share"])
def test_wordings_that_are_not_two_options_are_refused(text):
    with pytest.raises(InputError, match="wording"):
        parse_wordings([text])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "guess"}, "must be one of logits, sample"),
        ({"samples": 0}, "samples = 0"),
        ({"temperature": 0.0}, "temperature = 0"),
        ({"temperature": float("nan")}, "temperature = nan"),
        ({"max_unparsable": 1.1}, "max-unparsable"),
        ({"max_tokens": 0}, "max-tokens"),
        ({"seed": -1}, "seed"),
        ({"wordings": ()}, "no wording"),
        ({"wordings": (OPTIONS, OPTIONS)}, "given twice"),
        ({"wordings": (("a", " "),)}, "two options"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Elicitation(**settings)


def test_unparsable_answers_are_counted_for_neither_option_and_bounded():
    answers = [["share"] * 6 + ["ignore"] * 2 + ["well", "no"], ["ignore"] * 10]
    prompted = count_answers(answers, [OPTIONS, OPTIONS], 0.1, "m").prompted()
    np.testing.assert_array_equal(prompted.unparsable, [2, 0])
    np.testing.assert_allclose(prompted.option_mass, [0.8, 1.0])
    # Without the two unreadable answers, the counts are 6 and 2.
    np.testing.assert_allclose(prompted.log_odds, np.log([6.5 / 2.5, 0.5 / 10.5]))
    np.testing.assert_allclose(prompted.variance, [1 / 6.5 + 1 / 2.5, 1 / 0.5 + 1 / 10.5])
    with pytest.raises(
        JobError, match=r"m: 2 of 20 sampled answers begin with neither option \(at most 5% may\).*well"
    ):
        count_answers(answers, [OPTIONS, OPTIONS], 0.05, "m")
    with pytest.raises(JobError, match="all answers to 1 of 2 prompts"):
        count_answers([["share"], ["no"]], [OPTIONS, OPTIONS], 1.0, "m")


def test_model_that_names_no_option_is_an_error(make_model, questions):
    with pytest.raises(JobError, match="begin with neither option"):
        make_model().share_probability(questions[:2], elicitation=Elicitation("sample", samples=5))


def few_words(words):
    """Return a tokenizer with one token per word; all other words are unknown."""
    backend = Tokenizer(WordLevel({word: i for i, word in enumerate(["<unk>", "</s>", *words])}, unk_token="<unk>"))
    backend.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", eos_token="</s>")
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }} {% endfor %}"
    return tokenizer


@pytest.mark.parametrize(
    "wordings", [(("pass it", "say nothing"),), (("pass it", "say nothing"), ("it", "nothing"))], ids=["one", "two"]
)
def test_sampling_and_scoring_give_the_same_probability_of_answers_of_several_tokens(make_model, questions, wordings):
    # With few words, a random model gives an option often enough. Prompts differ only in the words of this list.
    words = "pass it say nothing You have not seen this post 1 3 time times before. very a in of the".split()
    model = make_model(few_words(words), spread=0.15, seed=3)
    settings = {"wordings": wordings, "max_tokens": 2, "max_unparsable": 1.0}
    exact = model.share_probability(questions, elicitation=Elicitation(**settings))
    n = 10_000
    sampled = model.share_probability(questions, elicitation=Elicitation("sample", samples=n, seed=1, **settings))
    distinct = np.unique(exact.p_share.round(9), return_index=True)[1]
    assert len(distinct) >= 4
    z = ((sampled.p_share - exact.p_share) / sampled.standard_error)[distinct]
    # Prompts are independent and errors nearly normal: a random seed would fail once in 1,000 runs; the seed is fixed.
    assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-3
    assert np.all(sampled.standard_error < 0.1)
    mass_error = np.sqrt(exact.option_mass * (1 - exact.option_mass) / n)
    assert np.all(np.abs(sampled.option_mass - exact.option_mass) < 4 * mass_error)
    # Negative control: another temperature fails the test, and so would averaging probabilities instead of log-odds.
    warm = model.share_probability(questions, elicitation=Elicitation("sample", samples=n, temperature=2.0, **settings))
    z = ((warm.p_share - exact.p_share) / warm.standard_error)[distinct]
    assert stats.chi2.sf((z**2).sum(), len(z)) < 1e-3


def test_sampling_and_scoring_give_the_same_probability_with_the_embedded_model():
    model = load_language_model("embedded")
    questions = [Question(persona, event, 1) for persona in all_personas()[::5] for event in shipped_events()[::6]]
    exact = model.share_probability(questions)
    # The options are single tokens.
    sampled = model.share_probability(questions, elicitation=Elicitation("sample", samples=2000, max_tokens=1))
    z = (sampled.p_share - exact.p_share) / sampled.standard_error
    assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-3
    assert np.all(sampled.unparsable <= 20)
    # The standard errors have the right size: the variance of z is 1, within the precision for this number of prompts.
    assert 0.4 < z.std() < 1.6


class TwoWays(LanguageModel):
    """A model with known probabilities, which depend on the order of the options."""

    name, fingerprint = "two-ways", "none"

    def __init__(self, p_first, p_second):
        self.p = (p_first, p_second)

    def _p(self, conversation):
        return self.p["ignore or share" in conversation[1]["content"]]

    def score_answers(self, conversations, options, progress=None):
        return [np.log([self._p(c), 1 - self._p(c)]) for c in conversations]

    def draw_answers(self, conversations, sampling, progress=None):
        rng = np.random.default_rng(sampling.seed)
        return [["share" if u < self._p(c) else "ignore" for u in rng.random(sampling.samples)] for c in conversations]


def test_both_methods_average_disagreeing_orders_on_the_logit_scale(questions):
    model = TwoWays(0.99, 0.4)
    exact = model.share_probability(questions[:1]).p_share[0]
    log_odds = np.log([0.99 / 0.01, 0.4 / 0.6])
    np.testing.assert_allclose(exact, 1 / (1 + np.exp(-log_odds.mean())))
    sampled = model.share_probability(questions[:1], elicitation=Elicitation("sample", samples=200_000))
    assert abs(sampled.p_share[0] - exact) < 4 * sampled.standard_error[0]
    # The mean of the probabilities differs by far more than the error.
    assert abs(0.695 - exact) > 20 * sampled.standard_error[0]
    np.testing.assert_allclose(sampled.order_effect[0], log_odds[0] - log_odds[1], atol=0.15)


def test_standard_error_is_that_of_repeated_sampling(questions):
    model = TwoWays(0.8, 0.3)
    runs = [
        model.share_probability(questions[:1], elicitation=Elicitation("sample", samples=200, seed=seed))
        for seed in range(300)
    ]
    spread = np.std([run.p_share[0] for run in runs])
    # The standard deviation of 300 values is known to about 4%.
    np.testing.assert_allclose(np.mean([run.standard_error[0] for run in runs]), spread, rtol=0.15)


def test_a_good_wording_does_not_hide_one_that_the_model_never_says():
    scores = np.log([[0.6, 0.4], [0.5, 0.5], [1e-6, 1e-9], [1e-6, 1e-9]])
    elicited = summarise(Scored(scores).prompted(), np.arange(4).reshape(2, 2, 1))
    assert elicited.option_mass == pytest.approx([1e-6 + 1e-9])
