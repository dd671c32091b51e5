"""The reinforced SI model: repetition persuades."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .base import SIModel
from .numerics import expm1_over
from .parameters import RATE_PRIOR, Beta, Parameter, parameter


@dataclass(frozen=True)
class ReinforcedSI(SIModel):
    """Later sightings persuade more readily than the first (complex contagion).

    Sightings come at rate `γ x`; the first persuades with probability `p1`, each later one with `p2 >= p1`:
    `G(Λ) = exp(-γΛ) + (1 - p1)/(1 - p2) [exp(-γ p2 Λ) - exp(-γΛ)]`. The hazard per exposure rises from `γ p1` to
    `γ p2`; `p1 = p2` is one rate. `p2 < p1` gives the two-rate model, see
    :meth:`tworate.models.TwoRateSI.from_sightings`.

    Parameters
    ----------
    sighting_rate : float
        Rate γ of sightings at full exposure, per unit of time.
    p_first, p_later : float
        Probability that the first sighting, and each later one, persuades; `0 <= p_first <= p_later <= 1`.

    Examples
    --------
    >>> ReinforcedSI(sighting_rate=1.0, p_first=0.1, p_later=0.5).survival(2.0).round(4)
    np.float64(0.5539)
    """

    name: ClassVar[str] = "reinforced"
    summary: ClassVar[str] = "repetition persuades: later sightings count for more than the first"
    reference: ClassVar[str] = (
        "Centola & Macy (2007), Am. J. Sociol. 113, 702, doi:10.1086/521848; averaged over Poisson sightings"
    )
    closures: ClassVar[tuple[str, ...]] = ("recorded",)

    sighting_rate: float = parameter("rate of sightings", unit="1/time", symbol="γ")
    p_first: float = parameter("probability that the first sighting persuades", support=(0.0, 1.0), symbol="p₁")
    p_later: float = parameter(
        "probability that a later sighting persuades", support=(0.0, 1.0), prior=Beta(1.0, 1.0), symbol="p₂"
    )

    @classmethod
    def coordinates(cls) -> dict[str, Parameter]:
        """Return the rate at the start `γ p1`, the first over the later probability, and the later probability.

        The data determine the rate at the start best; it has the prior of the one-rate model's β. A fraction of 1 is
        one rate, whatever the later probability.
        """
        return {
            "first_rate": Parameter(
                "transmission rate at the start", unit="1/time", support=(0.0, np.inf), prior=RATE_PRIOR, symbol="γp₁"
            ),
            "first_over_later": Parameter(
                "first probability as a fraction of the later one",
                unit="",
                support=(0.0, 1.0),
                prior=Beta(1.0, 1.0),
                symbol="p₁/p₂",
            ),
            "p_later": cls.parameters()["p_later"],
        }

    @classmethod
    def from_coordinates(cls, coordinates: Mapping[str, Any]) -> dict[str, Any]:  # noqa: D102
        p_later = coordinates["p_later"]
        p_first = coordinates["first_over_later"] * p_later
        return {"sighting_rate": coordinates["first_rate"] / p_first, "p_first": p_first, "p_later": p_later}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.p_first > self.p_later:
            raise ValueError(
                f"reinforced: p_first = {self.p_first} exceeds p_later = {self.p_later}; that is two rates, see "
                "TwoRateSI.from_sightings"
            )

    @staticmethod
    def log_survival(exposure: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:  # noqa: D102
        # The formula above is divided by its slower exponential. Then no difference of nearly equal terms remains, and
        # p_later = p_first and p_later = 1 need no special case.
        seen = parameters["sighting_rate"] * exposure
        p_first, p_later = parameters["p_first"], parameters["p_later"]
        gained = (p_later - p_first) * seen * expm1_over(seen * (1.0 - p_later), xp)
        return -seen * p_later + xp.log1p(gained)
