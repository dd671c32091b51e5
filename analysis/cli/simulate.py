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
    event_type: options.EventTypes = None,
    country: options.Countries = None,
    since: options.Since = None,
    until: options.Until = None,
    min_fatalities: options.MinFatalities = None,
    max_fatalities: options.MaxFatalities = None,
    personas: options.Personas = "all",
    qualifier: options.Qualifier = "very",
    device: options.Device = None,
    dtype: options.Dtype = None,
    trust_remote_code: options.TrustRemoteCode = False,
    think: options.Think = False,
    elicitation: options.ElicitationMethod = "logits",
    wording: options.Wordings = None,
    samples: options.Samples = 100,
    temperature: options.Temperature = 1.0,
    max_unparsable: options.MaxUnparsable = 0.2,
    max_tokens: options.MaxTokens = 16,
    network: options.Network = "random-regular",
    agents: options.Agents = 1000,
    degree: options.Degree = 8,
    replicates: options.Replicates = 10,
    rounds: options.Rounds = 40,
    initial_sharers: options.InitialSharers = 5,
    visibility: options.Visibility = 0.25,
    homophily: options.Homophily = 0.0,
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

        tworate simulate --personas OCEAN,ocean --homophily 0.3 --out alike.parquet
    """
    from ...agents import Elicitation, PromptTemplates, decide, parse_mixture, parse_wordings
    from ...simulate.trajectories import check_destination
    from ..experiment import SpreadSettings, make_population, simulate_events
    from .inputs import chosen_events, event_filter, loaded_model, store
    from .output import emit, emit_json, progress_bar, say

    where = event_filter(event_type, country, since, until, min_fatalities, max_fatalities)
    chosen = chosen_events(events, event, where)
    mixture = parse_mixture(personas)
    templates = PromptTemplates(qualifier=qualifier)
    asking = Elicitation(elicitation, parse_wordings(wording), samples, temperature, max_unparsable, max_tokens, seed)
    settings = SpreadSettings(network, agents, degree, replicates, rounds, initial_sharers, visibility, seed, homophily)
    settings.check()
    if out:
        check_destination(out)
    population = make_population(settings, mixture)
    say(population.describe())
    language_model = loaded_model(
        model,
        base_url,
        concurrency,
        None if no_cache else store(cache),
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        think=think,
    )
    with progress_bar() as bar:
        tables = decide(
            language_model,
            chosen,
            mixture.personas,
            templates=templates,
            elicitation=asking,
            progress=bar.of("asking the language model"),
        )
        trajectories = simulate_events(tables, settings, bar, population)
    if out:
        trajectories.save(out)
        say(f"wrote {out}: {len(trajectories.table)} rows")
    if as_json:
        emit_json({"trajectories": trajectories.table.to_dict("records")})
    elif not out:
        emit(trajectories.table.to_csv(index=False))
