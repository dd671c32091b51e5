"""One transmission rate or two? Bayesian model selection for news that language-model agents pass on.

The public names below are loaded when they are first used, so that `import tworate` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .inference import Comparison, compare, fit, fit_hierarchical, forecast, load_comparison
    from .inference.calibration.planning import plan
    from .inference.mechanisms.mechanisms import explain
    from .models import (
        DegreeDistribution,
        GammaRateSI,
        MeanField,
        OneRateSI,
        OnlineOfflineSI,
        RandomRegular,
        ReinforcedSI,
        TwoRateSI,
    )
    from .simulate import EventHistories, Trajectories, random_regular, read, read_histories, read_trajectories, spread

_HOME = {
    "Comparison": "inference",
    "compare": "inference",
    "explain": "inference.mechanisms.mechanisms",
    "fit": "inference",
    "fit_hierarchical": "inference",
    "forecast": "inference",
    "load_comparison": "inference",
    "plan": "inference.calibration.planning",
    "DegreeDistribution": "models",
    "FreeHazardSI": "models",
    "GammaRateSI": "models",
    "MeanField": "models",
    "OneRateSI": "models",
    "OnlineOfflineSI": "models",
    "RandomRegular": "models",
    "ReinforcedSI": "models",
    "TwoRateSI": "models",
    "EventHistories": "simulate",
    "Trajectories": "simulate",
    "random_regular": "simulate",
    "read": "simulate",
    "read_histories": "simulate",
    "read_trajectories": "simulate",
    "spread": "simulate",
}

__all__ = [
    "Comparison",
    "DegreeDistribution",
    "EventHistories",
    "FreeHazardSI",
    "GammaRateSI",
    "MeanField",
    "OneRateSI",
    "OnlineOfflineSI",
    "RandomRegular",
    "ReinforcedSI",
    "Trajectories",
    "TwoRateSI",
    "__version__",
    "compare",
    "explain",
    "fit",
    "fit_hierarchical",
    "forecast",
    "load_comparison",
    "plan",
    "random_regular",
    "read",
    "read_histories",
    "read_trajectories",
    "spread",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
