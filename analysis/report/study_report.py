"""The HTML report of a study: one self-contained file that shows tables and figures, and computes nothing."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...common.cues import CUE_MEANINGS
from ...errors import InputError
from ...files import atomic_path, write_text
from ...inference.comparison.storage import REPORT
from ...inference.hierarchical.hierarchical import load_hierarchical
from ...inference.hierarchical.variance_parts import variance_parts
from ..experiment import Progress
from ..study.askings import FACTORS as ASKED
from ..study.hierarchical_effects import FACTOR_TERMS, FILE, read_conditions
from ..study.scenario_effects import scenario_table
from ..study.specifications import Specifications, make_specifications, specification_table
from ..study.store import POSTERIORS
from ..study.study_results import load_study
from . import figure_tables as tables
from . import study_plots as plots
from .rendering import FORMATS, dark_colours, embedded, render
from .specification_plots import plot_specifications

FIGURES = "figures"
_MAX_LISTED = 400
"""Further conditions are only in the Parquet tables, not in the report."""


def write_study_report(folder: str | Path, progress: Progress | None = None, formats: Sequence[str] = ("png",)) -> Path:
    """Write `report.html` of a study, and in `figures/` its figures, each with its table as CSV.

    Sections without tables (no effects, no explanation, no posteriors) are left out.

    Parameters
    ----------
    folder : path
        Folder of a study, see `tworate study`. If it holds the output of `tworate explain --out`, that is shown too.
    progress : callable, optional
        Called before each figure is drawn.
    formats : sequence of str
        Formats of the files of figures: png, svg and pdf.

    Returns
    -------
    Path
        Path of the report.

    Raises
    ------
    InputError
        When the folder holds no study, or a table cannot be read.
    """
    folder = Path(folder)
    compared = tables.compared_conditions(folder)
    with_plots = study_tables(folder, compared)
    figures: dict[str, dict[str, Any]] = {}
    for number, (name, (table, plot)) in enumerate(with_plots.items()):
        if progress:
            progress("drawing", number, len(with_plots))
        with atomic_path(folder / FIGURES / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)
        figures[name] = embedded(plot(table), folder / FIGURES / f"{name}.png", formats)
    for stale in set(PLOTS) - set(with_plots):
        # The study had this figure earlier, but no longer has its table.
        for suffix in ("csv", *FORMATS):
            (folder / FIGURES / f"{stale}.{suffix}").unlink(missing_ok=True)
    record = _record(folder)
    loo = folder / "effects_loo.parquet"
    html = render(
        "study.html.jinja",
        shown={"figures": figures},
        n_conditions=int(compared["condition"].nunique()),
        factors=[name.replace("_", " ") for name in tables.varying(compared)],
        verdicts=_counts(compared),
        conditions=_listed(compared),
        left_out=max(0, len(compared) - _MAX_LISTED),
        effects=_rows(with_plots["effects"][0]) if "effects" in with_plots else [],
        problems=_texts_of_effects(folder, "problems"),
        notes=_texts_of_effects(folder, "notes"),
        effects_loo=_rows(tables.read_table(folder, "effects_loo")) if loo.is_file() else [],
        splits=_rows(with_plots["explanation"][0].head(_MAX_LISTED)) if "explanation" in with_plots else [],
        split_columns=[
            n
            for n in ("condition", *tables.FACTORS)
            if "explanation" in with_plots and n in with_plots["explanation"][0]
        ],
        scenarios=_scenarios(folder, compared),
        messages=_messages(record),
        multiverse=specifications(folder) if "specifications" in with_plots else None,
        distrusted=_distrusted(record),
        n_asked=len(record.get("language_models", [])),
        warnings=sorted({str(m["warning"]) for m in record.get("language_models", []) if m.get("warning")}),
        provenance=_provenance(record),
        specification=_text(folder / "study.toml"),
        version=record.get("version", "?"),
        dark=dark_colours([drawing["svg"] for drawing in figures.values()]),
    )
    path = folder / REPORT
    write_text(path, html)
    return path


PLOTS: dict[str, Callable[[pd.DataFrame], Figure]] = {
    "profiles": plots.plot_profiles,
    "verdicts": plots.plot_verdicts,
    "effects": plots.plot_effects,
    "predictions": plots.plot_predictions,
    "explanation": plots.plot_splits,
    "specifications": lambda table: plot_specifications(table, tables.varying(table)),
}
"""Figures of a study by name."""


def study_tables(
    folder: Path, compared: pd.DataFrame
) -> dict[str, tuple[pd.DataFrame, Callable[[pd.DataFrame], Figure]]]:
    """Return the table of each figure of a study, with the function that draws it, by name."""
    figure_tables: dict[str, pd.DataFrame | None] = {
        "profiles": tables.profile_table(compared),
        "verdicts": tables.verdict_table(compared),
        "effects": None,
        "predictions": tables.prediction_table(folder, compared),
        "explanation": tables.explanation_table(folder),
        "specifications": _specification_table(compared),
    }
    if (folder / "effects.parquet").is_file():
        figure_tables["effects"] = tables.effect_table(tables.read_table(folder, "effects"))
    return {name: (table, PLOTS[name]) for name, table in figure_tables.items() if table is not None and len(table)}


def specifications(folder: str | Path) -> Specifications:
    """Return the multiverse of a study: one row for each specification, and what each factor does.

    Parameters
    ----------
    folder : path
        Folder of a study.

    Raises
    ------
    InputError
        When the folder holds no study.
    """
    folder = Path(folder)
    compared = tables.compared_conditions(folder)
    fitted = folder / POSTERIORS / FILE.format("one-rate")
    parts = None
    if (folder / "effects.parquet").is_file() and fitted.is_file():
        parts = variance_parts(load_hierarchical(fitted).posterior, read_conditions(folder), FACTOR_TERMS)
    return make_specifications(compared, tables.varying(compared), parts)


def _specification_table(compared: pd.DataFrame) -> pd.DataFrame | None:
    """Return the specifications if the study varies how it asks."""
    factors = tables.varying(compared)
    return specification_table(compared, factors) if set(factors) & set(ASKED) else None


def _texts_of_effects(folder: Path, column: str) -> dict[str, str]:
    """Return the distinct texts in a column of the effects, with the models that have each."""
    if not (folder / "effects.parquet").is_file():
        return {}
    texts = tables.read_table(folder, "effects")[["si_model", column]].drop_duplicates()
    return {str(text): ", ".join(part["si_model"]) for text, part in texts[texts[column] != ""].groupby(column)}


def _counts(compared: pd.DataFrame) -> list[dict[str, Any]]:
    """Count the conditions with each verdict, by closure."""
    counts = compared.groupby("closure", sort=False)["verdict"].value_counts().unstack(fill_value=0)
    counts = counts.reindex(columns=list(tables.VERDICTS), fill_value=0)
    return _rows(counts.reset_index())


def _listed(compared: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows of the table of conditions, each with a label of its varying factors."""
    factors = tables.varying(compared)
    rows = _rows(compared.head(_MAX_LISTED))
    return [{**row, "label": " · ".join(str(row[name]) for name in factors)} for row in rows]


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _record(folder: Path) -> dict[str, Any]:
    """Read `study.json`; return an empty dict if there is none."""
    path = folder / "study.json"
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}); run `tworate study` again") from error
    return record if isinstance(record, dict) else {}


def _provenance(record: dict[str, Any]) -> dict[str, str]:
    """Return labels and values that describe the language models, seeds and version of the study."""
    seeds = record.get("seed")
    content = {
        "language models": ", ".join(
            str(m.get("name", m.get("model", "?"))) for m in record.get("language_models", [])
        ),
        "model fingerprints": ", ".join(
            str(m["fingerprint"]) for m in record.get("language_models", []) if "fingerprint" in m
        ),
        "strength of adjectives": str(record.get("qualifier") or ""),
        "what agents see of others": CUE_MEANINGS.get(str(record.get("cue")), ""),
        "seed": ", ".join(map(str, np.atleast_1d(seeds))) if seeds is not None else "",
        "digest of the study": str(record.get("digest") or ""),
    }
    return {label: value for label, value in content.items() if value}


def _scenarios(folder: Path, compared: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the effects of interventions, and write them as CSV; empty if the study has no scenarios."""
    path = folder / FIGURES / "scenarios.csv"
    table = scenario_table(load_study(folder), compared, tables.varying(compared)) if "scenario" in compared else None
    if table is None:
        path.unlink(missing_ok=True)
        return []
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)
    return _rows(table)


def _messages(record: dict[str, Any]) -> list[str]:
    """Return what each counter-message does to the decisions of each language model, in words."""
    return [
        f"{_asked(entry)}: “{message['text']}” {message['sentence']}"
        for entry in record.get("language_models", [])
        for message in entry.get("messages", [])
    ]


def _distrusted(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the language models and ways to ask whose decisions cannot be trusted, with the reasons."""
    return [
        {
            "name": _asked(each),
            "reasons": each["decisions"]["reasons"],
        }
        for each in record.get("language_models", [])
        if each.get("decisions", {}).get("reasons")
    ]


def _asked(entry: dict[str, Any]) -> str:
    """Return the name of a language model, and how it was asked."""
    return ", ".join([str(entry.get("name")), *map(str, entry.get("asking", {}).values())])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
