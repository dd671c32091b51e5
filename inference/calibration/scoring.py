"""One data set of a known truth: the comparison's numbers, and how they do on fresh data."""

from typing import Any

import numpy as np
from scipy.special import logsumexp

from ...errors import InputError
from ...models.clock import Clock
from ...simulate import Trajectories
from ..comparison.compare import compare
from ..comparison.results import ConditionResult
from ..loo.loo import elpd_difference, loo, unit_log_likelihood
from ..posterior.arviz_adapter import group
from ..posterior.fitting import observed
from .data_generating_processes import DataGeneratingProcess

INTERVAL = 0.9
"""Probability of the central intervals whose coverage is counted."""


def compared(
    truth: DataGeneratingProcess,
    data: Trajectories,
    fresh: Trajectories,
    clock: Clock,
    *,
    likelihood: str,
    closure: str | None,
    prior_scale: float,
    seed: int,
) -> dict[str, Any]:
    """Compare one rate with two, and score both posteriors on fresh data of the same truth.

    Parameters
    ----------
    truth : DataGeneratingProcess
        What made the data.
    data, fresh : Trajectories
        The data, and as many of the same truth that no model has seen.
    clock, likelihood, closure, prior_scale, seed
        See :func:`tworate.inference.compare`.

    Returns
    -------
    dict
        `verdict`, `challenged` and `reason`; `elpd_diff`, `dse`, and the same when whole trajectories are left out
        (`elpd_diff_trajectory`, …); on fresh data `fresh_diff`, `fresh_dse`; whether the numbers can be trusted
        (`trusted`, by sampler, Pareto k and least numbers); of each rival that was fitted its difference from two-rate;
        and of each parameter that the truth knows the mean, the standard deviation, and whether the interval covers it.
        All numbers from which the verdict is drawn are there, so that other rules can be tried on the rows.
    """
    row: dict[str, Any] = {"likelihood": likelihood, "closure": closure or "default", "prior_scale": prior_scale}
    try:
        result = compare(
            data, likelihood=likelihood, closure=closure, clock=clock, prior_scale=prior_scale, seed=seed
        ).conditions[0]
    except InputError as error:
        # Nobody shared: a data set that tells nothing is no failure of the study.
        return {**row, "closure_used": "", "verdict": "undecided", "challenged": False, "trusted": False,
                "reason": str(error)}  # fmt: skip
    row |= {
        "closure_used": result.closure,
        "verdict": result.verdict,
        "challenged": bool(result.challenged_by),
        "challenged_by": ", ".join(result.challenged_by),
        "reason": result.reasons[0],
        "elpd_diff": result.elpd_diff,
        "dse": result.dse,
        # An undecided verdict comes from doubts or from the standard error; elpd_diff and dse hold only the latter.
        "trusted": not result.doubts,
        "n_observations": result.n_observations,
        "bad_k": sum(result.models[name].pareto_k_bad for name in ("one-rate", "two-rate")),
        "problems": sum(bool(result.models[name].problems) for name in ("one-rate", "two-rate")),
    }
    return {**row, **_scores(result, data, fresh), **_rivals(result), **_parameters(result, truth)}


def _scores(result: ConditionResult, data: Trajectories, fresh: Trajectories) -> dict[str, float]:
    """Differences of two-rate from one-rate: on trajectories left out, and on fresh data."""
    by_trajectory, bad_k, unseen = {}, 0, {}
    for name in ("one-rate", "two-rate"):
        specification, posterior = result.models[name].specification, result.posteriors[name]
        seen = observed(data, result.closure, specification)
        elpd = loo(specification, posterior, seen, "trajectory")
        by_trajectory[name], bad_k = elpd.pointwise, bad_k + int(elpd.high_k_units.size)
        try:
            unknown = observed(fresh, result.closure, specification)
        except InputError:
            continue
        values = unit_log_likelihood(specification, group(posterior, "posterior"), unknown, "increment")
        unseen[name] = logsumexp(values, axis=0) - np.log(len(values))
    found = {}
    found["elpd_diff_trajectory"], found["dse_trajectory"] = elpd_difference(
        by_trajectory["two-rate"], by_trajectory["one-rate"]
    )
    found["bad_k_trajectory"] = bad_k
    if len(unseen) == 2:
        found["fresh_diff"], found["fresh_dse"] = elpd_difference(unseen["two-rate"], unseen["one-rate"])
    return found


def _rivals(result: ConditionResult) -> dict[str, float]:
    found = {}
    for name, model in result.models.items():
        if model.rival:
            pair = (result.models[n].elpd.pointwise for n in (name, "two-rate"))
            found[f"rival_diff_{name}"], found[f"rival_dse_{name}"] = elpd_difference(*pair)
    return found


def _parameters(result: ConditionResult, truth: DataGeneratingProcess) -> dict[str, Any]:
    """Of each parameter of the true model: truth, posterior mean and sd, and whether the interval covers it."""
    model = "two-rate" if truth.two_rates else "one-rate"
    found: dict[str, Any] = {}
    for name, value in truth.parameters().items():
        draws = np.asarray(group(result.posteriors[model], "posterior")[name]).ravel()
        low, high = np.quantile(draws, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
        found |= {
            f"{name}_true": value,
            f"{name}_mean": float(draws.mean()),
            f"{name}_sd": float(draws.std()),
            f"{name}_covered": bool(low <= value <= high),
        }
    return found
