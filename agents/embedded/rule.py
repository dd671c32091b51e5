"""The documented synthetic rule that the embedded model was trained on.

The rule is invented. It is evidence about the software only.
"""

import math

from ..event import Event
from ..inventory import Item
from ..personas import TRAITS, Persona

INTERCEPT = -1.7
TRAIT_EFFECTS = {
    "openness": 0.30,
    "conscientiousness": -0.45,
    "extraversion": 0.80,
    "agreeableness": 0.20,
    "neuroticism": 0.50,
}
QUALIFIER_FACTORS = {"a bit": 0.4, "plain": 0.7, "very": 1.0, "extremely": 1.3}
"""Factor of the trait effects for each intensity of the adjectives."""
EVENT_TYPE_EFFECTS = {
    "Battles": 0.20,
    "Explosions/Remote violence": 0.50,
    "Violence against civilians": 0.80,
    "Protests": -0.40,
    "Riots": 0.00,
    "Strategic developments": -0.80,
}
FATALITY_EFFECT = 0.35
"""Effect of each decimal digit of the number of fatalities: 0 has none, 1 to 9 one, 10 to 99 two, 100 or more three."""
SIGHTING_EFFECT = -0.50
"""Effect of each earlier sighting, up to four."""
CUE_EFFECT = 0.40
"""Effect of each bin of the number of sharers (1, 2, 3 or 4, 5 or more) above the first."""
MESSAGE_EFFECT = -0.70
"""Effect of a counter-message, whatever its text."""
ITEM_EFFECT = 1.2
"""Effect of a trait on the log-odds of one point of the inventory's scale against the next lower one."""
ITEM_CURVATURE = 0.3
"""Decrease of the log-probability of an answer per squared distance from the middle of the scale."""


def trait_values(persona: Persona, qualifier: str = "very") -> dict[str, float]:
    """Return the value of each trait: the qualifier's factor if high, minus the factor if low, 0 if unspecified."""
    factor = QUALIFIER_FACTORS[qualifier]
    return {trait: factor * {True: 1, False: -1, None: 0}[persona.levels.get(trait)] for trait in TRAITS}


def share_probability(
    persona: Persona,
    event: Event,
    sighting: int,
    qualifier: str = "very",
    cue: int | None = None,
    message: str = "",
) -> float:
    """Return P(share) under the synthetic rule.

    Parameters
    ----------
    persona : Persona
        The rule uses the traits, but not the biography.
    event : Event
        The rule uses the type and the fatalities.
    sighting : int
        Number of the sighting of the post, from 1.
    qualifier : str
        Intensity of the persona's adjectives.
    cue : int, optional
        Bin of the number of followed accounts that have shared, from 0; none has the effect of the first.
    message : str
        Text of a counter-message; empty if there is none.

    Notes
    -----
    `logit P = intercept + Σ_trait effect · value + type effect + 0.35 · min(digits(fatalities), 3)
    - 0.50 · min(sighting - 1, 4) + 0.40 · cue - 0.70 · (1 if there is a message)`, with the values of
    :func:`trait_values`.
    """
    digits = min(len(str(event.fatalities)), 3) if event.fatalities > 0 else 0
    values = trait_values(persona, qualifier)
    logit = (
        INTERCEPT
        + sum(effect * values[trait] for trait, effect in TRAIT_EFFECTS.items())
        + EVENT_TYPE_EFFECTS[event.event_type]
        + FATALITY_EFFECT * digits
        + SIGHTING_EFFECT * min(sighting - 1, 4)
        + CUE_EFFECT * (cue or 0)
        + MESSAGE_EFFECT * bool(message)
    )
    return 1.0 / (1.0 + math.exp(-logit))


def item_probabilities(persona: Persona, item: Item, qualifier: str = "very") -> tuple[float, ...]:
    """Return the probabilities of the five points of the inventory's scale, from very inaccurate to very accurate.

    Parameters
    ----------
    persona, qualifier
        As in :func:`share_probability`.
    item : Item
        The rule uses the trait and the key.

    Notes
    -----
    `log P(k) = 1.2 · key · value · (k - 3) - 0.3 · (k - 3)² + constant` for k from 1 to 5.
    """
    slope = ITEM_EFFECT * item.keyed * trait_values(persona, qualifier)[item.trait]
    weights = [math.exp(slope * step - ITEM_CURVATURE * step**2) for step in (-2, -1, 0, 1, 2)]
    return tuple(weight / sum(weights) for weight in weights)
