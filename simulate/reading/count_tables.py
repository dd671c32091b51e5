"""Tables of counts, long or wide, cumulative or per interval, as rows of trajectories."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError
from .columns import OURS, is_identifier, refuse_current, unit_of_name
from .numbers import decimal_mark, is_missing, numbers_of
from .source import SUMS, Source
from .times import Times, times_of

Monotone = Literal["running-max"]

COUNTS = ("infected", "incidence", "population", "si_edges", "sightings")
_OTHERS = ("degree",)
_OPTIONAL = ("si_edges", "sightings", "degree")
_COUNT_WORDS = re.compile(
    r"case|death|recover|active|test|share|retweet|like|repl|quote|view|infect|positiv|hospital|confirm|count|vaccin",
    re.IGNORECASE,
)
"""Words in names of columns that count different things, and are not names of trajectories."""


@dataclass(frozen=True)
class Counts:
    """Rows of trajectories, in our names.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns as in :class:`tworate.simulate.Trajectories`; rows are numbered from 0.
    rows : array of int, shape (n_rows,)
        Row of the source that each row is from.
    notes : tuple of str
        How the table was understood, in words.
    """

    table: pd.DataFrame
    rows: NDArray[np.int64]
    notes: tuple[str, ...]


def wide_columns(source: Source) -> list[str]:
    """Return the columns of a wide table that are its trajectories: all besides time and what has a fixed meaning.

    They are none where a column is not of numbers, times come twice, or names say that different things are counted.
    """
    table = source.table
    if "time" not in table or table["time"].duplicated().any():
        return []
    columns = [name for name in table.columns if name not in OURS and name.strip().lower() not in SUMS]
    if not columns or any(is_identifier(name) for name in columns):
        return []
    if not all(is_numeric(table[name]) for name in columns):
        return []
    stems = {re.sub(r"[\W_]*\d+$", "", name) for name in columns}
    numbered = len(columns) > 1 and len(stems) == 1
    if not numbered and (len(columns) == 1 or any(_COUNT_WORDS.search(name) for name in columns)):
        return []
    return columns


def is_numeric(cells: "pd.Series[Any]") -> bool:
    """Return whether all cells that hold a value are numbers, however they are written."""
    filled = cells[~is_missing(cells)]
    if pd.api.types.is_bool_dtype(filled) or pd.api.types.is_datetime64_any_dtype(filled):
        return False
    return bool(len(filled)) and all(np.isfinite(numbers_of(filled, mark)).all() for mark in _marks(filled))


def _marks(cells: "pd.Series[Any]") -> Sequence[str]:
    """Return the decimal mark under which cells are more often numbers."""
    found = {mark: int(np.isfinite(numbers_of(cells, mark)).sum()) for mark in ".,"}
    return [max(found, key=lambda mark: found[mark])]


def long_of_wide(source: Source, columns: Sequence[str]) -> tuple[pd.DataFrame, NDArray[np.int64], str]:
    """Turn the columns of a wide table into trajectories: a long table, the row of each row, and a note."""
    fixed = [name for name in source.table.columns if name in OURS]
    sums = [name for name in source.table.columns if name not in (*OURS, *columns)]
    long = source.table.melt(id_vars=fixed, value_vars=list(columns), var_name="trajectory", value_name="infected")
    rows = np.tile(np.arange(len(source.table)), len(columns))
    shown = f"{columns[0]} to {columns[-1]}" if len(columns) > 1 else columns[0]
    left = f"; left out: {', '.join(sums)}" if sums else ""
    return long, rows, f"wide table: each of {len(columns)} columns ({shown}) is taken for a trajectory{left}"


def read_counts_table(
    source: Source,
    *,
    population: int | None,
    incidence: bool | None,
    monotone: str | None,
    time_unit: str | None,
    day_first: bool | None,
    decimal: str | None,
    names: dict[str, str],
) -> Counts:
    """Turn a table in our names into rows of trajectories.

    Parameters
    ----------
    source : Source
        The table, in our names.
    population : int, optional
        Population of all trajectories, in the place of the column.
    incidence : bool, optional
        Whether counts are of intervals; by default, if a column says so.
    monotone : {"running-max"}, optional
        What is done with counts that fall.
    time_unit, day_first, decimal
        As in :func:`tworate.read`.
    names : dict
        Our name to that of the table, for messages.

    Raises
    ------
    InputError
        When the table is not one of counts, or a cell cannot be used.
    """
    source, left_out = _without_footer(source)
    _refuse_without_time(source)
    table, rows, shape = _with_one_count(source, incidence)
    count = "incidence" if "incidence" in table else "infected"

    def locate(row: int) -> str:
        return source.locate(int(rows[row]))

    mark, marked = _mark(table, decimal, source)
    unit = time_unit or (unit_of_name(names["time"]) if "time" in names else None)
    times = times_of(table["time"], locate, unit=unit, day_first=day_first, decimal=mark)
    _refuse_other_unit(time_unit, names.get("time", ""), times, source.name)
    table = table.assign(time=_plain_numbers(times.values, table["time"], "time", locate))
    if "trajectory" not in table:
        _refuse_repeated_times(table, source)
        table = table.assign(trajectory=0)
    table, rows, missing = _without_missing(table, rows, count, locate)
    if population is not None:
        table = table.assign(population=population)
    elif "population" not in table:
        understood = f" ({shape})" if shape else ""
        raise InputError(
            f"{source.name}: has no column population{understood}; give the number of those who can share with "
            "--population N (in Python population=N)"
        )
    table, varying = _without_varying(table)
    notes = [*left_out, *filter(None, (shape, marked)), *missing, *varying]
    table = _in_order(_with_numbers(table, mark, locate))
    if count == "incidence":
        theirs = names.get("incidence") or names.get("infected", "the counts")
        table, note = _cumulated(table, theirs, locate)
        notes.append(note)
    if monotone == "running-max":
        notes += _raised(table, locate)
    elif monotone is not None:
        raise InputError(f"monotone = {monotone!r}: must be running-max")
    # The order of the file is kept, so that a later message names the line.
    table = _with_unit(table.sort_index(), times)
    return Counts(table, rows, (*notes, *([times.note] if times.note else [])))


def _without_varying(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out columns that change within a trajectory: they are no conditions."""
    if table.duplicated(["trajectory", "time"]).any():
        # Trajectories of several conditions have the same names: they are told apart by these columns.
        return table, []
    others = [name for name in table.columns if name not in OURS]
    by_trajectory = table.groupby("trajectory", sort=False)
    varying = [name for name in others if by_trajectory[name].nunique(dropna=False).max() > 1]
    note = f"left out, since they change within a trajectory and so are no conditions: {', '.join(varying)}"
    return table.drop(columns=varying), [note] if varying else []


def _refuse_other_unit(asked: str | None, name: str, times: Times, place: str) -> None:
    """Raise an InputError when numbers in a column such as `minute` are said to be in another unit."""
    known = unit_of_name(name)
    if asked is not None and known not in (None, times.unit) and times.are_numbers:
        raise InputError(
            f"{place}: the column {name} holds numbers of {known}s, but --time-unit says {times.unit}; leave it out"
        )


def _with_one_count(source: Source, incidence: bool | None) -> tuple[pd.DataFrame, NDArray[np.int64], str]:
    """Return a long table with either `infected` or `incidence`, the row of each row, and a note if it was wide."""
    table, rows, shape = source.table, np.arange(len(source.table)), ""
    if not {"infected", "incidence"} & set(table.columns):
        columns = wide_columns(source)
        if not columns:
            _refuse_without_counts(source)
        table, rows, shape = long_of_wide(source, columns)
    if incidence and "incidence" not in table:
        table = table.rename(columns={"infected": "incidence"})
    if {"infected", "incidence"} <= set(table.columns):
        table = table.drop(columns="infected" if incidence else "incidence")
    return table, rows, shape


def _with_numbers(table: pd.DataFrame, mark: str, locate: Any) -> pd.DataFrame:
    """Return the table with numbers in the columns of numbers; optional ones may have empty cells."""
    for name in (*COUNTS, *_OTHERS):
        if name not in table:
            continue
        if name not in _OPTIONAL:
            table[name] = _plain_numbers(numbers_of(table[name], mark), table[name], name, locate)
            continue
        empty = is_missing(table[name])
        values = numbers_of(table[name].mask(empty), mark)
        _refuse_text(values, empty, table[name], name, locate)
        table[name] = values
    return table


def _with_unit(table: pd.DataFrame, times: Times) -> pd.DataFrame:
    if times.unit is None or "time_unit" in table:
        return table
    return table.assign(time_unit=times.unit)


def _mark(table: pd.DataFrame, decimal: str | None, source: Source) -> tuple[str, str | None]:
    if decimal is not None:
        if decimal not in (".", ","):
            raise InputError(f"decimal mark {decimal!r}: must be a point or a comma")
        return decimal, None
    counts = [table[name] for name in COUNTS if name in table]
    others = [table[name] for name in (*_OTHERS, "time") if name in table]
    return decimal_mark(counts, others, source.name, source.separator)


def _plain_numbers(values: NDArray[np.float64], cells: "pd.Series[Any]", name: str, locate: Any) -> "pd.Series[Any]":
    """Return numbers as a column, refusing cells that are none; whole numbers are integers."""
    _refuse_text(values, np.zeros(len(cells), dtype=bool), cells, name, locate)
    column = pd.Series(values, index=cells.index)
    whole = np.all(values % 1 == 0) and np.all(np.abs(values) <= 2**53)
    return column.astype(np.int64) if whole else column


def _refuse_text(
    values: NDArray[np.float64], allowed: NDArray[np.bool_], cells: "pd.Series[Any]", name: str, locate: Any
) -> None:
    wrong = ~np.isfinite(values) & ~allowed
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        cell = cells.iloc[row]
        shown = "is empty" if cell is None or str(cell).strip() in ("", "nan", "NaT", "<NA>") else f"= {cell}"
        raise InputError(f"{locate(int(cells.index[row]))}: {name} {shown}; it must be a number on every line")


def _without_footer(source: Source) -> tuple[Source, list[str]]:
    """Leave out rows at the end whose time is empty."""
    if "time" not in source.table or not len(source.table):
        return source, []
    after = is_missing(source.table["time"])
    end = len(after)
    while end and after[end - 1]:
        end -= 1
    if end in (0, len(after)):
        return source, []
    rows = np.arange(len(after)) >= end
    shown = " ".join(str(cell).strip() for cell in source.table.iloc[end] if not pd.isna(cell) and str(cell).strip())
    note = f"{source.locate(end)}: it and what follows have no time, left out: {shown[:40]}"
    return source.without(rows, note), [note]


def _refuse_without_time(source: Source) -> None:
    if "time" in source.table:
        return
    raise InputError(
        f"{source.name}: no column is known to be the time; say which with --column time=NAME (if times run across the "
        f"header, turn the table); there are: {source.listed}"
    )


def _refuse_without_counts(source: Source) -> None:
    table = source.table
    others = [str(name) for name in table.columns if name not in OURS]
    refuse_current(others, source.name)
    numeric = [name for name in others if is_numeric(table[name]) and not is_identifier(name)]
    if not numeric:
        raise InputError(
            f"{source.name}: no column counts who has shared, and none says who shared; name one with --column "
            "infected=NAME (counts) or --column agent=NAME (one row a share; without names, say --every T); there are: "
            f"{source.listed}"
        )
    name = numeric[0]
    values = numbers_of(table[name][~is_missing(table[name])], _marks(table[name])[0])
    falls = "trajectory" not in table and np.any(np.diff(values) < 0)
    hint = f"{name} falls, so it is not the sum so far: add --incidence if" if falls else "add --incidence if"
    population = "" if "population" in table else " and --population N for the number of those who can share"
    raise InputError(
        f"{source.name}: no column is known to count who has shared; say which with --column infected={name}; {hint} "
        f"it counts the new ones of each interval{population}. There are: {source.listed}"
    )


def _refuse_repeated_times(table: pd.DataFrame, source: Source) -> None:
    repeated = table["time"].duplicated()
    if not repeated.any():
        return
    row = int(np.flatnonzero(repeated)[0])
    able = [
        str(name) for name in table.columns
        if name not in OURS and not table.duplicated(["time", name]).any() and table[name].nunique() < len(table)
    ]  # fmt: skip
    hint = f", such as --column trajectory={able[0]}" if able else " (--column trajectory=NAME)"
    raise InputError(
        f"{source.locate(row)}: time = {table['time'].iloc[row]} comes twice, and no column is known to name the "
        f"trajectories; say which{hint}"
    )


def _without_missing(
    table: pd.DataFrame, rows: NDArray[np.int64], count: str, locate: Any
) -> tuple[pd.DataFrame, NDArray[np.int64], list[str]]:
    """Leave out rows without a count: at the ends of trajectories, and between cumulative counts."""
    missing = is_missing(table[count])
    if not missing.any() or missing.all():
        return table, rows, []
    if count == "incidence":
        order = np.lexsort((table["time"].to_numpy(), pd.factorize(table["trajectory"])[0]))
        known = pd.Series(~missing[order])
        label = table["trajectory"].iloc[order].reset_index(drop=True)
        before = known.groupby(label, sort=False).cummax()
        after = known[::-1].groupby(label[::-1], sort=False).cummax()[::-1]
        inside = before & after & ~known
        if inside.any():
            row = int(order[int(np.flatnonzero(inside)[0])])
            raise InputError(
                f"{locate(row)}: the count of this interval is missing, so the sum is not known from there on; write 0 "
                "if nobody shared, or leave out what follows"
            )
    kept = ~missing
    note = f"rows without a count, left out: {missing.sum()} (first: {locate(int(np.flatnonzero(missing)[0]))})"
    return table[kept].reset_index(drop=True), rows[kept], [note]


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows ordered by trajectory and time; they keep their numbers."""
    return table.iloc[np.lexsort((table["time"].to_numpy(), pd.factorize(table["trajectory"])[0]))]


def _cumulated(table: pd.DataFrame, name: str, locate: Any) -> tuple[pd.DataFrame, str]:
    negative = table["incidence"] < 0
    if negative.any():
        row, number = int(table.index[negative][0]), table["incidence"][negative].iloc[0]
        raise InputError(
            f"{locate(row)}: {name} = {number:g} is below 0, as after a correction; take it from the counts before it"
        )
    infected = table["incidence"].groupby(_apart(table), sort=False).cumsum()
    table = table.drop(columns="incidence").assign(infected=infected)
    return table, f"infected is the sum of {name} so far; the first count of a trajectory is of its initial sharers"


def _apart(table: pd.DataFrame) -> Any:
    """Return what tells trajectories apart: the label, and further columns where times of a label come twice."""
    from ..trajectories import path_numbers

    return pd.Series(path_numbers(table), index=table.index)


def _raised(table: pd.DataFrame, locate: Any) -> list[str]:
    """Raise counts that fall to the highest so far; changes the table."""
    highest = table["infected"].groupby(_apart(table), sort=False).cummax()
    fallen = table["infected"] < highest
    if not fallen.any():
        return []
    table["infected"] = highest
    first = locate(int(table.index[fallen][0]))
    return [f"counts that were below an earlier one, raised to it: {fallen.sum()} (first: {first})"]
