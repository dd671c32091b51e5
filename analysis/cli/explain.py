"""`tworate explain`: who or when."""

from pathlib import Path
from typing import Annotated

import typer

from . import options


def explain(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|FILE",
            help="Folder of `tworate run`, `compare --out` or `study`, or trajectories with counts beside them.",
        ),
    ],
    by: Annotated[
        str,
        typer.Option("--by", metavar="COLUMN,…", help="Condition columns; default: those of the comparison in DIR."),
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", metavar="", help="Explain every condition of DIR, not only two-rate verdicts.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for explanation.json, .csv and figures.")
    ] = None,
    unit: Annotated[
        str, typer.Option("--unit", metavar="NAME", help="Unit of leave-one-out: cell or trajectory.")
    ] = "cell",
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Explain why the hazard falls: by who shares (personas differ), or by when (sightings differ).

    Two rates have two explanations that no curve can distinguish. Counts by persona and sighting can.

    Examples
    --------
        tworate explain runs/demo

        tworate explain runs/study --all --out runs/study

        tworate explain trajectories.parquet --by event --json
    """
    from ...files import check_writable
    from ...inference.mechanisms.mechanisms import explain as explain_trajectories
    from ...inference.mechanisms.mechanisms import explanation_record
    from ..explaining import EXPLANATION, open_results, save_explanations
    from .output import emit, emit_json, progress_bar, say

    if out:
        check_writable(out / EXPLANATION)
    data = open_results(path, [name.strip() for name in by.split(",") if name.strip()], everything=everything)
    with progress_bar() as bar:
        explanations = explain_trajectories(
            data.trajectories, data.by, unit=unit, seed=seed, only=data.wants, progress=bar
        )
        if out and explanations:
            save_explanations(explanations, out, str(path), seed)
    if data.n_wanted == 0:
        say(f"{path}: no verdict is two-rate, so there is nothing to explain; --all explains every condition")
    if as_json:
        emit_json(explanation_record(explanations, str(path), seed))
        return
    for explanation in explanations:
        emit(f"{explanation.label}: {explanation.sentence}" if explanation.label else explanation.sentence)
        lines = (*explanation.reasons[explanation.account == "undecided" :], *explanation.of_groups)
        for line in (*lines, *explanation.cautions):
            emit(f"  {line}")
    if out and explanations:
        say(f"wrote {out / EXPLANATION}")
