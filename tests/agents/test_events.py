import csv
import json
from collections import Counter

import pytest

from tworate.agents import EVENT_TYPES, find_event, read_events, shipped_events
from tworate.errors import InputError

ROW = {
    "event_id_cnty": "AAA1",
    "event_date": "1 January 2025",
    "event_type": "Battles",
    "sub_event_type": "Armed clash",
    "actor1": "A",
    "notes": 'Line one,\nline two with "quotes" and a separator\u2028here.',
    "fatalities": "3",
    "extra_column": "ignored",
}


def csv_file(folder, *rows, encoding="utf-8"):
    path = folder / "events.csv"
    with path.open("w", encoding=encoding, newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_shipped_events_are_three_of_each_type():
    events = shipped_events()
    assert Counter(event.event_type for event in events) == dict.fromkeys(EVENT_TYPES, 3)
    assert all(event.notes and event.country for event in events)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_with_quotes_newlines_and_byte_order_mark(tmp_path, encoding):
    (event,) = read_events(csv_file(tmp_path, ROW, encoding=encoding))
    assert event.notes == ROW["notes"]
    assert event.fatalities == 3
    assert event.actor2 == ""


def test_json_lines_hold_the_same_events(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(ROW) + "\n\n" + json.dumps({**ROW, "event_id_cnty": "AAA2", "fatalities": 0}) + "\n")
    events = read_events(path)
    assert events[0] == read_events(csv_file(tmp_path, ROW))[0]
    assert events[1].fatalities == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"notes": " "}, "line 4: notes is empty"),
        ({"event_type": "Battle"}, "line 4: event_type 'Battle' is not ACLED's"),
        ({"fatalities": "many"}, "line 4: fatalities 'many' must be a whole number"),
        ({"fatalities": "-2"}, "line 4: fatalities '-2'"),
        ({"event_id_cnty": "AAA1"}, "line 4: event_id_cnty 'AAA1' was used on line 2"),
    ],
)
def test_bad_rows_are_named_by_the_line_on_which_they_start(tmp_path, change, message):
    # The first row's note spans two lines, so the second row starts on line 4.
    path = csv_file(tmp_path, ROW, {**ROW, "event_id_cnty": "AAA2", **change})
    with pytest.raises(InputError) as caught:
        read_events(path)
    assert str(caught.value).startswith(f"{path}, {message}")


def test_file_without_notes_is_refused_with_the_reason(tmp_path):
    path = csv_file(tmp_path, {key: value for key, value in ROW.items() if key != "notes"})
    with pytest.raises(InputError, match="line 1: missing notes; it needs the columns event_id_cnty"):
        read_events(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("events.csv", b"", "is empty"),
        ("events.csv", ",".join(ROW).encode() + b"\n", "holds no events"),
        ("events.csv", ",".join(ROW).encode() + b"\na,b\n", "line 2: has 2 cells, the header has 8"),
        ("events.csv", ",".join(ROW).encode() + b'\n"a,b\n', "is not valid CSV"),
        ("events.csv", b"\xff\xfe", "is not UTF-8"),
        ("events.jsonl", b"{not json}\n", "line 1: is not valid JSON"),
        ("events.jsonl", b"[1]\n", "line 1: must be a JSON object"),
        ("events.json", b"[]", "save it as JSON Lines"),
        (
            "events.jsonl",
            b'{"event_id_cnty": ["a"], "event_type": "Riots", "fatalities": 0, "notes": "x"}\n',
            "line 1: event_id_cnty must be text",
        ),
        (
            "events.jsonl",
            b'{"event_id_cnty": "a", "event_type": "Riots", "fatalities": 0, "notes": "x \\ud83d"}\n',
            "line 1: notes holds half of a character",
        ),
        ("events.jsonl", b'{"notes": "x"}\n', "line 1: missing event_id_cnty"),
    ],
)
def test_files_that_hold_no_events_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_events(path)


def test_unknown_event_is_refused_with_those_that_exist():
    with pytest.raises(InputError, match="there is no event 'X1'; the file has: VAR1"):
        find_event(shipped_events(), "X1")
