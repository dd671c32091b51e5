"""Spreading: every replicate of one or more spreads, in memory."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import __version__
from .interventions import Intervention
from .network import AnyNetwork
from .process import Spread
from .records import combined, tables_of
from .seeding import RANDOM
from .trajectories import Trajectories


def spread(
    network: AnyNetwork,
    probabilities: ArrayLike,
    personas: ArrayLike | None = None,
    *,
    rounds: int = 40,
    replicates: int = 10,
    initial_sharers: int = 5,
    seeds: str | Sequence[int] = RANDOM,
    visibility: float = 0.25,
    outside: float = 0.0,
    clock: str = "rounds",
    interventions: Sequence[Intervention] = (),
    seed: int | Sequence[int],
    conditions: Mapping[str, Any] | None = None,
    persona_labels: Sequence[str] | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trajectories:
    """Simulate the spread of one post over a network.

    In every round each edge between an agent that has not shared and one that has shows the former the post with
    probability `visibility`: a sighting. At its m-th sighting an agent with persona `z` shares with probability
    `probabilities[z, m]`; the last column stands for its and all later sightings. Decisions of a round take effect in
    the next. Sharing is permanent. In continuous time each such edge shows the post at the rate `visibility` instead,
    and sharing takes effect at once.

    Parameters
    ----------
    network : Network or CompleteNetwork
        Who sees whose posts.
    probabilities : array, shape (n_personas, n_sightings)
        The decision table, in [0, 1].
    personas : array of int, shape (n_agents,), optional
        Row of the table for each agent; may be left out when the table has one row.
    rounds, replicates : int
        Rounds to simulate (in continuous time: units of time, at the end of which it is recorded), and independent
        repetitions (each with its own initial sharers).
    initial_sharers : int
        Agents that have shared at time 0; may be 0 where the outside world shows the post.
    seeds : str or sequence of int
        Which agents these are: `random`; `degree`: those with the most neighbours, at random among equals;
        `persona:CODE`: random ones of a persona; or the agents themselves, whose number then counts instead of
        `initial_sharers`.
    visibility : float
        Probability `c` that an edge shows the post in a round, in (0, 1]; in continuous time the rate at which it does,
        above 0.
    outside : float
        Probability `a` that the outside world shows the post to a susceptible agent in a round, in [0, 1]; in
        continuous time a rate.
    clock : {"rounds", "continuous"}
        How time passes.
    interventions : sequence of Block, ReduceVisibility or CounterMessage
        What is done about the post, see :mod:`tworate.simulate.interventions`; named in the condition column
        `intervention`.
    seed : int or sequence of int
        Replicate `r` draws from its own stream of (seed, r): the same result for any number of threads, and for one
        replicate alone or among many.
    conditions : mapping, optional
        Condition columns to add, such as `{"event": "VAR1"}`.
    persona_labels : sequence of str, optional
        What the personas are called in the counts; by default by their row in the table.
    threads : int, optional
        Replicates simulated at once; the number of cores by default.
    progress : callable, optional
        Called with replicates done and total.

    Returns
    -------
    Trajectories
        With `si_edges`, `sightings` and `degree`; where agents have different numbers of neighbours, that is the mean,
        and `degrees` says how many have how many. Blocked agents are part of neither. `counts` says who shared at
        which sighting.

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> from tworate.simulate import random_regular
    >>> data = spread(random_regular(200, 4, seed=1), [[0.3, 0.1]], rounds=2, replicates=1, seed=2)
    >>> int(data.table["infected"].iloc[-1] - 5 - data.counts["new_sharers"][data.counts["time"] > 0].sum())
    0
    """
    what = Spread(
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
        seed=seed,
        conditions=conditions or {},
        persona_labels=persona_labels,
    )
    return simulate([what], threads, progress)


def simulate(
    spreads: Sequence[Spread], threads: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Trajectories:
    """Run every replicate of one or more spreads; arguments and result as of :func:`spread`."""
    done, total = 0, sum(each.replicates for each in spreads)
    tables = []
    for each in spreads:
        replicates = []
        for replicate in each.run(range(each.replicates), threads):
            replicates.append(replicate)
            done += 1
            if progress:
                progress(done, total)
        tables.append(tables_of(replicates, each.columns, each.labels))
    return combined(tables, record_of(spreads))


def record_of(spreads: Sequence[Spread]) -> dict[str, Any]:
    """All that the results of some spreads follow from, for their files."""
    return {"version": __version__, "spreads": [each.describe() for each in spreads]}
