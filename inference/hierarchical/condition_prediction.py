"""Predicted rates and curves under conditions that were not simulated."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import InputError
from ...models import get_model
from ..likelihood.specification import DISPERSION
from ..posterior.arviz_adapter import Posterior, group, highest_density_interval, make_posterior
from ..posterior.diagnostics import INTERVAL
from ..posterior.posterior_predictive import bands_of, run_forward
from .design import codings_from_json, effect_values
from .hierarchical_data import SD_BETWEEN
from .quantities import quantities


class Prediction(NamedTuple):
    """Predictions of a fit.

    Parameters
    ----------
    rates : pandas.DataFrame
        One row per condition and quantity: `condition` (label of the row), `quantity`, `mean`, `median`, and the 95%
        highest-density interval `hdi_low`, `hdi_high`; rates per unit of the data's time.
    curves : pandas.DataFrame
        Predictive bands of the prevalence: `condition`, `time`, and the quantiles `q2.5` to `q97.5`.
    """

    rates: pd.DataFrame
    curves: pd.DataFrame


def predict(
    posterior: Posterior,
    conditions: pd.DataFrame,
    *,
    seed: int,
    typical: bool = False,
    times: Sequence[float] | None = None,
    population: int | None = None,
    infected0: int | None = None,
    degree: float | None = None,
    n_draws: int = 400,
) -> Prediction:
    """Predict conditions that were not simulated.

    Parameters
    ----------
    posterior : Posterior
        A fit of the hierarchical model.
    conditions : pandas.DataFrame
        One row per condition, with the columns of the terms. The column `condition`, or else the index, labels them.
    seed : int
        Seed.
    typical : bool
        Predict the typical condition with these terms. By default the prediction is for a single condition, which
        differs from the typical one as conditions do.
    times : sequence of float, optional
        Times of the curves, from the start; by default the window of the study in its steps.
    population, infected0 : int, optional
        Agents, and how many of them have shared at the start; by default as in the study.
    degree : float, optional
        Neighbours of every agent; by default the study's network.
    n_draws : int
        Random curves of each condition.

    Raises
    ------
    InputError
        When a column is missing, a level is unknown, or the study does not determine how the curves start.
    """
    draws, attrs = group(posterior, "posterior"), posterior.attrs
    values = effect_values(codings_from_json(json.loads(attrs["codings"])), conditions)
    rng = np.random.default_rng(seed)
    model = get_model(attrs["model"])
    names = list(draws["quantity"].to_numpy())
    mean = draws["intercept"].to_numpy()[:, :, None] + np.einsum(
        "nl,cdlq->cdnq", values, draws["effect"].transpose("chain", "draw", "term_level", "quantity").to_numpy()
    )
    if not typical:
        mean = mean + draws[SD_BETWEEN].to_numpy()[:, :, None] * rng.standard_normal(mean.shape)
    start = _start(posterior, population, infected0, degree)
    if times is None:
        window, step = float(attrs["window"]), float(group(posterior, "constant_data")["step"])
        grid = np.arange(0.0, window + step / 2, step)
    else:
        grid = np.asarray(times, dtype=float)
    labels = conditions.get("condition", conditions.index)
    rates, curves = [], []
    for number, label in enumerate(labels):
        of_condition: dict[str, Any] = {}
        for quantity in quantities(model):
            natural = quantity.natural(mean[:, :, number, names.index(quantity.name)])
            of_condition[quantity.name] = (("chain", "draw"), natural)
            low, high = highest_density_interval(natural.ravel(), INTERVAL)
            rates.append((label, quantity.name, natural.mean(), np.median(natural), low, high))
        if DISPERSION in draws:
            of_condition[DISPERSION] = draws[DISPERSION]
        alone = make_posterior(attrs, posterior=xr.Dataset(of_condition))
        infected = int(start["infected"])
        paths = run_forward(alone, model, start, grid, infected, rng, n_draws)
        bands = bands_of(grid, paths)
        bands.insert(0, "condition", label)
        curves.append(bands)
    columns = ["condition", "quantity", "mean", "median", "hdi_low", "hdi_high"]
    return Prediction(pd.DataFrame(rates, columns=columns), pd.concat(curves, ignore_index=True))


def _start(
    posterior: Posterior, population: int | None, infected0: int | None, degree: float | None
) -> "pd.Series[Any]":
    """Return how a curve starts: the arguments, otherwise the value of the study if all trajectories share it."""
    arguments = {"population": population, "infected": infected0, "degree": degree}
    study = group(posterior, "constant_data")
    start = {name: value for name, value in arguments.items() if value is not None}
    for name in ("population", "infected", "degree", "degrees"):
        if name in start or name not in study or (name == "degrees" and degree is not None):
            continue
        values = pd.unique(study[name].to_numpy())
        if len(values) > 1:
            argument = {"infected": "infected0", "degrees": "degree"}.get(name, name)
            raise InputError(
                f"the study's trajectories differ in {name} ({len(values)} values); give {argument} to set the "
                "value with which the curves start"
            )
        start[name] = values[0]
    return pd.Series(start, dtype=object)
