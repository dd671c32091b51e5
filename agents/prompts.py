"""Turn a persona, an event and a sighting into a conversation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta

from ..common.cues import CUE_WORDS
from ..errors import InputError
from .event import Event
from .personas import DEFAULT_QUALIFIER, Persona, check_qualifier

OPTIONS = ("share", "ignore")
"""The two answers; the first one means sharing."""

Message = dict[str, str]
Conversation = list[Message]
"""Messages with `role` (system or user) and `content`, in the format of chat templates."""


@dataclass(frozen=True)
class Question:
    """One decision: does this persona share the post about this event at this sighting?

    Parameters
    ----------
    persona : Persona
        Who decides.
    event : Event
        What the post is about.
    sighting : int
        Number of the sighting of the post, from 1.
    is_last : bool
        Whether the sighting means "this one or any later one".
    cue : int, optional
        Bin of the number of followed accounts that have shared, see :mod:`tworate.common.cues`; without it the prompt
        says nothing about others.
    """

    persona: Persona
    event: Event
    sighting: int
    is_last: bool = False
    cue: int | None = None


_SHIPPED = Path(str(files(__package__).joinpath("templates")))


def template_environment(folder: Path = _SHIPPED) -> jinja2.Environment:
    """Return the Jinja environment for the prompt templates of a folder; the default is the folder of the package."""
    # Prompts are plain text, not HTML: nothing needs escaping. Undefined names are errors.
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined, autoescape=False
    )


class PromptTemplates:
    """The wording of prompts, read from Jinja files.

    Parameters
    ----------
    folder : path, optional
        Folder with `persona.jinja` (variables `adjectives`, `biography`, `persona`) and `question.jinja` (variables
        `event`, `place`, `actors`, `seen_before`, `is_last`, `sharers`, `options`). The default wording comes with the
        package. `sharers` is "1", "2", "3 or 4" or "5 or more", and empty where nothing is said about others.
    qualifier : str
        Intensity of the persona's adjectives: "a bit", "plain", "very" or "extremely".

    Raises
    ------
    InputError
        When a file is missing or is not a valid template, or the qualifier is unknown.
    """

    def __init__(self, folder: str | Path | None = None, qualifier: str = DEFAULT_QUALIFIER) -> None:
        check_qualifier(qualifier)
        self.qualifier = qualifier
        source = _SHIPPED if folder is None else Path(folder)
        templates = template_environment(source)
        try:
            self._persona = templates.get_template("persona.jinja")
            self._question = templates.get_template("question.jinja")
        except jinja2.TemplateNotFound as error:
            raise InputError(f"{source}: the prompt template {error.name} is missing") from error
        except jinja2.TemplateSyntaxError as error:
            raise InputError(f"{error.filename}, line {error.lineno}: {error.message}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{source}: a prompt template is not UTF-8 text; save it as UTF-8") from error
        text = Path(str(self._question.filename)).read_text(encoding="utf-8")
        self._states_cue = "sharers" in jinja2.meta.find_undeclared_variables(templates.parse(text))

    def check_cue(self) -> None:
        """Raise an InputError when the question cannot say how many others have shared."""
        if not self._states_cue:
            raise InputError(
                f"{self._question.filename}: does not say how many others have shared; write the variable `sharers` "
                "(empty without a cue) into the question, or ask without a cue"
            )

    def conversation(self, question: Question, options: Sequence[str] = OPTIONS) -> Conversation:
        """Render a question as a system and a user message; the options are listed in the given order."""
        event = question.event
        content: dict[str, Any] = {
            "event": event,
            "place": ", ".join(part for part in (event.location, event.country) if part),
            "actors": ", ".join(part for part in (event.actor1, event.actor2) if part),
            "seen_before": question.sighting - 1,
            "is_last": question.is_last,
            "sharers": "" if question.cue is None else CUE_WORDS[question.cue],
            "options": options,
        }
        try:
            user = self._question.render(content)
        except jinja2.TemplateError as error:
            raise InputError(f"prompt template: {error.message}") from error
        return [self.persona_message(question.persona), {"role": "user", "content": user.strip()}]

    def persona_message(self, persona: Persona) -> Message:
        """Render the system message that describes the persona."""
        adjectives = persona.adjectives(self.qualifier)
        try:
            system = self._persona.render(adjectives=adjectives, biography=persona.biography, persona=persona)
        except jinja2.TemplateError as error:
            raise InputError(f"prompt template: {error.message}") from error
        return {"role": "system", "content": system.strip()}


@cache
def default_templates() -> PromptTemplates:
    """Return the wording that comes with the package."""
    return PromptTemplates()
