"""`tworate convert`: see and keep what was understood of a table."""

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .groups import grouped
from .reading import Reading


@grouped
def convert(
    reading: Reading,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write: .csv or .parquet.")],
    clock: options.ClockName = None,
    force: options.Force = False,
) -> None:
    """Read any table of counts or shares, say how it was understood, and write it as trajectories.

    Who shared when, and the network, go to files beside OUT. `tworate compare OUT` then needs no options.

    Examples
    --------
        tworate convert retweets.xlsx counts.csv --column infected=retweets --incidence --population 3000

        tworate convert cascades_wide.csv cascades.parquet --population 5000

        tworate convert shares.csv histories.parquet --network follows.csv
    """
    from ...simulate.trajectories import check_destination
    from ..destination import refuse_earlier
    from .output import emit, say

    refuse_earlier(out, force, "name another OUT")
    check_destination(out)
    data = reading.read(clock)
    data.save(out)
    emit(data.summary())
    if data.clock == "continuous" and out.suffix == ".csv":
        say("note: CSV does not keep the clock: compare with --clock continuous, or write .parquet")
    if isinstance(reading.population_range, tuple):
        say(f"note: the file has the upper end of the population: compare with --population {reading.population}")
    say(f"written to {out}")
