"""Numerically safe building blocks that run under numpy and under pytensor."""

from typing import Any

import numpy as np


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
