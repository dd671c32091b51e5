"""Can the sampler's numbers be trusted?"""

from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

R_HAT_LIMIT = 1.01
ESS_LIMIT = 400
DIVERGENT_LIMIT = 0.001
"""Share of divergent transitions that does no harm: so few miss little of the posterior."""
APART = 1.1
"""R̂ from which chains lie apart, and more draws of the same chains are of no use."""
INTERVAL = 0.95
"""Mass of the highest-density intervals that are reported."""
COLUMNS = ("mean", "sd", "hdi_low", "hdi_high", "ess_bulk", "r_hat")


def summarize(posterior: az.InferenceData) -> pd.DataFrame:
    """Mean, sd, 95% highest-density interval, bulk ESS and R̂ of each parameter.

    Returns
    -------
    pandas.DataFrame
        Index: parameter, effects of single replicates apart; columns :data:`COLUMNS`. The numbers are those of
        `arviz.summary`.
    """
    rows = {}
    for name, values in posterior.posterior.items():
        if values.ndim == 2:
            # ArviZ's functions take an array in a tenth of the time that `arviz.summary` takes for the same numbers.
            draws = values.transpose("chain", "draw").to_numpy()
            low, high = az.hdi(draws.ravel(), hdi_prob=INTERVAL)
            ess, r_hat = az.ess(draws, method="bulk"), az.rhat(draws)
            rows[str(name)] = (draws.mean(), draws.std(ddof=1), low, high, ess, r_hat)
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS), dtype=float)


def prior_sensitivity(posterior: az.InferenceData) -> pd.Series:
    """Power-scaling sensitivity of each scalar to the prior, by parameter; above 0.05 the prior has a say.

    Notes
    -----
    Kallioinen, Paananen, Bürkner & Vehtari (2024), Statistics and Computing 34, 57, doi:10.1007/s11222-023-10366-5,
    by `arviz.psens`.
    """
    names = [str(name) for name, values in posterior.posterior.items() if values.ndim == 2]
    # Adding up the priors of parameters takes ArviZ a third of its time.
    prior = sum(posterior.log_prior[name] for name in posterior.log_prior)
    summed = az.InferenceData(posterior=posterior.posterior, log_prior=xr.Dataset({"log_prior": prior}))
    with np.errstate(over="ignore"):
        # ArviZ's generalised Pareto fit lets weights of no importance overflow.
        found = az.psens(summed, component="prior", var_names=names)
    if len(names) == 1:
        # Of a single parameter ArviZ gives the number alone.
        return pd.Series({names[0]: float(found)})
    return pd.Series({name: float(found[name]) for name in names})


def diagnose(
    posterior: az.InferenceData, summary: pd.DataFrame | None = None, divergent_limit: float = 0.0
) -> list[str]:
    """Say what is wrong with the sampling, if anything: R̂ above 1.01, bulk ESS below 400, divergences above a share."""
    summary = summarize(posterior) if summary is None else summary
    problems = []
    if not summary["r_hat"].max() <= R_HAT_LIMIT:
        problems.append(f"R̂ of {summary['r_hat'].idxmax()} is {summary['r_hat'].max():.3f} (above {R_HAT_LIMIT})")
    if not summary["ess_bulk"].min() >= ESS_LIMIT:
        problems.append(
            f"the effective sample size of {summary['ess_bulk'].idxmin()} is {summary['ess_bulk'].min():.0f} "
            f"(below {ESS_LIMIT})"
        )
    if divergences := divergences_above(posterior, divergent_limit):
        problems.append(f"{divergences} divergent transition{'s' if divergences > 1 else ''}")
    return problems


def divergences_above(posterior: Any, limit: float) -> int:
    """Count divergent transitions; 0 where their share is within a limit."""
    found, draws = n_divergences(posterior), posterior.posterior.sizes
    return found if found > limit * draws["chain"] * draws["draw"] else 0


def n_divergences(posterior: Any) -> int:
    """Count divergent transitions."""
    return int(np.asarray(posterior.sample_stats["diverging"]).sum())
