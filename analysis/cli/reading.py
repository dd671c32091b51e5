"""Reading a user's table: the argument FILE and its options, the same for all commands that read one."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from .options import DataFile

if TYPE_CHECKING:
    from ...simulate import Trajectories


def _option(name: str, metavar: str, text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=text)


@dataclass(frozen=True)
class Reading:
    """What is read, and how; see :func:`tworate.read`."""

    heading: ClassVar[str] = "Reading FILE"

    file: DataFile
    column: Annotated[
        list[str] | None,
        _option("--column", "NAME=COLUMN", "Which column is what, such as infected=retweets; may be repeated."),
    ] = None
    population: Annotated[
        str | None,
        _option(
            "--population",
            "N|LOW:HIGH",
            "Number of those who can share, in the place of the column; a range where it is not known.",
        ),
    ] = None
    incidence: Annotated[
        bool, _option("--incidence", "", "Counts are of the new sharers of each interval, not of all so far.")
    ] = False
    monotone: Annotated[
        str | None, _option("--monotone", "running-max", "Raise counts that fall to the highest before them.")
    ] = None
    network: Annotated[
        str | None,
        _option(
            "--network",
            "FILE",
            "Who sees whose posts: an edge list (the target sees what the source posts; weights count), GraphML, GEXF, "
            "GML or Pajek. FILE then says who shared when, and every agent's own exposure is used. If columns must be "
            "said: FILE:source=COLUMN,target=COLUMN; FILE:directed=no if both ends see each other.",
        ),
    ] = None
    agents: Annotated[
        Path | None,
        _option("--agents", "FILE", "With --network: what is known of the agents; CSV or Parquet with agent."),
    ] = None
    until: Annotated[
        float | None, _option("--until", "T", "End of the observation of a log of shares; default: its last share.")
    ] = None
    every: Annotated[
        float | None,
        _option("--every", "T", "Step at which a log is counted, without --network; default: a round number."),
    ] = None
    time_unit: Annotated[
        str | None,
        _option(
            "--time-unit",
            "UNIT",
            "second, minute, hour, day or week: unit in which dates are counted, or that numbers are in; default: days "
            "where dates have no time of day, else hours.",
        ),
    ] = None
    day_first: Annotated[
        bool | None,
        typer.Option(
            "--day-first/--month-first",
            metavar="",
            help="Whether 3/4/2024 is 3 April or March 4.",
        ),
    ] = None
    decimal: Annotated[str | None, _option("--decimal", "MARK", "Decimal mark, a point or a comma.")] = None
    encoding: Annotated[
        str | None, _option("--encoding", "NAME", "Encoding of text; default: UTF-8 or UTF-16, else Windows-1252.")
    ] = None
    sheet: Annotated[str | None, _option("--sheet", "NAME", "Sheet of a spreadsheet; default: the first.")] = None

    @property
    def population_range(self) -> int | tuple[int, int] | None:
        """The population, or its range."""
        from .inputs import population_of

        return population_of(self.population)

    def read(self, clock: str | None = None) -> "Trajectories":
        """Read the table, and print how it was understood."""
        from ...simulate import read
        from ...simulate.reading.columns import parse_columns
        from .output import say

        given = self.population_range
        data = read(
            sys.stdin.buffer if str(self.file) == "-" else self.file,
            columns=parse_columns(self.column or ()),
            # Of a range, the highest number holds in all of it.
            population=given if given is None or isinstance(given, int) else given[1],
            incidence=self.incidence or None,
            monotone=self.monotone,
            network=self.network,
            agents=self.agents,
            until=self.until,
            every=self.every,
            time_unit=self.time_unit,
            day_first=self.day_first,
            decimal=self.decimal,
            clock=clock,
            encoding=self.encoding,
            sheet=self.sheet,
        )
        for note in data.notes:
            say(f"note: {note}")
        return data
