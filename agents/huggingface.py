"""Language models in HuggingFace format, from a local folder or the hub, on transformers and torch."""

import filecmp
import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from ..errors import InputError
from . import embedded
from .chat import ChatEncoder
from .language_model import MAX_ANSWER_TOKENS, LanguageModel, Progress
from .prompts import Conversation

TOKENS_PER_BATCH = 16384
"""Padded tokens in one forward pass: bounds memory."""


Feed = tuple[int, ...]
"""Token ids of one forward pass."""


class Scored(NamedTuple):
    """An answer to score: its place in the result, the position that predicts its first token, its token ids."""

    cell: tuple[int, int]
    start: int
    answer: list[int]


class HuggingFaceModel(LanguageModel):
    """A causal language model that scores whole answers under its chat template.

    Parameters
    ----------
    name : str
        `embedded`, a local folder, or a hub id. Weights must be safetensors; no code from the model's repository runs.
    device : str, optional
        torch device; CUDA where there is one, else the CPU.
    dtype : str, optional
        torch dtype such as "bfloat16"; by default that of the saved weights on an accelerator, and float32 on a CPU.

    Raises
    ------
    InputError
        When the name is no model, or the model has no safetensors weights.
    """

    sources = ("chat", "huggingface")

    def __init__(self, name: str = "embedded", *, device: str | None = None, dtype: str | None = None) -> None:
        self.name = name
        source = str(embedded.FOLDER) if name == "embedded" else name
        if _is_embedded(Path(source)):
            self.warning = embedded.WARNING
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        default = "float32" if self.device.type == "cpu" else "auto"
        _check_source(source)
        with _quiet_transformers(), _explained(name):
            self.tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
            self.model = AutoModelForCausalLM.from_pretrained(
                source, trust_remote_code=False, use_safetensors=True, dtype=dtype or default
            )
        self.model.to(self.device).eval()
        self.encoder = ChatEncoder(self.tokenizer)
        self.fingerprint = _fingerprint(source, self.model)
        template = json.dumps(getattr(self.tokenizer, "chat_template", None))
        self.chat_template_hash = hashlib.sha256(template.encode()).hexdigest()[:16]

    @property
    def notice(self) -> str | None:
        """What a user should know of how the model is prompted, if anything."""
        if not self.encoder.has_template:
            return f"{self.name}: the tokenizer has no chat template (a base model?); prompts are plain text"
        if not self.encoder.has_system_role:
            return f"{self.name}: the chat template has no system role; the persona begins the user's message"
        return None

    def option_log_probabilities(  # noqa: D102
        self,
        conversations: Sequence[Conversation],
        options: Sequence[str],
        progress: Progress | None = None,
    ) -> NDArray[np.float64]:
        # An answer's last token is scored but never fed, so one-token options share a single forward pass.
        feeds: dict[Feed, list[Scored]] = {}
        for i, conversation in enumerate(conversations):
            for j, option in enumerate(options):
                prompt, answer = self.encoder.encode(conversation, option)
                scored = Scored(cell=(i, j), start=len(prompt) - 1, answer=answer)
                feeds.setdefault((*prompt, *answer[:-1]), []).append(scored)
        result = np.empty((len(conversations), len(options)))
        done = 0
        for batch in _batches(sorted(feeds, key=len, reverse=True)):
            for cell, value in self._score(batch, feeds):
                result[cell] = value
            done += len(batch)
            if progress:
                progress(done, len(feeds))
        return result

    def sample_answers(  # noqa: D102
        self,
        conversations: Sequence[Conversation],
        *,
        samples: int,
        temperature: float,
        seed: int,
        max_tokens: int = MAX_ANSWER_TOKENS,
        progress: Progress | None = None,
    ) -> list[list[str]]:
        raise InputError(
            f"{self.name}: answers of a HuggingFace model cannot be sampled yet; use its log-probabilities"
        )

    @torch.inference_mode()
    def _score(self, batch: Sequence[Feed], feeds: Mapping[Feed, list[Scored]]) -> list[tuple[tuple[int, int], float]]:
        # Padding on the right of a causal model changes nothing to its left.
        longest = max(len(feed) for feed in batch)
        ids = torch.zeros((len(batch), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, feed in enumerate(batch):
            ids[row, : len(feed)] = torch.tensor(feed)
            mask[row, : len(feed)] = 1
        answers = [(row, scored) for row, feed in enumerate(batch) for scored in feeds[feed]]
        # Only the positions that score an answer go through the vocabulary, or a batch would fill gigabytes.
        kept = sorted({scored.start + k for _, scored in answers for k in range(len(scored.answer))})
        logits = self._logits(ids.to(self.device), mask.to(self.device), torch.tensor(kept, device=self.device))
        place = {position: index for index, position in enumerate(kept)}
        scores = []
        for row, scored in answers:
            tokens = torch.tensor(scored.answer, device=self.device)
            first = place[scored.start]
            log_p = logits[row, first : first + len(tokens)].double().log_softmax(-1)
            scores.append((scored.cell, float(log_p.gather(1, tokens[:, None]).sum())))
        return scores

    def _logits(self, ids: torch.Tensor, mask: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Logits at the kept positions, shape (batch, len(kept), vocabulary)."""
        arguments: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        if "logits_to_keep" in inspect.signature(self.model.forward).parameters:
            return self.model(**arguments, logits_to_keep=kept).logits
        return self.model(**arguments).logits[:, kept]


def _batches(feeds: Sequence[Feed]) -> Iterator[list[Feed]]:
    """Group feeds, longest first, so that a padded batch holds at most TOKENS_PER_BATCH tokens."""
    batch: list[Feed] = []
    for feed in feeds:
        if batch and len(batch[0]) * (len(batch) + 1) > TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(feed)
    if batch:
        yield batch


def _check_source(source: str) -> None:
    path = Path(source)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(f"{source}: holds no model (no config.json); give a folder in HuggingFace layout")
        if not list(path.glob("*.safetensors")):
            raise InputError(
                f"{source}: has no safetensors weights; only that format is loaded, convert the model first"
            )
    elif path.exists():
        raise InputError(f"{source}: is a file; give the model's folder or a hub id such as org/model")
    elif source.count("/") > 1 or source.startswith((".", "/", "~")):
        raise InputError(f"{source}: there is no such folder")


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn the many ways in which loading can fail into one line."""
    try:
        yield
    except Exception as error:  # the hub client, tokenizers and safetensors each raise their own kinds
        text = str(error).strip() or type(error).__name__
        raise InputError(
            f"{name}: cannot be loaded as a HuggingFace causal language model ({text.splitlines()[0]}); "
            "give a local folder, or a hub id while online"
        ) from error


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Silence transformers' own progress bars and advice while it loads; errors still come as exceptions."""
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        transformers_logging.enable_progress_bar()


def _is_embedded(folder: Path) -> bool:
    """Whether a folder holds the embedded model's weights, wherever it lies: its warning goes with it."""
    theirs, ours = (path / "model.safetensors" for path in (folder, embedded.FOLDER))
    return (
        theirs.is_file() and theirs.stat().st_size == ours.stat().st_size and filecmp.cmp(theirs, ours, shallow=False)
    )


def _fingerprint(source: str, model: Any) -> str:
    """Hash a local model's files; for one from the hub, its id and revision."""
    path = Path(source)
    dtype = str(model.dtype).removeprefix("torch.")
    if not path.is_dir():
        return f"{source}@{getattr(model.config, '_commit_hash', None) or 'unknown'}:{dtype}"
    digest = hashlib.sha256()
    suffixes = (".safetensors", ".json", ".jinja", ".txt", ".model")
    for file in sorted(file for file in path.iterdir() if file.suffix in suffixes):
        digest.update(json.dumps([file.name, file.stat().st_size]).encode())
        with file.open("rb") as handle:
            while chunk := handle.read(1 << 20):
                digest.update(chunk)
    return f"sha256:{digest.hexdigest()[:16]}:{dtype}"
