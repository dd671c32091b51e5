"""Choose the wording of the options that suits a language model: it would say the words, and their order matters least.

The choice uses the mass and the effect of the order only. It never looks at the probability of sharing, nor at
differences between personas.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .elicitation import Elicitation
from .event import Event
from .language_model import LanguageModel, Progress
from .personas import Persona
from .prompts import PromptTemplates, Question
from .wordings import Wording

_PERSONAS = ("OCEAN", "ocean", "OceaN", "oCEAn")
"""Profiles that are asked: each trait is high in two of them and low in two."""
_SIGHTINGS = (1, 2)
ENOUGH_MASS = 0.8
"""Mass from which on a wording is not preferred for more of it."""
_NEAR = 0.05
"""If no wording has enough mass, those this near to the largest mass are compared by their order effect."""


@dataclass(frozen=True)
class WordingTrial:
    """How a model takes a wording.

    Parameters
    ----------
    wording : Wording
        The wording.
    option_mass : float
        Mean probability that the answer is one of the options.
    order_effect : float
        Mean absolute difference of the log-odds of sharing between both orders of the options.
    """

    wording: Wording
    option_mass: float
    order_effect: float


def choose_wording(
    model: LanguageModel,
    events: Sequence[Event],
    settings: Elicitation,
    templates: PromptTemplates | None = None,
    progress: Progress | None = None,
) -> tuple[Elicitation, list[WordingTrial]]:
    """Try the wordings of the settings, and return settings with the best one alone.

    Among the wordings with a mass of at least :data:`ENOUGH_MASS`, or else with nearly the largest mass, the one with
    the least order effect is taken. The model is asked about the first event, as four profiles, at two sightings.

    Parameters
    ----------
    model : LanguageModel
        The model.
    events : sequence of Event
        The events; the first one is asked about.
    settings : Elicitation
        How to ask. Sampled answers are tried with the same number of answers.
    templates, progress
        As in :meth:`LanguageModel.share_probability`.

    Returns
    -------
    settings : Elicitation
        The settings with the chosen wording.
    trials : list of WordingTrial
        All wordings, the chosen one first, then by mass.
    """
    questions = [Question(Persona(code), events[0], sighting) for code in _PERSONAS for sighting in _SIGHTINGS]
    trials = []
    for number, wording in enumerate(settings.wordings):

        def report(done: int, total: int, number: int = number) -> None:
            if progress:
                progress(number * total + done, len(settings.wordings) * total)

        one = replace(settings, wordings=(wording,), choose=False, order="both", calibrate="none", max_unparsable=1.0)
        elicited = model.share_probability(questions, templates, report, elicitation=one)
        trials.append(
            WordingTrial(wording, float(elicited.option_mass.mean()), float(np.abs(elicited.order_effect).mean()))
        )
    best = max(trial.option_mass for trial in trials)
    enough = ENOUGH_MASS if best >= ENOUGH_MASS else best - _NEAR
    chosen = min((trial for trial in trials if trial.option_mass >= enough), key=lambda trial: trial.order_effect)
    others = sorted((trial for trial in trials if trial is not chosen), key=lambda trial: -trial.option_mass)
    return replace(settings, wordings=(chosen.wording,), choose=False), [chosen, *others]
