"""Truths in which something else changes the pace: one rate and two rates with each structure.

The rate is that of new posts and new shares at the best time, so these truths spread more slowly than those without a
structure. In rounds, an edge to a new sharer persuades with probability `1 - exp(-rate / k)` times the weight of the
structure.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...errors import InputError
from ...models.clock import Clock
from ...simulate import Trajectories
from .data_generating_processes import OneRate, Process, SpreadingProcess, Who, edge_probability

if TYPE_CHECKING:
    from ...simulate import Pace


@dataclass(frozen=True)
class _Structured(SpreadingProcess):
    """A truth for which neither model alone is right."""

    def parameters(self, degree: float = np.inf, clock: Clock = "rounds") -> dict[str, float]:
        return {}


@dataclass(frozen=True)
class _Ages(_Structured):
    structure: ClassVar[str | None] = "ageing"
    time_constant: float

    def pace(self) -> "Pace":
        from ...simulate import Pace

        return Pace(ageing=self.time_constant)


@dataclass(frozen=True)
class _AgesByPower(_Structured):
    structure: ClassVar[str | None] = "power-ageing"
    time_constant: float

    def pace(self) -> "Pace":
        from ...simulate import Pace

        return Pace(ageing=self.time_constant, ageing_law="power")


@dataclass(frozen=True)
class _HasRhythm(_Structured):
    structure: ClassVar[str | None] = "rhythm"
    period: float
    amplitude: float

    def pace(self) -> "Pace":
        from ...simulate import Pace

        return Pace(rhythm=(self.period, self.amplitude))


@dataclass(frozen=True)
class _HasShelfLife(_Structured):
    structure: ClassVar[str | None] = "shelf-life"
    shelf_life: float

    def pace(self) -> "Pace":
        from ...simulate import Pace

        return Pace(shelf_life=self.shelf_life)


@dataclass(frozen=True)
class _Fades(_Structured):
    structure: ClassVar[str | None] = "fading"
    time_constant: float

    def pace(self) -> "Pace":
        from ...simulate import Pace

        return Pace(fading=self.time_constant)


@dataclass(frozen=True)
class OneRateAgeing(_Ages, OneRate):
    """One rate, and a post that ages with the time constant `time_constant`."""

    name: ClassVar[str] = "ageing"


@dataclass(frozen=True)
class WhoAgeing(_Ages, Who):
    """Two rates, and a post that ages."""

    name: ClassVar[str] = "who-ageing"


@dataclass(frozen=True)
class OneRatePowerAgeing(_AgesByPower, OneRate):
    """One rate, and a post that ages by a power law."""

    name: ClassVar[str] = "power-ageing"


@dataclass(frozen=True)
class WhoPowerAgeing(_AgesByPower, Who):
    """Two rates, and a post that ages by a power law."""

    name: ClassVar[str] = "who-power-ageing"


@dataclass(frozen=True)
class OneRateRhythm(_HasRhythm, OneRate):
    """One rate, and a rhythm; `rate` is that of its best time."""

    name: ClassVar[str] = "rhythm"


@dataclass(frozen=True)
class WhoRhythm(_HasRhythm, Who):
    """Two rates, and a rhythm."""

    name: ClassVar[str] = "who-rhythm"


@dataclass(frozen=True)
class OneRateShelfLife(_HasShelfLife, OneRate):
    """One rate, and shares that are seen for the time `shelf_life`."""

    name: ClassVar[str] = "shelf-life"


@dataclass(frozen=True)
class WhoShelfLife(_HasShelfLife, Who):
    """Two rates, and shares that are seen for a time."""

    name: ClassVar[str] = "who-shelf-life"


@dataclass(frozen=True)
class OneRateFading(_Fades, OneRate):
    """One rate, and shares that fade with the time constant `time_constant`."""

    name: ClassVar[str] = "fading"


@dataclass(frozen=True)
class WhoFading(_Fades, Who):
    """Two rates, and shares that fade."""

    name: ClassVar[str] = "who-fading"


@dataclass(frozen=True)
class Unreachable(_Structured, OneRate):
    """One rate, and a fraction `unreachable` of the agents that never shares."""

    name: ClassVar[str] = "unreachable"
    structure: ClassVar[str | None] = "unreachable"
    unreachable: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unreachable >= 1.0:
            raise InputError(f"truth {self.name}: unreachable = {self.unreachable} must be below 1")

    def process(self, degree: float, clock: Clock) -> Process:  # noqa: D102
        table = edge_probability(np.array([[self.rate], [0.0]]), degree, clock)
        return Process(table, np.array([1.0 - self.unreachable, self.unreachable]), 1.0)


@dataclass(frozen=True)
class Overstated(_Structured, OneRate):
    """One rate on a complete network, of which `overstatement` times its number of agents is reported as population.

    Event histories name the agents, so only counts can overstate them.
    """

    name: ClassVar[str] = "overstated"
    structure: ClassVar[str | None] = "unreachable"
    overstatement: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.overstatement < 1.0:
            raise InputError(f"truth {self.name}: overstatement = {self.overstatement} must be at least 1")

    def reported(self, data: Trajectories) -> Trajectories:  # noqa: D102
        table = data.table
        if not table["degree"].eq(table["population"] - 1).all():
            raise InputError(f"truth {self.name}: needs the network complete, on which all agents are alike")
        population = np.rint(self.overstatement * table["population"]).astype(int)
        # Whoever does not know the number of agents does not know the edges between them either.
        told = table[["trajectory", "time", "infected", "network"]]
        return replace(data, table=told.assign(population=population, degree=population - 1), counts=None)
