"""Recovery: simulate from known truths, compare, and count how often the verdict is right."""

import hashlib
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ... import __version__
from ...common.sources import source_digest
from ...errors import InputError, JobError, check_seed
from ...files import atomic_path, write_text
from ...models.clock import Clock
from ...simulate import Trajectories
from ..likelihood.specification import Level
from ..posterior.fitting import DEFAULT_LIKELIHOOD
from .data_generating_processes import DataGeneratingProcess
from .process_registry import make_process

Range = float | tuple[float, float]
"""A number, or the bounds between which each data set draws a value."""
Progress = Callable[[int, int], None]
"""Called with the number of data sets done, and their total."""

STUDY, PARTS = "study.json", "parts"
BLOCK = 4
"""Data sets of a cell that are processed and written together."""
METHOD = ("level", "likelihood", "closure", "prior_scale", "covariates")
"""Columns that say how a data set was compared."""
TIMES = ("seconds", "cpu_seconds")
"""Columns that differ between runs."""
_LOGARITHMIC = ("ratio", "agents", "degree", "rate")
"""Drawn evenly on the log scale."""
_WHOLE = ("agents", "degree", "replicates", "rounds")
_WHOLE_PARAMETERS = ("shelf_life", "period")
"""Parameters of truths that are drawn as whole numbers."""


SOURCES = (
    "models",
    "simulate",
    *(f"inference/{room}" for room in ("data", "likelihood", "posterior", "loo", "comparison", "calibration")),
)
"""Folders whose sources the rows of a study follow from."""


@dataclass(frozen=True)
class RecoveryMethod:
    """How data sets are compared, see :func:`tworate.inference.compare`; None is the default."""

    likelihood: str | None = None
    closure: str | None = None
    prior_scale: float = 1.0
    level: Level = "count"
    structures: str = "default"
    covariates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # A record in JSON has a list.
        object.__setattr__(self, "covariates", tuple(self.covariates))

    @property
    def content(self) -> dict[str, Any]:
        """Content of the hash. Settings that were added later count only if they differ from their default."""
        later = {"prior_scale": 1.0, "level": "count", "structures": "default", "covariates": ()}
        changed = {name: getattr(self, name) for name, default in later.items() if getattr(self, name) != default}
        return {"likelihood": self.named_likelihood, "closure": self.closure, **changed}

    @property
    def named_likelihood(self) -> str:
        """Name of the likelihood; by default that of the level."""
        return self.likelihood or DEFAULT_LIKELIHOOD[self.level]


@dataclass(frozen=True)
class Cell:
    """One truth in one kind of setting, and the number of its data sets.

    Parameters
    ----------
    label : str
        Purpose of the cell. Cells with the same label are summarised together.
    truth : str
        Name of the data-generating process, see `DATA_GENERATING_PROCESSES` of
        :mod:`tworate.inference.calibration.process_registry`.
    parameters : mapping of str to number or (low, high)
        Parameters of the process. Those with bounds are drawn for each data set.
    networks : tuple of str
        Kinds of network, one drawn for each data set.
    agents, degree, replicates, rounds : number or (low, high)
        Settings of the simulation. Degrees that are drawn are made even: every kind of network accepts even degrees.
    clock : {"rounds", "continuous"}
        How time passes in the simulation, and in the fit unless `taken_as` is set.
    taken_as : {"rounds", "continuous"}, optional
        The clock of the fit. If it is set, the data do not record their own clock.
    homophily : number or (low, high)
        Assortativity of the classes of agents among neighbours.
    methods : tuple of RecoveryMethod
        How each data set is compared. All methods use the same data.
    data_sets : int
        Number of data sets.
    """

    label: str
    truth: str
    parameters: Mapping[str, Range]
    networks: tuple[str, ...] = ("random-regular",)
    agents: Range = 1000
    degree: Range = 8
    replicates: Range = 5
    rounds: Range = 40
    clock: Clock = "rounds"
    methods: tuple[RecoveryMethod, ...] = (RecoveryMethod(),)
    data_sets: int = 40
    taken_as: Clock | None = None
    homophily: Range = 0.0

    def __post_init__(self) -> None:
        if self.data_sets < 1:
            raise InputError(f"cell {self.label}: data_sets = {self.data_sets}: must be at least 1")
        make_process(self.truth, **{name: np.atleast_1d(value)[0] for name, value in self.parameters.items()})

    @property
    def key(self) -> str:
        """Hash of all that determines a data set, except its number."""
        content = {name: value for name, value in asdict(self).items() if name not in ("data_sets", "label")}
        content["methods"] = [method.content for method in self.methods]
        # A setting that was added later counts only if it differs from its default.
        if self.taken_as is None:
            del content["taken_as"]
        if self.homophily == 0.0:
            del content["homophily"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def draw(self, seed: int, number: int) -> "DataSet":
        """Draw parameters and settings of one data set. `number` starts at 0."""
        entropy = np.random.SeedSequence([seed, int(self.key, 16), number])
        rng = np.random.default_rng(entropy)
        settings = {name: _drawn(name, getattr(self, name), rng) for name in _WHOLE}
        if isinstance(self.degree, tuple):
            settings["degree"] = max(2, 2 * round(settings["degree"] / 2))
        parameters = {name: _drawn(name, value, rng) for name, value in self.parameters.items()}
        network = self.networks[int(rng.integers(len(self.networks)))]
        return DataSet(
            make_process(self.truth, **parameters),
            network,
            **{name: int(value) for name, value in settings.items()},
            clock=self.clock,
            taken_as=self.taken_as,
            homophily=float(_drawn("homophily", self.homophily, rng)),
            seed=int(entropy.generate_state(1)[0]),
        )


@dataclass(frozen=True)
class DataSet:
    """A truth in one setting. The fields are those of :class:`Cell`."""

    truth: DataGeneratingProcess
    network: str
    agents: int
    degree: int
    replicates: int
    rounds: int
    clock: Clock
    taken_as: Clock | None
    homophily: float
    seed: int

    def simulate(self, again: int = 0, *, histories: bool = False) -> Trajectories:
        """Simulate the data set. Other numbers `again` give fresh data on another network."""
        from ...simulate import make_network

        seeds = np.random.SeedSequence(self.seed, spawn_key=(again,)).generate_state(2)
        network = make_network(self.network, self.agents, self.degree, seed=int(seeds[0]))
        data = self.truth.spread(
            network,
            rounds=self.rounds,
            replicates=self.replicates,
            clock=self.clock,
            seed=int(seeds[1]),
            histories=histories,
            homophily=self.homophily,
        )
        return data if self.taken_as is None else replace(data, record=None)

    def rows(self, methods: Sequence[RecoveryMethod]) -> list[dict[str, Any]]:
        """Simulate, compare by each method, and score on fresh data; one row per method."""
        from .scoring import compared

        histories = any(method.level == "individual" for method in methods)
        data, fresh = (self.simulate(again, histories=histories) for again in (0, 1))
        settings = {
            name: getattr(self, name) for name in ("network", *_WHOLE, "clock", "taken_as", "homophily", "seed")
        }
        settings |= {"truth": self.truth.name, **{f"truth_{k}": v for k, v in asdict(self.truth).items()}}
        rows = []
        for method in methods:
            wall, cpu = time.perf_counter(), time.process_time()
            row = compared(
                self.truth,
                data,
                fresh,
                self.taken_as or self.clock,
                degree=float(data.table["degree"].iloc[0]),
                seed=self.seed,
                **asdict(method),
            )
            elapsed = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
            rows.append({**settings, **row, **elapsed})
        return rows


@dataclass(frozen=True)
class Grid:
    """Named cells, no two of which would draw the same data."""

    name: str
    cells: tuple[Cell, ...] = field(repr=False)

    def __post_init__(self) -> None:
        by_key: dict[str, Cell] = {}
        for cell in self.cells:
            if cell.key in by_key:
                raise InputError(
                    f"grid {self.name}: the cells {by_key[cell.key].label} and {cell.label} are the same; leave one out"
                )
            by_key[cell.key] = cell

    @property
    def data_sets(self) -> int:
        """Total number of data sets."""
        return sum(cell.data_sets for cell in self.cells)

    def record(self, seed: int) -> dict[str, Any]:
        """Return all that determines the rows of the study."""
        cells = [{"key": cell.key, **asdict(cell)} for cell in self.cells]
        return json.loads(
            json.dumps(
                {
                    "grid": self.name,
                    "version": __version__,
                    "sources": source_digest(*SOURCES),
                    "seed": seed,
                    "cells": cells,
                }
            )
        )


class _Block(NamedTuple):
    """Some data sets of one cell."""

    cell: Cell
    numbers: range

    @property
    def name(self) -> str:
        return f"{self.cell.key}-{self.numbers.start:05d}-{self.numbers.stop:05d}.json"


def recover(
    grid: Grid, folder: str | Path, *, seed: int, workers: int | None = None, progress: Progress | None = None
) -> pd.DataFrame:
    """Simulate from known truths, compare, and save the results. Results that the folder already holds are kept.

    Parameters
    ----------
    grid : Grid
        What is simulated and compared, such as :func:`tworate.inference.calibration.recovery_grids.quick`.
    folder : path
        Where results are saved: `study.json`, and files in `parts/`, one for a few data sets. Each file is written
        whole or not at all. A run that was killed continues from there.
    seed : int
        The seed of each data set follows from this one, its cell, and its number.
    workers : int, optional
        Processes; by default the number of cores.
    progress : callable, optional
        Called with the number of data sets done, and their total.

    Returns
    -------
    pandas.DataFrame
        One row per data set and method, see :func:`tworate.inference.calibration.scoring.compared`. All columns except
        times depend only on the seed, not on interruptions or the number of processes.

    Raises
    ------
    InputError
        When the folder holds another study. The message says what differs.
    """
    folder = Path(folder)
    workers = (os.cpu_count() or 1) if workers is None else workers
    if workers < 1:
        raise InputError(f"workers = {workers}: must be at least 1")
    check_seed(seed)
    _claim(folder, grid.record(seed))
    blocks = list(_blocks(grid))
    missing = [block for block in blocks if not (folder / PARTS / block.name).is_file()]
    done = sum(len(block.numbers) for block in blocks) - sum(len(block.numbers) for block in missing)
    if progress:
        progress(done, grid.data_sets)
    for block in _work(missing, folder, seed, workers):
        done += len(block.numbers)
        if progress:
            progress(done, grid.data_sets)
    return _read(blocks, folder)


def read_recovery(folder: str | Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Read the record and the rows of a study, finished or not.

    Raises
    ------
    InputError
        When the folder holds no study.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / STUDY).read_text(encoding="utf-8"))
        cells = tuple(_cell(entry) for entry in record["cells"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: holds no study of recovery ({error}); make one with tworate recover") from error
    finished = [block for block in _blocks(Grid(record["grid"], cells)) if (folder / PARTS / block.name).is_file()]
    return record, _read(finished, folder)


def _cell(entry: Mapping[str, Any]) -> Cell:
    """Return the cell of a record, in which tuples are lists."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items() if name != "key"
    }
    fields["parameters"] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry["parameters"].items()}
    fields["methods"] = tuple(RecoveryMethod(**method) for method in entry["methods"])
    return Cell(**fields)


def _claim(folder: Path, record: dict[str, Any]) -> None:
    """Write the record of the study into the folder. Raise an InputError if it holds another study."""
    path = folder / STUDY
    if not path.is_file():
        write_text(path, json.dumps(record, indent=1))
        return
    try:
        previous = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: is damaged ({error}); choose another folder") from error
    differing = [
        f"{name} = {previous.get(name)}, not {record[name]}"
        for name in ("grid", "seed")
        if previous.get(name) != record[name]
    ]
    if previous.get("sources") != record["sources"]:
        differing.append("it was made by other code")
    old = {cell.get("key"): cell for cell in previous.get("cells", [])}
    new = {cell["key"]: cell for cell in record["cells"]}
    differing += [f"it has the cell {old[key].get('label')} ({key})" for key in old if key not in new]
    differing += [f"it lacks the cell {new[key]['label']} ({key})" for key in new if key not in old]
    differing += [
        f"{name} of cell {new[key]['label']} = {old[key].get(name)}, not {new[key][name]}"
        for key in new
        if key in old
        for name in ("data_sets", "label")
        if old[key].get(name) != new[key][name]
    ]
    if differing:
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise InputError(
            f"{folder}: holds another study: {'; '.join(differing[:3])}{more}; choose another folder, or remove it"
        )


def _blocks(grid: Grid) -> Iterator[_Block]:
    """Yield blocks of the cells in turn, so that an unfinished study has data sets of all cells."""
    starts = range(0, max(cell.data_sets for cell in grid.cells), BLOCK)
    for start in starts:
        for cell in grid.cells:
            if start < cell.data_sets:
                yield _Block(cell, range(start, min(start + BLOCK, cell.data_sets)))


def _work(blocks: Sequence[_Block], folder: Path, seed: int, workers: int) -> Iterator[_Block]:
    """Process blocks, and yield each when it is written."""
    if workers == 1 or len(blocks) < 2:
        for block in blocks:
            _do(block, folder, seed)
            yield block
        return
    # A fork would lose the threads of this process.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(blocks)), mp_context=context, initializer=_follow_parent) as pool:
        running = {pool.submit(_do, block, folder, seed): block for block in blocks}
        try:
            while running:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    yield running.pop(future)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _follow_parent() -> None:
    """End this process when its parent has ended for any reason."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _do(block: _Block, folder: Path, seed: int) -> None:
    rows = []
    for number in block.numbers:
        try:
            results = block.cell.draw(seed, number).rows(block.cell.methods)
        except JobError as error:
            raise JobError(f"cell {block.cell.label}, data set {number}: {error}") from error
        rows += [{"label": block.cell.label, "cell": block.cell.key, "number": number, **row} for row in results]
    with atomic_path(folder / PARTS / block.name) as temporary:
        # JSON keeps every digit of a float, and writes NaN by name.
        temporary.write_text(json.dumps(rows), encoding="utf-8")


def _read(blocks: Sequence[_Block], folder: Path) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for block in blocks:
        path = folder / PARTS / block.name
        try:
            rows += json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path}: is damaged ({error}); remove it and continue the study") from error
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    # Studies of earlier versions lack the columns that came later.
    later = {name: value for name, value in (("level", "count"), ("covariates", "")) if name not in table}
    table = table.assign(**later)
    return table.sort_values(["label", "cell", "number", *METHOD], kind="stable").reset_index(drop=True)


def _drawn(name: str, value: Range, rng: np.random.Generator) -> float:
    if not isinstance(value, tuple):
        return float(value)
    low, high = value
    if name in _LOGARITHMIC:
        number = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return float(round(number)) if name in _WHOLE else number
    whole = name in _WHOLE or name in _WHOLE_PARAMETERS
    return float(rng.integers(int(low), int(high) + 1)) if whole else float(rng.uniform(low, high))
