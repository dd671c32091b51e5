"""Terms of a linear predictor: how numbers and labels become columns, and which terms the data can tell apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Term:
    """One term: a number, or labels with one effect each.

    Parameters
    ----------
    name : str
        Name.
    levels : tuple of str
        Names of the effects: the labels; for a number, the step that its coefficient is for.
    columns : array, shape (n_rows, n_columns)
        Values by which the coefficients are multiplied.
    contrasts : array, shape (n_levels, n_columns)
        Matrix that turns the coefficients into effects of the levels.
    """

    name: str
    levels: tuple[str, ...]
    columns: FloatArray
    contrasts: FloatArray


def zero_sum_contrasts(n_levels: int) -> FloatArray:
    """Return contrasts of labels whose effects sum to zero: orthonormal columns, shape (n_levels, n_levels - 1).

    All labels are treated alike: coefficients of equal variance give effects of equal variance.

    Examples
    --------
    >>> zero_sum_contrasts(3).round(3)
    array([[ 0.707,  0.408],
           [-0.707,  0.408],
           [ 0.   , -0.816]])
    """
    # Helmert contrasts: each column compares one label with the labels before it.
    contrasts = np.triu(np.ones((n_levels, n_levels - 1)), k=0)
    counts = np.arange(1, n_levels)
    contrasts[counts, counts - 1] = -counts
    return contrasts / np.sqrt(counts * (counts + 1.0))


def identified(terms: Sequence[Term], n_rows: int) -> tuple[list[Term], list[str]]:
    """Return the terms that vary and can be told apart from the terms before them, and notes on the others.

    Parameters
    ----------
    terms : sequence of Term
        Terms in order of precedence.
    n_rows : int
        Number of rows of the columns.
    """
    selected: list[Term] = []
    constant, notes = [], []
    design = np.ones((n_rows, 1))
    for term in terms:
        wider = np.hstack([design, term.columns])
        if not term.columns.size or not np.ptp(term.columns, axis=0).any():
            constant.append(term.name)
        elif np.linalg.matrix_rank(wider) < wider.shape[1]:
            before = ", ".join(other.name for other in selected)
            notes.append(f"left out, since it cannot be told apart from {before} here: {term.name}")
        else:
            selected.append(term)
            design = wider
    if constant:
        notes.insert(0, f"left out, since it does not vary here: {', '.join(constant)}")
    return selected, notes
