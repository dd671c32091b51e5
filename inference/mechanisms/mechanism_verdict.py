"""The verdict on who, when and cue: which mechanism model the decision counts need."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..comparison.verdict import GAIN, STANDARD_ERRORS
from ..loo.loo import elpd_difference
from .mechanism_models import MECHANISM_MODELS

Account = Literal["neither", "who", "when", "cue", "both", "who and cue", "when and cue", "all", "undecided"]

MEANING = {
    "neither": "one probability of sharing for every persona and sighting",
    "who": "personas differ, and sightings do not",
    "when": "sightings differ, and personas do not",
    "cue": "the number of neighbours that have shared decides, and personas and sightings do not differ",
    "both": "personas differ, and sightings too",
    "who and cue": "personas differ, and the number of neighbours that have shared decides too",
    "when and cue": "sightings differ, and the number of neighbours that have shared decides too",
    "all": "personas and sightings differ, and the number of neighbours that have shared decides too",
}
"""What each mechanism model says."""


def judge_mechanisms(
    pointwise: Mapping[str, NDArray[np.float64]], doubts: Sequence[str] = ()
) -> tuple[Account, list[str]]:
    """Choose the simplest mechanism model to which no richer model adds enough.

    The models are nested, so the rule is the same as for one rate and two: a part is needed when it gains more than 4
    in elpd and more than two standard errors. If it gains more than 4, but not two standard errors, the verdict is
    undecided.

    Parameters
    ----------
    pointwise : mapping of str to array, shape (n_units,)
        Expected log predictive density of each unit, by mechanism model.
    doubts : sequence of str
        Why the numbers cannot be trusted; empty when they can.

    Returns
    -------
    account : str
        Name of a mechanism model, or `undecided`.
    reasons : list of str
        Sentences, the decisive one first.
    """
    names = [name for name in MECHANISM_MODELS if name in pointwise]
    if doubts:
        return "undecided", list(doubts)

    def parts(name: str) -> set[str]:
        return set(MECHANISM_MODELS[name])

    def gain(richer: str, simpler: str) -> tuple[float, float]:
        return elpd_difference(pointwise[richer], pointwise[simpler])

    enough = [
        name for name in names if not any(gain(other, name)[0] > GAIN for other in names if parts(other) > parts(name))
    ]
    chosen = enough[0]
    rival = next((name for name in enough[1:] if not parts(name) > parts(chosen)), None)
    if rival is not None:
        if gain(rival, chosen)[0] > 0:
            chosen, rival = rival, chosen
        d, dse = gain(chosen, rival)
        if not (d > GAIN and d > STANDARD_ERRORS * dse):
            return "undecided", [f"{chosen} and {rival} predict the counts equally well ({_numbers(d, dse)})"]
    reasons = []
    for simpler in [name for name in names if parts(name) < parts(chosen)]:
        d, dse = gain(chosen, simpler)
        if not (d > GAIN and d > STANDARD_ERRORS * dse):
            return "undecided", [
                f"{chosen} gains {d:.1f} over {simpler} in expected log predictive density, which is within "
                f"{STANDARD_ERRORS:g} standard errors ({_numbers(d, dse)})"
            ]
        reasons.append(f"{chosen} predicts the counts better than {simpler} ({_numbers(d, dse)})")
    for richer in [name for name in names if parts(name) > parts(chosen)]:
        d, dse = gain(richer, chosen)
        worth = f"costs {-d:.1f}" if d < 0 else f"gains only {d:.1f}"
        reasons.append(f"{richer} {worth}; it would have to gain more than {GAIN:g} ({_numbers(d, dse)})")
    return chosen, reasons  # type: ignore[return-value]


def _numbers(d: float, dse: float) -> str:
    return f"elpd_diff = {d:.1f}, dse = {dse:.1f}"
