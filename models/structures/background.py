"""Sharing that comes from outside the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import Exponential, parameter
from .base import Structure


@dataclass(frozen=True)
class Background(Structure):
    """News from outside the network, at a constant rate: `G → G exp(-α t)`.

    Parameters
    ----------
    alpha : float
        Background rate α, per unit of time.
    """

    name: ClassVar[str] = "background"
    summary: ClassVar[str] = "news also comes from outside the network, at a constant rate"
    reference: ClassVar[str] = "Bass (1969), doi:10.1287/mnsc.15.5.215"

    alpha: float = parameter("background rate", unit="1/time", prior=Exponential(mean=0.5), symbol="α")

    @staticmethod
    def log_survival(log_survival: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:  # noqa: D102
        return log_survival - parameters["alpha"] * time

    @classmethod
    def described(cls, parameters: Mapping[str, float]) -> str:  # noqa: D102
        return f"news from outside at a rate of {parameters['alpha']:.2g}"
