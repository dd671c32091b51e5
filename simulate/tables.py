"""Tables as files: Parquet with a record in the schema, or CSV."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import InputError
from ..files import atomic_path

KEY = b"tworate"
"""Key of the record in the metadata of a Parquet schema."""


def write_table(table: pd.DataFrame, path: Path, record: Mapping[str, Any] | None = None) -> None:
    """Write a table atomically, as Parquet (`.parquet`) with the record in its schema, or as CSV."""
    with atomic_path(path) as temporary:
        if path.suffix != ".parquet":
            table.to_csv(temporary, index=False)
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        written = pa.Table.from_pandas(table, preserve_index=False)
        pq.write_table(written.replace_schema_metadata(with_record(written.schema.metadata, record)), temporary)


class TableWriter:
    """A Parquet file that is written in parts, one row group per part; the first part determines the columns.

    Parameters
    ----------
    path : Path
        The file, such as that of :func:`tworate.files.atomic_path`; nothing is written before the first part.
    record : mapping, optional
        Record for the schema.
    """

    def __init__(self, path: Path, record: Mapping[str, Any] | None = None) -> None:
        self._path, self._record = path, record
        self._writer: Any = None

    def write(self, table: pd.DataFrame) -> None:
        """Write the next part."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = self._writer.schema if self._writer else None
        rows = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
        if self._writer is None:
            rows = rows.replace_schema_metadata(with_record(rows.schema.metadata, self._record))
            self._writer = pq.ParquetWriter(self._path, rows.schema)
        self._writer.write_table(rows.cast(self._writer.schema), row_group_size=max(len(table), 1))

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def with_record(metadata: Mapping[bytes, bytes] | None, record: Mapping[str, Any] | None) -> dict[bytes, bytes]:
    """Return the metadata of a schema with the record added."""
    added = {} if record is None else {KEY: json.dumps(record, ensure_ascii=False).encode()}
    return {**(metadata or {}), **added}


def read_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, Any] | None]:
    """Read a Parquet file and its record (None if it has no record).

    Raises
    ------
    InputError
        When the file cannot be read or is not a Parquet file.
    """
    import pyarrow.parquet as pq

    try:
        # If a file does not exist, the error of pandas contains only its name; that of `stat` has the reason.
        Path(path).stat()
        table = pd.read_parquet(path).reset_index(drop=True)
        metadata = pq.read_schema(path).metadata or {}
        record = json.loads(metadata[KEY]) if KEY in metadata else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise InputError(f"{path}: is not a Parquet file ({error})") from error
    return table, record if isinstance(record, dict) else None
