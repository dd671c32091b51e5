"""Concurrent calls in daemon threads, which do not stop the process from ending."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from typing import TypeVar

_Answer = TypeVar("_Answer")


def in_parts(
    calls: Sequence[Callable[[], _Answer]], concurrency: int, progress: Callable[[int, int], None] | None
) -> Iterator[list[tuple[int, _Answer]]]:
    """Make calls concurrently and yield their results as they end: lists of (position, answer) pairs.

    After a failure no new call starts. Running calls still finish and are yielded, and then the failure is raised. An
    interruption, or closing the generator, does not wait for running calls.
    """
    waiting = iter(enumerate(calls))
    running: dict[Future[_Answer], int] = {}
    failure: BaseException | None = None
    done = 0
    while True:
        if failure is None:
            for position, call in islice(waiting, concurrency - len(running)):
                running[_started(call)] = position
        if not running:
            break
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        part = []
        for future in finished:
            position = running.pop(future)
            error = future.exception()
            if error is None:
                part.append((position, future.result()))
            failure = failure or error
        yield part
        done += len(part)
        if progress and part:
            progress(done, len(calls))
    if failure is not None:
        raise failure


def in_order(parts: Iterable[list[tuple[int, _Answer]]]) -> list[_Answer]:
    """Return the answers of all parts, ordered by position."""
    answers = dict(pair for part in parts for pair in part)
    return [answers[position] for position in range(len(answers))]


def _started(call: Callable[[], _Answer]) -> Future[_Answer]:
    """Start a call in a daemon thread: threads of the standard pool would stop the process from ending."""
    future: Future[_Answer] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future
