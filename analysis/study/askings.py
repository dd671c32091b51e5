"""Ways to ask decisions, as factors of a study: wording, framing, order, method, qualifier, temperature."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...agents import Elicitation, PromptTemplates, parse_wordings
from ...agents.wordings import AUTO

FACTORS = ("wording", "question", "order", "method", "qualifier", "temperature")
"""What can differ between ways to ask."""


@dataclass(frozen=True)
class Asking:
    """One way to ask decisions.

    Parameters
    ----------
    elicitation : Elicitation
        How the model is asked.
    templates : PromptTemplates
        Wording of the prompts.
    levels : dict of str to str or float
        The levels of the factors that the study varies, by name; empty if it varies none.
    """

    elicitation: Elicitation
    templates: PromptTemplates
    levels: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The levels in a few words; empty if the study has one way to ask."""
        return label_of(self.levels)


def label_of(levels: Mapping[str, Any]) -> str:
    """Return the levels of a way to ask in a few words."""
    return ", ".join(map(str, levels.values()))


def askings_of(
    elicitation: Elicitation, qualifier: str, question: str, factors: Mapping[str, Sequence[Any]]
) -> list[Asking]:
    """Return every combination of the levels of the factors.

    Parameters
    ----------
    elicitation : Elicitation
        Settings that are not factors.
    qualifier, question : str
        The qualifier of personas and the framing of the question, where they are not factors.
    factors : mapping of str to sequence
        Levels by name, of :data:`FACTORS`. A temperature belongs to sampled answers: where answers are scored, it is
        not varied.

    Raises
    ------
    InputError
        When a level is unknown.

    Examples
    --------
    >>> found = askings_of(Elicitation(), "very", "standard", {"wording": ["share/ignore", "yes/no"]})
    >>> [asking.label for asking in found]
    ['share/ignore', 'yes/no']
    """
    found: dict[tuple[Any, ...], Asking] = {}
    for levels in itertools.product(*factors.values()):
        level = dict(zip(factors, levels, strict=True))
        asked = elicitation
        if "wording" in level:
            wordings = parse_wordings([level["wording"]])
            asked = replace(asked, wordings=wordings, choose=level["wording"] == AUTO)
        asked = replace(
            asked,
            order=level.get("order", asked.order),
            method=level.get("method", asked.method),
            temperature=level.get("temperature", asked.temperature),
        )
        if asked.method == "logits" and "temperature" in level:
            asked = replace(asked, temperature=elicitation.temperature)
            level["temperature"] = 1.0
        templates = PromptTemplates(
            qualifier=level.get("qualifier", qualifier), question=level.get("question", question)
        )
        found.setdefault(tuple(level.values()), Asking(asked, templates, level))
    return list(found.values())
