"""The content of a network file: unpacked bytes, and their text."""

import codecs
import gzip
import zlib
from pathlib import Path

from ..errors import InputError
from .edge_table import unreadable

_PACKED = {b"PK\x03\x04": "a spreadsheet or zip archive", b"BZh": "packed by bzip2", b"\xfd7zXZ": "packed by xz",
           b"\x28\xb5\x2f\xfd": "packed by zstd"}  # fmt: skip
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


def read_content(path: Path) -> bytes:
    """Return the bytes of a file, unpacked if gzip packed it, whatever its name.

    Raises
    ------
    InputError
        When the file cannot be read or unpacked.
    """
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: is not a whole gzip file ({error}); copy or pack it again") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    for mark, kind in _PACKED.items():
        if content.startswith(mark):
            raise InputError(f"{path}: is {kind}, not a network; unpack it or export it as text")
    return content


def text_of(content: bytes, place: str) -> tuple[str, list[str]]:
    """Return the text of a file, whose lines end with one newline character, and a note where its encoding was guessed.

    UTF-16 and UTF-32 are known by their byte order mark, or UTF-16 by zero bytes. What is not UTF-8 is taken for
    Latin-1, which has a letter for every byte.

    Raises
    ------
    InputError
        When the content is not text.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    head = content[:2000]
    if encoding is None and b"\0" in head:
        # In UTF-16, every second byte of plain letters is zero.
        encoding = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    notes = []
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise unreadable(place, f"it begins as {encoding.upper()} but is not valid; save it as UTF-8") from error
        text = content.decode("latin-1")
        notes.append("is not UTF-8, and was read as Latin-1; if names look wrong, save the file as UTF-8")
    if "\0" in text:
        raise unreadable(place, "it holds NUL characters, so it is not text; save it as text in UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text, notes
