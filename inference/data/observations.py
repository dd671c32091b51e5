"""Turn trajectories into observations. One observation is one increment of the count, given the past."""

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
from ...models.structures.base import Axis
from ...simulate import Trajectories
from ...simulate.histories import PATH_NUMBER
from ...simulate.trajectories import degree_counts
from .exposure_bins import BinnedExposure, Increments, count_bins

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SIMULTANEOUS = 0.1
"""Share of agents that share at the same time as another one of their trajectory; in rounds it is higher."""
_LATE = 0.5
"""Below this share of its peak, exposure from a degree distribution is not trusted."""


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
class Design:
    """Covariates of the agents of event histories.

    Parameters
    ----------
    matrix : array, shape (n_groups, n_effects)
        Values that the effects multiply, for each group of agents that agree in all covariates; centred over the
        agents. Levels of text have indicators.
    basis : array, shape (n_effects, n_coordinates)
        Effects of the levels of one covariate add up to 0. They are these combinations of fewer coordinates.
    covariate : array of int, shape (n_coordinates,)
        Number of the covariate of each coordinate.
    labels : tuple of str, one per effect
        Covariate and level, such as `persona: OCEAN`; of a number, the covariate alone.
    group : array of int, shape (n_observations,)
        Group of each observation.
    """

    matrix: FloatArray
    basis: FloatArray
    covariate: IntArray
    labels: tuple[str, ...]
    group: IntArray

    @property
    def arrays(self) -> dict[str, FloatArray]:
        """Arrays for sampling coordinates: what they multiply, and which of them belong to each covariate."""
        belongs = self.covariate == np.arange(int(self.covariate.max()) + 1)[:, None]
        return {
            "design": (self.matrix @ self.basis).ravel(),
            "design_covariate": belongs.ravel().astype(float),
        }


@dataclass(frozen=True)
class Transitions:
    """Increments of the count. Arrays have shape (n_observations,) unless another shape is stated.

    Parameters
    ----------
    exposure_start, exposure_end : array
        Cumulative exposure Λ of a susceptible agent at the start and the end of the interval, from the observed path.
        In synchronous rounds the exposure rate stays constant within an interval, at its value at the start.
    exposure_rate, elasticity : array
        Exposure rate x at the start, and elasticity `d log(1 - x) / d log s` of the closure there.
    time_start, time_end : array
        Time since the trajectory's start.
    n_susceptible, incidence, population : array
        Susceptible agents at the start; new sharers in the interval; total number of agents.
    weight : array
        How often each observation counts: 0 leaves it out.
    path : array
        Number of the trajectory, from 0.
    time : array
        Time at the end of the interval, as in the data.
    closure : str
        Name of the closure that gave the exposure.
    formulas : tuple of Closure, one per trajectory
        Formulas for prediction: the closure's formula, or the network's formula where exposure was recorded.
    window : float
        Longest time from the start of a trajectory to the end of an informative interval. It is the time scale of the
        priors on rates.
    paths : pandas.DataFrame, one row per trajectory
        `trajectory` (label), `population`, `infected0`, and `degree` where it is known.
    n_increments : int
        Number of increments in the data, including uninformative ones.
    cautions : tuple of str
        Features of the data that the model of the process does not describe.
    units : AgentUnits, optional
        Observations that each agent contributes to, where the data are event histories.
    design : Design, optional
        Covariates of the agents, where they have effects.
    binned : BinnedExposure, optional
        Exposure in bins, for models that weight it.
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
    design: Design | None = None
    binned: BinnedExposure | None = None

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
        """Return the observed quantity of a likelihood: `incidence` or `prevalence`."""
        return self.incidence if name == "incidence" else self.prevalence

    @property
    def susceptible0(self) -> FloatArray:
        """Susceptible fraction at the start of each trajectory, shape (n_trajectories,)."""
        return np.asarray(1.0 - self.paths["infected0"] / self.paths["population"], dtype=float)


def choose_closure(trajectories: Trajectories, closure: str | None = None) -> tuple[str, str]:
    """Return the name of the closure and the reason for it.

    The closure is the requested one. Without a request it is the most exact one that the data allow.

    Raises
    ------
    InputError
        When the name is unknown, or the data lack the columns that the closure needs.
    """
    table = trajectories.table
    known = {
        name: table[name].notna() if name in table else pd.Series(False, index=table.index)
        for name in ("si_edges", "degree", "degrees")
    }
    # All agents have the same number of neighbours. Unequal numbers need the column `degrees`, not their mean.
    regular = known["degree"] & (table["degree"] >= 2) & (table["degree"] % 1 == 0) if "degree" in table else False
    has_formula, is_mixed = known["degrees"] | regular, ~(known["degrees"] | known["degree"])
    available = {
        "recorded": bool((known["si_edges"] & known["degree"]).all()),
        "edge-based": bool((has_formula | is_mixed).all() and has_formula.any()),
        "mean-field": True,
    }
    reason = "asked for"
    if closure is None:
        closure = next(name for name in CLOSURES if available[name])
        danger = "; on a network this can hide or imitate a second rate"
        if closure == "recorded":
            reason = "the data record the susceptible-sharer edges (si_edges)"
        elif closure == "edge-based":
            column = "degrees" if known["degrees"].any() else "a degree"
            missing = "but no count of susceptible-sharer edges (si_edges)"
            if known["si_edges"].any() and not known["si_edges"].all():
                missing = f"but si_edges is empty for {_n_trajectories(trajectories, ~known['si_edges'])}"
            reason = f"the data have {column} {missing}"
            if is_mixed.any():
                without = _n_trajectories(trajectories, is_mixed)
                reason += f"; without a degree, {without} are taken for fully mixed"
        elif known["degree"].any():
            reason = f"degree is a mean of unequal or too few neighbours, and there is no column degrees{danger}"
        else:
            reason = f"the data have no column degree{danger}"
    check_closure(closure)
    if not available[closure]:
        needs = {
            "recorded": "the columns si_edges and degree",
            "edge-based": "the column degree (a whole number of at least 2, the same for all agents) or degrees",
        }[closure]
        raise InputError(
            f"{trajectories.source}: the {closure} closure needs {needs}; add it or choose another closure"
        )
    return closure, reason


def _n_trajectories(trajectories: Trajectories, rows: "pd.Series[bool]") -> str:
    """Return how many of the trajectories some rows belong to, in words."""
    path = trajectories.path_numbers
    return f"{np.unique(path[rows.to_numpy()]).size} of {np.unique(path).size} trajectories"


def choose_clock(trajectories: Trajectories, clock: str | None = None) -> tuple[Clock, str]:
    """Return the clock and the reason for it.

    The clock is the requested one. Without a request it is the clock of the simulation, where the data record it. Else
    times that are whole numbers in equal steps are taken for rounds, and others are continuous. Shares at whole times
    are continuous too if hardly any two happen at once.

    Raises
    ------
    InputError
        When there is no such clock.
    """
    recorded = next((name for name in CLOCKS if name == trajectories.clock), None)
    if clock is None:
        return _clock_of_times(trajectories) if recorded is None else (recorded, "that of the simulation")
    chosen = next((name for name in CLOCKS if name == clock), None)
    if chosen is None:
        raise InputError(f"clock {clock!r} is unknown; choose one of {', '.join(CLOCKS)}")
    return chosen, "asked for" if recorded in (None, clock) else f"asked for; that of the simulation was {recorded}"


def _clock_of_times(trajectories: Trajectories) -> tuple[Clock, str]:
    """Return the clock that times look like, and why."""
    if trajectories.histories is not None:
        shares = trajectories.histories.shares
        times = shares["time"].to_numpy(dtype=float)
        if np.any(times % 1 != 0):
            return "continuous", "times are not whole numbers"
        later = shares[times > times.min()]
        if len(later) > 0 and not later.duplicated([PATH_NUMBER, "time"]).mean() > _SIMULTANEOUS:
            return "continuous", "hardly any two agents share at the same time"
        return "rounds", "times are whole numbers"
    table = trajectories.table
    times, path = table["time"].to_numpy(dtype=float), trajectories.path_numbers
    if np.any(times % 1 != 0):
        return "continuous", "times are not whole numbers"
    steps = np.diff(times)[np.diff(path) == 0]
    if steps.size and steps.max() > steps.min():
        return "continuous", f"times are not evenly spaced (steps from {steps.min():g} to {steps.max():g})"
    return "rounds", "times are whole numbers in equal steps"


def check_closure(closure: str) -> None:
    """Raise an InputError when there is no such closure."""
    if closure not in CLOSURES:
        raise InputError(f"closure {closure!r} is unknown; choose one of {', '.join(CLOSURES)}")


def network_formula(row: Mapping[Any, Any], closure: str = "edge-based") -> Closure:
    """Return the closure formula for a trajectory from one of its rows; mean-field where the network is unknown.

    The recorded closure has no formula. Predictions use the formula of the network instead.
    """
    if closure != "mean-field":
        if pd.notna(row.get("degrees")):
            return DegreeDistribution.from_counts(degree_counts(row["degrees"]))
        if "degree" in row and row["degree"] >= 2 and row["degree"] % 1 == 0:
            return RandomRegular(float(row["degree"]))
    return MeanField()


def observe(
    trajectories: Trajectories,
    closure: str,
    clock: Clock = "rounds",
    *,
    whole_curve: bool = False,
    axis: Axis | None = None,
    period: float | None = None,
) -> Transitions:
    """Turn trajectories into observed increments, with exposure from the observed path.

    A trajectory begins at the first time at which somebody has shared. Intervals in which nobody is susceptible or
    exposed carry no information about a transition and are left out. Intervals at the end of a spread are also left
    out where the formula of a degree distribution is not trusted (see docs/closures.md).

    Parameters
    ----------
    trajectories : Trajectories
        The data.
    closure : str
        Name of the closure.
    clock : {"rounds", "continuous"}
        Whether the exposure rate stays constant until the next time, or changes in between.
    whole_curve : bool
        Keep every increment. Where the curve is compared as a whole, increments without transitions are informative
        too.
    axis : {"elapsed", "calendar", "phase", "age"}, optional
        Gather exposure in bins of this axis, for models that weight it.
    period : float, optional
        The period of the axis `phase`.

    Raises
    ------
    InputError
        When no informative increment is left, or when somebody shared although the recorded exposure was zero.
    """
    table = trajectories.table.assign(path=trajectories.path_numbers)
    table = table[table["infected"] > 0]
    first = table.groupby("path").nth(0)
    if table["path"].duplicated().sum() == 0:
        raise InputError(
            f"{trajectories.source}: no trajectory goes on after somebody has shared; there is nothing to compare"
        )

    # Trajectories in which nobody ever shares are dropped, so the rest is renumbered.
    start = first.set_index("path").rename(columns={"infected": "infected0"})
    path = np.searchsorted(start.index.to_numpy(), table["path"].to_numpy())
    time = table["time"].to_numpy(dtype=float)
    infected = table["infected"].to_numpy(dtype=np.int64)
    population = table["population"].to_numpy(dtype=np.int64)
    n_susceptible = population - infected
    elapsed = time - start["time"].to_numpy(dtype=float)[path]
    formulas = _formulas(start, closure)
    rate, elasticity = _exposure(table, path, formulas, closure)

    same_path = path[1:] == path[:-1]
    step = np.where(same_path, np.diff(time), 0.0)
    mean_rate = rate[:-1] if clock == "rounds" else logistic_mean(rate[:-1], rate[1:])
    cumulative = pd.Series(np.concatenate([[0.0], mean_rate * step])).groupby(path).cumsum().to_numpy()
    begin = np.flatnonzero(same_path)
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
    selected = np.ones(begin.size, dtype=bool) if whole_curve else informative
    cautions = _cautions(trajectories, np.diff(time)[same_path], clock)
    if not whole_curve and incidence[late].any():
        cautions = (*cautions, _late_caution(incidence[late]))
    binned = None
    if axis is not None:
        increments = Increments(
            path=path[begin],
            start=time[begin],
            end=time[end],
            origin=(time - elapsed)[begin],
            gained=(mean_rate * step)[begin],
            new_before=np.where(elapsed > 0, np.diff(infected, prepend=0), infected)[begin],
            infected=infected[begin],
        )
        binned = count_bins(increments, axis, clock, period).take(np.flatnonzero(selected))
    begin, end, incidence = begin[selected], end[selected], incidence[selected]
    return Transitions(
        exposure_start=cumulative[begin],
        exposure_end=cumulative[end],
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
        window=float(elapsed[np.flatnonzero(same_path)[informative] + 1].max()),
        paths=start[
            [name for name in ("trajectory", "population", "infected0", "degree") if name in start]
        ].reset_index(drop=True),
        n_increments=len(trajectories.table) - int(trajectories.path_numbers.max()) - 1,
        cautions=cautions,
        binned=binned,
    )


def pooled_conditions(part: Trajectories, by: Sequence[str]) -> str:
    """Return a caution that names the conditions that are pooled into one, or an empty string.

    A column that differs in every trajectory is only a label and is ignored.
    """
    first = part.table.groupby(part.path_numbers).first()
    counts = {name: first[name].nunique(dropna=False) for name in part.conditions if name not in by}
    varied = {name: count for name, count in counts.items() if 1 < count < len(first)}
    if not varied:
        return ""
    described = ", ".join(f"{name} ({count} values)" for name, count in varied.items())
    return (
        f"caution: trajectories that differ in {described} are pooled into one condition; rates that differ between "
        f"them can look like two rates; --by {','.join([*by, *varied])} compares them separately"
    )


def _formulas(start: pd.DataFrame, closure: str) -> tuple[Closure, ...]:
    columns = [name for name in ("degree", "degrees") if name in start]
    by_network: dict[tuple[Any, ...], Closure] = {}
    formulas = []
    for key in start[columns].itertuples(index=False, name=None):
        if key not in by_network:
            by_network[key] = network_formula(dict(zip(columns, key, strict=True)), closure)
        formulas.append(by_network[key])
    return tuple(formulas)


def _exposure(
    table: pd.DataFrame, path: IntArray, formulas: tuple[Closure, ...], closure: str
) -> tuple[FloatArray, FloatArray]:
    """Return the exposure rate and the elasticity at every row."""
    population = table["population"].to_numpy(dtype=float)
    susceptible = 1.0 - table["infected"].to_numpy(dtype=float) / population
    susceptible0 = susceptible[np.searchsorted(path, path)]
    rate, elasticity = np.empty(path.size), np.empty(path.size)
    for formula in dict.fromkeys(formulas):
        rows = np.array([other == formula for other in formulas])[path]
        s, s0 = susceptible[rows], susceptible0[rows]
        rate[rows] = np.maximum(formula.exposure_rate(s, s0), 0.0)
        elasticity[rows] = np.where(s > 0, formula.elasticity(np.maximum(s, 1e-12), s0), 1.0)
    if closure == "recorded":
        rate = recorded_exposure_rate(
            table["si_edges"].to_numpy(dtype=float),
            table["degree"].to_numpy(dtype=float),
            population - table["infected"].to_numpy(dtype=float),
        )
    return rate, elasticity


def _cautions(trajectories: Trajectories, steps: FloatArray, clock: Clock) -> tuple[str, ...]:
    cautions = []
    if clock == "rounds" and steps.max() > steps.min() * (1 + 1e-9):
        cautions.append(
            f"caution: times are not evenly spaced (steps from {steps.min():g} to {steps.max():g}), but each step is "
            "treated as one synchronous round of its length; if time is continuous, use the clock continuous"
        )
    table = trajectories.table
    if (table["infected"].groupby(trajectories.path_numbers).first() == 0).any():
        cautions.append(
            "caution: some trajectories begin before anybody has shared, so sharing came from outside; if it continued "
            "later, it can look like a second rate"
        )
    return tuple(cautions)


def _late(rate: FloatArray, path: IntArray, formulas: tuple[Closure, ...]) -> NDArray[np.bool_]:
    """Mark rows with exposure below half of its peak so far: a degree distribution's formula is not trusted there.

    Only the last reachable agents, with few neighbours, are still susceptible in these rows. The formula is exact in
    large networks. In a network of a few hundred agents their number differs from the formula, and on data from one
    rate this difference looks like a second rate.
    """
    peak = pd.Series(rate).groupby(path).cummax().to_numpy()
    uneven = np.array([isinstance(formula, DegreeDistribution) for formula in formulas])[path]
    return uneven & (rate < _LATE * peak)


def _late_caution(incidence: IntArray) -> str:
    increments = f"{incidence.size} increment{'s' * (incidence.size > 1)}"
    return (
        f"caution: {incidence.sum()} agents shared when exposure by the edge-based closure was below half of its peak "
        f"({increments}, left out): the closure is inaccurate there in small or sparse networks; a count of "
        "susceptible-sharer edges (si_edges) would be exact"
    )


def _refuse_unexposed(source: str, table: pd.DataFrame, begin: IntArray) -> None:
    if begin.size:
        row = table.iloc[int(begin[0])]
        raise InputError(
            f"{source}: in trajectory {row['trajectory']} somebody shares after time {row['time']}, when no "
            "susceptible agent was exposed (recorded closure); such sharing comes from outside, which neither the "
            "one-rate nor the two-rate model describes; compare with the mean-field closure, or check si_edges"
        )
