"""Sum the probability of every answer that begins with an option.

The sum runs over the tree of answers that :func:`tworate.agents.answer_reading.parse_answer` reads as the option: all
spellings and all splits into tokens. Branches with little probability are left out, except the usual tokens of each
option, so that every option has a probability.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .answer_reading import Reading, goes_on, read_beginning
from .answer_tree import grow
from .forward import Forward
from .prefix_tree import Tokens

LEAST_PATH = 1e-3
"""Probability below which the beginning of an answer is not followed."""
LEAST_CHECKED = 1e-2
"""Probability below which it is not checked whether the last word of a written option goes on."""


class Asked(NamedTuple):
    """A prompt, its options, and the usual tokens of each option."""

    prompt: Tokens
    options: tuple[str, ...]
    usual: tuple[Tokens, ...]


class Branch(NamedTuple):
    """The beginning of an answer, with its log-probability."""

    number: int
    written: Tokens
    log_p: float
    reading: Reading


class Scorer:
    """Sums the probability of the answers that begin with each option.

    Parameters
    ----------
    forward : Forward
        The model.
    ends : callable
        Tells whether the tokens so far end the answer; the last token is then not part of it.
    decode : callable
        Returns the text of some tokens.
    going_on : array of bool, shape (vocabulary,)
        Whether a token continues the word or number before it, see :func:`continuing_tokens`.
    """

    def __init__(
        self,
        forward: Forward,
        ends: Callable[[Tokens], bool],
        decode: Callable[[Tokens], str],
        going_on: NDArray[np.bool_],
    ) -> None:
        self.forward = forward
        self.ends = ends
        self._decode = decode
        self._going_on = going_on
        self._readings: dict[tuple[tuple[str, ...], Tokens], Reading | None] = {}
        self._masks: dict[torch.device, torch.Tensor] = {}

    def score(
        self, asked: Sequence[Asked], max_tokens: int, progress: Callable[[int, int], None] | None = None
    ) -> list[NDArray[np.float64]]:
        """Return the log-probability of each option, shape (n_options,), for each prompt.

        An option that the model gives no probability has -inf. Answers are read up to `max_tokens` tokens.
        """
        distinct = list(dict.fromkeys(asked))
        by_prompt: dict[Tokens, list[int]] = {}
        for number, each in enumerate(distinct):
            by_prompt.setdefault(each.prompt, []).append(number)
        prompts = list(by_prompt)
        # A batch may be repeated when memory runs out: parts are kept by the beginning that they belong to.
        parts: list[dict[Tokens, NDArray[np.float64]]] = [{} for _ in distinct]
        waiting = [1] * len(distinct)

        def first(position: int) -> list[Branch]:
            return [Branch(number, (), 0.0, Reading(None, may_grow=True)) for number in by_prompt[prompts[position]]]

        def step(branches: list[Branch], log_p: torch.Tensor) -> list[tuple[int, list[Branch]]]:
            following: dict[int, list[Branch]] = {}
            for branch in branches:
                is_new = branch.written not in parts[branch.number]
                found, followed = self._step(branch, distinct[branch.number], log_p, max_tokens)
                parts[branch.number][branch.written] = found
                for token, child in followed:
                    following.setdefault(token, []).append(child)
                if is_new:
                    waiting[branch.number] += len(followed) - 1
            if progress:
                progress(sum(n == 0 for n in waiting), len(waiting))
            return list(following.items())

        grow(self.forward, prompts, first, step, max_tokens)
        with np.errstate(divide="ignore"):
            scores = {
                each: np.log(np.minimum(np.sum(list(found.values()), axis=0), 1.0))
                for each, found in zip(distinct, parts, strict=True)
            }
        return [scores[each] for each in asked]

    def _step(
        self, branch: Branch, asked: Asked, log_p: torch.Tensor, max_tokens: int
    ) -> tuple[NDArray[np.float64], list[tuple[int, Branch]]]:
        """Return what the next token decides about each option, and the tokens to follow."""
        found = np.zeros(len(asked.options))
        depth = len(branch.written)
        # The usual tokens of an option are followed, however improbable they are.
        usual = {ids[depth] for ids in asked.usual if len(ids) > depth and ids[:depth] == branch.written}
        likely = torch.nonzero(log_p.exp() * np.exp(branch.log_p) > LEAST_PATH).ravel().tolist()
        tokens = torch.tensor(sorted({*likely, *usual}), device=log_p.device, dtype=torch.long)
        followed: list[tuple[int, Branch]] = []
        for token, value in zip(tokens.tolist(), log_p[tokens].tolist(), strict=True):
            total, written = branch.log_p + value, (*branch.written, token)
            reading = self._read(asked.options, written)
            if reading is None:
                reading = Reading(branch.reading.option)
            may_change = reading.may_grow or (reading.at_edge and np.exp(total) > LEAST_CHECKED)
            if may_change and depth + 1 < max_tokens and total > -np.inf:
                followed.append((token, Branch(branch.number, written, total, reading)))
            elif reading.option is not None:
                found[reading.option] += np.exp(total)
        if branch.reading.option is not None:
            rest = log_p.exp()
            rest[tokens] = 0.0
            if branch.reading.at_edge:
                rest = rest[~self._mask(log_p.device)]
            found[branch.reading.option] += np.exp(branch.log_p) * float(rest.sum())
        return found, followed

    def _read(self, options: tuple[str, ...], written: Tokens) -> Reading | None:
        """Return what the beginning of an answer tells; None if its last token ends the answer."""
        key = (options, written)
        if key not in self._readings:
            self._readings[key] = None if self.ends(written) else read_beginning(self._decode(written), options)
        return self._readings[key]

    def _mask(self, device: torch.device) -> torch.Tensor:
        if device not in self._masks:
            self._masks[device] = torch.from_numpy(self._going_on).to(device)
        return self._masks[device]


def continuing_tokens(tokenizer: Any, vocabulary: int) -> NDArray[np.bool_]:
    """Return whether each token continues the word or number before it, shape (vocabulary,)."""
    (before, *_) = tokenizer.encode("a", add_special_tokens=False) or [0]
    known = min(len(tokenizer), vocabulary)
    start = len(tokenizer.decode([before]))
    texts = tokenizer.batch_decode([[before, token] for token in range(known)])
    marks = set(tokenizer.all_special_ids)
    found = np.zeros(vocabulary, dtype=bool)
    found[:known] = [goes_on(text[start:]) and token not in marks for token, text in enumerate(texts)]
    return found
