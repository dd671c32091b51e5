"""The embedded model: a tiny language model with a documented synthetic rule, for offline use.

Its behaviour is invented, see MODEL_CARD.md in this folder.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
"""Folder of the model, in HuggingFace layout."""

WARNING = (
    "The embedded model was used. Its behaviour is synthetic (it was trained on a documented rule): these results "
    "are evidence about the software only. Use a real model: with --model, or as language_models of a study."
)
