"""From a model class and observations to a PyMC model."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numba import njit
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key

from ..models import SIModel
from ..models.parameters import Beta, LogNormal, Parameter
from .likelihoods import Likelihood, log_likelihood_and_gradient
from .observations import Transitions

DISPERSION = "dispersion"
"""Name of the intra-class correlation in the posterior."""

TIMES = ("exposure_start", "exposure_end", "time_start", "time_end")
COUNTS = ("n_susceptible", "incidence")


class IncidenceLogLikelihood(Op):  # type: ignore[misc]
    """Log-likelihood of incidence with its gradient, as one node of the graph.

    Inputs: `log_escape` (vector), dispersion (scalar), incidence and susceptibles (vectors). Outputs: the total, and
    its derivatives by the first two. One node over a function compiled to disk keeps the graph that is compiled anew in
    every process tiny; written out symbolically it takes twice as long to compile as all the rest.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Make the node."""
        return Apply(self, [pt.as_tensor_variable(i) for i in inputs], [pt.dscalar(), pt.dvector(), pt.dscalar()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate, where the graph runs in Python."""
        log_escape, dispersion, incidence, n_susceptible = inputs
        total, gradient, slope = log_likelihood_and_gradient(log_escape, float(dispersion), incidence, n_susceptible)
        output_storage[0][0] = np.asarray(total)
        output_storage[1][0] = gradient
        output_storage[2][0] = np.asarray(slope)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say that no derivative by the data exists."""
        return [[True] * 3, [True] * 3, [False] * 3, [False] * 3]

    def L_op(self, inputs: list[Any], outputs: list[Any], cotangents: list[Any]) -> list[Any]:  # noqa: N802
        """Chain rule; only the total is differentiated."""
        _, gradient, slope = outputs
        upstream = cotangents[0]
        return [upstream * gradient, upstream * slope, DisconnectedType()(), DisconnectedType()()]


@register_funcify_and_cache_key(IncidenceLogLikelihood)
def _numba_incidence_log_likelihood(op: Op, node: Apply, **_: Any) -> tuple[Any, str]:
    @njit
    def incidence_log_likelihood(log_escape, dispersion, incidence, n_susceptible):  # type: ignore[no-untyped-def]
        total, gradient, slope = log_likelihood_and_gradient(log_escape, dispersion.item(), incidence, n_susceptible)
        return np.asarray(total), gradient, np.asarray(slope)

    return incidence_log_likelihood, "tworate-incidence-log-likelihood-1"


def build_model(model: type[SIModel], data: Transitions, likelihood: Likelihood) -> pm.Model:
    """Make the PyMC model of an SI model with the transition likelihood.

    Its unit of time is the observed window: exposures and times are fractions of it, rates are per window. So neither
    priors nor starting points depend on the data, and rescaling time changes nothing that is computed.

    Parameters
    ----------
    model : type of SIModel
        Gives the parameters with their priors, and the survival function.
    data : Transitions
        Observed increments; held in `pm.Data`, so that other data can take their place.
    likelihood : Likelihood
        Binomial or beta-binomial.
    """
    with pm.Model() as result:
        held = {name: pm.Data(name, value) for name, value in window_data(data).items()}
        coordinates = {name: _variable(name, spec) for name, spec in model.coordinates().items()}
        values = {
            name: value if name in coordinates else pm.Deterministic(name, value)
            for name, value in model.from_coordinates(coordinates).items()
        }
        dispersion: Any = pt.constant(0.0)
        if likelihood.dispersion is not None:
            dispersion = _variable(DISPERSION, likelihood.dispersion)
        log_escape = model.log_escape(
            (held["exposure_start"], held["exposure_end"]),
            (held["time_start"], held["time_end"]),
            values,
            xp=pt,
        )
        total, _, _ = IncidenceLogLikelihood()(log_escape, dispersion, held["incidence"], held["n_susceptible"])
        pm.Potential("incidence_log_likelihood", total)
    return result


def window_data(data: Transitions) -> dict[str, Any]:
    """Return the arrays of the PyMC model's data containers by name, time in units of the window."""
    return {name: getattr(data, name) / data.window for name in TIMES} | {
        name: getattr(data, name).astype(float) for name in COUNTS
    }


def rates(model: type[SIModel]) -> list[str]:
    """Names of the parameters and coordinates that are rates."""
    return [name for name, spec in {**model.parameters(), **model.coordinates()}.items() if spec.unit == "1/time"]


def sampled_names(model: type[SIModel], likelihood: Likelihood) -> list[str]:
    """Names of what is sampled: the coordinates, and the dispersion."""
    return [*model.coordinates()] + [DISPERSION] * (likelihood.dispersion is not None)


def posterior_names(model: type[SIModel], likelihood: Likelihood) -> list[str]:
    """Names of what the posterior holds: the parameters, and what is sampled besides."""
    return list(dict.fromkeys([*model.parameters(), *sampled_names(model, likelihood)]))


def _variable(name: str, spec: Parameter) -> Any:
    prior = spec.prior
    if isinstance(prior, LogNormal):
        return pm.LogNormal(name, mu=np.log(prior.median), sigma=prior.sigma)
    if isinstance(prior, Beta):
        return pm.Beta(name, alpha=prior.alpha, beta=prior.beta)
    raise ValueError(f"{name}: a coordinate needs a prior")
