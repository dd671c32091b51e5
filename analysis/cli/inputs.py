"""What commands open before they work."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...agents import AnswerStore


def store(folder: Path | None) -> "AnswerStore":
    """Open the store of answers; trouble with it becomes a note."""
    from ...agents import AnswerStore
    from .output import say

    return AnswerStore(folder, say=lambda message: say(f"note: {message}"))
