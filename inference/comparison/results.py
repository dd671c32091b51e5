"""The results of a comparison: what people read, plot and save."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ... import __version__
from ...simulate import Trajectories
from ..likelihood.specification import Level, Specification
from ..loo.loo import Elpd, Unit
from ..posterior.arviz_adapter import Posterior
from ..posterior.posteriors import Posteriors
from .adequacy import Adequacy

_SHOWN = 20
"""Number of conditions that `repr` of a comparison shows."""


class ComparisonMethod(NamedTuple):
    """How conditions are compared: closure and clock with their reasons, likelihood, unit of LOO, scale of priors."""

    closure: str
    closure_reason: str
    likelihood: str
    clock: str
    clock_reason: str
    unit: Unit
    prior_scale: float = 1.0
    level: Level = "count"
    level_reason: str = "the data are counts"
    covariates: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelResult:
    """Result of one model on one condition.

    Parameters
    ----------
    specification : Specification
        The model as it was fitted.
    elpd : Elpd
        Leave-one-out, with `elpd_loo`, `se`, `p_loo`, `pareto_k`, its limit `good_k`, and the `pointwise` values.
    weight : float
        Stacking weight among all models fitted.
    parameters : pandas.DataFrame
        See :func:`tworate.inference.posterior.diagnostics.summarize`; with `prior_sensitivity`
        and `prior_contraction`.
    derived : pandas.DataFrame
        See :func:`tworate.inference.posterior.derived_quantities.derive`.
    problems : list of str
        What is wrong with the sampling; empty when all is well.
    importance_k : float or None
        Pareto k of the importance weights, where the draws are from around the mode and not from the sampler.
    rival : bool
        Whether the model was fitted only to see what else explains the data.
    log_evidence : float or None
        Log marginal likelihood by sequential Monte Carlo, if requested.
    elpd_future : array or None, shape (n_trajectories with a future,)
        Log predictive density of the rest of each trajectory, if requested.
    """

    specification: Specification
    elpd: Elpd = field(repr=False)
    weight: float
    parameters: pd.DataFrame
    derived: pd.DataFrame
    problems: list[str]
    importance_k: float | None = None
    rival: bool = False
    log_evidence: float | None = None
    elpd_future: "np.ndarray[Any, np.dtype[np.float64]] | None" = None

    @property
    def elpd_loo(self) -> float:
        """Expected log predictive density by leave-one-out."""
        return self.elpd.elpd_loo

    @property
    def se(self) -> float:
        """Standard error of `elpd_loo`."""
        return self.elpd.se

    @property
    def p_loo(self) -> float:
        """Effective number of parameters."""
        return self.elpd.p_loo

    @property
    def good_k(self) -> float:
        """Highest Pareto k at which PSIS can be trusted."""
        return self.elpd.good_k

    @property
    def pareto_k_bad(self) -> int:
        """Number of units with a Pareto k above `good_k`, without those that were refitted exactly."""
        return int(self.elpd.high_k_units.size)


@dataclass(frozen=True)
class ConditionResult:
    """The comparison on one condition.

    Parameters
    ----------
    condition : dict
        Values of the condition columns; empty when there is one condition.
    verdict : str
        `one-rate`, `two-rate`, `heterogeneous` or `undecided`, see :mod:`tworate.inference.comparison.sides`. Between
        other models it is the name of the chosen one.
    doubts : list of str
        Names of :class:`tworate.inference.comparison.verdict.Doubt`: why the numbers cannot be trusted; empty when
        they can.
    reasons : list of str
        Reasons for the verdict, the decisive one first.
    challenged_by : list of str
        Models that describe the data as well as those of the verdict.
    elpd_diff, dse : float
        Difference in elpd between the best of two rates and the best of one rate, see `compared`, and its standard
        error; NaN when not both were fitted.
    closure, closure_reason : str
        Where exposure came from, and why it was chosen.
    likelihood, unit : str
        Distribution of what was observed; what leave-one-out leaves out at a time.
    clock, clock_reason : str
        Clock of the fits, and why it was chosen.
    n_observations, n_increments : int
        Increments compared, and increments in the data. Increments with nobody susceptible or exposed carry no
        information and are not compared.
    models : dict of str to ModelResult
    posteriors : Posteriors
        Posterior of each model, in ArviZ's format.
    prior_scale : float
        Factor of the scales of all priors.
    level, level_reason : str
        `individual` where every agent's own exposure is known, else `count`; and why.
    covariates : tuple of str
        Attributes of the agents that have effects on the rates of all models.
    structure : list of str
        What else changes the pace, beside the rate or rates of the verdict; several where the data cannot tell which.
    selected : str
        Name of the model of the verdict: the simplest that no richer one beats; empty where it is undecided.
    compared : list of str
        Names of the two models that the verdict is between: the best of two rates, and the best of one.
    left_out : dict of str to float
        Structures that were not fitted, because one rate with them describes the data far worse than with another: by
        model, the log-likelihood at the mode below that of the best.
    predict_from : float or None
        Time from which the rest of the curves was predicted, if requested.
    adequacy : dict of str to Adequacy
        Whether the models that were asked for, and that of the verdict, describe the data; by name. Empty where the
        verdict is undecided, for likelihoods of whole curves, and without structures.
    """

    condition: dict[str, Any]
    verdict: str
    doubts: list[str]
    reasons: list[str]
    challenged_by: list[str]
    elpd_diff: float
    dse: float
    closure: str
    closure_reason: str
    likelihood: str
    clock: str
    clock_reason: str
    unit: Unit
    n_observations: int
    n_increments: int
    models: dict[str, ModelResult] = field(repr=False)
    posteriors: Posteriors = field(repr=False)
    prior_scale: float = 1.0
    predict_from: float | None = None
    level: Level = "count"
    level_reason: str = "the data are counts"
    covariates: tuple[str, ...] = ()
    structure: list[str] = field(default_factory=list)
    selected: str = ""
    compared: list[str] = field(default_factory=list)
    adequacy: dict[str, Adequacy] = field(default_factory=dict, repr=False)
    left_out: dict[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The condition in words, such as `event = VAR1`; empty when there is one condition."""
        return condition_label(self.condition)

    @property
    def n_units(self) -> int:
        """Number of units that leave-one-out leaves out, one at a time."""
        return next((model.elpd.pointwise.size for model in self.models.values()), 0)

    @property
    def shown(self) -> list[str]:
        """Names of the models that figures show: those that were asked for, and those that the verdict is about."""
        about = {*self.compared, self.selected, *self.challenged_by}
        return [name for name, model in self.models.items() if not model.rival or name in about]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per model, the best first, as in :attr:`Comparison.table`."""
        ranked = sorted(self.models.items(), key=lambda item: -item[1].elpd_loo)
        rows = []
        for name, model in ranked:
            optional: dict[str, Any] = {}
            if model.log_evidence is not None:
                optional["log_evidence"] = model.log_evidence
            if model.elpd_future is not None:
                optional["elpd_future"] = float(model.elpd_future.sum())
            rows.append(
                {
                    **self.condition,
                    "verdict": self.verdict,
                    "model": name,
                    "rival": model.rival,
                    "elpd_loo": model.elpd_loo,
                    "se": model.se,
                    "p_loo": model.p_loo,
                    "weight": model.weight,
                    "pareto_k_bad": model.pareto_k_bad,
                    "elpd_diff": self.elpd_diff,
                    "dse": self.dse,
                    "structure": ", ".join(self.structure),
                    "challenged_by": ", ".join(self.challenged_by),
                    "closure": self.closure,
                    "likelihood": self.likelihood,
                    "clock": self.clock,
                    "unit": self.unit,
                    "level": self.level,
                    "n_observations": self.n_observations,
                    **optional,
                }
            )
        return rows


def condition_label(condition: Mapping[str, Any]) -> str:
    """Return a condition in words, such as `event = VAR1, persona = OCEAN`."""
    return ", ".join(f"{name} = {value}" for name, value in condition.items())


@dataclass(frozen=True)
class ComparisonResults:
    """Numbers of a comparison: which model each condition needs, and how sure that is.

    Parameters
    ----------
    conditions : list of ConditionResult
        One per condition, in order of appearance.
    trajectories : Trajectories
        The data.
    by : list of str
        Columns that distinguish the conditions.
    seed : int
        Seed of the fits.
    version : str
        Version of tworate that made the comparison.
    made : dict of str to str
        When it was made (`date`), and by which command line (`command`) if by one; empty in files of earlier versions.
    decisions : dict
        Whether the decisions behind simulated data can be trusted, and why; empty for other data. See
        :class:`tworate.agents.trust.DecisionTrust`.
    """

    conditions: list[ConditionResult]
    trajectories: Trajectories = field(repr=False)
    by: list[str]
    seed: int
    version: str = __version__
    made: dict[str, str] = field(default_factory=dict)
    decisions: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def verdict(self) -> str | dict[str, str]:
        """The verdict. With several conditions, a dict by condition."""
        if len(self.conditions) == 1:
            return self.conditions[0].verdict
        return {result.label: result.verdict for result in self.conditions}

    @property
    def posteriors(self) -> Mapping[str, Posterior] | dict[str, Posteriors]:
        """Posterior of each model. With several conditions, a dict by condition."""
        if len(self.conditions) == 1:
            return self.conditions[0].posteriors
        return {result.label: result.posteriors for result in self.conditions}

    @property
    def table(self) -> pd.DataFrame:
        """One row per condition and model, the best model first; `log_evidence` and `elpd_future` if requested."""
        rows = [row for result in self.conditions for row in result.rows()]
        return pd.DataFrame(rows)

    def part(self, condition: int = 0) -> tuple[ConditionResult, Trajectories]:
        """Return result and data of one condition, by its number."""
        parts = list(self.trajectories.split(self.by))
        return self.conditions[condition], parts[condition][1]

    def __repr__(self) -> str:
        shown = self.conditions[:_SHOWN]
        lines = [
            f"{result.label}{': ' if result.label else ''}{result.verdict}"
            + (f", with {' or '.join(result.structure)}" if result.structure else "")
            + f": {result.reasons[0]}"
            for result in shown
        ]
        n_hidden = len(self.conditions) - len(shown)
        return "\n".join(["Comparison", *lines, *([f"… and {n_hidden} more conditions"] if n_hidden else [])])

    def _repr_html_(self) -> str:
        """Return the table for notebooks, under the verdict of each condition."""
        lines = [
            f"<p>{escape(result.label)}{': ' if result.label else ''}<b>{result.verdict}</b>. "
            + "".join(f"<br>{escape(reason)}" for reason in result.reasons)
            + "</p>"
            for result in self.conditions
        ]
        return "".join(lines) + self.table.to_html(index=False, float_format=lambda x: f"{x:.3f}", escape=True)
