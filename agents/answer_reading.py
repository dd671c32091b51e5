"""Read which option an answer begins with: the one definition that sampled answers and scores share.

An answer names an option if it begins with it. Case, blanks, quotes, brackets, emphasis and dashes before the option do
not count, and neither does text after it, as long as the word or the number ends there: `shared` is not `share`, and
`4.5` is not `4`. Where two options fit, the longer one is named.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

_ORNAMENTS = " \"'`*_“”‘’«»([{<-–—•:."
"""Characters that may stand before an option."""
_INNER = re.compile(r"\w|[.,]\d")
"""What follows an option if the word or number goes on."""
_CUT = "\ufffd"
"""What decoders write for a character whose bytes are not complete."""


class Reading(NamedTuple):
    """What the beginning of an answer tells about the whole answer.

    Parameters
    ----------
    option : int or None
        The option that is named if the answer ends here; None if none is.
    at_edge : bool
        Whether it is named only if its last word or number ends here.
    may_grow : bool
        Whether the answer may still name an option, or a longer one.
    """

    option: int | None
    at_edge: bool = False
    may_grow: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether nothing that follows can change the option."""
        return not (self.at_edge or self.may_grow)


def parse_answer(answer: str, options: Sequence[str]) -> int | None:
    """Return the index of the option that an answer begins with.

    Parameters
    ----------
    answer : str
        What the model wrote.
    options : sequence of str
        The possible answers. When two fit, the longer one is returned.

    Returns
    -------
    int or None
        Index of the option; None when the answer begins with none of them.

    Examples
    --------
    >>> parse_answer('"Share."', ("share", "ignore")), parse_answer("I would not share", ("share", "ignore"))
    (0, None)
    """
    return read_beginning(answer, options).option


def read_beginning(text: str, options: Sequence[str]) -> Reading:
    """Return what the beginning of an answer tells about the whole answer.

    Examples
    --------
    >>> read_beginning("sha", ("share", "ignore"))
    Reading(option=None, at_edge=False, may_grow=True)
    >>> read_beginning("Share", ("share", "ignore"))
    Reading(option=0, at_edge=True, may_grow=False)
    >>> read_beginning("**Share** it", ("share", "ignore"))
    Reading(option=0, at_edge=False, may_grow=False)
    """
    is_cut = text.endswith(_CUT)
    begun = normal(text.rstrip(_CUT))
    if text[-1:].isspace() and begun:
        begun += " "
    begun = begun.lstrip(_ORNAMENTS)
    options = [normal(option) for option in options]
    named = [
        (len(option), index)
        for index, option in enumerate(options)
        if begun.startswith(option) and not _INNER.match(begun, len(option))
    ]
    length, option = max(named, default=(0, None))
    may_grow = any(
        len(longer) > length and longer.startswith(begun) and (is_cut or len(begun) < len(longer)) for longer in options
    )
    # A full stop or comma may still be that of a number.
    at_edge = option is not None and (is_cut or begun[length:] in ("", ".", ","))
    return Reading(option, at_edge, may_grow)


def goes_on(text: str) -> bool:
    """Return whether a text, right after an option, continues its last word or number.

    Examples
    --------
    >>> goes_on("d"), goes_on(" it"), goes_on(".5"), goes_on(".")
    (True, False, True, False)
    """
    return bool(_INNER.match(text))


def normal(text: str) -> str:
    """Return a text without differences of case, and with single spaces."""
    return " ".join(text.casefold().split())
