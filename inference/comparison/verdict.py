"""The verdict: one rate, two rates, or undecided, and why."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

Verdict = Literal["one-rate", "two-rate", "heterogeneous", "undecided"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

GAIN = 4.0
"""Gain in elpd that counts. Two rates must gain more; one rate is enough when such a gain is ruled out."""
STANDARD_ERRORS = 2.0
"""Standard errors that the gain must exceed, and that are added to the gain when it is ruled out."""
MIN_OBSERVATIONS = 10
"""Smallest number of increments for a verdict."""
MIN_SHARERS = 10
"""Smallest number of new sharers for a verdict."""
MIN_TRAJECTORIES = 5
"""Smallest number of trajectories for a verdict where trajectories are left out: fewer give no standard error."""


class Doubt(StrEnum):
    """Why the numbers of a comparison cannot be trusted. Any doubt makes the verdict undecided."""

    NOT_COMPARED = "not both models were fitted"
    NOT_FINITE = "the difference in elpd is not a number"
    SAMPLER = "the sampler's diagnostics are bad"
    HIGH_PARETO_K = "importance sampling fails for some units"
    FEW_INCREMENTS = "too few increments"
    FEW_LATER_INCREMENTS = "too few increments after some exposure"
    FEW_SHARERS = "too few new sharers"
    FEW_TRAJECTORIES = "too few trajectories to leave out"
    TOO_EARLY = "the data could not have shown a second rate"


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reasons.

    Parameters
    ----------
    verdict : {"one-rate", "two-rate", "undecided"}
        The verdict.
    doubts : tuple of Doubt
        Why the numbers cannot be trusted; empty when they can.
    reasons : tuple of str
        Sentences, the decisive one first.
    """

    verdict: Verdict
    doubts: tuple[Doubt, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class VerdictInput:
    """What the verdict is drawn from.

    Parameters
    ----------
    elpd_diff, dse : float
        `elpd(two-rate) - elpd(one-rate)` by PSIS-LOO, and its standard error.
    n_observations : int
        Number of increments compared.
    bad_k : mapping of str to int
        Number of units whose Pareto k is too high, by model.
    problems : mapping of str to sequence of str
        What is wrong with the sampling, by model; empty when all is well.
    closure : str
        Name of the closure.
    unit : str
        What is left out at a time: `increment` or `trajectory`.
    n_units : int, optional
        Number of units; by default `n_observations`.
    n_later : int, optional
        Number of increments that begin after some exposure. A falling hazard can show only there.
    n_sharers : int, optional
        Number of agents that share after the start.
    doubted_clock : bool
        Whether time is taken in rounds, may in fact be continuous, and no rival in continuous time was fitted.
    """

    elpd_diff: float
    dse: float
    n_observations: int
    bad_k: Mapping[str, int]
    problems: Mapping[str, Sequence[str]]
    closure: str
    unit: str = "increment"
    n_units: int | None = None
    n_later: int | None = None
    n_sharers: int | None = None
    doubted_clock: bool = False


def rule(
    elpd_diff: float,
    dse: float,
    gain: float = GAIN,
    standard_errors: float = STANDARD_ERRORS,
    ruled_out: float = STANDARD_ERRORS,
) -> Verdict:
    """Return the verdict of the difference in elpd and its standard error, if these can be trusted.

    Two rates: the gain counts and exceeds its uncertainty. One rate: a gain that counts is ruled out. Undecided
    otherwise. docs/calibration.md compares this rule with others.

    Parameters
    ----------
    elpd_diff, dse : float
        As of :class:`VerdictInput`.
    gain, standard_errors : float
        What counts, and how many standard errors it must exceed.
    ruled_out : float
        How many standard errors above the difference a gain that counts must lie, so that it is ruled out.
    """
    if elpd_diff > gain and elpd_diff > standard_errors * dse:
        return "two-rate"
    return "one-rate" if elpd_diff + ruled_out * dse <= gain else "undecided"


def judge(numbers: VerdictInput) -> Judgement:
    """Draw the verdict and give its reasons.

    The models are nested, so parsimony decides ties. Two rates need a gain of more than 4 in elpd and of more than two
    standard errors. One rate is enough where the gain plus two standard errors stays below 4. Numbers that cannot be
    trusted decide nothing.

    Notes
    -----
    The thresholds follow Sivula, Magnusson, Matamoros & Vehtari (2025), "Uncertainty in Bayesian
    leave-one-out cross-validation based model comparison", arXiv:2008.10296: a difference below 4 is too
    small for its standard error to mean anything.
    """
    d, dse = numbers.elpd_diff, numbers.dse
    shown = f"elpd_diff = {d:.1f}, dse = {dse:.1f}"
    if doubts := _doubts(numbers):
        reasons = [sentence for _, sentence in doubts]
        kinds = tuple(dict.fromkeys(doubt for doubt, _ in doubts))
        return Judgement("undecided", kinds, (*reasons, f"for what they are worth: {shown}"))
    verdict = rule(d, dse)
    worth = f"costs {-d:.1f}" if d < 0 else f"gains {'only ' if d <= GAIN else ''}{d:.1f}"
    gain = f"a second rate {worth} in expected log predictive density"
    if verdict == "one-rate":
        reason = f"{gain}; it would have to gain more than {GAIN:g} ({shown})"
    elif verdict == "two-rate":
        reason = f"{gain}, more than {GAIN:g} and more than {STANDARD_ERRORS:g} standard errors ({shown})"
    elif d > GAIN:
        reason = f"{gain}, which is within {STANDARD_ERRORS:g} standard errors ({shown})"
    else:
        reason = f"{gain}, but a gain of more than {GAIN:g} is within {STANDARD_ERRORS:g} standard errors ({shown})"
    cautions = _cautions(numbers) if verdict == "two-rate" else []
    return Judgement(verdict, (), (reason, *cautions))


def _doubts(numbers: VerdictInput) -> list[tuple[Doubt, str]]:
    """Return each reason not to trust the numbers, with a sentence on it."""
    doubts: list[tuple[Doubt, str]] = []
    if not (math.isfinite(numbers.elpd_diff) and math.isfinite(numbers.dse)):
        doubts.append((Doubt.NOT_FINITE, Doubt.NOT_FINITE.value))
    for model, problems in numbers.problems.items():
        if problems:
            text = f"the sampler's numbers for {model} cannot be trusted: {'; '.join(problems)}"
            doubts.append((Doubt.SAMPLER, text))
    n_units = numbers.n_observations if numbers.n_units is None else numbers.n_units
    for model, count in numbers.bad_k.items():
        if count:
            units = f"{count} of {n_units} {plural(numbers.unit)}"
            text = f"PSIS-LOO cannot be trusted for {units} under {model} (high Pareto k)"
            doubts.append((Doubt.HIGH_PARETO_K, text))
    if numbers.n_observations < MIN_OBSERVATIONS:
        text = f"{only(numbers.n_observations, 'increment', 'are')} informative; at least {MIN_OBSERVATIONS} are needed"
        doubts.append((Doubt.FEW_INCREMENTS, text))
    if numbers.n_later is not None and numbers.n_later < MIN_OBSERVATIONS <= numbers.n_observations:
        text = (
            f"{only(numbers.n_later, 'increment', 'begin')} after some exposure, and only there can a second rate "
            f"show; at least {MIN_OBSERVATIONS} are needed"
        )
        doubts.append((Doubt.FEW_LATER_INCREMENTS, text))
    if numbers.n_sharers is not None and numbers.n_sharers < MIN_SHARERS:
        text = f"{only(numbers.n_sharers, 'agent', 'share')} after the start; at least {MIN_SHARERS} are needed"
        doubts.append((Doubt.FEW_SHARERS, text))
    if numbers.unit == "trajectory" and n_units < MIN_TRAJECTORIES:
        text = f"{only(n_units, 'trajectory', 'can')} be left out; at least {MIN_TRAJECTORIES} are needed"
        doubts.append((Doubt.FEW_TRAJECTORIES, text))
    return doubts


def _cautions(numbers: VerdictInput) -> list[str]:
    """Return what a reader of a two-rate verdict must know."""
    cautions = []
    if numbers.closure == "mean-field":
        cautions.append(
            "caution: under the mean-field closure a network with few neighbours, or with unequal numbers of them, "
            "makes one-rate data look two-rate; give the degree and, if you can, si_edges"
        )
    if numbers.doubted_clock:
        cautions.append(
            "caution: time is taken as synchronous rounds; if it is not, and much happens between two observations, "
            "one rate looks like two: compare under the continuous clock too"
        )
    return cautions


_SINGULAR_VERBS = {"are": "is", "can": "can"}


def only(count: int, noun: str, verb: str) -> str:
    """Return a phrase such as `only 1 increment is` or `only 3 increments are`."""
    if count == 1:
        return f"only 1 {noun} {_SINGULAR_VERBS.get(verb, f'{verb}s')}"
    return f"only {count} {noun.removesuffix('y') + 'ies' if noun.endswith('y') else noun + 's'} {verb}"


def plural(unit: str) -> str:
    """Return the plural of a unit that is left out."""
    return {"increment": "increments", "trajectory": "trajectories", "agent": "agents"}[unit]
