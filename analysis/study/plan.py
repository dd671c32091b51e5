"""What a study consists of: its conditions, what a language model is asked for them, and how they are compared."""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...agents import (
    TRAITS,
    Event,
    EventFilter,
    Mixture,
    Persona,
    as_mixture,
    find_event,
    parse_mixture,
    parse_personas,
    read_events,
    shipped_events,
)
from ...agents.decision_table import questions_of
from ...agents.language_model import distinct_prompts
from ...errors import InputError
from ...simulate import AnyNetwork, CompleteNetwork, read_network
from ...simulate.assignment import check_homophily
from ...simulate.generators import COMPLETE, NETWORKS, parse_network
from ...simulate.seeding import PERSONA, persona_row
from ..experiment import SpreadSettings
from .study_file import MixtureEntry, StudySpecification

Say = Callable[[str], None]


@dataclass(frozen=True)
class Composition:
    """Who the agents of a condition are.

    Parameters
    ----------
    label : str
        A profile's code, or the name of a mixture.
    mixture : Mixture
        Personas and weights.
    homophily, placement
        See :class:`tworate.analysis.experiment.SpreadSettings`.
    """

    label: str
    mixture: Mixture
    homophily: float = 0.0
    placement: str = "random"

    def trait_means(self, n_agents: int) -> dict[str, float]:
        """Mean over the agents of -1 for a low and +1 for a high trait, by its letter; 0 where no trait is named."""
        counts = self.mixture.counts(n_agents)
        signs = {True: 1.0, False: -1.0, None: 0.0}
        return {
            trait[0].upper(): float(
                np.dot(counts, [signs[persona.levels.get(trait)] for persona in self.mixture.personas]) / n_agents
            )
            for trait in TRAITS
        }


@dataclass(frozen=True)
class StudyCondition:
    """One condition: what is simulated and compared apart.

    Parameters
    ----------
    number : int
        Its place in the study, from 0.
    model : str
        Language model, as the study calls it.
    event : Event
        What the post is about.
    composition : Composition
        Who the agents are.
    settings : SpreadSettings
        Network and process, with the condition's own seed.
    seed : int
        Seed of the study that its own one follows from.
    """

    number: int
    model: str
    event: Event
    composition: Composition
    settings: SpreadSettings
    seed: int

    @property
    def label(self) -> str:
        """The condition in a few words, for messages."""
        return (
            f"condition {self.number} ({self.model}, {self.event.event_id_cnty}, {self.composition.label}, "
            f"{self.settings.network}, visibility {self.settings.visibility:g})"
        )

    @property
    def columns(self) -> dict[str, Any]:
        """Condition columns of its trajectories, but for its number and the network, which the simulation names."""
        return {
            "event": self.event.event_id_cnty,
            "event_type": self.event.event_type,
            "composition": self.composition.label,
            "visibility": self.settings.visibility,
            "model": self.model,
        }


@dataclass(frozen=True)
class Plan:
    """A study, spelled out.

    Parameters
    ----------
    specification : StudySpecification
        What it follows from.
    conditions : tuple of StudyCondition
        In the order of the study: language models, events, compositions, networks, visibilities, seeds.
    events : tuple of Event
        What posts are about.
    networks : mapping of str to Network
        Those that were read from files, by the path in the settings of conditions.
    """

    specification: StudySpecification
    conditions: tuple[StudyCondition, ...]
    events: tuple[Event, ...]
    networks: Mapping[str, AnyNetwork] = field(repr=False)

    @cached_property
    def personas(self) -> tuple[Persona, ...]:
        """Everybody that is asked, once."""
        of_all = [persona for one in self.conditions for persona in one.composition.mixture.personas]
        return tuple(dict.fromkeys(of_all))

    @cached_property
    def prompts(self) -> int:
        """Distinct prompts that each language model is asked."""
        specification = self.specification
        questions = questions_of(self.events, self.personas, specification.elicitation.sightings)
        return len(distinct_prompts(questions, specification.templates, specification.asking.wordings)[0])

    @property
    def model_calls(self) -> int:
        """Calls of all language models: one a prompt, or with sampled answers one an answer."""
        asking = self.specification.asking
        each = asking.samples if asking.method == "sample" else 1
        return self.prompts * each * len(self.specification.language_models)

    @cached_property
    def network_hashes(self) -> dict[str, str]:
        """What identifies the networks of files, by their path."""
        return {path: _digest(_arrays(network)) for path, network in self.networks.items()}

    def network_name(self, condition: StudyCondition) -> str:
        """Return what a condition's network is called, as its trajectories say it."""
        read = self.networks.get(condition.settings.network)
        return read.name if read else condition.settings.network

    def row(self, condition: StudyCondition) -> dict[str, Any]:
        """Row of `conditions.parquet`, but for the key."""
        settings, event = condition.settings, condition.event
        read = self.networks.get(settings.network)
        agents = read.n_agents if read else settings.agents
        degree = read.mean_degree if read else agents - 1 if settings.network == COMPLETE else settings.degree
        return {
            "model": condition.model,
            "event": event.event_id_cnty,
            "event_type": event.event_type,
            "fatalities": event.fatalities,
            "composition": condition.composition.label,
            **condition.composition.trait_means(agents),
            "network": self.network_name(condition),
            "agents": agents,
            "degree": float(degree),
            "visibility": settings.visibility,
            "replicates": settings.replicates,
            "rounds": settings.rounds,
            "clock": settings.clock,
            "seed": condition.seed,
        }


def make_plan(specification: StudySpecification, note: Say | None = None) -> Plan:
    """Spell a study out; no language model is asked or loaded.

    Parameters
    ----------
    specification : StudySpecification
        The study.
    note : callable, optional
        Called with a sentence on what was left out of a file.

    Raises
    ------
    InputError
        When an event, profile, network or setting is not there or cannot be.

    Examples
    --------
    >>> from tworate.analysis.study.study_file import make_study
    >>> content = {"events": {"ids": ["VAR1", "ELM6"]}, "personas": {"profiles": ["OCEAN", "oCean"]}}
    >>> plan = make_plan(make_study(content))
    >>> [(one.number, one.event.event_id_cnty, one.composition.label) for one in plan.conditions]
    [(0, 'VAR1', 'OCEAN'), (1, 'VAR1', 'oCean'), (2, 'ELM6', 'OCEAN'), (3, 'ELM6', 'oCean')]
    >>> plan.prompts
    40
    """
    # Refused now, not when something has been asked.
    _ = specification.asking, specification.templates
    events = _events(specification, note)
    compositions = list(_compositions(specification))
    networks: dict[str, AnyNetwork] = {}
    processes = list(_processes(specification, networks))
    for composition, process in itertools.product(compositions, processes):
        _check_composition(composition, process)
    choices = itertools.product(
        specification.language_models, events, compositions, processes, specification.spread.visibility,
        specification.seed,
    )  # fmt: skip
    hashes = {path: _digest(_arrays(network)) for path, network in networks.items()}
    conditions = []
    for number, (model, event, composition, process, visibility, seed) in enumerate(choices):
        settings = replace(
            process, visibility=visibility, homophily=composition.homophily, placement=composition.placement
        )
        drawn = _own_seed(model.label, event, composition, settings, hashes.get(settings.network), seed)
        conditions.append(StudyCondition(number, model.label, event, composition, replace(settings, seed=drawn), seed))
    return Plan(specification, tuple(conditions), tuple(events), networks)


def _events(specification: StudySpecification, note: Say | None) -> list[Event]:
    table = specification.events
    where = EventFilter.from_text(
        table.types, table.countries, table.min_fatalities, table.max_fatalities, table.since, table.until
    )
    left = (
        shipped_events(where, note) if table.file is None else read_events(specification.path(table.file), where, note)
    )
    if table.ids is not None and table.ids != ["all"]:
        left = [find_event(left, name) for name in dict.fromkeys(table.ids)]
    if table.per_type is None:
        return left
    of_type: dict[str, list[Event]] = {}
    for event in left:
        of_type.setdefault(event.event_type, []).append(event)
    return [event for events in of_type.values() for event in events[: table.per_type]]


def _compositions(specification: StudySpecification) -> Iterator[Composition]:
    table = specification.personas
    # Who names mixtures alone wants these alone.
    profiles = table.profiles if table.profiles is not None else [] if table.mixtures else ["all"]
    seen: set[str] = set()
    for persona in parse_personas(",".join(profiles)) if profiles else ():
        seen.add(persona.label)
        yield Composition(persona.label, as_mixture([persona]))
    for name, entry in table.mixtures.items():
        if name in seen:
            raise InputError(f"mixture {name!r} is called like a profile; give it another name")
        yield Composition(name, _mixture(specification, name, entry), entry.homophily, entry.placement)
    if not seen and not table.mixtures:
        raise InputError("the study has no personas: name profiles or mixtures in [personas]")


def _mixture(specification: StudySpecification, name: str, entry: MixtureEntry) -> Mixture:
    if (entry.personas is None) == (entry.weights is None):
        raise InputError(f"mixture {name!r}: give either personas (codes, or a CSV file) or weights (code = number)")
    try:
        if entry.weights is not None:
            return Mixture(tuple(Persona(code) for code in entry.weights), tuple(entry.weights.values()))
        text = entry.personas or ""
        return parse_mixture(str(specification.path(text)) if text.lower().endswith(".csv") else text)
    except InputError as error:
        raise InputError(f"mixture {name!r}: {error}") from error


def _processes(specification: StudySpecification, networks: dict[str, AnyNetwork]) -> Iterator[SpreadSettings]:
    """Yield the settings of each network, checked for every visibility; read the networks of files."""
    table = specification.spread
    common = {
        name: getattr(table, name)
        for name in ("replicates", "rounds", "initial_sharers", "seeds", "clock", "outside")
    }  # fmt: skip
    seen: list[SpreadSettings] = []
    for entry in table.networks:
        file = specification.path(entry.kind)
        is_file = entry.kind.partition(":")[0] not in NETWORKS and file.is_file()
        settings = SpreadSettings(
            # As trajectories name it, however its parameters are written.
            network=str(file if is_file else parse_network(entry.kind)),
            agents=table.agents if entry.agents is None else entry.agents,
            degree=table.degree if entry.degree is None else entry.degree,
            interventions=tuple(table.interventions),
            **common,
        )
        for visibility in table.visibility:
            replace(settings, visibility=visibility).check()
        if is_file:
            network = networks.setdefault(settings.network, read_network(file))
            settings = replace(settings, agents=network.n_agents)
            settings.check_process(network.n_agents)
        if settings in seen:
            raise InputError(f"network {entry.kind!r} comes twice in the study, with the same agents and degree")
        seen.append(settings)
        yield settings


def _check_composition(composition: Composition, settings: SpreadSettings) -> None:
    """Refuse what `make_population` would, as far as that can be told without drawing networks."""
    if composition.homophily:
        check_homophily(composition.homophily)
        if np.count_nonzero(composition.mixture.counts(settings.agents)) < 2:
            raise InputError(f"mixture {composition.label!r}: homophily takes agents of two personas or more")
        if settings.network == COMPLETE:
            raise InputError(
                f"mixture {composition.label!r}: homophily takes a network; in a complete one everybody is everybody's "
                "neighbour"
            )
    try:
        replace(settings, placement=composition.placement).check()
        if settings.seeds.startswith(PERSONA):
            persona_row("seeds", settings.seeds, [persona.label for persona in composition.mixture.personas])
    except InputError as error:
        raise InputError(f"composition {composition.label!r}: {error}") from error


def _own_seed(
    model: str, event: Event, composition: Composition, settings: SpreadSettings, network_hash: str | None, seed: int
) -> int:
    """Seed of a condition, from what it is: the same wherever it stands in a study, and whatever else is in it."""
    mixture = composition.mixture
    identity = [
        seed, model, event.event_id_cnty, [[persona.code, persona.label] for persona in mixture.personas],
        mixture.weights, composition.homophily, composition.placement, network_hash or settings.network,
        settings.agents, settings.degree, settings.visibility,
    ]  # fmt: skip
    return int.from_bytes(hashlib.sha256(json.dumps(identity).encode()).digest()[:4])


def _arrays(network: AnyNetwork) -> Sequence[Any]:
    if isinstance(network, CompleteNetwork):
        return [np.array([network.n_agents])]
    return [network.indptr, network.indices]


def _digest(arrays: Sequence[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:24]
