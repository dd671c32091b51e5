"""A language model that remembers: what was answered once is not asked again, by any process on this machine."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import JobError
from .answer_store import AnswerStore
from .elicitation import SamplingSettings
from .language_model import LanguageModel, Progress
from .prompts import Conversation

_Answer = TypeVar("_Answer")


class CachedLanguageModel(LanguageModel):
    """A language model whose answers are kept in a store, and asked only where the store has none.

    Log-probabilities come back bit by bit as the model gave them; sampled answers as the texts they were. Answers are
    kept as the model gives them, so that a job that is interrupted goes on where it was.

    Parameters
    ----------
    model : LanguageModel
        Who answers.
    store : AnswerStore
        Where answers are kept.

    Notes
    -----
    An answer is kept under a hash of the model's fingerprint, its chat template, the text of the modules that it
    follows from, the settings of the question (options; or number of samples, temperature, seed and length), and the
    conversation.
    """

    def __init__(self, model: LanguageModel, store: AnswerStore) -> None:
        self.model = model
        self.store = store
        self.name = model.name
        self.fingerprint = model.fingerprint
        self.warning = model.warning
        self.chat_template_hash = model.chat_template_hash
        self.gives_log_probabilities = model.gives_log_probabilities

    @property
    def notice(self) -> str | None:
        """As the model's own."""
        return self.model.notice

    def score_answers(  # noqa: D102
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        progress: Progress | None = None,
    ) -> list[NDArray[np.float64]]:
        return self._answers(
            conversations,
            [["log-probabilities", *of_one] for of_one in options],
            lambda missing, report: self.model.scored_in_parts(
                [conversations[place] for place in missing], [options[place] for place in missing], report
            ),
            encode=lambda row: np.asarray(row, dtype="<f8").tobytes(),
            decode=lambda value: np.frombuffer(value, dtype="<f8").astype(np.float64),
            progress=progress,
        )

    def draw_answers(  # noqa: D102
        self, conversations: Sequence[Conversation], sampling: SamplingSettings, progress: Progress | None = None
    ) -> list[list[str]]:
        number, temperature, seed, length = sampling
        return self._answers(
            conversations,
            [["samples", number, float(temperature), seed, length]] * len(conversations),
            lambda missing, report: self.model.drawn_in_parts(
                [conversations[place] for place in missing], sampling, report
            ),
            encode=lambda answers: json.dumps(answers).encode(),
            decode=json.loads,
            progress=progress,
        )

    def _answers(
        self,
        conversations: Sequence[Conversation],
        settings: Sequence[list[Any]],
        ask: Callable[[list[int], Progress], Iterator[list[tuple[int, _Answer]]]],
        encode: Callable[[_Answer], bytes],
        decode: Callable[[bytes], _Answer],
        progress: Progress | None,
    ) -> list[_Answer]:
        keys = [self._key(*pair) for pair in zip(settings, conversations, strict=True)]
        asked = {key: place for place, key in enumerate(keys)}
        answers = {key: decode(value) for key, value in self.store.get(list(asked)).items()}
        missing = [key for key in asked if key not in answers]
        # Neighbours in alphabetical order begin alike, which a model that keeps prefixes makes use of.
        missing.sort(key=lambda key: [message["content"] for message in conversations[asked[key]]])
        known = len(answers)

        def report(done: int, _total: int) -> None:
            if progress:
                progress(known + done, len(asked))

        report(0, len(missing))
        kept = 0
        try:
            for part in ask([asked[key] for key in missing], report) if missing else ():
                new = {missing[position]: answer for position, answer in part}
                answers.update(new)
                if self.store.put(self.name, self.fingerprint, {key: encode(answer) for key, answer in new.items()}):
                    kept += len(new)
        except JobError as error:
            if known + kept:
                error.args = (f"{error}; {known + kept} answers are kept, and the same command goes on from there",)
            raise
        return [answers[key] for key in keys]

    def _key(self, settings: list[Any], conversation: Conversation) -> bytes:
        model = [self.fingerprint, self.chat_template_hash, _digest(type(self.model).sources)]
        return hashlib.sha256(json.dumps([model, settings, conversation], sort_keys=True).encode()).digest()


@cache
def _digest(modules: tuple[str, ...]) -> str:
    """Hash modules of this folder: answers that other code gave are not taken for its own."""
    digest = hashlib.sha256()
    for name in modules:
        digest.update(files(__package__).joinpath(f"{name}.py").read_bytes())
    return digest.hexdigest()
