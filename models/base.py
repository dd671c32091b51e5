"""The base class of the SI models: a model is a survival function, and everything else follows from it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.differentiate import derivative
from scipy.integrate import solve_ivp

from .clock import Clock
from .closures import CLOSURES, Closure
from .curves import checked_times, solve_curves, susceptible_at_start
from .incidence import draw_incidence
from .numerics import logistic_mean, runge_kutta_step
from .parametric import Parametric
from .structures.base import Structure

FloatArray = NDArray[np.float64]

FLOW_STEPS = 4
"""Runge-Kutta steps over one interval between observations."""


@dataclass(frozen=True)
class SIModel(Parametric, ABC):
    """An SI model of sharing, given by its survival function.

    `G(Λ)` is the fraction of the initially susceptible agents that have not shared after cumulative
    exposure `Λ`; the susceptible fraction of the population is `s = s0 G(Λ)`. A model is a frozen dataclass whose
    fields, declared with :func:`tworate.models.parameters.parameter`, are its parameters; its one formula is
    :meth:`log_survival`. Everything else in this class is derived from that formula.

    A new model is one new file in `tworate/models/`; the registry finds it there.
    """

    closures: ClassVar[tuple[str, ...]] = CLOSURES
    """Closures under which the model may be compared. A closure whose error looks like the model is left out."""
    structure: ClassVar[type[Structure] | None] = None
    """Structure that the model is combined with, see :func:`tworate.models.structured.with_structure`."""
    nested_in: ClassVar[str | None] = None
    """Name of the simplest richer model whose special case this model is; None if there is none."""

    @staticmethod
    @abstractmethod
    def log_survival(exposure: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        """Return the logarithm of the survival function `G`.

        Parameters
        ----------
        exposure : array
            Cumulative exposure `Λ` since the start, in units of time.
        time : array
            Time since the start; most models ignore it.
        parameters : mapping
            Parameter values by name; arrays broadcast.
        xp : module
            Array namespace: numpy or pytensor.tensor.
        """

    @classmethod
    def plain(cls) -> "type[SIModel]":
        """Return the model without a structure."""
        return cls

    @classmethod
    def uses_time(cls) -> bool:
        """Return whether the survival function depends on time besides the exposure."""
        values = cls._different_values()
        early, late = (cls.log_survival(np.array([0.7]), np.array([time]), values) for time in (0.5, 2.0))
        return bool(np.any(early != late))

    @classmethod
    def is_memoryless(cls) -> bool:
        """Return whether the hazard never changes: `log G` of two intervals together is the sum of both."""
        values = cls._different_values()
        first, second, both = (
            cls.log_survival(np.array([exposure]), np.array([time]), values)
            for exposure, time in ((0.7, 0.5), (1.9, 1.1), (2.6, 1.6))
        )
        return bool(np.allclose(first + second, both, rtol=1e-9))

    @classmethod
    def _different_values(cls) -> dict[str, FloatArray]:
        """Return values of the parameters, no two equal: equal rates would make a simpler model."""
        lowest = {name: max(spec.support[0], 0.0) for name, spec in cls.parameters().items()}
        return {name: np.array([low + 0.25 + 0.13 * i]) for i, (name, low) in enumerate(lowest.items())}

    @classmethod
    def log_escape(
        cls, exposure: tuple[Any, Any], time: tuple[Any, Any], parameters: Mapping[str, Any], xp: Any = np
    ) -> Any:
        """Return the log-probability that a susceptible agent has not shared by the end of an interval.

        This is `log G(Λ1) - log G(Λ0)`; the probability of sharing in the interval is `-expm1` of it.

        Parameters
        ----------
        exposure, time : pair of arrays
            Cumulative exposure and time at the start and the end of the interval.
        parameters, xp
            As in :meth:`log_survival`.
        """
        start, end = (cls.log_survival(e, t, parameters, xp) for e, t in zip(exposure, time, strict=True))
        return end - start

    @classmethod
    def reach(
        cls,
        exposure: Any,
        time: tuple[Any, Any],
        rate: Any,
        elasticity: Any,
        parameters: Mapping[str, Any],
        xp: Any = np,
        *,
        factor: Any = 1.0,
    ) -> Any:
        """Compute the cumulative exposure at the end of an interval in continuous time, from the state at its start.

        The exposure rate changes while agents share: with `G` the survival function,
        `dΛ/dt = factor (1 - (1 - x) (G(Λ)/G(Λ0))^e)`, because `s` is proportional to `G`. The equation is solved by
        four Runge-Kutta steps.

        Parameters
        ----------
        exposure : array
            Cumulative exposure `Λ0` at the start.
        time : pair of arrays
            Start and end of the interval, since the start of the trajectory.
        rate, elasticity : array
            Exposure rate `x` at the start, and elasticity `e = d log(1 - x) / d log s` of the closure there.
        parameters, xp
            As in :meth:`log_survival`.
        factor : array
            Multiplier of the exposure, where replicates differ.

        Notes
        -----
        The only error is that of the four steps if the elasticity of the closure is constant, as it is for mean-field
        and random regular.
        """
        start, end = time
        log_survival_start = cls.log_survival(exposure, start, parameters, xp)
        step = (end - start) / FLOW_STEPS
        for i in range(FLOW_STEPS):
            exposure = cls.reach_step(
                exposure, start + i * step, step, log_survival_start, rate, elasticity, parameters, xp, factor=factor
            )
        return exposure

    @classmethod
    def reach_step(
        cls,
        exposure: Any,
        time: Any,
        step: Any,
        begun: Any,
        rate: Any,
        elasticity: Any,
        parameters: Mapping[str, Any],
        xp: Any = np,
        *,
        factor: Any = 1.0,
    ) -> Any:
        """Compute the cumulative exposure after one step of :meth:`reach`; `begun` is `log G` at the start."""

        def slope(reached: Any, at: Any) -> Any:
            unexposed = (1.0 - rate) * xp.exp(elasticity * (cls.log_survival(reached, at, parameters, xp) - begun))
            return factor * xp.maximum(1.0 - unexposed, 0.0)

        return runge_kutta_step(slope, exposure, time, step)

    def survival(self, exposure: ArrayLike, time: ArrayLike = 0.0) -> FloatArray:
        """Evaluate the survival function `G(Λ)`, in (0, 1]."""
        return np.exp(self.log_survival(np.asarray(exposure, float), np.asarray(time, float), self.values))

    def hazard(self, exposure: ArrayLike, time: ArrayLike = 0.0) -> FloatArray:
        """Compute the hazard of sharing per unit of exposure, `-d log G / dΛ`, in 1/time.

        The derivative is a finite difference with error control (`scipy.differentiate`); the relative error is about
        1e-9.
        """
        exposure = np.asarray(exposure, float)
        time = np.asarray(time, float)
        # The step is an exposure over which G falls by about a thousandth, whatever the unit of time. Far from 0 the
        # step grows with the exposure, because a heavy tail falls on a longer scale.
        scales = np.logspace(-12, 12, 97)
        has_fallen = self.log_survival(scales, 0.0, self.values) <= -1e-3
        scale = scales[np.argmax(has_fallen)] if has_fallen.any() else 1.0
        step = np.maximum(scale, 1e-2 * np.abs(exposure))
        # A finer step does not help: it only divides the rounding error of log G by a smaller number.
        rounding = 10.0 * np.finfo(float).eps * np.max(np.abs(self.log_survival(exposure, time, self.values)) / step)
        slope = derivative(
            lambda at, when: self.log_survival(at, when, self.values),
            exposure,
            args=(time,),
            initial_step=step,
            tolerances={"atol": max(rounding, np.finfo(float).tiny)},
            # G is not defined below 0, so steps near 0 only go up.
            step_direction=np.where(exposure < step, 1.0, 0.0),
        )
        return -np.asarray(slope.df, dtype=float)

    def solve(self, times: ArrayLike, prevalence0: float, closure: Closure, clock: Clock = "continuous") -> FloatArray:
        """Solve the equation of the model, `dΛ/dt = x(s0 G(Λ, t))`, for the prevalence over time.

        Parameters
        ----------
        times : array, shape (n_times,)
            Increasing times; at the first, `Λ = 0` and the prevalence is `prevalence0`.
        prevalence0 : float
            Fraction that has shared at the start, in (0, 1).
        closure : Closure
            `MeanField()` or `RandomRegular(degree)`.
        clock : {"continuous", "rounds"}
            The ODE in continuous time, or the map `Λ += x Δt` of synchronous rounds from each time to the next.

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
        times, s0 = checked_times(times), susceptible_at_start(prevalence0)
        elapsed = times - times[0]
        if clock == "rounds":
            values = {name: np.array([value]) for name, value in self.values.items()}
            return solve_curves(self.log_survival, values, elapsed, s0, closure, clock)[1][0]

        def susceptible(time: Any, exposure: Any) -> Any:
            return s0 * np.exp(self.log_survival(exposure, time, self.values))

        exposure = np.zeros(1)
        if times.size > 1:
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
                raise ValueError(f"{self.name}: the ODE solver failed: {solution.message}")
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
        clock: Clock = "rounds",
    ) -> NDArray[np.int64]:
        """Draw random paths of the model; see :meth:`simulate_paths`.

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
            clock=clock,
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
        clock: Clock = "rounds",
        factor: FloatArray | float = 1.0,
        exposure0: FloatArray | float = 0.0,
        time0: float = 0.0,
        susceptible0: float | None = None,
        pace: Callable[[int, NDArray[np.int64]], FloatArray] | None = None,
    ) -> NDArray[np.int64]:
        """Draw random paths, one for each parameter draw.

        The incidence from each time to the next is `ΔI ~ Binomial(S, p)` with `p = 1 - G(Λ1) / G(Λ0)`; `p` is
        beta-distributed if the intra-class correlation is positive. In rounds `Λ1 = Λ0 + x Δt`; in continuous time
        :meth:`reach` computes `Λ1`.

        Parameters
        ----------
        parameters : mapping of array, shape (n_draws,)
            Parameter values by name.
        times : array, shape (n_times,)
            Increasing times.
        population, infected0 : int
            Number of agents, and how many of them have shared at the first time.
        closure : Closure
            Gives the exposure from the state.
        rng : numpy.random.Generator
            Source of randomness.
        dispersion : array, shape (n_draws,)
            Intra-class correlation ρ in [0, 1); 0 is binomial.
        clock : {"rounds", "continuous"}
            Whether the exposure rate is constant until the next time, or changes on the way.
        factor : array, shape (n_draws,)
            Multiplier of the exposure, where replicates differ.
        exposure0 : float or array, shape (n_draws,)
            Cumulative exposure at the first time, above 0 where an observed path is continued.
        time0 : float
            Time since the start of the spread at the first time.
        susceptible0 : float, optional
            Susceptible fraction at the start of the spread; by default that of the first time.
        pace : callable, optional
            Given the number of a step and the paths until its start, returns a further factor, shape (n_draws,), where
            a structure weights the exposure.

        Returns
        -------
        array, shape (n_draws, n_times)
            Number of agents that have shared.
        """
        times = np.asarray(times, dtype=float)
        n_draws = dispersion.size
        infected = np.empty((n_draws, times.size), dtype=np.int64)
        infected[:, 0] = infected0
        s0 = 1.0 - infected0 / population if susceptible0 is None else susceptible0

        def rate(column: int) -> FloatArray:
            # Without a sharer nobody is exposed. Rounding in a closure must not give a positive exposure.
            x = closure.exposure_rate((population - infected[:, column]) / population, s0)
            return np.where(infected[:, column] > 0, np.maximum(x, 0.0), 0.0)

        exposure, x = factor * (np.zeros(n_draws) + exposure0), rate(0)
        factor0 = factor
        for i, step in enumerate(np.diff(times)):
            if pace is not None:
                factor = factor0 * pace(i, infected[:, : i + 1])
            n_susceptible = population - infected[:, i]
            elapsed = (times[i] - times[0] + time0, times[i + 1] - times[0] + time0)
            if clock == "rounds":
                reached = exposure + step * factor * x
            else:
                elasticity = closure.elasticity(np.maximum(n_susceptible, 0.5) / population, s0)
                reached = cls.reach(exposure, elapsed, x, elasticity, parameters, factor=factor)
            p_share = -np.expm1(cls.log_escape((exposure, reached), elapsed, parameters))
            infected[:, i + 1] = infected[:, i] + draw_incidence(n_susceptible, p_share, dispersion, rng)
            x_before, x = x, rate(i + 1)
            exposure = reached if clock == "rounds" else exposure + step * factor * logistic_mean(x_before, x)
        return infected
