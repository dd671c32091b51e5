"""Inputs of commands: what they open before they work, and lists of names."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...agents import AnswerStore


def store(folder: Path | None, *, made: bool = True) -> "AnswerStore":
    """Open the cache of answers; its errors become notes. A missing folder is made, or refused if `made` is false."""
    from ...agents import AnswerStore
    from ...errors import InputError
    from .output import say

    if folder is not None and not made and not folder.exists():
        raise InputError(f"{folder}: there is no such folder; name a folder of cached answers")

    return AnswerStore(folder, say=lambda message: say(f"note: {message}"))


def names(text: str) -> list[str]:
    """Return the names in a list with commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
