"""The SI models: survival functions, closures, and the ODE. This package depends on NumPy and SciPy only."""

from .base import SIModel
from .closures import CLOSURES, Closure, DegreeDistribution, MeanField, RandomRegular
from .decision_curve import DecisionCurve, decision_curve, sighting_weights
from .free_hazard import FreeHazardSI
from .gamma_rate import GammaRateSI
from .multiclass import MultiClass, Orbit
from .one_rate import OneRateSI
from .online_offline import OnlineOfflineSI
from .registry import all_models, get_model
from .reinforced import ReinforcedSI
from .two_rate import TwoRateSI

__all__ = [
    "CLOSURES",
    "Closure",
    "DecisionCurve",
    "DegreeDistribution",
    "FreeHazardSI",
    "GammaRateSI",
    "MeanField",
    "MultiClass",
    "OneRateSI",
    "OnlineOfflineSI",
    "Orbit",
    "RandomRegular",
    "ReinforcedSI",
    "SIModel",
    "TwoRateSI",
    "all_models",
    "decision_curve",
    "get_model",
    "sighting_weights",
]
