"""What the hierarchical model says of each condition, and all of its priors.

Rates are per observed window of the whole study, so the priors do not depend on the unit of time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...models import SIModel
from ...models.parameters import RATE_PRIOR

EFFECT_SD = 1.0
"""Effects of terms are normal about 0 with this standard deviation, on the scale of the logarithm or the logit: high
against low multiplies a rate by anything between 1/50 and 50."""
INTERCEPT = "intercept_"
"""Prefix of the names of intercepts."""
LOG_RATIO = "log_ratio"
"""Name of the difference between the intercepts of the fast and the slow rate."""
LOG_RATIO_SD = 1.5
"""Scale of its half-normal prior: the typical ratio of the rates is below 19 with 95%, and most probably 1."""


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
        Normal prior of its intercept, on that scale. It is not used where `below` is given.
    between : float
        Scale of the half-normal prior of the standard deviation between conditions.
    is_rate : bool
        Whether it is per unit of time.
    below : str, optional
        Name of another quantity. The intercept of this one is that of the other less a positive number.
    """

    name: str
    link: Literal["log", "logit"]
    mean: float
    sd: float
    between: float
    is_rate: bool = False
    below: str | None = None

    @property
    def sampled_name(self) -> str:
        """Name of what is sampled for the intercept."""
        return LOG_RATIO if self.below else INTERCEPT + self.name

    def natural(self, value: Any, xp: Any = np) -> Any:
        """Value of the quantity from its value on its scale."""
        return xp.exp(value) if self.link == "log" else 1.0 / (1.0 + xp.exp(-value))


def _rate(name: str, below: str | None = None) -> Quantity:
    # Conditions that are alike in all terms have rates within a factor of about 2.7: two standard deviations of 0.5.
    return Quantity(name, "log", float(np.log(RATE_PRIOR.median)), RATE_PRIOR.sigma, 0.5, is_rate=True, below=below)


_MODELS = {
    "one-rate": (_rate("beta"),),
    # The standard normal on the logit of a weight is near the Beta(2, 2) that a single comparison takes.
    "two-rate": (
        _rate("beta_fast"),
        _rate("beta_slow", below="beta_fast"),
        Quantity("weight_fast", "logit", 0.0, 1.0, 0.5),
    ),
}
MODELS = tuple(_MODELS)
"""Models that have a hierarchical form, by name."""


def quantities(model: type[SIModel]) -> tuple[Quantity, ...]:
    """Quantities of each condition: the model's parameters, in order."""
    return _MODELS[model.name]


def ordered_pair(listed: Sequence[Quantity]) -> tuple[int, int] | None:
    """Return the places of the two quantities of which one lies below the other; None where there are none."""
    names = [quantity.name for quantity in listed]
    for place, quantity in enumerate(listed):
        if quantity.below:
            return names.index(quantity.below), place
    return None


def exchanged(points: NDArray[np.float64], listed: Sequence[Quantity]) -> NDArray[np.float64]:
    """Return points with the names of the ordered pair exchanged: the same curves under other labels.

    Parameters
    ----------
    points : array, shape (n_points, n_quantities)
        On the scales of the quantities. The weight of the first rate becomes that of the second.
    listed : sequence of Quantity
        The quantities; a pair must be among them.
    """
    pair = ordered_pair(listed)
    if pair is None:
        return points
    order = list(range(len(listed)))
    order[pair[0]], order[pair[1]] = pair[1], pair[0]
    return points[:, order] * np.where([quantity.link == "logit" for quantity in listed], -1.0, 1.0)
