"""Data and model to posterior, LOO, and comparison."""

from .comparison.compare import compare
from .comparison.comparison import Comparison, load_comparison
from .comparison.results import ConditionResult, ModelResult
from .comparison.storage import comparison_dict, save_comparison
from .comparison.verdict import judge
from .hierarchical.hierarchical import (
    HierarchicalFit,
    build_hierarchical,
    compare_terms,
    fit_hierarchical,
    load_hierarchical,
)
from .likelihood.likelihoods import LIKELIHOODS
from .posterior.fitting import fit
from .posterior.posterior_predictive import forecast, predict_curves
from .posterior.sampling import SamplerSettings

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
