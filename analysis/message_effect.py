"""What a counter-message does to the decisions of those who read it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..agents import DecisionTable
from ..common.log_odds import log_odds


@dataclass(frozen=True)
class MessageEffect:
    """The effect of a counter-message on the log-odds of sharing.

    Parameters
    ----------
    text : str
        The message.
    mean : float
        Mean difference of the log-odds with and without the message, over personas, events and sightings.
    least, most : float
        Smallest and largest mean difference of a persona.
    """

    text: str
    mean: float
    least: float
    most: float

    @property
    def sentence(self) -> str:
        """The effect in words."""
        each = f"; between personas from {self.least:+.2f} to {self.most:+.2f}" if self.most > self.least else ""
        return (
            f"The counter-message changes the log-odds of sharing by {self.mean:+.2f} on average: it multiplies the "
            f"odds by {np.exp(self.mean):.2g}{each}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return all fields and the sentence."""
        return {**asdict(self), "sentence": self.sentence}


def message_effect(without: Sequence[DecisionTable], with_message: Sequence[DecisionTable]) -> MessageEffect:
    """Compare the decisions with and without a counter-message.

    Parameters
    ----------
    without, with_message : sequence of DecisionTable
        One per event, over the same personas.
    """
    difference = np.stack(
        [
            log_odds(read.probabilities) - log_odds(plain.probabilities)
            for plain, read in zip(without, with_message, strict=True)
        ]
    )
    of_persona = difference.reshape(*difference.shape[:2], -1).mean(axis=(0, 2))
    return MessageEffect(
        with_message[0].message, float(of_persona.mean()), float(of_persona.min()), float(of_persona.max())
    )
