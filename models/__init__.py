"""The SI models: survival functions, closures, and the ODE. Depends on numpy and scipy alone."""

from .base import SIModel
from .closures import CLOSURES, Closure, MeanField, RandomRegular
from .one_rate import OneRateSI
from .registry import all_models, get_model
from .two_rate import TwoRateSI

__all__ = [
    "CLOSURES",
    "Closure",
    "MeanField",
    "OneRateSI",
    "RandomRegular",
    "SIModel",
    "TwoRateSI",
    "all_models",
    "get_model",
]
