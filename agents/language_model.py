"""What a language model must do for tworate: say how probable an answer is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .prompts import OPTIONS, Conversation, PromptTemplates, Question, default_templates

Progress = Callable[[int, int], None]
"""Called with the number of prompts done and the total."""

CONVERSATIONS_AT_ONCE = 256
"""Conversations asked together on behalf of a caller that keeps answers as they come: what an interruption can lose."""

MAX_ANSWER_TOKENS = 16
"""Default length of a sampled answer."""


class NoLogProbabilitiesError(InputError):
    """The model cannot say how probable an option is: its answers can only be sampled."""


@dataclass(frozen=True)
class Elicited:
    """Probabilities of sharing, with diagnostics; arrays of shape (n_questions,).

    Parameters
    ----------
    p_share : array
        Probability of sharing, normalised over the two options and averaged over both orders on the logit scale.
    option_mass : array
        Probability that the model puts on the two options together, mean of both orders: near 0 the model would
        rather say something else, and `p_share` means little.
    order_effect : array
        Log-odds of sharing with the option listed first, minus those with it listed second.
    """

    p_share: NDArray[np.float64]
    option_mass: NDArray[np.float64]
    order_effect: NDArray[np.float64]


class LanguageModel(ABC):
    """A language model that can score answers to a conversation."""

    name: str
    """How the user named the model."""
    fingerprint: str
    """Identifies weights and tokenizer, for the record."""
    warning: str | None = None
    """What every result made with the model must say, if anything."""
    gives_log_probabilities: bool = True
    """Whether `option_log_probabilities` can be asked; where not, answers are sampled."""
    chat_template_hash: str = ""
    """Identifies how conversations become the model's text, where that is done here; for the cache."""
    sources: ClassVar[tuple[str, ...]] = ()
    """Modules of this folder that answers follow from: their text is part of the key of cached answers."""

    @property
    def notice(self) -> str | None:
        """What a user should know of how the model is asked, if anything."""
        return None

    @abstractmethod
    def option_log_probabilities(
        self,
        conversations: Sequence[Conversation],
        options: Sequence[str],
        progress: Progress | None = None,
    ) -> NDArray[np.float64]:
        """Log-probability of each whole option as the answer to each conversation.

        Returns
        -------
        array, shape (n_conversations, n_options)

        Raises
        ------
        NoLogProbabilitiesError
            When the model does not give them, or they do not reach an option.
        """

    @abstractmethod
    def sample_answers(
        self,
        conversations: Sequence[Conversation],
        *,
        samples: int,
        temperature: float,
        seed: int,
        max_tokens: int = MAX_ANSWER_TOKENS,
        progress: Progress | None = None,
    ) -> list[list[str]]:
        """Sample raw answers to each conversation.

        The luck of a conversation follows from the seed and its own text, so that its answers are the same whatever
        is asked beside it.

        Returns
        -------
        list of list of str
            `samples` answers for each conversation.
        """

    def score_answers(
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        progress: Progress | None = None,
    ) -> list[NDArray[np.float64]]:
        """Log-probabilities as in :meth:`option_log_probabilities`, where each conversation has options of its own.

        Returns
        -------
        list of arrays, shape (n_options,)
            One for each conversation. A model that shares work between conversations can do it over all of them.
        """
        groups: dict[tuple[str, ...], list[int]] = {}
        for place, of_one in enumerate(options):
            groups.setdefault(tuple(of_one), []).append(place)
        result: list[NDArray[np.float64]] = [np.empty(0)] * len(conversations)
        done = 0
        for of_group, places in groups.items():

            def report(now: int, total: int, done: int = done, size: int = len(places)) -> None:
                if progress and total:
                    progress(done + size * now // total, len(conversations))

            scores = self.option_log_probabilities([conversations[place] for place in places], of_group, report)
            for place, row in zip(places, scores, strict=True):
                result[place] = row
            done += len(places)
        return result

    def scored_in_parts(
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        progress: Progress | None = None,
    ) -> Iterator[list[tuple[int, NDArray[np.float64]]]]:
        """Yield what `score_answers` returns in parts, as they are known: (position, row) pairs.

        For callers that keep answers as they come; `progress` counts conversations.
        """
        for start, part, report in _parts(conversations, progress):
            yield list(enumerate(self.score_answers(part, options[start : start + len(part)], report), start))

    def sampled_in_parts(
        self,
        conversations: Sequence[Conversation],
        *,
        samples: int,
        temperature: float,
        seed: int,
        max_tokens: int = MAX_ANSWER_TOKENS,
        progress: Progress | None = None,
    ) -> Iterator[list[tuple[int, list[str]]]]:
        """Yield what `sample_answers` returns in parts, as they are known: (position, answers) pairs."""
        for start, part, report in _parts(conversations, progress):
            answers = self.sample_answers(
                part, samples=samples, temperature=temperature, seed=seed, max_tokens=max_tokens, progress=report
            )
            yield list(enumerate(answers, start))

    def share_probability(
        self,
        questions: Sequence[Question],
        templates: PromptTemplates | None = None,
        progress: Progress | None = None,
    ) -> Elicited:
        """Probability of sharing for each question; equal prompts are asked once.

        Parameters
        ----------
        questions : sequence of Question
            Decisions to elicit.
        templates : PromptTemplates, optional
            Wording; the shipped one by default.
        progress : callable, optional
            Called with prompts done and total.
        """
        templates = templates or default_templates()
        orders = (OPTIONS, OPTIONS[::-1])
        asked = [templates.conversation(question, order) for order in orders for question in questions]
        keys = [tuple(message["content"] for message in conversation) for conversation in asked]
        distinct = {key: position for position, key in reversed(list(enumerate(keys)))}
        row = {key: i for i, key in enumerate(distinct)}
        scores = self.option_log_probabilities([asked[position] for position in distinct.values()], OPTIONS, progress)
        by_order = scores[[row[key] for key in keys]].reshape(2, len(questions), 2)
        log_odds = by_order[..., 0] - by_order[..., 1]
        return Elicited(
            p_share=1.0 / (1.0 + np.exp(-log_odds.mean(axis=0))),
            option_mass=np.exp(by_order).sum(axis=-1).mean(axis=0),
            order_effect=log_odds[0] - log_odds[1],
        )


def _parts(
    conversations: Sequence[Conversation], progress: Progress | None
) -> Iterator[tuple[int, Sequence[Conversation], Progress]]:
    """Cut conversations into parts, each with its start and a callback that counts from there."""
    for start in range(0, len(conversations), CONVERSATIONS_AT_ONCE):
        part = conversations[start : start + CONVERSATIONS_AT_ONCE]

        def report(done: int, total: int, start: int = start, size: int = len(part)) -> None:
            # A model counts in its own units: what counts here is which share of the part is done.
            if progress and total:
                progress(start + size * done // total, len(conversations))

        yield start, part, report


OPENAI_PREFIX = "openai:"
"""What the name of a model behind an OpenAI-compatible server begins with."""


def load_language_model(name: str = "embedded", **options: Any) -> LanguageModel:
    """Load a language model.

    Parameters
    ----------
    name : str
        `embedded`, a local folder in HuggingFace layout, a hub id such as `org/model`, or `openai:NAME` for a model
        behind an OpenAI-compatible server.
    **options
        Passed to :class:`tworate.agents.huggingface.HuggingFaceModel` or
        :class:`tworate.agents.openai_compatible.OpenAICompatibleModel`.

    Raises
    ------
    InputError
        When the folder holds no model, the hub id cannot be loaded, or the server refuses the model or the key.
    JobError
        When the server cannot be reached.
    """
    if name.startswith(OPENAI_PREFIX):
        try:
            from .openai_compatible import OpenAICompatibleModel
        except ModuleNotFoundError as error:
            if error.name != "openai":
                raise
            raise InputError(f"{name}: needs the openai client: pip install 'tworate[openai]'") from error
        return OpenAICompatibleModel(name.removeprefix(OPENAI_PREFIX), **options)
    from .huggingface import HuggingFaceModel  # torch and transformers load here, on first use

    return HuggingFaceModel(name, **options)
