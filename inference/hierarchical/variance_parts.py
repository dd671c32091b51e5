"""How much of the variance of a quantity between conditions each factor explains."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..likelihood.own_model import model_class
from ..posterior.arviz_adapter import Posterior, group
from ..posterior.diagnostics import INTERVAL
from .condition_observations import CONDITION
from .design import codings_from_json, effect_values
from .quantities import quantities

REST = "the rest"
"""What no factor explains: combinations of factors, and chance."""


def variance_parts(
    posterior: Posterior, conditions: pd.DataFrame, factors: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """Return the part of the variance between conditions that each factor explains, with its uncertainty.

    Parameters
    ----------
    posterior : Posterior
        Posterior of a :class:`HierarchicalFit`.
    conditions : pandas.DataFrame
        The conditions of the fit.
    factors : mapping of str to sequence of str, optional
        Terms that together describe a factor, by its name: `{"persona": ["O", "C", "E", "A", "N"]}`. Any other term is
        a factor of its own.

    Returns
    -------
    pandas.DataFrame
        One row per quantity and factor, and `the rest`: `quantity`, `factor`, `part` (posterior mean, in [0, 1]), and
        `part_low` to `part_high` (95% interval, equal tails). The parts of a quantity add up to 1.

    Notes
    -----
    In each draw, the contribution of a factor to the log or logit of the quantity is computed for every condition of
    the study, and its variance over them is divided by the sum of the variances of all contributions and of the rest
    (finite-population variances, Gelman 2005, doi:10.1214/009053604000001048).
    """
    draws = group(posterior, "posterior")
    codings = codings_from_json(json.loads(posterior.attrs["codings"]))
    ordered = conditions.set_index(CONDITION).loc[draws[CONDITION].to_numpy()].reset_index()
    names = {term: factor for factor, terms in (factors or {}).items() for term in terms}
    places: dict[str, list[int]] = {}
    for place, term in enumerate(coding.name for coding in codings for _ in coding.levels):
        places.setdefault(names.get(term, term), []).append(place)
    design = effect_values(codings, ordered)
    rows = []
    for quantity in quantities(model_class(posterior.attrs["model"])):
        values = _flat(draws[quantity.name].to_numpy())
        values = np.log(values) if quantity.link == "log" else np.log(values) - np.log1p(-values)
        effects = _flat(draws["effect"].sel(quantity=quantity.name).to_numpy())
        contributions = {name: effects[:, where] @ design[:, where].T for name, where in places.items()}
        rest = values - sum(contributions.values(), start=np.zeros_like(values))
        variances = np.array([each.var(axis=1) for each in (*contributions.values(), rest)])
        parts = variances / variances.sum(axis=0)
        low, high = np.quantile(parts, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=1)
        rows += [
            {"quantity": quantity.name, "factor": name, "part": mean, "part_low": lowest, "part_high": highest}
            for name, mean, lowest, highest in zip((*contributions, REST), parts.mean(axis=1), low, high, strict=True)
        ]
    return pd.DataFrame(rows)


def _flat(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Join chains and draws."""
    return values.reshape(-1, *values.shape[2:])
