"""The file of a study: its tables and keys, with defaults and checks."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from ...agents import Elicitation, parse_wordings
from ...agents.base_url import OPENAI_PREFIX
from ...agents.personas import DEFAULT_QUALIFIER
from ...agents.prompts import FRAMINGS
from ...agents.wordings import AUTO
from ...common.cues import CUES
from ...errors import nearest
from ...models import CLOSURES, get_model
from ...models.structures.choice import check_structure_names
from ...simulate import defaults
from ...simulate.placement import PLACEMENTS
from .askings import Asking, askings_of
from .toml_source import explained, read_toml


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _as_table(key: str) -> BeforeValidator:
    """Accept a plain text in place of a table that has only this key."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


def _day(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) else value


Names = Annotated[list[str], BeforeValidator(_listed)]
Day = Annotated[str, BeforeValidator(_day)]


class _Table(BaseModel):
    """A table of the file: unknown keys are refused, and text is not converted to numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LanguageModelEntry(_Table):
    """A language model, by name or folder; the fields are options of `tworate run`.

    A file cannot allow code that comes with a model: only the option `--trust-remote-code` can.
    """

    model: str
    name: str = ""
    base_url: str | None = None
    concurrency: int | None = Field(default=None, ge=1)
    device: str | None = None
    dtype: str | None = None
    think: bool = False

    @model_validator(mode="after")
    def _goes_together(self) -> "LanguageModelEntry":
        served = self.model.startswith(OPENAI_PREFIX)
        for name in ("device", "dtype", "think") if served else ("base_url", "concurrency"):
            if getattr(self, name):
                where = "that runs on this machine" if served else f"behind a server ({OPENAI_PREFIX}NAME)"
                raise ValueError(f"{name} goes with a model {where}, not with {self.model}")
        return self

    @property
    def label(self) -> str:
        """Its name in the tables."""
        return self.name or self.model


class EventTable(_Table):
    """The events: those of a file that pass the filters, or the first `per_type` of each type."""

    file: str | None = None
    ids: Annotated[list[str], BeforeValidator(_listed)] | None = None
    types: Names = []
    countries: Names = []
    since: Day | None = None
    until: Day | None = None
    min_fatalities: int | None = None
    max_fatalities: int | None = None
    per_type: int | None = Field(default=None, ge=1)


class MixtureEntry(_Table):
    """A mixture: profiles in equal numbers, a CSV file, or profiles with weights."""

    personas: str | None = None
    weights: dict[str, float] | None = None
    homophily: float = 0.0
    placement: Literal[PLACEMENTS] = PLACEMENTS[0]  # type: ignore[valid-type]


class PersonaTable(_Table):
    """Personas of the agents: each profile is a condition of its own; so is each mixture."""

    profiles: Annotated[list[str], BeforeValidator(_listed)] | None = None
    mixtures: dict[str, Annotated[MixtureEntry, _as_table("personas")]] = {}
    qualifier: str = DEFAULT_QUALIFIER


class NetworkEntry(_Table):
    """A network: its kind with parameters, or a file; agents and degree if they differ from `[spread]`."""

    kind: str
    agents: int | None = None
    degree: int | None = None


class SpreadTable(_Table):
    """How the post spreads; names and defaults as the options of `tworate simulate`.

    `scenarios` are interventions by name, in addition to `interventions`: each scenario is a condition of its own, and
    the first one is what the others are compared with.
    """

    networks: Annotated[list[Annotated[NetworkEntry, _as_table("kind")]], BeforeValidator(_listed)] = [
        NetworkEntry(kind=defaults.NETWORK)
    ]
    agents: int = defaults.AGENTS
    degree: int = defaults.DEGREE
    visibility: Annotated[list[float], BeforeValidator(_listed)] = [defaults.VISIBILITY]
    replicates: int = defaults.REPLICATES
    rounds: int = defaults.ROUNDS
    initial_sharers: int = defaults.INITIAL_SHARERS
    seeds: str = "random"
    clock: str = "rounds"
    outside: float = 0.0
    interventions: Names = []
    scenarios: dict[str, Names] = {}
    ageing: str | float | None = None
    rhythm: str | float | None = None
    shelf_life: float | None = None
    fading: float | None = None
    histories: bool | None = None

    @field_validator("networks", "visibility")
    @classmethod
    def _some(cls, values: list[Any]) -> list[Any]:
        return _different(values)


class ElicitationTable(_Table):
    """How decisions are asked; names and defaults as the options of `tworate decide`."""

    method: str = "logits"
    wordings: Names = []
    question: str = FRAMINGS[0]
    order: str = "both"
    calibrate: str = "none"
    sightings: int = Field(default=5, ge=1)
    cue: Literal[CUES] = CUES[0]  # type: ignore[valid-type]
    samples: int = 100
    temperature: float = 1.0
    max_unparsable: float = 0.2
    max_tokens: int = 16


class PromptTable(_Table):
    """Ways to ask decisions, as factors: every combination is asked, simulated and compared on its own.

    Keys that are left out are not varied: `[elicitation]` and `[personas]` say how to ask.
    """

    wordings: Names = []
    questions: Names = []
    orders: Names = []
    methods: Names = []
    qualifiers: Names = []
    temperatures: Annotated[list[float], BeforeValidator(_listed)] = []

    @field_validator("wordings", "questions", "orders", "methods", "qualifiers", "temperatures")
    @classmethod
    def _some(cls, values: list[Any]) -> list[Any]:
        return _different(values)

    @property
    def factors(self) -> dict[str, list[Any]]:
        """The levels of each factor that is given, by the name of its column."""
        return {name.removesuffix("s"): levels for name, levels in self.model_dump().items() if levels}


class ComparisonTable(_Table):
    """How each condition is compared, see :func:`tworate.inference.compare`, and which posterior groups are saved.

    `posteriors` is `lean` (all groups except the log-likelihood of each draw and observation; a tenth of the size),
    `whole` or `none`. A study uses fewer draws than a single comparison. In one test, 5 of 24 conditions failed their
    diagnostics at the first try, instead of 4. Such conditions are sampled again with twice as many draws.

    `level` is `individual` or `count`. By default a condition is compared at the individual level if its simulation
    recorded who shared when, unless `closures`, or a likelihood or unit of counts, are given.
    """

    si_models: Names = ["one-rate", "two-rate"]
    level: Literal["individual", "count"] | None = None
    contact: Literal["edges", "fraction"] = "edges"
    closures: Names = [CLOSURES[0]]
    likelihood: str | None = None
    unit: str | None = None
    replicate_effects: bool = False
    structures: Names = ["default"]
    period: float | None = Field(default=None, gt=0)
    max_refits: int = Field(default=10, ge=0)
    chains: int = Field(default=4, ge=2)
    tune: int = Field(default=300, ge=1)
    draws: int = Field(default=600, ge=1)
    posteriors: Literal["lean", "whole", "none"] = "lean"

    @property
    def asks_for_counts(self) -> bool:
        """Whether settings are given that only counts have."""
        return (
            "closures" in self.model_fields_set or self.likelihood not in (None, "binomial") or self.unit == "increment"
        )

    @field_validator("si_models")
    @classmethod
    def _known_models(cls, names: list[str]) -> list[str]:
        for name in names:
            get_model(name)
        return _different(names)

    @field_validator("structures")
    @classmethod
    def _known_structures(cls, names: list[str]) -> list[str]:
        check_structure_names(names)
        return _different(names)

    @field_validator("closures")
    @classmethod
    def _known_closures(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in CLOSURES:
                raise ValueError(
                    f"closure {name!r} is unknown; choose one of {', '.join(CLOSURES)}{nearest(name, CLOSURES)}"
                )
        return _different(names)


class EffectTable(_Table):
    """Effects of traits and events over all conditions; by default they are fitted if conditions differ enough.

    Effects on the rates of each of `si_models` are fitted under `closure` (by default the most exact that the data
    allow). `compare_terms` also leaves out each trait, event type and fatalities in turn, to show which of them matter.
    """

    fit: bool | None = None
    compare_terms: bool = False
    si_models: Annotated[list[Literal["two-rate", "one-rate"]], BeforeValidator(_listed)] = ["two-rate", "one-rate"]
    closure: Literal[CLOSURES] | None = None  # type: ignore[valid-type]


class StudySpecification(_Table):
    """A study, as given in its file.

    Parameters
    ----------
    seed : list of int
        Every condition is run once for each seed.
    language_models, events, personas, spread, elicitation, prompts, comparison, effects
        The tables of the file.
    """

    seed: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], BeforeValidator(_listed)] = [0]
    language_models: Annotated[
        list[Annotated[LanguageModelEntry, _as_table("model")]], BeforeValidator(_listed), Field(min_length=1)
    ] = [LanguageModelEntry(model="embedded")]
    events: EventTable = EventTable()
    personas: PersonaTable = PersonaTable()
    spread: SpreadTable = SpreadTable()
    elicitation: ElicitationTable = ElicitationTable()
    prompts: PromptTable = PromptTable()
    comparison: ComparisonTable = ComparisonTable()
    effects: EffectTable = EffectTable()
    _folder: Path = PrivateAttr(Path())
    _text: str = PrivateAttr("")

    @field_validator("seed")
    @classmethod
    def _seeds(cls, seeds: list[int]) -> list[int]:
        if not seeds:
            raise ValueError("give at least one")
        return _different(seeds)

    @field_validator("language_models")
    @classmethod
    def _labels(cls, entries: list[LanguageModelEntry]) -> list[LanguageModelEntry]:
        labels = [entry.label for entry in entries]
        if len(set(labels)) < len(labels):
            raise ValueError("two language models have the same name; give each its own name (name = …)")
        return entries

    @property
    def text(self) -> str:
        """Text of the file; empty if the study has no file."""
        return self._text

    @property
    def asking(self) -> Elicitation:
        """How decisions are asked, in the form that `agents` takes."""
        table = self.elicitation.model_dump(exclude={"wordings", "sightings", "cue", "question"})
        wordings = self.elicitation.wordings
        return Elicitation(
            **table, wordings=parse_wordings(wordings or None), choose=wordings == [AUTO], seed=self.seed[0]
        )

    @property
    def askings(self) -> list[Asking]:
        """Every way to ask decisions."""
        return askings_of(self.asking, self.personas.qualifier, self.elicitation.question, self.prompts.factors)

    def path(self, name: str) -> Path:
        """Return the path of a name in the file, relative to the file's folder."""
        return self._folder / name


def read_study(path: str | Path) -> StudySpecification:
    r"""Read the file of a study.

    Parameters
    ----------
    path : path
        A TOML file, see docs/studies.md; missing keys have defaults. Paths in it are relative to its folder.

    Raises
    ------
    InputError
        When the file cannot be read, a key is unknown, or a value is invalid. The message names file, line and key,
        what was wrong, and the nearest valid name.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "study.toml"
    ...     _ = file.write_text('[spread]\nvisibility = [0.1, 0.25]\n')
    ...     read_study(file).spread.visibility
    [0.1, 0.25]
    """
    path = Path(path)
    content, text = read_toml(path)
    return make_study(content, path.parent, source=str(path), text=text)


def make_study(
    content: Mapping[str, Any], folder: str | Path = ".", *, source: str = "the study", text: str = ""
) -> StudySpecification:
    """Make a study from nested dicts with the content of a study file.

    Parameters
    ----------
    content : mapping
        Tables by name.
    folder : path
        Folder that paths are relative to.
    source : str
        Name of the study in error messages.
    text : str
        Text of the file, if there is one.

    Raises
    ------
    InputError
        See :func:`read_study`.
    """
    try:
        study = StudySpecification.model_validate(content)
    except ValidationError as error:
        raise explained(error, StudySpecification, source, text) from error
    study._folder, study._text = Path(folder), text
    return study


def _different(values: list[Any]) -> list[Any]:
    if not values:
        raise ValueError("give at least one")
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value!r} is given twice; give it once")
    return values
