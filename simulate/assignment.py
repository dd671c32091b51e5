"""Homophily: labels are placed on a network so that neighbours are alike."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.compiled import njit
from ..errors import InputError
from .network import AnyNetwork, CompleteNetwork

TOLERANCE = 0.005
"""Largest distance below the target assortativity at which a search that ends is still accepted."""

_SWEEPS = 400
_COLDEST = 4.0


def assortativity(network: AnyNetwork, labels: ArrayLike) -> float:
    """Compute the assortativity of labels on a network: how much more often neighbours are alike than by chance.

    Parameters
    ----------
    network : Network or CompleteNetwork
        The network of the agents.
    labels : array of int, shape (n_agents,)
        A label for each agent, from 0.

    Returns
    -------
    float
        1 if all neighbours are alike, 0 if they are alike as often as by chance, negative if less often; NaN if all
        agents with neighbours have the same label.

    Notes
    -----
    `r = (Σ_a e_aa - Σ_a b_a²) / (1 - Σ_a b_a²)`, with `e_aa` the fraction of edges between two agents of label `a`, and
    `b_a` the fraction of ends of edges at agents of label `a`. Newman (2003), doi:10.1103/PhysRevE.67.026126.

    Examples
    --------
    >>> from tworate.simulate import random_regular
    >>> round(assortativity(random_regular(4, 3, seed=0), [0, 0, 1, 1]), 3)
    -0.333
    """
    labels = np.asarray(labels)
    if labels.shape != (network.n_agents,) or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise InputError(f"labels must hold a whole number, 0 or more, for each of the {network.n_agents} agents")
    if isinstance(network, CompleteNetwork):
        counts = np.bincount(labels).astype(np.float64)
        ends = counts / network.n_agents
        same = float(np.sum(ends * (counts - 1.0))) / (network.n_agents - 1)
    else:
        same = np.count_nonzero(np.repeat(labels, network.degrees) == labels[network.indices]) / network.indices.size
        ends = np.bincount(labels, weights=network.degrees) / network.indices.size
    # With one label the coefficient is not defined; rounding must not turn it into a number.
    return coefficient(float(same), float(np.sum(ends**2))) if np.count_nonzero(ends) > 1 else float("nan")


def coefficient(same: float, chance: float) -> float:
    """Compute the assortativity from the share of edges between equal labels, and the share expected by chance."""
    return (same - chance) / (1.0 - chance)


def assortativity_of_edges(source: NDArray[np.int64], target: NDArray[np.int64]) -> float:
    """Compute the assortativity of directed edges from the labels at their two ends.

    Parameters
    ----------
    source, target : array of int, shape (n_edges,)
        Label of the agent at each end of each edge, from 0; edges with a negative label are ignored.

    Returns
    -------
    float
        As :func:`assortativity`; NaN if all ends of one side have the same label, or there is no edge.

    Examples
    --------
    >>> assortativity_of_edges(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
    0.5
    """
    labelled = (source >= 0) & (target >= 0)
    source, target = source[labelled], target[labelled]
    if not source.size:
        return float("nan")
    n_labels = int(max(source.max(), target.max())) + 1
    ends = [np.bincount(side, minlength=n_labels) / source.size for side in (source, target)]
    if any(np.count_nonzero(side) < 2 for side in ends):
        return float("nan")
    return coefficient(float(np.mean(source == target)), float(ends[0] @ ends[1]))


def make_alike(network: AnyNetwork, labels: ArrayLike, homophily: float, *, seed: int) -> NDArray[np.int32]:
    """Swap labels between agents until their assortativity is `homophily`; every label keeps its number of agents.

    Parameters
    ----------
    network : Network or CompleteNetwork
        The network of the agents.
    labels : array of int, shape (n_agents,)
        A label for each agent, from 0, such as those of :meth:`tworate.agents.Mixture.assign`.
    homophily : float
        The :func:`assortativity` to reach, in [0, 1]; 0 leaves the labels as they are.
    seed : int
        Seed of the swaps; the same seed gives the same result.

    Returns
    -------
    array of int32, shape (n_agents,)
        The labels in their new places. Their assortativity is as near to `homophily` as one swap allows, or at most
        :data:`TOLERANCE` below it.

    Raises
    ------
    InputError
        When `homophily` lies outside [0, 1], there is only one label, the network is complete, or the search ends below
        the target. Few networks allow labels for which all neighbours are alike, and random networks allow it least.

    Notes
    -----
    The search is simulated annealing, as in the partitioning of a graph by Kirkpatrick, Gelatt & Vecchi (1983),
    doi:10.1126/science.220.4598.671. A trial draws an agent and the label of one of its neighbours; the agent exchanges
    labels with a random agent of that label. The exchange is accepted with probability `min(1, exp(Δ / T))`, where `Δ`
    is the change of `Σ_a (e_aa - b_a²)` times the number of edges. `1 / T` rises from 0 to 4 in 400 sweeps; a sweep has
    as many trials as there are agents. Then only gains are accepted, until a sweep brings none. The search stops when
    it passes the target. If the labels begin above the target, the sign of `Δ` is reversed.
    """
    before = assortativity(network, labels)
    check_homophily(homophily)
    placed = np.array(labels, dtype=np.int32)
    if homophily == 0.0:
        return placed
    if np.isnan(before):
        raise InputError(f"homophily = {homophily:g}: all agents are of one persona; give two or more, or leave it out")
    if isinstance(network, CompleteNetwork):
        raise InputError(
            f"homophily = {homophily:g}: in a complete network everybody is everybody's neighbour; choose another "
            "network, or leave it out"
        )
    counts = np.bincount(placed)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    reached = _anneal(
        network.indptr,
        network.indices,
        placed,
        np.argsort(placed, kind="stable").astype(np.int32),
        np.concatenate([[0], np.cumsum(counts)]),
        homophily,
        np.linspace(0.0, _COLDEST, _SWEEPS),
        rng,
    )
    after = assortativity(network, placed)
    if not reached and abs(after - homophily) > TOLERANCE:
        max_homophily = max(np.floor(after * 100) / 100, 0)
        raise InputError(
            f"homophily = {homophily:g} was not reached on this network ({network.name}) with these personas: the "
            f"search ended at {after:.3f}; ask for at most {max_homophily:g}, or choose a network with more clusters, "
            "or fewer personas"
        )
    return placed


def check_homophily(homophily: float) -> None:
    """Raise an InputError when `homophily` lies outside [0, 1]."""
    if not 0.0 <= homophily <= 1.0:
        raise InputError(f"homophily = {homophily}: must lie in [0, 1] (0: at random)")


@njit("simulate")
def _anneal(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    labels: NDArray[np.int32],
    holders: NDArray[np.int32],
    begin: NDArray[np.int64],
    target: float,
    coldness: NDArray[np.float64],
    rng: np.random.Generator,
) -> bool:
    """Swap labels in place until their assortativity passes the target; return whether it did.

    `holders[begin[a]:begin[a + 1]]` are the agents of label `a`.
    """
    n_agents = labels.size
    n_ends = indices.size
    place = np.empty(n_agents, dtype=np.int64)
    for i in range(n_agents):
        place[holders[i]] = i
    ends = np.zeros(begin.size - 1, dtype=np.int64)
    same = 0
    for agent in range(n_agents):
        ends[labels[agent]] += indptr[agent + 1] - indptr[agent]
        for edge in range(indptr[agent], indptr[agent + 1]):
            same += labels[agent] == labels[indices[edge]]
    squares = 0.0
    for a in range(ends.size):
        squares += float(ends[a]) ** 2
    r = _coefficient(same, squares, n_ends)
    if r == target:
        return True
    sign = 1.0 if r < target else -1.0
    sweep = 0
    changed = True
    while sweep < coldness.size or changed:
        changed = False
        for _ in range(n_agents):
            u = int(rng.random() * n_agents)
            degree_u = indptr[u + 1] - indptr[u]
            if degree_u == 0:
                continue
            a = labels[u]
            b = labels[indices[indptr[u] + int(rng.random() * degree_u)]]
            if a == b:
                continue
            v = holders[begin[b] + int(rng.random() * (begin[b + 1] - begin[b]))]
            # An edge between the two agents does not change.
            more = 0
            for edge in range(indptr[u], indptr[u + 1]):
                other = indices[edge]
                if other != v:
                    more += int(labels[other] == b) - int(labels[other] == a)
            for edge in range(indptr[v], indptr[v + 1]):
                other = indices[edge]
                if other != u:
                    more += int(labels[other] == a) - int(labels[other] == b)
            moved = float(indptr[v + 1] - indptr[v] - degree_u)
            more_squares = 2.0 * moved * (ends[a] - ends[b] + moved)
            # `more_squares / (2 n_ends)` is the change of the number of edges between like agents expected by chance.
            gain = sign * (more - more_squares / (2.0 * n_ends))
            if gain <= 0.0 and (
                sweep >= coldness.size or (gain < 0.0 and rng.random() >= np.exp(coldness[sweep] * gain))
            ):
                continue
            after = _coefficient(same + 2 * more, squares + more_squares, n_ends)
            passed = sign * (after - target) >= 0.0
            if passed and abs(after - target) > abs(r - target):
                return True
            labels[u], labels[v] = b, a
            holders[place[u]], holders[place[v]] = v, u
            place[u], place[v] = place[v], place[u]
            ends[a] += int(moved)
            ends[b] -= int(moved)
            same += 2 * more
            squares += more_squares
            r = after
            changed = True
            if passed:
                return True
        sweep += 1
    return False


@njit("simulate")
def _coefficient(same: int, squares: float, n_ends: int) -> float:
    chance = squares / n_ends / n_ends
    return (same / n_ends - chance) / (1.0 - chance)
