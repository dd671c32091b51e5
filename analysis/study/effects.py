"""Whether the conditions of a study can tell effects of traits and events."""

import numpy as np
import pandas as pd

from .specification import EffectTable

TERMS = ("O", "C", "E", "A", "N", "event_type", "fatalities")
"""Columns of the conditions whose effects can be told."""


def effects_wanted(table: EffectTable, conditions: pd.DataFrame) -> bool:
    """Say whether effects are fitted: as the file says, or else where conditions differ enough.

    Parameters
    ----------
    table : EffectTable
        The study's table `[effects]`.
    conditions : pandas.DataFrame
        Its conditions.

    Returns
    -------
    bool
        By default, whether something of :data:`TERMS` varies, and there are at least twice as many different
        conditions as numbers that a linear model of what varies would have.

    Examples
    --------
    >>> same = {**dict.fromkeys("CEAN", 1.0), "event_type": "Riots", "fatalities": 0}
    >>> conditions = pd.DataFrame({"O": [1.0, -1.0], **same})
    >>> effects_wanted(EffectTable(), conditions), effects_wanted(EffectTable(fit=True), conditions)
    (False, True)
    """
    if table.fit is not None:
        return table.fit
    design = pd.get_dummies(conditions[[*TERMS]], columns=["event_type"], dtype=float).drop_duplicates()
    varied = design - design.mean()
    rank = int(np.linalg.matrix_rank(varied.to_numpy()))
    return rank > 0 and len(design) >= 2 * (rank + 1)
