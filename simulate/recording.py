"""Event histories of simulated spreads."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from .contacts import NETWORK, ContactNetwork
from .counts import GROUP
from .histories import SEED, EventHistories
from .network import AnyNetwork, Network
from .process import Spread
from .records import Replicate


def can_join(spreads: Sequence[Spread]) -> bool:
    """Return whether all spreads record histories that end at one time of one clock."""
    return all(process.histories for process in spreads) and len({(p.rounds, p.clock) for p in spreads}) == 1


def history_record(spreads: Sequence[Spread]) -> dict[str, Any]:
    """Return end, clock and condition columns of the histories of spreads, as they are saved with the shares."""
    first = spreads[0]
    return {"until": first.rounds, "clock": first.clock, "apart_by": list(first.columns)}


def shares_of(process: Spread, replicate: Replicate) -> pd.DataFrame:
    """Return the shares of a replicate that recorded who shared when: one row a share."""
    times = np.asarray(replicate.share_time)
    agent = np.flatnonzero(np.isfinite(times))
    columns = {
        "trajectory": replicate.index,
        "agent": _names(process.network, agent),
        "time": times[agent],
        SEED: times[agent] == 0.0,
    }
    persona = pd.Categorical.from_codes(process.members[agent], pd.Index(process.labels))
    return pd.DataFrame({**columns, "persona": persona, **process.columns})


def _names(network: AnyNetwork, numbers: NDArray[np.integer] | None = None) -> NDArray[Any] | pd.Index:
    """Return the labels of agents, or their numbers if the network has no labels; those of all agents by default."""
    numbers = np.arange(network.n_agents) if numbers is None else numbers
    return numbers if network.labels is None else network.labels[numbers]


def contacts_of(spreads: Sequence[Spread]) -> dict[str, ContactNetwork]:
    """Return the networks of spreads by name.

    Raises
    ------
    InputError
        When two different networks have one name.
    """
    networks = {id(process.network): cast(Network, process.network) for process in spreads}
    contacts = {network.name: ContactNetwork.of_network(network) for network in networks.values()}
    if len(contacts) < len(networks):
        raise InputError("histories: two different networks have one name; give each a name of its own")
    return contacts


def agents_of(spreads: Sequence[Spread]) -> pd.DataFrame | None:
    """Return persona and group of every agent; None where an agent has others in other spreads."""
    known: dict[str, dict[str, NDArray[Any]]] = {}
    names = {process.network.name: _names(process.network) for process in spreads}
    for process in spreads:
        of_persona = {"persona": process.labels, **({} if process.groups is None else {GROUP: process.groups})}
        own = {name: np.asarray(values, dtype=object)[process.members] for name, values in of_persona.items()}
        first = known.setdefault(process.network.name, own)
        if first.keys() != own.keys() or not all(np.array_equal(first[name], own[name]) for name in own):
            return None
    parts = [
        pd.DataFrame(
            {"agent": names[name], **{key: pd.Categorical(values) for key, values in own.items()}, NETWORK: name}
        )
        for name, own in known.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table if len(parts) > 1 else table.drop(columns=NETWORK)


def histories_of(spreads: Sequence[Spread], replicates: Sequence[Sequence[Replicate]]) -> EventHistories | None:
    """Make the event histories of spreads with their replicates, see :func:`can_join`; None where nobody shares."""
    parts = [
        shares_of(process, replicate)
        for process, of_process in zip(spreads, replicates, strict=True)
        for replicate in of_process
    ]
    shares, record = pd.concat(parts, ignore_index=True), history_record(spreads)
    if shares.empty:
        return None
    contacts = contacts_of(spreads)
    network = next(iter(contacts.values())) if len(contacts) == 1 else contacts
    return EventHistories(shares, network, source="the simulation", agents=agents_of(spreads), **record)
