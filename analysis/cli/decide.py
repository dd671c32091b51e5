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
    personas: options.Personas = "all",
    sightings: Annotated[
        int, typer.Option("--sightings", metavar="M", min=1, help="Sightings told apart; the last means M or more.")
    ] = 5,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="CSV file; default: stdout.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Ask a language model how probably each persona shares each event, at each sighting.

    Examples
    --------
        tworate decide --event VAR1 --personas OCEAN,ocean

        tworate decide --model ./my-model --events acled.csv --event all --out decisions.csv
    """
    import pandas as pd

    from ...agents import decide as ask
    from ...agents import parse_personas
    from ...files import check_writable
    from ..experiment import write_decisions
    from .inputs import chosen_events, loaded_model, store
    from .output import emit, emit_json, progress_bar, say

    chosen = chosen_events(events, event)
    profiles = parse_personas(personas)
    if out:
        check_writable(out)
    language_model = loaded_model(model, base_url, concurrency, None if no_cache else store(cache))
    with progress_bar() as bar:
        tables = ask(
            language_model, chosen, profiles, sightings=sightings, progress=bar.of("asking the language model")
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
                "decisions": frame.to_dict("records"),
            }
        )
    elif not out:
        emit(frame.to_csv(index=False))
