"""Who, when or cue: which mechanism makes the hazard fall, inferred from decision counts."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...common.cues import CUE_LABELS
from ...errors import InputError, check_seed
from ...simulate import Trajectories
from ...simulate.reading.reader import as_trajectories
from ..comparison.results import condition_label
from ..comparison.verdict import MIN_SHARERS, MIN_TRAJECTORIES, only
from ..data.observations import pooled_conditions
from ..posterior.arviz_adapter import group, make_posterior
from ..posterior.diagnostics import INTERVAL, diagnose, summarize
from ..posterior.fitting import PACKAGES, versions
from ..posterior.sampling import SamplerSettings
from .decision_counts import DecisionCounts, decision_counts
from .decomposition import Exposure, HazardDecline, decompose, decompose_with_cue, hazard_curves, split_who
from .group_parts import group_table, groups_in_words, split_in_words
from .mechanism_models import UNITS, MechanismFit, fit_mechanism_model, offered
from .mechanism_verdict import MEANING, Account, judge_mechanisms

MAX_REFITS = 10
"""If more units than this have a high Pareto k, none is refitted."""
_PLURAL = {"cell": "cells", "trajectory": "trajectories"}
_SAME = 1e-9
"""Draws of a part that differ by less than this count as constant."""
_MUCH_VARIATION = 4.0
"""Decisions vary more than binomial ones if their sum of squares is beyond this many standard deviations."""

Progress = Callable[[str, int, int], None]
"""Called with what begins now, the number of fits done, and their total."""


@dataclass(frozen=True)
class Explanation:
    """Who, when or cue, for one condition.

    Parameters
    ----------
    condition : dict
        Values of the condition columns; empty when there is one condition.
    account : {"neither", "who", "when", "both", "cue", "who and cue", "when and cue", "all", "undecided"}
        The simplest mechanism model to which no richer model adds enough, see
        :func:`tworate.inference.mechanisms.mechanism_verdict.judge_mechanisms`.
    reasons, cautions : list of str
        Reasons for the account, the decisive one first; features of the data that the mechanism models ignore.
    fits : dict of str to MechanismFit
        Fits of the mechanism models.
    decomposition : pandas.DataFrame
        Index `fall`, `who`, `when`, `cue` where agents see who shared, and `between` and `within` (the parts of who)
        where personas belong to groups of agents; columns `mean`, `sd`, `hdi_low`, `hdi_high`
        (in nats: log of the factor by which the hazard per sighting falls), `factor`, `factor_low`, `factor_high` (the
        exponentials), `ess_bulk`, `r_hat`. All come from the richest mechanism model, of which the others are special
        cases.
    sightings : float
        Exposure over which the fall is measured, as a number of sightings of an agent that does not share.
    visibility : float
        Probability that a showing is seen in a round. It is 0 if it is unknown or time is continuous; sightings are
        then Poisson.
    curves : pandas.DataFrame
        See :func:`tworate.inference.mechanisms.decomposition.hazard_curves`.
    table : pandas.DataFrame
        One row per persona and sighting, and per cue if there is one: `persona`, `share` (of the initially
        susceptible), `sighting`, `cue`, `decisions`, `new_sharers`, and `mean`, `low`, `high` of P(share).
    unit : {"cell", "trajectory"}
        What leave-one-out left out at a time.
    n_trajectories : int
        Trajectories of the condition.
    groups : pandas.DataFrame, optional
        See :func:`tworate.inference.mechanisms.group_parts.group_table`; None without groups.
    """

    condition: dict[str, Any]
    account: Account
    reasons: list[str]
    cautions: list[str]
    fits: dict[str, MechanismFit] = field(repr=False)
    decomposition: pd.DataFrame
    sightings: float
    visibility: float
    curves: pd.DataFrame = field(repr=False)
    table: pd.DataFrame = field(repr=False)
    unit: str
    n_trajectories: int
    groups: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """The condition in words; empty when there is one condition."""
        return condition_label(self.condition)

    @property
    def direction(self) -> str:
        """Whether the hazard per sighting `falls`, `rises`, or `stays` (does neither clearly)."""
        fall = self._part("fall")
        low, high = float(fall["hdi_low"]), float(fall["hdi_high"])
        if self.account == "neither" or low <= 0 <= high:
            return "stays"
        return "falls" if low > 0 else "rises"

    def _part(self, name: str) -> "pd.Series[Any]":
        row: Any = self.decomposition.loc[name]
        return row

    @property
    def sentence(self) -> str:
        """The explanation in words, with its numbers."""
        total = _factor(self._part("fall"))
        reach = f"over {self.sightings:.3g} sightings"
        if "cue" in self.fits and self.account != "neither":
            return self._sentence_with_cue(total, reach)
        if self.direction == "stays":
            return (
                f"Nothing to explain: the probability that the next sighting persuades does not clearly change {reach} "
                f"(by a factor of {total})."
            )
        who, when = self._part("who"), self._part("when")
        opening = {
            "who": "Who: personas differ, and sightings do not",
            "when": "When: sightings differ, and personas do not",
            "both": "Both: personas differ, and sightings too",
            "undecided": f"Undecided ({self.reasons[0]}); the numbers that follow are only indicative",
        }[self.account]
        verb = "falls" if self.direction == "falls" else "rises"
        text = f"{opening}. The probability that the next sighting persuades {verb} by a factor of {total} {reach}: "
        if "who" not in self.fits:
            return text + "with one persona it can only be when."
        if "when" not in self.fits:
            return text + "with one sighting it can only be who."
        text += f"a factor of {_factor(who)} is who, of {_factor(when)} when"
        if self.direction == "falls" and who["mean"] > 0 and when["mean"] > 0:
            share = who["mean"] / (who["mean"] + when["mean"])
            text += f" ({share:.0%} who, {1 - share:.0%} when, on the log scale)"
        if self.direction == "falls" and when["hdi_high"] < 0:
            text += "; repetition persuades here, which works against the fall"
        return text + "." + self._split_of_who()

    def _split_of_who(self) -> str:
        """Return a sentence on the parts between and within groups; empty without groups."""
        if self.groups is None:
            return ""
        between, within = (_factor(self._part(name)) for name in ("between", "within"))
        return split_in_words(between, within, self.decomposition)

    @property
    def of_groups(self) -> list[str]:
        """One sentence for each group of agents; empty without groups."""
        return [] if self.groups is None else groups_in_words(self.groups, self.sightings)

    def _sentence_with_cue(self, total: str, reach: str) -> str:
        opening = f"Undecided ({self.reasons[0]}); the numbers that follow are only indicative"
        if self.account != "undecided":
            # The meaning says more than the names of the mechanisms, which are therefore short.
            opening = f"{self.account.capitalize()}: {MEANING[self.account]}"
        change = {"falls": "falls", "rises": "rises", "stays": "does not clearly change"}[self.direction]
        mechanisms = [name for name in ("who", "when", "cue") if name in self.decomposition.index]
        parts = ", ".join(f"{_factor(self._part(name))} {name}" for name in mechanisms)
        by = f"(by a factor of {total})" if self.direction == "stays" else f"by a factor of {total}"
        return (
            f"{opening}. The probability that the next sighting persuades {change} {by} {reach}; the factors of each "
            f"mechanism, where one below 1 works against a fall: {parts}.{self._split_of_who()}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything except draws and curves, in a form that JSON can express."""
        accounts = {
            name: {
                "elpd_loo": fit.elpd.elpd_loo,
                "se": fit.elpd.se,
                "p_loo": fit.elpd.p_loo,
                "pareto_k_bad": int(fit.elpd.high_k_units.size),
                "good_k": fit.elpd.good_k,
                "refitted": fit.elpd.n_refitted,
                "problems": fit.problems,
                "parameters": fit.parameters.to_dict("index"),
            }
            for name, fit in self.fits.items()
        }
        content = {
            "condition": self.condition,
            "account": self.account,
            "sentence": self.sentence,
            "reasons": self.reasons,
            "cautions": self.cautions,
            "split": self.decomposition.to_dict("index"),
            "sightings": self.sightings,
            "visibility": self.visibility or None,
            "unit": self.unit,
            "n_trajectories": self.n_trajectories,
            "accounts": accounts,
            "table": self.table.to_dict("records"),
            **({} if self.groups is None else {"groups": self.groups.reset_index().to_dict("records")}),
        }
        # NaN and infinity become null: JSON has neither.
        plain = json.loads(json.dumps(content, default=float), parse_constant=lambda _: None)
        return dict(plain)


def explain(
    trajectories: "Trajectories | pd.DataFrame | str | Path",
    by: str | Sequence[str] | None = None,
    *,
    unit: str = UNITS[0],
    max_refits: int = MAX_REFITS,
    seed: int = 0,
    sampler: SamplerSettings | None = None,
    only: Callable[[dict[str, Any]], bool] | None = None,
    progress: Progress | None = None,
) -> list[Explanation]:
    """Distinguish who, when and cue by the counts by persona, sighting and number of sharers.

    Parameters
    ----------
    trajectories : Trajectories or path
        Data with counts, see :mod:`tworate.simulate.counts`.
    by : str or sequence of str, optional
        Condition columns: each condition is explained separately.
    unit : {"cell", "trajectory"}
        What leave-one-out leaves out at a time.
    max_refits : int
        Units with a high Pareto k are left out exactly, by refitting, if there are at most this many. If there are
        more, none is refitted.
    seed : int
        Seed of every fit, so that a condition gives the same result alone or among many.
    sampler : SamplerSettings, optional
        How to sample.
    only : callable, optional
        Returns whether a condition is to be explained.
    progress : callable, optional
        Called when each fit begins.

    Returns
    -------
    list of Explanation
        One per condition, in order of appearance.

    Raises
    ------
    InputError
        When the data have no counts, or a name cannot be used.

    Examples
    --------
    >>> from tworate import random_regular, spread
    >>> network = random_regular(500, degree=8, seed=1)
    >>> data = spread(network, [[0.3, 0.05]], replicates=5, seed=2)  # agents alike; the first sighting persuades
    >>> explanations = explain(data, seed=3)
    >>> explanations[0].account
    'when'
    """
    if unit not in UNITS:
        raise InputError(f"unit {unit!r} is unknown; choose one of {', '.join(UNITS)}")
    check_seed(seed)
    data = as_trajectories(trajectories)
    columns = [by] if isinstance(by, str) else list(by or [])
    parts = [(condition, part) for condition, part in data.split(columns) if only is None or only(condition)]
    explanations = []
    for number, (condition, part) in enumerate(parts):
        counts = decision_counts(part)
        names = offered(counts)

        def report(done: int, name: str, number: int = number, names: list[str] = names) -> None:
            if progress:
                progress(f"fitting {name}", number * len(names) + done, len(parts) * len(names))

        fits = {}
        for done, name in enumerate(names):
            report(done, name)
            fits[name] = fit_mechanism_model(
                name, counts, seed=seed, settings=sampler or SamplerSettings(), unit=unit, max_refits=max_refits
            )
        cautions = [*filter(None, [pooled_conditions(part, columns)]), *_cautions(part, counts)]
        explanations.append(_explanation(condition, counts, fits, unit, cautions))
    return explanations


def explanation_record(explanations: Sequence[Explanation], source: str, seed: int) -> dict[str, Any]:
    """Return the content of `explanation.json`."""
    return {
        "versions": versions(PACKAGES),
        "source": source,
        "seed": seed,
        "conditions": [explanation.to_json() for explanation in explanations],
    }


def _explanation(
    condition: dict[str, Any],
    counts: DecisionCounts,
    fits: dict[str, MechanismFit],
    unit: str,
    cautions: list[str],
) -> Explanation:
    richest = fits[list(fits)[-1]]
    exposure = Exposure(counts.reach, counts.visibility)
    tables = richest.p_share
    weights = None if counts.cue is None else counts.cue_weights
    parts = (
        decompose(tables, counts.shares, exposure)
        if weights is None
        else decompose_with_cue(tables, counts.shares, exposure, weights)
    )
    groups = None
    if counts.groups is not None:
        parts = split_who(parts, tables, counts.shares, exposure, counts.groups, weights)
        groups = group_table(tables, counts.shares, exposure, counts.groups, weights)
    summary, problems = _summary_of(parts, richest)
    doubts = [
        f"the sampler's numbers for {name} cannot be trusted: {'; '.join(texts)}"
        for name, texts in {**{name: fit.problems for name, fit in fits.items()}, "the split": problems}.items()
        if texts
    ]
    n_units = richest.elpd.pointwise.size
    if (sharers := int(counts.new_sharers.sum())) < MIN_SHARERS:
        doubts.append(f"{only(sharers, 'agent', 'share')} after the start; at least {MIN_SHARERS} are needed")
    if unit == "trajectory" and n_units < MIN_TRAJECTORIES:
        doubts.append(f"{only(n_units, 'trajectory', 'can')} be left out; at least {MIN_TRAJECTORIES} are needed")
    high_k_units = {
        name: f"PSIS-LOO cannot be trusted for {fit.elpd.high_k_units.size} of {n_units} {_PLURAL[unit]} under "
        f"{name} (high Pareto k)"
        for name, fit in fits.items()
        if fit.elpd.high_k_units.size
    }
    # A bad fit can cause a high Pareto k. An upper bound of the elpd is then enough to reject the model.
    account, reasons = judge_mechanisms({name: fit.bound for name, fit in fits.items()}, doubts)
    if account in high_k_units:
        account, reasons = "undecided", [high_k_units[account]]
    elif not doubts:
        reasons += [f"{text}; an upper bound of the elpd was used there" for text in high_k_units.values()]
    return Explanation(
        condition=condition,
        account=account,
        reasons=reasons,
        cautions=cautions,
        fits=fits,
        decomposition=summary,
        sightings=counts.reach,
        visibility=counts.visibility,
        curves=hazard_curves(tables, counts.shares, exposure, INTERVAL, weights),
        table=_decisions(counts, tables),
        unit=unit,
        n_trajectories=len(counts.trajectories),
        groups=groups,
    )


def _summary_of(parts: HazardDecline, richest: MechanismFit) -> tuple[pd.DataFrame, list[str]]:
    """Summarize the posterior of the fall and its parts, and return problems that the diagnostics find."""
    draws = group(richest.posterior, "posterior")
    shape = (draws.sizes["chain"], draws.sizes["draw"])
    varying = {name: values for name, values in parts.by_name().items() if np.ptp(values) > _SAME}
    posterior = make_posterior(
        posterior=draws[[]].assign({k: (("chain", "draw"), v.reshape(shape)) for k, v in varying.items()}),
        sample_stats=group(richest.posterior, "sample_stats"),
    )
    summary = summarize(posterior) if varying else pd.DataFrame()
    problems = diagnose(posterior, summary) if varying else []
    # A mechanism has no part if the data cannot show it: with one persona, or with one sighting.
    columns = ["mean", "sd", "hdi_low", "hdi_high", "ess_bulk", "r_hat"]
    constant = pd.Series([0.0, 0.0, 0.0, 0.0, np.nan, np.nan], index=columns)
    summary = pd.DataFrame({name: summary.loc[name] if name in varying else constant for name in parts.by_name()}).T
    for name, source in (("factor", "mean"), ("factor_low", "hdi_low"), ("factor_high", "hdi_high")):
        summary[name] = np.exp(summary[source])
    return summary, problems


def _decisions(counts: DecisionCounts, tables: Any) -> pd.DataFrame:
    """Return the decision table as estimated from the counts."""
    persona, sighting, *cue = (place.ravel() for place in np.indices(counts.shape))
    decisions, new_sharers = counts.totals()
    outside = (1.0 - INTERVAL) / 2.0
    low, high = np.quantile(tables, [outside, 1.0 - outside], axis=0)
    return pd.DataFrame(
        {
            "persona": np.array(counts.personas)[persona],
            "share": counts.shares[persona],
            "sighting": sighting + 1,
            **({"cue": np.array(CUE_LABELS)[cue[0]]} if cue else {}),
            "decisions": decisions.ravel().astype(int),
            "new_sharers": new_sharers.ravel().astype(int),
            "mean": tables.mean(axis=0).ravel(),
            "low": low.ravel(),
            "high": high.ravel(),
        }
    )


def _cautions(part: Trajectories, counts: DecisionCounts) -> list[str]:
    """Return cautions about features of the data that the mechanism models ignore."""
    cautions = []
    if "intervention" in part.table and part.table["intervention"].astype(str).str.contains("counter").any():
        cautions.append(
            "caution: a counter-message changes the probability of sharing with time, which the mechanism models "
            "ignore; later sightings can look less persuasive because of it"
        )
    # Pearson's sum of squares about the pooled rates, compared with its mean and variance for binomial decisions.
    decisions, new_sharers = counts.totals()
    place = counts.place
    rate = new_sharers / np.maximum(decisions, 1.0)
    p, n = rate[place], counts.decisions.astype(float)
    share = n / decisions[place]
    used = (p > 0) & (p < 1) & (share < 1)
    if used.any():
        p, n, share = p[used], n[used], share[used]
        squares = (counts.new_sharers[used] - n * p) ** 2 / (n * p * (1 - p))
        expected = (1.0 - share).sum()
        spread = math.sqrt(
            float(((1.0 - share) ** 2 * (2.0 + (1.0 - 6.0 * p * (1.0 - p)) / (n * p * (1.0 - p)))).sum())
        )
        if squares.sum() - expected > _MUCH_VARIATION * spread:
            cautions.append(
                f"caution: decisions vary between trajectories {squares.sum() / expected:.2f} times as much as "
                "binomial ones would; something that differs between trajectories is neither persona nor sighting, and "
                "the intervals are too narrow"
            )
    return cautions


def _factor(row: "pd.Series[Any]") -> str:
    return f"{row['factor']:.3g} ({INTERVAL:.0%} HDI {row['factor_low']:.3g} to {row['factor_high']:.3g})"
