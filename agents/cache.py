"""Cache of answers: a question that was answered once is not asked again by any process on this machine."""

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
    """A language model with a store of answers; it asks the model only for answers that the store does not have.

    Stored log-probabilities are bit for bit those of the model, and stored sampled answers are the original texts.
    Answers are stored as soon as the model gives them, so an interrupted job continues where it stopped.

    Parameters
    ----------
    model : LanguageModel
        The model that answers.
    store : AnswerStore
        The store of answers.

    Notes
    -----
    The key of an answer is a hash of the model's fingerprint, its chat template, the source of the modules that compute
    the answer, the settings of the question (the options; or number of samples, temperature, seed and length), and the
    conversation.
    """

    def __init__(self, model: LanguageModel, store: AnswerStore) -> None:
        self.model = model
        self.store = store
        self.name = model.name
        self.fingerprint = model.fingerprint
        self.warning = model.warning
        self.chat_template_hash = model.chat_template_hash
        self.decodes_elsewhere = model.decodes_elsewhere
        self.gives_log_probabilities = model.gives_log_probabilities

    @property
    def notice(self) -> str | None:
        """The message of the wrapped model, if there is one."""
        return self.model.notice

    def score_answers(  # noqa: D102
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        progress: Progress | None = None,
    ) -> list[NDArray[np.float64]]:
        return self._answers(
            conversations,
            [["log-probabilities", *row_options] for row_options in options],
            lambda missing, report: self.model.scored_in_parts(
                [conversations[index] for index in missing], [options[index] for index in missing], report
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
                [conversations[index] for index in missing], sampling, report
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
        index_of = {key: index for index, key in enumerate(keys)}
        answers = {key: decode(value) for key, value in self.store.get(list(index_of)).items()}
        missing = [key for key in index_of if key not in answers]
        # In alphabetical order, neighbours share prefixes; models that cache prefixes are then faster.
        missing.sort(key=lambda key: [message["content"] for message in conversations[index_of[key]]])
        n_known = len(answers)

        def report(done: int, _total: int) -> None:
            if progress:
                progress(n_known + done, len(index_of))

        report(0, len(missing))
        n_stored = 0
        try:
            for part in ask([index_of[key] for key in missing], report) if missing else ():
                new = {missing[position]: answer for position, answer in part}
                answers.update(new)
                if self.store.put(self.name, self.fingerprint, {key: encode(answer) for key, answer in new.items()}):
                    n_stored += len(new)
        except JobError as error:
            if n_known + n_stored:
                error.args = (
                    f"{error}; {n_known + n_stored} answers are stored, and the same command continues from there",
                )
            raise
        return [answers[key] for key in keys]

    def _key(self, settings: list[Any], conversation: Conversation) -> bytes:
        model = [self.fingerprint, self.chat_template_hash, _digest(type(self.model).sources)]
        return hashlib.sha256(json.dumps([model, settings, conversation], sort_keys=True).encode()).digest()


@cache
def _digest(modules: tuple[str, ...]) -> str:
    """Hash modules of this folder, so that answers of other versions of the code are not used."""
    digest = hashlib.sha256()
    for name in modules:
        digest.update(files(__package__).joinpath(f"{name}.py").read_bytes())
    return digest.hexdigest()
