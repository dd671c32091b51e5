"""What is fitted: a model with its likelihood and clock. Sampling is separate."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from ...models import SIModel
from ...models.clock import Clock
from ...models.parameters import Exponential, LogNormal, Parameter
from ...models.structures.base import Axis
from ..data.individual import Contact
from ..data.shelf_life import shelf_life_weighting
from ..data.weighting import Weighting
from .likelihoods import Likelihood

DISPERSION = "dispersion"
"""Name of the likelihood's dispersion in the posterior."""
REPLICATE_SD = "replicate_sd"
"""Name of the standard deviation of log-rates between replicates in the posterior."""
REPLICATE_EFFECT = "replicate_effect"
"""Name of the standardised effects (non-centred, one per replicate) in the posterior."""

COVARIATE_EFFECT = "covariate_effect"
"""Name of the effects of covariates on the log-rate in the posterior, one per level or number."""
TRAJECTORY = "trajectory"
"""Covariate that tells trajectories apart: effects of replicates beside those of other covariates."""

_EFFECT_SD_PRIOR = LogNormal(0.3, 0.8)
"""Prior of the sd of a covariate's effects. It avoids sds near 0: the posterior of a covariate without effect would
otherwise be a funnel, in which the sampler diverges."""

_REPLICATE_SD = Parameter(
    "standard deviation of the log-rate between replicates", "", (0.0, float("inf")), Exponential(0.5), "σ_replicate"
)


Level = Literal["individual", "count"]
"""Level of the observations: every agent's own exposure, or counts and a closure."""
LEVELS: tuple[Level, ...] = get_args(Level)


def effect_sd(covariate: str) -> str:
    """Return the name of the standard deviation of a covariate's effects in the posterior."""
    return f"sd_{covariate}"


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
        Whether the transmission of each replicate has its own factor, see :meth:`replicate_factors`.
    prior_scale : float
        Factor on the scales of all priors: 2 makes priors twice as wide as the model states them.
    names_clock : bool
        Whether the name includes the clock, because it differs from the clock of the comparison.
    level : {"count", "individual"}
        `count`: observations are increments of the count, with exposure from a closure. `individual`: they are event
        histories, with the exposure of each agent.
    contact : {"edges", "fraction"}
        At the individual level: exposure by the number of sharing neighbours, or by their fraction.
    covariates : tuple of str
        Attributes of the agents with log-linear effects on their exposure, see :meth:`covariate_factors`.
    period : float, optional
        The period of a rhythm, in the unit of the data's time.
    shelf_life : float, optional
        Age at which a share is seen no more, for the structure of this name.
    given : Weighting, optional
        Weights of the exposure that are given, for a model without a structure.
    """

    model: type[SIModel]
    likelihood: Likelihood
    clock: Clock = "rounds"
    replicate_effects: bool = False
    prior_scale: float = 1.0
    names_clock: bool = False
    level: Level = "count"
    contact: Contact = "edges"
    covariates: tuple[str, ...] = ()
    period: float | None = None
    shelf_life: float | None = None
    given: Weighting | None = None

    @property
    def effects(self) -> tuple[str, ...]:
        """Covariates of the design; beside others, the trajectory is one where replicates differ."""
        return (*self.covariates, *([TRAJECTORY] if self.covariates and self.replicate_effects else []))

    @property
    def axis(self) -> Axis | None:
        """What the weight of the exposure depends on; None if the model does not weight it."""
        return None if self.model.structure is None else self.model.structure.axis

    @property
    def weighting(self) -> Weighting | None:
        """Weights of the exposure that are not inferred."""
        return self.given if self.shelf_life is None else shelf_life_weighting(self.shelf_life)

    @property
    def only_replicates(self) -> bool:
        """Whether there are effects of replicates and no others."""
        return self.replicate_effects and not self.covariates

    @property
    def name(self) -> str:
        """Name in results: that of the model, with marks for given weights, replicate effects and another clock."""
        weighted = "" if self.given is None else f"+{self.given.structure.name}"
        return self.model.name + weighted + "+replicates" * self.replicate_effects + f"+{self.clock}" * self.names_clock

    @staticmethod
    def replicate_factors(sd: Any, effects: Any, xp: Any = np) -> Any:
        """Compute the transmission factor of each replicate from the standard deviation and the standardised effects.

        The mean of the effects is subtracted, so that the rates are geometric means over replicates. A common shift of
        all effects is confounded with the rate and would slow sampling.

        Parameters
        ----------
        sd : array, shape () or (n_draws, 1)
        effects : array, shape (n_replicates,) or (n_draws, n_replicates)
        xp : module
            Array namespace: numpy or pytensor.tensor.
        """
        return xp.exp(sd * (effects - effects.mean(axis=-1, keepdims=True)))

    def effect_scales(self, scalars: Mapping[str, Any], arrays: Mapping[str, Any]) -> Any:
        """Return the standard deviation of each coordinate of the effects: that of its covariate.

        Parameters
        ----------
        scalars : mapping of array, shape () or (n_draws, 1)
            With the standard deviations by name, see :func:`effect_sd`.
        arrays : mapping of array
            `design_covariate` of :attr:`Design.arrays`.

        Returns
        -------
        array, shape (n_coordinates,) or (n_draws, n_coordinates)
        """
        belongs = arrays["design_covariate"].reshape((len(self.effects), -1))
        return sum(scalars[effect_sd(name)] * belongs[i] for i, name in enumerate(self.effects))

    @staticmethod
    def covariate_factors(effects: Any, matrix: Any, xp: Any = np) -> Any:
        """Compute the factor on the exposure of each group of agents: `exp(Z γ)`.

        Parameters
        ----------
        effects : array, shape (n_effects,) or (n_draws, n_effects)
            Effects γ on the log-rate.
        matrix : array, shape (n_groups, n_effects)
            Z; its columns are centred, so that rates are those of an average agent.
        xp : module
            Array namespace: numpy or pytensor.tensor.

        Returns
        -------
        array, shape (n_groups,) or (n_draws, n_groups)
        """
        # One vector is multiplied without a matrix product, which numba would compile for strided arrays only.
        log_factor = (matrix * effects).sum(axis=-1) if effects.ndim == 1 else xp.dot(effects, matrix.T)
        return xp.exp(log_factor)

    @property
    def n_parameters(self) -> int:
        """Number of parameters: those of the model and the sds of effects, without effects and dispersion."""
        has_setting = self.shelf_life is not None
        return len(self.model.parameters()) + has_setting + (len(self.effects) or self.replicate_effects)

    @cached_property
    def scalars(self) -> dict[str, Parameter]:
        """Specifications of the sampled scalars by name: coordinates, dispersion, and replicate sd."""
        specifications = dict(self.model.coordinates())
        if self.likelihood.dispersion is not None:
            specifications[DISPERSION] = self.likelihood.dispersion
        if self.only_replicates:
            specifications[REPLICATE_SD] = _REPLICATE_SD
        for name in self.effects:
            meaning = f"standard deviation of the log-rate by {name}"
            specifications[effect_sd(name)] = Parameter(meaning, "", (0.0, float("inf")), _EFFECT_SD_PRIOR, f"σ_{name}")
        return {name: spec.scaled(self.prior_scale) for name, spec in specifications.items()}

    @property
    def described(self) -> dict[str, Parameter]:
        """Specifications of all scalars of the posterior by name: parameters first, then other sampled scalars."""
        # A sampled parameter keeps its place among the parameters, but has the specification with the scaled prior.
        return {**self.model.parameters(), **self.scalars}

    @property
    def rates(self) -> list[str]:
        """Names of the scalars of the posterior whose unit is 1/time."""
        return [name for name, spec in {**self.model.parameters(), **self.scalars}.items() if spec.is_rate]
