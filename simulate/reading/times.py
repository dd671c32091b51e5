"""Times as people write them, counted in a unit from the first of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError, nearest
from .numbers import is_missing, numbers_of

TIME_UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0, "week": 604_800.0}
"""Seconds of each unit in which times given as dates may be counted."""

_UNIX = {"s": (8e8, 4.2e9), "ms": (8e11, 4.2e12), "us": (8e14, 4.2e15), "ns": (8e17, 4.2e18)}
"""Numbers between these, from 1995 to 2103, are times since 1970 in the unit."""
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CLOCK = r"(?:[T ,]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:[ap]\.?m\.?)?\s*(?:z|utc|gmt|[+-]\d{2}:?\d{2})?)?"
_NAMED = re.compile(rf".*\b\d{{1,4}}[ .\-/]*{_MONTH}.*|.*{_MONTH}[ .\-/]*\d{{1,2}}\b.*", re.IGNORECASE)
_NUMERIC = re.compile(rf"(\d{{1,4}})([./-])(\d{{1,2}})\2(\d{{1,4}}){_CLOCK}", re.IGNORECASE)
_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})(?:-?([1-7]))?", re.IGNORECASE)
_DURATION = re.compile(r"[+-]?\d+ days?(?:,? [+-]?\d{1,2}:\d{2}:\d{2}(?:\.\d+)?)?", re.IGNORECASE)

Locate = Callable[[int], str]


@dataclass(frozen=True)
class Times:
    """Times as numbers.

    Parameters
    ----------
    values : array, shape (n_rows,)
        NaN where the cell holds no time.
    unit : str or None
        Unit of the times; None where neither the data nor the user say it.
    note : str or None
        How the times were understood, where this is not obvious.
    are_numbers : bool
        Whether the cells were numbers in the unit, and not dates or durations.
    """

    values: NDArray[np.float64]
    unit: str | None
    note: str | None
    are_numbers: bool = False


def checked_unit(unit: str | None) -> str | None:
    """Return the name of a unit of time, which may be given in the plural.

    Raises
    ------
    InputError
        When there is no such unit.
    """
    if unit is None:
        return None
    name = str(unit).strip().lower().removesuffix("s")
    if name not in TIME_UNITS:
        raise InputError(
            f"time unit {unit!r} is unknown; choose one of {', '.join(TIME_UNITS)}{nearest(name, TIME_UNITS, '')}"
        )
    return name


def times_of(
    cells: "pd.Series[Any]",
    locate: Locate,
    *,
    unit: str | None = None,
    day_first: bool | None = None,
    decimal: str = ".",
) -> Times:
    """Return times as numbers: numbers as they are, dates counted from the first.

    Parameters
    ----------
    cells : pandas.Series
        Numbers, dates, durations, or text of one of these.
    locate : callable
        Returns where a row stands, for messages.
    unit : str, optional
        Unit in which dates are counted: days where no date has a time of day, else hours, if not given. Numbers are
        in this unit already.
    day_first : bool, optional
        Whether 3/4/2024 is 3 April (true) or March 4 (false).
    decimal : {".", ","}
        Decimal mark of numbers.

    Raises
    ------
    InputError
        When a cell is neither a number nor a date, or day and month cannot be told apart.
    """
    unit = checked_unit(unit)
    missing = is_missing(cells)
    if isinstance(cells.dtype, pd.PeriodDtype):
        cells = pd.Series(pd.PeriodIndex(cells).to_timestamp(), index=cells.index)
    if pd.api.types.is_timedelta64_dtype(cells.dtype):
        return _since_start(cells, unit)
    if isinstance(cells.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(cells.dtype):
        local = pd.to_datetime(cells).dt.tz_localize(None)
        # Midnights of one zone are whole days apart, also where clocks change in between.
        whole = bool((local.dropna() == local.dropna().dt.normalize()).all())
        return _since_first(pd.to_datetime(local if whole else cells, utc=True), unit, "dates")
    numbers = np.where(missing, np.nan, numbers_of(cells.mask(missing, np.nan), decimal))
    if not (np.isnan(numbers) & ~missing).any():
        return _of_numbers(numbers, unit)
    text = cells[~missing].astype(str).str.strip()
    if text.str.fullmatch(_DURATION).all():
        return _since_start(pd.to_timedelta(text, errors="coerce").reindex(cells.index), unit)
    dates, how = _dates(text, locate, day_first, mostly_numbers=2 * np.isfinite(numbers).sum() > len(cells))
    return _since_first(dates.reindex(cells.index), unit, how)


def _of_numbers(numbers: NDArray[np.float64], unit: str | None) -> Times:
    known = numbers[np.isfinite(numbers)]
    if known.size > 1 and known.min() < known.max():
        for name, (low, high) in _UNIX.items():
            if low < known.min() and known.max() < high:
                moments: Any = pd.to_datetime(numbers, unit=name, utc=True)  # type: ignore[call-overload]
                return _since_first(pd.Series(moments), unit, f"numbers of {name} since 1970")
        # As numbers, 20240229 and 20240301 would lie 72 apart.
        if np.all(known % 1 == 0) and known.min() > 1.8e7 and known.max() < 2.2e7:
            written = pd.Series(numbers).map(lambda number: f"{number:.0f}")
            dates: Any = pd.to_datetime(written, format="%Y%m%d", errors="coerce")
            if np.array_equal(dates.notna(), np.isfinite(numbers)):
                return _since_first(dates.dt.tz_localize("UTC"), unit, "dates such as 20240301")
    return Times(numbers, unit, f"times are numbers of {unit}s" if unit else None, are_numbers=True)


def _since_first(dates: "pd.Series[Any]", unit: str | None, how: str) -> Times:
    first = dates.min()
    asked = unit is not None
    if unit is None:
        whole_days = (dates.dropna() == dates.dropna().dt.normalize()).all()
        unit = "day" if whole_days else "hour"
    values = (dates - first).dt.total_seconds().to_numpy(dtype=float) / TIME_UNITS[unit]
    begin = first.date().isoformat() if first == first.normalize() else first.isoformat()
    change = "" if asked else "; another unit with --time-unit"
    return Times(values, unit, f"times, {how}, are counted in {unit}s since {begin}{change}")


def _since_start(durations: "pd.Series[Any]", unit: str | None) -> Times:
    seconds = durations.dt.total_seconds().to_numpy(dtype=float)
    change = "" if unit is not None else "; another unit with --time-unit"
    if unit is None:
        known = seconds[np.isfinite(seconds)]
        unit = "day" if np.all(known % TIME_UNITS["day"] == 0) else "hour"
    return Times(seconds / TIME_UNITS[unit], unit, f"times are durations in {unit}s{change}")


def _dates(
    text: "pd.Series[str]", locate: Locate, day_first: bool | None, *, mostly_numbers: bool
) -> tuple["pd.Series[Any]", str]:
    """Return dates in UTC, and how they were understood."""
    iso = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
    if iso.notna().all():
        return iso, "dates"
    parts = text.str.extract(rf"^{_NUMERIC.pattern}$", flags=re.IGNORECASE)
    if parts[0].notna().all():
        return _numeric_dates(text, parts, locate, day_first)
    if text.str.fullmatch(_NAMED).all():
        named = _named_dates(text, locate)
        return named, "dates with names of months"
    weeks = text.str.extract(rf"^{_WEEK.pattern}$", flags=re.IGNORECASE)
    if weeks[0].notna().all():
        codes = weeks[0] + weeks[1].str.zfill(2) + weeks[2].fillna("1")
        dates = pd.to_datetime(codes, format="%G%V%u", errors="coerce", utc=True)
        _refuse_first(dates.isna(), text, locate, "there is no such week")
        return dates, "weeks, by their Mondays" if weeks[2].isna().all() else "days of weeks"
    if mostly_numbers:
        numbers = pd.to_numeric(text, errors="coerce")
        raise _not_a_time(numbers.isna(), text, locate)
    kinds = [iso.notna(), parts[0].notna(), text.str.fullmatch(_NAMED).astype(bool), weeks[0].notna()]
    raise _not_a_time(~max(kinds, key=lambda kind: int(kind.sum())), text, locate)


def _not_a_time(wrong: "pd.Series[bool]", text: "pd.Series[str]", locate: Locate) -> InputError:
    row = int(text.index[wrong.to_numpy()][0])
    others = "" if wrong.all() else ", as the others are"
    return InputError(
        f"{locate(row)}: time = {text.loc[row]!r} is neither a number nor a date{others}; write dates as in ISO 8601, "
        "such as 2026-11-29T14:05:00Z"
    )


def _refuse_first(wrong: "pd.Series[bool]", text: "pd.Series[str]", locate: Locate, why: str) -> None:
    if wrong.any():
        row = int(text.index[wrong.to_numpy()][0])
        raise InputError(f"{locate(row)}: time = {text.loc[row]!r}: {why}; correct it or remove the line")


def _numeric_dates(
    text: "pd.Series[str]", parts: pd.DataFrame, locate: Locate, day_first: bool | None
) -> tuple["pd.Series[Any]", str]:
    """Return dates that are three numbers: the year first, or the day or the month."""
    one, two, three = (pd.to_numeric(parts[column]) for column in (0, 2, 3))
    mark = parts[1].iloc[0]
    if (parts[0].str.len() == 4).all():
        year, month, day, how = one, two, three, f"dates such as {text.iloc[0]}, year first"
    else:
        year = three.where(parts[3].str.len() == 4, 2000 + three)
        first, second = bool((one > 12).any()), bool((two > 12).any())
        if first and second:
            _refuse_first((two > 12) & (one <= 12), text, locate, "the day leads in some dates, the month in others")
        if day_first is None and not (first or second) and mark != ".":
            row = int(text.index[0])
            raise InputError(
                f"{locate(row)}: time = {text.iloc[0]!r} can be day {one.iloc[0]} of month {two.iloc[0]}, or the other "
                "way round; say which: --day-first or --month-first"
            )
        # Dates with points are written with the day first everywhere.
        days_lead = day_first if day_first is not None else (first or (mark == "." and not second))
        _refuse_first((two if days_lead else one) > 12, text, locate, "there is no such month")
        day, month = (one, two) if days_lead else (two, one)
        how = f"dates such as {text.iloc[0]}, {'day' if days_lead else 'month'} first"
    written = year.astype(str) + "-" + month.astype(str) + "-" + day.astype(str)
    clock = text.str.replace(r"^[\d./-]+", "", regex=True).str.strip(" T,")
    dates = pd.to_datetime(written, errors="coerce", format="%Y-%m-%d", utc=True)
    _refuse_first(dates.isna(), text, locate, "there is no such day")
    if (clock != "").any():
        timed = pd.to_datetime(written + " " + clock, errors="coerce", format="mixed", utc=True)
        _refuse_first(timed.isna(), text, locate, "there is no such time of day")
        dates = timed
    return dates, how


def _named_dates(text: "pd.Series[str]", locate: Locate) -> "pd.Series[Any]":
    """Return dates whose months have English names."""
    from dateutil import parser

    def parsed(cell: str) -> Any:
        try:
            date = pd.Timestamp(parser.parse(cell, dayfirst=True, default=datetime(2000, 1, 1)))
        except (ValueError, OverflowError):
            return pd.NaT
        return date.tz_localize("UTC") if date.tzinfo is None else date.tz_convert("UTC")

    unique = {cell: parsed(cell) for cell in text.unique()}
    dates = text.map(unique)
    _refuse_first(dates.isna(), text, locate, "cannot be read as a date")
    return pd.to_datetime(dates, utc=True)
