"""What commands read before they work: events and language models, by the user's names."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...agents import Event, LanguageModel


def chosen_events(path: Path | None, ids: list[str] | None) -> "list[Event]":
    """Events of a file (the shipped ones by default) by identifier: the first one by default, `all` for all."""
    from ...agents import find_event, read_events, shipped_events

    events = shipped_events() if path is None else read_events(path)
    if not ids:
        return events[:1]
    if ids == ["all"]:
        return events
    return [find_event(events, name) for name in dict.fromkeys(ids)]


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
