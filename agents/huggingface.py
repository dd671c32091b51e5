"""Language models in HuggingFace format, from a local folder or the hub, with transformers and torch."""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from ..errors import InputError, JobError
from . import embedded
from .answer_sampling import Sampler
from .answer_scoring import Asked, Scorer, continuing_tokens
from .chat import ChatEncoder
from .elicitation import MAX_ANSWER_TOKENS, SamplingSettings
from .forward import Forward, Work, out_of_memory
from .language_model import LanguageModel, Progress
from .model_source import find_model, is_embedded
from .prefix_tree import Tokens
from .prompts import Conversation

DTYPES = ("auto", "float32", "bfloat16", "float16")


class HuggingFaceModel(LanguageModel):
    """A causal language model that scores and samples whole answers with its chat template.

    Parameters
    ----------
    name : str
        `embedded`, a GGUF file, a local folder, or a hub id. Weights of a folder must be safetensors.
    device : str, optional
        torch device such as "cuda:1". The default is an accelerator if there is one, else the CPU.
    dtype : str, optional
        "float32", "bfloat16", "float16", or "auto" for the dtype of the saved weights. The default is "auto" on an
        accelerator and "float32" on a CPU.
    trust_remote_code : bool
        Run code that comes with the model. Use it only for models whose authors you trust.
    think : bool
        Let a reasoning model think before it answers. This needs the method `sample` and a large `max_tokens`. If not,
        the template is asked not to open a block of thoughts, and a block that it still opens is closed at once.
    tokens_per_batch : int, optional
        Number of tokens in a forward pass, including cached ones. The default depends on the device. The number is
        halved when memory runs out.

    Raises
    ------
    InputError
        When there is no such model, safetensors weights are missing, the model is not causal, or the device or dtype is
        invalid.
    JobError
        When the device does not have enough memory for the weights.
    """

    sources = (
        "answer_reading", "answer_sampling", "answer_scoring", "answer_tree", "chat", "chat_template", "forward",
        "gguf_model", "huggingface", "prefix_tree", "thought_marks",
    )  # fmt: skip

    def __init__(
        self,
        name: str = "embedded",
        *,
        device: str | None = None,
        dtype: str | None = None,
        trust_remote_code: bool = False,
        think: bool = False,
        tokens_per_batch: int | None = None,
    ) -> None:
        self.name = name
        self.trust_remote_code = trust_remote_code
        self.device = _device(device)
        if dtype is not None and dtype not in DTYPES:
            raise InputError(f"dtype '{dtype}': must be one of {', '.join(DTYPES)}")
        source = find_model(name, with_code=trust_remote_code)
        if is_embedded(source.folder):
            self.warning = embedded.WARNING
        default = "float32" if self.device.type == "cpu" else "auto"
        with _quiet_transformers(), _explained(name):
            self.tokenizer = AutoTokenizer.from_pretrained(source.folder, trust_remote_code=trust_remote_code)
            self.model, loading = AutoModelForCausalLM.from_pretrained(
                source.folder,
                trust_remote_code=trust_remote_code,
                use_safetensors=True,
                dtype=dtype or default,
                ignore_mismatched_sizes=True,  # reported by name below
                output_loading_info=True,
            )
            unfilled = _unfilled(self.model, loading)
            self.model.to(self.device).eval()
        if unfilled:
            # transformers would use random numbers for these weights.
            more = f" and {len(unfilled) - 3} more" if len(unfilled) > 3 else ""
            raise InputError(
                f"{name}: the weights lack {', '.join(unfilled[:3])}{more}; use a causal language model with all of "
                "its weights"
            )
        self.encoder = ChatEncoder(self.tokenizer, think=think)
        template = json.dumps(getattr(self.tokenizer, "chat_template", None))
        self.chat_template_hash = hashlib.sha256(template.encode()).hexdigest()[:16]
        self.forward = Forward(self.model, tokens_per_batch)
        with _quiet_transformers(), _explained(name):
            is_causal = self.forward.is_causal()
        if not is_causal:
            raise InputError(
                f"{name}: is not a causal language model ({type(self.model).__name__}): its probability of a token "
                "depends on later tokens; use a model that predicts the next token"
            )
        thinking = ":think" if think else ""
        self.fingerprint = f"{source.identity}:{str(self.model.dtype).removeprefix('torch.')}{thinking}"

    @property
    def notice(self) -> str | None:
        """A message for the user about how the model is loaded and prompted, if there is one."""
        if self.trust_remote_code:
            return f"{self.name}: code that comes with the model was allowed to run (--trust-remote-code)"
        if not self.encoder.has_template:
            return f"{self.name}: the tokenizer has no chat template (a base model?); prompts are plain text"
        if not self.encoder.has_system_role:
            return f"{self.name}: the chat template has no system role; the persona begins the user's message"
        return None

    @property
    def work(self) -> Work:
        """Number of forward passes and tokens so far."""
        return self.forward.work

    def score_answers(  # noqa: D102
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        progress: Progress | None = None,
    ) -> list[NDArray[np.float64]]:
        if self.encoder.think:
            raise InputError(
                f"{self.name}: an answer after thoughts cannot be scored; sample answers (--elicitation "
                "sample), or leave out --think"
            )
        asked = []
        for conversation, row_options in zip(conversations, options, strict=True):
            prompt, answers = self.encoder.encode(conversation, row_options)
            asked.append(Asked(tuple(prompt), tuple(row_options), tuple(map(tuple, answers))))
        feeds = {(*each.prompt, *answer[:-1]) for each in asked for answer in each.usual}
        self._check(feeds, {answer[-1] for each in asked for answer in each.usual})
        longest = max((len(each.prompt) for each in asked), default=0)
        room = self.forward.longest - longest if self.forward.longest else MAX_ANSWER_TOKENS
        needed = max((len(answer) for each in asked for answer in each.usual), default=1)
        scores = self._scorer.score(asked, max(min(room, MAX_ANSWER_TOKENS), needed), progress)
        if any(np.isneginf(row).any() for row in scores):
            # A probability of 0 gives infinite log-odds, and the mean over prompts would be infinite too.
            raise self.forward.overflow()
        return scores

    @cached_property
    def _scorer(self) -> Scorer:
        going_on = continuing_tokens(self.tokenizer, self.forward.vocabulary)
        return Scorer(self.forward, self._ends, self.encoder.text, going_on)

    def draw_answers(  # noqa: D102
        self, conversations: Sequence[Conversation], sampling: SamplingSettings, progress: Progress | None = None
    ) -> list[list[str]]:
        sampler = Sampler(self.forward, self._ends, sampling)
        prompts = [tuple(self.encoder.prompt(conversation)) for conversation in conversations]
        self._check(prompts, further=sampling.max_tokens - 1)
        texts: dict[Tokens, str] = {}
        answers = sampler.sample(prompts, progress)
        for answer in {answer for prompt_answers in answers for answer in prompt_answers}:
            texts[answer] = self.encoder.text(answer)
        return [[texts[answer] for answer in prompt_answers] for prompt_answers in answers]

    def _check(self, feeds: Collection[Tokens], answers: Collection[int] = (), further: int = 0) -> None:
        """Raise an error for long prompts and unknown tokens; `further` tokens may follow the feeds."""
        longest, limit = max(map(len, feeds), default=0), self.forward.longest
        if limit is not None and longest + further > limit:
            and_answer = f" and up to {further} of the answer" if further else ""
            remedy = "shorten the notes of events and the biographies"
            if further:
                remedy += ", lower --max-tokens"
            raise InputError(
                f"{self.name}: the longest prompt has {longest} tokens{and_answer}, but the model takes {limit}; "
                f"{remedy}, or use a model with a longer context"
            )
        highest = max((token for tokens in (*feeds, answers) for token in tokens), default=0)
        if highest >= self.forward.vocabulary:
            raise InputError(
                f"{self.name}: the tokenizer gives token {highest}, but the model knows only {self.forward.vocabulary} "
                "tokens (from 0); put the tokenizer that belongs to the model into its folder"
            )

    def _ends(self, written: Tokens) -> bool:
        if written[-1] in self._end_tokens:
            return True
        if self.encoder.has_template:
            return False
        # The answer of a base model is one line.
        text: str = self.tokenizer.decode(list(written))
        return "\n" in text.lstrip()

    @property
    def _end_tokens(self) -> set[int]:
        ends: set[int] = set()
        for end in (self.tokenizer.eos_token_id, getattr(self.model.generation_config, "eos_token_id", None)):
            if end is not None:
                ends |= set(end) if isinstance(end, list | tuple) else {end}
        # Where thoughts and answer are marked apart, the mark that ends an answer may end the thoughts before it too.
        return ends | set(self.encoder.end[-1:] if self.encoder.has_template and not self.encoder.answer_mark else [])


def _unfilled(model: Any, loading: dict[str, Any]) -> list[str]:
    """Return the names of weights that the files do not contain, or contain in another shape.

    transformers does not report tied weights as missing. Buffers are left out: they follow from the configuration.
    """
    missing = set(loading["missing_keys"]) - {name for name, _ in model.named_buffers()}
    return sorted(missing | {name for name, *_ in loading["mismatched_keys"]})


def _device(name: str | None) -> torch.device:
    if name is None or name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(
            f"device '{name}': cannot be used here ({str(error).splitlines()[0]}); leave it out, or use cpu or cuda"
        ) from error
    return device


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn all errors of loading into one line."""
    try:
        yield
    except Exception as error:  # tokenizers, safetensors and models raise different exceptions
        if out_of_memory(error):
            raise JobError(
                f"{name}: the device has too little memory for the weights; use a smaller --dtype such as bfloat16, or "
                "another --device"
            ) from error
        text = str(error).strip() or type(error).__name__
        remedy = (
            "it needs code that comes with it: give --trust-remote-code if you trust its authors"
            if "trust_remote_code" in text
            else "give a local folder, a GGUF file, or a hub id while online"
        )
        raise InputError(
            f"{name}: cannot be loaded as a HuggingFace causal language model ({text.splitlines()[0]}); {remedy}"
        ) from error


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Silence the progress bars and advice of transformers during loading; errors are still exceptions."""
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        transformers_logging.enable_progress_bar()
