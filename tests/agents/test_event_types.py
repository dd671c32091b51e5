"""Event types of before 2019, and columns without names."""

import json

import pytest

from tworate.agents import EVENT_TYPES, EventFilter, read_events
from tworate.agents.event_types import OLD_TYPES, as_event_type
from tworate.errors import InputError

HEADER = "event_id_cnty,event_date,event_type,fatalities,notes"


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_types_of_today_are_known_in_any_case_and_with_any_blanks(name):
    for text in (name, name.upper(), f" {name.lower()} ", name.replace("/", " / ").replace(" ", "  ")):
        assert as_event_type(text, {}) == (name, "")


@pytest.mark.parametrize(("old", "name"), OLD_TYPES.items())
def test_old_types_are_part_of_a_type_of_today(old, name):
    for text in (old, old.upper(), old.replace("-", " - "), f"  {old.lower()}  "):
        assert as_event_type(text, {}) == (name, f"{old!r} as {name}")


@pytest.mark.parametrize(
    ("row", "name", "reason"),
    [
        ({"sub_event_type": "Mob violence", "fatalities": "0"}, "Riots", "by their sub-type"),
        ({"sub_event_type": "Peaceful protest", "fatalities": "3"}, "Protests", "by their sub-type"),
        ({"sub_event_type": "Excessive force against protestors", "fatalities": "9"}, "Protests", "by their sub-type"),
        ({"actor2": "Protestors (Varosia)", "fatalities": "9"}, "Protests", "by their actors"),
        ({"inter1": "6", "inter2": "0", "fatalities": "2"}, "Protests", "by the kinds of actors"),
        ({"inter1": 5, "inter2": 1.0, "fatalities": 0}, "Riots", "by the kinds of actors"),
        ({"interaction": "60", "fatalities": "2"}, "Protests", "by the kinds of actors"),
        ({"interaction": "56", "fatalities": "0"}, "Riots", "by the kinds of actors"),
        ({"interaction": 15.0, "fatalities": 0}, "Riots", "by the kinds of actors"),
        ({"inter1": "Protesters", "fatalities": "1"}, "Protests", "by the kinds of actors"),
        ({"actor1": "Rioters (Varosia)", "fatalities": "0"}, "Riots", "by their actors"),
        ({"actor1": "Protesters (Varosia)", "actor2": "Police", "fatalities": "1"}, "Protests", "by their actors"),
        ({"sub_event_type": "", "inter1": None, "fatalities": "0.0"}, "Protests", "without fatalities"),
        ({"fatalities": "1"}, "Riots", "with fatalities"),
    ],
)  # fmt: skip
def test_riots_are_told_from_protests(row, name, reason):
    assert as_event_type("riots / protests", row) == (name, f"'Riots/Protests' as {name} {reason}")


def test_what_was_read_as_what_is_told(tmp_path):
    path = tmp_path / "events.csv"
    rows = ["A1,2017-01-01,Riots/Protests,0,x", "A2,2017-01-01,Riots/Protests,0,y", "A3,2017-01-01,remote violence,1,z",
            "A4,2017-01-01,violence against civilians,1,w"]  # fmt: skip
    path.write_text("\n".join([HEADER, *rows]))
    said = []
    events = read_events(path, note=said.append)
    assert [event.event_type for event in events] == [
        "Protests", "Protests", "Explosions/Remote violence", "Violence against civilians",
    ]  # fmt: skip
    assert said == [
        f"{path}: event types of before 2019 were read as those of today: 'Riots/Protests' as Protests without "
        "fatalities: 2, 'Remote violence' as Explosions/Remote violence: 1"
    ]
    lines = tmp_path / "events.jsonl"
    names = HEADER.split(",")
    lines.write_text("\n".join(json.dumps(dict(zip(names, row.split(","), strict=True))) for row in rows))
    assert read_events(lines) == events
    chosen = EventFilter.from_text(event_types=["Protests"], since="1-Jan-17")
    assert [event.event_id_cnty for event in read_events(path, chosen)] == ["A1", "A2"]


def test_other_types_are_refused(tmp_path):
    (tmp_path / "events.csv").write_text(f"{HEADER}\nA1,2017-01-01,Battle,0,x\n")
    with pytest.raises(InputError, match="line 2: event_type 'Battle' is not ACLED's; use one of Battles"):
        read_events(tmp_path / "events.csv")


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (",,", ",,"),
        (",,", ",x,"),
        (",,", ""),
        ("", ",,"),
        (",Unnamed: 5,Unnamed: 6", ",,3"),
        (", ,", ", , "),
    ],
)
def test_columns_without_names_are_ignored(tmp_path, header, row):
    (tmp_path / "events.csv").write_text(f"{HEADER}{header}\nA1,2024-05-06,Riots,0,x{row}\n")
    (event,) = read_events(tmp_path / "events.csv")
    assert (event.event_id_cnty, event.notes, event.fatalities) == ("A1", "x", 0)


def test_a_cell_beyond_the_header_is_refused(tmp_path):
    (tmp_path / "events.csv").write_text(f"{HEADER}\nA1,2024-05-06,Riots,0,one, two\n")
    with pytest.raises(InputError, match="line 2: has 6 cells, the header has 5"):
        read_events(tmp_path / "events.csv")
