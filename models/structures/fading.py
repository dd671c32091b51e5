"""Fading: a share shows for a time only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import Exponential, parameter
from .base import AGE, Axis, Bins, Structure

_OLD = 1e-3
"""Visibility of a share after its shelf life."""


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
    """Visibility that ends at a certain age: `f(age) = 1` until the age τ, then (nearly) 0.

    The likelihood jumps wherever τ passes the age of a share, so τ is not sampled. It is set to the value at which the
    model fits best, see :func:`tworate.inference.data.shelf_life.best_shelf_life`.
    """

    name: ClassVar[str] = "shelf-life"
    summary: ClassVar[str] = "a share is seen until it reaches a certain age, then no more"
    reference: ClassVar[str] = "Wearing, Rohani & Keeling (2005), doi:10.1371/journal.pmed.0020174"
    axis: ClassVar[Axis | None] = AGE
    setting: ClassVar[str | None] = "shelf_life"

    @classmethod
    def weights(cls, bins: Bins, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        """Compute the part of each bin that is younger than `parameters["shelf_life"]`.

        Older shares keep a thousandth of their visibility: a single share that was seen late must not be impossible.
        """
        part = xp.clip((parameters["shelf_life"] - bins.start) / bins.width, 0.0, 1.0)
        return _OLD + (1.0 - _OLD) * part

    @classmethod
    def described(cls, parameters: Mapping[str, float]) -> str:  # noqa: D102
        return f"shares that are seen for {parameters['shelf_life']:.2g} only"
