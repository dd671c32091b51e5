"""What commands open before they work."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...agents import AnswerStore


def store(folder: Path | None, *, made: bool = True) -> "AnswerStore":
    """Open the store of answers; trouble with it becomes a note. A folder that is missing is made, or refused."""
    from ...agents import AnswerStore
    from ...errors import InputError
    from .output import say

    if folder is not None and not made and not folder.exists():
        raise InputError(f"{folder}: there is no such folder, and so no answers are kept there")

    return AnswerStore(folder, say=lambda message: say(f"note: {message}"))
