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
        typer.Option("--by", metavar="COLUMN,…", help="Condition columns; default: those that DIR was compared by."),
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", metavar="", help="Explain every condition of DIR, not two-rate verdicts alone.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for explanation.json, .csv and figures.")
    ] = None,
    unit: Annotated[
        str, typer.Option("--unit", metavar="NAME", help="What leave-one-out leaves out: cell or trajectory.")
    ] = "cell",
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Tell why the hazard falls: who shares (personas differ), or when (sightings do).

    Two rates have two readings that no curve can tell apart. The counts by persona and sighting can.

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
    asked = open_results(path, [name.strip() for name in by.split(",") if name.strip()], everything=everything)
    with progress_bar() as bar:
        found = explain_trajectories(asked.trajectories, asked.by, unit=unit, seed=seed, only=asked.wants, progress=bar)
        if out and found:
            save_explanations(found, out, str(path), seed)
    if asked.n_wanted == 0:
        say(f"{path}: no verdict is two-rate, so there is nothing to explain; --all explains every condition")
    if as_json:
        emit_json(explanation_record(found, str(path), seed))
        return
    for each in found:
        emit(f"{each.label}: {each.sentence}" if each.label else each.sentence)
        for line in (*each.reasons[each.account == "undecided" :], *each.cautions):
            emit(f"  {line}")
    if out and found:
        say(f"wrote {out / EXPLANATION}")
