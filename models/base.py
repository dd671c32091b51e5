"""The SI model: a survival function, and everything that follows from it."""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.differentiate import derivative
from scipy.integrate import solve_ivp

from .closures import Closure
from .parameters import Parameter

Clock = Literal["rounds", "continuous"]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SIModel(ABC):
    """An SI model of sharing, given by its survival function.

    `G(Λ)` is the fraction of the initially susceptible agents that have not shared after cumulative
    exposure `Λ`; the susceptible fraction of the population is `s = s0 G(Λ)`. A model is a frozen dataclass whose
    fields, declared with :func:`tworate.models.parameters.parameter`, are its parameters; its one formula is
    :meth:`log_survival`. All else here is derived from that formula.

    A new model is one new file in `tworate/models/`: it is found there by itself.
    """

    name: ClassVar[str]
    """Name on the command line and in results."""
    summary: ClassVar[str]
    """How the model reads, in a few words."""
    reference: ClassVar[str]
    """Source, with DOI or arXiv number where there is one."""

    def __post_init__(self) -> None:
        for name, spec in self.parameters().items():
            value = getattr(self, name)
            low, high = spec.support
            if not (isinstance(value, int | float | np.number) and low <= value <= high):
                raise ValueError(f"{self.name}: {name} = {value!r} must lie in [{low:g}, {high:g}]")

    @staticmethod
    @abstractmethod
    def log_survival(exposure: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        """Logarithm of the survival function `G`.

        Parameters
        ----------
        exposure : array
            Cumulative exposure `Λ` since the start, in units of time.
        time : array
            Time since the start; most models do not look at it.
        parameters : mapping
            Parameter values by name; arrays broadcast.
        xp : module
            Array namespace: numpy or pytensor.tensor.
        """

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        """Specifications of the parameters by name, in order of declaration."""
        return {
            field.name: field.metadata["parameter"]
            for field in dataclasses.fields(cls)
            if "parameter" in field.metadata
        }

    @classmethod
    def coordinates(cls) -> dict[str, Parameter]:
        """Specifications of the coordinates in which the model is sampled, each with its prior, by name.

        The parameters themselves, unless a model has better ones; then :meth:`from_coordinates` says how the parameters
        follow.
        """
        return cls.parameters()

    @classmethod
    def from_coordinates(cls, coordinates: Mapping[str, Any]) -> dict[str, Any]:
        """Parameter values from values of the coordinates, by name; numpy or pytensor."""
        return {name: coordinates[name] for name in cls.parameters()}

    @property
    def values(self) -> dict[str, float]:
        """Parameter values by name."""
        return {name: float(getattr(self, name)) for name in self.parameters()}

    @classmethod
    def log_escape(
        cls, exposure: tuple[Any, Any], time: tuple[Any, Any], parameters: Mapping[str, Any], xp: Any = np
    ) -> Any:
        """Log-probability that a susceptible agent has not shared by the end of an interval.

        `log G(Λ1) - log G(Λ0)`; the probability of sharing in the interval is `-expm1` of it.

        Parameters
        ----------
        exposure, time : pair of arrays
            Cumulative exposure and time at the start and the end of the interval.
        parameters, xp
            As in :meth:`log_survival`.
        """
        start, end = (cls.log_survival(e, t, parameters, xp) for e, t in zip(exposure, time, strict=True))
        return end - start

    def survival(self, exposure: ArrayLike, time: ArrayLike = 0.0) -> FloatArray:
        """Survival function `G(Λ)`, in (0, 1]."""
        return np.exp(self.log_survival(np.asarray(exposure, float), np.asarray(time, float), self.values))

    def hazard(self, exposure: ArrayLike, time: ArrayLike = 0.0) -> FloatArray:
        """Hazard of sharing per unit of exposure, `-d log G / dΛ`, in 1/time.

        By finite differences with error control (`scipy.differentiate`): relative error about 1e-9.
        """
        exposure = np.asarray(exposure, float)
        time = np.asarray(time, float)
        # Steps on the scale on which G falls, whatever the unit of time.
        scales = np.logspace(-12, 12, 97)
        fallen = self.log_survival(scales, 0.0, self.values) <= -1.0
        scale = scales[np.argmax(fallen)] if fallen.any() else 1.0
        slope = derivative(
            lambda at: self.log_survival(at, time, self.values),
            exposure,
            initial_step=np.maximum(0.1 * scale, 1e-2 * np.abs(exposure)),
        )
        return -np.asarray(slope.df, dtype=float)

    def solve(self, times: ArrayLike, prevalence0: float, closure: Closure, clock: Clock = "continuous") -> FloatArray:
        """Prevalence over time from the model's one equation, `dΛ/dt = x(s0 G(Λ, t))`.

        Parameters
        ----------
        times : array, shape (n_times,)
            Increasing times; at the first, `Λ = 0` and the prevalence is `prevalence0`.
        prevalence0 : float
            Fraction that has shared at the start, in (0, 1).
        closure : Closure
            `MeanField()` or `RandomRegular(degree)`.
        clock : {"continuous", "rounds"}
            An ODE in continuous time, or the map `Λ += x Δt` of synchronous rounds from each time to the next.

        Returns
        -------
        array, shape (n_times,)
            Prevalence, in [0, 1].

        Raises
        ------
        ValueError
            When times do not increase or `prevalence0` lies outside (0, 1).

        Examples
        --------
        >>> from tworate.models import MeanField, OneRateSI
        >>> OneRateSI(beta=0.5).solve([0, 10, 20], prevalence0=0.01, closure=MeanField()).round(3)
        array([0.01 , 0.6  , 0.996])
        """
        times = np.asarray(times, dtype=float)
        if times.ndim != 1 or times.size == 0 or np.any(np.diff(times) <= 0):
            raise ValueError("times must be a list of increasing numbers")
        if not 0.0 < prevalence0 < 1.0:
            raise ValueError(f"prevalence0 = {prevalence0}: must lie between 0 and 1, both excluded")
        s0 = 1.0 - prevalence0
        elapsed = times - times[0]

        def susceptible(time: Any, exposure: Any) -> Any:
            return s0 * np.exp(self.log_survival(exposure, time, self.values))

        if clock == "rounds":
            exposure = np.zeros_like(times)
            for i, step in enumerate(np.diff(times)):
                x = closure.exposure_rate(susceptible(elapsed[i], exposure[i]), s0)
                exposure[i + 1] = exposure[i] + step * x
        elif times.size == 1:
            exposure = np.zeros(1)
        else:
            solution = solve_ivp(
                lambda t, e: closure.exposure_rate(susceptible(t, e), s0),
                (0.0, elapsed[-1]),
                [0.0],
                method="LSODA",
                t_eval=elapsed,
                rtol=1e-10,
                atol=1e-12 * elapsed[-1],
            )
            if not solution.success:
                raise ValueError(f"{self.name}: the ODE solver gave up: {solution.message}")
            exposure = solution.y[0]
        return np.asarray(1.0 - susceptible(elapsed, exposure))

    def simulate(
        self,
        times: ArrayLike,
        *,
        population: int,
        infected0: int,
        closure: Closure,
        rng: np.random.Generator,
        replicates: int = 1,
        dispersion: float = 0.0,
    ) -> NDArray[np.int64]:
        """Random paths of the model in synchronous rounds; see :meth:`simulate_paths`.

        Returns
        -------
        array, shape (replicates, n_times)
            Number of agents that have shared.
        """
        draws = {name: np.full(replicates, value) for name, value in self.values.items()}
        return self.simulate_paths(
            draws,
            times,
            population=population,
            infected0=infected0,
            closure=closure,
            rng=rng,
            dispersion=np.full(replicates, dispersion),
        )

    @classmethod
    def simulate_paths(
        cls,
        parameters: Mapping[str, FloatArray],
        times: ArrayLike,
        *,
        population: int,
        infected0: int,
        closure: Closure,
        rng: np.random.Generator,
        dispersion: FloatArray,
    ) -> NDArray[np.int64]:
        """Random paths, one for each parameter draw, in synchronous rounds.

        From each time to the next `ΔI ~ Binomial(S, p)`, `p = 1 - G(Λ + x Δt) / G(Λ)`, with beta-distributed `p`
        where the intra-class correlation is positive.

        Parameters
        ----------
        parameters : mapping of array, shape (n_draws,)
            Parameter values by name.
        times : array, shape (n_times,)
            Increasing times.
        population, infected0 : int
            Agents, and how many of them have shared at the first time.
        closure : Closure
            Gives the exposure from the state.
        rng : numpy.random.Generator
            Source of randomness.
        dispersion : array, shape (n_draws,)
            Intra-class correlation ρ in [0, 1); 0 is binomial.

        Returns
        -------
        array, shape (n_draws, n_times)
            Number of agents that have shared.
        """
        times = np.asarray(times, dtype=float)
        n_draws = dispersion.size
        infected = np.empty((n_draws, times.size), dtype=np.int64)
        infected[:, 0] = infected0
        s0 = 1.0 - infected0 / population
        exposure = np.zeros(n_draws)
        for i, step in enumerate(np.diff(times)):
            n_susceptible = population - infected[:, i]
            x = closure.exposure_rate(n_susceptible / population, s0)
            # Without a sharer nobody is exposed; rounding in a closure must not say otherwise.
            reached = exposure + step * np.where(infected[:, i] > 0, np.maximum(x, 0.0), 0.0)
            elapsed = (times[i] - times[0], times[i + 1] - times[0])
            p_share = -np.expm1(cls.log_escape((exposure, reached), elapsed, parameters))
            incidence = draw_incidence(n_susceptible, p_share, dispersion, rng)
            infected[:, i + 1] = infected[:, i] + incidence
            exposure = reached
        return infected


def draw_incidence(
    n_susceptible: NDArray[np.integer[Any]],
    p_share: FloatArray,
    dispersion: FloatArray | float,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw numbers of new sharers from the beta-binomial with intra-class correlation `dispersion`.

    Parameters
    ----------
    n_susceptible, p_share, dispersion : arrays that broadcast
        Susceptible agents, probability of sharing, intra-class correlation ρ in [0, 1); 0 is binomial.
    rng : numpy.random.Generator
        Source of randomness.
    """
    n_susceptible, p_share, dispersion = np.broadcast_arrays(n_susceptible, p_share, dispersion)
    # Below this ρ the extra variance is under a millionth of the binomial's for a million agents, and
    # rng.beta loses the difference of its shapes.
    spread = (dispersion > 1e-12) & (p_share > 0) & (p_share < 1)
    p_drawn = np.array(p_share, dtype=float)
    concentration = (1.0 - dispersion[spread]) / dispersion[spread]
    p_drawn[spread] = rng.beta(
        np.maximum(p_share[spread] * concentration, math.ulp(0.0)), (1.0 - p_share[spread]) * concentration
    )
    return rng.binomial(n_susceptible, np.clip(p_drawn, 0.0, 1.0))
