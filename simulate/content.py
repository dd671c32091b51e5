"""The content of a data file: unpacked bytes, and their text."""

import codecs
import gzip
import zlib
from pathlib import Path

from ..errors import InputError

_ARCHIVES = {b"PK\x03\x04": "a spreadsheet or zip archive", b"BZh": "packed by bzip2", b"\xfd7zXZ": "packed by xz",
             b"\x28\xb5\x2f\xfd": "packed by zstd", b"\xd0\xcf\x11\xe0": "an old spreadsheet (.xls)"}  # fmt: skip
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
        return unpacked(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def unpacked(content: bytes, place: str) -> bytes:
    """Return the bytes of a file, unpacked if gzip packed them.

    Raises
    ------
    InputError
        When they are not a whole gzip file.
    """
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{place}: is not a whole gzip file ({error}); copy or pack it again") from error


def refuse_archive(content: bytes, place: str, needed: str) -> None:
    """Raise an InputError when the content is an archive or spreadsheet; `needed` is what it should be."""
    for mark, kind in _ARCHIVES.items():
        if content.startswith(mark):
            raise InputError(f"{place}: is {kind}, not {needed}; unpack it or export it as text")


def text_of(content: bytes, place: str, encoding: str | None = None) -> tuple[str, list[str]]:
    """Return the text of a file, whose lines end with one newline character, and a note where its encoding was guessed.

    UTF-16 and UTF-32 are known by their byte order mark, or UTF-16 by zero bytes. What is not UTF-8 is taken for
    Windows-1252, which has the letters of Latin-1.

    Parameters
    ----------
    content : bytes
        The content.
    place : str
        Name of the file in messages.
    encoding : str, optional
        Encoding that the user names.

    Raises
    ------
    InputError
        When the content is not text in the encoding, or there is no such encoding.
    """
    if encoding is not None:
        try:
            return _with_newlines(content.decode(encoding).removeprefix("\ufeff")), []
        except LookupError as error:
            raise InputError(f"{place}: encoding {encoding!r} is unknown; choose another, such as utf-8") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{place}: is not text in {encoding} ({error.reason} at byte {error.start})") from error
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
            raise InputError(
                f"{place}: is not readable text (it begins as {encoding.upper()}); save it as UTF-8"
            ) from error
        # Five bytes have no letter in Windows-1252.
        text = content.decode("cp1252", errors="replace")
        notes.append("is not UTF-8, and was read as Latin-1 (Windows-1252); if names look wrong, save it as UTF-8")
    if "\0" in text:
        raise InputError(f"{place}: is not readable text (it holds NUL characters); save it as UTF-8")
    return _with_newlines(text), notes


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
