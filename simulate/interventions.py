"""Interventions of a platform against a post: block agents, show the post less, or send a counter-message.

A counter-message either multiplies the odds of sharing, or is a text, with which agents decide by another table.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .seeding import check_who

FORMS = "block:FRACTION[,random|degree|persona:CODE], visibility:FACTOR,FROM, counter:ODDS[,FROM], message:FILE[,FROM]"


@dataclass(frozen=True)
class Block:
    """Block agents from the start: they neither see nor share, and are not counted in the population.

    Parameters
    ----------
    fraction : float
        Fraction of all agents, or of the agents of the persona, in (0, 1]; rounded to whole agents.
    who : str
        `random`; `degree`: those with the most neighbours; `persona:CODE`: at random among the agents of a persona.
        Every replicate draws its own agents.

    Raises
    ------
    InputError
        When a value is not valid.
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
    """Show the post less from a round on, as by down-ranking; the outside world shows it as before.

    Parameters
    ----------
    factor : float
        Multiplier of the visibility, in [0, 1].
    from_round : int
        Time after which it applies: with 0 it applies in the first round.

    Raises
    ------
    InputError
        When a value is not valid.
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
    """Send a counter-message: it multiplies the odds of sharing of every agent at every sighting.

    Parameters
    ----------
    odds_factor : float
        Multiplier of the odds: above 0, and below 1 if the message dissuades.
    from_round : int
        Time after which it applies.

    Raises
    ------
    InputError
        When a value is not valid.
    """

    odds_factor: float
    from_round: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.odds_factor < np.inf:
            raise InputError(f"counter: odds_factor = {self.odds_factor}: must be above 0")
        _check_round("counter", self.from_round)

    def __str__(self) -> str:
        return f"counter:{_plain(self.odds_factor)},{self.from_round}"


@dataclass(frozen=True)
class MessageText:
    """Attach a counter-message that agents read: they then decide by another table.

    Parameters
    ----------
    file : str
        File of the text. It is not read here: the text acts only by the table.
    from_round : int
        Time after which it applies.

    Raises
    ------
    InputError
        When a value is not valid.
    """

    file: str
    from_round: int = 0

    def __post_init__(self) -> None:
        if not self.file:
            raise InputError("message: name the file of its text")
        _check_round("message", self.from_round)

    def __str__(self) -> str:
        return f"message:{self.file},{self.from_round}"


Intervention = Block | ReduceVisibility | CounterMessage | MessageText


def parse_intervention(text: str) -> Intervention:
    """Read an intervention from its text form, the result of `str`.

    Parameters
    ----------
    text : str
        `block:0.1`, `block:0.1,degree`, `block:0.5,persona:OCEAN`, `visibility:0.5,10` (from round 10 on),
        `counter:0.5`, `counter:0.5,10`, `message:note.txt` or `message:note.txt,10`.

    Raises
    ------
    InputError
        When the text does not describe an intervention.

    Examples
    --------
    >>> parse_intervention("visibility:0.5,10")
    ReduceVisibility(factor=0.5, from_round=10)
    """
    kind, _, rest = text.partition(":")
    amount, comma, further = rest.partition(",")
    try:
        if kind == "message":
            # The name of a file may have commas.
            file, _, last = rest.rpartition(",")
            return MessageText(file, int(last)) if file and last.strip().isdigit() else MessageText(rest)
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
    """Return the name of interventions in a condition column: their text forms joined by ` + `, or `none`."""
    return " + ".join(str(intervention) for intervention in interventions) or "none"


def visibility_by_round(visibility: float, rounds: int, interventions: Sequence[Intervention]) -> NDArray[np.float64]:
    """Return the visibility in each round, shape (rounds,)."""
    by_round = np.full(rounds, visibility)
    for intervention in interventions:
        if isinstance(intervention, ReduceVisibility):
            by_round[intervention.from_round :] *= intervention.factor
    return by_round


def message_text(interventions: Iterable[Intervention]) -> MessageText | None:
    """Return the counter-message that agents read, if there is one.

    Raises
    ------
    InputError
        When there are several: nobody has decided with both.
    """
    texts = [intervention for intervention in interventions if isinstance(intervention, MessageText)]
    if len(texts) > 1:
        raise InputError(f"{name_of(texts)}: give one counter-message as a text; write both texts into one file")
    return texts[0] if texts else None


def tables_by_round(
    probabilities: NDArray[np.float64],
    rounds: int,
    interventions: Sequence[Intervention],
    with_message: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the decision tables that apply one after the other, and the index of the table in each round.

    Parameters
    ----------
    probabilities, rounds, interventions
        As in :func:`tworate.simulate.spread`.
    with_message : array of the same shape as `probabilities`, optional
        The decision table once agents read a counter-message.

    Returns
    -------
    tables : array, shape (n_tables, n_personas, n_sightings)
    number : array of int64, shape (rounds,)
    """
    odds = [intervention for intervention in interventions if isinstance(intervention, CounterMessage)]
    text = message_text(interventions)
    messages: list[CounterMessage | MessageText] = [*odds, *([text] if text else [])]
    starts = sorted({message.from_round for message in messages} - {0})
    tables = []
    for begin in (0, *starts):
        table = with_message if with_message is not None and text and text.from_round <= begin else probabilities
        factor = float(np.prod([message.odds_factor for message in odds if message.from_round <= begin]))
        tables.append(multiply_odds(table, factor) if factor != 1.0 else table)
    return np.stack(tables), np.searchsorted(starts, np.arange(rounds), side="right").astype(np.int64)


def multiply_odds(probabilities: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Multiply the odds of probabilities: `f p / (1 - p + f p)`."""
    return factor * probabilities / (1.0 - probabilities + factor * probabilities)


def _check_round(name: str, from_round: int) -> None:
    if from_round < 0:
        raise InputError(f"{name}: from_round = {from_round}: must be 0 or more")


def _plain(value: float) -> str:
    return repr(float(value)).removesuffix(".0")
