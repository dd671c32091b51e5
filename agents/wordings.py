"""Wordings of the two options of a decision: words, or labels such as letters before the words."""

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import InputError, nearest
from .answer_reading import normal
from .prompts import OPTIONS

LABELS = {"letters": ("A", "B"), "numbers": ("1", "2")}
"""Labels of the first and the second option in a prompt; the model answers with the label."""

AUTO = "auto"
"""Asks for the wording among :data:`CANDIDATES` that suits the model."""


class Wording(NamedTuple):
    """The two options in one wording.

    Parameters
    ----------
    share, ignore : str
        The options; the first one means sharing.
    labels : str
        Empty, or the kind of labels that stand before the options: `letters` or `numbers`.
    """

    share: str
    ignore: str
    labels: str = ""

    def __str__(self) -> str:
        """Return the wording as the user writes it, such as `letters:share/ignore`."""
        return f"{self.labels}:{self.share}/{self.ignore}" if self.labels else f"{self.share}/{self.ignore}"

    def shown(self, share_first: bool) -> tuple[str, str]:
        """Return the options in the order of a prompt."""
        return (self.share, self.ignore) if share_first else (self.ignore, self.share)

    def answers(self, share_first: bool) -> tuple[str, str]:
        """Return the answers to a prompt in this order: first the one that means sharing."""
        if not self.labels:
            return self.share, self.ignore
        first, second = LABELS[self.labels]
        return (first, second) if share_first else (second, first)


CANDIDATES = (
    Wording(*OPTIONS),
    Wording("repost", "skip"),
    Wording("yes", "no"),
    Wording(*OPTIONS, "letters"),
    Wording("share it", "do not share it", "letters"),
    Wording(*OPTIONS, "numbers"),
)
"""Wordings that `auto` tries."""


def checked_wording(wording: Sequence[str]) -> Wording:
    """Return a wording, given as the two options and perhaps the kind of labels.

    Raises
    ------
    InputError
        When an option is empty, both options are the same text, or the kind of labels is unknown.
    """
    if len(wording) not in (2, 3) or not all(normal(option) for option in wording[:2]):
        raise InputError(f"wording '{'/'.join(wording)}': give two options, sharing first, as in share/ignore")
    checked = Wording(*wording)
    if normal(checked.share) == normal(checked.ignore):
        raise InputError(f"wording '{checked}': the two options must differ by more than case")
    if checked.labels and checked.labels not in LABELS:
        raise InputError(
            f"wording '{checked}': labels are {' or '.join(LABELS)}, as in letters:share/ignore"
            f"{nearest(checked.labels, LABELS)}"
        )
    return checked


def parse_wordings(texts: Sequence[str] | None) -> tuple[Wording, ...]:
    """Read wordings such as `share/ignore` or `letters:share/ignore`; return the default when there are none.

    `auto` stands alone, and gives :data:`CANDIDATES`.

    Examples
    --------
    >>> [str(wording) for wording in parse_wordings(["share/ignore", "letters:pass it on/keep it"])]
    ['share/ignore', 'letters:pass it on/keep it']
    """
    texts = list(texts or ["/".join(OPTIONS)])
    if AUTO in texts:
        if len(texts) > 1:
            raise InputError(f"wording '{AUTO}': tries a list of its own; leave the other wordings out")
        return CANDIDATES
    wordings = []
    for text in texts:
        labels, _, rest = text.rpartition(":") if text.partition(":")[0].strip() in LABELS else ("", "", text)
        options = tuple(part.strip() for part in rest.split("/"))
        if len(options) != 2:
            raise InputError(f"wording '{text}': give two options, sharing first, as in share/ignore")
        wordings.append(checked_wording((*options, labels.strip())))
    return tuple(wordings)
