"""The HTML report of a study: one self-contained file that shows its tables and figures, and computes nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...errors import InputError
from ...files import atomic_path, write_text
from ...inference.comparison.storage import REPORT
from ..experiment import Progress
from . import figure_tables as tables
from . import study_plots as plots
from .rendering import embedded, render

FIGURES = "figures"
_MOST_LISTED = 400
"""Conditions beyond this many are in the tables alone."""


def write_study_report(folder: str | Path, progress: Progress | None = None) -> Path:
    """Write `report.html` of a study, and to `figures/` its figures, each with its table as CSV beside it.

    Sections whose tables are not there (no effects, no explanation, no posteriors) are left out.

    Parameters
    ----------
    folder : path
        A study, see `tworate study`; the splits of `tworate explain --out` in the same folder are shown too.
    progress : callable, optional
        Called when each figure begins.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    InputError
        When the folder holds no study, or a table of it cannot be read.
    """
    folder = Path(folder)
    compared = tables.compared_conditions(folder)
    made = study_tables(folder, compared)
    drawn: dict[str, dict[str, Any]] = {}
    for number, (name, (table, plot)) in enumerate(made.items()):
        if progress:
            progress("drawing", number, len(made))
        with atomic_path(folder / FIGURES / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)
        drawn[name] = embedded(plot(table), folder / FIGURES / f"{name}.png")
    for stale in set(PLOTS) - set(made):
        # Of an earlier state of the study, of which there is no table any more.
        for suffix in (".csv", ".png"):
            (folder / FIGURES / f"{stale}{suffix}").unlink(missing_ok=True)
    record = _record(folder)
    loo = folder / "effects_loo.parquet"
    html = render(
        "study.html.jinja",
        shown={"figures": drawn},
        n_conditions=int(compared["condition"].nunique()),
        factors=[name.replace("_", " ") for name in tables.varying(compared)],
        verdicts=_counts(compared),
        conditions=_listed(compared),
        left_out=max(0, len(compared) - _MOST_LISTED),
        effects=_rows(made["effects"][0]) if "effects" in made else [],
        problems=_said_of_effects(folder, "problems"),
        notes=_said_of_effects(folder, "notes"),
        effects_loo=_rows(tables.read_table(folder, "effects_loo")) if loo.is_file() else [],
        splits=_rows(made["explanation"][0].head(_MOST_LISTED)) if "explanation" in made else [],
        split_columns=[
            n for n in ("condition", *tables.FACTORS) if "explanation" in made and n in made["explanation"][0]
        ],
        warnings=sorted({str(m["warning"]) for m in record.get("language_models", []) if m.get("warning")}),
        provenance=_provenance(record),
        specification=_text(folder / "study.toml"),
        version=record.get("version", "?"),
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
}
"""Figures of a study by name."""


def study_tables(
    folder: Path, compared: pd.DataFrame
) -> dict[str, tuple[pd.DataFrame, Callable[[pd.DataFrame], Figure]]]:
    """Tables of the figures that a study has, with what draws each, by name."""
    found: dict[str, pd.DataFrame | None] = {
        "profiles": tables.profile_table(compared),
        "verdicts": tables.verdict_table(compared),
        "effects": None,
        "predictions": tables.prediction_table(folder, compared),
        "explanation": tables.explanation_table(folder),
    }
    if (folder / "effects.parquet").is_file():
        found["effects"] = tables.effect_table(tables.read_table(folder, "effects"))
    return {name: (table, PLOTS[name]) for name, table in found.items() if table is not None and len(table)}


def _said_of_effects(folder: Path, column: str) -> dict[str, str]:
    """What is said of the effects in a column, by what is said, with the models of which it is."""
    if not (folder / "effects.parquet").is_file():
        return {}
    said = tables.read_table(folder, "effects")[["si_model", column]].drop_duplicates()
    return {str(text): ", ".join(part["si_model"]) for text, part in said[said[column] != ""].groupby(column)}


def _counts(compared: pd.DataFrame) -> list[dict[str, Any]]:
    """How many conditions have which verdict, by closure."""
    counts = compared.groupby("closure", sort=False)["verdict"].value_counts().unstack(fill_value=0)
    counts = counts.reindex(columns=list(tables.VERDICTS), fill_value=0)
    return _rows(counts.reset_index())


def _listed(compared: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of the table of conditions, each with its place in words."""
    factors = tables.varying(compared)
    rows = _rows(compared.head(_MOST_LISTED))
    return [{**row, "label": " · ".join(str(row[name]) for name in factors)} for row in rows]


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _record(folder: Path) -> dict[str, Any]:
    """Read `study.json`; empty where the tables have none beside them."""
    path = folder / "study.json"
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}); run `tworate study` again") from error
    return record if isinstance(record, dict) else {}


def _provenance(record: dict[str, Any]) -> dict[str, str]:
    """What was run, as label and value."""
    seeds = record.get("seed")
    content = {
        "language models": ", ".join(
            str(m.get("name", m.get("model", "?"))) for m in record.get("language_models", [])
        ),
        "model fingerprints": ", ".join(
            str(m["fingerprint"]) for m in record.get("language_models", []) if "fingerprint" in m
        ),
        "strength of adjectives": str(record.get("qualifier") or ""),
        "seed": ", ".join(map(str, np.atleast_1d(seeds))) if seeds is not None else "",
        "digest of the study": str(record.get("digest") or ""),
    }
    return {label: value for label, value in content.items() if value}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
