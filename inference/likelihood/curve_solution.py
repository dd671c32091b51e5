"""Solutions of a model's exposure equation with their derivatives, as one node of a PyTensor graph.

PyTensor's loop (`scan`) over a curve takes ten times as long, and most of a minute to compile: every step allocates new
arrays, and the derivative goes back through all of them. This solver integrates the derivatives by all parameters
together with the solution. It needs only :meth:`SIModel.log_survival` and its derivatives, which PyTensor derives as a
function of scalars.
"""

from functools import cache
from typing import Any

import numpy as np
import pytensor
import pytensor.scalar as ps
import pytensor.tensor as pt
from numba import njit
from numba.np.unsafe.ndarray import to_fixed_tuple
from pytensor.compile.mode import get_mode
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_funcify, register_funcify_and_cache_key
from pytensor.tensor.basic import ScalarFromTensor, TensorFromScalar

from ...models import SIModel
from ...models.clock import Clock
from .curve_table import SIZE, looked_up
from .vector_math import VectorMath


class CurveSolution(Op):  # type: ignore[misc]
    """Cumulative exposure at the nodes of several curves.

    Inputs: lengths of the steps (vector, shape (n_steps * n_curves,), curve by curve for each step), rates and rises of
    the closures' tables (vectors, see :mod:`tworate.inference.likelihood.curve_table`), factor on the exposure of each
    curve (vector), parameters (vector, in the model's order). Outputs: exposure at the nodes (vector, shape
    ((n_steps + 1) * n_curves,)), and its derivatives: one row per parameter, and a last row for the curve's factor.

    Parameters
    ----------
    model : type of SIModel
        Gives the survival function.
    clock : {"rounds", "continuous"}
        Whether a step is a step of the map or a Runge-Kutta step.
    """

    __props__ = ("model", "clock")

    def __init__(self, model: type[SIModel], clock: Clock) -> None:
        self.model, self.clock = model, clock

    def make_node(self, *inputs: Any) -> Apply:
        """Make the node."""
        return Apply(self, [pt.as_tensor_variable(i) for i in inputs], [pt.dvector(), pt.dmatrix()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate the node where the graph runs in Python."""
        output_storage[0][0], output_storage[1][0] = _solver(self.model, self.clock)(*inputs)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """State that no derivatives by the data exist."""
        return [[False] * 2] * 3 + [[True] * 2] * 2

    def pullback(self, inputs: list[Any], outputs: list[Any], cotangents: list[Any]) -> list[Any]:
        """Apply the chain rule. Only the exposure is differentiated."""
        tangents = outputs[1] * cotangents[0]
        by_factor = tangents[-1].reshape((-1, inputs[3].shape[0])).sum(axis=0)
        return [*(DisconnectedType()() for _ in range(3)), by_factor, tangents[:-1].sum(axis=1)]

    L_op = pullback  # the name before PyTensor 3


@register_funcify_and_cache_key(CurveSolution)
def _numba_solution(op: CurveSolution, node: Apply, **_: Any) -> tuple[Any, None]:
    # No key: see `likelihood_node`.
    return _solver(op.model, op.clock), None


@cache
def _solver(model: type[SIModel], clock: Clock) -> Any:
    """Make the numba function that evaluates the operation."""
    log_survival, n_parameters, in_rounds = scalar_log_survival(model), len(model.parameters()), clock == "rounds"

    @njit(error_model="numpy", fastmath=False)
    def change(reached, tangents, time, values, rates, rises, first, factor, slopes):  # type: ignore[no-untyped-def]
        # Returns the growth rate of exposure, and writes the growth rates of its derivatives `tangents` to `slopes`.
        # `log_survival` gives log G, its derivative by exposure, and its derivatives by the parameters.
        log_g = log_survival(reached, time, *to_fixed_tuple(values, n_parameters))
        rate, slope = looked_up(log_g[0], rates, rises, first)
        for i in range(n_parameters):
            slopes[i] = factor * slope * (log_g[2 + i] + log_g[1] * tangents[i])
        slopes[n_parameters] = rate + factor * slope * log_g[1] * tangents[n_parameters]
        return factor * rate

    @njit(error_model="numpy", fastmath=False)
    def solve(step, rates, rises, factor, values):  # type: ignore[no-untyped-def]
        n_curves, n_tangents = factor.size, n_parameters + 1
        exposure = np.zeros(step.size + n_curves)
        derivatives = np.zeros((n_tangents, step.size + n_curves))
        tangents, at = np.empty(n_tangents), np.empty(n_tangents)
        slopes, total = np.empty(n_tangents), np.empty(n_tangents)
        for curve in range(n_curves):
            reached, time, first = 0.0, 0.0, curve * SIZE
            tangents[:] = 0.0
            for node in range(curve, step.size, n_curves):
                length = step[node]
                rate = change(reached, tangents, time, values, rates, rises, first, factor[curve], slopes)
                mean = rate
                total[:] = slopes
                if not in_rounds:
                    # Runge-Kutta: each further stage is evaluated where the stage before leads.
                    for share, weight in ((0.5, 2.0), (0.5, 2.0), (1.0, 1.0)):
                        at[:] = tangents + share * length * slopes
                        ahead, then = reached + share * length * rate, time + share * length
                        rate = change(ahead, at, then, values, rates, rises, first, factor[curve], slopes)
                        mean += weight * rate
                        total += weight * slopes
                    mean /= 6.0
                    total /= 6.0
                reached += length * mean
                time += length
                tangents += length * total
                exposure[node + n_curves] = reached
                derivatives[:, node + n_curves] = tangents
        return exposure, derivatives

    return solve


def scalar_log_survival(model: type[SIModel]) -> Any:
    """Make a numba function of scalars (exposure, time, *parameters).

    It returns `log_survival` and its derivatives by the exposure and the parameters.
    """
    exposure, time = pt.dscalar(), pt.dscalar()
    values = {name: pt.dscalar(name) for name in model.parameters()}
    log_g = model.log_survival(exposure, time, values, VectorMath())
    slopes = pytensor.gradient.grad(log_g, [exposure, *values.values()], disconnected_inputs="ignore")
    graph = FunctionGraph([exposure, time, *values.values()], [log_g, *slopes], clone=True)
    get_mode("NUMBA").excluding("fusion", "inplace").optimizer.rewrite(graph)
    # Replace each operation on arrays of dimension 0 by the operation on scalars.
    numbers: dict[Variable, Variable] = {variable: ps.float64() for variable in graph.inputs}

    def number(variable: Variable) -> Variable:
        return numbers[variable] if variable in numbers else ps.constant(variable.data.item(), dtype=variable.dtype)

    for node in graph.toposort():
        if isinstance(node.op, ScalarFromTensor | TensorFromScalar):
            numbers[node.outputs[0]] = number(node.inputs[0])
            continue
        # PyTensor 3 rewrites some elementwise operations into scalar ones.
        operation = getattr(node.op, "scalar_op", node.op)
        results = operation.make_node(*(number(variable) for variable in node.inputs)).outputs
        numbers |= dict(zip(node.outputs, results, strict=True))
    formula = ps.Composite([numbers[i] for i in graph.inputs], [number(output) for output in graph.outputs])
    with pytensor.config.change_flags(numba__fastmath=False):
        return numba_funcify(formula, node=formula.make_node(*formula.inputs))
