"""Files: reading text and CSV with line numbers, and atomic writing, so that a reader never sees half of a file."""

import codecs
import csv
import errno
import io
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import InputError, WriteError


def read_text(path: Path) -> str:
    """Read text: UTF-8, with or without a byte order mark, or UTF-16 with one.

    Raises
    ------
    InputError
        When the file cannot be read or has another encoding. Other encodings are not guessed, because a wrong guess
        changes letters.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    # .xlsx and .ods files begin with the signature of zip archives.
    if content.startswith(b"PK\x03\x04"):
        raise InputError(f"{path}: is a spreadsheet or another zip archive, not text; export it as CSV in UTF-8")
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if is_utf16:
            raise InputError(f"{path}: begins as UTF-16 but is not valid ({error.reason}); save it as UTF-8") from error
        line = len(re.findall(rb"\r\n|\r|\n", content[: error.start])) + 1
        raise InputError(
            f"{path}, line {line}: is not UTF-8 text (byte {error.start} is 0x{content[error.start]:02X}); save it as "
            'UTF-8 (in a spreadsheet: "CSV UTF-8")'
        ) from error
    if "\0" in text:
        line = len(re.findall(r"\r\n|\r|\n", text[: text.index("\0")])) + 1
        raise InputError(
            f"{path}, line {line}: holds a NUL character, so it is not text, or it is UTF-16 or UTF-32 without a byte "
            "order mark; save it as UTF-8"
        )
    return text


def read_csv(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells by column of each row of a CSV file; blank lines are skipped.

    A quoted cell may span lines; the line number of a row is that of its first line.

    Raises
    ------
    InputError
        When the file is empty, malformed, or lacks a required column.
    """
    needs = f"it needs the columns {', '.join(required)}"
    # Bytes need a quarter of the memory of io.StringIO, which matters for large files.
    lines = io.TextIOWrapper(io.BytesIO(read_text(path).encode()), encoding="utf-8", newline="")
    # `skipinitialspace`: users write spaces after commas to make a file easier to read.
    reader = csv.reader(lines, strict=True, skipinitialspace=True)
    line = 1
    try:
        header = [name.strip() for name in next((cells for cells in reader if any(cells)), [])]
        if not header:
            raise InputError(f"{path}: is empty; {needs}")
        missing = [name for name in required if name not in header]
        if missing:
            hint = ""
            if len(header) == 1 and (mark := next((m for m in ";\t|" if m in header[0]), None)):
                hint = f"; the columns seem to be separated by {mark!r}: use commas"
            elif {name.lower() for name in header} >= set(required):
                hint = "; write the names in lower case"
            raise InputError(f"{path}, line {reader.line_num}: missing {', '.join(missing)}; {needs}{hint}")
        named = [name for name in header if name]
        if len(set(named)) < len(named):
            raise InputError(f"{path}, line {reader.line_num}: a column name appears twice")
        # Spreadsheets add commas to the ends of lines: columns without names, and cells beyond them, hold nothing.
        n_needed = max(position for position, name in enumerate(header, start=1) if name)
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) < n_needed or any(cell.strip() for cell in cells[len(header) :]):
                    raise InputError(
                        f"{path}, line {line}: has {len(cells)} cells, the header has {len(header)}; "
                        "check quotes and commas"
                    )
                yield line, {name: cell for name, cell in zip(header, cells, strict=False) if name}
            line = reader.line_num + 1
    except csv.Error as error:
        # The reader notices an unclosed quote only far below the row that contains it.
        noticed = f", noticed on line {reader.line_num}" if reader.line_num > line else ""
        raise InputError(f"{path}, line {line}: is not valid CSV ({error}{noticed}); check the quotes") from error


# The umask can be read only by setting it, which another thread could notice. So it is read once, on import.
_UMASK = os.umask(0o022)
os.umask(_UMASK)


TEMPORARY = ".unfinished-"
"""Prefix of the names of unfinished folders, such as those that a killed process left behind."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success rename it to `path`, on failure remove it.

    Parameters
    ----------
    path : Path
        Path of the finished file; missing parent folders are made.

    Raises
    ------
    WriteError
        When the folder cannot be made or written to, or the disk is full.
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Writers choose their format by the suffix, so the temporary file keeps it.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        with _writing(path):
            yield temporary
            # mkstemp makes private files; the finished file should follow the user's umask.
            temporary.chmod(0o666 & ~_UMASK)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses while a file is written into one line."""
    try:
        yield
    except OSError as error:
        if (reason := storage_fault(error)) is None:
            raise
        raise WriteError(f"{path}: {NOT_WRITTEN.format(reason)}") from error


NOT_WRITTEN = "cannot be written ({}); make room, or choose another place with --out"
"""What is said of a file, with the reason of the operating system."""
_STORAGE = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO", "EFBIG", "ENOTDIR", "EISDIR", "ENAMETOOLONG",
                 "ESTALE", "ENODEV", "ENXIO", "EMFILE", "ENFILE", "ELOOP", "EEXIST")
    if hasattr(errno, name)
}  # fmt: skip
"""Numbers of errors that are faults of disks and folders."""


def storage_fault(error: OSError) -> str | None:
    """Return what an error says of a disk or folder; None if it is of something else."""
    if error.errno in _STORAGE:
        return os.strerror(error.errno or 0)
    # Writers of Parquet and HDF5 give the reason in the text only.
    full = os.strerror(errno.ENOSPC)
    return full if full in str(error) else None


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success rename it to `path`, on failure remove it.

    If another process has made `path` in the meantime, that folder stays and the new one is removed.

    Parameters
    ----------
    path : Path
        Path of the finished folder; missing parent folders are made.

    Raises
    ------
    WriteError
        When the folder cannot be made or written to, or the disk is full.
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=TEMPORARY))
    try:
        with _writing(path):
            yield temporary
            temporary.chmod(0o777 & ~_UMASK)
            try:
                temporary.rename(path)
            except OSError:
                # `rename` never replaces a folder that is not empty.
                if not path.is_dir():
                    raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_writable(path: Path) -> None:
    """Check, before long work, that a file can be written at `path`; leave nothing behind.

    Raises
    ------
    InputError
        When the nearest existing folder does not accept new files, or is not a folder.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    parent = path.absolute().parent
    while not parent.exists():
        parent = parent.parent
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another place with --out") from error


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def without_nan(value: Any) -> Any:
    """Replace numbers that JSON cannot hold (NaN, infinity) by None, in all nested lists and mappings."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
