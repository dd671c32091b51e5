"""Grouping of agents of equal exposures into one observation with a count.

Where there are more than `MAX_EXACT` kinds of agents, agents of nearly equal exposures are put into bins, and a bin is
represented by its means. The sum of a smooth function over a bin is then off by its curvature times the
variance within the bin. Bins are so narrow that posteriors move by less than 0.02 of their standard deviations
(`benchmarks/individual.py` measures it).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_EXACT = 2000
"""Maximum number of types that are not put into bins."""
_BINS, _AT = 300, 10_000
"""Number of bins of the exposure, for this number of agents; it grows with the fourth root of their number."""
_FEW_BINS = {"exposure": 24, "gained": 64, "first": 10, "time": 10}
"""Number of bins of each quantity where times tell agents apart. The survival function is then linear in the first."""


def group(columns: Mapping[str, FloatArray], *, exact: Sequence[IntArray]) -> tuple[IntArray, bool]:
    """Group agents by several quantities.

    Parameters
    ----------
    columns : mapping of str to array of float, shape (n_agents,)
        Quantities in which agents of a group agree, or nearly agree: cumulative `exposure`; and, if they matter, the
        exposure `gained` in the interval of the share, the time of the `first` exposure, and the `time` of the share.
    exact : sequence of array of int, shape (n_agents,)
        Quantities in which agents of a group always agree; whole numbers from 0.

    Returns
    -------
    type_of_agent : array of int, shape (n_agents,)
        Numbers of the groups, from 0.
    all_equal : bool
        Whether agents of a group agree exactly in all quantities.
    """
    fixed = combined(exact)
    distinct = [np.unique(column, return_inverse=True)[1] for column in columns.values()]
    types = combined([fixed, *distinct])
    if types.max() < MAX_EXACT:
        return types, True
    n_groups = int(fixed.max()) + 1
    n_bins = _FEW_BINS
    if "time" not in columns:
        n_bins = {**_FEW_BINS, "exposure": round(_BINS * max(types.size / (_AT * n_groups), 1.0) ** 0.25)}
    return combined([fixed, *(bins(column, n_bins[name]) for name, column in columns.items())]), False


def bins(values: FloatArray, number: int) -> IntArray:
    """Put values of 0 or more into bins of equal width near 0, and of equal width on the log scale far from it."""
    distinct, codes = np.unique(values, return_inverse=True)
    if distinct.size <= number:
        return codes
    scaled = np.log1p(values * (20.0 / values.mean()))
    low, high = scaled.min(), scaled.max()
    return np.minimum(((scaled - low) / (high - low) * number).astype(np.int64), number - 1)


def combined(codes: Sequence[IntArray]) -> IntArray:
    """Give the distinct combinations of several codes numbers from 0."""
    combined = np.zeros(codes[0].size, dtype=np.int64)
    for code in codes:
        combined = np.unique(combined * (int(code.max()) + 1) + code, return_inverse=True)[1]
    return combined


def mean_by_type(values: FloatArray, types: IntArray, counts: IntArray) -> FloatArray:
    """Return the mean of a quantity within each group, shape (n_types,)."""
    return np.bincount(types, weights=values, minlength=counts.size) / counts
