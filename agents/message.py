"""A counter-message as a text that language models read beside the post."""

from pathlib import Path

from ..errors import InputError

LONGEST = 2000
"""Largest number of characters of a counter-message: it is a note under a post, not an article."""


def read_message(path: str | Path) -> str:
    """Read the text of a counter-message from a file.

    Parameters
    ----------
    path : path
        A file of UTF-8 text with one or a few sentences.

    Returns
    -------
    str
        The text on one line: blanks and line breaks are single blanks.

    Raises
    ------
    InputError
        When the file does not exist, is no text, is empty, or is longer than :data:`LONGEST` characters.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text; save the counter-message as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: the counter-message cannot be read ({error.strerror}); name a text file") from error
    words = text.split()
    if not words:
        raise InputError(f"{path}: is empty; write the counter-message into it")
    text = " ".join(words)
    if unprintable := next((character for character in text if not character.isprintable()), None):
        raise InputError(f"{path}: holds the control character {unprintable!r}; write plain text")
    if len(text) > LONGEST:
        raise InputError(f"{path}: has {len(text):,} characters; a counter-message has at most {LONGEST:,}")
    return text
