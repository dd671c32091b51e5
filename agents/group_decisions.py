"""Decisions of groups of agents: one table over the rows of all groups, and what each language model was asked."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..common.cues import CUE_LABELS, check_cue
from ..common.log_odds import log_odds
from ..errors import InputError
from .decision_table import DIAGNOSTICS, MAX_SIGHTINGS, DecisionTable, RowSource, decide
from .elicitation import ORDERS, Elicitation
from .event import Event
from .groups import Group, GroupMixture
from .language_model import LanguageModel, Progress
from .personas import DEFAULT_QUALIFIER, Persona
from .prompts import PromptTemplates

GIVEN = "given"
"""In the column `elicitation`: the probabilities were given, and nobody was asked."""


class GroupDecisions(NamedTuple):
    """Decisions of groups of agents.

    Parameters
    ----------
    tables : list of DecisionTable
        One per event, over the rows of all groups.
    by_model : dict of str to list of DecisionTable
        By the name of a language model: one per event, over the personas that it was asked about.
    """

    tables: list[DecisionTable]
    by_model: dict[str, list[DecisionTable]]


def decide_groups(
    mixture: GroupMixture,
    models: Mapping[str, LanguageModel],
    events: Sequence[Event],
    *,
    sightings: int = MAX_SIGHTINGS,
    templates: PromptTemplates | None = None,
    elicitation: Elicitation | None = None,
    cue: str = "none",
    message: str = "",
    progress: Progress | None = None,
) -> GroupDecisions:
    """Elicit or take the decisions of every group, and join them in one decision table per event.

    Parameters
    ----------
    mixture : GroupMixture
        The groups.
    models : mapping of str to LanguageModel
        Language models by the names that the groups give them, see :attr:`GroupMixture.model_names`.
    events : sequence of Event
        The events; each gets one table.
    sightings : int
        Number of columns that language models are asked about. If a group has more given probabilities, tables have as
        many columns, and the last answer of a language model holds for those beyond.
    templates, elicitation, cue, message, progress
        As in :func:`tworate.agents.decide`. Each language model is asked in the same way.

    Returns
    -------
    GroupDecisions
        Given probabilities have a standard error of 0, and are the same for every cue, and with a message.

    Raises
    ------
    InputError
        When a language model is missing, or two of them have one name; also the errors of
        :func:`tworate.agents.decide`.

    Examples
    --------
    >>> from tworate.agents import shipped_events
    >>> groups = GroupMixture([Group("bots", 1, p_share=(0.05,)), Group("people", 4, p_share=(0.3, 0.1))])
    >>> table = decide_groups(groups, {}, shipped_events()[:1], sightings=3).tables[0]
    >>> table.probabilities.tolist()
    [[0.05, 0.05, 0.05], [0.3, 0.1, 0.1]]
    """
    check_cue(cue)
    asked = elicitation or Elicitation()
    by_model = {
        name: decide(
            model,
            events,
            personas,
            sightings=sightings,
            templates=templates,
            elicitation=asked,
            cue=cue,
            message=message,
            progress=progress,
        )
        for name, (model, personas) in _personas_by_model(mixture, models).items()
    }
    n_sightings = max(sightings, *(len(group.p_share) for group in mixture.groups))
    # Without a language model there is one prompt, which nobody was asked.
    n_prompts = next(
        (tables[0].by_prompt.shape[:2] for tables in by_model.values()), (len(asked.wordings), len(ORDERS[asked.order]))
    )
    shape = (n_sightings, *([] if cue == "none" else [len(CUE_LABELS)]))
    joined = []
    for number, event in enumerate(events):
        parts = [
            _given(group, shape, n_prompts)
            if group.personas is None
            else _answered(group, by_model[(name := models[group.model].name)][number], name, n_sightings)
            for group in mixture.groups
        ]
        arrays: dict[str, Any] = {
            name: np.concatenate([part[name] for part in parts], axis=2 if name == "by_prompt" else 0)
            for name in ("probabilities", "by_prompt", *DIAGNOSTICS)
        }
        sources = tuple(
            RowSource(group.name, part["model"], part["elicitation"])
            for group, part in zip(mixture.groups, parts, strict=True)
            for _ in group.rows.personas
        )
        methods = {source.elicitation for source in sources}
        joined.append(
            DecisionTable(
                event,
                mixture.personas,
                **arrays,
                qualifier=templates.qualifier if templates else DEFAULT_QUALIFIER,
                elicitation=methods.pop() if len(methods) == 1 else "several",
                asked=asked,
                sources=sources,
                message=message,
            )
        )
    return GroupDecisions(joined, by_model)


def _personas_by_model(
    mixture: GroupMixture, models: Mapping[str, LanguageModel]
) -> dict[str, tuple[LanguageModel, list[Persona]]]:
    """Return each language model by its own name, with the personas of all its groups, each once."""
    asked: dict[str, tuple[LanguageModel, list[Persona]]] = {}
    for group in mixture.groups:
        if group.personas is None:
            continue
        if group.model not in models:
            raise InputError(f"group {group.name}: its language model {group.model!r} was not loaded; pass it by name")
        model = models[group.model]
        known, personas = asked.setdefault(model.name, (model, []))
        if known.fingerprint != model.fingerprint:
            raise InputError(f"two different language models are called {model.name}; give one another name")
        personas += [persona for persona in group.personas.personas if persona not in personas]
    return asked


def _given(group: Group, shape: tuple[int, ...], n_prompts: tuple[int, ...]) -> dict[str, Any]:
    """Return the row of a group whose probabilities are given."""
    by_sighting = np.array(group.p_share)[np.minimum(np.arange(shape[0]), len(group.p_share) - 1)]
    p = np.broadcast_to(by_sighting.reshape(-1, *(1 for _ in shape[1:])), shape)[None].copy()
    diagnostics: dict[str, Any] = {name: np.zeros_like(p) for name in DIAGNOSTICS}
    diagnostics |= {"option_mass": np.ones_like(p), "unparsable": np.zeros(p.shape, dtype=np.int64)}
    return {
        "probabilities": p,
        "by_prompt": np.broadcast_to(log_odds(p), (*n_prompts, *p.shape)),
        **diagnostics,
        "model": "",
        "elicitation": GIVEN,
    }


def _answered(group: Group, table: DecisionTable, model: str, n_sightings: int) -> dict[str, Any]:
    """Return the rows of a group from the table of its language model."""
    personas = () if group.personas is None else group.personas.personas
    rows = [table.personas.index(persona) for persona in personas]
    arrays = {name: _longer(getattr(table, name)[rows], 1, n_sightings) for name in ("probabilities", *DIAGNOSTICS)}
    by_prompt = _longer(table.by_prompt[:, :, rows], 3, n_sightings)
    return {**arrays, "by_prompt": by_prompt, "model": model, "elicitation": table.elicitation}


def _longer(values: NDArray[Any], axis: int, n_sightings: int) -> NDArray[Any]:
    """Repeat the last sighting until there are as many as asked for."""
    columns = np.minimum(np.arange(n_sightings), values.shape[axis] - 1)
    return values.take(columns, axis=axis)
