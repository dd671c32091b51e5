"""The verdict: one rate, two rates, or undecided, and why."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["one-rate", "two-rate", "undecided"]

GAIN = 4.0
"""Gain in elpd below which the simpler model is kept."""
STANDARD_ERRORS = 2.0
"""How many standard errors the gain must exceed."""
FEWEST_OBSERVATIONS = 10
"""Below this many increments no verdict is given."""


@dataclass(frozen=True)
class Evidence:
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
    """

    elpd_diff: float
    dse: float
    n_observations: int
    bad_k: Mapping[str, int]
    problems: Mapping[str, Sequence[str]]
    closure: str


def judge(evidence: Evidence) -> tuple[Verdict, list[str]]:
    """Draw the verdict and give its reasons.

    The models are nested, so parsimony decides ties: two rates need a gain of more than 4 in elpd and of more than two
    standard errors. Numbers that cannot be trusted decide nothing.

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
    doubts += [
        f"PSIS-LOO cannot be trusted for {count} of {evidence.n_observations} observations of {model} (high Pareto k)"
        for model, count in evidence.bad_k.items()
        if count
    ]
    if evidence.n_observations < FEWEST_OBSERVATIONS:
        doubts.append(
            f"only {evidence.n_observations} increments are informative; at least {FEWEST_OBSERVATIONS} are needed"
        )
    numbers = f"elpd_diff = {d:.1f}, dse = {dse:.1f}"
    if doubts:
        return "undecided", [*doubts, f"for what they are worth: {numbers}"]
    if not d > GAIN:
        worth = f"costs {-d:.1f}" if d < 0 else f"gains only {d:.1f}"
        return "one-rate", [
            f"a second rate {worth} in expected log predictive density; it would have to gain more than "
            f"{GAIN:g} ({numbers})"
        ]
    if not d > STANDARD_ERRORS * dse:
        return "undecided", [
            f"a second rate gains {d:.1f} in expected log predictive density, which is within {STANDARD_ERRORS:g} "
            f"standard errors ({numbers})"
        ]
    reasons = [
        f"a second rate gains {d:.1f} in expected log predictive density, more than {GAIN:g} and more than "
        f"{STANDARD_ERRORS:g} standard errors ({numbers})"
    ]
    if evidence.closure == "mean-field":
        reasons.append(
            "caution: under the mean-field closure a network with few neighbours, or with unequal numbers of them, "
            "makes one-rate data look two-rate; give the degree and, if you can, si_edges"
        )
    return "two-rate", reasons
