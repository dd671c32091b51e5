"""`tworate run`: the main job."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from . import options


def run(
    model: options.Model = "embedded",
    base_url: options.BaseUrl = None,
    concurrency: options.Concurrency = 8,
    cache: options.Cache = None,
    no_cache: options.NoCache = False,
    events: options.Events = None,
    event: options.EventIds = None,
    personas: options.Personas = "all",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results; default: runs/ and the time.")
    ] = None,
    network: options.Network = "random-regular",
    agents: options.Agents = 1000,
    degree: options.Degree = 8,
    replicates: options.Replicates = 10,
    rounds: options.Rounds = 40,
    initial_sharers: options.InitialSharers = 5,
    visibility: options.Visibility = 0.25,
    closure: options.Closure = None,
    likelihood: options.LikelihoodName = "beta-binomial",
    no_challenge: options.NoChallenge = False,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Decide, simulate, fit, compare and report: the whole job in one command.

    With no options: the embedded model (synthetic behaviour) and the first shipped event.

    Examples
    --------
        tworate run --out runs/demo

        tworate run --model ./my-model --events acled.csv --event all --out runs/mine
    """
    from ...agents import parse_personas
    from ...inference import comparison_dict
    from ..experiment import SpreadSettings
    from ..pipeline import check_job
    from ..pipeline import run as run_job
    from .inputs import chosen_events, loaded_model, store
    from .output import emit_json, progress_bar
    from .verdicts import show_comparison

    chosen = chosen_events(events, event)
    profiles = parse_personas(personas)
    settings = SpreadSettings(network, agents, degree, replicates, rounds, initial_sharers, visibility, seed)
    folder = out or Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}"
    check_job(settings, folder, closure, likelihood)
    language_model = loaded_model(model, base_url, concurrency, None if no_cache else store(cache))
    with progress_bar() as bar:
        comparison = run_job(
            language_model,
            chosen,
            folder,
            settings=settings,
            personas=profiles,
            closure=closure,
            likelihood=likelihood,
            challenge=not no_challenge,
            progress=bar,
        )
    if as_json:
        emit_json(comparison_dict(comparison))
    else:
        show_comparison(comparison, folder)
