"""Fitting one model: posterior, log-likelihood and predictions in one ArviZ object."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ... import __version__
from ...errors import InputError, check_seed
from ...models import SIModel
from ...models.structures import get_structure
from ...models.structures.fading import ShelfLife
from ...simulate import Trajectories
from ...simulate.histories import DEGREE, EventHistories
from ...simulate.reading.reader import as_trajectories
from ..data.individual import CONTACTS, EVENT_HISTORIES, Contact, observe_histories
from ..data.observations import Transitions, choose_clock, choose_closure, observe
from ..data.shelf_life import best_shelf_life
from ..data.weighting import Weighting, weighted
from ..likelihood.likelihoods import LIKELIHOODS, draw_observations, pointwise_log_likelihood
from ..likelihood.own_model import model_class
from ..likelihood.predictor import predictor
from ..likelihood.specification import (
    COVARIATE_EFFECT,
    DISPERSION,
    LEVELS,
    REPLICATE_EFFECT,
    REPLICATE_SD,
    Level,
    Specification,
    effect_sd,
)
from .arviz_adapter import Posterior, add_groups, group
from .fit_target import start_sampling
from .sampling import SampledPosterior, SamplerSettings

FloatArray = NDArray[np.float64]

PACKAGES = ("pymc", "nutpie", "arviz", "numpy", "numba")
"""Packages whose versions are saved with a fit."""
DEFAULT_LIKELIHOOD: dict[Level, str] = {"individual": "binomial", "count": "beta-binomial"}
"""Likelihood by level. An agent shares or does not, so nothing is overdispersed at the individual level."""
SETTINGS = ("period", "shelf_life")
"""Settings of structures that are saved with a fit where they are given."""
PACE_UNTIL = "pace_until"
"""Attribute of a posterior with the time after which a pace over the time of the data stays the same."""
GIVEN = "given_weights"
"""Attribute of a posterior with the structure that weighted its exposure, and its values."""
_DIMENSIONS = ("chain", "draw", "observation")
PREDICTIVE_DRAWS = 250
"""Number of draws of the posterior predictive (evenly spaced in the posterior), the prior and the prior predictive."""


def fit(
    model: str | type[SIModel],
    trajectories: "Trajectories | EventHistories | pd.DataFrame | str | Path",
    *,
    likelihood: str | None = None,
    closure: str | None = None,
    clock: str | None = None,
    level: str | None = None,
    contact: str = "edges",
    covariates: Sequence[str] = (),
    replicate_effects: bool = False,
    prior_scale: float = 1.0,
    seed: int = 0,
    sampler: SamplerSettings | None = None,
) -> Posterior:
    """Fit an SI model to trajectories by NUTS.

    Parameters
    ----------
    model : str or type of SIModel
        A model's name or class.
    trajectories : Trajectories, EventHistories, DataFrame or path
        The data.
    likelihood : {"beta-binomial", "binomial", "negative-binomial", "normal"}, optional
        Distribution of new sharers given the past (the first two), or of incidence or prevalence around the curve of
        the ODE (the last two). The default is beta-binomial for counts and binomial at the individual level.
    closure : {"recorded", "edge-based", "mean-field"}, optional
        Source of exposure. The default is the most exact closure that the data allow.
    clock : {"rounds", "continuous"}, optional
        Synchronous rounds, or continuous time between observations. The default is the clock of the simulation, where
        the data record it, and otherwise rounds.
    level : {"individual", "count"}, optional
        `individual` uses every agent's own exposure, from event histories; it is the default where the data have them
        and neither a closure nor a likelihood of counts is asked for. `count` uses the counts and a closure.
    contact : {"edges", "fraction"}
        At the individual level: exposure by the number of sharing neighbours, or by their fraction.
    covariates : sequence of str
        At the individual level: attributes of the agents (columns of `EventHistories.agents`, or `degree`) with
        log-linear effects on the rates. Levels of text are pooled partially; a number has one effect.
    replicate_effects : bool
        Whether the transmission of each trajectory has its own random factor.
    prior_scale : float
        Factor on the scales of all priors: 2 makes priors twice as wide.
    seed : int
        Seed of sampling and of the predictions.
    sampler : SamplerSettings, optional
        How to sample. When the diagnostics are bad, the model is sampled a second time: with more draws, with shorter
        steps as well where too many transitions diverged, or from other starting points where chains lie apart.

    Returns
    -------
    Posterior
        Groups `posterior`, `sample_stats`, `log_likelihood`, `posterior_predictive`, `prior`, `prior_predictive`,
        `log_prior`, `observed_data` and `constant_data`. Observations have the coordinates `trajectory` and `time`.
        At the individual level an observation is a group of agents of equal exposures, in the time until they shared
        or in that of their share; there are no predictive groups, because networks are simulated instead, see
        :func:`tworate.inference.predict_curves`.

    Raises
    ------
    InputError
        When the data or a name cannot be used.

    Examples
    --------
    >>> from tworate import OneRateSI, RandomRegular, Trajectories, fit
    >>> import numpy as np, pandas as pd
    >>> counts = OneRateSI(0.4).simulate(
    ...     range(25), population=1000, infected0=5, closure=RandomRegular(8), rng=np.random.default_rng(1)
    ... )
    >>> data = Trajectories(
    ...     pd.DataFrame({"trajectory": 0, "time": range(25), "infected": counts[0], "population": 1000, "degree": 8})
    ... )
    >>> posterior = fit("one-rate", data, seed=1)
    >>> bool(0.3 < posterior.posterior["beta"].mean() < 0.5)
    True
    """
    trajectories = as_trajectories(trajectories)
    chosen_level, _ = choose_level(trajectories, level, closure, likelihood)
    likelihood = likelihood or DEFAULT_LIKELIHOOD[chosen_level]
    check_names(likelihood, seed)
    check_prior_scale(prior_scale)
    name = EVENT_HISTORIES if chosen_level == "individual" else choose_closure(trajectories, closure)[0]
    chosen_clock, _ = choose_clock(trajectories, clock)
    specification = Specification(
        model_class(model),
        LIKELIHOODS[likelihood],
        chosen_clock,
        replicate_effects,
        prior_scale,
        level=chosen_level,
        contact=checked_contact(contact),
        covariates=checked_covariates(covariates, trajectories, chosen_level),
    )
    if chosen_level == "count":
        check_closure_of(specification, name)
    data = observed(trajectories, name, specification)
    if (settled := with_settings(specification, data)) != specification:
        specification, data = settled, observed(trajectories, name, settled)
    return fit_specification(specification, data, seed=seed, settings=sampler or SamplerSettings())


def observed(
    trajectories: Trajectories,
    closure: str,
    specification: Specification,
    *,
    by_trajectory: bool = False,
    kept_apart: NDArray[np.int64] | None = None,
) -> Transitions:
    """Return the observations that a specification needs from trajectories.

    Parameters
    ----------
    trajectories : Trajectories
        The data; with event histories at the individual level.
    closure : str
        Name of the closure; ignored at the individual level.
    specification : Specification
        What is fitted.
    by_trajectory : bool
        Whether agents of different trajectories are kept apart, at the individual level.
    kept_apart : array of int, shape (n_trajectories,), optional
        At the individual level: agents of trajectories that differ in this number are kept apart.
    """
    data = _observed(trajectories, closure, specification, by_trajectory, kept_apart)
    # The exposure of agents is weighted already.
    return data if specification.weighting is None else weighted(data, specification.weighting)


def with_settings(specification: Specification, data: Transitions) -> Specification:
    """Return a specification with the settings of its structure, found from data that were observed without them."""
    if specification.model.structure is ShelfLife and specification.shelf_life is None:
        return replace(specification, shelf_life=best_shelf_life(data, specification.model))
    return specification


def _observed(
    trajectories: Trajectories,
    closure: str,
    specification: Specification,
    by_trajectory: bool,
    kept_apart: NDArray[np.int64] | None,
) -> Transitions:
    if specification.level == "individual":
        histories = histories_of(trajectories)
        if by_trajectory or specification.only_replicates:
            kept_apart = np.arange(histories.n_trajectories)
        return observe_histories(
            histories,
            specification.clock,
            specification.contact,
            by_time=specification.model.uses_time(),
            kept_apart=kept_apart,
            covariates=specification.effects,
            structure=specification.model.structure,
            period=specification.period,
            weighting=specification.weighting,
        )
    return observe(
        trajectories,
        closure,
        specification.clock,
        whole_curve=specification.likelihood.kind == "trajectory",
        axis=specification.axis if specification.weighting is None else specification.weighting.structure.axis,
        period=specification.period,
    )


def histories_of(trajectories: Trajectories) -> EventHistories:
    """Return the event histories of trajectories.

    Raises
    ------
    InputError
        When there are none, as when their files were removed.
    """
    if trajectories.histories is None:
        raise InputError(
            f"{trajectories.source}: has no event histories, which this fit is of; restore the files of shares and "
            "network beside the trajectories, or compare again"
        )
    return trajectories.histories


def fit_specification(
    specification: Specification, data: Transitions, *, seed: int, settings: SamplerSettings
) -> Posterior:
    """Fit a specification to observations. See :func:`fit`."""
    sampled = start_sampling(specification, data, seed=seed, settings=settings).result()
    return complete(sampled, specification, data, seed)


def complete(sampled: SampledPosterior, specification: Specification, data: Transitions, seed: int) -> Posterior:
    """Add all groups and attributes to a posterior, as :func:`fit` returns it."""
    result = sampled.posterior
    _add_groups(result, specification, data, seed)
    result.attrs.update(
        {
            "model": specification.model.name,
            "replicate_effects": int(specification.replicate_effects),
            "prior_scale": specification.prior_scale,
            "likelihood": specification.likelihood.name,
            "closure": data.closure,
            "clock": specification.clock,
            "level": specification.level,
            "contact": specification.contact,
            "covariates": json.dumps(specification.effects),
            **settings_of(specification),
            **({PACE_UNTIL: data.binned.until} if data.binned is not None and data.binned.until is not None else {}),
            "seed": seed,
            "sampler": json.dumps(asdict(sampled.settings)),
            **({} if sampled.importance_k is None else {"importance_k": sampled.importance_k}),
            "versions": json.dumps(versions(PACKAGES)),
        }
    )
    return result


def settings_of(specification: Specification) -> dict[str, Any]:
    """Return the settings of structures and given weights as attributes of a posterior."""
    settings = {name: value for name in SETTINGS if (value := getattr(specification, name)) is not None}
    if specification.given is not None:
        settings[GIVEN] = json.dumps([specification.given.structure.name, dict(specification.given.values)])
    return settings


def read_settings(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Invert :func:`settings_of`: return arguments of a specification."""
    settings: dict[str, Any] = {name: float(attributes[name]) for name in SETTINGS if name in attributes}
    if GIVEN in attributes:
        structure, values = json.loads(attributes[GIVEN])
        settings["given"] = Weighting.of(get_structure(structure), values)
    return settings


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of tworate, Python and some packages, to record which software was run."""
    package_versions = {name: _version(name) for name in packages}
    return {"tworate": __version__, "Python": platform.python_version()} | package_versions


# Each look-up reads files of the package, which takes milliseconds.
_version = cache(version)


def choose_level(
    data: Trajectories,
    level: str | None,
    closure: str | None = None,
    likelihood: str | None = None,
    predict_from: float | None = None,
) -> tuple[Level, str]:
    """Return the level of the inference, and why: the one asked for, or the most exact that the data allow.

    Raises
    ------
    InputError
        When there is no such level, or the data or other settings do not go with it.
    """
    check_level(level)
    of_counts = {
        "closure": closure,
        "likelihood": None if likelihood == "binomial" else likelihood,
        "predict_from": predict_from,
    }
    named = [name for name, value in of_counts.items() if value is not None]
    if level == "individual":
        if data.histories is None:
            raise InputError(
                f"{data.source}: the individual level needs event histories (who shared when) and a network; give them "
                "or choose level count"
            )
        if named:
            raise InputError(f"{named[0]} goes with level count; leave it out or choose level count")
        return "individual", "asked for"
    if level == "count":
        return "count", "asked for"
    if data.histories is None:
        return "count", "the data do not say who shared when and who sees whom"
    if named:
        return "count", f"{named[0]} was given, which goes with counts"
    return "individual", "the data say who shared when and who sees whom"


def checked_covariates(covariates: Sequence[str], data: Trajectories, level: Level) -> tuple[str, ...]:
    """Return the names of covariates without repetition.

    Raises
    ------
    InputError
        When there is no such attribute of the agents, or the level has no agents.
    """
    names = tuple(dict.fromkeys(covariates))
    if names and (level != "individual" or data.histories is None):
        raise InputError("covariates are attributes of agents: they go with level individual, from event histories")
    attributes = [] if data.histories is None else [*data.histories.attributes, DEGREE]
    for name in names:
        if name not in attributes:
            raise InputError(f"{data.source}: agents have no attribute {name!r}; there are: {', '.join(attributes)}")
    return names


def check_level(level: str | None) -> None:
    """Raise an InputError when there is no such level; None stands for the most exact that the data allow."""
    if level is not None and level not in LEVELS:
        raise InputError(f"level {level!r} is unknown; choose one of {', '.join(LEVELS)}")


def checked_contact(contact: str) -> Contact:
    """Return the way to count contacts, checked.

    Raises
    ------
    InputError
        When there is no such way.
    """
    chosen = next((name for name in CONTACTS if name == contact), None)
    if chosen is None:
        raise InputError(f"contact {contact!r} is unknown; choose one of {', '.join(CONTACTS)}")
    return chosen


def check_names(likelihood: str, seed: int) -> None:
    """Raise an InputError when there is no such likelihood, or the seed is out of range."""
    check_seed(seed)
    if likelihood not in LIKELIHOODS:
        raise InputError(f"likelihood {likelihood!r} is unknown; choose one of {', '.join(LIKELIHOODS)}")


def check_prior_scale(prior_scale: float) -> None:
    """Raise an InputError when the scale of priors is not a number above 0."""
    if not (isinstance(prior_scale, int | float | np.number) and 0 < prior_scale < np.inf):
        raise InputError(f"prior_scale = {prior_scale!r}: must be a number above 0")


def check_closure_of(specification: Specification, closure: str) -> None:
    """Raise an InputError when a model may not be compared under a closure."""
    allowed = specification.model.closures
    if closure not in allowed:
        raise InputError(
            f"the {specification.model.name} model is offered under the {' and '.join(allowed)} closure only, not "
            f"{closure}, because the error of a closure looks like this model; give si_edges and degree, or leave the "
            "model out"
        )


def predicted_draws(
    specification: Specification, posterior: Any, data: Transitions, factors: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return the prediction of each observation by each draw, and the dispersion of each draw.

    Parameters
    ----------
    specification : Specification
        What was fitted.
    posterior : xarray.Dataset
        Draws, with dimensions chain and draw.
    data : Transitions
        The observations.
    factors : array, shape (n_draws, n_replicates), optional
        Transmission factors of the replicates. They replace those of the draws.

    Returns
    -------
    prediction : array, shape (n_draws, n_observations)
        See :mod:`tworate.inference.likelihood.likelihoods`.
    dispersion : array, shape (n_draws,)
    """
    values = draws_of(specification.model, posterior)
    n_draws = next(iter(values.values())).size
    columns = {
        name: value[:, None] * (data.window if name in specification.rates else 1.0) for name, value in values.items()
    }
    if factors is None:
        factors = factors_of(specification, posterior, data)
    formula = predictor(specification)
    arrays, prediction = formula.arrays(data), np.empty((n_draws, data.size))
    for start in range(0, n_draws, formula.draws_at_once):
        rows = slice(start, start + formula.draws_at_once)
        parameters = {name: column[rows] for name, column in columns.items()}
        prediction[rows] = formula.predict(arrays, parameters, None if factors is None else factors[rows])
    return prediction, dispersion_of(posterior)


def factors_of(specification: Specification, posterior: Any, data: Transitions) -> FloatArray | None:
    """Return the factors on the exposure of each replicate or group of agents; None where there are no effects.

    Returns
    -------
    array, shape (n_draws, n_replicates) or (n_draws, n_groups)
    """
    if specification.only_replicates:
        effects = posterior[REPLICATE_EFFECT].transpose("chain", "draw", "replicate").to_numpy()
        sd = np.asarray(posterior[REPLICATE_SD]).reshape(-1, 1)
        return np.asarray(specification.replicate_factors(sd, effects.reshape(sd.size, -1)))
    if data.design is None:
        return None
    return np.asarray(specification.covariate_factors(effects_of(posterior), data.design.matrix))


def effects_of(posterior: Any) -> FloatArray:
    """Return the effects of covariates of each draw, shape (n_draws, n_effects)."""
    effects = posterior[COVARIATE_EFFECT].transpose("chain", "draw", "effect").to_numpy()
    return np.asarray(effects.reshape(-1, effects.shape[-1]), dtype=float)


def covariates_of(posterior: Posterior) -> list[str]:
    """Return the covariates whose effects a posterior has, in the order of the fit."""
    return list(json.loads(posterior.attrs.get("covariates", "[]")))


def dispersion_of(posterior: Any) -> FloatArray:
    """Return the draws of the dispersion with all chains in one array; 0 where the likelihood has no dispersion."""
    if DISPERSION in posterior:
        return np.asarray(posterior[DISPERSION], dtype=float).ravel()
    return np.zeros(posterior.sizes["chain"] * posterior.sizes["draw"])


def draws_of(model: type[SIModel], posterior: Any) -> dict[str, FloatArray]:
    """Return the draws of a model's parameters by name, with all chains in one array of shape (n_draws,)."""
    return {name: np.asarray(posterior[name], dtype=float).ravel() for name in model.parameters()}


def prior_draws(specification: Specification, data: Transitions, n_draws: int, rng: np.random.Generator) -> xr.Dataset:
    """Draw parameters from the prior, in the time unit of the data; dimensions chain (of size 1) and draw."""
    scalars = {
        name: (("chain", "draw"), spec.distribution.rvs(size=(1, n_draws), random_state=rng))
        for name, spec in specification.scalars.items()
    }
    drawn = xr.Dataset(scalars, coords={"chain": [0], "draw": np.arange(n_draws)})
    drawn = drawn.assign(specification.model.from_coordinates(drawn))[[*specification.described]]
    for name in specification.rates:
        drawn[name] = drawn[name] / data.window
    if specification.only_replicates:
        effects = rng.standard_normal((1, n_draws, len(data.paths)))
        drawn[REPLICATE_EFFECT] = (("chain", "draw", "replicate"), effects)
        drawn = drawn.assign_coords(replicate=data.labels)
    if data.design is not None:
        sds = {name: drawn[name].to_numpy().reshape(-1, 1) for name in map(effect_sd, specification.effects)}
        scales = specification.effect_scales(sds, data.design.arrays)
        effects = (scales * rng.standard_normal(scales.shape)) @ data.design.basis.T
        drawn[COVARIATE_EFFECT] = (("chain", "draw", "effect"), effects[None])
        drawn = drawn.assign_coords(effect=np.asarray(data.design.labels, dtype=object))
    return drawn


def _add_groups(result: Posterior, specification: Specification, data: Transitions, seed: int) -> None:
    """Compute all other groups from the draws with the formula of the model, and add them."""
    likelihood, posterior = specification.likelihood, group(result, "posterior")
    prediction, dispersion = predicted_draws(specification, posterior, data)
    _add_log_likelihood(result, specification, data, prediction, dispersion)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    sizes = (posterior.sizes["chain"], posterior.sizes["draw"])
    coords = _coordinates(data)
    constant_columns = {
        name: getattr(data, name)
        for name in (
            "exposure_start", "exposure_end", "exposure_rate", "time_start", "time_end", "n_susceptible", "population",
            "path",
        )
    }  # fmt: skip
    name = likelihood.observed

    def by_draw(values: FloatArray, **chain_and_draw: Any) -> xr.Dataset:
        shaped = values.reshape(len(chain_and_draw["chain"]), len(chain_and_draw["draw"]), -1)
        return xr.Dataset({name: (_DIMENSIONS, shaped)}, coords={**chain_and_draw, **coords})

    predictive: dict[str, xr.Dataset] = {}
    if data.units is None:
        every = max(1, sizes[0] * sizes[1] // PREDICTIVE_DRAWS)
        thinned_draws = np.arange(sizes[1])[every - 1 :: every]
        thin = (np.arange(sizes[0])[:, None] * sizes[1] + thinned_draws).ravel()
        predicted = draw_observations(likelihood.family, prediction[thin], dispersion[thin], data.n_susceptible, rng)
        predictive["posterior_predictive"] = by_draw(
            predicted, chain=posterior.chain, draw=posterior.draw[thinned_draws]
        )
    prior = prior_draws(specification, data, PREDICTIVE_DRAWS, rng)
    if data.units is None:
        prior_prediction, prior_dispersion = predicted_draws(specification, prior, data)
        drawn = draw_observations(likelihood.family, prior_prediction, prior_dispersion, data.n_susceptible, rng)
        predictive["prior_predictive"] = by_draw(drawn, chain=prior.chain, draw=prior.draw)
    add_groups(
        result,
        prior=prior,
        **predictive,
        log_prior=_log_prior(specification, posterior, data),
        observed_data=xr.Dataset({name: ("observation", data.observed(name))}, coords=coords),
        constant_data=xr.Dataset(
            {key: ("observation", values) for key, values in constant_columns.items()} | {"window": ((), data.window)},
            coords=coords,
        ),
    )


def restore_log_likelihood(result: Posterior, specification: Specification, data: Transitions) -> None:
    """Compute the group `log_likelihood` again, where it was dropped to save memory."""
    prediction, dispersion = predicted_draws(specification, group(result, "posterior"), data)
    _add_log_likelihood(result, specification, data, prediction, dispersion)


def _add_log_likelihood(
    result: Posterior, specification: Specification, data: Transitions, prediction: FloatArray, dispersion: FloatArray
) -> None:
    likelihood, posterior = specification.likelihood, group(result, "posterior")
    pointwise = pointwise_log_likelihood(
        likelihood.family, prediction, dispersion, data.observed(likelihood.observed), data.n_susceptible
    )
    shaped = pointwise.reshape(posterior.sizes["chain"], posterior.sizes["draw"], -1)
    coords = {"chain": posterior.chain, "draw": posterior.draw, **_coordinates(data)}
    dataset = xr.Dataset({likelihood.observed: (_DIMENSIONS, shaped)}, coords=coords)
    add_groups(result, log_likelihood=dataset)


def _coordinates(data: Transitions) -> dict[str, Any]:
    return {
        "observation": np.arange(data.size),
        "trajectory": ("observation", data.labels[data.path]),
        "time": ("observation", data.time),
    }


def _log_prior(specification: Specification, posterior: Any, data: Transitions) -> xr.Dataset:
    """Return the log prior density of each sampled scalar at each draw."""
    densities = {}
    for name, spec in specification.scalars.items():
        scale = data.window if spec.is_rate else 1.0
        densities[name] = (("chain", "draw"), spec.distribution.logpdf(posterior[name] * scale) + np.log(scale))
    return xr.Dataset(densities, coords={"chain": posterior.chain, "draw": posterior.draw})
