"""Edge lists: text with one edge a line, Parquet, and Matrix Market."""

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from .edge_headers import NETWORK, SOURCE, TARGET, WEIGHT, Header, understand
from .edge_table import EdgeTable, unreadable
from .tables import read_parquet

_SEPARATOR_LINE = r'"?sep=[^\n]"?[ \t]*(?:\n|\Z)'
"""Line with which Excel is told the separator."""
_COMMENT = re.compile(rf"^(?:[ \t]*(?:#|%|//|;)[^\n]*\n?|{_SEPARATOR_LINE})", re.MULTILINE)
_COMMENT_WITHOUT_SEMICOLON = re.compile(rf"^(?:[ \t]*(?:#|%|//)[^\n]*\n?|{_SEPARATOR_LINE})", re.MULTILINE)
_NAMES_TAKEN_FOR_COMMENT = re.compile(r"^#\w[^\n]*", re.MULTILINE)
_UNDIRECTED = re.compile(r"^[#%/;\s]*(?:sym\b|undirected\b)", re.IGNORECASE)
"""Beginning of a comment that says that edges have no direction, as in files of KONECT and SNAP."""
_ATTRIBUTES = re.compile(r"[ \t,;]*\{([^\n]*)\}[ \t]*$", re.MULTILINE)
"""Attributes of an edge, as networkx writes them after its ends."""
_ARROWS = ("->", "--", "=>", "<->")
_BLANKS = r"\s+"
_SEPARATORS = ("\t", ";", ",", "|", _BLANKS)
_SAMPLE = 200
"""Lines by which the separator is chosen."""


def read_edge_list(text: str, place: str, columns: Mapping[str, str], header: bool | None) -> EdgeTable:
    """Read an edge list: names separated by commas, semicolons, tabs, bars or blanks.

    Parameters
    ----------
    text : str
        The content of the file; its lines end with one newline character.
    place : str
        The file, for messages.
    columns, header
        As in :func:`tworate.simulate.network_files.read_edges`.

    Raises
    ------
    InputError
        When a line cannot be an edge.
    """
    comment, separator, body = _split(text)
    attributes = _ATTRIBUTES.search(body[: body.find("\n")] if "\n" in body else body)
    weights_aside = None
    if attributes:
        # Weights of networkx stand in the attributes; the column that takes their place has a name of its own.
        weights_aside = _weights_in_attributes(body)
        body = _ATTRIBUTES.sub("", body)
        separator = _separator(_lines(body, _SAMPLE))
    if not body.strip():
        raise InputError(
            f"{place}: holds no edges; write one edge on each line, as two names. Lines that begin with #, %, // or ; "
            "are comments: such names need double quotes"
        )
    rows = _Rows(text, comment, place)
    table = _cells(body, separator, rows)
    found = understand(table, place, columns, header)
    notes = [*found.notes, *_names_lost(text, separator)]
    if attributes and weights_aside is None:
        notes.append("attributes of the edges were ignored")
    edges = table.iloc[found.first_row :]
    if WEIGHT not in found.at and weights_aside is not None:
        weights: NDArray[np.float64] | None = weights_aside
    else:
        weights = _weights(edges, found)
    if not columns and separator == _BLANKS and found.first_row == 0:
        _refuse_adjacency(edges, rows)
    directed = np.full(len(edges), not (comment.match(text) and _UNDIRECTED.match(text)))
    if not directed.all():
        notes.append("its first comment says that edges have no direction")
    elif found.kind is not None:
        directed = (edges[found.kind].str.strip().str.lower() == "directed").to_numpy(dtype=bool)
    return _table(edges, found, weights, directed, notes, rows)


def read_edge_parquet(path: Path, columns: Mapping[str, str]) -> EdgeTable:
    """Read an edge list in Parquet, whose columns have names.

    Raises
    ------
    InputError
        When the file cannot be read, or has no two columns.
    """
    content = read_parquet(path)[0]
    names = pd.DataFrame([list(map(str, content.columns))], columns=range(content.shape[1]))
    if content.empty or names.shape[1] < 2:
        raise InputError(f"{path}: holds no edges; write one row an edge, with the columns source and target")
    found = understand(pd.concat([names, names]), str(path), columns, True, named=True)
    notes = list(found.notes)
    if {found.names[found.at[SOURCE]], found.names[found.at[TARGET]]} != {SOURCE, TARGET}:
        notes.append(
            f"source = {found.names[found.at[SOURCE]]}, target = {found.names[found.at[TARGET]]} (the target is shown "
            "what the source posts); if this is wrong, write FILE:source=COLUMN,target=COLUMN"
        )
    used = {ours: position for ours, position in found.at.items() if ours != WEIGHT}
    edges = pd.DataFrame({position: _as_text(content.iloc[:, position]) for position in used.values()})
    rows = _Rows("", _COMMENT, str(path))
    weights = None
    if WEIGHT in found.at:
        edges[found.at[WEIGHT]] = _as_text(content.iloc[:, found.at[WEIGHT]])
        weights = _weights(edges, found)
    return _table(edges, found, weights, np.full(len(edges), True), notes, rows)


def read_matrix_market(text: str, place: str) -> EdgeTable:
    """Read a sparse matrix in the Matrix Market format; agents have the numbers of rows, from 1.

    Raises
    ------
    InputError
        When the content is no square sparse matrix.
    """
    from scipy import io as scipy_io
    from scipy import sparse

    try:
        matrix = scipy_io.mmread(io.BytesIO(text.encode()), spmatrix=False)
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise unreadable(place, f"as Matrix Market: {str(error).splitlines()[0]}") from error
    if not sparse.issparse(matrix) or matrix.shape[0] != matrix.shape[1]:
        raise unreadable(place, f"a matrix of shape {matrix.shape} that is sparse and square is needed")
    entries = matrix.tocoo()
    header = text.partition("\n")[0].lower().split()
    symmetric = "symmetric" in header
    kept = entries.row <= entries.col if symmetric else np.ones(entries.nnz, dtype=bool)
    return EdgeTable(
        pd.Index([str(number) for number in range(1, matrix.shape[0] + 1)], dtype=str),
        entries.row[kept].astype(np.int32),
        entries.col[kept].astype(np.int32),
        np.full(int(kept.sum()), not symmetric),
        None if "pattern" in header else entries.data[kept].astype(float),
        says_direction=True,
    )


class _Rows:
    """Where the rows of a table stand in its file, for messages; rows are counted from 0."""

    def __init__(self, text: str, comment: re.Pattern[str], place: str) -> None:
        self._text, self._comment, self.place = text, comment, place

    def name(self, row: int) -> str:
        """Return the name of a row: its line, or its number in a file without lines."""
        return f"line {self._line(row)}" if self._text else f"row {row + 1}"

    def refuse(self, row: int, message: str) -> InputError:
        """Return the error about a row."""
        return InputError(f"{self.place}, {self.name(row)}: {message}")

    def _line(self, row: int) -> int:
        # Comments and blank lines are no rows.
        for number, line in enumerate(self._text.split("\n"), start=1):
            if line.strip() and not self._comment.match(line):
                row -= 1
                if row < 0:
                    return number
        return 1


def _split(text: str) -> tuple[re.Pattern[str], str, str]:
    """Return the form of comments, the separator, and the text without comments."""
    body = _COMMENT.sub("", text) if _COMMENT.search(text) else text
    separator = _separator(_lines(body, _SAMPLE))
    if separator != ";":
        return _COMMENT, separator, body
    # A line that begins with a semicolon then has an empty first cell.
    comment = _COMMENT_WITHOUT_SEMICOLON
    return comment, separator, comment.sub("", text) if comment.search(text) else text


def _names_lost(text: str, separator: str) -> list[str]:
    """Return a note on comments that look like edges between names with #, such as tags."""
    found = [match for match in _NAMES_TAKEN_FOR_COMMENT.findall(text) if separator in match]
    if not found:
        return []
    return [f"lines that begin with # are comments, such as {found[0][:60]!r}; if they are edges, quote the names"]


def _lines(text: str, most: int) -> list[str]:
    """Return the first lines that are not blank."""
    lines: list[str] = []
    for line in io.StringIO(text):
        if line.strip():
            lines.append(line.rstrip("\n"))
            if len(lines) == most:
                break
    return lines


def _separator(lines: list[str]) -> str:
    """Return the separator that splits every line, or else most lines."""
    bare = [re.sub(r'"[^"]*"', "q", line) for line in lines]
    for mark in _SEPARATORS[:-1]:
        if bare and all(mark in line for line in bare):
            return mark
    if all(len(line.replace(",", " ").split()) == 2 for line in bare):
        return _BLANKS
    # A line without a separator names one agent, or is a fault that is reported.
    counts = {mark: sum(mark in line for line in bare) for mark in _SEPARATORS[:-1]}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] * 2 > len(bare) else _BLANKS


def _cells(body: str, separator: str, rows: _Rows) -> pd.DataFrame:
    """Split text into cells; every row has as many as the first, and columns are numbered from 0."""
    if separator == _BLANKS and "," in body:
        # Some lists have commas on some lines and blanks on others.
        body = re.sub(r'"[^"\n]*"|,', lambda match: " " if match[0] == "," else match[0], body)
    first = next(iter(_lines(body, 1)))
    cells = _cells_of(first, separator)
    if len(cells) < 2:
        raise rows.refuse(0, f"has {len(cells)} names; an edge has two")
    try:
        table = pd.read_csv(
            io.StringIO(body), sep=separator, header=None, names=list(range(len(cells))), index_col=False,
            dtype=str, na_filter=False, skipinitialspace=True, engine="c",
        )  # fmt: skip
    except (pd.errors.ParserError, ValueError, OverflowError) as error:
        reason = str(error).strip().splitlines()[0]
        raise _first_fault(body, separator, len(cells), rows) or unreadable(rows.place, reason) from error
    if separator == _BLANKS and len(cells) > 2 and table[1].iloc[0] in _ARROWS and table[1].nunique() == 1:
        table = table.drop(columns=1).set_axis(range(len(cells) - 1), axis=1)
    if separator == _BLANKS and (short := np.flatnonzero((table[1] == "").to_numpy())).size:
        raise rows.refuse(int(short[0]), "has 1 names; an edge has two")
    return table


def _cells_of(line: str, separator: str) -> list[str]:
    if separator == _BLANKS:
        return re.findall(r'"[^"]*"|\S+', line)
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        # A cell that is longer than any name.
        return [line]


def _first_fault(body: str, separator: str, n_cells: int, rows: _Rows) -> InputError | None:
    """Return the error about the first line with an open quote or too many cells."""
    for row, line in enumerate(filter(str.strip, body.split("\n"))):
        if line.count('"') % 2:
            return rows.refuse(row, "has a quote that is not closed; close or remove it")
        if (found := len(_cells_of(line, separator))) > n_cells:
            return rows.refuse(
                row,
                f"has {found} names or cells, and the first line has {n_cells}; write one edge on each line, and names "
                "with separators in double quotes",
            )
    return None


def _weights_in_attributes(body: str) -> NDArray[np.float64] | None:
    """Return the weights that networkx wrote as `{'weight': 2.0}`; None unless every edge has one."""
    found = [
        re.search(r"""['"]weight['"]\s*:\s*([-+0-9.eE]+)""", attributes[1]) for attributes in _ATTRIBUTES.finditer(body)
    ]
    if not found or not all(found) or len(found) < sum(1 for line in io.StringIO(body) if line.strip()):
        return None
    return pd.to_numeric(pd.Series([match[1] for match in found if match]), errors="coerce").to_numpy(dtype=float)


def _weights(edges: pd.DataFrame, found: Header) -> NDArray[np.float64] | None:
    """Return the column of weights; NaN where a cell is no number, which only readers of weights refuse."""
    if WEIGHT not in found.at:
        return None
    return pd.to_numeric(edges[found.at[WEIGHT]], errors="coerce").to_numpy(dtype=float)


def _refuse_adjacency(edges: pd.DataFrame, rows: _Rows) -> None:
    """Refuse lists of neighbours: further cells are names of agents, and lines have different lengths or words."""
    if edges.shape[1] < 3:
        return
    third = edges[2]
    given = third[third != ""]
    if given.empty or not given.isin(edges[0]).all():
        return
    ragged = (edges.iloc[:, 2:] == "").to_numpy().any()
    if ragged or pd.to_numeric(given, errors="coerce").isna().all():
        row = int(np.flatnonzero((third != "").to_numpy())[0])
        raise rows.refuse(
            row, f"has {int((edges.iloc[row] != '').sum())} names; an edge has two: write one edge on each line"
        )


def _table(
    edges: pd.DataFrame,
    found: Header,
    weights: NDArray[np.float64] | None,
    directed: NDArray[np.bool_],
    notes: list[str],
    rows: _Rows,
) -> EdgeTable:
    """Give agents numbers by their first appearance; a row with one name is an agent without an edge of that row."""
    n = len(edges)
    ends = pd.concat([edges[found.at[SOURCE]], edges[found.at[TARGET]]], ignore_index=True)
    codes, names = pd.factorize(ends, use_na_sentinel=False)
    stripped = pd.Index(names.astype(str).str.strip(), dtype=str)
    merged, labels = pd.factorize(stripped)
    # In the order in which a reader of the file meets the names.
    order, interleaved = pd.factorize(merged[codes].reshape(2, n).T.ravel())[::-1]
    labels = pd.Index(labels, dtype=str)[order]
    pairs = interleaved.reshape(n, 2).astype(np.int32)
    broken = labels.str.contains("\n", regex=False)
    if broken.any():
        name = labels[broken][0].splitlines()[0]
        raise InputError(f"{rows.place}: the name {name!r} goes on over a line end; close the quotes of every name")
    named = np.ones(n, dtype=bool)
    if "" in labels:
        blank = int(labels.get_loc(""))
        missing = pairs == blank
        named, alone = ~missing.any(axis=1), missing.sum(axis=1) == 1
        if alone.any():
            row = int(np.flatnonzero(alone)[0]) + found.first_row
            notes.append(
                f"rows with one name and a blank, taken for agents without that edge: {alone.sum()} (the first is "
                f"{rows.name(row)})"
            )
        labels = labels.delete(blank)
        pairs = np.where(pairs > blank, pairs - 1, pairs).astype(np.int32)
    used = {*found.at.values(), found.kind}
    unused = tuple(
        (found.names[position] if found.first_row else "") or f"number {position + 1}"
        for position in range(len(found.names))
        if position not in used
        and ((found.first_row and found.names[position]) or (position in edges and (edges[position] != "").any()))
    )
    networks = edges[found.at[NETWORK]].str.strip().to_numpy(dtype=object) if NETWORK in found.at else None
    return EdgeTable(
        labels,
        pairs[named, 0],
        pairs[named, 1],
        directed[named],
        None if weights is None else weights[named],
        None if networks is None else networks[named],
        tuple(notes),
        unused,
        lambda edge: rows.name(int(np.flatnonzero(named)[edge]) + found.first_row),
    )


def _as_text(column: "pd.Series") -> "pd.Series":
    """Return cells as text; whole numbers without a decimal point, and nothing where a cell is empty."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype(object).where(column.notna(), "").astype(str)
