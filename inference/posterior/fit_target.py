"""One specification with its data as a target of sampling."""

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data.individual import merge_memoryless
from ..data.observations import Transitions
from ..likelihood.compiled_density import compiled_density, data_buffer
from ..likelihood.specification import COVARIATE_EFFECT, REPLICATE_EFFECT, Specification
from .arviz_adapter import Posterior, make_posterior
from .nutpie_adapter import SamplerModel, Trace
from .sampling import DIMENSIONS, SamplerSettings, SamplingRun, SamplingTarget, sample_stats

FloatArray = NDArray[np.float64]


def start_sampling(
    specification: Specification, data: Transitions, *, seed: int, settings: SamplerSettings
) -> SamplingRun:
    """Begin to sample the posterior of a specification in the background.

    Parameters
    ----------
    specification : Specification
        What is fitted.
    data : Transitions
        Observations.
    seed : int
        Seed.
    settings : SamplerSettings
        How to sample; adapted to the specification by :func:`adapted`.
    """
    return SamplingRun(FitTarget(specification, data), seed=seed, settings=adapted(settings, specification))


def adapted(settings: SamplerSettings, specification: Specification) -> SamplerSettings:
    """Return settings as a specification needs them."""
    # Replicate effects are correlated with each other and with their standard deviation: draws are more autocorrelated.
    longer = 2.0 if specification.replicate_effects or specification.effects else 1.0
    # Many structures are asked of one rate. Half of the draws gives effective sizes of 800 and more.
    if specification.model.structure is not None and specification.model.is_memoryless():
        longer /= 2
    # Two rates fitted to one-rate data have a posterior with corners, which takes short steps.
    target = 0.8 if specification.n_parameters == 1 else 0.95
    return replace(
        settings,
        tune=max(round(longer * settings.tune), settings.tune),
        draws=max(round(longer * settings.draws), 1),
        target_accept=settings.target_accept or target,
    )


@dataclass(frozen=True)
class FitTarget(SamplingTarget):
    """One specification with its data; its draws are rates per unit of the data's time."""

    specification: Specification
    data: Transitions

    # Of 2.2 million draws from posteriors of all kinds one would have taken more steps. Without the limit a chain whose
    # warm-up begins with a bad guess takes a thousand steps for each of fifty draws.
    max_tree_depth = 7
    # Draws are autocorrelated where a second try is needed, and predictions and leave-one-out take all that are kept.
    thins = True

    def sampler_model(self) -> SamplerModel:
        """Return the compiled log-density with its data. Its variables are unconstrained."""
        specification, data = self.specification, self.data
        if specification.level == "individual" and specification.model.is_memoryless():
            data = merge_memoryless(data)
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(specification.scalars, ())
        centre = [spec.unconstrained(spec.distribution.median()) for spec in specification.scalars.values()]
        if specification.only_replicates:
            shapes[REPLICATE_EFFECT] = (len(data.paths),)
            centre += [0.0] * len(data.paths)
        if data.design is not None:
            shapes[COVARIATE_EFFECT] = (data.design.covariate.size,)
            centre += [0.0] * data.design.covariate.size

        def initial_point(seed: int) -> FloatArray:
            return np.asarray(centre) + np.random.default_rng(seed).uniform(-1.0, 1.0, len(centre))

        return SamplerModel(
            specification.name,
            compiled_density(specification, data),
            data_buffer(specification, data),
            shapes,
            initial_point,
        )

    def posterior(self, trace: Trace) -> Posterior:
        """Return parameters in units of the data's time, and the statistics of the sampler."""
        specification, data = self.specification, self.data
        scalars = {
            name: xr.DataArray(spec.constrained(trace.draws[name][:, :, 0]), dims=DIMENSIONS)
            for name, spec in specification.scalars.items()
        }
        # The parameters follow from the coordinates by the model's own formula.
        values = {**scalars, **specification.model.from_coordinates(scalars)}
        for name in specification.rates:
            values[name] = values[name] / data.window
        parameters = xr.Dataset({name: values[name] for name in specification.described})
        if specification.only_replicates:
            parameters[REPLICATE_EFFECT] = ((*DIMENSIONS, "replicate"), trace.draws[REPLICATE_EFFECT])
            parameters = parameters.assign_coords(replicate=data.labels)
        if data.design is not None:
            effects = trace.draws[COVARIATE_EFFECT] @ data.design.basis.T
            parameters[COVARIATE_EFFECT] = ((*DIMENSIONS, "effect"), effects)
            parameters = parameters.assign_coords(effect=np.asarray(data.design.labels, dtype=object))
        statistics = sample_stats(trace)
        coordinates = {name: statistics[name].to_numpy() for name in DIMENSIONS}
        return make_posterior(posterior=parameters.assign_coords(coordinates), sample_stats=statistics)
