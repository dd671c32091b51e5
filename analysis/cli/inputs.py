"""What commands read before they work: events and language models, by the user's names."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...agents import AnswerStore, Event, LanguageModel


def chosen_events(path: Path | None, ids: list[str] | None) -> "list[Event]":
    """Events of a file (the shipped ones by default) by identifier: the first one by default, `all` for all."""
    from ...agents import find_event, read_events, shipped_events

    events = shipped_events() if path is None else read_events(path)
    if not ids:
        return events[:1]
    if ids == ["all"]:
        return events
    return [find_event(events, name) for name in dict.fromkeys(ids)]


def store(folder: Path | None) -> "AnswerStore":
    """Open the store of answers; trouble with it becomes a note."""
    from ...agents import AnswerStore
    from .output import say

    return AnswerStore(folder, say=lambda message: say(f"note: {message}"))


def loaded_model(
    name: str, base_url: str | None = None, concurrency: int = 8, answers: "AnswerStore | None" = None
) -> "LanguageModel":
    """Load a language model, and tell the user what every result made with it must say."""
    from ...agents import CachedLanguageModel, load_language_model
    from ...agents.language_model import OPENAI_PREFIX
    from ...errors import InputError
    from .output import say

    if name.startswith(OPENAI_PREFIX):
        model = load_language_model(name, base_url=base_url, concurrency=concurrency)
    elif base_url is not None:
        raise InputError(f"--base-url goes with --model {OPENAI_PREFIX}NAME, not with --model {name}")
    else:
        model = load_language_model(name)
    if answers is not None:
        model = CachedLanguageModel(model, answers)
    for message in (model.warning, model.notice):
        if message:
            say(f"note: {message}")
    return model
