"""`tworate decide`: the decision table."""

from pathlib import Path
from typing import Annotated

import typer

from . import options


def decide(
    model: options.Model = "embedded",
    events: options.Events = None,
    event: options.EventIds = None,
    personas: options.Personas = "all",
    sightings: Annotated[
        int, typer.Option("--sightings", metavar="M", min=1, help="Sightings told apart; the last means M or more.")
    ] = 5,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="CSV file; default: stdout.")] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Print the effects of traits, event and sighting, not the table itself."),
    ] = False,
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="FILE", help="With --explain: figure (.png, .pdf or .svg).")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Ask a language model how probably each persona shares each event, at each sighting.

    Examples
    --------
        tworate decide --event VAR1 --personas OCEAN,ocean

        tworate decide --model ./my-model --events acled.csv --event all --out decisions.csv

        tworate decide --event all --explain --figure effects.png
    """
    import pandas as pd

    from ...agents import decide as ask
    from ...agents import parse_personas
    from ...errors import InputError
    from ...files import check_writable
    from ..effects import explain as take_apart
    from ..experiment import write_decisions
    from .figures import check_figure, save_figure
    from .inputs import chosen_events, loaded_model
    from .output import emit, emit_json, progress_bar, say

    chosen = chosen_events(events, event)
    profiles = parse_personas(personas)
    if out:
        check_writable(out)
    if figure:
        if not explain:
            raise InputError(f"--figure {figure}: draws effects; say --explain too")
        check_figure(figure)
    language_model = loaded_model(model)
    with progress_bar() as bar:
        tables = ask(
            language_model, chosen, profiles, sightings=sightings, progress=bar.of("asking the language model")
        )
    if out:
        write_decisions(tables, out)
        say(f"wrote {out}: {sum(table.probabilities.size for table in tables)} rows")
    frame = pd.concat([table.to_frame() for table in tables])
    effects = take_apart(tables) if explain else None
    if effects:
        for message in (*effects.notes, effects.summary):
            say(message)
    if effects and figure:
        from ..plots import plot_effects

        save_figure(plot_effects(effects), figure)
        say(f"wrote {figure}")
    if as_json:
        emit_json(
            {
                "model": language_model.name,
                "fingerprint": language_model.fingerprint,
                "warning": language_model.warning,
                "decisions": frame.to_dict("records"),
                **({"explained": effects.to_json()} if effects else {}),
            }
        )
    elif effects:
        emit(effects.table.to_csv(index=False, float_format="%.4f"))
    elif not out:
        emit(frame.to_csv(index=False))
