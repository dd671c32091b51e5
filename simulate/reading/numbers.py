"""Numbers as people write them: decimal commas, thousands separators, and marks for what is missing."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError

MISSING = {
    "", "-", "–", "—", ".", "..", "...", "?", "na", "n/a", "n.a.", "#n/a", "nd", "n.d.", "n/d", "nan", "nat", "null",
    "none", "missing", "unknown", "not available", "no data", "<na>", "k.a.", "s/d",
}  # fmt: skip
"""Cells, in lower case, that hold no value."""

_SPACES = re.compile("(?<=\\d)[\u00a0\u2007\u2009\u202f '’_](?=\\d{3}(?!\\d))")
"""Marks between groups of three digits that are nothing else in a number."""
_GROUPS = {mark: re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:\{mark}\d{{3}})+") for mark in ",."}
_DIGITS = re.compile(r"[+-]?[\d.,]*\d[\d.,]*(?:[eE][+-]?\d+)?")


def is_missing(cells: "pd.Series[Any]") -> NDArray[np.bool_]:
    """Return whether each cell holds no value, shape (n_rows,)."""
    empty = cells.isna().to_numpy(dtype=np.bool_)
    if is_text(cells):
        codes, unique = pd.factorize(cells)
        known = np.array([str(cell).strip().lower() in MISSING for cell in unique], dtype=np.bool_)
        empty = empty | np.append(known, True)[codes]
    return empty


def is_text(cells: "pd.Series[Any]") -> bool:
    """Return whether cells are text, or values of several types."""
    return cells.dtype == object or pd.api.types.is_string_dtype(cells.dtype)


def numbers_of(cells: "pd.Series[Any]", decimal: str = ".") -> NDArray[np.float64]:
    """Return the number in each cell, shape (n_rows,); NaN where a cell is not a number.

    Parameters
    ----------
    cells : pandas.Series
        Numbers, or text.
    decimal : {".", ","}
        The decimal mark. The other one is allowed between groups of three digits.
    """
    if not is_text(cells):
        return pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    # Numbers repeat in most columns, so each text is looked at once.
    codes, unique = pd.factorize(cells)
    text = pd.Series(unique, dtype=object).map(str).str.strip()
    plain = np.array(pd.to_numeric(text, errors="coerce"), dtype=float)
    # With a decimal comma, a point stands between groups: 1.234 is no decimal number then.
    special = np.isnan(plain) if decimal == "." else np.isnan(plain) | text.str.contains(".", regex=False).to_numpy()
    for place in np.flatnonzero(special):
        plain[place] = _number(text.iloc[place], decimal)
    return np.append(plain, np.nan)[codes]


def _number(text: str, decimal: str) -> float:
    text = _SPACES.sub("", text)
    group = "," if decimal == "." else "."
    whole, mark, rest = text.partition(decimal)
    if group in whole:
        if not _GROUPS[group].fullmatch(whole):
            return float("nan")
        whole = whole.replace(group, "")
    try:
        return float(whole + ("." if mark else "") + rest)
    except ValueError:
        return float("nan")


def decimal_mark(
    counts: Iterable["pd.Series[Any]"], others: Iterable["pd.Series[Any]"], place: str, separator: str
) -> tuple[str, str | None]:
    """Return the decimal mark of a table, and a note where it is a comma or digits are grouped.

    Parameters
    ----------
    counts : iterable of pandas.Series
        Columns of whole numbers.
    others : iterable of pandas.Series
        Further columns of numbers.
    place : str
        Name of the file in messages.
    separator : str
        What separates the cells of a line; "" where cells are not text.

    Raises
    ------
    InputError
        When the cells contradict each other, or could be read both ways.
    """
    of_counts, of_others = (_marked(columns) for columns in (counts, others))
    votes = {cell: mark for cell in [*of_counts, *of_others] if (mark := _vote(cell)) is not None}
    marks = set(votes.values())
    if len(marks) > 1:
        by_mark = {mark: cell for cell, mark in votes.items()}
        raise InputError(
            f"{place}: {by_mark['.']} has a decimal point and {by_mark[',']} a decimal comma; write all numbers one way"
        )
    if not marks and of_counts:
        marks = {_mark_of_counts(of_counts, place, separator)}
    if not marks and (commas := [cell for cell in of_others if "," in cell]):
        raise _ambiguous(commas[0], place)
    mark = marks.pop() if marks else "."
    grouped = next((cell for cell in of_counts if ("," if mark == "." else ".") in cell), None)
    if mark == ",":
        shown = next((cell for cell in votes if "," in cell), None)
        if shown is not None:
            return mark, f"numbers have a decimal comma, such as {shown}"
        return mark, f"numbers have points between groups of digits, such as {grouped}"
    return mark, None if grouped is None else f"numbers have commas between groups of digits, such as {grouped}"


def _marked(columns: Iterable["pd.Series[Any]"]) -> list[str]:
    """Return the different cells that are numbers with a comma or a point."""
    cells: dict[str, None] = {}
    for column in columns:
        if is_text(column):
            text = [str(cell).strip() for cell in pd.unique(column) if "." in str(cell) or "," in str(cell)]
            cells.update({shown: None for cell in text if _DIGITS.fullmatch(shown := _SPACES.sub("", cell))})
    return list(cells)


def _vote(cell: str) -> str | None:
    """Return the decimal mark that a cell must have been written with, if it can have only one."""
    commas, points = cell.count(","), cell.count(".")
    if commas and points:
        return "," if cell.rindex(",") > cell.rindex(".") else "."
    if commas > 1 or points > 1:
        return "." if commas else ","
    mark = "," if commas else "."
    return None if _GROUPS[mark].fullmatch(cell) else mark


def _mark_of_counts(cells: list[str], place: str, separator: str) -> str:
    """Return the decimal mark where all marked counts are like 1,234 or like 3.000."""
    mark = "," if "," in cells[0] else "."
    # Counts are whole: 1.234 can only be grouped digits. Where all end with zeros, both readings are whole.
    if any(re.split("[.,]", cell)[1].strip("0") != "" for cell in cells) or (mark == "," and separator == ","):
        return "." if mark == "," else ","
    raise _ambiguous(cells[0], place)


def _ambiguous(cell: str, place: str) -> InputError:
    """Return the error for a number that can be read with either decimal mark."""
    small, large = re.sub("[.,]", ".", cell, count=1), re.sub("[.,]", "", cell)
    return InputError(
        f"{place}: {cell} can be {float(small):g} or {large}; say which mark is the decimal one (--decimal . or "
        "--decimal ,)"
    )
