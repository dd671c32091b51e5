"""`tworate decide`: the decision table."""

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .groups import ElicitationOptions, EventOptions, ModelOptions, PersonaOptions, grouped


@grouped
def decide(
    model: ModelOptions,
    events: EventOptions,
    personas: PersonaOptions,
    elicitation: ElicitationOptions,
    sightings: Annotated[
        int,
        typer.Option("--sightings", metavar="M", min=1, help="Number of distinct sightings; the last means M or more."),
    ] = 5,
    seed: options.Seed = 0,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="CSV file; default: stdout.")] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Print the effects of traits, event and sighting instead of the table."),
    ] = False,
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="FILE", help="With --explain: figure (.png, .pdf or .svg).")
    ] = None,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Ask a language model for the probability that each persona shares each event at each sighting.

    Examples
    --------
        tworate decide --event VAR1 --personas OCEAN,ocean

        tworate decide --model ./my-model --events acled.csv --event all --out decisions.csv

        tworate decide --event-type Riots --event all --personas O-e-- --qualifier extremely

        tworate decide --model ./my-model --wording share/ignore --wording repost/skip

        tworate decide --event all --explain --figure effects.png

        tworate decide --event VAR1 --cue sharers
    """
    import pandas as pd

    from ...agents import decide as ask
    from ...errors import InputError
    from ...files import check_writable
    from ..decision_effects import fit_decision_effects
    from ..destination import refuse_earlier
    from ..experiment import elicitation_notes, elicitation_record, write_decisions
    from .figures import check_figure, save_figure
    from .output import emit, emit_json, progress_bar, say

    chosen, mixture, asking = events.chosen(), personas.mixture(), elicitation.settings(seed)
    templates, cue = personas.templates(), personas.checked_cue()
    if out:
        refuse_earlier(out, force)
        check_writable(out)
        if out.suffix.lower() != ".csv":
            raise InputError(f"{out}: name a file that ends in .csv")
    if figure:
        if not explain:
            raise InputError(f"--figure {figure}: draws effects; add --explain")
        check_figure(figure)
    language_model = model.load()
    with progress_bar() as bar:
        tables = ask(
            language_model,
            chosen,
            mixture.personas,
            sightings=sightings,
            templates=templates,
            elicitation=asking,
            cue=cue,
            progress=bar.of("asking the language model"),
        )
    for note in elicitation_notes(tables, asking):
        say(f"note: {note}")
    if out:
        write_decisions(tables, out)
        say(f"wrote {out}: {sum(table.probabilities.size for table in tables)} rows")
    frame = pd.concat([table.to_frame() for table in tables])
    effects = fit_decision_effects(tables) if explain else None
    if effects:
        for message in (*effects.notes, effects.summary):
            say(message)
    if effects and figure and effects.table.empty:
        say(f"note: {figure} is not drawn: nothing varies between the cells")
    elif effects and figure:
        from ..report.decision_plots import plot_effects

        save_figure(plot_effects(effects), figure)
        say(f"wrote {figure}")
    if as_json:
        emit_json(
            {
                "model": language_model.name,
                "fingerprint": language_model.fingerprint,
                "warning": language_model.warning,
                "qualifier": templates.qualifier,
                "cue": cue,
                "elicitation": elicitation_record(tables, asking),
                "decisions": frame.to_dict("records"),
                **({"explained": effects.to_json()} if effects else {}),
            }
        )
    elif effects:
        emit(effects.table.to_csv(index=False, float_format="%.4f"))
    elif not out:
        emit(frame.to_csv(index=False))
