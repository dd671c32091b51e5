"""Who decides: personas, events, prompts, language models, and the decision table.

torch and transformers load when a language model does.
"""

from .answer_store import AnswerStore
from .cache import CachedLanguageModel
from .decision_table import DecisionTable, decide
from .events import EVENT_TYPES, Event, find_event, read_events, shipped_events
from .language_model import Elicited, LanguageModel, load_language_model
from .personas import TRAITS, Persona, all_personas, assign_personas, parse_personas
from .prompts import PromptTemplates, Question

__all__ = [
    "EVENT_TYPES",
    "TRAITS",
    "AnswerStore",
    "CachedLanguageModel",
    "DecisionTable",
    "Elicited",
    "Event",
    "LanguageModel",
    "Persona",
    "PromptTemplates",
    "Question",
    "all_personas",
    "assign_personas",
    "decide",
    "find_event",
    "load_language_model",
    "parse_personas",
    "read_events",
    "shipped_events",
]
