"""The data of one condition, and the fits of models to it: sampled, or drawn around their modes; leave-one-out."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import InputError, JobError
from ...models.structured import with_structure
from ...models.structures import PHASE, get_structure
from ...models.structures.choice import CONTINUOUS, REPLICATES
from ...models.structures.time_varying import TimeVarying
from ..data.observations import Transitions
from ..data.period import best_period
from ..likelihood.compiled_density import is_compiled
from ..likelihood.specification import Specification
from ..loo.loo import Elpd, elpd_difference, loo, of_each_agent, refit_bad, unit_log_likelihood
from ..posterior.arviz_adapter import Posterior, add_groups, drop_group, group
from ..posterior.diagnostics import ROUGH, diagnose, prior_contraction, prior_sensitivity
from ..posterior.fit_target import start_sampling
from ..posterior.fitting import complete, with_settings
from ..posterior.mode import log_likelihood_at_mode, log_likelihood_by_replicate
from ..posterior.sampling import SampledPosterior, SamplerSettings, SamplingRun
from .normal_approximation import approximated
from .results import ComparisonMethod, condition_label
from .verdict import plural

Report = Callable[[str, int, int], None]
"""Called with what begins now, the number of fits of the condition that are done, and their number in all."""

_FAR_BELOW = 50.0
"""A rival whose elpd is so far below that of another model is not refitted: the verdict would be the same."""


@dataclass(frozen=True)
class Options:
    """How conditions are compared; fields as the arguments of :func:`tworate.inference.compare`."""

    method: ComparisonMethod
    seed: int
    sampler: SamplerSettings
    structures: tuple[str, ...]
    """Names of structures, or one of the words."""
    max_refits: int
    predict_from: float | None
    evidence: bool
    clock_known: bool
    """Whether the clock is that of the simulation that made the data."""
    period: float | None = None
    """Period of a rhythm, in the unit of the data's time."""
    least_population: int | None = None
    """The least population, where it is known as a range; the data have the largest."""


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
        See :func:`tworate.inference.posterior.diagnostics.summarize`; with `prior_sensitivity`
        and `prior_contraction`.
    problems : list of str
        What is wrong with the sampling; empty when all is well.
    importance_k : float or None
        See :class:`tworate.inference.posterior.sampling.SampledPosterior`.
    """

    specification: Specification
    posterior: Posterior
    elpd: Elpd
    summary: pd.DataFrame
    problems: list[str]
    importance_k: float | None = None


class ConditionFits:
    """One condition: its data, and the fits of models to it, each made once.

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
        self._data: dict[tuple[Any, ...], Transitions] = {}
        # Structures that are not fitted, see `ConditionResult`.
        self.left_out: dict[str, float] = {}
        # Log-likelihood of each unit at the mode, by model.
        self.modes: dict[str, NDArray[np.float64]] = {}
        self._settled: dict[Specification, Specification] = {}
        self._begun = False
        self.error: InputError | None = None

    def begin(self) -> None:
        """Take in the data and start sampling in the background. What is wrong with the data is kept in `error`."""
        if self._begun:
            return
        self._begun = True
        try:
            self.data = self.data_of(self.specifications[0])
            self.start(self.specifications)
        except InputError as error:
            self.error = error

    def abort(self) -> None:
        """Stop all sampling that is still running."""
        for run in self._runs.values():
            run.abort()
        self._runs.clear()

    def finish(self, specification: Specification, sampled: SampledPosterior) -> None:
        """Compute what follows from a posterior, and leave out each unit."""
        options, data = self.options, self.data_of(specification)
        unit = options.method.unit
        posterior = complete(sampled, specification, data, options.seed)

        def refitted(without_some: Transitions) -> NDArray[np.float64] | None:
            self.report(f"refitting {specification.name} without one {unit}")
            again: SampledPosterior | JobError | None = None
            if sampled.importance_k is not None:
                again = self._approximated(specification, without_some)
            if again is None:
                again = _result_of(self.run(specification, without_some))
            if isinstance(again, JobError) or again.problems:
                return None
            return unit_log_likelihood(specification, group(again.posterior, "posterior"), data, unit)

        elpd = loo(specification, posterior, data, unit)
        may_refit = specification in self.specifications or self._is_close(elpd)
        elpd = refit_bad(elpd, data, unit, refitted, options.max_refits if may_refit else 0)
        if unit == "agent":
            elpd = of_each_agent(elpd, data)
        add_groups(posterior, loo=elpd.to_dataset())
        if specification not in self.specifications:
            # It is the largest group by far, and there are many rivals.
            drop_group(posterior, "log_likelihood")
        summary = sampled.summary.assign(
            prior_sensitivity=prior_sensitivity(posterior), prior_contraction=prior_contraction(posterior)
        )
        self.fits[specification.name] = ModelFit(
            specification, posterior, elpd, summary, sampled.problems, sampled.importance_k
        )

    def difference(self, first: str, second: str) -> tuple[float, float]:
        """Return the difference in elpd between two models, and its standard error."""
        return elpd_difference(self.fits[first].elpd.pointwise, self.fits[second].elpd.pointwise)

    def doubts_of(self, name: str) -> tuple[str, ...]:
        """Return why the numbers of a fit cannot be trusted."""
        fit = self.fits[name]
        # A rival is asked for its elpd only.
        is_rival = fit.specification not in self.specifications
        problems = diagnose(fit.posterior, fit.summary, ROUGH) if is_rival else fit.problems
        n_high_k = fit.elpd.high_k_units.size
        high_k = [f"high Pareto k of {n_high_k} {plural(self.options.method.unit)}"] if n_high_k else []
        return (*problems, *high_k)

    def fit_rivals(self, doing: str, specifications: Iterable[Specification]) -> dict[str, str]:
        """Fit models around their modes, or with the sampler where that does not do; return why the sampler gave up."""
        to_sample: list[Specification] = []
        for specification in specifications:
            if specification.name in self.fits:
                continue
            self.report(f"{doing} {specification.name}")
            if (drawn := self._approximated(specification, self.data_of(specification))) is not None:
                self.finish(specification, drawn)
            else:
                to_sample.append(specification)
        self.start(to_sample)
        failures: dict[str, str] = {}
        for specification, sampled in self.sampled(doing, to_sample):
            if isinstance(sampled, JobError):
                failures[specification.name] = str(sampled)
            else:
                self.finish(specification, sampled)
        return failures

    def at_modes(self, like: Specification, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Return the log-likelihood of each unit at the mode, by structure; the plain model has the empty name."""
        self.report(f"screening structures of {like.name}")
        draws = group(self.fits[like.name].posterior, "posterior")
        near = {str(name): float(values.mean()) for name, values in draws.items() if values.ndim == 2}
        with_each = {name: self.with_structure_named(like, name) for name in names}
        return {name: self._at_mode(specification, near) for name, specification in {"": like, **with_each}.items()}

    def with_structure_named(self, like: Specification, structure: str) -> Specification:
        """Return a specification with a structure."""
        if structure == REPLICATES:
            return dataclasses.replace(like, replicate_effects=True)
        if structure == CONTINUOUS:
            return dataclasses.replace(like, clock="continuous", names_clock=True)
        made = get_structure(structure)
        period = self.period if made.axis == PHASE else None
        specification = dataclasses.replace(like, model=with_structure(like.model, made), period=period)
        if made.setting is not None and specification.shelf_life is None:
            if specification not in self._settled:
                # Two rates need not have the shelf life that fits one.
                data = self.data_of(specification)
                self._settled[specification] = with_settings(specification, data)
            specification = self._settled[specification]
        return specification

    @cached_property
    def period(self) -> float | None:
        """The period of a rhythm: as given, or one that the data show clearly."""
        like = self.specifications[0]
        if self.options.period is not None or like.likelihood.kind == "trajectory":
            return self.options.period
        by_time = dataclasses.replace(like, model=with_structure(like.model, TimeVarying))
        return best_period(self.data_of(by_time), like.clock)

    def data_of(self, specification: Specification) -> Transitions:
        """Return the data as a specification takes them.

        Exposure depends on the clock. Agents of event histories are kept apart by trajectory or time where the model
        looks at it.
        """
        of_agents = specification.level == "individual"
        weighted = specification.axis is not None
        key = (
            specification.clock,
            of_agents and specification.model.uses_time(),
            of_agents and specification.replicate_effects,
            specification.model.structure if weighted else None,
            specification.weighting,
        )
        if key not in self._data:
            self._data[key] = self._observe(specification)
        return self._data[key]

    def report(self, what: str) -> None:
        """Report what begins now."""
        label = condition_label(self.condition)
        self._report(what + (f" ({label})" if label else ""), len(self.fits), len(self.specifications))

    def start(self, specifications: Sequence[Specification]) -> None:
        """Start to sample in the background."""
        for specification in specifications:
            if not is_compiled(specification):
                self.report(f"compiling {specification.name}, once on this machine:")
            self._runs[specification] = self.run(specification, self.data_of(specification))

    def sampled(
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

    def run(self, specification: Specification, data: Transitions) -> SamplingRun:
        """Return a run of the sampler on data of a specification."""
        return start_sampling(specification, data, seed=self.options.seed, settings=self.options.sampler)

    def _approximated(self, specification: Specification, data: Transitions) -> SampledPosterior | None:
        return approximated(specification, data, self.options.seed) if can_screen(specification) else None

    def _is_close(self, elpd: Elpd) -> bool:
        """Return whether a rival can be among the best. Refits of others would change nothing."""
        return all(elpd.elpd_loo > fit.elpd.elpd_loo - _FAR_BELOW for fit in self.fits.values())

    def _at_mode(self, specification: Specification, near: dict[str, float]) -> NDArray[np.float64]:
        """Return the log-likelihood of each unit at the posterior mode."""
        data, unit = self.data_of(specification), self.options.method.unit
        if specification.replicate_effects:
            pointwise = log_likelihood_by_replicate(specification, data)
        else:
            pointwise = log_likelihood_at_mode(specification, data, near)
        alone = dataclasses.replace(specification, replicate_effects=False)
        values = unit_log_likelihood(alone, xr.Dataset(), data, unit, pointwise[None])[0]
        if data.units is not None and unit == "agent":
            values = values[data.units.type_of_agent]
        self.modes[specification.name] = values
        return values


def can_screen(specification: Specification) -> bool:
    """Return whether a mode is found quickly: without effects of replicates and covariates, and no curve is solved."""
    has_effects = specification.replicate_effects or bool(specification.effects)
    return not has_effects and specification.likelihood.kind == "transition"


def _result_of(run: SamplingRun) -> SampledPosterior | JobError:
    try:
        return run.result()
    except JobError as error:
        return error
