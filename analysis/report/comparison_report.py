"""The HTML report of a comparison: one self-contained file that shows results and computes none."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ...files import write_text
from ...inference import LIKELIHOODS, Comparison, ConditionResult, predict_curves
from ...inference.comparison import comparison_plots as plots
from ...inference.comparison.agents import agent_table, class_by_attribute, covariate_effects, prior_reach
from ...inference.comparison.storage import REPORT
from ...inference.posterior.arviz_adapter import group
from ...simulate import Trajectories
from ..experiment import Progress
from .rendering import embedded, render

MAX_FIGURES = 24
"""Further conditions have numbers, but no figures."""
_FIGURES = "figures"
_FIGURE = re.compile(r"(\d{3}-)?(prediction|elpd|rates|pareto_k|pit|pointwise_elpd|evidence|prior|classes)\.png")
"""File names of figures, numbered if there are several conditions."""


def write_report(
    comparison: Comparison, folder: Path, run: dict[str, Any] | None = None, progress: Progress | None = None
) -> Path:
    """Write `report.html`, and its figures to `figures/`.

    Parameters
    ----------
    comparison : Comparison
        The comparison to report.
    folder : Path
        Folder of the report.
    run : dict, optional
        Record of `tworate run` (model, events, network, seeds, warning), from `run.json`.
    progress : callable, optional
        Called before each condition is drawn.

    Returns
    -------
    Path
        Path of the report.
    """
    parts = [part for _, part in comparison.trajectories.split(comparison.by)]
    sections: list[dict[str, Any]] = []
    names = set()
    for number, (result, part) in enumerate(zip(comparison.conditions, parts, strict=True)):
        if progress:
            progress("drawing", number, len(parts))
        prefix = f"{number + 1:03}-" if len(parts) > 1 else ""
        drawn = (
            _draw(result, part, comparison.seed, folder / _FIGURES, prefix)
            if result.models and number < MAX_FIGURES
            else {}
        )
        names |= {f"{prefix}{name}.png" for name in drawn}
        section = {"result": result, "sentence": verdict_sentence(result), "figures": drawn}
        sections.append({**section, "effects": covariate_effects(result) if result.covariates else None})
    html = render(
        "report.html.jinja",
        comparison=comparison,
        sections=sections,
        run=run or {},
        infinity=float("inf"),
        max_figures=MAX_FIGURES,
        provenance=provenance(comparison, run or {}),
    )
    path = folder / REPORT
    write_text(path, html)
    # Remove figures of an earlier comparison in this folder.
    for figure in (folder / _FIGURES).glob("*.png"):
        if _FIGURE.fullmatch(figure.name) and figure.name not in names:
            figure.unlink(missing_ok=True)
    return path


def verdict_sentence(result: ConditionResult) -> str:
    """Return the verdict in one sentence with its numbers."""
    if not result.models:
        return f"Undecided: {result.reasons[0]}."
    if result.verdict == "undecided":
        return f"Undecided: {result.reasons[0]}."
    if result.verdict == "one-rate":
        return f"One transmission rate is enough, {_interval(result, result.selected, 'beta')}: {result.reasons[0]}."
    if result.verdict == "heterogeneous":
        return f"Transmission {result.reasons[0]}."
    if result.verdict != "two-rate":
        return f"{result.verdict} is chosen: {result.reasons[0]}."
    rates = " and ".join(_interval(result, result.selected, name) for name in ("beta_fast", "beta_slow"))
    return f"Two transmission rates are needed, {rates}: {result.reasons[0]}."


def provenance(comparison: Comparison, run: dict[str, Any]) -> dict[str, str]:
    """Return labels and values that describe the data, the settings and the versions."""
    first = comparison.conditions[0]
    samplers = {
        posterior.attrs["sampler"] for result in comparison.conditions for posterior in result.posteriors.values()
    }
    content = {
        "data": comparison.trajectories.source,
        "conditions": ", ".join(comparison.by) or "one",
        "level": f"{first.level} ({first.level_reason})",
        "exposure": f"{first.closure} ({first.closure_reason})",
        **({"covariates of all models": ", ".join(first.covariates)} if first.covariates else {}),
        "likelihood": f"{first.likelihood}, "
        + (
            "of each agent given the history of the others"
            if first.level == "individual"
            else "of each increment given the past"
            if LIKELIHOODS[first.likelihood].kind == "transition"
            else "of the whole curve from its start"
        ),
        "clock": f"{first.clock} ({first.clock_reason})",
        "unit of leave-one-out": first.unit,
        "scales of the priors": f"{first.prior_scale:g} times those of the models",
        "seed of the fits": str(comparison.seed),
        "sampler": "nutpie NUTS; "
        + " / ".join(
            ", ".join(f"{key} {value}" for key, value in json.loads(text).items()) for text in sorted(samplers)
        ),
    }
    labels = {
        "model": "language model",
        "fingerprint": "model fingerprint",
        "events": "events",
        "personas": "personas",
        "qualifier": "strength of their adjectives",
        "elicitation": "how decisions were elicited",
        "network": "network",
        "agents": "agents",
        "degree": "neighbours of each agent",
        "replicates": "replicates",
        "rounds": "rounds",
        "clock": "clock of the simulation",
        "visibility": "visibility of a post on an edge, per round or unit of time",
        "outside": "exposure to the outside world, per round or unit of time",
        "initial_sharers": "agents that have shared at the start",
        "seeds": "choice of these agents",
        "interventions": "interventions",
        "pace": "changes of the pace",
        "homophily": "homophily, requested",
        "assortativity": "assortativity of personas, measured",
        "seed": "seed of the simulation",
    }
    if elicitation := run.get("elicitation"):
        run = {**run, "elicitation": _elicitation(elicitation)}
    if "interventions" in run:
        run = {**run, "interventions": ", ".join(run["interventions"]) or "none"}
    content |= {label: str(run[key]) for key, label in labels.items() if run.get(key) is not None}
    fitted = [posterior for result in comparison.conditions for posterior in result.posteriors.values()]
    versions = {**(json.loads(fitted[0].attrs["versions"]) if fitted else {}), **run.get("versions", {})}
    content["versions"] = ", ".join(f"{name} {number}" for name, number in versions.items())
    return content


def _elicitation(record: dict[str, Any]) -> str:
    wordings = ", ".join("/".join(wording) for wording in record["wordings"])
    mass = f"probability of the two options together {record['option_mass']:.4f} (mean of all prompts)"
    if record["method"] == "logits":
        return f"log-probabilities of whole options, both orders; {wordings}; {mass}"
    instead = " (the model gives no log-probabilities of the options)" if record["method_asked"] == "logits" else ""
    return (
        f"{record['samples']} answers sampled at temperature {record['temperature']:g} to each prompt{instead}, both "
        f"orders; {wordings}; {mass}; {record['unparsable']} answers named neither option and count for neither"
    )


def _interval(result: ConditionResult, model: str, parameter: str) -> str:
    fitted = result.models[model]
    row, spec = fitted.parameters.loc[parameter], fitted.specification.described[parameter]
    return f"{spec.symbol} = {row['mean']:.3g} (95% interval {row['hdi_low']:.3g} to {row['hdi_high']:.3g})"


def _draw(
    result: ConditionResult, trajectories: Trajectories, seed: int, folder: Path, prefix: str
) -> dict[str, dict[str, Any]]:
    """Draw the figures of a condition, save each as PNG, and return data URI and width by name."""
    bands: dict[str, pd.DataFrame] = {
        name: predict_curves(posterior, trajectories, seed=seed, model=result.models[name].specification.model)
        for name, posterior in result.posteriors.items()
        if name in result.shown
    }
    agents = agent_table(result, trajectories) if result.level == "individual" else None
    figures: dict[str, Figure] = {
        "prediction": plots.plot_prediction(trajectories, bands),
        "elpd": plots.plot_elpd(result),
        "rates": plots.plot_rates(result),
        "pareto_k": plots.plot_pareto_k(result),
    }
    if result.compared and result.compared[0]:
        figures["pointwise_elpd"] = plots.plot_pointwise_elpd(result, agents)
    if result.adequacy:
        figures["pit"] = plots.plot_pit(result)
    if agents is not None:
        if reached := prior_reach(result, agents):
            figures["prior"] = plots.plot_prior_reach(reached, float(agents["shared"].mean()))
        if "p_fast" in agents:
            figures["classes"] = plots.plot_classes(agents, class_by_attribute(agents))
    elif all("incidence" in group(posterior, "observed_data") for posterior in result.posteriors.values()):
        figures["prior"] = plots.plot_prior_check(result)
    return {name: embedded(figure, folder / f"{prefix}{name}.png") for name, figure in figures.items()}
