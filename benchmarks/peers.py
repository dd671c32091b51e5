"""One route from trajectories to the posteriors of both models and their LOO; `inference.py` runs it.

This is a separate script that does not need tworate, so that a route can run under another Python with other packages.
Every peer fits the same curve to all replicates with the same priors: the SI model under the edge-based closure,

    dΛ/dt = 1 - s0 G(Λ)^(1 - 2/k),   G one or two exponentials,   prevalence ~ Normal(1 - s0 G(Λ(t)), sigma),

in units of the observed window, by NUTS with the defaults of the package. One ODE is solved for all replicates, which
is the cheapest form of this likelihood. The sampled coordinates and their priors are those of tworate.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

STARTED = time.perf_counter()
RATE_PRIOR = ("lognormal", np.log(10.0), 1.5)
PRIORS = {
    "one-rate": {"beta": RATE_PRIOR},
    "two-rate": {"mean_rate": RATE_PRIOR, "slow_over_fast": ("beta", 1.0, 1.0), "weight_fast": ("beta", 2.0, 2.0)},
}
SIGMA_PRIOR = 0.2
"""Scale of the half-normal prior of the noise in prevalence."""
RATES = ("beta", "mean_rate")
OBSERVED = "prevalence"


class Data(NamedTuple):
    """Prevalence, shape (replicates, times after the start), at times as fractions of the window."""

    times: np.ndarray
    prevalence: np.ndarray
    susceptible0: float
    degree: float
    window: float


class Settings(NamedTuple):
    """Settings of NUTS."""

    chains: int
    tune: int
    draws: int
    target_accept: float


class Fit(NamedTuple):
    """The fit of one model by a route: an InferenceData, and the seconds of its parts, if known."""

    posterior: Any
    compile_s: float | None
    sample_s: float | None


def read(path: Path) -> Data:
    import pandas as pd

    table = pd.read_csv(path)
    infected = table.pivot(index="trajectory", columns="time", values="infected")
    population, degree = table["population"].iloc[0], table["degree"].iloc[0]
    times = infected.columns.to_numpy(dtype=float)
    prevalence = infected.to_numpy() / population
    window = times[-1] - times[0]
    return Data((times[1:] - times[0]) / window, prevalence[:, 1:], 1.0 - prevalence[0, 0], degree, window)


def rates(model: str, values: Mapping[str, Any]) -> list[Any]:
    """Return the curve's parameters from the coordinates: `[beta]`, or `[beta_fast, beta_slow, weight_fast]`."""
    if model == "one-rate":
        return [values["beta"]]
    weight, fraction = values["weight_fast"], values["slow_over_fast"]
    fast = values["mean_rate"] / (weight + (1.0 - weight) * fraction)
    return [fast, fraction * fast, weight]


def log_survival(exposure: Any, theta: Any, n_parameters: int, xp: Any) -> Any:
    if n_parameters == 1:
        return -theta[0] * exposure
    fast, slow, weight = theta[0], theta[1], theta[2]
    return -slow * exposure + xp.log1p(weight * xp.expm1(-(fast - slow) * exposure))


def exposure_rate(exposure: Any, theta: Any, n_parameters: int, data: Data, xp: Any) -> Any:
    power = 1.0 - 2.0 / data.degree
    return 1.0 - data.susceptible0 * xp.exp(power * log_survival(exposure, theta, n_parameters, xp))


def prevalence(exposure: Any, theta: Any, n_parameters: int, data: Data, xp: Any) -> Any:
    return 1.0 - data.susceptible0 * xp.exp(log_survival(exposure, theta, n_parameters, xp))


def rk4(exposure: Any, step: float, slope: Callable[[Any], Any]) -> Any:
    a = slope(exposure)
    b = slope(exposure + step / 2 * a)
    c = slope(exposure + step / 2 * b)
    d = slope(exposure + step * c)
    return exposure + step / 6 * (a + 2 * b + 2 * c + d)


def pymc_model(model: str, data: Data, solver: str) -> Any:
    import pymc as pm
    import pytensor
    import pytensor.tensor as pt

    with pm.Model() as result:
        values = {}
        for name, (kind, *shape) in PRIORS[model].items():
            values[name] = pm.LogNormal(name, *shape) if kind == "lognormal" else pm.Beta(name, *shape)
        theta = rates(model, values)
        n = len(theta)
        if solver == "ode":
            equation = pm.ode.DifferentialEquation(
                func=lambda y, t, p: [exposure_rate(y[0], p, n, data, pt)],
                times=data.times, n_states=1, n_theta=n, t0=0.0,
            )  # fmt: skip
            exposure = equation(y0=[0.0], theta=theta)[:, 0]
        else:
            step = float(data.times[0])
            exposure = pytensor.scan(
                lambda at, *p: rk4(at, step, lambda e: exposure_rate(e, p, n, data, pt)),
                outputs_info=[pt.constant(0.0, dtype="float64")],
                non_sequences=theta,
                n_steps=len(data.times),
                return_updates=False,
            )
        sigma = pm.HalfNormal("sigma", SIGMA_PRIOR)
        pm.Normal(OBSERVED, prevalence(exposure, theta, n, data, pt)[None, :], sigma, observed=data.prevalence)
    return result


def by_pymc(model: str, data: Data, settings: Settings, solver: str) -> Fit:
    import pymc as pm

    with pymc_model(model, data, solver):
        began = time.perf_counter()
        posterior = pm.sample(
            draws=settings.draws, tune=settings.tune, chains=settings.chains, target_accept=settings.target_accept,
            cores=min(settings.chains, os.cpu_count() or 1), random_seed=1, nuts_sampler="pymc", progressbar=False,
        )  # fmt: skip
        both = time.perf_counter() - began
        pm.compute_log_likelihood(posterior, progressbar=False)
    sampling = float(posterior.posterior.attrs["sampling_time"])
    return Fit(posterior, both - sampling, sampling)


def by_nutpie(model: str, data: Data, settings: Settings) -> Fit:
    import nutpie
    import pymc as pm

    program = pymc_model(model, data, "scan")
    began = time.perf_counter()
    compiled = nutpie.compile_pymc_model(program)
    compiled_at = time.perf_counter()
    posterior = nutpie.sample(
        compiled, draws=settings.draws, tune=settings.tune, chains=settings.chains,
        target_accept=settings.target_accept, seed=1, progress_bar=False, save_warmup=False,
    )  # fmt: skip
    sampled_at = time.perf_counter()
    with program:
        pm.compute_log_likelihood(posterior, progressbar=False)
    return Fit(posterior, compiled_at - began, sampled_at - compiled_at)


def by_numpyro(model: str, data: Data, settings: Settings) -> Fit:
    import numpyro

    # Set before JAX starts: one device per chain, so that chains run in parallel, and double precision as elsewhere.
    numpyro.set_host_device_count(settings.chains)
    numpyro.enable_x64()
    import arviz as az
    import jax
    import jax.numpy as jnp
    import numpyro.distributions as dist

    def program() -> None:
        values = {}
        for name, (kind, *shape) in PRIORS[model].items():
            values[name] = numpyro.sample(name, (dist.LogNormal if kind == "lognormal" else dist.Beta)(*shape))
        theta = rates(model, values)
        step = float(data.times[0])

        def forward(at: Any, _: Any) -> tuple[Any, Any]:
            after = rk4(at, step, lambda e: exposure_rate(e, theta, len(theta), data, jnp))
            return after, after

        _, exposure = jax.lax.scan(forward, jnp.asarray(0.0), None, length=len(data.times))
        sigma = numpyro.sample("sigma", dist.HalfNormal(SIGMA_PRIOR))
        mu = prevalence(exposure, theta, len(theta), data, jnp)[None, :]
        numpyro.sample(OBSERVED, dist.Normal(mu, sigma), obs=data.prevalence)

    sampler = numpyro.infer.MCMC(
        numpyro.infer.NUTS(program, target_accept_prob=settings.target_accept),
        num_warmup=settings.tune, num_samples=settings.draws, num_chains=settings.chains, progress_bar=False,
    )  # fmt: skip
    began = time.perf_counter()
    sampler.run(jax.random.PRNGKey(1))
    jax.block_until_ready(sampler.get_samples())
    sampled_at = time.perf_counter()
    return Fit(az.from_numpyro(sampler, log_likelihood=True), None, sampled_at - began)


ROUTES: dict[str, tuple[tuple[str, ...], Callable[[str, Data, Settings], Fit]]] = {
    "pymc-ode": (("pymc", "pytensor", "arviz"), lambda *job: by_pymc(*job, solver="ode")),
    "pymc-scan": (("pymc", "pytensor", "arviz"), lambda *job: by_pymc(*job, solver="scan")),
    "nutpie-scan": (("nutpie", "pymc", "pytensor", "arviz"), by_nutpie),
    "numpyro": (("numpyro", "jax", "arviz"), by_numpyro),
}
"""Packages that a route needs, and the function that fits a model."""


def report(folder: Path, result: dict[str, Any]) -> None:
    """Write the result so far, in case the route is stopped later."""
    temporary = folder / "result.json.new"
    temporary.write_text(json.dumps(result))
    temporary.replace(folder / "result.json")


def run_peer(route: str, models: list[str], data: Data, settings: Settings, folder: Path) -> None:
    packages, fit = ROUTES[route]
    result: dict[str, Any] = {"missing": [name for name in packages if importlib.util.find_spec(name) is None]}
    report(folder, result)
    if result["missing"]:
        return
    import arviz as az

    result |= {"fits": {}, "versions": {name: importlib.metadata.version(name) for name in packages}}
    elpds = {}
    for model in models:
        posterior, compile_s, sample_s = fit(model, data, settings)
        for name in RATES:
            if name in posterior.posterior:
                posterior.posterior[name] = posterior.posterior[name] / data.window
        elpds[model] = az.loo(posterior, pointwise=True)
        az.summary(posterior, var_names=[*PRIORS[model], "sigma"], round_to="none")
        posterior.to_netcdf(str(folder / f"{model}.nc"))
        finished = time.perf_counter() - STARTED
        result["fits"][model] = {"compile_s": compile_s, "sample_s": sample_s, "finished_s": finished}
        report(folder, result)
    if len(elpds) == 2:
        az.compare(elpds)
        difference = np.asarray(elpds["two-rate"].loo_i).ravel() - np.asarray(elpds["one-rate"].loo_i).ravel()
        result |= {"elpd_diff": difference.sum(), "dse": float(np.sqrt(difference.size * difference.var()))}
    report(folder, result)


def run_curve_fit(models: list[str], data: Data, folder: Path) -> None:
    """Fit by least squares and compare by AIC, a common method that gives no posterior."""
    from scipy.integrate import odeint
    from scipy.optimize import curve_fit

    times = np.concatenate([[0.0], data.times])
    n_replicates = len(data.prevalence)
    starts = {"beta": 10.0, "mean_rate": 10.0, "slow_over_fast": 0.5, "weight_fast": 0.5}
    result: dict[str, Any] = {"missing": [], "fits": {}, "versions": {"scipy": importlib.metadata.version("scipy")}}
    aic = {}
    for model in models:
        names = list(PRIORS[model])

        def curve(_: Any, *values: float, model: str = model, names: list[str] = names) -> np.ndarray:
            theta = rates(model, dict(zip(names, values, strict=True)))
            exposure = odeint(lambda y, t: exposure_rate(y, theta, len(theta), data, np), 0.0, times)[1:, 0]
            return np.tile(prevalence(exposure, theta, len(theta), data, np), n_replicates)

        began = time.perf_counter()
        upper = [np.inf if name in RATES else 1.0 - 1e-9 for name in names]
        best, covariance = curve_fit(
            curve, np.tile(data.times, n_replicates), data.prevalence.ravel(), p0=[starts[name] for name in names],
            bounds=(1e-9, upper),
        )  # fmt: skip
        residuals = data.prevalence.ravel() - curve(None, *best)
        aic[model] = residuals.size * np.log(np.mean(residuals**2)) + 2 * (len(names) + 1)
        result["fits"][model] = {
            "compile_s": None,
            "sample_s": time.perf_counter() - began,
            "finished_s": time.perf_counter() - STARTED,
        }
        if model == "one-rate":
            result["beta"] = [best[0] / data.window, float(np.sqrt(covariance[0, 0])) / data.window]
    if len(aic) == 2:
        result["aic_diff"] = aic["two-rate"] - aic["one-rate"]
    report(folder, result)


def run_tworate(models: list[str], path: Path, settings: Settings, folder: Path) -> None:
    """Run `tworate compare` without its report."""
    import tworate
    from tworate.inference import SamplerSettings
    from tworate.inference.posterior import fit_target
    from tworate.inference.posterior.sampling import SamplingRun

    # Sampling runs in parallel with other work, so measure the time spent waiting for its result.
    homes: dict[str, Any] = {"compiled_density": fit_target, "result": SamplingRun}
    spent = dict.fromkeys(homes, 0.0)

    def timed(name: str) -> None:
        function = getattr(homes[name], name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*arguments, **keywords)
            finally:
                spent[name] += time.perf_counter() - began

        setattr(homes[name], name, call)

    for name in spent:
        timed(name)
    sampler = SamplerSettings(settings.chains, settings.tune, settings.draws)
    # No peer asks for structures.
    comparison = tworate.compare(path, models, sampler=sampler, structures="none")
    comparison.save(folder / "comparison")
    condition = comparison.conditions[0]
    result: dict[str, Any] = {"missing": [], "elpd_diff": condition.elpd_diff, "dse": condition.dse}
    packages = ("tworate", "nutpie", "pymc", "pytensor", "arviz", "numba", "numpy")
    result["versions"] = {name: importlib.metadata.version(name) for name in packages}
    result["compile_s"], result["sample_s"] = spent.values()
    result["fits"] = {name: {"finished_s": time.perf_counter() - STARTED} for name in models}
    report(folder, result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("route", choices=["tworate", *ROUTES, "curve-fit"])
    parser.add_argument("data", type=Path, help="trajectories, CSV")
    parser.add_argument("folder", type=Path, help="folder of result.json and posteriors")
    parser.add_argument("--models", default="one-rate,two-rate")
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--tune", type=int, default=500)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--target-accept", type=float, default=0.8)
    chosen = parser.parse_args()
    # The packages warn about their next versions, BLAS and short runs; this does not affect the measurements.
    warnings.simplefilter("ignore")
    models = chosen.models.split(",")
    settings = Settings(chosen.chains, chosen.tune, chosen.draws, chosen.target_accept)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    if chosen.route == "tworate":
        run_tworate(models, chosen.data, settings, chosen.folder)
    elif chosen.route == "curve-fit":
        run_curve_fit(models, read(chosen.data), chosen.folder)
    else:
        run_peer(chosen.route, models, read(chosen.data), settings, chosen.folder)


if __name__ == "__main__":
    sys.exit(main())
