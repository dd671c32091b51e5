"""Solutions of a model's one equation with their derivatives, as one node of a PyTensor graph.

A loop of PyTensor's own (`scan`) over a curve takes ten times as long, and most of a minute to compile: every step puts
new arrays into memory, and the derivative walks all of them back. Here a solution carries along how it changes with
each parameter; of a model's formula only :meth:`SIModel.log_survival` is needed, and its derivatives as PyTensor finds
them, as a function of single numbers.
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
    the closures' tables (vectors, see :mod:`tworate.inference.likelihood.curve_table`), factor of each curve's
    exposure (vector), parameters (vector, in the model's order). Outputs: exposure at the nodes (vector, shape
    ((n_steps + 1) * n_curves,)), and its derivatives by each parameter and by the curve's factor (matrix, a row each).

    Parameters
    ----------
    model : type of SIModel
        Gives the survival function.
    clock : {"rounds", "continuous"}
        Whether a step is one of the map, or one of Runge and Kutta.
    """

    __props__ = ("model", "clock")

    def __init__(self, model: type[SIModel], clock: Clock) -> None:
        self.model, self.clock = model, clock

    def make_node(self, *inputs: Any) -> Apply:
        """Make the node."""
        return Apply(self, [pt.as_tensor_variable(i) for i in inputs], [pt.dvector(), pt.dmatrix()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate, where the graph runs in Python."""
        output_storage[0][0], output_storage[1][0] = _solver(self.model, self.clock)(*inputs)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say that no derivative by the data exists."""
        return [[False] * 2] * 3 + [[True] * 2] * 2

    def pullback(self, inputs: list[Any], outputs: list[Any], cotangents: list[Any]) -> list[Any]:
        """Chain rule; only the exposure is differentiated."""
        moved = outputs[1] * cotangents[0]
        by_factor = moved[-1].reshape((-1, inputs[3].shape[0])).sum(axis=0)
        return [*(DisconnectedType()() for _ in range(3)), by_factor, moved[:-1].sum(axis=1)]

    L_op = pullback  # the name before PyTensor 3


@register_funcify_and_cache_key(CurveSolution)
def _numba_solution(op: CurveSolution, node: Apply, **_: Any) -> tuple[Any, None]:
    # No key: see `likelihood_node`.
    return _solver(op.model, op.clock), None


@cache
def _solver(model: type[SIModel], clock: Clock) -> Any:
    """Make the numba function that evaluates the operation."""
    log_survival, n_parameters, in_rounds = _of_numbers(model), len(model.parameters()), clock == "rounds"

    @njit(error_model="numpy", fastmath=False)
    def change(reached, moved, time, values, rates, rises, first, factor, by):  # type: ignore[no-untyped-def]
        # The rate at which exposure grows, and into `by` that at which its derivatives `moved` do.
        found = log_survival(reached, time, *to_fixed_tuple(values, n_parameters))
        rate, slope = looked_up(found[0], rates, rises, first)
        for i in range(n_parameters):
            by[i] = factor * slope * (found[2 + i] + found[1] * moved[i])
        by[n_parameters] = rate + factor * slope * found[1] * moved[n_parameters]
        return factor * rate

    @njit(error_model="numpy", fastmath=False)
    def solve(step, rates, rises, factor, values):  # type: ignore[no-untyped-def]
        n_curves, n_moved = factor.size, n_parameters + 1
        exposure = np.zeros(step.size + n_curves)
        derivatives = np.zeros((n_moved, step.size + n_curves))
        moved, at, by, total = np.empty(n_moved), np.empty(n_moved), np.empty(n_moved), np.empty(n_moved)
        for curve in range(n_curves):
            reached, time, first = 0.0, 0.0, curve * SIZE
            moved[:] = 0.0
            for node in range(curve, step.size, n_curves):
                length = step[node]
                rate = change(reached, moved, time, values, rates, rises, first, factor[curve], by)
                mean = rate
                total[:] = by
                if not in_rounds:
                    # Runge and Kutta's weights of the three other slopes, each taken where the one before leads.
                    for share, weight in ((0.5, 2.0), (0.5, 2.0), (1.0, 1.0)):
                        at[:] = moved + share * length * by
                        ahead, then = reached + share * length * rate, time + share * length
                        rate = change(ahead, at, then, values, rates, rises, first, factor[curve], by)
                        mean += weight * rate
                        total += weight * by
                    mean /= 6.0
                    total /= 6.0
                reached += length * mean
                time += length
                moved += length * total
                exposure[node + n_curves] = reached
                derivatives[:, node + n_curves] = moved
        return exposure, derivatives

    return solve


def _of_numbers(model: type[SIModel]) -> Any:
    """Make a numba function of numbers (exposure, time, *parameters): `log_survival`, and its slopes but in time."""
    exposure, time = pt.dscalar(), pt.dscalar()
    values = {name: pt.dscalar(name) for name in model.parameters()}
    log_g = model.log_survival(exposure, time, values, VectorMath())
    slopes = pytensor.gradient.grad(log_g, [exposure, *values.values()], disconnected_inputs="ignore")
    graph = FunctionGraph([exposure, time, *values.values()], [log_g, *slopes], clone=True)
    get_mode("NUMBA").excluding("fusion", "inplace").optimizer.rewrite(graph)
    # Operations on arrays without dimensions, each in place of one on numbers.
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
