"""Where the posteriors of a comparison are: in memory, or, when there are many, on disk until they are asked for."""

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
"""Comparisons of more conditions than this keep their posteriors on disk; one takes about 20 MB."""


class TemporaryPosteriorStore:
    """A temporary folder that is there as long as somebody holds this object."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tworate-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


class Posteriors(Mapping[str, Posterior]):
    """Posteriors of one condition by model; what lies on disk is read when it is asked for, and not kept.

    Parameters
    ----------
    held : mapping of str to Posterior or Path
        The posteriors, or the netCDF files in which they lie.
    spill : TemporaryPosteriorStore, optional
        Keeps temporary files from being removed.
    """

    def __init__(self, held: Mapping[str, Posterior | Path], spill: TemporaryPosteriorStore | None = None) -> None:
        self._held = dict(held)
        self._spill = spill

    def __getitem__(self, name: str) -> Posterior:
        held = self._held[name]
        return read_posterior(held) if isinstance(held, Path) else held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        return f"Posteriors({', '.join(self._held)})"

    def write(self, name: str, path: Path) -> None:
        """Write one as netCDF, whole or not at all."""
        held = self._held[name]
        with atomic_path(path) as temporary:
            if isinstance(held, Path):
                temporary.unlink(missing_ok=True)
                try:
                    os.link(held, temporary)
                except OSError:
                    shutil.copyfile(held, temporary)
            else:
                write_netcdf(held, temporary)

    def stored(self, spill: TemporaryPosteriorStore, prefix: str) -> "Posteriors":
        """Return the same posteriors, now on disk."""
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
