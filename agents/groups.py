"""Groups of agents: agents of several language models, bots of fixed probability, and groups with measured rates."""

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
from .mixtures import Mixture, as_mixture, exact_shares, largest_remainder, parse_mixture
from .personas import Persona

GROUP_FILE_COLUMNS = ("group", "weight", "model", "personas", "p_share")
"""Columns of a population file; the first two are required."""
NO_TRAITS = "-----"
"""Code of the row of a group whose decisions are given: no trait is named."""


@dataclass(frozen=True)
class Group:
    """Agents that decide in one way.

    Parameters
    ----------
    name : str
        Name of the group.
    weight : float
        Share of the group in the population, on any scale; above 0.
    model : str
        Name of the language model that decides, as in :func:`tworate.agents.load_language_model`; empty for the model
        of the command. Not with `p_share`.
    personas : Mixture, optional
        Personas of the agents, and their weights within the group; by default all 32 profiles. Not with `p_share`.
    p_share : tuple of float
        Given probabilities of sharing, one for each sighting; the last one holds for all later sightings. Empty where
        a language model decides.

    Raises
    ------
    InputError
        When a value cannot be used.

    Examples
    --------
    >>> Group("bots", 0.2, p_share=(0.05,)).describe()
    'P(share) = 0.05'
    """

    name: str
    weight: float
    model: str = ""
    personas: Mixture | None = None
    p_share: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "p_share", tuple(float(p) for p in self.p_share))
        if not self.name.strip():
            raise InputError("a group has no name; give it one")
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise InputError(f"group {self.name}: weight = {self.weight:g} must be a number above 0")
        if self.p_share and (self.model or self.personas is not None):
            raise InputError(
                f"group {self.name}: has p_share, and model or personas too; either a language model decides, or the "
                "probabilities are given"
            )
        if wrong := [p for p in self.p_share if not 0 <= p <= 1]:
            raise InputError(f"group {self.name}: p_share = {wrong[0]:g} must lie in [0, 1]")
        if not self.p_share:
            object.__setattr__(self, "personas", as_mixture(self.personas))

    @property
    def rows(self) -> Mixture:
        """The personas of the group as rows of a decision table, with names that say the group."""
        if self.personas is None:
            return as_mixture([Persona(NO_TRAITS, name=self.name)])
        named = [Persona(p.code, p.biography, f"{self.name}: {p.label}") for p in self.personas.personas]
        return Mixture(tuple(named), self.personas.weights)

    def describe(self, model: str = "") -> str:
        """Return who decides in the group, in words; `model` is the name to show where the group has none."""
        if self.personas is not None:
            return f"{self.personas.describe()}, decided by {self.model or model or 'the language model'}"
        rates = ", ".join(f"{p:g}" for p in self.p_share)
        return f"P(share) = {rates}" + (" at the first sightings" if len(self.p_share) > 1 else "")


@dataclass(frozen=True, init=False)
class GroupMixture(Mixture):
    """Groups of agents as one mixture of personas: `personas` has the personas of all groups, group after group.

    Parameters
    ----------
    groups : sequence of Group
        The groups; each name occurs once.

    Raises
    ------
    InputError
        When there is no group, or two have one name.

    Examples
    --------
    >>> from tworate.agents import Persona, as_mixture
    >>> people = Group("people", 3, personas=as_mixture([Persona("OCEAN"), Persona("ocean")]))
    >>> mixture = GroupMixture([people, Group("bots", 1, p_share=(0.05,))])
    >>> [persona.label for persona in mixture.personas], mixture.counts(8).tolist()
    (['people: OCEAN', 'people: ocean', 'bots'], [3, 3, 2])
    """

    groups: tuple[Group, ...]

    def __init__(self, groups: Sequence[Group]) -> None:
        names = [group.name for group in groups]
        if not names:
            raise InputError("there are no groups; give at least one")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"group {twice} comes twice; give each group a name of its own")
        object.__setattr__(self, "groups", tuple(groups))
        object.__setattr__(self, "personas", tuple(p for group in groups for p in group.rows.personas))
        object.__setattr__(self, "weights", tuple(float(share) for share in self._exact_shares()))
        self.__post_init__()

    @property
    def group_numbers(self) -> NDArray[np.int64]:
        """Number of the group of each persona, shape (n_personas,)."""
        return np.repeat(np.arange(len(self.groups)), [len(group.rows.personas) for group in self.groups])

    @property
    def group_names(self) -> tuple[str, ...]:
        """Name of the group of each persona."""
        return tuple(self.groups[number].name for number in self.group_numbers)

    @property
    def model_names(self) -> list[str]:
        """Names of the language models of the groups, each once; empty text stands for the model of the command."""
        return list(dict.fromkeys(group.model for group in self.groups if group.personas is not None))

    def counts(self, n_agents: int) -> NDArray[np.int64]:
        """Return the number of agents of each persona, shape (n_personas,).

        The groups get their agents first, by the largest remainder method; then the personas of each group do.
        """
        of_group = largest_remainder(exact_shares([group.weight for group in self.groups]), n_agents)
        parts = [group.rows.counts(int(n)) for group, n in zip(self.groups, of_group, strict=True)]
        return np.concatenate(parts)

    def describe(self) -> str:
        """Return the groups as one line, for the record of a run."""
        shares = exact_shares([group.weight for group in self.groups])
        return "; ".join(
            f"{group.name} {float(share):.3g}: {group.describe()}"
            for group, share in zip(self.groups, shares, strict=True)
        )

    def to_records(self, n_agents: int) -> list[dict[str, Any]]:
        """Return one record per persona as :meth:`Mixture.to_records` does, with its group."""
        records = super().to_records(n_agents)
        return [{"group": name, **record} for name, record in zip(self.group_names, records, strict=True)]

    def agents_of_groups(self, n_agents: int) -> list[int]:
        """Return the number of agents of each group."""
        return np.bincount(self.group_numbers, weights=self.counts(n_agents)).astype(int).tolist()

    def _exact_shares(self) -> list[Fraction]:
        shares = exact_shares([group.weight for group in self.groups])
        return [
            share * own
            for group, share in zip(self.groups, shares, strict=True)
            for own in exact_shares(group.rows.weights)
        ]


def read_groups(path: str | Path) -> GroupMixture:
    """Read groups of agents from a population file.

    Parameters
    ----------
    path : path
        A CSV file with one row per group and the columns `group` (name) and `weight` (above 0). A group has either
        `p_share`: one probability, or several separated by semicolons, one a sighting, the last one for all later
        ones. Or a language model decides: `model` (empty: the model of the command) and `personas` (`all`, codes
        separated by commas or blanks, or a file of a mixture; empty: all).

    Raises
    ------
    InputError
        When the file cannot be used. The message names the file, the line, and what to do.
    """
    path = Path(path)
    groups: list[Group] = []
    first_line: dict[str, int] = {}
    for line, row in read_csv(path, GROUP_FILE_COLUMNS[:2]):
        where = f"{path}, line {line}"
        # Otherwise a misspelt column would be ignored without a message.
        if unknown := [column for column in row if column not in GROUP_FILE_COLUMNS]:
            raise InputError(
                f"{path}, line 1: unknown column {unknown[0]!r}; a population has {', '.join(GROUP_FILE_COLUMNS)}"
            )
        cells = {name: row.get(name, "").strip() for name in GROUP_FILE_COLUMNS}
        if cells["group"] in first_line:
            raise InputError(
                f"{where}: group {cells['group']} was used on line {first_line[cells['group']]} already; give each "
                "group a name of its own"
            )
        first_line[cells["group"]] = line
        try:
            groups.append(_group_of(cells))
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    if not groups:
        raise InputError(f"{path}: holds no groups; add at least one row below the header")
    try:
        return GroupMixture(groups)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _group_of(cells: dict[str, str]) -> Group:
    """Make a group of the cells of a row, without blanks around them."""
    try:
        weight = float(cells["weight"])
    except ValueError as error:
        raise InputError(f"weight {cells['weight']!r} must be a number above 0, such as 2 or 0.5") from error
    if cells["p_share"]:
        given = [name for name in ("model", "personas") if cells[name]]
        if given:
            raise InputError(f"has {given[0]} and p_share; give either, and leave the other empty")
        try:
            p_share = tuple(float(text) for text in cells["p_share"].split(";"))
        except ValueError as error:
            raise InputError(
                f"p_share {cells['p_share']!r} must be a probability such as 0.05, or one for each sighting such as "
                "0.3;0.1;0.05"
            ) from error
        return Group(cells["group"], weight, p_share=p_share)
    personas = cells["personas"]
    if personas and not personas.lower().endswith(".csv"):
        personas = ",".join(personas.replace(",", " ").split())
    return Group(cells["group"], weight, cells["model"], parse_mixture(personas or "all"))
