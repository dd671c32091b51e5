"""Placement: which agents of a network get which labels, at random, by block or by number of neighbours."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .network import AnyNetwork

PLACEMENTS = ("random", "block", "degree")
"""Ways to place labels on a network."""


def place(
    network: AnyNetwork, labels: ArrayLike, how: str, *, seed: int, kinds: ArrayLike | None = None
) -> NDArray[np.int32]:
    """Place labels on the agents of a network; every label keeps its number of agents.

    Parameters
    ----------
    network : Network or CompleteNetwork
        The network of the agents.
    labels : array of int, shape (n_agents,)
        A label for each agent, from 0, in random order, such as those of :meth:`tworate.agents.Mixture.assign`.
    how : {"random", "block", "degree"}
        `random` leaves the labels as they are. `block` gives the first kind the agents with the lowest numbers: in a
        stochastic-block network these are the first blocks. `degree` gives the first kind the agents with the most
        neighbours; among equals it decides at random.
    seed : int
        Seed of the order among agents with equally many neighbours.
    kinds : array of int, shape (n_labels,), optional
        Kind of each label, such as the group of a persona. Labels of one kind stay in random order. By default every
        label is a kind of its own.

    Returns
    -------
    array of int32, shape (n_agents,)

    Raises
    ------
    InputError
        When there is no such placement, or labels are placed by degree and all agents have equally many neighbours.

    Examples
    --------
    >>> from tworate.simulate import make_network
    >>> star = make_network("barabasi-albert", 50, 2, seed=1)
    >>> labels = place(star, np.arange(50) % 2, "degree", seed=1)
    >>> bool(star.degrees[labels == 0].min() >= star.degrees[labels == 1].max())
    True
    """
    labels = np.asarray(labels, dtype=np.int32)
    if how not in PLACEMENTS:
        raise InputError(f"placement = {how!r}: must be one of {', '.join(PLACEMENTS)}")
    if how == "random":
        return labels
    kind_of_agent = labels if kinds is None else np.asarray(kinds)[labels]
    in_order = labels[np.argsort(kind_of_agent, kind="stable")]
    if how == "block":
        # Agents of a block have consecutive numbers.
        return in_order
    degrees = network.degrees
    if degrees.min() == degrees.max():
        raise InputError(
            f"placement = 'degree': all agents of the network {network.name} have {degrees[0]} neighbours; choose a "
            "network in which they differ, such as barabasi-albert, or another placement"
        )
    shuffled = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,))).permutation(labels.size)
    most_first = shuffled[np.argsort(-degrees[shuffled], kind="stable")]
    placed = np.empty_like(in_order)
    placed[most_first] = in_order
    return placed
