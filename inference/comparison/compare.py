"""Comparing the models on each condition: the central output."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import InputError, JobError
from ...models import SIModel, all_models, get_model
from ...simulate import Trajectories
from ...simulate.trajectories import as_trajectories
from ..data.observations import Transitions, choose_clock, choose_closure, pooled_conditions
from ..likelihood.likelihoods import LIKELIHOODS
from ..likelihood.specification import Specification
from ..loo.loo import UNITS
from ..posterior.fitting import check_closure_of, check_names, check_prior_scale, observed
from ..posterior.posteriors import MAX_IN_MEMORY, TemporaryPosteriorStore
from ..posterior.sampling import SamplerSettings
from .comparison import Comparison
from .condition import ConditionComparison, Options, Report, can_predict
from .results import ComparisonMethod, ConditionResult

ModelLike = str | type[SIModel]
Progress = Callable[[str, int, int], None]
"""Called with what begins now, and the numbers of fits done and in all, those of rivals apart."""

DEFAULT_MODELS: tuple[ModelLike, ...] = ("one-rate", "two-rate")
MAX_REFITS = 10
"""With more observations than this of high Pareto k none is refitted."""


def compare(
    trajectories: "Trajectories | pd.DataFrame | str | Path",
    models: ModelLike | Sequence[ModelLike] = DEFAULT_MODELS,
    by: str | Sequence[str] | None = None,
    *,
    likelihood: str = "beta-binomial",
    closure: str | None = None,
    clock: str | None = None,
    unit: str = "increment",
    replicate_effects: bool = False,
    prior_scale: float = 1.0,
    challenge: bool = True,
    max_refits: int = MAX_REFITS,
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
        ConditionComparison columns: each condition is compared apart.
    likelihood, closure, clock, replicate_effects, prior_scale, sampler
        See :func:`tworate.inference.fit`.
    unit : {"increment", "trajectory"}
        What leave-one-out leaves out at a time.
    challenge : bool
        Whether a two-rate verdict is challenged by rivals: gamma-rate, online-offline, one rate that differs between
        replicates, and, where rounds are not known to be the data's clock, one rate in continuous time.
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
    check_names(likelihood, seed)
    check_prior_scale(prior_scale)
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
    if predict_from is not None and not (
        isinstance(predict_from, int | float | np.number) and np.isfinite(predict_from)
    ):
        raise InputError(f"predict_from = {predict_from!r}: must be a time of the data")
    if max_refits < 0:
        raise InputError(f"max_refits = {max_refits}: must be 0 or more")
    columns = [by] if isinstance(by, str) else list(dict.fromkeys(by or []))
    parts = list(data.split(columns))
    taken, clock_reason = choose_clock(data, clock)
    method = ComparisonMethod(*choose_closure(data, closure), likelihood, taken, clock_reason, unit, prior_scale)  # type: ignore[arg-type]
    specifications = [
        Specification(model, LIKELIHOODS[likelihood], taken, replicate_effects, prior_scale) for model in classes
    ]
    for specification in specifications:
        check_closure_of(specification, method.closure)
    options = Options(
        method, seed, sampler or SamplerSettings(), challenge, max_refits, predict_from, evidence, data.clock == taken
    )
    spill = TemporaryPosteriorStore() if len(parts) > MAX_IN_MEMORY else None

    def observations(part: Trajectories, specification: Specification) -> Transitions:
        found = observed(part, method.closure, specification)
        if pooled := pooled_conditions(part, columns):
            found = dataclasses.replace(found, cautions=(*found.cautions, pooled))
        if predict_from is not None and len(parts) == 1 and not can_predict(found, predict_from):
            raise InputError(
                f"predict_from = {predict_from:g}: must lie within the observed times, after somebody has shared and "
                "before the end"
            )
        return found

    jobs = (
        ConditionComparison(
            condition, partial(observations, part), specifications, options, _reporting(progress, position, len(parts))
        )
        for position, (condition, part) in enumerate(parts)
    )
    results: list[ConditionResult] = []
    for result in compare_sequentially(jobs, strict=len(parts) == 1):
        if spill:
            kept = result.posteriors.stored(spill, f"{len(results)}-")
            result = dataclasses.replace(result, posteriors=kept)
        results.append(result)
    # Of numpy, JSON knows no numbers.
    return Comparison(results, data, columns, int(seed))


def compare_sequentially(jobs: Iterable[ConditionComparison], *, strict: bool = False) -> Iterator[ConditionResult]:
    """Compare conditions one after the other: while the last is worked out, the next is sampled already.

    Parameters
    ----------
    works : iterable of Condition
        Taken one ahead, so that few are in memory at any time.
    strict : bool
        Whether an error of one ends all. Otherwise a condition that tells nothing, or that defeats the sampler, is
        undecided, and its reason says why.
    """
    waiting = iter(jobs)
    following = next(waiting, None)
    while following is not None:
        job, following = following, next(waiting, None)
        try:
            yield _compared(job, following, strict)
        except BaseException:
            if following:
                following.abort()
            raise


def _compared(job: ConditionComparison, following: ConditionComparison | None, strict: bool) -> ConditionResult:
    try:
        return job.compared(following.begin if following else None)
    except (InputError, JobError) as error:
        if strict:
            raise
        return job.undecided(str(error))


def _reporting(progress: Progress | None, position: int, n_conditions: int) -> Report:
    """Report progress within one condition as progress of the whole."""

    def report(what: str, done: int, n_fits: int) -> None:
        if progress:
            progress(what, position * n_fits + min(done, n_fits - 1), n_conditions * n_fits)

    return report


def _check_models(classes: Sequence[type[SIModel]]) -> None:
    """Refuse two models of one name: results go by names, and the rivals have those of tworate's own."""
    own = all_models()
    for model in classes:
        if any(other.name == model.name for other in (*classes, *own.values()) if other is not model):
            raise InputError(f"two models are called {model.name!r}; give {model.__qualname__} a name of its own")
