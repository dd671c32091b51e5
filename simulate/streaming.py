"""Spreading into files: replicates are written as they finish, and a run that was cut off can be gone on with.

While a run goes on, its finished replicates lie in a folder beside the file, each whole or not there at all, together
with what they were made with. At the end the file is put together from them, takes its name in one step, and the
folder goes. So the file is never half of one, whenever the run is killed.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock, Timeout

from ..errors import InputError
from ..files import atomic_path, check_writable, write_text
from .counts import counts_path
from .process import Spread
from .records import Replicate, tables_of
from .spreading import record_of
from .tables import TableWriter, read_parquet

_RECORD = "record.json"
_ARRAYS = ("infected", "si_edges", "sightings", "counts", "agents")


def spread_to(
    path: str | Path,
    spreads: Spread | Sequence[Spread],
    *,
    resume: bool = False,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Simulate into a Parquet file, one row group a replicate; counts beside it, see `tworate.simulate.counts`.

    Parameters
    ----------
    path : path
        A `.parquet` file; replaced if it is there. Meanwhile finished replicates are in the folder `PATH.parts`.
    spreads : Spread or sequence of Spread
        What is simulated; several must have the same condition columns.
    resume : bool
        Go on with a run that was cut off, or begin if there is none. The result is that of a run in one piece.
    threads : int, optional
        Replicates simulated at once; the number of cores by default.
    progress : callable, optional
        Called with replicates done and total.

    Raises
    ------
    InputError
        When the file cannot be written; when there is a run that was cut off and `resume` is not set; when it, or the
        file that there is, was made with other settings than these; or when another process is at it.

    Examples
    --------
    >>> import tempfile
    >>> from tworate.simulate import Spread, random_regular, read_trajectories
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = f"{folder}/spread.parquet"
    ...     spread_to(file, Spread(random_regular(100, 4, seed=1), [[0.2]], rounds=5, replicates=3, seed=2))
    ...     len(read_trajectories(file).table)
    18
    """
    path = Path(path)
    spreads = [spreads] if isinstance(spreads, Spread) else list(spreads)
    check_stream(path, resume=resume)
    record = json.loads(json.dumps(record_of(spreads)))
    total = sum(each.replicates for each in spreads)
    parts = parts_folder(path)
    if resume and not parts.is_dir() and path.is_file():
        _refuse_other(path, read_parquet(path)[1], record)
        if progress:
            progress(total, total)
        return
    parts.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(parts / "lock", timeout=0):
            _begin(parts, record)
            done = 0
            for number, each in enumerate(spreads):
                missing = [r for r in range(each.replicates) if _load(_part(parts, number, r), r) is None]
                done += each.replicates - len(missing)
                if progress:
                    progress(done, total)
                for replicate in each.run(missing, threads):
                    _store(_part(parts, number, replicate.index), replicate)
                    done += 1
                    if progress:
                        progress(done, total)
            _assemble(path, spreads, parts, record)
    except Timeout as error:
        raise InputError(f"{path}: another process is writing it; wait for it, or name another file") from error
    shutil.rmtree(parts)


def parts_folder(path: Path) -> Path:
    """Where the finished replicates of an unfinished file are."""
    return path.with_name(f"{path.name}.parts")


def check_stream(path: Path, *, resume: bool) -> None:
    """Raise an InputError when :func:`spread_to` could not begin; settings are compared by itself."""
    if path.suffix != ".parquet":
        raise InputError(f"{path}: name a file that ends in .parquet, which is written replicate by replicate")
    check_writable(path)
    if not resume and (parts := parts_folder(path)).is_dir():
        raise InputError(
            f"{path}: a run to this file was cut off, and its finished replicates are in {parts}; go on with --resume "
            "(resume=True), or remove that folder to begin anew"
        )


def _begin(parts: Path, record: Mapping[str, Any]) -> None:
    file = parts / _RECORD
    if file.is_file():
        _refuse_other(parts, json.loads(file.read_text(encoding="utf-8")), record)
    else:
        write_text(file, json.dumps(record, ensure_ascii=False))


def _refuse_other(where: Path, was: Mapping[str, Any] | None, record: Mapping[str, Any]) -> None:
    if was is None:
        raise InputError(f"{where}: does not say what it was made with, so it cannot be gone on with; begin anew")
    if differing := list(_differences(was, record)):
        shown = "; ".join(differing[:5])
        raise InputError(
            f"{where}: was begun with other settings and cannot be gone on with: {shown}; give the settings of then, "
            "or remove it"
        )


def _differences(was: Any, now: Any, name: str = "") -> Iterator[str]:
    """Name what differs between two records, with both values."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*was, *now]):
            yield from _differences(was.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now) and name == "spreads":
        for number, pair in enumerate(zip(was, now, strict=True)):
            yield from _differences(*pair, name=f"{name}[{number}]" if len(was) > 1 else "")
    elif was != now:
        shown = [str(value)[:60] for value in (was, now)]
        yield f"{name} was {shown[0]}, is {shown[1]}"


def _part(parts: Path, number: int, index: int) -> Path:
    return parts / f"{number:04d}-{index:07d}.npz"


def _store(path: Path, replicate: Replicate) -> None:
    arrays: dict[str, Any] = {name: getattr(replicate, name) for name in _ARRAYS}
    arrays["degree"] = np.array(replicate.degree)
    if replicate.degrees is not None:
        arrays["degrees"] = np.array(replicate.degrees)
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def _load(path: Path, index: int) -> Replicate | None:
    """Read a finished replicate; None where there is none that can be read, as after a power cut."""
    try:
        # Opened here: numpy leaves a file open that it cannot read.
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            return Replicate(
                index=index,
                **{name: file[name] for name in _ARRAYS},
                degree=file["degree"].item(),
                degrees=str(file["degrees"]) if "degrees" in file else None,
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _assemble(path: Path, spreads: Sequence[Spread], parts: Path, record: Mapping[str, Any]) -> None:
    """Write both files, replicate by replicate; the counts take their name first."""
    with (
        atomic_path(path) as target,
        atomic_path(counts_path(path)) as counts_target,
        TableWriter(target, record) as trajectories,
        TableWriter(counts_target, record) as counts,
    ):
        for number, each in enumerate(spreads):
            for index in range(each.replicates):
                replicate = _load(_part(parts, number, index), index)
                if replicate is None:
                    raise InputError(f"{parts}: replicate {index} was removed meanwhile; run again with --resume")
                for writer, table in zip(
                    (trajectories, counts), tables_of([replicate], each.columns, each.labels), strict=True
                ):
                    writer.write(table)
