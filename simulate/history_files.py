"""Event histories as files: those of users, and those beside the trajectories of a simulation.

Beside `x.parquet` or `x.csv` stand `x.shares.parquet`, one row a share, `x.network.parquet`, one row an edge (the
target is shown what the source posts), and where agents have attributes `x.agents.parquet`, one row an agent.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from .contacts import NETWORK, ContactNetwork, read_contacts, read_table
from .histories import EventHistories
from .tables import read_parquet, write_table

TIME_UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0, "week": 604_800.0}
"""Seconds of each unit in which times given as dates may be counted."""


def read_histories(
    path: str | Path,
    network: "ContactNetwork | str | Path | Any",
    *,
    until: float | None = None,
    time_unit: str = "hour",
    clock: str | None = None,
    agents: "pd.DataFrame | str | Path | None" = None,
) -> EventHistories:
    """Read who shared when from a file, and who is shown whose posts.

    Parameters
    ----------
    path : path
        Shares: `.csv`, `.csv.gz` or `.parquet`, see :class:`EventHistories`. Times are numbers, or dates in ISO 8601.
    network : path, ContactNetwork, or graph
        See :func:`tworate.simulate.contacts.read_contacts`, or a graph of networkx, igraph or scipy.sparse. Where the
        shares have a column `network`, the edges may have one too, or a mapping names several graphs.
    until : float, optional
        End of the observation; by default the last share.
    time_unit : {"second", "minute", "hour", "day", "week"}
        Unit in which dates are counted, from the first share of all.
    clock : {"rounds", "continuous"}, optional
        Clock of the process, if it is known.
    agents : path or DataFrame, optional
        What is known of the agents, see :class:`EventHistories`.

    Raises
    ------
    InputError
        When a file cannot be read, or a value cannot be used.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    shares, notes = _with_numeric_times(read_table(path), str(path), time_unit)
    if isinstance(network, str | Path):
        contacts = read_contacts(network, several=NETWORK in shares)
    elif isinstance(network, Mapping):
        contacts = {str(name): ContactNetwork.of_graph(graph, name=str(name)) for name, graph in network.items()}
    else:
        contacts = ContactNetwork.of_graph(network)
    if NETWORK in shares and not isinstance(contacts, ContactNetwork):
        shares = shares.assign(**{NETWORK: shares[NETWORK].astype(str)})
    table = read_table(Path(agents)) if isinstance(agents, str | Path) else agents
    return EventHistories(shares, contacts, until, clock, str(path), agents=table, notes=notes)


def _with_numeric_times(shares: pd.DataFrame, source: str, time_unit: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return shares with times as numbers: dates are counted from the first of them."""
    if time_unit not in TIME_UNITS:
        raise InputError(f"time unit {time_unit!r} is unknown; choose one of {', '.join(TIME_UNITS)}")
    if "time" not in shares or pd.api.types.is_numeric_dtype(shares["time"]):
        return shares, ()
    numbers = pd.to_numeric(shares["time"], errors="coerce")
    if 2 * numbers.notna().sum() > len(shares):
        # Numbers with a mistake: it is named when the shares are checked.
        return shares, ()
    dates = pd.to_datetime(shares["time"], errors="coerce", utc=True, format="ISO8601")
    if dates.isna().any():
        row = int(np.flatnonzero(dates.isna())[0])
        raise InputError(
            f"{source}, line {row + 2}: time = {shares['time'].iloc[row]!r} is neither a number nor a date in "
            "ISO 8601, such as 2026-11-29T14:05:00Z"
        )
    first = dates.min()
    seconds = (dates - first).dt.total_seconds()
    note = f"times are {time_unit}s since {first.isoformat()}"
    return shares.assign(time=seconds / TIME_UNITS[time_unit]), (note,)


def shares_path(path: Path) -> Path:
    """Return the path of the shares beside a file of trajectories."""
    return path.with_name(f"{path.stem}.shares.parquet")


def network_path(path: Path) -> Path:
    """Return the path of the network beside a file of trajectories."""
    return path.with_name(f"{path.stem}.network.parquet")


def agents_path(path: Path) -> Path:
    """Return the path of the agents beside a file of trajectories."""
    return path.with_name(f"{path.stem}.agents.parquet")


def write_beside(histories: EventHistories | None, path: Path) -> None:
    """Write shares, network and agents beside a file of trajectories; remove those of an earlier file."""
    for beside in (shares_path(path), network_path(path), agents_path(path)):
        beside.unlink(missing_ok=True)
    if histories is None:
        return
    if histories.agents is not None:
        write_table(histories.agents, agents_path(path))
    write_network(histories.networks, network_path(path))
    record = {"until": histories.until, "clock": histories.clock, "apart_by": list(histories.apart_by)}
    write_table(histories.table, shares_path(path), record)


def write_network(networks: dict[str, ContactNetwork], path: Path) -> None:
    """Write networks as one table of edges between numbers; the record of the file has the agents and their labels."""
    tables = []
    for name, network in networks.items():
        edges = network.to_numbers()
        tables.append(edges.assign(**{NETWORK: name}) if len(networks) > 1 else edges)
    sizes = {name: network.n_agents for name, network in networks.items()}
    labels = {name: list(map(str, network.labels)) for name, network in networks.items() if network.labels is not None}
    write_table(pd.concat(tables, ignore_index=True), path, {"agents": sizes, "labels": labels})


def read_beside(path: Path) -> EventHistories | None:
    """Read the histories beside a file of trajectories; None if there are none.

    Raises
    ------
    InputError
        When only one of the two files is there, or one cannot be read.
    """
    shares_file, network_file = shares_path(path), network_path(path)
    if not shares_file.is_file() and not network_file.is_file():
        return None
    for file, other in ((shares_file, network_file), (network_file, shares_file)):
        if not file.is_file():
            raise InputError(f"{other}: {file.name} is missing beside it; restore it, or remove both")
    shares, record = read_parquet(shares_file)
    if shares.empty:
        return None
    edges, sizes = read_parquet(network_file)
    try:
        n_agents = {str(name): int(number) for name, number in (sizes or {})["agents"].items()}
        labels = dict((sizes or {}).get("labels", {}))
        until, clock, apart_by = ((record or {})[name] for name in ("until", "clock", "apart_by"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{shares_file}: it or {network_file.name} lacks its record ({json.dumps(str(error))}); simulate again, or "
            "compare the shares with --network"
        ) from error
    networks = {
        name: ContactNetwork.of_numbers(
            name, edges[edges[NETWORK] == name] if NETWORK in edges else edges, number, labels.get(name)
        )
        for name, number in n_agents.items()
    }
    network = next(iter(networks.values())) if len(networks) == 1 else networks
    agents = read_parquet(agents_path(path))[0] if agents_path(path).is_file() else None
    return EventHistories(shares, network, until, clock, str(shares_file), apart_by, agents)
