"""Data and model to posterior, LOO, and comparison."""

from .comparison import Comparison, ConditionResult, ModelResult, compare
from .fitting import SamplerSettings, fit
from .likelihoods import LIKELIHOODS
from .prediction import predict_curves
from .storage import comparison_dict, load_comparison, save_comparison
from .verdict import judge

__all__ = [
    "LIKELIHOODS",
    "Comparison",
    "ConditionResult",
    "ModelResult",
    "SamplerSettings",
    "compare",
    "comparison_dict",
    "fit",
    "judge",
    "load_comparison",
    "predict_curves",
    "save_comparison",
]
