"""Covariates of the agents of event histories: what is known of them, as columns of a design."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError
from ...simulate.histories import EventHistories
from .observations import Design

IntArray = NDArray[np.int64]

MAX_LEVELS = 200
"""Maximum number of levels of a covariate that is text."""
_NUMBERS = 24
"""Numbers with more distinct values than this are put into as many groups of equal size, each with its mean."""


def design(histories: EventHistories, path: IntArray, agent: IntArray, covariates: Sequence[str]) -> Design:
    """Make the design of covariates for some agents.

    Parameters
    ----------
    histories : EventHistories
        Event histories with what is known of the agents.
    path, agent : array of int, shape (n_agents,)
        Number of the trajectory and of the agent in its network.
    covariates : sequence of str
        Attributes of the agents; `trajectory` stands for the trajectory itself.

    Returns
    -------
    Design
        `group` is that of each agent, shape (n_agents,).

    Raises
    ------
    InputError
        When an agent lacks a value, or all agents have the same one.
    """
    columns, labels, covariate = [], [], []
    known = [histories.attributes_of(number) for number in range(histories.n_trajectories)]
    codes = np.zeros(path.size, dtype=np.int64)
    for number, name in enumerate(covariates):
        if name == "trajectory":
            values = pd.Series(path)
            text = True
        else:
            values = pd.concat([known[p][name].iloc[agent[path == p]] for p in range(len(known))], ignore_index=True)
            # Agents of one trajectory stand together and in order.
            text = not pd.api.types.is_numeric_dtype(values)
        if values.isna().any():
            raise InputError(
                f"{histories.source}: {values.isna().sum()} of {len(values)} agents have no {name}; give every agent a "
                "value, or leave this covariate out"
            )
        level, names = pd.factorize(values, sort=True)
        if len(names) < 2:
            raise InputError(f"{histories.source}: all agents have the same {name}; leave this covariate out")
        if text:
            columns += _indicators(level, names, name, histories.source)
            labels += [f"{name}: {label}" for label in names]
            covariate += [number] * len(names)
        else:
            level, value = _standardised(values.to_numpy(dtype=float), level)
            columns.append(value)
            labels.append(name)
            covariate.append(number)
        codes = np.unique(codes * (int(level.max()) + 1) + level, return_inverse=True)[1]
    _, first = np.unique(codes, return_index=True)
    matrix = np.stack(columns, axis=1)
    return Design(matrix[first], np.array(covariate), tuple(labels), codes)


def _indicators(level: IntArray, names: Any, name: str, source: str) -> list[NDArray[np.float64]]:
    if len(names) > MAX_LEVELS:
        raise InputError(
            f"{source}: {name} has {len(names)} different values; a covariate that is text has at most {MAX_LEVELS}"
        )
    indicators = (level[:, None] == np.arange(len(names))).astype(float)
    return list((indicators - indicators.mean(axis=0)).T)


def _standardised(values: NDArray[np.float64], level: IntArray) -> tuple[IntArray, NDArray[np.float64]]:
    """Return groups of nearly equal numbers, and their means with mean 0 and standard deviation 1 over the agents."""
    if level.max() >= _NUMBERS:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, _NUMBERS + 1)))
        inside = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 2)
        level = np.unique(inside, return_inverse=True)[1]
        values = (np.bincount(level, weights=values) / np.bincount(level))[level]
    return level, (values - values.mean()) / values.std()
