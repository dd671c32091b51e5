"""The two-rate SI model: two transmission rates side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .base import SIModel
from .numerics import log_add, safe_log
from .parameters import RATE_PRIOR, Beta, Parameter, parameter


@dataclass(frozen=True)
class TwoRateSI(SIModel):
    """Two transmission rates: `G(Λ) = w exp(-β_fast Λ) + (1 - w) exp(-β_slow Λ)`.

    The model has two interpretations that give the same curve: a fraction `w` of the agents is receptive (*who*), or
    the first sighting persuades more readily than later ones (*when*).

    Parameters
    ----------
    beta_fast, beta_slow : float
        Transmission rates at full exposure, per unit of time, `beta_fast >= beta_slow >= 0`.
    weight_fast : float
        Weight `w` of the fast rate, in [0, 1].

    Examples
    --------
    >>> TwoRateSI(beta_fast=1.2, beta_slow=0.2, weight_fast=0.5).survival(2.0).round(4)
    np.float64(0.3805)
    """

    name: ClassVar[str] = "two-rate"
    summary: ClassVar[str] = "two transmission rates: receptive and reluctant agents, or first and later sightings"
    reference: ClassVar[str] = "Tian, Mohler, Brantingham & Rodríguez (2026), arXiv:2602.23437"

    beta_fast: float = parameter("fast transmission rate", unit="1/time", symbol="β_fast")
    beta_slow: float = parameter("slow transmission rate", unit="1/time", symbol="β_slow")
    weight_fast: float = parameter("weight of the fast rate", support=(0.0, 1.0), prior=Beta(2.0, 2.0), symbol="w")

    @classmethod
    def coordinates(cls) -> dict[str, Parameter]:
        """Return the mean rate, the slow rate as a fraction of the fast one, and the weight.

        The fraction prevents label switching, and both ends of its range are limiting cases: 1 is one-rate, 0 is the
        plateau. The data determine the mean rate `w β_fast + (1 - w) β_slow` best, above all where one rate suffices.
        It has the prior of the one-rate model's β: the models differ in what they add, not in how fast they expect
        news to spread. A fraction of 1 stands for one rate. The prior of the weight vanishes at 0 and 1: these would
        represent one rate a second time, with a posterior that is hard to sample.
        """
        return {
            "mean_rate": Parameter(
                "mean transmission rate at the start",
                unit="1/time",
                support=(0.0, np.inf),
                prior=RATE_PRIOR,
                symbol="mean β",
            ),
            "slow_over_fast": Parameter(
                "slow rate as a fraction of the fast one",
                unit="",
                support=(0.0, 1.0),
                prior=Beta(1.0, 1.0),
                symbol="β_slow/β_fast",
            ),
            "weight_fast": cls.parameters()["weight_fast"],
        }

    @classmethod
    def from_coordinates(cls, coordinates: Mapping[str, Any]) -> dict[str, Any]:  # noqa: D102
        weight, fraction = coordinates["weight_fast"], coordinates["slow_over_fast"]
        beta_fast = coordinates["mean_rate"] / (weight + (1.0 - weight) * fraction)
        return {"beta_fast": beta_fast, "beta_slow": fraction * beta_fast, "weight_fast": weight}

    @classmethod
    def from_sightings(cls, sighting_rate: float, p_first: float, p_later: float) -> "TwoRateSI":
        """Make the model from its *when* interpretation: a first sighting persuades more readily than later ones.

        Parameters
        ----------
        sighting_rate : float
            Rate γ of sightings at full exposure, per unit of time.
        p_first, p_later : float
            Probability that the first sighting, and each later one, persuades; `p_first >= p_later`, `p_later < 1`.

        Raises
        ------
        ValueError
            When `p_first < p_later`; the model for that case is :class:`tworate.models.ReinforcedSI`.

        Notes
        -----
        `β_fast = γ`, `β_slow = γ p2`, `w = 1 - (1 - p1)/(1 - p2)`.

        Examples
        --------
        >>> TwoRateSI.from_sightings(sighting_rate=2.0, p_first=0.75, p_later=0.5)
        TwoRateSI(beta_fast=2.0, beta_slow=1.0, weight_fast=0.5)
        """
        if not 0 <= p_later <= p_first <= 1 or p_later == 1:
            raise ValueError(
                f"two-rate: needs 0 <= p_later <= p_first <= 1 and p_later < 1, not p_first = {p_first} and "
                f"p_later = {p_later}; where later sightings persuade more, use ReinforcedSI"
            )
        return cls(
            beta_fast=sighting_rate, beta_slow=sighting_rate * p_later, weight_fast=(p_first - p_later) / (1 - p_later)
        )

    @classmethod
    def derived(cls, parameters: Mapping[str, Any], exposure: Any) -> dict[str, Any]:
        """Return the ratio of the rates, and the share of initially susceptible agents that each reaches by the end."""
        fast, slow, weight = (parameters[name] for name in ("beta_fast", "beta_slow", "weight_fast"))
        return {
            "ratio β_fast/β_slow": fast / slow,
            "share of agents reached by the fast rate": -weight * np.expm1(-fast * exposure),
            "share of agents reached by the slow rate": -(1.0 - weight) * np.expm1(-slow * exposure),
        }

    @property
    def sightings(self) -> dict[str, float]:
        """Rate of sightings and probabilities in the *when* interpretation: the inverse of `from_sightings`."""
        p_later = self.beta_slow / self.beta_fast if self.beta_fast > 0 else 0.0
        p_first = p_later + self.weight_fast * (1.0 - p_later)
        return {"sighting_rate": self.beta_fast, "p_first": p_first, "p_later": p_later}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta_slow > self.beta_fast:
            raise ValueError(
                f"two-rate: beta_slow = {self.beta_slow} exceeds beta_fast = {self.beta_fast}; swap the rates and "
                "take 1 - weight_fast"
            )

    @staticmethod
    def log_survival(exposure: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:  # noqa: D102
        weight = parameters["weight_fast"]
        fast = safe_log(weight, xp) - parameters["beta_fast"] * exposure
        slow = safe_log(1.0 - weight, xp) - parameters["beta_slow"] * exposure
        return log_add(fast, slow, xp)
