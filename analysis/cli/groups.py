"""Groups of options that several commands share: language model, elicitation, events, personas, and spread.

A command takes a group as one argument; :func:`grouped` turns the fields of the group into options of the command.
"""

import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, get_type_hints

import typer

from ...errors import InputError
from ...simulate import defaults
from .options import Cache, Qualifier

if TYPE_CHECKING:
    from ...agents import Elicitation, Event, LanguageModel, Mixture, PromptTemplates
    from ..experiment import SpreadSettings


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Turn the fields of a command's option groups into its options, under the group's heading in the help.

    Parameters
    ----------
    command : callable
        A function with typer parameters, or parameters whose type is a dataclass with a `heading`.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            parameters += _options(groups[name])
        else:
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=hints[name]))

    @functools.wraps(command)
    def with_options(**options: Any) -> None:
        arguments = {
            name: group(**{field.name: options.pop(field.name) for field in dataclasses.fields(group)})
            for name, group in groups.items()
        }
        command(**arguments, **options)

    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    parameters = []
    for field in dataclasses.fields(group):
        kind, option = hints[field.name].__origin__, copy.copy(hints[field.name].__metadata__[0])
        option.rich_help_panel = group.heading
        annotation = Annotated[kind, option]  # type: ignore[valid-type]
        parameters.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
                annotation=annotation,
            )
        )
    return parameters


@dataclass(frozen=True)
class ModelOptions:
    """The language model, and where it runs."""

    heading: ClassVar[str] = "Language model"

    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="`embedded`, a GGUF file, a local HuggingFace folder, a hub id, or openai:NAME for a model behind a "
            "server.",
        ),
    ] = "embedded"
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url",
            metavar="URL",
            help="Server of an openai: model; default: OPENAI_BASE_URL, else OpenAI. "
            "The key is read from OPENAI_API_KEY.",
        ),
    ] = None
    concurrency: Annotated[
        int, typer.Option("--concurrency", metavar="N", min=1, help="Parallel requests to a server.")
    ] = 8
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps; default: the best available."),
    ] = None
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            metavar="NAME",
            help="float32, bfloat16, float16, or auto (as saved); default: float32 on a CPU, else auto.",
        ),
    ] = None
    think: Annotated[
        bool,
        typer.Option(
            "--think",
            metavar="",
            help="Let a reasoning model think first; needs --elicitation sample and, for example, --max-tokens 2000.",
        ),
    ] = False
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust-remote-code", metavar="", help="Run code that comes with the model: only if you trust its authors."
        ),
    ] = False
    cache: Cache = None
    no_cache: Annotated[bool, typer.Option("--no-cache", metavar="", help="Do not use or save cached answers.")] = False

    def load_for(self, mixture: "Mixture") -> "LanguageModel | dict[str, LanguageModel]":
        """Load the language model; for groups of agents the language models of all groups, by their names there.

        Raises
        ------
        InputError
            When no group uses the model of the command, or another option is of no use; also the errors of
            :meth:`load`.
        """
        from ...agents import GroupMixture
        from ...agents.base_url import OPENAI_PREFIX

        if not isinstance(mixture, GroupMixture):
            return self.load()
        if self.model != type(self).model and "" not in mixture.model_names:
            raise InputError(f"--model {self.model}: every group names its own model, or none; leave --model out")
        names = {name: name or self.model for name in mixture.model_names}
        if self.base_url is not None and not any(name.startswith(OPENAI_PREFIX) for name in names.values()):
            raise InputError(f"--base-url goes with a model {OPENAI_PREFIX}NAME, and no group has one")
        behind_server = {name: name.startswith(OPENAI_PREFIX) for name in names.values()}
        # Each model gets the options of its kind; an option that no model takes is left, so that `load` refuses it.
        local: dict[str, Any] = {"device": None, "dtype": None, "think": False, "trust_remote_code": False}
        others = {} if all(behind_server.values()) else local
        loaded: dict[str, LanguageModel] = {}
        for name, is_remote in behind_server.items():
            loaded[name] = dataclasses.replace(self, model=name, **(others if is_remote else {"base_url": None})).load()
        return {name: loaded[full] for name, full in names.items()}

    def load(self) -> "LanguageModel":
        """Load the model, and print its warning and notice.

        Raises
        ------
        InputError
            When an option does not go with the model; also the errors of
            :func:`tworate.agents.load_language_model`.
        """
        from ...agents import CachedLanguageModel, load_language_model
        from ...agents.base_url import OPENAI_PREFIX
        from .inputs import store
        from .output import say

        local_options = {name: getattr(self, name) for name in ("device", "dtype", "think", "trust_remote_code")}
        if self.model.startswith(OPENAI_PREFIX):
            for name, value in local_options.items():
                if value:
                    option = name.replace("_", "-")
                    raise InputError(
                        f"--{option} goes with a model that runs on this machine, not with --model {self.model}"
                    )
            model = load_language_model(self.model, base_url=self.base_url, concurrency=self.concurrency)
        elif self.base_url is not None:
            raise InputError(f"--base-url goes with --model {OPENAI_PREFIX}NAME, not with --model {self.model}")
        else:
            if self.trust_remote_code:
                say(
                    f"warning: --trust-remote-code: code that comes with {self.model} can do anything "
                    "on this machine that you can"
                )
            model = load_language_model(self.model, **local_options)
        if not self.no_cache:
            model = CachedLanguageModel(model, store(self.cache))
        for message in (model.warning, model.notice):
            if message:
                say(f"note: {message}")
        return model


@dataclass(frozen=True)
class EventOptions:
    """The events of the posts."""

    heading: ClassVar[str] = "Events"

    events: Annotated[
        Path | None,
        typer.Option("--events", metavar="FILE", help="ACLED export (CSV) or JSON Lines; default: the shipped events."),
    ] = None
    event: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="ID", help="Event, by event_id_cnty; may be repeated; `all` for all events."),
    ] = None
    event_type: Annotated[
        list[str] | None,
        typer.Option("--event-type", metavar="TYPE", help="Only events of this ACLED type; may be repeated."),
    ] = None
    country: Annotated[
        list[str] | None,
        typer.Option("--country", metavar="NAME", help="Only events of this country; may be repeated."),
    ] = None
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="Only events on or after this date, such as 2023-05-01."),
    ] = None
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Only events on or before this date.")
    ] = None
    min_fatalities: Annotated[
        int | None, typer.Option("--min-fatalities", metavar="N", help="Only events with at least N fatalities.")
    ] = None
    max_fatalities: Annotated[
        int | None, typer.Option("--max-fatalities", metavar="N", help="Only events with at most N fatalities.")
    ] = None

    def chosen(self) -> "list[Event]":
        """Return the events that pass the filters and are named: by default the first, with `all` all."""
        from ...agents import EventFilter, find_event, read_events, shipped_events
        from .output import say

        def note(message: str) -> None:
            say(f"note: {message}")

        where = EventFilter.from_text(
            self.event_type or (),
            self.country or (),
            self.min_fatalities,
            self.max_fatalities,
            self.since,
            self.until,
        )
        events = shipped_events(where, note) if self.events is None else read_events(self.events, where, note)
        if not self.event:
            if where.steps and len(events) > 1:
                note(f"taking the first of them, {events[0].event_id_cnty}; --event all takes all {len(events)}")
            return events[:1]
        if self.event == ["all"]:
            return events
        if "all" in self.event:
            raise InputError("--event all takes every event; leave the other --event out")
        origin = "the filters leave" if where.steps else "the file has"
        return [find_event(events, name, origin) for name in dict.fromkeys(self.event)]


@dataclass(frozen=True)
class PersonaOptions:
    """The personas of the agents."""

    heading: ClassVar[str] = "Personas"

    personas: Annotated[
        str,
        typer.Option(
            "--personas",
            metavar="CODES|FILE",
            help="`all`; or profiles such as OCEAN,O-e-- (upper case: high trait, -: trait not named); or a CSV with "
            "persona, weight and, optionally, biography and name.",
        ),
    ] = "all"
    qualifier: Qualifier = "very"
    question: Annotated[
        str,
        typer.Option(
            "--question",
            metavar="NAME",
            help="Framing of the question: standard, scrolling, survey or conversation; the content is the same.",
        ),
    ] = "standard"
    cue: Annotated[
        str,
        typer.Option(
            "--cue",
            metavar="NAME",
            help="What agents see of others: none, or sharers (how many of those whom they follow have shared).",
        ),
    ] = "none"

    def checked_cue(self) -> str:
        """Return the cue, which must exist."""
        from ...common.cues import check_cue

        check_cue(self.cue)
        return self.cue

    def mixture(self) -> "Mixture":
        """Return the personas and their weights."""
        from ...agents import parse_mixture

        return parse_mixture(self.personas)

    def templates(self) -> "PromptTemplates":
        """Return the wording of the prompts."""
        from ...agents import PromptTemplates

        return PromptTemplates(qualifier=self.qualifier, question=self.question)


@dataclass(frozen=True)
class PopulationOptions(PersonaOptions):
    """The personas of the agents, or groups of agents that decide in different ways."""

    population: Annotated[
        Path | None,
        typer.Option(
            "--population",
            metavar="FILE",
            help="Groups of agents, in the place of --personas: a CSV with group, weight, and model and personas, or "
            "p_share (a probability, or one a sighting: 0.3;0.1).",
        ),
    ] = None

    def mixture(self) -> "Mixture":
        """Return the groups of the population file; without one, the personas and their weights."""
        from ...agents import read_groups

        if self.population is None:
            return super().mixture()
        if self.personas != "all":
            raise InputError("--personas goes without --population: name the personas of each group in its file")
        return read_groups(self.population)


@dataclass(frozen=True)
class AnswerOptions:
    """How answers are elicited from a model, for any question."""

    heading: ClassVar[str] = "Elicitation"

    elicitation: Annotated[
        str,
        typer.Option(
            "--elicitation",
            metavar="METHOD",
            help="logits (log-probabilities of the options) or sample (sampled answers).",
        ),
    ] = "logits"
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", help="With sample: answers to each prompt, in each order.")
    ] = 100
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature", metavar="T", help="With sample: only at 1 does the result estimate that of logits."
        ),
    ] = 1.0
    max_unparsable: Annotated[
        float,
        typer.Option(
            "--max-unparsable",
            metavar="F",
            help="Largest fraction, or probability, of answers that begin with no option.",
        ),
    ] = 0.2
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", metavar="N", help="With sample: longest answer, in tokens.")
    ] = 16

    def settings(self, seed: int) -> "Elicitation":
        """Return the settings in the form that `agents` takes."""
        from ...agents import Elicitation

        return Elicitation(
            method=self.elicitation,
            samples=self.samples,
            temperature=self.temperature,
            max_unparsable=self.max_unparsable,
            max_tokens=self.max_tokens,
            seed=seed,
        )


@dataclass(frozen=True)
class ElicitationOptions(AnswerOptions):
    """How a decision is elicited; its two options can have several wordings."""

    wording: Annotated[
        list[str] | None,
        typer.Option(
            "--wording",
            metavar="A/B",
            help="The two options, sharing first; letters:A/B and numbers:A/B ask for a label; if repeated, the mean "
            "over all; auto chooses one for the model; default: share/ignore.",
        ),
    ] = None
    order: Annotated[
        str,
        typer.Option(
            "--order", metavar="ORDER", help="Order of the options: both (the mean), share-first or ignore-first."
        ),
    ] = "both"
    calibrate: Annotated[
        str,
        typer.Option(
            "--calibrate",
            metavar="WHAT",
            help="Take off the log-odds of the same prompt without the post or without the persona: none, post, "
            "persona.",
        ),
    ] = "none"
    shrinkage: Annotated[
        bool,
        typer.Option(
            "--shrinkage/--no-shrinkage", help="With sample: pool the cells of a table, so that noise is taken off."
        ),
    ] = True

    def settings(self, seed: int) -> "Elicitation":
        """Return the settings in the form that `agents` takes."""
        from ...agents import parse_wordings
        from ...agents.wordings import AUTO

        return dataclasses.replace(
            super().settings(seed),
            wordings=parse_wordings(self.wording),
            choose=self.wording == [AUTO],
            order=self.order,
            calibrate=self.calibrate,
            shrink=self.shrinkage,
        )


@dataclass(frozen=True)
class SpreadOptions:
    """How the post spreads; fields as in :class:`tworate.analysis.experiment.SpreadSettings`."""

    heading: ClassVar[str] = "Network and spread"

    network: Annotated[
        str,
        typer.Option(
            "--network",
            metavar="NAME|FILE",
            help="random-regular, erdos-renyi, watts-strogatz:rewired=0.1, barabasi-albert, "
            "powerlaw-cluster:triads=0.5, stochastic-block:blocks=4,between=0.05, complete, or a file: an edge list "
            "(FILE:source=COLUMN,target=COLUMN,header=yes|no if columns must be said), GraphML, GEXF, GML, Pajek; "
            "also .gz.",
        ),
    ] = defaults.NETWORK
    agents: Annotated[
        int | None,
        typer.Option(
            "--agents",
            metavar="N",
            help=f"Number of agents [default: {defaults.AGENTS}]; a file has its own, which must be N if N is given.",
        ),
    ] = None
    degree: Annotated[int, typer.Option("--degree", metavar="K", help="Neighbours of each agent, or their mean.")] = (
        defaults.DEGREE
    )
    homophily: Annotated[
        float,
        typer.Option(
            "--homophily",
            metavar="H",
            help="Assortativity of personas among neighbours, from 0 (random) to 1 (all neighbours alike).",
        ),
    ] = 0.0
    placement: Annotated[
        str,
        typer.Option(
            "--placement",
            metavar="HOW",
            help="random; block: each block of a stochastic-block network has its own personas or groups; degree: the "
            "first ones get the agents with the most neighbours.",
        ),
    ] = "random"
    replicates: Annotated[int, typer.Option("--replicates", metavar="R", help="Independent replicates.")] = (
        defaults.REPLICATES
    )
    rounds: Annotated[int, typer.Option("--rounds", metavar="T", help="Rounds of each replicate.")] = defaults.ROUNDS
    initial_sharers: Annotated[
        int, typer.Option("--initial-sharers", metavar="N", help="Agents that have shared at the start.")
    ] = defaults.INITIAL_SHARERS
    seeds: Annotated[
        str,
        typer.Option(
            "--seeds",
            metavar="WHO",
            help="Initial sharers: random, degree (most neighbours first), persona:CODE, or agents such as 3,17,20: "
            "numbers from 0, or with a network file the names that agents have there.",
        ),
    ] = "random"
    visibility: Annotated[
        float,
        typer.Option(
            "--visibility",
            metavar="C",
            help="Probability that an edge shows the post in a round; with --clock continuous, the rate.",
        ),
    ] = defaults.VISIBILITY
    outside: Annotated[
        float,
        typer.Option(
            "--outside", metavar="A", help="Probability (or rate) that the outside world shows the post to an agent."
        ),
    ] = 0.0
    clock: Annotated[str, typer.Option("--clock", metavar="NAME", help="rounds (synchronous) or continuous time.")] = (
        "rounds"
    )
    interventions: Annotated[
        list[str] | None,
        typer.Option(
            "--intervene",
            metavar="WHAT",
            help="block:FRACTION[,WHO as in --seeds], visibility:FACTOR,FROM, counter:ODDS[,FROM], or "
            "message:FILE[,FROM]: a counter-message that agents read; may be repeated.",
        ),
    ] = None
    ageing: Annotated[
        str | None,
        typer.Option(
            "--ageing",
            metavar="TAU",
            help="The post ages: contact is worth exp(-t/TAU) of what it was at first; with power:TAU, 1/(1 + t/TAU).",
        ),
    ] = None
    rhythm: Annotated[
        str | None,
        typer.Option(
            "--rhythm",
            metavar="PERIOD[:AMPLITUDE]",
            help="Contact is worth most at the start of each period: 24, or 24:0.8 with an amplitude (default: 1).",
        ),
    ] = None
    shelf_life: Annotated[
        float | None,
        typer.Option("--shelf-life", metavar="L", help="A share is seen for this many rounds (or units of time)."),
    ] = None
    fading: Annotated[
        float | None,
        typer.Option(
            "--fading", metavar="TAU", help="A share fades: at age a it is seen exp(-a/TAU) times as often as at first."
        ),
    ] = None
    histories: Annotated[
        bool | None,
        typer.Option(
            "--histories/--no-histories",
            help="Record who shared when, and the network; default: if agents times replicates are at most a million.",
        ),
    ] = None

    def settings(self, seed: int) -> "SpreadSettings":
        """Return the settings in the form that the experiment takes."""
        from ...simulate import parse_pace
        from ..experiment import SpreadSettings

        fields = dataclasses.asdict(self) | {"interventions": tuple(self.interventions or ())}
        parts = {name: fields.pop(name) for name in ("ageing", "rhythm", "shelf_life", "fading")}
        return SpreadSettings(**fields, pace=parse_pace(**parts), seed=seed)
