"""`tworate study`: personas × events × networks, on one machine or a cluster; can be interrupted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .groups import ModelOptions

if TYPE_CHECKING:
    from ...agents import LanguageModel
    from ..study.study_file import LanguageModelEntry


def study(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The study, see docs/studies.md.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder of the study; default: runs/ and the file's name. An unfinished one is continued.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Only estimate the cost: conditions, calls, time.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", help="Run conditions in N processes on this machine (Dask)."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Run conditions on the workers of a Dask scheduler."),
    ] = None,
    cache: options.Cache = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", metavar="", help="Do not use or save cached answers.")] = (
        False
    ),
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust-remote-code", metavar="", help="Run code that comes with a model: only if you trust its authors."
        ),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Study how persona and event change the spread: simulate and compare every combination.

    Finished conditions are saved. The same command continues an interrupted study. If the file changes, only new
    conditions are run.

    Examples
    --------
        tworate study examples/study.toml --dry-run

        tworate study examples/study.toml --out runs/study

        tworate study mine.toml --workers 8

        tworate study mine.toml --scheduler tcp://10.0.0.5:8786 --json
    """
    from ...files import check_writable
    from ..study.cost_estimate import estimate_cost
    from ..study.plan import make_plan
    from ..study.study_file import read_study
    from .output import emit, emit_json, progress_bar, say

    specification = read_study(file)
    folder = out or Path("runs") / file.stem
    if dry_run:
        estimate = estimate_cost(make_plan(specification, lambda message: say(f"note: {message}")), folder)
        if as_json:
            emit_json(estimate.to_json())
        else:
            emit(estimate.describe())
        return

    def load(entry: "LanguageModelEntry") -> "LanguageModel":
        model_options = entry.model_dump(exclude={"name"}, exclude_defaults=True)
        return ModelOptions(**model_options, trust_remote_code=trust_remote_code, cache=cache, no_cache=no_cache).load()

    check_writable(folder / "study.json")
    from ..study.run import run_study

    with progress_bar() as bar:
        run_study(
            specification,
            folder,
            workers=workers,
            scheduler=scheduler,
            load=load,
            progress=bar.with_time_left("working"),
            say=lambda message: say(message if message.startswith("note: ") else f"note: {message}"),
        )
    _show(folder, as_json)


def _show(folder: Path, as_json: bool) -> None:
    """Print the verdicts of a study, by language model and event type."""
    from ..study.study_results import load_study
    from .output import emit, emit_json, say

    results = load_study(folder)
    verdicts = results.comparison.drop_duplicates(["condition", "closure"])[["condition", "closure", "verdict"]]
    table = verdicts.merge(results.conditions, on="condition")
    counts = table.groupby(["model", "event_type", "closure", "verdict"], sort=False).size()
    if as_json:
        emit_json(
            {
                "folder": str(folder),
                "conditions": len(results.conditions),
                "verdicts": table["verdict"].value_counts().to_dict(),
                "by_event_type": counts.rename("conditions").reset_index().to_dict("records"),
                "language_models": results.record["language_models"],
            }
        )
        return
    emit(counts.unstack(fill_value=0).reset_index().to_string(index=False))
    say(f"tables and posteriors: {folder}")
