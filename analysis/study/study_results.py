"""A finished study: its tables, which are read at first use, and its posteriors."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...errors import InputError
from ...simulate import Trajectories, read_trajectories
from ...simulate.tables import read_parquet
from .store import POSTERIORS, STUDY, StudyFolder

if TYPE_CHECKING:
    from ...inference.posterior.arviz_adapter import Posterior


@dataclass(frozen=True)
class StudyResults:
    """A study on disk; each table is read at first use.

    Parameters
    ----------
    folder : Path
        Folder of the study.
    record : dict
        Content of `study.json`: version, seeds, specification, language models with their warnings, and keys.
    """

    folder: Path
    record: dict[str, Any] = field(repr=False)

    @cached_property
    def conditions(self) -> pd.DataFrame:
        """One row per condition, with its settings."""
        return self._table("conditions")

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """One row per language model, event, persona and sighting: P(share), with its diagnostics."""
        return self._table("decisions")

    @cached_property
    def trajectories(self) -> Trajectories:
        """The trajectories of all conditions, with their counts; rows carry the number of their condition."""
        path = self._path("trajectories")
        trajectories = read_trajectories(path)
        self._check(path, dict(trajectories.record or {}))
        return trajectories

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """One row per condition, closure and SI model: verdict, elpd, reasons, parameters."""
        return self._table("comparison")

    @cached_property
    def effects(self) -> pd.DataFrame | None:
        """Effects of traits and events over all conditions; None if they were not fitted."""
        return self._table("effects") if (self.folder / "effects.parquet").is_file() else None

    @cached_property
    def effects_loo(self) -> pd.DataFrame | None:
        """Which effects matter, by leave-one-condition-out; None if that was not computed."""
        return self._table("effects_loo") if (self.folder / "effects_loo.parquet").is_file() else None

    def posterior(self, condition: int, si_model: str, closure: str | None = None) -> "Posterior":
        """Read the posterior of an SI model on a condition.

        Parameters
        ----------
        condition : int
            Number of the condition.
        si_model : str
            Name of the model.
        closure : str, optional
            The closure, if the study compares under several.

        Raises
        ------
        InputError
            When there is no such posterior, or it is damaged.
        """
        from ...inference.posterior.posteriors import read_posterior

        folder = self.folder / POSTERIORS / str(condition)
        path = (folder / closure if closure and (folder / closure).is_dir() else folder) / f"{si_model}.nc"
        if not path.is_file():
            names = [str(file.relative_to(folder).with_suffix("")) for file in sorted(folder.rglob("*.nc"))]
            raise InputError(
                f"{self.folder}: has no posterior of {si_model} on condition {condition}; there are: "
                f"{', '.join(names) or 'none'}"
            )
        return read_posterior(path)

    def _path(self, name: str) -> Path:
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            raise InputError(f"{path}: is missing: the study is unfinished; run the same `tworate study` again")
        return path

    def _table(self, name: str) -> pd.DataFrame:
        path = self._path(name)
        table, record = read_parquet(path)
        self._check(path, record or {})
        return table

    def _check(self, path: Path, record: dict[str, Any]) -> None:
        if record.get("study") != self.record.get("digest"):
            raise InputError(f"{path}: belongs to another study than {STUDY} beside it; run `tworate study` again")


def load_study(folder: str | Path) -> StudyResults:
    """Open a study that :func:`tworate.analysis.study.run_study` wrote.

    Parameters
    ----------
    folder : path
        Folder of the study.

    Raises
    ------
    InputError
        When the folder holds no study.
    """
    folder = Path(folder)
    record = StudyFolder(folder).record()
    if record is None or "specification" not in record:
        raise InputError(f"{folder}: holds no study; make one with `tworate study FILE.toml`")
    return StudyResults(folder, record)
