import json
from datetime import date

import pytest

from tworate.agents import EventFilter, find_event, read_events, shipped_events
from tworate.agents.event import parse_date
from tworate.errors import InputError


@pytest.mark.parametrize(
    "text",
    [
        "2023-05-01",
        "01 May 2023",
        "1 May 2023",
        " 1 may 2023 ",
        "01-May-2023",
        "2023-05-01T00:00:00",
        "2023-05-01 00:00",
    ],
)
def test_dates_as_exports_write_them(text):
    assert parse_date(text) == date(2023, 5, 1)


def test_months_in_full_and_short():
    names = "January February March April May June July August September October November December".split()
    for number, name in enumerate(names, start=1):
        assert parse_date(f"28 {name} 2024") == parse_date(f"28 {name[:3]} 2024") == date(2024, number, 28)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("5/1/2023", "cannot be read as a date; write 2023-05-01 or 01 May 2023"),
        ("May 2023", "cannot be read as a date"),
        ("1 May 23", "cannot be read as a date"),
        ("2023-02-30", "is not a day of the calendar"),
        ("1 Mai 2023", "is not a day of the calendar"),
        ("1 Juk 2023", "is not a day of the calendar"),
        ("٢٠٢٣-٠٥-٠١", "cannot be read as a date"),
    ],
)
def test_invalid_dates_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_date(text)


@pytest.mark.parametrize(
    ("conditions", "meets"),
    [
        ({"event_types": ("battles", " RIOTS ")}, lambda e: e.event_type in ("Battles", "Riots")),
        ({"countries": ("varosia",)}, lambda e: e.country == "Varosia"),
        ({"countries": ("Varosia", "Elmarra")}, lambda e: True),
        ({"min_fatalities": 7}, lambda e: e.fatalities >= 7),
        ({"max_fatalities": 7}, lambda e: e.fatalities <= 7),
        ({"min_fatalities": 1, "max_fatalities": 7}, lambda e: 1 <= e.fatalities <= 7),
        ({"since": "2025-06-02"}, lambda e: parse_date(e.event_date) >= date(2025, 6, 2)),
        ({"until": "2 June 2025"}, lambda e: parse_date(e.event_date) <= date(2025, 6, 2)),
        ({"since": "2025-06-02", "until": "2025-06-02"}, lambda e: e.event_date == "2 June 2025"),
        ({}, lambda e: True),
    ],
)
def test_filters_leave_the_events_that_meet_them(conditions, meets):
    everything = shipped_events()
    selected = shipped_events(EventFilter.from_text(**conditions))
    assert selected == [event for event in everything if meets(event)]
    assert selected


def test_a_note_names_the_effect_of_each_condition():
    messages = []
    shipped_events(
        EventFilter(event_types=("Battles", "Riots"), min_fatalities=1, max_fatalities=1000), messages.append
    )
    battles = [e for e in shipped_events() if e.event_type in ("Battles", "Riots")]
    deadly = sum(e.fatalities >= 1 for e in battles)
    assert len(messages) == 1
    assert messages[0].endswith(
        f"{deadly} of 18 events are left: event type Battles or Riots leaves 6, fatalities of at least 1 leaves "
        f"{deadly}, fatalities of at most 1000 leaves {deadly}"
    )
    shipped_events(EventFilter(), messages.append)
    assert len(messages) == 1


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (
            {"event_types": ("Battles",), "since": "2026-01-01"},
            "none of 18 events: event type Battles leaves 3, since 2026-01-01 leaves 0 "
            "(all 3 removed; their values: 2025-03-14 to 2025-09-21)",
        ),
        ({"countries": ("Mali",)}, "country Mali leaves 0 (all 18 removed; their values: Elmarra, Varosia)"),
        ({"min_fatalities": 10**6}, "fatalities of at least 1000000 leaves 0 (all 18 removed; their values: 0 to "),
    ],
)
def test_filters_that_leave_nothing_name_the_condition_and_the_values(conditions, message):
    with pytest.raises(InputError) as caught:
        shipped_events(EventFilter.from_text(**conditions))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"event_types": ("Battle",)}, "event type 'Battle' is not ACLED's; choose from Battles, "),
        ({"min_fatalities": 3, "max_fatalities": 2}, "fatalities of at least 3 and at most 2: no event meets both"),
        ({"since": "2025-02-01", "until": "2025-01-01"}, "since 2025-02-01 and until 2025-01-01: no event meets both"),
        ({"since": "yesterday"}, "since 'yesterday' cannot be read as a date"),
        ({"until": ""}, "until '' is empty"),
    ],
)
def test_impossible_filters_are_refused(conditions, message):
    with pytest.raises(InputError) as caught:
        EventFilter.from_text(**conditions)
    assert str(caught.value).startswith(message)


@pytest.fixture
def undated(tmp_path):
    path = tmp_path / "events.jsonl"
    row = {"event_type": "Riots", "fatalities": 0, "notes": "x", "country": ""}
    rows = [
        {**row, "event_id_cnty": "A", "event_date": "2025-01-01"},
        {**row, "event_id_cnty": "B", "event_date": "5/1/2025", "fatalities": 4},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_an_unreadable_date_is_an_error_only_if_the_other_conditions_are_met(undated):
    assert len(read_events(undated)) == 2
    assert len(read_events(undated, EventFilter.from_text(since="2025-01-01", max_fatalities=3))) == 1
    with pytest.raises(InputError) as caught:
        read_events(undated, EventFilter.from_text(since="2025-01-01"))
    assert str(caught.value) == (
        f"{undated}, line 2: event_date '5/1/2025' cannot be read as a date; write 2023-05-01 or 01 May 2023 "
        "('since 2025-01-01' needs it)"
    )


def test_empty_cells_are_named(undated):
    with pytest.raises(InputError, match=r"country Mali leaves 0 \(all 2 removed; their values: an empty cell\)"):
        read_events(undated, EventFilter(countries=("Mali",)))


def test_rows_that_a_filter_removes_are_checked_too(undated):
    undated.write_text(undated.read_text().replace('"fatalities": 4', '"fatalities": -4'))
    with pytest.raises(InputError, match="line 2: fatalities '-4'"):
        read_events(undated, EventFilter(max_fatalities=3))


def test_a_missing_event_names_the_filter():
    battles = shipped_events(EventFilter(event_types=("Battles",)))
    with pytest.raises(InputError, match="there is no event 'VAR8'; the filters leave: VAR1, VAR2, ELM1"):
        find_event(battles, "VAR8", "the filters leave")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2021-03-04T00:00:00.000", date(2021, 3, 4)),
        ("2021-03-04T23:59:59.123456Z", date(2021, 3, 4)),
        # The day is that of the place, whatever the zone.
        ("2021-03-04T23:30:00+02:00", date(2021, 3, 4)),
        ("2021-03-04 00:30:00 -0530", date(2021, 3, 4)),
        ("2021-03-04 00:00:00+00", date(2021, 3, 4)),
        ("2021-03-04 00:00:00 UTC", date(2021, 3, 4)),
        ("2021/3/4", date(2021, 3, 4)),
        ("4-Mar-21", date(2021, 3, 4)),
        ("04-Mar-97", date(1997, 3, 4)),
        ("4-Mar-2021", date(2021, 3, 4)),
        ("4/Mar/2021", date(2021, 3, 4)),
        ("4 Sept. 2021", date(2021, 9, 4)),
        ("March 4, 2021", date(2021, 3, 4)),
        ("Mar 04 2021 12:00 AM", date(2021, 3, 4)),
    ],
)
def test_dates_of_other_exports(text, day):
    assert parse_date(text) == day


@pytest.mark.parametrize(
    "text", ["4-3-2021", "2021-03/04", "4-Mar-1", "2021-03-04T", "2021-03-04T00:00:00.", "20210304"]
)
def test_dates_that_could_mean_something_else_are_refused(text):
    with pytest.raises(ValueError, match="cannot be read as a date"):
        parse_date(text)
