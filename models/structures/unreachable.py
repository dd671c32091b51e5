"""A part of the agents that never shares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..numerics import log_add, safe_log
from ..parameters import Beta, parameter
from .base import Structure


@dataclass(frozen=True)
class Unreachable(Structure):
    """A part of the agents never shares, whatever its exposure: `G → ρ + (1 - ρ) G`.

    A population that is smaller than stated looks the same.

    Parameters
    ----------
    unreachable : float
        The part ρ of the initially susceptible agents, in [0, 1].
    """

    name: ClassVar[str] = "unreachable"
    summary: ClassVar[str] = "a part of the agents never shares, or the population is smaller than stated"
    reference: ClassVar[str] = "Boag (1949), J. R. Stat. Soc. B 11:15-53 (cure model)"
    is_nested_in_two_rates: ClassVar[bool] = True

    unreachable: float = parameter(
        "part of the agents that never shares", support=(0.0, 1.0), prior=Beta(1.0, 1.0), symbol="ρ"
    )

    @staticmethod
    def log_survival(log_survival: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:  # noqa: D102
        part = parameters["unreachable"]
        return log_add(safe_log(1.0 - part, xp) + log_survival, safe_log(part, xp), xp)

    @classmethod
    def described(cls, parameters: Mapping[str, float]) -> str:  # noqa: D102
        return f"a part that is never reached, {100 * parameters['unreachable']:.2g}% of the agents"
