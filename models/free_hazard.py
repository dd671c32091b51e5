"""The free-hazard SI model: a hazard of any smooth shape, to see whether models of few parameters suffice."""

from collections.abc import Mapping
from dataclasses import make_dataclass
from typing import Any

import numpy as np

from .base import SIModel
from .parameters import RATE_PRIOR, LogNormal, Parameter, parameter

KNOTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Exposures times the rate between which the hazard is linear. It is constant after the last."""
_MIDDLE = KNOTS.index(1.0)
"""The knot at which the hazard is the rate itself."""
_NUMBERS = [number for number in range(len(KNOTS)) if number != _MIDDLE]
_RELATIVE = {number: f"relative_{number}" for number in _NUMBERS}
_STEPS = {number: f"ratio_{number}" for number in _NUMBERS}
_STEP_SD = 0.5
"""Standard deviation of a log-ratio: over a doubling of the exposure the hazard changes by a factor of about 1.6."""


def _inwards(number: int) -> int:
    """Return the number of the neighbour of a knot that lies nearer to the middle."""
    return number - 1 if number > _MIDDLE else number + 1


class _Hazard(SIModel):
    """The formulas of :class:`FreeHazardSI`, whose fields are made by number."""

    @classmethod
    def coordinates(cls) -> dict[str, Parameter]:
        """Return the rate, and the ratio of the hazard at each knot to that at its neighbour towards the middle.

        Ratios near 1 are a smooth curve: this is the penalty of a penalised spline. Its strength is fixed. A strength
        that is inferred would make a posterior that is hard to sample, and hardly another curve.
        """
        towards = "hazard at knot {} over that at knot {}"
        ratios = {
            name: Parameter(
                towards.format(number, _inwards(number)), "", (0.0, np.inf), LogNormal(1.0, _STEP_SD), f"r_{number}"
            )
            for number, name in _STEPS.items()
        }
        return {"rate": cls.parameters()["rate"], **ratios}

    @classmethod
    def from_coordinates(cls, coordinates: Mapping[str, Any]) -> dict[str, Any]:
        """Multiply the ratios from the middle outwards."""
        relative: dict[int, Any] = {}
        for number in sorted(_NUMBERS, key=lambda number: abs(number - _MIDDLE)):
            ratio = coordinates[_STEPS[number]]
            inner = _inwards(number)
            relative[number] = ratio if inner == _MIDDLE else relative[inner] * ratio
        return {"rate": coordinates["rate"], **{_RELATIVE[number]: relative[number] for number in _NUMBERS}}

    @staticmethod
    def log_survival(exposure: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        reached = parameters["rate"] * exposure
        at = [parameters[_RELATIVE[number]] if number != _MIDDLE else 1.0 for number in range(len(KNOTS))]
        total = at[-1] * xp.maximum(reached - KNOTS[-1], 0.0)
        for begin, end, low, high in zip(KNOTS, KNOTS[1:], at, at[1:], strict=False):
            # The part of the piece that is behind, so that no two pieces have a slope at the knot between them. All
            # terms are positive: nothing cancels.
            width = end - begin
            behind = xp.where(reached >= end, width, xp.maximum(reached - begin, 0.0))
            to_high = 0.5 * behind / width
            total = total + behind * (low * (1.0 - to_high) + high * to_high)
        return -total


def _relative(number: int) -> Any:
    return parameter(f"hazard at knot {number} over the rate", symbol=f"h_{number}/β")


FreeHazardSI = make_dataclass(
    "FreeHazardSI",
    [
        ("rate", float, parameter("hazard at the exposure 1/rate", unit="1/time", prior=RATE_PRIOR, symbol="β")),
        *((name, float, _relative(number)) for number, name in _RELATIVE.items()),
    ],
    bases=(_Hazard,),
    namespace={
        "__doc__": """A hazard per exposure that is a free, smooth function of exposure: linear between knots.

    With `z = βΛ`, the hazard `h(Λ) = β ρ(z)` is linear in `z` between fixed knots and constant after the last. `ρ` is 1
    at `z = 1`; where it is 1 at all knots, the model is one rate. Knots are in units of `1/β`, so the model is the same
    in every unit of time. It is the reference that shows whether models of fewer parameters describe the data.
    """,
        "__module__": __name__,
        "name": "free-hazard",
        "summary": "a hazard of any smooth shape: a reference for the others",
        "reference": "Eilers & Marx (1996), doi:10.1214/ss/1038425655 (penalised splines)",
    },
    frozen=True,
)
