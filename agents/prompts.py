"""Turn a persona, an event and a sighting into a conversation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta

from ..common.cues import CUE_LABELS, CUE_WORDS
from ..errors import InputError, nearest
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
    message : str
        Text of a counter-message that is attached to the post; empty if there is none.
    """

    persona: Persona
    event: Event
    sighting: int
    is_last: bool = False
    cue: int | None = None
    message: str = ""


FRAMINGS = ("standard", "scrolling", "survey", "conversation")
"""Framings of the question that come with the package: the same content in other words."""

_SHIPPED = Path(str(files(__package__).joinpath("templates")))


def template_environment(folder: Path = _SHIPPED) -> jinja2.Environment:
    """Return the Jinja environment for the prompt templates of a folder; the default is the folder of the package."""
    # Prompts are plain text, not HTML: nothing needs escaping. Undefined names are errors.
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined, autoescape=False
    )


def _variables(templates: jinja2.Environment, file: str) -> set[str]:
    """Return the names of the variables of a template."""
    assert templates.loader is not None
    return jinja2.meta.find_undeclared_variables(templates.parse(templates.loader.get_source(templates, file)[0]))


class PromptTemplates:
    """The wording of prompts, read from Jinja files.

    Parameters
    ----------
    folder : path, optional
        Folder with `persona.jinja` (variables `adjectives`, `biography`, `persona`) and `question.jinja` (variables
        `event`, `place`, `actors`, `message`, `seen_before`, `is_last`, `sharers`, `options`, and for labelled options
        `labels`). The default wording comes with the package. `sharers` is "1", "2", "3 or 4" or "5 or more", and empty
        where nothing is said about others. `message` is the text of a counter-message, and empty where there is none.
    qualifier : str
        Intensity of the persona's adjectives: "a bit", "plain", "very" or "extremely".
    question : str
        Framing of the question: one of :data:`FRAMINGS`, or of the files `question-NAME.jinja` in the folder.

    Raises
    ------
    InputError
        When a file is missing or is not a valid template, or the qualifier is unknown.
    """

    def __init__(
        self, folder: str | Path | None = None, qualifier: str = DEFAULT_QUALIFIER, question: str = FRAMINGS[0]
    ) -> None:
        check_qualifier(qualifier)
        self.qualifier, self.question = qualifier, question
        source = _SHIPPED if folder is None else Path(folder)
        if folder is None and question not in FRAMINGS:
            raise InputError(
                f"question {question!r}: must be one of {', '.join(FRAMINGS)}{nearest(question, FRAMINGS)}"
            )
        file = "question.jinja" if question == FRAMINGS[0] else f"question-{question}.jinja"
        templates = template_environment(source)
        try:
            self._persona = templates.get_template("persona.jinja")
            self._question = templates.get_template(file)
            variables = _variables(templates, file)
        except jinja2.TemplateNotFound as error:
            raise InputError(f"{source}: the prompt template {error.name} is missing") from error
        except jinja2.TemplateSyntaxError as error:
            raise InputError(f"{error.filename}, line {error.lineno}: {error.message}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{source}: a prompt template is not UTF-8 text; save it as UTF-8") from error
        # The shipped templates leave labels to their common parts.
        self._takes_labels = folder is None or "labels" in variables
        self._states_cue = "sharers" in variables
        self._states_message = "message" in variables

    def check_cue(self) -> None:
        """Raise an InputError when the question cannot say how many others have shared."""
        if not self._states_cue:
            raise InputError(
                f"{self._question.filename}: does not say how many others have shared; write the variable `sharers` "
                "(empty without a cue) into the question, or ask without a cue"
            )

    def check_message(self) -> None:
        """Raise an InputError when the question cannot state a counter-message."""
        if not self._states_message:
            raise InputError(
                f"{self._question.filename}: does not state a counter-message; write the variable `message` (empty "
                "without one) into the question, or leave the message out"
            )

    def conversation(
        self, question: Question, options: Sequence[str] = OPTIONS, labels: Sequence[str] = ()
    ) -> Conversation:
        """Render a question as a system and a user message; the options are listed in the given order.

        Parameters
        ----------
        question : Question
            The decision.
        options : sequence of str
            The two options.
        labels : sequence of str
            Labels of the options, such as letters; the model is asked to answer with a label.
        """
        event = question.event
        if labels and not self._takes_labels:
            raise InputError(
                "the question template does not show labels; use the variable `labels` in it, or a wording without them"
            )
        content: dict[str, Any] = {
            "event": event,
            "place": ", ".join(part for part in (event.location, event.country) if part),
            "actors": ", ".join(part for part in (event.actor1, event.actor2) if part),
            "seen_before": question.sighting - 1,
            "is_last": question.is_last,
            "sharers": "" if question.cue is None else CUE_WORDS[question.cue],
            "message": question.message,
            "options": options,
            "labels": labels,
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


def questions_of(
    events: Sequence[Event], personas: Sequence[Persona], sightings: int, cue: str = "none", message: str = ""
) -> list[Question]:
    """Return one question for each event, persona, sighting and cue; the last sighting means "or any later one"."""
    if sightings < 1:
        raise ValueError(f"sightings = {sightings}: must be at least 1")
    return [
        Question(persona, event, sighting, is_last=sighting == sightings > 1, cue=number, message=message)
        for event in events
        for persona in personas
        for sighting in range(1, sightings + 1)
        for number in ((None,) if cue == "none" else range(len(CUE_LABELS)))
    ]


@cache
def default_templates() -> PromptTemplates:
    """Return the wording that comes with the package."""
    return PromptTemplates()
