"""Ask a language model for decisions and turn its answers into probabilities.

A decision is asked in several prompts: each wording of the two options, in both orders. Both methods give log-odds of
sharing for each prompt. P(share) is the inverse logit of their mean, so `logits` and `sample` estimate the same number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, JobError, check_seed, nearest
from .answer_reading import parse_answer
from .prompts import OPTIONS
from .wordings import Wording, checked_wording

METHODS = ("logits", "sample")

MAX_ANSWER_TOKENS = 16
"""Default length of a sampled answer."""

ORDERS = {"both": (True, False), "share-first": (True,), "ignore-first": (False,)}
"""Orders of the options in prompts: whether sharing comes first."""

CALIBRATIONS = ("none", "post", "persona")
"""What is taken off the prompt that calibrates."""


class SamplingSettings(NamedTuple):
    """Settings for sampling answers.

    Parameters
    ----------
    samples : int
        Number of answers to each conversation.
    temperature : float
        Divides the logits; there is no top-k or top-p truncation.
    seed : int
        The same seed gives the same answers to a conversation, whatever else is asked in the same call. Rounding can
        still change an answer: in bfloat16 it depends on the batch.
    max_tokens : int
        Length at which an answer is cut.
    """

    samples: int
    temperature: float
    seed: int
    max_tokens: int = MAX_ANSWER_TOKENS


@dataclass(frozen=True)
class Elicitation:
    """Settings for asking decisions.

    Parameters
    ----------
    method : str
        `logits`: score each whole option by its log-probability. `sample`: draw answers from the model and read them.
    wordings : tuple of Wording
        The two options in each wording, sharing first, see :class:`tworate.agents.wordings.Wording`; pairs of texts
        will do. A decision is the mean over wordings.
    choose : bool
        Whether one of the wordings is chosen for the model before it is asked, see
        :func:`tworate.agents.wording_choice.choose_wording`.
    order : str
        `both` (the mean over both orders of the options), `share-first` or `ignore-first`.
    calibrate : str
        `none`; or `post` or `persona`: the log-odds of the same prompt without the post, or without the persona, are
        taken off [1]_.
    samples : int
        `sample`: number of answers to each prompt. Each decision, wording and order of the options is one prompt.
    temperature : float
        `sample`: above 0. The answers estimate what `logits` computes only at temperature 1.
    max_unparsable : float
        Largest tolerated fraction of answers, in [0, 1], that begin with no option; with `logits`, their probability.
        A larger one is an error.
    max_tokens : int
        `sample`: length at which an answer is cut.
    seed : int
        `sample`: the same seed gives the same answers.
    shrink : bool
        `sample`: whether the cells of a decision table are pooled, see :func:`tworate.agents.shrinkage.shrink`.

    Raises
    ------
    InputError
        When a setting is out of range, or a wording is not two different options.

    References
    ----------
    .. [1] Zhao, Wallace, Feng, Klein & Singh (2021). Calibrate before use: improving few-shot performance of language
       models. ICML, arXiv 2102.09690.
    """

    method: str = "logits"
    wordings: tuple[Wording, ...] = (Wording(*OPTIONS),)
    choose: bool = False
    order: str = "both"
    calibrate: str = "none"
    samples: int = 100
    temperature: float = 1.0
    max_unparsable: float = 0.2
    max_tokens: int = MAX_ANSWER_TOKENS
    seed: int = 0
    shrink: bool = True

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"elicitation '{self.method}': must be one of {', '.join(METHODS)}")
        if not self.wordings:
            raise InputError("no wording of the options: give at least one, such as share/ignore")
        object.__setattr__(self, "wordings", tuple(map(checked_wording, self.wordings)))
        if len(set(self.wordings)) < len(self.wordings):
            raise InputError("a wording of the options is given twice")
        for name, value, known in (("order", self.order, ORDERS), ("calibrate", self.calibrate, CALIBRATIONS)):
            if value not in known:
                raise InputError(f"{name} '{value}': must be one of {', '.join(known)}{nearest(value, known)}")
        if self.samples < 1:
            raise InputError(f"samples = {self.samples}: must be at least 1")
        if not 0 < self.temperature < np.inf:
            raise InputError(f"temperature = {self.temperature:g}: must be above 0 and finite")
        if not 0 <= self.max_unparsable <= 1:
            raise InputError(f"max-unparsable = {self.max_unparsable:g}: must be a fraction from 0 to 1")
        if self.max_tokens < 1:
            raise InputError(f"max-tokens = {self.max_tokens}: must be at least 1")
        check_seed(self.seed)

    @property
    def sampling(self) -> SamplingSettings:
        """The settings that a language model needs to sample answers."""
        return SamplingSettings(self.samples, self.temperature, self.seed, self.max_tokens)


@dataclass(frozen=True)
class Elicited:
    """Probabilities of sharing, with diagnostics; arrays of shape (n_questions,).

    Parameters
    ----------
    p_share : array
        Probability of sharing, normalised over the two options and averaged over orders and wordings on the logit
        scale.
    option_mass : array
        Probability that the model answers with one of the two options: mean over both orders, minimum over wordings.
        When it is near 0, the model prefers other answers and `p_share` means little.
    order_effect : array
        Log-odds of sharing when sharing is listed first, minus those when it is listed second; nan if only one order
        was asked.
    wording_effect : array
        Largest difference in log-odds of sharing between two wordings; 0 with a single wording.
    unparsable : array of int
        Number of sampled answers that began with neither option; `p_share` ignores them. 0 with `logits`.
    standard_error : array
        Monte-Carlo standard error of `p_share`; 0 with `logits`.
    by_prompt : array, shape (n_wordings, n_orders, n_questions)
        Log-odds of sharing in each wording and order of the options.
    method : str
        The method that was used in the end: `logits` or `sample`.
    """

    p_share: NDArray[np.float64]
    option_mass: NDArray[np.float64]
    order_effect: NDArray[np.float64]
    wording_effect: NDArray[np.float64]
    unparsable: NDArray[np.int64]
    standard_error: NDArray[np.float64]
    by_prompt: NDArray[np.float64]
    method: str = "logits"


class Prompted(NamedTuple):
    """Estimates from each distinct prompt; arrays of shape (n_prompts,)."""

    log_odds: NDArray[np.float64]
    option_mass: NDArray[np.float64]
    unparsable: NDArray[np.int64]
    variance: NDArray[np.float64]
    """Monte-Carlo variance of the log-odds."""


@dataclass(frozen=True)
class Scored:
    """Prompts whose options were scored.

    Parameters
    ----------
    log_probabilities : array, shape (n_prompts, n_options)
        Log-probability of each whole option as the answer.
    """

    log_probabilities: NDArray[np.float64]
    method: ClassVar[str] = "logits"

    @property
    def shares(self) -> NDArray[np.float64]:
        """Probability of each option, given that the answer is one of them; shape (n_prompts, n_options)."""
        total = np.logaddexp.reduce(self.log_probabilities, axis=1, keepdims=True)
        return np.exp(self.log_probabilities - total)

    @property
    def option_mass(self) -> NDArray[np.float64]:
        """Probability that the answer is one of the options, shape (n_prompts,)."""
        return np.exp(self.log_probabilities).sum(axis=1)

    @property
    def n_read(self) -> NDArray[np.float64]:
        """Number of answers behind the shares, shape (n_prompts,): infinite, because scores have no sampling error."""
        return np.full(len(self.log_probabilities), np.inf)

    @property
    def unparsable(self) -> NDArray[np.int64]:
        """Number of unreadable answers, shape (n_prompts,): 0, because no answers were drawn."""
        return np.zeros(len(self.log_probabilities), dtype=np.int64)

    def prompted(self) -> Prompted:
        """Return the log-odds of the first of two options against the second, with diagnostics."""
        log_odds = self.log_probabilities[:, 0] - self.log_probabilities[:, 1]
        return Prompted(log_odds, self.option_mass, self.unparsable, np.zeros(len(log_odds)))


@dataclass(frozen=True)
class Counted:
    """Prompts whose answers were drawn and read.

    Parameters
    ----------
    counts : array, shape (n_prompts, n_options)
        Number of answers that begin with each option.
    n_drawn : array of int, shape (n_prompts,)
        Number of answers drawn.
    """

    counts: NDArray[np.float64]
    n_drawn: NDArray[np.int64]
    method: ClassVar[str] = "sample"

    @property
    def shares(self) -> NDArray[np.float64]:
        """Fraction of each option among the readable answers, shape (n_prompts, n_options)."""
        return self.counts / self.n_read[:, None]

    @property
    def option_mass(self) -> NDArray[np.float64]:
        """Fraction of readable answers among all that were drawn, shape (n_prompts,)."""
        return self.n_read / self.n_drawn

    @property
    def n_read(self) -> NDArray[np.float64]:
        """Number of readable answers behind the shares, shape (n_prompts,); never 0."""
        return self.counts.sum(axis=1)

    @property
    def unparsable(self) -> NDArray[np.int64]:
        """Number of answers that begin with none of the options, shape (n_prompts,)."""
        return (self.n_drawn - self.n_read).astype(np.int64)

    def prompted(self) -> Prompted:
        """Return the estimated log-odds of the first of two options against the second, with diagnostics.

        Notes
        -----
        Let `a` answers name the first option and `b` the second. The log-odds are estimated by
        `log((a + 1/2) / (b + 1/2))` (Haldane 1956, doi:10.1111/j.1469-1809.1955.tb01285.x) and their variance by
        `1/(a + 1/2) + 1/(b + 1/2)`. The estimate is always finite, and its bias is of order 1/n² when both options are
        frequent. With few answers it shrinks extreme probabilities towards one half.
        """
        shrunk = self.counts + 0.5
        log_odds = np.log(shrunk[:, 0] / shrunk[:, 1])
        return Prompted(log_odds, self.option_mass, self.unparsable, (1 / shrunk).sum(axis=1))


def count_answers(
    answers: Sequence[Sequence[str]], options: Sequence[Sequence[str]], max_unparsable: float, model: str
) -> Counted:
    """Count sampled answers by option.

    Parameters
    ----------
    answers : sequence of sequences of str
        Answers to each prompt.
    options : sequence of sequences of str
        The options of each prompt; every prompt has the same number of them.
    max_unparsable : float
        Largest tolerated fraction of all answers that begin with none of them.
    model : str
        Name of the model, for the error message.

    Raises
    ------
    JobError
        When a larger fraction of the answers, or every answer to one prompt, begins with none of the options.
    """
    counts = np.zeros((len(answers), n_options(options)))
    unread: list[str] = []
    for prompt, (texts, prompt_options) in enumerate(zip(answers, options, strict=True)):
        for text in texts:
            option = parse_answer(text, prompt_options)
            if option is None:
                unread.append(text)
            else:
                counts[prompt, option] += 1
    n_drawn = np.array([len(texts) for texts in answers], dtype=np.int64)
    silent = np.flatnonzero(counts.sum(axis=1) == 0)
    if len(unread) > max_unparsable * n_drawn.sum() or len(silent):
        # Two options mean a decision; only its wording can be changed.
        decision = counts.shape[1] == 2
        none = "neither option" if decision else f"none of {', '.join(options[0])}"
        reword = " use words that the model would use (--wording)," if decision else ""
        examples = ", ".join(repr(text[:60]) for text in dict.fromkeys(unread[:200]) if text.strip())
        failure = (
            f"{len(unread)} of {n_drawn.sum()} sampled answers begin with {none} (at most {max_unparsable:.0%} may)"
            if len(unread) > max_unparsable * n_drawn.sum()
            else f"all answers to {len(silent)} of {len(answers)} prompts begin with {none}"
        )
        raise JobError(
            f"{model}: {failure}, such as {examples[:240] or 'empty ones'}; such answers are not counted. Score the "
            f"options (--elicitation logits),{reword} or change the length of answers (--max-tokens)"
        )
    return Counted(counts, n_drawn)


def check_mass(option_mass: NDArray[np.float64], max_unparsable: float, model: str) -> None:
    """Refuse scores of options that the model would hardly answer, as :func:`count_answers` refuses sampled answers.

    Raises
    ------
    JobError
        When the mean probability of all other answers is above `max_unparsable`.
    """
    missing = 1 - float(np.mean(option_mass)) if option_mass.size else 0.0
    if missing > max_unparsable:
        raise JobError(
            f"{model}: answers with neither option have a probability of {missing:.2g} (at most {max_unparsable:.0%} "
            "may), so P(share) would mean little. Let a wording be chosen that the model would use (--wording auto), "
            "or give words of your own; --max-unparsable 1 goes on all the same"
        )


def n_options(options: Sequence[Sequence[str]]) -> int:
    """Return the number of options of each prompt; without prompts, that of a decision."""
    return len(options[0]) if options else len(OPTIONS)


def summarise(prompted: Prompted, prompts: NDArray[np.intp]) -> Elicited:
    """Average prompts over orders and wordings, on the logit scale.

    Parameters
    ----------
    prompted : Prompted
        Estimates from each distinct prompt.
    prompts : array of int, shape (n_wordings, n_orders, n_questions)
        Index of the prompt of each question, in each wording and order.
    """
    log_odds = prompted.log_odds[prompts]
    p_share = np.exp(-np.logaddexp(0.0, -log_odds.mean(axis=(0, 1))))
    cells = prompts.reshape(-1, prompts.shape[-1])
    variance, unparsable = np.zeros(cells.shape[1]), np.zeros(cells.shape[1], dtype=np.int64)
    for question, column in enumerate(cells.T):
        # If a template ignores the order of the options, both orders are one prompt: their sampling error is the same.
        distinct, repeats = np.unique(column, return_counts=True)
        variance[question] = (prompted.variance[distinct] * (repeats / len(column)) ** 2).sum()
        unparsable[question] = prompted.unparsable[distinct].sum()
    return Elicited(
        p_share=p_share,
        # Minimum over wordings: a good wording must not hide one that the model would never say.
        option_mass=prompted.option_mass[prompts].mean(axis=1).min(axis=0),
        order_effect=order_effect(log_odds),
        wording_effect=wording_effect(log_odds),
        unparsable=unparsable,
        standard_error=p_share * (1 - p_share) * np.sqrt(variance),
        by_prompt=log_odds,
    )


def order_effect(by_prompt: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the difference of the log-odds between both orders, from shape (n_wordings, n_orders, ...).

    It is nan if only one order was asked.
    """
    by_order = by_prompt.mean(axis=0)
    return by_order[0] - by_order[1] if len(by_order) == 2 else np.full(by_order.shape[1:], np.nan)


def wording_effect(by_prompt: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest difference of the log-odds between wordings, from shape (n_wordings, n_orders, ...)."""
    by_wording = by_prompt.mean(axis=1)
    return by_wording.max(axis=0) - by_wording.min(axis=0)
