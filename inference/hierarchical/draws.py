"""From a study to draws: preparation, sampling, and conversion to the units of the data."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...simulate import Trajectories
from ..likelihood.specification import DISPERSION, Specification
from ..posterior.arviz_adapter import (
    Posterior,
    effective_sample_sizes,
    group,
    highest_density_intervals,
    make_posterior,
    r_hats,
)
from ..posterior.diagnostics import COLUMNS, INTERVAL
from ..posterior.fitting import PACKAGES, versions
from ..posterior.nutpie_adapter import SamplerModel, Trace
from ..posterior.sampling import (
    DIMENSIONS,
    SampledPosterior,
    SamplerSettings,
    SamplingRun,
    SamplingTarget,
    sample_stats,
)
from .approximation import approximate, population
from .condition_observations import ConditionLikelihood, StudyObservations
from .design import Design
from .geometry import conditions_at
from .hierarchical_data import CONDITION, COORDINATES, EFFECT, SD_BETWEEN, HierarchicalData
from .population_density import sampler_model, shapes_of
from .quantities import quantities

FloatArray = NDArray[np.float64]

SETTINGS = SamplerSettings(tune=400, draws=1000)
"""Default. Draws are hardly autocorrelated, and half of them would suffice for means. But R̂ is checked for every
quantity of every condition, and the largest of hundreds must be below its limit."""
TARGET_ACCEPT = 0.9
"""Default. The posteriors of conditions with little information on a second rate have corners."""


def prepare(
    conditions: pd.DataFrame,
    trajectories: Trajectories,
    specification: Specification,
    closure: str,
    terms: Any = None,
) -> HierarchicalData:
    """Prepare a study from a table of conditions and their trajectories.

    Raises
    ------
    InputError
        When conditions, terms and trajectories do not fit together.
    """
    observations = StudyObservations.of(conditions[CONDITION], trajectories, closure, specification)
    design = Design.of(conditions, terms)
    approximation = approximate(
        [ConditionLikelihood(specification, data) for data in observations.each()],
        design.matrix,
        quantities(specification.model),
        dispersed=specification.likelihood.dispersion is not None,
    )
    return HierarchicalData(specification, observations, design, approximation)


def with_design(study: HierarchicalData, design: Design) -> HierarchicalData:
    """Return the same study with other terms."""
    approximation = population(study.approximation, design.matrix, study.quantities)
    return dataclasses.replace(study, design=design, approximation=approximation)


def without_condition(study: HierarchicalData, number: int) -> HierarchicalData:
    """Return the same study without the observations of one condition."""
    approximation = study.approximation
    precision, information = approximation.precision.copy(), approximation.information.copy()
    precision[number], information[number] = 0.0, 0.0
    return dataclasses.replace(
        study,
        observations=study.observations.without(np.array([number])),
        approximation=dataclasses.replace(approximation, precision=precision, information=information),
    )


@dataclass(frozen=True)
class StudyTarget(SamplingTarget):
    """A study as a target of sampling."""

    study: HierarchicalData

    # At most 63 leapfrog steps per draw; 15 are common. Where these are too few, as with two rates on conditions that
    # all have one rate, more steps would take hours and would not help either.
    max_tree_depth = 6
    # Restarts do not help: chains disagree when conditions have little information on a second rate, wherever they
    # start.
    restarts = False

    def sampler_model(self) -> SamplerModel:
        """Return the compiled log-density with its data."""
        return sampler_model(self.study)

    def posterior(self, trace: Trace) -> Posterior:
        """Return draws in units of the data's time, and the statistics of the sampler."""
        return _in_units(trace, self.study)

    def summary(self, posterior: Posterior) -> pd.DataFrame:
        """Summarize the draws, see :func:`summarize`."""
        return summarize(posterior)


def sample(study: HierarchicalData, *, seed: int, settings: SamplerSettings) -> SampledPosterior:
    """Sample a study. If the diagnostics are bad but the chains agree, sample once more and longer.

    Raises
    ------
    JobError
        When sampling fails.
    """
    settings = dataclasses.replace(settings, target_accept=settings.target_accept or TARGET_ACCEPT)
    sampled = SamplingRun(StudyTarget(study), seed=seed, settings=settings).result()
    sampled.posterior.attrs.update(
        {
            "model": study.specification.model.name,
            "likelihood": study.specification.likelihood.name,
            "closure": study.observations.data.closure,
            "clock": study.specification.clock,
            "contact": study.specification.contact,
            "window": study.observations.data.window,
            "codings": json.dumps(study.design.to_json()),
            "notes": json.dumps(study.design.notes),
            "seed": seed,
            "sampler": json.dumps(dataclasses.asdict(sampled.settings)),
            "versions": json.dumps(versions(PACKAGES)),
        }
    )
    return sampled


def _in_units(trace: Trace, study: HierarchicalData) -> Posterior:
    """Convert draws of the sampled variables to draws in units of the data's time."""
    drawn = {
        name: trace.draws[name].reshape(*trace.draws[name].shape[:2], *shape)
        for name, shape in shapes_of(study).items()
    }
    listed, likelihood, window = study.quantities, study.specification.likelihood, study.observations.data.window
    names = [quantity.name for quantity in listed]
    per_window = np.array([np.log(window) if quantity.is_rate else 0.0 for quantity in listed])
    sd = np.exp(drawn[SD_BETWEEN])
    intercept = np.empty(sd.shape)
    for number, quantity in enumerate(listed):
        sampled = drawn[quantity.sampled_name]
        above = intercept[..., names.index(quantity.below)] if quantity.below else None
        intercept[..., number] = sampled if above is None else above - np.exp(sampled)
    theta = np.empty((*sd.shape[:2], len(listed), study.observations.n_conditions))
    approximation = study.approximation
    for draw in np.ndindex(sd.shape[:2]):
        theta[draw], _ = conditions_at(
            drawn[COORDINATES][draw],
            intercept[draw],
            drawn[EFFECT][draw],
            sd[draw],
            study.design.matrix,
            approximation.precision,
            approximation.information,
        )
    dims = DIMENSIONS
    effects = np.einsum("lp,cdpq->cdlq", study.design.contrasts, drawn[EFFECT])
    variables: dict[str, Any] = {
        "intercept": ((*dims, "quantity"), intercept - per_window),
        "effect": ((*dims, "term_level", "quantity"), effects),
        SD_BETWEEN: ((*dims, "quantity"), sd),
    }
    if likelihood.dispersion is not None:
        variables[DISPERSION] = (dims, likelihood.dispersion.constrained(drawn[DISPERSION]))
    for number, quantity in enumerate(listed):
        variables[quantity.name] = ((*dims, CONDITION), quantity.natural(theta[:, :, number] - per_window[number]))
    levels, statistics = study.design.levels, sample_stats(trace)
    coords = {
        **{name: statistics[name].to_numpy() for name in DIMENSIONS},
        "quantity": names,
        "term_level": [f"{term}: {level}" for term, level in levels],
        "term": ("term_level", np.array([term for term, _ in levels], dtype=object)),
        "level": ("term_level", np.array([level for _, level in levels], dtype=object)),
        CONDITION: list(study.observations.labels),
    }
    starts = study.observations.starts
    constant = xr.Dataset(
        {name: ("trajectory", values.to_numpy()) for name, values in starts.items()}
        | {"step": ((), float(np.median(study.observations.data.time_end - study.observations.data.time_start)))}
    )
    return make_posterior(
        posterior=xr.Dataset(variables, coords=coords), sample_stats=statistics, constant_data=constant
    )


def summarize(posterior: Posterior) -> pd.DataFrame:
    """Compute mean, sd, 95% highest-density interval, bulk ESS and R̂ of all quantities, by name and labels.

    Returns
    -------
    pandas.DataFrame
        Index such as `effect[O: high, beta]`; columns `mean`, `sd`, `hdi_low`, `hdi_high`, `ess_bulk`, `r_hat`.
    """
    draws = group(posterior, "posterior")
    ess, r_hat, hdi = effective_sample_sizes(draws), r_hats(draws), highest_density_intervals(draws, INTERVAL)
    rows = {}
    for name, values in draws.items():
        dims = values.dims[2:]
        mean, sd = values.mean(("chain", "draw")), values.std(("chain", "draw"))
        for place in np.ndindex(*(values.sizes[dim] for dim in dims)):
            at = dict(zip(dims, place, strict=True))
            labels = ", ".join(str(values[dim].to_numpy()[number]) for dim, number in at.items())
            low, high = hdi[name].isel(at).to_numpy()
            rows[f"{name}[{labels}]" if labels else str(name)] = (
                float(mean.isel(at)),
                float(sd.isel(at)),
                float(low),
                float(high),
                float(ess[name].isel(at)),
                float(r_hat[name].isel(at)),
            )
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))
