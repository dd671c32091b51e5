"""Covariates: attributes of the agents of event histories as columns of a design matrix."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import block_diag

from ...errors import InputError
from ...simulate.histories import EventHistories
from .observations import Design

IntArray = NDArray[np.int64]

MAX_LEVELS = 200
"""Maximum number of levels of a covariate that is text."""
_NUMBERS = 24
"""Numbers with more distinct values than this are grouped; each group has the mean of its numbers."""


def design(
    histories: EventHistories,
    path: IntArray,
    agent: IntArray,
    covariates: Sequence[str],
    fitted: NDArray[np.bool_] | None = None,
) -> Design:
    """Make the design of covariates for some agents.

    Parameters
    ----------
    histories : EventHistories
        Event histories with what is known of the agents.
    path, agent : array of int, shape (n_agents,)
        Number of the trajectory, in order, and of the agent in its network.
    covariates : sequence of str
        Attributes of the agents; `trajectory` stands for the trajectory itself.
    fitted : array of bool, shape (n_agents,), optional
        Agents that a fit used: levels and means are theirs. By default all.

    Returns
    -------
    Design
        `group` is that of each agent, shape (n_agents,).

    Raises
    ------
    InputError
        When an agent lacks a value, or all agents have the same one.
    """
    attributes = [histories.attributes_of(number) for number in range(histories.n_trajectories)]
    of_fit = np.ones(path.size, dtype=bool) if fitted is None else fitted
    columns: list[NDArray[np.float64]] = []
    labels: list[str] = []
    bases: list[NDArray[np.float64]] = []
    group = np.zeros(path.size, dtype=np.int64)
    for name in covariates:
        if name == "trajectory":
            values = pd.Series(histories.labels[path]).astype(str)
        else:
            parts = [table[name].iloc[agent[path == number]] for number, table in enumerate(attributes)]
            values = pd.concat(parts, ignore_index=True)
        missing = values.isna().to_numpy() & of_fit
        if missing.any():
            raise InputError(
                f"{histories.source}: {missing.sum()} of {of_fit.sum()} agents have no {name}; give every agent a "
                "value, or leave this covariate out"
            )
        if values[of_fit].nunique() < 2:
            raise InputError(f"{histories.source}: all agents have the same {name}; leave this covariate out")
        if pd.api.types.is_numeric_dtype(values):
            level, value = _standardised(values.to_numpy(dtype=float), of_fit, name, histories.source)
            columns.append(value)
            labels.append(name)
            bases.append(np.ones((1, 1)))
        else:
            level, names, indicators = _indicators(values, of_fit, name, histories.source)
            columns += indicators
            labels += [f"{name}: {label}" for label in names]
            bases.append(sum_to_zero(len(names)))
        group = np.unique(group * (int(level.max()) + 1) + level, return_inverse=True)[1]
    _, first = np.unique(group, return_index=True)
    covariate = np.repeat(np.arange(len(bases)), [basis.shape[1] for basis in bases])
    return Design(np.stack(columns, axis=1)[first], block_diag(*bases), covariate, tuple(labels), group)


def sum_to_zero(n: int) -> NDArray[np.float64]:
    """Return an orthonormal basis of the vectors of length n that add up to 0, shape (n, n - 1).

    Independent normal coordinates of one variance give effects that are exchangeable. Without the constraint their sum
    would be known from the prior alone.
    """
    return np.linalg.qr(np.eye(n)[:, : n - 1] - 1.0 / n)[0]


def _indicators(
    values: "pd.Series[Any]", fitted: NDArray[np.bool_], name: str, source: str
) -> tuple[IntArray, list[str], list[NDArray[np.float64]]]:
    """Return the level of each agent, the names of the levels of the fit, and centred indicators of these."""
    text = values.astype(object).where(values.notna(), None).map(lambda value: None if value is None else str(value))
    names = sorted(text[fitted].unique())
    if len(names) > MAX_LEVELS:
        raise InputError(
            f"{source}: {name} has {len(names)} different values; a covariate that is text has at most {MAX_LEVELS}"
        )
    # A level that no agent of the fit has comes last, and has no effect of its own.
    level = pd.Index(names).get_indexer(pd.Index(text.to_numpy()))
    level = np.where(level < 0, len(names), level).astype(np.int64)
    indicators = (level[:, None] == np.arange(len(names))).astype(float)
    return level, names, list((indicators - indicators[fitted].mean(axis=0)).T)


def _standardised(
    values: NDArray[np.float64], fitted: NDArray[np.bool_], name: str, source: str
) -> tuple[IntArray, NDArray[np.float64]]:
    """Return groups of nearly equal numbers, and their means with mean 0 and standard deviation 1 over the fit.

    Agents that the fit has not seen get the group whose numbers are nearest; without a number, they get the mean.
    """
    own = values[fitted]
    if not np.isfinite(own).all():
        raise InputError(f"{source}: {name} must be a finite number for every agent; mend it, or leave it out")
    distinct = np.unique(own)
    if distinct.size > _NUMBERS:
        # Quantiles of the distinct values: half of all agents may have the same one.
        edges = np.unique(np.quantile(distinct, np.linspace(0, 1, _NUMBERS + 1)))
        level_of_own = np.clip(np.searchsorted(edges, own, side="right") - 1, 0, edges.size - 2)
        counts = np.bincount(level_of_own, minlength=edges.size - 1)
        means = np.bincount(level_of_own, weights=own, minlength=counts.size)[counts > 0] / counts[counts > 0]
    else:
        means = distinct
    between = (means[1:] + means[:-1]) / 2
    unknown = ~np.isfinite(values)
    level = np.searchsorted(between, np.where(unknown, means[0], values), side="right")
    if distinct.size > _NUMBERS:
        numbers = np.cumsum(counts > 0) - 1
        level[fitted] = numbers[level_of_own]
    value = (means[level] - means[level][fitted].mean()) / means[level][fitted].std()
    return np.where(unknown, means.size, level), np.where(unknown, 0.0, value)
