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
Device = Annotated[
    str | None, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps; default: what there is.")
]
Dtype = Annotated[
    str | None,
    typer.Option(
        "--dtype",
        metavar="NAME",
        help="float32, bfloat16, float16, or auto (as saved); default: float32 on a CPU, else auto.",
    ),
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option("--trust-remote-code", help="Run code that comes with the model: only if you trust its authors."),
]
Think = Annotated[
    bool,
    typer.Option(
        "--think",
        help="Let a reasoning model think first; takes --elicitation sample and, say, --max-tokens 2000.",
    ),
]
ElicitationMethod = Annotated[
    str,
    typer.Option(
        "--elicitation",
        metavar="METHOD",
        help="logits (log-probabilities of the two options) or sample (answers drawn and read).",
    ),
]
Wordings = Annotated[
    list[str] | None,
    typer.Option(
        "--wording",
        metavar="A/B",
        help="The two options, sharing first; repeated, the mean of several; default: share/ignore.",
    ),
]
Samples = Annotated[
    int, typer.Option("--samples", metavar="N", help="With sample: answers for each decision, order and wording.")
]
Temperature = Annotated[
    float,
    typer.Option("--temperature", metavar="T", help="With sample: only at 1 is the result what logits computes."),
]
MaxUnparsable = Annotated[
    float,
    typer.Option(
        "--max-unparsable", metavar="F", help="With sample: fraction of answers that may name neither option."
    ),
]
MaxTokens = Annotated[int, typer.Option("--max-tokens", metavar="N", help="With sample: longest answer.")]
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
EventTypes = Annotated[
    list[str] | None,
    typer.Option("--event-type", metavar="TYPE", help="Only events of this ACLED type; may be repeated."),
]
Countries = Annotated[
    list[str] | None, typer.Option("--country", metavar="NAME", help="Only events of this country; may be repeated.")
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help="Only events of this date, such as 2023-05-01, or later.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="DATE", help="Only events of this date or earlier.")]
MinFatalities = Annotated[
    int | None, typer.Option("--min-fatalities", metavar="N", help="Only events with at least so many fatalities.")
]
MaxFatalities = Annotated[
    int | None, typer.Option("--max-fatalities", metavar="N", help="Only events with at most so many fatalities.")
]
Personas = Annotated[
    str,
    typer.Option(
        "--personas",
        metavar="CODES|FILE",
        help="`all`; or profiles such as OCEAN,O-e-- (upper case: high trait, -: not spoken of); or a CSV with "
        "persona, weight and, if wanted, biography and name.",
    ),
]
Qualifier = Annotated[
    str,
    typer.Option(
        "--qualifier",
        metavar="LEVEL",
        help='How strongly the adjectives of personas are put: "a bit", plain, very or extremely.',
    ),
]
Homophily = Annotated[
    float,
    typer.Option(
        "--homophily",
        metavar="H",
        help="Assortativity of personas among neighbours, from 0 (at random) towards 1 (neighbours alike).",
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
