"""numba functions whose cache on disk is keyed by the sources of their folder.

numba's own cache notices changes in the file of a function, but not in the functions of other files that it calls. Here
compiled code is kept in a folder named by a digest of the sources, so kernels may be split over files.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
from numba import config
from platformdirs import user_cache_path

from .sources import source_digest

_DAYS = 30
"""Folders of other sources that were not used for so long are removed."""


def njit(*folders: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a decorator that compiles a function without the interpreter lock and keeps it on disk.

    Parameters
    ----------
    *folders : str
        Folders of the package whose sources the machine code follows from, see
        :func:`tworate.common.sources.source_digest`.
    **options
        Further options of `numba.njit`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        with cache_folder(*folders):
            return numba.njit(nogil=True, cache=True, **options)(function)

    return decorate


def cfunc(signature: Any, *folders: str) -> Callable[[Callable[..., Any]], Any]:
    """Make a decorator that compiles a function for callers in C and keeps it on disk; folders as of :func:`njit`."""

    def decorate(function: Callable[..., Any]) -> Any:
        with cache_folder(*folders):
            return numba.cfunc(signature, cache=True)(function)

    return decorate


@contextmanager
def cache_folder(*folders: str) -> Iterator[Path]:
    """Let numba keep what is decorated meanwhile in the folder of these sources.

    The folder lies in `NUMBA_CACHE_DIR` where that is set, else in the user's cache. Where neither can be written to,
    numba keeps its code beside the sources, or nowhere.
    """
    before = config.CACHE_DIR
    base = Path(before) if before else user_cache_path("tworate") / "numba"
    folder = base / source_digest(*folders)[:16]
    if not folder.exists():
        _remove_unused(base)
    config.CACHE_DIR = str(folder)
    try:
        yield folder
    finally:
        config.CACHE_DIR = before


def _remove_unused(base: Path) -> None:
    """Remove folders of other sources that were not used for a month; base is not ours alone where it was given."""
    if config.CACHE_DIR or not base.is_dir():
        return
    for folder in base.iterdir():
        newest = max((file.stat().st_atime for file in folder.rglob("*")), default=folder.stat().st_mtime)
        if time.time() - newest > _DAYS * 86_400:
            shutil.rmtree(folder, ignore_errors=True)
