"""Weights of the exposure that are given, and not inferred with the rates."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...models.structures import Bins, Structure
from .observations import Transitions


@dataclass(frozen=True)
class Weighting:
    """A structure with values of its parameters or settings.

    Parameters
    ----------
    structure : type of Structure
        What weights the exposure.
    values : tuple of (str, float)
        Its parameters and settings by name, in units of the data.
    """

    structure: type[Structure]
    values: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, structure: type[Structure], values: Mapping[str, float]) -> "Weighting":
        """Return the weighting by a structure with these values."""
        return cls(structure, tuple((name, float(value)) for name, value in values.items()))

    def weights(self, bins: Bins) -> NDArray[np.float64]:
        """Return the weight of each bin, shape (n_bins,)."""
        weights: Any = self.structure.weights(bins, dict(self.values))
        return np.asarray(weights, dtype=float)


def weighted(data: Transitions, weighting: Weighting) -> Transitions:
    """Return observations whose exposure in bins is added up with given weights; others are returned as they are."""
    binned = data.binned
    if binned is None:
        return data
    weights = weighting.weights(binned.bins)
    start, end = binned.start @ weights, binned.end @ weights
    gained = data.exposure_end - data.exposure_start
    part = (end - start) / np.where(gained > 0, gained, 1.0)
    return replace(data, exposure_start=start, exposure_end=end, exposure_rate=data.exposure_rate * part, binned=None)
