"""Numerically safe building blocks that run under NumPy and under PyTensor."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SERIES_BELOW = 1e-3
"""Below this the truncated series are exact to double precision, and the gradients of the closed forms lose digits."""


def safe_log(value: Any, xp: Any = np) -> Any:
    """Compute `log(value)`, with `-inf` at 0 and without NumPy's warning."""
    positive = value > 0
    return xp.where(positive, xp.log(xp.where(positive, value, 1.0)), -np.inf)


def log_add(a: Any, b: Any, xp: Any = np) -> Any:
    """Compute `log(exp(a) + exp(b))`; at most one of the two may be `-inf`.

    The formula is written out because PyTensor's gradient of its own `logaddexp` is 0/0 where both terms underflow. In
    this form the gradient through `larger`, which is not defined at `a = b`, cancels.
    """
    larger = xp.maximum(a, b)
    return larger + xp.log1p(xp.exp((a - larger) + (b - larger)))


def log1p_over(z: Any, xp: Any = np) -> Any:
    """Compute `log1p(z) / z` for `z >= 0` (1 at 0), with an accurate gradient near 0."""
    small = z < _SERIES_BELOW
    away = xp.where(small, 1.0, z)
    series = 1.0 - z * (1 / 2 - z * (1 / 3 - z * (1 / 4 - z * (1 / 5 - z / 6))))
    return xp.where(small, series, xp.log1p(away) / away)


def expm1_over(z: Any, xp: Any = np) -> Any:
    """Compute `-expm1(-z) / z` for `z >= 0` (1 at 0), with an accurate gradient near 0."""
    small = z < _SERIES_BELOW
    away = xp.where(small, 1.0, z)
    series = 1.0 - z / 2 * (1.0 - z / 3 * (1.0 - z / 4 * (1.0 - z / 5 * (1.0 - z / 6))))
    return xp.where(small, series, -xp.expm1(-away) / away)


def runge_kutta_step(slope: Callable[[Any, Any], Any], state: Any, time: Any, step: Any) -> Any:
    """Advance a state by one step of the classical fourth-order method for `d state / dt = slope(state, time)`."""
    first = slope(state, time)
    second = slope(state + 0.5 * step * first, time + 0.5 * step)
    third = slope(state + 0.5 * step * second, time + 0.5 * step)
    fourth = slope(state + step * third, time + step)
    return state + step / 6.0 * (first + 2.0 * second + 2.0 * third + fourth)


def logistic_mean(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the mean over an interval of a logistic curve between two values in [0, 1].

    The mean is exact for the exposure of one rate in a well-mixed population. Where a value is 0 or 1, a straight line
    replaces the curve.
    """
    inside = (start > 0) & (start < 1) & (end > 0) & (end < 1)
    a, b = np.where(inside, start, 0.5), np.where(inside, end, 0.5)
    rise = np.log(b / a) - np.log1p(-b) + np.log1p(-a)
    # If the ends are nearly equal, the quotient is inaccurate, and the curve is straight.
    curved = np.abs(rise) > 1e-4
    quotient = (np.log1p(-a) - np.log1p(-b)) / np.where(curved, rise, 1.0)
    return np.where(inside & curved, quotient, 0.5 * (start + end))
