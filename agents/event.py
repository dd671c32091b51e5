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
# A time of day, with a fraction of a second and a zone: the day is that of the place, so the zone changes nothing.
_TIME = (
    r"(?:[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?[AP]M)?"
    r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
_ISO_DATE = re.compile(rf"([0-9]{{4}})(?P<mark>[-/])([0-9]{{1,2}})(?P=mark)([0-9]{{1,2}}){_TIME}", re.IGNORECASE)
_WRITTEN_DATE = re.compile(rf"([0-9]{{1,2}})[ /-]([A-Za-z]{{3,}})\.?,?[ /-]([0-9]{{4}}){_TIME}", re.IGNORECASE)
_SPREADSHEET_DATE = re.compile(r"([0-9]{1,2})-([A-Za-z]{3,})-([0-9]{2})")
_AMERICAN_DATE = re.compile(rf"([A-Za-z]{{3,}})\.? ([0-9]{{1,2}}),? ([0-9]{{4}}){_TIME}", re.IGNORECASE)
_CENTURY = 69
"""Years of two digits from here on are of the last century, as POSIX reads them; ACLED's begin in 1997."""


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
        `2023-05-01` or `2023/05/01`, `01 May 2023`, `01-May-2023`, `May 1, 2023`, or `1-May-23` as spreadsheets write
        it; all but the last with or without a time of day, fractions of a second and a zone: the day is taken as it is
        written. The month is an English name, in full or cut to three letters or more. Dates such as 5/1/2023 are
        refused: they do not say which number is the month.

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
        year, month, day = int(match[1]), int(match[3]), int(match[4])
    elif match := _WRITTEN_DATE.fullmatch(text):
        year, month, day = int(match[3]), _month(match[2]), int(match[1])
    elif match := _SPREADSHEET_DATE.fullmatch(text):
        year, month, day = int(match[3]), _month(match[2]), int(match[1])
        year += 1900 if year >= _CENTURY else 2000
    elif match := _AMERICAN_DATE.fullmatch(text):
        year, month, day = int(match[3]), _month(match[1]), int(match[2])
    else:
        raise ValueError("cannot be read as a date; write 2023-05-01 or 01 May 2023" if text else "is empty")
    try:
        return date(year, month, day)
    except ValueError as error:
        raise ValueError("is not a day of the calendar; write 2023-05-01 or 01 May 2023") from error


def _month(name: str) -> int:
    """Return the number of a month by its name or the beginning of it; 0 if there is none."""
    return next((number for number, month in enumerate(_MONTHS, start=1) if month.startswith(name.lower())), 0)
