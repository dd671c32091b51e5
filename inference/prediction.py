"""Posterior prediction of whole curves: what each model says would happen again."""

from typing import Any

import numpy as np
import pandas as pd

from ..models import SIModel, get_model
from ..simulate import Trajectories
from .fitting import draws_of
from .observations import closed_formula
from .pymc_model import DISPERSION

QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)


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
    posterior : arviz.InferenceData
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
        prevalence.
    """
    model = model or get_model(posterior.attrs["model"])
    values = draws_of(model, posterior.posterior)
    total = next(iter(values.values())).size
    dispersion = (
        np.asarray(posterior.posterior[DISPERSION]).ravel() if DISPERSION in posterior.posterior else np.zeros(total)
    )
    table = trajectories.table.assign(path=trajectories.path_numbers)
    paths = [path for _, path in table[table["infected"] > 0].groupby("path") if len(path) > 1]
    rng = np.random.default_rng(seed)
    horizon = max(float(path["time"].iloc[-1] - path["time"].iloc[0]) for path in paths)
    grid = np.linspace(0.0, horizon, n_times)
    curves = []
    for path in paths:
        # A trajectory that ends early is predicted to the end all the same, or the bands would mix fewer and fewer.
        chosen = rng.choice(total, size=min(total, max(1, n_draws // len(paths))), replace=False)
        times = path["time"].to_numpy(dtype=float) - float(path["time"].iloc[0])
        times = np.append(times, np.arange(times[-1] + (step := times[-1] - times[-2]), horizon + step, step))
        degree = float(path["degree"].iloc[0]) if "degree" in path else None
        infected = model.simulate_paths(
            {name: value[chosen] for name, value in values.items()},
            times,
            population=int(path["population"].iloc[0]),
            infected0=int(path["infected"].iloc[0]),
            closure=closed_formula(posterior.attrs["closure"], degree),
            rng=rng,
            dispersion=dispersion[chosen],
        )
        prevalence = infected / int(path["population"].iloc[0])
        curves += [np.interp(grid, times, curve) for curve in prevalence]
    bands = np.quantile(np.array(curves), QUANTILES, axis=0)
    columns = {f"q{100 * q:g}": band for q, band in zip(QUANTILES, bands, strict=True)}
    return pd.DataFrame({"time": grid, **columns})
