"""The one-rate SI model: all agents are alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .base import SIModel
from .parameters import RATE_PRIOR, parameter


@dataclass(frozen=True)
class OneRateSI(SIModel):
    """One transmission rate: `G(Λ) = exp(-β Λ)`.

    Parameters
    ----------
    beta : float
        Transmission rate β at full exposure, per unit of time.

    Examples
    --------
    >>> OneRateSI(beta=0.5).survival(2.0).round(4)
    np.float64(0.3679)
    """

    name: ClassVar[str] = "one-rate"
    summary: ClassVar[str] = "every agent alike"
    nested_in: ClassVar[str | None] = "two-rate"
    reference: ClassVar[str] = (
        "Kermack & McKendrick (1927), Proc. R. Soc. A 115, 700, doi:10.1098/rspa.1927.0118, without recovery"
    )

    beta: float = parameter("transmission rate", unit="1/time", prior=RATE_PRIOR, symbol="β")

    @staticmethod
    def log_survival(exposure: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:  # noqa: D102
        return -parameters["beta"] * exposure
