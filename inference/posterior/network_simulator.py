"""A fitted model on the networks of its data: draws from its posterior with all that they need to predict shares."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...models import SIModel, get_model
from ...simulate.histories import EventHistories
from ..likelihood.likelihoods import LIKELIHOODS
from ..likelihood.specification import DISPERSION, REPLICATE_EFFECT, REPLICATE_SD, Specification
from .arviz_adapter import group
from .fitting import covariates_of, draws_of, effects_of
from .network_prediction import designs_of_all, draws_within_reach, simulate_shares
from .pacing import Pacing, pacing_of

FloatArray = NDArray[np.float64]


class AgentDraws(NamedTuple):
    """Draws for the agents of a trajectory: parameters by name, factors on exposure, and the weight of exposure."""

    values: dict[str, FloatArray]
    factor: FloatArray
    pacing: Pacing | None


class NetworkSimulator:
    """Simulates a fitted model on the networks of its data, with draws from its posterior."""

    def __init__(
        self, posterior: Any, histories: EventHistories, model: type[SIModel] | None, rng: np.random.Generator
    ) -> None:
        self._posterior, self._histories, self._rng = posterior, histories, rng
        self.model = model or get_model(posterior.attrs["model"])
        self.clock = posterior.attrs["clock"]
        covariates = covariates_of(posterior)
        self._designs = designs_of_all(histories, posterior.attrs["clock"], covariates) if covariates else []
        if self._designs and list(self._designs[0].labels) != list(group(posterior, "posterior")["effect"].to_numpy()):
            raise InputError(
                f"{histories.source}: its agents have other levels of {' and '.join(covariates)} than those of the "
                "fit; predict from the data of the fit"
            )

    def shares(
        self, number: int, given: FloatArray, *, start: float, until: float, n_draws: int, label: str = ""
    ) -> FloatArray:
        """Simulate a trajectory; see :func:`simulate_shares`. Times are since its start; `label` as in `drawn`."""
        attrs, network = self._posterior.attrs, self._histories.network_of(number)
        n_own = draws_within_reach(n_draws, network.n_agents, until - start, attrs["clock"])
        draws = self.draws(number, n_own, label)
        return simulate_shares(
            self.model,
            draws.values,
            network,
            given,
            until=until,
            clock=attrs["clock"],
            rng=self._rng,
            contact=attrs["contact"],
            start=start,
            factor=draws.factor,
            pacing=draws.pacing,
            begin=float(self._histories.starts[number]),
        )

    def draws(self, number: int, n_draws: int, label: str = "") -> AgentDraws:
        """Choose draws for the agents of a trajectory; `label` as in :func:`drawn`."""
        values, factor, _, chosen = drawn(self._posterior, self.model, self._rng, n_draws, label)
        if self._designs:
            effects, own = effects_of(group(self._posterior, "posterior"))[chosen], self._designs[number]
            factor = Specification.covariate_factors(effects, own.matrix)[:, own.group]
        times = np.concatenate([self._histories.starts, self._histories.ends])
        return AgentDraws(values, factor, pacing_of(self._posterior, self.model, values, times))


def drawn(
    posterior: Any, model: type[SIModel] | None, rng: np.random.Generator, n_draws: int, label: str = ""
) -> tuple[dict[str, FloatArray], FloatArray, FloatArray, NDArray[np.int64]]:
    """Choose draws; return parameters, the factor of replicate `label` or a new one, dispersion, and their numbers."""
    model, parameters = model or get_model(posterior.attrs["model"]), group(posterior, "posterior")
    values = draws_of(model, parameters)
    total = next(iter(values.values())).size
    chosen = rng.choice(total, size=min(total, max(1, n_draws)), replace=False)
    values = {name: value[chosen] for name, value in values.items()}
    dispersion, factor = np.zeros(chosen.size), np.ones(chosen.size)
    # The dispersion of a trajectory likelihood describes deviations from the curve, not variation within a round.
    if DISPERSION in parameters and LIKELIHOODS[posterior.attrs["likelihood"]].kind == "transition":
        dispersion = np.asarray(parameters[DISPERSION]).ravel()[chosen]
    if REPLICATE_SD in parameters:
        sd = np.asarray(parameters[REPLICATE_SD]).ravel()
        effects = parameters[REPLICATE_EFFECT].transpose("chain", "draw", "replicate")
        labels = list(effects["replicate"].to_numpy())
        if label in labels:
            # An observed replicate keeps its own factor.
            effects_by_draw = effects.to_numpy().reshape(sd.size, -1)
            factor = Specification.replicate_factors(sd[:, None], effects_by_draw)[chosen, labels.index(label)]
        else:
            # A future run is a new replicate. The rate is the mean of the observed replicates, not of all replicates.
            factor = np.exp(sd[chosen] * np.sqrt(1 + 1 / len(labels)) * rng.standard_normal(chosen.size))
    return values, factor, dispersion, chosen
