"""Decisions: personas, events, prompts, language models, and the decision table.

torch and transformers are imported only when a language model is loaded.
"""

from .answer_store import AnswerStore
from .cache import CachedLanguageModel
from .decision_table import DecisionTable, decide
from .elicitation import Elicitation, Elicited
from .event import EVENT_TYPES, Event
from .event_filter import EventFilter
from .events import find_event, read_events, shipped_events
from .group_decisions import GroupDecisions, decide_groups
from .groups import Group, GroupMixture, read_groups
from .inventory import InventoryAnswers, Item, administer, inventory_items
from .language_model import LanguageModel
from .loading import load_language_model
from .message import read_message
from .mixtures import Mixture, as_mixture, assign_personas, parse_mixture, read_mixture
from .personas import QUALIFIERS, TRAITS, Persona, all_personas, parse_personas
from .probe import Probe, probe_model
from .prompts import PromptTemplates, Question
from .wording_choice import WordingTrial, choose_wording
from .wordings import Wording, parse_wordings

__all__ = [
    "EVENT_TYPES",
    "QUALIFIERS",
    "TRAITS",
    "AnswerStore",
    "CachedLanguageModel",
    "DecisionTable",
    "Elicitation",
    "Elicited",
    "Event",
    "EventFilter",
    "Group",
    "GroupDecisions",
    "GroupMixture",
    "InventoryAnswers",
    "Item",
    "LanguageModel",
    "Mixture",
    "Persona",
    "Probe",
    "PromptTemplates",
    "Question",
    "Wording",
    "WordingTrial",
    "administer",
    "all_personas",
    "as_mixture",
    "assign_personas",
    "choose_wording",
    "decide",
    "decide_groups",
    "find_event",
    "inventory_items",
    "load_language_model",
    "parse_mixture",
    "parse_personas",
    "parse_wordings",
    "probe_model",
    "read_events",
    "read_groups",
    "read_message",
    "read_mixture",
    "shipped_events",
]
