"""The event types of ACLED, as exports of all years write them.

In March 2019 ACLED introduced the six event types of today, with sub-types. Copies from before have the old types,
several of which live on as sub-types; each is read as the type that its sub-type belongs to.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .event import EVENT_TYPES

BATTLES, REMOTE, CIVILIANS, PROTESTS, RIOTS, STRATEGIC = EVENT_TYPES

OLD_TYPES = {
    "Battle-No change of territory": BATTLES,
    "Battle-Government regains territory": BATTLES,
    "Battle-Non-state actor overtakes territory": BATTLES,
    "Battle-Rebels overtake territory": BATTLES,
    "Remote violence": REMOTE,
    "Strategic development": STRATEGIC,
    "Headquarters or base established": STRATEGIC,
    "Non-violent transfer of territory": STRATEGIC,
    "Non-violent activity by a conflict actor": STRATEGIC,
}
"""Event types of before 2019 that became part of one type of today."""
RIOTS_PROTESTS = "Riots/Protests"
"""The event type of before 2019 that became two."""

_OF_SUB_TYPE = {
    "violentdemonstration": RIOTS,
    "mobviolence": RIOTS,
    "peacefulprotest": PROTESTS,
    "protestwithintervention": PROTESTS,
    "excessiveforceagainstprotesters": PROTESTS,
    "excessiveforceagainstprotestors": PROTESTS,
}
_RIOTERS, _PROTESTERS = "5", "6"
"""ACLED's codes of these two kinds of actors, in `inter1`, `inter2` and the digits of `interaction`."""


class EventType(NamedTuple):
    """An event type of today, and what it was made of.

    Parameters
    ----------
    name : str
        One of :data:`tworate.agents.EVENT_TYPES`.
    reading : str
        How an old type was read, such as `'Remote violence' as Explosions/Remote violence`; empty for a type of today.
    """

    name: str
    reading: str = ""


def as_event_type(text: str, row: Mapping[str, Any]) -> EventType | None:
    """Return the event type that a text means, in any case and with any blanks and marks; None if it means none.

    Parameters
    ----------
    text : str
        Event type of today or of before 2019.
    row : mapping
        The event, whose sub-type, kinds of actors, actors or fatalities tell riots from protests.

    Examples
    --------
    >>> as_event_type("remote violence", {}).name
    'Explosions/Remote violence'
    """
    key = _letters(text)
    if key in _TODAY:
        return EventType(_TODAY[key])
    if key in _OLD:
        old, name = _OLD[key]
        return EventType(name, f"{old!r} as {name}")
    if key in ("riotsprotests", "protestsriots"):
        name, reason = _riot_or_protest(row)
        return EventType(name, f"{RIOTS_PROTESTS!r} as {name} {reason}")
    return None


def _riot_or_protest(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return riots or protests, and by what they were told apart; rioters decide where both kinds took part."""
    if name := _OF_SUB_TYPE.get(_letters(str(row.get("sub_event_type") or ""))):
        return name, "by their sub-type"
    kinds = " ".join(_code(row.get(column)) for column in ("inter1", "inter2", "interaction"))
    if name := _of_kinds(_RIOTERS in kinds or "rioter" in kinds, _PROTESTERS in kinds or _speaks_of_protesters(kinds)):
        return name, "by the kinds of actors"
    actors = " ".join(str(row.get(column) or "") for column in ("actor1", "actor2")).casefold()
    if name := _of_kinds("rioter" in actors, _speaks_of_protesters(actors)):
        return name, "by their actors"
    fatalities = _code(row.get("fatalities"))
    return (PROTESTS, "without fatalities") if fatalities == "0" else (RIOTS, "with fatalities")


def _speaks_of_protesters(text: str) -> bool:
    # ACLED has spelled the word in both ways.
    return "protester" in text or "protestor" in text


def _of_kinds(rioters: bool, protesters: bool) -> str | None:
    return RIOTS if rioters else PROTESTS if protesters else None


def _code(value: Any) -> str:
    """Return a cell as text, a whole number without its decimals."""
    return str("" if value is None else value).strip().casefold().removesuffix(".0")


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]+", "", text.casefold())


_TODAY = {_letters(name): name for name in EVENT_TYPES}
_OLD = {_letters(old): (old, name) for old, name in OLD_TYPES.items()}
