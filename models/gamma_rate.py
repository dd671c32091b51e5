"""The gamma-rate SI model: a continuum of transmission rates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .base import SIModel
from .numerics import log1p_over
from .parameters import RATE_PRIOR, Exponential, parameter


@dataclass(frozen=True)
class GammaRateSI(SIModel):
    """Gamma-distributed transmission rates: `G(Λ) = (1 + v β Λ)^(-1/v)`.

    `v = 0` is one rate.

    Parameters
    ----------
    beta : float
        Mean transmission rate β at full exposure, per unit of time.
    variation : float
        Squared coefficient of variation `v` of the rates, at least 0.

    Examples
    --------
    >>> GammaRateSI(beta=0.5, variation=1.0).survival(2.0)
    np.float64(0.5)
    """

    name: ClassVar[str] = "gamma-rate"
    summary: ClassVar[str] = "a continuum of transmission rates"
    reference: ClassVar[str] = (
        "Vaupel, Manton & Stallard (1979), Demography 16, 439, doi:10.2307/2061224 (gamma-distributed frailty)"
    )

    beta: float = parameter("mean transmission rate", unit="1/time", prior=RATE_PRIOR, symbol="β")
    variation: float = parameter(
        "squared coefficient of variation of the rates", prior=Exponential(mean=1.0), symbol="v"
    )

    @staticmethod
    def log_survival(exposure: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:  # noqa: D102
        # The formula is -log1p(v β Λ) / v; in this form v = 0 needs no special case.
        scaled = parameters["beta"] * exposure
        return -scaled * log1p_over(parameters["variation"] * scaled, xp)
