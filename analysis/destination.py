"""Folders of results: one writer at a time, and no earlier result lost unasked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import InputError
from ..files import check_writable

LOCK = ".lock"


def refuse_earlier(path: Path, force: bool, remedy: str = "choose another place with --out") -> None:
    """Raise an InputError when a file of an earlier result is there, unless `force` is true."""
    if path.is_file() and not force:
        raise InputError(f"{path}: is an earlier result; {remedy}, or overwrite it with --force")


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Lock a folder for this process while results are computed and written.

    Raises
    ------
    InputError
        When another process writes to the folder, or it cannot be written to.
    """
    if folder.is_file():
        raise InputError(f"{folder}: is a file; name a folder with --out")
    check_writable(folder / LOCK)
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        with lock:
            yield
            (folder / LOCK).unlink(missing_ok=True)
    except Timeout as error:
        raise InputError(
            f"{folder}: another process is writing to this folder; wait until it ends, or choose another one with --out"
        ) from error
    finally:
        # A job that failed leaves no empty folder behind.
        if not lock.is_locked:
            (folder / LOCK).unlink(missing_ok=True)
        for each in made:
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()
