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


def population_of(text: str | None) -> int | tuple[int, int] | None:
    """Read a population, such as `3000`, or a range of it, such as `2000:5000`."""
    from ...errors import InputError

    if text is None:
        return None
    parts = text.replace("_", "").split(":")
    numbers = [int(part) for part in parts if part.strip().isdecimal()]
    if len(numbers) < len(parts) or len(parts) > 2 or numbers != sorted(numbers):
        raise InputError(f"--population {text}: must be a whole number, or a range such as 2000:5000")
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])
