"""Mixtures of personas: who is in the population, and in what numbers."""

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
"""Columns of a mixture's file; the first two are needed."""


@dataclass(frozen=True)
class Mixture:
    """Personas and their weights in a population.

    Parameters
    ----------
    personas : tuple of Persona
        Who there is; no two of one label.
    weights : tuple of float
        One positive number a persona, on any scale: 2 and 1, or 0.4 and 0.2.

    Raises
    ------
    InputError
        When a weight is not a number above 0, or two personas have one label.

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
                f"a mixture of {len(self.personas)} personas with {len(self.weights)} weights: give one weight a "
                "persona, and at least one persona"
            )
        seen = set()
        for persona, weight in zip(self.personas, self.weights, strict=True):
            if not (math.isfinite(weight) and weight > 0):
                raise InputError(f"persona {persona.label}: weight = {weight:g} must be a number above 0")
            if persona.label in seen:
                raise InputError(f"persona {persona.label} comes twice in the mixture; give each a name of its own")
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
        """Whole numbers of agents by persona that add up to `n_agents`, shape (n_personas,).

        By the method of the largest remainder: everybody gets the whole part of their share, and those with the
        largest fractions left over get one more, the first in order where fractions are equal. Each number is less than
        1 away from its share of `n_agents`.
        """
        # Exact fractions: rounding must not decide between equal remainders.
        quotas = [share * n_agents for share in self._exact_shares()]
        counts = [math.floor(quota) for quota in quotas]
        left = n_agents - sum(counts)
        order = sorted(range(len(quotas)), key=lambda i: counts[i] - quotas[i])
        for i in order[:left]:
            counts[i] += 1
        return np.array(counts, dtype=np.int64)

    def assign(self, n_agents: int, seed: int) -> NDArray[np.int32]:
        """Give every agent one of the personas, in exactly the numbers of :meth:`counts`, in random order.

        Returns
        -------
        array, shape (n_agents,)
            Index into `personas` for each agent.
        """
        counts = self.counts(n_agents)
        members = np.repeat(np.arange(counts.size, dtype=np.int32), counts)
        # Dealt in turn before the shuffle, so that a seed means the same agents as it did for equal weights alone.
        turn = np.concatenate([np.arange(count) for count in counts])
        return np.random.default_rng(seed).permutation(members[np.lexsort((members, turn))])

    def describe(self) -> str:
        """The mixture in a line, for the record of a run."""
        if self.is_equal and list(self.personas) == all_personas():
            return "all 32 Big Five profiles"
        shown = [
            persona.label if self.is_equal else f"{persona.label} {share:.3g}"
            for persona, share in zip(self.personas[:40], self.shares, strict=False)
        ]
        more = len(self.personas) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more else "")

    def to_records(self, n_agents: int) -> list[dict[str, Any]]:
        """One record a persona: persona (its code), name, biography, share, and agents of `n_agents`."""
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
        # Through the decimal that the user wrote: 0.1 is a tenth, not the nearest binary number.
        weights = [Fraction(repr(weight)) for weight in self.weights]
        total = sum(weights)
        return [weight / total for weight in weights]


def as_mixture(personas: "Mixture | Sequence[Persona] | None") -> Mixture:
    """Take a mixture as it is, or make one of personas in equal numbers; of all 32 profiles when there are none."""
    if isinstance(personas, Mixture):
        return personas
    personas = tuple(personas or all_personas())
    return Mixture(personas, (1.0,) * len(personas))


def parse_mixture(text: str) -> Mixture:
    """Read what a user calls a population: `all`, codes with commas between them, or a CSV file.

    Parameters
    ----------
    text : str
        What ends in `.csv` is the name of a file, see :func:`read_mixture`; all else is as
        :func:`tworate.agents.parse_personas` takes it, in equal numbers.
    """
    if text.lower().endswith(".csv"):
        return read_mixture(text)
    return as_mixture(parse_personas(text))


def read_mixture(path: str | Path) -> Mixture:
    """Read a mixture from a CSV file with the columns persona and weight, and biography and name if wanted.

    Parameters
    ----------
    path : path
        One row a persona. Weights are positive, on any scale. Where a code comes more than once (with other
        biographies), each needs a name.

    Raises
    ------
    InputError
        When the file cannot be used; names the file, the line, and what to do.
    """
    path = Path(path)
    personas: list[Persona] = []
    weights: list[float] = []
    first_line: dict[str, int] = {}
    for line, row in read_csv(path, COLUMNS[:2]):
        where = f"{path}, line {line}"
        # A column that is misspelt would otherwise be left out in silence.
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
                "weights, or tell them apart in the column name"
            )
        first_line[persona.label] = line
        personas.append(persona)
        weights.append(weight)
    if not personas:
        raise InputError(f"{path}: holds no personas; give at least one row below the header")
    return Mixture(tuple(personas), tuple(weights))


def assign_personas(n_agents: int, personas: Sequence[Persona], seed: int) -> NDArray[np.int32]:
    """Give every agent one of the personas, in numbers as equal as can be, in random order.

    Returns
    -------
    array, shape (n_agents,)
        Index into `personas` for each agent.
    """
    return as_mixture(personas).assign(n_agents, seed)
