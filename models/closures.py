"""Closures: formulas for the exposure of a susceptible agent.

The *exposure rate* `x` is the expected share of a susceptible agent's neighbours that show it the post. It is scaled so
that `x` is the prevalence in a well-mixed population.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

CLOSURES = ("recorded", "edge-based", "mean-field")
"""Names of the closures, the most accurate first."""


@dataclass(frozen=True)
class Closure(ABC):
    """A closed formula for the exposure rate: with it a model is solved without a network."""

    name: ClassVar[str]

    @abstractmethod
    def exposure_rate(self, susceptible: Any, susceptible0: Any, xp: Any = np) -> Any:
        """Compute the exposure rate at a susceptible fraction.

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

    @abstractmethod
    def elasticity(self, susceptible: Any, susceptible0: Any) -> Any:
        """Compute the elasticity of the unexposed share, `d log(1 - x) / d log s`.

        It updates a known exposure rate, such as a recorded one, within a sampling interval: when the susceptible
        fraction falls from `s` to `s'`, `1 - x' = (1 - x) (s' / s)^elasticity`. It is defined at every `s > 0`, because
        `x < 1` there.

        Parameters
        ----------
        susceptible, susceptible0 : array
            As in :meth:`exposure_rate`, `susceptible` above 0.

        Returns
        -------
        array
            Elasticity, dimensionless. It is negative where the exposure rate falls as more agents share; there the
            caller must keep an updated `x'` at 0 or above.
        """

    def slope(self, susceptible: Any, susceptible0: Any) -> Any:
        """Compute the slope of the exposure rate, `dx / d log s`; parameters as in :meth:`elasticity`."""
        return -self.elasticity(susceptible, susceptible0) * (1.0 - self.exposure_rate(susceptible, susceptible0))


@dataclass(frozen=True)
class MeanField(Closure):
    """Closure of a well-mixed population: `x = 1 - s`, the prevalence."""

    name: ClassVar[str] = "mean-field"

    def exposure_rate(self, susceptible: Any, susceptible0: Any, xp: Any = np) -> Any:  # noqa: D102
        return 1.0 - susceptible

    def elasticity(self, susceptible: Any, susceptible0: Any) -> Any:  # noqa: D102
        return np.ones_like(susceptible, dtype=float)


@dataclass(frozen=True)
class RandomRegular(Closure):
    """Edge-based closure of a random k-regular network: `x = 1 - s0^(2/k) s^(1 - 2/k)`.

    The closure is exact for one rate in the limit of a large network. For two rates it is an approximation that
    improves with the degree. Rates are then per `k` contacts.

    Parameters
    ----------
    degree : float
        Number of neighbours `k` of every agent, at least 2.

    Notes
    -----
    The formula follows from edge-based compartmental modelling (Miller, Slim & Volz 2012, J. R. Soc. Interface 9, 890,
    doi:10.1098/rsif.2011.0403) when the transmission variable is eliminated.
    """

    name: ClassVar[str] = "edge-based"
    degree: float

    def __post_init__(self) -> None:
        if not self.degree >= 2:
            raise ValueError(f"degree = {self.degree}: a random regular network needs a degree of at least 2")

    def exposure_rate(self, susceptible: Any, susceptible0: Any, xp: Any = np) -> Any:  # noqa: D102
        share = 2.0 / self.degree
        return 1.0 - susceptible0**share * susceptible ** (1.0 - share)

    def elasticity(self, susceptible: Any, susceptible0: Any) -> Any:  # noqa: D102
        return np.full_like(susceptible, 1.0 - 2.0 / self.degree, dtype=float)


@dataclass(frozen=True)
class DegreeDistribution(Closure):
    """Edge-based closure of a network whose agents have different numbers of neighbours.

    `Ψ(θ) = Σ P(k) θ^k` is the generating function of the degrees. `s = s0 Ψ(θ)` determines θ, and

        x = Ψ'(θ) / (<k> Ψ(θ)) · (θ - s0 Ψ'(θ) / <k>).

    The closure is exact for one rate in the limit of a large configuration-model network (a random network with given
    degrees). Rates are then per `<k>` contacts. `x = 0` where the spread cannot reach `s`, because no path leads to
    some agents with few or no neighbours.

    Parameters
    ----------
    degrees : tuple of float, length n
        Possible numbers of neighbours, 0 or more.
    probabilities : tuple of float, length n
        Fraction of the agents with each degree; sums to 1.

    Raises
    ------
    ValueError
        When these do not form a distribution, or no agent has a neighbour.

    Notes
    -----
    θ is the probability that a random neighbour has not persuaded an agent. At rate `b` per edge
    `θ' = -b (θ - s0 Ψ'(θ) / Ψ'(1))` (Miller, Slim & Volz 2012, J. R. Soc. Interface 9, 890,
    doi:10.1098/rsif.2011.0403, without recovery). Hence `-s'/s = b <k> x`. Equivalently `x = (m / <k>) (1 - r)`. Here
    `m` is the mean degree of the susceptible agents, which falls from `<k>` because hubs share first, and `r` is the
    share of susceptible agents among their neighbours. So `0 <= x < 1`. In synchronous rounds θ changes in steps, but
    `x` is the same function of `s`.

    Examples
    --------
    >>> DegreeDistribution.from_counts({3: 500, 20: 500}).exposure_rate(0.5, 0.99).round(4)
    np.float64(0.3828)
    """

    name: ClassVar[str] = "edge-based"
    degrees: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.degrees) != len(self.probabilities) or not self.degrees:
            raise ValueError(f"{len(self.degrees)} degrees with {len(self.probabilities)} probabilities: give one each")
        if not all(0 <= degree < math.inf for degree in self.degrees):
            raise ValueError(f"degrees = {self.degrees}: must be finite and at least 0")
        # This form of the condition refuses NaN too.
        if not (min(self.probabilities) >= 0 and abs(math.fsum(self.probabilities) - 1.0) <= 1e-9):
            raise ValueError(
                f"probabilities = {self.probabilities}: must be at least 0 and sum to 1; for counts use from_counts"
            )
        if not self.mean_degree > 0:
            raise ValueError("mean degree 0: nobody has a neighbour, so nobody is ever exposed")

    @classmethod
    def from_counts(cls, counts: Mapping[Any, float]) -> "DegreeDistribution":
        """Make the distribution from the number of agents of each degree, `{degree: agents}`."""
        total = math.fsum(counts.values())
        if not 0 < total < math.inf:
            raise ValueError(f"counts = {dict(counts)}: there must be agents, and finitely many")
        degrees = sorted(counts)
        return cls(tuple(degrees), tuple(float(counts[degree] / total) for degree in degrees))

    @property
    def mean_degree(self) -> float:
        """Mean number of neighbours `<k>`."""
        degrees, log_p = self._support
        return float(np.exp(log_p) @ degrees)

    def exposure_rate(self, susceptible: Any, susceptible0: Any, xp: Any = np) -> Any:
        """Compute the exposure rate at a susceptible fraction, see :meth:`Closure.exposure_rate`; NumPy only.

        Raises
        ------
        TypeError
            When `xp` is another array namespace: θ is computed by iteration.
        """
        if xp is not np:
            raise TypeError(f"the closure of a degree distribution runs only under numpy, not {xp.__name__}")
        mean, _, share = self._susceptibles(susceptible, susceptible0)
        return mean / self.mean_degree * (1.0 - share)

    def elasticity(self, susceptible: Any, susceptible0: Any) -> Any:
        """Compute the elasticity `d log(1 - x) / d log s`, see :meth:`Closure.elasticity`; 0 where `x = 0`.

        Notes
        -----
        The derivatives by `log θ` are: `m` for `log s`; the variance `v` of the degree of susceptible agents for `m`;
        `m + v/m - 2` for `log r`. Hence `dx / d log s = (v/m (1 - r) - r (m + v/m - 2)) / <k>`.
        """
        mean, variance, share = self._susceptibles(susceptible, susceptible0)
        relative = variance / mean
        slope = relative * (1.0 - share) - share * (mean + relative - 2.0)
        # This is <k> (1 - x) as a sum of terms that are not negative: nothing cancels as x tends to 1.
        unexposed = np.maximum(self.mean_degree - mean, 0.0) + mean * share
        return np.where(share < 1.0, -slope / unexposed, 0.0)

    def _susceptibles(
        self, susceptible: ArrayLike, susceptible0: ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return mean and variance of susceptible agents' degree, and the susceptible share of their neighbours.

        The share is 1 where `s` cannot be reached.
        """
        log_s0 = np.log(np.asarray(susceptible0, dtype=float))
        log_psi = np.log(np.maximum(susceptible, np.finfo(float).tiny)) - log_s0
        degrees, log_p = self._support
        reachable = log_psi > np.max(log_p[degrees == 0], initial=-np.inf)
        log_psi = np.where(reachable, log_psi, 0.0)
        log_theta = self._log_theta(log_psi)
        _, mean, variance = self._moments(log_theta)
        log_share = log_s0 + log_psi + np.log(mean / self.mean_degree) - 2.0 * log_theta
        return mean, variance, np.where(reachable, np.exp(np.minimum(log_share, 0.0)), 1.0)

    def _log_theta(self, log_psi: FloatArray) -> FloatArray:
        """Solve `log Ψ(θ) = log_psi` for log θ by Newton's method.

        `log Ψ` is increasing and convex in `log θ`, and at least `<k> log θ` (Jensen). So the start is at or above the
        root, and all steps go down.
        """
        log_theta = log_psi / self.mean_degree
        for _ in range(200):
            reached, mean, _ = self._moments(log_theta)
            step = (reached - log_psi) / mean
            if not np.any(step > 1e-15 * np.abs(log_theta)):
                break
            log_theta = log_theta - np.maximum(step, 0.0)
        return log_theta

    def _moments(self, log_theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return `log Ψ(θ)`, and mean and variance of degree under the weights `P(k) θ^k`, without underflow."""
        degrees, log_p = self._support
        terms = log_p + degrees * log_theta[..., None]
        top = terms.max(axis=-1, keepdims=True)
        weights = np.exp(terms - top)
        total = weights.sum(axis=-1, keepdims=True)
        weights /= total
        mean = weights @ degrees
        variance = np.sum(weights * (degrees - mean[..., None]) ** 2, axis=-1)
        return (top + np.log(total))[..., 0], mean, variance

    @cached_property
    def _support(self) -> tuple[FloatArray, FloatArray]:
        """Degrees that occur, and the logarithms of their probabilities."""
        probabilities = np.array(self.probabilities, dtype=float)
        occurs = probabilities > 0
        return np.array(self.degrees, dtype=float)[occurs], np.log(probabilities[occurs] / probabilities.sum())


def recorded_exposure_rate(
    si_edges: NDArray[np.floating[Any]],
    degree: NDArray[np.floating[Any]],
    n_susceptible: NDArray[np.floating[Any]],
) -> FloatArray:
    """Compute the exposure rate `SI_edges / (k S)` from a count of susceptible-sharer edges; 0 where `S = 0`.

    Parameters
    ----------
    si_edges, degree, n_susceptible : array, one shape
        Susceptible-sharer edges, degree of the network, susceptible agents.
    """
    ends = np.asarray(degree, dtype=float) * n_susceptible
    return np.divide(si_edges, ends, out=np.zeros_like(ends), where=ends > 0)
