"""What is run, and when: the command line and the time, which results and reports state."""

import shlex
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime

_command: ContextVar[str] = ContextVar("command", default="")


def set_command(words: Sequence[str]) -> None:
    """Remember the words of the command that runs, the first of which is the name of the program."""
    _command.set(shlex.join(words))


def made_now() -> dict[str, str]:
    """Return `date` (UTC, to the second) and, where a command runs, `command`; as they are saved with results."""
    made = {"date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")}
    return {**made, "command": _command.get()} if _command.get() else made
