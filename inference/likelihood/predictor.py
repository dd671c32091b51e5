"""What a specification predicts of each observation: one formula for sampling (pytensor) and for draws (numpy).

A predictor names the arrays that it needs of the data and says how the prediction follows from them and the parameters.
Times and exposures are in units of the observed window, rates per window.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...models.base import FLOW_STEPS
from ...models.numerics import runge_kutta_step
from ..data.observations import Transitions
from .curve_table import exposure_rates, tabulated
from .specification import Specification

FloatArray = NDArray[np.float64]
Arrays = Mapping[str, Any]

_CURVE_STEPS = 80
"""Smallest number of steps over the window with which the ODE of a curve is solved."""


@dataclass(frozen=True)
class Predictor(ABC):
    """How predictions follow from arrays and parameters.

    Parameters
    ----------
    specification : Specification
        What is fitted.
    """

    specification: Specification

    draws_at_once: ClassVar[int] = 1 << 20
    """Draws to predict together under numpy, so that what lies between fits into a processor's own memory."""

    @abstractmethod
    def needs(self, data: Transitions) -> dict[str, FloatArray]:
        """Arrays of the data by name that the prediction needs; each of one dimension."""

    @abstractmethod
    def predict(self, arrays: Arrays, values: Mapping[str, Any], factors: Any = None, xp: Any = np) -> Any:
        """Predict every observation.

        Parameters
        ----------
        arrays : mapping of array
            From :meth:`needs`.
        values : mapping of array
            Parameter values by name, rates per window: scalars, or shape (n_draws, 1).
        factors : array, shape (n_replicates,) or (n_draws, n_replicates), optional
            Factor of transmission of each replicate, where they differ.
        xp : module
            Array namespace: numpy or pytensor.tensor.

        Returns
        -------
        array, shape (n_observations,) or (n_draws, n_observations)
            What the likelihood's family takes, see :mod:`tworate.inference.likelihood.likelihoods`.
        """

    def arrays(self, data: Transitions) -> dict[str, FloatArray]:
        """Return all arrays by name: what was observed, and what the prediction needs."""
        observed = data.observed(self.specification.likelihood.observed)
        found = {"observed": observed, "size": data.n_susceptible, "weight": data.weight}
        if self.specification.replicate_effects:
            found |= {"path": data.path, "replicate": np.arange(len(data.paths))}
        found |= self.needs(data)
        return {name: np.ascontiguousarray(value, dtype=float) for name, value in found.items()}


class RoundsPredictor(Predictor):
    """Log-probability of not sharing in a synchronous round: exposure is that of the round's start."""

    draws_at_once = 100

    def needs(self, data: Transitions) -> dict[str, FloatArray]:  # noqa: D102
        # An interval mostly begins where another ends: the survival function is worked out once for both.
        start, end = ((data.path, data.time_start, data.exposure_start), (data.path, data.time_end, data.exposure_end))
        nodes, index = np.unique(np.hstack([start, end]), axis=1, return_inverse=True)
        path, time, exposure = nodes
        node_start, node_end = np.split(index.ravel(), 2)
        return {
            "node_exposure": exposure / data.window,
            "node_time": time / data.window,
            "node_path": path,
            "node_start": node_start,
            "node_end": node_end,
        }

    def predict(self, arrays: Arrays, values: Mapping[str, Any], factors: Any = None, xp: Any = np) -> Any:  # noqa: D102
        exposure = _of(factors, arrays, "node_path") * arrays["node_exposure"]
        log_g = self.specification.model.log_survival(exposure, arrays["node_time"], values, xp)
        return _differences(log_g, arrays["node_start"], arrays["node_end"], xp)


class FlowPredictor(Predictor):
    """Log-probability of not sharing between two observations in continuous time."""

    def needs(self, data: Transitions) -> dict[str, FloatArray]:  # noqa: D102
        names = ("exposure_start", "time_start", "time_end")
        return {name: getattr(data, name) / data.window for name in names} | {
            "exposure_rate": data.exposure_rate,
            "elasticity": data.elasticity,
        }

    def predict(self, arrays: Arrays, values: Mapping[str, Any], factors: Any = None, xp: Any = np) -> Any:  # noqa: D102
        model, names = self.specification.model, list(values)
        time = (arrays["time_start"], arrays["time_end"])
        factor = 1.0 + 0.0 * arrays["exposure_start"] if factors is None else _of(factors, arrays, "path")
        # Parameters of shape (n_draws, 1) give exposure the shape (n_draws, n_observations).
        start = factor * arrays["exposure_start"] + 0.0 * sum(values.values())
        step = (time[1] - time[0]) / FLOW_STEPS

        def advance(number: Any, exposure: Any, *constants: Any) -> tuple[Any, Any]:
            origin, length, begun, rate, elasticity, scale, *numbers = constants
            parameters = dict(zip(names, numbers, strict=True))
            at = origin + number * length
            exposure = model.reach_step(exposure, at, length, begun, rate, elasticity, parameters, xp, factor=scale)
            return number + 1.0, exposure

        begun = model.log_survival(start, time[0], values, xp)
        constants = [time[0], step, begun, arrays["exposure_rate"], arrays["elasticity"], factor, *values.values()]
        number, end = xp.zeros(()), start
        if xp is np:
            for _ in range(FLOW_STEPS):
                number, end = advance(number, end, *constants)
        else:
            from pytensor import scan

            _, ends = scan(
                advance, None, [number, start], constants, n_steps=FLOW_STEPS, strict=True, return_updates=False
            )
            end = ends[-1]
        return model.log_escape((start, end), time, values, xp)


class CurvePredictor(Predictor):
    """Expected incidence or prevalence from the ODE (clock `continuous`) or the map (clock `rounds`) from the start.

    One solution for each start: susceptible fraction and network of a trajectory, and in rounds its times. With
    replicate effects the factor multiplies the exposure of the solution that the replicate follows, so each has a
    solution of its own.
    """

    def needs(self, data: Transitions) -> dict[str, FloatArray]:  # noqa: D102
        # In rounds a trajectory moves by its own steps; in continuous time any finer steps do.
        times = np.unique(np.concatenate([[0.0], data.time_start, data.time_end])) / data.window
        grids = [tuple(times)] * len(data.paths)
        if self.specification.clock == "rounds":
            grids = [
                tuple(np.unique([0.0, *data.time_start[own], *data.time_end[own]]) / data.window)
                for own in (data.path == number for number in range(len(data.paths)))
            ]
        keys: list[Any] = list(zip(data.susceptible0, data.formulas, grids, strict=True))
        if self.specification.replicate_effects:
            keys = [(*key, number) for number, key in enumerate(keys)]
        solutions = list(dict.fromkeys(keys))
        of_path = np.array([solutions.index(key) for key in keys])
        of_observation = of_path[data.path]
        node_start, node_end = np.zeros(data.size), np.zeros(data.size)
        columns = []
        for number, (_, _, grid, *_) in enumerate(solutions):
            steps = np.diff(grid)
            parts = np.ones(steps.size, dtype=int)
            if self.specification.clock == "continuous":
                parts = np.ceil(steps * _CURVE_STEPS).astype(int)
            nodes = np.concatenate([[0], np.cumsum(parts)])
            own = of_observation == number
            node_start[own] = nodes[np.searchsorted(grid, data.time_start[own] / data.window)]
            node_end[own] = nodes[np.searchsorted(grid, data.time_end[own] / data.window)]
            columns.append(np.repeat(steps / parts, parts))
        # A solution that is through early goes on in steps of no length.
        step = np.zeros((max(column.size for column in columns), len(solutions)))
        for number, column in enumerate(columns):
            step[: column.size, number] = column
        rates, rises = tabulated([key[:2] for key in solutions])
        susceptible0 = np.array([key[0] for key in solutions])
        # Nodes lie one after the other as steps do, those of the start before them.
        node = np.concatenate([np.zeros((1, len(solutions))), np.cumsum(step, axis=0)])
        return {
            "step": step.ravel(),
            "node_time": node.ravel(),
            "node_susceptible0": np.broadcast_to(susceptible0, node.shape).ravel(),
            "node_start": node_start * len(solutions) + of_observation,
            "node_end": node_end * len(solutions) + of_observation,
            "solution_path": np.array([list(of_path).index(number) for number in range(len(solutions))]),
            "population": data.population,
            "table_rate": rates,
            "table_rise": rises,
        }

    def predict(self, arrays: Arrays, values: Mapping[str, Any], factors: Any = None, xp: Any = np) -> Any:  # noqa: D102
        model = self.specification.model
        factor = 1.0 + 0.0 * arrays["solution_path"] if factors is None else _of(factors, arrays, "solution_path")
        if xp is np:
            exposure = self.solved(arrays, values, factor)
        else:
            from .curve_solution import CurveSolution

            tables = (arrays["table_rate"], arrays["table_rise"])
            in_order = xp.stack([values[name] for name in model.parameters()])
            exposure, _ = CurveSolution(model, self.specification.clock)(arrays["step"], *tables, factor, in_order)
        log_g = model.log_survival(exposure, arrays["node_time"], values, xp)
        susceptible = arrays["node_susceptible0"] * xp.exp(log_g)
        if self.specification.likelihood.observed == "prevalence":
            return 1.0 - susceptible[..., arrays["node_end"].astype("int64")]
        return arrays["population"] * _differences(susceptible, arrays["node_end"], arrays["node_start"], xp)

    def solved(self, arrays: Arrays, values: Mapping[str, Any], factor: Any) -> Any:
        """Cumulative exposure at the nodes.

        Parameters
        ----------
        arrays : mapping of array
            From :meth:`needs`.
        values : mapping of array
            Parameter values by name, rates per window: scalars, or shape (n_draws, 1).
        factor : array, shape (n_solutions,) or (n_draws, n_solutions)
            Factor of each solution's exposure.

        Returns
        -------
        array, shape (n_nodes,) or (n_draws, n_nodes)
        """
        model, tables = self.specification.model, (arrays["table_rate"], arrays["table_rise"])
        # Parameters of shape (n_draws, 1) give exposure the shape (n_draws, n_solutions).
        start = 0.0 * (factor + sum(values.values()))

        def rate(reached: Any, at: Any) -> Any:
            log_g = np.broadcast_to(model.log_survival(reached, at, values), np.atleast_2d(start).shape)
            return factor * exposure_rates(np.ascontiguousarray(log_g), *tables).reshape(start.shape)

        nodes, time = [start], np.zeros(start.shape[-1])
        for step in arrays["step"].reshape(-1, start.shape[-1]):
            if self.specification.clock == "rounds":
                nodes.append(nodes[-1] + step * rate(nodes[-1], time))
            else:
                nodes.append(runge_kutta_step(rate, nodes[-1], time, step))
            time = time + step
        return np.stack(nodes, axis=-2).reshape(*start.shape[:-1], -1)


def predictor(specification: Specification) -> Predictor:
    """Return how a specification predicts."""
    if specification.likelihood.kind == "trajectory":
        return CurvePredictor(specification)
    # Event histories have the exposure of every agent at both ends of its interval, whatever the clock.
    flows = specification.clock == "continuous" and specification.level == "count"
    return FlowPredictor(specification) if flows else RoundsPredictor(specification)


def _of(factors: Any, arrays: Arrays, index: str) -> Any:
    """Factors of the replicates that an array names; 1 where replicates do not differ."""
    return 1.0 if factors is None else factors[..., arrays[index].astype("int64")]


def _differences(values: Any, start: Any, end: Any, xp: Any) -> Any:
    """Differences between elements along the last axis."""
    if hasattr(xp, "differences"):
        return xp.differences(values, start, end)
    start, end = start.astype("int64"), end.astype("int64")
    if xp is np:
        return np.take(values, end, axis=-1) - np.take(values, start, axis=-1)
    return values[..., end] - values[..., start]
