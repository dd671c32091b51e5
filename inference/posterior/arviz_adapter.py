"""What differs between ArviZ 0 (Python 3.11) and ArviZ 1 (Python 3.12 and later); no other module imports ArviZ.

A posterior is an `arviz.InferenceData` under ArviZ 0 and an `xarray.DataTree` under ArviZ 1, so that users can hand it
to the ArviZ that they have. All other modules see it as named groups, each an `xarray.Dataset`.
"""

import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

with warnings.catch_warnings():
    # ArviZ 0 announces its next major version on import.
    warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing", category=FutureWarning)
    import arviz as az

FloatArray = NDArray[np.float64]

_UNDERFLOW = -600.0
"""Log-density whose exponential is nearly 0 in double precision."""

HAS_TREES = int(version("arviz").partition(".")[0]) >= 1
"""Whether this is ArviZ 1, whose posteriors are trees of xarray."""

if TYPE_CHECKING:
    Posterior: TypeAlias = Any
else:
    Posterior = xr.DataTree if HAS_TREES else az.InferenceData
"""A posterior with all its groups, as the installed ArviZ has it."""


def make_posterior(attributes: Mapping[str, Any] | None = None, **groups: xr.Dataset) -> Posterior:
    """Make a posterior of named groups."""
    if HAS_TREES:
        made = xr.DataTree.from_dict(dict(groups))
        made.attrs.update(attributes or {})
        return made
    return az.InferenceData(attrs=dict(attributes or {}), **groups)


def add_groups(posterior: Posterior, **groups: xr.Dataset) -> None:
    """Add named groups to a posterior."""
    if HAS_TREES:
        for name, dataset in groups.items():
            posterior[name] = xr.DataTree(dataset)
    else:
        posterior.add_groups(**groups)


def drop_group(posterior: Posterior, name: str) -> None:
    """Remove a group from a posterior, if it has it: rivals drawn from around their mode lack some."""
    if name not in group_names(posterior):
        return
    if HAS_TREES:
        del posterior[name]
    else:
        delattr(posterior, name)


def group_names(posterior: Posterior) -> list[str]:
    """Names of the groups, in their order."""
    return list(posterior.children) if HAS_TREES else list(posterior.groups())


def group(posterior: Posterior, name: str) -> xr.Dataset:
    """Return one group of a posterior."""
    found = posterior[name]
    return found.to_dataset() if HAS_TREES else found


def is_posterior(value: Any) -> bool:
    """Whether a value is a posterior of the installed ArviZ."""
    return isinstance(value, xr.DataTree if HAS_TREES else az.InferenceData)


def open_netcdf(path: str | Path) -> Posterior:
    """Open a posterior in a netCDF file; its values are read when they are asked for."""
    return az.from_netcdf(str(path), engine="h5netcdf")


def highest_density_interval(draws: FloatArray, mass: float) -> tuple[float, float]:
    """Highest-density interval of draws, shape (n_draws,)."""
    low, high = az.hdi(draws, **{"prob" if HAS_TREES else "hdi_prob": mass})
    return float(low), float(high)


def highest_density_intervals(draws: xr.Dataset, mass: float) -> xr.Dataset:
    """Highest-density interval of each variable over chains and draws; the last dimension holds low and high."""
    found = az.hdi(draws, **{"prob" if HAS_TREES else "hdi_prob": mass})
    return found.rename(ci_bound="bound") if HAS_TREES else found.rename(hdi="bound")


def effective_sample_size(draws: FloatArray, method: str = "bulk") -> float:
    """Effective sample size of draws, shape (n_chains, n_draws); `method` is `bulk` or `mean`."""
    return float(az.ess(draws, method=method))


def effective_sample_sizes(draws: xr.Dataset, method: str = "bulk") -> xr.Dataset:
    """Effective sample size of each variable over chains and draws."""
    return az.ess(draws, method=method)


def mean_efficiency(draws: xr.Dataset) -> float:
    """Effective sample size for the mean as a share of the draws, averaged over all variables as `arviz.loo` does."""
    sizes = np.concatenate([np.ravel(size) for size in effective_sample_sizes(draws, "mean").values()])
    return float(sizes.mean()) / (draws.sizes["chain"] * draws.sizes["draw"])


def r_hat(draws: FloatArray) -> float:
    """Rank-normalised split R̂ of draws, shape (n_chains, n_draws)."""
    return float(az.rhat(draws))


def r_hats(draws: xr.Dataset) -> xr.Dataset:
    """Rank-normalised split R̂ of each variable."""
    return az.rhat(draws)


def prior_power_sensitivity(draws: xr.Dataset, log_prior: xr.DataArray, names: Sequence[str]) -> "pd.Series[float]":
    """Power-scaling sensitivity of each named scalar to the prior.

    Notes
    -----
    Kallioinen, Paananen, Bürkner & Vehtari (2024), Statistics and Computing 34, 57, doi:10.1007/s11222-023-10366-5.
    """
    held = make_posterior(posterior=draws, log_prior=xr.Dataset({"log_prior": log_prior}))
    with np.errstate(over="ignore"):
        # ArviZ's generalised Pareto fit lets negligible weights overflow.
        if HAS_TREES:
            found = az.psense(held, group="prior", var_names=list(names))
        else:
            found = az.psens(held, component="prior", var_names=list(names))
    if not isinstance(found, xr.Dataset):
        # ArviZ 0 returns a bare number for a single parameter.
        return pd.Series({names[0]: float(found)})
    return pd.Series({name: float(found[name]) for name in names})


def stacking_weights(pointwise: Mapping[str, FloatArray]) -> dict[str, float]:
    """Stacking weights by model, from the elpd of each unit by model; by `arviz.compare`."""
    if len(pointwise) == 1:
        return dict.fromkeys(pointwise, 1.0)
    best = np.max(list(pointwise.values()), axis=0)
    if best.min() < _UNDERFLOW:
        # ArviZ takes exponentials. A constant for each unit changes no weight.
        pointwise = {name: values - best for name, values in pointwise.items()}
    named = {name: _elpd_data(values) for name, values in pointwise.items()}
    how: dict[str, Any] = {"round_to": "none"} if HAS_TREES else {"ic": "loo"}
    # The number of threads of a matrix product decides the last digit of a sum, and differs between machines.
    with warnings.catch_warnings(), threadpool_limits(limits=1, user_api="blas"):
        # pandas deprecates how ArviZ 0 sorts.
        warnings.filterwarnings("ignore", message="The inplace keyword")
        # ArviZ 1 warns of the best of many models. Weights decide nothing here.
        warnings.filterwarnings("ignore", message="Difference in performance potentially due to chance")
        table = az.compare(named, method="stacking", **how)
    return {str(name): float(weight) for name, weight in table["weight"].items()}


def _elpd_data(pointwise: FloatArray) -> Any:
    """Leave-one-out as `arviz.compare` takes it. Only the pointwise values have a say in the weights."""
    units = xr.DataArray(pointwise, dims="unit")
    elpd, se = float(pointwise.sum()), float(np.sqrt(pointwise.size * np.var(pointwise)))
    if HAS_TREES:
        size = pointwise.size
        return az.ELPDDataLOO(
            elpd=elpd,
            se=se,
            p=0.0,
            n_samples=1,
            n_data_points=size,
            scale="log",
            warning=False,
            good_k=0.7,
            elpd_i=units,
        )
    return az.ELPDData(
        data=[elpd, se, 0.0, 1, pointwise.size, False, units, "log"],
        index=["elpd_loo", "se", "p_loo", "n_samples", "n_data_points", "warning", "loo_i", "scale"],
    )
