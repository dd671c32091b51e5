"""What a model says of its parameters: meaning, unit, support and prior, as data.

The priors are specifications; `tworate.inference` turns them into PyMC variables. Rates have priors in
units of the length of the observed window, so rescaling time rescales the posterior and changes nothing else.
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class LogNormal:
    """`log(value) ~ Normal(log(median), sigma)`.

    Parameters
    ----------
    median : float
        Median; of a rate, per observed window.
    sigma : float
        Standard deviation of the logarithm.
    """

    median: float
    sigma: float

    @cached_property
    def distribution(self) -> Any:
        """As a frozen SciPy distribution."""
        return stats.lognorm(self.sigma, scale=self.median)

    def scaled(self, factor: float) -> "LogNormal":
        """Return it with so many times the standard deviation of the logarithm."""
        return LogNormal(self.median, factor * self.sigma)

    def __str__(self) -> str:
        return f"log-normal, median {self.median:g}, log-sd {self.sigma:g}"


@dataclass(frozen=True)
class Exponential:
    """Exponential distribution: largest at 0, where the simpler model lies.

    Parameters
    ----------
    mean : float
        Mean; of a rate, per observed window.
    """

    mean: float

    @cached_property
    def distribution(self) -> Any:
        """As a frozen SciPy distribution."""
        return stats.expon(scale=self.mean)

    def scaled(self, factor: float) -> "Exponential":
        """Return it with so many times the mean."""
        return Exponential(factor * self.mean)

    def __str__(self) -> str:
        return f"exponential, mean {self.mean:g}"


@dataclass(frozen=True)
class Beta:
    """Beta distribution on [0, 1]; `Beta(1, 1)` is uniform."""

    alpha: float = 1.0
    beta: float = 1.0

    @cached_property
    def distribution(self) -> Any:
        """As a frozen SciPy distribution."""
        return stats.beta(self.alpha, self.beta)

    def scaled(self, factor: float) -> "Beta":
        """Return it with its density raised to `1 / factor`; uniform stays uniform."""
        return Beta(1.0 + (self.alpha - 1.0) / factor, 1.0 + (self.beta - 1.0) / factor)

    def __str__(self) -> str:
        return "uniform" if self.alpha == self.beta == 1 else f"beta({self.alpha:g}, {self.beta:g})"


Prior = LogNormal | Exponential | Beta


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model, or one coordinate in which a model is sampled.

    Parameters
    ----------
    meaning : str
        What it is, in a few words.
    unit : str
        `1/time` for a rate (the time unit of the data), empty for a pure number.
    support : tuple of float
        Closed interval in which it lies.
    prior : LogNormal, Exponential, Beta or None
        Prior for inference; None where it follows from other coordinates.
    symbol : str
        As it is written in figures and sentences; its name by default.
    """

    meaning: str
    unit: str
    support: tuple[float, float]
    prior: Prior | None = None
    symbol: str = ""

    def __post_init__(self) -> None:
        if self.prior is not None and isinstance(self.prior, Beta) != (self.support == (0.0, 1.0)):
            raise ValueError(f"{self.meaning}: the prior ({self.prior}) does not fit the support {self.support}")

    @property
    def distribution(self) -> Any:
        """The prior as a frozen SciPy distribution.

        Raises
        ------
        ValueError
            When there is none.
        """
        if self.prior is None:
            raise ValueError(f"{self.meaning}: a coordinate needs a prior")
        return self.prior.distribution

    def scaled(self, factor: float) -> "Parameter":
        """Return it with a prior of so many times the scale, if it has one."""
        return self if self.prior is None else dataclasses.replace(self, prior=self.prior.scaled(factor))

    @property
    def is_rate(self) -> bool:
        """Whether it is per unit of time, and its prior per observed window."""
        return self.unit == "1/time"

    @property
    def stated_prior(self) -> str:
        """The prior in words; empty where it follows from other coordinates."""
        if self.prior is None:
            return ""
        return f"{self.prior}{' per observed window' if self.is_rate else ''}"


def parameter(
    meaning: str,
    *,
    unit: str = "",
    support: tuple[float, float] = (0.0, np.inf),
    prior: Prior | None = None,
    symbol: str = "",
) -> Any:
    """Declare a field of a model as one of its parameters."""
    return dataclasses.field(metadata={"parameter": Parameter(meaning, unit, support, prior, symbol)})


RATE_PRIOR = LogNormal(median=10.0, sigma=1.5)
"""Prior of a transmission rate: about as much exposure as takes a spread from a few to all within the observed window,
uncertain by a factor of 20 either way."""
