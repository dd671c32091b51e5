"""Answers drawn from a causal language model, token by token."""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .elicitation import SamplingSettings
from .forward import Forward
from .prefix_tree import Node, Tokens, prefix_tree


class Draw(NamedTuple):
    """Answers to a prompt that have begun alike."""

    prompt: int
    written: Tokens
    answers: NDArray[np.intp]
    """Which of the prompt's answers."""


class Sampler:
    """Draws answers to prompts, from the whole distribution of each next token.

    What the model's own generation settings say (top-k, top-p, penalties) plays no part. Answers that begin alike are
    computed once, so many answers cost little more than a few. The luck of an answer follows from the seed, the prompt
    and its number alone.

    Parameters
    ----------
    forward : Forward
        The model.
    ends : callable
        Whether the tokens written so far end the answer; the last of them is then no part of it.
    sampling : SamplingSettings
        How many answers to each prompt, and how.
    """

    def __init__(self, forward: Forward, ends: Callable[[Tokens], bool], sampling: SamplingSettings) -> None:
        self.forward = forward
        self.ends = ends
        self.sampling = sampling

    def sample(
        self, prompts: Sequence[Tokens], progress: Callable[[int, int], None] | None = None
    ) -> list[list[Tokens]]:
        """Tokens of the answers to each prompt; equal prompts have equal answers."""
        distinct = list(dict.fromkeys(prompts))
        number = {prompt: place for place, prompt in enumerate(distinct)}
        written: list[list[Tokens | None]] = [[None] * self.sampling.samples for _ in distinct]
        roots = prefix_tree(distinct)
        paths = [path for root in roots for path in root.walk()]
        within = any(len(end) < sum(len(node.tokens) for node in path) for path in paths for end in path[-1].ends)
        shared = self.forward.can_share(roots, self.sampling.max_tokens)
        if within or not shared:
            roots = [Node(prompt, ends=[prompt]) for prompt in distinct]
            paths = [(root,) for root in roots]
        for *_, node in paths:
            if node.ends:
                draws = [Draw(number[prompt], (), np.arange(self.sampling.samples)) for prompt in node.ends]
                node.reads, node.content, node.extends = [len(node.tokens) - 1], draws, shared
        done: set[int] = set()

        def visit(node: Node, log_p: torch.Tensor) -> list[Node]:
            cumulative = self._weights(log_p[-1]).cumsum_(-1)
            further = []
            for draw in node.content:
                for token, answers in self._next(distinct[draw.prompt], draw, cumulative):
                    tokens = (*draw.written, token)
                    if ended := self.ends(tokens) or len(tokens) == self.sampling.max_tokens:
                        kept = draw.written if self.ends(tokens) else tokens
                        for answer in answers:
                            written[draw.prompt][answer] = kept
                    if not ended:
                        run = (token,) if shared else (*node.tokens, token)
                        content = [Draw(draw.prompt, tokens, answers)]
                        further.append(Node(run, reads=[len(run) - 1], content=content, extends=shared))
                if draw.prompt not in done and None not in written[draw.prompt]:
                    done.add(draw.prompt)
                    if progress:
                        progress(len(done), len(distinct))
            return further

        self.forward.walk(roots, visit)
        return [[answer or () for answer in written[number[prompt]]] for prompt in prompts]

    def _weights(self, log_p: torch.Tensor) -> torch.Tensor:
        """Weight of each token, 1 for the likeliest, so that no temperature is too low for it."""
        below = (log_p - log_p.max()).div_(self.sampling.temperature)
        # Some devices divide by multiplying with the inverse, which may overflow: 0 times infinity is 0 here.
        return below.nan_to_num_(0.0).exp_()

    def _next(self, prompt: Tokens, draw: Draw, cumulative: torch.Tensor) -> list[tuple[int, NDArray[np.intp]]]:
        """The next tokens of answers, each with the answers that drew it; the vocabulary stays on its device."""
        digest = hashlib.sha256(np.array(prompt, dtype=np.int64).tobytes()).digest()
        key = [self.sampling.seed, len(draw.written), *np.frombuffer(digest[:16], dtype=np.uint32).tolist()]
        luck = np.random.default_rng(key).random(self.sampling.samples)[draw.answers]
        heights = torch.from_numpy(luck).to(cumulative.device) * cumulative[-1]
        found = torch.searchsorted(cumulative, heights, right=True).cpu().numpy()
        drawn = np.minimum(found, len(cumulative) - 1)
        return [(int(token), draw.answers[drawn == token]) for token in np.unique(drawn)]
