"""`tworate plan`: which verdict more data would give."""

from typing import Annotated

import typer

from . import options
from .groups import grouped
from .reading import Reading


@grouped
def plan(
    reading: Reading,
    length: Annotated[
        float | None,
        typer.Option("--length", metavar="T", help="Length of each trajectory; default: twice and four times theirs."),
    ] = None,
    replicates: Annotated[
        int | None,
        typer.Option(
            "--replicates", metavar="R", help="Number of trajectories; default: twice and four times as many."
        ),
    ] = None,
    data_sets: Annotated[
        int, typer.Option("--data-sets", metavar="N", help="Data sets to simulate for each scenario and truth.")
    ] = 10,
    clock: options.ClockName = None,
    level: options.LevelName = None,
    structures: options.Structures = "default",
    period: options.Period = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Say which verdict more data would give: longer, more trajectories, or who shared when.

    Data sets are simulated from the fits to FILE, and compared as FILE is: which share of them has the right verdict?

    Examples
    --------
        tworate plan trajectories.csv

        tworate plan trajectories.csv --length 60 --replicates 20 --data-sets 20

        tworate plan shares.csv --network follows.csv --until 48 --clock continuous --json
    """
    from ...inference.calibration.planning import plan as plan_data
    from .inputs import names
    from .output import emit, emit_json, progress_bar, say

    data = reading.read(clock)
    with progress_bar() as bar:
        made = plan_data(
            data,
            length=length,
            replicates=replicates,
            data_sets=data_sets,
            structures=names(structures),
            period=period,
            clock=clock,
            level=level,
            seed=seed,
            progress=bar.with_time_left("simulating:"),
        )
    if as_json:
        emit_json(made.to_dict())
        return
    emit(f"verdict now: {made.verdict}")
    emit(made.sentence)
    for note in made.notes:
        say(f"note: {note}")
    table = made.table.drop(columns=["level", "data_sets"])
    emit("\n" + table.to_string(index=False, float_format=lambda value: f"{value:.3g}"))
