"""Results for single agents of a comparison of event histories: the probability of each agent's class."""

from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from ...models import OneRateSI
from ...simulate import Trajectories
from ...simulate.histories import RESERVED, EventHistories
from ..data.individual import observe_histories
from ..data.observations import AgentUnits, Transitions
from ..likelihood.specification import COVARIATE_EFFECT, Specification
from ..posterior.arviz_adapter import group
from ..posterior.fitting import draws_of, effects_of, factors_of, histories_of, observed
from .results import ConditionResult

FloatArray = NDArray[np.float64]

N_DRAWS = 400
"""Posterior draws over which the probability of a class is averaged."""
MAX_LEVELS = 64
"""An attribute with more distinct values than this is cut into quarters, or left out if it is text."""


def agent_table(result: ConditionResult, trajectories: Trajectories) -> pd.DataFrame:
    """Return one row for each agent and trajectory that a comparison of event histories used.

    Parameters
    ----------
    result : ConditionResult
        A comparison at the individual level.
    trajectories : Trajectories
        Its data.

    Returns
    -------
    pandas.DataFrame
        `trajectory`; `agent` (its label); `shared`; `time` (of the share, or of the end of the observation);
        `exposure` (cumulative, until then; where there are very many different ones, the mean of nearly equal ones);
        `network`, where there are several; `elpd_gain` (elpd of two-rate minus elpd of one-rate, if agents were left
        out); `p_fast` (posterior probability that the agent is in the fast class, if two-rate was fitted); and one
        column for each attribute of the agents, `degree` among them.

    Notes
    -----
    `P(fast | history) = w L_fast / (w L_fast + (1 - w) L_slow)` with `L` the likelihood of the agent's history under
    one rate, averaged over posterior draws. It is the *who* interpretation of two rates. Each trajectory is taken for
    itself.
    """
    histories = histories_of(trajectories)
    fitted = next(iter(result.models.values())).specification
    data = observe_histories(histories, fitted.clock, fitted.contact)
    units = cast(AgentUnits, data.units)
    numbers = [units.path, units.agent]
    shared = units.row_event[units.type_of_agent] >= 0
    exposure = _exposure_at_end(data, units)[units.type_of_agent]
    # Agents of one trajectory stand together, in the order of the trajectories.
    times = [
        histories.share_times(number)[units.agent[units.path == number]] for number in range(histories.n_trajectories)
    ]
    time = np.concatenate(times)
    table = pd.DataFrame(
        {
            "trajectory": histories.labels[units.path],
            "agent": _labels(histories, *numbers),
            "shared": shared,
            "time": np.where(shared, time, histories.ends[units.path]),
            "exposure": exposure,
        }
    )
    by_model = {model.specification.model.name: model for model in reversed(result.models.values())}
    if result.unit == "agent" and set(result.compared) <= set(result.models) and result.compared:
        two, one = (result.models[name].elpd.pointwise for name in result.compared)
        table["elpd_gain"] = two - one
    # The classes are those of the two rates that the verdict is about, with their structure.
    selected = result.models.get(result.selected)
    if selected is not None and "weight_fast" in selected.specification.model.parameters():
        by_model["two-rate"] = selected
    if "two-rate" in by_model:
        specification = by_model["two-rate"].specification
        of_model = observed(trajectories, "", specification)
        own = cast(AgentUnits, of_model.units)
        draws = group(result.posteriors[specification.name], "posterior")
        table["p_fast"] = fast_class_probability(specification, draws, of_model)[own.type_of_agent]
    attributes = [histories.attributes_of(number) for number in range(histories.n_trajectories)]
    if len(histories.networks) > 1:
        names = [histories.network_of(number).name for number in range(histories.n_trajectories)]
        table["network"] = np.array(names, dtype=object)[units.path]
    by_trajectory = [attributes[path].iloc[units.agent[units.path == path]] for path in range(len(attributes))]
    return table.join(pd.concat(by_trajectory, ignore_index=True))


def fast_class_probability(specification: Specification, posterior: Any, data: Transitions) -> FloatArray:
    """Compute the posterior probability that an agent is in the fast class, for each type; shape (n_types,).

    Parameters
    ----------
    specification : Specification
        The two-rate model as it was fitted.
    posterior : xarray.Dataset
        Posterior draws.
    data : Transitions
        Event histories, as this model takes them.
    """
    units = cast(AgentUnits, data.units)
    draws = draws_of(specification.model, posterior)
    every = max(1, draws["weight_fast"].size // N_DRAWS)
    fast, slow, weight = (draws[name][::every, None] for name in ("beta_fast", "beta_slow", "weight_fast"))
    end, start = _exposures(specification, {name: value[::every] for name, value in draws.items()}, data)
    nothing = np.zeros((*end.shape[:-1], 1))
    before = np.concatenate([end, nothing], axis=-1)[..., units.row_before]
    gained = np.concatenate([end - start, nothing], axis=-1)[..., units.row_event]
    factors = factors_of(specification, posterior, data)
    factor = np.ones(1) if factors is None else factors[::every][:, _group_of_types(data, units)]

    def log_likelihood(rate: FloatArray) -> FloatArray:
        survived, escaped = (OneRateSI.log_survival(factor * each, 0.0, {"beta": rate}) for each in (before, gained))
        with np.errstate(divide="ignore"):
            return np.asarray(survived + np.where(gained > 0, np.log(-np.expm1(escaped)), 0.0))

    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.log(weight) - np.log1p(-weight) + log_likelihood(fast) - log_likelihood(slow)
    return np.asarray(expit(odds).mean(axis=0))


def _exposures(
    specification: Specification, values: dict[str, FloatArray], data: Transitions
) -> tuple[FloatArray, FloatArray]:
    """Return the exposure at the end and the start of each observation, by draw where a structure weights it."""
    structure = specification.model.structure
    if data.binned is None or structure is None:
        return data.exposure_end, data.exposure_start
    columns = {
        name: value[:, None] * (data.window if name in specification.rates else 1.0) for name, value in values.items()
    }
    weights = structure.weights(data.binned.scaled(data.window), columns)
    return weights @ data.binned.end.T, weights @ data.binned.start.T


def _group_of_types(data: Transitions, units: AgentUnits) -> NDArray[np.int64]:
    """Return the replicate or the group of covariates of each type."""
    groups = data.path if data.design is None else data.design.group
    return groups[np.where(units.row_before >= 0, units.row_before, units.row_event)]


def prior_reach(result: ConditionResult, agents: pd.DataFrame) -> dict[str, FloatArray]:
    """Compute the share of the agents that the prior of each model lets share, given the exposures that they had.

    Parameters
    ----------
    result : ConditionResult
        A comparison at the individual level.
    agents : pandas.DataFrame
        From :func:`agent_table`.

    Returns
    -------
    dict of array, shape (n_draws,)
        Shares by model, without rivals.
    """
    exposure, counts = np.unique(agents["exposure"].to_numpy(), return_counts=True)
    reached = {}
    for name, model in result.models.items():
        if model.rival or model.specification.model.uses_time():
            continue
        draws = draws_of(model.specification.model, group(result.posteriors[name], "prior"))
        values = {parameter: value[:, None] for parameter, value in draws.items()}
        log_survival = model.specification.model.log_survival(exposure, 0.0, values)
        reached[name] = np.asarray(-np.expm1(log_survival) @ counts / counts.sum())
    return reached


def covariate_effects(result: ConditionResult) -> pd.DataFrame:
    """Return the effects of covariates on the log-rate, in each model.

    Parameters
    ----------
    result : ConditionResult
        A comparison with covariates.

    Returns
    -------
    pandas.DataFrame
        `model`, `rival`, `effect` (covariate and level; of a number, per standard deviation), `factor` (median factor
        on the rate), and its central 95% interval `low`, `high`.
    """
    rows = []
    for name, model in result.models.items():
        posterior = group(result.posteriors[name], "posterior")
        if COVARIATE_EFFECT not in posterior:
            continue
        for label, draws in zip(posterior["effect"].to_numpy(), np.exp(effects_of(posterior)).T, strict=True):
            low, median, high = np.quantile(draws, [0.025, 0.5, 0.975])
            rows.append({"model": name, "rival": model.rival, "effect": str(label), "factor": median, "low": low,
                         "high": high})  # fmt: skip
    return pd.DataFrame(rows, columns=["model", "rival", "effect", "factor", "low", "high"])


def class_by_attribute(agents: pd.DataFrame) -> pd.DataFrame:
    """Return how the probability of the fast class goes with each attribute of the agents.

    Parameters
    ----------
    agents : pandas.DataFrame
        From :func:`agent_table`, with `p_fast`.

    Returns
    -------
    pandas.DataFrame
        `attribute`, `level`, `n` (agents), `p_fast` (their mean), `se` (standard error of the mean, over agents), and
        `explained`: the share of the variance of `p_fast` that lies between the levels of the attribute.
    """
    computed = {"agent", "network", *RESERVED}
    # An agent of several trajectories on one network is one agent.
    by = ["agent", *(["network"] if "network" in agents else [])]
    own = agents.groupby(by, sort=False, observed=True).agg(
        {"p_fast": "mean", **{name: "first" for name in agents.columns if name not in computed}}
    )
    rows = []
    for name in own.columns.drop("p_fast"):
        levels = _levels(own[name])
        if levels is None:
            continue
        groups = own["p_fast"].groupby(levels, observed=True)
        means = groups.transform("mean")
        total = float(((own["p_fast"] - own["p_fast"].mean()) ** 2).sum())
        explained = float(((means - own["p_fast"].mean()) ** 2).sum()) / total if total > 0 else 0.0
        for level, part in groups:
            error = float(part.std(ddof=1) / np.sqrt(len(part))) if len(part) > 1 else float("nan")
            rows.append(
                {"attribute": str(name), "level": str(level), "n": len(part), "p_fast": float(part.mean()), "se": error,
                 "explained": explained}
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["attribute", "level", "n", "p_fast", "se", "explained"])


def _levels(column: "pd.Series[Any]") -> "pd.Series[Any] | None":
    """Return the level of each agent; numbers with many values in quarters; None if there is nothing to compare."""
    n_distinct = column.nunique()
    if n_distinct < 2:
        return None
    if n_distinct <= MAX_LEVELS and not (pd.api.types.is_numeric_dtype(column) and n_distinct > 12):
        return column
    if pd.api.types.is_numeric_dtype(column):
        return pd.qcut(column, 4, duplicates="drop").astype(str)
    return None


def _exposure_at_end(data: Transitions, units: AgentUnits) -> FloatArray:
    ends = np.append(data.exposure_end, 0.0)
    return np.maximum(ends[units.row_before], ends[units.row_event])


def _labels(histories: EventHistories, paths: NDArray[np.int64], agents: NDArray[np.int64]) -> NDArray[Any]:
    named = np.empty(agents.size, dtype=object)
    for path in range(histories.n_trajectories):
        own, labels = paths == path, histories.network_of(path).labels
        named[own] = agents[own] if labels is None else labels[agents[own]]
    return pd.Series(named).infer_objects().to_numpy()
