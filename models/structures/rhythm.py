"""Rhythm: contact is worth more at some places of a period than at others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import Normal, parameter
from .base import PHASE, Axis, Bins, Structure

_PRIOR = Normal(sd=0.7)
_ANY = (-np.inf, np.inf)


@dataclass(frozen=True)
class Rhythm(Structure):
    """Two harmonics of a given period: `log g(φ) = Σ_h a_h cos(2π h φ) + b_h sin(2π h φ)`, φ the place in the period.

    Rates are those of the geometric mean over a period.

    Parameters
    ----------
    cos_1, sin_1, cos_2, sin_2 : float
        Coefficients of the two harmonics.
    """

    name: ClassVar[str] = "rhythm"
    summary: ClassVar[str] = "contact is worth more at some times of a period, such as a day"
    reference: ClassVar[str] = "Malmgren et al. (2008), doi:10.1073/pnas.0800332105"
    axis: ClassVar[Axis | None] = PHASE

    cos_1: float = parameter("cosine of the first harmonic", support=_ANY, prior=_PRIOR)
    sin_1: float = parameter("sine of the first harmonic", support=_ANY, prior=_PRIOR)
    cos_2: float = parameter("cosine of the second harmonic", support=_ANY, prior=_PRIOR)
    sin_2: float = parameter("sine of the second harmonic", support=_ANY, prior=_PRIOR)

    @classmethod
    def weights(cls, bins: Bins, parameters: Mapping[str, Any], xp: Any = np) -> Any:  # noqa: D102
        angle = 2.0 * np.pi * bins.at
        log_weight = sum(
            parameters[f"{name}_{h}"] * wave(h * angle)
            for h in (1, 2)
            for name, wave in (("cos", xp.cos), ("sin", xp.sin))
        )
        return xp.exp(log_weight)

    @classmethod
    def derived(cls, parameters: Mapping[str, Any], exposure: Any) -> dict[str, Any]:
        """Return how many times more contact is worth at the best time of a period than at the worst."""
        return {"best over worst time of the period": _ratio(parameters)}

    @classmethod
    def described(cls, parameters: Mapping[str, float]) -> str:  # noqa: D102
        ratio = float(_ratio(parameters))
        of_period = f" of period {parameters['period']:.3g}" if "period" in parameters else ""
        return f"a rhythm{of_period} in which contact is worth {ratio:.2g} times as much at its best as at its worst"


def _ratio(parameters: Mapping[str, Any]) -> Any:
    place = np.linspace(0.0, 1.0, 48, endpoint=False)
    columns = {name: np.asarray(parameters[name])[..., None] for name in Rhythm.parameters()}
    weight = Rhythm.weights(Bins(place, place, np.full(48, 1 / 48)), columns)
    return weight.max(axis=-1) / weight.min(axis=-1)
