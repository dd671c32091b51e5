"""Comparing the models on each condition: the central output."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError, JobError
from ..models import GammaRateSI, OneRateSI, OnlineOfflineSI, SIModel, all_models, get_model
from ..simulate import Trajectories
from ..simulate.trajectories import as_trajectories
from .derived import derive
from .diagnostics import prior_sensitivity
from .evidence import log_evidence
from .fitting import Drawing, Drawn, check_closure_of, check_names, complete, observed
from .likelihoods import LIKELIHOODS
from .loo import UNITS, Elpd, elpd_difference, future_density, loo, refit_bad, stacking_weights, unit_log_likelihood
from .observations import Transitions, choose_closure, pooled_conditions
from .posteriors import MOST_IN_MEMORY, Posteriors, Spill
from .results import Comparison, ConditionResult, Method, ModelResult, condition_label
from .sampling import SamplerSettings
from .specification import Specification
from .verdict import Evidence, Rival, Verdict, challenge, judge, plural

ModelLike = str | type[SIModel]
Progress = Callable[[str, int, int], None]
"""Called with what begins now, and the numbers of fits done and in all, those of rivals apart."""

DEFAULT_MODELS: tuple[ModelLike, ...] = ("one-rate", "two-rate")
RIVALS = ((GammaRateSI, False), (OnlineOfflineSI, False), (OneRateSI, True))
"""Other explanations of what looks like two rates: models, and whether replicates have effects."""
MOST_REFITS = 10
"""With more observations than this of high Pareto k none is refitted."""


@dataclass(frozen=True)
class _Options:
    method: Method
    seed: int
    sampler: SamplerSettings
    challenge: bool
    max_refits: int
    predict_from: float | None
    evidence: bool


def compare(
    trajectories: "Trajectories | pd.DataFrame | str | Path",
    models: ModelLike | Sequence[ModelLike] = DEFAULT_MODELS,
    by: str | Sequence[str] | None = None,
    *,
    likelihood: str = "beta-binomial",
    closure: str | None = None,
    clock: str = "rounds",
    unit: str = "increment",
    replicate_effects: bool = False,
    challenge: bool = True,
    max_refits: int = MOST_REFITS,
    predict_from: float | None = None,
    evidence: bool = False,
    seed: int = 0,
    sampler: SamplerSettings | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare SI models on trajectories: does the spread need one transmission rate or two?

    Parameters
    ----------
    trajectories : Trajectories, DataFrame or path
        The data, see :class:`tworate.simulate.Trajectories`.
    models : sequence of str or type of SIModel
        Models to compare; the verdict is between one-rate and two-rate.
    by : str or sequence of str, optional
        Condition columns: each condition is compared apart.
    likelihood, closure, clock, replicate_effects, sampler
        See :func:`tworate.inference.fit`.
    unit : {"increment", "trajectory"}
        What leave-one-out leaves out at a time.
    challenge : bool
        Whether a two-rate verdict is challenged by rivals: gamma-rate, online-offline, and one rate that differs
        between replicates.
    max_refits : int
        Up to this many units of high Pareto k are left out exactly, by refitting; with more they are counted.
    predict_from : float, optional
        Also fit each model to the data up to this time and say how well it predicts the rest of the curves.
    evidence : bool
        Also estimate each model's log marginal likelihood by sequential Monte Carlo; takes a minute or more a model.
    seed : int
        Seed of every fit, so that a condition gives the same result alone or among many.
    progress : callable, optional
        Called when each fit begins.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        When the data or a name cannot be used.

    Examples
    --------
    >>> from tworate import compare, random_regular, spread
    >>> network = random_regular(500, degree=8, seed=1)
    >>> data = spread(network, [[0.10]], replicates=5, seed=2)  # every agent alike
    >>> comparison = compare(data, seed=3)
    >>> comparison.verdict
    'one-rate'
    >>> list(comparison.table["model"])
    ['one-rate', 'two-rate']
    """
    check_names(likelihood, clock, seed)
    if unit not in UNITS:
        raise InputError(f"unit {unit!r} is unknown; choose one of {', '.join(UNITS)}")
    data = as_trajectories(trajectories)
    try:
        asked = [models] if isinstance(models, str | type) else models
        classes = list(dict.fromkeys(get_model(model) for model in asked))
    except ValueError as error:
        raise InputError(str(error)) from error
    if not classes:
        raise InputError("no models to compare; name at least one")
    _check_models(classes)
    if predict_from is not None and not np.isfinite(predict_from):
        raise InputError(f"predict_from = {predict_from}: must be a time of the data")
    columns = [by] if isinstance(by, str) else list(by or [])
    parts = list(data.split(columns))
    method = Method(*choose_closure(data, closure), likelihood, clock, unit)  # type: ignore[arg-type]
    specifications = [
        Specification(model, LIKELIHOODS[likelihood], clock, replicate_effects)  # type: ignore[arg-type]
        for model in classes
    ]
    for specification in specifications:
        check_closure_of(specification, method.closure)
    options = _Options(method, seed, sampler or SamplerSettings(), challenge, max_refits, predict_from, evidence)
    spill = Spill() if len(parts) > MOST_IN_MEMORY else None
    results = []
    for position, (condition, part) in enumerate(parts):

        def report(what: str, done: int, position: int = position, label: str = condition_label(condition)) -> None:
            if progress:
                n = len(specifications)
                progress(what + (f" ({label})" if label else ""), position * n + min(done, n - 1), len(parts) * n)

        try:
            observations = observed(part, method.closure, specifications[0])
            if pooled := pooled_conditions(part, columns):
                observations = dataclasses.replace(observations, cautions=(*observations.cautions, pooled))
            work = _Condition(observations, specifications, options, report)
            if predict_from is not None and len(parts) == 1 and not work.has_future:
                raise InputError(
                    f"predict_from = {predict_from:g}: must lie within the observed times, after somebody has shared "
                    "and before the end"
                )
            result = work.compared(condition)
        except (InputError, JobError) as error:
            # One condition that tells nothing, or that defeats the sampler, must not take the others with it.
            if len(parts) == 1:
                raise
            result = _undecided(condition, method, str(error))
        if spill:
            kept = result.posteriors.spilled(spill, f"{position}-")
            result = dataclasses.replace(result, posteriors=kept)
        results.append(result)
    return Comparison(results, data, columns, seed)


class _Condition:
    """The fits of one condition."""

    def __init__(
        self,
        data: Transitions,
        specifications: Sequence[Specification],
        options: _Options,
        report: Callable[[str, int], None],
    ) -> None:
        self.data, self.specifications, self.options, self.report = data, specifications, options, report
        self.fits: dict[str, az.InferenceData] = {}
        self.elpds: dict[str, Elpd] = {}
        self.problems: dict[str, list[str]] = {}
        self.summaries: dict[str, pd.DataFrame] = {}
        self.has_future = options.predict_from is not None and _splits(data, options.predict_from)

    def compared(self, condition: dict[str, Any]) -> ConditionResult:
        """Fit, judge, challenge."""
        for specification, drawn in self._drawn("fitting", self.specifications):
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
                Evidence(
                    elpd_diff=elpd_diff,
                    dse=dse,
                    n_observations=self.data.size,
                    bad_k={name: int(self.elpds[name].bad.size) for name in (one, two)},
                    problems={name: self.problems[name] for name in (one, two)},
                    closure=self.options.method.closure,
                    unit=self.options.method.unit,
                    n_units=self.elpds[two].pointwise.size,
                    n_later=int((self.data.exposure_start > 0).sum()),
                    n_sharers=int(self.data.incidence.sum()),
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
            condition=condition,
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

    def _drawn(
        self, doing: str, specifications: Sequence[Specification]
    ) -> Iterator[tuple[Specification, Drawn | JobError]]:
        """Sample one specification after the other, each while the caller works out what follows from the last."""
        under_way = None
        try:
            for number, specification in enumerate(specifications):
                self.report(f"{doing} {specification.name}", len(self.fits))
                drawing = under_way or self._begin(specification, self.data)
                result = _result(drawing)
                following = specifications[number + 1 : number + 2]
                under_way = self._begin(following[0], self.data) if following else None
                yield specification, result
        finally:
            if under_way:
                under_way.abort()

    def _begin(self, specification: Specification, data: Transitions) -> Drawing:
        return Drawing(specification, data, seed=self.options.seed, settings=self.options.sampler)

    def finish(self, specification: Specification, drawn: Drawn) -> None:
        """Work out what follows from a posterior, and leave one out."""
        options, name = self.options, specification.name
        posterior = complete(drawn, specification, self.data, options.seed)
        elpd = loo(specification, posterior, self.data, options.method.unit)

        def refitted(data: Transitions) -> NDArray[np.float64] | None:
            self.report(f"refitting {specification.name} without one {options.method.unit}", len(self.fits))
            again = _result(self._begin(specification, data))
            if isinstance(again, JobError) or again.problems:
                return None
            return unit_log_likelihood(specification, again.posterior.posterior, self.data, options.method.unit)

        self.elpds[name] = refit_bad(elpd, self.data, options.method.unit, refitted, options.max_refits)
        posterior.add_groups(loo=self.elpds[name].to_dataset())
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
        for model, effects in RIVALS:
            if effects and (like.replicate_effects or len(self.data.paths) < 2):
                continue
            found.append(dataclasses.replace(like, model=model, replicate_effects=effects or like.replicate_effects))
        return found

    def _challenged(self, rivals: Sequence[Specification], two: str) -> tuple[list[str], list[str]]:
        failures = {}
        for rival, drawn in self._drawn("challenge by", [rival for rival in rivals if rival.name not in self.fits]):
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
            if bad := self.elpds[rival.name].bad.size:
                doubts.append(f"high Pareto k of {bad} {plural(self.options.method.unit)}")
            entries.append(Rival(rival.name, *self.difference(rival.name, two), rival.n_parameters, doubts))
        n_parameters = next(spec.n_parameters for spec in self.specifications if spec.name == two)
        return challenge(entries, n_parameters)

    def _result(self, specification: Specification, weight: float) -> ModelResult:
        options, name = self.options, specification.name
        asked = specification in self.specifications
        return ModelResult(
            specification=specification,
            elpd=self.elpds[name],
            weight=weight,
            parameters=self.summaries[name],
            derived=derive(specification, self.fits[name], self.data),
            problems=self.problems[name],
            rival=not asked,
            log_evidence=self._evidence(specification) if options.evidence and asked else None,
            elpd_future=self._future(specification) if self.has_future and asked else None,
        )

    def _evidence(self, specification: Specification) -> float:
        self.report(f"evidence of {specification.name}", len(self.fits))
        return log_evidence(specification, self.data, seed=self.options.seed)

    def _future(self, specification: Specification) -> NDArray[np.float64]:
        start = float(self.options.predict_from or 0.0)
        future = self.data.time > start
        self.report(f"predicting from {start:g} by {specification.name}", len(self.fits))
        # The window of the past alone: the priors must not know how long the future is.
        seen = dataclasses.replace(
            self.data,
            weight=np.where(future, 0.0, self.data.weight),
            window=float(self.data.time_end[~future].max()),
        )
        drawn = self._begin(specification, seen).result()
        return future_density(specification, drawn.posterior.posterior, self.data, future)


def _result(drawing: Drawing) -> Drawn | JobError:
    try:
        return drawing.result()
    except JobError as error:
        return error


def _splits(data: Transitions, start: float) -> bool:
    """Whether a time parts the data into a past to learn from and a future to predict."""
    future = data.time > start
    return bool(future.any() and np.any(data.incidence[~future] > 0))


def _check_models(classes: Sequence[type[SIModel]]) -> None:
    """Refuse two models of one name: results go by names, and the rivals have those of tworate's own."""
    own = all_models()
    for model in classes:
        if any(other.name == model.name for other in (*classes, *own.values()) if other is not model):
            raise InputError(f"two models are called {model.name!r}; give {model.__qualname__} a name of its own")


def _undecided(condition: dict[str, Any], method: Method, reason: str) -> ConditionResult:
    return ConditionResult(
        condition=condition,
        verdict="undecided",
        reasons=[reason],
        challenged_by=[],
        elpd_diff=float("nan"),
        dse=float("nan"),
        **method._asdict(),
        n_observations=0,
        n_increments=0,
        models={},
        posteriors=Posteriors({}),
    )
