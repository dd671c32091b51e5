"""Choice of agents: those that share first, and those that an intervention blocks."""

import csv
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from .network import AnyNetwork

RANDOM, DEGREE, PERSONA = "random", "degree", "persona:"


class Agents(NamedTuple):
    """Properties by which agents are chosen.

    Parameters
    ----------
    degrees : array of int64, shape (n_agents,)
        Number of neighbours.
    members : array of int32, shape (n_agents,)
        Row of each agent's persona in the decision table.
    labels : tuple of str
        Names of the personas.
    """

    degrees: NDArray[np.int64]
    members: NDArray[np.int32]
    labels: tuple[str, ...]


def parse_seeds(text: str, *, named: bool = False) -> str | tuple[int | str, ...]:
    """Read which agents share first: `random`, `degree`, `persona:CODE`, or agents such as `3,17,20`.

    Parameters
    ----------
    text : str
        The choice. Names that hold a comma stand in double quotes.
    named : bool
        Whether agents have names of their own, as in a network from a file; otherwise they are numbers.

    Raises
    ------
    InputError
        When the text is none of these.

    Examples
    --------
    >>> parse_seeds("degree"), parse_seeds("3, 17")
    ('degree', (3, 17))
    >>> parse_seeds('anne,"Walker, Ann",007', named=True)
    ('anne', 'Walker, Ann', '007')
    """
    if not named:
        try:
            return tuple(int(part) for part in text.split(","))
        except ValueError:
            check_who("seeds", text, "or numbers of agents such as 3,17,20")
            return text
    if text in (RANDOM, DEGREE) or text.startswith(PERSONA):
        check_who("seeds", text)
        return text
    names = [name.strip() for name in next(csv.reader([text], skipinitialspace=True), [])]
    if not names or not all(names):
        raise InputError(f"seeds = {text!r}: names nobody between two commas; write names of agents such as anne,bob")
    return tuple(names)


def numbers_of(seeds: Sequence[Any], network: AnyNetwork) -> tuple[int, ...]:
    """Return the numbers of agents that are given by their labels, or by their numbers if the network has no labels.

    Raises
    ------
    InputError
        When there is no such agent.
    """
    if network.labels is None:
        try:
            return tuple(int(agent) for agent in seeds)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"seeds: network {network.name} has no names of agents; give numbers from 0 to {network.n_agents - 1}"
            ) from error
    names = list(map(str, seeds))
    numbers = network.labels.astype(str).get_indexer(pd.Index(names, dtype=str))
    if (numbers < 0).any():
        absent = [name for name, number in zip(names, numbers, strict=True) if number < 0]
        there = ", ".join(map(str, network.labels[:5])) + (", …" if network.n_agents > 5 else "")
        raise InputError(
            f"seeds: network {network.name} has no agent called {', '.join(absent[:5])}; its agents are called {there} "
            "(or choose random, degree or persona:CODE)"
        )
    return tuple(map(int, numbers))


def check_who(name: str, who: str, further: str = "") -> None:
    """Raise an InputError when `who` is not a valid choice of agents."""
    if who not in (RANDOM, DEGREE) and not (who.startswith(PERSONA) and len(who) > len(PERSONA)):
        choices = f"random, degree (most neighbours first), persona:CODE{', ' if further else ''}{further}"
        raise InputError(f"{name} = {who!r}: must be one of {choices}")


def persona_row(name: str, who: str, labels: Sequence[str]) -> int:
    """Return the row of the decision table of the persona in `persona:CODE`.

    Raises
    ------
    InputError
        When there is no persona with this code.
    """
    code = who.removeprefix(PERSONA)
    if code not in labels:
        shown = ", ".join(labels[:8]) + (", …" if len(labels) > 8 else "")
        raise InputError(f"{name} = {who}: there is no persona {code!r}; there are: {shown}")
    return list(labels).index(code)


def choose(
    name: str, who: str, number: int, agents: Agents, free: NDArray[np.bool_] | None, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Choose agents at random or by degree.

    Parameters
    ----------
    name : str
        Purpose of the choice, for error messages.
    who : str
        `random`; `degree`: those with the most neighbours, at random among equals; `persona:CODE`: at random among the
        agents of a persona.
    number : int
        Number of agents to choose.
    agents : Agents
        Properties by which they are chosen.
    free : array of bool, shape (n_agents,), optional
        Agents that may be chosen; all by default.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array of int32, shape (number,)

    Raises
    ------
    InputError
        When there are fewer than `number` such agents.
    """
    n_agents = agents.members.size
    if who == RANDOM and free is None and number <= n_agents:
        return rng.choice(n_agents, size=number, replace=False).astype(np.int32)
    eligible = np.ones(n_agents, dtype=np.bool_) if free is None else free.copy()
    if who.startswith(PERSONA):
        eligible &= agents.members == persona_row(name, who, agents.labels)
    candidates = np.flatnonzero(eligible)
    if candidates.size < number:
        raise InputError(f"{name} = {who}: {number} agents are asked for, and there are {candidates.size}")
    if who != DEGREE or number == 0:
        return rng.choice(candidates, size=number, replace=False).astype(np.int32)
    degrees = agents.degrees[candidates]
    threshold = np.partition(degrees, candidates.size - number)[candidates.size - number]
    above = candidates[degrees > threshold]
    equal = rng.choice(candidates[degrees == threshold], size=number - above.size, replace=False)
    return np.concatenate([above, equal]).astype(np.int32)
