"""Write the tables of a study from the parts of its conditions."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...agents import DecisionTable
from ...files import atomic_path
from ...inference.comparison.storage import TRAJECTORIES
from ...inference.posterior.posteriors import Posteriors
from ...simulate.contacts import ContactNetwork
from ...simulate.counts import counts_path
from ...simulate.history_files import network_path, read_beside, shares_path, write_beside, write_network
from ...simulate.tables import TableWriter, read_parquet, write_table
from ..experiment import joined_decisions
from .condition_job import Job
from .plan import Plan
from .store import POSTERIORS, StudyFolder


def write_decisions(
    plan: Plan,
    tables: Mapping[tuple[str, str, str], Sequence[DecisionTable]],
    store: StudyFolder,
    record: Mapping[str, Any],
) -> None:
    """Write `decisions.parquet`: one row per language model, way to ask, message, event, persona, sighting and cue."""
    levels = {asking.label: asking.levels for asking in plan.specification.askings}
    frames = [
        joined_decisions(event_tables).assign(model=model, **levels[asking])
        for (model, asking, _), event_tables in tables.items()
    ]
    table = pd.concat(frames, ignore_index=True)
    if "message" in table:
        table = table.fillna({"message": ""})
    columns = ["model", *(name for name in table.columns if name != "model")]
    write_table(table[columns], store.path / "decisions.parquet", record)


def write_tables(
    plan: Plan,
    jobs: Sequence[Job],
    store: StudyFolder,
    record: Mapping[str, Any],
    trust: Mapping[tuple[str, str], str],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write trajectories, comparison and posteriors, then conditions; each file is written atomically.

    Parameters
    ----------
    plan, jobs
        The study; all of its parts exist.
    store : StudyFolder
        Folder of the parts and the tables.
    record : mapping
        Metadata that is written into the schema of every table.
    trust : mapping of (str, str) to str
        Whether decisions can be trusted, by language model and way to ask.
    progress : callable, optional
        Called with conditions done and in total.
    """
    _write_trajectories(jobs, store, record, progress)
    rows = [{"condition": job.condition.number, **row} for job in jobs for row in store.result(job.key)["rows"]]
    write_table(pd.DataFrame(rows), store.path / "comparison.parquet", record)
    several = len(plan.specification.comparison.closures) > 1
    for job in jobs:
        for file in sorted(store.part(job.key).glob("*/*.nc")):
            name = f"{file.parent.name}/{file.name}" if several else file.name
            # The copy is a hard link if the disk allows it.
            Posteriors({file.stem: file}).write(file.stem, store.path / POSTERIORS / str(job.condition.number) / name)
    conditions = [
        {
            "condition": job.condition.number,
            "key": job.key,
            **plan.row(job.condition),
            "decisions": trust[job.condition.model, job.condition.asking_label],
        }
        for job in jobs
    ]
    write_table(pd.DataFrame(conditions), store.path / "conditions.parquet", record)


def _write_trajectories(
    jobs: Sequence[Job],
    store: StudyFolder,
    record: Mapping[str, Any],
    progress: Callable[[int, int], None] | None,
) -> None:
    path = store.path / TRAJECTORIES
    parts = [store.part(job.key) / TRAJECTORIES for job in jobs]
    uneven = any("degrees" in names for names in _columns(parts))
    _write_histories(jobs, parts, path)
    with (
        atomic_path(path) as target,
        atomic_path(counts_path(path)) as counts_target,
        TableWriter(target, record) as trajectories,
        TableWriter(counts_target, record) as counts,
    ):
        for done, (job, part) in enumerate(zip(jobs, parts, strict=True), start=1):
            number = job.condition.number
            trajectories.write(_numbered(_of_one_kind(read_parquet(part)[0], uneven), number, "trajectory"))
            counts.write(_numbered(read_parquet(counts_path(part))[0], number, "trajectory"))
            if progress:
                progress(done, len(jobs))


def _write_histories(jobs: Sequence[Job], parts: Sequence[Path], path: Path) -> None:
    """Write who shared when in all conditions beside their trajectories, if every condition recorded it.

    Conditions on the same network have it once. Attributes of agents are left out: an agent of a network has another
    persona in another condition.
    """
    write_beside(None, path)
    if not all(shares_path(part).is_file() for part in parts):
        return
    # A condition in which nobody shares has no histories.
    pairs = [(job, histories) for job, part in zip(jobs, parts, strict=True) if (histories := read_beside(part))]
    if not pairs:
        return
    networks: dict[str, ContactNetwork] = {}
    name_of: dict[bytes, str] = {}
    first = pairs[0][1]
    record = {"until": first.until, "clock": first.clock, "apart_by": ["condition"]}
    with atomic_path(shares_path(path)) as target, TableWriter(target, record) as shares:
        for job, histories in pairs:
            (network,) = histories.networks.values()
            content = hashlib.sha256(network.indptr.tobytes() + network.indices.tobytes()).digest()
            if content not in name_of:
                name_of[content] = f"{network.name} {len(networks) + 1}"
                networks[name_of[content]] = replace(network, name=name_of[content])
            table = histories.shares[["trajectory", "agent", "time", "seed"]].copy()
            shares.write(_numbered(table, job.condition.number, "trajectory").assign(network=name_of[content]))
    write_network(networks, network_path(path))


def _numbered(table: pd.DataFrame, number: int, first: str) -> pd.DataFrame:
    """Add the condition's number as the column after `first`."""
    table.insert(list(table.columns).index(first) + 1, "condition", np.int64(number))
    return table


def _of_one_kind(table: pd.DataFrame, uneven: bool) -> pd.DataFrame:
    """Return trajectories with the same columns and types for all conditions."""
    if uneven and "degrees" not in table:
        # Some networks of the study have unequal degrees, so regular networks need the column too.
        degrees = [f"{degree:g}:{agents}" for degree, agents in zip(table["degree"], table["population"], strict=True)]
        table.insert(list(table.columns).index("degree") + 1, "degrees", degrees)
    return table.astype({"degree": np.float64, "time": np.float64})


def _columns(paths: Iterable[Any]) -> Iterable[list[str]]:
    import pyarrow.parquet as pq

    return (pq.read_schema(path).names for path in paths)
