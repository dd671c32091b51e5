"""Read files of events in the ACLED export schema."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import read_csv, read_text
from .event import EVENT_TYPES, Event
from .event_filter import EventFilter, Sifting
from .event_types import as_event_type

_REQUIRED = ("event_id_cnty", "event_type", "fatalities", "notes")
_DETAILS = ("event_date", "sub_event_type", "actor1", "actor2", "location", "country")
_MAX_FATALITIES = 10**9
_SCALARS = (str, int, float, type(None))


def shipped_events(where: EventFilter | None = None, note: Callable[[str], None] | None = None) -> list[Event]:
    """Return the 18 invented events of the package, 3 for each event type, or those that a filter leaves."""
    return read_events(Path(str(files("tworate").joinpath("examples", "events.csv"))), where, note)


def read_events(
    path: str | Path, where: EventFilter | None = None, note: Callable[[str], None] | None = None
) -> list[Event]:
    """Read events from an ACLED export (CSV) or from JSON Lines with the same column names.

    Parameters
    ----------
    path : path
        Files that end in `.jsonl` or `.ndjson` are read as JSON Lines, all others as CSV. Unused columns are ignored.
        If rows repeat an event exactly, for example where two exports overlap, the event is read once.
    where : EventFilter, optional
        Filter for the events; all events by default. Rows that the filter removes are checked too.
    note : callable, optional
        Called with a sentence about repeated rows, about event types of before 2019, which are read as those of today,
        and about removed events.

    Raises
    ------
    InputError
        When the file is missing, empty or malformed, or the filter leaves no event. The message names the file, the
        line, how many more rows cannot be used, and what to do.
    """
    path = Path(path)
    sifting = Sifting(where or EventFilter())
    events: list[Event] = []
    first: dict[str, tuple[int, Event]] = {}
    faults: list[tuple[int, str]] = []
    repeats: list[int] = []
    old_types: Counter[str] = Counter()
    try:
        for line, row in _rows(path):
            try:
                event, reading = _event(row)
                first_line, earlier = first.setdefault(event.event_id_cnty, (line, event))
                if first_line == line:
                    old_types[reading] += 1
                    if sifting.keeps(event):
                        events.append(event)
                elif event == earlier:
                    repeats.append(line)
                else:
                    raise InputError(_differs(event, earlier, first_line))
            except InputError as error:
                faults.append((line, str(error)))
    except InputError:
        # A bad row before the unreadable part of the file is reported first.
        if not faults:
            raise
    if faults:
        raise InputError(_reported(path, faults))
    if not first:
        raise InputError(f"{path}: contains no events; add at least one row below the header")
    if not events:
        raise InputError(f"{path}: the filters leave none of {len(first)} events: {sifting.summary()}")
    if note and repeats:
        rows = "1 row repeats" if len(repeats) == 1 else f"{len(repeats)} rows repeat"
        note(f"{path}: {rows} an event, the first on line {repeats[0]}; each event is read once")
    old_types.pop("", None)
    if note and old_types:
        read = ", ".join(f"{reading}: {number}" for reading, number in old_types.items())
        note(f"{path}: event types of before 2019 were read as those of today: {read}")
    if note and len(events) < len(first):
        note(f"{path}: {len(events)} of {len(first)} events are left: {sifting.summary()}")
    return events


def find_event(events: list[Event], event_id: str, there: str = "the file has") -> Event:
    """Return the event with an identifier; if there is none, raise an error that lists the identifiers."""
    for event in events:
        if event.event_id_cnty == event_id:
            return event
    shown = ", ".join(event.event_id_cnty for event in events[:20])
    raise InputError(f"there is no event {event_id!r}; {there}: {shown}{', …' if len(events) > 20 else ''}")


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return _json_rows(path)
    if path.suffix.lower() == ".json":
        raise InputError(
            f"{path}: a single JSON document cannot be read; save it as JSON Lines (.jsonl), one event per line"
        )
    return read_csv(path, _REQUIRED)


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, content in enumerate(read_text(path).split("\n"), start=1):
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}, line {line}: is not valid JSON ({error.msg})") from error
        except (ValueError, RecursionError) as error:
            # For example a number with thousands of digits, or thousands of nested brackets.
            raise InputError(f"{path}, line {line}: is JSON that cannot be read ({error})") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {line}: must be a JSON object with ACLED's column names")
        missing = [name for name in _REQUIRED if name not in row]
        if missing:
            raise InputError(f"{path}, line {line}: missing {', '.join(missing)}; use ACLED's column names")
        yield line, row


def _event(row: Mapping[str, Any]) -> tuple[Event, str]:
    """Return the event of a row, and how an event type of before 2019 was read."""
    event_id, notes, event_type = (_text(row, name) for name in ("event_id_cnty", "notes", "event_type"))
    for name, content in (("event_id_cnty", event_id), ("notes", notes)):
        if not content:
            raise InputError(f"{name} is empty; fill it in or remove the row")
    kind = as_event_type(event_type, row)
    if kind is None:
        raise InputError(f"event_type {event_type!r} is not ACLED's; use one of {', '.join(EVENT_TYPES)}")
    event = Event(event_id, kind.name, notes, _fatalities(row), *(_text(row, name) for name in _DETAILS))
    return event, kind.reading


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, _SCALARS):
        raise InputError(f"{name} must be text, not {json.dumps(value)}")
    content = "" if value is None else str(value).strip()
    if not content.isascii():
        try:
            content.encode()
        except UnicodeEncodeError as error:
            # JSON can contain half of a character, which cannot be encoded.
            raise InputError(f"{name} contains half of a character (a lone surrogate); repair the text") from error
    return content


def _fatalities(row: Mapping[str, Any]) -> int:
    content = _text(row, "fatalities")
    if not content:
        # An empty cell is not 0: the post would state a number that nobody reported.
        raise InputError("fatalities is empty; write 0 if none were reported, or remove the row")
    try:
        # Other programs save whole numbers as 3.0.
        fatalities = float(content)
    except ValueError:
        fatalities = -1.0
    if not (0 <= fatalities <= _MAX_FATALITIES and fatalities.is_integer()):
        raise InputError(f"fatalities {content!r} must be a whole number from 0 to {_MAX_FATALITIES}")
    return int(fatalities)


def _differs(event: Event, earlier: Event, line: int) -> str:
    name = next(f.name for f in fields(Event) if getattr(event, f.name) != getattr(earlier, f.name))
    return (
        f"event_id_cnty {event.event_id_cnty!r} was used on line {line} already, with another {name}; identifiers must "
        "be unique: keep the newer of the two rows"
    )


def _reported(path: Path, faults: list[tuple[int, str]]) -> str:
    (line, message), *more = faults
    if not more:
        return f"{path}, line {line}: {message}"
    lines = ", ".join(str(number) for number, _ in more[:10]) + (", …" if len(more) > 10 else "")
    rows = "1 more row" if len(more) == 1 else f"{len(more)} more rows"
    return f"{path}, line {line}: {message} ({rows} cannot be used: line {lines})"
