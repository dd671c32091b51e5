"""What a server's lists of likely next tokens say about the probability of a whole option.

A server lists only the most probable tokens at each place of an answer that it wrote. An option that is one token is
found in the first list; one of several tokens is found where answers have been seen that begin as it does. What no
list shows can still be bounded: a token that is not listed is at most as probable as the last one that is, and at most
what the list leaves over.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Place(NamedTuple):
    """One place of an answer that a server wrote; texts are UTF-8, for a token may be part of a character.

    Parameters
    ----------
    written : bytes
        The token written there.
    log_p : float
        Its log-probability.
    listed : mapping of bytes to float
        Log-probabilities of the most probable tokens there; the one written need not be among them.
    """

    written: bytes
    log_p: float
    listed: Mapping[bytes, float]


class Reach(NamedTuple):
    """How far the lists reach an option; log-probabilities, -inf where there is nothing.

    Parameters
    ----------
    found : float
        Of the most probable way to write the option whose every token is listed.
    hidden : float
        Upper bound for every way that is not listed to its end.
    unexplored : bool
        Whether a listed token begins the option, but no answer was seen that goes on from there.
    """

    found: float
    hidden: float
    unexplored: bool


class AnswerPaths:
    """Lists of next tokens, by the text of the answer before them."""

    def __init__(self) -> None:
        self._next: dict[bytes, dict[bytes, float]] = {}
        self._least: dict[bytes, float] = {}

    def add(self, places: Sequence[Place]) -> None:
        """Add one answer, place by place."""
        before = b""
        for place in places:
            self._next.setdefault(before, {}).update({**place.listed, place.written: place.log_p})
            # The token written may be less probable than some that are not listed: only the list itself bounds those.
            self._least[before] = min(place.listed.values(), default=0.0)
            before += place.written

    def reach(self, option: str) -> Reach:
        """How far an option is reached, as the beginning of an answer; space before the answer is ignored.

        Examples
        --------
        >>> paths = AnswerPaths()
        >>> paths.add([Place(b"yes", math.log(0.75), {b"yes": math.log(0.75), b"no": math.log(0.25)})])
        >>> round(math.exp(paths.reach("no").found), 6)
        0.25
        """
        found = hidden = -math.inf
        unexplored = False
        whole = option.encode()
        open_ends = [(b"", 0.0)]
        while open_ends:
            before, log_p = open_ends.pop()
            if before.lstrip() == whole:
                found = max(found, log_p)
                continue
            listed = self._next.get(before)
            if listed is None:
                hidden = max(hidden, log_p)
                unexplored = True
                continue
            hidden = max(hidden, log_p + self._unlisted(before))
            open_ends += [
                (before + token, log_p + value)
                for token, value in listed.items()
                if token and whole.startswith((before + token).lstrip()) and value > -math.inf
            ]
        return Reach(found, hidden, unexplored)

    def _unlisted(self, before: bytes) -> float:
        """Upper bound for the log-probability of a next token that was never shown."""
        # Servers give about six digits, so that what is left over is not known more closely.
        left_over = max(1.0 - math.fsum(math.exp(value) for value in self._next[before].values()), 1e-6)
        return min(math.log(left_over), self._least[before])


def _text(token: Any) -> bytes:
    """Text of a token: the bytes that the server gives, for part of a character has no other text."""
    given = getattr(token, "bytes", None)
    return bytes(given) if given else str(token.token).encode()


def read_place(token: Any) -> Place:
    """Read a token as the server lists it, with the likely ones beside it.

    Raises
    ------
    AttributeError, TypeError, ValueError
        When that is no such list.
    """
    listed: dict[bytes, float] = {}
    for other in token.top_logprobs or ():
        text = _text(other)
        listed[text] = max(_log_probability(other), listed.get(text, -math.inf))
    return Place(_text(token), _log_probability(token), listed)


def _log_probability(token: Any) -> float:
    value = float(token.logprob)
    # A hair above 0 is rounding.
    if not value <= 1e-4:
        raise ValueError
    return min(value, 0.0)
