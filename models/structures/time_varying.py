"""A pace that varies over the time of the data, the same for all trajectories."""

from collections.abc import Mapping
from dataclasses import make_dataclass
from typing import Any

import numpy as np

from ..parameters import Normal, Parameter, parameter
from .base import CALENDAR, Bins, Structure

INTERVALS = 12
"""Number of intervals between knots over the time in which agents share. With more, PyTensor without a compiler fails,
because it takes at most 32 inputs and outputs in an operation."""
_N = INTERVALS + 3
_NAMES = [f"log_pace_{number + 1}" for number in range(_N)]
_STEPS = [f"step_{number + 1}" for number in range(_N - 1)]
_STEP_SD = 0.5
"""Standard deviation of a step: from one interval to the next the pace changes by a factor of about 1.6."""


TIME_VARYING = "time-varying"


class _Spline(Structure):
    """The formulas of :class:`TimeVarying`, whose fields are made by number."""

    @classmethod
    def coordinates(cls) -> dict[str, Parameter]:
        """Return the steps from one coefficient to the next.

        Small steps are a smooth curve: this is the penalty of a penalised spline. Its strength is fixed. A strength
        that is inferred would make a posterior that is hard to sample, and hardly another curve.
        """
        ends = (-np.inf, np.inf)
        return {name: Parameter("step of the log-pace", "", ends, Normal(_STEP_SD)) for name in _STEPS}

    @classmethod
    def from_coordinates(cls, coordinates: Mapping[str, Any]) -> dict[str, Any]:
        """Compute the coefficients, which add up to 0."""
        sums = [0.0 * coordinates[_STEPS[0]]]
        for name in _STEPS:
            sums.append(sums[-1] + coordinates[name])
        mean = sum(sums) / _N
        return {name: total - mean for name, total in zip(_NAMES, sums, strict=True)}

    @classmethod
    def weights(cls, bins: Bins, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        """Compute `exp` of a cubic B-spline with equidistant knots."""
        log_weight = 0.0
        for number, name in enumerate(_NAMES):
            away = xp.abs(bins.at * INTERVALS - (number - 1))
            basis = (xp.maximum(2.0 - away, 0.0) ** 3 - 4.0 * xp.maximum(1.0 - away, 0.0) ** 3) / 6.0
            log_weight = log_weight + parameters[name] * basis
        return xp.exp(log_weight)

    @classmethod
    def derived(cls, parameters: Mapping[str, Any], exposure: Any) -> dict[str, Any]:
        """Return how many times faster the fastest time is than the slowest."""
        return {"fastest over slowest time": _ratio(parameters)}

    @classmethod
    def described(cls, parameters: Mapping[str, float]) -> str:
        return f"a pace that varies over time by a factor of {float(_ratio(parameters)):.2g}"


def _ratio(parameters: Mapping[str, Any]) -> Any:
    at = np.linspace(0.0, 1.0, 50)
    columns = {name: np.asarray(parameters[name])[..., None] for name in _NAMES}
    weight = _Spline.weights(Bins(at, at, np.full(50, 1 / 50)), columns)
    return weight.max(axis=-1) / weight.min(axis=-1)


def _coefficient(number: int) -> Any:
    return parameter(f"coefficient {number + 1} of the log-pace", support=(-np.inf, np.inf))


TimeVarying = make_dataclass(
    "TimeVarying",
    [(name, float, _coefficient(number)) for number, name in enumerate(_NAMES)],
    bases=(_Spline,),
    namespace={
        "__doc__": "A pace `g(t)` over the time of the data: `log g` is a penalised cubic B-spline, with mean 0.",
        "__module__": __name__,
        "name": TIME_VARYING,
        "summary": "the pace varies over the time of the data, for all trajectories alike",
        "reference": "Eilers & Marx (1996), doi:10.1214/ss/1038425655",
        "axis": CALENDAR,
    },
    frozen=True,
)
