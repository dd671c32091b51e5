"""From trajectories to observations: one increment of the count, given the past, is one observation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError
from ...models import CLOSURES, Closure, DegreeDistribution, MeanField, RandomRegular
from ...models.clock import CLOCKS, Clock
from ...models.closures import recorded_exposure_rate
from ...models.numerics import logistic_mean
from ...simulate import Trajectories
from ...simulate.trajectories import degree_counts

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LATE = 0.5
"""Share of its peak under which exposure is not taken from a degree distribution."""


@dataclass(frozen=True)
class AgentUnits:
    """Which observations each agent of event histories contributes to.

    Agents of equal exposures are of one type. A type has a row for the time until the interval in which the agents
    shared, and a row for that interval; -1 where it has none.

    Parameters
    ----------
    row_before, row_event : array of int, shape (n_types,)
        Numbers of the two observations of each type.
    type_of_agent : array of int, shape (n_agents,)
        Type of each agent, in an order that does not depend on the types.
    path, agent : array of int, shape (n_agents,)
        Number of the trajectory, and of the agent in its network.
    """

    row_before: IntArray
    row_event: IntArray
    type_of_agent: IntArray
    path: IntArray
    agent: IntArray


@dataclass(frozen=True)
class Transitions:
    """Increments of the count; arrays of shape (n_observations,) unless said otherwise.

    Parameters
    ----------
    exposure_start, exposure_end : array
        Cumulative exposure Λ of a susceptible agent at the start and the end of the interval, from the observed path;
        in synchronous rounds exposure stays for an interval as it is at its start.
    exposure_rate, elasticity : array
        Exposure rate x at the start, and elasticity `d log(1 - x) / d log s` of the closure there.
    time_start, time_end : array
        Time since the trajectory's start.
    n_susceptible, incidence, population : array
        Susceptible agents at the start; new sharers in the interval; agents in all.
    weight : array
        How often each counts: 0 leaves it out.
    path : array
        Number of the trajectory, from 0.
    time : array
        Time at the end of the interval, as in the data.
    closure : str
        Name of the closure that gave the exposure.
    formulas : tuple of Closure, one a trajectory
        Formulas for prediction: the closure's, or, where exposure was recorded, that of the network.
    window : float
        Longest time from a start to the end of an interval that tells something: the time scale of the priors on rates.
    paths : pandas.DataFrame, one row a trajectory
        `trajectory` (label), `population`, `infected0`, and `degree` where it is known.
    n_increments : int
        Increments in the data, those included that tell nothing.
    cautions : tuple of str
        What in the data the model of the process does not provide for.
    units : AgentUnits, optional
        Which observations each agent contributes to, where the data are event histories.
    """

    exposure_start: FloatArray
    exposure_end: FloatArray
    exposure_rate: FloatArray
    elasticity: FloatArray
    time_start: FloatArray
    time_end: FloatArray
    n_susceptible: IntArray
    incidence: IntArray
    population: IntArray
    weight: FloatArray
    path: IntArray
    time: FloatArray
    closure: str
    formulas: tuple[Closure, ...]
    window: float
    paths: pd.DataFrame
    n_increments: int
    cautions: tuple[str, ...]
    units: AgentUnits | None = None

    @property
    def size(self) -> int:
        """Number of observations."""
        return self.incidence.size

    @property
    def prevalence(self) -> FloatArray:
        """Prevalence at the end of the interval, in [0, 1]."""
        return 1.0 - (self.n_susceptible - self.incidence) / self.population

    @property
    def labels(self) -> NDArray[Any]:
        """Labels of the trajectories as text, shape (n_trajectories,)."""
        return self.paths["trajectory"].astype(str).to_numpy().astype(object)

    def observed(self, name: str) -> NDArray[Any]:
        """Return what a likelihood is of: `incidence` or `prevalence`."""
        return self.incidence if name == "incidence" else self.prevalence

    @property
    def susceptible0(self) -> FloatArray:
        """Susceptible fraction at the start of each trajectory, shape (n_trajectories,)."""
        return np.asarray(1.0 - self.paths["infected0"] / self.paths["population"], dtype=float)


def choose_closure(trajectories: Trajectories, closure: str | None = None) -> tuple[str, str]:
    """Return the name of the closure, and why: the one asked for, or the most exact that the data allow.

    Raises
    ------
    InputError
        When the name is unknown or the data lack what the closure needs.
    """
    table = trajectories.table
    # Neighbours of every agent alike; a mean of unequal numbers would need the numbers themselves.
    regular = "degree" in table and bool(((table["degree"] >= 2) & (table["degree"] % 1 == 0)).all())
    has = {
        "recorded": {"si_edges", "degree"} <= set(table),
        "edge-based": "degrees" in table or regular,
        "mean-field": True,
    }
    reason = "asked for"
    if closure is None:
        closure = next(name for name in CLOSURES if has[name])
        without = "; on a network this can hide or imitate a second rate"
        if closure == "recorded":
            reason = "the data record the susceptible-sharer edges (si_edges)"
        elif closure == "edge-based":
            known = "degrees" if "degrees" in table else "a degree"
            reason = f"the data have {known} but no count of susceptible-sharer edges (si_edges)"
        elif "degree" in table:
            reason = f"degree is a mean of unequal or too few neighbours, and there is no column degrees{without}"
        else:
            reason = f"the data have no column degree{without}"
    check_closure(closure)
    if not has[closure]:
        needs = {
            "recorded": "the columns si_edges and degree",
            "edge-based": "the column degree (a whole number of at least 2, the same for all agents) or degrees",
        }[closure]
        raise InputError(
            f"{trajectories.source}: the {closure} closure needs {needs}; add it or choose another closure"
        )
    return closure, reason


def choose_clock(trajectories: Trajectories, clock: str | None = None) -> tuple[Clock, str]:
    """Return the clock, and why: the one asked for, that of the simulation where the data record it, or rounds.

    Raises
    ------
    InputError
        When there is no such clock.
    """
    known = next((name for name in CLOCKS if name == trajectories.clock), None)
    if clock is None:
        return (CLOCKS[0], "the data do not say theirs") if known is None else (known, "that of the simulation")
    chosen = next((name for name in CLOCKS if name == clock), None)
    if chosen is None:
        raise InputError(f"clock {clock!r} is unknown; choose one of {', '.join(CLOCKS)}")
    return chosen, "asked for" if known in (None, clock) else f"asked for; that of the simulation was {known}"


def check_closure(closure: str) -> None:
    """Raise an InputError when there is no such closure."""
    if closure not in CLOSURES:
        raise InputError(f"closure {closure!r} is unknown; choose one of {', '.join(CLOSURES)}")


def network_formula(row: Mapping[Any, Any], closure: str = "edge-based") -> Closure:
    """Return the closed formula for a trajectory, from a row of it; mean-field where its network is not known.

    The recorded closure has no formula of its own: its network's stands in where something is predicted.
    """
    if closure != "mean-field":
        if "degrees" in row:
            return DegreeDistribution.from_counts(degree_counts(row["degrees"]))
        if "degree" in row and row["degree"] >= 2 and row["degree"] % 1 == 0:
            return RandomRegular(float(row["degree"]))
    return MeanField()


def observe(
    trajectories: Trajectories, closure: str, clock: Clock = "rounds", *, whole_curve: bool = False
) -> Transitions:
    """Turn trajectories into observed increments, with exposure from the observed path.

    A trajectory begins at the first time at which somebody has shared. Intervals in which nobody is susceptible or
    exposed carry no information about a transition and are left out; so are those at the end of a spread for which the
    formula of a degree distribution is not trusted (see docs/closures.md).

    Parameters
    ----------
    trajectories : Trajectories
        The data.
    closure : str
        Name of the closure.
    clock : {"rounds", "continuous"}
        Whether exposure stays as it is until the next time, or changes on the way.
    whole_curve : bool
        Keep every increment: where the curve is compared as a whole, one without transitions tells something too.

    Raises
    ------
    InputError
        When nothing is left to learn from, or somebody shared who, as recorded, was not exposed.
    """
    table = trajectories.table.assign(path=trajectories.path_numbers)
    table = table[table["infected"] > 0]
    first = table.groupby("path").nth(0)
    if table["path"].duplicated().sum() == 0:
        raise InputError(
            f"{trajectories.source}: no trajectory goes on after somebody has shared; there is nothing to compare"
        )

    # Trajectories that never start are gone: numbered anew.
    start = first.set_index("path").rename(columns={"infected": "infected0"})
    path = np.searchsorted(start.index.to_numpy(), table["path"].to_numpy())
    time = table["time"].to_numpy(dtype=float)
    infected = table["infected"].to_numpy(dtype=np.int64)
    population = table["population"].to_numpy(dtype=np.int64)
    n_susceptible = population - infected
    elapsed = time - start["time"].to_numpy(dtype=float)[path]
    formulas = _formulas(start, closure)
    rate, elasticity = _exposure(table, path, formulas, closure)

    same = path[1:] == path[:-1]
    step = np.where(same, np.diff(time), 0.0)
    mean_rate = rate[:-1] if clock == "rounds" else logistic_mean(rate[:-1], rate[1:])
    gained = pd.Series(np.concatenate([[0.0], mean_rate * step])).groupby(path).cumsum().to_numpy()
    begin = np.flatnonzero(same)
    end = begin + 1
    incidence = infected[end] - infected[begin]
    exposed = rate[begin] > 0
    if closure == "recorded" and not whole_curve:
        _refuse_unexposed(trajectories.source, table, begin[(incidence > 0) & ~exposed])
    late = _late(rate, path, formulas)[begin] & (closure != "recorded")
    if not np.any(n_susceptible[begin] > 0):
        raise InputError(f"{trajectories.source}: nobody is susceptible in any trajectory; there is nothing to learn")
    informative = exposed & (n_susceptible[begin] > 0) & ~late
    if not np.any(incidence[informative] > 0):
        raise InputError(
            f"{trajectories.source}: nobody shares after the start in any trajectory; there is nothing to compare"
        )
    use = np.ones(begin.size, dtype=bool) if whole_curve else informative
    cautions = _cautions(trajectories, np.diff(time)[same], clock)
    if not whole_curve and incidence[late].any():
        cautions = (*cautions, _said_of_late(incidence[late]))
    begin, end, incidence = begin[use], end[use], incidence[use]
    return Transitions(
        exposure_start=gained[begin],
        exposure_end=gained[end],
        exposure_rate=rate[begin],
        elasticity=elasticity[begin],
        time_start=elapsed[begin],
        time_end=elapsed[end],
        n_susceptible=n_susceptible[begin],
        incidence=incidence,
        population=population[begin],
        weight=np.ones(begin.size),
        path=path[begin],
        time=time[end],
        closure=closure,
        formulas=formulas,
        window=float(elapsed[np.flatnonzero(same)[informative] + 1].max()),
        paths=start[
            [name for name in ("trajectory", "population", "infected0", "degree") if name in start]
        ].reset_index(drop=True),
        n_increments=len(trajectories.table) - int(trajectories.path_numbers.max()) - 1,
        cautions=cautions,
    )


def pooled_conditions(part: Trajectories, by: Sequence[str]) -> str:
    """Say which conditions are taken for one; a column in which every trajectory differs only tells them apart."""
    first = part.table.groupby(part.path_numbers).first()
    counts = {name: first[name].nunique(dropna=False) for name in part.conditions if name not in by}
    varied = {name: count for name, count in counts.items() if 1 < count < len(first)}
    if not varied:
        return ""
    described = ", ".join(f"{name} ({count} values)" for name, count in varied.items())
    return (
        f"caution: trajectories that differ in {described} are taken for one condition, and rates that differ "
        f"between them can look like two; --by {','.join([*by, *varied])} compares each apart"
    )


def _formulas(start: pd.DataFrame, closure: str) -> tuple[Closure, ...]:
    columns = [name for name in ("degree", "degrees") if name in start]
    known: dict[tuple[Any, ...], Closure] = {}
    found = []
    for key in start[columns].itertuples(index=False, name=None):
        if key not in known:
            known[key] = network_formula(dict(zip(columns, key, strict=True)), closure)
        found.append(known[key])
    return tuple(found)


def _exposure(
    table: pd.DataFrame, path: IntArray, formulas: tuple[Closure, ...], closure: str
) -> tuple[FloatArray, FloatArray]:
    """Exposure rate and elasticity at every row."""
    population = table["population"].to_numpy(dtype=float)
    susceptible = 1.0 - table["infected"].to_numpy(dtype=float) / population
    susceptible0 = susceptible[np.searchsorted(path, path)]
    rate, elasticity = np.empty(path.size), np.empty(path.size)
    for formula in dict.fromkeys(formulas):
        of = np.array([other == formula for other in formulas])[path]
        s, s0 = susceptible[of], susceptible0[of]
        rate[of] = np.maximum(formula.exposure_rate(s, s0), 0.0)
        elasticity[of] = np.where(s > 0, formula.elasticity(np.maximum(s, 1e-12), s0), 1.0)
    if closure == "recorded":
        rate = recorded_exposure_rate(
            table["si_edges"].to_numpy(dtype=float),
            table["degree"].to_numpy(dtype=float),
            population - table["infected"].to_numpy(dtype=float),
        )
    return rate, elasticity


def _cautions(trajectories: Trajectories, steps: FloatArray, clock: Clock) -> tuple[str, ...]:
    found = []
    if clock == "rounds" and steps.max() > steps.min() * (1 + 1e-9):
        found.append(
            f"caution: times are not evenly spaced (steps from {steps.min():g} to {steps.max():g}), but each step is "
            "taken as one synchronous round of its length; if time is continuous, use the clock continuous"
        )
    table = trajectories.table
    if (table["infected"].groupby(trajectories.path_numbers).first() == 0).any():
        found.append(
            "caution: some trajectories begin before anybody has shared, so sharing came from outside; if it went on "
            "coming, it can look like a second rate"
        )
    return tuple(found)


def _late(rate: FloatArray, path: IntArray, formulas: tuple[Closure, ...]) -> NDArray[np.bool_]:
    """Rows at which the formula for a degree distribution is not trusted: exposure is under half of its peak so far.

    There the last agents within reach, with few neighbours, are left. The formula is true of large networks; in a
    network of some hundred agents their number is another, and on data of one rate the difference reads as a second.
    """
    peak = pd.Series(rate).groupby(path).cummax().to_numpy()
    uneven = np.array([isinstance(formula, DegreeDistribution) for formula in formulas])[path]
    return uneven & (rate < _LATE * peak)


def _said_of_late(incidence: IntArray) -> str:
    increments = f"{incidence.size} increment{'s' * (incidence.size > 1)}"
    return (
        f"caution: {incidence.sum()} agents shared when exposure, by the edge-based closure, was under half of its "
        f"peak ({increments}, left out): in small or sparse networks the closure errs there; a count of "
        "susceptible-sharer edges (si_edges) would be exact"
    )


def _refuse_unexposed(source: str, table: pd.DataFrame, begin: IntArray) -> None:
    if begin.size:
        row = table.iloc[int(begin[0])]
        raise InputError(
            f"{source}: in trajectory {row['trajectory']} somebody shares after time {row['time']}, when no "
            "susceptible agent was exposed (recorded closure); such sharing comes from outside, which neither one rate "
            "nor two can say; compare with the mean-field closure, or check si_edges"
        )
