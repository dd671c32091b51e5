"""Which columns of a table of edges are its ends, and whether its first line names the columns."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..errors import InputError, nearest
from .edge_table import some

SOURCE, TARGET, WEIGHT, NETWORK = "source", "target", "weight", "network"
OURS = (SOURCE, TARGET, WEIGHT, NETWORK)
"""Our names of the columns: the target is shown what the source posts."""

_PAIRS = (
    ("source", "target"), ("src", "dst"), ("src", "tgt"), ("src", "dest"), ("from", "to"), ("u", "v"), ("i", "j"),
    ("x", "y"), ("a", "b"), ("ego", "alter"), ("sender", "receiver"), ("sender", "recipient"), ("tail", "head"),
    ("start", "end"), ("origin", "destination"), ("parent", "child"), ("influencer", "influenced"),
    ("author", "reader"), ("author", "retweeter"), ("retweeted", "retweeter"), ("von", "nach"),
    *((f"{word}{one}", f"{word}{two}")
      for word in ("", "node", "id", "user", "person", "agent", "actor", "vertex", "name", "character", "n", "v")
      for one, two in (("1", "2"), ("a", "b"), ("0", "1"), ("i", "j"), ("x", "y"))
      if word or not one.isdigit()),
)  # fmt: skip
"""Pairs of columns that are the ends of an edge, in this order."""
_FOLLOWED = ("followed", "follows", "followee", "following", "friend", "leader", "idol")
"""Columns of those whose posts the follower is shown."""
_FOLLOWER = ("follower", "fan", "subscriber")
_ROWS_ENOUGH = 20
_WEIGHTS = ("weight", "weights", "edgeweight")
# Words that say nothing of the role of a column.
_EMPTY = {
    "node", "id", "ids", "user", "name", "agent", "vertex", "account", "person", "screen", "handle", "label", "key",
}  # fmt: skip
_WORDS = {word for pair in _PAIRS for word in pair} | {*_FOLLOWED, *_FOLLOWER, *_WEIGHTS} | _EMPTY | {
    "actor", "member", "character", "contact", "neighbor", "neighbour", "partner", "connection", "link", "edge", "type",
    "mention", "mentioned", "mentioner", "retweeter", "retweeted", "replier", "replied", "poster", "receiver", "reader",
    "knows", "known", "by", "likes", "trusts", "trusted", "trustee", "truster", "time", "timestamp", "date", "year",
    "count", "value", "strength", "relation", "relationship", "direction", "no", "nr", "number", "index", "who", "whom",
    "giver", "taker", "speaker", "listener", "seller", "buyer", "rater", "ratee", "teacher", "student", "tweeter",
}  # fmt: skip


class Header(NamedTuple):
    """What the columns of a table of edges are.

    Parameters
    ----------
    names : tuple of str
        Names of the columns; their numbers, from 1, where the table has none.
    first_row : int
        Rows before the first edge: 1 if the first row names the columns, 0 if not.
    at : mapping of str to int
        Position of the column of each of our names.
    notes : tuple of str
        What was taken for a header, and what could be one.
    kind : int, optional
        Position of a column `Type` that says of each edge whether it is directed, as Gephi writes it.
    """

    names: tuple[str, ...]
    first_row: int
    at: dict[str, int]
    notes: tuple[str, ...]
    kind: int | None = None


def understand(
    table: pd.DataFrame, place: str, columns: Mapping[str, str], header: bool | None, *, named: bool = False
) -> Header:
    """Find the header and the columns of a table of edges, all cells of which are text.

    Parameters
    ----------
    table : pandas.DataFrame
        Cells by position; the first row may be a header.
    place : str
        The file, for messages.
    columns : mapping of str to str
        Our name to the file's name (or, without a header, number from 1) of a column.
    header : bool, optional
        Whether the first row names the columns; by default it is found out.
    named : bool
        Whether the first row has the column names of the file's format, so that it need not be mentioned.

    Raises
    ------
    InputError
        When a column that is asked for is not there, or there is only one column.
    """
    first = [str(cell).strip() for cell in table.iloc[0]]
    if unknown := [name for name in columns if name not in OURS]:
        raise InputError(
            f"{place}: {unknown[0]!r} is not a column of edges{nearest(unknown[0], OURS)}; they are {', '.join(OURS)}"
        )
    numbers = tuple(str(number) for number in range(1, len(first) + 1))
    doubt, is_given = "", header is not None or bool(columns)
    if header is None:
        if columns:
            # Names of columns that the first line has make it a header; only numbers do not.
            header = not set(columns.values()) <= set(numbers) or set(columns.values()) <= set(first)
        else:
            header, doubt = _is_header(table, first)
    names = tuple(first) if header else numbers
    at = {ours: _position(place, ours, theirs, names, header) for ours, theirs in columns.items()}
    at = {**(_roles(first) if header else {}), **at}
    at = _completed(place, at, names, _is_index(table, first) if header else False)
    notes = []
    if not header and not columns and _has_weights(table):
        at[WEIGHT] = 2
        notes.append("the third column was taken for weights; if this is wrong, write FILE:source=1,target=2")
    roles = ", ".join(f"{ours} = {names[at[ours]]}" for ours in OURS if ours in at)
    plain = [name.lower() for name in first if name.lower() in OURS]
    if header and not named and not is_given and len(plain) < len(at):
        notes.append(
            f"the first row was taken for names of columns: {roles} (the target is shown what the source posts); "
            "if this is wrong, write FILE:header=no, or FILE:source=COLUMN,target=COLUMN"
        )
    if doubt:
        notes.append(doubt)
    return Header(names, int(bool(header)), at, tuple(notes), _kind_of_edges(table, first) if header else None)


def _has_weights(table: pd.DataFrame) -> bool:
    """Return whether the third and last column holds weights: not all whole, as times and ids would be."""
    if table.shape[1] != 3:
        return False
    numbers = pd.to_numeric(table.iloc[:, 2], errors="coerce").to_numpy(dtype=float)
    return bool(
        np.isfinite(numbers).all() and (numbers >= 0).all() and (numbers % 1 != 0).any() and numbers.max() < 1e8
    )


def _position(place: str, ours: str, theirs: str, names: Sequence[str], header: bool) -> int:
    lower = [name.lower() for name in names]
    if theirs in names:
        return list(names).index(theirs)
    if theirs.lower() in lower:
        return lower.index(theirs.lower())
    if theirs.isdecimal() and 0 < int(theirs) <= len(names):
        return int(theirs) - 1
    kind = "columns" if header else "columns, which have no header,"
    raise InputError(
        f"{place}: has no column {theirs!r} to take for {ours}{nearest(theirs, names, '')}; its {kind} are: "
        f"{some(names, 12)}"
    )


def _kind_of_edges(table: pd.DataFrame, first: Sequence[str]) -> int | None:
    """Return the position of the column with the kind of each edge, if there is one."""
    for position, name in enumerate(first):
        if name.lower() == "type" and position in table:
            kinds = table[position].iloc[1:].str.strip().str.lower()
            if kinds.isin(["directed", "undirected"]).all():
                return position
    return None


def _completed(place: str, at: dict[str, int], names: Sequence[str], has_index: bool) -> dict[str, int]:
    """Give source and target the first free columns, where they have none."""
    free = [position for position in range(int(has_index), len(names)) if position not in at.values()]
    for ours in (SOURCE, TARGET):
        if ours not in at:
            if not free:
                raise InputError(f"{place}: has {len(names)} column; an edge has two names: write both on a line")
            at[ours] = free.pop(0)
    if len({at[SOURCE], at[TARGET]}) == 1:
        raise InputError(f"{place}: source and target are one column, {names[at[SOURCE]]!r}; name two")
    return at


def _roles(first: Sequence[str]) -> dict[str, int]:
    """Return the positions of the columns whose names say what they are."""
    keys = [_key(name) for name in first]
    at: dict[str, int] = {}
    for ours, names in ((WEIGHT, _WEIGHTS), (NETWORK, (NETWORK,))):
        if found := [position for position, key in enumerate(keys) if key in names]:
            at[ours] = found[0]
    followed = [position for position, key in enumerate(keys) if key in _FOLLOWED]
    follower = [position for position, key in enumerate(keys) if key in _FOLLOWER]
    for source, target in _PAIRS:
        if source in keys and target in keys:
            return {**at, SOURCE: keys.index(source), TARGET: keys.index(target)}
    if follower and followed:
        return {**at, SOURCE: followed[0], TARGET: follower[0]}
    others = [position for position, name in enumerate(first) if position not in at.values() and name]
    if len(others) == 2:
        # The other of two columns is known by the one: `user, follower`; a friend alone may be anybody.
        if len(follower) == 1:
            return {**at, TARGET: follower[0], SOURCE: next(p for p in others if p != follower[0])}
        if len(followed) == 1 and keys[followed[0]] != "friend":
            return {**at, SOURCE: followed[0], TARGET: next(p for p in others if p != followed[0])}
    return at


def _words_of(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[\W_]+", spaced.lower()) if word]


def _key(name: str) -> str:
    """Return what is left of the name of a column without words such as `id`: `FromNodeId` is `from`."""
    words = _words_of(name)
    left = [word for word in words if word not in _EMPTY]
    return "".join(left if any(word.isalpha() and len(word) > 1 for word in left) else words)


def _is_header(table: pd.DataFrame, first: Sequence[str]) -> tuple[bool, str]:
    """Return whether the first row names the columns, and a note where this is doubtful."""
    given = [name for name in first if name]
    if len(given) < 2 or len(set(given)) < len(given) or any(_is_number(name) for name in given):
        return False, ""
    roles = _roles(first)
    rest = table.iloc[1:]
    ends = [position for position in range(len(first)) if first[position]][:2]
    if SOURCE in roles and TARGET in roles and all(len(first[p]) > 1 and first[p].isalpha() for p in ends):
        return True, ""
    if rest.empty:
        return all(_speaks_of_columns(name) for name in given), ""
    elsewhere = any(rest[position].isin(given[:2]).any() for position in ends)
    further = [position for position in range(2, len(first)) if first[position]]
    if _all_numbers(rest, ends) or any(_all_numbers(rest, [position]) for position in further):
        return True, ""
    if elsewhere or any(_is_one_of(first[position], rest[position]) for position in ends):
        return False, ""
    if all(_speaks_of_columns(first[position]) for position in ends):
        return True, ""
    if _is_written_otherwise([first[p] for p in ends], [rest[p] for p in ends]) or _is_lonely(rest, ends):
        return True, ""
    if len(rest) > 4:
        return False, (
            f"the first row was taken for an edge between {first[ends[0]]!r} and {first[ends[1]]!r}, which occur "
            "nowhere else; if it names the columns, write FILE:header=yes"
        )
    return False, ""


def _is_one_of(name: str, cells: "pd.Series[str]") -> bool:
    """Return whether cells have names like this one: one letter, or the same letters with another number."""
    if len(name) == 1:
        return bool((cells.str.len() == 1).any())
    series = re.fullmatch(r"(.*\D)\d+", name)
    return bool(series and cells.str.fullmatch(re.escape(series[1]) + r"\d+").any())


def _is_written_otherwise(names: Sequence[str], columns: "Sequence[pd.Series[str]]") -> bool:
    """Return whether two names lack what all others have: digits, as u17; among several rows capitals, blanks or @."""
    for pattern, least in ((r"\d", 1), (r"[A-Z]", 2), (r" ", 2), ("@", 2)):
        if not any(re.search(pattern, name) for name in names) and all(
            len(cells) >= least and _all_match(cells, pattern) for cells in columns
        ):
            return True
    # Capitals that no other name has.
    return all(name[0].isupper() for name in names) and all(
        len(cells) >= 2 and _all_match(cells, r"^[^A-Z]*$") for cells in columns
    )


def _all_match(cells: "pd.Series[str]", pattern: str) -> bool:
    """Return whether a pattern is in all cells; a few rows often tell."""
    return all(bool(rows.str.contains(pattern, regex=True).all()) for rows in (cells.head(20), cells))


def _is_lonely(rest: pd.DataFrame, ends: Sequence[int]) -> bool:
    """Return whether no other row joins two names that occur nowhere else, among rows enough to expect one.

    If the first row were an edge, it would be the only such edge; by chance that happens in one list of as many rows.
    """
    if len(rest) < _ROWS_ENOUGH:
        return False
    names = pd.concat([rest[position] for position in ends], ignore_index=True)
    once = ~names.duplicated(keep=False).to_numpy()
    n = len(rest)
    return not bool((once[:n] & once[n:]).any())


def _speaks_of_columns(name: str) -> bool:
    words = [word for word in _words_of(name) if not word.isdigit()]
    singular = [word.removesuffix("s") for word in words]
    return bool(words) and all(w in _WORDS or s in _WORDS or len(w) == 1 for w, s in zip(words, singular, strict=True))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _all_numbers(rest: pd.DataFrame, positions: Sequence[int]) -> bool:
    """Return whether all cells of columns are numbers; a few rows often tell."""
    for rows in (rest.head(20), rest):
        for position in positions:
            cells = rows[position]
            numbers = pd.to_numeric(cells.where(cells != "", None), errors="coerce")
            if (numbers.isna() & (cells != "")).any() or not numbers.notna().any():
                return False
    return True


def _is_index(table: pd.DataFrame, first: Sequence[str]) -> bool:
    """Return whether the first column is the numbering of rows that pandas and R write, with an empty name."""
    if first[0] or len(first) < 3:
        return False
    numbers = pd.to_numeric(table[0].iloc[1:], errors="coerce").to_numpy()
    return bool(len(numbers) and (numbers[1:] - numbers[:-1] == 1).all() and numbers[0] in (0, 1))
