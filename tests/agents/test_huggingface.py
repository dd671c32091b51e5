"""Scoring and sampling of answers, compared with a direct computation, on small models with random weights."""

import json
import sys
import time
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

from tworate.agents import Elicitation, answer_scoring, load_language_model
from tworate.agents.answer_reading import parse_answer
from tworate.agents.answer_store import AnswerStore
from tworate.agents.cache import CachedLanguageModel
from tworate.agents.elicitation import MAX_ANSWER_TOKENS
from tworate.agents.embedded import FOLDER
from tworate.agents.huggingface import _unfilled
from tworate.agents.prompts import default_templates
from tworate.errors import InputError, JobError

OPTIONS = ("share", "ignore")
ANY = Elicitation(max_unparsable=1.0)
"""Random models hardly answer with an option."""
PT = {"format": "pt"}
"""Metadata that transformers requires in a file of weights."""


@pytest.fixture(autouse=True)
def _few_paths(monkeypatch):
    """Follow fewer beginnings of answers: random models have many, and the direct computation is slow."""
    monkeypatch.setattr(answer_scoring, "LEAST_PATH", 0.02)
    monkeypatch.setattr(answer_scoring, "LEAST_CHECKED", 0.0)


def one_by_one(model, conversations, options):
    """Add up the answers that name each option, with a forward pass for each beginning of an answer.

    There is no batch, no padding, no shared prefix, and every token is read by `parse_answer` alone.
    """
    ends = {model.tokenizer.eos_token_id, model.tokenizer.convert_tokens_to_ids("<|im_end|>")}
    usual = [model.tokenizer.encode(option, add_special_tokens=False) for option in options]

    def unfinished(text):
        # The end of a text may be part of a character.
        begun = text.rstrip("\ufffd").casefold().lstrip().lstrip("\"'`*([{<-.: ")
        # After an option, a number may still go on.
        return any(option.startswith(begun) for option in options) or begun.rstrip(".,") in options

    def add_up(prompt, written, before, found):
        with torch.no_grad():
            ids = torch.tensor([prompt + written], device=model.device)
            p = (before + model.model(ids).logits[0, -1].double().log_softmax(-1)).exp().tolist()
        named = parse_answer(model.tokenizer.decode(written), options) if written else None
        for token, joint in enumerate(p):
            is_usual = any(answer[: len(written) + 1] == [*written, token] for answer in usual)
            text = model.tokenizer.decode([*written, token])
            if joint <= answer_scoring.LEAST_PATH and not is_usual:
                # An improbable token counts only where an option is written already.
                option = named if token in ends or parse_answer(text, options) == named else None
            elif token in ends:
                option = named
            elif unfinished(text) and len(written) < MAX_ANSWER_TOKENS - 1:
                add_up(prompt, [*written, token], np.log(joint), found)
                option = None
            else:
                option = parse_answer(text, options)
            if option is not None:
                found[option] += joint
        return found

    result = []
    for conversation in conversations:
        text = model.tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
        prompt = model.tokenizer.encode(text, add_special_tokens=False)
        result.append(np.log(add_up(prompt, [], 0.0, np.zeros(len(options)))))
    return np.array(result)


def conversations_of(questions, options=OPTIONS):
    return [default_templates().conversation(question, options) for question in questions]


@pytest.mark.parametrize("options", [OPTIONS, ("pass it on to others", "no"), ("a", "b longer answer")])
@pytest.mark.parametrize("tokens_per_batch", [100, 1500, 10**6])
def test_batched_scores_equal_single_ones(make_model, questions, options, tokens_per_batch):
    model = make_model(options={"tokens_per_batch": tokens_per_batch})
    conversations = conversations_of(questions[::4], options)
    scores = model.option_log_probabilities(conversations, options)
    # float32: sums of a few log-probabilities of size 1 to 20 agree to about 1e-5.
    np.testing.assert_allclose(scores, one_by_one(model, conversations, options), atol=5e-5)


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gpt2", "gemma", "gemma2", "mistral"])
def test_every_architecture_gives_equal_scores_with_and_without_cached_prefixes(make_model, questions, architecture):
    model = make_model(architecture=architecture)
    shared = model.share_probability(questions, elicitation=ANY)
    assert model.forward._can_share
    with_prefixes = model.work.tokens
    conversations = conversations_of(questions[::4])
    np.testing.assert_allclose(
        model.option_log_probabilities(conversations, OPTIONS), one_by_one(model, conversations, OPTIONS), atol=5e-5
    )
    plain = load_language_model(model.name, tokens_per_batch=1)
    plain.forward._can_share = False
    np.testing.assert_allclose(plain.share_probability(questions, elicitation=ANY).p_share, shared.p_share, atol=1e-5)
    assert with_prefixes < plain.work.tokens / 4


@pytest.mark.parametrize("architecture", ["mistral", "gemma2"])
def test_sliding_window_shorter_than_the_prompt_is_scored_correctly_without_cache(make_model, questions, architecture):
    model = make_model(architecture=architecture, sliding_window=24, num_hidden_layers=4)
    conversations = conversations_of(questions[::4])
    scores = model.option_log_probabilities(conversations, OPTIONS)
    np.testing.assert_allclose(scores, one_by_one(model, conversations, OPTIONS), atol=5e-5)
    # Negative control: without a window the answers differ.
    wide = make_model(architecture=architecture, num_hidden_layers=4)
    assert np.abs(wide.option_log_probabilities(conversations, OPTIONS) - scores).max() > 0.01


def test_model_without_cached_keys_and_values_is_scored_without_cache(make_tokenizer, tmp_path, questions):
    from transformers import MambaConfig, MambaForCausalLM

    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    config = MambaConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, state_size=4)
    MambaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = load_language_model(str(tmp_path))
    conversations = conversations_of(questions[:3])
    scores = model.option_log_probabilities(conversations, OPTIONS)
    assert not model.forward._can_share
    assert model.forward.longest is None
    np.testing.assert_allclose(scores, one_by_one(model, conversations, OPTIONS), atol=5e-5)
    assert len(model.sample_answers(conversations[:1], samples=3, temperature=1.0, seed=0, max_tokens=2)[0]) == 3


def test_cache_that_changes_the_answers_is_not_used(make_model, questions, monkeypatch):
    model = make_model()
    forward = type(model.model).forward

    def deaf(self, *args, position_ids=None, **kwargs):
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(type(model.model), "forward", deaf)
    conversations = conversations_of(questions)
    expected = one_by_one(model, conversations, OPTIONS)
    np.testing.assert_allclose(model.option_log_probabilities(conversations, OPTIONS), expected, atol=5e-5)
    assert not model.forward._can_share


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("bfloat16", 0.05), ("float16", 0.01)])
def test_dtypes(make_model, questions, dtype, tolerance):
    reference = make_model()
    model = load_language_model(reference.name, dtype=dtype)
    assert str(model.model.dtype) == f"torch.{dtype}"
    assert model.fingerprint.endswith(f":{dtype}")
    p_share, expected = (
        model.share_probability(questions, elicitation=ANY).p_share,
        reference.share_probability(questions, elicitation=ANY).p_share,
    )
    np.testing.assert_allclose(p_share, expected, atol=tolerance)


def test_batch_size_changes_no_probability(make_model, questions):
    p_share = []
    model = make_model()
    for tokens_per_batch in (1, 300, 1000, 10**6):
        model.forward.tokens_per_batch = tokens_per_batch
        p_share.append(model.share_probability(questions, elicitation=ANY).p_share)
    assert np.ptp(p_share, axis=0).max() <= 1e-5


def test_both_orders_are_averaged_on_the_logit_scale_with_their_diagnostics(make_model, questions):
    model = make_model()
    elicited = model.share_probability(questions, elicitation=ANY)
    first, second = (
        one_by_one(model, conversations_of(questions, order), OPTIONS) for order in (OPTIONS, OPTIONS[::-1])
    )
    log_odds = [scores[:, 0] - scores[:, 1] for scores in (first, second)]
    np.testing.assert_allclose(elicited.p_share, 1 / (1 + np.exp(-np.mean(log_odds, axis=0))), atol=1e-5)
    np.testing.assert_allclose(elicited.order_effect, log_odds[0] - log_odds[1], atol=1e-4)
    np.testing.assert_allclose(elicited.option_mass, (np.exp(first).sum(1) + np.exp(second).sum(1)) / 2, rtol=1e-4)


def test_wordings_are_averaged_on_the_logit_scale_and_share_prefixes(make_model, questions):
    model = make_model()
    wordings = (OPTIONS, ("repost", "skip"), ("pass it on", "keep it"))
    single = [model.share_probability(questions, elicitation=replace(ANY, wordings=(w,))) for w in wordings]
    apart = model.work.tokens
    together = model.share_probability(questions, elicitation=replace(ANY, wordings=wordings))
    assert model.work.tokens - apart < 0.6 * apart
    log_odds = np.array([np.log(e.p_share / (1 - e.p_share)) for e in single])
    np.testing.assert_allclose(together.p_share, 1 / (1 + np.exp(-log_odds.mean(axis=0))), atol=1e-5)
    np.testing.assert_allclose(together.wording_effect, np.ptp(log_odds, axis=0), atol=1e-4)
    np.testing.assert_allclose(together.order_effect, np.mean([e.order_effect for e in single], axis=0), atol=1e-4)
    assert np.all(single[0].wording_effect == 0)


def test_options_with_a_common_beginning_are_scored_to_their_end(make_model, questions):
    model = make_model()
    conversations = conversations_of(questions[:4])
    scores = model.option_log_probabilities(conversations, ("share", "share it"))
    np.testing.assert_allclose(scores, one_by_one(model, conversations, ("share", "share it")), atol=5e-5)


def test_equal_prompts_are_asked_once(make_model, questions):
    model = make_model()
    totals = []
    repeated = model.share_probability(
        [*questions, *questions], elicitation=ANY, progress=lambda done, total: totals.append((done, total))
    )
    work = model.work.tokens
    once = model.share_probability(
        questions, elicitation=ANY, progress=lambda done, total: totals.append((done, total))
    )
    assert model.work.tokens == 2 * work
    assert {total for _, total in totals} == {2 * len(questions)}
    assert totals[-1] == (2 * len(questions), 2 * len(questions))
    np.testing.assert_array_equal(repeated.p_share, np.tile(once.p_share, 2))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_batches_are_halved_until_memory_suffices(make_model, questions, error, monkeypatch):
    model = make_model(options={"tokens_per_batch": 10**5})
    expected = model.share_probability(questions, elicitation=ANY)
    forward, failures = type(model.model).forward, []

    def bounded(self, input_ids, attention_mask, position_ids=None, past_key_values=None, **kwargs):
        if attention_mask.numel() > 1000:
            failures.append(attention_mask.shape)
            raise error
        return forward(self, input_ids, attention_mask, position_ids, past_key_values, **kwargs)

    monkeypatch.setattr(type(model.model), "forward", bounded)
    elicited = model.share_probability(questions, elicitation=ANY)
    np.testing.assert_allclose(elicited.p_share, expected.p_share, atol=1e-5)
    assert failures
    assert model.forward.tokens_per_batch <= 1000
    before = len(failures)
    model.share_probability(questions, elicitation=ANY)
    # The smaller batch size is kept.
    assert len(failures) == before


def test_out_of_memory_names_a_remedy_and_other_errors_are_not_hidden(make_model, questions, monkeypatch):
    model = make_model()

    def failing(message):
        def forward(self, input_ids, attention_mask, position_ids=None, past_key_values=None, **kwargs):
            raise RuntimeError(message)

        monkeypatch.setattr(type(model.model), "forward", forward)
        model.forward.__dict__["_can_share"] = True

    failing("MPS backend out of memory")
    with pytest.raises(JobError, match=r"out of memory on (cpu|cuda:0) with a single prompt: .*--dtype"):
        model.share_probability(questions[:2], elicitation=ANY)
    failing("shapes do not match")
    with pytest.raises(RuntimeError, match="shapes do not match"):
        model.share_probability(questions[:2], elicitation=ANY)


def test_sampled_answers_depend_only_on_seed_and_prompt(make_model, questions):
    model = make_model()
    conversations = conversations_of(questions[:6])

    def sample(chosen, seed=1, model=model):
        return model.sample_answers(chosen, samples=8, temperature=1.0, seed=seed, max_tokens=5)

    answers = sample(conversations)
    assert sample(conversations[3:5][::-1]) == answers[3:5][::-1]
    assert sample(conversations[3:5], seed=2) != answers[3:5]
    model.forward.tokens_per_batch = 1
    assert sample(conversations) == answers
    plain = load_language_model(model.name)
    plain.forward._can_share = False
    assert sample(conversations[:3], model=plain) == answers[:3]


def test_sampling_ignores_generation_settings_of_the_model(make_folder, questions):
    folder = make_folder()
    free = load_language_model(str(folder)).sample_answers(
        conversations_of(questions[:2]), samples=50, temperature=1.0, seed=0, max_tokens=3
    )
    settings = {"do_sample": False, "top_k": 1, "top_p": 0.01, "temperature": 0.01, "repetition_penalty": 5.0}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    bound = load_language_model(str(folder)).sample_answers(
        conversations_of(questions[:2]), samples=50, temperature=1.0, seed=0, max_tokens=3
    )
    assert bound == free
    assert len(set(free[0])) > 10


@pytest.mark.parametrize("temperature", [1e-4, 1e-320])
def test_low_temperature_gives_the_likeliest_answer(make_model, questions, temperature):
    model = make_model()
    (conversation,) = conversations_of(questions[:1])
    (answers,) = model.sample_answers([conversation], samples=5, temperature=temperature, seed=0, max_tokens=4)
    ids = model.encoder.prompt(conversation)
    start = len(ids)
    with torch.no_grad():
        for _ in range(4):
            logits = model.model(torch.tensor([ids], device=model.device)).logits[0, -1]
            ids = [*ids, logits.argmax().item()]
            if ids[-1] in model._end_tokens:
                ids = ids[:-1]
                break
    assert answers == [model.encoder.text(ids[start:])] * 5


def test_scoring_a_model_that_may_think_is_refused(make_model, questions):
    model = make_model(options={"think": True})
    assert model.fingerprint.endswith(":think")
    with pytest.raises(InputError, match="leave out --think"):
        model.share_probability(questions[:1], elicitation=ANY)


def test_missing_weights_are_an_error(make_folder):
    folder = make_folder()
    weights = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in weights.items() if k != "lm_head.weight"}, folder / "model.safetensors", PT)
    with pytest.raises(InputError, match=r"the weights lack lm_head\.weight; use a causal language model with all"):
        load_language_model(str(folder))
    layer = {k: v for k, v in weights.items() if "layers.1." not in k}
    save_file(layer, folder / "model.safetensors", PT)
    with pytest.raises(InputError, match=r"the weights lack model\.layers\.1\..* and 6 more"):
        load_language_model(str(folder))
    save_file(weights | {"lm_head.weight": weights["lm_head.weight"][:9]}, folder / "model.safetensors", PT)
    with pytest.raises(InputError, match=r"the weights lack lm_head\.weight"):
        load_language_model(str(folder))


def test_tied_weights_and_buffers_are_not_reported_as_missing(make_folder):
    folder = make_folder(tie_word_embeddings=True)
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    model = load_language_model(str(folder)).model
    assert model.lm_head.weight is model.model.embed_tokens.weight
    layer = torch.nn.BatchNorm1d(2)
    assert _unfilled(layer, {"missing_keys": {"weight", "running_mean"}, "mismatched_keys": set()}) == ["weight"]


def test_model_that_looks_ahead_is_refused(make_tokenizer, tmp_path):
    from transformers import BertConfig, BertForMaskedLM

    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"is not a causal language model \(BertLMHeadModel\)"):
        load_language_model(str(tmp_path))
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"is_decoder": True}))
    # The same weights with causal attention are accepted.
    assert load_language_model(str(tmp_path)).work.calls == 0


@pytest.mark.parametrize(("dtype", "remedy"), [("float16", "use --dtype bfloat16 or float32"), ("float32", "damaged")])
def test_overflow_is_an_error_and_not_stored(make_folder, questions, tmp_path, dtype, remedy):
    folder = make_folder()
    weights = load_file(folder / "model.safetensors")
    # The weights overflow in float16, or in float32.
    huge = {k: v * (1e8 if dtype == "float16" else 1e38) for k, v in weights.items() if k == "lm_head.weight"}
    save_file(weights | huge, folder / "model.safetensors", PT)
    with closing(AnswerStore(tmp_path / "cache")) as store:
        model = CachedLanguageModel(load_language_model(str(folder), dtype=dtype), store)
        with pytest.raises(JobError, match=rf"not finite.* {dtype}.*{remedy}"):
            model.share_probability(questions[:2], elicitation=ANY)
        with pytest.raises(JobError, match=rf"not finite.* {dtype}.*{remedy}"):
            model.share_probability(questions[:2], elicitation=Elicitation("sample", samples=3))
        assert not store.models()


def test_option_of_probability_0_is_an_error(make_model, questions, monkeypatch):
    model = make_model()
    forward = type(model.model).forward
    conversations = conversations_of(questions[:2])
    never = model.encoder.encode(conversations[0], OPTIONS).answers[0][-1]

    def silent(self, *args, **kwargs):
        output = forward(self, *args, **kwargs)
        output.logits[..., never] = -torch.inf
        return output

    monkeypatch.setattr(type(model.model), "forward", silent)
    with pytest.raises(JobError, match="never writes a word of the options"):
        model.share_probability(questions[:2], elicitation=ANY)
    for answer in model.sample_answers(conversations, samples=50, temperature=1.0, seed=0, max_tokens=2)[0]:
        assert never not in model.tokenizer.encode(answer)


def test_prompt_longer_than_the_model_takes_is_refused(make_model, questions):
    conversations = conversations_of(questions)
    model = make_model(architecture="gpt2")
    n_fed = max(
        len(prompt) + max(map(len, answers)) - 1
        for prompt, answers in (model.encoder.encode(conversation, OPTIONS) for conversation in conversations)
    )
    just = make_model(architecture="gpt2", max_position_embeddings=n_fed)
    assert np.isfinite(just.option_log_probabilities(conversations, OPTIONS)).all()
    for architecture in ("gpt2", "llama"):
        short = make_model(architecture=architecture, max_position_embeddings=n_fed - 1)
        with pytest.raises(
            InputError, match=rf"has {n_fed} tokens, but the model takes {n_fed - 1}; shorten the notes"
        ):
            short.option_log_probabilities(conversations, OPTIONS)
    longest = max(len(just.encoder.prompt(conversation)) for conversation in conversations)
    settings = {"samples": 2, "temperature": 1.0, "seed": 0}
    just.sample_answers(conversations, max_tokens=n_fed - longest + 1, **settings)
    with pytest.raises(InputError, match=rf"has {longest} tokens and up to \d+ of the answer, .*lower --max-tokens"):
        just.sample_answers(conversations, max_tokens=n_fed - longest + 2, **settings)


def test_rope_scaling_extends_the_longest_prompt(make_model):
    rope = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512, "rope_theta": 1e4}
    assert make_model(max_position_embeddings=512, rope_parameters=rope).forward.longest == 2048
    assert make_model(max_position_embeddings=512).forward.longest == 512


def test_padding_stays_within_the_positions_of_the_model(make_model):
    def talk(system, user):
        return [{"role": "system", "content": system}, {"role": "user", "content": user}]

    # Long prefixes with short ends, and short prefixes with long ends.
    long_text = " ".join(["act"] * 60)
    talks = [talk(long_text, user) for user in "ab"] + [talk("act", f"{user} {long_text}") for user in "ab"]
    n_fed = max(len(make_model(architecture="gpt2").encoder.prompt(one)) for one in talks) + 8
    model = make_model(architecture="gpt2", max_position_embeddings=n_fed)
    scores = model.option_log_probabilities(talks, OPTIONS)
    assert model.forward._can_share
    np.testing.assert_allclose(scores, one_by_one(model, talks, OPTIONS), atol=5e-5)


def test_tokenizer_of_another_model_is_refused(make_model, questions):
    model = make_model(vocab_size=300)
    for ask in (
        lambda: model.share_probability(questions[:1], elicitation=ANY),
        lambda: model.sample_answers(conversations_of(questions[:1]), samples=1, temperature=1.0, seed=0),
    ):
        with pytest.raises(
            InputError, match=r"the tokenizer gives token \d+, but the model knows only 300 .*belongs to"
        ):
            ask()


def test_a_copy_of_the_embedded_model_keeps_its_warning(make_model, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in FOLDER.iterdir():
        if file.suffix in (".json", ".safetensors", ".jinja"):
            (copy / file.name).write_bytes(file.read_bytes())
    assert load_language_model(str(copy)).warning == load_language_model("embedded").warning
    assert make_model().warning is None


def test_notices(make_tokenizer, make_model, make_folder, questions):
    base = make_model(make_tokenizer(template="base"))
    assert "no chat template" in base.notice
    assert np.all(np.isfinite(base.share_probability(questions, elicitation=ANY).p_share))
    assert "no system role" in make_model(make_tokenizer(template="gemma")).notice
    assert make_model().notice is None
    trusted = load_language_model(str(make_folder()), trust_remote_code=True)
    assert "was allowed to run" in trusted.notice


def test_code_of_a_model_runs_only_when_asked(make_folder, tmp_path, monkeypatch):
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("sys.path", [*sys.path])
    folder = make_folder()
    (folder / "own_code.py").write_text(
        "from pathlib import Path\n"
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        f"Path({str(folder / 'ran')!r}).touch()\n"
        "class OwnConfig(LlamaConfig):\n    model_type = 'own'\n"
        "class OwnModel(LlamaForCausalLM):\n    config_class = OwnConfig\n"
    )
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own_code.OwnConfig", "AutoModelForCausalLM": "own_code.OwnModel"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="give --trust-remote-code if you trust its authors"):
        load_language_model(str(folder))
    assert not (folder / "ran").exists()
    trusted = load_language_model(str(folder), trust_remote_code=True)
    assert type(trusted.model).__name__ == "OwnModel"
    assert (folder / "ran").exists()


def test_fingerprint_changes_with_the_weights(make_folder):
    folder = make_folder()
    before = load_language_model(str(folder)).fingerprint
    assert before == load_language_model(str(folder)).fingerprint
    model = LlamaForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 1
    model.save_pretrained(folder)
    assert load_language_model(str(folder)).fingerprint != before


def test_invalid_device_and_dtype_are_refused():
    with pytest.raises(InputError, match="device 'gpu': cannot be used here"):
        load_language_model("embedded", device="gpu")
    with pytest.raises(InputError, match="dtype 'int8': must be one of auto, float32"):
        load_language_model("embedded", dtype="int8")
    assert str(load_language_model("embedded", device="cpu").device) == "cpu"


def test_folders_without_a_valid_model_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no config\.json"):
        load_language_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="neither safetensors"):
        load_language_model(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_language_model(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        load_language_model(str(tmp_path))
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="is not a GGUF file"):
        load_language_model(str(tmp_path / "config.json"))
    with pytest.raises(InputError, match="there is no such folder"):
        load_language_model("./nowhere/at/all")


@pytest.mark.parametrize("offline", [True, False])
def test_hub_id_without_connection_fails_quickly_with_one_line(tmp_path, monkeypatch, offline):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    # Nothing listens on this loopback port, so the test does not depend on the network.
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    began = time.perf_counter()
    with pytest.raises(InputError, match=r"org/model: is not a local folder.*while online") as caught:
        load_language_model("org/model")
    assert time.perf_counter() - began < 5
    assert ("HF_HUB_OFFLINE" in str(caught.value)) == offline
    assert "\n" not in str(caught.value)


def test_local_copy_of_a_hub_model_is_used_without_connection(make_folder, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    revision = "0123456789abcdef0123456789abcdef01234567"
    home = tmp_path / "hub" / "models--org--model"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(revision)
    (home / "snapshots").mkdir()
    make_folder().rename(home / "snapshots" / revision)
    model = load_language_model("org/model")
    assert model.fingerprint == f"org/model@{revision}:float32"
