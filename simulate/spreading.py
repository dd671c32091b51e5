"""Simulation in memory: every replicate of one or more spreads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import __version__
from . import defaults
from .interventions import Intervention
from .network import AnyNetwork
from .pace import Pace
from .process import Spread
from .recording import can_join, histories_of
from .records import combined, tables_of
from .seeding import RANDOM
from .trajectories import Trajectories


def spread(
    network: AnyNetwork,
    probabilities: ArrayLike,
    personas: ArrayLike | None = None,
    *,
    rounds: int = defaults.ROUNDS,
    replicates: int = defaults.REPLICATES,
    initial_sharers: int = defaults.INITIAL_SHARERS,
    seeds: str | Sequence[int | str] = RANDOM,
    visibility: float = defaults.VISIBILITY,
    outside: float = 0.0,
    clock: str = "rounds",
    interventions: Sequence[Intervention] = (),
    pace: Pace | None = None,
    seed: int | Sequence[int],
    conditions: Mapping[str, Any] | None = None,
    persona_labels: Sequence[str] | None = None,
    persona_groups: Sequence[str] | None = None,
    histories: bool = False,
    with_message: ArrayLike | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trajectories:
    """Simulate the spread of one post over a network.

    In every round, each edge between a susceptible agent and a sharer shows the post to the susceptible agent with
    probability `visibility`: a sighting. At its m-th sighting an agent with persona `z` shares with probability
    `probabilities[z, m]`; the last column holds for its sighting and all later ones. Decisions of a round take effect
    in the next. Sharing is permanent. In continuous time each such edge shows the post at the rate `visibility`, and
    sharing takes effect at once.

    With a cue the probability is `probabilities[z, m, b]`, where `b` is the bin of the number of the agent's neighbours
    that have shared, see :mod:`tworate.common.cues`: at the start of the round, or in continuous time at the moment of
    the sighting. An agent that only the outside world has shown the post is in the first bin.

    Parameters
    ----------
    network : Network or CompleteNetwork
        The network of the agents.
    probabilities : array, shape (n_personas, n_sightings) or (n_personas, n_sightings, n_cues)
        The decision table, in [0, 1].
    personas : array of int, shape (n_agents,), optional
        Row of the table for each agent; may be left out if the table has one row.
    rounds, replicates : int
        Number of rounds (in continuous time: units of time; the state is recorded at the end of each), and of
        independent repetitions (each with its own initial sharers).
    initial_sharers : int
        Number of agents that have shared at time 0; may be 0 if the outside world shows the post.
    seeds : str or sequence
        Choice of these agents: `random`; `degree`: those with the most neighbours, at random among equals;
        `persona:CODE`: at random among the agents of a persona; or the agents themselves, whose number then replaces
        `initial_sharers`. If the network has labels, agents are given by their labels (`["anne", "bob"]`; the label
        `5` may be given as 5), otherwise by their numbers from 0.
    visibility : float
        Probability `c` that an edge shows the post in a round, in (0, 1]; in continuous time the rate at which an edge
        shows it, above 0.
    outside : float
        Probability `a` that the outside world shows the post to a susceptible agent in a round, in [0, 1]; in
        continuous time a rate.
    clock : {"rounds", "continuous"}
        Synchronous rounds or continuous time.
    interventions : sequence of Block, ReduceVisibility, CounterMessage or MessageText
        Interventions against the post, see :mod:`tworate.simulate.interventions`; the condition column `intervention`
        names them.
    pace : Pace, optional
        What changes the pace: ageing of the post, a rhythm, and a shelf life or fading of each share, see
        :mod:`tworate.simulate.pace`; the condition column `pace` names it.
    seed : int or sequence of int
        Seed of all random draws. Replicate `r` draws from its own stream of (seed, r), so its result does not depend on
        the number of threads or on other replicates.
    conditions : mapping, optional
        Condition columns to add, such as `{"event": "VAR1"}`.
    persona_labels : sequence of str, optional
        Names of the personas in the counts; by default their rows in the table.
    persona_groups : sequence of str, optional
        Name of the group of agents that each persona belongs to, such as `bots`: the column `group` of the counts, and
        an attribute of the agents in the histories.
    histories : bool
        Also record who shared when, as `histories` of the result: on a network with edges, without blocked agents.
    with_message : array of the shape of `probabilities`, optional
        The decision table once agents read the counter-message of an intervention :class:`MessageText`.
    threads : int, optional
        Number of replicates simulated at once; the number of cores by default.
    progress : callable, optional
        Called with the numbers of finished and of all replicates.

    Returns
    -------
    Trajectories
        Trajectories with `si_edges`, `sightings` and `degree`. `si_edges` counts the edges between a susceptible agent
        and an agent that has shared, also if the share has faded. If agents have different numbers of neighbours,
        `degree` is the mean, and `degrees` has the number of agents by number of neighbours. Both leave out blocked
        agents. `counts` has the decisions by persona and sighting, and by cue if there is one.

    Raises
    ------
    InputError
        When an argument is not valid.

    Examples
    --------
    >>> from tworate.simulate import random_regular
    >>> data = spread(random_regular(200, 4, seed=1), [[0.3, 0.1]], rounds=2, replicates=1, seed=2)
    >>> int(data.table["infected"].iloc[-1] - 5 - data.counts["new_sharers"][data.counts["time"] > 0].sum())
    0
    """
    process = Spread(
        network,
        np.asarray(probabilities),
        None if personas is None else np.asarray(personas),
        rounds=rounds,
        replicates=replicates,
        initial_sharers=initial_sharers,
        seeds=seeds,
        visibility=visibility,
        outside=outside,
        clock=clock,
        interventions=interventions,
        pace=pace,
        seed=seed,
        conditions=conditions or {},
        persona_labels=persona_labels,
        persona_groups=persona_groups,
        histories=histories,
        with_message=None if with_message is None else np.asarray(with_message),
    )
    return simulate([process], threads, progress)


def simulate(
    spreads: Sequence[Spread], threads: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Trajectories:
    """Run every replicate of one or more spreads; arguments and result as in :func:`spread`."""
    done, total = 0, sum(process.replicates for process in spreads)
    tables, recorded = [], []
    for process in spreads:
        replicates = []
        for replicate in process.run(range(process.replicates), threads):
            replicates.append(replicate)
            done += 1
            if progress:
                progress(done, total)
        tables.append(tables_of(replicates, process.columns, process.labels, process.groups))
        recorded.append(replicates)
    data = combined(tables, record_of(spreads))
    return replace(data, histories=histories_of(spreads, recorded)) if can_join(spreads) else data


def record_of(spreads: Sequence[Spread]) -> dict[str, Any]:
    """Return all inputs that determine the results of spreads, for the record in their files."""
    return {"version": __version__, "spreads": [process.describe() for process in spreads]}
