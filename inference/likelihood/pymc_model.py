"""Build a PyMC model from a specification and observations."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from ...models.parameters import Beta, Exponential, LogNormal, Normal, Parameter
from ..data.observations import Transitions
from .likelihood_node import LogLikelihood
from .predictor import predictor
from .specification import COVARIATE_EFFECT, DISPERSION, REPLICATE_EFFECT, REPLICATE_SD, Specification

DATA = "data_"
"""Prefix of array names in the PyMC model. It allows a parameter and an array to have the same name."""


def build_model(specification: Specification, data: Transitions, xp: Any = pt) -> pm.Model:
    """Make the PyMC model of a specification.

    Its unit of time is the observed window: exposures and times are fractions of it, rates are per window. Therefore
    neither priors nor starting points depend on the data, and rescaling time does not change the computation.

    Parameters
    ----------
    specification : Specification
        Model, likelihood and clock.
    data : Transitions
        Observed increments. They are stored in `pm.Data`, so that other data can replace them.
    xp : module
        `pytensor.tensor`, or a namespace that computes the same.
    """
    formula = predictor(specification)
    with pm.Model() as result:
        arrays = {name: pm.Data(DATA + name, value) for name, value in formula.arrays(data).items()}
        scalars = {name: prior_variable(name, spec) for name, spec in specification.scalars.items()}
        values = {
            name: value if name in scalars else pm.Deterministic(name, value)
            for name, value in specification.model.from_coordinates(scalars).items()
        }
        factors = None
        if specification.only_replicates:
            effect = pm.Normal(REPLICATE_EFFECT, shape=arrays["replicate"].shape)
            factors = specification.replicate_factors(scalars[REPLICATE_SD], effect, xp)
        elif specification.effects:
            # The parametrisation is centred, because the data determine the effect of each level well.
            scales = specification.effect_scales(scalars, arrays)
            effect = pm.Normal(COVARIATE_EFFECT, 0.0, scales, shape=scales.shape)
            factors = specification.covariate_factors(effect, arrays["design"].reshape((-1, scales.shape[0])), xp)
        prediction = formula.predict(arrays, values, factors, xp)
        total, _, _ = LogLikelihood(specification.likelihood.family)(
            prediction, scalars.get(DISPERSION, pt.constant(0.0)), arrays["observed"], arrays["size"], arrays["weight"]
        )
        pm.Potential("log_likelihood", total)
    return result


def prior_variable(name: str, spec: Parameter) -> Any:
    """Make a scalar variable of a PyMC model with its prior."""
    prior = spec.prior
    if isinstance(prior, LogNormal):
        return pm.LogNormal(name, mu=np.log(prior.median), sigma=prior.sigma)
    if isinstance(prior, Exponential):
        return pm.Exponential(name, scale=prior.mean)
    if isinstance(prior, Normal):
        return pm.Normal(name, 0.0, prior.sd)
    if isinstance(prior, Beta):
        return pm.Beta(name, alpha=prior.alpha, beta=prior.beta)
    raise ValueError(f"{name}: a coordinate needs a prior")
