"""Sampling a posterior by NUTS, with one more try where the diagnostics are bad."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import InputError
from .arviz_adapter import Posterior
from .diagnostics import APART, diagnose, excess_divergences, summarize
from .nutpie_adapter import NutpieRun, SamplerModel, Trace

DIMENSIONS = ("chain", "draw")


@dataclass(frozen=True)
class SamplerSettings:
    """How to sample.

    Parameters
    ----------
    chains, tune, draws : int
        Chains (at least 2, so that they can be compared), and warm-up and kept draws of each.
    target_accept : float, optional
        Target acceptance of NUTS. The default depends on the model.
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

    def longer(self, divergences: int, *, thins: bool) -> "SamplerSettings":
        """Return settings for a second, longer try, which makes twice as many draws.

        Shorter steps help against divergences only. Without divergences they would make draws more autocorrelated, at
        twice the time.

        Parameters
        ----------
        divergences : int
            Number of divergent transitions, 0 if they are few.
        thins : bool
            Whether every second draw is kept, or all of them.
        """
        target = 0.99 if divergences else self.target_accept
        draws, thin = (self.draws, 2 * self.thin) if thins else (2 * self.draws, self.thin)
        return replace(self, tune=2 * self.tune, draws=draws, thin=thin, target_accept=target)


class SamplingTarget(ABC):
    """What is sampled, and what its draws mean."""

    max_tree_depth: ClassVar[int]
    """Maximum tree depth: a draw takes at most `2**max_tree_depth - 1` leapfrog steps."""
    low_rank: ClassVar[bool] = True
    """Whether the mass matrix adapts to correlations between parameters."""
    restarts: ClassVar[bool] = True
    """Whether a second try begins elsewhere where chains lie apart."""
    thins: ClassVar[bool] = False
    """Whether a second, longer try keeps every second draw: for models whose draws are autocorrelated and costly."""

    @abstractmethod
    def sampler_model(self) -> SamplerModel:
        """Return the compiled log-density with its data."""

    @abstractmethod
    def posterior(self, trace: Trace) -> Posterior:
        """Return the groups `posterior` (parameters in units of the data) and `sample_stats` of a trace."""

    def summary(self, posterior: Posterior) -> pd.DataFrame:
        """Return what the diagnostics look at, see :func:`tworate.inference.posterior.diagnostics.summarize`."""
        return summarize(posterior)


class SampledPosterior(NamedTuple):
    """What sampling has given.

    Parameters
    ----------
    posterior : Posterior
        Groups `posterior` and `sample_stats`.
    settings : SamplerSettings
        Settings of the last try.
    summary : pandas.DataFrame
        See :meth:`SamplingTarget.summary`.
    problems : list of str
        What the diagnostics say is wrong; empty when all is well.
    importance_k : float or None
        Pareto k of the importance weights, where the draws are from around the mode and not from the sampler.
    """

    posterior: Posterior
    settings: SamplerSettings
    summary: pd.DataFrame
    problems: list[str]
    importance_k: float | None = None


class SamplingRun:
    """Sampling of a posterior in the background. It begins when this object is made.

    Parameters
    ----------
    target : SamplingTarget
        What is sampled.
    seed : int
        Seed.
    settings : SamplerSettings
        How to sample. The target acceptance must be a number.
    """

    def __init__(self, target: SamplingTarget, *, seed: int, settings: SamplerSettings) -> None:
        self._target, self._seed, self._settings = target, seed, settings
        self._run = self._begin()

    def result(self) -> SampledPosterior:
        """Wait for the draws. Where the diagnostics are bad, sample once more.

        Raises
        ------
        JobError
            When the sampler gives up.
        """
        first = self._sampled()
        if not first.problems:
            return first
        if first.summary["r_hat"].max() > APART:
            if not self._target.restarts:
                return first
            # More draws do not bring chains together. Chains that begin elsewhere may reach the main mode.
            self._settings = replace(self._settings, tune=2 * self._settings.tune)
            self._seed = (self._seed + 1) % 2**32
        else:
            self._settings = self._settings.longer(excess_divergences(first.posterior), thins=self._target.thins)
        self._run = self._begin()
        return self._sampled()

    def abort(self) -> None:
        """Stop sampling. No draws are kept."""
        self._run.abort()

    def _begin(self) -> NutpieRun:
        settings = self._settings
        return NutpieRun(
            self._target.sampler_model(),
            chains=settings.chains,
            tune=settings.tune,
            draws=settings.draws * settings.thin,
            target_accept=settings.target_accept or 0.8,
            max_tree_depth=self._target.max_tree_depth,
            low_rank=self._target.low_rank,
            seed=self._seed,
        )

    def _sampled(self) -> SampledPosterior:
        posterior = self._target.posterior(thinned(self._run.wait(), self._settings.thin))
        summary = self._target.summary(posterior)
        return SampledPosterior(posterior, self._settings, summary, diagnose(posterior, summary))


def thinned(trace: Trace, thin: int) -> Trace:
    """Keep one of every `thin` draws. Divergences among the others still count, at the draw that is kept."""
    kept = slice(thin - 1, None, thin)
    statistics = {name: values[:, kept] for name, values in trace.statistics.items()}
    diverging = trace.statistics["diverging"]
    statistics["diverging"] = np.any(diverging.reshape(len(diverging), -1, thin), axis=-1, keepdims=False)
    return Trace({name: values[:, kept] for name, values in trace.draws.items()}, statistics)


def sample_stats(trace: Trace) -> xr.Dataset:
    """Return the sampler's statistics as a group of a posterior."""
    found = xr.Dataset({name: (DIMENSIONS, values) for name, values in trace.statistics.items()})
    return found.assign_coords({name: np.arange(size) for name, size in found.sizes.items()})
