"""The embedded model: a tiny language model with a documented synthetic rule, for running offline.

Its behaviour is invented; see MODEL_CARD.md in this folder.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
"""The model's folder, in the layout of any HuggingFace model."""

WARNING = (
    "The embedded model was used. Its behaviour is synthetic (a documented rule that it was trained on): these results "
    "are evidence about nothing but the software. Give a real model: with --model, or as language_models of a study."
)
