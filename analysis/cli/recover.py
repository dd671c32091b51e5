"""`tworate recover`: how often the verdict is right."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ...errors import InputError, JobError
from . import options


def recover(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the study; an unfinished one is continued.")
    ],
    quick: Annotated[bool, typer.Option("--quick", metavar="", help="The grid of the targets (the default).")] = False,
    full: Annotated[
        bool, typer.Option("--full", metavar="", help="The grid that takes hours: single factors over their range.")
    ] = False,
    methods: Annotated[
        bool,
        typer.Option("--methods", metavar="", help="Other likelihoods, closures and naive methods on the same data."),
    ] = False,
    structures: Annotated[
        bool,
        typer.Option(
            "--structures", metavar="", help="What else changes the pace, with one rate and with two, at both levels."
        ),
    ] = False,
    level: Annotated[
        str,
        typer.Option(
            "--level",
            metavar="NAME",
            help="individual: the grid of event histories, with power beside counts; or count.",
        ),
    ] = "count",
    check: Annotated[
        bool, typer.Option("--check", metavar="", help="Exit with status 1 if a target is missed.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Processes; default: one per core.")
    ] = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Measure how often the verdict is right: simulate data with a known truth, compare, count.

    Examples
    --------
        tworate recover --quick --out runs/recovery

        tworate recover --methods --out runs/methods --json

        tworate recover --structures --out runs/structures

        tworate recover --level individual --out runs/individual

        tworate recover --full --out runs/full --workers 8
    """
    from ...files import check_writable
    from ...inference.calibration.recovery import recover as recover_grid
    from ...inference.calibration.recovery_grids import GRIDS
    from ...inference.likelihood.specification import LEVELS
    from .output import progress_bar

    asked = {"quick": quick, "full": full, "methods": methods, "structures": structures}
    grids = [name for name, chosen in asked.items() if chosen]
    if level not in LEVELS:
        raise InputError(f"level {level!r} is unknown; choose one of {', '.join(LEVELS)}")
    grids += ["individual"] if level == "individual" else []
    if len(grids) > 1:
        named = " and ".join("--level individual" if grid == "individual" else f"--{grid}" for grid in grids)
        raise InputError(f"{named}: choose one grid")
    check_writable(out / "study.json")
    grid = GRIDS[grids[0] if grids else "quick"]()
    with progress_bar() as bar:
        show = bar.with_time_left("recovering")
        rows = recover_grid(grid, out, seed=seed, workers=workers, progress=partial(show, "recovering"))
    missed = _publish(rows, out, as_json)
    if check and missed:
        raise JobError(f"{len(missed)} of the targets missed: {'; '.join(missed)}")


def _publish(rows: "object", out: Path, as_json: bool) -> list[str]:
    """Write rows, summary and figures, print the result, and return the names of missed targets."""
    import json

    import pandas as pd

    from ...files import atomic_path, write_text
    from ...inference.calibration import recovery_summary as summary
    from ..report import recovery_plots as plots
    from .figures import save_figure
    from .output import emit, emit_json, say

    assert isinstance(rows, pd.DataFrame)
    statistics = summary.summarize(rows)
    with atomic_path(out / "rows.parquet") as temporary:
        rows.to_parquet(temporary, index=False)
    write_text(out / "summary.json", json.dumps(statistics, indent=1, allow_nan=False))
    confusion, judged, power = summary.confusion(rows), summary.targets(rows), summary.power(rows)
    judged = [target for target in judged if target.n]
    save_figure(plots.plot_confusion(confusion), out / "figures" / "confusion.png")
    if judged:
        save_figure(plots.plot_targets(judged), out / "figures" / "targets.png")
    if not power.empty:
        save_figure(plots.plot_power(power), out / "figures" / "power.png")
    both = rows[rows.groupby(["cell", "number"])["level"].transform("nunique") > 1]
    if not both.empty:
        save_figure(plots.plot_levels(both), out / "figures" / "levels.png")
    if as_json:
        emit_json(statistics)
    else:
        for target in judged:
            emit(
                f"{target.status}: {target.name}: {target.errors} of {target.n} "
                f"({target.low:.1%} to {target.high:.1%}; at most {target.limit:.0%})"
            )
        if not judged:
            emit(confusion.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
        say(f"rows, summary and figures: {out}")
    return [target.name for target in judged if target.status == "missed"]
