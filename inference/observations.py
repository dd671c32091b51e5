"""From trajectories to observations: one increment of the count, given the past, is one observation."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from ..models import CLOSURES, Closure, MeanField, RandomRegular
from ..models.closures import recorded_exposure_rate
from ..simulate import Trajectories

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Transitions:
    """Increments of the count in synchronous rounds; arrays of shape (n_observations,) unless said otherwise.

    Parameters
    ----------
    exposure_start, exposure_end : array
        Cumulative exposure Λ of a susceptible agent at the start and the end of the interval, from the observed path.
    time_start, time_end : array
        Time since the trajectory's start.
    n_susceptible, incidence : array
        Susceptible agents at the start; new sharers in the interval.
    path : array
        Number of the trajectory, from 0.
    time : array
        Time at the end of the interval, as in the data.
    closure : str
        Name of the closure that gave the exposure.
    window : float
        Longest time from a start to the end of an interval that tells something: the time scale of the priors on rates.
    paths : pandas.DataFrame, one row a trajectory
        `trajectory` (label), `population`, `infected0`, and `degree` where it is known.
    n_increments : int
        Increments in the data, those included that tell nothing.
    cautions : tuple of str
        What in the data the model of the process does not provide for.
    """

    exposure_start: FloatArray
    exposure_end: FloatArray
    time_start: FloatArray
    time_end: FloatArray
    n_susceptible: IntArray
    incidence: IntArray
    path: IntArray
    time: FloatArray
    closure: str
    window: float
    paths: pd.DataFrame
    n_increments: int
    cautions: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of observations."""
        return self.incidence.size


def choose_closure(trajectories: Trajectories, closure: str | None = None) -> tuple[str, str]:
    """Return the name of the closure, and why: the one asked for, or the most exact that the data allow.

    Raises
    ------
    InputError
        When the name is unknown or the data lack what the closure needs.
    """
    columns = trajectories.table.columns
    needs = {"recorded": ["si_edges", "degree"], "edge-based": ["degree"], "mean-field": []}
    reason = "asked for"
    if closure is None:
        if "degree" not in columns:
            closure = "mean-field"
            reason = "the data have no column degree; on a network this can hide or imitate a second rate"
        elif "si_edges" in columns:
            closure, reason = "recorded", "the data record the susceptible-sharer edges (si_edges)"
        else:
            closure = "edge-based"
            reason = "the data have a degree but no count of susceptible-sharer edges (si_edges)"
    check_closure(closure)
    missing = [name for name in needs[closure] if name not in columns]
    if missing:
        raise InputError(
            f"{trajectories.source}: the {closure} closure needs the column {' and '.join(missing)}; "
            "add it or choose another closure"
        )
    if closure == "edge-based" and (trajectories.table["degree"] < 2).any():
        raise InputError(f"{trajectories.source}: the edge-based closure needs a degree of at least 2")
    return closure, reason


def check_closure(closure: str) -> None:
    """Raise an InputError when there is no such closure."""
    if closure not in CLOSURES:
        raise InputError(f"closure {closure!r} is unknown; choose one of {', '.join(CLOSURES)}")


def closed_formula(closure: str, degree: float | None) -> Closure:
    """Return the formula with which to predict: the recorded closure has none, its network's stands in."""
    if closure == "mean-field" or degree is None or degree < 2:
        return MeanField()
    return RandomRegular(degree)


def observe(trajectories: Trajectories, closure: str) -> Transitions:
    """Turn trajectories into observed increments, with exposure from the observed path.

    A trajectory begins at the first time at which somebody has shared. Intervals in which nobody is susceptible or
    exposed carry no information and are left out.

    Raises
    ------
    InputError
        When nothing is left to learn from, or somebody shared who could not have been exposed.
    """
    table = trajectories.table.assign(path=trajectories.path_numbers)
    table = table[table["infected"] > 0]
    first = table.groupby("path").nth(0)
    if table["path"].duplicated().sum() == 0:
        raise InputError(
            f"{trajectories.source}: no trajectory goes on after somebody has shared; there is nothing to compare"
        )

    path = table["path"].to_numpy()
    time = table["time"].to_numpy(dtype=float)
    infected = table["infected"].to_numpy(dtype=np.int64)
    population = table["population"].to_numpy(dtype=np.int64)
    n_susceptible = population - infected
    start = first.set_index("path")
    susceptible0 = 1.0 - start["infected"].loc[path].to_numpy() / population
    elapsed = time - start["time"].loc[path].to_numpy(dtype=float)
    if closure == "recorded":
        rate = recorded_exposure_rate(
            table["si_edges"].to_numpy(dtype=float), table["degree"].to_numpy(dtype=float), n_susceptible
        )
    else:
        degrees = table["degree"].to_numpy(dtype=float) if closure == "edge-based" else np.zeros(path.size)
        rate = np.empty(path.size)
        for degree in np.unique(degrees):
            of_degree = degrees == degree
            formula = closed_formula(closure, float(degree))
            rate[of_degree] = formula.exposure_rate(
                n_susceptible[of_degree] / population[of_degree], susceptible0[of_degree]
            )
        rate = np.maximum(rate, 0.0)

    same = path[1:] == path[:-1]
    step = np.where(same, np.diff(time), 0.0)
    gained = pd.Series(np.concatenate([[0.0], rate[:-1] * step])).groupby(path).cumsum().to_numpy()
    begin = np.flatnonzero(same)
    end = begin + 1
    incidence = infected[end] - infected[begin]
    exposed = gained[end] > gained[begin]
    _refuse_unexposed(trajectories.source, table, begin[(incidence > 0) & ~exposed], closure)
    use = exposed & (n_susceptible[begin] > 0)
    if not np.any(n_susceptible[begin] > 0):
        raise InputError(f"{trajectories.source}: nobody is susceptible in any trajectory; there is nothing to learn")
    if not np.any(incidence[use] > 0):
        raise InputError(
            f"{trajectories.source}: nobody shares after the start in any trajectory; there is nothing to compare"
        )
    begin, end, incidence = begin[use], end[use], incidence[use]
    return Transitions(
        exposure_start=gained[begin],
        exposure_end=gained[end],
        time_start=elapsed[begin],
        time_end=elapsed[end],
        n_susceptible=n_susceptible[begin],
        incidence=incidence,
        path=path[begin],
        time=time[end],
        closure=closure,
        window=float(elapsed[end].max()),
        paths=start.rename(columns={"infected": "infected0"})[
            [name for name in ("trajectory", "population", "infected0", "degree") if name in (*start, "infected0")]
        ],
        n_increments=len(trajectories.table) - int(trajectories.path_numbers.max()) - 1,
        cautions=_cautions(trajectories, elapsed[end] - elapsed[begin]),
    )


def _cautions(trajectories: Trajectories, steps: FloatArray) -> tuple[str, ...]:
    found = []
    if steps.max() > steps.min() * (1 + 1e-9):
        found.append(
            f"caution: times are not evenly spaced (steps from {steps.min():g} to {steps.max():g}), but each step is "
            "taken as one synchronous round of its length"
        )
    table = trajectories.table
    if (table["infected"].groupby(trajectories.path_numbers).first() == 0).any():
        found.append(
            "caution: some trajectories begin before anybody has shared, so sharing came from outside; if it went on "
            "coming, it can look like a second rate"
        )
    return tuple(found)


def _refuse_unexposed(source: str, table: pd.DataFrame, begin: IntArray, closure: str) -> None:
    if begin.size:
        row = table.iloc[int(begin[0])]
        remedy = "; compare with the mean-field closure, or check si_edges" if closure == "recorded" else ""
        raise InputError(
            f"{source}: in trajectory {row['trajectory']} somebody shares after time {row['time']}, when no "
            f"susceptible agent was exposed ({closure} closure); such sharing comes from outside and "
            f"no model here has it{remedy}"
        )
