"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="`embedded`, a local HuggingFace folder, a hub id, or openai:NAME for a model behind a server.",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help="Server of an openai: model; default: OPENAI_BASE_URL, else OpenAI. The key is read from OPENAI_API_KEY.",
    ),
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", metavar="N", min=1, help="Requests to a server under way at once.")
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache", metavar="DIR", help="Folder of kept answers; default: TWORATE_CACHE, else the platform's own."
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither use nor keep earlier answers.")]
Events = Annotated[
    Path | None,
    typer.Option("--events", metavar="FILE", help="ACLED export (CSV) or JSON Lines; default: the shipped events."),
]
EventIds = Annotated[
    list[str] | None,
    typer.Option("--event", metavar="ID", help="Event to use, by event_id_cnty; may be repeated; `all` for every one."),
]
Personas = Annotated[
    str,
    typer.Option(
        "--personas", metavar="CODES", help="`all`, or profiles such as OCEAN,oCeAn (upper case: high trait)."
    ),
]
Network = Annotated[
    str,
    typer.Option(
        "--network",
        metavar="NAME|FILE",
        help="random-regular, erdos-renyi, watts-strogatz, barabasi-albert, or a file (edge list or GraphML).",
    ),
]
Agents = Annotated[int, typer.Option("--agents", metavar="N", help="Number of agents.")]
Degree = Annotated[int, typer.Option("--degree", metavar="K", help="Neighbours of each agent, or their mean.")]
Replicates = Annotated[int, typer.Option("--replicates", metavar="R", help="Independent repetitions.")]
Rounds = Annotated[int, typer.Option("--rounds", metavar="T", help="Rounds of each replicate.")]
InitialSharers = Annotated[
    int, typer.Option("--initial-sharers", metavar="N", help="Agents that have shared at the start.")
]
Visibility = Annotated[
    float, typer.Option("--visibility", metavar="C", help="Probability that an edge shows the post in a round.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="S", help="Seed: the same seed gives the same result.")]
Closure = Annotated[
    str | None,
    typer.Option(
        "--closure",
        metavar="NAME",
        help="recorded, edge-based or mean-field; default: the most exact that the data allow.",
    ),
]
LikelihoodName = Annotated[
    str,
    typer.Option(
        "--likelihood",
        metavar="NAME",
        help="beta-binomial or binomial (each increment given the past); negative-binomial or normal (whole curve).",
    ),
]
ClockName = Annotated[
    str, typer.Option("--clock", metavar="NAME", help="rounds (synchronous) or continuous (time between observations).")
]
NoChallenge = Annotated[
    bool, typer.Option("--no-challenge", help="Do not challenge a two-rate verdict by rival models.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")]
