"""Posterior prediction of whole curves: what each model says would happen again, and what comes next."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError
from ...models import SIModel, get_model
from ...simulate import Trajectories
from ...simulate.trajectories import as_trajectories
from ..data.observations import network_formula, observe
from ..likelihood.likelihoods import LIKELIHOODS
from ..likelihood.specification import DISPERSION, REPLICATE_EFFECT, REPLICATE_SD, Specification
from .arviz_adapter import group, is_posterior
from .fitting import draws_of

FloatArray = NDArray[np.float64]

QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)
_MAX_STEPS = 1000
"""Steps of one path ahead."""


def predict_curves(
    posterior: Any,
    trajectories: Trajectories,
    *,
    seed: int,
    model: type[SIModel] | None = None,
    n_draws: int = 400,
    n_times: int = 81,
) -> pd.DataFrame:
    """Predictive bands of the prevalence, from the starts of the trajectories, under posterior draws.

    Every draw runs the model forward as a random process, so that the bands hold the luck of the early growth as well
    as the uncertainty of the parameters. A fit under the recorded closure is predicted with its network's formula
    (edge-based), since a future network state has not been recorded.

    Parameters
    ----------
    posterior : Posterior
        A fit from :func:`tworate.inference.fit`.
    trajectories : Trajectories
        The data that it was fitted to: population, start and times of each.
    seed : int
        Seed of the prediction.
    model : type of SIModel, optional
        The fitted model; by default the one of this name that comes with tworate.
    n_draws : int
        Draws in all, spread evenly over the trajectories.
    n_times : int
        Points of the common time grid.

    Returns
    -------
    pandas.DataFrame
        Columns `time` (since each trajectory's start) and the quantiles `q2.5`, `q25`, `q50`, `q75`, `q97.5` of the
        prevalence; attribute `formula` names the closure used.
    """
    rng = np.random.default_rng(seed)
    paths = [path for _, path in _paths(trajectories) if len(path) > 1]
    horizon = max(float(path["time"].iloc[-1] - path["time"].iloc[0]) for path in paths)
    grid = np.linspace(0.0, horizon, n_times)
    curves = []
    for path in paths:
        # A trajectory that ends early is predicted to the end all the same, or the bands would mix fewer and fewer.
        times = path["time"].to_numpy(dtype=float) - float(path["time"].iloc[0])
        times = np.append(times[:-1], _onward(times[-1], times[-1] - times[-2], horizon))
        start = path.iloc[0]
        prevalence = run_forward(posterior, model, start, times, int(start["infected"]), rng, n_draws // len(paths))
        curves += [np.interp(grid, times, curve) for curve in prevalence]
    found = bands_of(grid, np.array(curves))
    found.attrs["formula"] = network_formula(paths[0].iloc[0].to_dict(), posterior.attrs["closure"]).name
    return found


def forecast(
    posterior: Any,
    trajectories: "Trajectories | pd.DataFrame | str",
    *,
    until: float,
    seed: int,
    model: type[SIModel] | None = None,
    n_draws: int = 400,
) -> pd.DataFrame:
    """Forecast how each partial curve goes on, from its last observed state.

    Parameters
    ----------
    posterior : Posterior
        A fit to the curves so far, from :func:`tworate.inference.fit`.
    trajectories : Trajectories, DataFrame or path
        The curves so far.
    until : float
        Time of the data up to which to forecast.
    seed : int
        Seed of the forecast.
    model : type of SIModel, optional
        The fitted model; by default the one of this name that comes with tworate.
    n_draws : int
        Draws for each trajectory.

    Returns
    -------
    pandas.DataFrame
        Columns `trajectory`, `time` (as in the data, in steps of the last observed one) and the quantiles `q2.5`,
        `q25`, `q50`, `q75`, `q97.5` of the prevalence.

    Raises
    ------
    InputError
        When a curve already reaches as far, or an argument cannot be used.
    """
    if not is_posterior(posterior):
        raise InputError(
            f"forecast takes the posterior of one model, such as comparison.posteriors['two-rate'], not "
            f"{type(posterior).__name__}"
        )
    if not np.isfinite(until):
        raise InputError(f"until = {until}: must be a time")
    if n_draws < 1:
        raise InputError(f"n_draws = {n_draws}: must be at least 1")
    data = as_trajectories(trajectories)
    rng = np.random.default_rng(seed)
    attrs = posterior.attrs
    observed = observe(data, attrs["closure"], attrs["clock"], whole_curve=True)
    typical = float(np.median(observed.time_end - observed.time_start))
    tables = []
    for number, path in _paths(data):
        times = path["time"].to_numpy(dtype=float)
        label = path["trajectory"].iloc[0]
        if not until > times[-1]:
            raise InputError(
                f"{data.source}: trajectory {label} was observed until {times[-1]:g}; forecast to a later time than "
                f"until = {until:g}"
            )
        last = np.flatnonzero(observed.path == number)[-1:]
        ahead = _onward(times[-1], times[-1] - times[-2] if times.size > 1 else typical, until)
        prevalence = run_forward(
            posterior,
            model,
            path.iloc[0],
            ahead,
            int(path["infected"].iloc[-1]),
            rng,
            n_draws,
            label=str(label),
            # One that has only just begun has seen nothing yet.
            exposure0=float(observed.exposure_end[last].sum()),
            time0=times[-1] - times[0],
        )
        bands = bands_of(ahead, prevalence)
        bands.insert(0, "trajectory", label)
        tables.append(bands)
    return pd.concat(tables, ignore_index=True)


def _paths(trajectories: Trajectories) -> Iterator[tuple[int, pd.DataFrame]]:
    """Trajectories from when somebody has shared, numbered as :func:`observe` numbers them."""
    table = trajectories.table.assign(path=trajectories.path_numbers)
    for number, (_, path) in enumerate(table[table["infected"] > 0].groupby("path")):
        yield number, path


def _onward(start: float, step: float, until: float) -> FloatArray:
    """Times from a start in steps, to an end or just beyond it; longer steps where there would be very many."""
    step = max(step, (until - start) / _MAX_STEPS)
    n_steps = int(np.ceil((until - start) / step - 1e-9))
    return start + step * np.arange(n_steps + 1, dtype=float)


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
    exposure0: float = 0.0,
    time0: float = 0.0,
) -> FloatArray:
    """Prevalence of random paths of a trajectory that began at `start`, shape (n_draws, n_times)."""
    model, parameters = model or get_model(posterior.attrs["model"]), group(posterior, "posterior")
    values = draws_of(model, parameters)
    total = next(iter(values.values())).size
    chosen = rng.choice(total, size=min(total, max(1, n_draws)), replace=False)
    values = {name: value[chosen] for name, value in values.items()}
    dispersion, factor = np.zeros(chosen.size), np.ones(chosen.size)
    # The dispersion of a trajectory likelihood is about its curve, not within a round.
    if DISPERSION in parameters and LIKELIHOODS[posterior.attrs["likelihood"]].kind == "transition":
        dispersion = np.asarray(parameters[DISPERSION]).ravel()[chosen]
    if REPLICATE_SD in parameters:
        sd = np.asarray(parameters[REPLICATE_SD]).ravel()
        effects = parameters[REPLICATE_EFFECT].transpose("chain", "draw", "replicate")
        labels = list(effects["replicate"].to_numpy())
        if label in labels:
            # It goes on as it has begun.
            values_of = effects.to_numpy().reshape(sd.size, -1)
            factor = Specification.replicate_factors(sd[:, None], values_of)[chosen, labels.index(label)]
        else:
            # A run that has not happened is another replicate; the rate is the mean of those observed, not of all.
            factor = np.exp(sd[chosen] * np.sqrt(1 + 1 / len(labels)) * rng.standard_normal(chosen.size))
    population = int(start["population"])
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
        time0=time0,
        susceptible0=1.0 - int(start["infected"]) / population,
    )
    return infected / population


def bands_of(times: FloatArray, curves: FloatArray) -> pd.DataFrame:
    """Quantiles over curves, shape (n_curves, n_times), at each time."""
    bands = np.quantile(curves, QUANTILES, axis=0)
    return pd.DataFrame({"time": times, **{f"q{100 * q:g}": band for q, band in zip(QUANTILES, bands, strict=True)}})
