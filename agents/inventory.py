"""The Mini-IPIP: a short personality inventory that a language model answers as a persona.

It has twenty statements of the public-domain International Personality Item Pool, four for each of the Big Five. They
are answered on a five-point scale of accuracy [1]_.

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

from ..errors import InputError
from .elicitation import Elicitation
from .language_model import LanguageModel, Progress
from .personas import TRAITS, Persona
from .prompts import Conversation, PromptTemplates, default_templates, template_environment

ANSWERS = ("1", "2", "3", "4", "5")
"""The five answers in a prompt."""

_STEPS = np.arange(-2.0, 3.0)
"""The points of the scale as distances from its midpoint."""


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
        Number in the published list, from 1.
    text : str
        The statement, without its subject "I".
    trait : str
        The trait that the item measures, one of :data:`tworate.agents.TRAITS`.
    keyed : int
        +1 if agreement means a high trait, -1 if it means a low trait.
    """

    number: int
    text: str
    trait: str
    keyed: int


@dataclass(frozen=True)
class InventoryAnswers:
    """Answers of a model to the inventory as each persona.

    Parameters
    ----------
    personas : tuple of Persona
        The personas that answered.
    items : tuple of Item
        The items that were asked.
    probabilities : array, shape (n_personas, n_items, 5)
        Probability of each point, from least to most accurate, given that the answer is one of the five; mean over both
        orders of the scale.
    option_mass : array, shape (n_personas, n_items)
        Total probability of the five answers, mean over both orders.
    order_effect : array, shape (n_personas, n_items)
        Expected point with the scale listed from 1 to 5, minus that with the scale listed from 5 to 1.
    unparsable : array of int, shape (n_personas, n_items)
        Number of sampled answers that began with none of the five; the other statistics ignore them. 0 with `logits`.
    standard_error : array, shape (n_personas, n_items)
        Monte-Carlo standard error of the expected score, in points; 0 with `logits`, nan if an order has one answer.
    method : str
        The method that was used in the end: `logits` or `sample`.
    """

    personas: tuple[Persona, ...]
    items: tuple[Item, ...]
    probabilities: NDArray[np.float64]
    option_mass: NDArray[np.float64]
    order_effect: NDArray[np.float64]
    unparsable: NDArray[np.int64] | int = 0
    standard_error: NDArray[np.float64] | float = 0.0
    method: str = "logits"

    @property
    def scores(self) -> NDArray[np.float64]:
        """Expected score, 1 to 5; a high score means a high trait; shape (n_personas, n_items)."""
        keyed = np.array([item.keyed for item in self.items])
        return 3.0 + keyed * (self.probabilities @ _STEPS)

    @property
    def variances(self) -> NDArray[np.float64]:
        """Variance of the answer, in points squared; shape (n_personas, n_items)."""
        return self.probabilities @ _STEPS**2 - (self.probabilities @ _STEPS) ** 2

    def of_trait(self, trait: str) -> list[int]:
        """Return the columns of the items that measure a trait."""
        return [column for column, item in enumerate(self.items) if item.trait == trait]

    def scale_scores(self) -> NDArray[np.float64]:
        """Return the mean expected score of each trait's items, 1 to 5; shape (n_personas, 5), ordered as TRAITS."""
        return np.stack([self.scores[:, self.of_trait(trait)].mean(axis=1) for trait in TRAITS], axis=1)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per persona and item: persona, item, trait, key, text, expected score, method, diagnostics."""
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
                "elicitation": self.method,
                **{
                    name: np.broadcast_to(getattr(self, name), self.option_mass.shape).ravel()
                    for name in ("option_mass", "order_effect", "unparsable", "standard_error")
                },
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
    """Render an item as a system message, which describes the persona, and a user message.

    Parameters
    ----------
    persona : Persona
        The persona that answers.
    item : Item
        The item that is asked.
    templates : PromptTemplates
        Wording of the persona.
    reverse : bool
        Whether the scale is listed from 5 down to 1; the numbers have the same meaning in both orders.
    """
    points = list(zip(ANSWERS, _inventory()["points"], strict=True))
    user = _template().render(item=item, points=points[::-1] if reverse else points)
    return [templates.persona_message(persona), {"role": "user", "content": user.strip()}]


def administer(
    model: LanguageModel,
    personas: Sequence[Persona],
    templates: PromptTemplates | None = None,
    progress: Progress | None = None,
    *,
    elicitation: Elicitation | None = None,
    items: Sequence[Item] | None = None,
) -> InventoryAnswers:
    """Let a language model answer the inventory as each persona.

    Every item is a separate prompt. It is asked once with the scale listed from 1 to 5 and once from 5 to 1, and the
    two probabilities are averaged. If answers are sampled, frequencies replace probabilities.

    Parameters
    ----------
    model : LanguageModel
        The model that answers.
    personas : sequence of Persona
        The personas that it answers as.
    templates : PromptTemplates, optional
        Wording of the persona; the shipped one by default.
    progress : callable, optional
        Called with prompts done and total.
    elicitation : Elicitation, optional
        How to ask. The default is the log-probabilities of 1 to 5. If the model does not give them, answers are sampled
        and `method` of the result is `sample`.
    items : sequence of Item, optional
        The items that are asked; by default all.

    Raises
    ------
    InputError
        When the settings contain wordings: the answers are always 1 to 5.
    JobError
        When too many sampled answers begin with none of 1 to 5.
    """
    settings = elicitation or Elicitation()
    if settings.wordings != Elicitation.wordings:
        raise InputError(
            "wordings apply only to decisions: the inventory is answered from 1 to 5; leave out the wordings"
        )
    templates = templates or default_templates()
    items = tuple(items or inventory_items())
    conversations = [
        item_conversation(persona, item, templates, reverse=reverse)
        for reverse in (False, True)
        for persona in personas
        for item in items
    ]
    answers = model.ask(conversations, [ANSWERS] * len(conversations), settings, progress)
    shape = (2, len(personas), len(items))
    probabilities = answers.shares.reshape(*shape, len(ANSWERS))
    expected = probabilities @ _STEPS
    with np.errstate(invalid="ignore"):  # with one answer the error is unknown: 0/0
        squared_error = (probabilities @ _STEPS**2 - expected**2) / (answers.n_read.reshape(shape) - 1)
    return InventoryAnswers(
        personas=tuple(personas),
        items=items,
        probabilities=probabilities.mean(axis=0),
        option_mass=answers.option_mass.reshape(shape).mean(axis=0),
        order_effect=expected[0] - expected[1],
        unparsable=answers.unparsable.reshape(shape).sum(axis=0),
        standard_error=np.sqrt(squared_error.sum(axis=0)) / 2,
        method=answers.method,
    )
