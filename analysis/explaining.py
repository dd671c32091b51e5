"""Explain the results in a folder by who or when: choose the conditions, and save the explanations."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import InputError
from ..files import atomic_path, write_text
from ..inference.comparison.storage import COMPARISON, TRAJECTORIES
from ..inference.mechanisms.mechanisms import Explanation, explanation_record
from ..simulate import Trajectories, read_trajectories
from ..simulate.tables import read_parquet

EXPLANATION = "explanation.json"
STUDY_COMPARISON = "comparison.parquet"
_TWO_RATES = "two-rate"
MAX_FIGURES = 24
"""Further conditions have numbers, but no figures."""


@dataclass(frozen=True)
class ExplanationInput:
    """Trajectories to explain, with verdicts if there was a comparison.

    Parameters
    ----------
    trajectories : Trajectories
        The data.
    by : list of str
        Condition columns.
    verdicts : list of (dict, str), optional
        Conditions and their verdicts, if they were compared.
    """

    trajectories: Trajectories
    by: list[str]
    verdicts: list[tuple[dict[str, Any], str]] | None

    def wants(self, condition: dict[str, Any]) -> bool:
        """Return whether a condition is to be explained: its verdict is two-rate, or there are no verdicts."""
        return self.verdicts is None or any(
            verdict == _TWO_RATES and compared == condition for compared, verdict in self.verdicts
        )

    @property
    def n_wanted(self) -> int | None:
        """Number of conditions with a two-rate verdict; None if there are no verdicts."""
        if self.verdicts is None:
            return None
        return sum(verdict == _TWO_RATES for _, verdict in self.verdicts)


def open_results(path: Path, by: Sequence[str] = (), *, everything: bool = False) -> ExplanationInput:
    """Open trajectories, alone or in the folder of a run, a comparison or a study.

    Parameters
    ----------
    path : Path
        A file of trajectories, or a folder.
    by : sequence of str
        Condition columns; by default those of the comparison or study.
    everything : bool
        Whether to ignore verdicts.

    Raises
    ------
    InputError
        When there are no trajectories, a file is damaged, or the comparison used other condition columns.
    """
    if path.is_file():
        if path.stem.endswith(".counts"):
            trajectories = path.with_name(path.name.replace(".counts.", "."))
            raise InputError(f"{path}: holds the counts alone; give the trajectories, {trajectories.name}")
        return ExplanationInput(read_trajectories(path), list(by), None)
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    file = path / TRAJECTORIES
    if not file.is_file():
        raise InputError(
            f"{path}: holds no {TRAJECTORIES}; give the folder of `tworate run`, `tworate compare --out` or "
            "`tworate study`, or a file of trajectories"
        )
    columns, verdicts = _verdicts(path)
    data = read_trajectories(file)
    if by and columns is not None and list(by) != columns and not everything:
        raise InputError(
            f"{path}: was compared by {','.join(columns) or 'no column'}, so there are no verdicts by {','.join(by)}; "
            "--all explains every condition, whatever the verdict"
        )
    return ExplanationInput(data, list(by) or columns or [], None if everything else verdicts)


def _verdicts(folder: Path) -> tuple[list[str] | None, list[tuple[dict[str, Any], str]] | None]:
    """Return condition columns and verdicts of a comparison in a folder; None if there is none."""
    if (folder / STUDY_COMPARISON).is_file():
        table, _ = read_parquet(folder / STUDY_COMPARISON)
        missing = [name for name in ("condition", "verdict") if name not in table.columns]
        if missing:
            raise InputError(f"{folder / STUDY_COMPARISON}: missing {', '.join(missing)}; run the study again")
        pairs = table[["condition", "verdict"]].drop_duplicates().itertuples(index=False, name=None)
        return ["condition"], [({"condition": int(condition)}, str(verdict)) for condition, verdict in pairs]
    file = folder / COMPARISON
    if not file.is_file():
        return None, None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return list(content["by"]), [(entry["condition"], entry["verdict"]) for entry in content["conditions"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: is damaged ({error}); run the comparison again") from error


def split_table(explanations: Sequence[Explanation]) -> pd.DataFrame:
    """Return one row per condition: its columns, the account, and factors with intervals."""
    rows = []
    for explanation in explanations:
        parts = {
            f"{part}_{name}": explanation.decomposition.loc[part, name]
            for part in explanation.decomposition.index
            for name in ("mean", "sd", "hdi_low", "hdi_high", "factor", "factor_low", "factor_high")
        }
        elpd = {f"elpd_{name}": fit.elpd.elpd_loo for name, fit in explanation.fits.items()}
        rows.append(
            {
                **explanation.condition,
                "account": explanation.account,
                "direction": explanation.direction,
                "sightings": explanation.sightings,
                **parts,
                **elpd,
                "reasons": "; ".join(explanation.reasons),
                "cautions": "; ".join(explanation.cautions),
            }
        )
    return pd.DataFrame(rows)


def save_explanations(explanations: Sequence[Explanation], folder: Path, source: str, seed: int) -> None:
    """Write `explanation.json`, `explanation.csv`, and in `figures/` a figure per condition with its curves as CSV.

    Only the first :data:`MAX_FIGURES` conditions have figures.
    """
    from ..inference.mechanisms.mechanism_plots import plot_explanation  # matplotlib

    for number, explanation in enumerate(explanations[:MAX_FIGURES]):
        prefix = f"{number + 1:03}-" if len(explanations) > 1 else ""
        with atomic_path(folder / "figures" / f"{prefix}explanation.png") as temporary:
            plot_explanation(explanation).savefig(temporary, format="png", dpi=160)
        with atomic_path(folder / "figures" / f"{prefix}explanation.csv") as temporary:
            explanation.curves.to_csv(temporary, index=False)
    with atomic_path(folder / "explanation.csv") as temporary:
        split_table(explanations).to_csv(temporary, index=False)
    record = explanation_record(explanations, source, seed)
    write_text(folder / EXPLANATION, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
