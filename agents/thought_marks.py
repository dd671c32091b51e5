"""Marks between which a reasoning model writes its thoughts, such as `<think>` and `</think>`."""

import re
from collections.abc import Container

_WORDS = "(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|rumination|scratchpad)"
THOUGHTS = re.compile(
    r"(?:<\|?|<｜|\[|◁)"
    r"(?!(?:end|close|stop|no)[_:▁ -])"
    rf"(?:[A-Za-z]+[_:▁ -](?:of[_▁ -])?)?{_WORDS}(?:[_▁-](?:start|begin))?"
    r"(?:\|?>|｜>|\]|▷)",
    re.IGNORECASE,
)
"""A mark that opens thoughts: one of the words in brackets of any kind, as `<seed:think>` or `<|begin_of_thought|>`."""

_ANY_MARK = re.compile(r"(?:<\|?|<｜|\[|◁)[A-Za-z][\w:▁ -]*(?:\|?>|｜>|\]|▷)$")


def closing_of(mark: str, known: Container[str]) -> str:
    """Return the mark that closes what `mark` opens: the first usual form that is known, or else the most usual.

    Parameters
    ----------
    mark : str
        The opening mark.
    known : container of str
        What holds the marks of the tokenizer and its template, such as their text.

    Examples
    --------
    >>> closing_of("[THINK]", ""), closing_of("<|begin_of_thought|>", "")
    ('[/THINK]', '<|end_of_thought|>')
    """
    forms = _closings(mark)
    return next((form for form in forms if form in known), forms[0])


def opened_at_end(text: str, known: Container[str]) -> str | None:
    """Return a mark of any name at the end of a text, if the mark that would close it is known."""
    match = _ANY_MARK.search(text.rstrip())
    return match[0] if match and any(form in known for form in _closings(match[0])) else None


def _closings(mark: str) -> list[str]:
    """Return the usual forms of the mark that closes what a mark opens."""
    begin = re.search("begin|start", mark, re.IGNORECASE)
    if begin:
        word = "END" if begin[0].isupper() else "end"
        return [mark.replace(begin[0], word)]
    opening, name, end = re.fullmatch(r"(<\||<｜|<|\[|◁)(.*?)(\|>|｜>|>|\]|▷)", mark, re.DOTALL).groups()  # type: ignore[union-attr]
    forms = [f"{opening}/{name}{end}"]
    if len(opening) > 1:
        forms.append(f"</{opening[1:]}{name}{end}")
    word = "END" if name.isupper() else "end"
    return [*forms, *(f"{opening}{form}{end}" for form in (f"{word}_{name}", f"{name}_{word}", f"{word}_of_{name}"))]
