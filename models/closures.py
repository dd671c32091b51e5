"""Closures: from counts to the exposure of a susceptible agent.

The *exposure rate* `x` is the expected share of a susceptible agent's neighbours that are showing it
the post, scaled so that `x` is the prevalence when the population is well mixed.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

CLOSURES = ("recorded", "edge-based", "mean-field")
"""Names of the closures, the most exact first."""


@dataclass(frozen=True)
class Closure(ABC):
    """A closed formula for the exposure rate, so that a model can be solved without a network."""

    name: ClassVar[str]

    @abstractmethod
    def exposure_rate(self, susceptible: Any, susceptible0: Any, xp: Any = np) -> Any:
        """Exposure rate at a susceptible fraction.

        Parameters
        ----------
        susceptible : array
            Fraction `s` that has not shared, in [0, 1].
        susceptible0 : array
            The same at the start, in (0, 1); broadcasts against `susceptible`.
        xp : module
            Array namespace: numpy or pytensor.tensor.

        Returns
        -------
        array
            Exposure rate `x`, dimensionless, in [0, 1].
        """


@dataclass(frozen=True)
class MeanField(Closure):
    """Everyone meets everyone: `x = 1 - s`, the prevalence."""

    name: ClassVar[str] = "mean-field"

    def exposure_rate(self, susceptible: Any, susceptible0: Any, xp: Any = np) -> Any:  # noqa: D102
        return 1.0 - susceptible


@dataclass(frozen=True)
class RandomRegular(Closure):
    """Edge-based closure of a random k-regular network: `x = 1 - s0^(2/k) s^(1 - 2/k)`.

    Exact for one rate as the network grows; with two rates an approximation that improves with the
    degree. Rates are then per `k` contacts.

    Parameters
    ----------
    degree : float
        Number of neighbours `k` of every agent, at least 2.

    Notes
    -----
    Follows from edge-based compartmental modelling, Miller, Slim & Volz (2012), J. R. Soc. Interface
    9, 890, doi:10.1098/rsif.2011.0403, with the transmission variable eliminated.
    """

    name: ClassVar[str] = "edge-based"
    degree: float

    def __post_init__(self) -> None:
        if not self.degree >= 2:
            raise ValueError(f"degree = {self.degree}: a random regular network needs a degree of at least 2")

    def exposure_rate(self, susceptible: Any, susceptible0: Any, xp: Any = np) -> Any:  # noqa: D102
        share = 2.0 / self.degree
        return 1.0 - susceptible0**share * susceptible ** (1.0 - share)


def recorded_exposure_rate(
    si_edges: NDArray[np.floating[Any]],
    degree: NDArray[np.floating[Any]],
    n_susceptible: NDArray[np.floating[Any]],
) -> NDArray[np.float64]:
    """Exposure rate `SI_edges / (k S)` from a count of susceptible-sharer edges; 0 where nobody is susceptible.

    Parameters
    ----------
    si_edges, degree, n_susceptible : array, one shape
        Susceptible-sharer edges, degree of the network, susceptible agents.
    """
    ends = np.asarray(degree, dtype=float) * n_susceptible
    return np.divide(si_edges, ends, out=np.zeros_like(ends), where=ends > 0)
