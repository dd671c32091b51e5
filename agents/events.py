"""Files of events in the ACLED export schema."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import read_csv, read_text
from .event import EVENT_TYPES, Event
from .event_filter import EventFilter, Sifting

_REQUIRED = ("event_id_cnty", "event_type", "fatalities", "notes")
_DETAILS = ("event_date", "sub_event_type", "actor1", "actor2", "location", "country")
_MOST_FATALITIES = 10**9
_SCALARS = (str, int, float, type(None))


def shipped_events(where: EventFilter | None = None, note: Callable[[str], None] | None = None) -> list[Event]:
    """Return the 18 invented events that come with tworate, 3 for each event type, or those that a filter leaves."""
    return read_events(Path(str(files("tworate").joinpath("examples", "events.csv"))), where, note)


def read_events(
    path: str | Path, where: EventFilter | None = None, note: Callable[[str], None] | None = None
) -> list[Event]:
    """Read events from an ACLED export (CSV) or from JSON Lines with the same names.

    Parameters
    ----------
    path : path
        A file; `.jsonl` and `.ndjson` are read as JSON Lines, all else as CSV. Columns that are not used are ignored.
        A row that repeats an event word for word, as where two exports overlap, is taken once.
    where : EventFilter, optional
        Which events are wanted; all by default. Rows that it leaves out are checked like the others.
    note : callable, optional
        Called with a sentence on what was left out.

    Raises
    ------
    InputError
        When the file is missing, empty or malformed, or the filter leaves nothing; names the file, the line (and how
        many more rows cannot be used), and what to do.
    """
    path = Path(path)
    sifting = Sifting(where or EventFilter())
    events: list[Event] = []
    first: dict[str, tuple[int, Event]] = {}
    faults: list[tuple[int, str]] = []
    repeats: list[int] = []
    try:
        for line, row in _rows(path):
            try:
                event = _event(row)
                before, earlier = first.setdefault(event.event_id_cnty, (line, event))
                if before == line:
                    if sifting.keeps(event):
                        events.append(event)
                elif event == earlier:
                    repeats.append(line)
                else:
                    raise InputError(_differs(event, earlier, before))
            except InputError as error:
                faults.append((line, str(error)))
    except InputError:
        # A row before the place where the file cannot be read is the first that needs a hand.
        if not faults:
            raise
    if faults:
        raise InputError(_reported(path, faults))
    if not first:
        raise InputError(f"{path}: holds no events; give at least one row below the header")
    if not events:
        raise InputError(f"{path}: the filters leave none of {len(first)} events: {sifting.summary()}")
    if note and repeats:
        rows = "1 row repeats" if len(repeats) == 1 else f"{len(repeats)} rows repeat"
        note(f"{path}: {rows} an event, the first on line {repeats[0]}; each is taken once")
    if note and len(events) < len(first):
        note(f"{path}: {len(events)} of {len(first)} events are left: {sifting.summary()}")
    return events


def find_event(events: list[Event], event_id: str, there: str = "the file has") -> Event:
    """Return the event with an identifier, or say which ones there are."""
    for event in events:
        if event.event_id_cnty == event_id:
            return event
    shown = ", ".join(event.event_id_cnty for event in events[:20])
    raise InputError(f"there is no event {event_id!r}; {there}: {shown}{', …' if len(events) > 20 else ''}")


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return _json_rows(path)
    if path.suffix.lower() == ".json":
        raise InputError(f"{path}: one JSON document is not read; save it as JSON Lines (.jsonl), one event a line")
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
            # A number of thousands of digits, or brackets thousands deep.
            raise InputError(f"{path}, line {line}: is no JSON that can be read ({error})") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {line}: must be a JSON object with ACLED's names")
        missing = [name for name in _REQUIRED if name not in row]
        if missing:
            raise InputError(f"{path}, line {line}: missing {', '.join(missing)}; use ACLED's column names")
        yield line, row


def _event(row: Mapping[str, Any]) -> Event:
    event_id, notes, event_type = (_text(row, name) for name in ("event_id_cnty", "notes", "event_type"))
    for name, content in (("event_id_cnty", event_id), ("notes", notes)):
        if not content:
            raise InputError(f"{name} is empty; fill it in or remove the row")
    if event_type not in EVENT_TYPES:
        raise InputError(f"event_type {event_type!r} is not ACLED's; use one of {', '.join(EVENT_TYPES)}")
    return Event(event_id, event_type, notes, _fatalities(row), *(_text(row, name) for name in _DETAILS))


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, _SCALARS):
        raise InputError(f"{name} must be text, not {json.dumps(value)}")
    content = "" if value is None else str(value).strip()
    if not content.isascii():
        try:
            content.encode()
        except UnicodeEncodeError as error:
            # JSON can write half of a character, which nothing can encode.
            raise InputError(f"{name} holds half of a character (a lone surrogate); repair the text") from error
    return content


def _fatalities(row: Mapping[str, Any]) -> int:
    content = _text(row, "fatalities")
    if not content:
        # Not taken for 0: the post would state a number that nobody reported.
        raise InputError("fatalities is empty; write 0 where none were reported, or remove the row")
    try:
        # Tables that were saved again by other programs say 3.0.
        fatalities = float(content)
    except ValueError:
        fatalities = -1.0
    if not (0 <= fatalities <= _MOST_FATALITIES and fatalities.is_integer()):
        raise InputError(f"fatalities {content!r} must be a whole number from 0 to {_MOST_FATALITIES}")
    return int(fatalities)


def _differs(event: Event, earlier: Event, line: int) -> str:
    name = next(f.name for f in fields(Event) if getattr(event, f.name) != getattr(earlier, f.name))
    return (
        f"event_id_cnty {event.event_id_cnty!r} was used on line {line} already, with another {name}; identifiers must "
        "differ: keep the newer of the two rows"
    )


def _reported(path: Path, faults: list[tuple[int, str]]) -> str:
    (line, message), *more = faults
    if not more:
        return f"{path}, line {line}: {message}"
    lines = ", ".join(str(number) for number, _ in more[:10]) + (", …" if len(more) > 10 else "")
    rows = "1 more row" if len(more) == 1 else f"{len(more)} more rows"
    return f"{path}, line {line}: {message} ({rows} cannot be used: line {lines})"
