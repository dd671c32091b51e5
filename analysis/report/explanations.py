"""Explanations by who or when that `tworate explain --out` left in the folder of a comparison."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ...errors import InputError
from ...inference.mechanisms.mechanism_plots import draw_explanation
from ..explaining import EXPLANATION


@dataclass(frozen=True)
class Explained:
    """The explanation of a condition, as it was saved.

    Parameters
    ----------
    condition : dict
        Values of the condition columns.
    sentence : str
        The explanation in words.
    notes : list of str
        Reasons and cautions.
    split : dict
        Factors with intervals, by `fall`, `who` and `when`, and what else there is.
    groups : list of dict
        One for each group of agents, see :func:`tworate.inference.mechanisms.group_parts.group_table`; empty without
        groups.
    curves : Path
        The table of the curves, which only the first conditions have.
    """

    condition: dict[str, Any]
    sentence: str
    notes: list[str]
    split: dict[str, dict[str, float]]
    curves: Path
    groups: list[dict[str, Any]] = field(default_factory=list)

    def figure(self) -> Figure | None:
        """Draw the explanation; None where its curves were not saved."""
        if not self.curves.is_file():
            return None
        return draw_explanation(pd.read_csv(self.curves), pd.DataFrame.from_dict(self.split, orient="index"))


def explained_conditions(folder: Path) -> list[Explained]:
    """Read `explanation.json` of a folder; an empty list if there is none.

    Raises
    ------
    InputError
        When the file cannot be read.
    """
    path = folder / EXPLANATION
    if not path.is_file():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["conditions"]
        return [
            Explained(
                condition=entry["condition"],
                sentence=entry["sentence"],
                notes=[*entry["reasons"][entry["account"] == "undecided" :], *entry["cautions"]],
                split=entry["split"],
                curves=folder / "figures" / f"{f'{number + 1:03}-' if len(entries) > 1 else ''}explanation.csv",
                groups=entry.get("groups", []),
            )
            for number, entry in enumerate(entries)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is damaged ({error}); run `tworate explain` again") from error
