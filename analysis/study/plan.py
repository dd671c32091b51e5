"""The plan of a study: its conditions, events, personas and networks."""

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
    read_message,
    shipped_events,
)
from ...agents.language_model import distinct_prompts
from ...agents.prompts import questions_of
from ...errors import InputError
from ...simulate import AnyNetwork, CompleteNetwork, parse_pace, read_network
from ...simulate.assignment import check_homophily
from ...simulate.generators import COMPLETE, NETWORKS, parse_network
from ...simulate.network_files import parse_network_file
from ...simulate.seeding import PERSONA, persona_row
from ..experiment import SpreadSettings
from .askings import label_of
from .study_file import MixtureEntry, StudySpecification

Say = Callable[[str], None]


@dataclass(frozen=True)
class Composition:
    """The personas of the agents in a condition.

    Parameters
    ----------
    label : str
        Code of a profile, or name of a mixture.
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
        """Return the mean of each trait over the agents, by its letter: high +1, low -1, not named 0."""
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
    """One condition, which is simulated and compared separately.

    Parameters
    ----------
    number : int
        Position in the study, from 0.
    model : str
        Label of the language model in the study.
    event : Event
        Event of the post.
    composition : Composition
        Personas of the agents.
    settings : SpreadSettings
        Network and process, with the condition's own seed.
    seed : int
        Seed of the study, from which the condition's own seed is derived.
    asking : dict of str to str or float
        The levels of the way to ask, see :class:`tworate.analysis.study.askings.Asking`; empty if the study has one. It
        does not change the seed: prompts are compared on the same random numbers.
    scenario : str
        Name of its interventions; empty if the study has no scenarios. It does not change the seed either.
    """

    number: int
    model: str
    event: Event
    composition: Composition
    settings: SpreadSettings
    seed: int
    asking: Mapping[str, Any]
    scenario: str = ""

    @property
    def label(self) -> str:
        """The condition in a few words, for messages."""
        return (
            f"condition {self.number} ({self.model}, {self.event.event_id_cnty}, {self.composition.label}, "
            f"{self.settings.network}, visibility {self.settings.visibility:g}"
            f"{''.join(f', {part}' for part in (self.asking_label, self.scenario) if part)})"
        )

    @property
    def asking_label(self) -> str:
        """The way to ask in a few words; empty if the study has one."""
        return label_of(self.asking)

    @property
    def columns(self) -> dict[str, Any]:
        """Condition columns of its trajectories, without its number and the network, which the simulation adds."""
        return {
            "event": self.event.event_id_cnty,
            "event_type": self.event.event_type,
            "composition": self.composition.label,
            "visibility": self.settings.visibility,
            "model": self.model,
            **self.asking,
            **({"scenario": self.scenario} if self.scenario else {}),
        }


@dataclass(frozen=True)
class Plan:
    """All conditions of a study.

    Parameters
    ----------
    specification : StudySpecification
        The study.
    conditions : tuple of StudyCondition
        In the order of the study: language models, ways to ask, events, compositions, networks, visibilities, seeds.
    events : tuple of Event
        Events of the posts.
    networks : mapping of str to Network
        Networks read from files, by the path in the settings of conditions.
    messages : mapping of str to str
        Texts of counter-messages, by the file in the settings of conditions.
    """

    specification: StudySpecification
    conditions: tuple[StudyCondition, ...]
    events: tuple[Event, ...]
    networks: Mapping[str, AnyNetwork] = field(repr=False)
    messages: Mapping[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def personas(self) -> tuple[Persona, ...]:
        """All personas of the study, without duplicates."""
        personas = [persona for one in self.conditions for persona in one.composition.mixture.personas]
        return tuple(dict.fromkeys(personas))

    @cached_property
    def prompts(self) -> int:
        """Number of prompts for each language model, over all ways to ask; a prompt of two ways is asked once."""
        specification = self.specification
        asked = specification.elicitation
        return sum(
            len(distinct_prompts(questions, asking.templates, asking.elicitation.wordings, asking.elicitation.order)[0])
            for message in ("", *self.texts)
            for questions in [questions_of(self.events, self.personas, asked.sightings, asked.cue, message)]
            for asking in specification.askings
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """The different counter-messages that agents read."""
        return tuple(dict.fromkeys(self.messages.values()))

    def message(self, condition: StudyCondition) -> str:
        """Return the text of the counter-message of a condition; empty if there is none."""
        return self.messages[condition.settings.message.file] if condition.settings.message else ""

    @property
    def model_calls(self) -> int:
        """Calls of all language models: one per prompt, or one per answer if answers are sampled."""
        # Scored and sampled prompts of one study are counted alike.
        calls = [
            asking.elicitation.samples if asking.elicitation.method == "sample" else 1
            for asking in self.specification.askings
        ]
        return round(self.prompts * sum(calls) / len(calls)) * len(self.specification.language_models)

    @cached_property
    def network_hashes(self) -> dict[str, str]:
        """Hashes of the networks from files, by their path."""
        return {path: _digest(_arrays(network)) for path, network in self.networks.items()}

    def network_name(self, condition: StudyCondition) -> str:
        """Return the name of a condition's network, as in its trajectories."""
        network = self.networks.get(condition.settings.network)
        return network.name if network else condition.settings.network

    def row(self, condition: StudyCondition) -> dict[str, Any]:
        """Return the row of `conditions.parquet`, without the key."""
        settings, event = condition.settings, condition.event
        network = self.networks.get(settings.network)
        agents = network.n_agents if network else settings.n_agents
        degree = network.mean_degree if network else agents - 1 if settings.network == COMPLETE else settings.degree
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
            **({"pace": str(settings.pace)} if settings.pace else {}),
            "seed": condition.seed,
            **condition.asking,
            **({"scenario": condition.scenario} if condition.scenario else {}),
        }


def make_plan(specification: StudySpecification, note: Say | None = None) -> Plan:
    """Make all conditions of a study; no language model is loaded or asked.

    Parameters
    ----------
    specification : StudySpecification
        The study.
    note : callable, optional
        Called with a sentence about events of a file that are left out.

    Raises
    ------
    InputError
        When an event, profile or network does not exist, or a setting is invalid.

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
    # Check these before a language model is asked.
    askings = specification.askings
    events = _events(specification, note)
    compositions = list(_compositions(specification))
    networks: dict[str, AnyNetwork] = {}
    processes = list(_processes(specification, networks))
    for network in networks.values():
        for sentence in network.notes:
            if note:
                note(sentence)
    for composition, (_, process) in itertools.product(compositions, processes):
        _check_composition(composition, process)
    choices = itertools.product(
        specification.language_models, askings, events, compositions, processes, specification.spread.visibility,
        specification.seed,
    )  # fmt: skip
    files = [process.message.file for _, process in processes if process.message]
    messages = {file: read_message(specification.path(file)) for file in dict.fromkeys(files)}
    for asking in askings if messages else ():
        asking.templates.check_message()
    hashes = {path: _digest(_arrays(network)) for path, network in networks.items()}
    conditions = []
    for number, (model, asking, event, composition, (scenario, process), visibility, seed) in enumerate(choices):
        settings = replace(
            process, visibility=visibility, homophily=composition.homophily, placement=composition.placement
        )
        drawn = _own_seed(model.label, event, composition, settings, hashes.get(settings.network), seed)
        settings = replace(settings, seed=drawn)
        conditions.append(
            StudyCondition(number, model.label, event, composition, settings, seed, asking.levels, scenario)
        )
    return Plan(specification, tuple(conditions), tuple(events), networks, messages)


def _events(specification: StudySpecification, note: Say | None) -> list[Event]:
    table = specification.events
    where = EventFilter.from_text(
        table.types, table.countries, table.min_fatalities, table.max_fatalities, table.since, table.until
    )
    events = (
        shipped_events(where, note) if table.file is None else read_events(specification.path(table.file), where, note)
    )
    if table.ids is not None and table.ids != ["all"]:
        events = [find_event(events, name) for name in dict.fromkeys(table.ids)]
    if table.per_type is None:
        return events
    of_type: dict[str, list[Event]] = {}
    for event in events:
        of_type.setdefault(event.event_type, []).append(event)
    return [event for same_type in of_type.values() for event in same_type[: table.per_type]]


def _compositions(specification: StudySpecification) -> Iterator[Composition]:
    table = specification.personas
    # With mixtures and no profiles, the study has the mixtures only.
    profiles = table.profiles if table.profiles is not None else [] if table.mixtures else ["all"]
    seen: set[str] = set()
    for persona in parse_personas(",".join(profiles)) if profiles else ():
        seen.add(persona.label)
        yield Composition(persona.label, as_mixture([persona]))
    for name, entry in table.mixtures.items():
        if name in seen:
            raise InputError(f"mixture {name!r} has the name of a profile; give it another name")
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


def _processes(
    specification: StudySpecification, networks: dict[str, AnyNetwork]
) -> Iterator[tuple[str, SpreadSettings]]:
    """Yield each scenario with the settings of each network, checked for every visibility; read networks from files."""
    table = specification.spread
    common = {
        name: getattr(table, name)
        for name in ("replicates", "rounds", "initial_sharers", "seeds", "clock", "outside", "histories")
    }  # fmt: skip
    seen: list[SpreadSettings] = []
    scenarios = table.scenarios or {"": []}
    if len({tuple(names) for names in scenarios.values()}) < len(scenarios):
        raise InputError("two scenarios have the same interventions; give each its own")
    for entry, (scenario, interventions) in itertools.product(table.networks, scenarios.items()):
        file = str(specification.path(entry.kind))
        is_file = entry.kind.partition(":")[0] not in NETWORKS and parse_network_file(file) is not None
        settings = SpreadSettings(
            # Write parameters as trajectories do, so that equal networks have equal names.
            network=file if is_file else str(parse_network(entry.kind)),
            agents=table.agents if entry.agents is None else entry.agents,
            degree=table.degree if entry.degree is None else entry.degree,
            interventions=(*table.interventions, *interventions),
            pace=parse_pace(table.ageing, table.rhythm, table.shelf_life, table.fading),
            **common,
        )
        for visibility in table.visibility:
            replace(settings, visibility=visibility).check()
        if specification.comparison.level == "individual":
            settings.check_individual()
        if is_file:
            network = networks.setdefault(settings.network, read_network(file))
            # The number of agents of all networks does not say that this one has as many.
            settings = replace(settings, agents=network.n_agents if entry.agents is None else entry.agents)
            settings.check_process(network)
        if settings in seen:
            raise InputError(f"network {entry.kind!r} is given twice with the same agents and degree; give it once")
        seen.append(settings)
        yield scenario, settings


def _check_composition(composition: Composition, settings: SpreadSettings) -> None:
    """Refuse what `make_population` refuses, as far as possible without drawing networks."""
    if composition.homophily:
        check_homophily(composition.homophily)
        if np.count_nonzero(composition.mixture.counts(settings.n_agents)) < 2:
            raise InputError(f"mixture {composition.label!r}: homophily needs agents of two or more personas")
        if settings.network == COMPLETE:
            raise InputError(
                f"mixture {composition.label!r}: homophily needs another network; in a complete network all agents are "
                "neighbours"
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
    """Derive the seed of a condition from its content, so that it does not depend on the rest of the study."""
    mixture = composition.mixture
    identity = [
        seed, model, event.event_id_cnty, [[persona.code, persona.label] for persona in mixture.personas],
        mixture.weights, composition.homophily, composition.placement, network_hash or settings.network,
        settings.n_agents, settings.degree, settings.visibility,
    ]  # fmt: skip
    return int.from_bytes(hashlib.sha256(json.dumps(identity).encode()).digest()[:4])


def _arrays(network: AnyNetwork) -> Sequence[Any]:
    if isinstance(network, CompleteNetwork):
        return [np.array([network.n_agents])]
    # Names decide which agents are seeds.
    names = (
        [] if network.labels is None else [np.frombuffer("\0".join(map(str, network.labels)).encode(), dtype=np.uint8)]
    )
    return [network.indptr, network.indices, *names]


def _digest(arrays: Sequence[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:24]
