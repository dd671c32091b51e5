"""Ticks with plain numbers on logarithmic axes."""

from typing import Any

import matplotlib as mpl


def plain_ticks(axis: Any, low: float, high: float) -> None:
    """Set about five ticks with plain numbers on a logarithmic axis."""
    candidates = [m * 10.0**e for e in range(-6, 7) for m in (1, 1.5, 2, 3, 5, 7)]
    inside = [value for value in candidates if low <= value <= high]
    if len(inside) < 3:
        # The range is narrow, so a logarithmic axis is almost linear.
        even = mpl.ticker.MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high)
        inside = [float(f"{value:.6g}") for value in even if low <= value <= high]
    step = -(-len(inside) // 5)
    chosen = inside[:: max(1, step)] or [low, high]
    if 1.0 in inside and 1.0 not in chosen:
        chosen = inside[inside.index(1.0) % step :: step]
    axis.set_major_locator(mpl.ticker.FixedLocator(chosen))
    axis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:.3g}"))
    axis.set_minor_locator(mpl.ticker.NullLocator())
