"""How a population decides: one language model for all, or groups of agents that each decide in their own way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..agents import (
    DecisionTable,
    Elicitation,
    Event,
    GroupMixture,
    LanguageModel,
    Mixture,
    PromptTemplates,
    decide,
    decide_groups,
)
from .experiment import elicitation_notes, elicitation_record

Models = LanguageModel | Mapping[str, LanguageModel] | None
"""One language model, or several by the names that groups give them; None where all probabilities are given."""


@dataclass(frozen=True)
class PopulationDecisions:
    """The decisions of a population.

    Parameters
    ----------
    tables : list of DecisionTable
        One per event, over all rows of the population.
    by_model : dict of str to list of DecisionTable
        By the name of a language model: one per event, over what it was asked.
    models : dict of str to LanguageModel
        The language models by their own names.
    asked : Elicitation
        How they were asked.
    """

    tables: list[DecisionTable]
    by_model: dict[str, list[DecisionTable]]
    models: dict[str, LanguageModel]
    asked: Elicitation

    def notes(self) -> list[str]:
        """Return notes for the user on each language model, see `elicitation_notes`."""
        named = len(self.by_model) > 1
        return [
            f"{name}: {note}" if named else note
            for name, tables in self.by_model.items()
            for note in elicitation_notes(tables, self.asked)
        ]

    def record(self) -> dict[str, Any]:
        """Return the language models and how they were asked, for the record of a run.

        Keys are `model`, `fingerprint`, `warning` and `elicitation`. With several language models, the first three are
        joined, `elicitation` is left out, and `models` has one record for each; without any, all are None.
        """
        each = [
            {
                "model": name,
                "fingerprint": model.fingerprint,
                "warning": model.warning,
                "elicitation": elicitation_record(self.by_model[name], self.asked),
            }
            for name, model in self.models.items()
        ]
        if len(each) == 1:
            return each[0]
        if not each:
            return dict.fromkeys(("model", "fingerprint", "warning", "elicitation"))
        joined = {key: "; ".join(str(one[key]) for one in each) for key in ("model", "fingerprint")}
        warnings = " ".join(dict.fromkeys(str(one["warning"]) for one in each if one["warning"]))
        return {**joined, "warning": warnings or None, "models": each}


def decide_population(
    mixture: Mixture,
    models: Models,
    events: Sequence[Event],
    *,
    templates: PromptTemplates | None = None,
    elicitation: Elicitation | None = None,
    cue: str = "none",
    message: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> PopulationDecisions:
    """Elicit or take the decisions of all agents.

    Parameters
    ----------
    mixture : Mixture
        Personas of the agents, or groups of agents.
    models : LanguageModel or mapping of str to LanguageModel
        The language model; for groups also several, by :attr:`tworate.agents.GroupMixture.model_names`.
    events, templates, elicitation, cue, message, progress
        As in :func:`tworate.agents.decide`.

    Raises
    ------
    InputError
        When a language model is missing, or a setting does not go with it.
    """
    asked = elicitation or Elicitation()
    how: dict[str, Any] = {
        "templates": templates, "elicitation": asked, "cue": cue, "message": message, "progress": progress
    }  # fmt: skip
    if isinstance(mixture, GroupMixture):
        by_name = models if isinstance(models, Mapping) else {} if models is None else {"": models}
        decided = decide_groups(mixture, by_name, events, **how)
        of_groups = {model.name: model for model in by_name.values() if model.name in decided.by_model}
        return PopulationDecisions(decided.tables, decided.by_model, of_groups, asked)
    if not isinstance(models, LanguageModel):
        raise TypeError("a population without groups has one language model")
    tables = decide(models, events, mixture.personas, **how)
    return PopulationDecisions(tables, {models.name: tables}, {models.name: models}, asked)
