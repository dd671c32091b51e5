"""Event histories as files beside the trajectories of a simulation.

Beside `x.parquet` or `x.csv` stand `x.shares.parquet`, one row a share, `x.network.parquet`, one row an edge (the
target is shown what the source posts), and where agents have attributes `x.agents.parquet`, one row an agent.
"""

import json
from pathlib import Path

import pandas as pd

from ..errors import InputError
from .contacts import NETWORK, ContactNetwork
from .histories import EventHistories
from .tables import read_parquet, write_table


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
    record = {
        "until": histories.until,
        "clock": histories.clock,
        "apart_by": list(histories.apart_by),
        **({"time_unit": histories.time_unit} if histories.time_unit else {}),
    }
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
    unit = (record or {}).get("time_unit")
    return EventHistories(shares, network, until, clock, str(shares_file), apart_by, agents, time_unit=unit)
