"""Simulation-based calibration: are the posteriors of a specification what they claim to be?

Parameters are drawn from the prior, data given the parameters, and a posterior given the data. If all three agree, the
rank of each true value among the draws of its posterior is uniform, and 90% intervals hold it in 90% of the data sets.
Talts, Betancourt, Simpson, Vehtari & Gelman (2018), arXiv:1804.06788.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from ...errors import InputError, JobError
from ...models import Closure, MeanField, RandomRegular
from ...simulate import Trajectories
from ..data.observations import Transitions
from ..likelihood.likelihoods import draw_observations
from ..likelihood.specification import DISPERSION, REPLICATE_EFFECT, REPLICATE_SD, Specification
from ..posterior.arviz_adapter import group
from ..posterior.fit_target import start_sampling
from ..posterior.fitting import draws_of, observed, predicted_draws, prior_draws
from ..posterior.sampling import SamplerSettings

N_RANKS = 100
"""Number of possible ranks: one more than the draws that are kept of each posterior."""
_SAMPLER = SamplerSettings(chains=2, tune=400, draws=500)


@dataclass(frozen=True)
class Design:
    """Size of the data sets for calibration: small, so that fits are quick.

    Parameters
    ----------
    population, infected0 : int
        Number of agents, and of those that have shared at the start.
    replicates, steps : int
        Number of trajectories, and of intervals in each.
    degree : int or None
        Neighbours in a random regular network (closure `edge-based`); None: well mixed (`mean-field`).
    """

    population: int = 500
    infected0: int = 25
    replicates: int = 4
    steps: int = 12
    degree: int | None = None

    @property
    def formula(self) -> Closure:
        """Closure that gives exposure from counts."""
        return MeanField() if self.degree is None else RandomRegular(float(self.degree))

    @property
    def closure(self) -> str:
        """Name of the closure."""
        return "mean-field" if self.degree is None else "edge-based"

    def trajectories(self, infected: NDArray[np.int64]) -> Trajectories:
        """Return trajectories from counts of shape (replicates, steps + 1)."""
        table = pd.DataFrame(
            {
                "trajectory": np.repeat(np.arange(self.replicates), self.steps + 1),
                "time": np.tile(np.arange(self.steps + 1), self.replicates),
                "infected": infected.ravel(),
                "population": self.population,
            }
        )
        return Trajectories(table if self.degree is None else table.assign(degree=self.degree))


def simulated_ranks(
    specification: Specification,
    n: int,
    *,
    seed: int,
    design: Design | None = None,
    fitted: Specification | None = None,
    fitted_closure: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Compute ranks of true values among draws of their posteriors.

    Parameters
    ----------
    specification : Specification
        Specification of prior and data.
    n : int
        Number of data sets.
    seed : int
        Data set `i` depends only on (seed, i).
    design : Design, optional
        Size of the data sets.
    fitted : Specification, optional
        Specification of the fit, by default the same. Another one must fail, in the parameters that both have.
    fitted_closure : str, optional
        Closure of the fit, by default that of the data.
    progress : callable, optional
        Called with the number of data sets done, and their total.

    Returns
    -------
    pandas.DataFrame, shape (up to n, n_scalars)
        A row for each data set, a column for each scalar: the rank, from 0 to :data:`N_RANKS` - 1. Data sets without
        information, or whose posterior cannot be sampled, are missing. Leaving out the former keeps ranks uniform,
        because it depends only on the data.

    Examples
    --------
    >>> from tworate.inference.likelihood.likelihoods import LIKELIHOODS
    >>> from tworate.inference.likelihood.specification import Specification
    >>> from tworate.models import OneRateSI
    >>> ranks = simulated_ranks(Specification(OneRateSI, LIKELIHOODS["binomial"]), 3, seed=1)
    >>> list(ranks), bool(ranks["beta"].between(0, N_RANKS - 1).all())
    (['beta'], True)
    """
    design = design or Design()
    fitted = fitted or specification
    rows: dict[int, dict[str, int]] = {}
    for number in range(n):
        sequence = np.random.SeedSequence(seed, spawn_key=(number,))
        rng = np.random.default_rng(sequence)
        try:
            truth, data = _simulated(specification, design, fitted_closure or design.closure, rng)
            drawn = start_sampling(fitted, data, seed=int(rng.integers(2**32)), settings=_SAMPLER).result()
        except (InputError, JobError):
            continue
        finally:
            if progress:
                progress(number + 1, n)
        posterior = group(drawn.posterior, "posterior")
        rows[number] = {name: _rank(posterior[name], value) for name, value in truth.items() if name in posterior}
    return pd.DataFrame.from_dict(rows, orient="index")


def uniformity(ranks: pd.DataFrame, bins: int = 10) -> pd.Series:
    """Return the p-value of each column of ranks under uniformity, by Pearson's chi-squared test.

    Parameters
    ----------
    ranks : pandas.DataFrame
        From :func:`simulated_ranks`.
    bins : int
        Bins of equal width; divides :data:`N_RANKS`.
    """
    p_values = {}
    for name, column in ranks.items():
        counts = np.bincount(column.to_numpy() * bins // N_RANKS, minlength=bins)
        expected = len(column) / bins
        p_values[name] = float(chi2.sf(((counts - expected) ** 2 / expected).sum(), bins - 1))
    return pd.Series(p_values)


def coverage(ranks: pd.DataFrame, mass: float) -> pd.Series:
    """Return the share of data sets whose central interval of a posterior mass holds the true value, by column."""
    outside = (1.0 - mass) / 2.0 * N_RANKS
    return ((ranks >= outside) & (ranks < N_RANKS - outside)).mean()


def _simulated(
    specification: Specification, design: Design, closure: str, rng: np.random.Generator
) -> tuple[dict[str, float], Transitions]:
    """Draw parameters and data. Rates are per unit of the data's time."""
    times = np.arange(design.steps + 1)
    # Any path will do: the prior and the curve depend only on the times and the start.
    rising = np.minimum(design.infected0 + times, design.population - 1)
    template = observed(design.trajectories(np.tile(rising, (design.replicates, 1))), design.closure, specification)
    prior = prior_draws(specification, template, 1, rng)
    truth = {name: float(prior[name].item()) for name in specification.described}
    if specification.likelihood.kind == "trajectory":
        prediction, dispersion = predicted_draws(specification, prior, template)
        likelihood = specification.likelihood
        drawn = draw_observations(likelihood.family, prediction, dispersion, template.n_susceptible, rng)[0]
        if likelihood.observed == "prevalence":
            # The incidence is such that the data have the drawn prevalence, even below 0 or above 1.
            drawn = template.n_susceptible - template.population * (1.0 - drawn)
        return truth, dataclasses.replace(template, incidence=drawn)
    factors: Any = 1.0
    if specification.replicate_effects:
        effects = prior[REPLICATE_EFFECT].to_numpy().reshape(1, -1)
        factors = specification.replicate_factors(np.array([[truth[REPLICATE_SD]]]), effects)[0]
    infected = specification.model.simulate_paths(
        {name: np.full(design.replicates, value[0]) for name, value in draws_of(specification.model, prior).items()},
        times,
        population=design.population,
        infected0=design.infected0,
        closure=design.formula,
        rng=rng,
        dispersion=np.full(design.replicates, truth.get(DISPERSION, 0.0)),
        clock=specification.clock,
        factor=factors,
    )
    data = observed(design.trajectories(infected), closure, specification)
    # The prior depends on the window. Keep that of the template, from which the truth was drawn, even if spreading ends
    # earlier.
    return truth, dataclasses.replace(data, window=template.window)


def _rank(draws: Any, value: float) -> int:
    """Return the rank of a value among evenly spaced draws of a posterior."""
    flat = draws.to_numpy().ravel()
    thinned = flat[np.linspace(0, flat.size - 1, N_RANKS - 1).astype(int)]
    return int((thinned < value).sum())
