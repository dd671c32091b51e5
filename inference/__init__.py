"""Data and model to posterior, LOO, and comparison."""

import warnings

with warnings.catch_warnings():
    # ArviZ announces its next major version on import, to whoever runs a program that uses it.
    warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing", category=FutureWarning)
    import arviz  # noqa: F401

from .comparison import compare
from .fitting import fit
from .hierarchical import HierarchicalFit, build_hierarchical, compare_terms, fit_hierarchical, load_hierarchical
from .likelihoods import LIKELIHOODS
from .prediction import forecast, predict_curves
from .results import Comparison, ConditionResult, ModelResult
from .sampling import SamplerSettings
from .storage import comparison_dict, load_comparison, save_comparison
from .verdict import judge

__all__ = [
    "LIKELIHOODS",
    "Comparison",
    "ConditionResult",
    "HierarchicalFit",
    "ModelResult",
    "SamplerSettings",
    "build_hierarchical",
    "compare",
    "compare_terms",
    "comparison_dict",
    "fit",
    "fit_hierarchical",
    "forecast",
    "judge",
    "load_comparison",
    "load_hierarchical",
    "predict_curves",
    "save_comparison",
]
