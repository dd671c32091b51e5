"""PSIS-LOO through ArviZ."""

import warnings
from collections.abc import Mapping
from typing import Any

import arviz as az
import numpy as np


def loo(posterior: az.InferenceData) -> Any:
    """Expected log predictive density by PSIS-LOO, one increment an observation.

    Returns
    -------
    arviz.ELPDData
        With `elpd_loo`, `se`, `p_loo`, `pareto_k`, `good_k` and the pointwise `loo_i`.
    """
    with warnings.catch_warnings():
        # High Pareto k are counted, reported and weighed in the verdict.
        warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto")
        return az.loo(posterior, pointwise=True, var_name="incidence")


def compare_elpd(elpds: Mapping[str, Any]) -> dict[str, float]:
    """Stacking weights by model, through `arviz.compare`."""
    if len(elpds) == 1:
        return dict.fromkeys(elpds, 1.0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto")
        table = az.compare(dict(elpds), ic="loo", method="stacking")
    return {str(name): float(weight) for name, weight in table["weight"].items()}


def pointwise_difference(first: Any, second: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Difference in pointwise elpd, shape (n_observations,)."""
    return np.asarray(first.loo_i, dtype=float) - np.asarray(second.loo_i, dtype=float)


def elpd_difference(first: Any, second: Any) -> tuple[float, float]:
    """`elpd(first) - elpd(second)` and its standard error `sqrt(n Var(d_i))`, as in `arviz.compare`."""
    difference = pointwise_difference(first, second)
    return float(difference.sum()), float(np.sqrt(difference.size * np.var(difference)))
