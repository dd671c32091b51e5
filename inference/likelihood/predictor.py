"""Prediction of each observation by a specification: one formula for sampling (pytensor) and for draws (numpy).

A predictor names the data arrays that it needs, and computes the prediction from them and the parameters. Times and
exposures are in units of the observed window, rates are per window.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...models.base import FLOW_STEPS
from ...models.numerics import runge_kutta_step
from ...models.structures import Bins
from ..data.observations import Transitions
from .curve_table import exposure_rates, tabulated
from .specification import Specification

FloatArray = NDArray[np.float64]
Arrays = Mapping[str, Any]

_CURVE_STEPS = 80
"""Minimum number of steps per window for the ODE of a curve."""


@dataclass(frozen=True)
class Predictor(ABC):
    """Computes predictions from arrays and parameters.

    Parameters
    ----------
    specification : Specification
        Model, likelihood and clock.
    """

    specification: Specification

    draws_at_once: ClassVar[int] = 1 << 20
    """Number of draws to predict together under numpy. Intermediate arrays must fit into the processor's cache."""

    @abstractmethod
    def needs(self, data: Transitions) -> dict[str, FloatArray]:
        """Return the data arrays by name that the prediction needs. Each has one dimension."""

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
            Transmission factor of each replicate, where replicates differ.
        xp : module
            Array namespace: numpy or pytensor.tensor.

        Returns
        -------
        array, shape (n_observations,) or (n_draws, n_observations)
            The prediction that the likelihood's family needs, see :mod:`tworate.inference.likelihood.likelihoods`.
        """

    def arrays(self, data: Transitions) -> dict[str, FloatArray]:
        """Return all arrays by name: the observations, and what the prediction needs."""
        observed = data.observed(self.specification.likelihood.observed)
        arrays = {"observed": observed, "size": data.n_susceptible, "weight": data.weight}
        if self.specification.only_replicates:
            arrays |= {"path": data.path, "replicate": np.arange(len(data.paths))}
        if data.design is not None:
            arrays |= data.design.arrays
        if data.binned is not None:
            arrays |= {f"bin_{name}": values for name, values in data.binned.scaled(data.window)._asdict().items()}
        arrays |= self.needs(data)
        return {name: np.ascontiguousarray(value, dtype=float) for name, value in arrays.items()}


class RoundsPredictor(Predictor):
    """Log-probability of not sharing in a synchronous round. The exposure rate is that at the start of the round."""

    draws_at_once = 100

    def needs(self, data: Transitions) -> dict[str, FloatArray]:  # noqa: D102
        # Most intervals begin where another ends. The survival function is computed once for both.
        group = data.path if data.design is None else data.design.group
        start = np.stack([group, data.time_start, *_exposures(data, "start")])
        end = np.stack([group, data.time_end, *_exposures(data, "end")])
        nodes, index = np.unique(np.hstack([start, end]), axis=1, return_inverse=True)
        path, time, *exposure = nodes
        node_start, node_end = np.split(index.ravel(), 2)
        return {
            # With bins of exposure a node has one number for each of them.
            "node_exposure": np.stack(exposure, axis=1).ravel() / data.window,
            "node_time": time / data.window,
            "node_path": path,
            "node_start": node_start,
            "node_end": node_end,
        }

    def exposure(self, arrays: Arrays, values: Mapping[str, Any], factors: Any = None, xp: Any = np) -> Any:
        """Return the exposure at the nodes in windows, as structures and factors weight it; see :meth:`predict`."""
        exposure = arrays["node_exposure"]
        if (weights := _weights(self.specification, arrays, values, xp)) is not None:
            exposure = _weighted(exposure, weights, xp)
        return _factors_at(factors, arrays, "node_path") * exposure

    def predict(self, arrays: Arrays, values: Mapping[str, Any], factors: Any = None, xp: Any = np) -> Any:  # noqa: D102
        exposure = self.exposure(arrays, values, factors, xp)
        log_g = self.specification.model.log_survival(exposure, arrays["node_time"], values, xp)
        return _differences(log_g, arrays["node_start"], arrays["node_end"], xp)


class FlowPredictor(Predictor):
    """Log-probability of not sharing between two observations in continuous time."""

    def needs(self, data: Transitions) -> dict[str, FloatArray]:  # noqa: D102
        names = ("time_start", "time_end")
        arrays = {name: getattr(data, name) / data.window for name in names} | {
            "exposure_start": np.stack(_exposures(data, "start"), axis=1).ravel() / data.window,
            "exposure_rate": data.exposure_rate,
            "elasticity": data.elasticity,
        }
        if data.binned is not None:
            gained = data.binned.end - data.binned.start
            total = gained.sum(axis=1, keepdims=True)
            arrays["gained"] = (gained / np.where(total > 0, total, 1.0)).ravel()
        return arrays

    def predict(self, arrays: Arrays, values: Mapping[str, Any], factors: Any = None, xp: Any = np) -> Any:  # noqa: D102
        model = self.specification.model
        time = (arrays["time_start"], arrays["time_end"])
        factor = 1.0 + 0.0 * arrays["exposure_rate"] if factors is None else _factors_at(factors, arrays, "path")
        start = arrays["exposure_start"]
        # Parameters of shape (n_draws, 1) give exposure the shape (n_draws, n_observations).
        zero = 0.0 * sum(values.values())
        if (weights := _weights(self.specification, arrays, values, xp)) is not None:
            # Within an interval the weight is constant.
            start = factor * _weighted(start, weights, xp) + zero
            factor = factor * _weighted(arrays["gained"], weights, xp) + zero
        else:
            start = factor * start + zero
        if xp is np:
            end = model.reach(start, time, arrays["exposure_rate"], arrays["elasticity"], values, factor=factor)
        else:
            from .flow_solution import FlowSolution

            step = (time[1] - time[0]) / FLOW_STEPS
            in_order = xp.stack([values[name] for name in model.parameters()])
            observed = (time[0], step, arrays["exposure_rate"], arrays["elasticity"])
            end, _ = FlowSolution(model)(start, factor, *observed, in_order)
        return model.log_escape((start, end), time, values, xp)


class CurvePredictor(Predictor):
    """Expected incidence or prevalence from the ODE (clock `continuous`) or the map (clock `rounds`) from the start.

    Trajectories with the same initial susceptible fraction and network, and in rounds the same times, share one
    solution. With replicate effects every replicate has its own solution, because its factor multiplies the exposure.
    """

    def needs(self, data: Transitions) -> dict[str, FloatArray]:  # noqa: D102
        # In rounds the steps of a solution are those of its trajectory. In continuous time any finer steps are valid.
        times = np.unique(np.concatenate([[0.0], data.time_start, data.time_end])) / data.window
        grids = [tuple(times)] * len(data.paths)
        if self.specification.clock == "rounds":
            grids = [
                tuple(np.unique([0.0, *data.time_start[rows], *data.time_end[rows]]) / data.window)
                for rows in (data.path == number for number in range(len(data.paths)))
            ]
        keys: list[Any] = list(zip(data.susceptible0, data.formulas, grids, strict=True))
        if self.specification.only_replicates:
            keys = [(*key, number) for number, key in enumerate(keys)]
        solutions = list(dict.fromkeys(keys))
        path_solution = np.array([solutions.index(key) for key in keys])
        observation_solution = path_solution[data.path]
        node_start, node_end = np.zeros(data.size), np.zeros(data.size)
        columns = []
        for number, (_, _, grid, *_) in enumerate(solutions):
            steps = np.diff(grid)
            parts = np.ones(steps.size, dtype=int)
            if self.specification.clock == "continuous":
                parts = np.ceil(steps * _CURVE_STEPS).astype(int)
            nodes = np.concatenate([[0], np.cumsum(parts)])
            rows = observation_solution == number
            node_start[rows] = nodes[np.searchsorted(grid, data.time_start[rows] / data.window)]
            node_end[rows] = nodes[np.searchsorted(grid, data.time_end[rows] / data.window)]
            columns.append(np.repeat(steps / parts, parts))
        # A shorter solution is padded with steps of length 0.
        step = np.zeros((max(column.size for column in columns), len(solutions)))
        for number, column in enumerate(columns):
            step[: column.size, number] = column
        rates, rises = tabulated([key[:2] for key in solutions])
        susceptible0 = np.array([key[0] for key in solutions])
        # Nodes have the same order as steps. The nodes at time 0 come first.
        node = np.concatenate([np.zeros((1, len(solutions))), np.cumsum(step, axis=0)])
        return {
            "step": step.ravel(),
            "node_time": node.ravel(),
            "node_susceptible0": np.broadcast_to(susceptible0, node.shape).ravel(),
            "node_start": node_start * len(solutions) + observation_solution,
            "node_end": node_end * len(solutions) + observation_solution,
            "solution_path": np.array([list(path_solution).index(number) for number in range(len(solutions))]),
            "population": data.population,
            "table_rate": rates,
            "table_rise": rises,
        }

    def predict(self, arrays: Arrays, values: Mapping[str, Any], factors: Any = None, xp: Any = np) -> Any:  # noqa: D102
        model = self.specification.model
        factor = (
            1.0 + 0.0 * arrays["solution_path"] if factors is None else _factors_at(factors, arrays, "solution_path")
        )
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
        """Solve the curves with numpy and return the cumulative exposure at the nodes.

        Parameters
        ----------
        arrays : mapping of array
            From :meth:`needs`.
        values : mapping of array
            Parameter values by name, rates per window: scalars, or shape (n_draws, 1).
        factor : array, shape (n_solutions,) or (n_draws, n_solutions)
            Factor on the exposure of each solution.

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


def _exposures(data: Transitions, end: str) -> list[FloatArray]:
    """Return the exposure at the start or the end of the observations: one array, or one for each bin."""
    if data.binned is None:
        return [getattr(data, f"exposure_{end}")]
    return list(getattr(data.binned, end).T)


def _weights(specification: Specification, arrays: Arrays, values: Mapping[str, Any], xp: Any) -> Any:
    """Return the weight of the exposure in each bin, or None where exposure is not weighted."""
    structure = specification.model.structure
    if structure is None or structure.axis is None or structure.setting is not None:
        return None
    return structure.weights(Bins(*(arrays[f"bin_{name}"] for name in Bins._fields)), values, xp)


def _weighted(exposure: Any, weights: Any, xp: Any) -> Any:
    """Compute weighted sums over bins.

    Parameters
    ----------
    exposure : array, shape (n * n_bins,)
        Exposure in bins, one row after the other.
    weights : array, shape (n_bins,) or (n_draws, n_bins)
    xp : module
        Array namespace: numpy or pytensor.tensor.

    Returns
    -------
    array, shape (n,) or (n_draws, n)
    """
    if hasattr(xp, "row_sums"):
        return xp.row_sums(exposure, weights)
    rows = exposure.reshape((-1, weights.shape[-1]))
    return xp.dot(weights, rows.T)


def predictor(specification: Specification) -> Predictor:
    """Return the predictor of a specification."""
    if specification.likelihood.kind == "trajectory":
        return CurvePredictor(specification)
    # Event histories have the exposure of every agent at both ends of its interval, whatever the clock.
    flows = specification.clock == "continuous" and specification.level == "count"
    return FlowPredictor(specification) if flows else RoundsPredictor(specification)


def _factors_at(factors: Any, arrays: Arrays, index: str) -> Any:
    """Return the factors of the replicates in an index array; 1 where replicates do not differ."""
    return 1.0 if factors is None else factors[..., arrays[index].astype("int64")]


def _differences(values: Any, start: Any, end: Any, xp: Any) -> Any:
    """Compute differences between elements along the last axis."""
    if hasattr(xp, "differences"):
        return xp.differences(values, start, end)
    start, end = start.astype("int64"), end.astype("int64")
    if xp is np:
        return np.take(values, end, axis=-1) - np.take(values, start, axis=-1)
    return values[..., end] - values[..., start]
