"""One event of armed conflict in the ACLED schema, and its date."""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

EVENT_TYPES = (
    "Battles",
    "Explosions/Remote violence",
    "Violence against civilians",
    "Protests",
    "Riots",
    "Strategic developments",
)
"""ACLED's event types."""

_MONTHS = tuple("january february march april may june july august september october november december".split())
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?")
_WRITTEN_DATE = re.compile(r"([0-9]{1,2})[ -]([A-Za-z]{3,})[ -]([0-9]{4})")


@dataclass(frozen=True)
class Event:
    """One event; the fields carry ACLED's own column names.

    Parameters
    ----------
    event_id_cnty : str
        Identifier of the event.
    event_type : str
        One of :data:`EVENT_TYPES`.
    notes : str
        What happened: the text of the post.
    fatalities : int
        Reported deaths.
    event_date, sub_event_type, actor1, actor2, location, country : str
        Details for the post, possibly empty; the date as the file writes it, see :func:`parse_date`.
    """

    event_id_cnty: str
    event_type: str
    notes: str
    fatalities: int
    event_date: str = ""
    sub_event_type: str = ""
    actor1: str = ""
    actor2: str = ""
    location: str = ""
    country: str = ""


@lru_cache(maxsize=4096)
def parse_date(text: str) -> date:
    """Read a date as ACLED's exports write it.

    Parameters
    ----------
    text : str
        `2023-05-01`, with a time of day or without, or `01 May 2023`, the month in English and in full or by three
        letters or more. Numbers alone, such as 5/1/2023, do not say which is the month.

    Raises
    ------
    ValueError
        When it is anything else.

    Examples
    --------
    >>> parse_date("01 May 2023") == parse_date("2023-05-01")
    True
    """
    text = text.strip()
    if found := _ISO_DATE.fullmatch(text):
        year, month, day = (int(part) for part in found.groups())
    elif found := _WRITTEN_DATE.fullmatch(text):
        named = [number for number, name in enumerate(_MONTHS, start=1) if name.startswith(found[2].lower())]
        year, month, day = int(found[3]), named[0] if named else 0, int(found[1])
    else:
        raise ValueError("is no date that can be read; write 2023-05-01 or 01 May 2023" if text else "is empty")
    try:
        return date(year, month, day)
    except ValueError as error:
        raise ValueError("is no day of the calendar; write 2023-05-01 or 01 May 2023") from error
