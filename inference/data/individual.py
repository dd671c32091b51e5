"""From event histories to observations: every agent's own exposure.

Given the history of the others, an agent that shared in `(a, b]` contributes `G(Λ(a)) - G(Λ(b))`. An agent that had not
shared by the end contributes `G(Λ(end))`. With exact times the density `-G'(Λ) x` takes the place of the difference; it
is computed as a difference over a very short time. Each is a product of `G(Λ(a))`, the probability of not sharing until
a, and `1 - G(Λ(b))/G(Λ(a))`. Both are terms of a binomial law, so agents of equal exposures are one observation with a
count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...common.compiled import njit
from ...errors import InputError
from ...models import DegreeDistribution, RandomRegular
from ...models.clock import Clock
from ...models.structures import AGE, CALENDAR, ELAPSED, Structure
from ...models.structures.base import Axis
from ...simulate.assignment import assortativity_of_edges
from ...simulate.contacts import ContactNetwork
from ...simulate.histories import EventHistories
from .clustering import cluster, equal_rows, group_means
from .covariates import design
from .exposure_bins import (
    FEW_BINS,
    MANY_AGENTS,
    MAX_BINS,
    BinLayout,
    BinnedExposure,
    active_until,
    agent_bins,
    bin_layout,
)
from .grouping import bins, combined, group, mean_by_type
from .observations import AgentUnits, Transitions
from .pilot import pilot_weights
from .weighting import Weighting

FloatArray = NDArray[np.float64]

Contact = Literal["edges", "fraction"]
"""Exposure by the number of sharing neighbours, or by their fraction."""
CONTACTS: tuple[Contact, ...] = get_args(Contact)
EVENT_HISTORIES = "event histories"
"""Source of the exposure in results, in the place of the name of a closure."""

MAX_GAINED = 64
"""Number of bins of the exposure in the interval of a share, for a model without memory."""

_TIMING = 1.0
"""Weight of the mean place of an exposure against its size, where agents are compared."""
MAX_TYPES = 2000
"""About how many types of agents are made where their exposure is known in bins. They are the same for one rate and two
rates with the same structure, so that these are compared on the same agents."""

_INSTANT = 1e-7
"""Length of an exact time, as a share of the observed window."""


def contact_scale(network: ContactNetwork, contact: Contact) -> FloatArray:
    """Return what the weight of sharing neighbours is divided by to give the exposure rate, shape (n_agents,)."""
    if contact == "fraction":
        return np.where(network.weights_in > 0, network.weights_in, 1.0)
    return np.full(network.n_agents, network.mean_weight_in)


@njit("inference/data")
def _exposures(indptr, indices, weights, share_time, end, back):  # type: ignore[no-untyped-def]
    """Exposure of every agent until `back` before its end, in the last `back`, and the first exposure.

    An agent's end is its share, or the end of the observation. A neighbour is visible from its own share on.
    """
    n = share_time.size
    until_before, gained, first = np.zeros(n), np.zeros(n), np.full(n, np.inf)
    for j in range(n):
        shared = share_time[j]
        if shared > end:
            continue
        for edge in range(indptr[j], indptr[j + 1]):
            i = indices[edge]
            own_end = min(share_time[i], end)
            if shared >= own_end:
                continue
            weight = weights[edge] if weights.size else 1.0
            if weight == 0.0:
                continue
            until_before[i] += weight * max(own_end - back - shared, 0.0)
            gained[i] += weight * min(own_end - shared, back)
            first[i] = min(first[i], shared)
    return until_before, gained, first


def interval_of_share(histories: EventHistories, clock: Clock) -> float:
    """Return the length of the interval in which a share was decided: a round, or an instant in continuous time."""
    return 1.0 if clock == "rounds" else _INSTANT * float((histories.ends - histories.starts).max())


@dataclass(frozen=True)
class AgentExposure:
    """Exposure of the agents that were exposed and are no initial sharers; arrays of shape (n,).

    Parameters
    ----------
    path, agent : array of int
        Number of the trajectory and of the agent.
    before, gained : array
        Cumulative exposure Λ at the start of the interval in which the agent shared, and the gain in the interval.
        Where the agent did not share: the exposure at the end of the observation, and 0.
    time_first, time_before, time_end : array
        Times of the first exposure and of the interval, since the start of the trajectory.
    shared : array of bool
        Whether the agent shared.
    """

    path: NDArray[np.int64]
    agent: NDArray[np.int64]
    before: FloatArray
    gained: FloatArray
    time_first: FloatArray
    time_before: FloatArray
    time_end: FloatArray
    shared: NDArray[np.bool_]

    @property
    def end(self) -> FloatArray:
        """Cumulative exposure Λ at the end of the interval."""
        return self.before + self.gained


def agent_exposure(
    histories: EventHistories, clock: Clock, contact: Contact = "edges"
) -> tuple[AgentExposure, NDArray[np.int64]]:
    """Compute the exposure of every agent of event histories.

    Parameters
    ----------
    histories : EventHistories
        Who shared when, and who is shown whose posts.
    clock : {"rounds", "continuous"}
        In rounds a share at time t was decided in the round from t - 1 to t. In continuous time it happened at t.
    contact : {"edges", "fraction"}
        Whether exposure is the weight of the sharing neighbours over its mean, or over that of the agent's own
        neighbours.

    Returns
    -------
    exposure : AgentExposure
    spontaneous : array of int, shape (n_trajectories,)
        Agents that shared after the start without exposure: further initial sharers.
    """
    starts, ends = histories.starts, histories.ends
    back = interval_of_share(histories, clock)
    parts, spontaneous = [], np.zeros(histories.n_trajectories, dtype=np.int64)
    for number in range(histories.n_trajectories):
        network = histories.network_of(number)
        weights = np.empty(0) if network.weights is None else network.weights
        scale = contact_scale(network, contact)
        share_time, seeds = histories.share_times(number), histories.seeds(number)
        until_before, gained, first = _exposures(
            network.indptr, network.indices, weights, share_time, ends[number], back
        )
        shared = np.isfinite(share_time)
        spontaneous[number] = int(np.sum(shared & ~seeds & (gained == 0)))
        agent = np.flatnonzero(~seeds & (gained > 0))
        has_shared = shared[agent]
        own_end = np.minimum(share_time, ends[number])[agent]
        before, last = until_before[agent] / scale[agent], gained[agent] / scale[agent]
        parts.append(
            AgentExposure(
                path=np.full(agent.size, number),
                agent=agent,
                before=np.where(has_shared, before, before + last),
                gained=np.where(has_shared, last, 0.0),
                time_first=first[agent] - starts[number],
                time_before=np.where(has_shared, own_end - back, own_end) - starts[number],
                time_end=own_end - starts[number],
                shared=has_shared,
            )
        )
    names = AgentExposure.__dataclass_fields__
    return AgentExposure(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names}), spontaneous


def observe_histories(
    histories: EventHistories,
    clock: Clock,
    contact: Contact = "edges",
    *,
    by_time: bool = False,
    kept_apart: NDArray[np.int64] | None = None,
    covariates: Sequence[str] = (),
    structure: type[Structure] | None = None,
    period: float | None = None,
    weighting: Weighting | None = None,
) -> Transitions:
    """Turn event histories into observations: agents of equal exposures are one observation with a count.

    Parameters
    ----------
    histories : EventHistories
        Who shared when, and who is shown whose posts.
    clock, contact
        As of :func:`agent_exposure`.
    by_time : bool
        Whether agents of equal exposures but other times are kept apart: for models that look at time.
    kept_apart : array of int, shape (n_trajectories,), optional
        Agents of trajectories that differ in this number are kept apart, and it is the path of the observations: the
        number of the trajectory for effects of replicates, or that of a condition.
    covariates : sequence of str
        Attributes of the agents, `degree`, or `trajectory`: agents that differ in them are kept apart.
    structure : type of Structure, optional
        Gather exposure in bins of its axis, for models that weight it.
    period : float, optional
        The period of a rhythm.
    weighting : Weighting, optional
        Weight the exposure by a structure with given values, in the place of bins.

    Raises
    ------
    InputError
        When nobody shares who was exposed, times in rounds are not whole numbers, or an agent lacks a covariate.
    """
    if clock == "rounds" and ((histories.shares["time"] % 1 != 0).any() or (histories.ends % 1 != 0).any()):
        raise InputError(
            f"{histories.source}: times in rounds must be whole numbers; if time is continuous, use the clock "
            "continuous"
        )
    exposure, spontaneous = agent_exposure(histories, clock, contact)
    if not exposure.shared.any():
        raise InputError(f"{histories.source}: nobody shares who was exposed; there is nothing to compare")
    made = design(histories, exposure.path, exposure.agent, covariates) if covariates else None
    apart = None if kept_apart is None else kept_apart[exposure.path]
    keys = [*([] if apart is None else [apart]), *([made.group] if made else [])]
    binned = None
    weighs = structure if weighting is None else weighting.structure
    axis = None if weighs is None else weighs.axis
    if weighs is None or axis is None:
        types = _types(exposure, clock, by_time=by_time, keys=keys)
    else:
        layout, before_bins, gained_bins = _in_bins(histories, exposure, clock, contact, axis, period)
        if weighting is not None:
            weights = weighting.weights(layout.bins)
            visible = replace(exposure, before=before_bins @ weights, gained=gained_bins @ weights)
            types = _types(visible, clock, by_time=by_time, keys=keys)
        else:
            window = float((histories.ends - histories.starts).max())
            types, binned = _binned_types(exposure, layout, before_bins, gained_bins, weighs, window, keys)
    shared, path, counts = types.shared, types.path, types.counts
    # A first row for the time until the interval, a second one for the interval of those who shared.
    before, event = np.flatnonzero(types.before > 0), np.flatnonzero(shared)
    rows = np.concatenate([before, event])
    is_event = np.arange(rows.size) >= before.size
    # Observations of a trajectory stand together.
    path_of_type = np.zeros(path.size, dtype=np.int64) if kept_apart is None else kept_apart[path]
    order = np.argsort(path_of_type[rows], kind="stable")
    place = np.empty(rows.size, dtype=np.int64)
    place[order] = np.arange(rows.size)
    row_before, row_event = np.full(counts.size, -1), np.full(counts.size, -1)
    row_before[before] = place[: before.size]
    row_event[event] = place[before.size :]
    at, is_event = rows[order], is_event[order]
    ends, starts = histories.ends, histories.starts
    networks = [histories.network_of(number) for number in range(histories.n_trajectories)]
    populations = np.array([network.n_agents for network in networks])
    paths = pd.DataFrame({"trajectory": histories.labels, "population": populations})
    paths["infected0"] = [int(histories.seeds(number).sum()) for number in range(histories.n_trajectories)]
    paths["degree"] = [network.mean_weight_in for network in networks]
    formulas = {network.name: _formula(network) for network in networks}
    size = counts[at]
    if binned is not None:
        until = np.where(is_event[:, None], binned.end[at], binned.start[at])
        binned = replace(binned, start=np.where(is_event[:, None], binned.start[at], 0.0), end=until)
    return Transitions(
        exposure_start=np.where(is_event, types.before[at], 0.0),
        exposure_end=np.where(is_event, types.end[at], types.before[at]),
        exposure_rate=np.zeros(at.size),
        elasticity=np.ones(at.size),
        time_start=np.where(is_event, types.time_before[at], types.time_first[at]),
        time_end=np.where(is_event, types.time_end[at], types.time_before[at]),
        n_susceptible=size,
        incidence=np.where(is_event, size, 0),
        population=populations[path[at]],
        weight=np.ones(at.size),
        path=path_of_type[at],
        time=np.where(is_event, types.time_end[at], types.time_before[at]) + starts[path[at]],
        closure=EVENT_HISTORIES,
        formulas=tuple(formulas[network.name] for network in networks),
        window=float((ends - starts).max()),
        paths=paths,
        n_increments=exposure.agent.size,
        cautions=(*_notes(histories, spontaneous), *assortativity_notes(histories, covariates)),
        units=AgentUnits(row_before, row_event, types.of_agent, exposure.path, exposure.agent),
        design=None if made is None else replace(made, group=made.group[types.first[at]]),
        binned=binned,
    )


def merge_memoryless(data: Transitions) -> Transitions:
    """Merge observations of event histories that a model without memory cannot tell apart.

    With a hazard that never changes, only the exposure and the time that an observation adds matter, and those of
    agents that do not share add up. The likelihood is the same up to a constant, from far fewer observations. (Where
    agents saw more than `MAX_GAINED` different exposures in the interval of their share, nearly equal ones are merged.)
    """
    gained, waited = data.exposure_end - data.exposure_start, data.time_end - data.time_start
    size, incidence = np.rint(data.weight * data.n_susceptible), np.rint(data.weight * data.incidence)
    shares = data.incidence > 0
    groups = data.path if data.design is None else data.design.group
    # Agents that share are kept apart by what they saw in their interval, which is equally long for all of them. All
    # others of a group are one observation.
    seen = bins(np.where(shares, gained, 0.0), MAX_GAINED)
    added = None
    if data.binned is not None:
        added = data.binned.end - data.binned.start
        seen = equal_rows(np.where(shares[:, None], added, 0.0))
    keys = np.stack([groups, shares, seen])
    _, first, merged = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    merged = merged.ravel()
    total = np.bincount(merged, weights=size)
    mean = [np.bincount(merged, weights=size * values) / np.maximum(total, 1.0) for values in (gained, waited)]
    order = np.argsort(data.path[first], kind="stable")
    first, total = first[order], total[order].astype(np.int64)
    zeros, binned = np.zeros(first.size), None
    if data.binned is not None and added is not None:
        columns = [np.bincount(merged, weights=size * column) for column in added.T]
        sums = np.stack(columns, axis=1)[order] / np.maximum(total, 1)[:, None]
        binned = replace(data.binned, start=np.zeros(sums.shape), end=sums)
    return replace(
        data,
        exposure_start=zeros,
        exposure_end=mean[0][order],
        exposure_rate=zeros,
        elasticity=np.ones(first.size),
        time_start=zeros,
        time_end=mean[1][order],
        n_susceptible=np.maximum(total, 1),
        incidence=np.bincount(merged, weights=incidence)[order].astype(np.int64),
        population=data.population[first],
        weight=(total > 0).astype(float),
        path=data.path[first],
        time=data.time[first],
        units=None,
        design=None if data.design is None else replace(data.design, group=data.design.group[first]),
        binned=binned,
    )


class _Types(NamedTuple):
    """Groups of agents of equal or nearly equal exposures; arrays of shape (n_types,) as in :class:`AgentExposure`."""

    path: NDArray[np.int64]
    before: FloatArray
    end: FloatArray
    time_first: FloatArray
    time_before: FloatArray
    time_end: FloatArray
    shared: NDArray[np.bool_]
    counts: NDArray[np.int64]
    first: NDArray[np.int64]
    """One agent of each type."""
    of_agent: NDArray[np.int64]
    """Type of each agent, shape (n_agents,)."""


def _types(exposure: AgentExposure, clock: Clock, *, by_time: bool, keys: Sequence[NDArray[np.int64]]) -> _Types:
    """Group agents that agree in all keys.

    With exact times the exposure in the instant of sharing multiplies a density, whatever the rates.
    """
    gained = exposure.gained
    columns = {"exposure": exposure.before}
    columns |= {"gained": gained} if clock == "rounds" or by_time else {}
    columns |= {"first": exposure.time_first, "time": exposure.time_before} if by_time else {}
    codes, equal = group(columns, exact=[exposure.shared.astype(np.int64), *keys])
    # With a single column times are exact, and the gain is that of an instant.
    return _of_codes(exposure, codes, equal=equal, mean_gain=not equal or len(columns) == 1)


def _in_bins(
    histories: EventHistories,
    exposure: AgentExposure,
    clock: Clock,
    contact: Contact,
    axis: Axis,
    period: float | None,
) -> tuple[BinLayout, FloatArray, FloatArray]:
    """Return bins, and the exposure of the agents in them: until the interval of their share, and in it."""
    starts, ends = histories.starts, histories.ends
    max_bins = MAX_BINS if exposure.agent.size <= MANY_AGENTS else FEW_BINS
    first, last = float(starts.min()), float(ends.max())
    if axis in (ELAPSED, AGE):
        first, last = 0.0, float((ends - starts).max())
    until = active_until(histories.shares["time"].to_numpy(dtype=float)) if axis == CALENDAR else None
    layout = bin_layout(axis, clock, first, last, period, max_bins, until)
    parts = []
    for number in range(histories.n_trajectories):
        agents = exposure.agent[exposure.path == number]
        scale = contact_scale(histories.network_of(number), contact)
        parts.append(agent_bins(histories, number, layout, interval_of_share(histories, clock), agents, scale))
    before, gained = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    # As in `agent_exposure`, the exposure of who did not share counts until the end, and nothing is gained.
    shared = exposure.shared[:, None]
    return layout, np.where(shared, before, before + gained), np.where(shared, gained, 0.0)


def _binned_types(
    exposure: AgentExposure,
    layout: BinLayout,
    before: FloatArray,
    gained: FloatArray,
    structure: type[Structure],
    window: float,
    keys: Sequence[NDArray[np.int64]],
) -> tuple[_Types, BinnedExposure]:
    """Group agents that agree in all keys and nearly agree in their exposure in bins.

    Exposures are compared at the weights of a quick fit: what agents saw when it counted is what tells them apart.
    """
    shared, place = exposure.shared.astype(np.int64), gained.argmax(axis=1)
    # A setting is not known yet: every age may count.
    has_setting = structure.setting is not None
    weights = np.ones(layout.n_bins) if has_setting else _pilot(exposure, layout, before, gained, structure, window)
    seen = gained @ weights
    at = np.linspace(0.0, 1.0, layout.n_bins)
    total = before.sum(axis=1)
    features = np.column_stack(
        [
            _on_log_scale(before @ weights),
            # Weights differ from those of the quick fit: agents that saw as much at other times are told apart.
            _TIMING * (before @ at) / np.where(total > 0, total, 1.0),
            _on_log_scale(seen),
            _TIMING * (gained @ at) / np.where(exposure.shared, exposure.gained, 1.0),
        ]
    )
    if has_setting:
        # The likelihood of one rate is exact: only what was seen in the interval of a share matters.
        fixed = combined([shared, equal_rows(gained), *keys])
        codes = cluster(features, fixed, int(fixed.max()) + 1 + MAX_TYPES // 2)
    else:
        apart = [bins(seen, MAX_GAINED), *([] if layout.axis == AGE else [place])]
        codes = cluster(features, combined([shared, *apart, *keys]), MAX_TYPES)
    types = _of_codes(exposure, codes, equal=False, mean_gain=True)
    mean_before, mean_gain = group_means(before, codes), group_means(gained, codes)
    # The mean over logarithms of the gain keeps the sum of log-densities, as without bins.
    sums = mean_gain.sum(axis=1)
    mean_gain *= ((types.end - types.before) / np.where(sums > 0, sums, 1.0))[:, None]
    return types, BinnedExposure(layout.axis, layout.bins, mean_before, mean_before + mean_gain, layout.until)


def _pilot(
    exposure: AgentExposure,
    layout: BinLayout,
    before: FloatArray,
    gained: FloatArray,
    structure: type[Structure],
    window: float,
) -> FloatArray:
    """Return the weights of the bins at a quick fit of one rate."""
    rows = gained[exposure.shared]
    number = equal_rows(rows)
    _, first = np.unique(number, return_index=True)
    scaled = BinnedExposure(layout.axis, layout.bins, before[:0], before[:0]).scaled(window)
    return pilot_weights(structure, scaled, rows[first], np.bincount(number).astype(float), before.sum(axis=0), window)


def _on_log_scale(values: FloatArray) -> FloatArray:
    """Return values of 0 or more on a scale that is linear near 0 and logarithmic far from it."""
    mean = float(values.mean())
    return np.log1p(values * (20.0 / mean)) if mean > 0 else np.zeros_like(values)


def _of_codes(exposure: AgentExposure, codes: NDArray[np.int64], *, equal: bool, mean_gain: bool) -> _Types:
    """Return groups of agents with their exposure: that of any agent if all are equal, else the mean."""
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    names = ("before", "time_first", "time_before", "time_end")
    values = {name: getattr(exposure, name)[first] for name in names}
    gain = exposure.gained[first]
    if not equal:
        values = {name: mean_by_type(getattr(exposure, name), codes, counts) for name in names}
    if mean_gain:
        # The density of an exact time is proportional to the exposure in its instant: the geometric mean keeps the sum.
        log_gain = np.log(np.where(exposure.shared, exposure.gained, 1.0))
        gain = np.where(exposure.shared[first], np.exp(mean_by_type(log_gain, codes, counts)), 0.0)
    return _Types(
        path=exposure.path[first],
        end=values["before"] + gain,
        shared=exposure.shared[first],
        counts=counts,
        first=first,
        of_agent=codes,
        **values,
    )


def _formula(network: ContactNetwork) -> RandomRegular | DegreeDistribution:
    """Return the closed formula of the network, for curves that are solved forward."""
    values, counts = np.unique(network.degrees_in, return_counts=True)
    if values.size == 1 and values[0] >= 2:
        return RandomRegular(float(values[0]))
    return DegreeDistribution.from_counts(dict(zip(values.tolist(), counts.tolist(), strict=True)))


ALIKE = 0.1
"""Assortativity of an attribute among neighbours above which the result has a note."""


def assortativity_notes(histories: EventHistories, covariates: Sequence[str]) -> list[str]:
    """Return a note for each text attribute that is assortative on the network and is not a covariate."""
    coefficients: dict[str, float] = {}
    first_on = {histories.network_of(number).name: number for number in reversed(range(histories.n_trajectories))}
    for number in first_on.values():
        network, attributes = histories.network_of(number), histories.attributes_of(number)
        for name in histories.attributes:
            if name not in covariates and not pd.api.types.is_numeric_dtype(attributes[name]):
                label = pd.factorize(attributes[name])[0]
                source = np.repeat(label, np.diff(network.indptr))
                value = assortativity_of_edges(source, label[network.indices])
                coefficients[name] = max(coefficients.get(name, 0.0), np.nan_to_num(value))
    return [
        f"neighbours have similar {name} (assortativity {value:.2f}). If {name} affects sharing, the classes of "
        f"neighbours depend on each other; compare again with the covariate {name}"
        for name, value in coefficients.items()
        if value > ALIKE
    ]


_MANY_SPONTANEOUS = 0.1
"""Part of the shares without an exposed neighbour above which the direction of the edges is doubted."""


def _notes(histories: EventHistories, spontaneous: NDArray[np.int64]) -> tuple[str, ...]:
    notes = list(histories.notes)
    if spontaneous.sum():
        notes.append(
            "agents that shared when none of their neighbours had, taken as further initial sharers: "
            f"{spontaneous.sum()}"
        )
    if spontaneous.sum() > _MANY_SPONTANEOUS * histories.n_shares:
        ways = {"the other way": _unexposed(histories, (1, 0)), "in both ways": _unexposed(histories, (0, 1), (1, 0))}
        way, fewest = min(ways.items(), key=lambda each: each[1])
        if 2 * fewest < _unexposed(histories, (0, 1)):
            notes.append(
                f"if edges led {way}, only {fewest} agents, initial sharers included, would have shared without a "
                "neighbour that had; are they as meant? The target sees what the source posts: --network "
                "FILE:source=COLUMN,target=COLUMN, or FILE:directed=no for both ways"
            )
    return tuple(notes)


def _unexposed(histories: EventHistories, *ways: tuple[int, int]) -> int:
    """Count sharers without a neighbour that shared before, where edges lead in some ways: (0, 1) is as they are."""
    n_unexposed = 0
    for number in range(histories.n_trajectories):
        network, times = histories.network_of(number), histories.share_times(number)
        ends = np.repeat(np.arange(network.n_agents), np.diff(network.indptr)), network.indices
        exposed = np.zeros(network.n_agents, dtype=bool)
        for one, other in ways:
            exposed[ends[other][times[ends[one]] < times[ends[other]]]] = True
        n_unexposed += int(np.sum(np.isfinite(times) & ~exposed))
    return n_unexposed
