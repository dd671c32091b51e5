"""What interventions do: rates and final reach of each scenario, relative to the first one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError
from ...inference.posterior.diagnostics import INTERVAL
from .study_results import StudyResults

RATES = {"one-rate": ("beta",), "two-rate": ("beta_fast", "beta_slow")}
"""Rates that are compared, by SI model."""
REACH = "final reach"
_RESAMPLES = 2000


def scenario_table(results: StudyResults, compared: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame | None:
    """Return the ratios of rates and of final reach between scenarios.

    Parameters
    ----------
    results : StudyResults
        The study, with its posteriors.
    compared : DataFrame
        From :func:`tworate.analysis.report.figure_tables.compared_conditions`.
    factors : sequence of str
        Columns in which the conditions differ.

    Returns
    -------
    DataFrame or None
        One row for each scenario but the first, combination of the other factors, and quantity: the factors,
        `against` (the first scenario), `quantity` (`beta`, `beta_fast`, `beta_slow` or `final reach`), `ratio`, and its
        95% interval `ratio_low` to `ratio_high`. None if the study has no scenarios.

    Notes
    -----
    A ratio of rates is that of the posterior draws of both conditions, which are independent; it is left out where
    both were not compared at the same level, or posteriors were not saved. Final reach is the mean prevalence at the
    end over replicates; its interval is a bootstrap over them. Both conditions share network and random numbers, which
    the intervals do not use.
    """
    if "scenario" not in compared or compared["scenario"].nunique() < 2:
        return None
    others = [name for name in factors if name != "scenario"]
    reach = _reach(results)
    rows = []
    for _, group in compared.groupby(others, sort=False) if others else [((), compared)]:
        records: list[Any] = group.sort_values("condition").to_dict("records")
        baseline, *changed = records
        for row in changed:
            levels = {name: row[name] for name in (*others, "scenario")} | {"against": baseline["scenario"]}
            for quantity, ratio, low, high in _ratios(results, baseline, row, reach):
                rows.append({**levels, "quantity": quantity, "ratio": ratio, "ratio_low": low, "ratio_high": high})
    return pd.DataFrame(rows)


def _ratios(
    results: StudyResults, baseline: dict[str, Any], row: dict[str, Any], reach: dict[int, NDArray[np.float64]]
) -> list[tuple[str, float, float, float]]:
    found = []
    if baseline["closure"] == row["closure"]:
        for si_model, parameters in RATES.items():
            try:
                pair = [results.posterior(each["condition"], si_model, each["closure"]) for each in (row, baseline)]
            except InputError:
                continue
            for name in parameters:
                draws = [np.asarray(posterior.posterior[name]).ravel() for posterior in pair]
                size = min(map(len, draws))
                ratio = draws[0][:size] / draws[1][:size]
                found.append((name, float(np.median(ratio)), *_interval(ratio)))
    rng = np.random.default_rng([baseline["condition"], row["condition"]])
    means = [
        np.mean(values[rng.integers(values.size, size=(_RESAMPLES, values.size))], axis=1)
        for values in (reach[row["condition"]], reach[baseline["condition"]])
    ]
    ratio = float(reach[row["condition"]].mean() / reach[baseline["condition"]].mean())
    found.append((REACH, ratio, *_interval(means[0] / means[1])))
    return found


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
    return float(low), float(high)


def _reach(results: StudyResults) -> dict[int, NDArray[np.float64]]:
    """Return the prevalence at the end of each replicate, by condition."""
    table = results.trajectories.table
    last = table.sort_values("time").groupby(["condition", "trajectory"]).last()
    prevalence = last["infected"] / last["population"]
    numbers = prevalence.index.get_level_values("condition")
    return {int(number): prevalence[numbers == number].to_numpy(dtype=float) for number in numbers.unique()}
