import csv
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tworate.agents import EVENT_TYPES, find_event, read_events, shipped_events
from tworate.errors import InputError
from tworate.files import read_csv

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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_with_quotes_newlines_and_byte_order_mark(tmp_path, encoding):
    row = {**ROW, "location": "Gbêkê Łódź 東"}
    (event,) = read_events(csv_file(tmp_path, row, encoding=encoding))
    assert event.notes == ROW["notes"]
    assert event.location == row["location"]
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
        ({"fatalities": " "}, "line 4: fatalities is empty; write 0 if none were reported, or remove the row"),
        ({"fatalities": "2.5"}, "line 4: fatalities '2.5' must be a whole number"),
        ({"fatalities": "nan"}, "line 4: fatalities 'nan' must be a whole number"),
        ({"fatalities": "1e12"}, "line 4: fatalities '1e12' must be a whole number from 0 to 1000000000"),
        ({"fatalities": "-2"}, "line 4: fatalities '-2'"),
        (
            {"event_id_cnty": "AAA1", "actor1": "B"},
            "line 4: event_id_cnty 'AAA1' was used on line 2 already, with another actor1",
        ),
    ],
)
def test_bad_rows_are_named_by_the_line_on_which_they_start(tmp_path, change, message):
    # The first row's note spans two lines, so the second row starts on line 4.
    path = csv_file(tmp_path, ROW, {**ROW, "event_id_cnty": "AAA2", **change})
    with pytest.raises(InputError) as caught:
        read_events(path)
    assert str(caught.value).startswith(f"{path}, {message}")


def test_further_rows_that_cannot_be_used_are_counted(tmp_path):
    rows = [{**ROW, "event_id_cnty": f"A{i}", "notes": "one line" if i % 2 else ""} for i in range(30)]
    with pytest.raises(InputError) as caught:
        read_events(csv_file(tmp_path, *rows))
    assert str(caught.value) == (
        f"{tmp_path}/events.csv, line 2: notes is empty; fill it in or remove the row "
        "(14 more rows cannot be used: line 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, …)"
    )
    with pytest.raises(InputError, match=r"line 2: .* \(1 more row cannot be used: line 4\)"):
        read_events(csv_file(tmp_path, *rows[:4]))


def test_a_bad_row_is_named_before_an_unreadable_part_of_the_file(tmp_path):
    path = csv_file(tmp_path, {**ROW, "fatalities": ""})
    path.write_text(path.read_text() + "too,few\n")
    with pytest.raises(InputError, match="line 2: fatalities is empty"):
        read_events(path)


def test_repeated_events_are_read_once(tmp_path):
    rows = [ROW, {**ROW, "event_id_cnty": "AAA2"}, {**ROW, "extra_column": "another export"}]
    messages = []
    events = read_events(csv_file(tmp_path, *rows), note=messages.append)
    assert [event.event_id_cnty for event in events] == ["AAA1", "AAA2"]
    assert messages == [f"{tmp_path}/events.csv: 1 row repeats an event, the first on line 6; each event is read once"]


def test_whole_numbers_that_were_saved_as_decimals_are_whole(tmp_path):
    assert read_events(csv_file(tmp_path, {**ROW, "fatalities": "3.0"})) == read_events(csv_file(tmp_path, ROW))


def test_file_without_notes_is_refused_with_the_reason(tmp_path):
    path = csv_file(tmp_path, {key: value for key, value in ROW.items() if key != "notes"})
    with pytest.raises(InputError, match="line 1: missing notes; it needs the columns event_id_cnty"):
        read_events(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("events.csv", b"", "is empty"),
        ("events.csv", ",".join(ROW).encode() + b"\n", "contains no events"),
        ("events.csv", ",".join(ROW).encode() + b"\na,b\n", "line 2: has 2 cells, the header has 8"),
        ("events.csv", ",".join(ROW).encode() + b'\n"a,b\n', "is not valid CSV"),
        (
            "events.csv",
            ",".join(ROW).encode() + b'\nA,,Riots,,,"a\nb","caf\xe9",\n',
            r"line 3: is not UTF-8 text \(byte \d+ is 0xE9\); save it as UTF-8",
        ),
        ("events.csv", b"\xef\xbb\xbf\xff", r"line 1: is not UTF-8 text \(byte 3 is 0xFF\)"),
        ("events.csv", b"\xff\xfe", "is empty"),
        ("events.csv", b"\xff\xfea", "begins as UTF-16 but is not"),
        ("events.csv", ",".join(ROW).encode("utf-16-le"), "line 1: holds a NUL character"),
        ("events.csv", ",".join(ROW).encode("utf-32"), "line 1: holds a NUL character"),
        ("events.csv", b"PK\x03\x04\x14\x00", "is a spreadsheet or another zip archive"),
        ("events.csv", b"\n\nnotes\n", "line 3: missing event_id_cnty"),
        (
            "events.csv",
            ",".join(ROW).encode() + b'\nA,,Riots,,,"open,0,\nB,,Riots,,,b,0,\nC,,Riots,,,c,0,\n',
            r"line 2: is not valid CSV \(unexpected end of data, noticed on line 4\); check the quotes",
        ),
        (
            "events.csv",
            ",".join(ROW).encode() + b'\nA,,Riots,,,"say "hi" now",0,\n',
            r"line 2: is not valid CSV \(.*\); check the quotes",
        ),
        ("events.jsonl", b"[" * 100_000 + b"\n", "line 1: is JSON that cannot be read"),
        ("events.jsonl", b'{"fatalities": ' + b"1" * 5000 + b"}\n", "line 1: is JSON that cannot be read"),
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
            "line 1: notes contains half of a character",
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


HEADER = ",".join(ROW).encode() + b"\n"
GOOD = b'A,2023-05-01,Riots,,,"a ""b""\nc",0,\n'
PIECES = [
    b"", HEADER, GOOD, b'"', b",", b"\n", b"\r", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe9", b"{", b"[", b"1e999",
    b'{"event_id_cnty": "a", "event_type": "Riots", "fatalities": NaN, "notes": {}}', b"\\ud800", "Łódź\u2028".encode(),
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    content=st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)), max_size=12).map(b"".join),
    starts_well=st.booleans(),
    suffix=st.sampled_from([".csv", ".jsonl"]),
)
def test_any_bytes_are_events_or_a_message_that_names_the_file(tmp_path_factory, content, starts_well, suffix):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes((HEADER + GOOD if starts_well else b"") + content)
    try:
        assert read_events(path)
    except InputError as error:
        assert str(path) in str(error)


CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from(list('",\n\r;')), min_size=1, max_size=12
)


@settings(deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6), newline=st.sampled_from(["\n", "\r\n"]))
def test_rows_start_on_the_lines_that_an_editor_would_show(tmp_path_factory, rows, newline):
    path = tmp_path_factory.getbasetemp() / "lines.csv"
    lines, text = [], f"a,b{newline}"
    for cells in rows:
        quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
        if any(cell.strip() for cell in cells):
            # A line ends with a line feed, a carriage return, or both.
            lines.append(1 + text.replace("\r\n", "\n").replace("\r", "\n").count("\n"))
        text += quoted + newline
    path.write_bytes(text.encode())
    read = list(read_csv(path, ("a", "b")))
    assert [line for line, _ in read] == lines
    assert [(row["a"], row["b"]) for _, row in read] == [cells for cells in rows if any(cell.strip() for cell in cells)]
