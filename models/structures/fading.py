"""Fading: a share shows for a time only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import Exponential, LogNormal, parameter
from .base import AGE, Axis, Bins, Structure


@dataclass(frozen=True)
class Fading(Structure):
    """Visibility that falls with the age of a share: `f(age) = exp(-age/τ)`.

    It is also the expected visibility where sharers are removed at the constant rate `1/τ` (the SIR model).

    Parameters
    ----------
    fading_rate : float
        Rate `1/τ`, per unit of time.
    """

    name: ClassVar[str] = "fading"
    summary: ClassVar[str] = "a share is seen less as it grows old; or sharers are removed (SIR)"
    reference: ClassVar[str] = "Kermack & McKendrick (1927), doi:10.1098/rspa.1927.0118"
    axis: ClassVar[Axis | None] = AGE

    fading_rate: float = parameter(
        "rate at which a share fades", unit="1/time", prior=Exponential(mean=10.0), symbol="1/τ"
    )

    @classmethod
    def weights(cls, bins: Bins, parameters: Mapping[str, Any], xp: Any = np) -> Any:  # noqa: D102
        return xp.exp(-parameters["fading_rate"] * bins.at)

    @classmethod
    def derived(cls, parameters: Mapping[str, Any], exposure: Any) -> dict[str, Any]:
        """Return the half-life of a share."""
        return {"half-life of a share": np.log(2.0) / parameters["fading_rate"]}

    @classmethod
    def described(cls, parameters: Mapping[str, float]) -> str:  # noqa: D102
        return f"shares that fade with a half-life of {np.log(2.0) / parameters['fading_rate']:.2g}"


@dataclass(frozen=True)
class ShelfLife(Structure):
    """Visibility that ends: `f(age) = 1` until the age τ, then 0.

    Parameters
    ----------
    expiry_rate : float
        `1/τ`, per unit of time.
    """

    name: ClassVar[str] = "shelf-life"
    summary: ClassVar[str] = "a share is seen until it reaches a certain age, then no more"
    reference: ClassVar[str] = "Volz, Miller, Galvani & Meyers (2011), doi:10.1371/journal.pcbi.1002042"
    axis: ClassVar[Axis | None] = AGE

    expiry_rate: float = parameter(
        "1 / the age at which a share is seen no more",
        unit="1/time",
        prior=LogNormal(median=2.0, sigma=1.5),
        symbol="1/τ",
    )

    @classmethod
    def weights(cls, bins: Bins, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        """Compute the part of each bin that is younger than the shelf life."""
        return xp.clip((1.0 / parameters["expiry_rate"] - bins.start) / bins.width, 0.0, 1.0)

    @classmethod
    def derived(cls, parameters: Mapping[str, Any], exposure: Any) -> dict[str, Any]:
        """Return the shelf life."""
        return {"shelf life of a share": 1.0 / parameters["expiry_rate"]}

    @classmethod
    def described(cls, parameters: Mapping[str, float]) -> str:  # noqa: D102
        return f"shares that are seen for {1.0 / parameters['expiry_rate']:.2g} only"
