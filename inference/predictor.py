"""What a specification predicts of each observation: one formula for sampling (pytensor) and for draws (numpy).

A predictor names the arrays that it needs of the data and says how the prediction follows from them and the parameters.
Times and exposures are in units of the observed window, rates per window.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..models.base import FLOW_STEPS
from ..models.numerics import runge_kutta_step
from .observations import Transitions
from .specification import Specification

FloatArray = NDArray[np.float64]
Arrays = Mapping[str, Any]

_TABLE_SIZE = 801
_TABLE_SCALE = 0.01
_TABLE_STEP = math.log1p(40.0 / _TABLE_SCALE) / (_TABLE_SIZE - 1)
"""The closure's formula is tabulated over `f = -log(s / s0)` from 0 to 40, evenly in `log(1 + f / scale)`: where
degrees differ greatly, exposure changes fast as the hubs go. Cubic interpolation leaves an error below 1e-9."""
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
            What the likelihood's family takes, see :mod:`tworate.inference.likelihoods`.
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

        def advance(number: Any, _: Any, exposure: Any, *constants: Any) -> tuple[Any, Any]:
            origin, length, begun, rate, elasticity, scale, *numbers = constants
            parameters = dict(zip(names, numbers, strict=True))
            at = origin + number * length
            return number, model.reach_step(exposure, at, length, begun, rate, elasticity, parameters, xp, factor=scale)

        begun = model.log_survival(start, time[0], values, xp)
        constants = [time[0], step, begun, arrays["exposure_rate"], arrays["elasticity"], factor, *values.values()]
        numbers = xp.arange(FLOW_STEPS, dtype="float64")
        _, exposures = _steps(advance, numbers, xp.zeros(()), start, constants, xp)
        return model.log_escape((start, exposures[-1]), time, values, xp)


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
        fallen = _TABLE_SCALE * np.expm1(_TABLE_STEP * np.arange(_TABLE_SIZE))
        rates, slopes = [], []
        for susceptible0, formula, *_ in solutions:
            s = susceptible0 * np.exp(-fallen)
            rates.append(np.maximum(formula.exposure_rate(s, susceptible0), 0.0))
            slopes.append(-np.asarray(formula.slope(s, susceptible0)) * (fallen + _TABLE_SCALE))
        return {
            "step": step.ravel(),
            "node_start": node_start,
            "node_end": node_end,
            "solution": of_observation,
            "solution_path": np.array([list(of_path).index(number) for number in range(len(solutions))]),
            "susceptible0": np.array([key[0] for key in solutions]),
            "population": data.population,
            "table_rate": np.concatenate(rates),
            "table_slope": np.concatenate(slopes),
        }

    def predict(self, arrays: Arrays, values: Mapping[str, Any], factors: Any = None, xp: Any = np) -> Any:  # noqa: D102
        model, names = self.specification.model, list(values)
        susceptible0 = arrays["susceptible0"]
        of_observation = arrays["solution"].astype("int64")
        rows = xp.arange(susceptible0.shape[0]) * _TABLE_SIZE
        factor = 1.0 + 0.0 * susceptible0 if factors is None else _of(factors, arrays, "solution_path")

        def advance(step: Any, time: Any, exposure: Any, *constants: Any) -> tuple[Any, Any]:
            table_rate, table_slope, row, scale, *numbers = constants

            def rate(reached: Any, at: Any) -> Any:
                # Cubic Hermite interpolation in the table of the closure.
                log_g = model.log_survival(reached, at, dict(zip(names, numbers, strict=True)), xp)
                place = xp.clip(xp.log1p(-log_g / _TABLE_SCALE) / _TABLE_STEP, 0.0, _TABLE_SIZE - 1.001)
                f, low = place - xp.floor(place), row + xp.floor(place).astype("int64")
                rise = table_rate[low + 1] - table_rate[low]
                first, last = _TABLE_STEP * table_slope[low], _TABLE_STEP * table_slope[low + 1]
                cubic = f * (3.0 * rise - 2.0 * first - last + f * (first + last - 2.0 * rise))
                return scale * (table_rate[low] + f * (first + cubic))

            if self.specification.clock == "rounds":
                return time + step, exposure + step * rate(exposure, time)
            return time + step, runge_kutta_step(rate, exposure, time, step)

        # Parameters of shape (n_draws, 1) give exposure the shape (n_draws, n_solutions).
        start = 0.0 * factor * (susceptible0 + sum(values.values()))
        constants = [arrays["table_rate"], arrays["table_slope"], rows, factor, *values.values()]
        steps = arrays["step"].reshape((-1, susceptible0.shape[0]))
        times, exposures = _steps(advance, steps, 0.0 * susceptible0, start, constants, xp)

        def susceptible(node: Any) -> Any:
            index = node.astype("int64")
            # Under numpy an axis of draws lies between nodes and solutions.
            reached = exposures[index, ..., of_observation].T if xp is np else exposures[index, of_observation]
            return susceptible0[of_observation] * xp.exp(
                model.log_survival(reached, times[index, of_observation], values, xp)
            )

        end = susceptible(arrays["node_end"])
        if self.specification.likelihood.observed == "prevalence":
            return 1.0 - end
        return arrays["population"] * (susceptible(arrays["node_start"]) - end)


def predictor(specification: Specification) -> Predictor:
    """Return how a specification predicts."""
    if specification.likelihood.kind == "trajectory":
        return CurvePredictor(specification)
    return FlowPredictor(specification) if specification.clock == "continuous" else RoundsPredictor(specification)


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


def _steps(
    advance: Callable[..., tuple[Any, Any]], steps: Any, origin: Any, start: Any, constants: Sequence[Any], xp: Any
) -> tuple[Any, Any]:
    """Times and states at all nodes, the start included, along the first axis."""
    if xp is np:
        times, states = [origin], [start]
        for step in steps:
            time, state = advance(step, times[-1], states[-1], *constants)
            times.append(time)
            states.append(state)
        return np.array(times), np.array(states)
    from pytensor import scan

    later = scan(
        advance,
        sequences=[steps],
        outputs_info=[origin, start],
        non_sequences=list(constants),
        strict=True,
        return_updates=False,
    )
    return tuple(
        xp.concatenate([first[None], rest], axis=0) for first, rest in zip((origin, start), later, strict=True)
    )
