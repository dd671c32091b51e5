"""What a model says of its parameters: meaning, unit, support and prior, as data.

The priors are specifications; `tworate.inference` turns them into PyMC variables. Rates have priors in
units of the length of the observed window, so rescaling time rescales the posterior and changes nothing else.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any


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


@dataclass(frozen=True)
class Beta:
    """Beta distribution on [0, 1]; `Beta(1, 1)` is uniform."""

    alpha: float = 1.0
    beta: float = 1.0


Prior = LogNormal | Beta


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
    prior : LogNormal, Beta or None
        Prior for inference; None where it follows from other coordinates.
    """

    meaning: str
    unit: str
    support: tuple[float, float]
    prior: Prior | None = None


def parameter(meaning: str, *, unit: str, support: tuple[float, float], prior: Prior | None = None) -> Any:
    """Declare a field of a model as one of its parameters."""
    return dataclasses.field(metadata={"parameter": Parameter(meaning, unit, support, prior)})


RATE_PRIOR = LogNormal(median=10.0, sigma=1.5)
"""Prior of a transmission rate: about as much exposure as takes a spread from a few to all within the observed window,
uncertain by a factor of 20 either way."""
