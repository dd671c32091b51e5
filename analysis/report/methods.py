"""The methods text of a comparison: what was done, with the numbers of this run and the references, ready to paste."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...inference import Comparison, ConditionResult, ModelResult
from ...inference.comparison.adequacy import REJECTED_BELOW
from ...inference.comparison.verdict import GAIN, STANDARD_ERRORS
from ...inference.data.individual import EVENT_HISTORIES
from ...inference.likelihood.likelihoods import LIKELIHOODS
from ...inference.posterior.arviz_adapter import group
from ...inference.posterior.diagnostics import INTERVAL, STRICT
from ...models.structures import all_structures
from .numbers import fixed, setting
from .references import bibliography, cited_keys, key_of

METHODS, BIBLIOGRAPHY = "methods.md", "references.bib"


def methods(comparison: Comparison, run: dict[str, Any] | None = None) -> list[str]:
    """Return the paragraphs of the methods text. Citations are written `[@key]`, as in Pandoc's Markdown.

    Parameters
    ----------
    comparison : Comparison
        What was done.
    run : dict, optional
        Record of `tworate run`, where the data are from it.
    """
    fitted = [result for result in comparison.conditions if result.models]
    paragraphs = [*([_simulation(run)] if run and (run.get("model") or run.get("groups")) else []), _data(comparison)]
    if not fitted:
        return [*paragraphs, _software(comparison, [], run)]
    models = [model for result in fitted for model in result.models.values()]
    return [
        *paragraphs,
        _models(fitted),
        _likelihood(fitted, models),
        _sampling(comparison, fitted, models),
        _decision(fitted, models),
        _software(comparison, fitted, run),
    ]


def methods_file(paragraphs: Sequence[str]) -> str:
    """Return the content of `methods.md`."""
    return "\n\n".join(["# Methods", *paragraphs]) + "\n"


def bibliography_file(paragraphs: Sequence[str]) -> str:
    """Return the content of `references.bib`: what the paragraphs cite."""
    return bibliography(cited_keys("\n".join(paragraphs)))


def listed(items: Sequence[str], last: str = "and") -> str:
    """Return items in a row of words: `a, b and c`."""
    items = list(items)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else "none"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 trajectory`, `2 trajectories`, `1,000 agents`."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def _simulation(run: dict[str, Any]) -> str:
    events = f" about the events {run['events']}" if run.get("events") else ""
    parts = [
        _by_groups(run, events)
        if run.get("groups")
        else f"The trajectories were simulated. The language model {run['model']} (fingerprint "
        f"{run.get('fingerprint', '?')}) decided for agents with personas ({run.get('personas', '?')}) whether they "
        f"share a post{events}.",
    ]
    if run.get("cue") == "sharers":
        parts.append(
            "The prompt said how many of the accounts that the agent follows had shared the post (1, 2, 3 or 4, 5 or "
            "more)."
        )
    if run.get("agents") is not None:
        often = "each" if isinstance(run.get("degree"), int) else "on average"
        parts.append(
            f"The post spread over a network ({run.get('network', '?')}) of {counted(int(run['agents']), 'agent')} "
            f"with {setting(run.get('degree', '?'))} neighbours {often}, in "
            f"{counted(int(run.get('replicates', 1)), 'replicate')} of {counted(int(run.get('rounds', 0)), 'round')} "
            f"(clock: {run.get('clock', 'rounds')}; visibility of a post: {setting(run.get('visibility', '?'))}; seed "
            f"{run.get('seed', '?')})."
        )
    if run.get("warning"):
        # Its further sentences are advice to the user.
        parts.append(". ".join(str(run["warning"]).split(". ")[:2]).removesuffix(".") + ".")
    return " ".join(parts)


def _by_groups(run: dict[str, Any], events: str) -> str:
    """Return who decided in a population of groups."""
    groups = [f"{one['group']} ({counted(int(one['agents']), 'agent')}; {one['decides']})" for one in run["groups"]]
    known = [f"{one['model']} has the fingerprint {one['fingerprint']}" for one in run["groups"] if one["model"]]
    models = f" The language model {listed(list(dict.fromkeys(known)))}." if known else ""
    return (
        f"The trajectories were simulated. Agents belonged to groups: {listed(groups)}. They decided whether they "
        f"share a post{events}.{models}"
    )


def _data(comparison: Comparison) -> str:
    data = comparison.trajectories
    table = data.table
    paths = table.assign(path=data.path_numbers).groupby("path")["infected"]
    new = int((paths.last() - paths.first()).sum())
    populations = table["population"].unique()
    size = (
        f"{counted(int(populations[0]), 'agent')} each"
        if populations.size == 1
        else f"{populations.min():,} to {populations.max():,} agents"
    )
    unit = f" {data.time_unit}s" if data.time_unit else ""
    span = f"{setting(float(table['time'].min()))} to {setting(float(table['time'].max()))}{unit}"
    text = (
        f"The data are {counted(paths.ngroups, 'trajectory')} of populations of {size}, observed at times {span}; "
        f"{counted(new, 'agent')} began to share after the start."
    )
    if comparison.by:
        text += (
            f" Conditions differ in {listed(comparison.by)}; each of the "
            f"{counted(len(comparison.conditions), 'condition')} was analysed on its own."
        )
    return text


def _models(fitted: Sequence[ConditionResult]) -> str:
    asked = {
        name: model for result in fitted for name, model in result.models.items() if not model.rival and "+" not in name
    }
    described = [
        f"{name} ({model.specification.model.summary}{_cited(model.specification.model.reference)})"
        for name, model in asked.items()
    ]
    first = fitted[0]
    exposure = (
        "Exposure is every agent's own: the cumulative number of its contacts that had shared, from the recorded event "
        "histories and network."
        if first.closure == EVENT_HISTORIES
        else f"Exposure came from the {first.closure} closure ({first.closure_reason})"
        + (" [@miller2012]." if first.closure == "edge-based" else ".")
    )
    text = (
        f"We compared susceptible–infected models of sharing: {listed(described)}. In each, the probability that an "
        f"agent has not shared is a survival function of its cumulative exposure. {exposure}"
    )
    if asides := _structures(fitted):
        asked_in = [result for result in fitted if result.left_out or any("+" in name for name in result.models)]
        where = "" if len(asked_in) == len(fitted) else f" (in {len(asked_in)} of {len(fitted)} conditions)"
        text += f" Beside these, we asked what else may change the pace{where}: {listed(asides)}."
    else:
        text += " No structure that changes the pace was fitted beside these."
    if covariates := first.covariates:
        text += f" All models have log-linear effects of {listed(covariates)} on the rates."
    rivals = sorted(
        {
            name
            for result in fitted
            for name, model in result.models.items()
            if model.rival and model.specification.model.structure is None
        }
    )
    if rivals:
        text += f" Rivals that also give a falling hazard were fitted too: {listed(rivals)}."
    return text


def _structures(fitted: Sequence[ConditionResult]) -> list[str]:
    """Return the structures that were asked for, each with its meaning and source."""
    known = all_structures()
    named = {name.partition("+")[2] for result in fitted for name in (*result.models, *result.left_out)} - {""}
    words = []
    for name in [*(n for n in known if n in named), *sorted(named - set(known))]:
        words.append(f"{name} ({known[name].summary}{_cited(known[name].reference)})" if name in known else name)
    return words


def _cited(source: str) -> str:
    if key := key_of(source):
        return f" [@{key}]"
    return f"; {source}" if source and source != "none" else ""


def _likelihood(fitted: Sequence[ConditionResult], models: Sequence[ModelResult]) -> str:
    first = fitted[0]
    likelihood = LIKELIHOODS[first.likelihood]
    of = (
        "of each agent, given the history of the others"
        if first.level == "individual"
        else "of the new sharers in each interval, given the past"
        if likelihood.kind == "transition"
        else "of the whole curve, from its start"
    )
    priors: dict[str, None] = {}
    for model in models:
        if model.rival:
            continue
        for name, spec in model.specification.scalars.items():
            if spec.stated_prior:
                priors[f"{spec.symbol or name} ({spec.meaning}): {spec.stated_prior}"] = None
    compared = sum(result.n_observations for result in fitted)
    unit = "agent" if first.level == "individual" else "increment"
    return (
        f"The analysis is at the {first.level} level ({first.level_reason}): the likelihood is {first.likelihood}, "
        f"{of}, in {'continuous time' if first.clock == 'continuous' else 'synchronous rounds'} "
        f"({first.clock_reason}); {counted(compared, unit)} entered it. Priors, in units of the observed window, were: "
        f"{'; '.join(priors)}"
        + (f"; their scales were multiplied by {first.prior_scale:g}" if first.prior_scale != 1 else "")
        + ". Sensitivity to them was measured by power-scaling [@kallioinen2024]."
    )


def _sampling(comparison: Comparison, fitted: Sequence[ConditionResult], models: Sequence[ModelResult]) -> str:
    sampled, diverging, transitions = [], 0, 0
    settings: dict[str, None] = {}
    for result in fitted:
        for name, model in result.models.items():
            if model.importance_k is not None:
                continue
            sampled.append(model)
            posterior = result.posteriors[name]
            used = json.loads(posterior.attrs["sampler"])
            settings[f"{used['chains']} chains of {used['draws']:,} draws after {used['tune']:,} of warm-up"] = None
            found = np.asarray(group(posterior, "sample_stats")["diverging"])
            diverging, transitions = diverging + int(found.sum()), transitions + found.size
    around = [model.importance_k for model in models if model.importance_k is not None]
    worst_r_hat = max((float(model.parameters["r_hat"].max()) for model in sampled), default=float("nan"))
    least_ess = min((float(model.parameters["ess_bulk"].min()) for model in sampled), default=float("nan"))
    text = (
        f"Posteriors were sampled with the No-U-Turn sampler [@hoffman2014] of nutpie [@nutpie] and PyMC "
        f"[@abrilpla2023] ({listed(list(settings), 'or')}; seed {comparison.seed}). Over "
        f"{counted(len(sampled), 'sampled fit')}, R̂ [@vehtari2021] was at most {fixed(worst_r_hat, 3)} and the bulk "
        f"effective sample size at least {fixed(least_ess, 0)}; {diverging:,} of {transitions:,} transitions diverged. "
        f"Limits were {STRICT.r_hat:g}, {STRICT.ess:g} and {STRICT.divergent * 1000:g} in 1,000."
    )
    if around:
        text += (
            f" {counted(len(around), 'further posterior')} {'was' if len(around) == 1 else 'were'} drawn from around "
            f"the mode with Pareto-smoothed importance weights [@vehtari2024], whose Pareto k was at most "
            f"{fixed(max(around), 2)}."
        )
    problems = sorted({problem for model in models for problem in model.problems})
    if problems:
        text += f" Diagnostics outside these limits: {'; '.join(problems)}."
    return text + f" Intervals of parameters are {INTERVAL:.0%} highest-density intervals (HDI)."


def _decision(fitted: Sequence[ConditionResult], models: Sequence[ModelResult]) -> str:
    first = fitted[0]
    bad, refitted = sum(m.pareto_k_bad for m in models), sum(m.elpd.n_refitted for m in models)
    high = max(float(np.max(m.elpd.pareto_k, initial=-np.inf)) for m in models)
    text = (
        f"Models were compared by the expected log predictive density (elpd) of leave-one-out cross-validation with "
        f"Pareto-smoothed importance sampling [@vehtari2017; @vehtari2024], leaving out one {first.unit} at a time. "
        f"Pareto k was at most {fixed(high, 2)} (limit {fixed(max(m.good_k for m in models), 2)}; {bad:,} above it"
        + (f", {refitted:,} left out exactly by refitting" if refitted else "")
        + "). With d the difference in elpd and dse its standard error, a richer model was preferred if "
        f"d > {GAIN:g} and d > {STANDARD_ERRORS:g} dse [@sivula2020]; a gain was ruled out if "
        f"d + {STANDARD_ERRORS:g} dse ≤ {GAIN:g}; otherwise the comparison was undecided. "
        + (
            "The verdict is between the best model of one rate and the best of two rates over all structures."
            if {"one-rate", "two-rate"} <= set(first.models)
            else "The verdict is the simplest model that no other one beats."
        )
    )
    tested = [made for result in fitted for made in result.adequacy.values()]
    if tested:
        ranks = "ranks of one-step predictions [@rayner1990] and " if any(made.pit for made in tested) else ""
        axes = listed(list(dict.fromkeys(axis for made in tested for axis in made.bins)))
        text += (
            f" Whether a model describes the data was tested by {ranks}new sharers in bins of {axes}; it was rejected "
            f"at p < {REJECTED_BELOW:g}."
        )
    return text


def _software(comparison: Comparison, fitted: Sequence[ConditionResult], run: dict[str, Any] | None) -> str:
    posteriors = [posterior for result in fitted for posterior in result.posteriors.values()]
    found = {**(json.loads(posteriors[0].attrs["versions"]) if posteriors else {}), **(run or {}).get("versions", {})}
    found.setdefault("tworate", comparison.version)
    text = (
        f"Software: tworate {found.pop('tworate')} [@tworate], "
        f"{', '.join(f'{name} {number}' for name, number in found.items())}; diagnostics by ArviZ [@kumar2019]."
    )
    if date := comparison.made.get("date"):
        text += f" The comparison was made on {date}."
    if command := comparison.made.get("command"):
        text += f" Command: `{command}`."
    return text
