"""`tworate run`: the main job."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .groups import ElicitationOptions, EventOptions, ModelOptions, PopulationOptions, SpreadOptions, grouped

if TYPE_CHECKING:
    from ...inference import Comparison


@grouped
def run(
    model: ModelOptions,
    events: EventOptions,
    personas: PopulationOptions,
    elicitation: ElicitationOptions,
    spread: SpreadOptions,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results; default: runs/ and the time.")
    ] = None,
    closure: options.Closure = None,
    likelihood: options.LikelihoodName = None,
    level: options.LevelName = None,
    structures: options.Structures = "default",
    period: options.Period = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe/--no-probe", help="Ask in short whether the model expresses personas; answers are cached."
        ),
    ] = True,
    seed: options.Seed = 0,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Decide, simulate, fit, compare and report in one command.

    Without options it uses the embedded model (synthetic behaviour) and the first built-in event.

    Examples
    --------
        tworate run --out runs/demo

        tworate run --model ./my-model --events acled.csv --event all --out runs/mine

        tworate run --population mix.csv --out runs/mixed

        tworate run --events acled.csv --country Mali --since 2023-01-01 --personas village.csv --homophily 0.2
    """
    from ...inference import comparison_dict
    from ...inference.comparison.storage import COMPARISON
    from ..destination import refuse_earlier
    from ..experiment import make_population
    from ..pipeline import RUN, check_job
    from ..pipeline import run as run_job
    from .inputs import names
    from .output import emit_json, progress_bar, say, show_before_saving
    from .verdicts import show_comparison

    chosen, mixture, asking = events.chosen(), personas.mixture(), elicitation.settings(seed)
    templates, settings, cue = personas.templates(), spread.settings(seed), personas.checked_cue()
    folder = out or Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}"
    for file in (COMPARISON, RUN):
        refuse_earlier(folder / file, force)
    check_job(settings, folder, closure, likelihood, level, names(structures), period)
    population = make_population(settings, mixture)
    say(population.describe())
    language_model = model.load_for(mixture)

    def show(comparison: "Comparison") -> None:
        if as_json:
            show_before_saving(lambda: emit_json(comparison_dict(comparison)))
        else:
            show_before_saving(lambda: show_comparison(comparison))

    with progress_bar() as bar:
        run_job(
            language_model,
            chosen,
            folder,
            settings=settings,
            population=population,
            templates=templates,
            elicitation=asking,
            cue=cue,
            closure=closure,
            likelihood=likelihood,
            level=level,
            structures=names(structures),
            period=period,
            progress=bar,
            say=say,
            show=show,
            with_probe=probe,
        )
    say(f"report: {folder / 'report.html'}")
