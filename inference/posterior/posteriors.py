"""Posteriors of a comparison: held in memory, or, when there are many, on disk."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...errors import InputError
from ...files import atomic_path
from .arviz_adapter import Posterior, open_netcdf
from .netcdf import write_netcdf

MAX_IN_MEMORY = 8
"""Comparisons with more conditions keep their posteriors on disk. One posterior takes about 20 MB."""


class TemporaryPosteriorStore:
    """A temporary folder. It is removed when nothing refers to this object any more."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tworate-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


class Posteriors(Mapping[str, Posterior]):
    """Posteriors of one condition by model. A posterior on disk is read at each access and not cached.

    Parameters
    ----------
    held : mapping of str to Posterior or Path
        The posteriors, or their netCDF files.
    spill : TemporaryPosteriorStore, optional
        The store that holds the temporary files. A reference to it keeps the files on disk.
    """

    def __init__(self, held: Mapping[str, Posterior | Path], spill: TemporaryPosteriorStore | None = None) -> None:
        self._held = dict(held)
        self._spill = spill

    def __getitem__(self, name: str) -> Posterior:
        entry = self._held[name]
        return read_posterior(entry) if isinstance(entry, Path) else entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        return f"Posteriors({', '.join(self._held)})"

    def write(self, name: str, path: Path) -> None:
        """Write one posterior as netCDF, either completely or not at all."""
        entry = self._held[name]
        with atomic_path(path) as temporary:
            if isinstance(entry, Path):
                temporary.unlink(missing_ok=True)
                try:
                    os.link(entry, temporary)
                except OSError:
                    shutil.copyfile(entry, temporary)
            else:
                write_netcdf(entry, temporary)

    def stored(self, spill: TemporaryPosteriorStore, prefix: str) -> "Posteriors":
        """Write the posteriors to disk and return them from there."""
        files: dict[str, Posterior | Path] = {}
        for name in self:
            path = spill.folder / f"{prefix}{name}.nc"
            self.write(name, path)
            files[name] = path
        return Posteriors(files, spill)


def read_posterior(path: Path) -> Posterior:
    """Read a posterior from netCDF.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    try:
        return open_netcdf(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}); make the comparison again") from error
