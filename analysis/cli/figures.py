"""Figures that a command writes to a file that the user names."""

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...files import atomic_path, check_writable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".pdf", ".svg")


def check_figure(path: Path) -> None:
    """Check, before long work, that a figure can be written at `path`.

    Raises
    ------
    InputError
        When the suffix is not a known format, or the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: name a figure that ends in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    check_writable(path)


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure atomically, in the format of the suffix."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lower().removeprefix("."), dpi=150)
