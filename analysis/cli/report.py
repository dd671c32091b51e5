"""`tworate report`: the HTML report of saved results."""

from pathlib import Path
from typing import Annotated

import typer

from . import options


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `tworate run`, `compare --out` or `study`.")],
    as_json: options.AsJson = False,
) -> None:
    """Write report.html and its figures again, from saved results.

    Examples
    --------
        tworate report runs/demo
    """
    from ..explaining import STUDY_COMPARISON
    from .output import emit, emit_json, progress_bar

    if (folder / STUDY_COMPARISON).is_file():
        from ..report.study_report import write_study_report

        with progress_bar() as bar:
            path = write_study_report(folder, bar)
    else:
        from ...inference import load_comparison
        from ..pipeline import read_run_record
        from ..report.comparison_report import write_report

        comparison = load_comparison(folder)
        record = read_run_record(folder)
        with progress_bar() as bar:
            path = write_report(comparison, folder, record, bar)
    if as_json:
        emit_json({"report": str(path)})
    else:
        emit(str(path))
