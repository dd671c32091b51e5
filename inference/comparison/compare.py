"""Comparison of the models on each condition: the central result."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from ...common.invocation import made_now
from ...errors import InputError, JobError
from ...models import SIModel, all_models
from ...models.structures.choice import DEFAULT, NONE, check_structure_names
from ...simulate import Trajectories
from ...simulate.histories import EventHistories
from ...simulate.reading.reader import as_trajectories, read_trajectories
from ..data.individual import EVENT_HISTORIES
from ..data.observations import Transitions, choose_clock, choose_closure, pooled_conditions
from ..likelihood.likelihoods import LIKELIHOODS
from ..likelihood.own_model import model_class
from ..likelihood.specification import Level, Specification
from ..loo.loo import UNITS, Unit
from ..posterior.fitting import (
    DEFAULT_LIKELIHOOD,
    check_closure_of,
    check_names,
    check_prior_scale,
    checked_contact,
    checked_covariates,
    choose_level,
    observed,
)
from ..posterior.posteriors import MAX_IN_MEMORY, TemporaryPosteriorStore
from ..posterior.sampling import SamplerSettings
from .comparison import Comparison
from .condition import ConditionComparison, can_predict
from .fits import Options, Report
from .results import ComparisonMethod, ConditionResult

ModelLike = str | type[SIModel]
Progress = Callable[[str, int, int], None]
"""Called with what begins now, the number of fits done, and their total. Fits of rivals are not counted."""

DEFAULT_MODELS: tuple[ModelLike, ...] = ("one-rate", "two-rate")
MAX_REFITS = 10
"""If more units than this have a high Pareto k, none is refitted."""


def compare(
    trajectories: "Trajectories | EventHistories | pd.DataFrame | str | Path",
    models: ModelLike | Sequence[ModelLike] = DEFAULT_MODELS,
    by: str | Sequence[str] | None = None,
    *,
    likelihood: str | None = None,
    closure: str | None = None,
    clock: str | None = None,
    unit: str | None = None,
    level: str | None = None,
    contact: str = "edges",
    covariates: str | Sequence[str] = (),
    replicate_effects: bool = False,
    prior_scale: float = 1.0,
    structures: str | Sequence[str] = DEFAULT,
    period: float | None = None,
    population: int | tuple[int, int] | None = None,
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
    trajectories : Trajectories, EventHistories, DataFrame or path
        The data, see :class:`tworate.simulate.Trajectories`.
    models : sequence of str or type of SIModel
        Models to compare. The verdict is between one-rate and two-rate where both are among them, else between all:
        the simplest that no other one beats.
    by : str or sequence of str, optional
        Condition columns: each condition is compared separately.
    likelihood, closure, clock, replicate_effects, prior_scale, sampler
        See :func:`tworate.inference.fit`.
    level : {"individual", "count"}, optional
        `individual` uses every agent's own exposure, from event histories; it is the default where the data have them
        and neither a closure nor a likelihood of counts is asked for. `count` uses the counts and a closure.
    contact : {"edges", "fraction"}
        At the individual level: exposure by the number of sharing neighbours, or by their fraction.
    covariates : str or sequence of str
        At the individual level: attributes of the agents with effects on the rates, see :func:`tworate.inference.fit`.
        The verdict is then whether a second rate remains once they are accounted for.
    unit : {"increment", "trajectory", "agent"}, optional
        What leave-one-out leaves out at a time.
    structures : str or sequence of str
        What else may change the pace: `default` asks every structure that the data can tell, unless one rate suffices
        without; `all` asks them in any case; `none` asks none. Or names of structures, see
        :func:`tworate.models.structures.all_structures`, `replicates` and `continuous`.
    period : float, optional
        Period of a rhythm, such as a day, in the unit of the data's time. Without it a rhythm is asked where the data
        show a period clearly.
    population : int or (int, int), optional
        Population of all trajectories, in the place of that of the data; at the level of counts. Where it is not known,
        a range: the data are compared with its upper end, and the structure `unreachable` says which population
        describes them.
    max_refits : int
        Up to this many units with a high Pareto k are left out exactly, by refitting. If there are more, none is
        refitted and they are only counted.
    predict_from : float, optional
        Also fit each model to the data up to this time and report how well it predicts the rest of the curves.
    evidence : bool
        Also estimate each model's log marginal likelihood by sequential Monte Carlo. This takes a minute
        or more per model.
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
    >>> comparison.conditions[0].compared
    ['two-rate', 'one-rate']
    """
    data, least_population = with_population(trajectories, population)
    chosen_level, level_reason = choose_level(data, level, closure, likelihood, predict_from)
    if population is not None and level is None:
        level_reason = "a population was given, which goes with counts"
    individual = chosen_level == "individual"
    likelihood = likelihood or DEFAULT_LIKELIHOOD[chosen_level]
    unit = unit or default_unit(chosen_level)
    check_names(likelihood, seed)
    check_prior_scale(prior_scale)
    if unit not in UNITS:
        raise InputError(f"unit {unit!r} is unknown; choose one of {', '.join(UNITS)}")
    if unit == default_unit("count" if individual else "individual"):
        raise InputError(f"unit {unit!r} does not go with level {chosen_level}; choose another")
    chosen_contact = checked_contact(contact)
    # One model alone need not be in a list.
    requested = models if isinstance(models, Iterable) and not isinstance(models, str) else [models]
    classes = list(dict.fromkeys(model_class(model) for model in requested))
    if not classes:
        raise InputError("no models to compare; name at least one")
    _check_models(classes)
    if predict_from is not None and not (
        isinstance(predict_from, int | float | np.number) and np.isfinite(predict_from)
    ):
        raise InputError(f"predict_from = {predict_from!r}: must be a time of the data")
    if max_refits < 0:
        raise InputError(f"max_refits = {max_refits}: must be 0 or more")
    chosen_covariates = checked_covariates(
        [covariates] if isinstance(covariates, str) else covariates, data, chosen_level
    )
    if chosen_covariates and replicate_effects and unit == "trajectory":
        raise InputError("with covariates and effects of replicates, leave out single agents: use unit agent")
    columns = [by] if isinstance(by, str) else list(dict.fromkeys(by or []))
    parts = list(data.split(columns))
    chosen_clock, clock_reason = choose_clock(data, clock)
    closure_and_why = (EVENT_HISTORIES, f"exposure of every agent by {contact}")
    method = ComparisonMethod(
        *(closure_and_why if individual else choose_closure(data, closure)),
        likelihood,
        chosen_clock,
        clock_reason,
        unit,  # type: ignore[arg-type]
        prior_scale,
        chosen_level,
        level_reason,
        chosen_covariates,
    )
    specifications = [
        Specification(
            model,
            LIKELIHOODS[likelihood],
            chosen_clock,
            replicate_effects,
            prior_scale,
            level=chosen_level,
            contact=chosen_contact,
            covariates=chosen_covariates,
        )
        for model in classes
    ]
    for specification in specifications if not individual else ():
        check_closure_of(specification, method.closure)
    options = Options(
        method,
        seed,
        sampler or SamplerSettings(),
        checked_structures(structures, period),
        max_refits,
        predict_from,
        evidence,
        data.clock == chosen_clock,
        period,
        least_population,
    )
    spill = TemporaryPosteriorStore() if len(parts) > MAX_IN_MEMORY else None

    def observations(part: Trajectories, specification: Specification) -> Transitions:
        transitions = observed(part, method.closure, specification, by_trajectory=unit == "trajectory")
        if pooled := pooled_conditions(part, columns):
            transitions = dataclasses.replace(transitions, cautions=(*transitions.cautions, pooled))
        if predict_from is not None and len(parts) == 1 and not can_predict(transitions, predict_from):
            raise InputError(
                f"predict_from = {predict_from:g}: must lie within the observed times, after somebody has shared and "
                "before the end"
            )
        return transitions

    jobs = (
        ConditionComparison(
            condition, partial(observations, part), specifications, options, _reporting(progress, position, len(parts))
        )
        for position, (condition, part) in enumerate(parts)
    )
    results: list[ConditionResult] = []
    for result in compare_sequentially(jobs, strict=len(parts) == 1):
        if spill:
            stored = result.posteriors.stored(spill, f"{len(results)}-")
            result = dataclasses.replace(result, posteriors=stored)
        results.append(result)
    # `json` cannot serialise NumPy scalars.
    return Comparison(results, data, columns, int(seed), made=made_now())


def with_population(
    trajectories: "Trajectories | EventHistories | pd.DataFrame | str | Path", population: int | tuple[int, int] | None
) -> tuple[Trajectories, int | None]:
    """Return trajectories with a population, and its lower end where it is a range.

    Raises
    ------
    InputError
        When it is not a whole number of at least the number of sharers, or a range of such numbers.
    """
    if population is None:
        return as_trajectories(trajectories), None
    ends = population if isinstance(population, tuple) else (population, population)
    whole = all(isinstance(end, int | np.integer) and not isinstance(end, bool) and end >= 1 for end in ends)
    if len(ends) != 2 or not whole or ends[0] > ends[1]:
        raise InputError(f"population = {population!r}: must be a whole number, or a range such as 2000:5000")
    least, most = (int(end) for end in ends)
    if isinstance(trajectories, pd.DataFrame):
        trajectories = trajectories.assign(population=most)
    elif isinstance(trajectories, str | Path):
        trajectories = read_trajectories(trajectories, population=most)
    data = as_trajectories(trajectories)
    if "degrees" in data.table:
        raise InputError(
            f"{data.source}: has the column degrees, which says how many agents there are; leave population out"
        )
    table = data.table.assign(population=most)
    return dataclasses.replace(data, table=table, histories=None, counts=None), least if least < most else None


def checked_structures(structures: str | Sequence[str], period: float | None) -> tuple[str, ...]:
    """Return the names of structures.

    Raises
    ------
    InputError
        When there is no such structure, or the period is not a number above 0.
    """
    names = tuple(dict.fromkeys([structures] if isinstance(structures, str) else structures)) or (NONE,)
    try:
        check_structure_names(names)
    except ValueError as error:
        raise InputError(str(error)) from error
    if period is not None and not (np.isfinite(period) and period > 0):
        raise InputError(f"period = {period}: must be a number above 0, in the unit of the data's time")
    return names


def default_unit(level: Level) -> Unit:
    """Return the unit of leave-one-out of a level: an agent, or an increment of the count."""
    return "agent" if level == "individual" else "increment"


def compare_sequentially(jobs: Iterable[ConditionComparison], *, strict: bool = False) -> Iterator[ConditionResult]:
    """Compare conditions one after the other. While one is evaluated, the next is already being sampled.

    Parameters
    ----------
    jobs : iterable of ConditionComparison
        Read one ahead, so that few are in memory at any time.
    strict : bool
        Whether an error in one condition ends the comparison. Otherwise a condition is undecided if its data carry no
        information or cannot be sampled, and its reason says why.
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
    """Return a callable that turns progress within one condition into progress of the whole comparison."""

    def report(step: str, done: int, n_fits: int) -> None:
        if progress:
            progress(step, position * n_fits + min(done, n_fits - 1), n_conditions * n_fits)

    return report


def _check_models(classes: Sequence[type[SIModel]]) -> None:
    """Refuse two models with the same name: results are stored by name, and rivals use the names of built-in models."""
    built_in = all_models()
    for model in classes:
        if any(other.name == model.name for other in (*classes, *built_in.values()) if other is not model):
            raise InputError(f"two models are called {model.name!r}; give {model.__qualname__} a name of its own")
