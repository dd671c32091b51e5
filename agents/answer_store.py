"""Where answers of language models are kept: one SQLite file that several processes may use at once."""

import os
import sqlite3
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import filelock
import platformdirs

VARIABLE = "TWORATE_CACHE"
"""Environment variable that names the folder."""

VERSION = 1
"""Of the schema; a file of another version is not read."""

_SCHEMA = """
CREATE TABLE models (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
CREATE TABLE answers (
    key BLOB PRIMARY KEY, model INTEGER NOT NULL REFERENCES models (id), value BLOB NOT NULL, checksum INTEGER NOT NULL
) WITHOUT ROWID;
"""

_WAIT = 30.0
"""Seconds to wait for another process."""

_KEYS_AT_ONCE = 500
"""Keys in one query: SQLite bounds the number of its parameters."""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR}
"""Result codes of a file that is no sound store; the last is what a missing table or column gives."""

_Result = TypeVar("_Result")


class _DamagedError(Exception):
    """The file can be read, but what it holds cannot be true."""


@dataclass(frozen=True)
class StoredModel:
    """A model of which answers are kept.

    Parameters
    ----------
    name, fingerprint : str
        As the user named it last, and as its answers are keyed.
    entries : int
        Answers kept.
    """

    name: str
    fingerprint: str
    entries: int


def store_folder(folder: str | Path | None = None) -> Path:
    """Folder of the store: the one given, else that of `TWORATE_CACHE`, else the platform's own place for caches."""
    if folder is not None:
        return Path(folder)
    named = os.environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path("tworate", appauthor=False)


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=2)


class AnswerStore:
    """Answers by key, on disk.

    Trouble with the file never stops the work: where it cannot be read or written the user is told once and the store
    stays empty; a damaged file is set aside and a new one begun.

    Parameters
    ----------
    folder : path, optional
        Where the file lies, see :func:`store_folder`; made when it is missing.
    say : callable, optional
        Called with messages for the user; a Python warning by default.
    """

    def __init__(self, folder: str | Path | None = None, say: Callable[[str], None] = _warn) -> None:
        # The version is part of the name, so that two versions of tworate do not set aside each other's files.
        self.path = store_folder(folder) / f"answers-v{VERSION}.sqlite3"
        self._say = say
        self._lock = filelock.FileLock(self.path.with_suffix(".lock"), timeout=_WAIT)
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except (OSError, sqlite3.Error) as error:  # time-outs of the lock are OSErrors
            self._give_up(error)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are kept."""
        return self._attempt(lambda connection: _select(connection, keys), {})

    def put(self, name: str, fingerprint: str, values: Mapping[bytes, bytes]) -> bool:
        """Keep values by key for a model, all of them on disk when this returns; what is there already stays.

        Returns
        -------
        bool
            Whether they are kept.
        """

        def insert(connection: sqlite3.Connection) -> bool:
            with connection:
                connection.execute(
                    "INSERT INTO models (fingerprint, name) VALUES (?, ?) "
                    "ON CONFLICT (fingerprint) DO UPDATE SET name = excluded.name",
                    (fingerprint, name),
                )
                connection.executemany(
                    "INSERT OR IGNORE INTO answers SELECT ?, id, ?, ? FROM models WHERE fingerprint = ?",
                    [(key, value, zlib.crc32(key + value), fingerprint) for key, value in values.items()],
                )
            return True

        return self._attempt(insert, False)

    def models(self) -> list[StoredModel]:
        """Return the models of which answers are kept, by name."""
        query = (
            "SELECT name, fingerprint, count(*) FROM answers JOIN models ON models.id = answers.model "
            "GROUP BY models.id ORDER BY name, fingerprint"
        )
        return self._attempt(lambda connection: [StoredModel(*row) for row in connection.execute(query)], [])

    def size(self) -> int:
        """Bytes on disk."""
        files = [self.path, *_companions(self.path)]
        return sum(file.stat().st_size for file in files if file.is_file())

    def clear(self, model: str | None = None) -> int:
        """Forget the answers of a model (by name or fingerprint), or all; return how many there were."""
        chosen = "" if model is None else " WHERE model IN (SELECT id FROM models WHERE ? IN (name, fingerprint))"

        def delete(connection: sqlite3.Connection) -> int:
            with connection:
                count = connection.execute(f"DELETE FROM answers{chosen}", () if model is None else (model,)).rowcount
                connection.execute("DELETE FROM models WHERE id NOT IN (SELECT model FROM answers)")
            with suppress(sqlite3.OperationalError):  # giving space back can wait while another process reads
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return count

        return self._attempt(delete, 0)

    @property
    def in_use(self) -> bool:
        """Whether answers are kept at all, or the store had to be given up."""
        return self._connection is not None

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, action: Callable[[sqlite3.Connection], _Result], otherwise: _Result) -> _Result:
        for last in (False, True):
            if self._connection is None:
                break
            try:
                return action(self._connection)
            except sqlite3.ProgrammingError:
                raise  # a mistake in this program, not of the file
            except (sqlite3.Error, _DamagedError) as error:
                self._recover(error, last)
        return otherwise

    def _recover(self, error: Exception, last: bool) -> None:
        """Begin a new file in place of a damaged one; give up where that does not help."""
        if last or not _is_damage(error):
            self._give_up(error)
            return
        try:
            self.close()
            with self._lock:
                # Another process may have begun a new file meanwhile, which must not be set aside in its turn.
                if _identity(self.path) == self._file:
                    self._set_aside(error)
            self._open()
        except (OSError, sqlite3.Error) as second:
            self._give_up(second)

    def _open(self) -> None:
        with self._lock:
            try:
                self._connection = self._connect()
            except (sqlite3.Error, _DamagedError) as error:
                if not _is_damage(error):
                    raise
                self._set_aside(error)
                self._connection = self._connect()
            self._file = _identity(self.path)

    def _connect(self) -> sqlite3.Connection:
        # Transactions take the right to write when they begin, so that they wait their turn instead of failing.
        connection = sqlite3.connect(self.path, timeout=_WAIT, isolation_level="IMMEDIATE")
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if version == 0 and tables == 0:
                connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
            elif version != VERSION:
                raise _DamagedError(f"its schema has version {version}, not {VERSION}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self, error: Exception) -> None:
        kept = self.path.with_name(f"{self.path.stem}.damaged-{datetime.now():%Y%m%d-%H%M%S-%f}.sqlite3")
        self.path.rename(kept)
        for old, new in zip(_companions(self.path), _companions(kept), strict=True):
            with suppress(FileNotFoundError):
                old.rename(new)
        self._say(f"{self.path}: this cache is damaged ({error}); it was set aside as {kept.name} and a new one begun")

    def _give_up(self, error: Exception) -> None:
        with suppress(sqlite3.Error):
            self.close()
        self._connection = None
        self._say(f"{self.path}: the cache cannot be used ({error}); going on without it")


def _select(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        part = keys[start : start + _KEYS_AT_ONCE]
        query = f"SELECT key, value, checksum FROM answers WHERE key IN ({','.join('?' * len(part))})"
        with closing(connection.execute(query, part)) as rows:
            for key, value, checksum in rows:
                # SQLite notices a broken structure, not a changed byte in a value.
                if not isinstance(value, bytes) or zlib.crc32(key + value) != checksum:
                    raise _DamagedError("a value does not agree with its checksum")
                found[key] = value
    return found


def _is_damage(error: Exception) -> bool:
    # The low byte is the primary result code.
    return isinstance(error, _DamagedError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _companions(path: Path) -> Iterable[Path]:
    """SQLite's own files beside a database in WAL mode."""
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")]
