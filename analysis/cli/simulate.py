"""`tworate simulate`: trajectories."""

from pathlib import Path
from typing import Annotated

import typer

from . import options


def simulate(
    model: options.Model = "embedded",
    base_url: options.BaseUrl = None,
    concurrency: options.Concurrency = 8,
    cache: options.Cache = None,
    no_cache: options.NoCache = False,
    events: options.Events = None,
    event: options.EventIds = None,
    personas: options.Personas = "all",
    network: options.Network = "random-regular",
    agents: options.Agents = 1000,
    degree: options.Degree = 8,
    replicates: options.Replicates = 10,
    rounds: options.Rounds = 40,
    initial_sharers: options.InitialSharers = 5,
    visibility: options.Visibility = 0.25,
    seed: options.Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="File that ends in .parquet or .csv; default: CSV to stdout."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Let persona agents spread a post on a network; write the trajectories.

    Examples
    --------
        tworate simulate --replicates 3 --rounds 20

        tworate simulate --agents 5000 --degree 16 --event all --out trajectories.parquet
    """
    from ...agents import decide, parse_personas
    from ...simulate.trajectories import check_destination
    from ..experiment import SpreadSettings, simulate_events
    from .inputs import chosen_events, loaded_model, store
    from .output import emit, emit_json, progress_bar, say

    chosen = chosen_events(events, event)
    profiles = parse_personas(personas)
    settings = SpreadSettings(network, agents, degree, replicates, rounds, initial_sharers, visibility, seed)
    settings.check()
    if out:
        check_destination(out)
    language_model = loaded_model(model, base_url, concurrency, None if no_cache else store(cache))
    with progress_bar() as bar:
        tables = decide(language_model, chosen, profiles, progress=bar.of("asking the language model"))
        trajectories = simulate_events(tables, settings, bar)
    if out:
        trajectories.save(out)
        say(f"wrote {out}: {len(trajectories.table)} rows")
    if as_json:
        emit_json({"trajectories": trajectories.table.to_dict("records")})
    elif not out:
        emit(trajectories.table.to_csv(index=False))
