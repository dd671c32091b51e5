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
"""Columns of the traits: the mean over the agents, where -1 is low and +1 is high."""
TERMS = (*TRAITS, "event_type", "fatalities")
"""Default terms of a study."""


@dataclass(frozen=True)
class Coding:
    """How a column of the conditions becomes numbers.

    Parameters
    ----------
    name : str
        The column.
    kind : {"number", "tenfold", "label"}
        The number as it is; `log10(1 + number)`; or one indicator per label, 1 if the condition has it.
    levels : tuple of str
        The labels; for a number, the change to which its effect refers.
    centre : float
        Subtracted from a number, so that the intercept is that of an average condition.
    """

    name: str
    kind: Literal["number", "tenfold", "label"]
    levels: tuple[str, ...]
    centre: float = 0.0

    @classmethod
    def of(cls, conditions: pd.DataFrame, name: str) -> "Coding":
        """Choose a coding by the name and the values of a column.

        Traits stay as they are: 0 is midway between low and high. Fatalities enter in powers of ten. Other numbers are
        centred at their mean. All other columns are labels.

        Raises
        ------
        InputError
            When the column is not there, or a value is missing or out of range.
        """
        if name not in conditions:
            columns = ", ".join(map(str, conditions.columns))
            raise InputError(
                f"the conditions have no column {name!r} for the term of this name; the columns are: {columns}"
            )
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
        """Return the factor of the effect of each level, shape (n_conditions, n_levels).

        Raises
        ------
        InputError
            When a label is not among the levels.
        """
        column = Coding.of(conditions, self.name)  # raises where the column cannot be used
        if self.kind == "label":
            unknown = [level for level in column.levels if level not in self.levels]
            if unknown:
                raise InputError(
                    f"conditions: {self.name} = {unknown[0]} was not in the study, so its effect is unknown; "
                    f"the levels are: {', '.join(self.levels)}"
                )
            labels = conditions[self.name].astype(str).to_numpy()
            return np.asarray(labels[:, None] == np.array(self.levels), dtype=float)
        if column.kind == "label":
            raise InputError(f"conditions: {self.name} must be a number")
        numbers = conditions[self.name].to_numpy(dtype=float)
        return ((np.log10(1.0 + numbers) if self.kind == "tenfold" else numbers) - self.centre)[:, None]

    @property
    def contrasts(self) -> FloatArray:
        """Matrix that gives effects of the levels from coefficients of variance 1, shape (n_levels, n_coefficients)."""
        return zero_sum_contrasts(len(self.levels)) if self.kind == "label" else np.ones((1, 1))


@dataclass(frozen=True)
class Design:
    """What the conditions differ in.

    Parameters
    ----------
    codings : tuple of Coding
        One per term, for those terms whose effects the conditions can distinguish.
    matrix : array, shape (n_conditions, n_coefficients)
        Factors of the coefficients.
    effect_values : array, shape (n_conditions, n_effects)
        Factors of the effects of the levels.
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
            One row per condition.
        terms : sequence of str, optional
            Columns; by default those of :data:`TERMS` that exist.

        Raises
        ------
        InputError
            When a requested column cannot be used.
        """
        wanted = [name for name in TERMS if name in conditions] if terms is None else list(terms)
        absent = [] if terms is not None else [name for name in TERMS if name not in conditions]
        if len(set(wanted)) < len(wanted):
            raise InputError(f"terms = {', '.join(wanted)}: each term may be given only once")
        codings = {name: Coding.of(conditions, name) for name in wanted}
        candidates = [
            Term(name, coding.levels, coding.values(conditions) @ coding.contrasts, coding.contrasts)
            for name, coding in codings.items()
        ]
        identifiable, notes = identified(candidates, len(conditions))
        if absent:
            notes.insert(0, f"left out, since the conditions have no such column: {', '.join(absent)}")
        matrix = np.hstack([np.empty((len(conditions), 0)), *(term.columns for term in identifiable)])
        used = tuple(codings[term.name] for term in identifiable)
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
        """Matrix that gives effects from coefficients, shape (n_effects, n_coefficients)."""
        blocks = [coding.contrasts for coding in self.codings]
        joined = np.zeros((sum(block.shape[0] for block in blocks), sum(block.shape[1] for block in blocks)))
        row = column = 0
        for block in blocks:
            joined[row : row + block.shape[0], column : column + block.shape[1]] = block
            row, column = row + block.shape[0], column + block.shape[1]
        return joined

    def to_json(self) -> list[dict[str, Any]]:
        """Return the codings in a form that JSON can express."""
        return [asdict(coding) for coding in self.codings]


def effect_values(codings: Sequence[Coding], conditions: pd.DataFrame) -> FloatArray:
    """Return the factors of the effects in any conditions, shape (n_conditions, n_effects)."""
    return np.hstack([np.empty((len(conditions), 0)), *(coding.values(conditions) for coding in codings)])


def codings_from_json(saved: Sequence[dict[str, Any]]) -> tuple[Coding, ...]:
    """Read codings that :meth:`Design.to_json` wrote."""
    return tuple(Coding(**{**entry, "levels": tuple(entry["levels"])}) for entry in saved)
