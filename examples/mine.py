"""An SI model of one's own: news that goes stale. See docs/own_si_model.md."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tworate.models import SIModel
from tworate.models.numerics import expm1_over
from tworate.models.parameters import RATE_PRIOR, Exponential, parameter


@dataclass(frozen=True)
class StaleSI(SIModel):
    """Each sighting counts for less than the one before: `G(Λ) = exp(-β (1 - exp(-δΛ)) / δ)`."""

    name: ClassVar[str] = "stale"
    summary: ClassVar[str] = "news that goes stale"
    reference: ClassVar[str] = "none"

    beta: float = parameter("transmission rate of fresh news", unit="1/time", prior=RATE_PRIOR, symbol="β")
    staleness: float = parameter("rate of going stale", unit="1/time", prior=Exponential(mean=2.0), symbol="δ")

    @staticmethod
    def log_survival(exposure, time, parameters, xp=np):
        """Return log G; `expm1_over(x, xp)` is `(1 - exp(-x)) / x`, exact also near 0."""
        return -parameters["beta"] * exposure * expm1_over(parameters["staleness"] * exposure, xp)
