"""A spread: one post, and everything that determines who sees it and who shares it."""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..common.cues import CUE_LABELS, CUE_STARTS, cue_of
from ..errors import InputError
from ..models.clock import CLOCKS
from . import defaults
from .complete import complete_in_rounds, complete_in_time
from .counts import CUE, GROUP
from .interventions import Block, Intervention, message_text, name_of, tables_by_round, visibility_by_round
from .kernels import BLOCKED, Counts, Decisions, Schedule, degrees_left, spread_in_rounds, spread_in_time
from .network import AnyNetwork, CompleteNetwork, Network
from .pace import Pace
from .records import Replicate, count_rows
from .seeding import PERSONA, RANDOM, Agents, check_who, choose, numbers_of, persona_row
from .thinning import Thinning, make_thinning
from .trajectories import degree_text

INT16_STATES = 2**15
RECORDABLE = "histories are recorded on a network with edges, without blocked agents"
"""Where event histories can be recorded, for messages."""


@dataclass(frozen=True, eq=False)
class Spread:
    """One post, and everything that determines its spread; arguments as in :func:`tworate.simulate.spread`.

    Raises
    ------
    InputError
        When an argument is not valid.
    """

    network: AnyNetwork
    probabilities: NDArray[np.float64]
    personas: NDArray[np.int32] | None = None
    rounds: int = defaults.ROUNDS
    replicates: int = defaults.REPLICATES
    initial_sharers: int = defaults.INITIAL_SHARERS
    seeds: str | Sequence[int | str] = RANDOM
    visibility: float = defaults.VISIBILITY
    outside: float = 0.0
    clock: str = "rounds"
    interventions: Sequence[Intervention] = ()
    pace: Pace | None = None
    seed: int | Sequence[int] = field(kw_only=True)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    persona_labels: Sequence[str] | None = None
    persona_groups: Sequence[str] | None = None
    histories: bool = False
    with_message: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.histories and not self.can_record:
            raise InputError(f"{RECORDABLE}; leave histories out")
        table, members = _checked(self.network, self.probabilities, self.personas)
        with_message = _checked_message(table, self.with_message, self.interventions)
        if table.ndim == 3 and CUE in self.conditions:
            raise InputError(f"conditions: {CUE} is a column of the counts; name the condition otherwise")
        labels = self.persona_labels
        if labels is not None and (len(labels) != table.shape[0] or len(set(labels)) < len(labels)):
            raise InputError(f"persona_labels must be {table.shape[0]} different names, one for each row of the table")
        groups = self.persona_groups
        if groups is not None and (len(groups) != table.shape[0] or GROUP in self.conditions):
            raise InputError(
                f"persona_groups must be {table.shape[0]} names, one for each row of the table, and no condition can "
                f"be called {GROUP}"
            )
        # Seeds stay as they are given, for the record; their numbers depend on the labels of the network.
        seeds = self.seeds if isinstance(self.seeds, str) else tuple(map(_plain_name, self.seeds))
        # The dataclass is frozen for its users; here the arguments are replaced by their checked and converted forms.
        for name, value in (
            ("probabilities", table),
            ("with_message", with_message),
            ("personas", members),
            ("persona_labels", tuple(labels if labels is not None else map(str, range(table.shape[0])))),
            ("persona_groups", None if groups is None else tuple(map(str, groups))),
            ("interventions", tuple(self.interventions)),
            ("seeds", seeds),
        ):
            object.__setattr__(self, name, value)
        check_process(
            self.network.n_agents,
            self.rounds,
            self.replicates,
            self.initial_sharers,
            self.visibility,
            self.outside,
            self.clock,
            seeds if isinstance(seeds, str) else self._seed_numbers,
        )
        if self.pace is not None:
            self.pace.check(self.clock)
        for name, who in [("seeds", seeds), *(("block: who", b.who) for b in self._blocks)]:
            if isinstance(who, str) and who.startswith(PERSONA):
                persona_row(name, who, self._agents.labels)

    @property
    def can_record(self) -> bool:
        """Whether event histories can be recorded: on a network with edges, without blocked agents."""
        return not isinstance(self.network, CompleteNetwork) and not self._blocks

    @property
    def has_cue(self) -> bool:
        """Whether a decision depends on how many neighbours have shared."""
        return self.probabilities.ndim == 3

    @property
    def _blocks(self) -> list[Block]:
        return [intervention for intervention in self.interventions if isinstance(intervention, Block)]

    @cached_property
    def _seed_numbers(self) -> tuple[int, ...]:
        """Numbers of the agents that are named as seeds; none if they are chosen."""
        return () if isinstance(self.seeds, str) else numbers_of(self.seeds, self.network)

    @cached_property
    def _agents(self) -> Agents:
        assert self.personas is not None and self.persona_labels is not None
        return Agents(self.network.degrees, self.personas, tuple(self.persona_labels))

    @cached_property
    def _decide(self) -> tuple[Decisions, Schedule, Thinning]:
        n_personas, n_sightings = self.probabilities.shape[:2]
        tables, number = tables_by_round(self.probabilities, self.rounds, self.interventions, self.with_message)
        following = np.arange(n_personas * n_sightings).reshape(n_personas, n_sightings)
        following = np.concatenate([following[:, 1:], following[:, -1:]], axis=1)
        weight, thinning = make_thinning(self.pace, self.rounds, self.clock)
        return (
            Decisions(
                tables.reshape(len(tables), -1),
                following.ravel(),
                cue_of(np.arange(CUE_STARTS[-1] + 1)) if self.has_cue else np.empty(0, dtype=np.int64),
            ),
            Schedule(
                number,
                weight * visibility_by_round(self.visibility, self.rounds, self.interventions),
                np.full(self.rounds, float(self.outside)),
            ),
            thinning,
        )

    @cached_property
    def _degrees(self) -> tuple[float, str | None]:
        """Mean degree, and the number of agents by degree if agents differ."""
        degrees = self._agents.degrees
        if degrees.min() == degrees.max():
            return int(degrees[0]), None
        return self.network.mean_degree, degree_text(degrees)

    def replicate(self, index: int) -> Replicate:
        """Run one replicate; the result does not depend on other replicates.

        Raises
        ------
        InputError
            When there are too few agents that are not blocked, or none of them are neighbours.
        """
        key = self._key(index)
        free, starters, rng = self.begin(index)
        members = self._agents.members
        agents = self._by_persona(members if free is None else members[free])
        started = self._by_persona(members[starters])
        if isinstance(self.network, CompleteNetwork):
            counts = self._run_complete(agents - started, starters.size, key, rng)
            degree, degrees, share_time = float(agents.sum() - 1), None, None
        else:
            counts, (degree, degrees), share_time = self._run_network(self.network, free, starters, key, index)
        shape = (self.rounds + 1, *self.probabilities.shape)
        return Replicate(
            index=index,
            infected=counts.infected,
            si_edges=counts.si_edges,
            sightings=counts.decisions.sum(axis=1),
            counts=count_rows(counts.decisions.reshape(shape), counts.new_sharers.reshape(shape), started, agents),
            agents=agents,
            degree=degree,
            degrees=degrees,
            share_time=share_time,
        )

    def begin(self, index: int) -> tuple[NDArray[np.bool_] | None, NDArray[np.int32], np.random.Generator]:
        """Draw the start of a replicate: agents that are not blocked (None: all), first sharers, and the generator.

        Raises
        ------
        InputError
            When there are too few agents that are not blocked.
        """
        # The kernels draw from another stream.
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(self.seed, spawn_key=(index, 0))))
        free = self._unblocked(rng)
        return free, self._starters(free, rng), rng

    def run(self, indices: Iterable[int], threads: int | None = None) -> Iterator[Replicate]:
        """Yield replicates in the order of `indices`; several run at once, and few are in memory at any time."""
        workers = threads or os.cpu_count() or 1
        pool = ThreadPoolExecutor(workers)
        try:
            under_way: deque[Future[Replicate]] = deque()
            for index in indices:
                under_way.append(pool.submit(self.replicate, index))
                if len(under_way) > 2 * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    @property
    def members(self) -> NDArray[np.int32]:
        """Number of the persona of each agent, shape (n_agents,)."""
        return self._agents.members

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the personas."""
        return self._agents.labels

    @property
    def groups(self) -> tuple[str, ...] | None:
        """Name of the group of each persona; None where personas are not in groups."""
        return None if self.persona_groups is None else tuple(self.persona_groups)

    @property
    def columns(self) -> dict[str, Any]:
        """Condition columns of the results."""
        named = {"intervention": name_of(self.interventions)} if self.interventions else {}
        paced = {"pace": str(self.pace)} if self.pace else {}
        return {"network": self.network.name, **named, **paced, **self.conditions}

    def describe(self) -> dict[str, Any]:
        """Return all inputs that determine the results, in a form that JSON can hold; arrays as hashes."""
        edges = () if isinstance(self.network, CompleteNetwork) else (self.network.indptr, self.network.indices)
        return {
            "network": {
                "name": self.network.name,
                "agents": self.network.n_agents,
                "mean_degree": self.network.mean_degree,
                "hash": _hash(*edges) if edges else None,
                **({} if self.network.labels is None else {"labels": labels_hash(self.network.labels)}),
            },
            "table": {"shape": list(self.probabilities.shape), "hash": _hash(self.probabilities)},
            **({} if self.with_message is None else {"with_message": {"hash": _hash(self.with_message)}}),
            "personas": {"labels": list(self._agents.labels), "hash": _hash(self._agents.members)},
            **({} if self.groups is None else {"groups": list(self.groups)}),
            "rounds": self.rounds,
            "replicates": self.replicates,
            "initial_sharers": self.initial_sharers,
            "seeds": self.seeds if isinstance(self.seeds, str) else list(self.seeds),
            "visibility": self.visibility,
            "outside": self.outside,
            "clock": self.clock,
            "histories": self.histories,
            "interventions": [{"kind": type(item).__name__, **asdict(item)} for item in self.interventions],
            **({"pace": asdict(self.pace)} if self.pace else {}),
            "seed": [int(n) for n in np.atleast_1d(np.asarray(self.seed, dtype=object))],
            "conditions": {name: _json(value) for name, value in self.conditions.items()},
        }

    def _unblocked(self, rng: np.random.Generator) -> NDArray[np.bool_] | None:
        if not self._blocks:
            return None
        free = np.ones(self.network.n_agents, dtype=np.bool_)
        if not isinstance(self.seeds, str):
            free[list(self._seed_numbers)] = False  # agents that are named as seeds are never blocked
        for block in self._blocks:
            n_candidates = self.network.n_agents
            if block.who.startswith(PERSONA):
                n_candidates = int(np.sum(self._agents.members == persona_row("block", block.who, self._agents.labels)))
            number = round(block.fraction * n_candidates)
            free[choose(str(block), block.who, number, self._agents, free, rng)] = False
        if not isinstance(self.seeds, str):
            free[list(self._seed_numbers)] = True
        return free

    def _starters(self, free: NDArray[np.bool_] | None, rng: np.random.Generator) -> NDArray[np.int32]:
        if not isinstance(self.seeds, str):
            return np.array(self._seed_numbers, dtype=np.int32)
        starters = choose("seeds", self.seeds, self.initial_sharers, self._agents, free, rng)
        if free is not None and starters.size == free.sum():
            raise InputError(
                f"initial_sharers = {starters.size}: these are all agents that {name_of(self._blocks)} leaves; "
                "block fewer"
            )
        return starters

    def _by_persona(self, members: NDArray[np.int32]) -> NDArray[np.int64]:
        return np.bincount(members, minlength=self.probabilities.shape[0])

    def _run_complete(
        self, susceptible: NDArray[np.int64], n_sharers: int, key: NDArray[np.uint64], rng: np.random.Generator
    ) -> Counts:
        states = np.zeros(self.probabilities.shape[:2], dtype=np.int64)
        states[:, 0] = susceptible
        if self.clock == "rounds":
            return complete_in_rounds(states.ravel(), n_sharers, *self._decide, rng)
        return complete_in_time(states.ravel(), n_sharers, *self._decide, key)

    def _run_network(
        self,
        network: Network,
        free: NDArray[np.bool_] | None,
        starters: NDArray[np.int32],
        key: NDArray[np.uint64],
        index: int,
    ) -> tuple[Counts, tuple[float, str | None], NDArray[np.float64] | None]:
        n_sightings = self.probabilities.shape[1]
        small = self.probabilities.size < INT16_STATES
        # The state of an agent is one number for the row of its persona and its sightings so far.
        state = (np.arange(self.probabilities.shape[0]) * n_sightings).astype(np.int16 if small else np.int32)[
            self._agents.members
        ]
        degrees = self._degrees
        if free is not None:
            state[~free] = BLOCKED
            remaining = degrees_left(network.indptr, network.indices, state)[free]
            degrees = float(remaining.mean()), degree_text(remaining)
            if degrees[0] == 0.0:
                raise InputError(f"{name_of(self._blocks)} leaves no two agents that are neighbours; block fewer")
        arguments = (network.indptr, network.indices, state, starters, *self._decide, key)
        share_time = np.full(network.n_agents if self.histories else 0, np.inf)
        recorded = share_time if self.histories else None
        if self.clock == "rounds":
            return spread_in_rounds(*arguments, share_time), degrees, recorded
        return spread_in_time(*arguments, share_time, self._key(index, 1)), degrees, recorded

    def _key(self, *path: int) -> NDArray[np.uint64]:
        """Return the key of a stream of a replicate."""
        return np.random.SeedSequence(self.seed, spawn_key=path).generate_state(4, np.uint32).astype(np.uint64)


def check_process(
    n_agents: int,
    rounds: int,
    replicates: int,
    initial_sharers: int,
    visibility: float,
    outside: float = 0.0,
    clock: str = "rounds",
    seeds: str | Sequence[int] = RANDOM,
) -> None:
    """Raise an InputError when a setting of the process cannot be used."""
    if clock not in CLOCKS:
        raise InputError(f"clock {clock!r} is unknown; choose one of {', '.join(CLOCKS)}")
    min_sharers = 0 if outside > 0.0 else 1
    for name, value, low in (("rounds", rounds, 1), ("replicates", replicates, 1)):
        if value < low:
            raise InputError(f"{name} = {value}: must be at least {low}")
    if isinstance(seeds, str):
        check_who("seeds", seeds, "or numbers of agents")
        if initial_sharers < min_sharers:
            raise InputError(f"initial_sharers = {initial_sharers}: must be at least {min_sharers}")
        if initial_sharers >= n_agents:
            raise InputError(f"initial_sharers = {initial_sharers}: must be below the number of agents ({n_agents})")
    elif not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0 or max(seeds) >= n_agents:
        raise InputError(f"seeds must be different agents, numbered from 0 to {n_agents - 1}, and at least one")
    elif len(seeds) >= n_agents:
        raise InputError(f"seeds are all {n_agents} agents; leave some agents that can be shown the post")
    in_rounds = clock == "rounds"
    if not 0.0 < visibility <= (1.0 if in_rounds else np.finfo(float).max):
        raise InputError(f"visibility = {visibility}: must {'lie in (0, 1]' if in_rounds else 'be above 0'}")
    if not 0.0 <= outside <= (1.0 if in_rounds else np.finfo(float).max):
        raise InputError(f"outside = {outside}: must {'lie in [0, 1]' if in_rounds else 'be 0 or more'}")


def _checked(
    network: AnyNetwork, probabilities: ArrayLike, personas: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    table = np.ascontiguousarray(probabilities, dtype=np.float64)
    if table.ndim not in (2, 3) or 0 in table.shape or not np.all((table >= 0) & (table <= 1)):
        raise InputError(
            "probabilities must be a table [persona, sighting] or [persona, sighting, cue] of numbers in [0, 1]"
        )
    if table.ndim == 3 and table.shape[2] != len(CUE_LABELS):
        raise InputError(
            f"probabilities have {table.shape[2]} cues: there must be {len(CUE_LABELS)}, one for each number of "
            f"sharers {', '.join(CUE_LABELS)}"
        )
    if personas is None:
        if table.shape[0] > 1:
            raise InputError(f"the table has {table.shape[0]} personas: say which agent has which persona (personas=…)")
        personas = np.zeros(network.n_agents, dtype=np.int32)
    members = np.ascontiguousarray(personas, dtype=np.int32)
    if members.shape != (network.n_agents,) or members.min() < 0 or members.max() >= table.shape[0]:
        raise InputError(
            f"personas must hold, for each of the {network.n_agents} agents, a row from 0 to {table.shape[0] - 1}"
        )
    return table, members


def _checked_message(
    table: NDArray[np.float64], with_message: ArrayLike | None, interventions: Sequence[Intervention]
) -> NDArray[np.float64] | None:
    """Return the table with the counter-message, checked against the one without."""
    text = message_text(interventions)
    if (text is None) != (with_message is None):
        raise InputError(
            f"{text}: give the decision table with the message (with_message=…)"
            if text
            else "with_message: there is no intervention message:FILE; leave the table out, or add it"
        )
    if with_message is None:
        return None
    other = np.ascontiguousarray(with_message, dtype=np.float64)
    if other.shape != table.shape or not np.all((other >= 0) & (other <= 1)):
        raise InputError(
            f"with_message must hold probabilities in the shape of the table without the message, {table.shape}"
        )
    return other


def _hash(*arrays: NDArray[Any]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


def labels_hash(labels: pd.Index) -> str:
    """Return a hash of the names of agents, in their order."""
    return hashlib.blake2b("\0".join(map(str, labels)).encode(), digest_size=16).hexdigest()


def _plain_name(agent: Any) -> int | str:
    """Return a seed as a whole number or as text, which a record can hold."""
    return int(agent) if hasattr(agent, "__index__") else str(agent)


def _json(value: Any) -> Any:
    """Convert a value for JSON; NaN becomes None, because NaN does not equal itself."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and np.isnan(value) else value
