"""The experiment that yields the data: persona agents decide, and their decisions spread over a network."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..agents import DecisionTable, assign_personas
from ..errors import InputError
from ..files import atomic_path
from ..simulate import Trajectories, make_network, spread
from ..simulate.network import check_network
from ..simulate.spreading import check_process

Progress = Callable[[str, int, int], None]
"""Called with what begins now, and numbers of steps done and in all."""


@dataclass(frozen=True)
class SpreadSettings:
    """How a post spreads.

    Parameters
    ----------
    network : str
        A kind of network or a file, see :func:`tworate.simulate.make_network`.
    agents, degree : int
        Agents, and neighbours of each (their mean, where the kind of network has them differ); a file has its own.
    replicates, rounds : int
        Independent repetitions, and rounds of each.
    initial_sharers : int
        Agents that have shared at the start.
    visibility : float
        Probability that an edge shows the post in a round.
    seed : int
        Seed of network, assignment of personas, and spreading.
    """

    network: str = "random-regular"
    agents: int = 1000
    degree: int = 8
    replicates: int = 10
    rounds: int = 40
    initial_sharers: int = 5
    visibility: float = 0.25
    seed: int = 0

    def check(self) -> None:
        """Refuse settings that `spread` would, before a language model is loaded and asked.

        Raises
        ------
        InputError
            When a setting cannot be used.
        """
        check_network(self.network, self.agents, self.degree)
        check_process(self.agents, self.rounds, self.replicates, self.initial_sharers, self.visibility)
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed = {self.seed}: must be from 0 to 4294967295")


def simulate_events(
    tables: Sequence[DecisionTable], settings: SpreadSettings, progress: Progress | None = None
) -> Trajectories:
    """Spread each event's post on one network among one population of persona agents.

    Parameters
    ----------
    tables : sequence of DecisionTable
        One an event, over the same personas.
    settings : SpreadSettings
        Network and process.
    progress : callable, optional
        Called as replicates finish.

    Returns
    -------
    Trajectories
        With condition columns `event` and `event_type`.
    """
    network = make_network(settings.network, settings.agents, settings.degree, settings.seed)
    members = assign_personas(network.n_agents, tables[0].personas, settings.seed)
    parts = []
    for number, table in enumerate(tables):

        def report(done: int, total: int, number: int = number) -> None:
            if progress:
                progress("simulating", number * total + done, len(tables) * total)

        trajectories = spread(
            network,
            table.probabilities,
            members,
            rounds=settings.rounds,
            replicates=settings.replicates,
            initial_sharers=settings.initial_sharers,
            visibility=settings.visibility,
            # An event has luck of its own, the same whether it is simulated alone or among others.
            seed=(settings.seed, zlib.crc32(table.event.event_id_cnty.encode())),
            conditions={"event": table.event.event_id_cnty, "event_type": table.event.event_type},
            progress=report,
        )
        parts.append(trajectories.table)
    return Trajectories(pd.concat(parts, ignore_index=True), source="the simulation")


def write_decisions(tables: Sequence[DecisionTable], path: Path) -> None:
    """Write decision tables as one CSV."""
    with atomic_path(path) as temporary:
        pd.concat([table.to_frame() for table in tables]).to_csv(temporary, index=False)
