"""From a specification and observations to a PyMC model."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numba import njit
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key

from ..models.parameters import Beta, Exponential, LogNormal, Parameter
from .kernels import log_likelihood_and_gradient
from .observations import Transitions
from .predictor import predictor
from .specification import DISPERSION, REPLICATE_EFFECT, REPLICATE_SD, Specification

DATA = "data_"
"""What the names of arrays begin with in the PyMC model, so that a parameter may be called as an array is."""


class LogLikelihood(Op):  # type: ignore[misc]
    """Log-likelihood with its gradient, as one node of the graph.

    Inputs: prediction (vector), dispersion (scalar), observed, size and weight (vectors). Outputs: the total, and its
    derivatives by the first two. One node over a function compiled to disk keeps the rest of the graph
    tiny; written out symbolically it takes twice as long to compile as all the rest.

    Parameters
    ----------
    family : int
        See :mod:`tworate.inference.likelihoods`.
    """

    __props__ = ("family",)

    def __init__(self, family: int) -> None:
        self.family = family

    def make_node(self, *inputs: Any) -> Apply:
        """Make the node."""
        return Apply(self, [pt.as_tensor_variable(i) for i in inputs], [pt.dscalar(), pt.dvector(), pt.dscalar()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate, where the graph runs in Python."""
        prediction, dispersion, observed, size, weight = inputs
        total, gradient, slope = log_likelihood_and_gradient(
            self.family, prediction, float(dispersion), observed, size, weight
        )
        output_storage[0][0] = np.asarray(total)
        output_storage[1][0] = gradient
        output_storage[2][0] = np.asarray(slope)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say that no derivative by the data exists."""
        return [[True] * 3] * 2 + [[False] * 3] * 3

    def L_op(self, inputs: list[Any], outputs: list[Any], cotangents: list[Any]) -> list[Any]:  # noqa: N802
        """Chain rule; only the total is differentiated."""
        _, gradient, slope = outputs
        upstream = cotangents[0]
        return [upstream * gradient, upstream * slope] + [DisconnectedType()() for _ in inputs[2:]]


@register_funcify_and_cache_key(LogLikelihood)
def _numba_log_likelihood(op: LogLikelihood, node: Apply, **_: Any) -> tuple[Any, None]:
    family = op.family

    @njit
    def log_likelihood(prediction, dispersion, observed, size, weight):  # type: ignore[no-untyped-def]
        total, gradient, slope = log_likelihood_and_gradient(
            family, prediction, dispersion.item(), observed, size, weight
        )
        return np.asarray(total), gradient, np.asarray(slope)

    # No key: PyTensor's cache does not see when the function that is called here changes; `program` keeps the whole.
    return log_likelihood, None


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
