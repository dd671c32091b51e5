"""What commands read before they work: events and language models, by the user's names."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...agents import Event, EventFilter, LanguageModel


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


def loaded_model(name: str, *, trust_remote_code: bool = False, **settings: Any) -> "LanguageModel":
    """Load a language model, and tell the user what every result made with it must say.

    Parameters
    ----------
    name : str
        As in :func:`tworate.agents.load_language_model`.
    trust_remote_code : bool
        Run code that comes with the model, and warn of it.
    **settings
        As in :class:`tworate.agents.huggingface.HuggingFaceModel`.
    """
    from ...agents import load_language_model
    from .output import say

    if trust_remote_code:
        say(f"warning: --trust-remote-code: code that comes with {name} may do on this machine whatever you may")
    model = load_language_model(name, trust_remote_code=trust_remote_code, **settings)
    for message in (model.warning, getattr(model, "notice", None)):
        if message:
            say(f"note: {message}")
    return model
