"""One data set of a known truth: the numbers of the comparison, and their agreement with fresh data."""

from typing import Any, cast

import numpy as np
from scipy.special import logsumexp

from ...errors import InputError
from ...models.clock import Clock
from ...simulate import Trajectories
from ..comparison.compare import compare, default_unit
from ..comparison.results import ConditionResult
from ..likelihood.specification import Level
from ..loo.loo import elpd_difference, psis_loo, unit_log_likelihood
from ..posterior.arviz_adapter import group
from ..posterior.fitting import DEFAULT_LIKELIHOOD, observed
from .data_generating_processes import DataGeneratingProcess

INTERVAL = 0.9
"""Probability of the central intervals whose coverage is measured."""


def compared(
    truth: DataGeneratingProcess,
    data: Trajectories,
    fresh: Trajectories,
    clock: Clock,
    *,
    likelihood: str | None,
    closure: str | None,
    prior_scale: float,
    level: Level,
    structures: str,
    covariates: tuple[str, ...] = (),
    degree: float = np.inf,
    seed: int,
) -> dict[str, Any]:
    """Compare one rate with two, and score both posteriors on fresh data of the same truth.

    Parameters
    ----------
    truth : DataGeneratingProcess
        The process that made the data.
    data, fresh : Trajectories
        The data, and as many of the same truth, which no model has seen.
    clock, likelihood, closure, prior_scale, level, structures, covariates, seed
        See :func:`tworate.inference.compare`.
    degree : float
        Neighbours of an agent, on which some true parameters depend.

    Returns
    -------
    dict
        `verdict`, `structure`, `challenged_by` and `reason`; `elpd_diff`, `dse` between two-rate and one-rate without
        structures, `sides_diff` and `sides_dse` between the best of both, and the first pair with whole trajectories
        left out (`elpd_diff_trajectory`, …); `fresh_diff` and `fresh_dse` on fresh data; whether the numbers can be
        trusted
        (`trusted`, by sampler, Pareto k and minimum numbers); the difference of each fitted rival from two-rate; and,
        for each parameter of the truth, mean, standard deviation, and whether the interval covers the true value. The
        row has all numbers behind the verdict, so that other rules can be tried.
    """
    row: dict[str, Any] = {
        "level": level,
        "likelihood": likelihood or DEFAULT_LIKELIHOOD[level],
        "closure": closure or "default",
        "prior_scale": prior_scale,
        "covariates": ", ".join(covariates),
    }
    try:
        result = compare(
            data,
            likelihood=likelihood,
            closure=closure,
            clock=clock,
            prior_scale=prior_scale,
            level=level,
            structures=structures,
            covariates=covariates,
            seed=seed,
        ).conditions[0]
    except InputError as error:
        # For example nobody shared: a data set without information is not a failure of the study.
        return {**row, "closure_used": "", "verdict": "undecided", "structure": "", "trusted": False,
                "reason": str(error)}  # fmt: skip
    row |= {
        "closure_used": result.closure,
        "verdict": result.verdict,
        "structure": ", ".join(result.structure),
        "challenged_by": ", ".join(result.challenged_by),
        "reason": result.reasons[0],
        "sides_diff": result.elpd_diff,
        "sides_dse": result.dse,
        # A verdict is undecided because of doubts or because of the standard error. elpd_diff and dse show only the
        # latter.
        "trusted": not result.doubts,
        "n_observations": result.n_observations,
        "bad_k": sum(result.models[name].pareto_k_bad for name in ("one-rate", "two-rate")),
        "problems": sum(bool(result.models[name].problems) for name in ("one-rate", "two-rate")),
    }
    pair = (result.models[name].elpd.pointwise for name in ("two-rate", "one-rate"))
    row["elpd_diff"], row["dse"] = elpd_difference(*pair)
    return {**row, **_scores(result, data, fresh), **_rivals(result), **_parameters(result, truth, degree)}


def _scores(result: ConditionResult, data: Trajectories, fresh: Trajectories) -> dict[str, float]:
    """Return differences of two-rate from one-rate: with trajectories left out, and on fresh data."""
    by_trajectory, bad_k, unseen = {}, 0, {}
    unit = default_unit(result.level)
    for name in ("one-rate", "two-rate"):
        specification, posterior = result.models[name].specification, result.posteriors[name]
        draws = group(posterior, "posterior")
        seen = observed(data, result.closure, specification, by_trajectory=True)
        elpd = psis_loo(specification, draws, seen, "trajectory")
        by_trajectory[name], bad_k = elpd.pointwise, bad_k + int(elpd.high_k_units.size)
        try:
            unknown = observed(fresh, result.closure, specification)
        except InputError:
            continue
        values = unit_log_likelihood(specification, draws, unknown, unit)
        unseen[name] = logsumexp(values, axis=0) - np.log(len(values))
        if unknown.units is not None:
            unseen[name] = unseen[name][unknown.units.type_of_agent]
    scores = {}
    scores["elpd_diff_trajectory"], scores["dse_trajectory"] = elpd_difference(
        by_trajectory["two-rate"], by_trajectory["one-rate"]
    )
    scores["bad_k_trajectory"] = bad_k
    if len(unseen) == 2:
        scores["fresh_diff"], scores["fresh_dse"] = elpd_difference(unseen["two-rate"], unseen["one-rate"])
    return scores


def _rivals(result: ConditionResult) -> dict[str, float]:
    scores = {}
    for name, model in result.models.items():
        if model.rival:
            pair = (result.models[n].elpd.pointwise for n in (name, "two-rate"))
            scores[f"rival_diff_{name}"], scores[f"rival_dse_{name}"] = elpd_difference(*pair)
    return scores


def _parameters(result: ConditionResult, truth: DataGeneratingProcess, degree: float) -> dict[str, Any]:
    """Return truth, posterior mean and sd of each parameter of the true model, and whether the interval covers it."""
    model = "two-rate" if truth.two_rates else "one-rate"
    scores: dict[str, Any] = {}
    for name, value in truth.parameters(degree, cast(Clock, result.clock)).items():
        draws = np.asarray(group(result.posteriors[model], "posterior")[name]).ravel()
        low, high = np.quantile(draws, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
        scores |= {
            f"{name}_true": value,
            f"{name}_mean": float(draws.mean()),
            f"{name}_sd": float(draws.std()),
            f"{name}_covered": bool(low <= value <= high),
        }
    return scores
