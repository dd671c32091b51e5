"""Compare the embedded model with its rule on prompts that were not in training; print the tables of the model card.

Run with `python -m tworate.agents.embedded.measure`, or with the folder of other weights as its argument. It takes some
minutes.
"""

import random
import sys
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...common.cues import CUE_WORDS
from ..elicitation import Elicitation
from ..events import shipped_events
from ..inventory import administer, inventory_items
from ..language_model import LanguageModel
from ..loading import load_language_model
from ..personas import Persona, all_personas
from ..prompts import FRAMINGS, OPTIONS, PromptTemplates, Question
from ..wordings import LABELS, Wording
from . import corpus
from .rule import QUALIFIER_FACTORS, item_probabilities, share_probability

NOTE = "This report has not been confirmed. Please wait for confirmation before you pass it on."
"""A counter-message; its second sentence was not in training."""
SEED = 20261121
"""A seed that training did not use."""


def questions_of(
    rng: random.Random, kind: str, number: int, *, with_cue: bool = False, with_message: bool = False
) -> list[Question]:
    """Draw questions about random events for personas of a kind: whole, partial or biography."""
    questions: list[Question] = []
    while len(questions) < number:
        persona = corpus.random_persona(rng)
        if kind != "partial":
            persona = Persona("".join(rng.choice((c, c.lower())) for c in "OCEAN"), persona.biography)
            if (kind == "biography") != bool(persona.biography):
                continue
        questions.append(corpus.random_question(rng, persona, float(with_cue), float(with_message)))
    return questions


def row(
    label: str,
    model: LanguageModel,
    questions: list[Question],
    qualifier: str,
    framing: str = FRAMINGS[0],
    elicitation: Elicitation | None = None,
) -> str:
    """Return one row of the table on sharing."""
    templates = PromptTemplates(qualifier=qualifier, question=framing)
    elicited = model.share_probability(questions, templates, elicitation=elicitation)
    truth = np.array(
        [share_probability(q.persona, q.event, q.sighting, qualifier, q.cue, q.message) for q in questions]
    )
    error = np.abs(elicited.p_share - truth)
    log_odds, order = _logit(elicited.p_share) - _logit(truth), np.abs(elicited.order_effect).max()
    return (
        f"| {label}, {qualifier} | {len(questions)} | {error.mean():.4f} | {error.max():.3f} | "
        f"{np.sqrt(np.mean(log_odds**2)):.3f} | {elicited.option_mass.min():.4f} | {order:.3f} |"
    )


def item_row(model: LanguageModel, qualifier: str) -> str:
    """Return one row of the table on the inventory."""
    answers = administer(model, all_personas(), templates=PromptTemplates(qualifier=qualifier))
    truth = np.array(
        [[item_probabilities(persona, item, qualifier) for item in inventory_items()] for persona in all_personas()]
    )
    probability = np.abs(answers.probabilities - truth)
    score = np.abs((answers.probabilities - truth) @ np.arange(1, 6))
    return (
        f"| {qualifier} | {score.size} | {probability.mean():.4f} | {score.mean():.4f} | {score.max():.3f} | "
        f"{answers.option_mass.min():.4f} |"
    )


def _logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(p) - np.log1p(-p))


def main() -> None:
    """Print both tables."""
    model, rng = load_language_model(*sys.argv[1:2]), random.Random(SEED)
    print("| prompts | n | mean absolute error of P(share) | largest | rms of log-odds | least mass | order effect |")
    print("|---|---|---|---|---|---|---|")
    for qualifier in QUALIFIER_FACTORS:
        print(row("random events, whole profiles", model, questions_of(rng, "whole", 250), qualifier), flush=True)
        print(row("random events, unnamed traits", model, questions_of(rng, "partial", 250), qualifier), flush=True)
    shipped = [
        Question(rng.choice(all_personas()), event, sighting)
        for event in shipped_events()
        for sighting in range(1, 5)
        for _ in range(4)
    ]
    print(row("the 18 shipped events, whole profiles", model, shipped, "very"), flush=True)
    print(row("random events, biographies", model, questions_of(rng, "biography", 250), "very"), flush=True)
    for qualifier in QUALIFIER_FACTORS:
        for label, kind in (("whole profiles", "whole"), ("unnamed traits", "partial")):
            asked = questions_of(rng, kind, 250, with_cue=True)
            print(row(f"with a cue, {label}", model, asked, qualifier), flush=True)
    cued = [replace(question, cue=rng.randrange(len(CUE_WORDS))) for question in shipped]
    print(row("with a cue, the 18 shipped events", model, cued, "very"), flush=True)
    for qualifier in QUALIFIER_FACTORS:
        asked = questions_of(rng, "whole", 250, with_message=True)
        print(row("with a message, whole profiles", model, asked, qualifier), flush=True)
    print(row("with a message, the 18 shipped events", model, [replace(q, message=NOTE) for q in shipped], "very"))
    for framing in FRAMINGS[1:]:
        print(row(f"framing {framing}", model, questions_of(rng, "whole", 250), "very", framing), flush=True)
    for labels in LABELS:
        elicitation = Elicitation(wordings=(Wording(*OPTIONS, labels),))
        asked = questions_of(rng, "whole", 250)
        print(row(f"options with {labels}", model, asked, "very", elicitation=elicitation), flush=True)
        asked = questions_of(rng, "whole", 250, with_cue=True, with_message=True)
        label = f"options with {labels}, {FRAMINGS[-1]}, cue and message"
        print(row(label, model, asked, "very", FRAMINGS[-1], elicitation), flush=True)
    print("\n| items, 32 profiles | answers | mean error of a probability | of the score | largest | least mass |")
    print("|---|---|---|---|---|---|")
    for qualifier in QUALIFIER_FACTORS:
        print(item_row(model, qualifier), flush=True)


if __name__ == "__main__":
    main()
