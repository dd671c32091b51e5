"""What commands read before they work: events and language models, by the user's names."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...agents import AnswerStore, Event, EventFilter, LanguageModel


def event_filter(
    event_types: list[str] | None,
    countries: list[str] | None,
    since: str | None,
    until: str | None,
    min_fatalities: int | None,
    max_fatalities: int | None,
) -> "EventFilter":
    """Make the filter that the options ask for."""
    from ...agents import EventFilter

    return EventFilter.from_text(event_types or (), countries or (), min_fatalities, max_fatalities, since, until)


def chosen_events(path: Path | None, ids: list[str] | None, where: "EventFilter | None" = None) -> "list[Event]":
    """Events that a filter leaves of a file (the shipped ones by default), by identifier.

    The first one by default, `all` for all.
    """
    from ...agents import find_event, read_events, shipped_events
    from .output import say

    def note(message: str) -> None:
        say(f"note: {message}")

    events = shipped_events(where, note) if path is None else read_events(path, where, note)
    is_filtered = where is not None and bool(where.steps)
    if not ids:
        if is_filtered and len(events) > 1:
            note(f"taking the first of them, {events[0].event_id_cnty}; --event all takes all {len(events)}")
        return events[:1]
    if ids == ["all"]:
        return events
    there = "the filters leave" if is_filtered else "the file has"
    return [find_event(events, name, there) for name in dict.fromkeys(ids)]


def store(folder: Path | None) -> "AnswerStore":
    """Open the store of answers; trouble with it becomes a note."""
    from ...agents import AnswerStore
    from .output import say

    return AnswerStore(folder, say=lambda message: say(f"note: {message}"))


def loaded_model(
    name: str,
    base_url: str | None = None,
    concurrency: int = 8,
    answers: "AnswerStore | None" = None,
    *,
    trust_remote_code: bool = False,
    **settings: Any,
) -> "LanguageModel":
    """Load a language model, and tell the user what every result made with it must say.

    Parameters
    ----------
    name : str
        As in :func:`tworate.agents.load_language_model`.
    base_url, concurrency
        Server of an `openai:` model, and requests under way at once.
    answers : AnswerStore, optional
        Where earlier answers are kept.
    trust_remote_code : bool
        Run code that comes with the model, and warn of it.
    **settings
        As in :class:`tworate.agents.huggingface.HuggingFaceModel`; None is what the class has by default.
    """
    from ...agents import CachedLanguageModel, load_language_model
    from ...agents.language_model import OPENAI_PREFIX
    from ...errors import InputError
    from .output import say

    if name.startswith(OPENAI_PREFIX):
        asked = [f"--{key}" for key, value in {**settings, "trust-remote-code": trust_remote_code}.items() if value]
        if asked:
            raise InputError(f"{asked[0]} goes with a model that runs here, not with --model {name}")
        model = load_language_model(name, base_url=base_url, concurrency=concurrency)
    elif base_url is not None:
        raise InputError(f"--base-url goes with --model {OPENAI_PREFIX}NAME, not with --model {name}")
    else:
        if trust_remote_code:
            say(f"warning: --trust-remote-code: code that comes with {name} may do on this machine whatever you may")
        model = load_language_model(name, trust_remote_code=trust_remote_code, **settings)
    if answers is not None:
        model = CachedLanguageModel(model, answers)
    for message in (model.warning, model.notice):
        if message:
            say(f"note: {message}")
    return model
