"""Comparing the models on each condition: the central output."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import arviz as az
import numpy as np
import pandas as pd

from .. import __version__
from ..errors import InputError, JobError
from ..models import SIModel, get_model
from ..simulate import Trajectories
from ..simulate.trajectories import as_trajectories
from .diagnostics import diagnose, summarize
from .fitting import check_names, fit_transitions
from .loo import compare_elpd, elpd_difference, loo
from .observations import Transitions, choose_closure, observe
from .sampling import SamplerSettings
from .verdict import Evidence, Verdict, judge

ModelLike = str | type[SIModel]
Progress = Callable[[str, int, int], None]
"""Called with what begins now, and the numbers of fits done and in all."""

DEFAULT_MODELS: tuple[ModelLike, ...] = ("one-rate", "two-rate")


class Method(NamedTuple):
    """How conditions are compared: closure and why it was chosen, likelihood, clock."""

    closure: str
    closure_reason: str
    likelihood: str
    clock: str


@dataclass(frozen=True)
class ModelResult:
    """How one model did on one condition.

    Parameters
    ----------
    model : type of SIModel
        The model.
    elpd : arviz.ELPDData
        PSIS-LOO, with `elpd_loo`, `se`, `p_loo`, `pareto_k`, its limit `good_k`, and the pointwise `loo_i`.
    weight : float
        Stacking weight among the models compared.
    parameters : pandas.DataFrame
        See :func:`tworate.inference.diagnostics.summarize`.
    problems : list of str
        What is wrong with the sampling; empty when all is well.
    """

    model: type[SIModel]
    elpd: Any = field(repr=False)
    weight: float
    parameters: pd.DataFrame
    problems: list[str]

    @property
    def elpd_loo(self) -> float:
        """Expected log predictive density by PSIS-LOO."""
        return float(self.elpd.elpd_loo)

    @property
    def se(self) -> float:
        """Standard error of `elpd_loo`."""
        return float(self.elpd.se)

    @property
    def p_loo(self) -> float:
        """Effective number of parameters."""
        return float(self.elpd.p_loo)

    @property
    def good_k(self) -> float:
        """Limit `min(1 - 1/log10(S), 0.7)` of Pareto k for S draws."""
        return float(self.elpd.good_k)

    @property
    def pareto_k_bad(self) -> int:
        """Number of observations with a Pareto k above `good_k`."""
        return int((np.asarray(self.elpd.pareto_k) > self.good_k).sum())


@dataclass(frozen=True)
class ConditionResult:
    """The comparison on one condition.

    Parameters
    ----------
    condition : dict
        Values of the condition columns; empty when there is one condition.
    verdict : {"one-rate", "two-rate", "undecided"}
        See :func:`tworate.inference.verdict.judge`.
    reasons : list of str
        Why, the decisive reason first.
    challenged_by : list of str
        Rival models that describe the data as well as two rates or better.
    elpd_diff, dse : float
        `elpd(two-rate) - elpd(one-rate)` and its standard error; NaN when not both were fitted.
    closure, closure_reason : str
        Where exposure came from, and why it was chosen.
    likelihood, clock : str
        Distribution of new sharers; how time was taken.
    n_observations, n_increments : int
        Increments compared, and increments in the data: where nobody is susceptible or exposed, one tells nothing.
    models : dict of str to ModelResult
    posteriors : dict of str to arviz.InferenceData
    """

    condition: dict[str, Any]
    verdict: Verdict
    reasons: list[str]
    challenged_by: list[str]
    elpd_diff: float
    dse: float
    closure: str
    closure_reason: str
    likelihood: str
    clock: str
    n_observations: int
    n_increments: int
    models: dict[str, ModelResult] = field(repr=False)
    posteriors: dict[str, az.InferenceData] = field(repr=False)

    @property
    def label(self) -> str:
        """The condition in words, such as `event = VAR1`; empty when there is one condition."""
        return condition_label(self.condition)


def condition_label(condition: Mapping[str, Any]) -> str:
    """Return a condition in words, such as `event = VAR1, persona = OCEAN`."""
    return ", ".join(f"{name} = {value}" for name, value in condition.items())


@dataclass(frozen=True)
class Comparison:
    """Which model each condition needs, and how sure we are.

    Parameters
    ----------
    conditions : list of ConditionResult
        One a condition, in order of appearance.
    trajectories : Trajectories
        The data.
    by : list of str
        Columns that tell conditions apart.
    seed : int
        Seed of the fits.
    version : str
        Version of tworate that made it.
    """

    conditions: list[ConditionResult]
    trajectories: Trajectories = field(repr=False)
    by: list[str]
    seed: int
    version: str = __version__

    @property
    def verdict(self) -> Verdict | dict[str, Verdict]:
        """The verdict; with several conditions, by condition."""
        if len(self.conditions) == 1:
            return self.conditions[0].verdict
        return {result.label: result.verdict for result in self.conditions}

    @property
    def posteriors(self) -> dict[str, az.InferenceData] | dict[str, dict[str, az.InferenceData]]:
        """Posterior of each model; with several conditions, by condition."""
        if len(self.conditions) == 1:
            return self.conditions[0].posteriors
        return {result.label: result.posteriors for result in self.conditions}

    @property
    def table(self) -> pd.DataFrame:
        """One row a condition and model, the best model first."""
        rows = []
        for result in self.conditions:
            ranked = sorted(result.models.items(), key=lambda item: -item[1].elpd_loo)
            for name, model in ranked:
                rows.append(
                    {
                        **result.condition,
                        "verdict": result.verdict,
                        "model": name,
                        "elpd_loo": model.elpd_loo,
                        "se": model.se,
                        "p_loo": model.p_loo,
                        "weight": model.weight,
                        "pareto_k_bad": model.pareto_k_bad,
                        "elpd_diff": result.elpd_diff,
                        "dse": result.dse,
                        "closure": result.closure,
                        "likelihood": result.likelihood,
                        "clock": result.clock,
                        "n_observations": result.n_observations,
                    }
                )
        return pd.DataFrame(rows)

    def save(self, folder: str | Path) -> None:
        """Write `comparison.json`, `comparison.csv`, `trajectories.parquet` and `posteriors/*.nc` to a folder."""
        from .storage import save_comparison

        save_comparison(self, Path(folder))


def compare(
    trajectories: "Trajectories | pd.DataFrame | str | Path",
    models: Sequence[ModelLike] = DEFAULT_MODELS,
    by: str | Sequence[str] | None = None,
    *,
    likelihood: str = "beta-binomial",
    closure: str | None = None,
    clock: str = "rounds",
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
    likelihood, closure, clock, sampler
        See :func:`tworate.inference.fit`.
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
    """
    check_names(likelihood, clock, seed)
    data = as_trajectories(trajectories)
    try:
        classes = list(dict.fromkeys(get_model(model) for model in models))
    except ValueError as error:
        raise InputError(str(error)) from error
    if not classes:
        raise InputError("no models to compare; name at least one")
    columns = [by] if isinstance(by, str) else list(by or [])
    parts = list(data.split(columns))
    method = Method(*choose_closure(data, closure), likelihood, clock)
    results = []
    for position, (condition, part) in enumerate(parts):
        posteriors = {}
        try:
            observations = observe(part, method.closure)
            for index, model in enumerate(classes):
                if progress:
                    label = condition_label(condition)
                    what = f"fitting {model.name}" + (f" ({label})" if label else "")
                    progress(what, position * len(classes) + index, len(parts) * len(classes))
                posteriors[model.name] = fit_transitions(
                    model, observations, likelihood=likelihood, clock=clock, seed=seed, sampler=sampler
                )
        except (InputError, JobError) as error:
            # One condition that tells nothing, or that defeats the sampler, must not take the others with it.
            if len(parts) == 1:
                raise
            results.append(_undecided(condition, method, str(error)))
        else:
            results.append(_compared(condition, method, observations, classes, posteriors))
    return Comparison(results, data, columns, seed)


def _compared(
    condition: dict[str, Any],
    method: Method,
    data: Transitions,
    classes: Sequence[type[SIModel]],
    posteriors: dict[str, az.InferenceData],
) -> ConditionResult:
    elpds = {name: loo(posterior) for name, posterior in posteriors.items()}
    weights = compare_elpd(elpds)
    models = {}
    for model in classes:
        posterior = posteriors[model.name]
        summary = summarize(posterior)
        models[model.name] = ModelResult(
            model=model,
            elpd=elpds[model.name],
            weight=weights[model.name],
            parameters=summary,
            problems=diagnose(posterior, summary),
        )
    rivals = ("one-rate", "two-rate")
    if all(name in models for name in rivals):
        elpd_diff, dse = elpd_difference(elpds["two-rate"], elpds["one-rate"])
        verdict, reasons = judge(
            Evidence(
                elpd_diff=elpd_diff,
                dse=dse,
                n_observations=data.size,
                bad_k={name: models[name].pareto_k_bad for name in rivals},
                problems={name: models[name].problems for name in rivals},
                closure=method.closure,
            )
        )
    else:
        elpd_diff, dse = float("nan"), float("nan")
        verdict, reasons = "undecided", ["the verdict is between one-rate and two-rate; not both were fitted"]
    reasons += data.cautions
    return ConditionResult(
        condition=condition,
        verdict=verdict,
        reasons=reasons,
        challenged_by=[],
        elpd_diff=elpd_diff,
        dse=dse,
        **method._asdict(),
        n_observations=data.size,
        n_increments=data.n_increments,
        models=models,
        posteriors=posteriors,
    )


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
        posteriors={},
    )
