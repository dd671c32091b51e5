"""Files: reading tables by line, and writing so that a reader never meets half of a file."""

import codecs
import csv
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError


def read_text(path: Path) -> str:
    """Read text: UTF-8, with or without a byte order mark, or UTF-16 with one.

    Raises
    ------
    InputError
        When the file cannot be read or is neither. Other encodings are not guessed: a wrong guess changes letters.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    # Such as .xlsx and .ods.
    if content.startswith(b"PK\x03\x04"):
        raise InputError(f"{path}: is a spreadsheet or another zip archive, not text; export it as CSV in UTF-8")
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if is_utf16:
            raise InputError(f"{path}: begins as UTF-16 but is not ({error.reason}); save it as UTF-8") from error
        line = len(re.findall(rb"\r\n|\r|\n", content[: error.start])) + 1
        raise InputError(
            f"{path}, line {line}: is not UTF-8 text (byte {error.start} is 0x{content[error.start]:02X}); save it as "
            'UTF-8 (in a spreadsheet: "CSV UTF-8")'
        ) from error
    if "\0" in text:
        line = len(re.findall(r"\r\n|\r|\n", text[: text.index("\0")])) + 1
        raise InputError(
            f"{path}, line {line}: holds a NUL character, so it is no text, or UTF-16 or UTF-32 that does not say so; "
            "save it as UTF-8"
        )
    return text


def read_csv(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells by column of each row of a CSV file; blank lines are skipped.

    A quoted cell may span lines; a row is named by the line on which it starts.

    Raises
    ------
    InputError
        When the file is empty, malformed, or lacks a required column.
    """
    needs = f"it needs the columns {', '.join(required)}"
    # Bytes are a quarter of what io.StringIO would hold of a whole export.
    lines = io.TextIOWrapper(io.BytesIO(read_text(path).encode()), encoding="utf-8", newline="")
    # Spaces after commas are for the eye.
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
        if len(set(header)) < len(header):
            raise InputError(f"{path}, line {reader.line_num}: a column name comes twice")
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) != len(header):
                    raise InputError(
                        f"{path}, line {line}: has {len(cells)} cells, the header has {len(header)}; "
                        "check quotes and commas"
                    )
                yield line, dict(zip(header, cells, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        # A quote that is never closed is noticed far below the row that it stands in.
        noticed = f", noticed on line {reader.line_num}" if reader.line_num > line else ""
        raise InputError(f"{path}, line {line}: is not valid CSV ({error}{noticed}); check the quotes") from error


# Reading the umask means setting it, which another thread could notice: once, on import.
_UMASK = os.umask(0o022)
os.umask(_UMASK)


TEMPORARY = ".unfinished-"
"""What the names of folders begin with that were not finished, such as those that a killed process left."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success rename it to `path`, on failure remove it.

    Parameters
    ----------
    path : Path
        Where the finished file belongs; missing parent folders are made.

    Raises
    ------
    InputError
        When the folder cannot be made or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix is kept because writers choose their format by it.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    except OSError as error:
        raise _refused(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files private; what users get should obey their umask.
        temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; on success rename it to `path`, on failure remove it.

    Where `path` is there already, from another process, it stays and the new one is removed.

    Parameters
    ----------
    path : Path
        Where the finished folder belongs; missing parent folders are made.

    Raises
    ------
    InputError
        When the folder cannot be made or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=TEMPORARY))
    except OSError as error:
        raise _refused(path, error) from error
    try:
        yield temporary
        temporary.chmod(0o777 & ~_UMASK)
        try:
            temporary.rename(path)
        except OSError as error:
            # One that holds something is never replaced.
            if not path.is_dir():
                raise _refused(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_writable(path: Path) -> None:
    """Make sure, before long work, that something can be written at `path`; leaves nothing behind.

    Raises
    ------
    InputError
        When the nearest folder that exists does not take new files, or is no folder.
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
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be written ({error.strerror}); choose another place with --out")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
