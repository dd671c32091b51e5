"""`tworate decide`: the decision table."""

from pathlib import Path
from typing import Annotated

import typer

from . import options


def decide(
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
    sightings: Annotated[
        int, typer.Option("--sightings", metavar="M", min=1, help="Sightings told apart; the last means M or more.")
    ] = 5,
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
    seed: options.Seed = 0,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="CSV file; default: stdout.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Ask a language model how probably each persona shares each event, at each sighting.

    Examples
    --------
        tworate decide --event VAR1 --personas OCEAN,ocean

        tworate decide --model ./my-model --events acled.csv --event all --out decisions.csv

        tworate decide --event-type Riots --event all --personas O-e-- --qualifier extremely
        tworate decide --model ./my-model --wording share/ignore --wording repost/skip
    """
    from dataclasses import asdict

    import pandas as pd

    from ...agents import Elicitation, PromptTemplates, parse_mixture, parse_wordings
    from ...agents import decide as ask
    from ...files import check_writable
    from ..experiment import write_decisions
    from .inputs import chosen_events, event_filter, loaded_model, store
    from .output import emit, emit_json, progress_bar, say

    where = event_filter(event_type, country, since, until, min_fatalities, max_fatalities)
    chosen = chosen_events(events, event, where)
    mixture = parse_mixture(personas)
    templates = PromptTemplates(qualifier=qualifier)
    asking = Elicitation(elicitation, parse_wordings(wording), samples, temperature, max_unparsable, max_tokens, seed)
    if out:
        check_writable(out)
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
        tables = ask(
            language_model,
            chosen,
            mixture.personas,
            sightings=sightings,
            templates=templates,
            elicitation=asking,
            progress=bar.of("asking the language model"),
        )
    if out:
        write_decisions(tables, out)
        say(f"wrote {out}: {sum(table.probabilities.size for table in tables)} rows")
    frame = pd.concat([table.to_frame() for table in tables])
    if as_json:
        emit_json(
            {
                "model": language_model.name,
                "fingerprint": language_model.fingerprint,
                "warning": language_model.warning,
                "qualifier": qualifier,
                "elicitation": asdict(asking),
                "decisions": frame.to_dict("records"),
            }
        )
    elif not out:
        emit(frame.to_csv(index=False))
