"""The verdict: one rate, two rates, or undecided, and why."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["one-rate", "two-rate", "undecided"]

GAIN = 4.0
"""Gain in elpd that counts: two rates must gain more, and one rate is kept when so much can be ruled out."""
STANDARD_ERRORS = 2.0
"""How many standard errors the gain must exceed, and by how many it is judged how high it may be."""
MIN_OBSERVATIONS = 10
"""Below this many increments no verdict is given."""
MIN_SHARERS = 10
"""Below this many new sharers in all no verdict is given."""
MIN_TRAJECTORIES = 5
"""Below this many no verdict is given where trajectories are left out: the standard error would mean nothing."""


_OF_ONE = {"are": "is", "can": "can"}


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
        Number of observations whose Pareto k is too high, by model.
    problems : mapping of str to sequence of str
        What is wrong with the sampling, by model; empty when all is well.
    closure : str
        Name of the closure.
    unit : str
        What was left out at a time: `increment` or `trajectory`.
    n_units : int, optional
        Number of units; `n_observations` where they are increments.
    n_later : int, optional
        Increments that begin after some exposure: only there can it show whether the hazard falls.
    n_sharers : int, optional
        Agents that share after the start, in all.
    doubted_clock : bool
        Whether time is taken in rounds, which may not be the data's clock, and no rival in continuous time is fitted.
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
    """Return the verdict that the difference in elpd and its standard error call for, if they can be trusted.

    Two rates where the gain counts and exceeds its uncertainty; one rate where a gain that counts can be ruled out;
    undecided otherwise. docs/calibration.md has the evidence for this rule beside others.

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


def judge(evidence: VerdictInput) -> tuple[Verdict, list[str]]:
    """Draw the verdict and give its reasons.

    The models are nested, so parsimony decides ties: two rates need a gain of more than 4 in elpd and of more than two
    standard errors, and one rate is enough where two standard errors on the gain leave it below 4. Numbers that cannot
    be trusted decide nothing.

    Returns
    -------
    verdict : {"one-rate", "two-rate", "undecided"}
    reasons : list of str
        Sentences, the decisive one first.

    Notes
    -----
    The thresholds follow Sivula, Magnusson, Matamoros & Vehtari (2025), "Uncertainty in Bayesian
    leave-one-out cross-validation based model comparison", arXiv:2008.10296: a difference below 4 is too
    small for its standard error to mean anything.
    """
    d, dse = evidence.elpd_diff, evidence.dse
    doubts = [] if math.isfinite(d) and math.isfinite(dse) else ["the difference in elpd is not a number"]
    doubts += [
        f"the sampler's numbers for {model} cannot be trusted: {'; '.join(problems)}"
        for model, problems in evidence.problems.items()
        if problems
    ]
    n_units = evidence.n_observations if evidence.n_units is None else evidence.n_units
    doubts += [
        f"PSIS-LOO cannot be trusted for {count} of {n_units} {plural(evidence.unit)} under {model} (high Pareto k)"
        for model, count in evidence.bad_k.items()
        if count
    ]
    if evidence.n_observations < MIN_OBSERVATIONS:
        doubts.append(
            f"{only(evidence.n_observations, 'increment', 'are')} informative; at least {MIN_OBSERVATIONS} are needed"
        )
    if evidence.n_later is not None and evidence.n_later < MIN_OBSERVATIONS <= evidence.n_observations:
        doubts.append(
            f"{only(evidence.n_later, 'increment', 'begin')} after some exposure, and only there can a second rate "
            f"show; at least {MIN_OBSERVATIONS} are needed"
        )
    if evidence.n_sharers is not None and evidence.n_sharers < MIN_SHARERS:
        doubts.append(
            f"{only(evidence.n_sharers, 'agent', 'share')} after the start; at least {MIN_SHARERS} are needed"
        )
    if evidence.unit == "trajectory" and n_units < MIN_TRAJECTORIES:
        doubts.append(f"{only(n_units, 'trajectory', 'can')} be left out; at least {MIN_TRAJECTORIES} are needed")
    numbers = f"elpd_diff = {d:.1f}, dse = {dse:.1f}"
    if doubts:
        return "undecided", [*doubts, f"for what they are worth: {numbers}"]
    verdict = rule(d, dse)
    worth = f"costs {-d:.1f}" if d < 0 else f"gains {'only ' if d <= GAIN else ''}{d:.1f}"
    if verdict == "one-rate":
        return verdict, [
            f"a second rate {worth} in expected log predictive density; it would have to gain more than "
            f"{GAIN:g} ({numbers})"
        ]
    if verdict == "undecided":
        why = f"which is within {STANDARD_ERRORS:g} standard errors"
        if d <= GAIN:
            why = f"but a gain of more than {GAIN:g} is within {STANDARD_ERRORS:g} standard errors"
        return verdict, [f"a second rate {worth} in expected log predictive density, {why} ({numbers})"]
    reasons = [
        f"a second rate gains {d:.1f} in expected log predictive density, more than {GAIN:g} and more than "
        f"{STANDARD_ERRORS:g} standard errors ({numbers})"
    ]
    if evidence.closure == "mean-field":
        reasons.append(
            "caution: under the mean-field closure a network with few neighbours, or with unequal numbers of them, "
            "makes one-rate data look two-rate; give the degree and, if you can, si_edges"
        )
    if evidence.doubted_clock:
        reasons.append(
            "caution: time is taken as synchronous rounds; if it is not, and much happens between two observations, "
            "one rate looks like two: compare under the continuous clock too"
        )
    return "two-rate", reasons


@dataclass(frozen=True)
class Rival:
    """Another explanation of what two rates explain.

    Parameters
    ----------
    name : str
        Name of the model.
    elpd_diff, dse : float
        `elpd(rival) - elpd(two-rate)`, and its standard error.
    n_parameters : int
        Parameters of the spread.
    doubts : sequence of str
        Why its numbers cannot be trusted; empty when they can.
    """

    name: str
    elpd_diff: float
    dse: float
    n_parameters: int
    doubts: Sequence[str] = ()


def challenge(rivals: Sequence[Rival], n_parameters: int) -> tuple[list[str], list[str]]:
    """Whether a two-rate verdict withstands its rivals.

    Parameters
    ----------
    rivals : sequence of Rival
        What was fitted against it.
    n_parameters : int
        Parameters of two rates.

    Returns
    -------
    challenged_by : list of str
        Rivals that describe the data better, or have fewer parameters and are not clearly worse.
    reasons : list of str
        A sentence on each rival.
    """
    challenged_by, reasons, withstood = [], [], []
    for rival in rivals:
        d, dse = rival.elpd_diff, rival.dse
        numbers = f"elpd {abs(d):.1f} {'above' if d > 0 else 'below'} that of two-rate, dse = {dse:.1f}"
        if rival.doubts or not math.isfinite(d):
            reasons.append(
                f"the challenge by {rival.name} could not be judged: {'; '.join(rival.doubts) or 'no number'}"
            )
        elif d > GAIN and d > STANDARD_ERRORS * dse:
            challenged_by.append(rival.name)
            reasons.append(f"challenged: {rival.name} describes the data better ({numbers})")
        elif rival.n_parameters < n_parameters and not (-d > GAIN and -d > STANDARD_ERRORS * dse):
            challenged_by.append(rival.name)
            reasons.append(f"challenged: not clearly better than {rival.name}, which has fewer parameters ({numbers})")
        else:
            withstood.append(f"{rival.name} ({numbers})")
    if withstood:
        reasons.append(f"withstood the challenge by {'; '.join(withstood)}")
    return challenged_by, reasons


def only(count: int, noun: str, verb: str) -> str:
    """Say how few there are, such as `only 1 increment is` or `only 3 increments are`."""
    if count == 1:
        return f"only 1 {noun} {_OF_ONE.get(verb, f'{verb}s')}"
    return f"only {count} {noun.removesuffix('y') + 'ies' if noun.endswith('y') else noun + 's'} {verb}"


def plural(unit: str) -> str:
    """Return the plural of a unit that is left out."""
    return {"increment": "increments", "trajectory": "trajectories"}[unit]
