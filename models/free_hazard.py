"""The free-hazard SI model: a hazard of any smooth shape, to see whether models of few parameters suffice."""

from collections.abc import Mapping
from dataclasses import make_dataclass
from typing import Any

import numpy as np

from .base import SIModel
from .parameters import RATE_PRIOR, LogNormal, Parameter, parameter

KNOTS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Exposures times the scale between which the hazard is linear. It is constant after the last."""
_MIDDLE = KNOTS.index(1.0)
"""The knot from which the hazard at the others follows."""
_NUMBERS = [number for number in range(len(KNOTS)) if number != _MIDDLE]
_HAZARDS = {number: f"hazard_{number}" for number in range(len(KNOTS))}
_RATIOS = {number: f"ratio_{number}" for number in _NUMBERS}
_STEP_SD = 0.5
"""Standard deviation of a log-ratio: over a doubling of the exposure the hazard changes by a factor of about 1.6."""
_SCALE = LogNormal(median=KNOTS[-1], sigma=0.01)
"""The last knot is an exposure of about one window, which no agent exceeds by much."""
_SMALLEST = 1e-100
"""Smallest scale, so that nothing is divided by 0."""


def _inwards(number: int) -> int:
    """Return the number of the neighbour of a knot that lies nearer to the middle."""
    return number - 1 if number > _MIDDLE else number + 1


class _Hazard(SIModel):
    """The formulas of :class:`FreeHazardSI`, whose fields are made by number."""

    @classmethod
    def coordinates(cls) -> dict[str, Parameter]:
        """Return the scale, the hazard at the middle knot, and the ratio at each other knot to its inner neighbour.

        Ratios near 1 are a smooth curve: this is the penalty of a penalised spline. Its strength is fixed. A strength
        that is inferred would make a posterior that is hard to sample, and hardly another curve.
        """
        towards = "hazard at knot {} over that at knot {}"
        ratios = {
            name: Parameter(
                towards.format(number, _inwards(number)), "", (0.0, np.inf), LogNormal(1.0, _STEP_SD), f"r_{number}"
            )
            for number, name in _RATIOS.items()
        }
        own = cls.parameters()
        return {"scale": own["scale"], _HAZARDS[_MIDDLE]: own[_HAZARDS[_MIDDLE]], **ratios}

    @classmethod
    def from_coordinates(cls, coordinates: Mapping[str, Any]) -> dict[str, Any]:
        """Multiply the ratios from the middle outwards."""
        hazard: dict[int, Any] = {_MIDDLE: coordinates[_HAZARDS[_MIDDLE]]}
        for number in sorted(_NUMBERS, key=lambda number: abs(number - _MIDDLE)):
            hazard[number] = hazard[_inwards(number)] * coordinates[_RATIOS[number]]
        return {"scale": coordinates["scale"], **{_HAZARDS[number]: hazard[number] for number in sorted(hazard)}}

    @staticmethod
    def log_survival(exposure: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        scale = xp.maximum(parameters["scale"], _SMALLEST)
        reached = scale * exposure
        at = [parameters[name] for name in _HAZARDS.values()]
        total = at[-1] * xp.maximum(reached - KNOTS[-1], 0.0)
        for begin, end, low, high in zip(KNOTS, KNOTS[1:], at, at[1:], strict=False):
            # The part of the piece that is behind, so that no two pieces have a slope at the knot between them. All
            # terms are positive: nothing cancels.
            width = end - begin
            behind = xp.where(reached >= end, width, xp.maximum(reached - begin, 0.0))
            to_high = 0.5 * behind / width
            total = total + behind * (low * (1.0 - to_high) + high * to_high)
        return -total / scale


def _hazard(number: int) -> Any:
    prior = RATE_PRIOR if number == _MIDDLE else None
    return parameter(f"hazard at knot {number}", unit="1/time", prior=prior, symbol=f"h_{number}")


FreeHazardSI = make_dataclass(
    "FreeHazardSI",
    [
        ("scale", float, parameter("1 over the exposure at knot 1", unit="1/time", prior=_SCALE, symbol="κ")),
        *((name, float, _hazard(number)) for number, name in _HAZARDS.items()),
    ],
    bases=(_Hazard,),
    namespace={
        "__doc__": """A hazard per exposure that is a free, smooth function of exposure: linear between knots.

    With `z = κΛ`, the hazard is linear in `z` between fixed knots and constant after the last. Where it is the same at
    all knots, the model is one rate. The scale `κ` is 8 per observed window, and hardly varies: as a parameter it makes
    the model the same in every unit of time. A scale that follows the rate has several modes. It is the reference that
    shows whether models of fewer parameters describe the data.
    """,
        "__module__": __name__,
        "name": "free-hazard",
        "summary": "a hazard of any smooth shape: a reference for the others",
        "reference": "Eilers & Marx (1996), doi:10.1214/ss/1038425655 (penalised splines)",
    },
    frozen=True,
)
