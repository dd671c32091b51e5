"""Random networks in which agents have different numbers of neighbours."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..common.compiled import njit
from ..errors import InputError
from .edges import Ends, ends_of, pair_keys, sorted_unique

Keys = NDArray[np.int64]

_TRIES = 8
"""Random draws of a neighbour before all neighbours are searched."""


def erdos_renyi(n_agents: int, n_edges: int, rng: np.random.Generator) -> tuple[Ends, Ends]:
    """Draw `n_edges` different pairs of agents; all sets of pairs are equally likely: G(n, m).

    Parameters
    ----------
    n_agents, n_edges : int
        Number of agents, and of edges between them; at most the number of pairs.
    rng : Generator
        Source of randomness.

    Returns
    -------
    tuple of array of int32, shape (n_edges,)
        Both ends of every edge.

    Notes
    -----
    Erdős & Rényi (1959), doi:10.5486/PMD.1959.6.3-4.12.

    Examples
    --------
    >>> source, target = erdos_renyi(100, 300, np.random.default_rng(1))
    >>> source.size, bool((source < target).all())
    (300, True)
    """

    def draw(count: int) -> Keys:
        one, other = rng.integers(n_agents, size=count), rng.integers(n_agents - 1, size=count)
        return pair_keys(n_agents, one, other + (other >= one))

    def all_pairs() -> Keys:
        return pair_keys(n_agents, *np.triu_indices(n_agents, 1))

    n_pairs = n_agents * (n_agents - 1) // 2
    return ends_of(n_agents, _distinct(n_edges, n_pairs, draw, all_pairs, rng))


def stochastic_block(
    n_agents: int, n_edges: int, blocks: int, between: float, rng: np.random.Generator
) -> tuple[Ends, Ends]:
    """Draw edges within and between blocks of agents.

    Parameters
    ----------
    n_agents, n_edges : int
        Number of agents, and of all edges.
    blocks : int
        Number of blocks, see :func:`block_begins`.
    between : float
        Fraction of the edges that join two blocks, in [0, 1].
    rng : Generator
        Source of randomness.

    Returns
    -------
    tuple of array of int32, shape (n_edges,)
        Both ends of every edge.

    Raises
    ------
    InputError
        When there are fewer pairs within, or between, the blocks than edges.

    Notes
    -----
    The stochastic block model of Holland, Laskey & Leinhardt (1983), doi:10.1016/0378-8733(83)90021-7, with
    given numbers of edges within and between blocks: all networks with these numbers are equally likely.

    Examples
    --------
    >>> source, target = stochastic_block(100, 300, 2, 0.1, np.random.default_rng(1))
    >>> int(((source < 50) != (target < 50)).sum())
    30
    """
    n_between, n_within, pairs_between, pairs_within = block_edges(n_agents, n_edges, blocks, between)
    begins = block_begins(n_agents, blocks)
    sizes = np.diff(begins)
    block = np.repeat(np.arange(blocks, dtype=np.int32), sizes)

    # `_distinct` draws again for each pair that is rejected, so that all valid pairs are equally likely.
    def draw_within(count: int) -> Keys:
        one = rng.integers(n_agents, size=count)
        other = begins[block[one]] + rng.integers(sizes.max(), size=count)
        valid = (other < begins[block[one] + 1]) & (other != one)
        return pair_keys(n_agents, one[valid], other[valid])

    def draw_between(count: int) -> Keys:
        one, other = rng.integers(n_agents, size=count), rng.integers(n_agents, size=count)
        valid = block[one] != block[other]
        return pair_keys(n_agents, one[valid], other[valid])

    def all_within() -> Keys:
        parts = []
        for begin, size in zip(begins[:-1], sizes, strict=True):
            one, other = np.triu_indices(size, 1)
            parts.append(pair_keys(n_agents, begin + one, begin + other))
        return np.concatenate(parts)

    def all_between() -> Keys:
        one, other = np.triu_indices(n_agents, 1)
        return pair_keys(n_agents, one, other)[block[one] != block[other]]

    within = _distinct(n_within, pairs_within, draw_within, all_within, rng)
    across = _distinct(n_between, pairs_between, draw_between, all_between, rng)
    return ends_of(n_agents, np.concatenate([within, across]))


def block_begins(n_agents: int, blocks: int) -> NDArray[np.int64]:
    """Return the first agent of each block; blocks are consecutive agents and differ in size by at most one.

    Returns
    -------
    array of int64, shape (blocks + 1,)
        Block `b` holds agents `begins[b]` to `begins[b + 1] - 1`.

    Examples
    --------
    >>> block_begins(10, 4)
    array([ 0,  2,  5,  7, 10])
    """
    return np.arange(blocks + 1, dtype=np.int64) * n_agents // blocks


def block_edges(n_agents: int, n_edges: int, blocks: int, between: float) -> tuple[int, int, int, int]:
    """Return the numbers of edges between and within blocks, and the numbers of pairs available for each.

    Raises
    ------
    InputError
        When there are fewer pairs than edges.
    """
    sizes = np.diff(block_begins(n_agents, blocks))
    pairs_within = int(np.sum(sizes * (sizes - 1)) // 2)
    pairs_between = n_agents * (n_agents - 1) // 2 - pairs_within
    n_between = round(between * n_edges)
    n_within = n_edges - n_between
    for where, edges, pairs, remedy in (
        ("within", n_within, pairs_within, "fewer blocks, a smaller degree or a larger between"),
        ("between", n_between, pairs_between, "more blocks, a smaller degree or a smaller between"),
    ):
        if edges > pairs:
            raise InputError(
                f"stochastic-block: {edges} edges {where} {blocks} blocks of {n_agents // blocks} or more agents are "
                f"too many: there are {pairs} pairs; ask for {remedy}"
            )
    return n_between, n_within, pairs_between, pairs_within


def watts_strogatz(n_agents: int, degree: int, rewired: float, rng: np.random.Generator) -> tuple[Ends, Ends]:
    """Draw a ring on which each agent is linked to its nearest neighbours, with some edges rewired at random.

    Parameters
    ----------
    n_agents, degree : int
        Number of agents, and their mean number of neighbours, an even number.
    rewired : float
        Fraction of edges whose second end is drawn again, in [0, 1].
    rng : Generator
        Source of randomness.

    Returns
    -------
    tuple of array of int32, shape (n_agents * degree / 2,)
        Both ends of every edge.

    Notes
    -----
    Watts & Strogatz (1998), doi:10.1038/30918; as in that paper, edges are visited by distance on the
    ring, then by agent.

    Examples
    --------
    >>> source, target = watts_strogatz(6, 2, 0.0, np.random.default_rng(1))
    >>> target
    array([1, 2, 3, 4, 5, 0], dtype=int32)
    """
    half = degree // 2
    return np.repeat(np.arange(n_agents, dtype=np.int32), half), _rewired_ring(n_agents, half, rewired, rng)


def preferential(n_agents: int, links: int, triads: float, rng: np.random.Generator) -> tuple[Ends, Ends]:
    """Grow a network: each new agent links to existing agents with probability proportional to their degree.

    Parameters
    ----------
    n_agents, links : int
        Number of agents, and of links of each new agent. The first `links + 1` agents are a star.
    triads : float
        Probability that a link of a new agent, after its first link, goes to a neighbour of the agent that it linked
        to, in [0, 1]; 0 is the network of Barabási and Albert.
    rng : Generator
        Source of randomness.

    Returns
    -------
    tuple of array of int32, shape ((n_agents - links) * links,)
        Both ends of every edge.

    Notes
    -----
    Barabási & Albert (1999), doi:10.1126/science.286.5439.509; Holme & Kim (2002), doi:10.1103/PhysRevE.65.026107.
    If no neighbour is left for a triad, the link is preferential. Every new agent has exactly `links` links; in
    networkx's `powerlaw_cluster_graph` two links can go to the same agent, and then an edge is lost.

    Examples
    --------
    >>> source, target = preferential(5, 1, 0.0, np.random.default_rng(1))
    >>> source
    array([1, 2, 3, 4], dtype=int32)
    """
    source = np.repeat(np.arange(links, n_agents, dtype=np.int32), links)
    return source, _grown(n_agents, links, triads, rng)


def _distinct(
    count: int, available: int, draw: Callable[[int], Keys], everything: Callable[[], Keys], rng: np.random.Generator
) -> Keys:
    """Draw `count` different keys; all sets of keys are equally likely.

    `draw(n)` returns up to n independent uniform keys. Each call asks only for the missing number of keys, so a key is
    discarded only if it is already in the set. This is equivalent to drawing one key after the other. If more than half
    of all keys are needed, that would be slow, so `everything` lists all keys to choose from.
    """
    if 2 * count > available:
        return np.sort(rng.choice(everything(), size=count, replace=False, shuffle=False))
    keys = sorted_unique(draw(count))
    while keys.size < count:
        keys = sorted_unique(np.concatenate([keys, draw(count - keys.size)]))
    return keys


@njit("simulate")
def _rewired_ring(n_agents: int, half: int, rewired: float, rng: np.random.Generator) -> Ends:
    """Return the second ends of the edges that lead forwards on the ring, agent by agent."""
    targets = np.empty(n_agents * half, dtype=np.int32)
    degrees = np.full(n_agents, 2 * half, dtype=np.int32)
    for agent in range(n_agents):
        for step in range(half):
            targets[agent * half + step] = (agent + step + 1) % n_agents
    for step in range(half):
        for agent in range(n_agents):
            # An agent that is linked to all others cannot be rewired.
            if rng.random() >= rewired or degrees[agent] == n_agents - 1:
                continue
            forward = targets[agent * half : (agent + 1) * half]
            other = agent
            while other == agent or _holds(forward, other) or _holds(targets[other * half : (other + 1) * half], agent):
                other = int(rng.random() * n_agents)
            degrees[forward[step]] -= 1
            degrees[other] += 1
            forward[step] = other
    return targets


@njit("simulate")
def _grown(n_agents: int, links: int, triads: float, rng: np.random.Generator) -> Ends:
    """Return the second ends of the links of agents `links` to `n_agents - 1`, agent by agent."""
    targets = np.empty((n_agents - links) * links, dtype=np.int32)
    # Only triads need lists of neighbours. A full list moves to twice its room, so all rooms of a list together have
    # less than 4 times the size of the list. The rooms of the first agents may never be filled.
    listed = n_agents if triads > 0.0 else 0
    room = np.empty(8 * targets.size + 2 * links**2 if triads > 0.0 else 0, dtype=np.int32)
    begin = np.arange(listed) * 2 * links
    end = begin + 2 * links
    degrees = np.zeros(listed, dtype=np.int32)
    used = listed * 2 * links
    for agent in range(links, n_agents):
        first = (agent - links) * links
        linked = targets[first : first + links]
        friend = 0
        for i in range(links):
            if agent == links:
                linked[i] = i
                continue
            if i > 0 and triads > 0.0 and rng.random() < triads:
                friends = room[begin[friend] : begin[friend] + degrees[friend]]
                chosen = _other_than(friends, linked[:i], rng)
                if chosen >= 0:
                    linked[i] = chosen
                    continue
            # A random end of a random link is an agent with probability proportional to its degree.
            while True:
                at = int(rng.random() * 2 * first)
                friend = targets[at] if at < first else links + (at - first) // links
                if not _holds(linked[:i], friend):
                    break
            linked[i] = friend
        if triads > 0.0:
            for i in range(links):
                room[begin[agent] + i] = linked[i]
            degrees[agent] = links
            for friend in linked:
                if begin[friend] + degrees[friend] == end[friend]:
                    size = degrees[friend]
                    for i in range(size):
                        room[used + i] = room[begin[friend] + i]
                    begin[friend], end[friend] = used, used + 2 * size
                    used += 2 * size
                room[begin[friend] + degrees[friend]] = agent
                degrees[friend] += 1
    return targets


@njit("simulate")
def _other_than(agents: Ends, excluded: Ends, rng: np.random.Generator) -> int:
    """Draw an agent that is not excluded, all with equal probability; return -1 if there is none."""
    for _ in range(_TRIES):
        chosen = agents[int(rng.random() * agents.size)]
        if not _holds(excluded, chosen):
            return chosen
    chosen = -1
    n_possible = 0
    for agent in agents:
        if not _holds(excluded, agent):
            n_possible += 1
            if rng.random() * n_possible < 1.0:
                chosen = agent
    return chosen


@njit("simulate")
def _holds(agents: Ends, agent: int) -> bool:
    is_in = False
    for i in range(agents.size):
        is_in |= agents[i] == agent
    return is_in
