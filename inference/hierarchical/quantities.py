"""What the hierarchical model says of each condition, and all of its priors.

Rates are per observed window of the whole study, so the priors do not depend on the unit of time.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...models import SIModel
from ...models.parameters import RATE_PRIOR

EFFECT_SD = 1.0
"""Effects of terms are normal about 0 with this standard deviation, on the scale of the logarithm or the logit: high
against low multiplies a rate by anything between 1/50 and 50."""
LOG_RATIO = "log_ratio"
"""Name of what lies between the intercepts of the fast and the slow rate."""
LOG_RATIO_SD = 1.5
"""It is half-normal with this scale: the typical ratio of the rates is up to 19 with 95%, with most density at 1."""


@dataclass(frozen=True)
class Quantity:
    """A quantity of each condition: linear in the terms on its own scale, with a spread between conditions.

    Parameters
    ----------
    name : str
        Name in results.
    link : {"log", "logit"}
        Its scale.
    mean, sd : float
        Normal prior of its intercept, on that scale. Of the slow rate it is not used: its intercept is that of the fast
        rate less a positive number.
    between : float
        Scale of the half-normal prior of the standard deviation between conditions.
    is_rate : bool
        Whether it is per unit of time.
    """

    name: str
    link: Literal["log", "logit"]
    mean: float
    sd: float
    between: float
    is_rate: bool = False

    def natural(self, value: Any, xp: Any = np) -> Any:
        """Value of the quantity from its value on its scale."""
        return xp.exp(value) if self.link == "log" else 1.0 / (1.0 + xp.exp(-value))


def _rate(name: str) -> Quantity:
    # Conditions that are alike in all terms have rates within a factor of 2.7 (twice 0.5, either way), give or take.
    return Quantity(name, "log", float(np.log(RATE_PRIOR.median)), RATE_PRIOR.sigma, 0.5, is_rate=True)


_MODELS = {
    "one-rate": (_rate("beta"),),
    # The standard normal on the logit of a weight is near the Beta(2, 2) that a single comparison takes.
    "two-rate": (_rate("beta_fast"), _rate("beta_slow"), Quantity("weight_fast", "logit", 0.0, 1.0, 0.5)),
}
MODELS = tuple(_MODELS)
"""Models that have a hierarchical form, by name."""


def quantities(model: type[SIModel]) -> tuple[Quantity, ...]:
    """Quantities of each condition: the model's parameters, in order."""
    return _MODELS[model.name]
