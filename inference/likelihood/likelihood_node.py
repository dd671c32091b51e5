"""The log-likelihood with its gradient as one node of a PyTensor graph.

This module is separate from the PyMC model because numba imports the modules of all functions that it reads from disk.
Importing PyMC takes a fifth of a second, and a comparison with compiled densities does not need it.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from numba import njit
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key

from .density_kernels import log_likelihood_and_gradient


class LogLikelihood(Op):  # type: ignore[misc]
    """Log-likelihood with its gradient, as one node of the graph.

    Inputs: prediction (vector), dispersion (scalar), observed, size and weight (vectors). Outputs: the total, and its
    derivatives by the first two inputs. The node calls a function compiled to disk, which keeps the graph small. A
    symbolic likelihood takes twice as long to compile as the rest of the graph.

    Parameters
    ----------
    family : int
        See :mod:`tworate.inference.likelihood.likelihoods`.
    """

    __props__ = ("family",)

    def __init__(self, family: int) -> None:
        self.family = family

    def make_node(self, *inputs: Any) -> Apply:
        """Make the node."""
        return Apply(self, [pt.as_tensor_variable(i) for i in inputs], [pt.dscalar(), pt.dvector(), pt.dscalar()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate the node where the graph runs in Python."""
        prediction, dispersion, observed, size, weight = inputs
        total, gradient, slope = log_likelihood_and_gradient(
            self.family, prediction, float(dispersion), observed, size, weight
        )
        output_storage[0][0] = np.asarray(total)
        output_storage[1][0] = gradient
        output_storage[2][0] = np.asarray(slope)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """State that no derivatives by the data exist."""
        return [[True] * 3] * 2 + [[False] * 3] * 3

    def pullback(self, inputs: list[Any], outputs: list[Any], cotangents: list[Any]) -> list[Any]:
        """Apply the chain rule. Only the total is differentiated."""
        _, gradient, slope = outputs
        upstream = cotangents[0]
        return [upstream * gradient, upstream * slope] + [DisconnectedType()() for _ in inputs[2:]]

    L_op = pullback  # the name before PyTensor 3


@register_funcify_and_cache_key(LogLikelihood)
def _numba_log_likelihood(op: LogLikelihood, node: Apply, **_: Any) -> tuple[Any, None]:
    family = op.family

    @njit
    def log_likelihood(prediction, dispersion, observed, size, weight):  # type: ignore[no-untyped-def]
        total, gradient, slope = log_likelihood_and_gradient(
            family, prediction, dispersion.item(), observed, size, weight
        )
        return np.asarray(total), gradient, np.asarray(slope)

    # No key: PyTensor's cache does not notice when the called function changes. `compiled_density` caches the whole
    # density instead.
    return log_likelihood, None
