"""The terms of the conditions: traits, event type, fatalities, or any other column, as numbers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...common.linear_terms import Term, identified, zero_sum_contrasts
from ...errors import InputError

FloatArray = NDArray[np.float64]

TRAITS = ("O", "C", "E", "A", "N")
"""Columns of the traits: the mean over the agents of -1 (low) and +1 (high)."""
TERMS = (*TRAITS, "event_type", "fatalities")
"""Terms of a study by default."""


@dataclass(frozen=True)
class Coding:
    """How a column of the conditions becomes numbers.

    Parameters
    ----------
    name : str
        The column.
    kind : {"number", "tenfold", "label"}
        As it is, as `log10(1 + number)`, or one number a label, 1 where the condition has it.
    levels : tuple of str
        The labels, or of a number what its effect is for.
    centre : float
        Taken from a number, so that the intercept is that of an average condition.
    """

    name: str
    kind: Literal["number", "tenfold", "label"]
    levels: tuple[str, ...]
    centre: float = 0.0

    @classmethod
    def of(cls, conditions: pd.DataFrame, name: str) -> "Coding":
        """Choose a coding by the name and the values of a column.

        Traits stay as they are: 0 is in the middle of low and high. Fatalities are taken in powers of ten.
        Other numbers are taken from their mean; all else are labels.

        Raises
        ------
        InputError
            When the column is not there, or a value is missing or out of range.
        """
        if name not in conditions:
            there = ", ".join(map(str, conditions.columns))
            raise InputError(f"the conditions have no column {name!r} for the term of this name; there are: {there}")
        values = conditions[name]
        if values.isna().any():
            missing = conditions.index[values.isna()][0]
            raise InputError(f"conditions, row {missing}: {name} is missing; give it a value, or leave the term out")
        if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            return cls(name, "label", tuple(str(value) for value in pd.unique(values)))
        if name in TRAITS:
            return cls(name, "number", ("high",))
        if name == "fatalities":
            if values.min() < 0:
                raise InputError(f"conditions: fatalities = {values.min():g} is below 0")
            return cls(name, "tenfold", ("tenfold",), float(np.log10(1.0 + values).mean()))
        return cls(name, "number", ("one more",), float(values.mean()))

    def values(self, conditions: pd.DataFrame) -> FloatArray:
        """What the effect of each level is multiplied with, shape (n_conditions, n_levels).

        Raises
        ------
        InputError
            When a label is not among the levels.
        """
        column = Coding.of(conditions, self.name)  # checks it
        if self.kind == "label":
            unknown = [level for level in column.levels if level not in self.levels]
            if unknown:
                raise InputError(
                    f"conditions: {self.name} = {unknown[0]} was not in the study, so its effect is not known; there "
                    f"are: {', '.join(self.levels)}"
                )
            labels = conditions[self.name].astype(str).to_numpy()
            return np.asarray(labels[:, None] == np.array(self.levels), dtype=float)
        if column.kind == "label":
            raise InputError(f"conditions: {self.name} must be a number")
        numbers = conditions[self.name].to_numpy(dtype=float)
        return ((np.log10(1.0 + numbers) if self.kind == "tenfold" else numbers) - self.centre)[:, None]

    @property
    def contrasts(self) -> FloatArray:
        """Effects of the levels from coefficients of variance 1, shape (n_levels, n_coefficients)."""
        return zero_sum_contrasts(len(self.levels)) if self.kind == "label" else np.ones((1, 1))


@dataclass(frozen=True)
class Design:
    """What the conditions differ in.

    Parameters
    ----------
    codings : tuple of Coding
        One a term, of those whose effects the conditions tell apart.
    matrix : array, shape (n_conditions, n_coefficients)
        What the coefficients are multiplied with.
    effect_values : array, shape (n_conditions, n_effects)
        What the effects of the levels are multiplied with.
    notes : tuple of str
        Terms that are left out, and why.
    """

    codings: tuple[Coding, ...]
    matrix: FloatArray
    effect_values: FloatArray
    notes: tuple[str, ...]

    @classmethod
    def of(cls, conditions: pd.DataFrame, terms: Sequence[str] | None = None) -> "Design":
        """Code the terms of some conditions.

        Parameters
        ----------
        conditions : pandas.DataFrame
            One row a condition.
        terms : sequence of str, optional
            Columns; by default those of :data:`TERMS` that are there.

        Raises
        ------
        InputError
            When a column that was asked for cannot be used.
        """
        wanted = [name for name in TERMS if name in conditions] if terms is None else list(terms)
        absent = [] if terms is not None else [name for name in TERMS if name not in conditions]
        if len(set(wanted)) < len(wanted):
            raise InputError(f"terms = {', '.join(wanted)}: each may come once")
        codings = {name: Coding.of(conditions, name) for name in wanted}
        candidates = [
            Term(name, coding.levels, coding.values(conditions) @ coding.contrasts, coding.contrasts)
            for name, coding in codings.items()
        ]
        kept, notes = identified(candidates, len(conditions))
        if absent:
            notes.insert(0, f"left out, since the conditions have no such column: {', '.join(absent)}")
        matrix = np.hstack([np.empty((len(conditions), 0)), *(term.columns for term in kept)])
        used = tuple(codings[term.name] for term in kept)
        return cls(used, matrix, effect_values(used, conditions), tuple(notes))

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the terms."""
        return tuple(coding.name for coding in self.codings)

    @property
    def levels(self) -> list[tuple[str, str]]:
        """Term and level of each effect, in order."""
        return [(coding.name, level) for coding in self.codings for level in coding.levels]

    @property
    def contrasts(self) -> FloatArray:
        """Effects from coefficients, shape (n_effects, n_coefficients)."""
        blocks = [coding.contrasts for coding in self.codings]
        whole = np.zeros((sum(block.shape[0] for block in blocks), sum(block.shape[1] for block in blocks)))
        row = column = 0
        for block in blocks:
            whole[row : row + block.shape[0], column : column + block.shape[1]] = block
            row, column = row + block.shape[0], column + block.shape[1]
        return whole

    def to_json(self) -> list[dict[str, Any]]:
        """Codings, fit for JSON."""
        return [asdict(coding) for coding in self.codings]


def effect_values(codings: Sequence[Coding], conditions: pd.DataFrame) -> FloatArray:
    """What the effects are multiplied with in any conditions, shape (n_conditions, n_effects)."""
    return np.hstack([np.empty((len(conditions), 0)), *(coding.values(conditions) for coding in codings)])


def codings_from_json(saved: Sequence[dict[str, Any]]) -> tuple[Coding, ...]:
    """Inverse of :meth:`Design.to_json`."""
    return tuple(Coding(**{**each, "levels": tuple(each["levels"])}) for each in saved)
