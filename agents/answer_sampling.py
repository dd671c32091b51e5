"""Draw answers from a causal language model, token by token."""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .answer_tree import grow
from .elicitation import SamplingSettings
from .forward import Forward
from .prefix_tree import Tokens


class Draw(NamedTuple):
    """Answers to one prompt that are equal so far."""

    prompt: int
    written: Tokens
    answers: NDArray[np.intp]
    """Indices of these answers among all answers to the prompt."""


class Sampler:
    """Draws answers to prompts from the full distribution of each next token.

    The generation settings of the model (top-k, top-p, penalties) are ignored. Equal beginnings of answers are computed
    once, so many answers cost little more than a few. The random numbers of an answer depend only on the seed, the
    prompt and the index of the answer.

    Parameters
    ----------
    forward : Forward
        The model.
    ends : callable
        Tells whether the tokens so far end the answer; the last token is then not part of it.
    sampling : SamplingSettings
        Number of answers to each prompt, temperature, seed and length.
    """

    def __init__(self, forward: Forward, ends: Callable[[Tokens], bool], sampling: SamplingSettings) -> None:
        self.forward = forward
        self.ends = ends
        self.sampling = sampling

    def sample(
        self, prompts: Sequence[Tokens], progress: Callable[[int, int], None] | None = None
    ) -> list[list[Tokens]]:
        """Return the tokens of the answers to each prompt; equal prompts get equal answers."""
        distinct = list(dict.fromkeys(prompts))
        index = {prompt: position for position, prompt in enumerate(distinct)}
        written: list[list[Tokens | None]] = [[None] * self.sampling.samples for _ in distinct]
        done: set[int] = set()

        def first(prompt: int) -> Draw:
            return Draw(prompt, (), np.arange(self.sampling.samples))

        def step(draw: Draw, log_p: torch.Tensor) -> list[tuple[int, Draw]]:
            following = []
            for token, answers in self._next(distinct[draw.prompt], draw, self._weights(log_p).cumsum_(-1)):
                tokens = (*draw.written, token)
                if self.ends(tokens) or len(tokens) == self.sampling.max_tokens:
                    answer_tokens = draw.written if self.ends(tokens) else tokens
                    for answer in answers:
                        written[draw.prompt][answer] = answer_tokens
                else:
                    following.append((token, Draw(draw.prompt, tokens, answers)))
            if draw.prompt not in done and None not in written[draw.prompt]:
                done.add(draw.prompt)
                if progress:
                    progress(len(done), len(distinct))
            return following

        grow(self.forward, distinct, first, step, self.sampling.max_tokens)
        return [[answer or () for answer in written[index[prompt]]] for prompt in prompts]

    def _weights(self, log_p: torch.Tensor) -> torch.Tensor:
        """Return the weight of each token. The most likely token has weight 1, so low temperatures do not underflow."""
        log_weights = (log_p - log_p.max()).div_(self.sampling.temperature)
        # Some devices divide by multiplying with the inverse. That may overflow, and 0 times infinity must be 0 here.
        return log_weights.nan_to_num_(0.0).exp_()

    def _next(self, prompt: Tokens, draw: Draw, cumulative: torch.Tensor) -> list[tuple[int, NDArray[np.intp]]]:
        """Return the next tokens, each with the indices of the answers that drew it.

        The probabilities of the vocabulary stay on their device.
        """
        digest = hashlib.sha256(np.array(prompt, dtype=np.int64).tobytes()).digest()
        key = [self.sampling.seed, len(draw.written), *np.frombuffer(digest[:16], dtype=np.uint32).tolist()]
        uniform = np.random.default_rng(key).random(self.sampling.samples)[draw.answers]
        heights = torch.from_numpy(uniform).to(cumulative.device) * cumulative[-1]
        positions = torch.searchsorted(cumulative, heights, right=True).cpu().numpy()
        tokens = np.minimum(positions, len(cumulative) - 1)
        return [(int(token), draw.answers[tokens == token]) for token in np.unique(tokens)]
