"""Who decides: personas, events, prompts, language models, and the decision table.

torch and transformers load when a language model does.
"""

from .decision_table import DecisionTable, decide
from .events import EVENT_TYPES, Event, find_event, read_events, shipped_events
from .inventory import InventoryAnswers, Item, administer, inventory_items
from .language_model import Elicited, LanguageModel, load_language_model
from .personas import TRAITS, Persona, all_personas, assign_personas, parse_personas
from .probe import Probe, probe_model
from .prompts import PromptTemplates, Question

__all__ = [
    "EVENT_TYPES",
    "TRAITS",
    "DecisionTable",
    "Elicited",
    "Event",
    "InventoryAnswers",
    "Item",
    "LanguageModel",
    "Persona",
    "Probe",
    "PromptTemplates",
    "Question",
    "administer",
    "all_personas",
    "assign_personas",
    "decide",
    "find_event",
    "inventory_items",
    "load_language_model",
    "parse_personas",
    "probe_model",
    "read_events",
    "shipped_events",
]
