"""A check that a server samples its answers and does not always give the likeliest one.

Some servers ignore the temperature. Their answers to one prompt are all equal, so the frequency of an answer is 0 or 1,
whatever its probability is. Equal answers to a decision prove nothing: a model may be certain. Equal answers to an
open question do.
"""

from collections.abc import Callable, Sequence

from ..errors import JobError
from .elicitation import SamplingSettings
from .prompts import Conversation

Draw = Callable[[Sequence[Conversation], SamplingSettings], list[list[str]]]
"""Returns sampled answers to each conversation."""

OPEN_QUESTION = "Make up a very short story about a stone and a bird."
"""The question of the check; no text is its natural answer."""

ANSWERS = 20
"""Number of answers to the open question."""

MAX_TOKENS = 32
"""Length of these answers."""

COLD = 0.1
"""At lower temperatures the user asked for the likeliest answer."""


def check_that_answers_vary(name: str, draw: Draw, sampling: SamplingSettings) -> None:
    """Ask an open question several times, and refuse a model that always gives the same text.

    Parameters
    ----------
    name : str
        Name of the model, for the error message.
    draw : callable
        Draws the answers of the model.
    sampling : SamplingSettings
        How decisions will be sampled. The check uses its seed, and temperature 1. At a temperature below :data:`COLD`
        there is no check.

    Raises
    ------
    JobError
        When all answers are equal.

    Notes
    -----
    If the likeliest text has the probability p, a server that samples gives it :data:`ANSWERS` times with the
    probability p²⁰. This is at most 0.012 for p = 0.8 and 1e-6 for p = 0.5. Texts of up to 32 tokens that are open to
    this degree are far less likely: a mean probability of 0.97 per token gives p = 0.38.
    """
    if sampling.temperature < COLD:
        return
    conversation = [{"role": "user", "content": OPEN_QUESTION}]
    (texts,) = draw([conversation], SamplingSettings(ANSWERS, 1.0, sampling.seed, MAX_TOKENS))
    if len(set(texts)) == 1:
        raise JobError(
            f"{name}: gave the same text {ANSWERS} times to an open question at temperature 1 "
            f"({texts[0][:60]!r}): the server decodes greedily, or ignores temperature and seed, so sampled answers "
            "say nothing about probabilities; switch sampling on at the server (transformers serve: do_sample in the "
            "model's generation_config.json), or use another server"
        )
