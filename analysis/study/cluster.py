"""Conditions on a Dask cluster: workers simulate and compare, and return the result files as bytes."""

import logging
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import InputError, JobError
from ...simulate import AnyNetwork
from .condition_job import Job, run_conditions

MAX_CONDITIONS_PER_TASK = 4
"""A task is lost with its worker, so it must be short; within a task, a worker samples the next condition ahead."""
_PATIENCE = 15
"""Seconds to wait for a scheduler."""

_one_at_a_time = threading.Lock()

Files = Mapping[str, bytes]
"""Content of files by their names within a folder."""


def run_on_cluster(
    jobs: Sequence[Job],
    networks: Mapping[str, AnyNetwork],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Iterator[tuple[Job, Files]]:
    """Run conditions on a cluster; yield each with its files, in the order in which they finish.

    If a worker dies, other workers repeat its tasks.

    Parameters
    ----------
    jobs, networks
        As in :func:`tworate.analysis.study.condition_job.run_conditions`.
    workers : int, optional
        Number of processes to start on this machine.
    scheduler : str, optional
        Address of a Dask scheduler that is already running.

    Raises
    ------
    InputError
        When Dask is not installed, or workers have no tworate or another version of it.
    JobError
        When no scheduler answers at the address, the connection is lost, or a task kills several workers.
    """
    if not jobs:
        return
    with _client(workers, scheduler) as client:
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        n_workers = max(1, workers or len(client.scheduler_info(n_workers=-1)["workers"]))
        size = max(1, min(MAX_CONDITIONS_PER_TASK, len(jobs) // (4 * n_workers)))
        blocks = [jobs[start : start + size] for start in range(0, len(jobs), size)]
        # Networks are sent once to every worker, not with every task.
        shared = client.scatter(dict(networks), broadcast=True, hash=False) if networks else {}
        tasks = {client.submit(run_jobs, __version__, block, shared, pure=False): block for block in blocks}
        for task in as_completed(list(tasks)):
            block = tasks.pop(task)
            try:
                results = task.result()
            except KilledWorker as error:
                raise JobError(
                    f"{block[0].condition.label}: several workers died on it (out of memory?); finished conditions "
                    "are kept: run the same command again to continue"
                ) from error
            except ModuleNotFoundError as error:
                raise InputError(
                    f"{scheduler}: a worker has no module {error.name}; install tworate {__version__} on every worker"
                ) from error
            except OSError as error:
                raise JobError(
                    f"{scheduler or 'the local cluster'}: the connection was lost ({error}); finished conditions are "
                    "kept: run the same command again to continue"
                ) from error
            # Free the memory of the worker.
            task.release()
            yield from zip(block, results, strict=True)


def run_jobs(version: str, jobs: Sequence[Job], networks: Mapping[str, AnyNetwork]) -> list[Files]:
    """Run a task, which is a few conditions; a process runs one task at a time.

    Parameters
    ----------
    version : str
        Version of tworate in the process that submits the task.
    jobs, networks
        As in :func:`tworate.analysis.study.condition_job.run_conditions`.

    Raises
    ------
    InputError
        When this process has another version, or a condition cannot be simulated.
    """
    if version != __version__:
        raise InputError(f"a worker has tworate {__version__}, and this process {version}; install the same on both")
    with _one_at_a_time:
        return [_files(outcome) for outcome in run_conditions(jobs, networks)]


def write_files(files: Files, folder: Path) -> None:
    """Write files from a worker into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _files(outcome: Any) -> Files:
    with tempfile.TemporaryDirectory(prefix="tworate-") as name:
        folder = Path(name)
        outcome.write(folder)
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def _client(workers: int | None, scheduler: str | None) -> Iterator[Any]:
    """Connect to a scheduler, or start one with workers on this machine."""
    check_dask()
    from distributed import Client, LocalCluster

    if scheduler is None:
        # Dask logs workers that start and stop; users need not see that.
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            yield client
        return
    try:
        client = Client(scheduler, timeout=_PATIENCE)
    except (OSError, TimeoutError) as error:
        raise JobError(
            f"{scheduler}: no Dask scheduler answers; start one with `dask scheduler`, and workers with `dask "
            "worker ADDRESS`"
        ) from error
    except ValueError as error:
        raise InputError(f"{scheduler}: is not the address of a scheduler ({error}); write tcp://HOST:8786") from error
    with client:
        yield client


def check_dask() -> None:
    """Raise an InputError with the command to install Dask, if it is missing."""
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(
            "a study on several processes or machines needs Dask: pip install 'tworate[cluster]'; without --workers "
            "and --scheduler the study runs in one process"
        ) from error
