"""Can the sampler's numbers be trusted?"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from .arviz_adapter import (
    Posterior,
    effective_sample_size,
    group,
    highest_density_interval,
    prior_power_sensitivity,
    r_hat,
)


class Limits(NamedTuple):
    """Limits of the diagnostics: highest R̂, lowest bulk ESS, and the largest share of divergent transitions."""

    r_hat: float
    ess: float
    divergent: float


STRICT = Limits(1.01, 400, 0.001)
"""Limits for parameters that are reported. So few divergent transitions miss little of the posterior."""
ROUGH = Limits(1.05, 100, 0.01)
"""Limits for an elpd that is compared with others. With an effective size of 100 its Monte Carlo error is a tenth of a
posterior standard deviation of the log-likelihood, which is about 1."""
UNLEARNED = 0.1
"""Contraction below which the data are said to tell nothing of a parameter: its posterior is its prior."""
APART = 1.1
"""R̂ above which chains lie apart. More draws of the same chains are of no use then."""
INTERVAL = 0.95
"""Mass of the highest-density intervals that are reported."""
COLUMNS = ("mean", "sd", "hdi_low", "hdi_high", "ess_bulk", "r_hat")


def summarize(posterior: Posterior) -> pd.DataFrame:
    """Compute mean, sd, 95% highest-density interval, bulk ESS and R̂ of each scalar parameter.

    Returns
    -------
    pandas.DataFrame
        Index: parameter, without the effects of single replicates; columns :data:`COLUMNS`. The numbers are those of
        `arviz.summary`.
    """
    rows = {}
    for name, values in group(posterior, "posterior").items():
        if values.ndim == 2:
            # ArviZ's functions take an array in a tenth of the time that `arviz.summary` takes for the same numbers.
            draws = values.transpose("chain", "draw").to_numpy()
            low, high = highest_density_interval(draws.ravel(), INTERVAL)
            rows[str(name)] = (
                draws.mean(), draws.std(ddof=1), low, high, effective_sample_size(draws), r_hat(draws),
            )  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS), dtype=float)


def prior_sensitivity(posterior: Posterior) -> "pd.Series[float]":
    """Compute the power-scaling sensitivity of each scalar to the prior; above 0.05 the prior has a say."""
    draws, log_prior = group(posterior, "posterior"), group(posterior, "log_prior")
    names = [str(name) for name, values in draws.items() if values.ndim == 2]
    # ArviZ spends a third of its time on adding up the priors of the parameters.
    return prior_power_sensitivity(draws, sum(log_prior[name] for name in log_prior), names)


def prior_contraction(posterior: Posterior) -> "pd.Series[float]":
    """Compute by how much the data narrow the prior of each scalar: 0 if the posterior is the prior, 1 at most.

    It is 1 minus the variance of the ranks of posterior draws among draws from the prior, in units of the variance of
    a uniform distribution. So it does not depend on the scale of a parameter. It is below 0 where the posterior lies at
    both ends of the prior.

    Notes
    -----
    Schad, Betancourt & Vasishth (2021), doi:10.1037/met0000275, on the scale of ranks.
    """
    draws, prior = group(posterior, "posterior"), group(posterior, "prior")
    found = {}
    for name, values in draws.items():
        if values.ndim == 2:
            before = np.sort(np.asarray(prior[name]).ravel())
            rank = np.searchsorted(before, np.asarray(values).ravel()) / before.size
            found[str(name)] = 1.0 - 12.0 * float(rank.var())
    return pd.Series(found, dtype=float)


def diagnose(posterior: Posterior, summary: pd.DataFrame | None = None, limits: Limits = STRICT) -> list[str]:
    """Return what is wrong with the sampling; empty when all is well.

    By default wrong is an R̂ above 1.01, a bulk ESS below 400, and more than one divergent transition in 1,000.
    """
    summary = summarize(posterior) if summary is None else summary
    problems = []
    if not summary["r_hat"].max() <= limits.r_hat:
        problems.append(f"R̂ of {summary['r_hat'].idxmax()} is {summary['r_hat'].max():.3f} (above {limits.r_hat})")
    if not summary["ess_bulk"].min() >= limits.ess:
        problems.append(
            f"the effective sample size of {summary['ess_bulk'].idxmin()} is {summary['ess_bulk'].min():.0f} "
            f"(below {limits.ess})"
        )
    if divergences := excess_divergences(posterior, limits):
        problems.append(f"{divergences} divergent transition{'s' if divergences > 1 else ''}")
    return problems


def excess_divergences(posterior: Posterior, limits: Limits = STRICT) -> int:
    """Count divergent transitions; 0 where their share is within the limit."""
    diverging = np.asarray(group(posterior, "sample_stats")["diverging"])
    count = int(diverging.sum())
    return count if count > limits.divergent * diverging.size else 0
