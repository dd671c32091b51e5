"""The base class of structures: a weight of the exposure, or a change of the survival function."""

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from ..parametric import Parametric

Axis = Literal["elapsed", "calendar", "phase", "age", "sharers", "fraction"]
"""What the weight of an exposure depends on: time since the start of the trajectory, time of the data, place in a
period, time since the neighbour shared; or how many neighbours have shared, as a number or a fraction."""
AXES: tuple[Axis, ...] = ("elapsed", "calendar", "phase", "age")
"""Axes of time."""
ELAPSED, CALENDAR, PHASE, AGE = AXES
NEIGHBOUR_AXES: tuple[Axis, ...] = ("sharers", "fraction")
"""Axes of the neighbours that have shared, which event histories alone tell."""
SHARERS, FRACTION = NEIGHBOUR_AXES
NEIGHBOUR_BINS: dict[Axis, tuple[float, ...]] = {SHARERS: (0.0, 2.0, 3.0, 5.0), FRACTION: (0.0, 0.15, 0.3, 0.5)}
"""Lower ends of the bins of neighbours that have shared."""


class Bins(NamedTuple):
    """Bins of an axis; arrays of shape (n_bins,).

    The unit is the observed window for `elapsed` and `age`, the whole observed time for `calendar`, and a period for
    `phase`. On axes of neighbours `at` is the number of the bin, from 0.

    Parameters
    ----------
    at : array
        Where a smooth weight is evaluated: in rounds the round itself, in continuous time the middle of the bin.
    start, width : array
        Lower end and width.
    """

    at: Any
    start: Any
    width: Any


@dataclass(frozen=True)
class Structure(Parametric, ABC):
    """What changes the pace of a spread, whatever the rates of the agents.

    A structure either weights the exposure along an axis, `dΛ = g x dt` (see :meth:`weights`), or changes the survival
    function (see :meth:`log_survival`). It is a frozen dataclass whose fields are its parameters. A new structure is
    one new file in `tworate/models/structures/`; the registry finds it there.
    """

    axis: ClassVar[Axis | None] = None
    """What the weight of the exposure depends on; None if the exposure is not weighted."""
    is_nested_in_two_rates: ClassVar[bool] = False
    """Whether one rate with this structure is a special case of two rates."""
    by_name_only: ClassVar[bool] = False
    """Whether a comparison asks it only by its name."""
    setting: ClassVar[str | None] = None
    """Number that the weights need besides parameters, which is given or found before a model is fitted."""

    @classmethod
    def weights(cls, bins: Bins, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        """Compute the mean weight of the exposure in each bin.

        Parameters
        ----------
        bins : Bins
            Bins of the axis.
        parameters : mapping
            Parameter values by name: scalars, or shape (n_draws, 1).
        xp : module
            Array namespace: numpy or pytensor.tensor.

        Returns
        -------
        array, shape (n_bins,) or (n_draws, n_bins)
        """
        return xp.ones_like(bins.at)

    @staticmethod
    def log_survival(log_survival: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        """Return the logarithm of the survival function with this structure, from that of the model.

        Parameters
        ----------
        log_survival : array
            `log G` of the model.
        time : array
            Time since the start of the trajectory.
        parameters, xp
            As in :meth:`weights`.
        """
        return log_survival

    @classmethod
    def described(cls, parameters: Mapping[str, float]) -> str:
        """Return the structure in words for a verdict, with its size at these parameters, in units of the data."""
        return cls.summary
