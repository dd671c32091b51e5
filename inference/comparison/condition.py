"""The comparison of models on one condition: fits, leave-one-out, verdict, challenge."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError, JobError
from ...models import GammaRateSI, OneRateSI, OnlineOfflineSI, SIModel
from ...models.clock import Clock
from ..data.observations import Transitions
from ..likelihood.specification import Specification
from ..loo.loo import (
    Elpd,
    elpd_difference,
    future_density,
    loo,
    of_each_agent,
    refit_bad,
    stacking_weights,
    unit_log_likelihood,
)
from ..posterior.arviz_adapter import Posterior, add_groups, group
from ..posterior.derived_quantities import derive
from ..posterior.diagnostics import prior_sensitivity
from ..posterior.fit_target import start_sampling
from ..posterior.fitting import complete
from ..posterior.marginal_likelihood import log_evidence
from ..posterior.posteriors import Posteriors
from ..posterior.sampling import SampledPosterior, SamplerSettings, SamplingRun
from .results import ComparisonMethod, ConditionResult, ModelResult, condition_label
from .verdict import Doubt, Judgement, Rival, VerdictInput, challenge, judge, plural

Report = Callable[[str, int, int], None]
"""Called with what begins now, the number of fits of the condition that are done, and their number in all."""


class RivalModel(NamedTuple):
    """A rival explanation of what looks like two rates."""

    model: type[SIModel]
    replicate_effects: bool = False
    continuous: bool = False
    """Whether the rival is in continuous time, where the comparison is in rounds."""


RIVALS = (
    RivalModel(GammaRateSI),
    RivalModel(OnlineOfflineSI),
    RivalModel(OneRateSI, replicate_effects=True),
    # One rate in continuous time seems to slow down when time is taken in rounds. The reverse does not happen.
    RivalModel(OneRateSI, continuous=True),
)
"""All rivals. The data decide which of them are fitted."""


@dataclass(frozen=True)
class Options:
    """How conditions are compared; fields as the arguments of :func:`tworate.inference.compare`."""

    method: ComparisonMethod
    seed: int
    sampler: SamplerSettings
    challenge: bool
    max_refits: int
    predict_from: float | None
    evidence: bool
    clock_known: bool
    """Whether the clock is that of the simulation that made the data."""


@dataclass(frozen=True)
class ModelFit:
    """One model as it was fitted to one condition.

    Parameters
    ----------
    specification : Specification
        The model.
    posterior : Posterior
        The fit, with all its groups.
    elpd : Elpd
        Leave-one-out.
    summary : pandas.DataFrame
        See :func:`tworate.inference.posterior.diagnostics.summarize`; with `prior_sensitivity`.
    problems : list of str
        What is wrong with the sampling; empty when all is well.
    """

    specification: Specification
    posterior: Posterior
    elpd: Elpd
    summary: pd.DataFrame
    problems: list[str]


class ConditionComparison:
    """One condition: its data, its fits, and what is concluded from them.

    Parameters
    ----------
    condition : dict
        Values of the condition columns.
    observe : callable
        Returns the data as a specification takes them; may raise an InputError.
    specifications : sequence of Specification
        The models that are compared.
    options : Options
        How they are compared.
    report : callable
        Called with what begins now, the number of fits done, and their number in all.
    """

    def __init__(
        self,
        condition: dict[str, Any],
        observe: Callable[[Specification], Transitions],
        specifications: Sequence[Specification],
        options: Options,
        report: Report,
    ) -> None:
        self.condition, self.specifications, self.options = condition, specifications, options
        self._observe, self._report = observe, report
        self.data: Transitions
        self.fits: dict[str, ModelFit] = {}
        self._runs: dict[Specification, SamplingRun] = {}
        self._data: dict[tuple[Clock, bool, bool], Transitions] = {}
        self._begun = False
        self._error: InputError | None = None

    def begin(self) -> None:
        """Take in the data and start sampling in the background. Errors are raised by :meth:`compared`."""
        if self._begun:
            return
        self._begun = True
        try:
            self.data = self._data_of(self.specifications[0])
            self._start(self.specifications)
        except InputError as error:
            self._error = error

    def abort(self) -> None:
        """Stop all sampling that is still running."""
        for run in self._runs.values():
            run.abort()
        self._runs.clear()

    def compared(self, on_first_posterior: Callable[[], None] | None = None) -> ConditionResult:
        """Fit the models, judge them, and challenge a two-rate verdict.

        Parameters
        ----------
        on_first_posterior : callable, optional
            Called when the first posterior has arrived, which is when cores start to idle.

        Raises
        ------
        InputError
            When the data cannot be compared.
        JobError
            When the sampler gives up.
        """
        self.begin()
        if self._error:
            raise self._error
        try:
            return self._compared(on_first_posterior)
        finally:
            self.abort()

    def _compared(self, on_first_posterior: Callable[[], None] | None) -> ConditionResult:
        for specification, sampled in self._sampled("fitting", self.specifications, on_first_posterior):
            if isinstance(sampled, JobError):
                raise sampled
            self.finish(specification, sampled)
        elpd_diff, dse = float("nan"), float("nan")
        judgement = Judgement(
            "undecided",
            (Doubt.NOT_COMPARED,),
            ("the verdict is between one-rate and two-rate; not both were fitted",),
        )
        reasons: list[str] = []
        challenged_by: list[str] = []
        fitted = list(self.specifications)
        if (pair := self._pair()) is not None:
            one, two = pair
            elpd_diff, dse = self.difference(two, one)
            judgement = judge(self._verdict_input(elpd_diff, dse, pair))
            if judgement.verdict == "two-rate" and self.options.challenge:
                rivals = self._rivals()
                challenged_by, reasons = self._challenged(rivals, two)
                fitted += [rival for rival in rivals if rival not in fitted and rival.name in self.fits]
        weights = stacking_weights({name: fit.elpd for name, fit in self.fits.items()})
        return ConditionResult(
            condition=self.condition,
            verdict=judgement.verdict,
            doubts=[doubt.name for doubt in judgement.doubts],
            reasons=[*judgement.reasons, *reasons, *self._cautions()],
            challenged_by=challenged_by,
            elpd_diff=elpd_diff,
            dse=dse,
            **self.options.method._asdict(),
            n_observations=self._n_observations,
            n_increments=self.data.n_increments,
            models={spec.name: self._result(spec, weights[spec.name]) for spec in fitted},
            posteriors=Posteriors({name: fit.posterior for name, fit in self.fits.items()}),
            predict_from=self.options.predict_from,
        )

    def undecided(self, reason: str) -> ConditionResult:
        """Return the result where nothing could be compared."""
        nan = float("nan")
        return ConditionResult(
            condition=self.condition,
            verdict="undecided",
            doubts=[Doubt.NOT_COMPARED.name],
            reasons=[reason],
            challenged_by=[],
            elpd_diff=nan,
            dse=nan,
            **self.options.method._asdict(),
            n_observations=0,
            n_increments=0,
            models={},
            posteriors=Posteriors({}),
        )

    def _verdict_input(self, elpd_diff: float, dse: float, pair: tuple[str, str]) -> VerdictInput:
        return VerdictInput(
            elpd_diff=elpd_diff,
            dse=dse,
            n_observations=self._n_observations,
            bad_k={name: int(self.fits[name].elpd.high_k_units.size) for name in pair},
            problems={name: self.fits[name].problems for name in pair},
            closure=self.options.method.closure,
            unit=self.options.method.unit,
            n_units=self.fits[pair[1]].elpd.pointwise.size,
            n_later=self._n_later,
            n_sharers=int(self.data.incidence.sum()),
            doubted_clock=self._clock_is_assumed and not self.options.challenge,
        )

    @property
    def _n_observations(self) -> int:
        """Number of increments, or of agents of event histories."""
        return self.data.size if self.data.units is None else self.data.units.agent.size

    @property
    def _n_later(self) -> int:
        """Number of observations that begin after some exposure."""
        later = self.data.exposure_start > 0
        return int(later.sum() if self.data.units is None else self.data.n_susceptible[later].sum())

    def _cautions(self) -> list[str]:
        """Return what in the data or the likelihood the model of the process does not provide for."""
        cautions = list(self.data.cautions)
        if self.specifications[0].likelihood.kind == "trajectory":
            cautions.append(
                "caution: this likelihood takes deviations from one curve as independent, which they are not: "
                "intervals are too narrow and differences in elpd overstated"
            )
        if self.options.predict_from is not None and not self.has_future:
            cautions.append(
                f"nothing could be predicted from {self.options.predict_from:g}: no past or no future there"
            )
        return cautions

    def _start(self, specifications: Sequence[Specification]) -> None:
        for specification in specifications:
            self._runs[specification] = self._run(specification, self._data_of(specification))

    def _sampled(
        self,
        doing: str,
        specifications: Sequence[Specification],
        on_first_posterior: Callable[[], None] | None = None,
    ) -> Iterator[tuple[Specification, SampledPosterior | JobError]]:
        """Wait for one posterior after the other. The others are sampled while the caller works on one."""
        for number, specification in enumerate(specifications, start=1):
            self.report(f"{doing} {specification.name}")
            result = _result_of(self._runs[specification])
            del self._runs[specification]
            if number == 1 and on_first_posterior:
                on_first_posterior()
            yield specification, result

    def report(self, what: str) -> None:
        """Report what begins now."""
        label = condition_label(self.condition)
        self._report(what + (f" ({label})" if label else ""), len(self.fits), len(self.specifications))

    @property
    def _clock_is_assumed(self) -> bool:
        """Whether time is taken in rounds although nothing says that rounds are the clock of the data."""
        return self.options.method.clock == "rounds" and not self.options.clock_known

    def _data_of(self, specification: Specification) -> Transitions:
        """Return the data as a specification takes them.

        Exposure depends on the clock. Agents of event histories are kept apart by trajectory or time where the model
        looks at it.
        """
        of_agents = specification.level == "individual"
        key = (
            specification.clock,
            of_agents and specification.model.uses_time(),
            of_agents and specification.replicate_effects,
        )
        if key not in self._data:
            self._data[key] = self._observe(specification)
        return self._data[key]

    @property
    def has_future(self) -> bool:
        """Whether there is a future to be predicted, and a past to learn from."""
        return self.options.predict_from is not None and can_predict(self.data, self.options.predict_from)

    def _run(self, specification: Specification, data: Transitions) -> SamplingRun:
        return start_sampling(specification, data, seed=self.options.seed, settings=self.options.sampler)

    def finish(self, specification: Specification, sampled: SampledPosterior) -> None:
        """Compute what follows from a posterior, and leave out each unit."""
        options, data = self.options, self._data_of(specification)
        unit = options.method.unit
        posterior = complete(sampled, specification, data, options.seed)

        def refitted(without_some: Transitions) -> NDArray[np.float64] | None:
            self.report(f"refitting {specification.name} without one {unit}")
            again = _result_of(self._run(specification, without_some))
            if isinstance(again, JobError) or again.problems:
                return None
            return unit_log_likelihood(specification, group(again.posterior, "posterior"), data, unit)

        elpd = refit_bad(loo(specification, posterior, data, unit), data, unit, refitted, options.max_refits)
        if unit == "agent":
            elpd = of_each_agent(elpd, data)
        add_groups(posterior, loo=elpd.to_dataset())
        summary = sampled.summary.assign(prior_sensitivity=prior_sensitivity(posterior))
        self.fits[specification.name] = ModelFit(specification, posterior, elpd, summary, sampled.problems)

    def difference(self, first: str, second: str) -> tuple[float, float]:
        """Return the difference in elpd between two models, and its standard error."""
        return elpd_difference(self.fits[first].elpd.pointwise, self.fits[second].elpd.pointwise)

    def _pair(self) -> tuple[str, str] | None:
        names = {specification.model.name: specification.name for specification in self.specifications}
        return (names["one-rate"], names["two-rate"]) if {"one-rate", "two-rate"} <= set(names) else None

    def _rivals(self) -> list[Specification]:
        """Return the rivals that the data can tell apart from two rates.

        Replicate effects need several replicates, and are no rival where all models have them.
        """
        like = self.specifications[0]
        rivals = []
        for rival in RIVALS:
            if rival.replicate_effects and (like.replicate_effects or len(self.data.paths) < 2):
                continue
            if rival.continuous and not self._clock_is_assumed:
                continue
            rivals.append(
                dataclasses.replace(
                    like,
                    model=rival.model,
                    replicate_effects=rival.replicate_effects or like.replicate_effects,
                    clock="continuous" if rival.continuous else like.clock,
                    names_clock=rival.continuous,
                )
            )
        return rivals

    def _challenged(self, rivals: Sequence[Specification], two: str) -> tuple[list[str], list[str]]:
        failures = {}
        new = [rival for rival in rivals if rival.name not in self.fits]
        self._start(new)
        for rival, sampled in self._sampled("challenge by", new):
            if isinstance(sampled, JobError):
                failures[rival.name] = str(sampled)
            else:
                self.finish(rival, sampled)
        entries = []
        for rival in rivals:
            if rival.name in failures:
                entries.append(Rival(rival.name, np.nan, np.nan, rival.n_parameters, [failures[rival.name]]))
                continue
            fit = self.fits[rival.name]
            doubts = list(fit.problems)
            if n_high_k := fit.elpd.high_k_units.size:
                doubts.append(f"high Pareto k of {n_high_k} {plural(self.options.method.unit)}")
            entries.append(Rival(rival.name, *self.difference(rival.name, two), rival.n_parameters, doubts))
        challenged_by, reasons = challenge(entries, self.fits[two].specification.n_parameters)
        if any(rival.names_clock and rival.name in challenged_by for rival in rivals):
            reasons.append("if the data's time is continuous, one rate may do: compare under the continuous clock")
        return challenged_by, reasons

    def _result(self, specification: Specification, weight: float) -> ModelResult:
        options, fit = self.options, self.fits[specification.name]
        is_rival = specification not in self.specifications
        return ModelResult(
            specification=specification,
            elpd=fit.elpd,
            weight=weight,
            parameters=fit.summary,
            derived=derive(specification, fit.posterior, self._data_of(specification)),
            problems=fit.problems,
            rival=is_rival,
            log_evidence=self._log_evidence(specification) if options.evidence and not is_rival else None,
            elpd_future=self._future(specification) if self.has_future and not is_rival else None,
        )

    def _log_evidence(self, specification: Specification) -> float:
        self.report(f"evidence of {specification.name}")
        return log_evidence(specification, self.data, seed=self.options.seed)

    def _future(self, specification: Specification) -> NDArray[np.float64]:
        start = float(self.options.predict_from or 0.0)
        self.report(f"predicting from {start:g} by {specification.name}")
        past, future = split_at(self.data, start)
        sampled = self._run(specification, past).result()
        return future_density(specification, group(sampled.posterior, "posterior"), self.data, future)


def _result_of(run: SamplingRun) -> SampledPosterior | JobError:
    try:
        return run.result()
    except JobError as error:
        return error


def split_at(data: Transitions, start: float) -> tuple[Transitions, NDArray[np.bool_]]:
    """Return the data without what comes after a time, and which observations come after it.

    The window of the priors is that of the past alone: the priors must not know how long the future is.
    """
    future = data.time > start
    weight = np.where(future, 0.0, data.weight)
    return dataclasses.replace(data, weight=weight, window=float(data.time_end[~future].max())), future


def can_predict(data: Transitions, start: float) -> bool:
    """Return whether a time parts the data into a past to learn from and a future to predict."""
    future = data.time > start
    return bool(future.any() and np.any(data.incidence[~future] > 0))
