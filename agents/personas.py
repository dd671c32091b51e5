"""Persona agents: the 32 Big Five profiles, worded with trait-marker adjectives."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
"""The Big Five, in the order of the letters OCEAN."""

QUALIFIERS = ("a bit", "plain", "very", "extremely")


@cache
def _markers() -> dict[str, Any]:
    text = files(__package__).joinpath("persona_markers.json").read_text(encoding="utf-8")
    markers: dict[str, Any] = json.loads(text)
    return markers


@dataclass(frozen=True)
class Persona:
    """A Big Five profile with each trait high or low.

    Parameters
    ----------
    code : str
        The letters OCEAN, upper case for a high trait, lower case for a low one, as in `OCeAn`; `-` in the place of a
        trait that is not named, as in `O-e--`.
    biography : str
        Further sentences about the person, possibly empty.

    Raises
    ------
    InputError
        When the code is anything else.

    Examples
    --------
    >>> Persona("OCeAn").levels["extraversion"]
    False
    """

    code: str
    biography: str = ""

    def __post_init__(self) -> None:
        if len(self.code) != 5 or any(a not in (b, "-") for a, b in zip(self.code.upper(), "OCEAN", strict=True)):
            raise InputError(
                f"persona {self.code!r}: write the letters OCEAN, upper case for high and lower case for low, "
                "as in OCeAn, with - for a trait that is not named"
            )

    @property
    def levels(self) -> dict[str, bool]:
        """Whether each named trait is high, by trait name."""
        return {trait: letter.isupper() for trait, letter in zip(TRAITS, self.code, strict=True) if letter != "-"}

    def adjectives(self, qualifier: str = "very") -> list[str]:
        """Trait-marker adjectives of the profile, in the order of the published list.

        Parameters
        ----------
        qualifier : str
            Intensity: "a bit", "plain", "very" or "extremely".
        """
        if qualifier not in QUALIFIERS:
            raise InputError(f"qualifier {qualifier!r}: choose one of {', '.join(QUALIFIERS)}")
        markers = _markers()
        wording: str = markers["qualifiers"][qualifier]
        return [
            wording.format(adjective=pair[self.levels[trait]])
            for trait in markers["order"]
            if trait in self.levels
            for pair in markers["pairs_low_high"][trait]
        ]


def all_personas() -> list[Persona]:
    """Return the 32 profiles, from `OCEAN` to `ocean`."""
    letters = [(trait[0].upper(), trait[0]) for trait in TRAITS]
    return [Persona("".join(code)) for code in itertools.product(*letters)]


def parse_personas(text: str) -> list[Persona]:
    """Read a list of personas: `all`, or codes with commas between them, as in `OCEAN,oCeAn`."""
    if text == "all":
        return all_personas()
    personas = [Persona(code.strip()) for code in text.split(",")]
    if len(set(personas)) < len(personas):
        raise InputError(f"personas {text!r}: a profile is named twice")
    return personas


def assign_personas(n_agents: int, personas: Sequence[Persona], seed: int) -> NDArray[np.int32]:
    """Give every agent one of the personas, in numbers as equal as can be, in random order.

    Returns
    -------
    array, shape (n_agents,)
        Index into `personas` for each agent.
    """
    members = np.arange(n_agents, dtype=np.int32) % len(personas)
    return np.random.default_rng(seed).permutation(members)
