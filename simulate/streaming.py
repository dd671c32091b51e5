"""Simulation into files: replicates are written when they finish, and an interrupted run can be resumed.

During a run, its finished replicates and a record of the settings are in a folder beside the file; each replicate is
written atomically. At the end the file is assembled from them, gets its name in one step, and the folder is removed. So
the file is never incomplete, even if the run is killed.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock, Timeout

from ..errors import InputError
from ..files import atomic_path, check_writable, write_text
from .counts import counts_path
from .history_files import agents_path, network_path, shares_path, write_beside, write_network
from .process import Spread
from .recording import agents_of, can_join, contacts_of, history_record, shares_of
from .records import Replicate, tables_of
from .spreading import record_of
from .tables import TableWriter, read_parquet, write_table

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
    """Simulate into a Parquet file with one row group per replicate, and further files beside it.

    See `tworate.simulate.counts` for the counts, and `tworate.simulate.history_files` for who shared when, which is
    written if the spreads record it.

    Parameters
    ----------
    path : path
        A `.parquet` file; an existing file is replaced. During the run, replicates are in the folder `PATH.parts`.
    spreads : Spread or sequence of Spread
        The spreads to simulate; all must have the same condition columns.
    resume : bool
        Resume an interrupted run, or begin if there is none. The result equals that of an uninterrupted run.
    threads : int, optional
        Number of replicates simulated at once; the number of cores by default.
    progress : callable, optional
        Called with the numbers of finished and of all replicates.

    Raises
    ------
    InputError
        When the file cannot be written; when there is an interrupted run and `resume` is not set; when the interrupted
        run or the existing file was made with other settings; or when another process is writing the file.

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
    total = sum(spread.replicates for spread in spreads)
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
            for number, spread in enumerate(spreads):
                missing = [r for r in range(spread.replicates) if _load(_part(parts, number, r), r) is None]
                done += spread.replicates - len(missing)
                if progress:
                    progress(done, total)
                for replicate in spread.run(missing, threads):
                    _store(_part(parts, number, replicate.index), replicate)
                    done += 1
                    if progress:
                        progress(done, total)
            _assemble(path, spreads, parts, record)
    except Timeout as error:
        raise InputError(f"{path}: another process is writing it; wait for it, or name another file") from error
    shutil.rmtree(parts)


def parts_folder(path: Path) -> Path:
    """Return the folder of the finished replicates of an unfinished file."""
    return path.with_name(f"{path.name}.parts")


def check_stream(path: Path, *, resume: bool) -> None:
    """Raise an InputError when :func:`spread_to` cannot begin; only `spread_to` itself compares the settings."""
    if path.suffix != ".parquet":
        raise InputError(
            f"{path}: name a file that ends in .parquet; only such a file is written replicate by replicate"
        )
    check_writable(path)
    if not resume and (parts := parts_folder(path)).is_dir():
        raise InputError(
            f"{path}: a run to this file was interrupted, and its finished replicates are in {parts}; continue it with "
            "--resume (resume=True), or remove that folder to start again"
        )


def _begin(parts: Path, record: Mapping[str, Any]) -> None:
    file = parts / _RECORD
    if file.is_file():
        _refuse_other(parts, json.loads(file.read_text(encoding="utf-8")), record)
    else:
        write_text(file, json.dumps(record, ensure_ascii=False))


def _refuse_other(where: Path, saved: Mapping[str, Any] | None, record: Mapping[str, Any]) -> None:
    if saved is None:
        raise InputError(
            f"{where}: does not contain its settings, so it cannot be resumed; start again without --resume"
        )
    if differing := list(_differences(saved, record)):
        shown = "; ".join(differing[:5])
        raise InputError(
            f"{where}: was started with other settings and cannot be resumed: {shown}; use the earlier settings, "
            "or remove it"
        )


def _differences(saved: Any, current: Any, name: str = "") -> Iterator[str]:
    """Yield the names of the entries that differ between two records, with both values."""
    if isinstance(saved, dict) and isinstance(current, dict):
        for key in dict.fromkeys([*saved, *current]):
            yield from _differences(saved.get(key), current.get(key), f"{name}.{key}" if name else key)
    elif isinstance(saved, list) and isinstance(current, list) and len(saved) == len(current) and name == "spreads":
        for number, pair in enumerate(zip(saved, current, strict=True)):
            yield from _differences(*pair, name=f"{name}[{number}]" if len(saved) > 1 else "")
    elif saved != current:
        shown = [str(value)[:60] for value in (saved, current)]
        yield f"{name} was {shown[0]}, is {shown[1]}"


def _part(parts: Path, number: int, index: int) -> Path:
    return parts / f"{number:04d}-{index:07d}.npz"


def _store(path: Path, replicate: Replicate) -> None:
    arrays: dict[str, Any] = {name: getattr(replicate, name) for name in _ARRAYS}
    arrays["degree"] = np.array(replicate.degree)
    for name in ("degrees", "share_time"):
        if getattr(replicate, name) is not None:
            arrays[name] = np.array(getattr(replicate, name))
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def _load(path: Path, index: int) -> Replicate | None:
    """Read a finished replicate; return None if it is missing or cannot be read, as after a power cut."""
    try:
        # numpy does not close a file that it cannot read, so the file is opened here.
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            return Replicate(
                index=index,
                **{name: file[name] for name in _ARRAYS},
                degree=file["degree"].item(),
                degrees=str(file["degrees"]) if "degrees" in file else None,
                share_time=file.get("share_time"),
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _assemble(path: Path, spreads: Sequence[Spread], parts: Path, record: Mapping[str, Any]) -> None:
    """Write all files, replicate by replicate; the file of trajectories gets its name last."""
    recorded = can_join(spreads)
    write_beside(None, path)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(TableWriter(stack.enter_context(atomic_path(name)), content))
            for name, content in (
                (path, record),
                (counts_path(path), record),
                *([(shares_path(path), history_record(spreads))] if recorded else []),
            )
        ]
        for number, spread in enumerate(spreads):
            for index in range(spread.replicates):
                replicate = _load(_part(parts, number, index), index)
                if replicate is None or (recorded and replicate.share_time is None):
                    raise InputError(f"{parts}: replicate {index} was removed during the run; run again with --resume")
                tables = [*tables_of([replicate], spread.columns, spread.labels, spread.groups)]
                tables += [shares_of(spread, replicate)] if recorded else []
                for writer, table in zip(writers, tables, strict=True):
                    writer.write(table)
        if recorded:
            write_network(contacts_of(spreads), network_path(path))
            if (agents := agents_of(spreads)) is not None:
                write_table(agents, agents_path(path))
