"""Choice of agents: those that share first, and those that an intervention blocks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

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


def parse_seeds(text: str) -> str | tuple[int, ...]:
    """Read which agents share first: `random`, `degree`, `persona:CODE`, or numbers of agents such as `3,17,20`.

    Raises
    ------
    InputError
        When the text is none of these.

    Examples
    --------
    >>> parse_seeds("degree"), parse_seeds("3, 17")
    ('degree', (3, 17))
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        check_who("seeds", text, "or numbers of agents such as 3,17,20")
        return text


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
