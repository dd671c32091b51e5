"""Main effects of persona, event, sighting and cue on the log-odds of sharing.

A decision table is not a sample and has no sampling error, so the effects are average contrasts over its cells and have
no intervals. The residual measures what the main effects do not explain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..agents import EVENT_TYPES, TRAITS, DecisionTable
from ..common.cues import CUE_LABELS
from ..common.linear_terms import Term, identified, zero_sum_contrasts
from ..errors import InputError

LEAST_PROBABILITY = 1e-6
"""Probabilities are kept this far from 0 and 1, because log-odds have no bound there."""


@dataclass(frozen=True)
class Effects:
    """Main effects on the log-odds of sharing.

    Parameters
    ----------
    table : DataFrame
        One row per level: `term` (a trait, event type, fatalities, sighting, sharers), `level`, `effect` (on the
        log-odds), `odds_ratio` (its exponential), and `variance_share`: the part of the variance of the log-odds
        that only this term explains, the same in all rows of the term. The effects of a term's levels sum to zero. The
        effect of a trait is high against the average of high and low. The effect of fatalities is per tenfold of one
        plus their number.
    intercept : float
        Log-odds of sharing if every effect is zero: the average over the levels, with no fatalities.
    r_squared : float
        Part of the variance of the log-odds that all main effects explain together; NaN if nothing varies.
    residual_sd : float
        Standard deviation of the residuals, in log-odds: interactions, and other differences between events.
    n_cells, n_bounded : int
        Number of cells, and number of cells nearer to 0 or 1 than :data:`LEAST_PROBABILITY`.
    notes : tuple of str
        Terms that are left out, and why.
    """

    table: pd.DataFrame
    intercept: float
    r_squared: float
    residual_sd: float
    n_cells: int
    n_bounded: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all fields in a form that JSON can hold."""
        return {
            "effects": self.table.to_dict("records"),
            "intercept": self.intercept,
            "r_squared": None if np.isnan(self.r_squared) else self.r_squared,
            "residual_sd": self.residual_sd,
            "n_cells": self.n_cells,
            "n_bounded": self.n_bounded,
            "notes": list(self.notes),
        }

    @property
    def summary(self) -> str:
        """One sentence on how much the effects explain."""
        if np.isnan(self.r_squared):
            return f"{self.n_cells} cells; nothing varies: the log-odds of sharing are the same in all of them"
        bounded = f"; {self.n_bounded} cells at 0 or 1 count as {LEAST_PROBABILITY:g} from it" if self.n_bounded else ""
        return (
            f"{self.n_cells} cells; main effects explain {self.r_squared:.1%} of the variance of the log-odds of "
            f"sharing, and leave a standard deviation of {self.residual_sd:.3g}{bounded}"
        )


def fit_decision_effects(tables: Sequence[DecisionTable]) -> Effects:
    """Fit main effects to the decision tables of some events.

    Parameters
    ----------
    tables : sequence of DecisionTable
        One per event, over the same personas, sightings and cues.

    Raises
    ------
    InputError
        When there is no table, or the tables differ in personas, sightings or cues.

    Notes
    -----
    Least squares over all cells, with equal weights, for
    `logit P = intercept + Σ traits + event type + b · log10(1 + fatalities) + sighting + sharers`. Traits are coded
    +1 (high), -1 (low) and 0 (not named); the other terms by effect coding, so that their effects sum to zero.
    A term that does not vary, or is collinear with earlier terms, is left out with a note.
    """
    if not tables:
        raise InputError("there is no decision table to explain; decide at least one event")
    shapes = {(table.personas, table.probabilities.shape) for table in tables}
    if len(shapes) > 1:
        raise InputError("the decision tables differ in their personas, sightings or cues; decide them together")
    probabilities = np.stack([table.probabilities for table in tables]).ravel()
    bounded = np.clip(probabilities, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    log_odds = np.log(bounded) - np.log1p(-bounded)
    terms, notes = identified(_terms(tables), log_odds.size)
    coefficients, residual = _least_squares(log_odds, terms)
    total = float(np.square(log_odds - log_odds.mean()).sum())
    varies = total > 1e-12 * log_odds.size
    rows, start = [], 1
    for term in terms:
        effects = term.contrasts @ coefficients[start : start + term.columns.shape[1]]
        start += term.columns.shape[1]
        without = _least_squares(log_odds, [other for other in terms if other is not term])[1]
        share = float((without @ without - residual @ residual) / total) if varies else 0.0
        rows += [(term.name, level, effect, share) for level, effect in zip(term.levels, effects, strict=True)]
    table = pd.DataFrame(rows, columns=["term", "level", "effect", "variance_share"])
    table.insert(3, "odds_ratio", np.exp(table["effect"].astype(float)))
    return Effects(
        table=table,
        intercept=float(coefficients[0]),
        r_squared=1 - float(residual @ residual) / total if varies else float("nan"),
        residual_sd=float(np.sqrt(np.mean(residual**2))),
        n_cells=log_odds.size,
        n_bounded=int((bounded != probabilities).sum()),
        notes=tuple(notes),
    )


def _terms(tables: Sequence[DecisionTable]) -> list[Term]:
    """Return all terms; each has one row per cell: events outermost, then personas, sightings and cues."""
    cells = (len(tables), *tables[0].probabilities.shape)
    n_sightings = cells[2]

    def spread(values: Any, axis: int) -> NDArray[np.float64]:
        column = np.asarray(values, dtype=float).reshape([-1 if a == axis else 1 for a in range(len(cells))])
        return np.broadcast_to(column, cells).reshape(-1, 1)

    def factor(name: str, values: Sequence[Any], levels: Sequence[Any], labels: Sequence[str], axis: int) -> Term:
        contrasts = zero_sum_contrasts(len(levels))
        columns = [spread(contrasts[[levels.index(v) for v in values], k], axis) for k in range(len(levels) - 1)]
        stacked = np.hstack(columns) if columns else np.empty((np.prod(cells), 0))
        return Term(name, tuple(labels), stacked, contrasts)

    codes = {True: 1.0, False: -1.0, None: 0.0}
    terms = [
        Term(
            trait, ("high",), spread([codes[p.levels.get(trait)] for p in tables[0].personas], axis=1), np.ones((1, 1))
        )
        for trait in TRAITS
    ]
    types = [table.event.event_type for table in tables]
    present = [name for name in EVENT_TYPES if name in types]
    terms.append(factor("event type", types, present, present, axis=0))
    deaths = np.log10([1 + table.event.fatalities for table in tables])
    terms.append(Term("fatalities", ("tenfold",), spread(deaths, axis=0), np.ones((1, 1))))
    numbers = list(range(1, n_sightings + 1))
    labels = [str(number) for number in numbers[:-1]] + [f"{n_sightings} or more"]
    terms.append(factor("sighting", numbers, numbers, labels, axis=2))
    if len(cells) == 4:
        bins = range(cells[3])
        terms.append(factor("sharers", bins, bins, CUE_LABELS, axis=3))
    return terms


def _least_squares(
    values: NDArray[np.float64], terms: Sequence[Term]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return coefficients, with the intercept first, and residuals."""
    design = np.hstack([np.ones((values.size, 1)), *(term.columns for term in terms)])
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0].astype(np.float64)
    return coefficients, values - design @ coefficients
