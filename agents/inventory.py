"""A short personality inventory that a language model answers under a persona: the Mini-IPIP.

Twenty statements of the public-domain International Personality Item Pool, four for each of the Big Five, answered on
a five-point scale of accuracy [1]_.

References
----------
.. [1] Donnellan, Oswald, Baird & Lucas (2006). The Mini-IPIP scales: tiny-yet-effective measures of the Big Five
   factors of personality. Psychological Assessment 18(2), 192-203, doi:10.1037/1040-3590.18.2.192.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .language_model import LanguageModel, Progress
from .personas import TRAITS, Persona
from .prompts import Conversation, PromptTemplates, default_templates, template_environment

ANSWERS = ("1", "2", "3", "4", "5")
"""The five answers that a prompt offers."""

_STEPS = np.arange(-2.0, 3.0)
"""The points of the scale as distances from its middle."""


@cache
def _inventory() -> dict[str, Any]:
    text = files(__package__).joinpath("mini_ipip.json").read_text(encoding="utf-8")
    inventory: dict[str, Any] = json.loads(text)
    return inventory


@dataclass(frozen=True)
class Item:
    """One statement of the inventory.

    Parameters
    ----------
    number : int
        Its place in the published list, from 1.
    text : str
        The statement, without its subject "I".
    trait : str
        The trait that it measures, one of :data:`tworate.agents.TRAITS`.
    keyed : int
        +1 where agreement says that the trait is high, -1 where it says that the trait is low.
    """

    number: int
    text: str
    trait: str
    keyed: int


@dataclass(frozen=True)
class InventoryAnswers:
    """What a model answers to the inventory under each persona.

    Parameters
    ----------
    personas : tuple of Persona
        Who answered.
    items : tuple of Item
        What was asked.
    probabilities : array, shape (n_personas, n_items, 5)
        Probability of each point from the least to the most accurate, given that the answer is one of the five; mean
        over both orders of the scale.
    option_mass : array, shape (n_personas, n_items)
        Probability that the model puts on the five answers together, mean over both orders.
    order_effect : array, shape (n_personas, n_items)
        Expected point with the scale listed from 1 to 5, minus that with the scale listed from 5 to 1.
    """

    personas: tuple[Persona, ...]
    items: tuple[Item, ...]
    probabilities: NDArray[np.float64]
    option_mass: NDArray[np.float64]
    order_effect: NDArray[np.float64]

    @property
    def scores(self) -> NDArray[np.float64]:
        """Expected score, 1 to 5, high where the answer says that the trait is high; shape (n_personas, n_items)."""
        keyed = np.array([item.keyed for item in self.items])
        return 3.0 + keyed * (self.probabilities @ _STEPS)

    @property
    def variances(self) -> NDArray[np.float64]:
        """Variance of the answer, in points squared; shape (n_personas, n_items)."""
        return self.probabilities @ _STEPS**2 - (self.probabilities @ _STEPS) ** 2

    def of_trait(self, trait: str) -> list[int]:
        """Columns of the items that measure a trait."""
        return [column for column, item in enumerate(self.items) if item.trait == trait]

    def scale_scores(self) -> NDArray[np.float64]:
        """Mean expected score of each trait's items, 1 to 5; shape (n_personas, 5), in the order of the traits."""
        return np.stack([self.scores[:, self.of_trait(trait)].mean(axis=1) for trait in TRAITS], axis=1)

    def to_frame(self) -> pd.DataFrame:
        """One row a persona and item: persona, item, trait, keyed, text, the expected score and the diagnostics."""
        n_personas, n_items = self.option_mass.shape
        columns = {
            name: [getattr(item, name) for item in self.items] * n_personas
            for name in ("number", "trait", "keyed", "text")
        }
        return pd.DataFrame(
            {
                "persona": np.repeat([persona.code for persona in self.personas], n_items),
                **columns,
                "score": self.scores.ravel(),
                "variance": self.variances.ravel(),
                "option_mass": self.option_mass.ravel(),
                "order_effect": self.order_effect.ravel(),
            }
        )


@cache
def inventory_items() -> tuple[Item, ...]:
    """Return the 20 items of the Mini-IPIP, in the published order.

    Examples
    --------
    >>> inventory_items()[5]
    Item(number=6, text="Don't talk a lot.", trait='extraversion', keyed=-1)
    """
    return tuple(Item(**item) for item in _inventory()["items"])


@cache
def _template() -> jinja2.Template:
    return template_environment().get_template("inventory.jinja")


def item_conversation(persona: Persona, item: Item, templates: PromptTemplates, *, reverse: bool) -> Conversation:
    """Render an item as a system message, the persona's, and a user message.

    Parameters
    ----------
    persona : Persona
        Who answers.
    item : Item
        What is asked.
    templates : PromptTemplates
        Wording of the persona.
    reverse : bool
        Whether the scale is listed from 5 down to 1; the numbers mean the same in both orders.
    """
    points = list(zip(ANSWERS, _inventory()["points"], strict=True))
    user = _template().render(item=item, points=points[::-1] if reverse else points)
    return [templates.persona_message(persona), {"role": "user", "content": user.strip()}]


def administer(
    model: LanguageModel,
    personas: Sequence[Persona],
    templates: PromptTemplates | None = None,
    progress: Progress | None = None,
) -> InventoryAnswers:
    """Let a language model answer the inventory under each persona.

    Every item is asked by itself, once with the scale listed from 1 to 5 and once from 5 to 1, and the probabilities
    of the two are averaged.

    Parameters
    ----------
    model : LanguageModel
        Who answers.
    personas : sequence of Persona
        As whom.
    templates : PromptTemplates, optional
        Wording of the persona; the shipped one by default.
    progress : callable, optional
        Called with prompts done and total.
    """
    templates = templates or default_templates()
    items = inventory_items()
    asked = [
        item_conversation(persona, item, templates, reverse=reverse)
        for reverse in (False, True)
        for persona in personas
        for item in items
    ]
    log_p = model.option_log_probabilities(asked, ANSWERS, progress).reshape(2, len(personas), len(items), len(ANSWERS))
    given = np.exp(log_p - np.logaddexp.reduce(log_p, axis=-1, keepdims=True))
    expected = 3.0 + given @ _STEPS
    return InventoryAnswers(
        personas=tuple(personas),
        items=items,
        probabilities=given.mean(axis=0),
        option_mass=np.exp(log_p).sum(axis=-1).mean(axis=0),
        order_effect=expected[0] - expected[1],
    )
