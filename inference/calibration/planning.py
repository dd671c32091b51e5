"""What would more data tell? Verdicts on data sets that are simulated from the fits, with more time or trajectories."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError, JobError
from ...models import SIModel, TwoRateSI
from ...models.clock import Clock
from ...models.structured import with_structure
from ...models.structures.choice import DEFAULT, NONE
from ...simulate import Trajectories, random_regular
from ...simulate.contacts import NETWORK, ContactNetwork
from ...simulate.histories import SEED, EventHistories
from ...simulate.reading.reader import as_trajectories
from ..comparison.compare import compare
from ..comparison.power import two_rates_apart
from ..comparison.results import ConditionResult
from ..comparison.verdict import VERDICTS
from ..likelihood.specification import Level
from ..posterior.arviz_adapter import Posterior, group, make_posterior
from ..posterior.network_prediction import given_shares, simulate_shares
from ..posterior.network_simulator import drawn
from ..posterior.pacing import pacing_of
from ..posterior.posterior_predictive import run_forward
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
_TIMES = ((2, "twice"), (4, "four times"))
_STEPS = 50
"""Number of times of a simulated trajectory in continuous time."""
_ONE, _TWO, _APART = "one-rate fit", "two-rate fit", "two rates, 4 apart"
"""Truths that data sets are simulated from."""
_RIGHT = {_ONE: ("one-rate",), _TWO: ("two-rate", "heterogeneous"), _APART: ("two-rate", "heterogeneous")}


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
        One row a scenario and truth: `scenario`, `level`, `trajectories`, `length`, `truth`, `data_sets`, the number of
        each verdict, `right` (share of right verdicts) and `median_gain` (median difference in elpd of two rates and
        one). Truths are the fit of one rate, two rates of the same mean that are 4 apart, and the fit of two rates.
    notes : tuple of str
        How data sets are simulated.
    """

    verdict: str
    table: pd.DataFrame
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything in a form that JSON can hold."""
        rows = self.table.astype(object).where(self.table.notna(), None).to_dict("records")
        return {
            "verdict": self.verdict, "enough": self.enough, "sentence": self.sentence, "notes": list(self.notes),
            "scenarios": rows,
        }  # fmt: skip

    @property
    def enough(self) -> str:
        """The first scenario that would mostly tell one rate from two that are 4 apart; empty if there is none."""
        return next((str(name) for name, right in self._worst.items() if right >= ENOUGH), "")

    @property
    def _worst(self) -> "pd.Series[float]":
        """Share of right verdicts under the truth that is harder to find, by scenario."""
        # The fit of two rates may be hardly two: not to find them is then no fault of the data.
        promised = self.table[self.table["truth"] != _TWO]
        return promised.groupby("scenario", sort=False)["right"].min()

    @property
    def sentence(self) -> str:
        """The advice in one sentence."""
        worst = self._worst
        name = self.enough or str(worst.idxmax())
        if not worst[name] > 0:
            return "none of these is enough: none tells one rate from two that are 4 apart in any of the data sets"
        found = f"{name} tells one rate from two that are 4 apart in {worst[name]:.0%} of the data sets"
        return found if self.enough else f"none of these is enough: {found}, and {ENOUGH:.0%} are wanted"


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

    Data sets are simulated from the fit of one rate, from two rates of the same mean that are 4 apart, and from the fit
    of two rates, each with a draw from the posterior. They are as the data are; twice and four times as long, unless
    the spread has ended; with twice and four times the number of trajectories; and, where the data are counts of agents
    with equally many neighbours, with who shared when recorded. Each is compared as the data are.

    Parameters
    ----------
    trajectories : Trajectories, EventHistories, DataFrame or path
        The data at hand, of one condition.
    length : float, optional
        Length of the longer trajectories, in the unit of the data's time, in the place of twice and four times theirs.
    replicates : int, optional
        Number of trajectories, in the place of twice and four times theirs. With a length both are tried together too.
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
    >>> made = plan(data.table.drop(columns=["degree", "si_edges"]), length=9, replicates=3, data_sets=1, seed=3)
    >>> made.table["scenario"].unique().tolist()
    ['as it is', 'a length of 9', '3 trajectories', 'a length of 9, 3 trajectories']
    """
    if data_sets < 1:
        raise InputError(f"data_sets = {data_sets}: must be at least 1")
    if length is not None and not (np.isfinite(length) and length > 0):
        raise InputError(f"length = {length}: must be a number above 0, in the unit of the data's time")
    if replicates is not None and replicates < 1:
        raise InputError(f"replicates = {replicates}: must be at least 1")
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
    truths = _simulated_truths(result, one, two)
    rows, done = [], 0
    for number, scenario in enumerate(scenarios):
        for which, (truth, (posterior, model)) in enumerate(truths.items()):
            verdicts, gains = [], []
            for index in range(data_sets):
                if progress:
                    progress(f"simulating: {scenario.words}", done, len(truths) * len(scenarios) * data_sets)
                rng = np.random.default_rng([seed, number, which, index])
                simulated = source.simulated(posterior, model, scenario, rng)
                verdict, gain = _verdict_on(simulated, scenario, result, asked, period, seed)
                verdicts.append(verdict)
                gains.append(gain)
                done += 1
            counts: dict[str, Any] = {each: verdicts.count(each) for each in VERDICTS}
            rows.append(
                {
                    "scenario": scenario.words,
                    "level": scenario.level,
                    "trajectories": scenario.trajectories,
                    "length": scenario.length,
                    "truth": truth,
                    "data_sets": data_sets,
                    **counts,
                    "right": sum(verdict in _RIGHT[truth] for verdict in verdicts) / data_sets,
                    "median_gain": float(np.nanmedian(gains)) if np.isfinite(gains).any() else np.nan,
                }
            )
    return Plan(result.verdict, pd.DataFrame(rows), source.notes)


def _simulated_truths(result: ConditionResult, one: str, two: str) -> dict[str, tuple[Posterior, type[SIModel]]]:
    """Return the posterior and the model that data sets are simulated from, by truth."""
    fits = {name: (result.posteriors[name], result.models[name].specification.model) for name in (one, two)}
    truths = {_ONE: fits[one]}
    posterior, model = fits[one]
    draws = group(posterior, "posterior")
    if "beta" in draws:
        apart = make_posterior(posterior.attrs, posterior=draws.assign(two_rates_apart(draws["beta"])))
        truths[_APART] = (apart, with_structure(TwoRateSI, model.structure))
    return {**truths, _TWO: fits[two]}


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
    longer = [replace(now, words=f"a length of {length:g}", length=float(length))] if length is not None else []
    if length is None and not source.is_saturated:
        longer = [
            replace(now, words=f"{word} the length ({times * source.length:g})", length=times * source.length)
            for times, word in _TIMES
        ]
    yield from longer
    if replicates is None:
        for times, word in _TIMES:
            number = times * source.n_trajectories
            yield replace(now, words=f"{word} the trajectories ({number})", trajectories=number)
    else:
        words = f"{replicates} trajector{'y' if replicates == 1 else 'ies'}"
        yield replace(now, words=words, trajectories=replicates)
        if length is not None:
            yield replace(longer[0], words=f"{longer[0].words}, {words}", trajectories=replicates)
    if source.level == "count" and source.can_record:
        yield replace(now, words="who shared when, recorded", level="individual")


class _Source:
    """The data at hand, as what simulated data sets are made like."""

    def __init__(self, data: Trajectories, result: ConditionResult) -> None:
        table = data.table[data.table["infected"] > 0]
        self._paths = [path for _, path in table.groupby("trajectory", sort=False) if len(path) > 1]
        self._data, self.level = data, result.level
        self._clock: Clock = "rounds" if result.clock == "rounds" else "continuous"
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
        sparse = degree < 0.5 * first["population"]
        regular = "degrees" not in table and alike and degree >= 2 and degree % 1 == 0 and sparse
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
        return np.asarray(self._step * np.arange(max(round(length / self._step), 1) + 1), dtype=float)

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
                        "agent": agents if network.labels is None else np.asarray(network.labels)[agents],
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
