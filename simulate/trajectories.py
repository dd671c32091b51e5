"""Trajectories: the table that connects simulation and inference."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from ..files import check_writable
from .counts import counts_path, counts_where, validated_counts
from .histories import EventHistories
from .history_files import write_beside
from .revisions import refuse_revisions
from .tables import write_table

REQUIRED = ("trajectory", "time", "infected", "population")
NUMERIC = ("time", "infected", "population", "si_edges", "sightings", "degree")
OPTIONAL = ("si_edges", "sightings", "degree", "degrees")
"""Columns that may be absent, or empty for whole trajectories."""
COUNTS = ("infected", "population", "si_edges", "sightings")
TIME_UNIT = "time_unit"
"""Column with the unit of the times, such as day; the same on every row."""
KNOWN = (*REQUIRED, *NUMERIC, "degrees", TIME_UNIT)
"""Columns with a fixed meaning; all others are condition columns."""

Locate = Callable[[Any], str]


@dataclass(frozen=True)
class Trajectories:
    """Number of agents that have shared over time, in one or more trajectories.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `trajectory` (a label), `time`, `infected` (cumulative count of agents that have shared; in an SI model
        this is also the prevalence times the population) and `population`. Optional columns are `si_edges` (edges
        between a susceptible agent and a sharer), `sightings` (how often the post was shown to susceptible agents since
        the previous time), `degree` (neighbours of an agent; the mean if agents differ) and, if agents differ,
        `degrees` (number of agents by number of neighbours, such as `3:120 4:80`). Optional columns may be empty for
        whole trajectories. `time_unit` says the unit of the times, such as day. All further columns are conditions.
        The table is copied, checked, and sorted by time within each trajectory.
    source : str
        Name of the data in error messages.
    counts : pandas.DataFrame, optional
        Decisions by persona and sighting, see :mod:`tworate.simulate.counts`.
    record : mapping, optional
        Settings of the simulation, in a form that JSON can hold; saved in Parquet files.
    histories : EventHistories, optional
        Who shared when, where it was recorded.
    notes : tuple of str
        How the data were understood when they were read, in words.

    Raises
    ------
    InputError
        When the table is not a set of trajectories. The message names the row or line, what was wrong and what to do.
    """

    table: pd.DataFrame
    source: str = "trajectories"
    counts: pd.DataFrame | None = None
    record: Mapping[str, Any] | None = None
    histories: EventHistories | None = None
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        def row(index: Any) -> str:
            return f"{self.source}, row {index}"

        object.__setattr__(self, "table", validated(self.table.reset_index(drop=True), self.source, row))
        if self.counts is not None:
            object.__setattr__(self, "counts", validated_counts(self.counts, self.table, self.conditions, self.source))
        if self.histories is not None:
            self._check_histories(self.histories)

    def _check_histories(self, histories: EventHistories) -> None:
        """Refuse histories that do not end with as many sharers as the trajectories."""
        last = self.table["infected"].groupby(self.path_numbers).max().to_numpy()
        n_shares = np.diff(histories.begins)
        if not np.array_equal(last[last > 0], n_shares):
            raise InputError(
                f"{self.source}: the event histories ({histories.source}) are of {n_shares.size} trajectories with "
                f"{n_shares.sum()} shares, the table is of {np.sum(last > 0)} with {last.sum()}; both must be from one "
                "simulation: remove the files of shares and network, or simulate again"
            )

    @property
    def path_numbers(self) -> NDArray[np.int64]:
        """Number of the trajectory of each row, from 0, in order of appearance."""
        return path_numbers(self.table)

    @property
    def clock(self) -> str | None:
        """Clock of the simulations, if the record has one and it is the same for all of them."""
        clocks = {spread.get("clock") for spread in (self.record or {}).get("spreads", ())}
        return clocks.pop() if len(clocks) == 1 else None

    @property
    def time_unit(self) -> str | None:
        """Unit of the times, such as day, where it is known."""
        return str(self.table[TIME_UNIT].iloc[0]) if TIME_UNIT in self.table else None

    @property
    def conditions(self) -> list[str]:
        """Names of the condition columns."""
        return [str(name) for name in self.table.columns if name not in KNOWN]

    def split(self, by: Sequence[str]) -> Iterator[tuple[dict[str, Any], "Trajectories"]]:
        """Yield each condition (values of the columns `by`) with its trajectories, in order of appearance.

        Raises
        ------
        InputError
            When there is no such column.
        """
        for name in by:
            if name not in self.conditions:
                columns = ", ".join(self.conditions) or "none"
                raise InputError(f"{self.source}: has no condition column {name!r}; there are: {columns}")
        if not by:
            yield {}, self
            return
        path = pd.Series(self.path_numbers, index=self.table.index)
        for name in by:
            distinct = self.table[name].groupby(path).nunique(dropna=False)
            if (distinct > 1).any():
                label = self.table["trajectory"][path == distinct.idxmax()].iloc[0]
                raise InputError(
                    f"{self.source}: {name} changes along trajectory {label}, so it is not a condition; if these are "
                    "several trajectories, give each its own label"
                )
        for values, part in self.table.groupby(list(by), sort=False, dropna=False):
            condition = dict(zip(by, (_plain(value) for value in values), strict=True))
            counts = None if self.counts is None else counts_where(self.counts, condition)
            own = self._histories_of(path[part.index])
            yield condition, Trajectories(part, self.source, counts, self.record, own, notes=self.notes)

    def _histories_of(self, paths: "pd.Series[int]") -> EventHistories | None:
        """Return the histories of some trajectories. A trajectory in which nobody shares has none."""
        if self.histories is None:
            return None
        with_shares = np.flatnonzero(self.table["infected"].groupby(self.path_numbers).max() > 0)
        numbers = np.flatnonzero(np.isin(with_shares, paths.unique()))
        return self.histories.select(numbers) if numbers.size else None

    def summary(self) -> str:
        """Say in a few lines what the data are."""
        table, numbers = self.table, self.path_numbers
        unit = f" {self.time_unit}s" if self.time_unit else ""
        ends = table["infected"].groupby(numbers).max()
        populations = table["population"].unique()
        lines = [
            f"trajectories: {numbers.max() + 1}, with {len(table)} time points",
            f"time: {table['time'].min():g} to {table['time'].max():g}{unit}",
            f"population: {_between(populations)}; shared at the end: {_between(ends)}",
        ]
        if self.conditions:
            lines.append(f"conditions: {', '.join(self.conditions)}")
        if self.histories is not None:
            agents = sum(network.n_agents for network in self.histories.networks.values())
            lines.append(f"event histories: {self.histories.n_shares} shares, {agents} agents in the network")
        return "\n".join(lines)

    def save(self, path: str | Path) -> None:
        """Write as Parquet (`.parquet`) or CSV (`.csv`), atomically; counts and event histories go to files beside it.

        See `tworate.simulate.counts` and `tworate.simulate.history_files`. Files beside an earlier file of this name
        that this one does not have are removed.
        """
        path = Path(path)
        check_destination(path)
        beside = counts_path(path)
        if self.counts is None:
            beside.unlink(missing_ok=True)
        else:
            write_table(self.counts, beside, self.record)
        write_beside(self.histories, path)
        write_table(self.table, path, self.record)


def _between(values: Any) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def check_destination(path: Path) -> None:
    """Raise an InputError when trajectories cannot be written to this path."""
    if path.suffix not in (".parquet", ".csv"):
        raise InputError(f"{path}: name a file that ends in .parquet or .csv")
    check_writable(path)


def _plain(value: Any) -> Any:
    """Convert a NumPy scalar to a Python one and a missing value to None, because `json` cannot write them."""
    if pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def validated(table: pd.DataFrame, source: str, locate: Locate) -> pd.DataFrame:
    """Return a checked copy of a table of trajectories, sorted by trajectory and time.

    Parameters
    ----------
    table : pandas.DataFrame
        See :class:`Trajectories`.
    source : str
        Name of the table in messages.
    locate : callable
        Returns where a row stands, from its index.

    Raises
    ------
    InputError
        When the table is not a set of trajectories.
    """
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise InputError(
            f"{source}: missing column {', '.join(missing)}; it needs {', '.join(REQUIRED)} "
            "(and may have si_edges, degree, degrees and condition columns)"
        )
    if table.empty:
        raise InputError(f"{source}: holds no rows; give at least two time points of one trajectory")
    if pd.api.types.is_datetime64_any_dtype(table["time"]) or pd.api.types.is_timedelta64_dtype(table["time"]):
        raise InputError(f"{source}: time holds dates or durations; tworate.read(table) counts them in a unit of time")
    if TIME_UNIT in table and (table[TIME_UNIT].nunique(dropna=False) > 1 or table[TIME_UNIT].isna().any()):
        raise InputError(f"{source}: time_unit must be the same on every row; times of one file have one unit")
    table = table.copy()
    for name in table.columns.difference(list(NUMERIC)):
        # Labels of mixed types cannot be sorted or written.
        if table[name].dtype == object:
            table[name] = table[name].map(str, na_action="ignore")
    for name in NUMERIC:
        if name in table.columns and name not in OPTIONAL:
            table[name] = _numbers(table[name], name, locate)
    path = path_numbers(table)
    for name in OPTIONAL:
        if name in table.columns:
            table = _optional(table, name, path, locate)
    _refuse(table, table["population"] < 1, locate, lambda r: f"population = {r.population} must be at least 1")
    _refuse(
        table,
        table["infected"] > table["population"],
        locate,
        lambda r: f"infected = {r.infected} exceeds population = {r.population}",
    )
    if "degree" in table.columns:
        _refuse(
            table,
            (table["degree"] <= 0) | (table["degree"] >= table["population"]),
            locate,
            lambda r: f"degree = {r.degree} must be above 0 and below population = {r.population}",
        )
    if "si_edges" in table.columns and "degree" in table.columns:
        _refuse(
            table,
            2 * table["si_edges"] > table["degree"] * table["population"],
            locate,
            lambda r: (
                f"si_edges = {r.si_edges} is more than all edges of {r.population} agents with {r.degree} neighbours"
            ),
        )
    if "degrees" in table.columns:
        _check_degrees(table[table["degrees"].notna()], locate)
    refuse_revisions(table, pd.Series(path, index=table.index), locate)
    order = np.lexsort((table["time"], path))
    table = table.iloc[order]
    _check_paths(table, pd.Series(path[order], index=table.index), locate)
    return table.reset_index(drop=True)


def count_shares(histories: EventHistories) -> Trajectories:
    """Count the sharers over time: at whole times in rounds, else at every share."""
    tables = []
    degrees = {name: network.degrees_in for name, network in histories.networks.items()}
    differ = any(each.min() != each.max() for each in degrees.values())
    conditions = [name for name in histories.conditions if name not in KNOWN]
    for number, (label, start, end) in enumerate(zip(histories.labels, histories.starts, histories.ends, strict=True)):
        own, network = histories.shares.iloc[histories.rows(number)], histories.network_of(number)
        times = own["time"].to_numpy(dtype=float)
        grid = np.arange(start, end + 1.0) if histories.clock == "rounds" else np.unique(np.append(times, end))
        table = pd.DataFrame(
            {
                "trajectory": label,
                "time": grid,
                "infected": np.searchsorted(times, grid, side="right"),
                "population": network.n_agents,
                "degree": network.n_edges / network.n_agents,
                **({TIME_UNIT: histories.time_unit} if histories.time_unit else {}),
            }
        )
        if differ:
            table["degrees"] = degree_text(degrees[network.name])
        tables.append(table.assign(**{name: own[name].iloc[0] for name in conditions}))
    record = {"spreads": [{"clock": histories.clock}]} if histories.clock else None
    counted = pd.concat(tables, ignore_index=True)
    return Trajectories(counted, histories.source, record=record, histories=histories, notes=histories.notes)


def degree_text(degrees: NDArray[np.int64]) -> str:
    """Write the number of agents by number of neighbours, such as `3:120 4:80`."""
    return " ".join(f"{k}:{n}" for k, n in zip(*np.unique(degrees, return_counts=True), strict=True))


def degree_counts(text: str) -> dict[int, int]:
    """Read numbers of agents by degree, such as `3:120 4:80`.

    Raises
    ------
    ValueError
        When the text does not have this form.
    """
    pairs = [pair.split(":") for pair in str(text).split()]
    counts = {int(degree): int(agents) for degree, agents in pairs}
    if (
        len(counts) < len(pairs)
        or any(k < 0 or n < 0 for k, n in counts.items())
        or not any(k * n for k, n in counts.items())
    ):
        raise ValueError(text)
    return counts


def _check_degrees(table: pd.DataFrame, locate: Locate) -> None:
    """Check that `degrees` can be read and agrees with `population` and `degree`."""
    for index, row in table.drop_duplicates(["degrees", "population"]).iterrows():
        try:
            counts = degree_counts(row["degrees"])
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{locate(index)}: degrees = {row['degrees']} must say how many agents have how many neighbours, such "
                "as 3:120 4:80"
            ) from error
        agents, mean = sum(counts.values()), sum(k * n for k, n in counts.items()) / sum(counts.values())
        if agents != row["population"]:
            raise InputError(f"{locate(index)}: degrees are of {agents} agents, but population = {row['population']}")
        if "degree" in table and abs(mean - row["degree"]) > 0.01 * mean:
            raise InputError(
                f"{locate(index)}: degrees have the mean {mean:g}, but degree = {row['degree']:g}; it must be the mean"
            )


def path_numbers(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return the number of each row's trajectory, in order of appearance.

    A label is one trajectory, unless it has several rows for one time. Then the label was used again in other
    conditions, and the smallest sufficient set of further columns separates the trajectories.
    """
    keys = ["trajectory"]
    if table.duplicated([*keys, "time"]).any():
        further = [str(name) for name in table.columns if name not in KNOWN]
        choices = (list(names) for n in range(1, 4) for names in itertools.combinations(further, n))
        keys += next((names for names in choices if _tells_apart(table, names)), further)
    return np.asarray(table.groupby(keys, sort=False, dropna=False).ngroup(), dtype=np.int64)


def _tells_apart(table: pd.DataFrame, names: list[str]) -> bool:
    """Return whether labels and these columns give each trajectory one row per time, and more than one row."""
    keys = ["trajectory", *names]
    if table.duplicated([*keys, "time"]).any():
        return False
    return bool(table.groupby(keys, dropna=False)["time"].transform("size").min() > 1)


def _optional(table: pd.DataFrame, name: str, path: NDArray[np.int64], locate: Locate) -> pd.DataFrame:
    """Check an optional column: it may be empty for whole trajectories, and is dropped where it is empty for all."""
    column = table[name]
    empty = column.isna() | column.astype(str).str.strip().eq("")
    if empty.all():
        return table.drop(columns=name)
    whole = empty.groupby(path).transform("all")
    _refuse(
        table,
        empty & ~whole,
        locate,
        lambda r: f"{name} is empty; give it on every line of trajectory {r.trajectory}, or on none",
    )
    values = column[~empty]
    if name in NUMERIC:
        values = _numbers(values, name, locate)
    return table.assign(**{name: values.reindex(table.index) if empty.any() else values})


def _numbers(column: pd.Series, name: str, locate: Locate) -> pd.Series:
    values = pd.to_numeric(column, errors="coerce")
    bad = ~np.isfinite(values.to_numpy(dtype=float, na_value=np.nan))
    if bad.any():
        index = column.index[bad][0]
        cell = column.loc[index]
        shown = "is empty" if cell is None or str(cell).strip() == "" else f"= {cell}"
        raise InputError(f"{locate(index)}: {name} {shown}; it must be a number on every line")
    if name in COUNTS:
        # Above 2^53 not every whole number is a float, so counts would be wrong without an error.
        wrong = (values < 0) | (values != np.floor(values)) | (values > 2**53)
        if wrong.any():
            index = column.index[wrong][0]
            raise InputError(f"{locate(index)}: {name} = {column.loc[index]} must be a whole number from 0 to 2^53")
        return values.astype(np.int64)
    return values.astype(np.int64) if (values == np.floor(values)).all() else values.astype(float)


def _refuse(table: pd.DataFrame, wrong: "pd.Series[bool]", locate: Locate, message: Callable[[Any], str]) -> None:
    if wrong.any():
        index = table.index[wrong][0]
        raise InputError(f"{locate(index)}: {message(table.loc[index])}")


def _check_paths(table: pd.DataFrame, path: "pd.Series[int]", locate: Locate) -> None:
    """Check the rows of each trajectory together; `table` is sorted by trajectory (numbers in `path`) and time."""
    same = path.eq(path.shift())
    before: Mapping[str, pd.Series] = {
        name: table[name].shift() for name in ("time", "infected", "population", "degree", "degrees") if name in table
    }

    def refuse(wrong: "pd.Series[bool]", message: Callable[[Any, Any], str]) -> None:
        _refuse(table, wrong, locate, lambda row: message(row, row.name))

    refuse(
        table["trajectory"].isna() | table["trajectory"].astype(str).str.strip().eq(""),
        lambda _, __: "trajectory is empty; give every trajectory a label",
    )
    refuse(
        same & table["time"].eq(before["time"]),
        lambda r, _: (
            f"time = {r.time} comes twice in trajectory {r.trajectory}; give one row for each time point, and a "
            "condition column (or another label) for different trajectories"
        ),
    )
    refuse(
        same & (table["infected"] < before["infected"]),
        lambda r, i: (
            f"infected = {r.infected} is below {int(before['infected'].loc[i])} at the time before in trajectory "
            f"{r.trajectory}; counts of all who have shared so far cannot fall (another trajectory needs another "
            "label). If they are of the new sharers of each interval: --incidence. If earlier counts were corrected "
            "downwards: --monotone running-max. If they are of those infected now: they cannot be used"
        ),
    )
    for name in ("population", "degree", "degrees"):
        if name not in before:
            continue

        def changed(row: Any, index: Any, name: str = name) -> str:
            previous = f"{before[name].loc[index]:g}" if name != "degrees" else before[name].loc[index]
            remedy = ": give one number of those who can share with --population N" if name == "population" else ""
            return (
                f"{name} = {row[name]} differs from {previous} before in trajectory {row.trajectory}; "
                f"it must stay the same{remedy}"
            )

        refuse(same & table[name].notna() & table[name].ne(before[name]), changed)
    refuse(
        path.map(path.value_counts()) < 2,
        lambda r, _: f"trajectory {r.trajectory} has one time point; it needs at least two: leave it out",
    )
