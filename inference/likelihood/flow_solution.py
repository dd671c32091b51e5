"""The exposure gained between two observations in continuous time, with its derivatives, as one node of a graph.

As for curves (:mod:`tworate.inference.likelihood.curve_solution`), PyTensor's loop takes far longer to run and to
compile. This solver integrates the derivatives together with the solution.
"""

from functools import cache
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numba import njit
from numba.np.unsafe.ndarray import to_fixed_tuple
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key

from ...models import SIModel
from ...models.base import FLOW_STEPS
from .curve_solution import scalar_log_survival


class FlowSolution(Op):  # type: ignore[misc]
    """Cumulative exposure at the end of intervals, from the state at their start, see :meth:`SIModel.reach`.

    Inputs: exposure at the start, factor on the exposure, time at the start, length of one of the `FLOW_STEPS` steps,
    exposure rate and elasticity (vectors, shape (n_intervals,)), parameters (vector, in the model's order). Outputs:
    exposure at the end, and its derivatives: one row per parameter, then one by the factor and one by the exposure at
    the start.

    Parameters
    ----------
    model : type of SIModel
        Gives the survival function.
    """

    __props__ = ("model",)

    def __init__(self, model: type[SIModel]) -> None:
        self.model = model

    def make_node(self, *inputs: Any) -> Apply:
        """Make the node."""
        return Apply(self, [pt.as_tensor_variable(i) for i in inputs], [pt.dvector(), pt.dmatrix()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate the node where the graph runs in Python."""
        output_storage[0][0], output_storage[1][0] = _solver(self.model)(*inputs)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """State that no derivatives by the data exist."""
        return [[True] * 2] * 2 + [[False] * 2] * 4 + [[True] * 2]

    def pullback(self, inputs: list[Any], outputs: list[Any], cotangents: list[Any]) -> list[Any]:
        """Apply the chain rule. Only the exposure is differentiated."""
        tangents = outputs[1] * cotangents[0]
        return [tangents[-1], tangents[-2], *(DisconnectedType()() for _ in range(4)), tangents[:-2].sum(axis=1)]

    L_op = pullback  # the name before PyTensor 3


@register_funcify_and_cache_key(FlowSolution)
def _numba_solution(op: FlowSolution, node: Apply, **_: Any) -> tuple[Any, None]:
    # No key: see `likelihood_node`.
    return _solver(op.model), None


@cache
def _solver(model: type[SIModel]) -> Any:
    """Make the numba function that evaluates the operation."""
    log_survival, n_parameters = scalar_log_survival(model), len(model.parameters())

    @njit(error_model="numpy", fastmath=False)
    def change(reached, tangents, time, values, begun, unexposed, elasticity, factor, slopes):  # type: ignore[no-untyped-def]
        # Returns the growth rate of exposure, and writes the growth rates of its derivatives `tangents` to `slopes`.
        # `begun` has log G at the start of the interval and its derivatives, in the order of the tangents.
        log_g = log_survival(reached, time, *to_fixed_tuple(values, n_parameters))
        still = unexposed * np.exp(elasticity * (log_g[0] - begun[0]))
        rate = 1.0 - still
        if rate <= 0.0:
            slopes[:] = 0.0
            return 0.0
        fall = -factor * elasticity * still
        for i in range(n_parameters):
            slopes[i] = fall * (log_g[2 + i] + log_g[1] * tangents[i] - begun[1 + i])
        slopes[n_parameters] = rate + fall * log_g[1] * tangents[n_parameters]
        slopes[n_parameters + 1] = fall * (log_g[1] * tangents[n_parameters + 1] - begun[1 + n_parameters])
        return factor * rate

    @njit(error_model="numpy", fastmath=False)
    def solve(start, factor, time_start, step, exposure_rate, elasticity, values):  # type: ignore[no-untyped-def]
        n, n_tangents = start.size, n_parameters + 2
        exposure, derivatives = np.empty(n), np.empty((n_tangents, n))
        tangents, at = np.empty(n_tangents), np.empty(n_tangents)
        slopes, total = np.empty(n_tangents), np.empty(n_tangents)
        begun = np.empty(n_parameters + 2)
        for k in range(n):
            reached, time, length = start[k], time_start[k], step[k]
            log_g = log_survival(reached, time, *to_fixed_tuple(values, n_parameters))
            begun[0] = log_g[0]
            for i in range(n_parameters):
                begun[1 + i] = log_g[2 + i]
            begun[1 + n_parameters] = log_g[1]
            tangents[:] = 0.0
            tangents[n_parameters + 1] = 1.0
            unexposed = 1.0 - exposure_rate[k]
            for _ in range(FLOW_STEPS):
                rate = change(reached, tangents, time, values, begun, unexposed, elasticity[k], factor[k], slopes)
                mean = rate
                total[:] = slopes
                # Runge-Kutta: each further stage is evaluated where the stage before leads.
                for share, weight in ((0.5, 2.0), (0.5, 2.0), (1.0, 1.0)):
                    at[:] = tangents + share * length * slopes
                    ahead, then = reached + share * length * rate, time + share * length
                    rate = change(ahead, at, then, values, begun, unexposed, elasticity[k], factor[k], slopes)
                    mean += weight * rate
                    total += weight * slopes
                reached += length * mean / 6.0
                time += length
                tangents += length * total / 6.0
            exposure[k] = reached
            derivatives[:, k] = tangents
        return exposure, derivatives

    return solve
