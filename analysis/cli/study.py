"""`tworate study`: personas × events × networks, resumable, on one machine or a cluster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .groups import ModelOptions

if TYPE_CHECKING:
    from ...agents import LanguageModel
    from ..study.study_file import LanguageModelEntry


def study(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="What is studied, see docs/studies.md.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder of the study; default: runs/ and the file's name. One begun goes on."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Only say what it would take: conditions, calls, time.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", help="Spread conditions over N processes of this machine (Dask)."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Spread them over the workers of a Dask scheduler."),
    ] = None,
    cache: options.Cache = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", metavar="", help="Neither use nor keep earlier answers.")] = (
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
    """StudyResults what persona and event do to the spread: every combination is simulated and compared apart.

    What is done is kept: the same command again goes on where a study was cut off, and does only what a changed file
    adds.

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
        outlook = estimate_cost(make_plan(specification, lambda message: say(f"note: {message}")), folder)
        if as_json:
            emit_json(outlook.to_json())
        else:
            emit(outlook.describe())
        return

    def load(entry: "LanguageModelEntry") -> "LanguageModel":
        asked = entry.model_dump(exclude={"name"}, exclude_defaults=True)
        return ModelOptions(**asked, trust_remote_code=trust_remote_code, cache=cache, no_cache=no_cache).load()

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

    found = load_study(folder)
    verdicts = found.comparison.drop_duplicates(["condition", "closure"])[["condition", "closure", "verdict"]]
    table = verdicts.merge(found.conditions, on="condition")
    counts = table.groupby(["model", "event_type", "closure", "verdict"], sort=False).size()
    if as_json:
        emit_json(
            {
                "folder": str(folder),
                "conditions": len(found.conditions),
                "verdicts": table["verdict"].value_counts().to_dict(),
                "by_event_type": counts.rename("conditions").reset_index().to_dict("records"),
                "language_models": found.record["language_models"],
            }
        )
        return
    emit(counts.unstack(fill_value=0).reset_index().to_string(index=False))
    say(f"tables and posteriors: {folder}")
