"""Conditions on a Dask cluster: workers simulate and compare, and send back the files that they would have written."""

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
from .condition_job import Job, work

MOST_IN_A_TASK = 4
"""Conditions of one task: what is lost with a worker, and how much a worker can sample ahead."""
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
    """Work conditions out on a cluster, and yield each with its files, in the order in which they are done.

    A worker that dies takes its tasks with it, and others do them again.

    Parameters
    ----------
    jobs, networks
        As in :func:`tworate.analysis.study.condition_job.work`.
    workers : int, optional
        Start so many processes on this machine.
    scheduler : str, optional
        Address of a Dask scheduler that there is already.

    Raises
    ------
    InputError
        When Dask is not installed, or workers have another version of tworate, or none.
    JobError
        When there is no scheduler at the address, it goes away, or tasks take one worker after the other with them.
    """
    if not jobs:
        return
    with _client(workers, scheduler) as client:
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        n_workers = max(1, workers or len(client.scheduler_info(n_workers=-1)["workers"]))
        size = max(1, min(MOST_IN_A_TASK, len(jobs) // (4 * n_workers)))
        blocks = [jobs[start : start + size] for start in range(0, len(jobs), size)]
        # Sent once to every worker, not with every task.
        shared = client.scatter(dict(networks), broadcast=True, hash=False) if networks else {}
        tasks = {client.submit(perform, __version__, block, shared, pure=False): block for block in blocks}
        for task in as_completed(list(tasks)):
            block = tasks.pop(task)
            try:
                found = task.result()
            except KilledWorker as error:
                raise JobError(
                    f"{block[0].condition.label}: one worker after the other died at it (out of memory?); what is done "
                    "is kept, and the same command goes on from there"
                ) from error
            except ModuleNotFoundError as error:
                raise InputError(
                    f"{scheduler}: a worker has no module {error.name}; install tworate {__version__} on every worker"
                ) from error
            except OSError as error:
                raise JobError(
                    f"{scheduler or 'the local cluster'}: was lost ({error}); what is done is kept, and the same "
                    "command goes on from there"
                ) from error
            # Its result must not stay on the worker.
            task.release()
            yield from zip(block, found, strict=True)


def perform(version: str, jobs: Sequence[Job], networks: Mapping[str, AnyNetwork]) -> list[Files]:
    """Do a task: a few conditions, one task at a time in a process.

    Parameters
    ----------
    version : str
        Version of tworate that asks.
    jobs, networks
        As in :func:`tworate.analysis.study.condition_job.work`.

    Raises
    ------
    InputError
        When this process has another version, beside those of the work.
    """
    if version != __version__:
        raise InputError(f"a worker has tworate {__version__}, and this process {version}; install the same on both")
    with _one_at_a_time:
        return [_files(outcome) for outcome in work(jobs, networks)]


def write_files(files: Files, folder: Path) -> None:
    """Write files that came from a worker into a folder."""
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
        # Messages of workers that come and go are the scheduler's business, not the user's.
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
            f"{scheduler}: no Dask scheduler answers there; start one with `dask scheduler`, and workers with `dask "
            "worker ADDRESS`"
        ) from error
    except ValueError as error:
        raise InputError(f"{scheduler}: is no address of a scheduler ({error}); write tcp://HOST:8786") from error
    with client:
        yield client


def check_dask() -> None:
    """Raise an InputError, which names the command that helps, when Dask's scheduler is not installed."""
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(
            "a study on several processes or machines needs Dask: pip install 'tworate[cluster]'; without --workers "
            "and --scheduler it runs in one process"
        ) from error
