"""The documented synthetic rule that the embedded model was trained on.

It is invented, and evidence about nothing but the software.
"""

import math

from ..events import Event
from ..personas import Persona

INTERCEPT = -1.7
TRAIT_EFFECTS = {
    "openness": 0.30,
    "conscientiousness": -0.45,
    "extraversion": 0.80,
    "agreeableness": 0.20,
    "neuroticism": 0.50,
}
EVENT_TYPE_EFFECTS = {
    "Battles": 0.20,
    "Explosions/Remote violence": 0.50,
    "Violence against civilians": 0.80,
    "Protests": -0.40,
    "Riots": 0.00,
    "Strategic developments": -0.80,
}
FATALITY_EFFECT = 0.35
"""For each decimal digit of the number of fatalities: 0 has none, 1 to 9 one, 10 to 99 two, 100 and more three."""
SIGHTING_EFFECT = -0.50
"""For each earlier sighting, up to four."""


def share_probability(persona: Persona, event: Event, sighting: int) -> float:
    """P(share) under the synthetic rule.

    Parameters
    ----------
    persona : Persona
        Each trait counts +1 when high, -1 when low and 0 when its code does not name it.
    event : Event
        Its type and fatalities count.
    sighting : int
        Which sighting of the post this is, from 1.

    Notes
    -----
    `logit P = intercept + Σ_trait effect · (±1) + type effect + 0.35 · min(digits(fatalities), 3)
    - 0.50 · min(sighting - 1, 4)`.
    """
    digits = min(len(str(event.fatalities)), 3) if event.fatalities > 0 else 0
    logit = (
        INTERCEPT
        + sum(TRAIT_EFFECTS[trait] * (1 if high else -1) for trait, high in persona.levels.items())
        + EVENT_TYPE_EFFECTS[event.event_type]
        + FATALITY_EFFECT * digits
        + SIGHTING_EFFECT * min(sighting - 1, 4)
    )
    return 1.0 / (1.0 + math.exp(-logit))
