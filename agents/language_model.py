"""What a language model must do for tworate: say how probable an answer is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .prompts import OPTIONS, Conversation, PromptTemplates, Question, default_templates

Progress = Callable[[int, int], None]
"""Called with the number of prompts done and the total."""


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
        """

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
