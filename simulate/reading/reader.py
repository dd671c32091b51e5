"""The one importer: any table of counts or shares becomes trajectories."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import InputError
from ..contacts import ContactNetwork
from ..counts import counts_path, read_counts, read_labels
from ..histories import EventHistories
from ..history_files import read_beside
from ..trajectories import KNOWN, Trajectories, count_shares, validated
from .columns import is_surely_agent, named, refuse_split_times
from .count_tables import read_counts_table, wide_columns
from .shares import counts_of_log, histories_of_log
from .source import Data, Source, open_source


def read(
    data: Data,
    *,
    columns: Mapping[str, str] | None = None,
    population: int | None = None,
    incidence: bool | None = None,
    monotone: str | None = None,
    network: "ContactNetwork | str | Path | Mapping[str, Any] | Any | None" = None,
    agents: "pd.DataFrame | str | Path | None" = None,
    until: float | None = None,
    every: float | None = None,
    time_unit: str | None = None,
    day_first: bool | None = None,
    decimal: str | None = None,
    clock: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> Trajectories:
    """Read a table of counts or of shares, whatever its shape and dialect.

    A table is one of counts, long (a row for each time of each trajectory) or wide (a column for each trajectory), or a
    log of shares (a row for each share). What was understood is said in the notes of the result.

    Parameters
    ----------
    data : DataFrame, path, or open binary file
        CSV with commas, semicolons, tabs, vertical bars or blanks; Excel (`.xlsx`); Parquet; packed by gzip or not.
    columns : mapping of str to str, optional
        Our name of a column to the file's, such as `{"infected": "retweets"}`.
    population : int, optional
        Number of those who can share, the same for all trajectories, in the place of a column.
    incidence : bool, optional
        Whether counts are of the new sharers of each interval; by default they are of all so far, unless the name of
        the column says otherwise.
    monotone : {"running-max"}, optional
        Raise counts that fall to the highest before them; by default they are refused.
    network : path, ContactNetwork, graph, or mapping of names to graphs, optional
        Who sees whose posts. The table is then a log of shares, and becomes event histories.
    agents : path or DataFrame, optional
        With a network: what is known of the agents, see :class:`EventHistories`.
    until : float, optional
        End of the observation of a log; by default its last share.
    every : float, optional
        Step of the times at which the shares of a log are counted, if there is no network; by default a round number,
        for at most 60 times.
    time_unit : {"second", "minute", "hour", "day", "week"}, optional
        Unit in which dates are counted from the first of them; by default days where no date has a time of day, else
        hours. Of numbers it says the unit.
    day_first : bool, optional
        Whether 3/4/2024 is 3 April (true) or March 4 (false).
    decimal : {".", ","}, optional
        The decimal mark; by default it is found out.
    clock : {"rounds", "continuous"}, optional
        Clock of a log, if it is known.
    encoding : str, optional
        Encoding of text; by default UTF-8 or UTF-16, else Windows-1252.
    sheet : str, optional
        Sheet of a spreadsheet; by default the first.

    Returns
    -------
    Trajectories
        With event histories, if a network is given. `notes` says how the table was understood.

    Raises
    ------
    InputError
        When the table cannot be understood, or a cell cannot be used. The message names the file, the line, what was
        wrong and what to do.

    Examples
    --------
    >>> table = pd.DataFrame({"day": [0, 1, 2], "retweets": [5, 3, 4]})
    >>> data = read(table, columns={"infected": "retweets"}, incidence=True, population=1000)
    >>> data.table["infected"].tolist(), data.time_unit
    ([5, 8, 12], 'day')
    """
    source = open_source(data, encoding=encoding, sheet=sheet)
    if source.table.empty:
        raise InputError(f"{source.name}: holds no rows; give at least two time points of one trajectory")
    if agents is not None and network is None:
        raise InputError("agents: are of a network; give it with --network (in Python network=…)")
    theirs = source.table.columns
    given = dict(columns or {})
    wanted = ("time", "trajectory", "agent") if network is not None else ("time", "infected", "incidence", "population")
    table, notes = named(source.table, given, source.name, wanted=wanted)
    source = replace(source, table=table)
    names = {str(ours): str(name) for ours, name in zip(table.columns, theirs, strict=True)}
    notes = [*source.notes, *notes]
    if "time" not in given:
        refuse_split_times(named(table, {}, source.name, wanted=("trajectory",))[0], names, source.name)
    if network is not None:
        _refuse_of_counts(population=population, incidence=incidence, monotone=monotone, every=every)
        histories = histories_of_log(
            source, network, until=until, time_unit=time_unit, day_first=day_first, decimal=decimal, clock=clock,
            agents=agents,
        )  # fmt: skip
        # What was said of the table is not said again in every verdict.
        return replace(count_shares(histories), notes=(*notes, *histories.notes))
    is_log = not {"infected", "incidence"} & set(table.columns) and not wide_columns(source)
    table, more = named(table, {}, source.name, wanted=("trajectory", *(["agent"] if is_log else [])))
    agent = dict(zip(table.columns, theirs, strict=True)).get("agent", "")
    if is_log and _is_log(table, agent, asked="agent" in given or every is not None):
        if incidence or monotone:
            raise InputError(
                f"{source.name}: is a log of shares, which has no counts; leave --incidence and --monotone out"
            )
        counted, record, said = counts_of_log(
            replace(source, table=table), population=population, until=until, every=every, time_unit=time_unit,
            day_first=day_first, decimal=decimal, clock=clock,
        )  # fmt: skip
        return Trajectories(counted, source.name, record=record, notes=(*notes, *more, *said))
    if "agent" in table and "agent" not in source.table:
        # It is no log, so the column keeps its name.
        table, more = named(source.table, {}, source.name, wanted=("trajectory",))
    if every is not None or until is not None:
        raise InputError(
            f"{source.name}: --every and --until are for logs of shares; it is a table of counts, leave them out"
        )
    counts = read_counts_table(
        replace(source, table=table), population=population, incidence=incidence, monotone=monotone,
        time_unit=time_unit, day_first=day_first, decimal=decimal, names=names,
    )  # fmt: skip
    return _checked(source, counts.table, counts.rows, (*notes, *more, *counts.notes))


def read_trajectories(path: str | Path, *, population: int | None = None) -> Trajectories:
    """Read trajectories from a file, as :func:`tworate.read` does.

    Parameters
    ----------
    path : path
        The file. The counts of `x.parquet` are in `x.counts.parquet`, who shared when in `x.shares.parquet`, and the
        network in `x.network.parquet`.
    population : int, optional
        Population of all trajectories, in the place of the column.

    Raises
    ------
    InputError
        When the file is not valid. The message names the file, the line, what was wrong and what to do.
    """
    return read(path, population=population)


def as_trajectories(data: "Trajectories | EventHistories | Data") -> Trajectories:
    """Return trajectories unchanged, or make them from event histories, a table or a file."""
    if isinstance(data, Trajectories):
        return data
    if isinstance(data, EventHistories):
        return count_shares(data)
    if not isinstance(data, pd.DataFrame | str | Path):
        raise InputError(
            f"trajectories must be a Trajectories, a DataFrame or the path of a file, not {type(data).__name__}"
        )
    return read(data)


def _checked(source: Source, table: pd.DataFrame, rows: Any, notes: tuple[str, ...]) -> Trajectories:
    """Check rows of trajectories, so that messages name lines; add the files beside a file of a simulation."""
    for name in table.columns:
        if (name not in KNOWN or name in ("trajectory", "time_unit")) and table[name].dtype == object:
            table[name] = _labels(table[name])

    def locate(index: Any) -> str:
        return source.locate(int(rows[int(index)]))

    table = validated(table, source.name, locate)
    counts = None
    histories = None
    if source.path is not None:
        beside = counts_path(source.path)
        counts = read_counts(beside) if beside.is_file() else None
        histories = read_beside(source.path)
    return Trajectories(table, source.name, counts, source.record, histories, notes=notes)


def _labels(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return labels without spaces around them; numbers where the text of every label is that of its number."""
    text = column.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    return read_labels(text) if text.map(lambda cell: isinstance(cell, str)).all() else text


def _is_log(table: pd.DataFrame, agent: str, *, asked: bool) -> bool:
    """Return whether each row of a table without counts is a share.

    Parameters
    ----------
    table : pandas.DataFrame
        The table, in our names.
    agent : str
        The file's name of the column of agents; empty without one.
    asked : bool
        Whether the user says so, by naming the agents or a step.
    """
    if "time" not in table:
        return False
    others = [str(name) for name in table.columns if name not in KNOWN and name != "agent"]
    # One cell that cannot be read must not turn counts into rows that are counted.
    return asked or is_surely_agent(agent) or not others


def _refuse_of_counts(**settings: Any) -> None:
    if given := [name for name, value in settings.items() if value is not None and value is not False]:
        raise InputError(
            f"--{given[0]} goes with counts: with a network, all its agents can share, and every share has its own "
            "exposure; leave it out"
        )
