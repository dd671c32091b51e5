"""The quantities of each condition in the hierarchical model, and all priors.

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
"""Prior standard deviation of the effects of terms, which are normal about 0 on the log or logit scale. The ratio of a
rate at high to that at low is between 1/50 and 50."""
INTERCEPT = "intercept_"
"""Prefix of the names of intercepts."""
LOG_RATIO = "log_ratio"
"""Name of the difference between the intercepts of the fast and the slow rate."""
LOG_RATIO_SD = 1.5
"""Scale of its half-normal prior. The ratio of the rates is below 19 with probability 95%, and its mode is 1."""


@dataclass(frozen=True)
class Quantity:
    """A quantity of each condition. It is linear in the terms on its own scale and varies between conditions.

    Parameters
    ----------
    name : str
        Name in results.
    link : {"log", "logit"}
        Scale of the quantity.
    mean, sd : float
        Normal prior of its intercept, on that scale. It is not used if `below` is set.
    between : float
        Scale of the half-normal prior of the standard deviation between conditions.
    is_rate : bool
        Whether the quantity is per unit of time.
    below : str, optional
        Name of another quantity. The intercept of this one is that of the other minus a positive number.
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
        """Name of the sampled variable that determines the intercept."""
        return LOG_RATIO if self.below else INTERCEPT + self.name

    def natural(self, value: Any, xp: Any = np) -> Any:
        """Return the value of the quantity from its value on its scale."""
        return xp.exp(value) if self.link == "log" else 1.0 / (1.0 + xp.exp(-value))


def _rate(name: str, below: str | None = None) -> Quantity:
    # The rates of conditions with the same terms are within a factor of about 2.7: two standard deviations of 0.5.
    return Quantity(name, "log", float(np.log(RATE_PRIOR.median)), RATE_PRIOR.sigma, 0.5, is_rate=True, below=below)


_MODELS = {
    "one-rate": (_rate("beta"),),
    # A standard normal on the logit of a weight is close to the Beta(2, 2) prior of a single comparison.
    "two-rate": (
        _rate("beta_fast"),
        _rate("beta_slow", below="beta_fast"),
        Quantity("weight_fast", "logit", 0.0, 1.0, 0.5),
    ),
}
MODELS = tuple(_MODELS)
"""Models that have a hierarchical form, by name."""


def quantities(model: type[SIModel]) -> tuple[Quantity, ...]:
    """Return the quantities of each condition: the model's parameters, in order."""
    return _MODELS[model.name]


def ordered_pair(listed: Sequence[Quantity]) -> tuple[int, int] | None:
    """Return the places of the two quantities of which one is below the other; None if there is no such pair."""
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
