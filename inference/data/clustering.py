"""Grouping of agents into groups that vary little, each represented by its mean."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LARGEST = 0.05
"""Groups are split together where they vary at least so much as the one that varies most, relative to it."""


def cluster(features: FloatArray, fixed: IntArray, n_groups: int) -> IntArray:
    """Group agents.

    Groups that vary most are split at the mean of the quantity in which they vary most, until there are enough.

    Parameters
    ----------
    features : array, shape (n_agents, n_features)
        Quantities in which agents of a group nearly agree, on comparable scales.
    fixed : array of int, shape (n_agents,)
        Agents of a group agree in this number, from 0.
    n_groups : int
        About how many groups to make; as many as `fixed` has are made in any case.

    Returns
    -------
    array of int, shape (n_agents,)
        Numbers of the groups, from 0.
    """
    groups = np.unique(fixed, return_inverse=True)[1].astype(np.int64)
    n_before = 0
    while n_before < (number := int(groups.max()) + 1) < n_groups:
        n_before = number
        size = np.bincount(groups)
        mean = np.stack([np.bincount(groups, column) / size for column in features.T])
        off = features - mean.T[groups]
        squares = np.stack([np.bincount(groups, column**2) for column in off.T])
        widest = squares.argmax(axis=0)
        spread = squares[widest, np.arange(number)]
        can_split = spread > 1e-12 * max(float(squares.sum()), 1e-300)
        if not can_split.any():
            break
        # No more groups are split than there is room for, those that vary most first.
        room = min(n_groups - number, int(can_split.sum()))
        limit = np.sort(spread[can_split])[::-1][room - 1]
        above = off[np.arange(groups.size), widest[groups]] > 0
        split = (can_split & (spread >= max(limit, _LARGEST * spread.max())))[groups]
        groups = np.unique(2 * groups + (split & above), return_inverse=True)[1]
    return groups


def group_means(values: FloatArray, groups: IntArray) -> FloatArray:
    """Return the mean of each column within each group, shape (n_groups, n_columns)."""
    size = np.bincount(groups)
    return np.stack([np.bincount(groups, column) / size for column in values.T], axis=1)


def equal_rows(rows: FloatArray) -> IntArray:
    """Give each row a number, the same for equal rows; shape (n_rows,)."""
    whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    return np.unique(whole, return_inverse=True)[1].astype(np.int64)
