"""All output of the commands: data to stdout, messages and progress to stderr."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_messages = Console(stderr=True, highlight=False, soft_wrap=True)
_SECONDS_A_LINE = 120
"""Seconds between two lines of progress in a log."""
_SECONDS_A_STAGE = 15
"""Seconds between lines that tell the stage in a log, so that quick commands print none."""


def say(message: str) -> None:
    """Print a message for the user to stderr."""
    _messages.print(message, markup=False, emoji=False)


def emit(text: str) -> None:
    """Print data to stdout."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def discard_output() -> None:
    """Send what is printed to stdout nowhere, because its reader has closed it, as in `tworate decide | head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_before_saving(show: Callable[[], None]) -> None:
    """Print results now. If the reader of stdout has closed it, the results are still saved."""
    try:
        show()
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()


def emit_json(content: Any) -> None:
    """Print one JSON object to stdout."""
    emit(json.dumps(content, indent=2, ensure_ascii=False, default=str, allow_nan=False))


class Bar:
    """A progress bar that library functions can call; silent if stderr is not a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}
        self._begun = self._last_line = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that stage `what` has reached `done` of `total`; a new stage finishes the earlier ones."""
        stage = what.split(" ")[0]
        now = time.monotonic()
        if self._progress.disable and now - self._last_line > _SECONDS_A_STAGE:
            self._last_line = now
            say(f"[{now - self._begun:.0f} s] {what} {done} of {total}")
        if stage not in self._tasks:
            self.finish()
            self._tasks[stage] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[stage], description=what, completed=done, total=total)

    def of(self, what: str) -> Any:
        """Return a callback of (done, total) for one stage."""
        return lambda done, total: self(what, done, total)

    def with_time_left(self, stage: str) -> Callable[[str, int, int], None]:
        """Return the bar as a callback that adds the time left to one stage, named by its first word.

        If stderr is not a terminal, as in a batch job, a line is printed every few minutes.
        """
        begun: list[tuple[float, int]] = []
        last_line = time.monotonic()

        def show(what: str, done: int, total: int) -> None:
            nonlocal last_line
            if what.split(" ")[0] == stage:
                begun.append((time.monotonic(), done))
                since, first = begun[0]
                if gained := done - first:
                    left = (time.monotonic() - since) / gained * (total - done)
                    what += f" (about {left / 60:.0f} min left)" if left >= 90 else f" (about {left:.0f} s left)"
                if not _messages.is_terminal and time.monotonic() - last_line > _SECONDS_A_LINE:
                    last_line = time.monotonic()
                    say(f"{what}: {done} of {total}")
            self(what, done, total)

        return show

    def finish(self) -> None:
        """Mark every stage so far as done."""
        for task in self._progress.tasks:
            self._progress.update(task.id, completed=task.total)


@contextmanager
def progress_bar() -> Iterator[Bar]:
    """Show progress on stderr while the block runs."""
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_messages, disable=not _messages.is_terminal) as progress:
        bar = Bar(progress)
        yield bar
        bar.finish()
