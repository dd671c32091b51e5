"""Ageing: contact is worth less and less as the post grows old."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import Exponential, parameter
from .base import ELAPSED, Axis, Bins, Structure

_RATE_PRIOR = Exponential(mean=5.0)
"""Prior of a rate of ageing: at its mean, contact is worth a hundredth of its worth after a whole window."""


@dataclass(frozen=True)
class Ageing(Structure):
    """Ageing at a constant rate: `g(t) = exp(-t/τ)`, t the time since the start.

    Parameters
    ----------
    ageing_rate : float
        Rate `1/τ`, per unit of time.

    Examples
    --------
    >>> Ageing(ageing_rate=0.1).described({"ageing_rate": 0.1})
    'ageing with a half-life of 6.9'
    """

    name: ClassVar[str] = "ageing"
    summary: ClassVar[str] = "contact is worth less as the post grows old, at a constant rate"
    reference: ClassVar[str] = "Wu & Huberman (2007), doi:10.1073/pnas.0704916104"
    axis: ClassVar[Axis | None] = ELAPSED

    ageing_rate: float = parameter("rate of ageing of the post", unit="1/time", prior=_RATE_PRIOR, symbol="1/τ")

    @classmethod
    def weights(cls, bins: Bins, parameters: Mapping[str, Any], xp: Any = np) -> Any:  # noqa: D102
        return xp.exp(-parameters["ageing_rate"] * bins.at)

    @classmethod
    def derived(cls, parameters: Mapping[str, Any], exposure: Any) -> dict[str, Any]:
        """Return the half-life of the post."""
        return {"half-life of the post": np.log(2.0) / parameters["ageing_rate"]}

    @classmethod
    def described(cls, parameters: Mapping[str, float]) -> str:  # noqa: D102
        return f"ageing with a half-life of {np.log(2.0) / parameters['ageing_rate']:.2g}"


@dataclass(frozen=True)
class PowerAgeing(Structure):
    """Ageing that slows down: `g(t) = 1/(1 + t/τ)`, t the time since the start.

    Parameters
    ----------
    ageing_rate : float
        Rate `1/τ` at the start, per unit of time.
    """

    name: ClassVar[str] = "power-ageing"
    summary: ClassVar[str] = "contact is worth less as the post grows old, by a power law"
    reference: ClassVar[str] = "Crane & Sornette (2008), doi:10.1073/pnas.0803685105"
    axis: ClassVar[Axis | None] = ELAPSED

    ageing_rate: float = parameter("rate of ageing at the start", unit="1/time", prior=_RATE_PRIOR, symbol="1/τ")

    @classmethod
    def weights(cls, bins: Bins, parameters: Mapping[str, Any], xp: Any = np) -> Any:  # noqa: D102
        return 1.0 / (1.0 + parameters["ageing_rate"] * bins.at)

    @classmethod
    def derived(cls, parameters: Mapping[str, Any], exposure: Any) -> dict[str, Any]:
        """Return the time until contact is worth half of its worth at the start."""
        return {"time until contact is worth half": 1.0 / parameters["ageing_rate"]}

    @classmethod
    def described(cls, parameters: Mapping[str, float]) -> str:  # noqa: D102
        return f"ageing by a power law, to a half after {1.0 / parameters['ageing_rate']:.2g}"
