"""Store for answers of language models: one SQLite file that several processes can use at once."""

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
"""Environment variable with the folder of the store."""

VERSION = 1
"""Version of the schema; files of other versions are not read."""

_SCHEMA = """
CREATE TABLE models (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
CREATE TABLE answers (
    key BLOB PRIMARY KEY, model INTEGER NOT NULL REFERENCES models (id), value BLOB NOT NULL, checksum INTEGER NOT NULL
) WITHOUT ROWID;
"""

_WAIT = 30.0
"""Seconds to wait for a lock that another process holds."""

_KEYS_AT_ONCE = 500
"""Largest number of keys in one query: SQLite limits the number of parameters."""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR}
"""SQLite result codes that mean a damaged file; a missing table or column gives SQLITE_ERROR."""

_Result = TypeVar("_Result")


class _DamagedError(Exception):
    """The file can be read, but its content is not consistent."""


@dataclass(frozen=True)
class StoredModel:
    """A model with stored answers.

    Parameters
    ----------
    name, fingerprint : str
        The last name that a user gave it, and the fingerprint in the keys of its answers.
    entries : int
        Number of stored answers.
    """

    name: str
    fingerprint: str
    entries: int


def store_folder(folder: str | Path | None = None) -> Path:
    """Return the folder of the store: the argument, else `TWORATE_CACHE`, else the platform's cache folder."""
    if folder is not None:
        return Path(folder)
    folder_from_environment = os.environ.get(VARIABLE)
    return (
        Path(folder_from_environment)
        if folder_from_environment
        else platformdirs.user_cache_path("tworate", appauthor=False)
    )


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=2)


class AnswerStore:
    """Answers by key, on disk.

    Problems with the file never stop the work. If it cannot be read or written, the user gets one message and the store
    stays empty. A damaged file is renamed and a new one is started.

    Parameters
    ----------
    folder : path, optional
        Folder of the file, see :func:`store_folder`; created when it is missing.
    say : callable, optional
        Called with messages for the user. The default issues a Python warning.
    """

    def __init__(self, folder: str | Path | None = None, say: Callable[[str], None] = _warn) -> None:
        # The version is part of the file name: versions of tworate must not rename each other's files as damaged.
        self.path = store_folder(folder) / f"answers-v{VERSION}.sqlite3"
        self._say = say
        self._lock = filelock.FileLock(self.path.with_suffix(".lock"), timeout=_WAIT)
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except (OSError, sqlite3.Error) as error:  # a timeout of the lock is an OSError
            self._give_up(error)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the stored values by key; keys without a value are left out."""
        return self._attempt(lambda connection: _select(connection, keys), {})

    def put(self, name: str, fingerprint: str, values: Mapping[bytes, bytes]) -> bool:
        """Store the values of a model by key and write them to disk; values that exist already are not replaced.

        Returns
        -------
        bool
            Whether the values are stored.
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
        """Return the models with stored answers, sorted by name."""
        query = (
            "SELECT name, fingerprint, count(*) FROM answers JOIN models ON models.id = answers.model "
            "GROUP BY models.id ORDER BY name, fingerprint"
        )
        return self._attempt(lambda connection: [StoredModel(*row) for row in connection.execute(query)], [])

    def size(self) -> int:
        """Return the size on disk in bytes."""
        files = [self.path, *_companions(self.path)]
        return sum(file.stat().st_size for file in files if file.is_file())

    def clear(self, model: str | None = None) -> int:
        """Delete the answers of a model (by name or fingerprint), or all answers; return the number deleted."""
        condition = "" if model is None else " WHERE model IN (SELECT id FROM models WHERE ? IN (name, fingerprint))"

        def delete(connection: sqlite3.Connection) -> int:
            with connection:
                count = connection.execute(
                    f"DELETE FROM answers{condition}", () if model is None else (model,)
                ).rowcount
                connection.execute("DELETE FROM models WHERE id NOT IN (SELECT model FROM answers)")
            with suppress(sqlite3.OperationalError):  # fails while another process reads: a later call frees the space
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return count

        return self._attempt(delete, 0)

    @property
    def in_use(self) -> bool:
        """Whether answers are stored; False after the file turned out to be unusable."""
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
                raise  # a bug in this program, not a damaged file
            except (sqlite3.Error, _DamagedError) as error:
                self._recover(error, last)
        return otherwise

    def _recover(self, error: Exception, last: bool) -> None:
        """Replace a damaged file by a new one; stop using the store if that does not help."""
        if last or not _is_damage(error):
            self._give_up(error)
            return
        try:
            self.close()
            with self._lock:
                # Another process may have replaced the file already: the new file must stay.
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
        # Transactions take the write lock at their start: they then wait for other processes instead of failing.
        connection = sqlite3.connect(self.path, timeout=_WAIT, isolation_level="IMMEDIATE")
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if version == 0 and tables == 0:
                connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
            elif version != VERSION:
                raise _DamagedError(f"its schema version is {version}, not {VERSION}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self, error: Exception) -> None:
        renamed = self.path.with_name(f"{self.path.stem}.damaged-{datetime.now():%Y%m%d-%H%M%S-%f}.sqlite3")
        self.path.rename(renamed)
        for old, new in zip(_companions(self.path), _companions(renamed), strict=True):
            with suppress(FileNotFoundError):
                old.rename(new)
        self._say(
            f"{self.path}: this cache is damaged ({error}); it was renamed to {renamed.name} and a new one started"
        )

    def _give_up(self, error: Exception) -> None:
        with suppress(sqlite3.Error):
            self.close()
        self._connection = None
        self._say(f"{self.path}: the cache cannot be used ({error}); continuing without it")


def _select(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    values: dict[bytes, bytes] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        batch = keys[start : start + _KEYS_AT_ONCE]
        query = f"SELECT key, value, checksum FROM answers WHERE key IN ({','.join('?' * len(batch))})"
        with closing(connection.execute(query, batch)) as rows:
            for key, value, checksum in rows:
                # SQLite detects a broken structure, but not a changed byte in a value.
                if not isinstance(value, bytes) or zlib.crc32(key + value) != checksum:
                    raise _DamagedError("a value does not match its checksum")
                values[key] = value
    return values


def _is_damage(error: Exception) -> bool:
    # The low byte of an extended result code is the primary one.
    return isinstance(error, _DamagedError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _companions(path: Path) -> Iterable[Path]:
    """Return the paths of the files that SQLite keeps beside a database in WAL mode."""
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")]
