"""`tworate compare`: compare models on any trajectories."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .groups import grouped
from .reading import Reading


@grouped
def compare(
    reading: Reading,
    by: Annotated[
        str, typer.Option("--by", metavar="COLUMN,…", help="Condition columns; each condition is compared separately.")
    ] = "",
    models: Annotated[
        str, typer.Option("--models", metavar="NAME,…", help="Models to compare; see `tworate models`.")
    ] = "one-rate,two-rate",
    between: Annotated[
        str,
        typer.Option(
            "--between",
            metavar="NAME,NAME",
            help="Models that the verdict is between, in the place of one-rate and two-rate; same as --models.",
        ),
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for report, posteriors and numbers.")
    ] = None,
    closure: options.Closure = None,
    likelihood: options.LikelihoodName = None,
    clock: options.ClockName = None,
    covariates: Annotated[
        str,
        typer.Option(
            "--covariates",
            metavar="NAME,…",
            help="Attributes of the agents with effects on the rates: degree, persona, any column of --agents.",
        ),
    ] = "",
    level: options.LevelName = None,
    contact: Annotated[
        str,
        typer.Option(
            "--contact", metavar="NAME", help="With --network: exposure by edges (sharing neighbours) or by fraction."
        ),
    ] = "edges",
    unit: Annotated[
        str | None,
        typer.Option(
            "--unit",
            metavar="NAME",
            help="Unit of leave-one-out: increment or trajectory; of shares: agent or trajectory.",
        ),
    ] = None,
    replicate_effects: Annotated[
        bool,
        typer.Option(
            "--replicate-effects", metavar="", help="Give each trajectory a random factor on its transmission."
        ),
    ] = False,
    prior_scale: Annotated[
        float,
        typer.Option("--prior-scale", metavar="F", help="Factor on the scales of all priors; 2 doubles their width."),
    ] = 1.0,
    structures: options.Structures = "default",
    period: options.Period = None,
    predict_from: Annotated[
        float | None,
        typer.Option("--predict-from", metavar="T", help="Also fit up to time T and score the rest of the curves."),
    ] = None,
    evidence: Annotated[
        bool,
        typer.Option(
            "--evidence", metavar="", help="Also estimate log marginal likelihoods (a minute or more per model)."
        ),
    ] = False,
    models_from: options.ModelsFrom = None,
    seed: options.Seed = 0,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare one rate with two on any trajectories.

    Examples
    --------
        tworate compare trajectories.csv

        tworate compare trajectories.parquet --by event,persona --out runs/comparison

        tworate compare cascades.csv --clock continuous --models one-rate,two-rate,gamma-rate --predict-from 20

        tworate compare trajectories.csv --between one-rate,online-offline

        tworate compare trajectories.csv --models-from mine.py --out runs/mine

        tworate compare cases.csv --population 2000:5000

        tworate compare retweets.xlsx --column infected=retweets --incidence --population 3000

        tworate compare shares.csv --network follows.csv --until 48 --clock continuous

        tworate compare shares.csv --network follows.csv --agents people.csv --covariates age,degree
    """
    from ...inference import compare as compare_trajectories
    from ...inference import comparison_dict
    from ..destination import claimed
    from ..kept import kept_if_not_saved, kept_or_computed
    from .inputs import names
    from .output import emit_json, progress_bar, say, show_before_saving
    from .own_models import chosen_models, digest_of
    from .own_models import models_from as read_models
    from .verdicts import show_comparison

    own = read_models(models_from)
    if out:
        _refuse_other_work(out, force)
    settings: dict[str, Any] = {
        "models": chosen_models(names(between or models), own, exactly=bool(between)),
        "by": names(by),
        "closure": closure,
        "likelihood": likelihood,
        "clock": clock,
        "unit": unit,
        "level": level,
        "contact": contact,
        "covariates": names(covariates),
        "replicate_effects": replicate_effects,
        "prior_scale": prior_scale,
        "structures": names(structures),
        "period": period,
        "population": reading.population_range,
        "predict_from": predict_from,
        "evidence": evidence,
        "seed": seed,
    }
    # Models of the user's own are known by the text of their file.
    asked = {**settings, "models": names(between or models), "own": digest_of(models_from)}
    with claimed(out) if out else nullcontext():
        data = reading.read(clock)
        with progress_bar() as bar:
            comparison = kept_or_computed(
                data, asked, lambda: compare_trajectories(data, **settings, progress=bar), say, own
            )
        # The verdict is told before anything is saved, which may fail.
        if as_json:
            show_before_saving(lambda: emit_json(comparison_dict(comparison)))
        else:
            show_before_saving(lambda: show_comparison(comparison))
        if out:
            from ..report.comparison_report import write_report

            with progress_bar() as bar, kept_if_not_saved(comparison, data, asked):
                comparison.save(out)
                write_report(comparison, out, progress=bar)
            say(f"report: {out / 'report.html'}")


def _refuse_other_work(folder: Path, force: bool) -> None:
    """Refuse a folder with the results of another command, or with an earlier comparison, which would be lost."""
    from ...errors import InputError
    from ...inference.comparison.storage import COMPARISON
    from ..destination import refuse_earlier
    from ..pipeline import RUN
    from ..study.store import STUDY

    for content, record in (("the results of `tworate run`", RUN), ("a study", STUDY)):
        if (folder / record).is_file():
            raise InputError(
                f"{folder}: holds {content} ({record}), which a comparison would overwrite; name another folder"
            )
    refuse_earlier(folder / COMPARISON, force)
