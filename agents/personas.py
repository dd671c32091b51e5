"""Personas: Big Five profiles, worded with trait-marker adjectives."""

import itertools
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ..errors import InputError

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
"""The Big Five, in the order of the letters OCEAN."""

QUALIFIERS = ("a bit", "plain", "very", "extremely")
"""Intensities of a persona's adjectives, from weak to strong; `plain` adds no word."""

DEFAULT_QUALIFIER = "very"

LONGEST_BIOGRAPHY = 500
"""Largest number of characters: a biography is one or two lines, and every prompt repeats it."""


@cache
def _markers() -> dict[str, Any]:
    text = files(__package__).joinpath("persona_markers.json").read_text(encoding="utf-8")
    markers: dict[str, Any] = json.loads(text)
    return markers


def check_qualifier(qualifier: str) -> None:
    """Raise an InputError when the qualifier is unknown."""
    if qualifier not in QUALIFIERS:
        raise InputError(f"qualifier {qualifier!r}: choose one of {', '.join(QUALIFIERS)}")


@dataclass(frozen=True)
class Persona:
    """A Big Five profile: each trait is high, low or unspecified.

    Parameters
    ----------
    code : str
        The letters OCEAN: upper case for a high trait, lower case for a low one, `-` for a trait that the prompt does
        not mention. Examples are `OCeAn` and `O-e--`.
    biography : str
        A few sentences about the person, used in the prompt unchanged except that line breaks become spaces; may be
        empty.
    name : str
        Name of the persona in results, beside its code; may be empty.

    Raises
    ------
    InputError
        When the code is invalid, or the biography is longer than :data:`LONGEST_BIOGRAPHY` characters.

    Examples
    --------
    >>> Persona("OCeAn").levels["extraversion"]
    False
    >>> Persona("O-e--").levels
    {'openness': True, 'extraversion': False}
    """

    code: str
    biography: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.code) != 5 or any(
            letter not in (trait[0].upper(), trait[0], "-") for letter, trait in zip(self.code, TRAITS, strict=True)
        ):
            raise InputError(
                f"persona {self.code!r}: write the letters OCEAN, upper case for high, lower case for low and - for a "
                "trait left out, as in OCeAn or O-e--"
            )
        for field in ("biography", "name"):
            text = " ".join(getattr(self, field).split())
            if any("\ud800" <= letter <= "\udfff" for letter in text):
                raise InputError(
                    f"persona {self.code}: its {field} contains half of a character (a lone surrogate); repair the text"
                )
            object.__setattr__(self, field, text)
        if len(self.biography) > LONGEST_BIOGRAPHY:
            raise InputError(
                f"persona {self.label}: its biography has {len(self.biography)} characters; shorten it to "
                f"{LONGEST_BIOGRAPHY}"
            )

    @property
    def label(self) -> str:
        """The name, or the code if there is no name."""
        return self.name or self.code

    @property
    def levels(self) -> dict[str, bool]:
        """Whether each trait is high, by trait name; unspecified traits are left out."""
        return {trait: letter.isupper() for trait, letter in zip(TRAITS, self.code, strict=True) if letter != "-"}

    def adjectives(self, qualifier: str = DEFAULT_QUALIFIER) -> list[str]:
        """Return the trait-marker adjectives of the specified traits, in the order of the published list.

        Parameters
        ----------
        qualifier : str
            Intensity: "a bit", "plain", "very" or "extremely".
        """
        check_qualifier(qualifier)
        markers = _markers()
        wording: str = markers["qualifiers"][qualifier]
        levels = self.levels
        return [
            wording.format(adjective=pair[levels[trait]])
            for trait in markers["order"]
            if trait in levels
            for pair in markers["pairs_low_high"][trait]
        ]


def all_personas() -> list[Persona]:
    """Return the 32 complete profiles, from `OCEAN` to `ocean`."""
    letters = [(trait[0].upper(), trait[0]) for trait in TRAITS]
    return [Persona("".join(code)) for code in itertools.product(*letters)]


def parse_personas(text: str) -> list[Persona]:
    """Read a list of personas: `all`, or codes separated by commas, as in `OCEAN,oCeAn,O-e--`."""
    if text == "all":
        return all_personas()
    personas = [Persona(code.strip()) for code in text.split(",")]
    if len(set(personas)) < len(personas):
        raise InputError(f"personas {text!r}: a profile is named twice")
    return personas
