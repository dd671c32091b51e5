"""Logs of shares, one row a share: event histories on a network, or counts on a grid of times without one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...errors import InputError
from ..contacts import NETWORK, ContactNetwork, read_contacts, read_table
from ..counts import read_labels
from ..histories import EventHistories
from .columns import named
from .numbers import decimal_mark, is_missing
from .source import Source, open_source
from .times import times_of

_MOST_STEPS = 60
"""Times of a grid at the most, where nobody gave its step."""
_ROUNDED = r"\d(?:[.,]\d+)?[eE]\+?\d+"
"""Names of agents that a spreadsheet has rounded."""
_NICE = (1.0, 2.0, 5.0)


def read_histories(
    path: str | Path,
    network: "ContactNetwork | str | Path | Mapping[str, Any] | Any",
    *,
    until: float | None = None,
    time_unit: str | None = None,
    clock: str | None = None,
    agents: "pd.DataFrame | str | Path | None" = None,
    columns: Mapping[str, str] | None = None,
) -> EventHistories:
    """Read who shared when from a file, and who is shown whose posts.

    Parameters
    ----------
    path : path
        Shares, see :class:`EventHistories`. Times are numbers or dates. Other arguments are as in :func:`tworate.read`,
        which counts the shares too.
    network : path, ContactNetwork, graph, or mapping of names to graphs
        See :func:`tworate.simulate.contacts.read_contacts`, or a graph of networkx, igraph or scipy.sparse. Where the
        shares have a column `network`, the edges may have one too, or a mapping names several graphs.
    until : float, optional
        End of the observation; by default the last share.
    time_unit : {"second", "minute", "hour", "day", "week"}, optional
        Unit in which dates are counted, from the first share of all.
    clock : {"rounds", "continuous"}, optional
        Clock of the process, if it is known.
    agents : path or DataFrame, optional
        What is known of the agents, see :class:`EventHistories`.
    columns : mapping of str to str, optional
        Our name of a column to the file's.

    Raises
    ------
    InputError
        When a file cannot be read, or a value cannot be used.
    """
    source = open_source(path)
    table, notes = named(source.table, dict(columns or {}), source.name, wanted=("time", "trajectory", "agent"))
    return histories_of_log(
        replace(source, table=table), network, until=until, time_unit=time_unit, day_first=None, decimal=None,
        clock=clock, agents=agents, notes=(*source.notes, *notes),
    )  # fmt: skip


def histories_of_log(
    source: Source,
    network: "ContactNetwork | str | Path | Mapping[str, Any] | Any",
    *,
    until: float | None,
    time_unit: str | None,
    day_first: bool | None,
    decimal: str | None,
    clock: str | None,
    agents: "pd.DataFrame | str | Path | None",
    notes: tuple[str, ...] = (),
) -> EventHistories:
    """Make event histories of a log in our names, and a network. See :func:`tworate.read`.

    Raises
    ------
    InputError
        When a value cannot be used.
    """
    shares, unit, further = _with_times(source, time_unit, day_first, decimal)
    if isinstance(network, str | Path):
        contacts = read_contacts(network, several=NETWORK in shares)
    elif isinstance(network, Mapping):
        contacts = {str(name): ContactNetwork.of_graph(graph, name=str(name)) for name, graph in network.items()}
    else:
        contacts = ContactNetwork.of_graph(network)
    if NETWORK in shares and not isinstance(contacts, ContactNetwork):
        shares = shares.assign(**{NETWORK: shares[NETWORK].astype(str)})
    table = read_table(Path(agents)) if isinstance(agents, str | Path) else agents
    return EventHistories(
        shares, contacts, until, clock, source.name, agents=table, time_unit=unit, notes=(*notes, *further)
    )


def counts_of_log(
    source: Source,
    *,
    population: int | None,
    until: float | None,
    every: float | None,
    time_unit: str | None,
    day_first: bool | None,
    decimal: str | None,
    clock: str | None = None,
) -> tuple[pd.DataFrame, dict[str, Any] | None, tuple[str, ...]]:
    """Count the shares of a log on a grid of times.

    Returns
    -------
    table : pandas.DataFrame
        Trajectories.
    record : dict or None
        The clock, where times of shares are not whole numbers.
    notes : tuple of str
        How the log was understood, in words.

    Raises
    ------
    InputError
        When a value cannot be used, or the population is not known.
    """
    shares, unit, notes = _with_times(source, time_unit, day_first, decimal)
    if population is None and "population" not in shares:
        raise InputError(
            f"{source.name}: is a log of shares, and does not say how many could share; give --population N (in Python "
            "population=N), or the network with --network FILE"
        )
    if "trajectory" not in shares:
        shares = shares.assign(trajectory=0)
    shares = shares.sort_values("time", kind="stable")
    end = float(shares["time"].max() if until is None else until)
    late = (shares["time"] > end).to_numpy()
    if late.any():
        notes = (*notes, f"shares after {end:g}, left out: {late.sum()}")
        shares = shares[~late]
    if "agent" not in shares:
        notes = (*notes, "no column says who shared: every row counts as a new sharer")
    else:
        repeated = shares.duplicated(["trajectory", "agent"])
        if repeated.any():
            notes = (*notes, f"later shares of an agent that had shared, left out: {repeated.sum()}")
            shares = shares[~repeated]
    begins = shares.groupby("trajectory")["time"].transform("min")
    short = shares[begins >= end]["trajectory"].nunique()
    shares = shares[begins < end]
    if shares.empty:
        raise InputError(
            f"{source.name}: no time passes between the first share and the end of the observation, {end:g}; give a "
            "later end with --until"
        )
    if short:
        notes = (*notes, f"trajectories that begin at the end of the observation, left out: {short}")
    times = shares["time"].to_numpy(dtype=float)
    step = _step(end - float(times.min())) if every is None else float(every)
    if not (np.isfinite(step) and step > 0):
        raise InputError(f"every = {every}: must be a number above 0")
    fixed = ("agent", "time", "seed", "persona", "trajectory")
    conditions = [name for name in shares.columns if name not in fixed]
    tables = []
    for label, own in shares.groupby("trajectory", sort=False):
        at = own["time"].to_numpy(dtype=float)
        grid = at[0] + step * np.arange(int(np.ceil((end - at[0]) / step - 1e-9)) + 1)
        grid[-1] = end
        table = pd.DataFrame({"trajectory": label, "time": grid, "infected": np.searchsorted(at, grid, side="right")})
        constant = {name: own[name].iloc[0] for name in conditions if own[name].nunique(dropna=False) == 1}
        tables.append(table.assign(**constant))
    counted = pd.concat(tables, ignore_index=True)
    if population is not None:
        counted["population"] = population
    if unit:
        counted["time_unit"] = unit
    whole = bool(np.all(times % 1 == 0))
    record = None if clock is None and whole else {"spreads": [{"clock": clock or "continuous"}]}
    chosen = "" if every is not None else "; another step with --every"
    note = f"log of shares: {len(shares)} shares, counted in steps of {_amount(step, unit)}{chosen}"
    return counted, record, (*notes, note)


def _amount(step: float, unit: str | None) -> str:
    """Return a time with its unit, such as `1 hour` or `0.5 hours`."""
    return f"{step:g}" if unit is None else f"{step:g} {unit}{'' if step == 1 else 's'}"


def _step(span: float) -> float:
    """Return a round step that divides a span into no more than about 60 parts."""
    least = max(span, 1e-12) / _MOST_STEPS
    scale = 10.0 ** np.floor(np.log10(least))
    return float(next(step for step in (*(scale * nice for nice in _NICE), 10.0 * scale) if step >= least * (1 - 1e-9)))


def _with_times(
    source: Source, time_unit: str | None, day_first: bool | None, decimal: str | None
) -> tuple[pd.DataFrame, str | None, tuple[str, ...]]:
    """Return a log with times as numbers, their unit, and how they were understood."""
    shares = source.table
    if "time" not in shares:
        raise InputError(
            f"{source.name}: no column is known to be the time; say which with --column time=NAME; there are: "
            f"{source.listed}"
        )
    for name in ("agent", "trajectory", "time"):
        if name in shares and (empty := is_missing(shares[name])).any():
            row = int(np.flatnonzero(empty)[0])
            raise InputError(f"{source.locate(row)}: {name} is empty; write it or remove the line")
    if "agent" in shares and (spoilt := shares["agent"].astype(str).str.fullmatch(_ROUNDED)).any():
        row = int(np.flatnonzero(spoilt)[0])
        raise InputError(
            f"{source.locate(row)}: agent = {shares['agent'].iloc[row]} is a rounded number, as spreadsheets write "
            "long ones, so different agents have the same name; export the names as text"
        )
    mark = decimal or decimal_mark((), [shares["time"]], source.name, source.separator)[0]
    times = times_of(shares["time"], source.locate, unit=time_unit, day_first=day_first, decimal=mark)
    shares = shares.assign(time=times.values)
    for name in shares.columns:
        # Labels of agents stay as they are written: 007 and 7 are two agents.
        if name not in ("agent", "time", NETWORK) and (shares[name].dtype == object):
            shares[name] = read_labels(shares[name].astype(str).str.strip())
    if "agent" in shares and shares["agent"].dtype == object:
        shares["agent"] = shares["agent"].map(lambda label: label.strip() if isinstance(label, str) else label)
    return shares, times.unit, (times.note,) if times.note else ()
