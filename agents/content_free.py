"""Prompts without the post or without the persona: what a model answers when there is nothing to decide about.

Contextual calibration takes their log-odds off those of the decisions [1]_. What is left is due to the post, or to the
persona.

References
----------
.. [1] Zhao, Wallace, Feng, Klein & Singh (2021). Calibrate before use: improving few-shot performance of language
   models. ICML, arXiv 2102.09690.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..common.cues import CUE_LABELS
from .elicitation import Elicitation, order_effect, wording_effect
from .event import Event
from .language_model import LanguageModel
from .personas import Persona
from .prompts import PromptTemplates, questions_of

NO_POST = Event("N/A", "N/A", "N/A", 0)
"""A post without content."""
NO_PERSONA = Persona("-----")
"""A persona without traits."""
_LEAST_VARIANCE = 1e-12


class ContentFree(NamedTuple):
    """Log-odds of sharing without the post, or without the persona; they broadcast against those of all decisions.

    Parameters
    ----------
    by_prompt : array, shape (n_wordings, n_orders, n_events or 1, n_personas or 1, n_sightings, n_cues if any)
        Log-odds in each wording and order of the options.
    sd : array, shape (n_events or 1, n_personas or 1, n_sightings, n_cues if any)
        Monte-Carlo standard error of their mean over prompts.
    """

    by_prompt: NDArray[np.float64]
    sd: NDArray[np.float64]

    def taken_off(
        self, p_share: NDArray[np.float64], by_prompt: NDArray[np.float64], standard_error: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, NDArray[np.float64]]]:
        """Return calibrated probabilities, log-odds by prompt, and the diagnostics that change with them."""
        sd = np.hypot(standard_error / np.maximum(p_share * (1 - p_share), _LEAST_VARIANCE), self.sd)
        left = by_prompt - self.by_prompt
        calibrated = np.exp(-np.logaddexp(0.0, -left.mean(axis=(0, 1))))
        return (
            calibrated,
            left,
            {
                "standard_error": calibrated * (1 - calibrated) * sd,
                "order_effect": order_effect(left),
                "wording_effect": wording_effect(left),
            },
        )


def without_content(
    part: str,
    model: LanguageModel,
    events: Sequence[Event],
    personas: Sequence[Persona],
    sightings: int,
    cue: str,
    templates: PromptTemplates,
    asked: Elicitation,
) -> ContentFree:
    """Ask the questions of :func:`tworate.agents.decide` without the `post` or without the `persona`."""
    events, personas = ([NO_POST], personas) if part == "post" else (events, [NO_PERSONA])
    questions = questions_of(events, personas, sightings, cue)
    # Where there is nothing to decide, answers with neither option are no fault.
    elicited = model.share_probability(questions, templates, elicitation=replace(asked, max_unparsable=1.0))
    p = elicited.p_share
    shape = (len(events), len(personas), sightings, *([len(CUE_LABELS)] if cue != "none" else []))
    sd = elicited.standard_error / np.maximum(p * (1 - p), _LEAST_VARIANCE)
    return ContentFree(elicited.by_prompt.reshape(*elicited.by_prompt.shape[:2], *shape), sd.reshape(shape))
