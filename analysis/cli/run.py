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
    homophily: options.Homophily = 0.0,
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

        tworate run --events acled.csv --country Mali --since 2023-01-01 --personas village.csv --homophily 0.2
    """
    from ...agents import Elicitation, PromptTemplates, parse_mixture, parse_wordings
    from ...inference import comparison_dict
    from ..experiment import SpreadSettings
    from ..pipeline import check_job
    from ..pipeline import run as run_job
    from .inputs import chosen_events, event_filter, loaded_model, store
    from .output import emit_json, progress_bar, say
    from .verdicts import show_comparison

    where = event_filter(event_type, country, since, until, min_fatalities, max_fatalities)
    chosen = chosen_events(events, event, where)
    mixture = parse_mixture(personas)
    templates = PromptTemplates(qualifier=qualifier)
    asking = Elicitation(elicitation, parse_wordings(wording), samples, temperature, max_unparsable, max_tokens, seed)
    settings = SpreadSettings(network, agents, degree, replicates, rounds, initial_sharers, visibility, seed, homophily)
    folder = out or Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}"
    check_job(settings, folder, closure, likelihood)
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
        comparison = run_job(
            language_model,
            chosen,
            folder,
            settings=settings,
            personas=mixture,
            templates=templates,
            elicitation=asking,
            closure=closure,
            likelihood=likelihood,
            challenge=not no_challenge,
            progress=bar,
            say=say,
        )
    if as_json:
        emit_json(comparison_dict(comparison))
    else:
        show_comparison(comparison, folder)
