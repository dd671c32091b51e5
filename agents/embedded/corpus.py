"""Random personas, events and questions for training and measuring the embedded model.

Events, places, actors and biographies are random. The model must therefore read the fields that the rule uses and
ignore the rest.
"""

import random

from ...common.cues import CUE_WORDS
from ..event import EVENT_TYPES, Event
from ..personas import Persona
from ..prompts import FRAMINGS, OPTIONS, Question
from ..wordings import LABELS, Wording

_WORDS = """
the a of in on at near after before by from with and to during over between against several many two three hundred
people men women children soldiers police fighters militia rebels army government residents farmers workers students
teachers crowd group forces troops drone strike shelling attack clash clashes market road village town city district
bridge school hospital church mosque station border camp river hill port harbour office parliament convoy checkpoint
killed injured wounded arrested attacked shot burned destroyed marched protested demanded blocked seized retook
withdrew agreed signed said reported claimed denied opened fire threw stones looted houses vehicles grain cattle
morning night dawn evening days hours week month about least unknown armed local military peaceful violent heavy
talks wages prices water power election aid food land tax levy funeral ceasefire prisoners exchange patrol mine
""".split()
_SYLLABLES = (
    "ba do ka mi ro ne sa lu ti vo har den mel kor tan ris pal gor sun eth wen dra fal os ul im yar bel qua zin"
)
_ACTORS = (
    "Military Forces of {}",
    "{} Liberation Front",
    "Police Forces of {}",
    "Protesters ({})",
    "Rioters ({})",
    "Civilians ({})",
    "{} Militia",
    "Unidentified Armed Group ({})",
    "Government of {}",
    "Sons of {}",
)
_SUBTYPES = (
    "Armed clash",
    "Attack",
    "Peaceful protest",
    "Mob violence",
    "Agreement",
    "Air/drone strike",
    "Arrests",
    "Shelling/artillery/missile attack",
    "Violent demonstration",
    "Looting/property destruction",
    "",
)
_CLAIMS = (
    "This report", "This post", "The claim", "This video", "The number of deaths", "What is said here", "This picture",
    "The story", "Some of this", "This account",
)  # fmt: skip
_DOUBTS = (
    "has not been confirmed", "is disputed", "was denied by officials", "is old and from another place",
    "lacks context", "may be false", "could not be verified", "has been corrected", "is only partly true",
    "comes from a single source", "is being checked", "was made up",
)  # fmt: skip
_ADVICE = (
    "Think before you share.", "Check the source first.", "Do not spread rumours.", "Read the full story.",
    "Independent fact-checkers found errors.", "Others have reported something else.", "Learn more about this topic.",
    "Sharing it can do harm.", "Experts disagree.", "Please be careful with it.", "Wait for more information.",
)  # fmt: skip
_MONTHS = "January February March April May June July August September October November December".split()


def _name(rng: random.Random) -> str:
    return "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 3))).capitalize()


def _sentence(rng: random.Random) -> str:
    words = rng.choices(_WORDS, k=rng.randint(4, 12))
    for _ in range(rng.randint(0, 2)):
        words.insert(rng.randrange(len(words)), rng.choice([_name(rng), str(rng.randint(0, 3000))]))
    return " ".join(words).capitalize() + "."


def random_persona(rng: random.Random) -> Persona:
    """Return a complete profile or one with unspecified traits, with equal probability; a quarter have a biography."""
    kinds = "Oo Cc Ee Aa Nn" if rng.random() < 0.5 else "Oo- Cc- Ee- Aa- Nn-"
    code = "".join(rng.choice(letters) for letters in kinds.split())
    lines = rng.randint(1, 2) if rng.random() < 1 / 4 else 0
    return Persona(code, " ".join(_sentence(rng) for _ in range(lines)))


def random_event(rng: random.Random) -> Event:
    """Return an event whose texts are independent of its type and fatalities."""

    def maybe(text: str) -> str:
        return text if rng.random() < 0.85 else ""

    country = _name(rng)
    date = rng.choice(
        [
            f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {rng.randint(1997, 2030)}",
            f"{rng.randint(1997, 2030)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        ]
    )
    # Orders of magnitude have equal probability, so that the model learns all of them equally well.
    fatalities = rng.choice([0, rng.randint(1, 9), rng.randint(10, 99), rng.randint(100, 2000)])
    return Event(
        event_id_cnty="X",
        event_type=rng.choice(EVENT_TYPES),
        notes=" ".join(_sentence(rng) for _ in range(rng.randint(1, 3))),
        fatalities=fatalities,
        event_date=maybe(date),
        sub_event_type=maybe(rng.choice(_SUBTYPES)),
        actor1=maybe(rng.choice(_ACTORS).format(_name(rng))),
        actor2=maybe(rng.choice(_ACTORS).format(_name(rng))),
        location=maybe(_name(rng)),
        country=maybe(country),
    )


def random_question(rng: random.Random, persona: Persona, with_cue: float = 0.0, with_message: float = 0.0) -> Question:
    """Return a question with a random event and sighting, and with these probabilities a random cue and message."""
    sighting = rng.randint(1, 8)
    event = random_event(rng)
    is_last = sighting > 1 and rng.random() < 0.3
    cue = rng.randrange(len(CUE_WORDS)) if with_cue > 0.0 and rng.random() < with_cue else None
    message = random_message(rng) if with_message > 0.0 and rng.random() < with_message else ""
    return Question(persona, event, sighting, is_last, cue, message)


def random_message(rng: random.Random) -> str:
    """Return one or two random sentences, half of them such as fact-checkers write."""

    def sentence() -> str:
        if rng.random() < 0.5:
            return _sentence(rng)
        return rng.choice(_ADVICE) if rng.random() < 0.5 else f"{rng.choice(_CLAIMS)} {rng.choice(_DOUBTS)}."

    return " ".join(sentence() for _ in range(rng.randint(1, 2)))


def random_wording(rng: random.Random) -> Wording:
    """Return the default wording in half of the cases, else with letters or numbers before the options."""
    return Wording(*OPTIONS, "" if rng.random() < 0.5 else rng.choice(list(LABELS)))


def random_framing(rng: random.Random) -> str:
    """Return the standard framing of the question in half of the cases, else another one."""
    return FRAMINGS[0] if rng.random() < 0.5 else rng.choice(FRAMINGS[1:])
