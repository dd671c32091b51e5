"""`tworate report`: the HTML report of saved results."""

from pathlib import Path
from typing import Annotated

import typer

from . import options


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `tworate run`, `compare --out` or `study`.")],
    formats: Annotated[
        str, typer.Option("--format", metavar="NAME,…", help="Formats of the figures: png, svg, pdf.")
    ] = "png",
    models_from: options.ModelsFrom = None,
    as_json: options.AsJson = False,
) -> None:
    """Write report.html and its figures again, from saved results, with methods text and table of parameters.

    Examples
    --------
        tworate report runs/demo

        tworate report runs/demo --format png,svg,pdf

        tworate report runs/mine --models-from mine.py
    """
    from ..explaining import STUDY_COMPARISON
    from ..report.rendering import checked_formats
    from .output import emit, emit_json, progress_bar
    from .own_models import models_from as read_models

    wanted, own = checked_formats(formats), read_models(models_from)

    if (folder / STUDY_COMPARISON).is_file():
        from ..report.study_report import write_study_report

        with progress_bar() as bar:
            path = write_study_report(folder, bar, wanted)
    else:
        from ...inference import load_comparison
        from ..pipeline import read_run_record
        from ..report.comparison_report import write_report

        comparison = load_comparison(folder, own)
        record = read_run_record(folder)
        with progress_bar() as bar:
            path = write_report(comparison, folder, record, bar, wanted)
    if as_json:
        emit_json({"report": str(path)})
    else:
        emit(str(path))
