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
"""The event types of ACLED."""

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
        Details for the post; each may be empty. The date is text as in the file, see :func:`parse_date`.
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
        `2023-05-01`, with or without a time of day, or `01 May 2023`. The month is an English name, in full or cut to
        three letters or more. Dates such as 5/1/2023 are refused: they do not say which number is the month.

    Raises
    ------
    ValueError
        When the text has another form or is not a day of the calendar.

    Examples
    --------
    >>> parse_date("01 May 2023") == parse_date("2023-05-01")
    True
    """
    text = text.strip()
    if match := _ISO_DATE.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
    elif match := _WRITTEN_DATE.fullmatch(text):
        months = [number for number, name in enumerate(_MONTHS, start=1) if name.startswith(match[2].lower())]
        year, month, day = int(match[3]), months[0] if months else 0, int(match[1])
    else:
        raise ValueError("cannot be read as a date; write 2023-05-01 or 01 May 2023" if text else "is empty")
    try:
        return date(year, month, day)
    except ValueError as error:
        raise ValueError("is not a day of the calendar; write 2023-05-01 or 01 May 2023") from error
