"""Probability of a whole option, from a server's lists of likely next tokens.

A server lists only the most probable tokens at each position of an answer that it wrote. An option of one token is in
the first list. An option of several tokens is in the lists of answers that begin like it. A token that is not listed
still has an upper bound: it is at most as probable as the least probable listed token, and at most one minus the sum of
the list.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .answer_reading import normal, read_beginning


class Place(NamedTuple):
    """One position of an answer that a server wrote; tokens are UTF-8 bytes, since one may be part of a character.

    Parameters
    ----------
    written : bytes
        The token that was written.
    log_p : float
        Its log-probability.
    listed : mapping of bytes to float
        Log-probabilities of the most probable tokens; the written token may be missing.
    """

    written: bytes
    log_p: float
    listed: Mapping[bytes, float]


class Reach(NamedTuple):
    """Bounds on the probability of an option; log-probabilities, -inf for a probability of 0.

    Parameters
    ----------
    listed : float
        Log-probability of all spellings of the option whose tokens are all listed.
    hidden : float
        Upper bound for each spelling that is not listed completely.
    unexplored : bool
        Whether a listed token begins the option, but no known answer continues after it.
    """

    listed: float
    hidden: float
    unexplored: bool


class AnswerPaths:
    """Lists of next tokens, by the text of the answer before the token."""

    def __init__(self) -> None:
        self._next: dict[bytes, dict[bytes, float]] = {}
        self._least: dict[bytes, float] = {}

    def add(self, places: Sequence[Place]) -> None:
        """Add the positions of one answer."""
        before = b""
        for place in places:
            self._next.setdefault(before, {}).update({**place.listed, place.written: place.log_p})
            # The written token may be less probable than unlisted tokens: only the listed tokens give a bound for them.
            self._least[before] = min(place.listed.values(), default=0.0)
            before += place.written

    def reach(self, options: Sequence[str]) -> list[Reach]:
        """Return the bounds for an answer that begins with each option, in any spelling.

        An option that is written to its end counts, whether or not a list shows what follows. What is not listed counts
        in the bounds only after blanks or the beginning of an option: of answers in quotes or emphasis, those count
        that the lists show.

        Examples
        --------
        >>> paths = AnswerPaths()
        >>> paths.add([Place(b"yes", math.log(0.5), {b"yes": math.log(0.5), b"No": math.log(0.25), b"Yes": -1.6})])
        >>> [round(math.exp(each.listed), 2) for each in paths.reach(["yes", "no"])]
        [0.7, 0.25]
        """
        listed: list[list[float]] = [[] for _ in options]
        hidden = [-math.inf] * len(options)
        unexplored = [False] * len(options)
        unfinished = [(b"", 0.0)]
        while unfinished:
            before, log_p = unfinished.pop()
            text = before.decode(errors="replace")
            named = read_beginning(text, options).option
            next_tokens = self._next.get(before)
            if next_tokens is None and named is not None:
                listed[named].append(log_p)
                continue
            begun = normal(text)
            for number, option in enumerate(options):
                if named is None and normal(option).startswith(begun):
                    bound = log_p if next_tokens is None else log_p + self._unlisted(before)
                    hidden[number] = max(hidden[number], bound)
                    unexplored[number] |= next_tokens is None
            for token, value in (next_tokens or {}).items():
                if not token or value == -math.inf:
                    continue
                reading = read_beginning((before + token).decode(errors="replace"), options)
                if not reading.is_settled:
                    unfinished.append((before + token, log_p + value))
                elif reading.option is not None:
                    listed[reading.option].append(log_p + value)
        totals = [math.fsum(map(math.exp, values)) for values in listed]
        return [
            Reach(math.log(total) if total > 0 else -math.inf, bound, begun)
            for total, bound, begun in zip(totals, hidden, unexplored, strict=True)
        ]

    def _unlisted(self, before: bytes) -> float:
        """Return an upper bound for the log-probability of a next token that no list shows."""
        # Servers give about six digits, so the remainder is not known more precisely.
        remainder = max(1.0 - math.fsum(math.exp(value) for value in self._next[before].values()), 1e-6)
        return min(math.log(remainder), self._least[before])


def _text(token: Any) -> bytes:
    """Return the text of a token as bytes; part of a character has no other representation."""
    content = getattr(token, "bytes", None)
    return bytes(content) if content else str(token.token).encode()


def read_place(token: Any) -> Place:
    """Read a token of a server's response, with the list of likely tokens at its position.

    Raises
    ------
    AttributeError, TypeError, ValueError
        When the response has another format.
    """
    listed: dict[bytes, float] = {}
    for other in token.top_logprobs or ():
        text = _text(other)
        listed[text] = max(_log_probability(other), listed.get(text, -math.inf))
    return Place(_text(token), _log_probability(token), listed)


def _log_probability(token: Any) -> float:
    value = float(token.logprob)
    # Rounding can give values slightly above 0.
    if not value <= 1e-4:
        raise ValueError
    return min(value, 0.0)
