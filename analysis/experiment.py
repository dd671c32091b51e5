"""The experiment: persona agents decide, and the post spreads over a network by their decisions."""

import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..agents import DecisionTable, Elicitation, GroupMixture, Mixture, Persona, as_mixture
from ..errors import InputError, check_seed
from ..files import atomic_path
from ..simulate import (
    AnyNetwork,
    Block,
    MessageText,
    Pace,
    Spread,
    Trajectories,
    assortativity,
    defaults,
    make_alike,
    make_network,
    parse_intervention,
    place,
)
from ..simulate.assignment import check_homophily
from ..simulate.generators import BLOCKS, check_network, parse_network
from ..simulate.interventions import message_text
from ..simulate.network_files import NetworkFile
from ..simulate.placement import PLACEMENTS
from ..simulate.process import RECORDABLE, check_process
from ..simulate.seeding import numbers_of, parse_seeds
from ..simulate.spreading import simulate

Progress = Callable[[str, int, int], None]
"""Called with the current stage, steps done, and steps in total."""


LITTLE_MASS = 0.5
"""If both options together have less than this probability, a decision is not reliable."""


_ALL_EQUAL = ("random-regular", "complete")
"""Networks in which all agents have equally many neighbours."""
MAX_RECORDED = 1_000_000
"""Agents times replicates up to which histories are recorded by default: half a second and 6 MB more."""


@dataclass(frozen=True)
class SpreadSettings:
    """How a post spreads.

    Parameters
    ----------
    network : str
        A kind of network, with parameters if wanted, or a file, see :func:`tworate.simulate.make_network`.
    agents : int, optional
        Number of agents; by default 1,000, or as many as the file of the network names. If given, a file must name as
        many.
    degree : int
        Neighbours of each agent (the mean, if degrees differ); a network from a file has its own.
    replicates, rounds : int
        Independent replicates, and rounds of each.
    initial_sharers : int
        Agents that have shared at the start.
    visibility : float
        Probability that an edge shows the post in a round; in continuous time the rate.
    seed : int
        Seed of network, assignment of personas, and spreading.
    homophily : float
        Assortativity of personas among neighbours, see :func:`tworate.simulate.make_alike`; 0 moves nobody. In a
        population of groups it is that of groups.
    placement : str
        `random`; `block`: in a stochastic-block network the personas fill the blocks one after the other, in order; or
        `degree`: the first personas get the agents with the most neighbours. In a population of groups, groups are
        placed, and personas are at random within each group.
    clock, outside, seeds
        Clock, exposure to the outside world, and initial sharers, see :func:`tworate.simulate.spread`; seeds as text.
    interventions : tuple of str
        Interventions against the post, see :func:`tworate.simulate.parse_intervention`.
    pace : Pace, optional
        What changes the pace, see :class:`tworate.simulate.Pace`.
    histories : bool, optional
        Whether who shared when is recorded. By default it is where the network has edges, nobody is blocked, and there
        are at most `MAX_RECORDED` agents in all replicates.
    """

    network: str = defaults.NETWORK
    agents: int | None = None
    degree: int = defaults.DEGREE
    replicates: int = defaults.REPLICATES
    rounds: int = defaults.ROUNDS
    initial_sharers: int = defaults.INITIAL_SHARERS
    visibility: float = defaults.VISIBILITY
    seed: int = 0
    homophily: float = 0.0
    placement: str = PLACEMENTS[0]
    clock: str = "rounds"
    outside: float = 0.0
    seeds: str = "random"
    interventions: tuple[str, ...] = ()
    pace: Pace | None = None
    histories: bool | None = None

    def check(self) -> None:
        """Refuse settings that `spread` refuses, before a language model is loaded and asked.

        Raises
        ------
        InputError
            When a setting cannot be used.
        """
        check_network(self.network, self.n_agents, self.degree)
        spec = parse_network(self.network)
        self.check_process()
        if self.placement not in PLACEMENTS:
            raise InputError(f"placement = {self.placement!r}: must be one of {', '.join(PLACEMENTS)}")
        if self.placement == "block" and (isinstance(spec, NetworkFile) or spec.kind.name != BLOCKS):
            raise InputError(f"placement = 'block' goes with network {BLOCKS}, not with {self.network}")
        if self.placement == "degree" and not isinstance(spec, NetworkFile) and spec.kind.name in _ALL_EQUAL:
            raise InputError(
                f"placement = 'degree': all agents of network {self.network} have equally many neighbours; choose a "
                "network in which they differ, such as barabasi-albert"
            )
        check_homophily(self.homophily)
        check_seed(self.seed)
        if self.histories and not self.can_record:
            raise InputError(f"{RECORDABLE}; leave histories out")

    def check_individual(self) -> None:
        """Raise an InputError when a comparison of these simulations cannot use event histories."""
        if self.histories is False or not self.can_record:
            raise InputError(f"level individual needs event histories; {RECORDABLE}; choose level count")

    @property
    def can_record(self) -> bool:
        """Whether event histories can be recorded: on a network with edges, without blocked agents."""
        spec = parse_network(self.network)
        complete = not isinstance(spec, NetworkFile) and spec.kind.name == "complete"
        return not complete and not any(isinstance(parse_intervention(text), Block) for text in self.interventions)

    @property
    def message(self) -> MessageText | None:
        """The counter-message that agents read, if there is one."""
        return message_text(map(parse_intervention, self.interventions))

    @property
    def n_agents(self) -> int:
        """Number of agents of a network that is drawn."""
        return defaults.AGENTS if self.agents is None else self.agents

    def check_process(self, network: AnyNetwork | None = None) -> None:
        """Refuse settings that cannot be simulated on the network, or on none of those that the settings can mean."""
        is_file = isinstance(parse_network(self.network), NetworkFile)
        named = is_file if network is None else network.labels is not None
        seeds = parse_seeds(self.seeds, named=named)
        # The number of agents of a file, and their names, are unknown until it is read.
        numbers = seeds if isinstance(seeds, str) else tuple(range(len(seeds))) if named else tuple(map(int, seeds))
        if network is None:
            n_agents = sys.maxsize if is_file else self.n_agents
        else:
            n_agents = network.n_agents
            if is_file and self.agents not in (None, n_agents):
                raise InputError(
                    f"agents = {self.agents}: the network {network.name} has {n_agents} agents; leave --agents out"
                )
            if not isinstance(seeds, str):
                numbers = numbers_of(seeds, network)
        check_process(
            n_agents,
            self.rounds,
            self.replicates,
            self.initial_sharers,
            self.visibility,
            self.outside,
            self.clock,
            numbers,
        )
        if self.pace is not None:
            self.pace.check(self.clock)
        message_text(map(parse_intervention, self.interventions))


@dataclass(frozen=True)
class Population:
    """Persona agents on a network.

    Parameters
    ----------
    network : Network or CompleteNetwork
        The network.
    mixture : Mixture
        Personas and weights.
    members : array of int32, shape (n_agents,)
        For each agent, the index of its persona in the mixture.
    assortativity : float
        Measured assortativity of personas, or of groups if there are any, among neighbours; NaN with one persona or
        group.
    """

    network: AnyNetwork
    mixture: Mixture
    members: NDArray[np.int32]
    assortativity: float

    def describe(self) -> str:
        """Return a sentence about the population, and notes on how its network was read, and if it is not connected."""
        counts = self.mixture.counts(self.network.n_agents)
        personas = "1 persona" if counts.size == 1 else f"{counts.size} personas"
        of_what = " of groups" if isinstance(self.mixture, GroupMixture) else ""
        alike = "" if np.isnan(self.assortativity) else f", assortativity{of_what} {self.assortativity:.3f}"
        absent = [p.label for p, count in zip(self.mixture.personas, counts, strict=True) if count == 0]
        without = f"; no agent for {', '.join(absent[:5])}{', …' if len(absent) > 5 else ''}" if absent else ""
        sentence = f"population: {self.network.n_agents} agents of {personas}{alike}{without}"
        if isinstance(self.mixture, GroupMixture):
            numbers = self.mixture.agents_of_groups(self.network.n_agents)
            named = zip(self.mixture.groups, numbers, strict=True)
            sentence += f"; groups: {', '.join(f'{group.name} {number}' for group, number in named)}"
        notes, summary = list(self.network.notes), self.network.describe()
        if not summary.connected:
            notes.append(f"network {self.network.name}: {summary}")
        return "\n".join([sentence, *(f"note: {note}" for note in notes)])


def make_population(
    settings: SpreadSettings,
    personas: Mixture | Sequence[Persona] | None = None,
    network: AnyNetwork | None = None,
) -> Population:
    """Draw the network, and assign a persona to every agent.

    Parameters
    ----------
    settings : SpreadSettings
        Network, homophily and seed.
    personas : Mixture or sequence of Persona, optional
        Personas of the agents; a sequence means equal numbers. By default all 32 profiles.
    network : Network or CompleteNetwork, optional
        The network, if it is not to be drawn or read.

    Raises
    ------
    InputError
        When the network does not exist or has too few agents, the homophily is not reached on it, or seeds or
        interventions name agents that do not exist.
    """
    mixture = as_mixture(personas)
    if network is None:
        network = make_network(settings.network, settings.n_agents, settings.degree, settings.seed)
    settings.check_process(network)
    kinds = mixture.group_numbers if isinstance(mixture, GroupMixture) else np.arange(len(mixture.personas))
    members = mixture.assign(network.n_agents, settings.seed)
    members = place(network, members, settings.placement, seed=settings.seed, kinds=kinds)
    members = _moved(network, members, kinds, settings)
    population = Population(network, mixture, members, assortativity(network, kinds[members]))
    # Check that the spread can start before a language model is asked.
    nothing = np.zeros((len(mixture.personas), 1))
    with_message = nothing if settings.message else None
    spread_of(population, nothing, settings, settings.seed, {}, with_message).begin(0)
    return population


def _moved(
    network: AnyNetwork, members: NDArray[np.int32], kinds: NDArray[np.int64], settings: SpreadSettings
) -> NDArray[np.int32]:
    """Move agents until neighbours are alike in kind; the personas of a kind keep their order among its agents."""
    before = kinds[members]
    after = make_alike(network, before, settings.homophily, seed=settings.seed)
    moved = np.empty_like(members)
    for kind in np.unique(before):
        moved[after == kind] = members[before == kind]
    return moved


def spread_of(
    population: Population,
    probabilities: NDArray[np.float64],
    settings: SpreadSettings,
    seed: int | tuple[int, ...],
    conditions: Mapping[str, Any],
    with_message: NDArray[np.float64] | None = None,
) -> Spread:
    """Return the spread of a post in a population, from decisions, settings, seed and condition columns."""
    process = Spread(
        population.network,
        probabilities,
        population.members,
        rounds=settings.rounds,
        replicates=settings.replicates,
        initial_sharers=settings.initial_sharers,
        seeds=parse_seeds(settings.seeds, named=population.network.labels is not None),
        visibility=settings.visibility,
        outside=settings.outside,
        clock=settings.clock,
        interventions=[parse_intervention(text) for text in settings.interventions],
        pace=settings.pace,
        seed=seed,
        conditions=conditions,
        persona_labels=[persona.label for persona in population.mixture.personas],
        persona_groups=population.mixture.group_names if isinstance(population.mixture, GroupMixture) else None,
        histories=bool(settings.histories),
        with_message=with_message,
    )
    n_recorded = population.network.n_agents * settings.replicates
    if settings.histories is None and process.can_record and n_recorded <= MAX_RECORDED:
        return replace(process, histories=True)
    return process


def simulate_events(
    tables: Sequence[DecisionTable],
    settings: SpreadSettings,
    progress: Progress | None = None,
    population: Population | None = None,
    with_message: Sequence[DecisionTable] | None = None,
) -> Trajectories:
    """Spread each event's post on one network among one population of persona agents.

    Parameters
    ----------
    tables : sequence of DecisionTable
        One per event, over the same personas.
    settings : SpreadSettings
        Network and process.
    progress : callable, optional
        Called as replicates finish.
    population : Population, optional
        Population with the personas of the tables; by default drawn from the settings, personas in equal numbers.
    with_message : sequence of DecisionTable, optional
        The decisions once agents read the counter-message of the settings; one per event.

    Returns
    -------
    Trajectories
        With condition columns `event`, `event_type` and `qualifier`; with several personas also `homophily` (the
        setting) and `assortativity` (measured).
    """
    population = population or make_population(settings, tables[0].personas)
    spreads = event_spreads(tables, settings, population, with_message)

    def report(done: int, total: int) -> None:
        if progress:
            progress("simulating", done, total)

    return simulate(spreads, progress=report)


def event_spreads(
    tables: Sequence[DecisionTable],
    settings: SpreadSettings,
    population: Population,
    with_message: Sequence[DecisionTable] | None = None,
) -> list[Spread]:
    """Return the spreads that :func:`simulate_events` simulates, one per event."""
    if population.mixture.personas != tables[0].personas:
        raise ValueError("the population and the decision tables have different personas")
    alike = {"homophily": settings.homophily, "assortativity": population.assortativity}
    placed = {} if np.isnan(population.assortativity) else alike
    with_messages: Sequence[DecisionTable | None] = with_message or [None] * len(tables)
    return [
        spread_of(
            population,
            table.probabilities,
            settings,
            # The seed of an event does not depend on the other events.
            (settings.seed, zlib.crc32(table.event.event_id_cnty.encode())),
            {
                "event": table.event.event_id_cnty,
                "event_type": table.event.event_type,
                "qualifier": table.qualifier,
                **placed,
            },
            None if read is None else read.probabilities,
        )
        for table, read in zip(tables, with_messages, strict=True)
    ]


def elicitation_record(tables: Sequence[DecisionTable], asked: Elicitation) -> dict[str, Any]:
    """Return how decisions were elicited, for the record of a run: settings, method in use, and diagnostics."""
    used = tables[0].asked
    trials = [
        {"wording": str(trial.wording), "option_mass": trial.option_mass, "order_effect": trial.order_effect}
        for trial in tables[0].trials
    ]
    return {
        **asdict(used),
        "wordings": [str(wording) for wording in used.wordings],
        "choose": asked.choose,
        **({"tried": trials} if trials else {}),
        "method": tables[0].elicitation,
        "method_asked": asked.method,
        "option_mass": float(np.mean([table.option_mass for table in tables])),
        "unparsable": int(sum(table.unparsable.sum() for table in tables)),
    }


def elicitation_notes(tables: Sequence[DecisionTable], asked: Elicitation) -> list[str]:
    """Return notes for the user: what was chosen or replaced, and whether the decisions can be trusted."""
    notes = []
    if tables[0].trials:
        chosen, *others = tables[0].trials
        notes.append(
            f"wording {chosen.wording} is taken: of {1 + len(others)} wordings it has the least effect of the order of "
            f"the options ({chosen.order_effect:.2g} in log-odds) among those that the model would answer with "
            f"(probability {chosen.option_mass:.2g})"
        )
    if tables[0].elicitation != asked.method:
        notes.append(
            f"the model gives no log-probabilities of these options: {asked.samples} answers to each prompt were "
            "sampled instead (column standard_error has the standard error of each probability)"
        )
    mass = np.concatenate([table.option_mass.ravel() for table in tables])
    if (low := int((mass < LITTLE_MASS).sum())) > 0:
        notes.append(
            f"in {low} of {mass.size} decisions the model puts less than {LITTLE_MASS:.0%} of its probability on the "
            f"options (least: {mass.min():.2g}): other answers are more probable, so P(share) is not reliable there; "
            "choose options that the model would say itself (--wording auto)"
        )
    return notes


def write_decisions(tables: Sequence[DecisionTable], path: Path) -> None:
    """Write decision tables as one CSV."""
    with atomic_path(path) as temporary:
        joined_decisions(tables).to_csv(temporary, index=False)


def joined_decisions(tables: Sequence[DecisionTable]) -> pd.DataFrame:
    """Return the rows of decision tables; `message` is empty for those without a counter-message, if any has one."""
    joined = pd.concat([table.to_frame() for table in tables], ignore_index=True)
    return joined.fillna({"message": ""}) if "message" in joined else joined
