"""Numerically safe building blocks that run under numpy and under pytensor."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SERIES_BELOW = 1e-3
"""Below this the truncated series are exact to double precision, and the closed forms lose digits of the gradient."""


def safe_log(value: Any, xp: Any = np) -> Any:
    """`log(value)` with `-inf` at 0, without numpy's warning."""
    positive = value > 0
    return xp.where(positive, xp.log(xp.where(positive, value, 1.0)), -np.inf)


def log_add(a: Any, b: Any, xp: Any = np) -> Any:
    """`log(exp(a) + exp(b))`, at most one of them `-inf`.

    Written out because the gradient that pytensor derives for its own `logaddexp` is 0/0 where both terms
    underflow. In this form the gradient through `larger` cancels where `a = b`, where it is not defined.
    """
    larger = xp.maximum(a, b)
    return larger + xp.log1p(xp.exp((a - larger) + (b - larger)))


def log1p_over(z: Any, xp: Any = np) -> Any:
    """`log1p(z) / z` for `z >= 0`, 1 at 0, with a gradient that keeps its digits there."""
    small = z < _SERIES_BELOW
    away = xp.where(small, 1.0, z)
    series = 1.0 - z * (1 / 2 - z * (1 / 3 - z * (1 / 4 - z * (1 / 5 - z / 6))))
    return xp.where(small, series, xp.log1p(away) / away)


def expm1_over(z: Any, xp: Any = np) -> Any:
    """`-expm1(-z) / z` for `z >= 0`, 1 at 0, with a gradient that keeps its digits there."""
    small = z < _SERIES_BELOW
    away = xp.where(small, 1.0, z)
    series = 1.0 - z / 2 * (1.0 - z / 3 * (1.0 - z / 4 * (1.0 - z / 5 * (1.0 - z / 6))))
    return xp.where(small, series, -xp.expm1(-away) / away)


def runge_kutta_step(slope: Callable[[Any, Any], Any], state: Any, time: Any, step: Any) -> Any:
    """State after one step of the classical fourth-order method for `d state / dt = slope(state, time)`."""
    first = slope(state, time)
    second = slope(state + 0.5 * step * first, time + 0.5 * step)
    third = slope(state + 0.5 * step * second, time + 0.5 * step)
    fourth = slope(state + step * third, time + step)
    return state + step / 6.0 * (first + 2.0 * second + 2.0 * third + fourth)


def logistic_mean(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over an interval of what runs along a logistic curve between two values in [0, 1].

    Exact for the exposure of one rate in a well-mixed population; a straight line where a value is 0 or 1.
    """
    inside = (start > 0) & (start < 1) & (end > 0) & (end < 1)
    a, b = np.where(inside, start, 0.5), np.where(inside, end, 0.5)
    rise = np.log(b / a) - np.log1p(-b) + np.log1p(-a)
    # Where the ends are nearly equal the quotient loses its digits, and the curve is straight.
    curved = np.abs(rise) > 1e-4
    quotient = (np.log1p(-a) - np.log1p(-b)) / np.where(curved, rise, 1.0)
    return np.where(inside & curved, quotient, 0.5 * (start + end))
