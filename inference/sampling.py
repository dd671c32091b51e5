"""Sampling by nutpie: compile a model once in a process, then sample it with any data."""

import threading
import warnings
from dataclasses import dataclass
from typing import Any

import arviz as az
import nutpie

from ..errors import InputError, JobError
from ..models import SIModel
from .likelihoods import Likelihood
from .observations import Transitions
from .pymc_model import build_model, posterior_names, rates, sampled_names, window_data


@dataclass(frozen=True)
class SamplerSettings:
    """How to sample.

    Parameters
    ----------
    chains, tune, draws : int
        Chains (at least 2, so that they can be compared), and warm-up and kept draws of each.
    target_accept : float
        Target acceptance of NUTS.
    """

    chains: int = 4
    tune: int = 500
    draws: int = 1000
    target_accept: float = 0.98

    def __post_init__(self) -> None:
        if self.chains < 2 or self.tune < 1 or self.draws < 1 or not 0 < self.target_accept < 1:
            raise InputError(
                f"{self}: needs at least 2 chains, 1 warm-up draw, 1 draw, and a target acceptance between 0 and 1"
            )

    def harder(self) -> "SamplerSettings":
        """Return settings for a second try, after the diagnostics of the first were bad."""
        return SamplerSettings(self.chains, tune=4 * self.tune, draws=2 * self.draws, target_accept=0.995)


_compiled: dict[tuple[type[SIModel], str], Any] = {}
_compiling = threading.Lock()


def compiled(model: type[SIModel], data: Transitions, likelihood: Likelihood) -> Any:
    """Return the compiled model, from memory where it has been compiled; the data only give types."""
    with _compiling:
        if (model, likelihood.name) not in _compiled:
            with warnings.catch_warnings():
                # PyTensor advises on BLAS, which these graphs do not use, and on caches of other versions.
                warnings.simplefilter("ignore")
                _compiled[model, likelihood.name] = nutpie.compile_pymc_model(
                    build_model(model, data, likelihood), var_names=sampled_names(model, likelihood)
                )
        return _compiled[model, likelihood.name]


def sample(
    model: type[SIModel], data: Transitions, likelihood: Likelihood, *, seed: int, settings: SamplerSettings
) -> az.InferenceData:
    """Draw from the posterior.

    Returns
    -------
    arviz.InferenceData
        Groups `posterior` (rates per unit of the data's time) and `sample_stats`.

    Raises
    ------
    JobError
        When the sampler gives up.
    """
    program = compiled(model, data, likelihood)
    # A model that does not look at time has no such data once compiled.
    arrays = {name: value for name, value in window_data(data).items() if name in program.shared_data}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trace = nutpie.sample(
                program.with_data(**arrays),
                draws=settings.draws,
                tune=settings.tune,
                chains=settings.chains,
                target_accept=settings.target_accept,
                seed=seed,
                progress_bar=False,
                save_warmup=False,
            )
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise JobError(f"the sampler gave up on the {model.name} model ({reason})") from error
    # The parameters follow from the coordinates by the model's own formula; compiling it once more would cost seconds.
    posterior = trace.posterior.assign(model.from_coordinates(trace.posterior))[posterior_names(model, likelihood)]
    for name in rates(model):
        posterior[name] = posterior[name] / data.window
    stats = trace.sample_stats
    kept = [name for name in ("diverging", "energy", "logp", "n_steps", "step_size", "depth") if name in stats]
    return az.InferenceData(posterior=posterior, sample_stats=stats[kept])
