"""`tworate simulate`: trajectories."""

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .groups import ElicitationOptions, EventOptions, ModelOptions, PopulationOptions, SpreadOptions, grouped


@grouped
def simulate(
    model: ModelOptions,
    events: EventOptions,
    personas: PopulationOptions,
    elicitation: ElicitationOptions,
    spread: SpreadOptions,
    seed: options.Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="File that ends in .parquet or .csv; default: CSV to stdout."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            metavar="",
            help="Continue an interrupted run to --out FILE.parquet; the result is that of an uninterrupted run.",
        ),
    ] = False,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Simulate how persona agents spread a post on a network; write the trajectories.

    Examples
    --------
        tworate simulate --replicates 3 --rounds 20

        tworate simulate --agents 5000 --degree 16 --event all --out trajectories.parquet

        tworate simulate --personas OCEAN,ocean --homophily 0.3 --out alike.parquet

        tworate simulate --population mix.csv --placement degree --network barabasi-albert --out mixed.parquet

        tworate simulate --ageing 20 --shelf-life 6 --out paced.parquet

        tworate simulate --cue sharers --out cued.parquet

        tworate simulate --intervene message:examples/note.txt,10 --out noted.parquet

        tworate simulate --replicates 1000 --intervene block:0.05,degree --out blocked.parquet --resume
    """
    from ...agents import read_message
    from ...errors import InputError
    from ...simulate import read_trajectories, spread_to
    from ...simulate.counts import counts_path
    from ...simulate.streaming import check_stream
    from ...simulate.trajectories import check_destination
    from ..deciding import decide_population
    from ..destination import refuse_earlier
    from ..experiment import event_spreads, make_population, simulate_events
    from ..message_effect import message_effect
    from .output import emit, emit_json, progress_bar, say

    chosen, mixture, asking = events.chosen(), personas.mixture(), elicitation.settings(seed)
    templates, settings, cue = personas.templates(), spread.settings(seed), personas.checked_cue()
    settings.check()
    message = read_message(settings.message.file) if settings.message else ""
    streamed = out if out and out.suffix == ".parquet" else None
    if resume and not streamed:
        raise InputError("--resume goes with --out FILE.parquet: only this format is written replicate by replicate")
    if out and not resume:
        refuse_earlier(out, force)
    if streamed:
        check_stream(streamed, resume=resume)
    elif out:
        check_destination(out)
    population = make_population(settings, mixture)
    say(population.describe())
    language_models = model.load_for(mixture)
    with progress_bar() as bar:
        how = {
            "templates": templates, "elicitation": asking, "cue": cue, "progress": bar.of("asking the language model")
        }  # fmt: skip
        decided = decide_population(mixture, language_models, chosen, **how)
        for note in decided.notes():
            say(f"note: {note}")
        tables, with_message = decided.tables, None
        if message:
            with_message = decide_population(mixture, language_models, chosen, **how, message=message).tables
            say(f"note: {message_effect(tables, with_message).sentence}")
        if streamed:
            spreads = event_spreads(tables, settings, population, with_message)
            spread_to(streamed, spreads, resume=resume, progress=bar.of("simulating"))
        else:
            trajectories = simulate_events(tables, settings, bar, population, with_message)
            if out:
                trajectories.save(out)
    if out:
        rows = settings.replicates * (settings.rounds + 1) * len(tables)
        say(f"wrote {out}: {rows} rows; who shared at which sighting: {counts_path(out)}")
    if as_json:
        trajectories = read_trajectories(out) if out else trajectories
        emit_json({"trajectories": trajectories.table.to_dict("records")})
    elif not out:
        emit(trajectories.table.to_csv(index=False))
