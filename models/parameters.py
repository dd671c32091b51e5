"""Specifications of the parameters of a model as data: meaning, unit, support and prior.

`tworate.inference` turns the priors into PyMC variables. The unit of the priors of rates is one per observed window, so
a change of the time unit rescales the posterior and changes nothing else.
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import expit, log_expit, logit


@dataclass(frozen=True)
class LogNormal:
    """`log(value) ~ Normal(log(median), sigma)`.

    Parameters
    ----------
    median : float
        Median; for a rate, per observed window.
    sigma : float
        Standard deviation of the logarithm.
    """

    median: float
    sigma: float

    @cached_property
    def distribution(self) -> Any:
        """The same distribution as a frozen SciPy distribution."""
        return stats.lognorm(self.sigma, scale=self.median)

    def scaled(self, factor: float) -> "LogNormal":
        """Return a copy whose standard deviation of the logarithm is multiplied by `factor`."""
        return LogNormal(self.median, factor * self.sigma)

    def __str__(self) -> str:
        return f"log-normal, median {self.median:g}, log-sd {self.sigma:g}"


@dataclass(frozen=True)
class Exponential:
    """Exponential distribution: its density is largest at 0, where the simpler model lies.

    Parameters
    ----------
    mean : float
        Mean; for a rate, per observed window.
    """

    mean: float

    @cached_property
    def distribution(self) -> Any:
        """The same distribution as a frozen SciPy distribution."""
        return stats.expon(scale=self.mean)

    def scaled(self, factor: float) -> "Exponential":
        """Return a copy whose mean is multiplied by `factor`."""
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
        """The same distribution as a frozen SciPy distribution."""
        return stats.beta(self.alpha, self.beta)

    def scaled(self, factor: float) -> "Beta":
        """Return a copy whose density is raised to the power `1 / factor`; a uniform prior stays uniform."""
        return Beta(1.0 + (self.alpha - 1.0) / factor, 1.0 + (self.beta - 1.0) / factor)

    def __str__(self) -> str:
        return "uniform" if self.alpha == self.beta == 1 else f"beta({self.alpha:g}, {self.beta:g})"


@dataclass(frozen=True)
class Normal:
    """Normal distribution around 0, for coefficients of either sign."""

    sd: float = 1.0

    @cached_property
    def distribution(self) -> Any:
        """The same distribution as a frozen SciPy distribution."""
        return stats.norm(0.0, self.sd)

    def scaled(self, factor: float) -> "Normal":
        """Return a copy whose standard deviation is multiplied by `factor`."""
        return Normal(factor * self.sd)

    def __str__(self) -> str:
        return f"normal, mean 0, sd {self.sd:g}"


Prior = LogNormal | Exponential | Beta | Normal


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model, or one coordinate in which a model is sampled.

    Parameters
    ----------
    meaning : str
        Description in a few words.
    unit : str
        `1/time` for a rate (the time unit of the data), empty for a pure number.
    support : tuple of float
        Closed interval of possible values.
    prior : LogNormal, Exponential, Beta, Normal or None
        Prior for inference; None if the parameter follows from other coordinates.
    symbol : str
        Symbol in figures and sentences; the name by default.
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
            When the parameter has no prior.
        """
        if self.prior is None:
            raise ValueError(f"{self.meaning}: a coordinate needs a prior")
        return self.prior.distribution

    def scaled(self, factor: float) -> "Parameter":
        """Return a copy with the scale of the prior, if there is one, multiplied by `factor`."""
        return self if self.prior is None else dataclasses.replace(self, prior=self.prior.scaled(factor))

    def constrained(self, value: Any) -> Any:
        """Transform a number from the real line to a value of the parameter: the identity, `exp` or the logistic."""
        if isinstance(self.prior, Normal):
            return value
        return expit(value) if isinstance(self.prior, Beta) else np.exp(value)

    def unconstrained(self, value: Any) -> Any:
        """Invert :meth:`constrained`."""
        if isinstance(self.prior, Normal):
            return value
        return logit(value) if isinstance(self.prior, Beta) else np.log(value)

    def log_jacobian(self, value: Any) -> Any:
        """Return the logarithm of the derivative of :meth:`constrained` at a number from the real line."""
        if isinstance(self.prior, Normal):
            return 0.0 * value
        return log_expit(value) + log_expit(-value) if isinstance(self.prior, Beta) else value

    @property
    def is_rate(self) -> bool:
        """Whether the parameter is per unit of time, and its prior per observed window."""
        return self.unit == "1/time"

    @property
    def stated_prior(self) -> str:
        """The prior in words; empty if the parameter follows from other coordinates."""
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
"""Prior of a transmission rate. At the median, the news spreads from a few agents to all within about the observed
window; the uncertainty is a factor of 20 either way."""
