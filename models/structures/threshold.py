"""Thresholds: contact is worth less while few neighbours have shared (social reinforcement)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import Beta, parameter
from .base import FRACTION, SHARERS, Axis, Bins, Structure

_LEAST = 1e-3
"""Worth of contact that counts for nothing: a single share after it must not be impossible."""
_STEP: dict[str, Any] = {"support": (0.0, 1.0), "prior": Beta(2.0, 1.0)}


class _Steps(Structure):
    """Worth of contact that may rise at each end of a bin: below it, contact is worth a factor of what it is above."""

    labels: ClassVar[tuple[str, ...]] = ()
    """What each bin but the last ends at, in words."""

    @classmethod
    def weights(cls, bins: Bins, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        """Compute the worth of contact in each bin, by its number from 0; that of the last bin is 1."""
        worth: Any = 1.0
        for end, name in enumerate(cls.parameters(), start=1):
            is_below = xp.clip(end - bins.at, 0.0, 1.0)
            worth = worth * (1.0 - (1.0 - parameters[name]) * is_below)
        return _LEAST + (1.0 - _LEAST) * worth

    @classmethod
    def derived(cls, parameters: Mapping[str, Any], exposure: Any) -> dict[str, Any]:
        """Return the worth of contact in the lowest bin."""
        steps = np.stack([np.asarray(parameters[name], dtype=float) for name in cls.parameters()])
        return {"worth of contact below all thresholds": steps.prod(axis=0)}

    @classmethod
    def described(cls, parameters: Mapping[str, float]) -> str:
        """Return the structure in words: the end below which contact loses most, and what is left of its worth."""
        steps = [parameters[name] for name in cls.parameters()]
        largest = int(np.argmin(steps))
        return f"contact that is worth {steps[largest]:.2g} of its worth below {cls.labels[largest]}"


@dataclass(frozen=True)
class Threshold(_Steps):
    """Contact that is worth less while fewer neighbours than a threshold have shared.

    The number of neighbours that have shared is in bins (1, 2, 3 or 4, 5 or more). Below each end of a bin contact is
    worth a factor of what it is above. With one threshold all factors but one are 1; which one is inferred.

    Parameters
    ----------
    below_2, below_3, below_5 : float
        Factor below 2, 3 and 5 neighbours that have shared, in [0, 1].
    """

    name: ClassVar[str] = "threshold"
    summary: ClassVar[str] = "contact is worth less while few neighbours have shared"
    reference: ClassVar[str] = "Centola & Macy (2007), doi:10.1086/521848"
    axis: ClassVar[Axis | None] = SHARERS
    by_name_only: ClassVar[bool] = True
    labels: ClassVar[tuple[str, ...]] = tuple(f"{n} neighbours that have shared" for n in (2, 3, 5))

    below_2: float = parameter("worth of contact below 2 sharing neighbours, of that above", symbol="b2", **_STEP)
    below_3: float = parameter("worth of contact below 3 sharing neighbours, of that above", symbol="b3", **_STEP)
    below_5: float = parameter("worth of contact below 5 sharing neighbours, of that above", symbol="b5", **_STEP)


@dataclass(frozen=True)
class FractionThreshold(_Steps):
    """Contact that is worth less while a smaller fraction of the neighbours than a threshold has shared.

    The fraction is in bins that end at 0.15, 0.3 and 0.5; factors as in :class:`Threshold`.

    Parameters
    ----------
    below_15, below_30, below_50 : float
        Factor below a fraction of 0.15, 0.3 and 0.5, in [0, 1].
    """

    name: ClassVar[str] = "fraction-threshold"
    summary: ClassVar[str] = "contact is worth less while a small fraction of the neighbours has shared"
    reference: ClassVar[str] = "Watts (2002), doi:10.1073/pnas.082090499"
    axis: ClassVar[Axis | None] = FRACTION
    by_name_only: ClassVar[bool] = True
    labels: ClassVar[tuple[str, ...]] = tuple(f"a sharing fraction of {f:g}" for f in (0.15, 0.3, 0.5))

    below_15: float = parameter("worth of contact below a sharing fraction of 0.15", symbol="b15", **_STEP)
    below_30: float = parameter("worth of contact below a sharing fraction of 0.3", symbol="b30", **_STEP)
    below_50: float = parameter("worth of contact below a sharing fraction of 0.5", symbol="b50", **_STEP)
