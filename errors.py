"""The errors whose messages are written for the user of tworate, and checks that many arguments share."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class InputError(ValueError):
    """The user's input cannot be used. The message says where, what was wrong, and what to do.

    The command line prints it as one line and exits with status 2.
    """


class JobError(RuntimeError):
    """The input was valid, but the work could not be done.

    The command line prints it as one line and exits with status 1.
    """


class WriteError(JobError):
    """A file could not be written: the disk is full, or the folder lost its permission."""


def nearest(word: str, words: Iterable[str], otherwise: str = "; choose one of these") -> str:
    """Return the end of a message about an unknown name: the known name with the most similar spelling, or a remedy."""
    close = get_close_matches(word.lower(), list(words), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else otherwise


def check_seed(seed: Any) -> None:
    """Raise an InputError when a seed is not a whole number from 0 to 2³² - 1."""
    # Integers of NumPy are whole numbers too.
    if isinstance(seed, bool) or not (hasattr(seed, "__index__") and 0 <= seed < 2**32):
        raise InputError(f"seed = {seed!r}: must be a whole number from 0 to 4294967295")
