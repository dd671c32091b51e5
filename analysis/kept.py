"""Comparisons that could be computed but not saved: the next process takes them instead of computing again."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import platformdirs

from ..common.sources import source_digest
from ..errors import WriteError
from ..inference import Comparison, load_comparison
from ..inference.comparison.storage import COMPARISON
from ..models import SIModel
from ..simulate import Trajectories

_SOURCES = ("models", "inference", "simulate")


def kept_or_computed(
    data: Trajectories,
    settings: dict[str, Any],
    compute: Callable[[], Comparison],
    say: Callable[[str], None],
    models: Sequence[type[SIModel]] = (),
) -> Comparison:
    """Return a comparison that an earlier process could compute but not save, else compute it.

    Parameters
    ----------
    data : Trajectories
        What is compared.
    settings : dict
        All settings of the comparison.
    compute : callable
        Makes the comparison.
    say : callable
        Called with a note for the user.
    models : sequence of type of SIModel
        Models of the user's own in the comparison.
    """
    folder = _kept_folder(data, settings)
    if not (folder / COMPARISON).is_file():
        return compute()
    comparison = load_comparison(folder, models)
    say("note: this comparison was computed before, and could not be saved; it is taken from there")
    return comparison


@contextmanager
def kept_if_not_saved(comparison: Comparison, data: Trajectories, settings: dict[str, Any]) -> Iterator[None]:
    """Keep a comparison for the next process if it cannot be saved in this block; forget it if it can.

    Raises
    ------
    WriteError
        When it cannot be saved in the block; says whether it was kept.
    """
    folder = _kept_folder(data, settings)
    try:
        yield
    except WriteError as error:
        try:
            comparison.save(folder)
        except (WriteError, OSError):
            shutil.rmtree(folder, ignore_errors=True)
            raise
        raise WriteError(
            f"{error}. The comparison is kept: the same command with another --out does not compute it again"
        ) from error
    shutil.rmtree(folder, ignore_errors=True)


def _kept_folder(data: Trajectories, settings: dict[str, Any]) -> Path:
    root = Path(os.environ.get("TWORATE_CACHE") or platformdirs.user_cache_path("tworate", appauthor=False))
    return root / "unsaved" / _key(data, settings)


def _key(data: Trajectories, settings: dict[str, Any]) -> str:
    """Hash what a comparison depends on: data, settings, and the source of what computes it."""
    digest = hashlib.blake2b(source_digest(*_SOURCES).encode(), digest_size=16)
    tables = [data.table]
    if data.histories is not None:
        tables += [data.histories.table, *(network.to_numbers() for network in data.histories.networks.values())]
        tables += [] if data.histories.agents is None else [data.histories.agents]
    for table in tables:
        digest.update(json.dumps(list(map(str, table.columns))).encode())
        digest.update(pd.util.hash_pandas_object(table.astype(str), index=False).to_numpy().tobytes())
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    return digest.hexdigest()
