"""Quantities of the conditions of the hierarchical model, as a node of the graph."""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from numba import njit
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key

from .geometry import conditions_at, conditions_gradient


class Conditions(Op):  # type: ignore[misc]
    """Quantities of the conditions from their coordinates, with log-prior and log-Jacobian.

    Inputs: coordinates (n_conditions by n_quantities), intercepts (n_quantities), coefficients (n_coefficients by
    n_quantities), standard deviations (n_quantities), the design (n_conditions by n_coefficients), and precision and
    information of the approximation. Outputs: quantities (n_quantities by
    n_conditions), and the log-density. See :func:`tworate.inference.hierarchical.geometry.outward`.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Make the node."""
        return Apply(self, [pt.as_tensor_variable(i) for i in inputs], [pt.dmatrix(), pt.dscalar()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate the node when the graph runs in Python."""
        theta, log_density = conditions_at(*inputs)
        output_storage[0][0], output_storage[1][0] = theta, np.asarray(log_density)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Declare that derivatives by the design and the approximation do not exist."""
        return [[True] * 2] * 4 + [[False] * 2] * 3

    def pullback(self, inputs: list[Any], outputs: list[Any], cotangents: list[Any]) -> list[Any]:
        """Apply the chain rule."""
        by_outputs = (
            output.zeros_like() if isinstance(cotangent.type, DisconnectedType) else cotangent
            for output, cotangent in zip(outputs, cotangents, strict=True)
        )
        return [*_ConditionsGradient()(*inputs, *by_outputs), *(DisconnectedType()() for _ in range(3))]

    L_op = pullback  # its name before PyTensor 3


class _ConditionsGradient(Op):  # type: ignore[misc]
    """Derivatives of :class:`Conditions` by its first four inputs. Derivatives by its outputs are the last inputs."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        outputs = [pt.dmatrix(), pt.dvector(), pt.dmatrix(), pt.dvector()]
        return Apply(self, [pt.as_tensor_variable(i) for i in inputs], outputs)

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        *arrays, by_log_density = inputs
        derivatives = conditions_gradient(*arrays, float(by_log_density))
        for storage, value in zip(output_storage, derivatives, strict=True):
            storage[0] = value


# These nodes have no key in PyTensor's cache: it would not notice changes in the functions that are called here. The
# whole density is cached by `population_density`.
@register_funcify_and_cache_key(Conditions)
def _numba_conditions(op: Conditions, node: Apply, **_: Any) -> tuple[Any, None]:
    @njit
    def conditions(*inputs):  # type: ignore[no-untyped-def]
        theta, log_density = conditions_at(*inputs)
        return theta, np.asarray(log_density)

    return conditions, None


@register_funcify_and_cache_key(_ConditionsGradient)
def _numba_gradient(op: _ConditionsGradient, node: Apply, **_: Any) -> tuple[Any, None]:
    @njit
    def gradient(coordinates, intercept, coefficients, sd, design, precision, information, by_theta, by_log_density):  # type: ignore[no-untyped-def]
        return conditions_gradient(
            coordinates, intercept, coefficients, sd, design, precision, information, by_theta, by_log_density.item()
        )

    return gradient, None
