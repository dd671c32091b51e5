"""Small models with random weights and several kinds of tokenizers, built during the tests."""

from dataclasses import replace

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE, Unigram
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer, UnigramTrainer
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from tworate.agents import Persona, Question, load_language_model, shipped_events
from tworate.agents.prompts import default_templates

TEMPLATES = {"base": None}
TEMPLATES["chatml"] = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Like Gemma: no system role, the role of the model has another name, and the template writes BOS.
TEMPLATES["gemma"] = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}"
    "{% endif %}{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim "
    "+ '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
# Like Mistral: no system role, and a space before an answer.
TEMPLATES["inst"] = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}"
    "{% elif m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
)
# Like Qwen3: the model thinks unless `enable_thinking` is false.
TEMPLATES["thinking"] = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}"
    "{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
)
# Like DeepSeek-R1: the template always opens a block of thoughts.
TEMPLATES["always-thinking"] = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"
)

ARCHITECTURES = {
    "llama": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 8},
    "gpt2": {},
    "gemma": {"num_key_value_heads": 1, "head_dim": 8},
    "gemma2": {"num_key_value_heads": 1, "head_dim": 8, "sliding_window": 4096},
    "mistral": {"num_key_value_heads": 2, "sliding_window": None},
}


def training_texts():
    conversations = [default_templates().conversation(Question(Persona("OCEAN"), e, 1)) for e in shipped_events()]
    return [message["content"] for conversation in conversations for message in conversation] + [
        ".,:;<>|/_=[]abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\n"
    ]


def byte_level(marks):
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=600, special_tokens=marks, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(training_texts(), trainer)
    return tokenizer


def metaspace(marks):
    """Build a tokenizer like sentencepiece BPE: a space before every text."""
    tokenizer = Tokenizer(BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.train_from_iterator(
        training_texts(), BpeTrainer(vocab_size=600, special_tokens=["<unk>", *marks], show_progress=False)
    )
    return tokenizer


def prepending(marks):
    """Build a tokenizer like Llama 2: a normalizer puts a space before the text; bytes replace unknown characters."""
    tokenizer = Tokenizer(BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokens = ["<unk>", *marks, *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer.train_from_iterator(
        [word for text in training_texts() for word in text.split(" ")],
        BpeTrainer(vocab_size=900, special_tokens=tokens, show_progress=False, max_token_length=12),
    )
    return tokenizer


def unigram(marks):
    """Build a tokenizer like sentencepiece unigram: the vocabulary contains the marks as pieces."""
    tokenizer = Tokenizer(Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    trainer = UnigramTrainer(vocab_size=500, special_tokens=["<unk>", *marks], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(training_texts(), trainer)
    return tokenizer


KINDS = {"byte-level": byte_level, "metaspace": metaspace, "prepending": prepending, "unigram": unigram}


def build_tokenizer(kind="byte-level", template="chatml", *, adds_bos=False, ordinary=(), **options):
    """Build a tokenizer with the marks of the templates above."""
    marks = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>"]
    backend = KINDS[kind](marks)
    if adds_bos:
        backend.post_processor = TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", backend.token_to_id("<s>"))]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=marks[2:],
        **({} if kind == "byte-level" else {"unk_token": "<unk>"}),
        **options,
    )
    tokenizer.add_tokens([AddedToken(text, special=False) for text in ("<think>", "</think>", *ordinary)])
    tokenizer.chat_template = TEMPLATES.get(template, template)
    return tokenizer


def build_model(folder, tokenizer, architecture="llama", *, seed=0, spread=0.3, **config):
    """Save a model with random weights in a folder; its probabilities are far from uniform."""
    settings = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "max_position_embeddings": 2048, "vocab_size": len(tokenizer), "initializer_range": spread,
        "tie_word_embeddings": False, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
    }  # fmt: skip
    settings |= ARCHITECTURES[architecture] | config
    torch.manual_seed(seed)
    AutoModelForCausalLM.from_config(AutoConfig.for_model(architecture, **settings)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    return folder


@pytest.fixture(scope="session")
def make_tokenizer():
    return build_tokenizer


@pytest.fixture
def make_folder(tmp_path):
    def make(tokenizer=None, architecture="llama", **settings):
        folder = tmp_path / f"model-{len(list(tmp_path.iterdir()))}"
        return build_model(folder, tokenizer or build_tokenizer(), architecture, **settings)

    return make


@pytest.fixture
def make_model(make_folder):
    """Return a function that loads a model with random weights."""

    def make(tokenizer=None, architecture="llama", *, options=None, **settings):
        return load_language_model(str(make_folder(tokenizer, architecture, **settings)), **(options or {}))

    return make


@pytest.fixture(scope="session")
def questions():
    events = shipped_events()
    return [
        Question(Persona(code), event, sighting)
        for code in ("OCEAN", "oceaN", "ocEan")
        for event in (events[0], events[7])
        for sighting in (1, 4)
    ]


@pytest.fixture(scope="session")
def conversation_about():
    """Return a function that makes the conversation about an event with given notes."""

    def make(notes, options=("share", "ignore")):
        event = replace(shipped_events()[0], notes=notes)
        return default_templates().conversation(Question(Persona("OCEAN"), event, 1), options)

    return make
