"""Log marginal likelihood by sequential Monte Carlo. It cross-checks the comparison by leave-one-out."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..data.observations import Transitions
from ..likelihood.likelihoods import constants
from ..likelihood.specification import Specification
from .arviz_adapter import group


def log_evidence(specification: Specification, data: Transitions, *, seed: int, draws: int = 1000) -> float:
    """Estimate the log marginal likelihood by PyMC's sequential Monte Carlo.

    Unlike leave-one-out, it depends on the priors. A verdict is more robust where both agree.

    Parameters
    ----------
    specification : Specification
        Model, likelihood and clock.
    data : Transitions
        Observations.
    seed : int
        Seed.
    draws : int
        Number of particles of each of two independent runs. The estimates of the runs are averaged.

    Notes
    -----
    Del Moral, Doucet & Jasra (2006), J. R. Stat. Soc. B 68, 411, doi:10.1111/j.1467-9868.2006.00553.x.
    """
    import pymc as pm

    from ..likelihood.pymc_model import build_model

    with warnings.catch_warnings(), _quiet("pymc"):
        warnings.simplefilter("ignore")
        with build_model(specification, data):
            trace = pm.sample_smc(draws=draws, chains=2, cores=1, random_seed=seed, progressbar=False)
    # Runs may have different numbers of stages: the estimate of a run is its value at the last stage.
    runs = [
        np.asarray(run, dtype=float).ravel()
        for run in group(trace, "sample_stats")["log_marginal_likelihood"].to_numpy()
    ]
    estimates = [run[np.isfinite(run)][-1] for run in runs]
    family = specification.likelihood.family
    left_out = constants(
        family, data.observed(specification.likelihood.observed).astype(float), data.n_susceptible.astype(float)
    )
    return float(np.mean(estimates) + left_out.sum())


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Silence a logger within the context, except for errors."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
