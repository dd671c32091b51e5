"""The decision table of an event: P[persona, sighting], or P[persona, sighting, cue] where agents see who shared.

It is the only input from the language model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..common.cues import CUE_LABELS, check_cue
from .content_free import without_content
from .elicitation import Elicitation
from .event import Event
from .language_model import LanguageModel, Progress
from .personas import DEFAULT_QUALIFIER, Persona, all_personas
from .prompts import PromptTemplates, default_templates, questions_of
from .shrinkage import Shrinkage, shrink
from .wording_choice import WordingTrial, choose_wording

MAX_SIGHTINGS = 5
"""Default number of distinct sightings; the last one includes all later ones."""

DIAGNOSTICS = ("option_mass", "order_effect", "wording_effect", "unparsable", "standard_error")
"""Diagnostics that are recorded with each probability."""


class RowSource(NamedTuple):
    """Where a row of a decision table of several groups is from.

    Parameters
    ----------
    group : str
        Name of the group.
    model : str
        Name of the language model that decided; empty where probabilities are given.
    elicitation : str
        `logits`, `sample`, or `given`.
    """

    group: str
    model: str
    elicitation: str


@dataclass(frozen=True)
class DecisionTable:
    """Probability of sharing by persona and sighting for one event, and by social cue if agents have one.

    Parameters
    ----------
    event : Event
        The event.
    personas : tuple of Persona
        The rows.
    probabilities : array, shape (n_personas, n_sightings) or (n_personas, n_sightings, n_cues)
        `P[z, m]`: probability that persona `z` shares at its m-th sighting; the last column is "M or more". With a cue
        `P[z, m, b]`: the same if the number of neighbours that have shared lies in bin `b`, see
        :mod:`tworate.common.cues`.
    option_mass, order_effect, wording_effect, unparsable, standard_error : array
        Diagnostics, of the same shape, see :class:`tworate.agents.elicitation.Elicited`.
    qualifier : str
        Intensity of the personas' adjectives.
    elicitation : str
        The method that was used: `logits` or `sample`.
    asked : Elicitation
        How the model was asked, with the wording that was chosen.
    by_prompt : array, shape (n_wordings, n_orders, n_personas, n_sightings)
        Log-odds of sharing in each wording and order of the options.
    trials : tuple of WordingTrial
        Wordings that were tried, the chosen one first; empty if none was chosen.
    pooled : Shrinkage, optional
        How sampled decisions were pooled; `probabilities` are the pooled ones.
    sources : tuple of RowSource
        Group and language model of each row, where the rows are of several groups; else empty.
    message : str
        Text of the counter-message that the prompts stated; empty if there was none.
    """

    event: Event
    personas: tuple[Persona, ...]
    probabilities: NDArray[np.float64]
    option_mass: NDArray[np.float64] = field(repr=False)
    order_effect: NDArray[np.float64] = field(repr=False)
    wording_effect: NDArray[np.float64] = field(repr=False)
    unparsable: NDArray[np.int64] = field(repr=False)
    standard_error: NDArray[np.float64] = field(repr=False)
    qualifier: str = DEFAULT_QUALIFIER
    elicitation: str = "logits"
    asked: Elicitation = field(default_factory=Elicitation)
    by_prompt: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0, 0, 0)), repr=False)
    trials: tuple[WordingTrial, ...] = ()
    pooled: Shrinkage | None = field(default=None, repr=False)
    sources: tuple[RowSource, ...] = ()
    message: str = ""

    @property
    def cue(self) -> str:
        """What agents are told about others, one of :data:`tworate.common.cues.CUES`."""
        return "sharers" if self.probabilities.ndim == 3 else "none"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per persona and sighting, and per cue if agents have one.

        The columns are `event`, `event_type`, `persona` (the code), `qualifier`, `sighting`, `p_share`, `elicitation`
        and the diagnostics. If any persona has them, `name` and `biography` come after `persona`. With a cue, the
        column `cue` has the bin of the number of neighbours that have shared, after `sighting`. If sampled answers were
        pooled, `p_sampled` is what was sampled. Where the rows are of several groups, `group` and `model` come before
        `persona`. With a counter-message, `message` is its text.
        """
        shape = self.probabilities.shape
        persona, sighting, *cue = (place.ravel() for place in np.indices(shape))
        descriptions = {
            name: np.array([getattr(persona, name) for persona in self.personas])[persona]
            for name in ("name", "biography")
            if any(getattr(persona, name) for persona in self.personas)
        }
        of_row = {name: np.array([getattr(source, name) for source in self.sources]) for name in RowSource._fields}
        named = {name: of_row[name][persona] for name in ("group", "model") if self.sources}
        method = of_row["elicitation"][persona] if self.sources else self.elicitation
        return pd.DataFrame(
            {
                "event": self.event.event_id_cnty,
                "event_type": self.event.event_type,
                **named,
                "persona": np.array([persona.code for persona in self.personas])[persona],
                **descriptions,
                "qualifier": self.qualifier,
                "sighting": sighting + 1,
                **({"cue": np.array(CUE_LABELS)[cue[0]]} if cue else {}),
                **({"message": self.message} if self.message else {}),
                "p_share": self.probabilities.ravel(),
                **({"p_sampled": _probability(self.by_prompt).ravel()} if self.pooled else {}),
                "elicitation": method,
                **{name: getattr(self, name).ravel() for name in DIAGNOSTICS},
            }
        )


def decide(
    model: LanguageModel,
    events: Sequence[Event],
    personas: Sequence[Persona] | None = None,
    *,
    sightings: int = MAX_SIGHTINGS,
    templates: PromptTemplates | None = None,
    elicitation: Elicitation | None = None,
    cue: str = "none",
    message: str = "",
    progress: Progress | None = None,
) -> list[DecisionTable]:
    """Elicit the decision table of each event from a language model.

    Parameters
    ----------
    model : LanguageModel
        The model that decides.
    events : sequence of Event
        The events; each gets one table.
    personas : sequence of Persona, optional
        The rows; all 32 by default.
    sightings : int
        Number of columns M, at least 1; the last column means "M or more".
    templates, elicitation, progress
        As in :meth:`LanguageModel.share_probability`.
    cue : {"none", "sharers"}
        Whether the prompt says how many of the accounts that the agent follows have shared.
    message : str
        Text of a counter-message that the prompt states beside the post, see :func:`tworate.agents.read_message`.

    Returns
    -------
    list of DecisionTable
        The tables, in the order of the events.

    Raises
    ------
    InputError
        When the cue is unknown, or the template of the question does not state it or the message.
    """
    check_cue(cue)
    personas = tuple(personas or all_personas())
    questions = questions_of(events, personas, sightings, cue, message)
    templates = templates or default_templates()
    if cue != "none":
        templates.check_cue()
    if message:
        templates.check_message()
    asked, trials = elicitation or Elicitation(), list[WordingTrial]()
    if asked.choose:
        asked, trials = choose_wording(model, events, asked, templates, progress)
    elicited = model.share_probability(questions, templates, progress, elicitation=asked)
    shape = (len(events), len(personas), sightings, *([] if cue == "none" else [len(CUE_LABELS)]))
    by_prompt = elicited.by_prompt.reshape(*elicited.by_prompt.shape[:2], *shape)
    diagnostics = {name: getattr(elicited, name).reshape(shape) for name in DIAGNOSTICS}
    p_share = elicited.p_share.reshape(shape)
    if asked.calibrate != "none":
        calibrated = without_content(asked.calibrate, model, events, personas, sightings, cue, templates, asked)
        p_share, by_prompt, changed = calibrated.taken_off(p_share, by_prompt, diagnostics["standard_error"])
        diagnostics |= changed
    return [
        _pooled(
            DecisionTable(
                event,
                personas,
                p_share[i],
                **{name: values[i] for name, values in diagnostics.items()},
                qualifier=templates.qualifier,
                elicitation=elicited.method,
                asked=asked,
                by_prompt=by_prompt[:, :, i],
                trials=tuple(trials),
                message=message,
            )
        )
        for i, event in enumerate(events)
    ]


def _pooled(table: DecisionTable) -> DecisionTable:
    """Return a table of sampled decisions with its cells pooled, if that is asked for."""
    if table.elicitation != "sample" or not table.asked.shrink:
        return table
    p = table.probabilities
    # Each sighting, with each cue, is a column.
    rows = (len(p), -1)
    log_odds, sd = table.by_prompt.mean(axis=(0, 1)), table.standard_error / (p * (1 - p))
    pooled = shrink(log_odds.reshape(rows), sd.reshape(rows))
    probabilities = 1 / (1 + np.exp(-pooled.log_odds.reshape(p.shape)))
    error = probabilities * (1 - probabilities) * pooled.sd.reshape(p.shape)
    return replace(table, probabilities=probabilities, standard_error=error, pooled=pooled)


def _probability(by_prompt: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-np.logaddexp(0.0, -by_prompt.mean(axis=(0, 1))))
