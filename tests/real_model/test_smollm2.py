"""SmolLM2-135M from a GGUF file: loading, fingerprint, cache, and log-probabilities against transformers alone."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tworate.agents import (
    AnswerStore,
    CachedLanguageModel,
    Elicitation,
    Question,
    all_personas,
    gguf_model,
    load_language_model,
    shipped_events,
)
from tworate.agents.answer_reading import parse_answer
from tworate.agents.prompts import OPTIONS, default_templates

pytestmark = pytest.mark.real_model


@pytest.fixture(scope="module")
def file():
    path = Path(__file__).parents[2] / "examples" / "real_model.py"
    spec = importlib.util.spec_from_file_location("real_model", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.fetch()


@pytest.fixture(scope="module")
def model(file):
    return load_language_model(str(file))


@pytest.fixture(scope="module")
def questions():
    return [Question(persona, shipped_events()[0], s) for persona in all_personas()[::31] for s in (1, 3)]


@pytest.fixture(scope="module")
def conversations(questions):
    return [default_templates().conversation(question) for question in questions]


def test_the_file_is_its_fingerprint_and_is_converted_once(file, model, monkeypatch):
    assert model.fingerprint == "sha256:b179c9523d0e6a0f:float32"
    assert (model.warning, model.notice) == (None, None)
    assert model.encoder.has_template
    assert model.encoder.has_system_role
    monkeypatch.setattr(gguf_model, "_convert", lambda *_: pytest.fail("converted again"))
    assert load_language_model(str(file)).fingerprint == model.fingerprint


def test_scores_add_up_spellings_that_transformers_alone_gives(file, model, conversations):
    """The reference reads the file itself, without the conversion, and computes one prompt and spelling at a time."""
    source = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": str(file)}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    reference = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32).eval()
    scores = model.option_log_probabilities(conversations, OPTIONS)
    for conversation, row in zip(conversations, scores, strict=True):
        text = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]

        def probability(spelling, prompt=prompt):
            answer = tokenizer(spelling, add_special_tokens=False)["input_ids"]
            with torch.inference_mode():
                log_p = reference(torch.tensor([prompt + answer])).logits[0].double().log_softmax(-1)
            return np.exp(sum(log_p[len(prompt) - 1 + k, token].item() for k, token in enumerate(answer)))

        for option, score in zip(OPTIONS, row, strict=True):
            known = sum(probability(spelling) for spelling in (option, option.title(), f'"{option}"', f" {option}"))
            # Beside these there are more spellings and splits into tokens, but also words that go on: "shared".
            assert known * 0.9 < np.exp(score) < known + 0.2


@pytest.mark.parametrize("options", [OPTIONS, ("yes", "no")])
def test_scores_and_samples_estimate_the_same_probability(model, questions, options):
    """Samples are read by the parser; scores add up all answers that it reads as the option."""
    n = 400
    conversation = default_templates().conversation(questions[0], options)
    p = np.exp(model.option_log_probabilities([conversation], options)[0])
    (answers,) = model.sample_answers([conversation], samples=n, temperature=1.0, seed=1, max_tokens=6)
    read = [parse_answer(answer, options) for answer in answers]
    shares = np.array([read.count(number) for number in range(2)]) / n
    # Four standard errors of a binomial proportion; the seed is fixed.
    assert np.all(np.abs(shares - p) < 4 * np.sqrt(p * (1 - p) / n))
    assert p.sum() > 0.1


def test_it_knows_the_capital_of_france(model):
    """A wrong order of rows in the attention, or a wrong tokenizer, would give nonsense."""
    question = [{"role": "user", "content": "What is the capital of France?"}]
    ((answer,),) = model.sample_answers([question], samples=1, temperature=0.01, seed=0, max_tokens=12)
    assert "Paris" in answer


def test_kept_answers_are_those_of_the_model(model, questions, tmp_path, monkeypatch):
    # This model answers otherwise more often than tworate takes by default.
    settings = Elicitation(max_unparsable=1.0)
    expected = model.share_probability(questions, elicitation=settings)
    with monkeypatch.context() as patch:
        first = CachedLanguageModel(model, AnswerStore(tmp_path)).share_probability(questions, elicitation=settings)
        patch.setattr(model, "score_answers", lambda *_: pytest.fail("asked again"))
        second = CachedLanguageModel(model, AnswerStore(tmp_path)).share_probability(questions, elicitation=settings)
    np.testing.assert_array_equal(second.p_share, first.p_share)
    np.testing.assert_allclose(first.p_share, expected.p_share, rtol=1e-5)
    # A real model puts only a part of its probability on the options.
    assert np.all((expected.option_mass > 0) & (expected.option_mass < 1))


def test_sampled_decisions_estimate_the_scored_ones(model, questions):
    scored = model.share_probability(questions[:1], elicitation=Elicitation(max_unparsable=1.0))
    settings = Elicitation("sample", samples=200, max_tokens=4, max_unparsable=1.0)
    sampled = model.share_probability(questions[:1], elicitation=settings)
    assert abs(sampled.p_share[0] - scored.p_share[0]) < 4 * sampled.standard_error[0]
