"""Fitting one model: posterior, log-likelihood and posterior predictive in an ArviZ InferenceData."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from .. import __version__
from ..errors import InputError
from ..models import SIModel, get_model
from ..models.base import draw_incidence
from ..simulate import Trajectories
from ..simulate.trajectories import as_trajectories
from .diagnostics import diagnose
from .likelihoods import LIKELIHOODS, pointwise_log_likelihood
from .observations import Transitions, choose_closure, observe
from .pymc_model import DISPERSION
from .sampling import SamplerSettings, sample

PACKAGES = ("pymc", "nutpie", "arviz", "numpy", "numba")
"""Packages whose versions are kept with a fit."""
CLOCKS = ("rounds",)
"""Clocks of the transition likelihood."""


def fit(
    model: str | type[SIModel],
    trajectories: "Trajectories | pd.DataFrame | str | Path",
    *,
    likelihood: str = "beta-binomial",
    closure: str | None = None,
    clock: str = "rounds",
    seed: int = 0,
    sampler: SamplerSettings | None = None,
) -> az.InferenceData:
    """Fit an SI model to trajectories by NUTS.

    Parameters
    ----------
    model : str or type of SIModel
        A model's name or class.
    trajectories : Trajectories, DataFrame or path
        The data.
    likelihood : {"beta-binomial", "binomial"}
        Distribution of new sharers given the past.
    closure : {"recorded", "edge-based", "mean-field"}, optional
        Where exposure comes from; by default the most exact that the data allow.
    clock : {"rounds"}
        Synchronous rounds.
    seed : int
        Seed of sampling and of the posterior predictive.
    sampler : SamplerSettings, optional
        How to sample. When the diagnostics are bad the fit is tried once more, harder.

    Returns
    -------
    arviz.InferenceData
        Groups `posterior`, `sample_stats`, `log_likelihood`, `posterior_predictive`, `observed_data` and
        `constant_data`.

    Raises
    ------
    InputError
        When the data or a name cannot be used.
    """
    trajectories = as_trajectories(trajectories)
    name, _ = choose_closure(trajectories, closure)
    try:
        chosen = get_model(model)
    except ValueError as error:
        raise InputError(str(error)) from error
    return fit_transitions(
        chosen, observe(trajectories, name), likelihood=likelihood, clock=clock, seed=seed, sampler=sampler
    )


def fit_transitions(
    model: type[SIModel],
    data: Transitions,
    *,
    likelihood: str,
    clock: str,
    seed: int,
    sampler: SamplerSettings | None = None,
) -> az.InferenceData:
    """Fit an SI model to observed increments; see :func:`fit`."""
    check_names(likelihood, clock, seed)
    specification = LIKELIHOODS[likelihood]
    settings = sampler or SamplerSettings()
    result = sample(model, data, specification, seed=seed, settings=settings)
    if diagnose(result):
        settings = settings.harder()
        result = sample(model, data, specification, seed=seed, settings=settings)
    _add_groups(result, model, data, seed)
    result.attrs.update(
        {
            "model": model.name,
            "likelihood": likelihood,
            "closure": data.closure,
            "clock": clock,
            "seed": seed,
            "sampler": json.dumps(asdict(settings)),
            "versions": json.dumps(versions(PACKAGES)),
        }
    )
    return result


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Versions of tworate, Python, and some packages, for the record of what was run."""
    return {"tworate": __version__, "Python": platform.python_version()} | {name: version(name) for name in packages}


def check_names(likelihood: str, clock: str, seed: int) -> None:
    """Raise an InputError when there is no such likelihood or clock, or the seed is out of range."""
    if not 0 <= seed < 2**32:
        raise InputError(f"seed = {seed}: must be from 0 to 4294967295")
    if likelihood not in LIKELIHOODS:
        raise InputError(f"likelihood {likelihood!r} is unknown; choose one of {', '.join(LIKELIHOODS)}")
    if clock not in CLOCKS:
        raise InputError(f"clock {clock!r} is unknown; choose one of {', '.join(CLOCKS)}")


def _add_groups(result: az.InferenceData, model: type[SIModel], data: Transitions, seed: int) -> None:
    """Add log-likelihood and posterior predictive, computed from the draws by the model's own formula."""
    posterior = result.posterior
    shape = (posterior.sizes["chain"], posterior.sizes["draw"])
    log_escape, dispersion = escape_of_draws(model, posterior, data)
    log_likelihood = pointwise_log_likelihood(log_escape, dispersion, data.incidence, data.n_susceptible)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    predicted = draw_incidence(data.n_susceptible, -np.expm1(log_escape), dispersion[:, None], rng)
    labels = data.paths["trajectory"].astype(str)
    coords = {
        "chain": posterior.chain,
        "draw": posterior.draw,
        "observation": np.arange(data.size),
        "trajectory": ("observation", labels.loc[list(data.path)].to_numpy(dtype=object)),
        "time": ("observation", data.time),
    }
    dims = ("chain", "draw", "observation")
    of_observation = {
        "exposure_start": data.exposure_start,
        "exposure_end": data.exposure_end,
        "time_start": data.time_start,
        "time_end": data.time_end,
        "n_susceptible": data.n_susceptible,
        "path": data.path,
    }
    result.add_groups(
        log_likelihood=xr.Dataset({"incidence": (dims, log_likelihood.reshape(*shape, -1))}, coords=coords),
        posterior_predictive=xr.Dataset(
            {"incidence": (dims, predicted.reshape(*shape, -1).astype(np.int32))}, coords=coords
        ),
        observed_data=xr.Dataset(
            {"incidence": ("observation", data.incidence)},
            coords={k: v for k, v in coords.items() if k not in ("chain", "draw")},
        ),
        constant_data=xr.Dataset(
            {name: ("observation", values) for name, values in of_observation.items()} | {"window": ((), data.window)},
            coords={k: v for k, v in coords.items() if k not in ("chain", "draw")},
        ),
    )


def escape_of_draws(
    model: type[SIModel], posterior: Any, data: Transitions
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
    """Log-probability of not sharing, shape (n_draws, n_observations), and dispersion, shape (n_draws,), by draw."""
    values = draws_of(model, posterior)
    columns: Mapping[str, Any] = {name: value[:, None] for name, value in values.items()}
    log_escape = model.log_escape((data.exposure_start, data.exposure_end), (data.time_start, data.time_end), columns)
    n_draws = next(iter(values.values())).size
    dispersion = np.asarray(posterior[DISPERSION]).ravel() if DISPERSION in posterior else np.zeros(n_draws)
    return np.broadcast_to(log_escape, (n_draws, data.size)), dispersion


def draws_of(model: type[SIModel], posterior: Any) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Posterior draws of a model's parameters by name, chains joined: arrays of shape (n_draws,)."""
    return {name: np.asarray(posterior[name], dtype=float).ravel() for name in model.parameters()}
