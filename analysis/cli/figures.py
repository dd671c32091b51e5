"""Figures that a command writes to a file of the user's choice."""

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...files import atomic_path, check_writable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".pdf", ".svg")


def check_figure(path: Path) -> None:
    """Make sure, before long work, that a figure can be written at `path`.

    Raises
    ------
    InputError
        When the name does not end in a format that is drawn, or nothing can be written there.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: name a figure that ends in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    check_writable(path)


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure, whole or not at all, in the format that its name ends in."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lower().removeprefix("."), dpi=150)
