"""What a language model must do for tworate: say how probable an answer is, and answer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .elicitation import Elicitation, Elicited, from_answers, from_scores, summarise
from .prompts import Conversation, PromptTemplates, Question, default_templates

Progress = Callable[[int, int], None]
"""Called with the number of prompts done and the total."""


class LanguageModel(ABC):
    """A language model that can score answers to a conversation, and give them."""

    name: str
    """How the user named the model."""
    fingerprint: str
    """Identifies weights, tokenizer and whatever else decides the answers to a conversation."""
    warning: str | None = None
    """What every result made with the model must say, if anything."""

    @abstractmethod
    def option_log_probabilities(
        self,
        conversations: Sequence[Conversation],
        options: Sequence[str],
        progress: Progress | None = None,
    ) -> NDArray[np.float64]:
        """Log-probability of each whole option as the beginning of the answer to each conversation.

        Returns
        -------
        array, shape (n_conversations, n_options)
        """

    @abstractmethod
    def sample_answers(
        self,
        conversations: Sequence[Conversation],
        *,
        samples: int,
        temperature: float,
        seed: int,
        max_tokens: int = 16,
        progress: Progress | None = None,
    ) -> list[list[str]]:
        """Answers to each conversation, as the model wrote them.

        Parameters
        ----------
        conversations : sequence of conversations
            What is asked.
        samples : int
            Answers to each.
        temperature : float
            Divides the logits, which are not truncated otherwise.
        seed : int
            The same seed gives the same answers to a conversation, whatever else is asked beside it.
        max_tokens : int
            Length at which an answer is cut.
        progress : callable, optional
            Called with prompts done and total.
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

            def report(now: int, total: int, done: int = done) -> None:
                if progress:
                    progress(done + now, len(conversations))

            scores = self.option_log_probabilities([conversations[place] for place in places], of_group, report)
            for place, row in zip(places, scores, strict=True):
                result[place] = row
            done += len(places)
        return result

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
            How to ask; by default the log-probabilities of the options in their default wording.

        Raises
        ------
        JobError
            When too many sampled answers name neither option.
        """
        templates = templates or default_templates()
        settings = elicitation or Elicitation()
        asked = [
            (templates.conversation(question, order), wording)
            for wording in settings.wordings
            for order in (wording, wording[::-1])
            for question in questions
        ]
        keys = [(wording, *(message["content"] for message in conversation)) for conversation, wording in asked]
        first = {key: position for position, key in reversed(list(enumerate(keys)))}
        row = {key: i for i, key in enumerate(first)}
        conversations = [asked[position][0] for position in first.values()]
        wordings = [asked[position][1] for position in first.values()]
        if settings.method == "logits":
            scores = self.score_answers(conversations, wordings, progress)
            prompted = from_scores(np.array(scores).reshape(-1, 2))
        else:
            answers = self.sample_answers(
                conversations,
                samples=settings.samples,
                temperature=settings.temperature,
                seed=settings.seed,
                max_tokens=settings.max_tokens,
                progress=progress,
            )
            prompted = from_answers(answers, wordings, settings.max_unparsable, self.name)
        places = np.array([row[key] for key in keys], dtype=np.intp)
        return summarise(prompted, places.reshape(len(settings.wordings), 2, len(questions)))


def load_language_model(name: str = "embedded", **options: Any) -> LanguageModel:
    """Load a language model.

    Parameters
    ----------
    name : str
        `embedded`, a local folder in HuggingFace layout, or a hub id such as `org/model`.
    **options
        Passed to :class:`tworate.agents.huggingface.HuggingFaceModel`.

    Raises
    ------
    InputError
        When the folder holds no model or the hub id cannot be loaded.
    """
    from .huggingface import HuggingFaceModel  # torch and transformers load here, on first use

    return HuggingFaceModel(name, **options)
