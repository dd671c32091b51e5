"""Mixtures of personas: which personas a population has, and how many agents of each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import read_csv
from .personas import Persona, all_personas, parse_personas

COLUMNS = ("persona", "weight", "biography", "name")
"""Columns of a mixture file; the first two are required."""


@dataclass(frozen=True)
class Mixture:
    """Personas and their weights in a population.

    Parameters
    ----------
    personas : tuple of Persona
        The personas; each label occurs once.
    weights : tuple of float
        One positive number per persona, on any scale: 2 and 1 mean the same as 0.4 and 0.2.

    Raises
    ------
    InputError
        When a weight is not a number above 0, or two personas have the same label.

    Examples
    --------
    >>> Mixture((Persona("OCEAN"), Persona("ocean")), (3, 1)).counts(10).tolist()
    [8, 2]
    """

    personas: tuple[Persona, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "personas", tuple(self.personas))
        object.__setattr__(self, "weights", tuple(float(weight) for weight in self.weights))
        if not self.personas or len(self.personas) != len(self.weights):
            raise InputError(
                f"a mixture of {len(self.personas)} personas with {len(self.weights)} weights: give one weight per "
                "persona, and at least one persona"
            )
        seen = set()
        for persona, weight in zip(self.personas, self.weights, strict=True):
            if not (math.isfinite(weight) and weight > 0):
                raise InputError(f"persona {persona.label}: weight = {weight:g} must be a number above 0")
            if persona.label in seen:
                raise InputError(f"persona {persona.label} comes twice in the mixture; give each a different name")
            seen.add(persona.label)

    @property
    def shares(self) -> NDArray[np.float64]:
        """The weights as fractions of their sum, shape (n_personas,)."""
        return np.array([float(share) for share in self._exact_shares()])

    @property
    def is_equal(self) -> bool:
        """Whether every persona has the same weight."""
        return len(set(self.weights)) == 1

    def counts(self, n_agents: int) -> NDArray[np.int64]:
        """Return the number of agents of each persona, shape (n_personas,); the numbers add up to `n_agents`.

        Uses the largest remainder method: each persona gets the whole part of its quota, and the personas with the
        largest fractional parts get one agent more. Ties go to the persona that comes first. Each number differs from
        its quota by less than 1.
        """
        return largest_remainder(self._exact_shares(), n_agents)

    def assign(self, n_agents: int, seed: int) -> NDArray[np.int32]:
        """Assign a persona to every agent in random order; the numbers are exactly those of :meth:`counts`.

        Returns
        -------
        array, shape (n_agents,)
            Index into `personas` for each agent.
        """
        counts = self.counts(n_agents)
        members = np.repeat(np.arange(counts.size, dtype=np.int32), counts)
        # Personas alternate before the shuffle: with equal weights, a seed then gives the same agents as in versions
        # without weights.
        rounds = np.concatenate([np.arange(count) for count in counts])
        return np.random.default_rng(seed).permutation(members[np.lexsort((members, rounds))])

    def describe(self) -> str:
        """Return the mixture as one line, for the record of a run."""
        if self.is_equal and list(self.personas) == all_personas():
            return "all 32 Big Five profiles"
        shown = [
            persona.label if self.is_equal else f"{persona.label} {share:.3g}"
            for persona, share in zip(self.personas[:40], self.shares, strict=False)
        ]
        n_more = len(self.personas) - len(shown)
        return ", ".join(shown) + (f" and {n_more} more" if n_more else "")

    def to_records(self, n_agents: int) -> list[dict[str, Any]]:
        """Return one record per persona: persona (its code), name, biography, share, and agents out of `n_agents`."""
        return [
            {
                "persona": persona.code,
                "name": persona.name,
                "biography": persona.biography,
                "share": float(share),
                "agents": int(count),
            }
            for persona, share, count in zip(self.personas, self.shares, self.counts(n_agents), strict=True)
        ]

    def _exact_shares(self) -> list[Fraction]:
        return exact_shares(self.weights)


def exact_shares(weights: Sequence[float]) -> list[Fraction]:
    """Return weights as fractions of their sum, without rounding."""
    # repr gives the decimal that the user wrote: 0.1 is one tenth, not the nearest binary number.
    fractions = [Fraction(repr(float(weight))) for weight in weights]
    total = sum(fractions)
    return [fraction / total for fraction in fractions]


def largest_remainder(shares: Sequence[Fraction], n_agents: int) -> NDArray[np.int64]:
    """Return whole numbers that add up to `n_agents` and are nearest to shares of it, see :meth:`Mixture.counts`."""
    # Fractions are exact: rounding must not decide between equal remainders.
    quotas = [share * n_agents for share in shares]
    counts = [math.floor(quota) for quota in quotas]
    unassigned = n_agents - sum(counts)
    order = sorted(range(len(quotas)), key=lambda i: counts[i] - quotas[i])
    for i in order[:unassigned]:
        counts[i] += 1
    return np.array(counts, dtype=np.int64)


def as_mixture(personas: "Mixture | Sequence[Persona] | None") -> Mixture:
    """Return a mixture unchanged, or mix personas with equal weights; None or no personas means all 32 profiles."""
    if isinstance(personas, Mixture):
        return personas
    personas = tuple(personas or all_personas())
    return Mixture(personas, (1.0,) * len(personas))


def parse_mixture(text: str) -> Mixture:
    """Read a population as a user writes it: `all`, codes separated by commas, or a CSV file.

    Parameters
    ----------
    text : str
        Text that ends in `.csv` is a file name, see :func:`read_mixture`. Other text is read by
        :func:`tworate.agents.parse_personas`, and all personas get the same weight.
    """
    if text.lower().endswith(".csv"):
        return read_mixture(text)
    return as_mixture(parse_personas(text))


def read_mixture(path: str | Path) -> Mixture:
    """Read a mixture from a CSV file with the columns persona and weight, and optionally biography and name.

    Parameters
    ----------
    path : path
        One row per persona. Weights are positive, on any scale. If a code occurs more than once (with different
        biographies), each row needs a name.

    Raises
    ------
    InputError
        When the file cannot be used. The message names the file, the line, and what to do.
    """
    path = Path(path)
    personas: list[Persona] = []
    weights: list[float] = []
    first_line: dict[str, int] = {}
    for line, row in read_csv(path, COLUMNS[:2]):
        where = f"{path}, line {line}"
        # Otherwise a misspelt column would be ignored without a message.
        if unknown := [column for column in row if column not in COLUMNS]:
            raise InputError(f"{path}, line 1: unknown column {unknown[0]!r}; a mixture has {', '.join(COLUMNS)}")
        try:
            persona = Persona(row["persona"].strip(), row.get("biography", ""), row.get("name", ""))
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        try:
            weight = float(row["weight"])
        except ValueError:
            weight = math.nan
        if not (math.isfinite(weight) and weight > 0):
            raise InputError(f"{where}: weight {row['weight']!r} must be a number above 0, such as 2 or 0.5")
        if persona.label in first_line:
            raise InputError(
                f"{where}: persona {persona.label} was used on line {first_line[persona.label]} already; add up their "
                "weights, or give them different names in the column name"
            )
        first_line[persona.label] = line
        personas.append(persona)
        weights.append(weight)
    if not personas:
        raise InputError(f"{path}: holds no personas; add at least one row below the header")
    return Mixture(tuple(personas), tuple(weights))


def assign_personas(n_agents: int, personas: Sequence[Persona], seed: int) -> NDArray[np.int32]:
    """Assign a persona to every agent in random order; the numbers of agents are as equal as possible.

    Returns
    -------
    array, shape (n_agents,)
        Index into `personas` for each agent.
    """
    return as_mixture(personas).assign(n_agents, seed)
