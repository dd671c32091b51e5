"""The folder of a study: its record, and one part per finished condition. Parts are written atomically."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...errors import InputError
from ...files import TEMPORARY, atomic_folder, check_writable, write_text

STUDY, GIVEN, PARTS, POSTERIORS = "study.json", "study.toml", "parts", "posteriors"
RESULT = "result.json"
COMPARISON = "comparison.json"
"""File that marks a folder of `tworate run` or `tworate compare`."""
TABLES = ("conditions", "decisions", "trajectories", "comparison", "effects", "effects_loo")
"""Names of the tables; each is a Parquet file."""
_BESIDE = ("counts", "shares", "network")
"""Further files of the trajectories."""
_DERIVED = (
    *(f"{name}.parquet" for name in TABLES),
    *(f"trajectories.{name}.parquet" for name in _BESIDE),
    "report.html",
)


class StudyFolder:
    """A study on disk.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Lock the folder for this process, and remove the unfinished files of a killed process.

        Raises
        ------
        InputError
            When the folder holds other results, cannot be written to, or is locked by another process.
        """
        record = self.record()
        if (self.path / COMPARISON).exists() or (record is not None and "specification" not in record):
            raise InputError(f"{self.path}: holds the results of another command; choose another folder with --out")
        check_writable(self.path / STUDY)
        parts = self.path / PARTS
        parts.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(parts / "lock", timeout=0):
                for unfinished in parts.glob(f"{TEMPORARY}*"):
                    shutil.rmtree(unfinished, ignore_errors=True)
                yield
        except Timeout as error:
            raise InputError(
                f"{self.path}: another process is working on this study; wait for it, or choose another folder"
            ) from error

    def begin(self, record: Mapping[str, Any], text: str) -> None:
        """Write the record of the study; first remove the tables of another study, but keep the parts."""
        if (self.record() or {}).get("digest") != record["digest"]:
            # If this run is interrupted, old tables must not lie beside the new record.
            for name in _DERIVED:
                (self.path / name).unlink(missing_ok=True)
            for name in (POSTERIORS, "figures"):
                shutil.rmtree(self.path / name, ignore_errors=True)
        if text:
            write_text(self.path / GIVEN, text)
        else:
            (self.path / GIVEN).unlink(missing_ok=True)
        write_text(self.path / STUDY, json.dumps(record, indent=1, ensure_ascii=False) + "\n")

    def part(self, key: str) -> Path:
        """Return the folder of a condition's part, existing or not."""
        return self.path / PARTS / key

    def has(self, key: str) -> bool:
        """Return whether the part exists."""
        return (self.part(key) / RESULT).is_file()

    def keep(self, key: str, write: Callable[[Path], None]) -> None:
        """Write a part atomically."""
        with atomic_folder(self.part(key)) as folder:
            write(folder)

    def result(self, key: str) -> dict[str, Any]:
        """Read `result.json` of a part.

        Raises
        ------
        InputError
            When the file is damaged.
        """
        path = self.part(key) / RESULT
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: is damaged ({error}); remove the folder {path.parent} and run the study again"
            ) from error
        return content

    def record(self) -> dict[str, Any] | None:
        """Return the content of `study.json`; None if there is no such file."""
        path = self.path / STUDY
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: is damaged ({error}); choose another folder, or remove this one") from error
        return content if isinstance(content, dict) else {}
