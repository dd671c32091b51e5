"""What would more data tell? Verdicts on data sets that are simulated from the fits, with more time or trajectories."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError, JobError
from ...models import SIModel
from ...models.structures.choice import DEFAULT, NONE
from ...simulate import Trajectories, random_regular
from ...simulate.contacts import NETWORK, ContactNetwork
from ...simulate.histories import SEED, EventHistories
from ...simulate.trajectories import as_trajectories
from ..comparison.compare import compare
from ..comparison.results import ConditionResult
from ..comparison.verdict import VERDICTS
from ..likelihood.specification import Level
from ..posterior.arviz_adapter import Posterior, group, make_posterior
from ..posterior.network_prediction import given_shares, simulate_shares
from ..posterior.pacing import pacing_of
from ..posterior.posterior_predictive import drawn, run_forward
from .independent_processes import trajectories_of

FloatArray = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

DATA_SETS = 10
"""Data sets that are simulated in each scenario from each fit."""
ENOUGH = 0.8
"""Share of the data sets with the right verdict at which a scenario is called enough."""
_SATURATED = 0.9
"""Prevalence beyond which more time adds little."""
_MAX_AGENTS = 20_000
"""Largest network that is simulated agent by agent."""
_STEPS = 50
"""Number of times of a simulated trajectory in continuous time."""
_RIGHT = {"one": ("one-rate",), "two": ("two-rate", "heterogeneous")}


@dataclass(frozen=True)
class Scenario:
    """Data that could be had.

    Parameters
    ----------
    words : str
        What they are, in words.
    length : float
        Time from the start of each trajectory to the end of the observation.
    trajectories : int
        Number of trajectories.
    level : {"individual", "count"}
        Whether who shared when is recorded.
    """

    words: str
    length: float
    trajectories: int
    level: Level


@dataclass(frozen=True)
class Plan:
    """Expected verdicts by scenario.

    Parameters
    ----------
    verdict : str
        The verdict on the data at hand.
    table : pandas.DataFrame
        One row a scenario and truth: `scenario`, `level`, `trajectories`, `length`, `truth` (the fit that data sets are
        simulated from), `data_sets`, the number of each verdict, `right` (share of right verdicts) and `median_gain`
        (median difference in elpd of two rates and one).
    notes : tuple of str
        How data sets are simulated.
    """

    verdict: str
    table: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def enough(self) -> str:
        """The first scenario whose verdict would mostly be right, whichever fit is true; empty if there is none."""
        worst = self.table.groupby("scenario", sort=False)["right"].min()
        return next((str(name) for name, right in worst.items() if right >= ENOUGH), "")

    @property
    def sentence(self) -> str:
        """The advice in one sentence."""
        worst = self.table.groupby("scenario", sort=False)["right"].min()
        if not self.enough:
            return (
                f"none of these would be enough: the best is {worst.idxmax()}, with a right verdict in "
                f"{worst.max():.0%} of the data sets or more"
            )
        return f"enough: {self.enough}, with a right verdict in {worst[self.enough]:.0%} of the data sets or more"


def plan(
    trajectories: "Trajectories | EventHistories | pd.DataFrame | str | Path",
    *,
    length: float | None = None,
    replicates: int | None = None,
    data_sets: int = DATA_SETS,
    structures: str | Sequence[str] = DEFAULT,
    period: float | None = None,
    clock: str | None = None,
    level: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Plan:
    """Estimate which verdict more data would give, by simulation from the fits to the data at hand.

    Data sets are simulated from the best fit of one rate and from that of two rates, each with a draw from its
    posterior: as the data are, with trajectories of twice the length (unless the spread has ended), with twice and
    four times the number of trajectories, and, where the data are counts of agents with equally many neighbours, with
    who shared when recorded. Each is compared as the data are.

    Parameters
    ----------
    trajectories : Trajectories, EventHistories, DataFrame or path
        The data at hand, of one condition.
    length : float, optional
        Length of the longer trajectories, in the unit of the data's time.
    replicates : int, optional
        Number of trajectories, in the place of twice and four times as many.
    data_sets : int
        Number of data sets for each scenario and fit.
    structures, period, clock, level
        See :func:`tworate.inference.compare`.
    seed : int
        Seed of the fits and of the simulations.
    progress : callable, optional
        Called with what begins now, the number of data sets done, and their number in all.

    Raises
    ------
    InputError
        When the data cannot be compared, or an argument cannot be used.

    Examples
    --------
    >>> from tworate import random_regular, spread
    >>> from tworate.inference.calibration.planning import plan
    >>> data = spread(random_regular(300, 8, seed=1), [[0.1]], rounds=6, replicates=2, seed=2)
    >>> made = plan(data, length=30, replicates=8, data_sets=1, seed=3)
    >>> made.table["scenario"].unique().tolist()
    ['as it is', 'a length of 30', '8 trajectories']
    """
    if data_sets < 1:
        raise InputError(f"data_sets = {data_sets}: must be at least 1")
    data = as_trajectories(trajectories)
    if progress:
        progress("fitting the data at hand", 0, 1)
    comparison = compare(data, structures=structures, period=period, clock=clock, level=level, seed=seed)
    result = comparison.conditions[0]
    two, one = _truths(result)
    source = _Source(data, result)
    scenarios = list(_scenarios(source, length, replicates))
    structures_of_both = [result.models[name].specification.model.structure for name in (one, two)]
    asked = tuple(dict.fromkeys(made.name for made in structures_of_both if made is not None)) or (NONE,)
    rows, done = [], 0
    for number, scenario in enumerate(scenarios):
        for side, name in (("one", one), ("two", two)):
            verdicts, gains = [], []
            for index in range(data_sets):
                if progress:
                    progress(f"simulating: {scenario.words}", done, 2 * len(scenarios) * data_sets)
                rng = np.random.default_rng([seed, number, side == "two", index])
                simulated = source.simulated(
                    result.posteriors[name], result.models[name].specification.model, scenario, rng
                )
                verdict, gain = _verdict_on(simulated, scenario, result, tuple(sorted(asked)) or (NONE,), period, seed)
                verdicts.append(verdict)
                gains.append(gain)
                done += 1
            rows.append(
                {
                    "scenario": scenario.words,
                    "level": scenario.level,
                    "trajectories": scenario.trajectories,
                    "length": scenario.length,
                    "truth": name,
                    "data_sets": data_sets,
                    **{each: verdicts.count(each) for each in VERDICTS},
                    "right": sum(verdict in _RIGHT[side] for verdict in verdicts) / data_sets,
                    "median_gain": float(np.nanmedian(gains)) if np.isfinite(gains).any() else np.nan,
                }
            )
    return Plan(result.verdict, pd.DataFrame(rows), source.notes)


def _truths(result: ConditionResult) -> tuple[str, str]:
    """Return the names of the fits that data sets are simulated from: two rates, and one."""
    plain = ("two-rate", "one-rate")
    pair = tuple(result.compared) if len(result.compared) == 2 else plain
    # A fit with another clock or with effects of replicates is not simulated.
    known = all(
        name in result.models
        and result.models[name].specification.clock == result.clock
        and not result.models[name].specification.replicate_effects
        for name in pair
    )
    return (pair[0], pair[1]) if known else plain


def _verdict_on(
    simulated: Trajectories | EventHistories,
    scenario: Scenario,
    like: ConditionResult,
    structures: tuple[str, ...],
    period: float | None,
    seed: int,
) -> tuple[str, float]:
    """Return the verdict on a simulated data set, and the gain of two rates; undecided if nothing can be compared."""
    try:
        made = compare(
            simulated, structures=structures, period=period, clock=like.clock, level=scenario.level, seed=seed
        ).conditions[0]
    except (InputError, JobError):
        return "undecided", np.nan
    return made.verdict, made.elpd_diff


def _scenarios(source: "_Source", length: float | None, replicates: int | None) -> Iterator[Scenario]:
    now = Scenario("as it is", source.length, source.n_trajectories, source.level)
    yield now
    if length is not None and not (np.isfinite(length) and length > 0):
        raise InputError(f"length = {length}: must be a number above 0, in the unit of the data's time")
    if replicates is not None and replicates < 1:
        raise InputError(f"replicates = {replicates}: must be at least 1")
    if length is not None:
        yield replace(now, words=f"a length of {length:g}", length=float(length))
    elif not source.is_saturated:
        yield replace(now, words=f"twice the length ({2 * source.length:g})", length=2 * source.length)
    if replicates is not None:
        plural = "y" if replicates == 1 else "ies"
        yield replace(now, words=f"{replicates} trajector{plural}", trajectories=replicates)
    else:
        for times, word in ((2, "twice"), (4, "four times")):
            number = times * source.n_trajectories
            yield replace(now, words=f"{word} the trajectories ({number})", trajectories=number)
    if source.level == "count" and source.can_record:
        yield replace(now, words="who shared when, recorded", level="individual")


class _Source:
    """The data at hand, as what simulated data sets are made like."""

    def __init__(self, data: Trajectories, result: ConditionResult) -> None:
        table = data.table[data.table["infected"] > 0]
        self._paths = [path for _, path in table.groupby("trajectory", sort=False) if len(path) > 1]
        self._data, self.level, self._clock = data, result.level, result.clock
        self.n_trajectories = len(self._paths)
        self._starts = [path.iloc[0] for path in self._paths]
        self.length = max(float(path["time"].iloc[-1] - path["time"].iloc[0]) for path in self._paths)
        self.is_saturated = all(
            path["infected"].iloc[-1] > _SATURATED * path["population"].iloc[-1] for path in self._paths
        )
        steps = np.concatenate([np.diff(path["time"]) for path in self._paths])
        self._step = float(np.median(steps[steps > 0])) if result.clock == "rounds" else self.length / _STEPS
        first = self._starts[0]
        alike = all(start["population"] == first["population"] for start in self._starts)
        degree = float(first.get("degree", np.nan))
        regular = "degrees" not in table and alike and degree >= 2 and degree % 1 == 0
        self.can_record = bool(
            regular
            and all(start["degree"] == degree for start in self._starts)
            and int(first["population"]) <= _MAX_AGENTS
            # In rounds a network decides at whole times.
            and (result.clock == "continuous" or self._step == 1.0)
        )
        how = "on the network of the data" if self.level == "individual" else "by the formula of the closure"
        if self.level == "count" and self.can_record:
            how = f"on random {degree:g}-regular networks"
        self.notes = (f"data sets are simulated {how}, each with a draw from the posterior",)

    def simulated(
        self, posterior: Posterior, model: type[SIModel], scenario: Scenario, rng: np.random.Generator
    ) -> Trajectories | EventHistories:
        """Simulate one data set, with one draw from a posterior."""
        one = _one_draw(posterior, rng)
        if self.level == "individual":
            return self._on_own_networks(one, model, scenario, rng)
        if self.can_record:
            return self._on_regular_network(one, model, scenario, rng)
        return self._by_formula(one, model, scenario, rng)

    def _start(self, number: int) -> "pd.Series[Any]":
        return self._starts[number % self.n_trajectories]

    def _times(self, length: float) -> FloatArray:
        return self._step * np.arange(max(round(length / self._step), 1) + 1)

    def _by_formula(
        self, one: Posterior, model: type[SIModel], scenario: Scenario, rng: np.random.Generator
    ) -> Trajectories:
        tables = []
        for number in range(scenario.trajectories):
            start = self._start(number)
            times = float(start["time"]) + self._times(scenario.length)
            (prevalence,) = run_forward(
                one, model, start, times, int(start["infected"]), rng, 1,
                fitted=self._data.table["time"].to_numpy(dtype=float),
            )  # fmt: skip
            known = {name: start[name] for name in ("population", "degree", "degrees") if name in start}
            infected = np.rint(prevalence * start["population"]).astype(int)
            tables.append(pd.DataFrame({"trajectory": number, "time": times, "infected": infected, **known}))
        record = {"spreads": [{"clock": self._clock}]}
        return Trajectories(pd.concat(tables, ignore_index=True), record=record)

    def _on_regular_network(
        self, one: Posterior, model: type[SIModel], scenario: Scenario, rng: np.random.Generator
    ) -> Trajectories:
        first = self._start(0)
        network = random_regular(int(first["population"]), int(first["degree"]), seed=int(rng.integers(2**31)))
        contacts = ContactNetwork.of_network(network)
        times = []
        for number in range(scenario.trajectories):
            given = np.full(network.n_agents, np.inf)
            given[rng.choice(network.n_agents, int(self._start(number)["infected"]), replace=False)] = 0.0
            times.append(self._shares(one, model, contacts, given, scenario.length, float(first["time"]), rng))
        at = self._times(scenario.length)
        recorded = scenario.level == "individual"
        return trajectories_of(network, np.array(times), at, self._clock, histories=recorded)

    def _on_own_networks(
        self, one: Posterior, model: type[SIModel], scenario: Scenario, rng: np.random.Generator
    ) -> EventHistories:
        histories = self._data.histories
        assert histories is not None
        tables = []
        for index in range(scenario.trajectories):
            number = index % histories.n_trajectories
            network = histories.network_of(number)
            given = given_shares(histories, number, self._clock)
            begin = float(histories.starts[number])
            shared = self._shares(one, model, network, given, scenario.length, begin, rng)
            agents = np.flatnonzero(shared <= scenario.length)
            tables.append(
                pd.DataFrame(
                    {
                        "trajectory": index,
                        "agent": np.asarray(network.labels)[agents],
                        "time": shared[agents],
                        SEED: given[agents] == 0.0,
                        NETWORK: network.name,
                    }
                )
            )
        shares = pd.concat(tables, ignore_index=True)
        return EventHistories(shares, histories.network, until=scenario.length, clock=self._clock)

    def _shares(
        self,
        one: Posterior,
        model: type[SIModel],
        network: ContactNetwork,
        given: FloatArray,
        length: float,
        begin: float,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Simulate when each agent shares, since the start of a trajectory."""
        values, factor, _, _ = drawn(one, model, rng, 1)
        (times,) = simulate_shares(
            model,
            values,
            network,
            given,
            until=length,
            clock=self._clock,
            rng=rng,
            contact=one.attrs["contact"],
            factor=factor,
            pacing=pacing_of(one, model, values, self._data.table["time"].to_numpy(dtype=float)),
            begin=begin,
        )
        return times


def _one_draw(posterior: Posterior, rng: np.random.Generator) -> Posterior:
    """Return a posterior of a single draw, so that all trajectories of a data set have the same parameters."""
    draws = group(posterior, "posterior")
    chain, draw = (int(rng.integers(draws.sizes[name])) for name in ("chain", "draw"))
    return make_posterior(posterior.attrs, posterior=draws.isel(chain=[chain], draw=[draw]))
