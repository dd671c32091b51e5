"""The two errors that a user of tworate is meant to read."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """What the user gave cannot be used: says where, what was wrong, and what to do.

    The command line prints it as one line and exits with status 2.
    """


class JobError(RuntimeError):
    """The input was fine, but the work could not be done.

    The command line prints it as one line and exits with status 1.
    """


def nearest(word: str, words: Iterable[str], otherwise: str = "; choose one of these") -> str:
    """End a message on an unknown name: with the known one that is spelled most alike, or with another remedy."""
    close = get_close_matches(word.lower(), list(words), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else otherwise
