"""`tworate simulate`: trajectories."""

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .groups import ElicitationOptions, EventOptions, ModelOptions, PersonaOptions, SpreadOptions, grouped


@grouped
def simulate(
    who: ModelOptions,
    what: EventOptions,
    personas: PersonaOptions,
    how: ElicitationOptions,
    spread: SpreadOptions,
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
    from ...agents import decide
    from ...simulate.trajectories import check_destination
    from ..experiment import elicitation_notes, make_population, simulate_events
    from .output import emit, emit_json, progress_bar, say

    chosen, mixture, asking = what.chosen(), personas.mixture(), how.settings(seed)
    templates, settings = personas.templates(), spread.settings(seed)
    settings.check()
    if out:
        check_destination(out)
    population = make_population(settings, mixture)
    say(population.describe())
    language_model = who.load()
    with progress_bar() as bar:
        tables = decide(
            language_model,
            chosen,
            mixture.personas,
            templates=templates,
            elicitation=asking,
            progress=bar.of("asking the language model"),
        )
        for note in elicitation_notes(tables, asking):
            say(f"note: {note}")
        trajectories = simulate_events(tables, settings, bar, population)
    if out:
        trajectories.save(out)
        say(f"wrote {out}: {len(trajectories.table)} rows")
    if as_json:
        emit_json({"trajectories": trajectories.table.to_dict("records")})
    elif not out:
        emit(trajectories.table.to_csv(index=False))
