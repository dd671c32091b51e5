"""What is fitted: a model with its likelihood and clock, apart from the thing that samples it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ...models import SIModel
from ...models.clock import Clock
from ...models.parameters import Exponential, Parameter
from .likelihoods import Likelihood

DISPERSION = "dispersion"
"""Name of the likelihood's dispersion in the posterior."""
REPLICATE_SD = "replicate_sd"
"""Name of the standard deviation of log-rates between replicates in the posterior."""
REPLICATE_EFFECT = "replicate_effect"
"""Name of the replicates' standardised effects (one each, non-centred) in the posterior."""

_REPLICATE_SD = Parameter(
    "standard deviation of the log-rate between replicates", "", (0.0, float("inf")), Exponential(0.5), "σ_replicate"
)


Level = Literal["count", "individual"]
"""Level of the observations."""


@dataclass(frozen=True)
class Specification:
    """A model as it is fitted.

    Parameters
    ----------
    model : type of SIModel
        Gives the parameters with their priors, and the survival function.
    likelihood : Likelihood
        Distribution of what was observed.
    clock : {"rounds", "continuous"}
        Synchronous rounds, or a flow in continuous time between observations.
    replicate_effects : bool
        Whether each replicate's transmission has a factor of its own, see :meth:`replicate_factors`.
    prior_scale : float
        Factor of the scales of all priors: 2 for priors twice as wide as the model states them.
    names_clock : bool
        Whether the name says the clock, because it is another than that of the comparison.
    level : {"count", "individual"}
        Whether observations are increments of the count, with exposure from a closure, or event histories, with each
        agent's own exposure.
    """

    model: type[SIModel]
    likelihood: Likelihood
    clock: Clock = "rounds"
    replicate_effects: bool = False
    prior_scale: float = 1.0
    names_clock: bool = False
    level: Level = "count"

    @property
    def name(self) -> str:
        """Name in results: the model's, marked where replicates have effects, or the clock is another."""
        return self.model.name + "+replicates" * self.replicate_effects + f"+{self.clock}" * self.names_clock

    @staticmethod
    def replicate_factors(sd: Any, effects: Any, xp: Any = np) -> Any:
        """Factor of transmission of each replicate, from the standard deviation and the standardised effects.

        They are taken from their mean, so that the rates are the replicates' geometric means: a shift of all effects
        would only say the same as another rate, and samplers walk along that for long.

        Parameters
        ----------
        sd : array, shape () or (n_draws, 1)
        effects : array, shape (n_replicates,) or (n_draws, n_replicates)
        xp : module
            Array namespace: numpy or pytensor.tensor.
        """
        return xp.exp(sd * (effects - effects.mean(axis=-1, keepdims=True)))

    @property
    def n_parameters(self) -> int:
        """Parameters of the spread: the model's, and the spread between replicates; effects and dispersion apart."""
        return len(self.model.parameters()) + self.replicate_effects

    @cached_property
    def scalars(self) -> dict[str, Parameter]:
        """Specifications of the scalars that are sampled, by name: coordinates, dispersion, and replicate sd."""
        found = dict(self.model.coordinates())
        if self.likelihood.dispersion is not None:
            found[DISPERSION] = self.likelihood.dispersion
        if self.replicate_effects:
            found[REPLICATE_SD] = _REPLICATE_SD
        return {name: spec.scaled(self.prior_scale) for name, spec in found.items()}

    @property
    def described(self) -> dict[str, Parameter]:
        """Specifications of all scalars of the posterior by name: the parameters, and what is sampled besides."""
        # In the order of the parameters; those that are sampled with their priors.
        return {**self.model.parameters(), **self.scalars}

    @property
    def rates(self) -> list[str]:
        """Names of the scalars of the posterior that are per unit of time."""
        return [name for name, spec in {**self.model.parameters(), **self.scalars}.items() if spec.is_rate]
