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
from .verdict import Rival, Verdict, VerdictInput, challenge, judge, plural

Report = Callable[[str, int, int], None]
"""Called with what begins now, and the numbers of the condition's fits done and in all."""


class RivalModel(NamedTuple):
    """Another explanation of what looks like two rates."""

    model: type[SIModel]
    replicate_effects: bool = False
    continuous: bool = False
    """Whether in continuous time, where all else is in rounds."""


RIVALS = (
    RivalModel(GammaRateSI),
    RivalModel(OnlineOfflineSI),
    RivalModel(OneRateSI, replicate_effects=True),
    # In rounds, one rate of continuous time seems to slow down. Not the other way round.
    RivalModel(OneRateSI, continuous=True),
)
"""All of them; which are fitted depends on the data, see :meth:`ConditionComparison.compared`."""


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


class ConditionComparison:
    """One condition: its data, its fits, and what is concluded from them.

    Parameters
    ----------
    condition : dict
        Values of the condition columns.
    observe : callable
        Gives the data as a specification takes them; may raise an InputError.
    specifications : sequence of Specification
        What is compared.
    options : Options
        How.
    report : callable
        Called with what begins now, and the numbers of fits done and in all.
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
        self._observe, self._tell = observe, report
        self.data: Transitions
        self.fits: dict[str, Posterior] = {}
        self.elpds: dict[str, Elpd] = {}
        self.problems: dict[str, list[str]] = {}
        self.summaries: dict[str, pd.DataFrame] = {}
        self._drawings: dict[Specification, SamplingRun] = {}
        self._data: dict[Clock, Transitions] = {}
        self._begun = False
        self._error: InputError | None = None

    def begin(self) -> None:
        """Take in the data, and sample in the background; errors are raised by :meth:`compared`."""
        if self._begun:
            return
        self._begun = True
        try:
            self.data = self._data_of(self.specifications[0])
            self._draw(self.specifications)
        except InputError as error:
            self._error = error

    def abort(self) -> None:
        """Stop what was begun."""
        for drawing in self._drawings.values():
            drawing.abort()
        self._drawings.clear()

    def compared(self, on_first_posterior: Callable[[], None] | None = None) -> ConditionResult:
        """Fit, judge, challenge.

        Parameters
        ----------
        then : callable, optional
            Called when the first posterior is there: from then on the processor would rest now and then.

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
        for specification, drawn in self._drawn("fitting", self.specifications, on_first_posterior):
            if isinstance(drawn, JobError):
                raise drawn
            self.finish(specification, drawn)
        pair = self._pair()
        elpd_diff, dse = float("nan"), float("nan")
        verdict: Verdict = "undecided"
        reasons = ["the verdict is between one-rate and two-rate; not both were fitted"]
        challenged_by: list[str] = []
        fitted = list(self.specifications)
        if pair is not None:
            one, two = pair
            elpd_diff, dse = self.difference(two, one)
            verdict, reasons = judge(
                VerdictInput(
                    elpd_diff=elpd_diff,
                    dse=dse,
                    n_observations=self.data.size,
                    bad_k={name: int(self.elpds[name].high_k_units.size) for name in (one, two)},
                    problems={name: self.problems[name] for name in (one, two)},
                    closure=self.options.method.closure,
                    unit=self.options.method.unit,
                    n_units=self.elpds[two].pointwise.size,
                    n_later=int((self.data.exposure_start > 0).sum()),
                    n_sharers=int(self.data.incidence.sum()),
                    doubted_clock=self._clock_may_be_other and not self.options.challenge,
                )
            )
            if verdict == "two-rate" and self.options.challenge:
                rivals = self._rivals()
                challenged_by, said = self._challenged(rivals, two)
                reasons += said
                fitted += [rival for rival in rivals if rival not in fitted and rival.name in self.fits]
        cautions = list(self.data.cautions)
        if self.specifications[0].likelihood.kind == "trajectory":
            cautions.append(
                "caution: deviations from one curve depend on each other, which this likelihood does not know: "
                "intervals are too narrow and differences in elpd overstated"
            )
        if self.options.predict_from is not None and not self.has_future:
            cautions.append(
                f"nothing could be predicted from {self.options.predict_from:g}: no past or no future there"
            )
        weights = stacking_weights(self.elpds)
        models = {spec.name: self._result(spec, weights[spec.name]) for spec in fitted}
        return ConditionResult(
            condition=self.condition,
            verdict=verdict,
            reasons=[*reasons, *cautions],
            challenged_by=challenged_by,
            elpd_diff=elpd_diff,
            dse=dse,
            **self.options.method._asdict(),
            n_observations=self.data.size,
            n_increments=self.data.n_increments,
            models=models,
            posteriors=Posteriors(self.fits),
            predict_from=self.options.predict_from,
        )

    def undecided(self, reason: str) -> ConditionResult:
        """Return the result where nothing could be compared."""
        nan = float("nan")
        return ConditionResult(
            condition=self.condition,
            verdict="undecided",
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

    def _draw(self, specifications: Sequence[Specification]) -> None:
        for specification in specifications:
            self._drawings[specification] = self._begin(specification, self._data_of(specification))

    def _drawn(
        self, doing: str, specifications: Sequence[Specification], on_first_posterior: Callable[[], None] | None = None
    ) -> Iterator[tuple[Specification, SampledPosterior | JobError]]:
        """Wait for one posterior after the other; the rest are sampled while the caller works out what follows."""
        for number, specification in enumerate(specifications, start=1):
            self.report(f"{doing} {specification.name}")
            result = _result(self._drawings[specification])
            del self._drawings[specification]
            if number == 1 and on_first_posterior:
                on_first_posterior()
            yield specification, result

    def report(self, what: str) -> None:
        """Tell what begins now."""
        label = condition_label(self.condition)
        self._tell(what + (f" ({label})" if label else ""), len(self.fits), len(self.specifications))

    @property
    def _clock_may_be_other(self) -> bool:
        """Whether time is taken in rounds, and nothing says that it is the data's clock."""
        return self.options.method.clock == "rounds" and not self.options.clock_known

    def _data_of(self, specification: Specification) -> Transitions:
        """The data as a specification takes them; exposure depends on its clock."""
        if specification.clock not in self._data:
            self._data[specification.clock] = self._observe(specification)
        return self._data[specification.clock]

    @property
    def has_future(self) -> bool:
        """Whether there is a future to be predicted, and a past to learn from."""
        return self.options.predict_from is not None and can_predict(self.data, self.options.predict_from)

    def _begin(self, specification: Specification, data: Transitions) -> SamplingRun:
        return start_sampling(specification, data, seed=self.options.seed, settings=self.options.sampler)

    def finish(self, specification: Specification, drawn: SampledPosterior) -> None:
        """Work out what follows from a posterior, and leave one out."""
        options, name, all_data = self.options, specification.name, self._data_of(specification)
        posterior = complete(drawn, specification, all_data, options.seed)
        elpd = loo(specification, posterior, all_data, options.method.unit)

        def refitted(data: Transitions) -> NDArray[np.float64] | None:
            self.report(f"refitting {specification.name} without one {options.method.unit}")
            again = _result(self._begin(specification, data))
            if isinstance(again, JobError) or again.problems:
                return None
            return unit_log_likelihood(
                specification, group(again.posterior, "posterior"), all_data, options.method.unit
            )

        self.elpds[name] = refit_bad(elpd, all_data, options.method.unit, refitted, options.max_refits)
        add_groups(posterior, loo=self.elpds[name].to_dataset())
        self.summaries[name] = drawn.summary.assign(prior_sensitivity=prior_sensitivity(posterior))
        self.fits[name], self.problems[name] = posterior, drawn.problems

    def difference(self, first: str, second: str) -> tuple[float, float]:
        """Difference in elpd between two models, and its standard error."""
        return elpd_difference(self.elpds[first].pointwise, self.elpds[second].pointwise)

    def _pair(self) -> tuple[str, str] | None:
        names = {specification.model.name: specification.name for specification in self.specifications}
        return (names["one-rate"], names["two-rate"]) if {"one-rate", "two-rate"} <= set(names) else None

    def _rivals(self) -> list[Specification]:
        """Rivals that the data can tell: effects of replicates need several, and are no rival where all have them."""
        like = self.specifications[0]
        found = []
        for rival in RIVALS:
            if rival.replicate_effects and (like.replicate_effects or len(self.data.paths) < 2):
                continue
            if rival.continuous and not self._clock_may_be_other:
                continue
            found.append(
                dataclasses.replace(
                    like,
                    model=rival.model,
                    replicate_effects=rival.replicate_effects or like.replicate_effects,
                    clock="continuous" if rival.continuous else like.clock,
                    names_clock=rival.continuous,
                )
            )
        return found

    def _challenged(self, rivals: Sequence[Specification], two: str) -> tuple[list[str], list[str]]:
        failures = {}
        new = [rival for rival in rivals if rival.name not in self.fits]
        self._draw(new)
        for rival, drawn in self._drawn("challenge by", new):
            if isinstance(drawn, JobError):
                failures[rival.name] = str(drawn)
            else:
                self.finish(rival, drawn)
        entries = []
        for rival in rivals:
            if rival.name in failures:
                entries.append(Rival(rival.name, np.nan, np.nan, rival.n_parameters, [failures[rival.name]]))
                continue
            doubts = list(self.problems[rival.name])
            if n_high_k := self.elpds[rival.name].high_k_units.size:
                doubts.append(f"high Pareto k of {n_high_k} {plural(self.options.method.unit)}")
            entries.append(Rival(rival.name, *self.difference(rival.name, two), rival.n_parameters, doubts))
        n_parameters = next(spec.n_parameters for spec in self.specifications if spec.name == two)
        challenged_by, reasons = challenge(entries, n_parameters)
        if any(rival.names_clock and rival.name in challenged_by for rival in rivals):
            reasons.append("if the data's time is continuous, one rate may do: compare under the continuous clock")
        return challenged_by, reasons

    def _result(self, specification: Specification, weight: float) -> ModelResult:
        options, name = self.options, specification.name
        asked = specification in self.specifications
        return ModelResult(
            specification=specification,
            elpd=self.elpds[name],
            weight=weight,
            parameters=self.summaries[name],
            derived=derive(specification, self.fits[name], self._data_of(specification)),
            problems=self.problems[name],
            rival=not asked,
            log_evidence=self._evidence(specification) if options.evidence and asked else None,
            elpd_future=self._future(specification) if self.has_future and asked else None,
        )

    def _evidence(self, specification: Specification) -> float:
        self.report(f"evidence of {specification.name}")
        return log_evidence(specification, self.data, seed=self.options.seed)

    def _future(self, specification: Specification) -> NDArray[np.float64]:
        start = float(self.options.predict_from or 0.0)
        future = self.data.time > start
        self.report(f"predicting from {start:g} by {specification.name}")
        # The window of the past alone: the priors must not know how long the future is.
        seen = dataclasses.replace(
            self.data,
            weight=np.where(future, 0.0, self.data.weight),
            window=float(self.data.time_end[~future].max()),
        )
        drawn = self._begin(specification, seen).result()
        return future_density(specification, group(drawn.posterior, "posterior"), self.data, future)


def _result(drawing: SamplingRun) -> SampledPosterior | JobError:
    try:
        return drawing.result()
    except JobError as error:
        return error


def can_predict(data: Transitions, start: float) -> bool:
    """Whether a time parts the data into a past to learn from and a future to predict."""
    future = data.time > start
    return bool(future.any() and np.any(data.incidence[~future] > 0))
