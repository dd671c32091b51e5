"""Tables as files: Parquet with a record in its schema, or CSV."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import InputError
from ..files import atomic_path

KEY = b"tworate"
"""Where the record stands in the metadata of a Parquet schema."""


def write_table(table: pd.DataFrame, path: Path, record: Mapping[str, Any] | None = None) -> None:
    """Write a table as Parquet (`.parquet`) or CSV, whole or not at all; the record goes into Parquet's schema."""
    with atomic_path(path) as temporary:
        if path.suffix != ".parquet":
            table.to_csv(temporary, index=False)
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        written = pa.Table.from_pandas(table, preserve_index=False)
        pq.write_table(written.replace_schema_metadata(with_record(written.schema.metadata, record)), temporary)


class TableWriter:
    """A Parquet file that is written part by part, one row group each; the first part gives the columns.

    Parameters
    ----------
    path : Path
        The file, such as that of :func:`tworate.files.atomic_path`; nothing is there before the first part.
    record : mapping, optional
        What goes into the schema.
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
    """Return the metadata of a schema with the record in it."""
    added = {} if record is None else {KEY: json.dumps(record, ensure_ascii=False).encode()}
    return {**(metadata or {}), **added}


def read_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, Any] | None]:
    """Read a Parquet file and its record, None where it has none.

    Raises
    ------
    InputError
        When the file cannot be read or is no Parquet.
    """
    import pyarrow.parquet as pq

    try:
        # What pandas says of a file that is not there is its name alone.
        Path(path).stat()
        table = pd.read_parquet(path).reset_index(drop=True)
        metadata = pq.read_schema(path).metadata or {}
        record = json.loads(metadata[KEY]) if KEY in metadata else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise InputError(f"{path}: is not a Parquet file ({error})") from error
    return table, record if isinstance(record, dict) else None
