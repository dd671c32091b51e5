"""Classes of agents on a random regular network: the exact result that models with one exposure approximate."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from .base import FloatArray
from .clock import Clock
from .closures import RandomRegular
from .curves import checked_times, susceptible_at_start


class Orbit(NamedTuple):
    """States that a spread passes through; all arrays have the same shape.

    Parameters
    ----------
    susceptible : array
        Fraction `s` that has not shared.
    time : array
        Time at which `s` is reached.
    exposure : array
        Cumulative exposure Λ up to that time, under the closure :class:`RandomRegular`, in units of time.
    exposure_rate : array
        Share of sharers among the neighbours of susceptible agents of all classes, as in the recorded closure.
    force_of_infection : array
        `-(d/dt) log s`, in 1/time.
    """

    susceptible: FloatArray
    time: FloatArray
    exposure: FloatArray
    exposure_rate: FloatArray
    force_of_infection: FloatArray


@dataclass(frozen=True)
class MultiClass:
    """Classes of agents that share at different rates, on a random k-regular network.

    The solution is exact in the limit of a large network, if the class of an agent is independent of its position and
    of the classes of others. A model with one cumulative exposure for all, such as :class:`TwoRateSI` under
    :class:`RandomRegular`, approximates it: it assumes that the neighbours of fast and of slow agents are alike.

    Parameters
    ----------
    rates : tuple of float, length n
        Transmission rate β of each class at full exposure (per k contacts, so β / k per edge), per unit of time.
    fractions : tuple of float, length n
        Fraction of the agents in each class; sums to 1.
    degree : float
        Number of neighbours `k` of every agent, at least 2.

    Raises
    ------
    ValueError
        When a rate, a fraction or the degree is not valid.

    Notes
    -----
    With `θ_a` the probability that a random neighbour has not persuaded an agent of class a, and `b_a = β_a / k`,

        θ_a' = -b_a (θ_a - s0 Σ_c f_c θ_c^(k-1)),   s = s0 Σ_a f_a θ_a^k.

    See Miller, Slim & Volz (2012), J. R. Soc. Interface 9, 890, doi:10.1098/rsif.2011.0403; here without recovery and
    with the rate of the receiver.

    Examples
    --------
    >>> MultiClass(rates=(1.2, 0.2), fractions=(0.5, 0.5), degree=8).solve([0, 10, 20], prevalence0=0.01).round(3)
    array([0.01 , 0.549, 0.918])
    """

    rates: tuple[float, ...]
    fractions: tuple[float, ...]
    degree: float

    def __post_init__(self) -> None:
        if len(self.rates) != len(self.fractions) or not self.rates:
            raise ValueError(f"{len(self.rates)} rates with {len(self.fractions)} fractions: give one each")
        if not all(0 <= rate < np.inf for rate in self.rates):
            raise ValueError(f"rates = {self.rates}: must be finite and at least 0")
        if not (min(self.fractions) >= 0 and abs(sum(self.fractions) - 1.0) <= 1e-9):
            raise ValueError(f"fractions = {self.fractions}: must be at least 0 and sum to 1")
        RandomRegular(self.degree)

    def solve(self, times: ArrayLike, prevalence0: float, clock: Clock = "continuous") -> FloatArray:
        """Compute the prevalence over time.

        Parameters
        ----------
        times : array, shape (n_times,)
            Increasing times; at the first, the prevalence is `prevalence0`.
        prevalence0 : float
            Fraction of each class that has shared at the start, in (0, 1).
        clock : {"continuous", "rounds"}
            The differential equations, or the exact map of synchronous rounds, one round from each time to the next:
            `θ_a` falls by `q_a` times the bracket above. `q_a = 1 - exp(-β_a Δt / k)` is the probability per edge and
            round of length Δt that follows from the rate.

        Returns
        -------
        array, shape (n_times,)
            Prevalence, in [0, 1].

        Raises
        ------
        ValueError
            When times do not increase or `prevalence0` lies outside (0, 1).
        """
        times, s0 = checked_times(times), susceptible_at_start(prevalence0)
        log_theta = np.zeros((len(self.rates), times.size))
        if clock == "rounds":
            for i, step in enumerate(np.diff(times)):
                q = -np.expm1(-step * np.array(self.rates) / self.degree)
                log_theta[:, i + 1] = log_theta[:, i] + np.log1p(-q * self._exposure(log_theta[:, i], s0))
        elif times.size > 1:
            log_theta = self._integrate(
                lambda _, y: -np.array(self.rates) / self.degree * self._exposure(y, s0), log_theta[:, 0], times
            )
        return np.asarray(1.0 - s0 * self._weights(log_theta).sum(axis=0))

    def orbit(self, susceptible: ArrayLike, prevalence0: float) -> Orbit:
        """Follow the spread in continuous time through given susceptible fractions.

        Parameters
        ----------
        susceptible : array, shape (n,)
            Fractions, in any order, at most `1 - prevalence0`.
        prevalence0 : float
            Fraction of each class that has shared at the start, in (0, 1).

        Returns
        -------
        Orbit
            State at each of the fractions; arrays of shape (n,).

        Raises
        ------
        ValueError
            When a fraction is above that at the start, or is never reached.
        """
        s = np.atleast_1d(np.asarray(susceptible, dtype=float))
        s0 = susceptible_at_start(prevalence0)
        last = self._last_susceptible(s0)
        if not np.all((s > last) & (s <= s0)):
            raise ValueError(f"susceptible = {s}: must lie in ({last:g}, {s0:g}], the fractions that the spread passes")
        closure, rates = RandomRegular(self.degree), np.array(self.rates)
        # Time and Λ are solved in units of 1 / (fastest rate), so that the accuracy does not depend on the time unit.
        unit = 1.0 / rates.max()

        def by_decline(decline: float, state: FloatArray) -> FloatArray:
            """Compute the derivatives of log θ_a, time and Λ by `-log(s / s0)`, which rises along the orbit."""
            force = self._mean_exposure(state[:-2], s0, rates)
            exposure_rate = closure.exposure_rate(s0 * np.exp(-decline), s0)
            falling = -rates / self.degree * self._exposure(state[:-2], s0)
            return np.array([*falling, 1.0 / unit, exposure_rate / unit]) / force

        declines, order = np.unique(-np.log(s / s0), return_inverse=True)
        grid = np.concatenate([[0.0], declines[declines > 0]])
        states = self._integrate(by_decline, np.zeros(rates.size + 2), grid)
        states = states[:, np.searchsorted(grid, declines)[order]]
        log_theta, time, exposure = states[:-2], unit * states[-2], unit * states[-1]
        exposure_rate, force = (self._mean_exposure(log_theta, s0, factors) for factors in (np.ones(rates.size), rates))
        return Orbit(s, time, exposure, exposure_rate, force)

    def hazard_at(self, susceptible: ArrayLike, prevalence0: float) -> FloatArray:
        """Compute the force of infection per unit of exposure under :class:`RandomRegular`, in 1/time, at given `s`.

        A model with one cumulative exposure must have this hazard to have the same force of infection. Parameters and
        errors are those of :meth:`orbit`.
        """
        orbit = self.orbit(susceptible, prevalence0)
        exposure_rate = RandomRegular(self.degree).exposure_rate(orbit.susceptible, 1.0 - prevalence0)
        return np.asarray(orbit.force_of_infection / exposure_rate)

    def _weights(self, log_theta: FloatArray) -> FloatArray:
        """Return `f_a θ_a^k`: the fraction of initially susceptible agents that is left, by class (first axis)."""
        return (np.array(self.fractions) * np.exp(self.degree * log_theta).T).T

    def _exposure(self, log_theta: FloatArray, s0: float) -> FloatArray:
        """Return `1 - s0 Σ_c f_c θ_c^(k-1) / θ_a`: share of sharers among susceptible agents' neighbours, by class."""
        neighbours = np.array(self.fractions) @ np.exp((self.degree - 1.0) * log_theta)
        return 1.0 - s0 * neighbours * np.exp(-log_theta)

    def _mean_exposure(self, log_theta: FloatArray, s0: float, factors: FloatArray) -> FloatArray:
        """Compute the mean over susceptible agents of their exposure rate times the factor of their class."""
        weights = self._weights(log_theta)
        return factors @ (weights * self._exposure(log_theta, s0)) / weights.sum(axis=0)

    def _last_susceptible(self, s0: float) -> float:
        """Return the susceptible fraction after infinite time: 0 unless a class never shares."""
        never = sum(f for f, rate in zip(self.fractions, self.rates, strict=True) if rate == 0)
        if never == 0:
            return 0.0
        theta = brentq(lambda at: s0 * (never + (1.0 - never) * at ** (self.degree - 1.0)) - at, 0.0, 1.0)
        return float(s0 * (never + (1.0 - never) * theta**self.degree))

    @staticmethod
    def _integrate(right_side: Any, start: FloatArray, at: FloatArray) -> FloatArray:
        """Solve an initial value problem; shape (n_states, n)."""
        if at.size == 1:
            return start[:, None]
        solution = solve_ivp(right_side, (at[0], at[-1]), start, method="LSODA", t_eval=at, rtol=1e-10, atol=1e-12)
        if not solution.success:
            raise ValueError(f"the ODE solver failed: {solution.message}")
        return np.asarray(solution.y)
