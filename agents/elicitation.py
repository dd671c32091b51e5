"""How a decision is asked of a language model, and what its answers say.

A decision is asked in several prompts: each wording of the two options, in both orders. Whatever the method, each
prompt yields log-odds of sharing, and P(share) is their mean taken back from the logit scale, so that `logits` and
`sample` estimate the same number.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, JobError
from .prompts import OPTIONS

METHODS = ("logits", "sample")

MAX_ANSWER_TOKENS = 16
"""Default length of a sampled answer."""

Wording = tuple[str, str]
"""The two options in one wording: sharing first."""


class SamplingSettings(NamedTuple):
    """How answers are sampled.

    Parameters
    ----------
    samples : int
        Answers to each conversation.
    temperature : float
        Divides the logits, which are not truncated otherwise.
    seed : int
        The same seed gives the same answers to a conversation, whatever else is asked beside it, up to the rounding
        of the model's precision (in bfloat16 that rounding depends on the batch).
    max_tokens : int
        Length at which an answer is cut.
    """

    samples: int
    temperature: float
    seed: int
    max_tokens: int = MAX_ANSWER_TOKENS


@dataclass(frozen=True)
class Elicitation:
    """Settings of how decisions are asked.

    Parameters
    ----------
    method : str
        `logits`: the log-probability of each whole option. `sample`: answers drawn from the model and read.
    wordings : tuple of pairs of str
        The two options in each wording, sharing first; a decision is the mean over wordings.
    samples : int
        `sample`: answers to each prompt, that is for each decision, wording and order of the options.
    temperature : float
        `sample`: above 0; only at 1 do the answers estimate what `logits` computes.
    max_unparsable : float
        `sample`: share of answers, in [0, 1], that may begin with no option before that is an error.
    max_tokens : int
        `sample`: length at which an answer is cut.
    seed : int
        `sample`: the same seed gives the same answers.

    Raises
    ------
    InputError
        When a setting cannot be used.
    """

    method: str = "logits"
    wordings: tuple[Wording, ...] = (OPTIONS,)
    samples: int = 100
    temperature: float = 1.0
    max_unparsable: float = 0.2
    max_tokens: int = MAX_ANSWER_TOKENS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"elicitation '{self.method}': must be one of {', '.join(METHODS)}")
        if not self.wordings:
            raise InputError("no wording of the options: give at least one, such as share/ignore")
        for wording in self.wordings:
            check_wording(wording)
        if len(set(self.wordings)) < len(self.wordings):
            raise InputError("a wording of the options is given twice")
        if self.samples < 1:
            raise InputError(f"samples = {self.samples}: must be at least 1")
        if not 0 < self.temperature < np.inf:
            raise InputError(f"temperature = {self.temperature:g}: must be above 0 and finite")
        if not 0 <= self.max_unparsable <= 1:
            raise InputError(f"max-unparsable = {self.max_unparsable:g}: must be a fraction from 0 to 1")
        if self.max_tokens < 1:
            raise InputError(f"max-tokens = {self.max_tokens}: must be at least 1")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed = {self.seed}: must be from 0 to 4294967295")

    @property
    def sampling(self) -> SamplingSettings:
        """What a language model needs to know of how to sample."""
        return SamplingSettings(self.samples, self.temperature, self.seed, self.max_tokens)


def check_wording(wording: Sequence[str]) -> None:
    """Refuse options that are not two different texts.

    Raises
    ------
    InputError
        When an option is empty, or both read the same.
    """
    if len(wording) != 2 or not all(_normal(option) for option in wording):
        raise InputError(f"wording '{'/'.join(wording)}': give two options, sharing first, as in share/ignore")
    if _normal(wording[0]) == _normal(wording[1]):
        raise InputError(f"wording '{'/'.join(wording)}': the two options must differ by more than case")


def parse_wordings(texts: Sequence[str] | None) -> tuple[Wording, ...]:
    """Read wordings such as `share/ignore`; none gives the default one.

    Examples
    --------
    >>> parse_wordings(["share/ignore", "pass it on/keep it"])
    (('share', 'ignore'), ('pass it on', 'keep it'))
    """
    wordings = []
    for text in texts or ["/".join(OPTIONS)]:
        options = tuple(part.strip() for part in text.split("/"))
        if len(options) != 2:
            raise InputError(f"wording '{text}': give two options, sharing first, as in share/ignore")
        check_wording(options)
        wordings.append(options)
    return tuple(wordings)


def parse_answer(answer: str, options: Sequence[str]) -> int | None:
    """Read which option an answer begins with.

    Case, surrounding quotes and emphasis do not count. What else an answer says counts neither for nor against:
    it is read as `logits` scores it, from its beginning.

    Parameters
    ----------
    answer : str
        What the model wrote.
    options : sequence of str
        What it may have chosen; where two fit, the longer one.

    Returns
    -------
    int or None
        Place of the option; None when the answer begins with none of them.

    Examples
    --------
    >>> parse_answer('"Share."', ("share", "ignore")), parse_answer("I would not share", ("share", "ignore"))
    (0, None)
    """
    text = _normal(answer).lstrip(" \"'`*_“”‘’«»([{<-–—•:.")
    fitting = [
        (len(option), place)
        for place, option in enumerate(map(_normal, options))
        # A number that goes on after a point or a comma is another number.
        if re.match(rf"{re.escape(option)}(?!\w|[.,]\d)", text)
    ]
    return max(fitting)[1] if fitting else None


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class Elicited:
    """Probabilities of sharing, with diagnostics; arrays of shape (n_questions,).

    Parameters
    ----------
    p_share : array
        Probability of sharing, normalised over the two options and averaged over orders and wordings on the logit
        scale.
    option_mass : array
        Probability that the model answers with one of the two options, mean of both orders, in the wording in which it
        is least: near 0 the model would rather say something else, and `p_share` means little.
    order_effect : array
        Log-odds of sharing with that option listed first, minus those with it listed second.
    wording_effect : array
        Largest difference in log-odds of sharing between two wordings, 0 where there is one.
    unparsable : array of int
        Sampled answers that began with neither option; they count for neither. 0 with `logits`.
    standard_error : array
        Monte-Carlo standard error of `p_share`; 0 with `logits`.
    method : str
        How the model was asked at last: `logits` or `sample`.
    """

    p_share: NDArray[np.float64]
    option_mass: NDArray[np.float64]
    order_effect: NDArray[np.float64]
    wording_effect: NDArray[np.float64]
    unparsable: NDArray[np.int64]
    standard_error: NDArray[np.float64]
    method: str = "logits"


class Prompted(NamedTuple):
    """What each distinct prompt said; arrays of shape (n_prompts,)."""

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
        Of each whole option as the answer.
    """

    log_probabilities: NDArray[np.float64]
    method: ClassVar[str] = "logits"

    @property
    def shares(self) -> NDArray[np.float64]:
        """Probability of each option, given that the answer is one of them; shape (n_prompts, n_options)."""
        whole = np.logaddexp.reduce(self.log_probabilities, axis=1, keepdims=True)
        return np.exp(self.log_probabilities - whole)

    @property
    def option_mass(self) -> NDArray[np.float64]:
        """Probability that the answer is one of the options, shape (n_prompts,)."""
        return np.exp(self.log_probabilities).sum(axis=1)

    @property
    def n_read(self) -> NDArray[np.float64]:
        """Answers that the shares rest on, shape (n_prompts,): as good as infinitely many."""
        return np.full(len(self.log_probabilities), np.inf)

    @property
    def unparsable(self) -> NDArray[np.int64]:
        """Answers that could not be read, shape (n_prompts,): none was drawn."""
        return np.zeros(len(self.log_probabilities), dtype=np.int64)

    def prompted(self) -> Prompted:
        """What they say of the first of two options against the second."""
        log_odds = self.log_probabilities[:, 0] - self.log_probabilities[:, 1]
        return Prompted(log_odds, self.option_mass, self.unparsable, np.zeros(len(log_odds)))


@dataclass(frozen=True)
class Counted:
    """Prompts whose answers were drawn and read.

    Parameters
    ----------
    counts : array, shape (n_prompts, n_options)
        Answers that begin with each option.
    asked : array of int, shape (n_prompts,)
        Answers drawn.
    """

    counts: NDArray[np.float64]
    asked: NDArray[np.int64]
    method: ClassVar[str] = "sample"

    @property
    def shares(self) -> NDArray[np.float64]:
        """Frequency of each option among the answers that were read, shape (n_prompts, n_options)."""
        return self.counts / self.n_read[:, None]

    @property
    def option_mass(self) -> NDArray[np.float64]:
        """Frequency of answers that were read, shape (n_prompts,)."""
        return self.n_read / self.asked

    @property
    def n_read(self) -> NDArray[np.float64]:
        """Answers that the shares rest on, shape (n_prompts,); never 0."""
        return self.counts.sum(axis=1)

    @property
    def unparsable(self) -> NDArray[np.int64]:
        """Answers that begin with none of the options, shape (n_prompts,)."""
        return (self.asked - self.n_read).astype(np.int64)

    def prompted(self) -> Prompted:
        """What they say of the first of two options against the second.

        Notes
        -----
        With `a` answers for the first option and `b` for the second the log-odds are estimated by
        `log((a + 1/2) / (b + 1/2))`, whose bias is of order 1/n² where both are frequent and which is finite everywhere
        (Haldane 1956, doi:10.1111/j.1469-1809.1955.tb01285.x), and their variance by `1/(a + 1/2) + 1/(b + 1/2)`.
        With few answers extreme probabilities are drawn towards one half.
        """
        shrunk = self.counts + 0.5
        log_odds = np.log(shrunk[:, 0] / shrunk[:, 1])
        return Prompted(log_odds, self.option_mass, self.unparsable, (1 / shrunk).sum(axis=1))


def count_answers(
    answers: Sequence[Sequence[str]], options: Sequence[Sequence[str]], max_unparsable: float, model: str
) -> Counted:
    """Read sampled answers.

    Parameters
    ----------
    answers : sequence of sequences of str
        Answers to each prompt.
    options : sequence of sequences of str
        The options of each prompt, equally many.
    max_unparsable : float
        Share of all answers that may begin with none of them.
    model : str
        Name of the model, for the message.

    Raises
    ------
    JobError
        When more answers than that, or all the answers to one prompt, begin with none of the options.
    """
    counts = np.zeros((len(answers), n_options(options)))
    unread: list[str] = []
    for prompt, (texts, of_one) in enumerate(zip(answers, options, strict=True)):
        for text in texts:
            place = parse_answer(text, of_one)
            if place is None:
                unread.append(text)
            else:
                counts[prompt, place] += 1
    asked = np.array([len(texts) for texts in answers], dtype=np.int64)
    silent = np.flatnonzero(counts.sum(axis=1) == 0)
    if len(unread) > max_unparsable * asked.sum() or len(silent):
        # Two options are those of a decision, whose wording is free.
        decision = counts.shape[1] == 2
        none = "neither option" if decision else f"none of {', '.join(options[0])}"
        reword = " word them as the model would (--wording)," if decision else ""
        examples = ", ".join(repr(text[:60]) for text in dict.fromkeys(unread[:200]) if text.strip())
        what = (
            f"{len(unread)} of {asked.sum()} sampled answers begin with {none} (at most {max_unparsable:.0%} may)"
            if len(unread) > max_unparsable * asked.sum()
            else f"all answers to {len(silent)} of {len(answers)} prompts begin with {none}"
        )
        raise JobError(
            f"{model}: {what}, such as {examples[:240] or 'empty ones'}; they are not taken for an answer. Score the "
            f"options (--elicitation logits),{reword} or give answers another length (--max-tokens)"
        )
    return Counted(counts, asked)


def n_options(options: Sequence[Sequence[str]]) -> int:
    """Return how many options each prompt has; without prompts, as many as a decision."""
    return len(options[0]) if options else len(OPTIONS)


def summarise(prompted: Prompted, prompts: NDArray[np.intp]) -> Elicited:
    """Average prompts over orders and wordings, on the logit scale.

    Parameters
    ----------
    prompted : Prompted
        What each distinct prompt said.
    prompts : array of int, shape (n_wordings, 2, n_questions)
        The prompt of each question, in each wording and order.
    """
    log_odds = prompted.log_odds[prompts]
    p_share = np.exp(-np.logaddexp(0.0, -log_odds.mean(axis=(0, 1))))
    cells = prompts.reshape(-1, prompts.shape[-1])
    variance, unparsable = np.zeros(cells.shape[1]), np.zeros(cells.shape[1], dtype=np.int64)
    for question, column in enumerate(cells.T):
        # A template may ignore the order of the options: one prompt then stands for two, with one luck.
        distinct, times = np.unique(column, return_counts=True)
        variance[question] = (prompted.variance[distinct] * (times / len(column)) ** 2).sum()
        unparsable[question] = prompted.unparsable[distinct].sum()
    by_wording = log_odds.mean(axis=1)
    return Elicited(
        p_share=p_share,
        # The least of the wordings: a good one must not hide one that the model would never say.
        option_mass=prompted.option_mass[prompts].mean(axis=1).min(axis=0),
        order_effect=(log_odds[:, 0] - log_odds[:, 1]).mean(axis=0),
        wording_effect=by_wording.max(axis=0) - by_wording.min(axis=0),
        unparsable=unparsable,
        standard_error=p_share * (1 - p_share) * np.sqrt(variance),
    )
