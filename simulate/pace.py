"""What changes the pace of a spread: the age of the post, a rhythm, and the age of each share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..models.structures import Bins, Structure, get_structure

AgeingLaw = Literal["exponential", "power"]
AGEING_LAWS: tuple[AgeingLaw, ...] = get_args(AgeingLaw)
_STRUCTURE_OF_LAW = {"exponential": "ageing", "power": "power-ageing"}

AMPLITUDE, MAX_AMPLITUDE, MIN_PERIOD = 1.0, 10.0, 2.0
"""Amplitude of a rhythm that is not given; the largest one; and the shortest period, which rounds can show."""


@dataclass(frozen=True)
class Pace:
    """What changes the pace of a spread; times are in rounds, in continuous time in units of time.

    At time `t` since the start, a share of age `a` shows the post along an edge with the probability (in continuous
    time: at the rate) `c g(t) f(a)`, where `c` is the visibility. What the outside world shows is not changed.

    Parameters
    ----------
    ageing : float, optional
        Time constant `τ` of the post: `g(t) = exp(-t/τ)`, or `1/(1 + t/τ)` with the law `power`.
    ageing_law : {"exponential", "power"}
        Law of the ageing.
    rhythm : tuple of float, optional
        Period and amplitude `b`: `g(t) = exp(b (cos(2π t/period) - 1))`, which is 1 at its best and `exp(-2b)` at its
        worst. Over a period its geometric mean is `exp(-b)`, and its mean `exp(-b) I0(b)`, with the modified Bessel
        function `I0`: 0.37 and 0.47 with the amplitude 1.
    shelf_life : float, optional
        A share is seen until it has this age: `f(a) = 1` below it, then 0. In rounds a whole number `L`: a share is
        seen in `L` rounds, at ages 0 to `L - 1`.
    fading : float, optional
        Time constant `τ` of a share: `f(a) = exp(-a/τ)`.

    Raises
    ------
    InputError
        When a value cannot be used, or nothing changes.

    Notes
    -----
    The weights are those of the structures in :mod:`tworate.models.structures`, divided by their value at 0. Where
    several are given they multiply.

    Examples
    --------
    >>> pace = Pace(ageing=20, shelf_life=6)
    >>> str(pace), pace.time_weight([0, 20]).round(2).tolist()
    ('ageing 20, shelf life 6', [1.0, 0.37])
    """

    ageing: float | None = None
    ageing_law: AgeingLaw = "exponential"
    rhythm: tuple[float, float] | None = None
    shelf_life: float | None = None
    fading: float | None = None

    def __post_init__(self) -> None:
        if self.ageing_law not in AGEING_LAWS:
            raise InputError(f"ageing: law {self.ageing_law!r} is unknown; choose one of {', '.join(AGEING_LAWS)}")
        for name in ("ageing", "shelf_life", "fading"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float | np.number) and 0.0 < value < np.inf):
                raise InputError(f"{name} = {value!r}: must be a number above 0")
        if self.rhythm is not None:
            try:
                period, amplitude = self.rhythm
            except (TypeError, ValueError):
                raise InputError(
                    f"rhythm = {self.rhythm!r}: must be a period and an amplitude, such as (24, 0.8)"
                ) from None
            object.__setattr__(self, "rhythm", (float(period), float(amplitude)))
            if not MIN_PERIOD <= period < np.inf:
                raise InputError(f"rhythm: period = {period}: must be at least {MIN_PERIOD:g}")
            if not 0.0 < amplitude <= MAX_AMPLITUDE:
                raise InputError(f"rhythm: amplitude = {amplitude}: must be above 0 and at most {MAX_AMPLITUDE:g}")
        if not (self.changes_with_time or self.changes_with_age):
            raise InputError("pace: nothing changes; give ageing, rhythm, shelf_life or fading, or no pace")

    def __str__(self) -> str:
        texts = {
            "ageing": self.ageing and f"{'power:' if self.ageing_law == 'power' else ''}{self.ageing:g}",
            "rhythm": self.rhythm and ":".join(f"{number:g}" for number in self.rhythm),
            "shelf life": self.shelf_life and f"{self.shelf_life:g}",
            "fading": self.fading and f"{self.fading:g}",
        }
        return ", ".join(f"{name} {text}" for name, text in texts.items() if text)

    @property
    def changes_with_time(self) -> bool:
        """Whether the worth of contact depends on the time since the start."""
        return self.ageing is not None or self.rhythm is not None

    @property
    def changes_with_age(self) -> bool:
        """Whether the worth of a share depends on its age."""
        return self.shelf_life is not None or self.fading is not None

    def check(self, clock: str) -> None:
        """Raise an InputError when the pace does not go with the clock."""
        if clock == "rounds" and self.shelf_life is not None and self.shelf_life % 1 != 0:
            raise InputError(
                f"shelf_life = {self.shelf_life:g}: must be a whole number of rounds; or choose the clock continuous"
            )

    def time_weight(self, time: ArrayLike) -> NDArray[np.float64]:
        """Compute `g`, the worth of contact at times since the start; at most 1."""
        weight = np.ones(np.shape(time))
        if self.ageing is not None:
            weight *= _weight(_STRUCTURE_OF_LAW[self.ageing_law], time, {"ageing_rate": 1.0 / self.ageing})
        if self.rhythm is not None:
            period, amplitude = self.rhythm
            harmonics = dict.fromkeys(get_structure("rhythm").parameters(), 0.0)
            weight *= _weight("rhythm", np.asarray(time) / period, {**harmonics, "cos_1": amplitude})
        return weight

    def fading_weight(self, age: ArrayLike) -> NDArray[np.float64]:
        """Compute `f` of shares that are within their shelf life; at most 1."""
        if self.fading is None:
            return np.ones(np.shape(age))
        return _weight("fading", age, {"fading_rate": 1.0 / self.fading})


def parse_pace(
    ageing: str | float | None = None,
    rhythm: str | float | None = None,
    shelf_life: float | None = None,
    fading: float | None = None,
) -> Pace | None:
    """Read a pace from the text forms of its parts.

    Parameters
    ----------
    ageing : str or float, optional
        A time constant, such as `20`, or `power:20`.
    rhythm : str or float, optional
        A period, such as `24`, or period and amplitude, such as `24:0.8`.
    shelf_life, fading : float, optional
        See :class:`Pace`.

    Returns
    -------
    Pace or None
        None if no part is given.

    Raises
    ------
    InputError
        When a text cannot be read, or a value cannot be used.

    Examples
    --------
    >>> str(parse_pace("power:20", "24:0.8"))
    'ageing power:20, rhythm 24:0.8'
    """
    if all(part is None for part in (ageing, rhythm, shelf_life, fading)):
        return None
    law, time_constant, waves = AGEING_LAWS[0], None, None
    if ageing is not None:
        name, colon, rest = str(ageing).rpartition(":")
        law = name if colon else law  # type: ignore[assignment]
        time_constant = _number("ageing", ageing, rest, "20 or power:20")
    if rhythm is not None:
        period, colon, amplitude = str(rhythm).partition(":")
        form = "24 or 24:0.8"
        waves = (
            _number("rhythm", rhythm, period, form),
            _number("rhythm", rhythm, amplitude, form) if colon else AMPLITUDE,
        )
    return Pace(time_constant, law, waves, shelf_life, fading)


def _number(name: str, value: str | float, text: str, form: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name} = {value!r}: must be of the form {form}") from None


def _weight(name: str, at: ArrayLike, parameters: Mapping[str, Any]) -> NDArray[np.float64]:
    """Evaluate the weight of a structure at points of its axis, in units of its value at 0."""
    structure: type[Structure] = get_structure(name)

    def weights(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(structure.weights(Bins(points, points, np.zeros_like(points)), parameters), dtype=float)

    return weights(np.asarray(at, dtype=float)) / weights(np.zeros(1))
