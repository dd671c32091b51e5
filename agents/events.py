"""Events of armed conflict in the ACLED export schema."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import read_csv, read_text

EVENT_TYPES = (
    "Battles",
    "Explosions/Remote violence",
    "Violence against civilians",
    "Protests",
    "Riots",
    "Strategic developments",
)
"""ACLED's event types."""

_REQUIRED = ("event_id_cnty", "event_type", "fatalities", "notes")


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
        Details for the post, possibly empty.
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


def shipped_events() -> list[Event]:
    """Return the 18 invented events that come with tworate, 3 for each event type."""
    return read_events(Path(str(files("tworate").joinpath("examples", "events.csv"))))


def read_events(path: str | Path) -> list[Event]:
    """Read events from an ACLED export (CSV) or from JSON Lines with the same names.

    Parameters
    ----------
    path : path
        A file; `.jsonl` and `.ndjson` are read as JSON Lines, all else as CSV. Columns that are not used are ignored.

    Raises
    ------
    InputError
        When the file is missing, empty or malformed; names the file, the line, and what to do.
    """
    path = Path(path)
    rows: Iterator[tuple[int, Mapping[str, Any]]]
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        rows = _json_rows(path)
    elif path.suffix.lower() == ".json":
        raise InputError(f"{path}: one JSON document is not read; save it as JSON Lines (.jsonl), one event a line")
    else:
        rows = read_csv(path, _REQUIRED)
    events: list[Event] = []
    first_line: dict[str, int] = {}
    for line, row in rows:
        event = _event(path, line, row)
        if event.event_id_cnty in first_line:
            raise InputError(
                f"{path}, line {line}: event_id_cnty {event.event_id_cnty!r} was used on line "
                f"{first_line[event.event_id_cnty]} already; identifiers must differ"
            )
        first_line[event.event_id_cnty] = line
        events.append(event)
    if not events:
        raise InputError(f"{path}: holds no events; give at least one row below the header")
    return events


def find_event(events: list[Event], event_id: str) -> Event:
    """Return the event with an identifier, or say which ones there are."""
    for event in events:
        if event.event_id_cnty == event_id:
            return event
    shown = ", ".join(event.event_id_cnty for event in events[:20])
    raise InputError(f"there is no event {event_id!r}; the file has: {shown}{', …' if len(events) > 20 else ''}")


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, content in enumerate(read_text(path).split("\n"), start=1):
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}, line {line}: is not valid JSON ({error.msg})") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {line}: must be a JSON object with ACLED's names")
        missing = [name for name in _REQUIRED if name not in row]
        if missing:
            raise InputError(f"{path}, line {line}: missing {', '.join(missing)}; use ACLED's column names")
        yield line, row


def _event(path: Path, line: int, row: Mapping[str, Any]) -> Event:
    where = f"{path}, line {line}"

    def text(name: str) -> str:
        value = row.get(name)
        if not isinstance(value, str | int | float | None):
            raise InputError(f"{where}: {name} must be text, not {json.dumps(value)}")
        content = "" if value is None else str(value).strip()
        # JSON can write half of a character, which nothing can encode.
        if any("\ud800" <= letter <= "\udfff" for letter in content):
            raise InputError(f"{where}: {name} holds half of a character (a lone surrogate); repair the text")
        return content

    for name in ("event_id_cnty", "notes"):
        if not text(name):
            raise InputError(f"{where}: {name} is empty; fill it in or remove the row")
    if text("event_type") not in EVENT_TYPES:
        raise InputError(
            f"{where}: event_type {text('event_type')!r} is not ACLED's; use one of {', '.join(EVENT_TYPES)}"
        )
    try:
        fatalities = int(text("fatalities"))
    except ValueError:
        fatalities = -1
    if fatalities < 0:
        raise InputError(f"{where}: fatalities {text('fatalities')!r} must be a whole number, 0 or more")
    details = ("event_date", "sub_event_type", "actor1", "actor2", "location", "country")
    return Event(
        event_id_cnty=text("event_id_cnty"),
        event_type=text("event_type"),
        notes=text("notes"),
        fatalities=fatalities,
        **{name: text(name) for name in details},
    )
