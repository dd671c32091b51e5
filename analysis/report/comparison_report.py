"""The HTML report of a comparison: one self-contained file that shows results and computes none."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ...files import atomic_path, write_text
from ...inference import Comparison, ConditionResult, predict_curves
from ...inference.comparison import comparison_plots as plots
from ...inference.comparison.agents import agent_table, class_by_attribute, covariate_effects, prior_reach
from ...inference.comparison.storage import REPORT
from ...inference.posterior.arviz_adapter import group
from ...inference.posterior.diagnostics import INTERVAL
from ...inference.posterior.one_step import has_steps, predict_steps
from ...simulate import Trajectories
from ..experiment import Progress
from ..group_answer import saved_answers
from .decision_plots import plot_prompts
from .explanations import Explained, explained_conditions
from .methods import BIBLIOGRAPHY, METHODS, bibliography_file, methods, methods_file
from .numbers import estimate
from .parameter_tables import CSV, LATEX, parameter_table, to_latex
from .provenance import provenance
from .reading import how_to_read
from .references import in_words
from .rendering import FORMATS, dark_colours, embedded, render

MAX_FIGURES = 24
"""Further conditions have numbers, but no figures."""
_FIGURES = "figures"
_FIGURE = re.compile(
    r"(\d{3}-)?(prediction|steps|elpd|rates|pareto_k|pit|pointwise_elpd|evidence|prior|classes|decisions)\.(png|svg|pdf)"
)
"""File names of figures, numbered if there are several conditions."""


def write_report(
    comparison: Comparison,
    path: Path,
    run: dict[str, Any] | None = None,
    progress: Progress | None = None,
    formats: Sequence[str] = ("png",),
) -> Path:
    """Write the report of a comparison, and what goes into a paper beside it.

    Beside `report.html` these are `figures/`, the table of parameters (`parameters.csv`, `parameters.tex`), the methods
    text (`methods.md`) and its references (`references.bib`).

    Parameters
    ----------
    comparison : Comparison
        The comparison to report.
    path : Path
        Folder of the report; or a file that ends in `.html`, which is then all that is written.
    run : dict, optional
        Record of `tworate run` (model, events, network, seeds, warning), from `run.json`.
    progress : callable, optional
        Called before each condition is drawn.
    formats : sequence of str
        Formats of the files of figures: png, svg and pdf.

    Returns
    -------
    Path
        Path of the report.
    """
    alone = path.suffix.lower() == ".html"
    folder = path.parent if alone else path
    parts = [part for _, part in comparison.trajectories.split(comparison.by)]
    explained = [] if alone else explained_conditions(folder)
    answers = [] if alone else saved_answers(folder)
    sections: list[dict[str, Any]] = []
    names = set()
    for number, (result, part) in enumerate(zip(comparison.conditions, parts, strict=True)):
        if progress:
            progress("drawing", number, len(parts))
        prefix = f"{number + 1:03}-" if len(parts) > 1 else ""
        own = next((each for each in explained if each.condition == result.condition), None)
        figures = _figures(result, part, comparison.seed, own) if result.models and number < MAX_FIGURES else {}
        drawn = {}
        for name, figure in figures.items():
            # `tworate explain` has saved its own figure.
            target = None if alone or name == "explanation" else folder / _FIGURES / f"{prefix}{name}.png"
            drawn[name] = embedded(figure, target, formats, name=f"{prefix}{name}")
            names |= {f"{prefix}{name}.{suffix}" for suffix in formats}
        has_counts = part.counts is not None
        section = {
            "result": result,
            "sentence": verdict_sentence(result),
            "reading": how_to_read(result, has_counts=has_counts, is_explained=own is not None),
            "figures": drawn,
            "explanation": own,
            "groups": next((each for each in answers if each.condition == result.condition), None),
            "effects": covariate_effects(result) if result.covariates else None,
        }
        sections.append(section)
    decisions = _decisions(comparison.decisions, None if alone else folder, formats)
    if decisions:
        names |= {f"decisions.{suffix}" for suffix in formats}
    paragraphs = methods(comparison, run)
    html = render(
        "report.html.jinja",
        comparison=comparison,
        sections=sections,
        decisions=decisions,
        run=run or {},
        infinity=float("inf"),
        max_figures=MAX_FIGURES,
        provenance=provenance(comparison, run or {}),
        methods=[in_words(paragraph).replace("`", "") for paragraph in paragraphs],
        hdi=f"{INTERVAL:.0%}",
        dark=dark_colours(
            [drawing["svg"] for section in [*sections, decisions] for drawing in section.get("figures", {}).values()]
        ),
    )
    if alone:
        write_text(path, html)
        return path
    _write_beside(comparison, folder, paragraphs)
    write_text(folder / REPORT, html)
    # Remove figures of an earlier comparison in this folder.
    for suffix in FORMATS:
        for file in (folder / _FIGURES).glob(f"*.{suffix}"):
            if _FIGURE.fullmatch(file.name) and file.name not in names:
                file.unlink(missing_ok=True)
    return folder / REPORT


def _decisions(decisions: dict[str, Any], folder: Path | None, formats: Sequence[str]) -> dict[str, Any]:
    """Return what the report says about the decisions behind the data, with its figure; empty for other data."""
    if not decisions:
        return {}
    figures = {}
    if len(decisions["personas"]) > 1:
        target = None if folder is None else folder / _FIGURES / "decisions.png"
        figure = plot_prompts(decisions).get_figure(root=True)
        assert figure is not None
        figures["decisions"] = embedded(figure, target, formats, name="decisions")
    return {**decisions, "figures": figures}


def _write_beside(comparison: Comparison, folder: Path, paragraphs: list[str]) -> None:
    """Write the table of parameters and the methods text."""
    table = parameter_table(comparison)
    with atomic_path(folder / CSV) as temporary:
        table.to_csv(temporary, index=False)
    write_text(folder / LATEX, to_latex(table, comparison.by))
    write_text(folder / METHODS, methods_file(paragraphs))
    write_text(folder / BIBLIOGRAPHY, bibliography_file(paragraphs))


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


def _interval(result: ConditionResult, model: str, parameter: str) -> str:
    fitted = result.models[model]
    row, spec = fitted.parameters.loc[parameter], fitted.specification.described[parameter]
    mean, low, high = estimate(row["mean"], row["hdi_low"], row["hdi_high"])
    return f"{spec.symbol} = {mean} ({INTERVAL:.0%} HDI {low} to {high})"


def _figures(
    result: ConditionResult, trajectories: Trajectories, seed: int, explained: Explained | None
) -> dict[str, Figure]:
    """Draw the figures of a condition by name."""
    shown = {name: result.models[name].specification.model for name in result.shown}
    bands: dict[str, pd.DataFrame] = {
        name: predict_curves(result.posteriors[name], trajectories, seed=seed, model=model)
        for name, model in shown.items()
    }
    steps = {
        name: predict_steps(result.posteriors[name], trajectories, seed=seed, model=model)
        for name, model in shown.items()
        if has_steps(result.posteriors[name])
    }
    agents = agent_table(result, trajectories) if result.level == "individual" else None
    unit = trajectories.time_unit or ""
    figures: dict[str, Figure] = {
        **({"steps": plots.plot_steps(trajectories, steps)} if steps else {}),
        "prediction": plots.plot_prediction(trajectories, bands),
        "elpd": plots.plot_elpd(result),
        "rates": plots.plot_rates(result, unit),
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
    if explained is not None and (figure := explained.figure()) is not None:
        figures["explanation"] = figure
    return figures
