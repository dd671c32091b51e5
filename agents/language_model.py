"""What a language model must do for tworate: say how probable an answer is, and answer."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .elicitation import (
    MAX_ANSWER_TOKENS,
    Counted,
    Elicitation,
    Elicited,
    SamplingSettings,
    Scored,
    Wording,
    count_answers,
    n_options,
    summarise,
)
from .prompts import Conversation, PromptTemplates, Question, default_templates

Progress = Callable[[int, int], None]
"""Called with the number of prompts done and the total."""

CONVERSATIONS_AT_ONCE = 256
"""Conversations asked together on behalf of a caller that keeps answers as they come: what an interruption can lose."""


class NoLogProbabilitiesError(InputError):
    """The model cannot say how probable an option is: its answers can only be sampled."""


class LanguageModel(ABC):
    """A language model that can score answers to a conversation, and give them."""

    name: str
    """How the user named the model."""
    fingerprint: str
    """Identifies weights, tokenizer and whatever else decides the answers to a conversation."""
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
    def score_answers(
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        progress: Progress | None = None,
    ) -> list[NDArray[np.float64]]:
        """Log-probability of each whole option as the beginning of the answer to each conversation.

        Parameters
        ----------
        conversations : sequence of conversations
            What is asked.
        options : sequence of sequences of str
            What may be answered, for each conversation.
        progress : callable, optional
            Called with prompts done and total.

        Returns
        -------
        list of arrays, shape (n_options,)
            One for each conversation.
        """

    @abstractmethod
    def draw_answers(
        self, conversations: Sequence[Conversation], sampling: SamplingSettings, progress: Progress | None = None
    ) -> list[list[str]]:
        """Answers to each conversation, as the model wrote them.

        Parameters
        ----------
        conversations : sequence of conversations
            What is asked.
        sampling : SamplingSettings
            How many, and how.
        progress : callable, optional
            Called with prompts done and total.
        """

    def option_log_probabilities(
        self,
        conversations: Sequence[Conversation],
        options: Sequence[str],
        progress: Progress | None = None,
    ) -> NDArray[np.float64]:
        """As :meth:`score_answers`, where all conversations have the same options.

        Returns
        -------
        array, shape (n_conversations, n_options)
        """
        rows = self.score_answers(conversations, [options] * len(conversations), progress)
        return np.array(rows, dtype=np.float64).reshape(len(conversations), len(options))

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
        """As :meth:`draw_answers`, with the fields of :class:`SamplingSettings` one by one."""
        return self.draw_answers(conversations, SamplingSettings(samples, temperature, seed, max_tokens), progress)

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

    def drawn_in_parts(
        self, conversations: Sequence[Conversation], sampling: SamplingSettings, progress: Progress | None = None
    ) -> Iterator[list[tuple[int, list[str]]]]:
        """Yield what `draw_answers` returns in parts, as they are known: (position, answers) pairs."""
        for start, part, report in _parts(conversations, progress):
            yield list(enumerate(self.draw_answers(part, sampling, report), start))

    def share_probability(
        self,
        questions: Sequence[Question],
        templates: PromptTemplates | None = None,
        progress: Progress | None = None,
        *,
        elicitation: Elicitation | None = None,
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
        elicitation : Elicitation, optional
            How to ask; by default the log-probabilities of the options in their default wording. Where the model does
            not give those, answers are sampled, and `method` of the result says so.

        Raises
        ------
        JobError
            When too many sampled answers name neither option.
        """
        templates = templates or default_templates()
        settings = elicitation or Elicitation()
        conversations, wordings, places = distinct_prompts(questions, templates, settings.wordings)
        answered = self.ask(conversations, wordings, settings, progress)
        found = summarise(answered.prompted(), places)
        return dataclasses.replace(found, method=answered.method)

    def ask(
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        settings: Elicitation,
        progress: Progress | None = None,
    ) -> Scored | Counted:
        """How each conversation is answered, by `logits` or `sample`, where each has options of its own.

        Answers are sampled where log-probabilities are not to be had, and the type of the result says so.

        Parameters
        ----------
        conversations : sequence of conversations
            What is asked.
        options : sequence of sequences of str
            What may be answered to each, equally many options.
        settings : Elicitation
            How to ask; the options are those given here, whatever its wordings.
        progress : callable, optional
            Called with prompts done and total.

        Raises
        ------
        JobError
            When too many sampled answers begin with none of the options.
        """
        if settings.method == "logits" and self.gives_log_probabilities:
            try:
                scores = self.score_answers(conversations, options, progress)
                return Scored(np.array(scores).reshape(len(conversations), n_options(options)))
            except NoLogProbabilitiesError:
                # Some option lies beyond what the server lists. One table is not mixed of two methods.
                pass
        answers = self.draw_answers(conversations, settings.sampling, progress)
        return count_answers(answers, options, settings.max_unparsable, self.name)


def distinct_prompts(
    questions: Sequence[Question], templates: PromptTemplates, wordings: Sequence[Wording]
) -> tuple[list[Conversation], list[Wording], NDArray[np.intp]]:
    """Prompts of some questions, in each wording and both orders of the options; equal ones are there once.

    Returns
    -------
    conversations : list of conversations
        What is asked.
    options : list of pairs of str
        What may be answered to each, sharing first.
    places : array of int, shape (n_wordings, 2, n_questions)
        Where the prompt of each question stands, in each wording and order.
    """
    asked = [
        (templates.conversation(question, order), wording)
        for wording in wordings
        for order in (wording, wording[::-1])
        for question in questions
    ]
    keys = [(wording, *(message["content"] for message in conversation)) for conversation, wording in asked]
    first = {key: position for position, key in reversed(list(enumerate(keys)))}
    row = {key: i for i, key in enumerate(first)}
    places = np.array([row[key] for key in keys], dtype=np.intp).reshape(len(wordings), 2, len(questions))
    chosen = [asked[position] for position in first.values()]
    return [conversation for conversation, _ in chosen], [wording for _, wording in chosen], places


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
