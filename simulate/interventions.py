"""What a platform may do about a post: block agents, show it less, or answer it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .seeding import check_who

FORMS = "block:FRACTION[,random|degree|persona:CODE], visibility:FACTOR,FROM, counter:ODDS[,FROM]"


@dataclass(frozen=True)
class Block:
    """Some agents take no part from the start: they neither see nor share, and are not counted in the population.

    Parameters
    ----------
    fraction : float
        How many of all agents, or of the agents of the persona, in (0, 1]; rounded to whole agents.
    who : str
        `random`; `degree`: those with the most neighbours; `persona:CODE`: at random among the agents of a persona.
        Drawn anew in every replicate.

    Raises
    ------
    InputError
        When a value cannot be used.
    """

    fraction: float
    who: str = "random"

    def __post_init__(self) -> None:
        if not 0.0 < self.fraction <= 1.0:
            raise InputError(f"block: fraction = {self.fraction}: must lie in (0, 1]")
        check_who("block: who", self.who)

    def __str__(self) -> str:
        return f"block:{_plain(self.fraction)},{self.who}"


@dataclass(frozen=True)
class ReduceVisibility:
    """The post is shown less from a round on, as by a label or down-ranking; what the outside world shows is not.

    Parameters
    ----------
    factor : float
        What the visibility is multiplied by, in [0, 1].
    from_round : int
        The first time after which it holds: with 0 it holds in the first round.

    Raises
    ------
    InputError
        When a value cannot be used.
    """

    factor: float
    from_round: int

    def __post_init__(self) -> None:
        if not 0.0 <= self.factor <= 1.0:
            raise InputError(f"visibility: factor = {self.factor}: must lie in [0, 1]")
        _check_round("visibility", self.from_round)

    def __str__(self) -> str:
        return f"visibility:{_plain(self.factor)},{self.from_round}"


@dataclass(frozen=True)
class CounterMessage:
    """A counter-message multiplies the odds of sharing, of every agent at every sighting.

    Parameters
    ----------
    odds_factor : float
        What the odds are multiplied by: above 0, and below 1 if it dissuades.
    from_round : int
        The first time after which it holds.

    Raises
    ------
    InputError
        When a value cannot be used.
    """

    odds_factor: float
    from_round: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.odds_factor < np.inf:
            raise InputError(f"counter: odds_factor = {self.odds_factor}: must be above 0")
        _check_round("counter", self.from_round)

    def __str__(self) -> str:
        return f"counter:{_plain(self.odds_factor)},{self.from_round}"


Intervention = Block | ReduceVisibility | CounterMessage


def parse_intervention(text: str) -> Intervention:
    """Read an intervention from its text form, which `str` of an intervention gives.

    Parameters
    ----------
    text : str
        `block:0.1`, `block:0.1,degree`, `block:0.5,persona:OCEAN`, `visibility:0.5,10` (from round 10 on),
        `counter:0.5` or `counter:0.5,10`.

    Raises
    ------
    InputError
        When the text is no intervention.

    Examples
    --------
    >>> parse_intervention("visibility:0.5,10")
    ReduceVisibility(factor=0.5, from_round=10)
    """
    kind, _, rest = text.partition(":")
    amount, comma, further = rest.partition(",")
    try:
        if kind == "block":
            return Block(float(amount), further) if comma else Block(float(amount))
        if kind == "visibility":
            return ReduceVisibility(float(amount), int(further))
        if kind == "counter":
            return CounterMessage(float(amount), int(further) if comma else 0)
    except InputError:
        raise
    except ValueError:
        pass
    raise InputError(f"intervention {text!r} is none of {FORMS}")


def name_of(interventions: Iterable[Intervention]) -> str:
    """Name interventions for a condition column: their text forms joined by ` + `, or `none`."""
    return " + ".join(str(each) for each in interventions) or "none"


def visibility_by_round(visibility: float, rounds: int, interventions: Sequence[Intervention]) -> NDArray[np.float64]:
    """Return the visibility in each round, shape (rounds,)."""
    by_round = np.full(rounds, visibility)
    for each in interventions:
        if isinstance(each, ReduceVisibility):
            by_round[each.from_round :] *= each.factor
    return by_round


def tables_by_round(
    probabilities: NDArray[np.float64], rounds: int, interventions: Sequence[Intervention]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the decision tables that hold one after the other, and which of them holds in each round.

    Returns
    -------
    tables : array, shape (n_tables, n_personas, n_sightings)
    number : array of int64, shape (rounds,)
    """
    messages = [each for each in interventions if isinstance(each, CounterMessage)]
    starts = sorted({each.from_round for each in messages} - {0})
    tables = []
    for begin in (0, *starts):
        factor = float(np.prod([each.odds_factor for each in messages if each.from_round <= begin]))
        tables.append(multiply_odds(probabilities, factor) if factor != 1.0 else probabilities)
    return np.stack(tables), np.searchsorted(starts, np.arange(rounds), side="right").astype(np.int64)


def multiply_odds(probabilities: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Multiply the odds of probabilities: `f p / (1 - p + f p)`."""
    return factor * probabilities / (1.0 - probabilities + factor * probabilities)


def _check_round(name: str, from_round: int) -> None:
    if from_round < 0:
        raise InputError(f"{name}: from_round = {from_round}: must be 0 or more")


def _plain(value: float) -> str:
    return repr(float(value)).removesuffix(".0")
