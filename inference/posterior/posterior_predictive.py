"""Posterior prediction of whole curves: repetitions of the spread from its start, and forecasts of partial curves."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError
from ...models import SIModel, get_model
from ...simulate import Trajectories
from ...simulate.histories import EventHistories
from ...simulate.reading.reader import as_trajectories
from ..data.individual import EVENT_HISTORIES
from ..data.observations import network_formula, observe
from .arviz_adapter import is_posterior
from .fitting import histories_of
from .network_prediction import given_shares
from .network_simulator import NetworkSimulator, drawn
from .pacing import pacing_of

FloatArray = NDArray[np.float64]

QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)
_FORECAST_TIMES = 50
"""Number of times of a forecast in continuous time on a network."""
_MAX_STEPS = 1000
"""Maximum number of steps of one forecast path."""


def predict_curves(
    posterior: Any,
    trajectories: Trajectories,
    *,
    seed: int,
    model: type[SIModel] | None = None,
    n_draws: int = 400,
    n_times: int = 81,
) -> pd.DataFrame:
    """Predict bands of the prevalence from the starts of the trajectories with posterior draws.

    Every draw runs the model forward as a random process. The bands therefore contain the randomness of early growth as
    well as the uncertainty of the parameters. Predictions from event histories are simulated on the data's own network.
    Predictions from a fit under the recorded closure use the formula of its network (edge-based), because future
    network states are not recorded.

    Parameters
    ----------
    posterior : Posterior
        A fit from :func:`tworate.inference.fit`.
    trajectories : Trajectories
        The data of the fit. They give the population, the start and the times of each trajectory.
    seed : int
        Seed of the prediction.
    model : type of SIModel, optional
        The fitted model. The default is the model of tworate with the name that the fit records.
    n_draws : int
        Total number of draws, divided evenly among the trajectories.
    n_times : int
        Number of points of the common time grid.

    Returns
    -------
    pandas.DataFrame
        Columns `time` (since each trajectory's start) and the quantiles `q2.5`, `q25`, `q50`, `q75`, `q97.5` of the
        prevalence. The attribute `formula` says where exposure comes from.
    """
    rng = np.random.default_rng(seed)
    if posterior.attrs["closure"] == EVENT_HISTORIES:
        return _predict_on_network(posterior, trajectories, model, rng, n_draws, n_times)
    paths = [path for _, path in _paths(trajectories) if len(path) > 1]
    horizon = max(float(path["time"].iloc[-1] - path["time"].iloc[0]) for path in paths)
    grid = np.linspace(0.0, horizon, n_times)
    curves = []
    for path in paths:
        # A short trajectory is predicted to the common end too. Otherwise later times would mix fewer trajectories.
        times = path["time"].to_numpy(dtype=float) - float(path["time"].iloc[0])
        times = np.append(times[:-1], _times_ahead(times[-1], times[-1] - times[-2], horizon))
        start = path.iloc[0]
        prevalence = run_forward(
            posterior,
            model,
            start,
            times + float(start["time"]),
            int(start["infected"]),
            rng,
            n_draws // len(paths),
            fitted=trajectories.table["time"].to_numpy(dtype=float),
        )
        curves += [np.interp(grid, times, curve) for curve in prevalence]
    bands = bands_of(grid, np.array(curves))
    bands.attrs["formula"] = network_formula(paths[0].iloc[0].to_dict(), posterior.attrs["closure"]).name
    return bands


def _predict_on_network(
    posterior: Any,
    trajectories: Trajectories,
    model: type[SIModel] | None,
    rng: np.random.Generator,
    n_draws: int,
    n_times: int,
) -> pd.DataFrame:
    """Predict bands of the prevalence by simulation on the network of the data."""
    histories = histories_of(trajectories)
    clock = posterior.attrs["clock"]
    lengths = histories.ends - histories.starts
    grid = np.linspace(0.0, lengths.max(), n_times)
    curves = []
    simulator = NetworkSimulator(posterior, histories, model, rng)
    for number in range(histories.n_trajectories):
        times = simulator.shares(
            number,
            given_shares(histories, number, clock),
            start=0.0,
            until=float(lengths.max()),
            n_draws=max(1, n_draws // histories.n_trajectories),
        )
        n_agents = histories.network_of(number).n_agents
        # In rounds the prevalence is known at whole times: between them the curve is a line, not a stair.
        at = np.arange(np.ceil(lengths.max()) + 1.0) if clock == "rounds" else grid
        counts = [np.searchsorted(np.sort(each), at, side="right") for each in times]
        curves += [np.interp(grid, at, count / n_agents) for count in counts]
    bands = bands_of(grid, np.array(curves))
    bands.attrs["formula"] = "simulated on the network"
    return bands


def forecast(
    posterior: Any,
    trajectories: "Trajectories | pd.DataFrame | str",
    *,
    until: float,
    seed: int,
    model: type[SIModel] | None = None,
    n_draws: int = 400,
) -> pd.DataFrame:
    """Forecast how each partial curve continues from its last observed state.

    Parameters
    ----------
    posterior : Posterior
        A fit to the curves so far, from :func:`tworate.inference.fit`.
    trajectories : Trajectories, DataFrame or path
        The curves so far.
    until : float
        End of the forecast, as a time of the data.
    seed : int
        Seed of the forecast.
    model : type of SIModel, optional
        The fitted model. The default is the model of tworate with the name that the fit records.
    n_draws : int
        Number of draws for each trajectory.

    Returns
    -------
    pandas.DataFrame
        Columns `trajectory`, `time` (as in the data, in steps as long as the last observed step) and the quantiles
        `q2.5`, `q25`, `q50`, `q75`, `q97.5` of the prevalence.

    Raises
    ------
    InputError
        When a curve is already observed until that time, or an argument cannot be used.
    """
    if not is_posterior(posterior):
        raise InputError(
            f"forecast needs the posterior of one model, such as comparison.posteriors['two-rate'], not "
            f"{type(posterior).__name__}"
        )
    if not np.isfinite(until):
        raise InputError(f"until = {until}: must be a time")
    if n_draws < 1:
        raise InputError(f"n_draws = {n_draws}: must be at least 1")
    data = as_trajectories(trajectories)
    rng = np.random.default_rng(seed)
    attrs = posterior.attrs
    if attrs["closure"] == EVENT_HISTORIES:
        return _forecast_on_network(posterior, histories_of(data), until, model, rng, n_draws)
    observed = observe(data, attrs["closure"], attrs["clock"], whole_curve=True)
    median_step = float(np.median(observed.time_end - observed.time_start))
    gained = observed.exposure_end - observed.exposure_start
    tables = []
    for number, path in _paths(data):
        times = path["time"].to_numpy(dtype=float)
        label = path["trajectory"].iloc[0]
        if not until > times[-1]:
            raise InputError(
                f"{data.source}: until = {until:g} is not in the future: trajectory {label} was observed until "
                f"{times[-1]:g}; give a later time"
            )
        ahead = _times_ahead(times[-1], times[-1] - times[-2] if times.size > 1 else median_step, until)
        prevalence = run_forward(
            posterior,
            model,
            path.iloc[0],
            ahead,
            int(path["infected"].iloc[-1]),
            rng,
            n_draws,
            label=str(label),
            fitted=data.table["time"].to_numpy(dtype=float),
            # A trajectory with one state so far has no increment: its exposure is 0.
            past=Past(times, path["infected"].to_numpy(dtype=np.int64), gained[observed.path == number]),
        )
        bands = bands_of(ahead, prevalence)
        bands.insert(0, "trajectory", label)
        tables.append(bands)
    return pd.concat(tables, ignore_index=True)


def _forecast_on_network(
    posterior: Any,
    histories: EventHistories,
    until: float,
    model: type[SIModel] | None,
    rng: np.random.Generator,
    n_draws: int,
) -> pd.DataFrame:
    """Forecast by simulation on the network of the data: every agent goes on from what it has seen."""
    clock, simulator = posterior.attrs["clock"], NetworkSimulator(posterior, histories, model, rng)
    tables = []
    for number, label in enumerate(histories.labels):
        start, end = histories.starts[number], histories.ends[number]
        if not until > end:
            raise InputError(
                f"{histories.source}: until = {until:g} is not in the future: trajectory {label} was observed until "
                f"{end:g}; give a later time"
            )
        step = 1.0 if clock == "rounds" else (until - end) / _FORECAST_TIMES
        ahead = _times_ahead(end, step, until)
        times = simulator.shares(
            number,
            histories.share_times(number) - start,
            start=end - start,
            until=ahead[-1] - start,
            n_draws=n_draws,
            label=str(label),
        )
        n_agents = histories.network_of(number).n_agents
        curves = [np.searchsorted(np.sort(each), ahead - start, side="right") / n_agents for each in times]
        bands = bands_of(ahead, np.array(curves))
        bands.insert(0, "trajectory", label)
        tables.append(bands)
    return pd.concat(tables, ignore_index=True)


def _paths(trajectories: Trajectories) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield each trajectory from its first sharer on, with the number that :func:`observe` gives it."""
    table = trajectories.table.assign(path=trajectories.path_numbers)
    for number, (_, path) in enumerate(table[table["infected"] > 0].groupby("path")):
        yield number, path


def _times_ahead(start: float, step: float, until: float) -> FloatArray:
    """Return times from a start in equal steps to an end or just beyond it, with longer steps if there are too many."""
    step = max(step, (until - start) / _MAX_STEPS)
    n_steps = int(np.ceil((until - start) / step - 1e-9))
    return start + step * np.arange(n_steps + 1, dtype=float)


class Past(NamedTuple):
    """A trajectory until now: times, counts at them, and the exposure gained between them."""

    times: FloatArray
    infected: NDArray[np.int64]
    gained: FloatArray


def run_forward(
    posterior: Any,
    model: type[SIModel] | None,
    start: "pd.Series[Any]",
    times: FloatArray,
    infected0: int,
    rng: np.random.Generator,
    n_draws: int,
    *,
    label: str = "",
    fitted: FloatArray | None = None,
    past: Past | None = None,
) -> FloatArray:
    """Simulate the prevalence of random paths of a trajectory that began at `start`, shape (n_draws, n_times).

    Parameters
    ----------
    posterior, model, n_draws
        As of :func:`predict_curves`.
    start : pandas.Series
        First row of the trajectory.
    times : array, shape (n_times,)
        Times of the data.
    infected0 : int
        Number that have shared at the first of these times.
    rng : numpy.random.Generator
        Source of randomness.
    label : str
        Label of the trajectory, whose own factor is used if the fit has one.
    fitted : array, optional
        All times of the data that were fitted, for a pace that varies over them.
    past : Past, optional
        What was observed before the first of the times.
    """
    model = model or get_model(posterior.attrs["model"])
    values, factor, dispersion, _ = drawn(posterior, model, rng, n_draws, label)
    population, begin = int(start["population"]), float(start.get("time", times[0]))
    exposure0: Any = 0.0 if past is None else past.gained.sum()
    pacing = pacing_of(posterior, model, values, times if fitted is None else fitted)
    pace = None
    if pacing is not None:
        clock = posterior.attrs["clock"]
        earlier = np.array([[begin, float(start["infected"])]])
        if past is not None:
            observed_pace = pacing.of_counts(past.times, begin, earlier, clock)
            exposure0 = sum(
                gained * observed_pace(step, past.infected[None, : step + 1]) for step, gained in enumerate(past.gained)
            )
            earlier = np.column_stack([past.times, np.diff(past.infected, prepend=0)])
        pace = pacing.of_counts(times, begin, earlier, clock)
    infected = model.simulate_paths(
        values,
        times,
        population=population,
        infected0=infected0,
        closure=network_formula(start.to_dict(), posterior.attrs["closure"]),
        rng=rng,
        dispersion=dispersion,
        clock=posterior.attrs["clock"],
        factor=factor,
        exposure0=exposure0,
        time0=times[0] - begin,
        susceptible0=1.0 - int(start["infected"]) / population,
        pace=pace,
    )
    return infected / population


def bands_of(times: FloatArray, curves: FloatArray) -> pd.DataFrame:
    """Return the quantiles at each time over curves of shape (n_curves, n_times)."""
    bands = np.quantile(curves, QUANTILES, axis=0)
    return pd.DataFrame({"time": times, **{f"q{100 * q:g}": band for q, band in zip(QUANTILES, bands, strict=True)}})
