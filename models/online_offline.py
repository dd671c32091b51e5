"""The online-offline SI model: contact on the network, and news from outside the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .base import SIModel
from .one_rate import OneRateSI
from .parameters import RATE_PRIOR, Exponential, parameter
from .structures import Background


@dataclass(frozen=True)
class OnlineOfflineSI(SIModel):
    """A contact rate and a background rate: `G(Λ, t) = exp(-β Λ - α t)`.

    `α = 0` is one rate.

    Parameters
    ----------
    beta : float
        Contact rate β (online) at full exposure, per unit of time.
    alpha : float
        Background rate α (offline), per unit of time.

    Examples
    --------
    >>> OnlineOfflineSI(beta=0.5, alpha=0.1).survival(2.0, time=5.0).round(4)
    np.float64(0.2231)
    """

    name: ClassVar[str] = "online-offline"
    summary: ClassVar[str] = "contact on the network and sharing from outside it"
    reference: ClassVar[str] = "Tian, Mohler, Brantingham & Rodríguez (2026), arXiv:2602.23437"

    beta: float = parameter("contact rate", unit="1/time", prior=RATE_PRIOR, symbol="β")
    alpha: float = parameter("background rate", unit="1/time", prior=Exponential(mean=0.5), symbol="α")

    @staticmethod
    def log_survival(exposure: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:  # noqa: D102
        without = OneRateSI.log_survival(exposure, time, parameters, xp)
        return Background.log_survival(without, time, parameters, xp)
