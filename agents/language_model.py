"""The interface of language models: score answers and sample them."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .elicitation import (
    MAX_ANSWER_TOKENS,
    ORDERS,
    Counted,
    Elicitation,
    Elicited,
    SamplingSettings,
    Scored,
    check_mass,
    count_answers,
    n_options,
    summarise,
)
from .greedy import check_that_answers_vary
from .prompts import Conversation, PromptTemplates, Question, default_templates
from .wordings import LABELS, Wording

Progress = Callable[[int, int], None]
"""Called with the number of prompts done and the total."""

CONVERSATIONS_AT_ONCE = 256
"""Conversations in one part for callers that store answers as they come; an interruption loses at most one part."""


class NoLogProbabilitiesError(InputError):
    """The model gives no log-probability for an option: its answers can only be sampled."""


class LanguageModel(ABC):
    """A language model that can score and sample answers to a conversation."""

    name: str
    """Name of the model, as the user wrote it."""
    fingerprint: str
    """Identifies the weights, the tokenizer and everything else that determines the answers to a conversation."""
    warning: str | None = None
    """A message that every result of the model must show, if there is one."""
    gives_log_probabilities: bool = True
    """Whether `option_log_probabilities` works; if not, answers are sampled."""
    decodes_elsewhere: bool = False
    """Whether a server draws the answers: it is then checked that it does not decode greedily."""
    chat_template_hash: str = ""
    """Identifies the chat template for the cache; empty if a server applies the template."""
    sources: ClassVar[tuple[str, ...]] = ()
    """Modules of this folder that compute the answers: their source is part of the key of cached answers."""

    @property
    def notice(self) -> str | None:
        """A message for the user about how the model is asked, if there is one."""
        return None

    @abstractmethod
    def score_answers(
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        progress: Progress | None = None,
    ) -> list[NDArray[np.float64]]:
        """Return the log-probability that the answer to each conversation begins with each option.

        All spellings count that :func:`tworate.agents.answer_reading.parse_answer` reads as the option.

        Parameters
        ----------
        conversations : sequence of conversations
            The conversations to answer.
        options : sequence of sequences of str
            The possible answers to each conversation.
        progress : callable, optional
            Called with prompts done and total.

        Returns
        -------
        list of arrays, shape (n_options,)
            One array for each conversation.
        """

    @abstractmethod
    def draw_answers(
        self, conversations: Sequence[Conversation], sampling: SamplingSettings, progress: Progress | None = None
    ) -> list[list[str]]:
        """Return sampled answers to each conversation, as the model wrote them.

        Parameters
        ----------
        conversations : sequence of conversations
            The conversations to answer.
        sampling : SamplingSettings
            Number of answers, temperature, seed and length.
        progress : callable, optional
            Called with prompts done and total.
        """

    def option_log_probabilities(
        self,
        conversations: Sequence[Conversation],
        options: Sequence[str],
        progress: Progress | None = None,
    ) -> NDArray[np.float64]:
        """Call :meth:`score_answers` with the same options for all conversations.

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
        """Call :meth:`draw_answers` with the fields of :class:`SamplingSettings` as arguments."""
        return self.draw_answers(conversations, SamplingSettings(samples, temperature, seed, max_tokens), progress)

    def scored_in_parts(
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        progress: Progress | None = None,
    ) -> Iterator[list[tuple[int, NDArray[np.float64]]]]:
        """Yield the result of `score_answers` in parts, as soon as they are ready: (position, row) pairs.

        This is for callers that store answers as they come; `progress` counts conversations.
        """
        for start, part, report in _parts(conversations, progress):
            yield list(enumerate(self.score_answers(part, options[start : start + len(part)], report), start))

    def drawn_in_parts(
        self, conversations: Sequence[Conversation], sampling: SamplingSettings, progress: Progress | None = None
    ) -> Iterator[list[tuple[int, list[str]]]]:
        """Yield the result of `draw_answers` in parts, as soon as they are ready: (position, answers) pairs."""
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
        """Return the probability of sharing for each question; equal prompts are asked once.

        Parameters
        ----------
        questions : sequence of Question
            Decisions to elicit.
        templates : PromptTemplates, optional
            Wording of the prompts; the shipped one by default.
        progress : callable, optional
            Called with prompts done and total.
        elicitation : Elicitation, optional
            How to ask. The default is the log-probabilities of the options in their default wording. If the model does
            not give them, answers are sampled and `method` of the result is `sample`.

        Raises
        ------
        JobError
            When too many answers name neither option, or a server decodes greedily.
        """
        templates = templates or default_templates()
        settings = elicitation or Elicitation()
        if settings.choose:
            raise ValueError("a wording must be chosen first: call choose_wording, or decide")
        conversations, options, prompts = distinct_prompts(questions, templates, settings.wordings, settings.order)
        answers = self.ask(conversations, options, settings, progress)
        if answers.method == "logits":
            check_mass(answers.option_mass, settings.max_unparsable, self.name)
        elicited = summarise(answers.prompted(), prompts)
        return dataclasses.replace(elicited, method=answers.method)

    def ask(
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        settings: Elicitation,
        progress: Progress | None = None,
    ) -> Scored | Counted:
        """Score or sample the answers to each conversation, where each conversation has its own options.

        If the model does not give log-probabilities, answers are sampled and the result is :class:`Counted`.

        Parameters
        ----------
        conversations : sequence of conversations
            The conversations to answer.
        options : sequence of sequences of str
            The possible answers to each conversation; each has the same number of options.
        settings : Elicitation
            How to ask; its wordings are ignored.
        progress : callable, optional
            Called with prompts done and total.

        Raises
        ------
        JobError
            When too many sampled answers begin with none of the options, or a server decodes greedily.
        """
        if settings.method == "logits" and self.gives_log_probabilities:
            try:
                scores = self.score_answers(conversations, options, progress)
                return Scored(np.array(scores).reshape(len(conversations), n_options(options)))
            except NoLogProbabilitiesError:
                # Some option is not in the server's lists. All answers are sampled: one table must not mix two methods.
                pass
        if self.decodes_elsewhere:
            check_that_answers_vary(self.name, self.draw_answers, settings.sampling)
        answers = self.draw_answers(conversations, settings.sampling, progress)
        return count_answers(answers, options, settings.max_unparsable, self.name)


def distinct_prompts(
    questions: Sequence[Question], templates: PromptTemplates, wordings: Sequence[Wording], order: str = "both"
) -> tuple[list[Conversation], list[tuple[str, str]], NDArray[np.intp]]:
    """Return the distinct prompts of questions, in each wording and order of the options.

    Returns
    -------
    conversations : list of conversations
        The distinct prompts.
    options : list of pairs of str
        The two answers to each prompt, sharing first.
    prompts : array of int, shape (n_wordings, n_orders, n_questions)
        Index of the prompt of each question, in each wording and order.
    """
    orders = ORDERS[order]
    prompts = [
        (
            templates.conversation(question, wording.shown(share_first), LABELS.get(wording.labels, ())),
            wording.answers(share_first),
        )
        for wording in wordings
        for share_first in orders
        for question in questions
    ]
    keys = [(answers, *(message["content"] for message in conversation)) for conversation, answers in prompts]
    first = {key: position for position, key in reversed(list(enumerate(keys)))}
    row = {key: i for i, key in enumerate(first)}
    rows = np.array([row[key] for key in keys], dtype=np.intp).reshape(len(wordings), len(orders), len(questions))
    distinct = [prompts[position] for position in first.values()]
    return [conversation for conversation, _ in distinct], [answers for _, answers in distinct], rows


def _parts(
    conversations: Sequence[Conversation], progress: Progress | None
) -> Iterator[tuple[int, Sequence[Conversation], Progress]]:
    """Yield parts of the conversations, each with its start and a progress callback that counts from the start."""
    for start in range(0, len(conversations), CONVERSATIONS_AT_ONCE):
        part = conversations[start : start + CONVERSATIONS_AT_ONCE]

        def report(done: int, total: int, start: int = start, size: int = len(part)) -> None:
            # A model counts in its own units: only the fraction of the part that is done is used here.
            if progress and total:
                progress(start + size * done // total, len(conversations))

        yield start, part, report
