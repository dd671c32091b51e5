"""Dates and times as people write them."""

import numpy as np
import pandas as pd
import pytest

from tworate.errors import InputError
from tworate.simulate.reading.times import times_of


def of(cells, **settings):
    return times_of(pd.Series(cells), "line {}".format, **settings)


DAYS = [0.0, 1.0, 13.0]


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-05-01", "2024-05-02", "2024-05-14"],
        ["2024/5/1", "2024/5/2", "2024/5/14"],
        ["01.05.2024", "02.05.2024", "14.05.2024"],
        ["1.5.24", "2.5.24", "14.5.24"],
        ["1/5/2024", "2/5/2024", "14/5/2024"],
        ["5/1/2024", "5/2/2024", "5/14/2024"],
        ["1 May 2024", "2 May 2024", "14 May 2024"],
        ["1-May-24", "2-May-24", "14-May-24"],
        ["May 1, 2024", "May 2, 2024", "May 14, 2024"],
        ["20240501", "20240502", "20240514"],
        [20240501, 20240502, 20240514],
        [1714521600, 1714608000, 1715644800],
        [1714521600000, 1714608000000, 1715644800000],
        ["0 days", "1 days", "13 days 00:00:00"],
    ],
)
def test_days(cells):
    times = of(cells)
    assert (times.values.tolist(), times.unit) == (DAYS, "day")
    assert times.note


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-05-01T08:00:00Z", "2024-05-01T10:30:00+00:00", "2024-05-01T13:00:00+02:00"],
        ["2024-05-01 08:00", "2024-05-01 10:30", "2024-05-01 11:00:00.000"],
        ["Wed May 01 08:00:00 +0000 2024", "Wed May 01 10:30:00 +0000 2024", "Wed May 01 13:00:00 +0200 2024"],
        ["1/5/2024 8:00 AM", "1/5/2024 10:30 AM", "1/5/2024 11:00 AM"],
        ["01.05.2024 08:00", "01.05.2024 10:30", "01.05.2024 11:00"],
    ],
)
def test_hours(cells):
    times = of(cells, day_first=True)
    assert (times.values.tolist(), times.unit) == ([0.0, 2.5, 3.0], "hour")


def test_weeks():
    times = of(["2024-W01", "2024-W03", "2024-W02"], unit="weeks")
    assert (times.values.tolist(), times.unit) == ([0, 2, 1], "week")
    assert of(["2024W011", "2024W013"]).values.tolist() == [0, 2]


def test_day_and_month_are_asked_for_and_not_guessed():
    cells = ["3/4/2024", "4/4/2024"]
    with pytest.raises(
        InputError, match=r"line 0: time = '3/4/2024' can be day 3 of month 4.*--day-first or --month-first"
    ):
        of(cells)
    assert of(cells, day_first=True).values.tolist() == [0, 1]
    assert of(cells, day_first=False).values.tolist() == [0, 31]
    with pytest.raises(InputError, match="line 1: time = '13/4/2024': there is no such month"):
        of(["3/4/2024", "13/4/2024"], day_first=False)
    with pytest.raises(InputError, match="the day leads in some dates, the month in others"):
        of(["13/4/2024", "4/13/2024"])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["2024-05-01", "yesterday"], "line 1: time = 'yesterday' is neither a number nor a date"),
        (["0", "1", "two"], "line 2: time = 'two' is neither a number nor a date"),
        (["2024-02-30", "2024-03-01"], "line 0: time = '2024-02-30'"),
        (["30/2/2024", "1/3/2024"], "line 0: time = '30/2/2024': there is no such day"),
        (["2024-W60", "2024-W01"], "line 0: time = '2024-W60': there is no such week"),
    ],
)
def test_what_is_no_time_is_refused(cells, message):
    with pytest.raises(InputError) as caught:
        of(cells)
    assert message in str(caught.value)


def test_numbers_stay_as_they_are():
    times = of(["0.5", "1", "2e1"])
    assert (times.values.tolist(), times.unit, times.note) == ([0.5, 1.0, 20.0], None, None)
    assert of([0, 5, 10], unit="minutes").unit == "minute"
    assert of(["0,5", "1,5"], decimal=",").values.tolist() == [0.5, 1.5]
    with pytest.raises(InputError, match="time unit 'fortnight' is unknown"):
        of([0, 1], unit="fortnight")


def test_missing_times_stay_missing():
    assert np.isnan(of(["2024-05-01", None, "2024-05-03"]).values).tolist() == [False, True, False]


def test_dates_of_any_type_count_from_the_first():
    stamps = pd.to_datetime(["2024-05-03", "2024-05-01"])
    for cells in (pd.Series(stamps), pd.Series(stamps.as_unit("s")), pd.Series(stamps.tz_localize("Asia/Tokyo"))):
        assert times_of(cells, str).values.tolist() == [2, 0]
