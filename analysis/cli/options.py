"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DataFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A table of any shape: counts of who has shared (trajectory, time, infected, population; or one column a "
        "trajectory), or a log with one row a share. CSV, Excel, Parquet, .gz; - is standard input.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="S", help="Seed: the same seed gives the same result.")]
Qualifier = Annotated[
    str,
    typer.Option(
        "--qualifier",
        metavar="LEVEL",
        help='Strength of the adjectives of personas: "a bit", plain, very or extremely.',
    ),
]
Closure = Annotated[
    str | None,
    typer.Option(
        "--closure",
        metavar="NAME",
        help="recorded, edge-based or mean-field; default: the most exact that the data allow.",
    ),
]
LikelihoodName = Annotated[
    str | None,
    typer.Option(
        "--likelihood",
        metavar="NAME",
        help="beta-binomial or binomial (each increment given the past); negative-binomial or normal (whole curve). "
        "Default: beta-binomial for counts, binomial for event histories.",
    ),
]
LevelName = Annotated[
    str | None,
    typer.Option(
        "--level",
        metavar="NAME",
        help="individual (every agent's own exposure) or count; default: the most exact that the data allow.",
    ),
]
ClockName = Annotated[
    str | None,
    typer.Option(
        "--clock",
        metavar="NAME",
        help="rounds (synchronous) or continuous (time between observations); default: the clock of the simulation, if "
        "recorded, else rounds if times are whole numbers in equal steps.",
    ),
]
Structures = Annotated[
    str,
    typer.Option(
        "--structures",
        metavar="NAME,…",
        help="What else may change the pace: none, default (asked unless one rate suffices), all (asked always), or "
        "names; see `tworate models`.",
    ),
]
Period = Annotated[
    float | None,
    typer.Option("--period", metavar="T", help="Period of a rhythm, such as 24 where time is in hours."),
]
Force = Annotated[bool, typer.Option("--force", metavar="", help="Overwrite an earlier result.")]
ModelsFrom = Annotated[
    Path | None,
    typer.Option(
        "--models-from",
        metavar="FILE.py",
        help="Python file with models of your own (subclasses of SIModel). It is run: name only a file that you trust.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON object to stdout.")]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="Folder of cached answers; default: TWORATE_CACHE, else the platform's cache folder.",
    ),
]
