"""From a specification and observations to a PyMC model."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from ...models.parameters import Beta, Exponential, LogNormal, Parameter
from ..data.observations import Transitions
from .likelihood_node import LogLikelihood
from .predictor import predictor
from .specification import DISPERSION, REPLICATE_EFFECT, REPLICATE_SD, Specification

DATA = "data_"
"""What the names of arrays begin with in the PyMC model, so that a parameter may be called as an array is."""


def build_model(specification: Specification, data: Transitions, xp: Any = pt) -> pm.Model:
    """Make the PyMC model of a specification.

    Its unit of time is the observed window: exposures and times are fractions of it, rates are per window. So neither
    priors nor starting points depend on the data, and rescaling time changes nothing that is computed.

    Parameters
    ----------
    specification : Specification
        Model, likelihood and clock.
    data : Transitions
        Observed increments; held in `pm.Data`, so that other data can take their place.
    xp : module
        `pytensor.tensor`, or what computes the same.
    """
    how = predictor(specification)
    with pm.Model() as result:
        held = {name: pm.Data(DATA + name, value) for name, value in how.arrays(data).items()}
        scalars = {name: prior_variable(name, spec) for name, spec in specification.scalars.items()}
        values = {
            name: value if name in scalars else pm.Deterministic(name, value)
            for name, value in specification.model.from_coordinates(scalars).items()
        }
        factors = None
        if specification.replicate_effects:
            effect = pm.Normal(REPLICATE_EFFECT, shape=held["replicate"].shape)
            factors = specification.replicate_factors(scalars[REPLICATE_SD], effect, xp)
        prediction = how.predict(held, values, factors, xp)
        total, _, _ = LogLikelihood(specification.likelihood.family)(
            prediction, scalars.get(DISPERSION, pt.constant(0.0)), held["observed"], held["size"], held["weight"]
        )
        pm.Potential("log_likelihood", total)
    return result


def prior_variable(name: str, spec: Parameter) -> Any:
    """Make a scalar of a PyMC model, with its prior."""
    prior = spec.prior
    if isinstance(prior, LogNormal):
        return pm.LogNormal(name, mu=np.log(prior.median), sigma=prior.sigma)
    if isinstance(prior, Exponential):
        return pm.Exponential(name, scale=prior.mean)
    if isinstance(prior, Beta):
        return pm.Beta(name, alpha=prior.alpha, beta=prior.beta)
    raise ValueError(f"{name}: a coordinate needs a prior")
