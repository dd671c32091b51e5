"""What was given: a file of any kind, a stream or a DataFrame, as one table of cells with their places."""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError
from ..content import read_content, refuse_archive, text_of, unpacked
from ..tables import read_parquet

Data = pd.DataFrame | str | Path | IO[bytes]
"""What can be read: a table, the path of a file, or an open file."""

_BLANKS = " "
_SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "vertical bars", _BLANKS: "blanks"}
SUMS = {"total", "totals", "grand total", "sum", "average", "mean"}
"""First cells of a last line that is no row of the table."""
_LOOKED_AT = 200
"""Lines at the begin of a file by which its separator is found."""


@dataclass(frozen=True)
class Source:
    """A table as it was given.

    Parameters
    ----------
    name : str
        Name in messages.
    table : pandas.DataFrame
        Cells: text, or values where the file has types. Rows are numbered from 0; columns have names.
    lines : array of int, shape (n_rows,)
        Line or row of the file in which each row stands.
    unit : {"line", "row"}
        What `lines` counts.
    separator : str
        What separates the cells of a line; "" where the file has types.
    path : Path or None
        The file.
    record : mapping or None
        Settings of a simulation, where the file has them.
    notes : tuple of str
        How the file was understood, in words.
    columns : tuple of str
        Names of the columns as they were given, whatever they are called in `table` later.
    """

    name: str
    table: pd.DataFrame
    lines: NDArray[np.int64]
    unit: str = "row"
    separator: str = ""
    path: Path | None = None
    record: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def listed(self) -> str:
        """Names of the columns as they were given, in words."""
        return ", ".join(self.columns)

    def locate(self, row: int) -> str:
        """Return where a row stands."""
        return f"{self.name}, {self.unit} {self.lines[row]}"

    def without(self, rows: NDArray[np.bool_], note: str) -> "Source":
        """Return the source without some rows."""
        kept = self.table[~rows].reset_index(drop=True)
        return replace(self, table=kept, lines=self.lines[~rows], notes=(*self.notes, note))


def open_source(data: Data, *, encoding: str | None = None, sheet: str | None = None) -> Source:
    """Read the cells of a table.

    Parameters
    ----------
    data : DataFrame, path, or open binary file
        A file is text (cells separated by commas, semicolons, tabs, vertical bars or blanks), Excel (`.xlsx`), or
        Parquet; all may be packed by gzip. Its content tells, not its name.
    encoding : str, optional
        Encoding of text; by default it is found out.
    sheet : str, optional
        Name of the sheet of a spreadsheet; by default the first.

    Raises
    ------
    InputError
        When it cannot be read as a table.
    """
    source = _opened(data, encoding, sheet)
    return replace(source, columns=tuple(map(str, source.table.columns)))


def _opened(data: Data, encoding: str | None, sheet: str | None) -> Source:
    if isinstance(data, pd.DataFrame):
        return _of_frame(data)
    path: Path | None = None
    content: Any
    if isinstance(data, str | Path):
        path = Path(data)
        name, content = str(path), read_content(path)
    elif hasattr(data, "read"):
        content = data.read()
        name = str(getattr(data, "name", "the open file")).replace("<stdin>", "standard input")
        content = unpacked(content if isinstance(content, bytes) else str(content).encode(), name)
    else:
        raise InputError(f"a table must be a DataFrame, the path of a file, or an open file, not {type(data).__name__}")
    if content.startswith(b"PAR1"):
        return _of_parquet(path, name, content)
    if content.startswith(b"PK\x03\x04") and _is_workbook(content):
        return _of_workbook(content, name, path, sheet)
    refuse_archive(content, name, "a table")
    text, notes = text_of(content, name, encoding)
    return _of_text(text, name, path, notes)


def _of_frame(frame: pd.DataFrame) -> Source:
    index = frame.index
    # An index of dates, and one with a name, is a column that only stands elsewhere.
    is_time = isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex | pd.PeriodIndex)
    if is_time or any(name is not None and name not in frame.columns for name in index.names):
        frame = frame.rename_axis("time").reset_index() if is_time and index.name is None else frame.reset_index()
    frame = frame.rename(columns=lambda name: name if isinstance(name, str) else str(name))
    if repeated := [name for name, n in Counter(frame.columns).items() if n > 1]:
        raise InputError(f"the table: the column {repeated[0]!r} appears twice; give each column its own name")
    return Source("the table", frame.reset_index(drop=True), np.arange(len(frame)))


def _of_parquet(path: Path | None, name: str, content: bytes) -> Source:
    if path is not None and path.suffix != ".gz":
        table, record = read_parquet(path)
    else:
        try:
            table, record = pd.read_parquet(io.BytesIO(content)), None
        except (ValueError, OSError) as error:
            raise InputError(f"{name}: is not a Parquet file ({error})") from error
    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index()
    table = table.rename(columns=str).reset_index(drop=True)
    return Source(name, table, np.arange(1, len(table) + 1), path=path, record=record)


def _is_workbook(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(entry.startswith("xl/") for entry in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _of_workbook(content: bytes, name: str, path: Path | None, sheet: str | None) -> Source:
    try:
        # Any error of the reader means that it is not a spreadsheet it knows.
        with pd.ExcelFile(io.BytesIO(content), engine="openpyxl") as book:
            sheets = [str(each) for each in book.sheet_names]
            if sheet is not None and sheet not in sheets:
                raise InputError(f"{name}: has no sheet {sheet!r}; there are: {', '.join(sheets)}")
            chosen = sheet or sheets[0]
            cells = pd.read_excel(book, sheet_name=chosen, header=None, dtype=object)
    except InputError:
        raise
    except ImportError as error:
        raise InputError(f"{name}: a spreadsheet needs the package openpyxl; pip install openpyxl") from error
    except Exception as error:
        raise InputError(f"{name}: is not a readable spreadsheet ({error}); save it again, or as CSV") from error
    notes = [f"sheet {chosen!r} of {len(sheets)}; another one with --sheet"] if len(sheets) > 1 and not sheet else []
    filled = cells.notna().to_numpy()
    rows = [
        (number + 1, [None if missing else value for value, missing in zip(values, ~full, strict=True)])
        for number, (values, full) in enumerate(zip(cells.to_numpy(dtype=object), filled, strict=True))
        if full.any()
    ]
    return _with_header(rows, name, "row", "", path, notes)


def _of_text(text: str, name: str, path: Path | None, notes: list[str]) -> Source:
    begin, end = text.lstrip()[:1], text.rstrip()[-1:]
    if begin == "<" or begin + end in ("{}", "[]"):
        raise InputError(f"{name}: is {'HTML or XML' if begin == '<' else 'JSON'}, not a table; export it as CSV")
    separator = _separator(text)
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True, skipinitialspace=separator != "\t")
    rows: list[tuple[int, list[Any]]] = []
    line = 1
    try:
        for cells in reader:
            # The first cell of most lines holds something.
            if any(cells) and (cells[0].strip() or any(map(str.strip, cells))):
                rows.append((line, cells))
            # A quoted cell may span lines; the number of a row is that of its first line.
            line = reader.line_num + 1
    except csv.Error as error:
        # The reader notices an unclosed quote only far below the row that contains it.
        noticed = f", noticed on line {reader.line_num}" if reader.line_num > line else ""
        raise InputError(f"{name}, line {line}: is not valid CSV ({error}{noticed}); check the quotes") from error
    if separator != ",":
        notes = [*notes, f"cells are separated by {_SEPARATORS[separator]}"]
    return _with_header(rows, name, "line", separator, path, notes)


def _separator(text: str) -> str:
    """Return what separates the cells: the mark by which most lines have the same number of cells, above one.

    Blanks separate cells only if all lines have equally many: texts and times of day have blanks too.
    """
    lines = [line for line in text[:100_000].splitlines()[:_LOOKED_AT] if line.strip() and line[0] not in "#%"]
    best, score = ",", (0.0, 0)
    for mark in _SEPARATORS:
        if mark == _BLANKS and (score[1] or len({len(line.split()) for line in lines}) != 1):
            continue
        try:
            counts = Counter(len(cells) for cells in csv.reader(lines, delimiter=mark))
        except csv.Error:
            continue
        n_cells, n_lines = counts.most_common(1)[0] if counts else (1, 0)
        if n_cells > 1 and (n_lines / len(lines), n_cells) > score:
            best, score = mark, (n_lines / len(lines), n_cells)
    return best


def _with_header(
    rows: list[tuple[int, list[Any]]], name: str, unit: str, separator: str, path: Path | None, notes: list[str]
) -> Source:
    """Make a table of rows of cells: find the header, and leave out what stands before it and after the table."""
    if not rows:
        raise InputError(f"{name}: is empty; give a table with a header")
    notes = list(notes)
    usual = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
    begin = _header_at([cells for _, cells in rows], usual)
    if begin:
        notes.append(f"{_places(unit, rows[:begin])} before the header, left out: {_shown(rows[0][1])}")
    (place, header), rows = rows[begin], rows[begin + 1 :]
    names = ["" if cell is None else str(cell).strip().removeprefix("#").strip() for cell in header]
    # R numbers the rows in a column without a name.
    if rows and len(names) == usual - 1 and [cells[0] for _, cells in rows] == [str(n + 1) for n in range(len(rows))]:
        names = ["", *names]
    _check_header(names, f"{name}, {unit} {place}")
    end = len(rows)
    while end and usual > 1 and _is_remark(rows[end - 1][1], usual, rows):
        end -= 1
    if rows[end:]:
        notes.append(f"{_places(unit, rows[end:])} after the table, left out: {_shown(rows[end][1])}")
    rows = rows[:end]
    needed = max(position for position, each in enumerate(names, start=1) if each)
    for place, cells in rows:
        if len(cells) < needed or (len(cells) > len(names) and _n_filled(cells[len(names) :])):
            raise InputError(
                f"{name}, {unit} {place}: has {len(cells)} cells, the header has {len(names)}; check quotes and "
                f"{_SEPARATORS.get(separator, 'cells')}"
            )
    empty = "" if separator else None
    content = [
        cells if len(cells) == len(names) else [*cells[: len(names)], *[empty] * (len(names) - len(cells))]
        for _, cells in rows
    ]
    table = pd.DataFrame(content, columns=pd.RangeIndex(len(names)), dtype=object)
    named = [position for position, each in enumerate(names) if each]
    if n_filled := sum(not table[column].map(_is_empty).all() for column in table.columns.difference(named)):
        notes.append(f"columns without a name, left out: {n_filled}")
    table = table[named].set_axis([names[position] for position in named], axis=1)
    if not separator:
        table = table.infer_objects()
    lines = np.array([place for place, _ in rows], dtype=np.int64)
    return Source(name, table, lines, unit, separator, path, None, tuple(notes))


def _header_at(rows: list[list[Any]], usual: int) -> int:
    """Return the number of rows before the header: titles, remarks and comments."""
    begin = 0
    while begin < len(rows) - 1 and (_is_comment(rows[begin]) or (usual > 1 and _n_filled(rows[begin]) == 1)):
        begin += 1
    # The header may be a comment itself.
    if (
        begin
        and _is_comment(rows[begin - 1])
        and len(rows[begin - 1]) == usual
        and not any(map(_has_letters, rows[begin]))
    ):
        begin -= 1
    return begin


def _check_header(names: list[str], place: str) -> None:
    if not any(map(_has_letters, names)):
        raise InputError(f"{place}: is no header ({_shown(list(names))}); name the columns in the first line")
    if repeated := [each for each, n in Counter(names).items() if each and n > 1]:
        raise InputError(f"{place}: the column name {repeated[0]!r} appears twice; give each column its own name")


def _is_empty(cell: Any) -> bool:
    return cell is None or str(cell).strip() == ""


def _n_filled(cells: list[Any]) -> int:
    return sum(not _is_empty(cell) for cell in cells)


def _has_letters(cell: Any) -> bool:
    return any(letter.isalpha() for letter in str(cell))


def _is_comment(cells: list[Any]) -> bool:
    return str(cells[0]).lstrip().startswith(("#", "%"))


def _is_remark(cells: list[Any], usual: int, rows: list[tuple[int, list[Any]]]) -> bool:
    """Return whether a row is a remark: a sum, one text, or a text with spaces that separators cut into cells."""
    if not _has_letters(cells[0]):
        return False
    if _n_filled(cells) == 1:
        return True
    first = str(cells[0]).strip()
    is_sum, is_cut = first.lower() in SUMS, len(cells) < usual and " " in first
    # The label of a row stands in other rows too.
    return (is_sum or is_cut) and sum(others[0] == cells[0] for _, others in rows) == 1


def _shown(cells: list[Any]) -> str:
    text = " ".join(str(cell).strip() for cell in cells if not _is_empty(cell))
    return f"{text[:40]}…" if len(text) > 40 else text


def _places(unit: str, rows: list[tuple[int, list[Any]]]) -> str:
    first, last = rows[0][0], rows[-1][0]
    return f"{unit} {first}" if first == last else f"{unit}s {first} to {last}"
