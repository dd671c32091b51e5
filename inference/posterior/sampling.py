"""Sampling by nutpie: compile a model once, then sample it with any data."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import arviz as az
import numpy as np
import nutpie
import pyarrow
import xarray as xr
from numpy.typing import NDArray

from ...errors import InputError, JobError
from ..data.observations import Transitions
from ..likelihood.compiled_density import constrain, nutpie_model
from ..likelihood.specification import REPLICATE_EFFECT, Specification

DIMENSIONS = ("chain", "draw")
STATISTICS = ("diverging", "energy", "logp", "n_steps", "step_size", "depth")
"""What is kept of the sampler's statistics."""
MOST_DOUBLINGS = 7
"""Of the steps to a draw, 127 at most: of 2.2 million draws from posteriors of all kinds one would have taken more. A
chain whose warm-up begins with a bad guess would take a thousand for each of fifty draws."""


@dataclass(frozen=True)
class SamplerSettings:
    """How to sample.

    Parameters
    ----------
    chains, tune, draws : int
        Chains (at least 2, so that they can be compared), and warm-up and kept draws of each.
    target_accept : float, optional
        Target acceptance of NUTS; by default what the model needs: 0.8 with one rate, 0.95 where parameters lean on
        each other.
    thin : int
        Draws that are made for each one that is kept.
    """

    chains: int = 4
    tune: int = 500
    draws: int = 1000
    target_accept: float | None = None
    thin: int = 1

    def __post_init__(self) -> None:
        if self.chains < 2 or self.tune < 1 or self.draws < 1 or not 0 < (self.target_accept or 0.5) < 1:
            raise InputError(
                f"{self}: needs at least 2 chains, 1 warm-up draw, 1 draw, and a target acceptance between 0 and 1"
            )

    def of(self, specification: Specification) -> "SamplerSettings":
        """Return the settings as a specification needs them."""
        # Effects of replicates lean on each other and on their spread: draws that depend more on each other.
        longer = 2 if specification.replicate_effects else 1
        # Two rates on data of one have a posterior with corners, which take short steps.
        target = 0.8 if specification.n_parameters == 1 else 0.95
        return replace(
            self,
            tune=longer * self.tune,
            draws=longer * self.draws,
            target_accept=self.target_accept or target,
        )

    def again(self, divergences: int) -> "SamplerSettings":
        """Return settings for a second try, after the diagnostics of the first were bad: longer, and harder if need be.

        Shorter steps help against divergences only. Without any they would make draws that depend more on each other,
        which was what was wrong, and cost twice the time.
        """
        target = 0.99 if divergences else self.target_accept
        return replace(self, tune=2 * self.tune, draws=2 * self.draws, target_accept=target)


class Sampling:
    """Sampling of a posterior, in the background: it begins when this is made.

    Parameters
    ----------
    specification : Specification
        What is fitted.
    data : Transitions
        Observations.
    seed : int
        Seed.
    settings : SamplerSettings
        How to sample; the target acceptance must be a number.
    """

    def __init__(
        self, specification: Specification, data: Transitions, *, seed: int, settings: SamplerSettings
    ) -> None:
        self._specification, self._data, self._thin = specification, data, settings.thin
        model = nutpie_model(specification, data)
        self._running: Any = None
        try:
            self._running = nutpie.sample(
                model,
                draws=settings.draws * settings.thin,
                tune=settings.tune,
                # Parameters lean on each other: learning that saves up to two fifths of the steps.
                low_rank_modified_mass_matrix=True,
                maxdepth=MOST_DOUBLINGS,
                chains=settings.chains,
                target_accept=settings.target_accept,
                seed=seed,
                progress_bar=False,
                save_warmup=False,
                blocking=False,
                # ArviZ's conversion takes longer than a fifth of the sampling.
                return_raw_trace=True,
            )
        except RuntimeError as error:
            # Told where the result is waited for, as all that fails later.
            self._failure = error

    def abort(self) -> None:
        """Stop sampling, if it goes on; nothing is kept."""
        running, self._running = self._running, None
        if running:
            running.abort()

    def result(self) -> az.InferenceData:
        """Wait for the draws.

        Returns
        -------
        arviz.InferenceData
            Groups `posterior` (rates per unit of the data's time) and `sample_stats`.

        Raises
        ------
        JobError
            When the sampler gives up.
        """
        try:
            if not self._running:
                raise self._failure
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trace = self._running.wait()
            self._running = None
        except RuntimeError as error:
            self._running = None
            reason = str(error).strip().splitlines()[0]
            raise JobError(f"the sampler gave up on the {self._specification.name} model ({reason})") from error
        return _constrained(trace, self._specification, self._data, self._thin)


def _constrained(trace: Any, specification: Specification, data: Transitions, thin: int) -> az.InferenceData:
    """Parameters in units of the data's time, from one of every `thin` draws of what is sampled."""
    draws, stats = trace.get_arrow_trace()
    # Warm-up comes first, and is as long in every chain.
    begin = int(_column(stats, "tuning")[0].sum())
    kept = slice(begin + thin - 1, None, thin)
    scalars = {
        name: xr.DataArray(constrain(spec, _column(draws, name)[:, kept, 0]), dims=DIMENSIONS)
        for name, spec in specification.scalars.items()
    }
    # The parameters follow from the coordinates by the model's own formula.
    found = {**scalars, **specification.model.from_coordinates(scalars)}
    for name in specification.rates:
        found[name] = found[name] / data.window
    posterior = xr.Dataset({name: found[name] for name in specification.described})
    if specification.replicate_effects:
        posterior[REPLICATE_EFFECT] = ((*DIMENSIONS, "replicate"), _column(draws, REPLICATE_EFFECT)[:, kept])
        posterior = posterior.assign_coords(replicate=data.labels)
    sample_stats = xr.Dataset({name: (DIMENSIONS, _column(stats, name)[:, kept, 0]) for name in STATISTICS})
    # A transition that diverged counts, kept or not.
    diverging = _column(stats, "diverging")[:, begin:, 0]
    sample_stats["diverging"] = (DIMENSIONS, diverging.reshape(len(diverging), -1, thin).any(axis=-1))
    coordinates = {name: np.arange(size) for name, size in sample_stats.sizes.items()}
    return az.InferenceData(
        posterior=posterior.assign_coords(coordinates), sample_stats=sample_stats.assign_coords(coordinates)
    )


def _column(chains: Sequence[Any], name: str) -> NDArray[Any]:
    """A column of nutpie's Arrow tables, one a chain, as an array of shape (chain, draw, size of the variable)."""
    columns = [pyarrow.array(chain.column(name)) for chain in chains]
    values = [column.flatten() if pyarrow.types.is_nested(column.type) else column for column in columns]
    return np.stack(
        [
            value.to_numpy(zero_copy_only=False).reshape(len(column), -1)
            for column, value in zip(columns, values, strict=True)
        ]
    )
